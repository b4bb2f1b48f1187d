/* The start.
 *
 *   disk   damaged: end with a message that says what to do; nobody but the operator can decide which copy is good
 *   run    missing, damaged, unfinished, or of another boot: rebuilt from the disk's copy, which is at most a second older
 *
 * The boot id stands in RUN_DIR/rundb/boot beside the environment: after a power loss the environment was never synced and must not even
 * be opened. Behind it stands that a killed commit may have to be taken back (mapped.h), and that entries of the dirty list may be of several rows
 * (db_layout.h). Builds that cannot do this take it for another boot's, and rebuild; and where the first does not stand, the last that wrote was one of
 * those, so whatever mark is there says nothing. Versions and ids jump after a rebuild, so that nothing is given twice that somebody may have seen before
 * the loss. A file that cannot be read now is no reason to rebuild: the start ends with its name.
 *
 * The epoch is the greater of the last one plus one and the wall clock in seconds, so that a database put back from a copy does not repeat
 * the epochs its readers know; it is synced to disk before anybody is served.
 *
 * A group of configuration that was on disk when configdb was killed, and not yet published, is there: its versions are the next ones. In the commit of the
 * epoch the disk gets the versions that the last group really has (settle.h).
 *
 * Cost: the check, about 0.3 s a million rules. Thread: the main thread before any other. Invariant: I6 (n above every n ever shown).
 */
#include "services/configdb/start.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/bytes.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/configdb/check.h"
#include "services/configdb/fold.h"

/* How far versions and ids jump when the run environment was lost: more than a second can use up, so nothing is given twice. */
#define START_N_JUMP (1ull << 32)
#define START_ID_JUMP (1ull << 24)
#define START_MARKED " marked" /* in `boot` behind the boot id */
#define START_RANGES " ranges" /* behind that */

enum start_boot {
    START_BOOT_OTHER,    /* or none */
    START_BOOT_UNMARKED, /* written last by a build that knows no marks */
    START_BOOT_MARKED,   /* by one that knows no entries of several rows */
    START_BOOT_RANGES,
};

static int start_boot_of(const char *run_db, const char *boot_id, enum start_boot *out_boot, struct error_detail *detail)
{
    char text[128] = "";
    char *path = memory_format("%s/boot", run_db);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
    int err = n >= 0 || errno == ENOENT ? 0 : error_set(detail, -errno, "%.200s: %s", path, strerror(errno));
    size_t size = strlen(boot_id);
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    *out_boot = n <= 0 || strncmp(text, boot_id, size) != 0            ? START_BOOT_OTHER
                : text[size] == '\0'                                  ? START_BOOT_UNMARKED
                : strcmp(text + size, START_MARKED) == 0              ? START_BOOT_MARKED
                : strcmp(text + size, START_MARKED START_RANGES) == 0 ? START_BOOT_RANGES
                                                                      : START_BOOT_OTHER;
    return err;
}

/* One write within a block that the file has: it is there or not, also in a directory that is full. */
static int start_add_to_boot(const char *run_db, int flags, const char *text, struct error_detail *detail)
{
    char *path = memory_format("%s/boot", run_db);
    int fd = open(path, O_WRONLY | flags | O_CLOEXEC, 0600);
    size_t size = strlen(text);
    errno = fd >= 0 ? ENOSPC : errno;
    int err = fd >= 0 && write(fd, text, size) == (ssize_t)size ? 0 : error_set(detail, -errno, "%.200s: %s", path, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    free(path);
    return err;
}

static int start_write_boot(const char *run_db, const char *boot_id)
{
    struct error_detail detail;
    char *text = memory_format("%s%s", boot_id, START_MARKED START_RANGES);
    int err = start_add_to_boot(run_db, O_CREAT | O_TRUNC, text, &detail);
    free(text);
    return err;
}

static void start_remove(const char *run_db)
{
    static const char *const names[] = {"data.mdb", "lock.mdb", "boot", "mark"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = memory_format("%s/%s", run_db, names[i]);
        (void)unlink(path);
        free(path);
    }
}

/* A number of the environment, `missing` when it has none. */
static int start_number(struct store *store, enum db_meta what, uint64_t missing, uint64_t *out_number)
{
    struct store_txn *txn = NULL;
    struct db_key key = db_key_meta(what, 0);
    int err = store_read(store, &txn);
    if (err != 0) {
        return err;
    }
    err = store_get_u64(txn, STORE_META, &key, out_number);
    store_abort(&txn);
    if (err == -ERROR_NOT_FOUND) {
        *out_number = missing;
        return 0;
    }
    return err;
}

/* Where nothing was remembered before, the history begins. */
static int start_history(struct store_txn *txn)
{
    struct db_key oldest = db_key_meta(DB_META_OLDEST, 0);
    struct db_key newest = db_key_meta(DB_META_N, 0);
    uint64_t n = 0;
    int err = store_get_u64(txn, STORE_META, &oldest, &n);
    if (err != -ERROR_NOT_FOUND) {
        return err;
    }
    err = store_get_u64(txn, STORE_META, &newest, &n);
    return err == 0 || err == -ERROR_NOT_FOUND ? store_put_u64(txn, STORE_META, &oldest, n) : err;
}

/* What the run environment knows of the newest group of configuration: as what it was published, or, if it was on disk and was not published any
 * more, behind which version it comes now. */
static int start_published(struct store *run, const struct settle_group *group, struct settle_published *out_published)
{
    struct store_txn *txn = NULL;
    struct db_key n_key = db_key_meta(DB_META_N, 0);
    struct settle_published known = {.from = UINT64_MAX};
    uint64_t n = 0;
    int err = store_read(run, &txn);
    err = err == 0 ? settle_load_published(txn, &known) : err;
    err = err == -ERROR_NOT_FOUND ? 0 : err;
    bool is_known = err == 0 && settle_is_same(group, &known);
    if (err == 0 && !is_known && (err = store_get_u64(txn, STORE_META, &n_key, &n)) == -ERROR_NOT_FOUND) {
        err = 0;
    }
    store_abort(&txn);
    if (err == 0) {
        out_published->base = is_known ? known.base : n > group->from ? n : group->from;
    }
    return err;
}

/* The newest group gets its versions for good. A rebuilt run environment knows nothing of what was shown in the last second: they stay. */
static int start_settle(struct store_txn *disk, struct store *run, bool is_rebuilt)
{
    struct settle_group group;
    struct settle_published published;
    int err = settle_load(disk, &group);
    if (err != 0) {
        return err == -ERROR_NOT_FOUND ? 0 : err;
    }
    published = (struct settle_published){.from = group.from, .base = group.from, .serial = group.serial};
    err = is_rebuilt ? 0 : start_published(run, &group, &published);
    return err == 0 ? settle_run(disk, &published) : err;
}

/* First start: layout and the one switch row. Every start: the new epoch, synced. */
static int start_epoch(struct store *disk, struct store *run, bool is_rebuilt, uint64_t wall_s, uint64_t *out_epoch, uint64_t *out_last)
{
    struct store_txn *txn = NULL;
    struct db_key layout = db_key_meta(DB_META_LAYOUT, 0);
    struct db_key epoch_key = db_key_meta(DB_META_EPOCH, 0);
    struct db_key count = db_key_meta(DB_META_COUNT, CFG_SWITCH);
    struct db_key row = db_key_row(CFG_SWITCH, 1);
    struct store_bytes value;
    uint64_t last = 0;
    int err = store_write(disk, &txn);
    if (err != 0) {
        return err;
    }
    err = store_get_u64(txn, STORE_META, &epoch_key, &last);
    err = err == -ERROR_NOT_FOUND ? 0 : err;
    uint64_t epoch = last + 1 > wall_s ? last + 1 : wall_s;
    if (err == 0 && (err = store_get(txn, STORE_ROWS, &row, &value)) == -ERROR_NOT_FOUND) {
        err = store_put(txn, STORE_ROWS, &row, "", 0); /* a row with no column set */
        err = err == 0 ? store_put_u64(txn, STORE_META, &count, 1) : err;
    }
    err = err == 0 ? start_settle(txn, run, is_rebuilt) : err;
    if (err == 0 && (err = start_history(txn)) == 0 && (err = store_put_u64(txn, STORE_META, &layout, DB_LAYOUT)) == 0 &&
        (err = store_put_u64(txn, STORE_META, &epoch_key, epoch)) == 0) {
        err = store_commit(&txn);
    }
    store_abort(&txn);
    if (err == 0) {
        *out_epoch = epoch;
        *out_last = last;
    }
    return err;
}

static int start_open_disk(const struct start_settings *settings, size_t map_bytes, struct store **out_disk,
                           struct error_detail *detail)
{
    struct error_detail found;
    int err = check_database(settings->db_dir, map_bytes, &found);
    if (err == -ERROR_DAMAGED) {
        return error_set(detail, err, "%.180s. Put a good copy in its place, or move it away to begin empty", found.text);
    }
    if (err != 0) {
        return error_set(detail, err, "%s", found.text);
    }
    return store_open(settings->db_dir, STORE_SYNC, map_bytes, out_disk, detail);
}

/* What the last user left, before anybody looks into it; and what this one may leave is said before it is. */
static int start_recover(const char *run_db, enum start_boot boot, struct error_detail *detail)
{
    int err = boot == START_BOOT_UNMARKED ? store_forget_mark(run_db, detail) : store_recover(run_db, detail);
    if (err != 0 || boot == START_BOOT_RANGES) {
        return err;
    }
    return start_add_to_boot(run_db, O_APPEND, boot == START_BOOT_MARKED ? START_RANGES : START_MARKED START_RANGES, detail);
}

static int start_look(const char *run_db, const char *boot_id, bool *out_is_there, enum start_boot *out_boot, struct error_detail *detail)
{
    struct stat stat_of;
    char *data = memory_format("%s/data.mdb", run_db);
    *out_is_there = stat(data, &stat_of) == 0;
    int err = *out_is_there || errno == ENOENT ? 0 : error_set(detail, -errno, "%.200s: %s", data, strerror(errno));
    free(data);
    return err == 0 ? start_boot_of(run_db, boot_id, out_boot, detail) : err;
}

/* Opens the run environment when it can be trusted; NULL and 0 when it has to be rebuilt: only for what it is, never because it could not be read now. */
static int start_try_run(const char *run_db, const char *boot_id, size_t map_bytes, struct store **out_run,
                         const char **out_why, struct error_detail *detail)
{
    enum start_boot boot;
    bool is_there;
    uint64_t built = 0;
    int err = start_look(run_db, boot_id, &is_there, &boot, detail);
    if (err != 0) {
        return err;
    }
    if (!is_there || boot == START_BOOT_OTHER) {
        *out_why = is_there ? "it is of another boot of this machine" : "there is none yet";
        return 0;
    }
    err = start_recover(run_db, boot, detail);
    err = err == 0 ? check_database(run_db, map_bytes, detail) : err;
    if (err == -ERROR_DAMAGED || err == -ERROR_VERSION) {
        log_warn("run_database_bad why=\"%s\"", detail->text);
        *out_why = "it is damaged";
        return 0;
    }
    if (err != 0) {
        return err;
    }
    struct store *run = NULL;
    err = store_open(run_db, STORE_MAPPED, map_bytes, &run, detail);
    if (err != 0) {
        return err;
    }
    err = start_number(run, DB_META_BUILT, 0, &built);
    if (err != 0 || built != 1) {
        *out_why = "its making was cut short";
        store_close(&run);
        return 0;
    }
    *out_run = run;
    return 0;
}

static int start_open_run(const char *run_db, const char *boot_id, size_t map_bytes, struct store *disk, struct store **out_run,
                          bool *out_is_rebuilt, struct error_detail *detail)
{
    const char *why = "";
    struct store *run = NULL;
    uint64_t n = 0, last_epoch = 0;
    int err = start_try_run(run_db, boot_id, map_bytes, &run, &why, detail);
    if (err != 0 || run != NULL) {
        *out_is_rebuilt = false;
        *out_run = run;
        return err;
    }
    start_remove(run_db);
    err = start_number(disk, DB_META_N, 0, &n);
    if (err == 0) {
        err = start_number(disk, DB_META_EPOCH, 0, &last_epoch);
    }
    if (err == 0) {
        err = store_open(run_db, STORE_NO_SYNC, map_bytes, &run, detail);
    }
    if (err == 0) {
        err = start_write_boot(run_db, boot_id);
    }
    if (err == 0) {
        err = last_epoch == 0 ? fold_rebuild(disk, run, 0, 0) : fold_rebuild(disk, run, n + START_N_JUMP, START_ID_JUMP);
    }
    store_close(&run);
    if (err == 0) { /* from here on through its map, which is no way to write it all at once */
        err = store_open(run_db, STORE_MAPPED, map_bytes, &run, detail);
    }
    if (err != 0) {
        return error_set(detail, err, "database %.100s could not be rebuilt: %s", run_db, error_text(err));
    }
    log_info("run_database_rebuilt why=\"%s\"", why);
    *out_is_rebuilt = true;
    *out_run = run;
    return 0;
}

int start_database(const struct start_settings *settings, struct start_result *out_result, struct error_detail *detail)
{
    size_t map_bytes = settings->map_bytes != 0 ? settings->map_bytes : START_MAP_BYTES;
    char *run_db = memory_format("%s/rundb", settings->run_dir);
    struct store *disk = NULL;
    struct store *run = NULL;
    struct start_result result = {.rows = NULL};
    bool is_rebuilt = false;
    uint64_t last_epoch = 0;
    int err = start_open_disk(settings, map_bytes, &disk, detail);
    if (err == 0) {
        err = start_open_run(run_db, settings->boot_id, map_bytes, disk, &run, &is_rebuilt, detail);
    }
    if (err == 0) {
        err = start_epoch(disk, run, is_rebuilt, settings->wall_s, &result.epoch, &last_epoch);
        if (err != 0) {
            (void)error_set(detail, err, "database %.100s: the new epoch could not be written: %s", settings->db_dir,
                            error_text(err));
        }
    }
    if (err == 0) {
        err = rows_new(&disk, &run, &result.rows, detail);
    }
    free(run_db);
    store_close(&disk);
    store_close(&run);
    if (err != 0) {
        return err;
    }
    if (!is_rebuilt && last_epoch != 0) {
        result.last_epoch_end = (struct version){.epoch = last_epoch, .n = rows_n(result.rows)};
    }
    *out_result = result;
    return 0;
}
