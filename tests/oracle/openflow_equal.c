/* Comparison of OpenFlow messages, member by member (declared in openflow.h).
 *
 * By the model's own equality, of data by their bytes, and for plain bodies by memcmp of structs that were zeroed before they were filled.
 * Tests only, any thread. Invariant: two messages that differ in anything a peer can see are not equal.
 */
#include "tests/oracle/openflow.h"

#include <string.h>

static bool data_equal(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool flow_mods_equal(const struct flow_mod *a, const struct flow_mod *b)
{
    return a->command == b->command && match_equal(&a->match, &b->match) &&
           instructions_equal(&a->instructions, &b->instructions) && a->cookie == b->cookie &&
           a->cookie_mask == b->cookie_mask && a->buffer_id == b->buffer_id && a->out_port == b->out_port &&
           a->out_group == b->out_group && a->priority == b->priority && a->idle_timeout_s == b->idle_timeout_s &&
           a->hard_timeout_s == b->hard_timeout_s && a->flags == b->flags && a->table == b->table && a->importance == b->importance;
}

static bool packet_ins_equal(const struct of_packet_in *a, const struct of_packet_in *b)
{
    return a->buffer_id == b->buffer_id && a->total_size == b->total_size && a->reason == b->reason && a->table == b->table &&
           a->cookie == b->cookie && match_equal(&a->match, &b->match) &&
           data_equal(a->data, a->data_size, b->data, b->data_size) &&
           data_equal(a->userdata, a->userdata_size, b->userdata, b->userdata_size);
}

static bool removals_equal(const struct of_flow_removed *a, const struct of_flow_removed *b)
{
    return match_equal(&a->match, &b->match) && a->cookie == b->cookie && a->duration_ns == b->duration_ns &&
           a->n_packets == b->n_packets && a->n_bytes == b->n_bytes && a->priority == b->priority &&
           a->idle_timeout_s == b->idle_timeout_s && a->hard_timeout_s == b->hard_timeout_s && a->reason == b->reason &&
           a->table == b->table;
}

bool openflow_groups_equal(const struct group *a, const struct group *b)
{
    if (a->group_id != b->group_id || a->type != b->type || a->n_buckets != b->n_buckets || a->selection != b->selection ||
        a->selection_param != b->selection_param || a->n_fields != b->n_fields ||
        memcmp(a->fields, b->fields, a->n_fields * sizeof a->fields[0]) != 0) {
        return false;
    }
    for (size_t i = 0; i < a->n_buckets; i++) {
        const struct bucket *x = &a->buckets[i], *y = &b->buckets[i];
        if (x->weight != y->weight || x->watch_port != y->watch_port || x->watch_group != y->watch_group ||
            !action_list_equal(&x->actions, &y->actions)) {
            return false;
        }
    }
    return true;
}

bool openflow_meters_equal(const struct meter *a, const struct meter *b)
{
    if (a->meter_id != b->meter_id || a->flags != b->flags || a->n_bands != b->n_bands) {
        return false;
    }
    for (size_t i = 0; i < a->n_bands; i++) {
        const struct meter_band *x = &a->bands[i], *y = &b->bands[i];
        if (x->type != y->type || x->rate != y->rate || x->burst_size != y->burst_size || x->prec_level != y->prec_level) {
            return false;
        }
    }
    return true;
}

static bool monitors_equal(const struct of_multipart_request *a, const struct of_multipart_request *b)
{
    if (a->monitors.count != b->monitors.count) {
        return false;
    }
    for (size_t i = 0; i < a->monitors.count; i++) {
        const struct of_monitor *x = &a->monitors.items[i], *y = &b->monitors.items[i];
        if (x->id != y->id || x->command != y->command || x->flags != y->flags || !match_equal(&x->filter.match, &y->filter.match) ||
            x->filter.out_port != y->filter.out_port || x->filter.out_group != y->filter.out_group || x->filter.table != y->filter.table) {
            return false;
        }
    }
    return true;
}

static bool requests_equal(const struct of_multipart_request *a, const struct of_multipart_request *b)
{
    if (a->type != b->type || a->flags != b->flags || a->form != b->form) {
        return false;
    }
    if (a->type == OF_MULTIPART_FLOW_MONITOR) {
        return monitors_equal(a, b);
    }
    if (a->type == OF_MULTIPART_FLOW || a->type == OF_MULTIPART_AGGREGATE) {
        return match_equal(&a->filter.match, &b->filter.match) && a->filter.cookie == b->filter.cookie &&
               a->filter.cookie_mask == b->filter.cookie_mask && a->filter.out_port == b->filter.out_port &&
               a->filter.out_group == b->filter.out_group && a->filter.table == b->filter.table;
    }
    if (a->type == OF_MULTIPART_TABLE_FEATURES || a->type == OF_MULTIPART_EXPERIMENTER) {
        return data_equal(a->raw.data, a->raw.data_size, b->raw.data, b->raw.data_size);
    }
    return a->queue.port_no == b->queue.port_no && a->queue.queue_id == b->queue.queue_id;
}

static bool queues_equal(const struct of_queue_config_reply *a, const struct of_queue_config_reply *b)
{
    if (a->port_no != b->port_no || a->n_queues != b->n_queues) {
        return false;
    }
    for (size_t i = 0; i < a->n_queues; i++) {
        const struct of_queue_config *x = &a->queues[i], *y = &b->queues[i];
        if (x->queue_id != y->queue_id || x->port_no != y->port_no || x->min_rate != y->min_rate ||
            x->max_rate != y->max_rate) {
            return false;
        }
    }
    return true;
}

static bool features_equal(const struct of_features *a, const struct of_features *b)
{
    return a->datapath_id == b->datapath_id && a->n_buffers == b->n_buffers && a->capabilities == b->capabilities &&
           a->actions == b->actions && a->n_tables == b->n_tables && a->auxiliary_id == b->auxiliary_id && a->n_ports == b->n_ports &&
           (a->n_ports == 0 || memcmp(a->ports, b->ports, a->n_ports * sizeof *a->ports) == 0);
}

bool openflow_messages_equal(const struct of_message *a, const struct of_message *b)
{
    if (a->version != b->version || a->type != b->type || a->form != b->form || a->xid != b->xid) {
        return false;
    }
    if (a->type == OF_ERROR) {
        return a->error.number == b->error.number && memcmp(&a->error.wire, &b->error.wire, sizeof a->error.wire) == 0 &&
               data_equal(a->error.data, a->error.data_size, b->error.data, b->error.data_size);
    } else if (a->type == OF_ECHO_REQUEST || a->type == OF_ECHO_REPLY) {
        return data_equal(a->echo.data, a->echo.data_size, b->echo.data, b->echo.data_size);
    } else if (a->type == OF_EXPERIMENTER) {
        return a->experimenter.experimenter == b->experimenter.experimenter &&
               a->experimenter.exp_type == b->experimenter.exp_type &&
               data_equal(a->experimenter.data, a->experimenter.data_size, b->experimenter.data, b->experimenter.data_size);
    } else if (a->type == OF_PACKET_IN) {
        return packet_ins_equal(&a->packet_in, &b->packet_in);
    } else if (a->type == OF_RESUME) {
        return packet_ins_equal(&a->resume, &b->resume) &&
               data_equal(a->resume.continuation, a->resume.continuation_size, b->resume.continuation, b->resume.continuation_size);
    } else if (a->type == OF_BUNDLE_ADD) {
        return a->bundle_add.bundle_id == b->bundle_add.bundle_id && a->bundle_add.flags == b->bundle_add.flags &&
               data_equal(a->bundle_add.message, a->bundle_add.message_size, b->bundle_add.message, b->bundle_add.message_size);
    } else if (a->type == OF_REQUESTFORWARD) {
        return data_equal(a->requestforward.request, a->requestforward.request_size, b->requestforward.request,
                          b->requestforward.request_size);
    } else if (a->type == OF_FEATURES_REPLY) {
        return features_equal(&a->features, &b->features);
    } else if (a->type == OF_PACKET_OUT) {
        return a->packet_out.buffer_id == b->packet_out.buffer_id && a->packet_out.in_port == b->packet_out.in_port &&
               match_equal(&a->packet_out.match, &b->packet_out.match) &&
               action_list_equal(&a->packet_out.actions, &b->packet_out.actions) &&
               data_equal(a->packet_out.data, a->packet_out.data_size, b->packet_out.data, b->packet_out.data_size);
    } else if (a->type == OF_FLOW_MOD) {
        return flow_mods_equal(&a->flow_mod, &b->flow_mod);
    } else if (a->type == OF_FLOW_REMOVED) {
        return removals_equal(&a->flow_removed, &b->flow_removed);
    } else if (a->type == OF_GROUP_MOD) {
        return a->group_mod.command == b->group_mod.command && a->group_mod.command_bucket_id == b->group_mod.command_bucket_id &&
               openflow_groups_equal(&a->group_mod.group, &b->group_mod.group);
    } else if (a->type == OF_METER_MOD) {
        return a->meter_mod.command == b->meter_mod.command && openflow_meters_equal(&a->meter_mod.meter, &b->meter_mod.meter);
    } else if (a->type == OF_MULTIPART_REQUEST) {
        return requests_equal(&a->multipart_request, &b->multipart_request);
    } else if (a->type == OF_MULTIPART_REPLY) {
        return a->multipart_reply.type == b->multipart_reply.type && a->multipart_reply.form == b->multipart_reply.form &&
               a->multipart_reply.flags == b->multipart_reply.flags &&
               data_equal(a->multipart_reply.data, a->multipart_reply.data_size, b->multipart_reply.data,
                          b->multipart_reply.data_size);
    } else if (a->type == OF_QUEUE_GET_CONFIG_REPLY) {
        return queues_equal(&a->queue_config_reply, &b->queue_config_reply);
    }
    return memcmp(&a->hello, &b->hello, sizeof *a - offsetof(struct of_message, hello)) == 0;
}
