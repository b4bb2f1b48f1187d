/* Learned addresses of all bridges: (bridge, VLAN, MAC) is behind a port, until it moves, ages, is flushed or crowded out.
 *
 * Every change of an answer that mac_table_find() could have given, absences too, is noted in the list of changes: flows that NORMAL made
 * depend on it. Whoever drains the list clears it.
 */
#ifndef BUSBAR_SLOWPATH_MAC_TABLE_H
#define BUSBAR_SLOWPATH_MAC_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mac_name {
    uint64_t bridge;
    uint16_t vlan;
    uint8_t mac[6];
};

struct mac_port; /* of mac_table.c */
enum { MAC_LIST_BRIDGE, MAC_LIST_PORT, MAC_LISTS };

struct mac_entry {
    struct mac_name name;
    uint32_t port;       /* switch-wide port id */
    uint64_t learned_ns; /* when it was learned there */
    uint64_t used_ns;    /* when it last sent */
    /* private */
    uint64_t hash;
    uint64_t moves_due_ns; /* when the bucket of its moves will be full again */
    struct mac_entry *chain;
    struct mac_port *on; /* whose list it is in */
    struct {
        struct mac_entry *older, *newer;
    } links[MAC_LISTS]; /* by use: of its bridge, of its port */
};

enum {
    /* Of one address: 5 at once and 5 a second behind them, so at most 10 in any second. A host that roams moves once; a loop moves it as fast as it spins. */
    MAC_MOVES_BURST = 5,
    MAC_MOVES_PER_S = 5,
    /* New and moved addresses of one port: as many at once as a bridge has room for unless it is told otherwise, so that a whole network comes back at
     * once; behind them what costs replicas and corrections a few percent of a core. More are forwarded without being learned. */
    MAC_INTAKE_BURST = 8192,
    MAC_INTAKE_PER_S = 2000,
    MAC_NEWS_MAX = 16384,  /* learned in 10 ms and not yet told; what finds no room is learned again by the others */
    MAC_USE_STEP_MS = 500, /* a report of use */
};

enum mac_learned {
    MAC_LEARNED_NOTHING, /* was there already */
    MAC_LEARNED,         /* new, or moved */
    MAC_LEARNED_REFUSED  /* it moves too often, its port brings too many, or the bridge learns nothing */
};

struct mac_table;
struct mac_table *mac_table_new(void);
void mac_table_destroy(struct mac_table **table);

/* A packet from this address came in at `port`. `limit`: entries the bridge may have; of the port with the
 * most addresses the one longest unused makes room, so a port that invents addresses crowds out its own, and no faster than its token bucket
 * gives (I9). */
enum mac_learned mac_table_learn(struct mac_table *table, const struct mac_name *name, uint32_t port, uint32_t limit,
                                 uint64_t now_ns);
/* What a port has brought, since it is there. */
struct mac_port_counts {
    uint64_t learned;       /* new addresses */
    uint64_t moved;         /* from other ports to this one */
    uint64_t refused_moves; /* packets from addresses that move too often */
    uint64_t refused_rate;  /* packets from addresses beyond MAC_INTAKE_PER_S */
    uint64_t crowded_out;   /* its own addresses that ended because the bridge was full */
};
struct mac_port_counts mac_table_port_counts(const struct mac_table *table, uint32_t port);
size_t mac_table_port_count(const struct mac_table *table, uint64_t bridge, uint32_t port); /* of its addresses */

/* Another replica's word: the later time wins, at equal times the greater port; port 0 flushes. */
void mac_table_hear(struct mac_table *table, const struct mac_name *name, uint32_t port, uint64_t learned_ns, uint32_t limit);
/* NULL: not known. */
const struct mac_entry *mac_table_find(const struct mac_table *table, const struct mac_name *name);
/* Flows of the addresses with this number were used idle_ns ago. */
void mac_table_used(struct mac_table *table, uint64_t number, uint64_t used_ns);
/* Ends entries of the bridge unused for aging_ns, at most `limit` of them. True when more are due. */
bool mac_table_age(struct mac_table *table, uint64_t bridge, uint64_t aging_ns, uint64_t now_ns, size_t limit);
void mac_table_flush_port(struct mac_table *table, uint32_t port);
void mac_table_forget_port(struct mac_table *table, uint32_t port); /* it is gone, with its counts */
void mac_table_flush_bridge(struct mac_table *table, uint64_t bridge);
size_t mac_table_count(const struct mac_table *table, uint64_t bridge);
/* The bridge's entries from the last used on: start with NULL. */
const struct mac_entry *mac_table_next(const struct mac_table *table, uint64_t bridge, const struct mac_entry *entry);

/* Names whose answer changed since the last clear, in order; the same name may be there more than once. */
const struct mac_name *mac_table_changes(const struct mac_table *table, size_t *out_n);
void mac_table_clear_changes(struct mac_table *table);

/* What this replica itself learned since the last clear, for the others. */
struct mac_news {
    struct mac_name name;
    uint32_t port;
    uint64_t learned_ns;
};
const struct mac_news *mac_table_news(const struct mac_table *table, size_t *out_n);
void mac_table_clear_news(struct mac_table *table);
/* Ends all of a bridge's addresses because a person said so: the other replicas are to do the same. */
void mac_table_flush_everywhere(struct mac_table *table, uint64_t bridge, uint64_t now_ns);
/* Another replica's word: what was learned before is forgotten, and not taken from a third one that does not know yet. */
void mac_table_hear_flush(struct mac_table *table, uint64_t bridge, uint64_t flushed_ns);
/* When the bridge was flushed last, by whomever; 0: never. */
uint64_t mac_table_flushed_ns(const struct mac_table *table, uint64_t bridge);
/* Was a bridge flushed here since the last clear of the news? */
bool mac_table_has_flushed(const struct mac_table *table);

/* Numbers (mac_number) of addresses that ended since the last clear and are not known again; at most MAC_NEWS_MAX. */
const uint64_t *mac_table_ended(struct mac_table *table, size_t *out_n);
void mac_table_clear_ended(struct mac_table *table);

/* The number of the counter id of kind MAC: 56 bits of hash. */
uint64_t mac_number(const struct mac_name *name);

#endif
