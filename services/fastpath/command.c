/* The control commands of a fastpath.
 *
 * dp-dump-flows goes through the flows 500 a tick with a cursor, a piece of the answer each, so packets do not wait for a dump of very
 * many; flows that come or go meanwhile may or may not be shown. dp-meters does the same with meters. dp-show gives every counter by its
 * name, with the sums of I4 and I5, so that people and tests read the same.
 * Cost: proportional to what is shown, some 15 us a flow. Worker thread, between bursts.
 */
#include "services/fastpath/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "services/fastpath/fastpath_private.h"
#include "services/fastpath/session.h"

enum { FLOWS_PER_TICK = 500, METERS_PER_TICK = 500 };

struct flow_dump {
    struct control_call *call;
    bool is_of_meters;
    struct match wanted;
    size_t cursor;
    struct flow_dump *next;
};

static json_t *owner_json(const struct shard *shard, const struct flow *flow)
{
    if (flow->owner == OWNER_NONE) {
        return json_null();
    }
    const struct session *session = &shard->sessions[flow->owner];
    return json_sprintf("%s.%u%s", process_kind_name(session->who.kind), session->who.instance,
                        session->state == SESSION_OPEN ? "" : " (closed)");
}

static const char *port_name(const void *context, uint32_t id)
{
    const struct port *port = port_set_find(context, id);
    return port != NULL ? port->name : NULL;
}

static bool port_by_name(const void *context, const char *name, uint32_t *out_id)
{
    const struct port_set *set = context;
    for (size_t i = 0; i < set->n_ports; i++) {
        if (strcmp(set->ports[i]->name, name) == 0) {
            *out_id = set->ports[i]->id;
            return true;
        }
    }
    return false;
}

static struct match flow_match(const struct flow *flow)
{
    struct match match = {0};
    match.value.key = flow->key;
    match.mask.key = flow->mask->bits;
    return match;
}

static json_t *flow_json(const struct shard *shard, const struct flow *flow, uint64_t now_ns)
{
    struct match match = flow_match(flow);
    struct match_ports ports = {.by_number = port_name, .context = &shard->ports};
    char *text = match_format(&match, &ports);
    char *actions = dp_actions_format(flow->program->actions, flow->program->n_actions, &ports);
    double used_s = flow->packets > 0 ? (double)(now_ns - flow->used_ns) / 1e9 : -1;
    json_t *json = json_pack("{s:o, s:s, s:I, s:I, s:o, s:s, s:o, s:I, s:b}", "id",
                             json_sprintf("%016" PRIx64 "%016" PRIx64, flow->id.high, flow->id.low), "match", text, "packets",
                             (json_int_t)flow->packets, "bytes", (json_int_t)flow->bytes, "used_s",
                             used_s < 0 ? json_null() : json_real(used_s), "actions", actions, "owner", owner_json(shard, flow), "version",
                             (json_int_t)flow->version_n, "exact", flow->entered == FLOW_KEY_BY_KEY);
    free(text);
    free(actions);
    return json;
}

static void begin_dump(struct fastpath *fp, struct flow_dump begun)
{
    struct flow_dump **link = &fp->dumps;
    while (*link != NULL) {
        link = &(*link)->next;
    }
    *link = memory_copy(&begun, sizeof begun);
}

static void dump_flows(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct fastpath *fp = context;
    struct match_ports ports = {.by_name = port_by_name, .context = &fp->shard.ports};
    struct error_detail detail = {""};
    struct match wanted;
    int err = match_parse(n_arguments > 0 ? arguments[0] : "", &ports, &wanted, &detail);
    if (err != 0) {
        control_fail(call, err, "%s", detail.text);
        return;
    }
    begin_dump(fp, (struct flow_dump){.call = call, .wanted = wanted});
}

static void dump_meters(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    begin_dump(context, (struct flow_dump){.call = call, .is_of_meters = true});
}

/* True: there is more. */
static bool flows_piece(struct fastpath *fp, struct flow_dump *dump, json_t *piece)
{
    struct flow *flow = NULL;
    for (size_t i = 0; i < FLOWS_PER_TICK && (flow = flow_table_next(fp->shard.flows, &dump->cursor)) != NULL; i++) {
        struct match match = flow_match(flow);
        if (match_overlaps(&dump->wanted, &match)) {
            json_array_append_new(piece, flow_json(&fp->shard, flow, fp->now_ns));
        }
    }
    return flow != NULL;
}

static bool meters_piece(const struct fastpath *fp, struct flow_dump *dump, json_t *piece)
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

void command_step(struct fastpath *fp)
{
    struct flow_dump *dump = fp->dumps;
    if (dump == NULL) {
        return;
    }
    json_t *piece = json_array();
    if (dump->is_of_meters ? meters_piece(fp, dump, piece) : flows_piece(fp, dump, piece)) {
        control_piece(dump->call, piece);
        return;
    }
    control_reply(dump->call, piece);
    fp->dumps = dump->next;
    free(dump);
}

void command_forget(struct fastpath *fp)
{
    while (fp->dumps != NULL) {
        struct flow_dump *dump = fp->dumps;
        fp->dumps = dump->next;
        free(dump);
    }
}

static json_t *drops_json(const uint64_t *drops)
{
    json_t *json = json_object();
    for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
        if (drops[reason] != 0) {
            json_object_set_new(json, drop_name((enum drop_reason)reason), json_integer((json_int_t)drops[reason]));
        }
    }
    return json;
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
                     "tx_bytes", (json_int_t)port->tx_bytes, "rx_drops", drops_json(port->rx_drops), "tx_drops",
                     drops_json(port->tx_drops), "receive_ring_full", (json_int_t)stats.receive_ring_full, "too_long",
                     (json_int_t)stats.too_long, "no_frame", (json_int_t)stats.no_frame, "not_written", (json_int_t)stats.not_written,
                     "queues", queues_json(port));
}

static json_t *frames_json(const struct umem *umem)
{
    json_t *json = json_object();
    for (int state = 0; state < FRAME_STATE_COUNT; state++) {
        json_object_set_new(json, frame_state_name((enum frame_state)state), json_integer(umem_count(umem, (enum frame_state)state)));
    }
    json_object_set_new(json, "total", json_integer(umem_total(umem)));
    json_object_set_new(json, "sound", json_boolean(umem_is_sound(umem)));
    return json;
}

static json_t *totals_json(const struct worker *worker)
{
    const struct worker_totals *t = &worker->totals;
    return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:b}", "received", (json_int_t)t->received, "packets_out",
                     (json_int_t)t->packets_out, "copies", (json_int_t)t->copies, "sent", (json_int_t)t->sent, "sent_up",
                     (json_int_t)t->sent_up, "consumed", (json_int_t)t->consumed, "pending", (json_int_t)worker->pending.n_packets,
                     "exact_hits", (json_int_t)t->exact_hits, "megaflow_hits", (json_int_t)t->megaflow_hits, "misses",
                     (json_int_t)t->misses, "bursts", (json_int_t)t->bursts, "recirculated", (json_int_t)t->recirculated, "unmetered",
                     (json_int_t)t->unmetered, "drops", drops_json(t->drops), "balanced",
                     worker_is_balanced(worker));
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
    json_t *json = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "live", live_json(fp), "ports", ports, "totals",
                             totals_json(&shard->worker), "frames", frames_json(shard->umem), "sessions",
                             sessions_json(shard, fp->now_ns), "counts", counts_json(&shard->counts), "flows",
                             (json_int_t)flow_table_count(shard->flows), "exact_entries", (json_int_t)exact_size(&shard->worker.exact));
    control_reply(call, json);
}

json_t *command_status(void *context)
{
    struct fastpath *fp = context;
    struct shard *shard = &fp->shard;
    bool works = shard->is_registered && session_count_open(shard) > 0;
    const char *state = works ? "ok" : !shard->is_registered ? "not registered: configdb is away" : "no slowpath: new flows are dropped";
    return json_pack("{s:s, s:b, s:I, s:I, s:I, s:I, s:I, s:b}", "state", state, "registered", shard->is_registered, "sessions",
                     (json_int_t)session_count_open(shard), "ports", (json_int_t)shard->ports.n_ports, "flows",
                     (json_int_t)flow_table_count(shard->flows), "floor", (json_int_t)shard->floor.n, "received",
                     (json_int_t)shard->worker.totals.received, "configdb", cfg_is_connected(fp->cfg));
}

const struct control_command command_table[] = {
    {.name = "dp-dump-flows",
     .usage = "[MATCH]",
     .help = "Every flow of this fastpath (that such a packet could hit) with its use, actions and owner.",
     .run = dump_flows},
    {.name = "dp-meters",
     .usage = "",
     .help = "Packets that went through each meter, and those its bands acted on, in all fastpaths together.",
     .run = dump_meters},
    {.name = "dp-show", .usage = "", .help = "Ports, caches, sessions, frames and every counter.", .run = show},
};
const size_t command_count = sizeof command_table / sizeof command_table[0];
