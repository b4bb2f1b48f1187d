/* The control commands of a fastpath.
 *
 * dp-dump-flows and dp-meters go through their tables in slices, a piece of the answer each, so packets do not wait for a dump of very
 * many. Dumps take turns, one slice a tick, and one whose reader has not taken the last piece is passed over: what waits for a
 * reader is a piece. A reader who has gone ends its dump. dp-show gives every counter by its name, with the sums of I4 and I5, so that
 * people and tests read the same.
 * Cost: proportional to what is shown, and bounded a tick. Worker thread, between bursts.
 */
#include "services/fastpath/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "services/fastpath/cycles.h"
#include "services/fastpath/fastpath_private.h"
#include "services/fastpath/flow_dump.h"
#include "services/fastpath/session.h"
#include "services/fastpath/stats.h"
#include "services/fastpath/tier.h"

enum { METERS_PER_TICK = 500, MEASURED_MS = 10 /* the rate of the cycle counter is known from then on */ };

/* A call whose answer takes many ticks. */
struct command_dump {
    struct control_call *call;
    struct flow_dump *flows; /* NULL: of meters */
    size_t cursor;           /* of meters */
    struct command_dump *next;
};

static void begin_dump(struct fastpath *fp, struct command_dump begun)
{
    struct command_dump **link = &fp->dumps;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = memory_copy(&begun, sizeof begun);
}

static void dump_flows(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct fastpath *fp = context;
    struct error_detail detail = {""};
    struct flow_dump *flows;
    int err = flow_dump_new(&fp->shard, arguments, n_arguments, &flows, &detail);
    if (err != 0) {
        control_fail(call, err, "%s", detail.text);
        return;
    }
    begin_dump(fp, (struct command_dump){.call = call, .flows = flows});
}

static void dump_meters(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    begin_dump(context, (struct command_dump){.call = call});
}

/* True: there is more. */
static bool meters_piece(const struct fastpath *fp, struct command_dump *dump, json_t *piece)
{
    uint64_t id = 0;
    for (size_t i = 0; i < METERS_PER_TICK && (id = meter_set_next(fp->meters, &dump->cursor)) != 0; i++) {
        struct meter_counts counts;
        if (!meter_set_read(fp->meters, id, &counts)) {
            continue;
        }
        json_t *bands = json_array();
        for (size_t k = 0; k < counts.n_bands; k++) {
            json_array_append_new(bands, json_pack("{s:I, s:I}", "packets", (json_int_t)counts.bands[k].packets, "bytes",
                                                   (json_int_t)counts.bands[k].bytes));
        }
        json_array_append_new(piece, json_pack("{s:I, s:I, s:I, s:o}", "meter", (json_int_t)id, "packets", (json_int_t)counts.packets,
                                               "bytes", (json_int_t)counts.bytes, "bands", bands));
    }
    return id != 0;
}

/* Takes the first dump out of the list. */
static struct command_dump *take_first(struct fastpath *fp)
{
    struct command_dump *dump = fp->dumps;
    fp->dumps = dump->next;
    dump->next = NULL;
    return dump;
}

static void end_dump(struct command_dump *dump)
{
    flow_dump_destroy(&dump->flows);
    free(dump);
}

void command_step(struct fastpath *fp)
{
    if (fp->dumps == NULL) {
        return;
    }
    struct command_dump *dump = take_first(fp);
    json_t *piece = json_array();
    bool is_lost = control_is_lost(dump->call), has_more = true;
    if (!is_lost && control_has_room(dump->call)) {
        has_more = dump->flows != NULL ? flow_dump_step(dump->flows, fp->now_ns, piece) : meters_piece(fp, dump, piece);
    }
    if (is_lost || !has_more) {
        control_reply(dump->call, piece);
        end_dump(dump);
        return;
    }
    if (json_array_size(piece) > 0) {
        control_piece(dump->call, piece);
    } else {
        json_decref(piece);
    }
    begin_dump(fp, *dump); /* the others have their turn first */
    free(dump);
}

bool command_is_busy(const struct fastpath *fp)
{
    for (const struct command_dump *dump = fp->dumps; dump != NULL; dump = dump->next) {
        if (control_has_room(dump->call) && (dump->flows == NULL || !flow_dump_is_waiting(dump->flows))) {
            return true;
        }
    }
    return false;
}

void command_forget(struct fastpath *fp)
{
    while (fp->dumps != NULL) {
        end_dump(take_first(fp));
    }
}

static json_t *mode_json(const struct port *port)
{
    return port->elsewhere != 0 ? json_sprintf("in fastpath.%u", port->elsewhere) : json_string(port->io != NULL ? port->io->mode : "");
}

/* The receive queues that are open here. */
static json_t *queues_json(const struct port *port)
{
    json_t *json = json_array();
    for (int queue = 0; queue < 64; queue++) {
        if (port->io != NULL && (port->io->queues >> queue & 1) != 0) {
            json_array_append_new(json, json_integer(queue));
        }
    }
    return json;
}

static json_t *live_json(const struct fastpath *fp)
{
    json_t *json = json_array();
    for (size_t i = 0; fp->shards != NULL && i < fp->shards->n_live; i++) {
        json_array_append_new(json, json_integer(fp->shards->live[i]));
    }
    return json;
}

static json_t *port_json(const struct port *port)
{
    struct io_stats stats = {0};
    if (port->io != NULL) {
        port->io->ops->stats(port->io, &stats);
    }
    return json_pack("{s:s, s:i, s:o, s:s, s:s, s:b, s:i, s:i, s:I, s:I, s:I, s:I, s:o, s:o, s:I, s:I, s:I, s:I, s:o}", "name", port->name, "id",
                     (int)port->id, "mode", mode_json(port), "why", port->io != NULL ? port->io->why : "", "error",
                     port->error, "up", port->can_send, "mtu", (int)port->mtu, "masks", (int)port->megaflows.n_subtables, "rx_packets",
                     (json_int_t)port->rx_packets, "rx_bytes", (json_int_t)port->rx_bytes, "tx_packets", (json_int_t)port->tx_packets,
                     "tx_bytes", (json_int_t)port->tx_bytes, "rx_drops", stats_drops_json(port->rx_drops), "tx_drops",
                     stats_drops_json(port->tx_drops), "receive_ring_full", (json_int_t)stats.receive_ring_full, "too_long",
                     (json_int_t)stats.too_long, "no_frame", (json_int_t)stats.no_frame, "not_written", (json_int_t)stats.not_written,
                     "queues", queues_json(port));
}

static json_t *totals_json(const struct worker *worker)
{
    const struct worker_totals *t = &worker->totals;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b}", "received", (json_int_t)t->received, "packets_out",
                     (json_int_t)t->packets_out, "copies", (json_int_t)t->copies, "sent", (json_int_t)t->sent, "sent_up",
                     (json_int_t)t->sent_up, "consumed", (json_int_t)t->consumed, "pending", (json_int_t)worker->pending.n_packets,
                     "exact_hits", (json_int_t)t->exact_hits, "megaflow_hits", (json_int_t)t->megaflow_hits, "misses",
                     (json_int_t)t->misses, "bursts", (json_int_t)t->bursts, "recirculated", (json_int_t)t->recirculated, "unmetered",
                     (json_int_t)t->unmetered, "drops", stats_drops_json(t->drops), "balanced",
                     worker_is_balanced(worker));
}

static json_t *tier_json(const struct fastpath *fp)
{
    const struct tier *tier = fp->shard.tier;
    const char *why = tier_is_on(tier) ? "" : tier != NULL ? "switched off" : fp->no_tier != NULL ? fp->no_tier : "no devices that have it";
    return json_pack("{s:b, s:s, s:i, s:I, s:I}", "on", tier_is_on(tier), "why", why, "entries", (int)tier_count(tier), "full",
                     (json_int_t)tier_count_full(tier), "packets", (json_int_t)fp->shard.worker.totals.kernel_hits);
}

static json_t *sessions_json(const struct shard *shard, uint64_t now_ns)
{
    json_t *json = json_array();
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *session = &shard->sessions[i];
        if (session->state == SESSION_FREE) {
            continue;
        }
        json_array_append_new(json, json_pack("{s:o, s:b, s:I, s:I, s:I, s:f}", "peer",
                                              json_sprintf("%s.%u", process_kind_name(session->who.kind), session->who.instance), "open",
                                              session->state == SESSION_OPEN, "reached", (json_int_t)session->reached.n, "flows",
                                              (json_int_t)session->n_owned, "answers", (json_int_t)session->answers, "seconds",
                                              (double)(now_ns - session->opened_ns) / 1e9));
    }
    return json;
}

static json_t *counts_json(const struct shard_counts *counts)
{
    json_t *json = json_object();
#define SHARD_COUNT(name) json_object_set_new(json, #name, json_integer((json_int_t)counts->name));
    SHARD_COUNTS
#undef SHARD_COUNT
    return json;
}

static void show(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct fastpath *fp = context;
    struct shard *shard = &fp->shard;
    json_t *ports = json_array();
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        json_array_append_new(ports, port_json(shard->ports.ports[i]));
    }
    json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "live", live_json(fp), "kernel_tier", tier_json(fp), "ports", ports, "totals",
                             totals_json(&shard->worker), "frames", stats_frames_json(shard->umem), "sessions",
                             sessions_json(shard, fp->now_ns), "counts", counts_json(&shard->counts), "flows",
                             (json_int_t)flow_table_count(shard->flows), "exact_entries", (json_int_t)exact_size(&shard->worker.exact));
    control_reply(call, json);
}

static void stats(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    const struct fastpath *fp = context;
    uint64_t n_cycles = cycles() - fp->began_cycles, ns = fp->now_ns - fp->began_ns;
    double cycles_per_s = ns > MEASURED_MS * NS_PER_MS ? (double)n_cycles * 1e9 / (double)ns : 0;
    control_reply(call, stats_json(&fp->shard, fp->now_ns, cycles_per_s));
}

const char *command_state(const struct fastpath *fp)
{
    const struct shard *shard = &fp->shard;
    return !cfg_has_snapshot(fp->cfg)           ? "no configuration yet"
           : !cfg_is_connected(fp->cfg)        ? "configdb does not answer"
           : !shard->is_registered             ? "not registered: no slowpath is admitted yet"
           : session_count_open(shard) == 0    ? "no slowpath: new flows are dropped"
                                               : "ok";
}

json_t *command_status(void *context)
{
    struct fastpath *fp = context;
    struct shard *shard = &fp->shard;
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:b}", "state", command_state(fp), "registered", shard->is_registered, "sessions",
                     (json_int_t)session_count_open(shard), "ports", (json_int_t)shard->ports.n_ports, "flows",
                     (json_int_t)flow_table_count(shard->flows), "floor", (json_int_t)shard->floor.n, "received",
                     (json_int_t)shard->worker.totals.received, "configdb", cfg_is_connected(fp->cfg));
}

const struct control_command command_table[] = {
    {.name = "dp-dump-flows",
     .usage = "[FILTER [SORT [TOP]]]",
     .help = "Flows of this fastpath (that such a packet could hit, with owner=PROCESS.N and actions~TEXT as it says) with their use, actions and "
             "owner; the TOP first by packets, bytes, rate or used.",
     .needs = ROLE_READ,
     .run = dump_flows},
    {.name = "dp-meters",
     .usage = "",
     .help = "Packets that went through each meter, and those its bands acted on, in all fastpaths together.",
     .needs = ROLE_READ,
     .run = dump_meters},
    {.name = "dp-show", .usage = "", .help = "Ports, caches, sessions, frames and every counter.", .needs = ROLE_READ, .run = show},
    {.name = "dp-stats", .usage = "", .help = "Work by stage, lookups, caches and drops; cumulative, raw.", .needs = ROLE_READ, .run = stats},
};
const size_t command_count = sizeof command_table / sizeof command_table[0];
