/* Reports of use.
 *
 *     every 500 ms:   settle all flows, 2,048 a step  -->  begin a report to each receiver  -->  a piece or some a step, in turns
 *
 * A report carries the values that changed since the receiver's last one; as values are cumulative, one that is lost or put off costs
 * freshness only. A million counters take many steps, so the values of one report are of many moments. Two things keep that harmless:
 * a value that changes once the report has begun counts as changed after it, and is told again with the next one; and the first piece is
 * sent before any counter has been looked at (or with those of the same step), so everything in a report is at least as new as what was
 * sent before its first piece, the floor above all: what ofagent needs for final counts.
 * A piece that finds no room is made again later, from the same place; a receiver that takes none for STUCK_MS has its report put off.
 * The floor goes to ofagents behind each report; when it moves at once to those whose commits it has passed, because their barriers wait for it, and a
 * little later to the others, whom it would wake for nothing.
 * Cost: a step has the bounds of usage.h, below 1 ms in all. Worker thread, between bursts.
 * Invariant: `told` moves only when every piece of a report has been taken by the bus.
 */
#include "services/fastpath/usage.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/authors.h"
#include "lib/msg/counter_id.h"
#include "lib/msg/msg.h"
#include "proto/usage.pb-c.h"
#include "services/fastpath/expire.h"

enum {
    MAC_IDLE_S = 60, /* then the last use of an address has long been reported to whoever will ask; random addresses do not pile up (I9) */
    STUCK_MS = 1000,
};

struct usage_report {
    Busbar__UsageReport message;
    Busbar__UsageValue values[USAGE_VALUES_PER_PIECE];
    Busbar__UsageValue *value_pointers[USAGE_VALUES_PER_PIECE];
    Busbar__PortUsage ports[USAGE_PORTS_PER_PIECE];
    Busbar__PortUsage *port_pointers[USAGE_PORTS_PER_PIECE];
    Busbar__MeterUsage meters[USAGE_METERS_PER_PIECE];
    Busbar__MeterUsage *meter_pointers[USAGE_METERS_PER_PIECE];
    uint64_t band_packets[USAGE_METERS_PER_PIECE][POLICER_BANDS_MAX], band_bytes[USAGE_METERS_PER_PIECE][POLICER_BANDS_MAX];
};

void usage_fini(struct usage *usage)
{
    free(usage->piece);
    usage->piece = NULL;
}

static struct usage_receiver *find(struct usage *usage, const struct bus_identity *who)
{
    for (size_t i = 0; i < USAGE_RECEIVERS_MAX; i++) {
        if (usage->receivers[i].is_used && bus_identity_equal(&usage->receivers[i].who, who)) {
            return &usage->receivers[i];
        }
    }
    return NULL;
}

/* A place of the same process's earlier life, or a free one. */
static struct usage_receiver *place_for(struct usage *usage, const struct bus_identity *who)
{
    struct usage_receiver *free_place = NULL;
    for (size_t i = 0; i < USAGE_RECEIVERS_MAX; i++) {
        struct usage_receiver *receiver = &usage->receivers[i];
        if (receiver->is_used && receiver->who.kind == who->kind && receiver->who.instance == who->instance) {
            return receiver;
        }
        if (!receiver->is_used) {
            free_place = receiver;
        }
    }
    return free_place;
}

static void on_hello(struct usage *usage, const struct bus_message *message)
{
    Busbar__UsageHello *hello = (Busbar__UsageHello *)msg_unpack(message, &busbar__usage_hello__descriptor);
    struct usage_receiver *receiver = place_for(usage, &message->from);
    if (hello == NULL || receiver == NULL) {
        LOG_LIMITED(LOG_LEVEL_WARN, "usage_hello_refused peer=%s.%u", process_kind_name(message->from.kind), message->from.instance);
    } else {
        uint64_t sequence = receiver->is_used && bus_identity_equal(&receiver->who, &message->from) ? receiver->sequence : 0;
        *receiver = (struct usage_receiver){.is_used = true, .who = message->from, .sequence = sequence, .wants_all = true};
        for (size_t i = 0; i < hello->n_kinds; i++) {
            receiver->kinds |= hello->kinds[i] < 64 ? UINT64_C(1) << hello->kinds[i] : 0;
        }
        usage->reported_ns = 0; /* all values first: at once */
    }
    if (hello != NULL) {
        protobuf_c_message_free_unpacked(&hello->base, NULL);
    }
}

static void on_retired(struct shard *shard, const struct bus_message *message)
{
    Busbar__UsageRetired *retired = (Busbar__UsageRetired *)msg_unpack(message, &busbar__usage_retired__descriptor);
    for (size_t i = 0; retired != NULL && i < retired->n_ids; i++) {
        counter_set_retire(&shard->counters, retired->ids[i]);
    }
    if (retired != NULL) {
        protobuf_c_message_free_unpacked(&retired->base, NULL);
    }
}

static void on_message(struct usage *usage, struct shard *shard, const struct bus_message *message)
{
    struct usage_receiver *receiver = find(usage, &message->from);
    if (message->type == MESSAGE_USAGE_HELLO) {
        on_hello(usage, message);
    } else if (message->type == MESSAGE_USAGE_RETIRED) {
        on_retired(shard, message);
    } else if (message->type == MESSAGE_USAGE_ASK_ALL && receiver != NULL) {
        receiver->wants_all = true;
        receiver->is_reporting = false; /* what is under way would leave the same gap */
        usage->reported_ns = 0;
    }
}

static void fill_port(const struct port *port, Busbar__PortUsage *out)
{
    struct io_stats stats = {0};
    busbar__port_usage__init(out);
    if (port->io != NULL) {
        port->io->ops->stats(port->io, &stats);
    }
    out->port = port->id;
    out->rx_packets = port->rx_packets;
    out->rx_bytes = port->rx_bytes;
    out->tx_packets = port->tx_packets;
    out->tx_bytes = port->tx_bytes;
    out->rx_errors = port->rx_drops[DROP_FRAME_TOO_SHORT] + stats.too_long;
    out->rx_dropped = stats.receive_ring_full + stats.no_frame;
    for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
        out->tx_dropped += port->tx_drops[reason];
    }
}

static void add_value(struct usage_report *report, const struct counter *counter, uint64_t now_ns)
{
    Busbar__UsageValue *value = &report->values[report->message.n_values++];
    busbar__usage_value__init(value);
    value->id = counter->id;
    value->packets = counter->packets;
    value->bytes = counter->bytes;
    value->idle_ns = now_ns - counter->used_ns;
}

/* Pieces and slots that the step may still send and look at. */
struct budget {
    unsigned n_pieces;
    uint32_t n_slots;
};

static void add_ports(struct usage_report *report, const struct port_set *set, uint32_t *port)
{
    while (*port < set->n_ports && report->message.n_ports < USAGE_PORTS_PER_PIECE) {
        fill_port(set->ports[(*port)++], &report->ports[report->message.n_ports++]);
    }
}

static void add_meter(struct usage_report *report, uint64_t id, const struct meter_counts *counts)
{
    size_t i = report->message.n_meters++;
    Busbar__MeterUsage *meter = &report->meters[i];
    busbar__meter_usage__init(meter);
    meter->meter = id;
    meter->packets = counts->packets;
    meter->bytes = counts->bytes;
    meter->band_packets = report->band_packets[i];
    meter->band_bytes = report->band_bytes[i];
    meter->n_band_packets = meter->n_band_bytes = counts->n_bands;
    for (size_t k = 0; k < counts->n_bands; k++) {
        report->band_packets[i][k] = counts->bands[k].packets;
        report->band_bytes[i][k] = counts->bands[k].bytes;
    }
}

/* Adds meters that changed since the receiver's last report, whoever saw it first; true when all have been looked at. Whoever did is told again
 * with the next report. */
static bool add_meters(struct usage_report *report, const struct usage_receiver *receiver, const struct shard *shard, size_t *cursor,
                       struct budget *budget)
{
    const struct meter_set *set = shard->worker.meters;
    bool is_theirs = set != NULL && (receiver->kinds >> COUNTER_METER & 1) != 0;
    uint64_t id;
    while (is_theirs && budget->n_slots > 0 && report->message.n_meters < USAGE_METERS_PER_PIECE) {
        struct meter_counts counts;
        if ((id = meter_set_next(set, cursor)) == 0) {
            return true;
        }
        budget->n_slots--;
        if (!meter_set_read(set, id, &counts)) {
            continue;
        }
        struct policer *policer = meter_set_find(set, id);
        if (counts.packets != policer->seen_packets) {
            policer->seen_packets = counts.packets;
            policer->changed = shard->counters.tick; /* of the next report: others have looked at it already in the one of this tick */
        }
        if (receiver->is_all || policer->changed > receiver->told) {
            add_meter(report, id, &counts);
        }
    }
    return !is_theirs;
}

/* Adds the receiver's changed values from *slot on, as far as piece and budget go. */
static void add_values(struct usage_report *report, const struct usage_receiver *receiver, const struct counter_set *set, uint32_t *slot,
                       struct budget *budget, uint64_t now_ns)
{
    for (; *slot < set->n_slots && budget->n_slots > 0 && report->message.n_values < USAGE_VALUES_PER_PIECE; (*slot)++, budget->n_slots--) {
        const struct counter *counter = &set->counters[*slot];
        bool is_theirs = counter->id != 0 && (receiver->kinds >> counter_id_kind(counter->id) & 1) != 0;
        if (is_theirs && (receiver->is_all || counter->changed > receiver->told)) {
            add_value(report, counter, now_ns);
        }
    }
}

static struct usage_report *begin_piece(struct usage *usage, const struct usage_receiver *receiver)
{
    if (usage->piece == NULL) {
        usage->piece = memory_zeroed(sizeof *usage->piece);
        for (size_t i = 0; i < USAGE_VALUES_PER_PIECE; i++) {
            usage->piece->value_pointers[i] = &usage->piece->values[i];
        }
        for (size_t i = 0; i < USAGE_PORTS_PER_PIECE; i++) {
            usage->piece->port_pointers[i] = &usage->piece->ports[i];
        }
        for (size_t i = 0; i < USAGE_METERS_PER_PIECE; i++) {
            usage->piece->meter_pointers[i] = &usage->piece->meters[i];
        }
    }
    struct usage_report *report = usage->piece;
    busbar__usage_report__init(&report->message);
    report->message.sequence = receiver->sequence;
    report->message.all = receiver->is_all && !receiver->has_begun;
    report->message.values = report->value_pointers;
    report->message.ports = report->port_pointers;
    report->message.meters = report->meter_pointers;
    return report;
}

static void put_off(struct usage *usage, struct usage_receiver *receiver)
{
    receiver->is_reporting = false;
    receiver->wants_all = receiver->wants_all || receiver->is_all;
    usage->n_late++;
}

static void send_floor(struct usage *usage, const struct shard *shard, struct usage_receiver *receiver)
{
    Busbar__UsageFloor message = BUSBAR__USAGE_FLOOR__INIT;
    Busbar__Version floor;
    version_encode(shard->floor, &floor);
    message.floor = &floor;
    message.registered = usage->registered_row;
    if (receiver->who.kind != PROCESS_OFAGENT) {
        return;
    }
    if (msg_send(usage->socket, &receiver->who, MESSAGE_USAGE_FLOOR, &message.base) == 0) {
        receiver->floor_n = shard->floor.n;
    } else {
        usage->n_late++;
    }
}

static bool is_owed_floor(const struct usage_receiver *receiver, const struct shard *shard)
{
    return receiver->is_used && receiver->who.kind == PROCESS_OFAGENT && receiver->floor_n < shard->floor.n;
}

void usage_tell_floor(struct usage *usage, const struct shard *shard, uint64_t authors, uint64_t now_ns)
{
    for (size_t i = 0; i < USAGE_RECEIVERS_MAX; i++) {
        struct usage_receiver *receiver = &usage->receivers[i];
        if (is_owed_floor(receiver, shard) && authors_has(authors, receiver->who.instance)) {
            send_floor(usage, shard, receiver);
        }
        if (is_owed_floor(receiver, shard) && usage->floor_owed_ns == 0) {
            usage->floor_owed_ns = now_ns;
        }
    }
}

bool usage_owes_floor(const struct usage *usage)
{
    return usage->floor_owed_ns != 0;
}

static void tell_floor_later(struct usage *usage, const struct shard *shard, uint64_t now_ns)
{
    if (usage->floor_owed_ns != 0 && now_ns - usage->floor_owed_ns >= USAGE_FLOOR_LATER_MS * NS_PER_MS) {
        usage->floor_owed_ns = 0;
        usage_tell_floor(usage, shard, AUTHORS_ALL, now_ns);
    }
}

/* A piece of the receiver's report, if there is something to say; true when more of it can be sent in this step. */
static bool report_some(struct usage *usage, struct usage_receiver *receiver, const struct shard *shard, struct budget *budget, uint64_t now_ns)
{
    struct usage_report *report = begin_piece(usage, receiver);
    uint32_t slot = receiver->slot, port = receiver->port;
    size_t meter = receiver->meter;
    add_ports(report, &shard->ports, &port);
    bool has_meters = port == shard->ports.n_ports && add_meters(report, receiver, shard, &meter, budget);
    if (has_meters) {
        add_values(report, receiver, &shard->counters, &slot, budget, now_ns);
    }
    report->message.last = has_meters && slot == shard->counters.n_slots;
    bool says_something = report->message.n_values + report->message.n_ports + report->message.n_meters > 0 || report->message.last || !receiver->has_begun;
    if (says_something) {
        int err = msg_send(usage->socket, &receiver->who, MESSAGE_USAGE_REPORT, &report->message.base);
        budget->n_pieces--;
        if (err == -ERROR_NOT_CONNECTED) {
            receiver->is_used = false;
            return false;
        }
        if (err != 0) {
            if (now_ns - receiver->moved_ns >= STUCK_MS * NS_PER_MS) {
                put_off(usage, receiver);
            }
            return false;
        }
        receiver->has_begun = true;
        receiver->moved_ns = now_ns;
    }
    receiver->slot = slot;
    receiver->port = port;
    receiver->meter = meter;
    if (report->message.last) {
        receiver->is_reporting = false;
        receiver->told = receiver->tick;
        send_floor(usage, shard, receiver);
        return false;
    }
    return budget->n_pieces > 0 && budget->n_slots > 0;
}

static void report_step(struct usage *usage, const struct shard *shard, uint64_t now_ns)
{
    struct budget budget = {.n_pieces = USAGE_PIECES_PER_STEP, .n_slots = USAGE_SLOTS_PER_STEP};
    for (size_t i = 0; i < USAGE_RECEIVERS_MAX && budget.n_pieces > 0 && budget.n_slots > 0; i++) {
        struct usage_receiver *receiver = &usage->receivers[usage->next];
        while (receiver->is_used && receiver->is_reporting && report_some(usage, receiver, shard, &budget, now_ns)) {
        }
        usage->next = (usage->next + 1) % USAGE_RECEIVERS_MAX;
    }
}

/* Flows are settled: whoever has its last report begins another. */
static void begin_reports(struct usage *usage, struct shard *shard, uint64_t now_ns)
{
    uint64_t tick = shard->counters.tick++;
    for (size_t i = 0; i < USAGE_RECEIVERS_MAX; i++) {
        struct usage_receiver *receiver = &usage->receivers[i];
        if (!receiver->is_used || receiver->is_reporting) {
            continue;
        }
        receiver->is_reporting = true;
        receiver->is_all = receiver->wants_all;
        receiver->wants_all = receiver->has_begun = false;
        receiver->tick = tick;
        receiver->slot = receiver->port = 0;
        receiver->meter = 0;
        receiver->moved_ns = now_ns;
        receiver->sequence++;
    }
    usage->n_idle_left = shard->counters.n_slots;
}

static void drop_idle_step(struct usage *usage, struct shard *shard, uint64_t now_ns)
{
    uint32_t n = usage->n_idle_left < USAGE_SLOTS_PER_STEP ? usage->n_idle_left : USAGE_SLOTS_PER_STEP;
    usage->n_idle_left -= n;
    if (n > 0) {
        counter_set_drop_idle(&shard->counters, COUNTER_MAC, now_ns, MAC_IDLE_S * NS_PER_S, &usage->idle_slot, n);
    }
}

unsigned usage_step(struct usage *usage, struct shard *shard, uint64_t now_ns)
{
    struct bus_message message;
    unsigned n = 0;
    while (n < 64 && bus_recv(usage->socket, &message) == 0) {
        on_message(usage, shard, &message);
        bus_message_fini(&message);
        n++;
    }
    if (now_ns - usage->reported_ns >= USAGE_REPORT_MS * NS_PER_MS) {
        usage->reported_ns = now_ns;
        usage->is_settling = true;
    }
    if (usage->is_settling && expire_settle_some(shard)) {
        usage->is_settling = false;
        begin_reports(usage, shard, now_ns);
    }
    drop_idle_step(usage, shard, now_ns);
    tell_floor_later(usage, shard, now_ns);
    report_step(usage, shard, now_ns);
    return n;
}
