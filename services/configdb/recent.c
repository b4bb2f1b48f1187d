/* Recent replies.
 *
 * A writer numbers its transactions and has at most DB_RECENT_SLOTS unanswered; so that many slots per writer answer every repeat. The order
 * rule (the next number, or one the writer says is its oldest) keeps transactions of a writer in order over lost messages and restarts.
 *
 * Writers are forgotten by least recent use; their slots in LMDB go with the next commit of each environment. The n in a slot is what
 * orders writers by use when they are read again at start.
 *
 * Cost: a hash look-up and one put a transaction. Thread: configdb's main thread. Invariant I8: a reply stands in the commit it tells
 * of, so a killed configdb cannot remember one without the other.
 */
#include "services/configdb/recent.h"

#include <stdlib.h>
#include <uthash.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"

struct recent_slot {
    uint64_t sequence;
    uint8_t *reply;
    size_t size;
};
struct recent_writer {
    uint64_t start;
    uint64_t last_done;
    uint64_t last_n; /* only to sort by at start */
    size_t n_under_way; /* carried out and not answered yet */
    struct recent_slot slots[DB_RECENT_SLOTS];
    UT_hash_handle hh; /* in order of use: the least recent first */
};
struct recent {
    struct recent_writer *writers;
    uint64_t *gone[ROWS_ENV_COUNT]; /* starts whose slots are still in LMDB */
    size_t n_gone[ROWS_ENV_COUNT];
};

static void recent_writer_free(struct recent_writer *writer)
{
    for (size_t i = 0; i < DB_RECENT_SLOTS; i++) {
        free(writer->slots[i].reply);
    }
    free(writer);
}

/* The one idle longest. Who waits for an answer stays: forgotten, his repeat would be carried out again. */
static void recent_evict(struct recent *recent)
{
    struct recent_writer *writer = recent->writers;
    while (writer != NULL && writer->n_under_way > 0) {
        writer = writer->hh.next;
    }
    if (writer == NULL) {
        return;
    }
    HASH_DEL(recent->writers, writer);
    for (size_t env = 0; env < ROWS_ENV_COUNT; env++) {
        recent->gone[env] = memory_resize(recent->gone[env], (recent->n_gone[env] + 1) * sizeof *recent->gone[env]);
        recent->gone[env][recent->n_gone[env]++] = writer->start;
    }
    recent_writer_free(writer);
}

static struct recent_writer *recent_find(struct recent *recent, uint64_t start)
{
    struct recent_writer *writer = NULL;
    HASH_FIND(hh, recent->writers, &start, sizeof start, writer);
    return writer;
}

/* Finds or makes, and moves to the most recent place. */
static struct recent_writer *recent_writer(struct recent *recent, uint64_t start)
{
    struct recent_writer *writer = recent_find(recent, start);
    if (writer != NULL) {
        HASH_DEL(recent->writers, writer);
    } else {
        if (HASH_COUNT(recent->writers) >= RECENT_WRITERS_MAX) {
            recent_evict(recent);
        }
        writer = memory_zeroed(sizeof *writer);
        writer->start = start;
    }
    HASH_ADD(hh, recent->writers, start, sizeof writer->start, writer);
    return writer;
}

static void recent_put(struct recent_writer *writer, uint64_t sequence, const void *reply, size_t size)
{
    struct recent_slot *slot = &writer->slots[sequence % DB_RECENT_SLOTS];
    free(slot->reply);
    slot->sequence = sequence;
    slot->reply = memory_copy(reply, size);
    slot->size = size;
}

static int recent_load_one(struct recent *recent, const struct store_bytes *key, const struct store_bytes *value)
{
    struct reader k = reader_of(key->bytes, key->size);
    struct reader v = reader_of(value->bytes, value->size);
    uint64_t start = reader_u64(&k);
    (void)reader_u16(&k);
    uint64_t n = reader_u64(&v);
    uint64_t sequence = reader_u64(&v);
    if (reader_finish(&k) != 0 || v.failed) {
        return -ERROR_DAMAGED;
    }
    struct recent_writer *writer = recent_find(recent, start);
    if (writer == NULL) {
        writer = memory_zeroed(sizeof *writer);
        writer->start = start;
        HASH_ADD(hh, recent->writers, start, sizeof writer->start, writer);
    }
    writer->last_done = sequence > writer->last_done ? sequence : writer->last_done;
    writer->last_n = n > writer->last_n ? n : writer->last_n;
    if (sequence < writer->slots[sequence % DB_RECENT_SLOTS].sequence) {
        return 0; /* the other environment, or a database written with fewer slots, has a later one in this place */
    }
    recent_put(writer, sequence, v.pos, reader_left(&v));
    return 0;
}

static int recent_load(struct recent *recent, struct rows *rows, enum rows_env env)
{
    struct db_key from = {.size = 0};
    struct store_cursor *cursor = store_cursor_open(rows_txn(rows, env), STORE_RECENT, &from);
    struct store_bytes key, value;
    int err;
    while ((err = store_next(cursor, &key, &value)) == 0) {
        err = recent_load_one(recent, &key, &value);
        if (err != 0) {
            break;
        }
    }
    store_cursor_close(&cursor);
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

static int recent_by_n(const struct recent_writer *a, const struct recent_writer *b)
{
    return a->last_n < b->last_n ? -1 : a->last_n > b->last_n ? 1 : 0;
}

int recent_new(struct rows *rows, struct recent **out_recent)
{
    struct recent *recent = memory_zeroed(sizeof *recent);
    int err = recent_load(recent, rows, ROWS_DISK);
    if (err == 0) {
        err = recent_load(recent, rows, ROWS_RUN);
    }
    if (err != 0) {
        recent_destroy(&recent);
        return err;
    }
    HASH_SORT(recent->writers, recent_by_n);
    while (HASH_COUNT(recent->writers) > RECENT_WRITERS_MAX) {
        recent_evict(recent);
    }
    *out_recent = recent;
    return 0;
}

void recent_destroy(struct recent **recent)
{
    if (*recent == NULL) {
        return;
    }
    struct recent_writer *writer, *next;
    HASH_ITER(hh, (*recent)->writers, writer, next)
    {
        HASH_DEL((*recent)->writers, writer);
        recent_writer_free(writer);
    }
    for (size_t env = 0; env < ROWS_ENV_COUNT; env++) {
        free((*recent)->gone[env]);
    }
    free(*recent);
    *recent = NULL;
}

enum recent_verdict recent_ask(struct recent *recent, uint64_t start, uint64_t sequence, uint64_t oldest,
                               struct store_bytes *out_reply)
{
    struct recent_writer *writer = recent_writer(recent, start);
    struct recent_slot *slot = &writer->slots[sequence % DB_RECENT_SLOTS];
    if (slot->sequence == sequence && slot->reply != NULL) {
        *out_reply = (struct store_bytes){.bytes = slot->reply, .size = slot->size};
        return RECENT_REPEAT;
    }
    if (sequence == 0 || slot->sequence > sequence) {
        return RECENT_LATE;
    }
    if (slot->sequence != 0 && slot->reply == NULL && slot->sequence < sequence) {
        return RECENT_GAP; /* one so much older waits for something else (park.h) and its reply needs the place */
    }
    uint64_t next = writer->last_done + 1 > oldest ? writer->last_done + 1 : oldest;
    if (slot->sequence == sequence || sequence > next || (sequence > writer->last_done && sequence < next)) {
        return RECENT_GAP; /* under way, or not its turn */
    }
    /* The next one; or one below that has left nothing: refused in an earlier life of configdb, and worked out anew. */
    writer->last_done = sequence > writer->last_done ? sequence : writer->last_done;
    free(slot->reply);
    *slot = (struct recent_slot){.sequence = sequence};
    writer->n_under_way++;
    return RECENT_DO;
}

/* Slots of forgotten writers leave with this commit. */
static int recent_purge(struct recent *recent, struct rows *rows, enum rows_env env)
{
    while (recent->n_gone[env] > 0) {
        uint64_t start = recent->gone[env][recent->n_gone[env] - 1];
        for (uint64_t slot = 0; slot < DB_RECENT_SLOTS && recent_find(recent, start) == NULL; slot++) {
            struct db_key key = db_key_recent(start, slot);
            int err = store_delete(rows_txn(rows, env), STORE_RECENT, &key);
            if (err != 0 && err != -ERROR_NOT_FOUND) {
                return err;
            }
        }
        recent->n_gone[env]--;
    }
    return 0;
}

int recent_store(struct recent *recent, struct rows *rows, enum rows_env env, uint64_t start, uint64_t sequence,
                 const void *reply, size_t size)
{
    struct db_key key = db_key_recent(start, sequence);
    struct writer value;
    writer_init(&value);
    writer_u64(&value, rows_n(rows));
    writer_u64(&value, sequence);
    writer_bytes(&value, reply, size);
    int err = recent_purge(recent, rows, env);
    if (err == 0) {
        err = store_put(rows_txn(rows, env), STORE_RECENT, &key, value.bytes, value.size);
    }
    if (err == 0 && env == ROWS_DISK) {
        rows_note_reply(rows, &key);
    }
    writer_fini(&value);
    return err;
}

void recent_note(struct recent *recent, uint64_t start, uint64_t sequence, const void *reply, size_t size)
{
    struct recent_writer *writer = recent_writer(recent, start);
    writer->n_under_way -= writer->n_under_way > 0 ? 1 : 0;
    recent_put(writer, sequence, reply, size);
}

size_t recent_count(const struct recent *recent)
{
    return HASH_COUNT(recent->writers);
}
