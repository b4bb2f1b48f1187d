/* Codecs of rules in OpenFlow 1.0 [OF1.0 5.3.3, 5.4.2, 5.3.5], and of Nicira's forms of the same, which Open vSwitch takes in later
 * versions too.
 *
 * Here the cookie of a flow_mod is always the new one; which rules are meant only NXM can say by a cookie. A modify that finds nothing adds.
 * An add takes the place of an equal rule and counts from zero. Idle and hard ages of Nicira's statistics are seconds plus one, 0 for unknown.
 * Any thread, no state; cost linear in match and actions. Invariant: the table of a flow_mod is one of ours, or TABLE_ALL in a deletion.
 */
#include "lib/openflow/of_flow10.h"

#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_actions10.h"
#include "lib/openflow/of_match.h"
#include "lib/openflow/of_match10.h"

enum { FLAG_EMERGENCY = 1 << 2, FLAGS_10 = RULE_SEND_FLOW_REM | RULE_CHECK_OVERLAP };

static bool is_delete(uint8_t command)
{
    return command == FLOW_MOD_DELETE || command == FLOW_MOD_DELETE_STRICT;
}

static void get_command(const struct of_decoding *d, struct flow_mod *mod, uint16_t word, uint16_t *out_command)
{
    if (d->has_table_id) {
        *out_command = word & 0xff;
        mod->table = (uint8_t)(word >> 8);
        return;
    }
    *out_command = word;
    mod->table = is_delete((uint8_t)word) || word == FLOW_MOD_MODIFY || word == FLOW_MOD_MODIFY_STRICT ? TABLE_ALL : 0;
}

/* Table 255 means any in 1.0: an add then goes to the first. */
static int check(const struct of_decoding *d, struct flow_mod *mod, uint16_t command)
{
    bool is_modify = command == FLOW_MOD_MODIFY || command == FLOW_MOD_MODIFY_STRICT;
    uint8_t table = mod->table;

    if ((mod->flags & FLAG_EMERGENCY) != 0) {
        return of_refuse(d->error, OF_ERROR_FLOW_MOD_FAILED_TABLE_FULL, "emergency flows are not kept");
    }
    if ((mod->flags & ~(unsigned)FLAGS_10) != 0) {
        return of_refuse(d->error, OF_ERROR_FLOW_MOD_FAILED_BAD_FLAGS, "unknown flags 0x%x", mod->flags);
    }
    if (command > FLOW_MOD_DELETE_STRICT) {
        return of_refuse(d->error, OF_ERROR_FLOW_MOD_FAILED_BAD_COMMAND, "unknown command %u", command);
    }
    if (table == TABLE_ALL && !is_delete((uint8_t)command)) {
        mod->table = 0;
    }
    int err = of_flow_mod_check(d, mod, (uint8_t)command);
    if (err != 0) {
        return err;
    }
    mod->table = table == TABLE_ALL && is_modify ? TABLE_ALL : mod->table;
    mod->is_old = is_modify;
    mod->flags |= command == FLOW_MOD_ADD ? RULE_RESET_COUNTS : 0;
    return 0;
}

static void set_cookie(struct flow_mod *mod, uint64_t given, struct of_nxm_cookie asked, uint16_t command)
{
    if (command == FLOW_MOD_ADD) {
        mod->cookie = given;
        return;
    }
    mod->cookie = asked.cookie;
    mod->cookie_mask = asked.mask;
    mod->new_cookie = given;
}

static int get_actions(struct of_decoding *d, struct flow_mod *mod)
{
    struct action_list *apply = &mod->instructions.apply;
    int err = of_actions_decode(&d->body, d->version, apply, d->error); /* Nicira's form has those of its version */

    mod->instructions.has_apply = apply->count > 0;
    if (err == 0 && d->version == OF_VERSION_10) {
        of_actions10_narrow(apply, &mod->match);
    }
    return err == 0 ? of_actions_check(apply, d->version, &mod->match, d->error) : err;
}

/* What both forms have between cookie and match. */
static uint16_t get_middle(struct of_decoding *d, struct flow_mod *mod)
{
    uint16_t command = 0;

    get_command(d, mod, reader_u16(&d->body), &command);
    mod->idle_timeout_s = reader_u16(&d->body);
    mod->hard_timeout_s = reader_u16(&d->body);
    mod->priority = reader_u16(&d->body);
    mod->buffer_id = reader_u32(&d->body);
    mod->out_port = of_port_of_10(reader_u16(&d->body));
    mod->flags = reader_u16(&d->body);
    return command;
}

int of_flow10_mod_decode(struct of_decoding *d, struct of_message *out)
{
    struct flow_mod *mod = &out->flow_mod;
    struct of_nxm_cookie asked = {.cookie = 0};
    uint64_t cookie;
    uint16_t command, match_size = 0;

    if (out->form == OF_FORM_NICIRA) {
        cookie = reader_u64(&d->body);
        command = get_middle(d, mod);
        match_size = reader_u16(&d->body);
        reader_skip(&d->body, 6);
    } else {
        of_match10_decode(&d->body, &mod->match);
        cookie = reader_u64(&d->body);
        command = get_middle(d, mod);
    }
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "flow_mod: too short");
    }
    int err = of_check_units(d);
    if (err == 0 && out->form == OF_FORM_NICIRA) {
        err = of_nxm_decode(&d->body, match_size, &mod->match, &asked, d->error);
    }
    if (err == 0) {
        err = check(d, mod, command);
    }
    if (err != 0) {
        return err;
    }
    set_cookie(mod, cookie, asked, command);
    return get_actions(d, mod);
}

static void put_middle(struct writer *w, const struct flow_mod *mod)
{
    writer_u8(w, mod->table); /* as with FLOW_MOD_TABLE_ID set */
    writer_u8(w, (uint8_t)mod->command);
    writer_u16(w, mod->idle_timeout_s);
    writer_u16(w, mod->hard_timeout_s);
    writer_u16(w, mod->priority);
    writer_u32(w, mod->buffer_id);
    writer_u16(w, of_port_in_10(mod->out_port));
    writer_u16(w, mod->flags & FLAGS_10);
}

void of_flow10_mod_encode(const struct of_message *message, struct writer *w)
{
    const struct flow_mod *mod = &message->flow_mod;
    bool is_add = mod->command == FLOW_MOD_ADD;
    uint64_t cookie = is_add ? mod->cookie : mod->new_cookie;
    struct of_nxm_cookie asked = {.cookie = mod->cookie, .mask = is_add ? 0 : mod->cookie_mask};

    if (message->form != OF_FORM_NICIRA) {
        of_match10_encode(w, &mod->match);
        writer_u64(w, cookie);
        put_middle(w, mod);
    } else {
        writer_u64(w, cookie);
        put_middle(w, mod);
        size_t size_at = w->size;
        writer_u16(w, 0);
        writer_pad(w, 6);
        writer_patch_u16(w, size_at, of_nxm_encode(w, &mod->match, &asked));
    }
    if (message->version == OF_VERSION_10) {
        of_instructions_encode(w, OF_VERSION_10, &mod->instructions);
    } else {
        of_actions_encode(w, message->version, &mod->instructions.apply);
    }
}

static int decode_nicira_removed(struct of_decoding *d, struct of_flow_removed *removed)
{
    removed->cookie = reader_u64(&d->body);
    removed->priority = reader_u16(&d->body);
    removed->reason = reader_u8(&d->body);
    uint8_t table = reader_u8(&d->body);
    removed->table = (uint8_t)(table - 1); /* one more on the wire, 0: not said */
    removed->duration_ns = of_get_duration(&d->body);
    removed->idle_timeout_s = reader_u16(&d->body);
    uint16_t match_size = reader_u16(&d->body);
    removed->n_packets = reader_u64(&d->body);
    removed->n_bytes = reader_u64(&d->body);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "flow_removed: too short");
    }
    return of_nxm_decode(&d->body, match_size, &removed->match, NULL, d->error);
}

int of_flow10_removed_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_flow_removed *removed = &out->flow_removed;

    if (out->form == OF_FORM_NICIRA) {
        return decode_nicira_removed(d, removed);
    }
    of_match10_decode(&d->body, &removed->match);
    removed->cookie = reader_u64(&d->body);
    removed->priority = reader_u16(&d->body);
    removed->reason = reader_u8(&d->body);
    reader_skip(&d->body, 1);
    removed->duration_ns = of_get_duration(&d->body);
    removed->idle_timeout_s = reader_u16(&d->body);
    reader_skip(&d->body, 2);
    removed->n_packets = reader_u64(&d->body);
    removed->n_bytes = reader_u64(&d->body);
    return 0;
}

/* 1.0 knows three reasons; a group or a meter that went took the rule along by a deletion, and so did a rule that needed its place. */
static uint8_t reason_in_10(uint8_t reason)
{
    return reason == OF_REMOVED_GROUP_DELETE || reason == OF_REMOVED_METER_DELETE || reason == OF_REMOVED_EVICTION ? (uint8_t)OF_REMOVED_DELETE : reason;
}

void of_flow10_removed_encode(const struct of_message *message, struct writer *w)
{
    const struct of_flow_removed *removed = &message->flow_removed;
    bool is_nicira = message->form == OF_FORM_NICIRA;

    if (!is_nicira) {
        of_match10_encode(w, &removed->match);
    }
    writer_u64(w, removed->cookie);
    writer_u16(w, removed->priority);
    writer_u8(w, is_nicira ? removed->reason : reason_in_10(removed->reason));
    writer_u8(w, is_nicira ? (uint8_t)(removed->table + 1) : 0);
    of_put_duration(w, removed->duration_ns);
    writer_u16(w, removed->idle_timeout_s);
    size_t size_at = w->size;
    writer_u16(w, 0);
    writer_u64(w, removed->n_packets);
    writer_u64(w, removed->n_bytes);
    if (is_nicira) {
        writer_patch_u16(w, size_at, of_nxm_encode(w, &removed->match, NULL));
    }
}

static uint16_t age_of(uint64_t ns)
{
    uint64_t seconds = ns / 1000000000;

    return seconds < UINT16_MAX - 1 ? (uint16_t)(seconds + 1) : UINT16_MAX;
}

void of_flow10_stats_put(struct writer *w, enum of_form form, const struct rule *rule, const struct rule_stats *stats)
{
    size_t size_at = 0;

    writer_u16(w, 0);
    writer_u8(w, rule->table);
    writer_pad(w, 1);
    if (form != OF_FORM_NICIRA) {
        of_match10_encode(w, &rule->match);
    }
    of_put_duration(w, stats->duration_ns);
    writer_u16(w, rule->priority);
    writer_u16(w, rule->idle_timeout_s);
    writer_u16(w, rule->hard_timeout_s);
    if (form == OF_FORM_NICIRA) {
        size_at = w->size;
        writer_u16(w, 0);
        writer_u16(w, age_of(stats->idle_ns));
        writer_u16(w, age_of(stats->duration_ns));
    } else {
        writer_pad(w, 6);
    }
    writer_u64(w, rule->cookie);
    writer_u64(w, stats->n_packets);
    writer_u64(w, stats->n_bytes);
    if (form == OF_FORM_NICIRA) {
        writer_patch_u16(w, size_at, of_nxm_encode(w, &rule->match, NULL));
    }
    of_instructions_encode(w, OF_VERSION_10, &rule->instructions);
}

int of_flow10_stats_get(struct reader *item, enum of_form form, struct rule *rule, struct rule_stats *stats)
{
    uint16_t match_size = 0, idle_age = 0;

    rule->table = reader_u8(item);
    reader_skip(item, 1);
    if (form != OF_FORM_NICIRA) {
        of_match10_decode(item, &rule->match);
    }
    stats->duration_ns = of_get_duration(item);
    rule->priority = reader_u16(item);
    rule->idle_timeout_s = reader_u16(item);
    rule->hard_timeout_s = reader_u16(item);
    match_size = reader_u16(item);
    idle_age = reader_u16(item);
    reader_skip(item, 2);
    rule->cookie = reader_u64(item);
    stats->n_packets = reader_u64(item);
    stats->n_bytes = reader_u64(item);
    if (item->failed) {
        return -ERROR_TRUNCATED;
    }
    if (form != OF_FORM_NICIRA) {
        return 0;
    }
    stats->idle_ns = idle_age > 0 ? (idle_age - 1u) * UINT64_C(1000000000) : 0;
    return of_nxm_decode(item, match_size, &rule->match, NULL, NULL);
}

int of_flow10_filter_decode(struct of_decoding *d, enum of_form form, struct rule_filter *filter)
{
    struct of_nxm_cookie asked = {.cookie = 0};
    uint16_t match_size = 0;

    rule_filter_init(filter);
    if (form == OF_FORM_NICIRA) {
        filter->out_port = of_port_of_10(reader_u16(&d->body));
        match_size = reader_u16(&d->body);
        filter->table = reader_u8(&d->body);
        reader_skip(&d->body, 3);
    } else {
        of_match10_decode(&d->body, &filter->match);
        filter->table = reader_u8(&d->body);
        reader_skip(&d->body, 1);
        filter->out_port = of_port_of_10(reader_u16(&d->body));
    }
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "statistics request: too short");
    }
    if (form != OF_FORM_NICIRA) {
        return 0;
    }
    int err = of_nxm_decode(&d->body, match_size, &filter->match, &asked, d->error);
    filter->cookie = asked.cookie;
    filter->cookie_mask = asked.mask;
    return err;
}

void of_flow10_filter_encode(struct writer *w, enum of_form form, const struct rule_filter *filter)
{
    if (form == OF_FORM_NICIRA) {
        struct of_nxm_cookie asked = {.cookie = filter->cookie, .mask = filter->cookie_mask};
        writer_u16(w, of_port_in_10(filter->out_port));
        size_t size_at = w->size;
        writer_u16(w, 0);
        writer_u8(w, filter->table);
        writer_pad(w, 3);
        writer_patch_u16(w, size_at, of_nxm_encode(w, &filter->match, &asked));
        return;
    }
    of_match10_encode(w, &filter->match);
    writer_u8(w, filter->table);
    writer_pad(w, 1);
    writer_u16(w, of_port_in_10(filter->out_port));
}
