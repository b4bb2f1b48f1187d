/* Reports of use.
 *
 * A report carries the values that changed since the receiver's last one; as values are cumulative, one that is lost or put off costs
 * freshness only. The floor goes to ofagents behind each report and at once when it moves, because barriers wait for it.
 * Cost: every 500 ms a look at all flows, 2,048 a millisecond, and one pass over the counters. Worker thread, between bursts.
 * Invariant: `told` moves only when every piece of a report has been taken by the bus.
 */
#include "services/fastpath/usage.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "lib/msg/msg.h"
#include "proto/usage.pb-c.h"
#include "services/fastpath/expire.h"

enum {
    VALUES_PER_PIECE = 1024,
    MAC_IDLE_S = 60, /* then the last use of an address has long been reported to whoever will ask; random addresses do not pile up (I9) */
};

struct report {
    Busbar__UsageReport message;
    Busbar__UsageValue values[VALUES_PER_PIECE];
    Busbar__UsageValue *value_pointers[VALUES_PER_PIECE];
    Busbar__PortUsage *ports;
    Busbar__PortUsage **port_pointers;
};

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

static bool send_piece(struct usage *usage, struct usage_receiver *receiver, struct report *report)
{
    int err = msg_send(usage->socket, &receiver->who, MESSAGE_USAGE_REPORT, &report->message.base);
    if (err == -ERROR_NOT_CONNECTED) {
        receiver->is_used = false;
    }
    report->message.n_values = 0;
    report->message.n_ports = 0;
    report->message.all = false;
    return err == 0;
}

static void add_value(struct report *report, const struct counter *counter, uint64_t now_ns)
{
    size_t n = report->message.n_values++;
    busbar__usage_value__init(&report->values[n]);
    report->values[n].id = counter->id;
    report->values[n].packets = counter->packets;
    report->values[n].bytes = counter->bytes;
    report->values[n].idle_ns = now_ns - counter->used_ns;
    report->value_pointers[n] = &report->values[n];
}

static bool report_to(struct usage *usage, struct usage_receiver *receiver, const struct shard *shard, struct report *report, uint64_t now_ns)
{
    busbar__usage_report__init(&report->message);
    report->message.sequence = ++receiver->sequence;
    report->message.all = receiver->wants_all;
    report->message.values = report->value_pointers;
    report->message.n_ports = shard->ports.n_ports;
    report->message.ports = report->port_pointers;
    for (uint32_t slot = 0; slot < shard->counters.n_slots; slot++) {
        const struct counter *counter = &shard->counters.counters[slot];
        bool is_theirs = counter->id != 0 && (receiver->kinds >> counter_id_kind(counter->id) & 1) != 0;
        if (!is_theirs || (!receiver->wants_all && counter->changed <= receiver->told)) {
            continue;
        }
        add_value(report, counter, now_ns);
        if (report->message.n_values == VALUES_PER_PIECE && !send_piece(usage, receiver, report)) {
            return false;
        }
    }
    report->message.last = true;
    return send_piece(usage, receiver, report);
}

static void send_floor(struct usage *usage, const struct shard *shard, struct usage_receiver *receiver)
{
    Busbar__UsageFloor message = BUSBAR__USAGE_FLOOR__INIT;
    Busbar__Version floor;
    version_encode(shard->floor, &floor);
    message.floor = &floor;
    message.registered = usage->registered_row;
    if (receiver->who.kind == PROCESS_OFAGENT && msg_send(usage->socket, &receiver->who, MESSAGE_USAGE_FLOOR, &message.base) != 0) {
        usage->n_late++;
    }
}

void usage_tell_floor(struct usage *usage, const struct shard *shard)
{
    for (size_t i = 0; i < USAGE_RECEIVERS_MAX; i++) {
        if (usage->receivers[i].is_used) {
            send_floor(usage, shard, &usage->receivers[i]);
        }
    }
}

static void report_all(struct usage *usage, struct shard *shard, uint64_t now_ns)
{
    struct report *report = memory_zeroed(sizeof *report);
    report->ports = memory_array(shard->ports.n_ports + 1, sizeof *report->ports);
    report->port_pointers = memory_array(shard->ports.n_ports + 1, sizeof(Busbar__PortUsage *));
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        fill_port(shard->ports.ports[i], &report->ports[i]);
        report->port_pointers[i] = &report->ports[i];
    }
    for (size_t i = 0; i < USAGE_RECEIVERS_MAX; i++) {
        struct usage_receiver *receiver = &usage->receivers[i];
        if (!receiver->is_used) {
            continue;
        }
        if (report_to(usage, receiver, shard, report, now_ns)) {
            receiver->told = shard->counters.tick;
            receiver->wants_all = false;
            send_floor(usage, shard, receiver);
        } else {
            usage->n_late++;
        }
    }
    shard->counters.tick++;
    counter_set_drop_idle(&shard->counters, COUNTER_MAC, now_ns, MAC_IDLE_S * NS_PER_S);
    free(report->ports);
    free(report->port_pointers);
    free(report);
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
        report_all(usage, shard, now_ns);
    }
    return n;
}
