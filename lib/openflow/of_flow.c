/* Codecs of rules: flow_mod, flow_removed, and the statistics of one and of many [OF1.3.5 A.3.4.1, A.4.2, A.3.5.2, A.3.5.3]; those of
 * 1.0 and Nicira's are in of_flow10.c, the statistics of 1.5 in of_stats15.c.
 *
 * What a flow_mod asks is checked as far as its own bytes tell: table, command, flags, the actions against the match. Order of checks
 * as in Open vSwitch. Any thread, no state; cost linear in match and actions.
 * Invariant: a flow_mod that passes can be executed on any packet of its match without writing outside the packet's headers.
 */
#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_flow10.h"
#include "lib/openflow/of_match.h"
#include "lib/openflow/of_multipart.h"
#include "lib/openflow/of_stats15.h"

enum {
    FLAGS_KNOWN = RULE_SEND_FLOW_REM | RULE_CHECK_OVERLAP | RULE_RESET_COUNTS | RULE_NO_PACKET_COUNTS | RULE_NO_BYTE_COUNTS
};

static bool is_delete(uint8_t command)
{
    return command == FLOW_MOD_DELETE || command == FLOW_MOD_DELETE_STRICT;
}

static void get_fixed_part(struct reader *r, uint8_t version, struct flow_mod *mod, uint8_t *out_command)
{
    mod->cookie = reader_u64(r);
    mod->cookie_mask = reader_u64(r);
    mod->table = reader_u8(r);
    *out_command = reader_u8(r);
    mod->idle_timeout_s = reader_u16(r);
    mod->hard_timeout_s = reader_u16(r);
    mod->priority = reader_u16(r);
    mod->buffer_id = reader_u32(r);
    mod->out_port = reader_u32(r);
    mod->out_group = reader_u32(r);
    mod->flags = reader_u16(r);
    uint16_t importance = reader_u16(r);
    mod->importance = version >= OF_VERSION_14 ? importance : 0;
}

int of_flow_mod_check(const struct of_decoding *d, struct flow_mod *mod, uint8_t command)
{
    bool table_exists = mod->table <= TABLE_MAX && (d->n_tables == 0 || mod->table < d->n_tables);

    if (!table_exists && !(mod->table == TABLE_ALL && is_delete(command))) {
        return of_refuse(d->error, OF_ERROR_FLOW_MOD_FAILED_BAD_TABLE_ID, "table %u", mod->table);
    }
    int err = of_port_check(mod->out_port, "out_port", d->error);
    if (err != 0) {
        return err;
    }
    if ((mod->flags & ~(unsigned)FLAGS_KNOWN) != 0) {
        return of_refuse(d->error, OF_ERROR_FLOW_MOD_FAILED_BAD_FLAGS, "unknown flags 0x%x", mod->flags);
    }
    if (command > FLOW_MOD_DELETE_STRICT) {
        return of_refuse(d->error, OF_ERROR_FLOW_MOD_FAILED_BAD_COMMAND, "unknown command %u", command);
    }
    mod->command = (enum flow_mod_command)command;
    if (!is_delete(command)) {
        mod->out_port = PORT_ANY;
        mod->out_group = GROUP_ANY;
    }
    return 0;
}

int of_flow_mod_decode(struct of_decoding *d, struct of_message *out)
{
    struct flow_mod *mod = &out->flow_mod;
    uint8_t command = 0;

    flow_mod_init(mod, FLOW_MOD_ADD);
    if (d->version == OF_VERSION_10 || out->form == OF_FORM_NICIRA) {
        return of_flow10_mod_decode(d, out);
    }
    get_fixed_part(&d->body, d->version, mod, &command);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "flow_mod: too short");
    }
    int err = of_check_units(d);
    if (err == 0) {
        err = of_match_decode(&d->body, &mod->match, d->error);
    }
    if (err == 0) {
        err = of_flow_mod_check(d, mod, command);
    }
    if (err == 0) {
        err = of_instructions_decode(&d->body, d->version, &mod->instructions, d->error);
    }
    if (err == 0) {
        err = of_instructions_check(&mod->instructions, d->version, &mod->match, mod->table, d->n_tables, d->error);
    }
    return err;
}

void of_flow_mod_encode(const struct of_message *message, struct writer *w)
{
    const struct flow_mod *mod = &message->flow_mod;

    if (message->version == OF_VERSION_10 || message->form == OF_FORM_NICIRA) {
        of_flow10_mod_encode(message, w);
        return;
    }
    writer_u64(w, mod->cookie);
    writer_u64(w, mod->cookie_mask);
    writer_u8(w, mod->table);
    writer_u8(w, (uint8_t)mod->command);
    writer_u16(w, mod->idle_timeout_s);
    writer_u16(w, mod->hard_timeout_s);
    writer_u16(w, mod->priority);
    writer_u32(w, mod->buffer_id);
    writer_u32(w, mod->out_port);
    writer_u32(w, mod->out_group);
    writer_u16(w, mod->flags);
    writer_u16(w, message->version >= OF_VERSION_14 ? mod->importance : 0);
    of_match_encode(w, message->version, &mod->match);
    of_instructions_encode(w, message->version, &mod->instructions);
}

int of_flow_removed_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_flow_removed *removed = &out->flow_removed;

    if (d->version == OF_VERSION_10 || out->form == OF_FORM_NICIRA) {
        return of_flow10_removed_decode(d, out);
    }
    if (d->version >= OF_VERSION_15) {
        return of_stats15_get_removed(&d->body, removed, d->error);
    }
    removed->cookie = reader_u64(&d->body);
    removed->priority = reader_u16(&d->body);
    removed->reason = reader_u8(&d->body);
    removed->table = reader_u8(&d->body);
    removed->duration_ns = of_get_duration(&d->body);
    removed->idle_timeout_s = reader_u16(&d->body);
    removed->hard_timeout_s = reader_u16(&d->body);
    removed->n_packets = reader_u64(&d->body);
    removed->n_bytes = reader_u64(&d->body);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "flow_removed: too short");
    }
    return of_match_decode(&d->body, &removed->match, d->error);
}

void of_flow_removed_encode(const struct of_message *message, struct writer *w)
{
    const struct of_flow_removed *removed = &message->flow_removed;

    if (message->version == OF_VERSION_10 || message->form == OF_FORM_NICIRA) {
        of_flow10_removed_encode(message, w);
        return;
    }
    if (message->version >= OF_VERSION_15) {
        of_stats15_put_removed(w, removed);
        return;
    }
    writer_u64(w, removed->cookie);
    writer_u16(w, removed->priority);
    writer_u8(w, removed->reason);
    writer_u8(w, removed->table);
    of_put_duration(w, removed->duration_ns);
    writer_u16(w, removed->idle_timeout_s);
    writer_u16(w, removed->hard_timeout_s);
    writer_u64(w, removed->n_packets);
    writer_u64(w, removed->n_bytes);
    of_match_encode(w, message->version, &removed->match);
}

int of_flow_stats_encode(struct of_multipart *mp, const struct rule *rule, const struct rule_stats *stats)
{
    struct writer *w = mp->out;

    of_multipart_item_begin(mp);
    if (mp->version == OF_VERSION_10) {
        of_flow10_stats_put(w, mp->form, rule, stats);
    } else if (mp->version >= OF_VERSION_15) {
        of_stats15_put_flow(w, rule, stats);
    } else {
        writer_u16(w, 0);
        writer_u8(w, rule->table);
        writer_pad(w, 1);
        of_put_duration(w, stats->duration_ns);
        writer_u16(w, rule->priority);
        writer_u16(w, rule->idle_timeout_s);
        writer_u16(w, rule->hard_timeout_s);
        writer_u16(w, rule->flags);
        writer_u16(w, mp->version >= OF_VERSION_14 ? rule->importance : 0);
        writer_pad(w, 2);
        writer_u64(w, rule->cookie);
        writer_u64(w, stats->n_packets);
        writer_u64(w, stats->n_bytes);
        of_match_encode(w, mp->version, &rule->match);
        of_instructions_encode(w, mp->version, &rule->instructions);
    }
    writer_patch_u16(w, mp->item_begin, (uint16_t)(w->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

static int get_flow_stats(struct reader *r, uint8_t version, struct rule *rule, struct rule_stats *stats)
{
    rule->table = reader_u8(r);
    reader_skip(r, 1);
    stats->duration_ns = of_get_duration(r);
    rule->priority = reader_u16(r);
    rule->idle_timeout_s = reader_u16(r);
    rule->hard_timeout_s = reader_u16(r);
    rule->flags = reader_u16(r);
    uint16_t importance = reader_u16(r);
    rule->importance = version >= OF_VERSION_14 ? importance : 0;
    reader_skip(r, 2);
    rule->cookie = reader_u64(r);
    stats->n_packets = reader_u64(r);
    stats->n_bytes = reader_u64(r);
    return r->failed ? -ERROR_TRUNCATED : of_match_decode(r, &rule->match, NULL);
}

int of_flow_stats_decode(struct reader *r, uint8_t version, enum of_form form, struct rule *out_rule, struct rule_stats *out_stats)
{
    struct rule rule;
    struct rule_stats stats = {.idle_ns = 0};
    uint16_t length = reader_u16(r);
    int err;

    if (r->failed || length < 2 || reader_left(r) < length - 2u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 2u);
    rule_init(&rule);
    if (version == OF_VERSION_10) {
        err = of_flow10_stats_get(&item, form, &rule, &stats);
    } else if (version >= OF_VERSION_15) {
        err = of_stats15_get_flow(&item, &rule, &stats);
    } else {
        err = get_flow_stats(&item, version, &rule, &stats);
    }
    if (err == 0) {
        err = of_instructions_decode(&item, version, &rule.instructions, NULL);
    }
    if (err != 0) {
        return err;
    }
    *out_rule = rule;
    *out_stats = stats;
    return 0;
}

int of_aggregate_encode(struct of_multipart *mp, const struct of_aggregate *aggregate)
{
    of_multipart_item_begin(mp);
    if (mp->version >= OF_VERSION_15) {
        of_stats15_put_aggregate(mp->out, aggregate);
        return of_multipart_item_end(mp);
    }
    writer_u64(mp->out, aggregate->n_packets);
    writer_u64(mp->out, aggregate->n_bytes);
    writer_u32(mp->out, aggregate->n_flows);
    writer_pad(mp->out, 4);
    return of_multipart_item_end(mp);
}

int of_aggregate_decode(struct reader *r, uint8_t version, struct of_aggregate *out)
{
    struct of_aggregate aggregate = {.n_packets = 0};

    if (version >= OF_VERSION_15) {
        int err = of_stats15_get_aggregate(r, &aggregate);
        if (err == 0) {
            *out = aggregate;
        }
        return err;
    }
    aggregate.n_packets = reader_u64(r);
    aggregate.n_bytes = reader_u64(r);
    aggregate.n_flows = reader_u32(r);
    reader_skip(r, 4);
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = aggregate;
    return 0;
}
