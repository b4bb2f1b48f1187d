/* Codecs of flow monitors: what is watched, and what has become of it [OF1.5.1 7.3.5.17], with Nicira's form for 1.0 and the Open Networking
 * Foundation's for 1.3, which have other numbers for the same flags and events.
 *
 *     old flags: initial 1, add 2, delete 4, modify 8, actions 16, own 32      old events: added 0, deleted 1, modified 2, abbreviated 3
 *     new flags: initial 1, add 2, removed 4, modify 8, instructions 16, no abbreviation 32, only own 64     new events: see of_multipart.h
 * Any thread, no state; linear cost. The number of monitors in a request is bounded by its message (2700).
 * Invariant: what was read of a refused request is freed with the message.
 */
#include "lib/openflow/of_monitor.h"

#include "lib/base/memory.h"
#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_match.h"
#include "lib/openflow/of_multipart.h"

enum {
    OLD_ADD_DELETE_MODIFY = 0x0e,
    OLD_FLAGS = 0x3f,
    OLD_SAME = 0x1f, /* as in 1.4 */
    OLD_OWN = 0x20,
    NEW_FLAGS = 0x7f,
    OLD_ABBREV = 3,
    UPDATE_SIZE = 24,
    SHORT_SIZE = 8
};

static uint16_t flags_of_old(uint16_t old)
{
    return (uint16_t)((old & OLD_SAME) | ((old & OLD_OWN) != 0 ? OF_MONITOR_ONLY_OWN : 0));
}

static uint16_t flags_in_old(uint16_t flags)
{
    return (uint16_t)((flags & OLD_SAME) | ((flags & OF_MONITOR_ONLY_OWN) != 0 ? OLD_OWN : 0));
}

static int check_flags(uint16_t flags, uint16_t known, struct of_error *error)
{
    if ((flags & OLD_ADD_DELETE_MODIFY) == 0 || (flags & ~(unsigned)known) != 0) {
        return of_refuse(error, OF_ERROR_FLOW_MONITOR_FAILED_BAD_FLAGS, "flow monitor: flags 0x%x", flags);
    }
    return 0;
}

static int too_short(const struct of_decoding *d)
{
    return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "flow monitor: too short");
}

/* id(4) flags(2), Nicira's: out_port(2) match_len(2) table(1) zeroes(5), ONF's: match_len(2) out_port(4) table(1) zeroes(3), match */
static int get_old(struct of_decoding *d, bool is_onf, struct of_monitor *monitor)
{
    struct reader *r = &d->body;
    uint16_t match_size;

    monitor->id = reader_u32(r);
    uint16_t flags = reader_u16(r);
    if (is_onf) {
        match_size = reader_u16(r);
        monitor->filter.out_port = reader_u32(r);
    } else {
        monitor->filter.out_port = of_port_of_10(reader_u16(r));
        match_size = reader_u16(r);
    }
    monitor->filter.table = reader_u8(r);
    bool is_zero = of_get_zeroes(r, is_onf ? 3 : 5);
    if (r->failed || !is_zero) {
        return too_short(d);
    }
    int err = check_flags(flags, OLD_FLAGS, d->error);
    monitor->flags = flags_of_old(flags);
    if (err == 0) {
        err = of_port_check(monitor->filter.out_port, "out_port", d->error);
    }
    if (err != 0) {
        return err;
    }
    return is_onf ? of_match_decode(r, &monitor->filter.match, d->error)
                  : of_nxm_decode(r, match_size, &monitor->filter.match, NULL, d->error);
}

/* id(4) out_port(4) out_group(4) flags(2) table(1) command(1), match */
static int get_new(struct of_decoding *d, struct of_monitor *monitor)
{
    struct reader *r = &d->body;

    monitor->id = reader_u32(r);
    monitor->filter.out_port = reader_u32(r);
    monitor->filter.out_group = reader_u32(r);
    monitor->flags = reader_u16(r);
    monitor->filter.table = reader_u8(r);
    uint8_t command = reader_u8(r);
    if (r->failed) {
        return too_short(d);
    }
    if (command > OF_MONITOR_DELETE) {
        return of_refuse(d->error, OF_ERROR_FLOW_MONITOR_FAILED_BAD_COMMAND, "flow monitor: command %u", command);
    }
    monitor->command = (enum of_monitor_command)command;
    if (monitor->command == OF_MONITOR_DELETE && reader_left(r) == 0) {
        return 0; /* as ovs-ofctl writes it: without a match */
    }
    int err = monitor->command != OF_MONITOR_DELETE ? check_flags(monitor->flags, NEW_FLAGS, d->error) : 0;
    if (err == 0 && monitor->command != OF_MONITOR_DELETE) {
        err = of_port_check(monitor->filter.out_port, "out_port", d->error);
    }
    return err == 0 ? of_match_decode(r, &monitor->filter.match, d->error) : err;
}

int of_monitors_decode(struct of_decoding *d, struct of_multipart_request *request)
{
    while (reader_left(&d->body) > 0) {
        struct of_monitor monitor = {.id = 0};
        rule_filter_init(&monitor.filter);
        int err = request->form == OF_FORM_STANDARD ? get_new(d, &monitor) : get_old(d, request->form == OF_FORM_ONF, &monitor);
        if (err != 0) {
            return err;
        }
        size_t n = request->monitors.count;
        request->monitors.items = memory_resize(request->monitors.items, (n + 1) * sizeof *request->monitors.items);
        request->monitors.items[n] = monitor;
        request->monitors.count = n + 1;
    }
    return 0;
}

static void put_old(struct writer *w, uint8_t version, const struct of_monitor *monitor)
{
    bool is_onf = version != OF_VERSION_10;
    size_t size_at = w->size + (is_onf ? 6 : 8);

    writer_u32(w, monitor->id);
    writer_u16(w, flags_in_old(monitor->flags));
    if (is_onf) {
        writer_u16(w, 0);
        writer_u32(w, monitor->filter.out_port);
    } else {
        writer_u16(w, of_port_in_10(monitor->filter.out_port));
        writer_u16(w, 0);
    }
    writer_u8(w, monitor->filter.table);
    writer_pad(w, is_onf ? 3 : 5);
    size_t begin = w->size;
    if (is_onf) {
        of_match_encode(w, version, &monitor->filter.match);
        uint16_t length = (uint16_t)(w->bytes[begin + 2] << 8 | w->bytes[begin + 3]);
        writer_patch_u16(w, size_at, length);
    } else {
        writer_patch_u16(w, size_at, of_nxm_encode(w, &monitor->filter.match, NULL));
    }
}

void of_monitors_encode(struct writer *w, uint8_t version, const struct of_multipart_request *request)
{
    for (size_t i = 0; i < request->monitors.count; i++) {
        const struct of_monitor *monitor = &request->monitors.items[i];
        if (version < OF_VERSION_14) {
            put_old(w, version, monitor);
            continue;
        }
        writer_u32(w, monitor->id);
        writer_u32(w, monitor->filter.out_port);
        writer_u32(w, monitor->filter.out_group);
        writer_u16(w, monitor->flags);
        writer_u8(w, monitor->filter.table);
        writer_u8(w, (uint8_t)monitor->command);
        of_match_encode(w, version, &monitor->filter.match);
    }
}

/* ---- updates ---- */

static uint16_t event_in_old(enum of_update_event event)
{
    switch (event) {
    case OF_UPDATE_INITIAL:
    case OF_UPDATE_ADDED:
        return 0;
    case OF_UPDATE_REMOVED:
        return 1;
    case OF_UPDATE_MODIFIED:
        return 2;
    case OF_UPDATE_ABBREV:
    case OF_UPDATE_PAUSED: /* messages of their own there */
    case OF_UPDATE_RESUMED:
        return OLD_ABBREV;
    }
    return OLD_ABBREV;
}

/* length(2) event(2) reason(2) priority(2) idle(2) hard(2) match_len(2) table(1) pad(1) cookie(8), match, actions or instructions */
static void put_old_rule(struct writer *w, uint8_t version, const struct of_flow_update *update, const struct instructions *in)
{
    const struct rule *rule = &update->rule;

    writer_u16(w, update->reason);
    writer_u16(w, rule->priority);
    writer_u16(w, rule->idle_timeout_s);
    writer_u16(w, rule->hard_timeout_s);
    size_t size_at = w->size;
    writer_u16(w, 0);
    writer_u8(w, rule->table);
    writer_pad(w, 1);
    writer_u64(w, rule->cookie);
    size_t begin = w->size;
    if (version == OF_VERSION_10) {
        writer_patch_u16(w, size_at, of_nxm_encode(w, &rule->match, NULL));
    } else {
        of_match_encode(w, version, &rule->match);
        writer_patch_u16(w, size_at, (uint16_t)(w->bytes[begin + 2] << 8 | w->bytes[begin + 3]));
    }
    of_instructions_encode(w, version, in);
}

/* length(2) event(2) table(1) reason(1) idle(2) hard(2) priority(2) zeroes(4) cookie(8), match, instructions */
static void put_new_rule(struct writer *w, uint8_t version, const struct of_flow_update *update, const struct instructions *in)
{
    const struct rule *rule = &update->rule;

    writer_u8(w, rule->table);
    writer_u8(w, update->reason);
    writer_u16(w, rule->idle_timeout_s);
    writer_u16(w, rule->hard_timeout_s);
    writer_u16(w, rule->priority);
    writer_pad(w, 4);
    writer_u64(w, rule->cookie);
    of_match_encode(w, version, &rule->match);
    of_instructions_encode(w, version, in);
}

int of_flow_update_encode(struct of_multipart *mp, const struct of_flow_update *update, bool with_instructions)
{
    struct writer *w = mp->out;
    struct instructions none;
    const struct instructions *in = with_instructions ? &update->rule.instructions : &none;
    bool is_old = mp->version < OF_VERSION_14;

    instructions_init(&none);
    of_multipart_item_begin(mp);
    writer_u16(w, 0);
    writer_u16(w, is_old ? event_in_old(update->event) : (uint16_t)update->event);
    if (update->event >= OF_UPDATE_ABBREV) {
        writer_u32(w, update->event == OF_UPDATE_ABBREV ? update->xid : 0);
    } else if (is_old) {
        put_old_rule(w, mp->version, update, in);
    } else {
        put_new_rule(w, mp->version, update, in);
    }
    writer_patch_u16(w, mp->item_begin, (uint16_t)(w->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

static int get_rule(struct reader *item, uint8_t version, struct of_flow_update *update)
{
    struct rule *rule = &update->rule;
    bool is_old = version < OF_VERSION_14;
    uint16_t match_size = 0;

    if (is_old) {
        update->reason = (uint8_t)reader_u16(item);
        rule->priority = reader_u16(item);
        rule->idle_timeout_s = reader_u16(item);
        rule->hard_timeout_s = reader_u16(item);
        match_size = reader_u16(item);
        rule->table = reader_u8(item);
        reader_skip(item, 1);
    } else {
        rule->table = reader_u8(item);
        update->reason = reader_u8(item);
        rule->idle_timeout_s = reader_u16(item);
        rule->hard_timeout_s = reader_u16(item);
        rule->priority = reader_u16(item);
        reader_skip(item, 4);
    }
    rule->cookie = reader_u64(item);
    if (item->failed) {
        return -ERROR_TRUNCATED;
    }
    int err = version == OF_VERSION_10 ? of_nxm_decode(item, match_size, &rule->match, NULL, NULL)
                                       : of_match_decode(item, &rule->match, NULL);
    return err == 0 ? of_instructions_decode(item, version, &rule->instructions, NULL) : err;
}

int of_flow_update_decode(struct reader *r, uint8_t version, struct of_flow_update *out)
{
    static const enum of_update_event events[] = {OF_UPDATE_ADDED, OF_UPDATE_REMOVED, OF_UPDATE_MODIFIED, OF_UPDATE_ABBREV};
    struct of_flow_update update = {.xid = 0};
    uint16_t length = reader_u16(r);
    uint16_t event = reader_u16(r);
    bool is_old = version < OF_VERSION_14;

    if (r->failed || length < SHORT_SIZE || reader_left(r) < length - 4u || event > (is_old ? OLD_ABBREV : OF_UPDATE_RESUMED)) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 4u);
    update.event = is_old ? events[event] : (enum of_update_event)event;
    rule_init(&update.rule);
    if (update.event >= OF_UPDATE_ABBREV) {
        update.xid = reader_u32(&item);
    } else {
        int err = length < UPDATE_SIZE ? -ERROR_TRUNCATED : get_rule(&item, version, &update);
        if (err != 0) {
            return err;
        }
    }
    *out = update;
    return 0;
}
