/* What a reader makes of SNAPSHOT, DELTA and STATUS: the mirror and its version. For files of lib/cfg only. */
#ifndef BUSBAR_CFG_FEED_H
#define BUSBAR_CFG_FEED_H

#include "lib/cfg/bridge_set.h"
#include "lib/cfg/mirror.h"

struct feed;
struct feed *feed_new(const enum cfg_table *tables, size_t n_tables, const struct cfg_events *events);
void feed_destroy(struct feed **feed);

/* A row of the mirror as a message; of a table that is kept packed lent until the next call. */
const ProtobufCMessage *feed_read(struct feed *feed, enum cfg_table table, const ProtobufCMessage *row);
const struct mirror *feed_mirror(const struct feed *feed);
struct version feed_version(const struct feed *feed);
/* Whose commits the versions were that have been shown since the last call (lib/msg/authors.h). */
uint64_t feed_take_authors(struct feed *feed);
/* The newest commit that may have changed one of these tables (a bit each), whether it had rows for us or not; 0: none. */
uint64_t feed_changed(const struct feed *feed, uint32_t tables);
bool feed_has_snapshot(const struct feed *feed);
/* The greatest id of a row that was ever shown; 0: none was. */
uint64_t feed_row_max(const struct feed *feed, enum cfg_table table);
/* A snapshot is coming in. */
bool feed_is_loading(const struct feed *feed);
/* How many pieces of a partial one have come, and to which SUBSCRIBE; 0 when none is coming in. */
uint64_t feed_gathered(const struct feed *feed, uint64_t *out_serial);

/* Of the tables filtered by bridge only rows of these are wanted from now on; before the first call: all. */
void feed_follow(struct feed *feed, const uint64_t *bridges, size_t n);
/* Another configdb answers from now on: it may know a filter where the one before did not. */
void feed_peer_is_new(struct feed *feed);
/* Does the last SUBSCRIBE say what is wanted, and nothing of it was given up since? */
bool feed_is_asked(const struct feed *feed);
/* Is the bridge wanted, and are all its rows here? */
bool feed_holds(const struct feed *feed, uint64_t bridge);
/* A SUBSCRIBE is said: returns its number, the bridges (lent) and those of them that are not held. */
uint64_t feed_ask(struct feed *feed, const struct bridge_set **out_asked, struct bridge_set *out_added);
/* Will the answer to the last SUBSCRIBE bring bridges that are not held yet and still wanted? */
bool feed_is_growing(const struct feed *feed);
/* Drops rows of bridges that are not held any more; looks at so many rows. */
void feed_drop(struct feed *feed, size_t n_rows);

/* What the reader has to do about a message. */
enum feed_verdict {
    FEED_FINE,
    FEED_ANSWERED, /* this begins, or is, the answer to a SUBSCRIBE */
    FEED_LOST      /* something is missing before it: SUBSCRIBE again */
};
enum feed_verdict feed_on_snapshot(struct feed *feed, const Busbar__Snapshot *snapshot);
enum feed_verdict feed_on_delta(struct feed *feed, const Busbar__Delta *delta);
/* Many commits as one: shown in one step. */
enum feed_verdict feed_on_merged(struct feed *feed, const Busbar__DeltaMerged *merged);
void feed_on_status(struct feed *feed, const Busbar__Status *status);

/* The first pieces of a commit have come and the last has not. */
bool feed_is_amid(const struct feed *feed);
/* Pieces of a snapshot or commit that is incomplete are thrown away; what is shown stays. */
void feed_forget_pieces(struct feed *feed);
/* From now on status rows must be said again; those that were not are dropped, and shown as gone, by the second call. */
void feed_status_begin(struct feed *feed);
void feed_status_end(struct feed *feed);

#endif
