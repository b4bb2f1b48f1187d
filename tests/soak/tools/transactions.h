/* What the clients of a crash test mean: each client has rows of its own, and what stands in them after its n-th transaction follows from the seed, the
 * client and n alone. So whoever sees the rows of a client can tell whether a transaction is there, not there, or half there.
 *
 * Clients 0 and 1 write configuration: three bridges with up to four ports, which come and go, and a bridge whose mac_table_size is n. Clients 2
 * and 3 write rules, 16 of them, and one whose cookie is n. Each transaction changes up to five rows and n.
 */
#ifndef BUSBAR_SOAK_TRANSACTIONS_H
#define BUSBAR_SOAK_TRANSACTIONS_H

#include "lib/cfg/cfg.h"

enum {
    CLIENTS = 4,
    CLIENTS_OF_CONFIGURATION = 2,
    BRIDGES = 3,
    PORTS = 4, /* of a bridge */
    RULES = 16,
    TRANSACTIONS_MAX = 1 << 20, /* of a client */
};

/* A file mapped by all processes of a run. */
struct board {
    volatile uint64_t asked[CLIENTS], answered[CLIENTS]; /* transactions, from 1 on */
    volatile uint64_t answered_ns[CLIENTS][TRANSACTIONS_MAX]; /* CLOCK_MONOTONIC, of the n-th answer */
    volatile uint64_t final_epoch, final_n; /* not 0: end when that version has been seen */
    volatile uint64_t stop; /* no more transactions */
};

struct board *board_open(const char *path);

/* What a client's rows say. 0: there is no such row. */
struct meaning {
    uint32_t bridges[BRIDGES]; /* mac_aging_s */
    uint32_t ports[BRIDGES][PORTS]; /* tag */
    uint32_t rules[RULES]; /* priority */
};

/* From what the n-1st transaction left to what the n-th leaves. */
void meaning_step(struct meaning *meaning, uint64_t seed, unsigned client, uint64_t n);
bool client_writes_rules(unsigned client);

/* Names of rows. */
enum { NAME_SIZE = 16 };
void name_marker(unsigned client, char out_name[NAME_SIZE]);
void name_bridge(unsigned client, unsigned bridge, char out_name[NAME_SIZE]);
void name_port(unsigned client, unsigned bridge, unsigned port, char out_name[NAME_SIZE]);
/* The rules of client c are in table c; of priority 1 + slot, or 65535, whose cookie is n. Their hard timeout is the meaning. */
enum { MARKER_PRIORITY = 65535 };

/* What somebody sees of all clients. */
struct view {
    struct meaning meanings[CLIENTS];
    uint64_t n[CLIENTS]; /* 0: the client has written nothing */
    uint64_t bridge_ids[CLIENTS][BRIDGES];
    uint64_t n_strangers; /* ports and rules whose bridge is not there */
};

/* Rows come in any order, but bridges before ports. */
void view_add(struct view *view, enum cfg_table table, uint64_t id, const ProtobufCMessage *row);

/* Steps a client's meaning forwards as it is asked for later states. */
struct expected {
    struct meaning meaning;
    uint64_t n;
};
/* Each client's rows are those of one n, at least least[c] and at most most[c]; false: says on standard error what is not. `expected`: CLIENTS of them. */
bool view_check(const struct view *view, uint64_t seed, struct expected *expected, const uint64_t *least, const uint64_t *most);

#endif
