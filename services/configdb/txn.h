/* One transaction of a client, worked out on an overlay: accepted with all its consequences, or refused without any.
 *
 * txn_evaluate() needs a transaction open on the rows whose written environment is txn_env()'s; it writes nothing. The caller writes
 * txn.overlay into the shared commit. One thread.
 */
#ifndef BUSBAR_CONFIGDB_TXN_H
#define BUSBAR_CONFIGDB_TXN_H

#include "lib/bus/bus.h"
#include "lib/msg/msg.h"
#include "services/configdb/overlay.h"
#include "services/configdb/validate.h"

enum { TXN_OPS_MAX = 100000 /* a bundle of 64k rules with its requires fits; more would hold everybody up for a second */ };

struct txn_label;
/* Labels of inserts. Writers count them up, so most stand in the array in order; the others are hashed. */
struct txn_labels {
    struct {
        uint64_t label, id;
    } *in_order; /* owned */
    size_t n, room;
    struct txn_label *others;
};
/* Of quick.h. */
struct quick {
    bool is_begun, has_plan;
    struct validate_plan plan;
    uint64_t bridge; /* known to exist; 0: none yet */
};
struct txn {
    int error; /* 0, or why it was refused; then only detail and failed_op say something */
    struct error_detail detail;
    uint32_t failed_op;
    uint32_t wait_ms; /* refused because a wait does not hold, which may be tried again for so long; else 0 */
    struct overlay *overlay;
    uint64_t *ids; /* one per operation */
    size_t n_ids;
    uint64_t *gone_bridges; /* their rows in the run environment go in a second commit */
    size_t n_gone_bridges;
    bool makes_version;
    char note[256];            /* what the client should know although it was accepted; "" */
    char what[64];             /* for the history: "back to 12"; "" */
    uint32_t confirm_within_s; /* 0: stays as it is */
    uint64_t settles_n;        /* the commit that awaited confirmation and does no longer; 0: none */

    /* private */
    struct bus_identity from;
    struct msg_arena *scratch; /* lent to txn_evaluate() */
    struct txn_labels labels;
    bool is_quick; /* operations may be tried by quick.h */
    struct quick quick;
    uint64_t *new_bridges;
    size_t n_new_bridges;
};

/* -ERROR_TOO_LARGE: it has more operations than a transaction may have. */
int txn_count_ops(const Busbar__Transact *message, struct error_detail *detail) MUST_CHECK;
/* The environment that the operations write to, all the same one. */
int txn_env(const Busbar__Transact *message, enum rows_env *out_env, struct error_detail *detail,
            uint32_t *out_failed_op) MUST_CHECK;
/* Whether an operation names a row of the run environment. */
bool txn_looks_at_run(const Busbar__Transact *message);
/* Whether an operation writes; requires and waits do not. */
bool txn_writes(const Busbar__Transact *message);
/* from: the sender; configdb itself may write everything. scratch: memory for rows while it lasts; NULL: each piece is allocated. Fills *out_txn in any case;
 * txn_fini() it, before the message, of whose bytes it keeps some. */
void txn_evaluate(struct rows *rows, const struct bus_identity *from, const Busbar__Transact *message, struct msg_arena *scratch, struct txn *out_txn);
/* The same without quick.h: its twin, for tests. */
void txn_evaluate_slowly(struct rows *rows, const struct bus_identity *from, const Busbar__Transact *message, struct msg_arena *scratch,
                         struct txn *out_txn);
/* Only whether its waits hold, for one that is refused otherwise. As txn_evaluate(). */
void txn_evaluate_waits(struct rows *rows, const struct bus_identity *from, const Busbar__Transact *message, struct txn *out_txn);
/* What the history says of its commit besides the changes. The caller's. */
char *txn_note(const struct txn *txn);
void txn_fini(struct txn *txn);

#endif
