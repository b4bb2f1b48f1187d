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
#include "services/ofagent/meter_mod.h"

enum { SHARDS_MAX = FLOOR_SHARDS_MAX, RETIRED_MAX = 4096 /* in one message */ };

struct shard {
    uint64_t service;
    uint64_t start;
    struct bus_socket *socket;
    uint64_t heard_ns;
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

struct usage {
    struct ofagent *agent;
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

static struct flow_entry *find_rule(const struct ofagent *agent, uint64_t rule)
{
    for (const struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        struct flow_entry *entry = flow_table_by_id(b->flows, rule);
        if (entry != NULL) {
            return entry;
        }
    }
    return NULL;
}

/* Is this the number of a rule that is over? Greater ones than we know are being inserted; with a bridge not loaded we know nothing. */
static bool is_over(const struct ofagent *agent, uint64_t id)
{
    uint64_t max_id = 0;

    if (counters_has(agent->rule_counters, id)) {
        return false;
    }
    for (const struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        if (b->state != BRIDGE_READY) {
            return false;
        }
        max_id = flow_table_max_id(b->flows) > max_id ? flow_table_max_id(b->flows) : max_id;
    }
    return counter_id_number(id) <= max_id;
}

/* The rule is in use: its idle time begins anew. False: there is no such rule any more, and the shard is told. */
static bool note_use(struct usage *usage, const Busbar__UsageValue *value)
{
    int64_t used_ns = (int64_t)usage->agent->now_ns - (int64_t)value->idle_ns;
    struct flow_entry *entry = find_rule(usage->agent, counter_id_number(value->id));

    if (entry == NULL && is_over(usage->agent, value->id)) {
        usage_retire(usage, value->id);
        return false;
    }
    if (entry != NULL && used_ns > entry->used_ns) {
        entry->used_ns = used_ns;
    }
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
        if (b->state != BRIDGE_READY) {
            return true; /* we know nothing of its groups */
        }
        may_come = may_come && entry == NULL && row > b->group_row_max;
    }
    if (!may_come) {
        usage_retire(usage, id);
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

void usage_step(struct usage *usage)
{
    for (size_t i = 0; i < usage->n_shards; i++) {
        struct shard *shard = &usage->shards[i];
        struct bus_message message;

        say_hello(usage, shard);
        for (int n = 0; n < USAGE_RECEIVE_PER_STEP && bus_recv(shard->socket, &message) == 0; n++) {
            on_message(usage, shard, &message);
            bus_message_fini(&message);
        }
    }
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
