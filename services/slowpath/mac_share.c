/* Learned addresses among replicas.
 *
 *     replica A binds  <-- ASK_ALL -- replica B connects        B hears from A on its own connection; the other way likewise
 *                      -- all, then news every 10 ms -->
 *
 * What one replica learned, the others need before the answer's destination misses at them; 10 ms is less than a host takes to answer. Only
 * own news is told, never hearsay, so nothing goes round. The later time wins, so all replicas come to the same table in any order of arrival.
 * A bridge is flushed by one word and a time, and remembers that time. A full socket loses news: a peer that sees a
 * gap or hears nothing asks for all again. Cost: 50 bytes an address and peer.
 * Thread: the one that translates. Invariant: bounded listeners and peers.
 */
#include "services/slowpath/mac_share.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/msg.h"
#include "proto/mac.pb-c.h"

struct mac_peer {
    uint64_t row;
    struct bus_socket *socket;
    uint64_t sequence;
    uint64_t ask_ns; /* when ASK_ALL is due, should nothing be heard */
};

struct mac_share {
    struct core *core;
    struct bus_socket *socket;
    struct bus_identity listeners[MAC_SHARE_PEERS_MAX];
    size_t n_listeners;
    struct mac_peer peers[MAC_SHARE_PEERS_MAX];
    size_t n_peers;
    uint64_t told_ns;
};

int mac_share_open(struct core *core, const char *endpoint, struct mac_share **out_share)
{
    struct mac_share *share = memory_zeroed(sizeof *share);
    share->core = core;
    int err = bus_bind(core->bus, WIRE_MAC, endpoint, &share->socket);
    if (err != 0) {
        mac_share_close(&share);
        return err;
    }
    *out_share = share;
    return 0;
}

const char *mac_share_endpoint(const struct mac_share *share)
{
    return bus_socket_endpoint(share->socket);
}

void mac_share_close(struct mac_share **share)
{
    if (*share == NULL) {
        return;
    }
    while ((*share)->n_peers > 0) {
        mac_share_remove_peer(*share, (*share)->peers[0].row);
    }
    bus_close(&(*share)->socket);
    free(*share);
    *share = NULL;
}

void mac_share_add_peer(struct mac_share *share, uint64_t row, const char *endpoint)
{
    if (share->n_peers == MAC_SHARE_PEERS_MAX) {
        log_error("replica_refused reason=\"more than %d\"", MAC_SHARE_PEERS_MAX);
        return;
    }
    struct mac_peer peer = {.row = row};
    int err = bus_connect(share->core->bus, WIRE_MAC, endpoint, &peer.socket);
    if (err != 0) {
        log_error("replica_unconnected endpoint=%s error=\"%s\"", endpoint, error_text(err));
        return;
    }
    share->peers[share->n_peers++] = peer;
}

void mac_share_remove_peer(struct mac_share *share, uint64_t row)
{
    for (size_t i = 0; i < share->n_peers; i++) {
        if (share->peers[i].row == row) {
            bus_close(&share->peers[i].socket);
            share->peers[i] = share->peers[--share->n_peers];
            return;
        }
    }
}

/* ---- telling ---- */

struct batch {
    Busbar__MacBatch message;
    Busbar__MacEntry entries[MAC_SHARE_BATCH];
    Busbar__MacEntry *pointers[MAC_SHARE_BATCH];
    Busbar__MacFlush flushes[MAC_SHARE_FLUSHES], *flush_pointers[MAC_SHARE_FLUSHES];
};

static void batch_add(struct batch *batch, const struct mac_name *name, uint32_t port, uint64_t learned_ns)
{
    Busbar__MacEntry *entry = &batch->entries[batch->message.n_entries];
    busbar__mac_entry__init(entry);
    entry->bridge = name->bridge;
    entry->vlan = name->vlan;
    entry->mac = (ProtobufCBinaryData){.len = sizeof name->mac, .data = (uint8_t *)(uintptr_t)name->mac};
    entry->port = port;
    entry->learned_ns = learned_ns;
    batch->pointers[batch->message.n_entries++] = entry;
}

static struct batch *batch_new(bool all)
{
    struct batch *batch = memory_zeroed(sizeof *batch);
    busbar__mac_batch__init(&batch->message);
    batch->message.entries = batch->pointers;
    batch->message.all = all;
    batch->message.flushes = batch->flush_pointers;
    return batch;
}

/* The next bridges that were flushed, as many as one message holds; NULL: there are no more. */
static const struct world_bridge *batch_flushes(const struct core *core, const struct world_bridge *bridge, struct batch *batch)
{
    batch->message.n_flushes = 0;
    for (; bridge != NULL && batch->message.n_flushes < MAC_SHARE_FLUSHES; bridge = bridge->hh.next) {
        uint64_t flushed_ns = mac_table_flushed_ns(core->macs, bridge->id);
        if (flushed_ns != 0) {
            Busbar__MacFlush *flush = &batch->flushes[batch->message.n_flushes];
            busbar__mac_flush__init(flush);
            flush->bridge = bridge->id;
            flush->flushed_ns = flushed_ns;
            batch->flush_pointers[batch->message.n_flushes++] = flush;
        }
    }
    return bridge;
}

static void tell_listeners(struct mac_share *share, struct batch *batch)
{
    for (size_t i = share->n_listeners; i > 0; i--) {
        int err = msg_send(share->socket, &share->listeners[i - 1], MESSAGE_MAC_BATCH, &batch->message.base);
        if (err == -ERROR_NOT_CONNECTED) {
            share->listeners[i - 1] = share->listeners[--share->n_listeners];
        } else if (err != 0) {
            share->core->counts.mac_news_dropped += batch->message.n_entries;
        }
    }
    batch->message.n_entries = batch->message.n_flushes = 0;
}

static void tell_news(struct mac_share *share)
{
    struct core *core = share->core;
    size_t n;
    const struct mac_news *news = mac_table_news(core->macs, &n);
    bool has_flushed = mac_table_has_flushed(core->macs);
    uint64_t wait_ms = n > 0 || has_flushed ? MAC_SHARE_INTERVAL_MS : MAC_SHARE_BEAT_MS;
    if (core->now_ns - share->told_ns < wait_ms * NS_PER_MS) {
        return;
    }
    share->told_ns = core->now_ns;
    struct batch *batch = batch_new(false);
    for (const struct world_bridge *next = has_flushed ? core->world.bridges : NULL; next != NULL;) {
        next = batch_flushes(core, next, batch);
        tell_listeners(share, batch);
    }
    for (size_t i = 0; i < n && share->n_listeners > 0; i++) {
        batch_add(batch, &news[i].name, news[i].port, news[i].learned_ns);
        if (batch->message.n_entries == MAC_SHARE_BATCH) {
            tell_listeners(share, batch);
        }
    }
    tell_listeners(share, batch);
    free(batch);
    mac_table_clear_news(core->macs);
}

static int send_all_of(struct mac_share *share, const struct bus_identity *to, uint64_t bridge, struct batch *batch)
{
    const struct mac_entry *entry = mac_table_next(share->core->macs, bridge, NULL);
    int err = 0;
    while (entry != NULL && err == 0) {
        batch_add(batch, &entry->name, entry->port, entry->learned_ns);
        entry = mac_table_next(share->core->macs, bridge, entry);
        if (entry == NULL || batch->message.n_entries == MAC_SHARE_BATCH) {
            err = msg_send(share->socket, to, MESSAGE_MAC_BATCH, &batch->message.base);
            batch->message.n_entries = 0;
        }
    }
    return err;
}

static void on_ask_all(struct mac_share *share, const struct bus_identity *who)
{
    size_t i = 0;
    while (i < share->n_listeners && !bus_identity_equal(&share->listeners[i], who)) {
        i++;
    }
    if (i == MAC_SHARE_PEERS_MAX) {
        LOG_LIMITED(LOG_LEVEL_WARN, "mac_listener_refused instance=%u", who->instance);
        return;
    }
    share->listeners[i] = *who;
    share->n_listeners += i == share->n_listeners;
    struct batch *batch = batch_new(true);
    int err = 0;
    for (const struct world_bridge *next = share->core->world.bridges; next != NULL && err == 0;) {
        next = batch_flushes(share->core, next, batch);
        err = batch->message.n_flushes > 0 ? msg_send(share->socket, who, MESSAGE_MAC_BATCH, &batch->message.base) : 0;
    }
    batch->message.n_flushes = 0;
    for (const struct world_bridge *bridge = share->core->world.bridges; bridge != NULL && err == 0; bridge = bridge->hh.next) {
        err = send_all_of(share, who, bridge->id, batch);
    }
    share->core->counts.mac_news_dropped += err != 0;
    free(batch);
}

/* ---- hearing ---- */

static bool hear(struct core *core, const Busbar__MacEntry *entry)
{
    const struct world_bridge *bridge = world_bridge(&core->world, entry->bridge);
    struct mac_name name = {.bridge = entry->bridge, .vlan = (uint16_t)entry->vlan};
    if (entry->mac.len != sizeof name.mac || entry->vlan > 4095) {
        return false;
    }
    memcpy(name.mac, entry->mac.data, sizeof name.mac);
    bool is_ours = bridge != NULL && (entry->port == 0 || world_port(&core->world, entry->port) != NULL);
    if (is_ours) {
        mac_table_hear(core->macs, &name, entry->port, entry->learned_ns, bridge->mac_limit);
    }
    return true;
}

static void hear_peer(struct mac_share *share, struct mac_peer *peer)
{
    struct core *core = share->core;
    struct bus_message message;
    for (int i = 0; i < MAC_SHARE_MESSAGES_PER_STEP && bus_recv(peer->socket, &message) == 0; i++) {
        Busbar__MacBatch *batch = (Busbar__MacBatch *)msg_unpack(&message, &busbar__mac_batch__descriptor);
        bool makes_sense = batch != NULL;
        for (size_t e = 0; makes_sense && e < batch->n_flushes; e++) {
            if (world_bridge(&core->world, batch->flushes[e]->bridge) != NULL) {
                mac_table_hear_flush(core->macs, batch->flushes[e]->bridge, batch->flushes[e]->flushed_ns);
            }
        }
        for (size_t e = 0; makes_sense && e < batch->n_entries; e++) {
            makes_sense = hear(core, batch->entries[e]);
        }
        bool is_gap = peer->sequence != 0 && message.sequence != peer->sequence + 1;
        core->counts.malformed += !makes_sense;
        peer->sequence = message.sequence;
        peer->ask_ns = is_gap ? core->now_ns : core->now_ns + MAC_SHARE_SILENCE_MS * NS_PER_MS;
        if (batch != NULL) {
            protobuf_c_message_free_unpacked(&batch->base, NULL);
        }
        bus_message_fini(&message);
    }
    if (core->now_ns >= peer->ask_ns) {
        Busbar__MacAskAll ask = BUSBAR__MAC_ASK_ALL__INIT;
        int err = msg_send(peer->socket, NULL, MESSAGE_MAC_ASK_ALL, &ask.base);
        peer->ask_ns = core->now_ns + (err == 0 ? MAC_SHARE_SILENCE_MS : MAC_SHARE_INTERVAL_MS) * NS_PER_MS;
        peer->sequence = 0;
    }
}

void mac_share_step(struct mac_share *share)
{
    struct bus_message message;
    for (int i = 0; i < MAC_SHARE_MESSAGES_PER_STEP && bus_recv(share->socket, &message) == 0; i++) {
        if (message.type == MESSAGE_MAC_ASK_ALL) {
            on_ask_all(share, &message.from);
        }
        bus_message_fini(&message);
    }
    for (size_t i = 0; i < share->n_peers; i++) {
        hear_peer(share, &share->peers[i]);
    }
    tell_news(share);
}

size_t mac_share_fds(const struct mac_share *share, int *out_fds, size_t room)
{
    size_t n = 0;
    if (n < room) {
        out_fds[n++] = bus_fd(share->socket);
    }
    for (size_t i = 0; i < share->n_peers && n < room; i++) {
        out_fds[n++] = bus_fd(share->peers[i].socket);
    }
    return n;
}
