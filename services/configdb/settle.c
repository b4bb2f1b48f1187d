/* Versions of the newest group, put right.
 *
 *   versions   ... 40 | 41 42 43 | 44 45 ...          from = 40: three commits of configuration were worked out and handed over
 *                       rules      the group          base = 43: as many of rules were published while the disk was at it
 *   on disk    ... 40 | 41 42                         until the next write: then 44 45
 *
 * Why so: a version is the order in which readers are shown commits, and rules do not wait for a sync, so it is not known before the sync is over; a
 * second sync to write it down would double the time of every change. What is kept under the wrong number: the history, the commit that awaits
 * confirmation, the note that tells what it was undone by, the replies kept for repeats, n. Between groups numbers never meet: the next
 * group's `from` is at least base + count of this one.
 *
 * After kill -9 the run environment knows `base`: what was published before the next commit of rules stands in that commit, and if
 * there was none, base is the n of the run environment (start.c). After a power loss, which costs the rules of the last second, the
 * numbers stay as they are: the versions they took from rules are lost with these.
 *
 * That is told by a serial, not by `from`: a group that changed nothing has the `from` of the one behind it. Serials go on behind the one that the run
 * environment knows, so none of another life is taken for this one's.
 *
 * Which replies are the group's is written with it, so the others are not looked at.
 *
 * Cost: nothing when no rules came between; else a put and a delete a value of the group, in the thread that writes the disk. Thread: whoever has
 * the transaction open. Invariant I6.
 */
#include "services/configdb/settle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"
#include "proto/config.pb-c.h"
#include "proto/history.pb-c.h"

static struct db_key settle_key(void)
{
    return db_key_meta(DB_META_GROUP, 0);
}

int settle_load(struct store_txn *txn, struct settle_group *out_group)
{
    struct db_key key = settle_key();
    struct store_bytes value;
    int err = store_get(txn, STORE_META, &key, &value);
    if (err != 0) {
        return err;
    }
    struct reader r = reader_of(value.bytes, value.size);
    struct settle_group group;
    group.from = reader_u64(&r);
    group.count = reader_u64(&r);
    group.undone = reader_u64(&r);
    group.serial = reader_left(&r) > 0 ? reader_u64(&r) : 0;
    if (reader_finish(&r) != 0) {
        return -ERROR_DAMAGED;
    }
    *out_group = group;
    return 0;
}

int settle_store(struct store_txn *txn, const struct settle_group *group)
{
    struct db_key key = settle_key();
    struct writer value;
    writer_init(&value);
    writer_u64(&value, group->from);
    writer_u64(&value, group->count);
    writer_u64(&value, group->undone);
    writer_u64(&value, group->serial);
    int err = store_put(txn, STORE_META, &key, value.bytes, value.size);
    writer_fini(&value);
    return err;
}

bool settle_is_same(const struct settle_group *group, const struct settle_published *published)
{
    return group->from == published->from && group->serial == published->serial;
}

int settle_load_published(struct store_txn *run, struct settle_published *out_published)
{
    struct db_key key = db_key_meta(DB_META_PUBLISHED, 0);
    struct store_bytes value;
    int err = store_get(run, STORE_META, &key, &value);
    if (err != 0) {
        return err;
    }
    struct reader r = reader_of(value.bytes, value.size);
    out_published->from = reader_u64(&r);
    out_published->base = reader_u64(&r);
    out_published->serial = reader_left(&r) > 0 ? reader_u64(&r) : 0;
    return reader_finish(&r) != 0 ? -ERROR_DAMAGED : 0;
}

int settle_store_published(struct store_txn *run, const struct settle_published *published)
{
    struct db_key key = db_key_meta(DB_META_PUBLISHED, 0);
    struct be64 value[3] = {be64(published->from), be64(published->base), be64(published->serial)};
    return store_put(run, STORE_META, &key, value, sizeof value);
}

static bool settle_is_of(const struct settle_group *group, uint64_t kept)
{
    return kept > group->from && kept <= group->from + group->count;
}

/* One commit of the history goes from one number to another. */
static int settle_move(struct store_txn *txn, uint64_t from, uint64_t to)
{
    struct store_bytes value;
    int err = 0;
    for (uint32_t serial = 0; err == 0; serial++) {
        struct db_key old = db_key_history(from, serial), new = db_key_history(to, serial);
        err = store_get(txn, STORE_HISTORY, &old, &value);
        if (err == -ERROR_NOT_FOUND && serial == 0) {
            return 0; /* it changed nothing, or has been trimmed; what trimming left is no part of the history */
        }
        if (err == -ERROR_DAMAGED) {
            err = store_delete(txn, STORE_HISTORY, &old);
            continue;
        }
        if (err == 0) {
            uint8_t *copy = memory_copy(value.bytes, value.size); /* lent only until the next write */
            err = store_put(txn, STORE_HISTORY, &new, copy, value.size);
            free(copy);
        }
        err = err == 0 ? store_delete(txn, STORE_HISTORY, &old) : err;
    }
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

static int settle_pack(struct store_txn *txn, enum store_db db, const struct db_key *key, const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *packed = memory_zeroed(size + 1);
    protobuf_c_message_pack(message, packed);
    int err = store_put(txn, db, key, packed, size);
    free(packed);
    return err;
}

static int settle_pending(struct store_txn *txn, const struct settle_group *group, uint64_t shift)
{
    struct db_key key = db_key_meta(DB_META_PENDING, 0);
    struct store_bytes value;
    int err = store_get(txn, STORE_META, &key, &value);
    if (err != 0) {
        return err == -ERROR_NOT_FOUND ? 0 : err;
    }
    Busbar__Pending *pending = busbar__pending__unpack(NULL, value.size, value.bytes);
    if (pending == NULL) {
        return -ERROR_DAMAGED;
    }
    if (settle_is_of(group, pending->n)) {
        pending->n += shift;
        err = settle_pack(txn, STORE_META, &key, &pending->base);
    }
    busbar__pending__free_unpacked(pending, NULL);
    return err;
}

static int settle_note(struct store_txn *txn, uint64_t version, uint64_t by)
{
    struct db_key key = db_key_history(version, 0);
    struct store_bytes value;
    int err = store_get(txn, STORE_HISTORY, &key, &value);
    Busbar__HistoryCommit *commit = err == 0 ? busbar__history_commit__unpack(NULL, value.size, value.bytes) : NULL;
    if (commit == NULL) {
        return err == 0 || err == -ERROR_NOT_FOUND || err == -ERROR_DAMAGED ? 0 : err; /* not kept any longer */
    }
    free(commit->note);
    commit->note = memory_format(DB_NOTE_UNDONE, by);
    err = settle_pack(txn, STORE_HISTORY, &key, &commit->base);
    busbar__history_commit__free_unpacked(commit, NULL);
    return err;
}

/* One reply: n, sequence, packed TransactReply. */
static int settle_reply(struct store_txn *txn, const struct db_key *key, const struct store_bytes *value, uint64_t shift)
{
    struct reader r = reader_of(value->bytes, value->size);
    uint64_t n = reader_u64(&r);
    uint64_t sequence = reader_u64(&r);
    Busbar__TransactReply *reply = r.failed ? NULL : busbar__transact_reply__unpack(NULL, reader_left(&r), r.pos);
    if (reply == NULL) {
        return -ERROR_DAMAGED;
    }
    if (reply->version != NULL) {
        reply->version->n += shift;
    }
    struct writer out;
    writer_init(&out);
    writer_u64(&out, n + shift);
    writer_u64(&out, sequence);
    size_t size = busbar__transact_reply__get_packed_size(reply);
    busbar__transact_reply__pack(reply, writer_extend(&out, size));
    busbar__transact_reply__free_unpacked(reply, NULL);
    int err = store_put(txn, STORE_RECENT, key, out.bytes, out.size);
    writer_fini(&out);
    return err;
}

/* One that is still there, and of the group: a later one of the same writer may have its place by now. */
static int settle_reply_at(struct store_txn *txn, const struct settle_group *group, const struct db_key *key, uint64_t shift)
{
    struct store_bytes value;
    int err = store_get(txn, STORE_RECENT, key, &value);
    if (err != 0) {
        return err == -ERROR_NOT_FOUND ? 0 : err;
    }
    struct reader r = reader_of(value.bytes, value.size);
    uint64_t n = reader_u64(&r);
    bool is_of = n >= group->from && n <= group->from + group->count; /* `from`: one that changed nothing, before the first that did */
    return is_of ? settle_reply(txn, key, &value, shift) : 0;
}

static int settle_replies(struct store_txn *txn, const struct settle_group *group, uint64_t shift)
{
    struct db_key index = db_key_meta(DB_META_REPLIES, 0), key = {.size = SETTLE_REPLY_BYTES};
    struct store_bytes value;
    int err = store_get(txn, STORE_META, &index, &value);
    if (err != 0) {
        return err;
    }
    struct reader r = reader_of(value.bytes, value.size);
    if (reader_u64(&r) != group->from) {
        return -ERROR_NOT_FOUND;
    }
    size_t size = reader_left(&r);
    uint8_t *keys = memory_copy(r.pos, size); /* lent only until the next write */
    for (size_t i = 0; err == 0 && i + SETTLE_REPLY_BYTES <= size; i += SETTLE_REPLY_BYTES) {
        memcpy(key.bytes, keys + i, SETTLE_REPLY_BYTES);
        err = settle_reply_at(txn, group, &key, shift);
    }
    free(keys);
    return err;
}

int settle_store_replies(struct store_txn *txn, const struct settle_group *group, const uint8_t *keys, size_t size)
{
    struct db_key key = db_key_meta(DB_META_REPLIES, 0);
    struct writer value;
    writer_init(&value);
    writer_u64(&value, group->from);
    writer_bytes(&value, keys, size);
    int err = store_put(txn, STORE_META, &key, value.bytes, value.size);
    writer_fini(&value);
    return err;
}

/* Of a group that an older build has written: all that are kept are looked through. */
static int settle_replies_unlisted(struct store_txn *txn, const struct settle_group *group, uint64_t shift)
{
    struct db_key from = {.size = 0};
    struct db_key *keys = NULL;
    struct store_bytes key, value;
    size_t n = 0;
    int err;
    struct store_cursor *cursor = store_cursor_open(txn, STORE_RECENT, &from);
    while ((err = store_next(cursor, &key, &value)) == 0) {
        struct reader r = reader_of(value.bytes, value.size);
        if (settle_is_of(group, reader_u64(&r))) {
            keys = memory_resize(keys, (n + 1) * sizeof *keys);
            keys[n].size = 0;
            db_key_add(&keys[n++], key.bytes, key.size);
        }
    }
    store_cursor_close(&cursor);
    err = err == -ERROR_NOT_FOUND ? 0 : err;
    for (size_t i = 0; err == 0 && i < n; i++) {
        err = store_get(txn, STORE_RECENT, &keys[i], &value);
        err = err == 0 ? settle_reply(txn, &keys[i], &value, shift) : err;
    }
    free(keys);
    return err;
}

static int settle_n(struct store_txn *txn, uint64_t at_least)
{
    struct db_key key = db_key_meta(DB_META_N, 0);
    uint64_t n = 0;
    int err = store_get_u64(txn, STORE_META, &key, &n);
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        return err;
    }
    return n < at_least ? store_put_u64(txn, STORE_META, &key, at_least) : 0;
}

int settle_run(struct store_txn *txn, const struct settle_published *published)
{
    struct settle_group group;
    struct db_key key = settle_key();
    int err = settle_load(txn, &group);
    if (err != 0 || !settle_is_same(&group, published)) {
        return err == -ERROR_NOT_FOUND ? 0 : err;
    }
    uint64_t shift = published->base - group.from;
    if (shift > 0) {
        for (uint64_t i = group.count; err == 0 && i > 0; i--) { /* the last first: the places overlap */
            err = settle_move(txn, group.from + i, published->base + i);
        }
        err = err == 0 ? settle_pending(txn, &group, shift) : err;
        err = err == 0 ? settle_replies(txn, &group, shift) : err;
        err = err == -ERROR_NOT_FOUND ? settle_replies_unlisted(txn, &group, shift) : err;
        err = err == 0 ? settle_n(txn, published->base + group.count) : err;
        if (err == 0 && group.undone != 0) {
            err = settle_note(txn, settle_is_of(&group, group.undone) ? group.undone + shift : group.undone,
                              published->base + group.count);
        }
    }
    return err == 0 ? store_delete(txn, STORE_META, &key) : err;
}

/* The group when it is one whose numbers are not yet right. */
static bool settle_is_due(struct store_txn *txn, const struct settle_published *published, struct settle_group *out_group)
{
    return published->base != published->from && settle_load(txn, out_group) == 0 && settle_is_same(out_group, published);
}

uint64_t settle_version(struct store_txn *txn, const struct settle_published *published, uint64_t kept)
{
    struct settle_group group;
    bool is_due = kept > published->from && settle_is_due(txn, published, &group);
    return is_due && settle_is_of(&group, kept) ? kept + (published->base - published->from) : kept;
}

uint64_t settle_kept(struct store_txn *txn, const struct settle_published *published, uint64_t version)
{
    struct settle_group group;
    if (version <= published->from || !settle_is_due(txn, published, &group) || version > published->base + group.count) {
        return version;
    }
    return version <= published->base ? group.from + 1 : version - (published->base - published->from);
}

uint64_t settle_undone(struct store_txn *txn, const struct settle_published *published, uint64_t *out_by)
{
    struct settle_group group;
    if (!settle_is_due(txn, published, &group) || group.undone == 0) {
        return 0;
    }
    *out_by = published->base + group.count;
    return settle_version(txn, published, group.undone);
}
