/* What is known of each reader, for readers.c, which alone changes it, and for readers_report.c, which tells others about it. */
#ifndef BUSBAR_CONFIGDB_READERS_ONE_H
#define BUSBAR_CONFIGDB_READERS_ONE_H

#include <uthash.h>

#include "services/configdb/batch.h"
#include "services/configdb/readers.h"
#include "services/configdb/row_errors.h"
#include "services/configdb/slice.h"

enum { READERS_BATCHES = 8 /* places that readers stand at in one round: behind a full batch, or where a full socket left them */ };
enum reader_state { READER_SNAPSHOT, READER_FOLLOW };

struct readers_one {
    struct bus_identity who;
    struct view view;
    struct bridge_set added; /* SNAPSHOT: a partial one brings these bridges, */
    uint64_t added_after;    /* and the commits after this; */
    uint64_t sent_before;    /* up to here it had been sent them under its old view, and may yet say that it has them */
    uint64_t serial;         /* of its last SUBSCRIBE */
    enum reader_state state;
    bool is_growing;  /* FOLLOW: a partial snapshot comes beside the commits: `slice` and `added` are of it, */
    uint64_t pieces_sent, pieces_had; /* and so many pieces have gone out, and are known to have come */
    uint64_t told_soon; /* commits up to this do not wait, even if they have nothing for it */
    bool is_lost;     /* a send found nobody; wait until it is heard */
    bool owes_resume; /* `have` was the newest: one empty delta says so */
    struct slice slice;
    uint64_t next;     /* FOLLOW: the n to be sent next */
    size_t next_piece; /* of it */
    uint64_t retry_ns; /* SNAPSHOT, and growing: its next piece is not made before */
    uint64_t looked;    /* commits before this one, from `next` on, have nothing for it, */
    uint64_t unseen_ns; /* and so it is since; 0: nobody has looked */
    uint64_t acked;
    uint64_t sent_upto, acked_upto; /* ring_upto() of next - 1 and of acked: what lies between is under way */
    uint64_t status_serial;
    uint64_t heard_ns;
    uint64_t n_snapshots;
    struct row_errors errors;
    bool takes_batches, takes_merged, takes_beside;
    UT_hash_handle hh; /* by identity */
};

struct readers_batch {
    struct batch batch;
    bool is_merged;
    struct bus_shared *shared; /* the same, as the bus holds it */
    uint64_t shared_serial;
};

struct readers {
    struct bus_socket *socket;
    struct rows *rows;
    struct ring *ring;
    struct status *status;
    struct version last_epoch_end;
    struct readers_one *by_identity;
    size_t n_readers;
    struct readers_batch batches[READERS_BATCHES]; /* the last ones made */
    size_t next_batch;                             /* that is made anew when none fits */
    size_t n_sent;           /* messages with commits in this step */
    uint64_t step_ns;        /* when it began */
    uint64_t quiet_until_ns; /* no commits go out before */
    uint64_t unseen_due_ns;  /* what has nothing for anybody who has not been told goes out then */
    bool is_held;            /* some wait for that */
    uint64_t retry_ns;       /* the earliest of the readers; UINT64_MAX: none waits */
    uint64_t seen_n;         /* newest commit, and when it was first seen here */
    uint64_t seen_ns;
    bool wants_walk;         /* somebody may be sent something else than commits */
    uint64_t walked_serial;  /* of the status rows, at the last walk */
    uint64_t walked_ns;
    bool has_errors; /* some reader may hold row errors */
};

/* Bytes that are unacknowledged. */
static inline size_t reader_under_way(const struct readers_one *reader)
{
    return reader->sent_upto > reader->acked_upto ? reader->sent_upto - reader->acked_upto : 0;
}

#endif
