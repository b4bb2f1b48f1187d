/* Transactions whose waits do not hold, put aside until they may.
 *
 * A transaction is parked from the moment it was found to have to wait, so that no change can be missed, until a commit touches a row it waits for or its
 * time is over: then park_take() gives it back to be tried again. Nobody else is held up by it. One thread.
 */
#ifndef BUSBAR_CONFIGDB_PARK_H
#define BUSBAR_CONFIGDB_PARK_H

#include "lib/base/clock.h"
#include "lib/bus/bus.h"
#include "services/configdb/ring.h"

enum {
    PARK_MAX = 256,                   /* people and scripts that wait at once, as for await.h */
    PARK_WRITER_MAX = 32,             /* of one writer: not the whole place, and half of what he may have unanswered */
    PARK_BYTES_MAX = 32 * 1024 * 1024, /* that they take, unpacked as they are */
    PARK_LOOK_ROWS = 64,              /* a commit of more is not compared row by row: all that wait for its tables are tried */
};
#define PARK_SILENCE_NS (3 * NS_PER_S) /* a writer repeats each 500 ms; not heard for this long he is gone */

struct park_wait {
    uint32_t table;
    uint64_t id;
};
/* Part of whatever is parked; the first six are set by its owner. */
struct park_entry {
    struct bus_identity from;
    const Busbar__Transact *message;
    size_t size; /* bytes of memory */
    uint64_t came_ns;  /* the owner's */
    uint64_t over_ns;  /* when it has to be answered */
    uint64_t heard_ns; /* the last sign of its writer */
    const char *why;   /* park_take(): why it is not to be tried again; NULL: try */
    bool is_due;
    struct park_wait *waits; /* the park's, owned; at most WAIT_ROWS_MAX */
    size_t n_waits;
    uint32_t tables; /* of them, a bit each */
    struct park_entry *prev, *next;
};

struct park;
struct park *park_new(void);
void park_destroy(struct park **park); /* empty, or its owner has the entries otherwise */

/* -ERROR_TOO_LARGE, with detail: too many wait. */
int park_add(struct park *park, struct park_entry *entry, struct error_detail *detail) MUST_CHECK;
/* A commit was published. */
void park_changed(struct park *park, const struct ring_entry *commit);
/* Nobody knows what has changed. */
void park_wake(struct park *park);
/* This life of a writer was heard. */
void park_heard(struct park *park, uint64_t start, uint64_t now_ns);
/* A repeat has come; true: of one that is parked, which will be answered. is_given_up: its writer does not want it any more. */
bool park_repeat(struct park *park, uint64_t start, uint64_t sequence, bool is_given_up);
/* The next one that is to be tried, or refused; it is not in the park any more. NULL: none. */
struct park_entry *park_take(struct park *park, uint64_t now_ns);
/* When park_take() gives one although nothing happens; UINT64_MAX: never. */
uint64_t park_due_ns(const struct park *park);
size_t park_count(const struct park *park);
uint64_t park_refused(const struct park *park); /* because too many waited */

#endif
