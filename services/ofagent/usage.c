/* The usage wire. See usage.h.
 *
 * A report says cumulative values of the ids that changed; sequence numbers have no gap, so a lost one is noticed and everything is asked for
 * again. The complete list that follows a HELLO is what "has reported once" means for expiry.
 * A shard that we cannot reach but that is registered is waited for (its floor is unknown): its lease ends that, not our connection.
 * A shard that stood still registers again as the same process and goes on counting where it was. So a shard that leaves keeps its part of every
 * counter; it is folded into the base when another life of the same instance joins, since two of them cannot live at once.
 * The ofagent's one thread. Invariant: values are credited to the start number of the process that sent them, never to a place.
 */
#include "services/ofagent/usage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "lib/msg/msg.h"
#include "proto/usage.pb-c.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/follow.h"
#include "services/ofagent/meter_mod.h"
#include "services/ofagent/share.h"
#include "services/ofagent/strangers.h"

enum {
    SHARDS_MAX = FLOOR_SHARDS_MAX,
    RETIRED_MAX = 4096,     /* in one message */
    ORPHANS_MAX = 1 << 20,  /* that wait for ORPHAN_NS: more end at once, which costs nothing but last counts */
};
#define USAGE_LOOK_NS (5 * NS_PER_MS)
#define ORPHAN_NS (10 * NS_PER_S) /* more than the owner of a bridge waits for the last counts of a rule */

struct shard {
    uint64_t service;
    uint64_t start;
    struct bus_socket *socket;
    uint64_t heard_ns;
    uint64_t looked_ns;      /* when its socket was looked at last */
    uint64_t hello_ns;       /* 0: not said */
    uint64_t sequence;       /* of the last report; 0: none yet */
    bool has_all;            /* the complete list has begun */
    struct version at_begin; /* its floor when the report that is coming in began */
    bool is_in_report;
};

/* The last life of an instance that we have seen. */
struct life {
    uint32_t instance;
    uint64_t start;
};

/* A counter whose rule or group is over and was another ofagent's. */
struct orphan {
    uint64_t counter;
    uint64_t due_ns;
};

struct usage {
    struct ofagent *agent;
    struct strangers *strangers;
    struct orphan *orphans; /* a ring, the oldest first */
    size_t first_orphan, n_orphans, room_orphans;
    struct life lives[SHARDS_MAX];
    size_t n_lives;
    struct shard shards[SHARDS_MAX];
    size_t n_shards;
    uint64_t retired[RETIRED_MAX];
    size_t n_retired;
    uint64_t n_reports, n_gaps, n_malformed;
};

struct usage *usage_new(struct ofagent *agent)
{
    struct usage *usage = memory_zeroed(sizeof *usage);
    usage->agent = agent;
    usage->strangers = strangers_new(agent);
    return usage;
}

void usage_destroy(struct usage **usage)
{
    if (*usage == NULL) {
        return;
    }
    for (size_t i = 0; i < (*usage)->n_shards; i++) {
        bus_close(&(*usage)->shards[i].socket);
    }
    strangers_destroy(&(*usage)->strangers);
    free((*usage)->orphans);
    free(*usage);
    *usage = NULL;
}

static void fold(struct usage *usage, uint64_t start)
{
    counters_shard_gone(usage->agent->rule_counters, start);
    counters_shard_gone(usage->agent->port_counters, start);
}

/* Folds the life before this one of the same instance. */
static void begin_life(struct usage *usage, uint32_t instance, uint64_t start)
{
    size_t i = 0;

    while (i < usage->n_lives && usage->lives[i].instance != instance) {
        i++;
    }
    if (i < usage->n_lives && usage->lives[i].start != start) {
        fold(usage, usage->lives[i].start);
    }
    if (i == SHARDS_MAX) {
        return; /* more instance numbers than shards at once: their parts stay */
    }
    usage->lives[i] = (struct life){.instance = instance, .start = start};
    usage->n_lives += i == usage->n_lives;
}

void usage_note_life(struct usage *usage, uint32_t instance, uint64_t start)
{
    for (size_t i = 0; i < usage->n_lives; i++) {
        if (usage->lives[i].instance == instance) {
            return; /* the one we have seen is newer, or the same */
        }
    }
    if (usage->n_lives < SHARDS_MAX) {
        usage->lives[usage->n_lives++] = (struct life){.instance = instance, .start = start};
    }
}

uint32_t usage_shard_instance(const struct usage *usage, uint64_t start)
{
    for (size_t i = 0; i < usage->n_lives; i++) {
        if (usage->lives[i].start == start) {
            return usage->lives[i].instance;
        }
    }
    return 0;
}

void usage_join(struct usage *usage, uint64_t service, const Busbar__ServiceRow *row)
{
    struct shard shard = {.service = service, .start = row->start, .heard_ns = usage->agent->now_ns};

    begin_life(usage, row->instance, row->start);
    if (!floor_join(&usage->agent->floor, service, row->start)) {
        log_error("shard-not-served service=%llu limit=%d", (unsigned long long)service, FLOOR_SHARDS_MAX);
        return;
    }
    int err = bus_connect(usage->agent->settings.bus, WIRE_USAGE, row->usage, &shard.socket);
    if (err != 0) {
        log_error("shard-unreachable endpoint=%s error=\"%s\"", row->usage, error_text(err));
        return;
    }
    usage->shards[usage->n_shards++] = shard;
}

void usage_leave(struct usage *usage, uint64_t service)
{
    floor_leave(&usage->agent->floor, service);
    for (size_t i = 0; i < usage->n_shards; i++) {
        if (usage->shards[i].service == service) {
            bus_close(&usage->shards[i].socket);
            usage->shards[i] = usage->shards[--usage->n_shards];
            return;
        }
    }
}

static void say_hello(struct usage *usage, struct shard *shard)
{
    Busbar__UsageHello hello = BUSBAR__USAGE_HELLO__INIT;
    uint32_t kinds[] = {COUNTER_RULE, COUNTER_TABLE, COUNTER_GROUP, COUNTER_BUCKET, COUNTER_METER, COUNTER_PATCH_IN, COUNTER_PATCH_OUT};
    uint64_t now_ns = usage->agent->now_ns;
    bool is_silent = now_ns - shard->heard_ns > USAGE_SILENCE_NS && now_ns - shard->hello_ns > USAGE_SILENCE_NS;

    if (shard->hello_ns != 0 && !is_silent) {
        return;
    }
    hello.kinds = kinds;
    hello.n_kinds = sizeof kinds / sizeof kinds[0];
    if (msg_send(shard->socket, NULL, MESSAGE_USAGE_HELLO, &hello.base) == 0) {
        shard->hello_ns = now_ns;
        shard->sequence = 0;
        shard->has_all = false;
    }
}

static void ask_all(struct usage *usage, struct shard *shard)
{
    Busbar__UsageAskAll ask = BUSBAR__USAGE_ASK_ALL__INIT;

    usage->n_gaps++;
    shard->has_all = false;
    shard->is_in_report = false;
    shard->sequence = 0; /* what is under way is taken as it comes; nothing is complete before the list */
    if (msg_send(shard->socket, NULL, MESSAGE_USAGE_ASK_ALL, &ask.base) != 0) {
        shard->hello_ns = 0; /* the HELLO will ask instead */
    }
}

/* ---- counters of what is over ---- */

/* The counter of something that was another ofagent's: he may still wait for its last value, so it is retired later, in case he died before he
 * did. One of the ofagents does, the first; all forget it. */
static void orphan(struct usage *usage, uint64_t counter)
{
    if (usage->agent->share.n_peers < 2 || usage->n_orphans == ORPHANS_MAX) {
        counters_forget(usage->agent->rule_counters, counter);
        usage_retire(usage, counter);
        return;
    }
    if (usage->n_orphans == usage->room_orphans) {
        size_t room = usage->room_orphans == 0 ? 64 : usage->room_orphans * 2;
        struct orphan *orphans = memory_array(room, sizeof *orphans);
        for (size_t i = 0; i < usage->n_orphans; i++) {
            orphans[i] = usage->orphans[(usage->first_orphan + i) % usage->room_orphans];
        }
        free(usage->orphans);
        usage->orphans = orphans;
        usage->room_orphans = room;
        usage->first_orphan = 0;
    }
    usage->orphans[(usage->first_orphan + usage->n_orphans++) % usage->room_orphans] =
        (struct orphan){.counter = counter, .due_ns = usage->agent->now_ns + ORPHAN_NS};
}

static void end_orphans(struct usage *usage)
{
    while (usage->n_orphans > 0 && usage->agent->now_ns >= usage->orphans[usage->first_orphan].due_ns) {
        uint64_t counter = usage->orphans[usage->first_orphan].counter;
        usage->first_orphan = (usage->first_orphan + 1) % usage->room_orphans;
        usage->n_orphans--;
        counters_forget(usage->agent->rule_counters, counter);
        if (share_is_first(usage->agent)) {
            usage_retire(usage, counter);
        }
    }
}

/* What went while we did not hear. */
static void take_strangers(struct usage *usage)
{
    uint64_t counter;

    strangers_step(usage->strangers);
    while (strangers_take(usage->strangers, &counter)) {
        orphan(usage, counter);
    }
}

static uint64_t bridge_of_row(enum cfg_table table, const ProtobufCMessage *row)
{
    return table == CFG_RULE    ? ((const Busbar__RuleRow *)row)->bridge
           : table == CFG_GROUP ? ((const Busbar__GroupRow *)row)->bridge
                                : ((const Busbar__MeterRow *)row)->bridge;
}

static void row_is_over(struct usage *usage, enum cfg_table table, uint64_t id, const ProtobufCMessage *before)
{
    const struct bridge *bridge = bridge_find(usage->agent, bridge_of_row(table, before));

    if (bridge != NULL && bridge->is_served) {
        return; /* whoever deleted it does all that */
    }
    if (table == CFG_RULE) {
        orphan(usage, counter_id(COUNTER_RULE, id));
    } else if (table == CFG_METER) {
        meter_mod_forget(usage->agent, id);
    } else {
        const Busbar__GroupRow *group = (const Busbar__GroupRow *)before;
        orphan(usage, counter_id(COUNTER_GROUP, id));
        for (size_t i = 0; i < group->n_buckets; i++) {
            orphan(usage, counter_id(COUNTER_BUCKET, id << 16 | group->buckets[i]->counter));
        }
    }
}

void usage_row_changed(struct usage *usage, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    struct ofagent *agent = usage->agent;

    if (after == NULL) {
        row_is_over(usage, table, id, before);
    } else if (table == CFG_GROUP && id > agent->group_row_max) {
        agent->group_row_max = id;
    }
}

void usage_rule_gone(struct usage *usage, uint64_t rule)
{
    orphan(usage, counter_id(COUNTER_RULE, rule));
}

static bool touch(const struct flow_table *table, uint64_t rule, int64_t used_ns)
{
    struct flow_entry *entry = table != NULL ? flow_table_by_id(table, rule) : NULL;

    if (entry != NULL && used_ns > entry->used_ns) {
        entry->used_ns = used_ns;
    }
    return entry != NULL;
}

/* In the tables that are being loaded as well. False: no bridge has the rule. */
static bool touch_rule(const struct ofagent *agent, uint64_t rule, int64_t used_ns)
{
    for (const struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        bool is_here = touch(b->flows, rule, used_ns);
        if (touch(b->loading, rule, used_ns) || is_here) {
            return true;
        }
    }
    return false;
}

/* Is this the number of a rule that is over? Greater ones than the mirror has shown are being inserted. While others have bridges, their rules are not in
 * the mirror, so one that is not known here is counted; that it is over is told when it goes (usage_rule_gone), or asked for (strangers.h). */
static bool is_over(const struct ofagent *agent, uint64_t id)
{
    uint64_t rule = counter_id_number(id);

    return follow_is_complete(agent) && !counters_has(agent->rule_counters, id) && rule <= cfg_row_max(agent->cfg, CFG_RULE) &&
           cfg_row(agent->cfg, CFG_RULE, rule) == NULL;
}

/* The rule is in use: its idle time begins anew. False: there is no such rule any more, and the shard is told. */
static bool note_use(struct usage *usage, const Busbar__UsageValue *value)
{
    int64_t used_ns = (int64_t)usage->agent->now_ns - (int64_t)value->idle_ns;

    if (!touch_rule(usage->agent, counter_id_number(value->id), used_ns)) {
        if (is_over(usage->agent, value->id)) {
            orphan(usage, value->id);
            return false;
        }
        if (!counters_has(usage->agent->rule_counters, value->id)) {
            strangers_note(usage->strangers, value->id);
        }
    }
    counters_note_use(usage->agent->rule_counters, value->id, used_ns);
    return true;
}

static bool has_counter(const struct group *group, uint16_t counter)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (group->buckets[i].counter == counter) {
            return true;
        }
    }
    return false;
}

/* The mirror shows the group, and its bridge's tables are not loaded here. */
static bool is_of_other(const struct ofagent *agent, uint64_t row)
{
    const Busbar__GroupRow *group = (const Busbar__GroupRow *)cfg_row(agent->cfg, CFG_GROUP, row);
    const struct bridge *bridge = group != NULL ? bridge_find(agent, group->bridge) : NULL;

    return bridge != NULL && bridge->state != BRIDGE_READY;
}

/* Is there a group or bucket that counts under this id, or may there be one soon? When not, the shard is told. */
static bool is_of_group(struct usage *usage, uint64_t id)
{
    bool is_bucket = counter_id_kind(id) == COUNTER_BUCKET, may_come = true;
    uint64_t number = counter_id_number(id), row = is_bucket ? number >> 16 : number;

    for (const struct bridge *b = usage->agent->bridges; b != NULL; b = b->next) {
        const struct group_entry *entry = group_table_by_row(b->groups, row);
        if (entry != NULL && (!is_bucket || has_counter(&entry->group, (uint16_t)number))) {
            return true;
        }
        may_come = may_come && entry == NULL && (b->state != BRIDGE_READY || row > b->group_row_max);
    }
    if (is_of_other(usage->agent, row)) {
        return true;
    }
    may_come = may_come && row > usage->agent->group_row_max;
    if (!may_come) {
        orphan(usage, id);
    }
    return may_come;
}

static bool is_wanted(struct usage *usage, const Busbar__UsageValue *value)
{
    switch (counter_id_kind(value->id)) {
    case COUNTER_RULE:
        return note_use(usage, value);
    case COUNTER_GROUP:
    case COUNTER_BUCKET:
        return is_of_group(usage, value->id);
    case COUNTER_TABLE:
    case COUNTER_METER:
    case COUNTER_MAC:
    case COUNTER_PATCH_IN:
    case COUNTER_PATCH_OUT:
        break;
    }
    return true;
}

static void credit_meter(struct usage *usage, const Busbar__MeterUsage *m)
{
    struct meter_counts counts = {.n_packets = m->packets, .n_bytes = m->bytes};

    for (size_t i = 0; i < m->n_band_packets && i < m->n_band_bytes && i < METER_BANDS_MAX; i++) {
        counts.bands[i].n_packets = m->band_packets[i];
        counts.bands[i].n_bytes = m->band_bytes[i];
    }
    meter_mod_report(usage->agent, m->meter, &counts);
}

static void credit(struct usage *usage, const struct shard *shard, const Busbar__UsageReport *report)
{
    for (size_t i = 0; i < report->n_values; i++) {
        const Busbar__UsageValue *value = report->values[i];
        if (is_wanted(usage, value)) {
            counters_report(usage->agent->rule_counters, shard->start, value->id, (uint64_t[]){value->packets, value->bytes});
        }
    }
    for (size_t i = 0; i < report->n_meters; i++) {
        credit_meter(usage, report->meters[i]);
    }
    for (size_t i = 0; i < report->n_ports; i++) {
        const Busbar__PortUsage *p = report->ports[i];
        counters_report(usage->agent->port_counters, shard->start, p->port,
                        (uint64_t[]){p->rx_packets, p->rx_bytes, p->rx_dropped, p->rx_errors, p->tx_packets, p->tx_bytes,
                                     p->tx_dropped, p->tx_errors});
    }
}

static void on_report(struct usage *usage, struct shard *shard, const Busbar__UsageReport *report)
{
    struct floor_shard *state = floor_by_start(&usage->agent->floor, shard->start);

    usage->n_reports++;
    bool is_next = shard->sequence != 0 && report->sequence == shard->sequence + 1;
    bool goes_on = shard->is_in_report && report->sequence == shard->sequence;
    if (!is_next && !goes_on && !report->all && shard->sequence != 0) {
        ask_all(usage, shard);
        return;
    }
    shard->sequence = report->sequence;
    if (report->all) {
        shard->has_all = true;
    }
    if (!shard->is_in_report && state != NULL) {
        shard->is_in_report = true;
        shard->at_begin = state->floor;
    }
    credit(usage, shard, report);
    if (!report->last) {
        return;
    }
    shard->is_in_report = false;
    if (state != NULL && shard->has_all) {
        state->has_reported = true;
        state->counted = shard->at_begin;
    }
}

static void on_message(struct usage *usage, struct shard *shard, const struct bus_message *message)
{
    if (message->from.start != shard->start) {
        return; /* another life of that process: its own row has yet to come */
    }
    shard->heard_ns = usage->agent->now_ns;
    if (message->type == MESSAGE_USAGE_REPORT) {
        Busbar__UsageReport *report = (Busbar__UsageReport *)msg_unpack(message, &busbar__usage_report__descriptor);
        if (report != NULL) {
            on_report(usage, shard, report);
            protobuf_c_message_free_unpacked(&report->base, NULL);
            return;
        }
    } else if (message->type == MESSAGE_USAGE_FLOOR) {
        Busbar__UsageFloor *floor = (Busbar__UsageFloor *)msg_unpack(message, &busbar__usage_floor__descriptor);
        if (floor != NULL) {
            floor_set(&usage->agent->floor, shard->start, version_decode(floor->floor));
            protobuf_c_message_free_unpacked(&floor->base, NULL);
            return;
        }
    }
    usage->n_malformed++;
}

static void send_retired(struct usage *usage)
{
    Busbar__UsageRetired retired = BUSBAR__USAGE_RETIRED__INIT;

    if (usage->n_retired == 0) {
        return;
    }
    retired.ids = usage->retired;
    retired.n_ids = usage->n_retired;
    for (size_t i = 0; i < usage->n_shards; i++) {
        /* A shard that has no room keeps the ids a little longer: they cost it memory until it restarts, nothing else. */
        (void)!msg_send(usage->shards[i].socket, NULL, MESSAGE_USAGE_RETIRED, &retired.base);
    }
    usage->n_retired = 0;
}

/* While nobody waits for a floor poll() is not asked, and once in a while is often enough. */
static bool may_have_said(const struct ofagent *agent, struct shard *shard)
{
    bool was_asked = agent->awaited_floor || !agent->has_polled;
    bool may_have = was_asked ? agent_may_have(agent, bus_fd(shard->socket), POLLIN) : agent->now_ns - shard->looked_ns >= USAGE_LOOK_NS;

    shard->looked_ns = may_have ? agent->now_ns : shard->looked_ns;
    return may_have;
}

void usage_step(struct usage *usage)
{
    for (size_t i = 0; i < usage->n_shards; i++) {
        struct shard *shard = &usage->shards[i];
        struct bus_message message;

        say_hello(usage, shard);
        bool may_have = may_have_said(usage->agent, shard);
        for (int n = 0; may_have && n < USAGE_RECEIVE_PER_STEP && bus_recv(shard->socket, &message) == 0; n++) {
            on_message(usage, shard, &message);
            bus_message_fini(&message);
        }
    }
    take_strangers(usage);
    end_orphans(usage);
    send_retired(usage);
}

void usage_retire(struct usage *usage, uint64_t counter)
{
    if (usage->n_retired == RETIRED_MAX) {
        send_retired(usage);
    }
    usage->retired[usage->n_retired++] = counter;
}

size_t usage_fds(const struct usage *usage, int *out_fds, size_t room)
{
    size_t n = 0;

    for (size_t i = 0; i < usage->n_shards && n < room; i++) {
        int fd = bus_fd(usage->shards[i].socket);
        if (fd >= 0) {
            out_fds[n++] = fd;
        }
    }
    return n;
}

json_t *usage_status(const struct usage *usage)
{
    json_t *shards = json_array();

    for (size_t i = 0; i < usage->agent->floor.count; i++) {
        const struct floor_shard *shard = &usage->agent->floor.shards[i];
        json_array_append_new(shards, json_pack("{s:I, s:b, s:I, s:I, s:b}", "service", (json_int_t)shard->service, "has_floor",
                                                shard->has_floor, "floor_epoch", (json_int_t)shard->floor.epoch, "floor",
                                                (json_int_t)shard->floor.n, "has_reported", shard->has_reported));
    }
    return json_pack("{s:o, s:I, s:I, s:I}", "shards", shards, "reports", (json_int_t)usage->n_reports, "gaps",
                     (json_int_t)usage->n_gaps, "malformed", (json_int_t)usage->n_malformed);
}
