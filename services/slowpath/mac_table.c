/* One hash table for all bridges, and for each bridge a list by last use for ageing and for making room.
 *
 * One table, because the name of an address to the outside is 56 bits of its hash (the counter id by which a shard reports use): the same
 * hash finds the entry. Ageing takes from the old end of a bridge's list and stops at the first that is young enough: O(1) for each that ends.
 * Room is made at the cost of the port with the most addresses, by its longest unused one (I9): each port has a list of its own for that.
 * Moves: each address has a token bucket, ten in any second at most; more are refused, the packet is forwarded and no flow is made of it, so a loop
 * cannot make every replica correct flows all day. Each port has one for what it brings, new or moved, so that random source addresses neither
 * end everybody else's entries nor fill the wires to the other replicas (I9). What others tell takes of an address's moves, too, but is never refused:
 * all replicas come to the same table.
 * Cost: some 100 bytes an address. Thread: the one that translates. Invariant: an entry is in the hash table, in
 * its bridge's list and in the list of the port it is behind.
 */
#include "services/slowpath/mac_table.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <xxhash.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

struct mac_list {
    struct mac_entry *oldest, *newest;
    size_t count;
};

struct mac_port {
    uint32_t id;
    struct mac_list list;
    UT_hash_handle hh;
};

struct mac_bridge {
    uint64_t id;
    struct mac_list list;
    struct mac_port *ports; /* those with addresses */
    uint64_t flushed_ns;    /* what was learned before is forgotten */
    UT_hash_handle hh;
};

/* What a port may bring, whether it has addresses or not; goes with the port. */
struct mac_intake {
    uint32_t port;
    uint64_t due_ns; /* of its bucket: when it will be full again */
    struct mac_port_counts counts;
    UT_hash_handle hh;
};

struct mac_table {
    struct mac_intake *intakes;
    struct mac_entry **buckets; /* a power of two */
    size_t n_buckets, count;
    struct mac_bridge *bridges;
    struct mac_name *changes;
    size_t n_changes, changes_room;
    uint64_t ended[MAC_NEWS_MAX];
    size_t n_ended;
    struct mac_news *news;
    size_t n_news, news_room;
    bool has_flushed; /* is news, too */
};

uint64_t mac_number(const struct mac_name *name)
{
    uint8_t bytes[16];
    memcpy(bytes, &name->bridge, 8);
    memcpy(bytes + 8, &name->vlan, 2);
    memcpy(bytes + 10, name->mac, 6);
    return XXH3_64bits(bytes, sizeof bytes) & 0x00ffffffffffffffull;
}

static bool name_equal(const struct mac_name *a, const struct mac_name *b)
{
    return a->bridge == b->bridge && a->vlan == b->vlan && memcmp(a->mac, b->mac, 6) == 0;
}

static void change_add(struct mac_table *table, const struct mac_name *name)
{
    if (table->n_changes == table->changes_room) {
        table->changes_room = table->changes_room == 0 ? 64 : table->changes_room * 2;
        table->changes = memory_resize(table->changes, table->changes_room * sizeof *table->changes);
    }
    table->changes[table->n_changes++] = *name;
}

static void news_add(struct mac_table *table, const struct mac_name *name, uint32_t port, uint64_t learned_ns)
{
    if (table->n_news == MAC_NEWS_MAX) {
        return;
    }
    if (table->n_news == table->news_room) {
        table->news_room = table->news_room == 0 ? 64 : table->news_room * 2;
        table->news = memory_resize(table->news, table->news_room * sizeof *table->news);
    }
    table->news[table->n_news++] = (struct mac_news){.name = *name, .port = port, .learned_ns = learned_ns};
}

static struct mac_bridge *bridge_find(const struct mac_table *table, uint64_t id)
{
    struct mac_bridge *bridge;
    HASH_FIND(hh, table->bridges, &id, sizeof id, bridge);
    return bridge;
}

static struct mac_bridge *bridge_named_by(struct mac_table *table, uint64_t id)
{
    struct mac_bridge *bridge = bridge_find(table, id);
    if (bridge == NULL) {
        bridge = memory_zeroed(sizeof *bridge);
        bridge->id = id;
        HASH_ADD(hh, table->bridges, id, sizeof bridge->id, bridge);
    }
    return bridge;
}

static void list_take_out(struct mac_list *list, int which, struct mac_entry *entry)
{
    struct mac_entry *older = entry->links[which].older, *newer = entry->links[which].newer;
    *(older != NULL ? &older->links[which].newer : &list->oldest) = newer;
    *(newer != NULL ? &newer->links[which].older : &list->newest) = older;
    list->count--;
}

/* Places the entry by its time of use; nearly always at the young end. */
static void list_put(struct mac_list *list, int which, struct mac_entry *entry)
{
    struct mac_entry *older = list->newest;
    while (older != NULL && older->used_ns > entry->used_ns) {
        older = older->links[which].older;
    }
    struct mac_entry *newer = older != NULL ? older->links[which].newer : list->oldest;
    entry->links[which].older = older;
    entry->links[which].newer = newer;
    *(older != NULL ? &older->links[which].newer : &list->oldest) = entry;
    *(newer != NULL ? &newer->links[which].older : &list->newest) = entry;
    list->count++;
}

static void port_leave(struct mac_bridge *bridge, struct mac_entry *entry)
{
    struct mac_port *port = entry->on;
    if (port == NULL) {
        return;
    }
    entry->on = NULL;
    list_take_out(&port->list, MAC_LIST_PORT, entry);
    if (port->list.count == 0) {
        HASH_DELETE(hh, bridge->ports, port);
        free(port);
    }
}

static void port_join(struct mac_bridge *bridge, struct mac_entry *entry, uint32_t id)
{
    struct mac_port *port;
    HASH_FIND(hh, bridge->ports, &id, sizeof id, port);
    if (port == NULL) {
        port = memory_zeroed(sizeof *port);
        port->id = id;
        HASH_ADD(hh, bridge->ports, id, sizeof port->id, port);
    }
    entry->port = id;
    entry->on = port;
    list_put(&port->list, MAC_LIST_PORT, entry);
}

static struct mac_entry *entry_find(const struct mac_table *table, const struct mac_name *name, uint64_t hash)
{
    struct mac_entry *entry = table->buckets[hash & (table->n_buckets - 1)];
    while (entry != NULL && (entry->hash != hash || !name_equal(&entry->name, name))) {
        entry = entry->chain;
    }
    return entry;
}

static void table_grow(struct mac_table *table)
{
    size_t n_buckets = table->n_buckets * 2;
    struct mac_entry **buckets = memory_array(n_buckets, sizeof(struct mac_entry *));
    for (size_t i = 0; i < table->n_buckets; i++) {
        for (struct mac_entry *entry = table->buckets[i], *next; entry != NULL; entry = next) {
            next = entry->chain;
            entry->chain = buckets[entry->hash & (n_buckets - 1)];
            buckets[entry->hash & (n_buckets - 1)] = entry;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->n_buckets = n_buckets;
}

static void entry_end(struct mac_table *table, struct mac_bridge *bridge, struct mac_entry *entry)
{
    struct mac_entry **place = &table->buckets[entry->hash & (table->n_buckets - 1)];
    while (*place != entry) {
        place = &(*place)->chain;
    }
    *place = entry->chain;
    port_leave(bridge, entry);
    list_take_out(&bridge->list, MAC_LIST_BRIDGE, entry);
    change_add(table, &entry->name);
    if (table->n_ended < MAC_NEWS_MAX) {
        table->ended[table->n_ended++] = entry->hash;
    }
    table->count--;
    free(entry);
}

static struct mac_intake *intake_of(struct mac_table *table, uint32_t port)
{
    struct mac_intake *intake;
    HASH_FIND(hh, table->intakes, &port, sizeof port, intake);
    if (intake == NULL) {
        intake = memory_zeroed(sizeof *intake);
        intake->port = port;
        HASH_ADD(hh, table->intakes, port, sizeof intake->port, intake);
    }
    return intake;
}

/* Takes a token of a bucket that holds `burst` and gets `per_s`: *due_ns is when it will be full again; 0: it is full. */
static bool take(uint64_t *due_ns, uint64_t per_s, uint64_t burst, uint64_t now_ns)
{
    uint64_t token_ns = NS_PER_S / per_s, due = (*due_ns > now_ns ? *due_ns : now_ns) + token_ns;
    if (due - now_ns > burst * token_ns) {
        return false;
    }
    *due_ns = due;
    return true;
}

static void make_room(struct mac_table *table, struct mac_bridge *bridge)
{
    const struct mac_port *fullest = bridge->ports;
    for (const struct mac_port *port = bridge->ports; port != NULL; port = port->hh.next) {
        fullest = port->list.count > fullest->list.count ? port : fullest;
    }
    intake_of(table, fullest->id)->counts.crowded_out++;
    entry_end(table, bridge, fullest->list.oldest);
}

static struct mac_entry *entry_make(struct mac_table *table, const struct mac_name *name, uint64_t hash, uint32_t limit,
                                    uint64_t used_ns)
{
    struct mac_bridge *bridge = bridge_named_by(table, name->bridge);
    while (bridge->list.count >= limit) {
        make_room(table, bridge);
    }
    if (table->count >= table->n_buckets) {
        table_grow(table);
    }
    struct mac_entry *entry = memory_zeroed(sizeof *entry);
    entry->name = *name;
    entry->hash = hash;
    entry->used_ns = used_ns;
    entry->chain = table->buckets[hash & (table->n_buckets - 1)];
    table->buckets[hash & (table->n_buckets - 1)] = entry;
    table->count++;
    list_put(&bridge->list, MAC_LIST_BRIDGE, entry);
    return entry;
}

/* Reports come in any order within their half second. The entry goes to the young end, as if used with the newest: O(1), and ageing is off by
 * the idle time reported, at most a report (once more, when a report was lost and all values are asked for). So a use hardly later than the
 * known one is not worth a place: told again, it would keep the entry young. */
static void entry_touch(struct mac_table *table, struct mac_entry *entry, uint64_t used_ns)
{
    if (used_ns > entry->used_ns) {
        struct mac_bridge *bridge = bridge_find(table, entry->name.bridge);
        uint64_t newest_ns = bridge->list.newest->used_ns;
        if (used_ns < newest_ns && used_ns - entry->used_ns < MAC_USE_STEP_MS * NS_PER_MS) {
            return;
        }
        used_ns = used_ns > newest_ns ? used_ns : newest_ns;
        list_take_out(&bridge->list, MAC_LIST_BRIDGE, entry);
        entry->used_ns = used_ns;
        list_put(&bridge->list, MAC_LIST_BRIDGE, entry);
        if (entry->on != NULL) {
            list_take_out(&entry->on->list, MAC_LIST_PORT, entry);
            list_put(&entry->on->list, MAC_LIST_PORT, entry);
        }
    }
}

static void entry_place(struct mac_table *table, struct mac_entry *entry, uint32_t port, uint64_t learned_ns)
{
    struct mac_bridge *bridge = bridge_find(table, entry->name.bridge);
    port_leave(bridge, entry);
    entry->learned_ns = learned_ns;
    entry_touch(table, entry, learned_ns); /* before it joins: by its old use its place would be searched past all younger ones */
    port_join(bridge, entry, port);
    change_add(table, &entry->name);
}

/* May the address, new or known, come to this port? */
static bool may_come(struct mac_table *table, struct mac_entry *entry, uint32_t port, uint64_t now_ns)
{
    struct mac_intake *intake = intake_of(table, port);
    if (entry != NULL && !take(&entry->moves_due_ns, MAC_MOVES_PER_S, MAC_MOVES_BURST, now_ns)) {
        intake->counts.refused_moves++;
        return false;
    }
    if (!take(&intake->due_ns, MAC_INTAKE_PER_S, MAC_INTAKE_BURST, now_ns)) {
        intake->counts.refused_rate++;
        return false;
    }
    intake->counts.learned += entry == NULL;
    intake->counts.moved += entry != NULL;
    return true;
}

struct mac_table *mac_table_new(void)
{
    struct mac_table *table = memory_zeroed(sizeof *table);
    table->n_buckets = 64;
    table->buckets = memory_array(table->n_buckets, sizeof(struct mac_entry *));
    return table;
}

void mac_table_destroy(struct mac_table **table)
{
    if (*table == NULL) {
        return;
    }
    struct mac_bridge *bridge, *next;
    HASH_ITER(hh, (*table)->bridges, bridge, next)
    {
        while (bridge->list.oldest != NULL) {
            entry_end(*table, bridge, bridge->list.oldest);
        }
        HASH_DELETE(hh, (*table)->bridges, bridge);
        free(bridge);
    }
    struct mac_intake *intake, *other;
    HASH_ITER(hh, (*table)->intakes, intake, other)
    {
        HASH_DELETE(hh, (*table)->intakes, intake);
        free(intake);
    }
    free((*table)->buckets);
    free((*table)->changes);
    free((*table)->news);
    free(*table);
    *table = NULL;
}

enum mac_learned mac_table_learn(struct mac_table *table, const struct mac_name *name, uint32_t port, uint32_t limit,
                                 uint64_t now_ns)
{
    uint64_t hash = mac_number(name);
    struct mac_entry *entry = entry_find(table, name, hash);
    if (entry != NULL && entry->port == port) {
        entry_touch(table, entry, now_ns);
        return MAC_LEARNED_NOTHING;
    }
    if (limit == 0 || !may_come(table, entry, port, now_ns)) {
        return MAC_LEARNED_REFUSED;
    }
    if (entry == NULL) {
        entry = entry_make(table, name, hash, limit, now_ns);
    }
    entry_place(table, entry, port, now_ns);
    news_add(table, name, port, now_ns);
    return MAC_LEARNED;
}

uint64_t mac_table_flushed_ns(const struct mac_table *table, uint64_t id)
{
    const struct mac_bridge *bridge = bridge_find(table, id);
    return bridge != NULL ? bridge->flushed_ns : 0;
}

void mac_table_hear(struct mac_table *table, const struct mac_name *name, uint32_t port, uint64_t learned_ns, uint32_t limit)
{
    uint64_t hash = mac_number(name);
    struct mac_entry *entry = entry_find(table, name, hash);
    if (entry != NULL && (learned_ns < entry->learned_ns || (learned_ns == entry->learned_ns && port <= entry->port))) {
        return;
    }
    if (learned_ns < mac_table_flushed_ns(table, name->bridge)) {
        return;
    }
    if (port == 0) {
        if (entry != NULL) {
            entry_end(table, bridge_find(table, name->bridge), entry);
        }
        return;
    }
    if (entry == NULL && limit > 0) {
        entry = entry_make(table, name, hash, limit, learned_ns);
    }
    if (entry != NULL && entry->port != port) {
        bool is_within = take(&entry->moves_due_ns, MAC_MOVES_PER_S, MAC_MOVES_BURST, learned_ns);
        (void)is_within; /* the other replica has judged; here it is one fewer */
        entry_place(table, entry, port, learned_ns);
    } else if (entry != NULL) {
        entry->learned_ns = learned_ns;
        entry_touch(table, entry, learned_ns);
    }
}

const struct mac_entry *mac_table_find(const struct mac_table *table, const struct mac_name *name)
{
    return entry_find(table, name, mac_number(name));
}

void mac_table_used(struct mac_table *table, uint64_t number, uint64_t used_ns)
{
    struct mac_entry *entry = table->buckets[number & (table->n_buckets - 1)];
    for (struct mac_entry *next; entry != NULL; entry = next) {
        next = entry->chain;
        if (entry->hash == number) {
            entry_touch(table, entry, used_ns);
        }
    }
}

bool mac_table_age(struct mac_table *table, uint64_t id, uint64_t aging_ns, uint64_t now_ns, size_t limit)
{
    struct mac_bridge *bridge = bridge_find(table, id);
    while (bridge != NULL && bridge->list.oldest != NULL && bridge->list.oldest->used_ns + aging_ns <= now_ns) {
        if (limit == 0) {
            return true;
        }
        entry_end(table, bridge, bridge->list.oldest);
        limit--;
    }
    return false;
}

void mac_table_flush_port(struct mac_table *table, uint32_t port)
{
    for (struct mac_bridge *bridge = table->bridges; bridge != NULL; bridge = bridge->hh.next) {
        for (struct mac_entry *entry = bridge->list.oldest, *newer; entry != NULL; entry = newer) {
            newer = entry->links[MAC_LIST_BRIDGE].newer;
            if (entry->port == port) {
                entry_end(table, bridge, entry);
            }
        }
    }
}

void mac_table_forget_port(struct mac_table *table, uint32_t port)
{
    struct mac_intake *intake;
    mac_table_flush_port(table, port);
    HASH_FIND(hh, table->intakes, &port, sizeof port, intake);
    if (intake != NULL) {
        HASH_DELETE(hh, table->intakes, intake);
        free(intake);
    }
}

struct mac_port_counts mac_table_port_counts(const struct mac_table *table, uint32_t port)
{
    struct mac_intake *intake;
    HASH_FIND(hh, table->intakes, &port, sizeof port, intake);
    return intake != NULL ? intake->counts : (struct mac_port_counts){0};
}

size_t mac_table_port_count(const struct mac_table *table, uint64_t id, uint32_t port)
{
    const struct mac_bridge *bridge = bridge_find(table, id);
    struct mac_port *on = NULL;
    if (bridge != NULL) {
        HASH_FIND(hh, bridge->ports, &port, sizeof port, on);
    }
    return on != NULL ? on->list.count : 0;
}

void mac_table_flush_bridge(struct mac_table *table, uint64_t id)
{
    struct mac_bridge *bridge = bridge_find(table, id);
    if (bridge != NULL) {
        while (bridge->list.oldest != NULL) {
            entry_end(table, bridge, bridge->list.oldest);
        }
        HASH_DELETE(hh, table->bridges, bridge);
        free(bridge);
    }
}

/* Those learned before, or all when they may be as old. */
static void flush_before(struct mac_table *table, struct mac_bridge *bridge, uint64_t flushed_ns, bool is_all)
{
    for (struct mac_entry *entry = bridge->list.oldest, *newer; entry != NULL; entry = newer) {
        newer = entry->links[MAC_LIST_BRIDGE].newer;
        if (is_all || entry->learned_ns < flushed_ns) {
            entry_end(table, bridge, entry);
        }
    }
    bridge->flushed_ns = flushed_ns > bridge->flushed_ns ? flushed_ns : bridge->flushed_ns;
}

void mac_table_hear_flush(struct mac_table *table, uint64_t id, uint64_t flushed_ns)
{
    flush_before(table, bridge_named_by(table, id), flushed_ns, false);
}

bool mac_table_has_flushed(const struct mac_table *table)
{
    return table->has_flushed;
}

void mac_table_flush_everywhere(struct mac_table *table, uint64_t id, uint64_t now_ns)
{
    size_t n_kept = 0;
    for (size_t i = 0; i < table->n_news; i++) { /* not to be told any more, lest it was learned at this very time */
        if (table->news[i].name.bridge != id) {
            table->news[n_kept++] = table->news[i];
        }
    }
    table->n_news = n_kept;
    flush_before(table, bridge_named_by(table, id), now_ns, true);
    table->has_flushed = true;
}

const struct mac_news *mac_table_news(const struct mac_table *table, size_t *out_n)
{
    *out_n = table->n_news;
    return table->news;
}

void mac_table_clear_news(struct mac_table *table)
{
    table->n_news = 0;
    table->has_flushed = false;
}

static bool number_is_known(const struct mac_table *table, uint64_t number)
{
    const struct mac_entry *entry = table->buckets[number & (table->n_buckets - 1)];
    while (entry != NULL && entry->hash != number) {
        entry = entry->chain;
    }
    return entry != NULL;
}

const uint64_t *mac_table_ended(struct mac_table *table, size_t *out_n)
{
    size_t n = 0;
    for (size_t i = 0; i < table->n_ended; i++) {
        if (!number_is_known(table, table->ended[i])) {
            table->ended[n++] = table->ended[i];
        }
    }
    table->n_ended = n;
    *out_n = n;
    return table->ended;
}

void mac_table_clear_ended(struct mac_table *table)
{
    table->n_ended = 0;
}

size_t mac_table_count(const struct mac_table *table, uint64_t id)
{
    const struct mac_bridge *bridge = bridge_find(table, id);
    return bridge == NULL ? 0 : bridge->list.count;
}

const struct mac_entry *mac_table_next(const struct mac_table *table, uint64_t id, const struct mac_entry *entry)
{
    if (entry != NULL) {
        return entry->links[MAC_LIST_BRIDGE].older;
    }
    const struct mac_bridge *bridge = bridge_find(table, id);
    return bridge == NULL ? NULL : bridge->list.newest;
}

const struct mac_name *mac_table_changes(const struct mac_table *table, size_t *out_n)
{
    *out_n = table->n_changes;
    return table->changes;
}

void mac_table_clear_changes(struct mac_table *table)
{
    table->n_changes = 0;
}
