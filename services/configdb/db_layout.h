/* What stands in LMDB: keys and values by example. Two environments, the same layout in both:
 *
 *   disk   DB_DIR/            configuration, synced before each reply; also the copy of the rules that the fold keeps
 *   run    RUN_DIR/rundb/     rules, groups, meters, owners, services, counters; never synced, survives kill -9
 *
 * Beside the run environment stands `mark`: three numbers in the machine's order, ticket of the last commit begun, of the last done, and LMDB's number of
 * the one begun (mapped.h); and `boot`: the machine's boot id and then " marked ranges". Those who do not know `mark`, or entries of several rows in
 * `dirty`, take this for another boot, so that they rebuild what they could not mend or read: from the disk's copy, which is a second older where
 * configdb was killed.
 *
 * Every environment has six databases. Numbers in keys are big-endian, so that LMDB's byte order is their order. Every value
 * is preceded by 8 bytes: XXH3_64bits(value, seed = XXH3_64bits(key)), big-endian, put and checked by store.c alone.
 *
 *   meta     'L' 00                                layout number: 00000000 00000002
 *            'E' 00                                epoch of the last start
 *            'N' 00                                n of the last commit in this environment
 *            'B' 00                                run only: 1 = complete (written in the commit that ends a rebuild)
 *            'I' 03                                next id of table 3 (port)
 *            'C' 03                                number of rows of table 3
 *            'H' 00                                disk only: number of commits in the history
 *            'O' 00                                disk only: the history goes back to this n
 *            'P' 00                                disk only: packed Pending, the commit that awaits its confirmation
 *            'G' 00                                disk only: 0000000000000028 0000000000000002 0000000000000000 0000000000000007: the newest
 *                                                  group of configuration, whose versions may not be right yet (settle.h), and its serial
 *            'R' 00                                disk only: 0000000000000028, and of each of its replies the key in `recent`, 10 bytes
 *            'V' 00                                run only: 0000000000000028 000000000000002b 0000000000000007: as which versions it was
 *                                                  published; in both the serial may be missing: written by an older build
 *   rows     03 0000000000000007                   the packed PortRow of port 7
 *   index    02 01 'b' 'r' '0'                     the id of the bridge named br0 (unique index 1 of table 2)
 *            03 02 0000000000000001 00000000fffffffe   the id of the LOCAL port of bridge 1 (unique index 2 of table 3)
 *   recent   1122334455667788 0005                 n (8), sequence (8), packed TransactReply: what client life 1122334455667788
 *                                                  was answered; the slot is sequence mod 64
 *   dirty    000000000000002a 00000003             table (1), id (8): the fourth row of commit 42 that the fold has not copied yet
 *                                                  (run only)
 *            000000000000002a 00000004             table (1), id (8), count (4): so many rows from that id on. `boot` keeps builds away that cannot
 *                                                  read this
 *   history  000000000000002a 00000000             packed HistoryCommit: who made commit 42, and when (disk only)
 *            000000000000002a 00000001             packed HistoryChange: the first row it changed, before and after
 *
 * Layout 1 had no history: an environment of it gets the sixth database, empty, when it is opened. Layout 2 had no groups whose versions are found
 * out later, so what is in it is right as it is. Both are of layout 3 from the start that opens them.
 * Another layout number is refused by name; migrations are written against this page. Touch the golden test with it.
 */
#ifndef BUSBAR_CONFIGDB_DB_LAYOUT_H
#define BUSBAR_CONFIGDB_DB_LAYOUT_H

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum {
    DB_LAYOUT = 3,
    DB_LAYOUT_OLDEST = 1, /* that this one can go on from */
    DB_KEY_MAX = 300,     /* LMDB's own limit is 511; the longest is an index key with a controller's target */
    DB_RECENT_SLOTS = 64, /* replies kept per writer: as many as it may have unanswered (proto/README.md) */
};

enum db_meta {
    DB_META_LAYOUT = 'L',
    DB_META_EPOCH = 'E',
    DB_META_N = 'N',
    DB_META_BUILT = 'B',
    DB_META_NEXT_ID = 'I',
    DB_META_COUNT = 'C',
    DB_META_HISTORY = 'H',
    DB_META_OLDEST = 'O',
    DB_META_PENDING = 'P',
    DB_META_GROUP = 'G',
    DB_META_REPLIES = 'R',
    DB_META_PUBLISHED = 'V'
};

/* The note of a commit that was undone by a version. */
#define DB_NOTE_UNDONE "undone in %" PRIu64

struct db_key {
    uint8_t bytes[DB_KEY_MAX];
    size_t size;
};

/* Appends; what does not fit is left out: validate.c bounds every text that goes into an index well below DB_KEY_MAX. */
static inline void db_key_add(struct db_key *key, const void *bytes, size_t size)
{
    if (size <= DB_KEY_MAX - key->size) {
        memcpy(key->bytes + key->size, bytes, size);
        key->size += size;
    }
}
static inline void db_key_add_u8(struct db_key *key, uint8_t value)
{
    db_key_add(key, &value, 1);
}
static inline void db_key_add_u16(struct db_key *key, uint16_t value)
{
    uint16_t net = __builtin_bswap16(value);
    db_key_add(key, &net, sizeof net);
}
static inline void db_key_add_u32(struct db_key *key, uint32_t value)
{
    uint32_t net = __builtin_bswap32(value);
    db_key_add(key, &net, sizeof net);
}
static inline void db_key_add_u64(struct db_key *key, uint64_t value)
{
    uint64_t net = __builtin_bswap64(value);
    db_key_add(key, &net, sizeof net);
}

static inline struct db_key db_key_meta(enum db_meta what, uint32_t table)
{
    struct db_key key = {.size = 0};
    db_key_add_u8(&key, (uint8_t)what);
    db_key_add_u8(&key, (uint8_t)table);
    return key;
}
static inline struct db_key db_key_row(uint32_t table, uint64_t id)
{
    struct db_key key = {.size = 0};
    db_key_add_u8(&key, (uint8_t)table);
    db_key_add_u64(&key, id);
    return key;
}
/* The columns follow with db_key_add_*; a text column comes last. */
static inline struct db_key db_key_index(uint32_t table, uint32_t number)
{
    struct db_key key = {.size = 0};
    db_key_add_u8(&key, (uint8_t)table);
    db_key_add_u8(&key, (uint8_t)number);
    return key;
}
static inline struct db_key db_key_recent(uint64_t client_start, uint64_t sequence)
{
    struct db_key key = {.size = 0};
    db_key_add_u64(&key, client_start);
    db_key_add_u16(&key, (uint16_t)(sequence % DB_RECENT_SLOTS));
    return key;
}
static inline struct db_key db_key_dirty(uint64_t n, uint32_t serial)
{
    struct db_key key = {.size = 0};
    db_key_add_u64(&key, n);
    db_key_add_u32(&key, serial);
    return key;
}
/* Rows of one table that follow each other. */
struct db_dirty {
    uint32_t table, count;
    uint64_t first;
};
static inline struct db_key db_dirty_pack(const struct db_dirty *dirty)
{
    struct db_key value = db_key_row(dirty->table, dirty->first);
    if (dirty->count > 1) {
        db_key_add_u32(&value, dirty->count);
    }
    return value;
}
/* Serial 0: the commit itself; its changes follow from 1. */
static inline struct db_key db_key_history(uint64_t n, uint32_t serial)
{
    return db_key_dirty(n, serial);
}

#endif
