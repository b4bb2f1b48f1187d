/* Writes actions and instructions as ovs-ofctl prints them for OpenFlow 1.3.
 *
 * A set_field whose mask leaves bits out is printed as the loads that it is on the 1.3 wire, one for each run of bits; a whole one as
 * set_field. The text goes through a memory stream, so nothing here has a length limit.
 * Control code, any thread, no state; cost linear in the list. What may never happen: a text that action_parse.c reads as something else.
 */
#include "lib/model/action.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/model/action_extension.h"
#include "lib/model/field_names.h"

struct text {
    FILE *stream;
    char *chars; /* owned; valid once the stream is closed */
    size_t size;
    bool is_first;
    const struct match_ports *ports;
};

static void text_open(struct text *t, const struct match_ports *ports)
{
    *t = (struct text){.is_first = true, .ports = ports};
    t->stream = memory_stream(&t->chars, &t->size);
}

static char *text_close(struct text *t)
{
    fclose(t->stream);
    return t->chars;
}

static void separate(struct text *t)
{
    if (!t->is_first) {
        fputc(',', t->stream);
    }
    t->is_first = false;
}

/* The caller's own string, freed here. */
static void put_owned(struct text *t, const char *before, char *owned)
{
    fprintf(t->stream, "%s%s", before, owned);
    free(owned);
}

static char *port_text(const struct text *t, uint32_t port)
{
    return match_format_value(FIELD_IN_PORT, field_value_u64(port), NULL, t->ports);
}

static void put_output(struct text *t, const struct action *action)
{
    uint32_t port = action->output.port;

    if (port == PORT_CONTROLLER) {
        fprintf(t->stream, "CONTROLLER:%u", action->output.max_len);
    } else {
        put_owned(t, port > PORT_MAX ? "" : "output:", port_text(t, port));
    }
}

/* Numbers are not padded here as they are in matches, and VLAN ids are decimal. */
static char *set_field_text(const struct text *t, const struct action *action)
{
    enum field_id id = action->set_field.field;

    if (id == FIELD_VLAN_VID) {
        return memory_format("%" PRIu64, field_value_to_u64(action->set_field.value));
    }
    if (field_table[id].format == FIELD_FORMAT_HEX && field_table[id].bits <= 64) {
        return memory_format("%#" PRIx64, field_value_to_u64(action->set_field.value));
    }
    return match_format_value(id, action->set_field.value, NULL, t->ports);
}

static void put_set_field(struct text *t, const struct action *action)
{
    enum field_id id = action->set_field.field;
    struct field_value ones = field_all_ones(id);
    struct subfield run;

    if (memcmp(&ones, &action->set_field.mask, sizeof ones) == 0) {
        char *value = set_field_text(t, action);
        put_owned(t, "set_field:", value);
        fprintf(t->stream, "->%s", field_names_set(id));
        return;
    }
    const char *before = "load:";
    for (unsigned bit = 0; subfield_next_run(id, action->set_field.mask, bit, &run); bit = run.offset + run.n_bits) {
        fprintf(t->stream, "%s%#" PRIx64, before, subfield_get(run, action->set_field.value));
        put_owned(t, "->", subfield_format(run));
        before = ",load:";
    }
}

static void put_dec_ttl(struct text *t, const struct action *action)
{
    uint16_t ids[ACTION_TTL_IDS_MAX];
    size_t n = action->dec_ttl.n_ids > 0 ? action_ttl_ids(action, ids) : 0;

    fputs("dec_ttl", t->stream);
    for (size_t i = 0; i < n; i++) {
        fprintf(t->stream, "%c%u", i == 0 ? '(' : ',', ids[i]);
    }
    fputs(n > 0 ? ")" : "", t->stream);
}

static void put_controller(struct text *t, const struct action_list *list, size_t i)
{
    const struct action *action = &list->items[i];
    static const char *const reasons[] = {
        [PACKET_IN_NO_MATCH] = "no_match", [PACKET_IN_ACTION] = "action", [PACKET_IN_INVALID_TTL] = "invalid_ttl"};
    const char *comma = "";

    if (action->controller.reason == PACKET_IN_ACTION && action->controller.controller_id == 0 && action->controller.n_data == 0 &&
        !action->controller.pauses && action->controller.meter_id == 0) {
        fprintf(t->stream, "CONTROLLER:%u", action->controller.max_len);
        return;
    }
    fputs("controller(", t->stream);
    if (action->controller.reason != PACKET_IN_ACTION) {
        fprintf(t->stream, "reason=%s", reasons[action->controller.reason]);
        comma = ",";
    }
    if (action->controller.max_len != UINT16_MAX) {
        fprintf(t->stream, "%smax_len=%u", comma, action->controller.max_len);
        comma = ",";
    }
    if (action->controller.controller_id != 0) {
        fprintf(t->stream, "%sid=%u", comma, action->controller.controller_id);
        comma = ",";
    }
    if (action->controller.n_data != 0) {
        fprintf(t->stream, "%suserdata=", comma);
        action_extension_format_bytes(t->stream, list, i);
        comma = ",";
    }
    if (action->controller.pauses) {
        fprintf(t->stream, "%spause", comma);
        comma = ",";
    }
    if (action->controller.meter_id != 0) {
        fprintf(t->stream, "%smeter_id=%" PRIu32, comma, action->controller.meter_id);
    }
    fputc(')', t->stream);
}

static void put_move(struct text *t, const struct action *action)
{
    struct subfield source = {
        .field = action->move.source, .offset = action->move.source_offset, .n_bits = action->move.n_bits};
    struct subfield target = {
        .field = action->move.target, .offset = action->move.target_offset, .n_bits = action->move.n_bits};

    put_owned(t, "move:", subfield_format(source));
    put_owned(t, "->", subfield_format(target));
}

static void put_resubmit(struct text *t, const struct action *action)
{
    bool has_port = action->resubmit.in_port != PORT_IN_PORT;
    bool has_table = action->resubmit.table != 255;

    if (has_port && !has_table) {
        put_owned(t, "resubmit:", port_text(t, action->resubmit.in_port));
        return;
    }
    put_owned(t, "resubmit(", has_port ? port_text(t, action->resubmit.in_port) : memory_string(""));
    put_owned(t, ",", has_table ? memory_format("%u", action->resubmit.table) : memory_string(""));
    fputc(')', t->stream);
}

static void put_items(struct text *t, const struct action_list *list, size_t first, size_t end);

static void put_clone(struct text *t, const struct action_list *list, size_t i)
{
    fputs("clone(", t->stream);
    t->is_first = true;
    put_items(t, list, i + 1, i + 1 + list->items[i].n_inner);
    if (t->is_first) {
        fputs("drop", t->stream);
    }
    t->is_first = false;
    fputc(')', t->stream);
}

static void put_action(struct text *t, const struct action_list *list, size_t i)
{
    const struct action *action = &list->items[i];
    switch (action->type) {
    case ACTION_COPY_TTL_IN:
        fputs("copy_ttl_in", t->stream);
        return;
    case ACTION_POP_MPLS:
        fprintf(t->stream, "pop_mpls:0x%04x", action->ethertype);
        return;
    case ACTION_POP_VLAN:
        fputs("pop_vlan", t->stream);
        return;
    case ACTION_PUSH_MPLS:
        fprintf(t->stream, "push_mpls:0x%04x", action->ethertype);
        return;
    case ACTION_PUSH_VLAN:
        fprintf(t->stream, "push_vlan:0x%04x", action->ethertype);
        return;
    case ACTION_COPY_TTL_OUT:
        fputs("copy_ttl_out", t->stream);
        return;
    case ACTION_DEC_MPLS_TTL:
        fputs("dec_mpls_ttl", t->stream);
        return;
    case ACTION_DEC_NW_TTL:
        put_dec_ttl(t, action);
        return;
    case ACTION_SET_MPLS_TTL:
        fprintf(t->stream, "set_mpls_ttl(%u)", action->ttl);
        return;
    case ACTION_SET_NW_TTL:
        fprintf(t->stream, "mod_nw_ttl:%u", action->ttl);
        return;
    case ACTION_SET_FIELD:
        put_set_field(t, action);
        return;
    case ACTION_SET_QUEUE:
        fprintf(t->stream, "set_queue:%" PRIu32, action->queue_id);
        return;
    case ACTION_GROUP:
        fprintf(t->stream, "group:%" PRIu32, action->group_id);
        return;
    case ACTION_OUTPUT:
        put_output(t, action);
        return;
    case ACTION_CONTROLLER:
        put_controller(t, list, i);
        return;
    case ACTION_MOVE:
        put_move(t, action);
        return;
    case ACTION_RESUBMIT:
        put_resubmit(t, action);
        return;
    case ACTION_EXIT:
        fputs("exit", t->stream);
        return;
    case ACTION_POP_QUEUE:
        fputs("pop_queue", t->stream);
        return;
    case ACTION_CLONE:
        put_clone(t, list, i);
        return;
    case ACTION_OUTPUT_REG:
    case ACTION_OUTPUT_TRUNC:
    case ACTION_NOTE:
    case ACTION_STACK_PUSH:
    case ACTION_STACK_POP:
    case ACTION_CONJUNCTION:
        action_extension_format(t->stream, list, i, t->ports);
        return;
    case ACTION_DATA:
    case ACTION_TYPE_COUNT:
        return;
    }
}

static void put_items(struct text *t, const struct action_list *list, size_t first, size_t end)
{
    for (size_t i = first; i < end && i < list->count; i++) {
        separate(t);
        put_action(t, list, i);
        i += action_extent(&list->items[i]);
    }
}

static void put_list(struct text *t, const struct action_list *list)
{
    put_items(t, list, 0, list->count);
}

static void put_metadata(struct text *t, const struct instructions *in)
{
    separate(t);
    fprintf(t->stream, "write_metadata:%#" PRIx64, in->metadata);
    if (in->metadata_mask != UINT64_MAX) {
        fprintf(t->stream, "/%#" PRIx64, in->metadata_mask);
    }
}

char *instructions_format(const struct instructions *in, const struct match_ports *ports)
{
    struct text t;

    text_open(&t, ports);
    if (in->meter_id != 0) {
        separate(&t);
        fprintf(t.stream, "meter:%" PRIu32, in->meter_id);
    }
    put_list(&t, &in->apply);
    if (in->has_clear) {
        separate(&t);
        fputs("clear_actions", t.stream);
    }
    if (in->has_write) {
        separate(&t);
        fputs("write_actions(", t.stream);
        t.is_first = true;
        put_list(&t, &in->write);
        if (in->write.count == 0) {
            fputs("drop", t.stream);
        }
        fputc(')', t.stream);
        t.is_first = false;
    }
    if (in->has_write_metadata) {
        put_metadata(&t, in);
    }
    if (in->has_goto) {
        separate(&t);
        fprintf(t.stream, "goto_table:%u", in->goto_table);
    }
    if (t.is_first) {
        fputs("drop", t.stream);
    }
    return text_close(&t);
}

char *action_list_format(const struct action_list *list, const struct match_ports *ports)
{
    struct text t;

    text_open(&t, ports);
    put_list(&t, list);
    if (list->count == 0) {
        fputs("drop", t.stream);
    }
    return text_close(&t);
}
