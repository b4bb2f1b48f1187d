/* Handlers of multipart requests: descriptions and statistics [OF1.3.5 §7.3.5].
 *
 * Each answer is made while walking the tables, message by message as the codec fills them. The list of rules can be very long: it is
 * made ON_MULTIPART_RULES at a time, and only while the peer takes what it has got, so that neither the other sessions nor memory
 * suffer. Counters are those the shards have reported, at most half a second old; a rule still in flight is shown, since it is part of
 * what the controller has said.
 * An unknown port or group is an empty answer, an unknown meter or queue an error, as in Open vSwitch. The strings of DESC choose the
 * driver in some controllers (ONOS): they name us, and such controllers then use their default OpenFlow 1.3 driver.
 * The ofagent's one thread. Invariant: an answer that was begun is complete, or its session is closed.
 */
#include "services/ofagent/on_multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/group_mod.h"
#include "services/ofagent/meter_mod.h"
#include "services/ofagent/monitor.h"
#include "services/ofagent/ports.h"

enum { GROUPS_PER_TYPE_MAX = GROUP_TABLE_MAX };

typedef enum of_error_number writer_of(struct session *session, const struct of_multipart_request *request,
                                       struct of_multipart *mp);

/* An item that cannot be encoded is left out of the answer by the codec; that is worth a line. */
static void note(const struct session *session, int err, const char *what)
{
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "statistics-left-out bridge=%s item=%s error=\"%s\"", session->bridge->name, what,
                    error_text(err));
    }
}

static enum of_error_number write_desc(struct session *session, const struct of_multipart_request *request,
                                       struct of_multipart *mp)
{
    struct of_desc desc = {
        .manufacturer = "Busbar", .hardware = "Busbar AF_XDP", .software = "Busbar " BUSBAR_VERSION, .serial = "None"};

    (void)snprintf(desc.datapath, sizeof desc.datapath, "%s", session->bridge->name);
    note(session, of_desc_encode(mp, &desc), "desc");
    return OF_ERROR_NONE;
}

static bool is_table(const struct rule_filter *filter, unsigned number)
{
    return filter->table == TABLE_ALL || filter->table == number;
}

static enum of_error_number write_aggregate(struct session *session, const struct of_multipart_request *request,
                                            struct of_multipart *mp)
{
    struct of_aggregate sum = {0};

    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        struct flow_entry *entry = is_table(&request->filter, i) ? flow_table_first(session->bridge->flows, (uint8_t)i) : NULL;
        for (; entry != NULL; entry = entry->next) {
            struct rule rule = flow_entry_rule(entry);
            if (rule_filter_covers(&request->filter, &rule)) {
                struct rule_stats stats = bridge_rule_stats(session->bridge, entry);
                sum.n_packets += stats.n_packets;
                sum.n_bytes += stats.n_bytes;
                sum.n_flows++;
            }
        }
    }
    note(session, of_aggregate_encode(mp, &sum), "aggregate");
    return OF_ERROR_NONE;
}

struct of_table_stats on_multipart_table(const struct bridge *bridge, uint8_t number)
{
    uint64_t looked_up[COUNTERS_VALUES_MAX] = {0};
    struct of_table_stats stats = {.table = number,
                                   .max_entries = (uint32_t)bridge_table_limit(bridge, number),
                                   .n_active = (uint32_t)flow_table_size_of(bridge->flows, number),
                                   .n_matched = bridge->matched_before[number]};

    counters_total(bridge->agent->rule_counters, counter_id(COUNTER_TABLE, bridge->id << 8 | number), looked_up);
    for (struct flow_entry *e = flow_table_first(bridge->flows, number); e != NULL; e = e->next) {
        stats.n_matched += bridge_rule_stats(bridge, e).n_packets;
    }
    /* The base of the rules may be older than that of the table: it outlives a restart, the look-ups of dead shards do not. */
    stats.n_lookup = looked_up[0] > stats.n_matched ? looked_up[0] : stats.n_matched;
    return stats;
}

static enum of_error_number write_tables(struct session *session, const struct of_multipart_request *request,
                                         struct of_multipart *mp)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        struct of_table_stats stats = on_multipart_table(session->bridge, (uint8_t)i);
        note(session, of_table_stats_encode(mp, &stats), "table");
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_table_desc(struct session *session, const struct of_multipart_request *request,
                                             struct of_multipart *mp)
{
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        const struct bridge_table *table = &session->bridge->tables[i];
        struct of_table_mod desc = {.table = (uint8_t)i,
                                    .config = table->config,
                                    .has_vacancy = (table->config & OF_TABLE_VACANCY_EVENTS) != 0,
                                    .vacancy_down = table->vacancy_down,
                                    .vacancy_up = table->vacancy_up,
                                    .vacancy = bridge_vacancy(session->bridge, (uint8_t)i)};
        note(session, of_table_desc_encode(mp, &desc), "table-desc");
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_table_features(struct session *session, const struct of_multipart_request *request,
                                                 struct of_multipart *mp)
{
    if (request->raw.data_size > 0) {
        return OF_ERROR_TABLE_FEATURES_FAILED_EPERM; /* every table can do everything: nothing to set */
    }
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        struct of_table_features features = {.table = (uint8_t)i,
                                             .n_tables = TABLE_COUNT,
                                             .metadata_match = UINT64_MAX,
                                             .metadata_write = UINT64_MAX,
                                             .max_entries = (uint32_t)bridge_table_limit(session->bridge, (uint8_t)i)};
        (void)snprintf(features.name, sizeof features.name, "table%u", i);
        note(session, of_table_features_encode(mp, &features), "table-features");
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_port_stats(struct session *session, const struct of_multipart_request *request,
                                             struct of_multipart *mp)
{
    const Busbar__PortRow *row;
    uint64_t cursor = 0, id;

    while (ports_next(session->bridge, &cursor, &id, &row)) {
        if (request->port_no == PORT_ANY || request->port_no == row->ofport) {
            struct of_port_stats stats = ports_stats(session->bridge->agent, id, row);
            note(session, of_port_stats_encode(mp, &stats), "port");
        }
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_port_desc(struct session *session, const struct of_multipart_request *request,
                                            struct of_multipart *mp)
{
    const Busbar__PortRow *row;
    uint64_t cursor = 0, id;

    while (ports_next(session->bridge, &cursor, &id, &row)) {
        struct of_port port = ports_describe(session->bridge->agent, id, row);
        if (request->port_no == PORT_ANY || request->port_no == row->ofport) {
            note(session, of_port_desc_encode(mp, &port), "port-desc");
        }
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_queues(struct session *session, const struct of_multipart_request *request,
                                         struct of_multipart *mp)
{
    const Busbar__PortRow *row;
    uint64_t id;

    if (request->queue.port_no != PORT_ANY && !ports_by_number(session->bridge, request->queue.port_no, &id, &row)) {
        return OF_ERROR_QUEUE_OP_FAILED_BAD_PORT;
    }
    return request->queue.queue_id == UINT32_MAX ? OF_ERROR_NONE : OF_ERROR_QUEUE_OP_FAILED_BAD_QUEUE; /* no port has queues */
}

static enum of_error_number write_group_stats(struct session *session, const struct of_multipart_request *request,
                                              struct of_multipart *mp)
{
    group_mod_count_references(session->bridge);
    for (struct group_entry *e = group_table_first(session->bridge->groups); e != NULL; e = e->next) {
        if (request->group_id == GROUP_ALL || request->group_id == e->group.group_id) {
            struct of_group_stats stats = group_mod_stats(session->bridge, e);
            note(session, of_group_stats_encode(mp, &stats), "group");
            of_group_stats_fini(&stats);
        }
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_group_desc(struct session *session, const struct of_multipart_request *request,
                                             struct of_multipart *mp)
{
    for (struct group_entry *e = group_table_first(session->bridge->groups); e != NULL; e = e->next) {
        if (request->group_id == GROUP_ALL || request->group_id == e->group.group_id) {
            note(session, of_group_desc_encode(mp, &e->group), "group-desc");
        }
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_group_features(struct session *session, const struct of_multipart_request *request,
                                                 struct of_multipart *mp)
{
    struct of_group_features features = {.types = 1u << GROUP_TYPE_ALL | 1u << GROUP_TYPE_SELECT | 1u << GROUP_TYPE_INDIRECT |
                                                  1u << GROUP_TYPE_FF,
                                         .capabilities = 1 | 2 | 4 | 8 /* select weight and liveness, chaining, its loops are refused */};

    for (size_t i = 0; i < 4; i++) {
        features.max_groups[i] = GROUPS_PER_TYPE_MAX;
        features.actions[i] = of_group_features_actions(session->version);
    }
    note(session, of_group_features_encode(mp, &features), "group-features");
    return OF_ERROR_NONE;
}

typedef void write_meter(struct session *session, struct of_multipart *mp, const struct meter_entry *entry);

static void write_one_meter_stats(struct session *session, struct of_multipart *mp, const struct meter_entry *entry)
{
    struct of_meter_stats stats = meter_mod_stats(session->bridge, entry);

    note(session, of_meter_stats_encode(mp, &stats), "meter");
    of_meter_stats_fini(&stats);
}

static void write_one_meter_config(struct session *session, struct of_multipart *mp, const struct meter_entry *entry)
{
    note(session, of_meter_config_encode(mp, &entry->meter), "meter-config");
}

static enum of_error_number write_meters(struct session *session, const struct of_multipart_request *request,
                                         struct of_multipart *mp, write_meter *write)
{
    const struct meter_table *meters = session->bridge->meters;

    if (request->meter_id != OF_METER_ALL) {
        const struct meter_entry *entry = meter_table_find(meters, request->meter_id);
        if (entry == NULL) {
            return OF_ERROR_METER_MOD_FAILED_UNKNOWN_METER;
        }
        write(session, mp, entry);
        return OF_ERROR_NONE;
    }
    for (struct meter_entry *e = meter_table_first(meters); e != NULL; e = meter_table_next(e)) {
        write(session, mp, e);
    }
    return OF_ERROR_NONE;
}

static enum of_error_number write_meter_stats(struct session *session, const struct of_multipart_request *request,
                                              struct of_multipart *mp)
{
    meter_mod_count_references(session->bridge);
    return write_meters(session, request, mp, write_one_meter_stats);
}

static enum of_error_number write_meter_config(struct session *session, const struct of_multipart_request *request,
                                               struct of_multipart *mp)
{
    return write_meters(session, request, mp, write_one_meter_config);
}

static enum of_error_number write_meter_features(struct session *session, const struct of_multipart_request *request,
                                                 struct of_multipart *mp)
{
    struct of_meter_features features = {.max_meters = METER_TABLE_MAX,
                                         .band_types = 1u << METER_BAND_DROP | 1u << METER_BAND_DSCP_REMARK,
                                         .capabilities = METER_KBPS | METER_PKTPS | METER_BURST | METER_STATS,
                                         .max_bands = METER_BANDS_MAX};

    note(session, of_meter_features_encode(mp, &features), "meter-features");
    return OF_ERROR_NONE;
}

static const struct {
    uint16_t type;
    writer_of *write;
} rows[] = {
    {OF_MULTIPART_DESC, write_desc},
    {OF_MULTIPART_AGGREGATE, write_aggregate},
    {OF_MULTIPART_TABLE, write_tables},
    {OF_MULTIPART_PORT_STATS, write_port_stats},
    {OF_MULTIPART_QUEUE, write_queues},
    {OF_MULTIPART_GROUP, write_group_stats},
    {OF_MULTIPART_GROUP_DESC, write_group_desc},
    {OF_MULTIPART_GROUP_FEATURES, write_group_features},
    {OF_MULTIPART_METER, write_meter_stats},
    {OF_MULTIPART_METER_CONFIG, write_meter_config},
    {OF_MULTIPART_METER_FEATURES, write_meter_features},
    {OF_MULTIPART_TABLE_FEATURES, write_table_features},
    {OF_MULTIPART_PORT_DESC, write_port_desc},
    {OF_MULTIPART_TABLE_DESC, write_table_desc},
    {OF_MULTIPART_QUEUE_DESC, write_queues},
};

/* ---- the list of rules, over several steps ---- */

struct walk {
    struct flow_cursor cursor;
    uint8_t table; /* TABLE_ALL: every one */
    struct rule_filter filter;
    struct of_multipart_request monitors; /* the rules are what a monitor shows at first; items owned */
    struct writer body;
    struct of_multipart mp;
    bool has_sent; /* a part of the answer is on its way */
    uint8_t request[INFLIGHT_REQUEST_HEAD]; /* for an error */
    size_t request_size;
};

void on_multipart_drop(struct session *session)
{
    if (session->walk != NULL) {
        flow_cursor_close(&session->walk->cursor);
        writer_fini(&session->walk->body);
        free(session->walk->monitors.monitors.items);
        free(session->walk);
        session->walk = NULL;
    }
}

/* Gives the messages that are complete to the connection. */
static void hand_over(struct session *session, size_t size)
{
    struct walk *walk = session->walk;

    walk->has_sent = walk->has_sent || size > 0;
    writer_bytes(conn_output(session->conn), walk->body.bytes, size);
    memmove(walk->body.bytes, walk->body.bytes + size, walk->body.size - size);
    walk->body.size -= size;
    walk->mp.begin -= size < walk->mp.begin ? size : walk->mp.begin;
}

static void show(struct session *session, const struct rule *rule)
{
    struct walk *walk = session->walk;
    struct of_flow_update update = {.event = OF_UPDATE_INITIAL, .rule = *rule}; /* lent */
    bool with_instructions;

    if (monitors_show(&walk->monitors, rule, &with_instructions)) {
        note(session, of_flow_update_encode(&walk->mp, &update, with_instructions), "flow-update");
    }
}

static void begin_body(struct walk *walk, uint8_t version)
{
    const struct of_multipart of = walk->mp;

    walk->body.size = 0;
    of_multipart_begin(&walk->mp, &walk->body, version, of.xid, (enum of_multipart_type)of.type, of.form);
}

/* The tables were loaded anew: what was listed of the old ones may not be true. Should the peer have a part of it, the list ends with an
 * error; the connection, with its role and monitors, has nothing to do with that. */
static bool begin_again(struct session *session)
{
    struct walk *walk = session->walk;

    if (!walk->has_sent) {
        begin_body(walk, session->version);
        flow_cursor_open(&walk->cursor, session->bridge->flows, walk->table);
        return true;
    }
    session_send_error(session, session->version >= OF_VERSION_14 ? OF_ERROR_BAD_REQUEST_MULTIPART_REPLY_TIMEOUT : OF_ERROR_BAD_REQUEST_EPERM,
                       walk->request, walk->request_size);
    monitors_undo(session, &walk->monitors);
    on_multipart_drop(session);
    return false;
}

void on_multipart_continue(struct session *session)
{
    struct walk *walk = session->walk;
    const struct flow_entry *entry = NULL;

    if (!conn_has_room(session->conn)) {
        return;
    }
    if (walk->cursor.table == NULL && !begin_again(session)) {
        return;
    }
    for (int n = 0; n < ON_MULTIPART_RULES && (entry = flow_cursor_next(&walk->cursor)) != NULL; n++) {
        struct rule rule = flow_entry_rule(entry);
        if (walk->monitors.type == OF_MULTIPART_FLOW_MONITOR) {
            show(session, &rule);
        } else if (rule_filter_covers(&walk->filter, &rule)) {
            struct rule_stats stats = bridge_rule_stats(session->bridge, entry);
            note(session, of_flow_stats_encode(&walk->mp, &rule, &stats), "flow");
        }
    }
    if (entry != NULL) {
        hand_over(session, walk->mp.begin);
        return;
    }
    of_multipart_end(&walk->mp);
    hand_over(session, walk->body.size);
    on_multipart_drop(session);
}

static struct walk *begin_walk(struct session *session, const struct of_message *message, const struct request *request, uint8_t table)
{
    const struct of_multipart_request *wanted = &message->multipart_request;
    struct walk *walk = memory_zeroed(sizeof *walk);

    walk->table = table;
    walk->request_size = request->size < sizeof walk->request ? request->size : sizeof walk->request;
    memcpy(walk->request, request->bytes, walk->request_size);
    writer_init(&walk->body);
    of_multipart_begin(&walk->mp, &walk->body, session->version, message->xid, (enum of_multipart_type)wanted->type, wanted->form);
    flow_cursor_open(&walk->cursor, session->bridge->flows, table);
    session->walk = walk;
    return walk;
}

static enum of_error_number list_rules(struct session *session, const struct of_message *message, const struct request *request)
{
    const struct rule_filter *filter = &message->multipart_request.filter;

    begin_walk(session, message, request, filter->table)->filter = *filter;
    on_multipart_continue(session);
    return OF_ERROR_NONE;
}

/* What is there already is the answer to the request. */
static enum of_error_number list_watched(struct session *session, struct of_message *message, const struct request *request)
{
    enum of_error_number error = monitors_request(session, &message->multipart_request);

    if (error != OF_ERROR_NONE) {
        return error;
    }
    struct walk *walk = begin_walk(session, message, request, TABLE_ALL);
    walk->monitors = message->multipart_request;
    message->multipart_request.monitors.items = NULL; /* the walk's now */
    message->multipart_request.monitors.count = 0;
    on_multipart_continue(session);
    return OF_ERROR_NONE;
}

/* Of an experimenter that we know it is but a subtype that we do not. ONF's have no place in 1.0. */
static enum of_error_number refuse_experimenter(const struct session *session, const struct of_multipart_request *wanted)
{
    struct reader r = reader_of(wanted->raw.data, wanted->raw.data_size);
    uint32_t experimenter = reader_u32(&r);
    bool is_known = experimenter == OF_EXPERIMENTER_NICIRA || (experimenter == OF_EXPERIMENTER_ONF && session->version != OF_VERSION_10);

    return is_known ? OF_ERROR_BAD_REQUEST_BAD_EXP_TYPE : OF_ERROR_BAD_REQUEST_BAD_EXPERIMENTER;
}

enum of_error_number on_multipart_request(struct session *session, struct of_message *message, const struct request *request)
{
    const struct of_multipart_request *wanted = &message->multipart_request;
    struct writer body;
    struct of_multipart mp;

    if (wanted->type == OF_MULTIPART_FLOW) {
        return list_rules(session, message, request);
    }
    if (wanted->type == OF_MULTIPART_FLOW_MONITOR) {
        return list_watched(session, message, request);
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type != wanted->type) {
            continue;
        }
        writer_init(&body);
        of_multipart_begin(&mp, &body, session->version, message->xid, (enum of_multipart_type)wanted->type, wanted->form);
        enum of_error_number error = rows[i].write(session, wanted, &mp);
        of_multipart_end(&mp);
        if (error == OF_ERROR_NONE) {
            writer_bytes(conn_output(session->conn), body.bytes, body.size);
        }
        writer_fini(&body);
        return error;
    }
    return wanted->type == OF_MULTIPART_EXPERIMENTER ? refuse_experimenter(session, wanted) : OF_ERROR_BAD_REQUEST_BAD_MULTIPART;
}
