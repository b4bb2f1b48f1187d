/* The packet path on one screen.
 *
 *     rx burst -> parse, hash, prefetch  ->  for each packet:  pending list? join it                (I7: asked first)
 *                                                              exact cache -> megaflow table -> ask the slowpath
 *                                            hit: count, run the program -> tx queues of ports -> one tx burst and flush a port
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

static void on_output(void *context, uint32_t port_id, struct dp_packet *packet)
{
    struct worker *w = context;
    struct port *port = port_set_find(w->ports, port_id);
    if (port == NULL) {
        refuse_output(w, NULL, DROP_OUTPUT_NO_PORT, packet);
        return;
    }
    if (!port->can_send) {
        refuse_output(w, port, port->elsewhere != 0 ? DROP_OUTPUT_OTHER_SHARD : DROP_OUTPUT_DOWN, packet);
        return;
    }
    if (packet->size > port->mtu + PORT_TAGS_BYTES || packet->size > port->io->frame_bytes) {
        refuse_output(w, port, DROP_OUTPUT_MTU, packet);
        return;
    }
    if (port->n_tx == IO_BURST) {
        push_out(w, port);
        port->io->ops->flush(port->io);
    }
    port->tx[port->n_tx++] = (struct io_frame){
        .frame = packet->frame, .offset = (uint32_t)(packet->data - (w->umem->base + packet->frame)), .size = packet->size};
    if (!port->is_listed) {
        port->is_listed = true;
        w->sending[w->n_sending++] = port;
    }
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
    if (port == NULL || bucket_take(&port->up_bucket, w->now_ns)) {
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

static const struct dp_sink sink = {
    .output = on_output, .copy = on_copy, .controller = on_controller, .drop = on_drop, .consumed = on_consumed};

/* ---- one packet ---- */

static inline void run_flow(struct worker *w, struct flow *flow, struct dp_packet *packet)
{
    flow->packets++;
    flow->bytes += packet->size;
    flow->used_ns = w->now_ns;
    dp_execute(flow->program->actions, flow->program->n_actions, packet, &sink, w);
}

/* Behind the exact cache. */
static struct flow *look_up_megaflow(struct worker *w, struct port *port, const struct flow_key *key, uint64_t hash, bool may_remember)
{
    struct flow *flow = port != NULL ? megaflow_lookup(&port->megaflows, key) : NULL;
    if (flow != NULL) {
        w->totals.megaflow_hits++;
        if (may_remember) {
            exact_insert(&w->exact, key, hash, flow);
        }
    }
    return flow;
}

/* Puts the packet behind those that wait, or drops it for a bound. */
static void wait_in(struct worker *w, struct pending_list *list, struct port *port, struct dp_packet *packet)
{
    int reason = pending_add(&w->pending, list, packet, &port->n_pending);
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
    }
    umem_move(w->umem, out_packet->frame, FRAME_PENDING, FRAME_WORKER);
}

static void miss(struct worker *w, struct port *port, struct dp_packet *packet)
{
    w->totals.misses++;
    if (!bucket_take(&port->miss_bucket, w->now_ns)) {
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

/* `flow`: what the exact cache said before the burst began; nothing in a burst ends a flow. */
static inline void handle(struct worker *w, struct port *port, struct dp_packet *packet, uint64_t hash, struct flow *flow)
{
    if (w->pending.n_lists != 0) {
        packet->flow_hash = key_flow_hash(&packet->key);
        struct pending_list *list = pending_find(&w->pending, packet->flow_hash);
        if (list != NULL) {
            wait_in(w, list, port, packet);
            return;
        }
    }
    if (LIKELY(flow != NULL)) {
        w->totals.exact_hits++;
        run_flow(w, flow, packet);
        return;
    }
    flow = look_up_megaflow(w, port, &packet->key, hash, true);
    if (flow != NULL) {
        run_flow(w, flow, packet);
        return;
    }
    packet->flow_hash = key_flow_hash(&packet->key);
    miss(w, port, packet);
}

/* Parses the frames into w->burst; returns how many are packets. */
static unsigned parse_burst(struct worker *w, struct port *port, const struct io_frame *frames, unsigned n)
{
    unsigned n_good = 0;
    for (unsigned i = 0; i < n; i++) {
        struct dp_packet *packet = &w->burst[n_good];
        packet->data = w->umem->base + frames[i].frame + frames[i].offset;
        packet->size = frames[i].size;
        packet->headroom = frames[i].offset < DP_HEADROOM_BYTES ? frames[i].offset : DP_HEADROOM_BYTES;
        packet->in_port = port->id;
        packet->flow_hash = 0;
        packet->frame = frames[i].frame;
        port->rx_bytes += packet->size;
        if (parse_frame(packet->data, packet->size, port->id, &packet->key, &packet->offsets) != 0) {
            drop_packet(w, DROP_FRAME_TOO_SHORT, packet);
            continue;
        }
        if (port->io->open_checksums) {
            (void)checksum_complete(packet->data, packet->size, &packet->key, &packet->offsets);
        }
        n_good++;
    }
    return n_good;
}

static unsigned take_burst(struct worker *w, struct port *port)
{
    struct io_frame frames[IO_BURST];
    unsigned n = port->io->ops->rx(port->io, frames, IO_BURST);
    for (unsigned i = 0; i < n; i++) {
        __builtin_prefetch(w->umem->base + frames[i].frame + frames[i].offset);
    }
    unsigned n_good = parse_burst(w, port, frames, n);
    port->rx_packets += n;
    w->totals.received += n;
    w->totals.bursts += n > 0;
    /* Not while parsing: a key's words can be read at full speed only when the short stores that made it have left the store buffer. */
    for (unsigned i = 0; i < n_good; i++) {
        w->hashes[i] = key_hash(&w->burst[i].key);
        exact_prefetch(&w->exact, w->hashes[i]);
    }
    for (unsigned i = 0; i < n_good; i++) {
        w->candidates[i] = exact_candidate(&w->exact, w->hashes[i]);
    }
    for (unsigned i = 0; i < n_good; i++) {
        w->found[i] = exact_confirm(&w->exact, &w->burst[i].key, w->hashes[i], w->candidates[i]);
        __builtin_prefetch(w->found[i], 1);
    }
    for (unsigned i = 0; i < n_good; i++) {
        __builtin_prefetch(w->found[i] != NULL ? w->found[i]->program : NULL);
    }
    for (unsigned i = 0; i < n_good; i++) {
        handle(w, port, &w->burst[i], w->hashes[i], w->found[i]);
    }
    return n;
}

unsigned worker_poll(struct worker *w, uint64_t now_ns)
{
    unsigned n = 0;
    w->now_ns = now_ns;
    for (size_t i = 0; i < w->ports->n_ports; i++) {
        struct port *port = w->ports->ports[i];
        unsigned n_here = port->io != NULL ? take_burst(w, port) : 0;
        n += n_here;
        if (n_here > 0) {
            worker_flush(w);
            port->io->ops->flush(port->io);
        }
    }
    return n;
}

/* ---- packets that wait ---- */

/* Lets waiting packets go while flows cover them; asks about the first that none covers. */
static void go_on(struct worker *w, struct pending_list *list)
{
    while (list->n_packets > 0) {
        const struct dp_packet *head = pending_head(&w->pending, list);
        struct port *port = port_set_find(w->ports, head->in_port);
        struct flow *flow = look_up_megaflow(w, port, &head->key, 0, false);
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
        run_flow(w, flow, &packet);
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
    dp_execute(program->actions, program->n_actions, &packet, &sink, w);
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
    dp_execute(program->actions, program->n_actions, &packet, &sink, w);
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

void worker_init(struct worker *w, struct umem *umem, struct port_set *ports, const struct worker_events *events)
{
    *w = (struct worker){.umem = umem, .ports = ports, .events = *events};
    exact_init(&w->exact, EXACT_MIN);
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
