/* The check for damage.
 *
 * The child opens the environment without locks, reads every value of every database (store.c compares the checksums), unpacks every row
 * and compares each table's number of rows with its count. Damage in the history alone is told and lets the start go on. It
 * tells its parent through a pipe; a child that died of a signal
 * has found damage as well, in a structure of LMDB.
 *
 * Cost: about 0.3 s for a million rules, once a start; the pages are then warm. Thread: the main thread, before there are others.
 */
#include "services/configdb/check.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"
#include "services/configdb/store.h"

struct check {
    struct store_txn *txn;
    uint64_t counts[CFG_TABLE_MAX];
    struct error_detail *detail;
};

static int check_row(struct check *check, const struct store_bytes *key, const struct store_bytes *value)
{
    struct reader r = reader_of(key->bytes, key->size);
    uint32_t table = reader_u8(&r);
    uint64_t id = reader_u64(&r);
    const struct cfg_table_info *info = cfg_table_info(table);
    if (reader_finish(&r) != 0 || info == NULL || table >= CFG_TABLE_MAX) {
        return error_set(check->detail, -ERROR_DAMAGED, "a row of a table number %u that does not exist", table);
    }
    ProtobufCMessage *row = protobuf_c_message_unpack(info->descriptor, NULL, value->size, value->bytes);
    if (row == NULL) {
        return error_set(check->detail, -ERROR_DAMAGED, "%s row %" PRIu64 " cannot be read", info->name, id);
    }
    protobuf_c_message_free_unpacked(row, NULL);
    check->counts[table]++;
    return 0;
}

static int check_walk(struct check *check, enum store_db db)
{
    struct db_key from = {.size = 0};
    struct store_cursor *cursor = store_cursor_open(check->txn, db, &from);
    struct store_bytes key, value;
    uint64_t n = 0;
    int err;
    while ((err = store_next(cursor, &key, &value)) == 0) {
        n++;
        err = db == STORE_ROWS ? check_row(check, &key, &value) : 0;
        if (err != 0) {
            break;
        }
    }
    store_cursor_close(&cursor);
    if (err == -ERROR_NOT_FOUND) {
        return 0;
    }
    if (check->detail->text[0] == '\0') {
        (void)error_set(check->detail, err, "value %" PRIu64 " of database part %d: %s", n + 1, (int)db, error_text(err));
    }
    return err;
}

static int check_counts(struct check *check)
{
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        struct db_key key = db_key_meta(DB_META_COUNT, table);
        uint64_t wanted = 0;
        int err = store_get_u64(check->txn, STORE_META, &key, &wanted);
        if (err != 0 && err != -ERROR_NOT_FOUND) {
            return error_set(check->detail, err, "the count of table number %u: %s", table, error_text(err));
        }
        if (wanted != check->counts[table]) {
            return error_set(check->detail, -ERROR_DAMAGED, "table %s has %" PRIu64 " rows, its count says %" PRIu64,
                             cfg_table_info(table) != NULL ? cfg_table_info(table)->name : "?", check->counts[table], wanted);
        }
    }
    return 0;
}

static int check_layout(struct check *check)
{
    struct db_key key = db_key_meta(DB_META_LAYOUT, 0);
    uint64_t layout = DB_LAYOUT;
    int err = store_get_u64(check->txn, STORE_META, &key, &layout);
    if (err != 0 && err != -ERROR_NOT_FOUND) {
        return error_set(check->detail, err, "the layout number: %s", error_text(err));
    }
    return layout >= DB_LAYOUT_OLDEST && layout <= DB_LAYOUT
               ? 0
               : error_set(check->detail, -ERROR_VERSION,
                           "layout %" PRIu64 " was written by another version of Busbar; this one knows %d", layout, DB_LAYOUT);
}

/* The past is no reason not to serve: what is damaged in it is told, and what needs it will be refused. */
static int check_history(struct check *check)
{
    struct db_key from = {.size = 0};
    struct store_cursor *cursor = store_cursor_open(check->txn, STORE_HISTORY, &from);
    struct store_bytes key, value;
    uint64_t n_bad = 0, first = 0;
    int err;
    while ((err = store_next(cursor, &key, &value)) == 0 || (err == -ERROR_DAMAGED && key.bytes != NULL)) {
        struct reader r = reader_of(key.bytes, key.size);
        if (err != 0 && n_bad++ == 0) {
            first = reader_u64(&r);
        }
    }
    store_cursor_close(&cursor);
    if (err == -ERROR_NOT_FOUND && n_bad > 0) {
        (void)error_set(check->detail, 0, "%" PRIu64 " values of the history, the first of version %" PRIu64, n_bad, first);
    }
    return err == -ERROR_NOT_FOUND ? 0 : error_set(check->detail, err, "the history: %s", error_text(err));
}

int check_here(const char *dir, size_t map_bytes, struct error_detail *detail)
{
    struct store *store = NULL;
    struct check check = {.detail = detail};
    detail->text[0] = '\0';
    int err = store_open(dir, STORE_READ, map_bytes, &store, detail);
    if (err == -ERROR_NOT_FOUND || err == -EACCES) {
        /* An environment whose making was cut short has no databases yet: nothing was ever acknowledged from it. */
        return err == -EACCES ? err : 0;
    }
    if (err != 0) {
        return err;
    }
    err = store_read(store, &check.txn);
    if (err == 0) {
        err = check_layout(&check);
    }
    for (enum store_db db = STORE_META; err == 0 && db <= STORE_DIRTY; db++) {
        err = check_walk(&check, db);
    }
    if (err == 0) {
        err = check_counts(&check);
    }
    if (err == 0) {
        err = check_history(&check);
    }
    store_abort(&check.txn);
    store_close(&store);
    return err;
}

static _Noreturn void check_child(const char *dir, size_t map_bytes, int pipe_fd)
{
    struct error_detail detail;
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct rlimit no_core = {.rlim_cur = 0, .rlim_max = 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    (void)dup2(null_fd, STDERR_FILENO); /* LMDB's last words: the parent says it better */
    for (size_t i = 0; i < sizeof deadly / sizeof deadly[0]; i++) {
        (void)signal(deadly[i], SIG_DFL); /* nobody may turn this death into something else */
    }
    memset(&detail, 0, sizeof detail);
    int32_t err = check_here(dir, map_bytes, &detail);
    (void)!write(pipe_fd, &err, sizeof err);
    (void)!write(pipe_fd, detail.text, sizeof detail.text);
    _exit(0);
}

static size_t check_read(int fd, void *out, size_t size)
{
    size_t done = 0;
    while (done < size) {
        ssize_t n = read(fd, (uint8_t *)out + done, size - done);
        if (n <= 0 && !(n < 0 && errno == EINTR)) {
            break;
        }
        done += n > 0 ? (size_t)n : 0;
    }
    return done;
}

int check_database(const char *dir, size_t map_bytes, struct error_detail *detail)
{
    char *path = memory_format("%s/data.mdb", dir);
    struct stat stat_of;
    bool is_there = stat(path, &stat_of) == 0 && stat_of.st_size > 0;
    free(path);
    if (!is_there) {
        return 0;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return error_set(detail, -errno, "database %s: the check could not be started: %s", dir, strerror(errno));
    }
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        check_child(dir, map_bytes, ends[1]);
    }
    close(ends[1]);
    int32_t err = 0;
    struct error_detail found = {.text = ""};
    bool has_told = child > 0 && check_read(ends[0], &err, sizeof err) == sizeof err &&
                    check_read(ends[0], found.text, sizeof found.text) == sizeof found.text;
    close(ends[0]);
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child < 0) {
        return error_set(detail, -EAGAIN, "database %s: the check could not be started", dir);
    }
    found.text[sizeof found.text - 1] = '\0';
    if (!has_told) {
        return error_set(detail, -ERROR_DAMAGED, "database %s is damaged: reading it ended with signal %d", dir,
                         WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
    if (err == 0 && found.text[0] != '\0') {
        log_warn("history_damaged database=%s what=\"%s\"", dir, found.text);
    }
    return err == 0 ? 0 : error_set(detail, err, "database %s is damaged: %.200s", dir, found.text);
}
