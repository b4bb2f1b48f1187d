/* The records behind the kernel's entries.
 *
 *     sampled -> candidate -> USED, entry put --(flow, port, queue or idleness)--> RESTING, generation changed: the kernel uses it no more
 *             -> a second later: last counts taken, entry removed -> FREE
 *
 * Why samples: a connection that sends much is in every other sample, one that sends ten packets is hardly ever in one, and handing over
 * costs a system call. Why one entry a connection and not one a megaflow: the kernel compares no masks, and order (I7) is kept by
 * connection (bpf/tier.h).
 * Order. The kernel uses an entry first when everything that its queue's socket was given has been worked off; we say so in `processed`, when
 * the account fits (redirected = taken + lost), no packet of the port waits for a slowpath and no device has a frame of ours
 * still to send. A socket that is never worked off, because more comes than we can do, would never get there: when frames
 * are lost for three milliseconds in a row, the kernel is told to hold back what has entries (reason `hand_over`) for five at most. They
 * would have been lost for want of frames otherwise.
 * I5: what the kernel forwarded is added to the counters of port, flow and shard as received and sent; what it could not send is taken back.
 * Cost: 10 ns a used slot a round; 1 us an entry handed over. Worker thread, between bursts but for tier_sample().
 */
#include "services/fastpath/tier.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <xxhash.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "services/fastpath/install.h"
#include "services/fastpath/shard.h"

enum {
    INDEX_SLOTS = 2 * TIER_SLOTS,
    ENDS_PER_STEP = 128, /* removals from the map in one step */
    WAITING_PER_STEP = 512,
    LOSING_STEPS = 3,   /* milliseconds in a row with losses, and frames are held back */
    HOLD_MS = 5,        /* so long at most */
    HOLD_PAUSE_MS = 25, /* and then not again before; twice that, four and eight times when it was in vain */
    VAIN_MAX = 3,
    STUCK_MS = 20, /* an account that does not come out so long, with nothing coming, is begun anew */
};

enum record_state { RECORD_FREE, RECORD_USED, RECORD_RESTING };

struct record {
    struct tier_key key;
    uint8_t state;
    bool is_listed; /* among those not live yet */
    uint32_t next_of_flow, prev_of_flow; /* record + 1, 0: none */
    uint32_t flow;             /* number; FLOW_NONE when it has ended */
    uint32_t queue;
    uint64_t owner;            /* of the queue */
    uint32_t in_port, out_port; /* switch-wide ids */
    struct program *program;   /* held, for the counts that come after the flow has ended */
    uint64_t packets, bytes;   /* collected so far */
    uint64_t since_ns;         /* USED: of the last packet seen; RESTING: since when */
};

struct candidate {
    struct flow_key key;
    uint32_t flow, port;
    uint16_t holder;
};

struct tier {
    struct tier_table table;
    struct record *records;
    uint32_t n_top;             /* records below were used at least once */
    uint32_t *free, n_free;     /* below n_top */
    uint32_t *waiting, n_waiting, waiting_cursor; /* listed: not live at the last look */
    uint32_t *index;            /* open addressing by key: record + 1 */
    uint32_t *first_of_flow;    /* by flow number: record + 1; address space */
    uint32_t n_used;
    uint64_t n_full;
    bool is_off;
    uint32_t cursor;
    uint64_t round_ns, renewed_ns, failed_ns;
    struct candidate candidates[TIER_CANDIDATES];
    unsigned n_candidates;
};

/* ---- queues ---- */

void tier_rx_begin(struct tier_rx *rx, uint64_t owner)
{
    if (rx->shared == NULL) {
        return;
    }
    rx->owner = owner;
    rx->base = rx->shared->redirected;
    rx->seen_held = rx->shared->held;
    rx->shared->hold = 0;
    rx->shared->lease_ns = 0;
    rx->shared->processed = rx->base;
    __atomic_store_n(&rx->shared->owner, owner, __ATOMIC_RELEASE);
}

void tier_rx_end(struct tier_rx *rx)
{
    if (rx->shared != NULL && rx->shared->owner == rx->owner) {
        __atomic_store_n(&rx->shared->owner, 0, __ATOMIC_RELEASE);
        rx->shared->hold = 0;
    }
}

/* ---- records by key ---- */

static uint32_t index_place(const struct tier *tier, const struct tier_key *key)
{
    uint32_t at = (uint32_t)XXH3_64bits(key, sizeof *key) % INDEX_SLOTS;
    while (tier->index[at] != 0 && memcmp(&tier->records[tier->index[at] - 1].key, key, sizeof *key) != 0) {
        at = (at + 1) % INDEX_SLOTS;
    }
    return at;
}

/* Closes the gap, so that every probe still finds what it looks for. */
static void index_remove(struct tier *tier, const struct tier_key *key)
{
    uint32_t gap = index_place(tier, key);
    tier->index[gap] = 0;
    for (uint32_t at = (gap + 1) % INDEX_SLOTS; tier->index[at] != 0; at = (at + 1) % INDEX_SLOTS) {
        uint32_t number = tier->index[at];
        tier->index[at] = 0;
        tier->index[index_place(tier, &tier->records[number - 1].key)] = number;
    }
}

/* ---- counters ---- */

static struct flow *flow_of(const struct shard *shard, const struct record *record)
{
    return record->flow != FLOW_NONE ? flow_table_base(shard->flows) + record->flow : NULL;
}

/* Takes what the kernel has forwarded since the last look. */
static void collect(struct shard *shard, struct record *record, uint64_t now_ns)
{
    const struct tier *tier = shard->tier;
    const volatile struct tier_slot *slot = &tier->table.slots[record - tier->records];
    uint64_t used_ns = slot->used_ns, n = slot->packets - record->packets, bytes = slot->bytes - record->bytes;
    if (n == 0) {
        return;
    }
    record->packets += n;
    record->bytes += bytes;
    used_ns = used_ns < now_ns ? used_ns : now_ns;
    record->since_ns = record->state == RECORD_USED ? used_ns : record->since_ns;
    struct port *in = port_set_find(&shard->ports, record->in_port), *out = port_set_find(&shard->ports, record->out_port);
    struct flow *flow = flow_of(shard, record);
    if (in != NULL) {
        in->rx_packets += n;
        in->rx_bytes += bytes;
    }
    if (out != NULL) {
        out->tx_packets += n;
        out->tx_bytes += bytes;
    }
    shard->worker.totals.received += n;
    shard->worker.totals.sent += n;
    shard->worker.totals.kernel_hits += n;
    if (flow != NULL) {
        flow->packets += n;
        flow->bytes += bytes;
        flow->used_ns = used_ns > flow->used_ns ? used_ns : flow->used_ns;
    } else {
        counter_set_credit(&shard->counters, record->program, n, bytes, used_ns);
    }
}

/* ---- the end of a record ---- */

static struct tier_device *device_of(const struct shard *shard, uint32_t port_id)
{
    const struct port *port = port_set_find(&shard->ports, port_id);
    return port != NULL && port->io != NULL ? port->io->tier : NULL;
}

/* `n`: 1 or -1. */
static void count_at_devices(const struct shard *shard, const struct record *record, int n)
{
    struct tier_device *in = device_of(shard, record->in_port), *out = device_of(shard, record->out_port);
    if (in != NULL) {
        in->n_in += (uint32_t)n;
    }
    if (out != NULL) {
        out->n_out += (uint32_t)n;
    }
}

static void unlink_from_flow(struct tier *tier, struct record *record)
{
    if (record->prev_of_flow != 0) {
        tier->records[record->prev_of_flow - 1].next_of_flow = record->next_of_flow;
    } else {
        tier->first_of_flow[record->flow] = record->next_of_flow;
    }
    if (record->next_of_flow != 0) {
        tier->records[record->next_of_flow - 1].prev_of_flow = record->prev_of_flow;
    }
}

static void end_record(struct shard *shard, struct record *record, uint64_t now_ns)
{
    struct tier *tier = shard->tier;
    __atomic_fetch_add(&tier->table.slots[record - tier->records].generation, 1, __ATOMIC_RELEASE);
    collect(shard, record, now_ns);
    unlink_from_flow(tier, record);
    count_at_devices(shard, record, -1);
    record->flow = FLOW_NONE;
    record->state = RECORD_RESTING;
    record->since_ns = now_ns;
    tier->n_used--;
}

void tier_collect(struct shard *shard, const struct flow *flow)
{
    struct tier *tier = shard->tier;
    for (uint32_t at = tier != NULL && tier->n_used > 0 ? tier->first_of_flow[flow->number] : 0; at != 0; at = tier->records[at - 1].next_of_flow) {
        collect(shard, &tier->records[at - 1], shard->worker.now_ns);
    }
}

void tier_flow_ends(struct shard *shard, const struct flow *flow)
{
    struct tier *tier = shard->tier;
    if (tier == NULL || tier->n_used == 0) {
        return;
    }
    while (tier->first_of_flow[flow->number] != 0) {
        end_record(shard, &tier->records[tier->first_of_flow[flow->number] - 1], shard->worker.now_ns);
    }
}

void tier_port_ends(struct shard *shard, uint32_t port)
{
    struct tier *tier = shard->tier;
    for (uint32_t i = 0; tier != NULL && tier->n_used > 0 && i < tier->n_top; i++) {
        struct record *record = &tier->records[i];
        if (record->state == RECORD_USED && (record->in_port == port || record->out_port == port)) {
            end_record(shard, record, shard->worker.now_ns);
        }
    }
}

void tier_end_all(struct shard *shard)
{
    struct tier *tier = shard->tier;
    for (uint32_t i = 0; tier != NULL && i < tier->n_top; i++) {
        if (tier->records[i].state == RECORD_USED) {
            end_record(shard, &tier->records[i], shard->worker.now_ns);
        }
    }
}

/* ---- handing over ---- */

static bool is_all_zero(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= at[i];
    }
    return any == 0;
}

/* The kernel can tell whether the flow covers a packet: TCP or UDP, untagged, not looked up again, no bits looked at that no entry has. Ports of
 * 0 are those of later fragments too. */
static bool is_plain(const struct flow_key *key, const struct flow_key *mask)
{
    uint16_t type = host16(key->eth_type);
    return (type == 0x0800 || type == 0x86dd) && (key->ip_proto == 6 || key->ip_proto == 17) && key->ip_frag == 0 &&
           (key->l4_src.raw | key->l4_dst.raw) != 0 && key->vlan_tci.raw == 0 && key->recirc_id.raw == 0 && key->dp_hash.raw == 0 &&
           mask->ip_ttl == 0 && mask->tcp_flags.raw == 0 && is_all_zero(&mask->reserved, sizeof mask->reserved);
}

void tier_sample(struct tier *tier, const struct umem *umem, const struct port *port, const struct dp_packet *packets, struct flow *const *flows, unsigned n)
{
    unsigned left = TIER_SAMPLE_PACKETS;
    if (tier->is_off || port->io->tier == NULL || port->io->tier->n_rx == 0) {
        return;
    }
    for (unsigned i = 0; i < n && left > 0 && tier->n_candidates < TIER_CANDIDATES; i++) {
        const struct flow *flow = flows[i];
        if (flow == NULL || flow->program->single_output == PROGRAM_NO_OUTPUT || !is_plain(&packets[i].key, &flow->mask->bits)) {
            continue;
        }
        tier->candidates[tier->n_candidates++] =
            (struct candidate){.key = packets[i].key, .flow = flow->number, .port = port->id, .holder = umem->holder[umem_number(umem, packets[i].frame)]};
        left--;
    }
}

static struct tier_key key_of(const struct flow_key *packet, uint32_t ifindex)
{
    struct tier_key key = {.ifindex = ifindex, .protocol = packet->ip_proto, .version = host16(packet->eth_type) == 0x0800 ? 4 : 6};
    size_t size = key.version == 4 ? 4 : 16;
    memcpy(key.source, packet->ip_src, size);
    memcpy(key.target, packet->ip_dst, size);
    key.source_port = packet->l4_src.raw;
    key.target_port = packet->l4_dst.raw;
    return key;
}

/* The first word of an IP header with these traffic class and flow label bits, as it is in memory. */
static uint32_t ip_word(int version, uint8_t tos, uint32_t label)
{
    uint32_t word = version == 4 ? (uint32_t)tos << 16 : (uint32_t)tos << 20 | (label & 0xfffff);
    return be32(word).raw;
}

static void fill_entry(struct tier_entry *entry, const struct flow *flow, int version)
{
    const struct flow_key *key = &flow->key, *mask = &flow->mask->bits;
    uint8_t macs[12], masks[12];
    memcpy(macs, key->eth_dst, 6);
    memcpy(macs + 6, key->eth_src, 6);
    memcpy(masks, mask->eth_dst, 6);
    memcpy(masks + 6, mask->eth_src, 6);
    memcpy(&entry->macs_0, macs, 8);
    memcpy(&entry->mask_0, masks, 8);
    memcpy(&entry->macs_8, macs + 8, 4);
    memcpy(&entry->mask_8, masks + 8, 4);
    entry->ip_mask = ip_word(version, mask->ip_tos, host32(mask->ipv6_label));
    entry->ip_0 = ip_word(version, key->ip_tos, host32(key->ipv6_label)) & entry->ip_mask;
}

static struct tier_rx *rx_of(const struct tier_device *device, uint16_t holder)
{
    for (uint32_t i = 0; i < device->n_rx; i++) {
        if (device->rx[i]->holder == holder && device->rx[i]->shared != NULL) {
            return device->rx[i];
        }
    }
    return NULL;
}

static bool takes_frames(const struct port *port, uint64_t now_ns)
{
    const struct tier_device *device = port != NULL && port->io != NULL && port->can_send ? port->io->tier : NULL;
    bool is_believed = device != NULL && (device->refused_ns == 0 || now_ns - device->refused_ns >= TIER_REFUSED_MS * NS_PER_MS);
    return is_believed && device->takes;
}

/* The last quarter is for ports that have few. */
static struct record *take_record(struct tier *tier, const struct tier_device *in)
{
    uint32_t n_left = tier->n_free + TIER_SLOTS - tier->n_top;
    if (n_left == 0 || (n_left <= TIER_SLOTS / 4 && in->n_in >= TIER_SHARE)) {
        tier->n_full++;
        return NULL;
    }
    if (tier->n_free > 0) {
        return &tier->records[tier->free[--tier->n_free]];
    }
    return &tier->records[tier->n_top++];
}

static void list_waiting(struct tier *tier, struct record *record)
{
    if (!record->is_listed) {
        record->is_listed = true;
        tier->waiting[tier->n_waiting++] = (uint32_t)(record - tier->records);
    }
}

static void hand_over(struct shard *shard, const struct candidate *candidate, uint64_t now_ns)
{
    struct tier *tier = shard->tier;
    struct flow *flow = flow_table_base(shard->flows) + candidate->flow;
    const struct port *in = port_set_find(&shard->ports, candidate->port);
    if (!flow->is_used || !flow_covers(flow, &candidate->key) || flow->program->single_output == PROGRAM_NO_OUTPUT || in == NULL ||
        in->io == NULL || in->io->tier == NULL || !is_plain(&candidate->key, &flow->mask->bits)) {
        return;
    }
    const struct port *out = port_set_find(&shard->ports, flow->program->single_output);
    const struct tier_rx *rx = rx_of(in->io->tier, candidate->holder);
    struct tier_key key = key_of(&candidate->key, in->io->tier->ifindex);
    uint32_t place = index_place(tier, &key);
    if (rx == NULL || !takes_frames(out, now_ns) || tier->index[place] != 0) {
        return;
    }
    struct record *record = take_record(tier, in->io->tier);
    if (record == NULL) {
        return;
    }
    uint32_t number = (uint32_t)(record - tier->records);
    volatile struct tier_slot *slot = &tier->table.slots[number];
    struct tier_entry entry = {.owner = rx->owner,
                               .slot = tier->table.first + number,
                               .generation = slot->generation,
                               .target_ifindex = out->io->tier->ifindex,
                               .max_bytes = out->mtu + 14,
                               .queue = rx->number,
                               .check = tier_check(&key)};
    fill_entry(&entry, flow, key.version);
    slot->live = 0;
    if (tier->table.put(tier->table.context, &key, &entry) != 0) {
        tier->free[tier->n_free++] = number;
        return;
    }
    *record = (struct record){.key = key,
                              .state = RECORD_USED,
                              .is_listed = record->is_listed,
                              .next_of_flow = tier->first_of_flow[flow->number],
                              .flow = flow->number,
                              .queue = rx->number,
                              .owner = rx->owner,
                              .in_port = in->id,
                              .out_port = out->id,
                              .program = program_hold(flow->program),
                              .packets = slot->packets,
                              .bytes = slot->bytes,
                              .since_ns = now_ns};
    if (record->next_of_flow != 0) {
        tier->records[record->next_of_flow - 1].prev_of_flow = number + 1;
    }
    tier->first_of_flow[flow->number] = number + 1;
    count_at_devices(shard, record, 1);
    tier->index[place] = number + 1;
    tier->n_used++;
    list_waiting(tier, record);
}

/* ---- order ---- */

/* No device that sends has a frame of ours that it has not sent; to one that is down no entry leads. */
static bool is_all_sent(const struct port_set *ports)
{
    for (size_t i = 0; i < ports->n_ports; i++) {
        const struct io *io = ports->ports[i]->can_send ? ports->ports[i]->io : NULL;
        for (uint32_t j = 0; io != NULL && io->tier != NULL && j < io->tier->n_rx; j++) {
            if (*io->tier->rx[j]->n_outstanding != 0) {
                return false;
            }
        }
    }
    return true;
}

/* Something went neither way that is counted: once nothing has come for a while and nothing is there, the account begins anew. */
static void mend_account(struct tier_rx *rx, uint64_t redirected, uint64_t now_ns)
{
    if (rx->stuck != redirected) {
        rx->stuck = redirected;
        rx->stuck_ns = now_ns;
    } else if (now_ns - rx->stuck_ns >= STUCK_MS * NS_PER_MS) {
        rx->base = redirected - rx->n_received - rx->n_lost;
    }
}

static void say_worked_off(struct shard *shard, const struct port *port, struct tier_rx *rx, uint64_t now_ns)
{
    uint64_t redirected = __atomic_load_n(&rx->shared->redirected, __ATOMIC_ACQUIRE);
    if (redirected == rx->shared->processed) {
        return;
    }
    if (redirected != rx->base + rx->n_received + rx->n_lost) {
        mend_account(rx, redirected, now_ns);
    } else if (port->n_pending == 0 && is_all_sent(&shard->ports)) {
        __atomic_store_n(&rx->shared->processed, redirected, __ATOMIC_RELEASE);
        rx->shared->hold = 0;
        rx->n_vain = 0;
    }
}

/* Of ports with entries. */
static void for_each_rx(struct shard *shard, uint64_t now_ns, void (*what)(struct shard *, struct port *, struct tier_rx *, uint64_t))
{
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        struct port *port = shard->ports.ports[i];
        bool has_entries = port->io != NULL && port->io->tier != NULL && port->io->tier->n_in > 0;
        for (uint32_t j = 0; has_entries && j < port->io->tier->n_rx; j++) {
            if (port->io->tier->rx[j]->shared != NULL) {
                what(shard, port, port->io->tier->rx[j], now_ns);
            }
        }
    }
}

static void settle_rx(struct shard *shard, struct port *port, struct tier_rx *rx, uint64_t now_ns)
{
    say_worked_off(shard, port, rx, now_ns);
}

void tier_settle(struct shard *shard, bool is_busy, uint64_t now_ns)
{
    struct tier *tier = shard->tier;
    if (tier == NULL || (tier->n_candidates == 0 && (tier->n_waiting == 0 || is_busy))) {
        return;
    }
    for (unsigned i = 0; i < tier->n_candidates; i++) {
        hand_over(shard, &tier->candidates[i], now_ns);
    }
    tier->n_candidates = 0;
    if (tier->n_waiting > 0 && !is_busy) {
        for_each_rx(shard, now_ns, settle_rx);
    }
}

/* ---- once a millisecond ---- */

static struct tier_rx *rx_of_record(const struct shard *shard, const struct record *record)
{
    const struct tier_device *device = device_of(shard, record->in_port);
    for (uint32_t i = 0; device != NULL && i < device->n_rx; i++) {
        if (device->rx[i]->number == record->queue && device->rx[i]->owner == record->owner && device->rx[i]->shared != NULL) {
            return device->rx[i];
        }
    }
    return NULL;
}

static bool is_live(const struct shard *shard, const struct record *record)
{
    const struct tier_rx *rx = rx_of_record(shard, record);
    return rx != NULL && shard->tier->table.slots[record - shard->tier->records].live == rx->shared->epoch + 1;
}

/* Those that have become live, or ended, wait no more. */
static void look_at_waiting(struct shard *shard)
{
    struct tier *tier = shard->tier;
    for (unsigned n = WAITING_PER_STEP; n > 0 && tier->n_waiting > 0; n--) {
        uint32_t at = tier->waiting_cursor < tier->n_waiting ? tier->waiting_cursor : 0;
        struct record *record = &tier->records[tier->waiting[at]];
        tier->waiting_cursor = at + 1;
        if (record->state != RECORD_USED || is_live(shard, record)) {
            record->is_listed = false;
            tier->waiting[at] = tier->waiting[--tier->n_waiting];
        }
    }
}

static void end_rest(struct shard *shard, struct record *record, uint64_t now_ns)
{
    struct tier *tier = shard->tier;
    uint32_t number = (uint32_t)(record - tier->records);
    collect(shard, record, now_ns);
    tier->table.remove(tier->table.context, &record->key, tier->table.first + number);
    index_remove(tier, &record->key);
    install_program_destroy(shard, &record->program);
    record->state = RECORD_FREE;
    tier->free[tier->n_free++] = number;
}

static void look_at_used(struct shard *shard, struct record *record, uint64_t now_ns)
{
    const struct port *out = port_set_find(&shard->ports, record->out_port);
    collect(shard, record, now_ns);
    bool is_idle = now_ns > record->since_ns && now_ns - record->since_ns >= TIER_IDLE_MS * NS_PER_MS;
    if (is_idle || !takes_frames(out, now_ns) || rx_of_record(shard, record) == NULL) {
        end_record(shard, record, now_ns);
    } else if (!is_live(shard, record)) {
        list_waiting(shard->tier, record);
    }
}

/* As many records as the time since the last step asks for. */
static void go_round(struct shard *shard, uint64_t now_ns)
{
    struct tier *tier = shard->tier;
    uint64_t passed_ns = now_ns - tier->round_ns;
    uint64_t n = passed_ns >= TIER_ROUND_MS * NS_PER_MS ? tier->n_top : tier->n_top * passed_ns / (TIER_ROUND_MS * NS_PER_MS) + 1;
    tier->round_ns = now_ns;
    for (unsigned n_ends = 0; n > 0 && n_ends < ENDS_PER_STEP; n--) {
        tier->cursor = tier->cursor + 1 < tier->n_top ? tier->cursor + 1 : 0;
        struct record *record = &tier->records[tier->cursor];
        if (record->state == RECORD_USED) {
            look_at_used(shard, record, now_ns);
        } else if (record->state == RECORD_RESTING && now_ns - record->since_ns >= TIER_REST_MS * NS_PER_MS) {
            end_rest(shard, record, now_ns);
            n_ends++;
        }
    }
}

static void renew_rx(struct shard *shard, struct port *port, struct tier_rx *rx, uint64_t now_ns)
{
    (void)shard;
    (void)port;
    rx->shared->lease_ns = now_ns + TIER_LEASE_MS * NS_PER_MS;
}

static void count_held(struct shard *shard, struct port *port, struct tier_rx *rx)
{
    uint64_t n = rx->shared->held - rx->seen_held;
    rx->seen_held += n;
    port->rx_packets += n;
    port->rx_drops[DROP_HAND_OVER] += n;
    shard->worker.totals.received += n;
    shard->worker.totals.drops[DROP_HAND_OVER] += n;
}

/* Holds back what has entries while more comes than we can do; see the head of the file. */
static void watch_load(struct shard *shard, struct port *port, struct tier_rx *rx, uint64_t now_ns)
{
    count_held(shard, port, rx);
    if (shard->tier->n_waiting > 0) {
        rx->n_lost = rx->count_lost(rx);
    }
    if (rx->shared->hold != 0) {
        if (now_ns >= rx->hold_until_ns) {
            rx->shared->hold = 0;
            rx->n_vain += rx->n_vain < VAIN_MAX;
            rx->hold_after_ns = now_ns + ((uint64_t)HOLD_PAUSE_MS << rx->n_vain) * NS_PER_MS;
        }
        return;
    }
    rx->n_losing = rx->n_lost != rx->seen_lost ? rx->n_losing + 1 : 0;
    rx->seen_lost = rx->n_lost;
    if (rx->n_losing >= LOSING_STEPS && now_ns >= rx->hold_after_ns) {
        rx->hold_until_ns = now_ns + HOLD_MS * NS_PER_MS;
        rx->n_losing = 0;
        rx->shared->hold = 1;
    }
}

/* What could not be sent through the device since the last look. Their bytes nobody counts: they have the port's usual size. A device that took
 * nothing at all, whatever it says, gets nothing for a while. */
static void count_failed(struct shard *shard, struct port *port, uint64_t now_ns)
{
    struct tier *tier = shard->tier;
    struct tier_device *device = port->io->tier;
    struct tier_failed now = tier->table.count_failed(tier->table.context, device->ifindex), before = device->failed;
    uint64_t n = now.frames > before.frames ? now.frames - before.frames : 0;
    device->failed = now;
    port->io->n_failed += n;
    port->io->failed_bytes += n > 0 && port->tx_packets > 0 ? n * (port->tx_bytes / port->tx_packets) : 0;
    if (now.refused > before.refused) {
        device->refused_ns = now_ns;
        tier_port_ends(shard, port->id);
    }
}

/* Ports that entries led to within the last round. */
static void count_all_failed(struct shard *shard, uint64_t now_ns)
{
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        struct port *port = shard->ports.ports[i];
        struct tier_device *device = port->io != NULL ? port->io->tier : NULL;
        if (device == NULL) {
            continue;
        }
        if (device->n_out > 0) {
            device->led_to_ns = now_ns;
        }
        if (device->led_to_ns != 0 && now_ns - device->led_to_ns < TIER_REST_MS * NS_PER_MS) {
            count_failed(shard, port, now_ns);
        }
    }
}

void tier_port_closes(struct shard *shard, struct port *port)
{
    struct tier_device *device = port->io != NULL ? port->io->tier : NULL;
    if (shard->tier == NULL || device == NULL) {
        return;
    }
    tier_port_ends(shard, port->id);
    count_failed(shard, port, shard->worker.now_ns);
    for (uint32_t i = 0; i < device->n_rx; i++) {
        if (device->rx[i]->shared != NULL) {
            count_held(shard, port, device->rx[i]);
        }
    }
}

void tier_step(struct shard *shard, uint64_t now_ns)
{
    struct tier *tier = shard->tier;
    if (tier == NULL) {
        return;
    }
    if (tier->n_top == 0) {
        return;
    }
    look_at_waiting(shard);
    go_round(shard, now_ns);
    for_each_rx(shard, now_ns, watch_load);
    if (tier->n_used > 0 && now_ns - tier->renewed_ns >= TIER_RENEW_MS * NS_PER_MS) {
        tier->renewed_ns = now_ns;
        for_each_rx(shard, now_ns, renew_rx);
    }
    if (now_ns - tier->failed_ns >= TIER_FAILED_MS * NS_PER_MS) {
        tier->failed_ns = now_ns;
        count_all_failed(shard, now_ns);
    }
}

void tier_switch(struct shard *shard, bool is_on)
{
    if (shard->tier != NULL && shard->tier->is_off == is_on) {
        shard->tier->is_off = !is_on;
        shard->tier->n_candidates = 0;
        if (!is_on) {
            tier_end_all(shard);
        }
    }
}

bool tier_is_on(const struct tier *tier)
{
    return tier != NULL && !tier->is_off;
}

uint64_t tier_count_full(const struct tier *tier)
{
    return tier != NULL ? tier->n_full : 0;
}

uint32_t tier_count(const struct tier *tier)
{
    return tier != NULL ? tier->n_used : 0;
}

/* ---- birth and end ---- */

struct tier *tier_new(const struct tier_table *table)
{
    void *space = mmap(NULL, (size_t)FLOWS_MAX * sizeof(uint32_t), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (space == MAP_FAILED) {
        return NULL;
    }
    struct tier *tier = memory_zeroed(sizeof *tier);
    tier->table = *table;
    tier->first_of_flow = space;
    tier->records = memory_array(TIER_SLOTS, sizeof *tier->records);
    tier->free = memory_array(TIER_SLOTS, sizeof *tier->free);
    tier->waiting = memory_array(TIER_SLOTS, sizeof *tier->waiting);
    tier->index = memory_array(INDEX_SLOTS, sizeof *tier->index);
    return tier;
}

void tier_destroy(struct tier **tier)
{
    struct tier *it = *tier;
    if (it == NULL) {
        return;
    }
    for (uint32_t i = 0; i < it->n_top; i++) {
        if (it->records[i].state != RECORD_FREE) {
            __atomic_fetch_add(&it->table.slots[i].generation, 1, __ATOMIC_RELEASE);
            it->table.remove(it->table.context, &it->records[i].key, it->table.first + i);
        }
        if (it->records[i].program != NULL) {
            program_put(&it->records[i].program);
        }
    }
    munmap(it->first_of_flow, (size_t)FLOWS_MAX * sizeof(uint32_t));
    free(it->records);
    free(it->free);
    free(it->waiting);
    free(it->index);
    free(it);
    *tier = NULL;
}
