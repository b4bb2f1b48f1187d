/* LMDB behind store.h.
 *
 * Why LMDB and these flags: a commit is a copy-on-write of pages and then one page that names the new root, so a process killed
 * at any instant leaves the old or the new state, never a mixture. MDB_NOSYNC survives kill -9: the kernel has the pages. By default they reach it by
 * write(), and a stray pointer of ours cannot; with STORE_MAPPED (MDB_WRITEMAP) they are its pages from the start, which mapped.c makes safe. MDB_NOTLS: a
 * read transaction belongs to its struct, not to its thread. MDB_NORDAHEAD is left out: tables are read whole at start.
 *
 * LMDB keeps no checksums and dies (SIGSEGV, SIGBUS, assert) on damaged pages; so values carry one here, and check.c first reads a
 * whole environment in a child process. The environment must not be opened twice by one process: a flock on DIR/owner says so.
 *
 * Cost: get about 0.5 us, put 1 to 3 us, commit 6 ms (sync), 10 us (no sync) or 2 us (mapped). Threads: see store.h. No state but in struct store.
 */
#include "services/configdb/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "lib/base/bytes.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/configdb/mapped.h"

/* Readers and the writer of an environment share pages without locks: LMDB's writer takes a page again only when the table of readers shows that nobody
 * reads what is in it, and a reader begins at the state that the last commit has named. Both are plain stores and loads of volatile words, in an order
 * that the machine keeps (x86: no store passes an earlier load or store), but that the thread sanitizer cannot know. So it is told of these two orders
 * and no others: an access to a page by a reader who has not ended is still reported, and so is all else between the threads. */
#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#define STORE_ORDER_TELL(word) __tsan_release(word)
#define STORE_ORDER_HEAR(word) __tsan_acquire(word)
#else
#define STORE_ORDER_TELL(word) ((void)(word))
#define STORE_ORDER_HEAR(word) ((void)(word))
#endif

enum { STORE_CHECKSUM_BYTES = 8, STORE_FREE_DBI = 0 /* LMDB's own */ };

struct store {
    MDB_env *env;
    MDB_dbi dbis[STORE_DB_COUNT];
    struct mapped *mapped; /* STORE_MAPPED */
    bool lacks_history; /* of layout 1, opened to be read or through its map */
    int owner_fd;
    char *dir;
    char committed, ended; /* addresses alone: a commit before those who read it; the end of a reader before the writer takes its pages */
};
struct store_txn {
    MDB_txn *txn;
    struct store *store;
    struct stage *stage; /* of a staged write, else NULL */
    MDB_cursor *cursors[STORE_DB_COUNT]; /* of a write: where the last row was put in each database */
    /* of a write of a mapped environment: */
    uint64_t used_pages; /* when it began */
    uint64_t free_pages; /* of LMDB's own tree of free pages */
};
struct store_cursor {
    MDB_cursor *cursor;
    struct db_key from;
    bool is_started;
    bool is_empty;
    /* of a staged write: */
    struct store_txn *txn;
    uint32_t db;
    MDB_val key, data; /* what LMDB has next, when has_next */
    bool has_next, is_at_end;
    struct db_key last; /* given last */
};

static const char *const store_db_names[STORE_DB_COUNT] = {
    [STORE_META] = "meta", [STORE_ROWS] = "rows", [STORE_INDEX] = "index", [STORE_RECENT] = "recent", [STORE_DIRTY] = "dirty",
    [STORE_HISTORY] = "history",
};

static int store_error(int rc)
{
    if (rc > 0) {
        return -rc;
    }
    switch (rc) {
    case 0:
        return 0;
    case MDB_NOTFOUND:
        return -ERROR_NOT_FOUND;
    case MDB_MAP_FULL:
        return -ENOSPC;
    case MDB_TXN_FULL:
        return -ERROR_TOO_LARGE;
    case MDB_BAD_VALSIZE:
        return -EINVAL;
    case MDB_PAGE_NOTFOUND:
    case MDB_CORRUPTED:
    case MDB_PANIC:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
        return -ERROR_DAMAGED;
    default:
        return -EIO;
    }
}

bool store_error_passes(int err)
{
    return err == -ENOSPC || err == -ERROR_TOO_LARGE || err == -ENOMEM;
}

static uint64_t store_checksum(const void *key, size_t key_size, const void *value, size_t size)
{
    return XXH3_64bits_withSeed(value, size, XXH3_64bits(key, key_size));
}

/* Takes the checksum off; refuses what does not carry the right one. */
static int store_strip(const MDB_val *key, const MDB_val *data, struct store_bytes *out_value)
{
    struct reader r = reader_of(data->mv_data, data->mv_size);
    uint64_t sum = reader_u64(&r);
    if (r.failed || sum != store_checksum(key->mv_data, key->mv_size, r.pos, reader_left(&r))) {
        return -ERROR_DAMAGED;
    }
    *out_value = (struct store_bytes){.bytes = r.pos, .size = reader_left(&r)};
    return 0;
}

static int store_open_databases(struct store *store, bool makes)
{
    MDB_txn *txn = NULL;
    int rc = mdb_txn_begin(store->env, NULL, makes ? 0 : MDB_RDONLY, &txn);
    for (size_t i = 0; rc == 0 && i < STORE_DB_COUNT; i++) {
        rc = mdb_dbi_open(txn, store_db_names[i], makes ? MDB_CREATE : 0, &store->dbis[i]);
        if (rc == MDB_NOTFOUND && i == STORE_HISTORY) {
            store->lacks_history = true;
            rc = 0;
        }
    }
    if (rc == 0) {
        return store_error(mdb_txn_commit(txn));
    }
    if (txn != NULL) {
        mdb_txn_abort(txn);
    }
    return store_error(rc);
}

static int store_own(struct store *store, const char *dir)
{
    char *path = memory_format("%s/owner", dir);
    store->owner_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    free(path);
    if (store->owner_fd < 0) {
        return -errno;
    }
    if (flock(store->owner_fd, LOCK_EX | LOCK_NB) != 0) {
        return errno == EWOULDBLOCK ? -ERROR_IN_USE : -errno;
    }
    return 0;
}

/* The names of new files are on disk, not only what is in them. */
static int store_sync_names(const char *dir)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < 2; i++) {
        char *path = memory_format(i == 0 ? "%s" : "%s/..", dir);
        int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        err = fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
        if (fd >= 0) {
            close(fd);
        }
        free(path);
    }
    return err;
}

static int store_owned(const char *dir, int (*work)(const char *dir, struct error_detail *detail), struct error_detail *detail)
{
    struct store store = {.owner_fd = -1};
    int err = store_own(&store, dir);
    err = err == 0 ? work(dir, detail) : error_set(detail, err, "%.200s/owner: %s", dir, error_text(err));
    if (store.owner_fd >= 0) {
        close(store.owner_fd);
    }
    return err;
}

int store_recover(const char *dir, struct error_detail *detail)
{
    return store_owned(dir, mapped_recover, detail);
}

int store_forget_mark(const char *dir, struct error_detail *detail)
{
    return store_owned(dir, mapped_forget, detail);
}

/* Through the map if it can be: a directory without room for the mark is none to write in either. */
static int store_open_mapped(struct store *store, unsigned int *flags)
{
    struct error_detail detail; /* its start has asked before, and would have told */
    int major, minor;
    int err = mapped_recover(store->dir, &detail);
    (void)mdb_version(&major, &minor, NULL);
    if (err == 0 && (major != 0 || minor != 9)) {
        err = -ERROR_UNSUPPORTED; /* mapped.c looks into its structures */
    }
    if (err == 0 && (err = mapped_open(store->dir, &store->mapped)) == 0) {
        *flags |= MDB_WRITEMAP;
    }
    if (err == -ENOSPC || err == -EDQUOT || err == -ERROR_UNSUPPORTED) {
        log_warn("database_not_mapped database=%s error=\"%s\" hint=\"commits are slower until the next start\"", store->dir, error_text(err));
        return 0;
    }
    return err;
}

/* What a process has set aside that was killed since. */
static void store_trim(struct store *store)
{
    MDB_envinfo info;
    mdb_filehandle_t fd;
    if (store->mapped != NULL && mdb_env_info(store->env, &info) == 0 && mdb_env_get_fd(store->env, &fd) == 0) {
        mapped_give_back(store->mapped, fd, info.me_last_pgno + 1, info.me_mapsize);
    }
}

int store_open(const char *dir, enum store_mode mode, size_t map_bytes, struct store **out_store, struct error_detail *detail)
{
    struct store *store = memory_zeroed(sizeof *store);
    int err = 0;
    int rc = 0;
    unsigned int flags = MDB_NOTLS;
    store->owner_fd = -1;
    store->dir = memory_string(dir);
    if (mode == STORE_READ) {
        flags |= MDB_RDONLY | MDB_NOLOCK;
    } else if (mkdir(dir, 0750) != 0 && errno != EEXIST) {
        err = -errno;
        goto fail;
    } else if ((err = store_own(store, dir)) != 0) {
        goto fail;
    }
    if (mode == STORE_NO_SYNC || mode == STORE_MAPPED) {
        flags |= MDB_NOSYNC;
    }
    if (mode == STORE_MAPPED && (err = store_open_mapped(store, &flags)) != 0) {
        goto fail;
    }
    if ((rc = mdb_env_create(&store->env)) != 0 || (rc = mdb_env_set_maxdbs(store->env, STORE_DB_COUNT)) != 0 ||
        (rc = mdb_env_set_mapsize(store->env, map_bytes)) != 0 || (rc = mdb_env_open(store->env, dir, flags, 0600)) != 0) {
        err = store_error(rc);
        goto fail;
    }
    int n_stale = 0;
    (void)mdb_reader_check(store->env, &n_stale);
    err = store_open_databases(store, mode == STORE_SYNC || mode == STORE_NO_SYNC);
    if (err == 0 && mode == STORE_SYNC) {
        err = store_sync_names(dir);
    }
    if (err != 0) {
        goto fail;
    }
    store_trim(store);
    *out_store = store;
    return 0;
fail:
    store_close(&store);
    return error_set(detail, err, "database %s: %s", dir, error_text(err));
}

void store_close(struct store **store)
{
    if (*store == NULL) {
        return;
    }
    if ((*store)->env != NULL) {
        mdb_env_close((*store)->env);
    }
    mapped_close(&(*store)->mapped);
    if ((*store)->owner_fd >= 0) {
        close((*store)->owner_fd);
    }
    free((*store)->dir);
    free(*store);
    *store = NULL;
}

static int store_begin(struct store *store, unsigned int flags, struct store_txn **out_txn)
{
    struct store_txn *txn = memory_zeroed(sizeof *txn);
    int rc = mdb_txn_begin(store->env, NULL, flags, &txn->txn);
    if (rc != 0) {
        free(txn);
        return store_error(rc);
    }
    txn->store = store;
    *out_txn = txn;
    STORE_ORDER_HEAR(&store->committed);
    return 0;
}

int store_read(struct store *store, struct store_txn **out_txn)
{
    return store_begin(store, MDB_RDONLY, out_txn);
}

int store_read_done(struct store *store, struct store_txn **out_txn)
{
    int err = store_read(store, out_txn);
    if (err == 0 && store->mapped != NULL) {
        uint64_t newest = mapped_newest(store->mapped); /* no older than what we see */
        while (!mapped_is_done(store->mapped, newest)) {
            sched_yield(); /* two instructions away, unless its thread has been put aside */
        }
    }
    return err;
}

static uint64_t store_used_pages(struct store *store)
{
    MDB_envinfo info;
    return mdb_env_info(store->env, &info) == 0 ? info.me_last_pgno + 1 : 0;
}

/* Where a write transaction begins in the file. */
static int store_begin_mapped(struct store_txn *txn)
{
    MDB_stat stat;
    int rc = mdb_stat(txn->txn, STORE_FREE_DBI, &stat);
    if (rc != 0) {
        return store_error(rc);
    }
    txn->used_pages = store_used_pages(txn->store); /* nobody else can commit now */
    txn->free_pages = stat.ms_branch_pages + stat.ms_leaf_pages;
    return mapped_taken(txn->txn) == txn->used_pages ? 0 : -ERROR_UNSUPPORTED; /* this is not the LMDB that mapped.c knows */
}

int store_write(struct store *store, struct store_txn **out_txn)
{
    struct store_txn *txn = NULL;
    int err = store_begin(store, 0, &txn);
    if (err == 0 && store->mapped != NULL && (err = store_begin_mapped(txn)) != 0) {
        mdb_txn_abort(txn->txn);
        free(txn);
    }
    if (err == 0) {
        *out_txn = txn;
    }
    return err;
}

uint64_t store_used_bytes(struct store *store)
{
    MDB_stat stat;
    return mdb_env_stat(store->env, &stat) == 0 ? store_used_pages(store) * stat.ms_psize : 0;
}

uint64_t store_room_bytes(const struct store *store)
{
    return store->mapped != NULL ? mapped_allocated(store->mapped) : UINT64_MAX;
}

/* Before a change of a mapped environment: what it takes has room. size 0: a removal. */
static int store_make_room(struct store_txn *txn, size_t size)
{
    struct store *store = txn->store;
    MDB_envinfo info;
    mdb_filehandle_t fd;
    STORE_ORDER_HEAR(&store->ended); /* what is written next may take pages */
    if (store->mapped == NULL) {
        return 0;
    }
    uint64_t wanted = mapped_wanted(mapped_taken(txn->txn), txn->free_pages, size);
    if (mapped_has_room(store->mapped, wanted)) {
        return 0;
    }
    int rc = mdb_env_get_fd(store->env, &fd);
    rc = rc == 0 ? mdb_env_info(store->env, &info) : rc;
    return rc != 0 ? store_error(rc) : mapped_room(store->mapped, fd, wanted, info.me_mapsize);
}

/* Whether a file as long as the database can grow here. LMDB reports a page written in part, which is what a disk that gets full
 * does, as EIO; a failed sync is EIO as well, and only that one is beyond repair. So a full disk is looked for. */
static bool store_disk_is_full(struct store *store)
{
    uint8_t block[64 * 1024];
    memset(block, 1, sizeof block);
    char *path = memory_format("%s/room", store->dir);
    errno = 0;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    bool is_full =
        fd < 0 ? errno == ENOSPC || errno == EDQUOT
               : pwrite(fd, block, sizeof block, (off_t)store_used_bytes(store)) != (ssize_t)sizeof block && errno != EIO;
    if (fd >= 0) {
        (void)unlink(path);
        close(fd);
    }
    free(path);
    return is_full;
}

/* Before its transaction ends. */
static void store_close_cursors(struct store_txn *txn)
{
    for (size_t i = 0; i < STORE_DB_COUNT; i++) {
        if (txn->cursors[i] != NULL) {
            mdb_cursor_close(txn->cursors[i]);
            txn->cursors[i] = NULL;
        }
    }
}

int store_commit(struct store_txn **txn)
{
    struct store *store = (*txn)->store;
    assert((*txn)->stage == NULL);
    store_close_cursors(*txn);
    STORE_ORDER_HEAR(&store->ended);
    STORE_ORDER_TELL(&store->committed);
    uint64_t ticket = store->mapped != NULL ? mapped_begin(store->mapped, mdb_txn_id((*txn)->txn)) : 0;
    int rc = mdb_txn_commit((*txn)->txn);
    if (store->mapped != NULL) {
        mapped_end(store->mapped, ticket);
    }
    free(*txn);
    *txn = NULL;
    if (rc == EFBIG || rc == EDQUOT || (rc == EIO && store_disk_is_full(store))) {
        return -ENOSPC;
    }
    return store_error(rc);
}

/* The room that a transaction has taken which will not be committed; it holds the lock. */
static void store_give_back(struct store *store, uint64_t used_pages)
{
    mdb_filehandle_t fd;
    if (mdb_env_get_fd(store->env, &fd) == 0) {
        mapped_aborted(store->mapped, fd, used_pages);
    }
}

void store_abort(struct store_txn **txn)
{
    if (*txn == NULL) {
        return;
    }
    if ((*txn)->used_pages != 0) {
        store_give_back((*txn)->store, (*txn)->used_pages);
    }
    store_close_cursors(*txn);
    STORE_ORDER_TELL(&(*txn)->store->ended);
    mdb_txn_abort((*txn)->txn);
    stage_destroy(&(*txn)->stage);
    free(*txn);
    *txn = NULL;
}

int store_stage(struct store *store, struct store_txn **out_txn)
{
    int err = store_read(store, out_txn);
    if (err == 0) {
        (*out_txn)->stage = stage_new();
    }
    return err;
}

struct stage *store_take(struct store_txn *txn)
{
    struct stage *stage = txn->stage;
    txn->stage = NULL;
    return stage;
}

static struct db_key store_change_key(const struct stage_change *change)
{
    struct db_key key = {.size = 0};
    db_key_add(&key, change->key, change->key_size);
    return key;
}

int store_apply(struct store *store, const struct stage *stage, int (*finish)(void *context, struct store_txn *txn), void *context)
{
    struct store_txn *txn = NULL;
    const struct stage_change *change = NULL;
    int err = store_write(store, &txn);
    if (err != 0) {
        return err;
    }
    while (err == 0 && (change = stage_next(stage, change)) != NULL) {
        struct db_key key = store_change_key(change);
        if (change->is_gone) {
            err = store_delete(txn, (enum store_db)change->db, &key);
            err = err == -ERROR_NOT_FOUND ? 0 : err; /* put and deleted again */
        } else {
            err = store_put(txn, (enum store_db)change->db, &key, change->value, change->size);
        }
    }
    if (err == 0 && finish != NULL) {
        err = finish(context, txn);
    }
    if (err == 0) {
        return store_commit(&txn);
    }
    store_abort(&txn);
    return err;
}

static MDB_val store_key(const struct db_key *key)
{
    return (MDB_val){.mv_size = key->size, .mv_data = (void *)(uintptr_t)key->bytes};
}

int store_get(struct store_txn *txn, enum store_db db, const struct db_key *key, struct store_bytes *out_value)
{
    MDB_val k = store_key(key);
    MDB_val data;
    const struct stage_change *change = txn->stage != NULL ? stage_find(txn->stage, db, key) : NULL;
    if (change != NULL) {
        *out_value = (struct store_bytes){.bytes = change->value, .size = change->size};
        return change->is_gone ? -ERROR_NOT_FOUND : 0;
    }
    int rc = mdb_get(txn->txn, txn->store->dbis[db], &k, &data);
    return rc != 0 ? store_error(rc) : store_strip(&k, &data, out_value);
}

static void store_fill(const struct db_key *key, const void *value, size_t size, const MDB_val *place)
{
    struct be64 sum = be64(store_checksum(key->bytes, key->size, value, size));
    memcpy(place->mv_data, &sum, sizeof sum);
    if (size > 0) {
        memcpy((uint8_t *)place->mv_data + STORE_CHECKSUM_BYTES, value, size);
    }
}

/* Rows are put in the order of their ids, mostly: a cursor that stands where the last one went finds the place of the next without a walk from the root. */
static int store_place(struct store_txn *txn, enum store_db db, const struct db_key *key, size_t size, unsigned int flags, MDB_val *out_place)
{
    MDB_val k = store_key(key);
    int err = store_make_room(txn, key->size + STORE_CHECKSUM_BYTES + size);
    if (err != 0) {
        return err;
    }
    int rc = txn->cursors[db] == NULL ? mdb_cursor_open(txn->txn, txn->store->dbis[db], &txn->cursors[db]) : 0;
    if (rc == 0) {
        *out_place = (MDB_val){.mv_size = STORE_CHECKSUM_BYTES + size};
        rc = mdb_cursor_put(txn->cursors[db], &k, out_place, flags | MDB_RESERVE);
    }
    return rc == MDB_KEYEXIST ? -ERROR_EXISTS : store_error(rc);
}

int store_put(struct store_txn *txn, enum store_db db, const struct db_key *key, const void *value, size_t size)
{
    MDB_val place;
    if (txn->stage != NULL) {
        stage_put(txn->stage, db, key, value, size);
        return 0;
    }
    int err = store_place(txn, db, key, size, 0, &place);
    if (err == 0) {
        store_fill(key, value, size, &place);
    }
    return err;
}

int store_put_counted(struct store_txn *txn, enum store_db db, const struct db_key *key, const void *value, size_t size, bool *out_is_new)
{
    MDB_val place;
    struct store_bytes old;
    if (txn->stage != NULL) {
        int err = store_get(txn, db, key, &old);
        if (err != 0 && err != -ERROR_NOT_FOUND) {
            return err;
        }
        *out_is_new = err == -ERROR_NOT_FOUND;
        return store_put(txn, db, key, value, size);
    }
    int err = store_place(txn, db, key, size, MDB_NOOVERWRITE, &place);
    if (err == -ERROR_EXISTS) {
        *out_is_new = false;
        return store_put(txn, db, key, value, size);
    }
    if (err == 0) {
        *out_is_new = true;
        store_fill(key, value, size, &place);
    }
    return err;
}

int store_delete(struct store_txn *txn, enum store_db db, const struct db_key *key)
{
    struct store_bytes old;
    MDB_val k = store_key(key);
    if (txn->stage != NULL) {
        int err = store_get(txn, db, key, &old);
        if (err == 0 || err == -ERROR_DAMAGED) {
            stage_remove(txn->stage, db, key);
            return 0;
        }
        return err;
    }
    int err = store_make_room(txn, 0);
    return err != 0 ? err : store_error(mdb_del(txn->txn, txn->store->dbis[db], &k, NULL));
}

int store_get_u64(struct store_txn *txn, enum store_db db, const struct db_key *key, uint64_t *out_value)
{
    struct store_bytes value;
    int err = store_get(txn, db, key, &value);
    if (err != 0) {
        return err;
    }
    struct reader r = reader_of(value.bytes, value.size);
    uint64_t number = reader_u64(&r);
    if (reader_finish(&r) != 0) {
        return -ERROR_DAMAGED;
    }
    *out_value = number;
    return 0;
}

int store_put_u64(struct store_txn *txn, enum store_db db, const struct db_key *key, uint64_t value)
{
    struct be64 net = be64(value);
    return store_put(txn, db, key, &net, sizeof net);
}

struct store_cursor *store_cursor_open(struct store_txn *txn, enum store_db db, const struct db_key *from)
{
    struct store_cursor *cursor = memory_zeroed(sizeof *cursor);
    cursor->from = *from;
    cursor->last = *from;
    cursor->txn = txn;
    cursor->db = db;
    cursor->is_empty = db == STORE_HISTORY && txn->store->lacks_history;
    if (cursor->is_empty || mdb_cursor_open(txn->txn, txn->store->dbis[db], &cursor->cursor) != 0) {
        cursor->cursor = NULL;
    }
    return cursor;
}

/* What LMDB has next. */
static int store_next_stored(struct store_cursor *cursor, MDB_val *out_key, MDB_val *out_data)
{
    bool is_first = !cursor->is_started && cursor->from.size > 0;
    MDB_val key = store_key(&cursor->from);
    int rc = mdb_cursor_get(cursor->cursor, &key, out_data, is_first ? MDB_SET_RANGE : MDB_NEXT);
    cursor->is_started = true;
    *out_key = key;
    return rc;
}

static int store_compare(const struct stage_change *change, const MDB_val *key)
{
    size_t common = change->key_size < key->mv_size ? change->key_size : key->mv_size;
    int order = memcmp(change->key, key->mv_data, common);
    return order != 0 ? order : change->key_size < key->mv_size ? -1 : change->key_size > key->mv_size ? 1 : 0;
}

/* The two walks, of LMDB and of the stage, as one: a change hides what LMDB has under its key. */
static int store_next_staged(struct store_cursor *cursor, struct store_bytes *out_key, struct store_bytes *out_value)
{
    bool is_behind = cursor->is_started;
    for (;;) {
        if (!cursor->has_next && !cursor->is_at_end) {
            int rc = store_next_stored(cursor, &cursor->key, &cursor->data);
            if (rc != 0 && rc != MDB_NOTFOUND) {
                return store_error(rc);
            }
            cursor->is_at_end = rc != 0;
            cursor->has_next = rc == 0;
        }
        const struct stage_change *change = stage_from(cursor->txn->stage, cursor->db, &cursor->last, is_behind);
        int order = change == NULL ? 1 : !cursor->has_next ? -1 : store_compare(change, &cursor->key);
        if (change == NULL && !cursor->has_next) {
            return -ERROR_NOT_FOUND;
        }
        is_behind = true;
        cursor->has_next = order < 0 && cursor->has_next;
        if (order > 0) {
            cursor->last.size = 0;
            db_key_add(&cursor->last, cursor->key.mv_data, cursor->key.mv_size);
            *out_key = (struct store_bytes){.bytes = cursor->key.mv_data, .size = cursor->key.mv_size};
            return store_strip(&cursor->key, &cursor->data, out_value);
        }
        cursor->last = store_change_key(change);
        if (!change->is_gone) {
            *out_key = (struct store_bytes){.bytes = change->key, .size = change->key_size};
            *out_value = (struct store_bytes){.bytes = change->value, .size = change->size};
            return 0;
        }
    }
}

int store_next(struct store_cursor *cursor, struct store_bytes *out_key, struct store_bytes *out_value)
{
    MDB_val key, data;
    *out_key = (struct store_bytes){.bytes = NULL};
    if (cursor->cursor == NULL) {
        return cursor->is_empty ? -ERROR_NOT_FOUND : -EIO;
    }
    if (cursor->txn->stage != NULL) {
        return store_next_staged(cursor, out_key, out_value);
    }
    int rc = store_next_stored(cursor, &key, &data);
    if (rc != 0) {
        return store_error(rc);
    }
    *out_key = (struct store_bytes){.bytes = key.mv_data, .size = key.mv_size};
    return store_strip(&key, &data, out_value);
}

int store_cursor_delete(struct store_cursor *cursor)
{
    if (cursor->txn->stage != NULL) {
        stage_remove(cursor->txn->stage, cursor->db, &cursor->last);
        return 0;
    }
    int err = store_make_room(cursor->txn, 0);
    return err != 0 ? err : store_error(mdb_cursor_del(cursor->cursor, 0)); /* MDB_NEXT then gives the follower */
}

void store_cursor_close(struct store_cursor **cursor)
{
    if (*cursor == NULL) {
        return;
    }
    if ((*cursor)->cursor != NULL) {
        mdb_cursor_close((*cursor)->cursor);
    }
    free(*cursor);
    *cursor = NULL;
}
