/* The packet path on one screen.
 *
 *     rx burst -> parse -> exact cache -> megaflow table       all packets of the burst a step
 *              -> for each packet:  pending list? join it (I7: asked first)
 *                                   flow? count, run the program -> tx queues of ports -> one tx burst and flush a port
 *                                   else ask the slowpath
 *
 * Why step by step over the burst: the cache lines that a step of packet 32 needs are on their way while packet 1 is worked on.
 * Why the pending lists come first: a packet that overtakes one of its own flow hash which still waits would be reordered; while
 * nothing waits, that is one comparison with zero.
 * Cost: see docs of the exact cache; no allocation, lock, log or per-packet system call here. Worker thread only.
 * Invariants: I4 (each frame taken here is sent, given back or put with the pending), I5 (every `begin` has one `end`), I7.
 */
#include "services/fastpath/worker.h"

#include "lib/base/error.h"
#include "lib/dp/checksum.h"
#include "lib/flow/parse_common.h"
#include "services/fastpath/cycles.h"

enum { ETHERNET_BYTES = 14 };

#define LIKELY(x) __builtin_expect(!!(x), 1)

static void count_drop(struct worker *w, enum drop_reason reason, const struct dp_packet *packet)
{
    struct port *port = port_set_find(w->ports, packet->in_port);
    w->totals.drops[reason]++;
    if (port != NULL) {
        port->rx_drops[reason]++;
    }
}

static void drop_packet(struct worker *w, enum drop_reason reason, struct dp_packet *packet)
{
    count_drop(w, reason, packet);
    umem_give(w->umem, packet->frame, FRAME_WORKER);
}

/* ---- the executor's sink ---- */

static void push_out(struct worker *w, struct port *port)
{
    unsigned n_taken = port->io != NULL ? port->io->ops->tx(port->io, port->tx, port->n_tx) : 0;
    for (unsigned i = 0; i < n_taken; i++) {
        port->tx_bytes += port->tx[i].size;
    }
    for (unsigned i = n_taken; i < port->n_tx; i++) {
        umem_give(w->umem, port->tx[i].frame, FRAME_WORKER);
    }
    port->tx_packets += n_taken;
    port->tx_drops[DROP_OUTPUT_FULL] += port->n_tx - n_taken;
    w->totals.sent += n_taken;
    w->totals.drops[DROP_OUTPUT_FULL] += port->n_tx - n_taken;
    port->n_tx = 0;
}

static void refuse_output(struct worker *w, struct port *port, enum drop_reason reason, struct dp_packet *packet)
{
    w->totals.drops[reason]++;
    if (port != NULL) {
        port->tx_drops[reason]++;
    }
    umem_give(w->umem, packet->frame, FRAME_WORKER);
}

/* Another port than that of the packet before. Finds it and what it takes; returns false when it is not there. */
static __attribute__((noinline)) bool find_output(struct worker *w, uint32_t port_id)
{
    struct port *port = port_set_find(w->ports, port_id);
    if (port == NULL) {
        return false;
    }
    uint32_t by_mtu = port->mtu + PORT_TAGS_BYTES;
    w->out = (struct worker_out){.port = port, .id = port_id};
    if (port->can_send) {
        w->out.max_size = by_mtu < port->io->frame_bytes ? by_mtu : port->io->frame_bytes;
    }
    if (!port->is_listed) {
        port->is_listed = true;
        w->sending[w->n_sending++] = port;
    }
    return true;
}

static __attribute__((noinline, cold)) void cannot_output(struct worker *w, struct port *port, struct dp_packet *packet)
{
    enum drop_reason down = port->elsewhere != 0 ? DROP_OUTPUT_OTHER_SHARD : DROP_OUTPUT_DOWN;
    refuse_output(w, port, port->can_send ? DROP_OUTPUT_MTU : down, packet);
}

static inline void output(struct worker *w, uint32_t port_id, struct dp_packet *packet)
{
    if (!LIKELY(w->out.id == port_id) && !find_output(w, port_id)) {
        refuse_output(w, NULL, DROP_OUTPUT_NO_PORT, packet);
        return;
    }
    struct port *port = w->out.port;
    if (!LIKELY(packet->size <= w->out.max_size)) {
        cannot_output(w, port, packet);
        return;
    }
    if (port->n_tx == IO_BURST) {
        push_out(w, port);
        port->io->ops->flush(port->io);
    }
    port->tx[port->n_tx++] = (struct io_frame){
        .frame = packet->frame, .offset = (uint32_t)(packet->data - (w->umem->base + packet->frame)), .size = packet->size};
}

static void on_output(void *context, uint32_t port_id, struct dp_packet *packet)
{
    output(context, port_id, packet);
}

static bool on_copy(void *context, const struct dp_packet *packet, struct dp_packet *out_copy)
{
    struct worker *w = context;
    uint64_t frame = umem_take(w->umem, packet->size, FRAME_WORKER);
    w->totals.copies++;
    if (frame == UMEM_NONE) {
        count_drop(w, DROP_NO_FRAME, packet);
        return false;
    }
    *out_copy = *packet;
    out_copy->frame = frame;
    out_copy->data = w->umem->base + frame + UMEM_HEADROOM;
    out_copy->headroom = DP_HEADROOM_BYTES;
    memcpy(out_copy->data, packet->data, packet->size);
    return true;
}

static void on_controller(void *context, const struct dp_controller *to, const struct dp_packet *packet)
{
    struct worker *w = context;
    struct port *port = port_set_find(w->ports, packet->in_port);
    int reason = DROP_CONTROLLER_RATE;
    w->totals.copies++;
    if (port == NULL || bucket_take(&port->up_buckets[dp_controller_is_miss(to)], w->now_ns)) {
        reason = w->events.up(w->events.context, to, packet);
    }
    if (reason == WORKER_ASKED) {
        w->totals.sent_up++;
    } else {
        count_drop(w, (enum drop_reason)reason, packet);
    }
}

static void on_drop(void *context, enum drop_reason reason, struct dp_packet *packet)
{
    drop_packet(context, reason, packet);
}

static void on_consumed(void *context, struct dp_packet *packet)
{
    struct worker *w = context;
    w->totals.consumed++;
    umem_give(w->umem, packet->frame, FRAME_WORKER);
}

static int on_meter(void *context, uint64_t id, const struct dp_packet *packet)
{
    struct worker *w = context;
    const struct policer *policer = w->meters != NULL ? meter_set_find(w->meters, id) : NULL;
    int verdict = policer != NULL ? policer_run(policer, packet->size, w->now_ns) : POLICER_UNKNOWN;
    if (verdict == POLICER_UNKNOWN) {
        w->totals.unmetered++;
        return DP_METER_PASS;
    }
    return verdict;
}

static void on_recirculate(void *context, struct dp_packet *packet);

static const struct dp_sink sink = {.output = on_output,
                                    .copy = on_copy,
                                    .controller = on_controller,
                                    .drop = on_drop,
                                    .consumed = on_consumed,
                                    .recirculate = on_recirculate,
                                    .meter = on_meter};

/* ---- measuring ---- */

/* Begins the measuring of one burst in WORKER_SAMPLE. */
static inline void begin_burst(struct worker *w)
{
    w->stage_began = w->totals.bursts % WORKER_SAMPLE == 0 ? cycles() : 0;
}

/* The stage has ended; the next one begins. */
static inline void end_stage(struct worker *w, enum worker_stage stage, unsigned n_packets)
{
    struct stage_counts *counts = &w->stages[stage];
    counts->packets += n_packets;
    counts->batches += n_packets > 0;
    if (w->stage_began != 0) {
        uint64_t now = cycles();
        counts->sampled_packets += n_packets;
        counts->sampled_cycles += now - w->stage_began;
        w->stage_began = now;
    }
}

/* ---- one packet ---- */

static inline void count_in_flow(struct worker *w, struct flow *flow, uint64_t packets, uint64_t bytes)
{
    flow->packets += packets;
    flow->bytes += bytes;
    flow->used_ns = w->now_ns;
}

/* A packet keeps the place among its like that it was received in, so its flow hash is taken before anything is rewritten (I7). */
static __attribute__((noinline)) void run_recirculating(struct worker *w, const struct program *program, struct dp_packet *packet)
{
    if (packet->flow_hash == 0) {
        packet->flow_hash = key_flow_hash(&packet->key);
    }
    if (w->depth == 0) {
        w->n_recirculations = 0;
        w->place = 0;
    }
    w->depth++;
    dp_execute_effective(program->actions, program->n_effective, packet, &sink, w);
    w->depth--;
}

static inline void run_program(struct worker *w, const struct program *program, struct dp_packet *packet)
{
    if (LIKELY(program->single_output != PROGRAM_NO_OUTPUT)) {
        output(w, program->single_output, packet);
    } else if (LIKELY(!program->recirculates)) {
        dp_execute_effective(program->actions, program->n_effective, packet, &sink, w);
    } else {
        run_recirculating(w, program, packet);
    }
}

static void run_flow(struct worker *w, struct flow *flow, struct dp_packet *packet)
{
    count_in_flow(w, flow, 1, packet->size);
    run_program(w, flow->program, packet);
}

/* Of one packet that waited. */
static struct flow *look_up_megaflow(struct worker *w, struct port *port, struct dp_packet *packet)
{
    struct flow *flow = NULL;
    if (port != NULL) {
        megaflow_lookup(&port->megaflows, &packet, 1, &flow);
        w->totals.megaflow_hits += flow != NULL;
    }
    return flow;
}

/* Puts the packet behind those that wait (the one under way of a list that is being let go: before them), or drops it for a bound. */
static void wait_in(struct worker *w, struct pending_list *list, struct port *port, struct dp_packet *packet)
{
    uint32_t *n_of_port = port != NULL ? &port->n_pending : &w->n_portless;
    int reason = list == w->draining ? pending_put_back(&w->pending, list, packet, n_of_port, &w->place)
                                     : pending_add(&w->pending, list, packet, n_of_port);
    if (reason == PENDING_ADDED) {
        umem_move(w->umem, packet->frame, FRAME_WORKER, FRAME_PENDING);
    } else {
        drop_packet(w, (enum drop_reason)reason, packet);
    }
}

static void take_head(struct worker *w, struct pending_list *list, struct dp_packet *out_packet)
{
    pending_pop(&w->pending, list, out_packet);
    struct port *port = port_set_find(w->ports, out_packet->in_port);
    if (port != NULL) {
        port->n_pending--;
    } else {
        w->n_portless--;
    }
    umem_move(w->umem, out_packet->frame, FRAME_PENDING, FRAME_WORKER);
}

static void miss(struct worker *w, struct port *port, struct dp_packet *packet)
{
    w->totals.misses++;
    if (port != NULL && !bucket_take(&port->miss_bucket, w->now_ns)) {
        drop_packet(w, DROP_MISS_RATE, packet);
        return;
    }
    struct pending_list *list = pending_open(&w->pending, packet->flow_hash, w->now_ns);
    if (list == NULL) {
        drop_packet(w, DROP_PENDING_FULL, packet);
        return;
    }
    wait_in(w, list, port, packet);
    if (list->n_packets == 0) {
        pending_close(&w->pending, list);
        return;
    }
    int reason = w->events.ask(w->events.context, list, pending_head(&w->pending, list));
    if (reason != WORKER_ASKED) {
        worker_drop_list(w, list, (enum drop_reason)reason);
    }
}

/* Another lookup in the middle of a list. The packet goes on at once, before others of its flow hash, as it would without; only when
 * a copy of it waits already does it wait, too. In a list that is being let go, nothing before it waits. */
static void on_recirculate(void *context, struct dp_packet *packet)
{
    struct worker *w = context;
    struct port *port = port_set_find(w->ports, packet->in_port);
    struct pending_list *list = w->pending.n_lists != 0 ? pending_find(&w->pending, packet->flow_hash) : NULL;
    if (++w->n_recirculations > WORKER_RECIRCULATIONS_MAX) {
        drop_packet(w, DROP_RECIRCULATION_LIMIT, packet);
        return;
    }
    w->totals.recirculated++;
    if (list != NULL && list != w->draining) {
        wait_in(w, list, port, packet);
        return;
    }
    struct flow *flow = look_up_megaflow(w, port, packet);
    if (flow != NULL) {
        run_flow(w, flow, packet);
    } else if (list != NULL) {
        w->totals.misses++;
        wait_in(w, list, port, packet);
    } else {
        miss(w, port, packet);
    }
}

/* A packet that no flow covers, or that may have to wait. `flow`: what the lookup of the burst said; nothing in a burst ends a flow. */
static __attribute__((noinline)) void handle(struct worker *w, struct port *port, struct dp_packet *packet, struct flow *flow)
{
    packet->flow_hash = key_flow_hash(&packet->key);
    struct pending_list *list = w->pending.n_lists != 0 ? pending_find(&w->pending, packet->flow_hash) : NULL;
    if (list != NULL) {
        wait_in(w, list, port, packet);
    } else if (flow != NULL) {
        run_flow(w, flow, packet);
    } else {
        miss(w, port, packet);
    }
}

/* Packets of one flow often come in a row: they are counted together. */
static void act_on_burst(struct worker *w, struct port *port, unsigned n)
{
    for (unsigned i = 0; i < n;) {
        struct flow *flow = w->found[i];
        if (!LIKELY(flow != NULL && w->pending.n_lists == 0)) {
            handle(w, port, &w->burst[i], flow);
            i++;
            continue;
        }
        const struct program *program = flow->program;
        uint64_t bytes = 0, first = i;
        do {
            bytes += w->burst[i].size;
            run_program(w, program, &w->burst[i]);
            i++;
        } while (i < n && w->found[i] == flow && w->pending.n_lists == 0);
        count_in_flow(w, flow, i - first, bytes);
    }
}

/* Trains of packets of one connection are parsed and looked up once. Whether there are any, the first two packets of a burst say: other
 * traffic is not to pay for it. */
static inline bool is_repeat(const struct worker *w, const struct io_frame *frame, const uint8_t *data, unsigned i, unsigned n_repeats)
{
    const struct dp_packet *before = &w->burst[i - 1];
    return (i == 1 || n_repeats * 2 >= i) && frame->size == before->size && parse_is_repeat(before->data, data, frame->size);
}

/* Gives every packet of the burst its own key, for those who look at keys. */
static __attribute__((noinline)) void write_repeated_keys(struct worker *w)
{
    for (uint32_t left = w->repeats; left != 0; left &= left - 1) {
        struct dp_packet *packet = &w->burst[__builtin_ctz(left)];
        packet->key = packet[-1].key;
        packet->offsets = packet[-1].offsets;
    }
    w->repeats = w->n_repeats = 0;
}

/* What of the burst can be done without keys: one output, and nothing waits. */
static bool needs_no_keys(const struct worker *w, unsigned n)
{
    bool needs_none = w->pending.n_lists == 0;
    for (unsigned i = 0; i < n && needs_none; i++) {
        needs_none = w->found[i] != NULL && w->found[i]->program->single_output != PROGRAM_NO_OUTPUT;
    }
    return needs_none;
}

/* The exact cache for a burst with trains: their first packets one by one, unless there are many. */
static __attribute__((noinline)) void look_up_trains(struct worker *w, struct port *port, unsigned n)
{
    enum { TRAINS_MAX = 8 };
    if (n - w->n_repeats > TRAINS_MAX) {
        write_repeated_keys(w);
        exact_lookup(&w->exact, &port->megaflows.bits, w->burst, n, w->hashes, w->found);
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        if ((w->repeats >> i & 1) == 0) {
            exact_lookup(&w->exact, &port->megaflows.bits, &w->burst[i], 1, &w->hashes[i], &w->found[i]);
        } else {
            w->hashes[i] = w->hashes[i - 1];
            w->found[i] = w->found[i - 1];
        }
    }
    if (!needs_no_keys(w, n)) {
        write_repeated_keys(w);
    }
}

/* Parses the frames into w->burst; returns how many are packets. */
static unsigned parse_burst(struct worker *w, struct port *port, const struct io_frame *frames, unsigned n)
{
    const uint32_t in_port = port->id;
    const bool open_checksums = port->io->open_checksums;
    uint64_t bytes = 0;
    unsigned n_good = 0, head = 0 /* the packet whose key the next repeat has */, n_repeats = 0;
    uint32_t repeats = 0;
    for (unsigned i = 0; i < n; i++) {
        struct dp_packet *packet = &w->burst[n_good];
        packet->data = w->umem->base + frames[i].frame + frames[i].offset;
        packet->size = frames[i].size;
        packet->headroom = frames[i].offset < DP_HEADROOM_BYTES ? frames[i].offset : DP_HEADROOM_BYTES;
        packet->in_port = in_port;
        packet->flow_hash = 0;
        packet->frame = frames[i].frame;
        bytes += packet->size;
        if (n_good > 0 && is_repeat(w, &frames[i], packet->data, n_good, n_repeats)) {
            repeats |= 1u << n_good;
            n_repeats++;
        } else if (!LIKELY(parse_common(packet->data, packet->size, in_port, &packet->key, &packet->offsets)) &&
            parse_frame(packet->data, packet->size, in_port, &packet->key, &packet->offsets) != 0) {
            drop_packet(w, DROP_FRAME_TOO_SHORT, packet);
            continue;
        } else {
            head = n_good;
        }
        if (open_checksums) {
            (void)checksum_complete(packet->data, packet->size, &w->burst[head].key, &w->burst[head].offsets);
        }
        n_good++;
    }
    port->rx_bytes += bytes;
    w->repeats = repeats;
    w->n_repeats = n_repeats;
    return n_good;
}

/* Asks the port's megaflows about the packets that the exact cache did not know; returns how many those were. */
static unsigned look_up_rest(struct worker *w, struct port *port, unsigned n)
{
    struct dp_packet *missing[IO_BURST];
    uint8_t numbers[IO_BURST];
    struct flow *flows[IO_BURST];
    unsigned n_missing = 0;
    for (unsigned i = 0; i < n; i++) {
        if (!LIKELY(w->found[i] != NULL)) {
            numbers[n_missing] = (uint8_t)i;
            missing[n_missing++] = &w->burst[i];
        }
    }
    if (n_missing == 0) {
        return 0;
    }
    megaflow_lookup(&port->megaflows, missing, n_missing, flows);
    for (unsigned i = 0; i < n_missing; i++) {
        if (flows[i] != NULL) {
            w->totals.megaflow_hits++;
            w->found[numbers[i]] = flows[i];
            exact_insert(&w->exact, w->hashes[numbers[i]], flows[i]);
        }
    }
    return n_missing;
}

static unsigned take_burst(struct worker *w, struct port *port)
{
    struct io_frame frames[IO_BURST];
    begin_burst(w);
    unsigned n = port->io->ops->rx(port->io, frames, IO_BURST);
    if (n == 0) {
        return 0;
    }
    for (unsigned i = 0; i < n; i++) {
        __builtin_prefetch(w->umem->base + frames[i].frame + frames[i].offset);
    }
    end_stage(w, STAGE_RECEIVE, n);
    unsigned n_good = parse_burst(w, port, frames, n);
    port->rx_packets += n;
    w->totals.received += n;
    w->totals.bursts++;
    end_stage(w, STAGE_PARSE, n);
    /* Not while parsing: a key's words can be read at full speed only when the short stores that made it have left the store buffer. */
    if (w->repeats == 0) {
        exact_lookup(&w->exact, &port->megaflows.bits, w->burst, n_good, w->hashes, w->found);
    } else {
        look_up_trains(w, port, n_good);
    }
    end_stage(w, STAGE_EXACT, n_good);
    unsigned n_missing = look_up_rest(w, port, n_good);
    w->totals.exact_hits += n_good - n_missing;
    end_stage(w, STAGE_MEGAFLOW, n_missing);
    if (w->events.sample != NULL && (w->totals.bursts & (w->events.sample_every - 1)) == 0) {
        write_repeated_keys(w);
        w->events.sample(w->events.context, port, w->burst, w->found, n_good);
    }
    act_on_burst(w, port, n_good);
    end_stage(w, STAGE_ACT, n_good);
    worker_flush(w);
    end_stage(w, STAGE_SEND, n_good);
    port->io->ops->flush(port->io);
    return n;
}

unsigned worker_poll(struct worker *w, uint64_t now_ns)
{
    unsigned n = 0;
    w->now_ns = now_ns;
    for (size_t i = 0; i < w->ports->n_ports; i++) {
        struct port *port = w->ports->ports[i];
        if (port->io == NULL || (port->io->rx_is_call && !port->is_ready)) {
            continue;
        }
        unsigned n_here = take_burst(w, port);
        port->is_ready = n_here == IO_BURST;
        n += n_here;
    }
    return n;
}

/* ---- packets that wait ---- */

/* Lets waiting packets go while flows cover them; asks about the first that none covers. */
static void go_on(struct worker *w, struct pending_list *list)
{
    while (list->n_packets > 0) {
        struct dp_packet *head = pending_head(&w->pending, list);
        struct port *port = port_set_find(w->ports, head->in_port);
        struct flow *flow = look_up_megaflow(w, port, head);
        struct dp_packet packet;
        if (flow == NULL) {
            pending_ask_again(&w->pending, list, w->now_ns);
            list->n_asked = 0;
            int reason = w->events.ask(w->events.context, list, head);
            if (reason != WORKER_ASKED) {
                worker_drop_list(w, list, (enum drop_reason)reason);
            }
            return;
        }
        take_head(w, list, &packet);
        w->draining = list;
        run_flow(w, flow, &packet);
        w->draining = NULL;
    }
    pending_close(&w->pending, list);
}

void worker_answered(struct worker *w, struct pending_list *list, const struct program *program, struct flow *flow)
{
    struct dp_packet packet;
    take_head(w, list, &packet);
    if (flow != NULL) {
        flow->packets++;
        flow->bytes += packet.size;
        flow->used_ns = w->now_ns;
    }
    w->draining = list;
    run_program(w, program, &packet);
    w->draining = NULL;
    go_on(w, list);
}

void worker_refused(struct worker *w, struct pending_list *list, enum drop_reason reason)
{
    struct dp_packet packet;
    take_head(w, list, &packet);
    drop_packet(w, reason, &packet);
    go_on(w, list);
}

void worker_drop_list(struct worker *w, struct pending_list *list, enum drop_reason reason)
{
    while (list->n_packets > 0) {
        struct dp_packet packet;
        take_head(w, list, &packet);
        drop_packet(w, reason, &packet);
    }
    pending_close(&w->pending, list);
}

int worker_inject(struct worker *w, const uint8_t *bytes, size_t size, uint32_t in_port, const struct program *program)
{
    struct dp_packet packet = {.size = (uint32_t)size, .headroom = DP_HEADROOM_BYTES, .in_port = in_port};
    w->totals.packets_out++;
    if (size < ETHERNET_BYTES) {
        count_drop(w, DROP_FRAME_TOO_SHORT, &packet);
        return -ERROR_TRUNCATED;
    }
    packet.frame = umem_take(w->umem, size, FRAME_WORKER);
    if (packet.frame == UMEM_NONE) {
        count_drop(w, size > UMEM_LARGE_ROOM ? DROP_FRAME_TOO_LONG : DROP_NO_FRAME, &packet);
        return -ERROR_TOO_LARGE;
    }
    packet.data = w->umem->base + packet.frame + UMEM_HEADROOM;
    memcpy(packet.data, bytes, size);
    int err = parse_frame(packet.data, size, in_port, &packet.key, &packet.offsets);
    if (err != 0) {
        drop_packet(w, DROP_FRAME_TOO_SHORT, &packet);
        return err;
    }
    packet.flow_hash = key_flow_hash(&packet.key);
    run_program(w, program, &packet);
    return 0;
}

void worker_drain(struct worker *w, struct port *port, enum drop_reason reason)
{
    struct io_frame frames[IO_BURST];
    unsigned n;
    /* A device that goes on receiving while we drain must not hold us: no ring is longer than this. */
    for (unsigned rounds = 0; rounds < 4096 / IO_BURST && (n = port->io->ops->rx(port->io, frames, IO_BURST)) > 0; rounds++) {
        for (unsigned i = 0; i < n; i++) {
            port->rx_bytes += frames[i].size;
            umem_give(w->umem, frames[i].frame, FRAME_WORKER);
        }
        port->rx_packets += n;
        port->rx_drops[reason] += n;
        w->totals.received += n;
        w->totals.drops[reason] += n;
        port->io->ops->flush(port->io);
    }
}

void worker_flush(struct worker *w)
{
    for (size_t i = 0; i < w->n_sending; i++) {
        struct port *port = w->sending[i];
        port->is_listed = false;
        push_out(w, port);
        if (port->io != NULL) {
            port->io->ops->flush(port->io);
        }
    }
    w->n_sending = 0;
    w->out = (struct worker_out){0}; /* link and size may change between two bursts */
}

void worker_forget_port(struct worker *w, struct port *port)
{
    for (struct pending_list *list = w->pending.oldest, *next; list != NULL; list = next) {
        next = list->next;
        if (pending_head(&w->pending, list)->in_port == port->id) {
            worker_drop_list(w, list, DROP_STOPPED);
        }
    }
    while (port->n_pending > 0) { /* two ports with one flow hash: once in four thousand million, so let all go */
        worker_drop_list(w, w->pending.oldest, DROP_STOPPED);
    }
    worker_flush(w);
}

bool worker_is_balanced(const struct worker *w)
{
    const struct worker_totals *t = &w->totals;
    uint64_t ended = t->sent + t->sent_up + t->consumed + w->pending.n_packets;
    for (int reason = 0; reason < DROP_REASON_COUNT; reason++) {
        ended += t->drops[reason];
    }
    return t->received + t->packets_out + t->copies == ended;
}

void worker_init(struct worker *w, struct umem *umem, struct port_set *ports, struct flow *flows, const struct worker_events *events)
{
    *w = (struct worker){.umem = umem, .ports = ports, .events = *events};
    exact_init(&w->exact, flows, EXACT_MIN);
    pending_init(&w->pending, umem_total(umem));
}

void worker_fini(struct worker *w)
{
    if (w->pending.packets != NULL) {
        while (w->pending.oldest != NULL) {
            worker_drop_list(w, w->pending.oldest, DROP_STOPPED);
        }
        worker_flush(w);
    }
    pending_fini(&w->pending);
    exact_fini(&w->exact);
}
