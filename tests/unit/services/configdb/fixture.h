/* What the tests of configdb share: a directory that goes away, a configdb and clients on the memory bus, and rows to put in. */
#ifndef BUSBAR_TESTS_CONFIGDB_FIXTURE_H
#define BUSBAR_TESTS_CONFIGDB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/cfg/cfg.h"
#include "services/configdb/configdb.h"
#include "services/configdb/start.h"
#include "tests/unit/lib/cfg/sample.h"

#define FIXTURE_MAP_BYTES (256ull << 20)
#define FIXTURE_ENDPOINT "config"

struct fixture_dir {
    char path[64];
    char db[80];
    char run[80];
};

static inline void fixture_dir_make(struct fixture_dir *dir)
{
    (void)snprintf(dir->path, sizeof dir->path, "/tmp/busbar-configdb-XXXXXX");
    assert_non_null(mkdtemp(dir->path));
    (void)snprintf(dir->db, sizeof dir->db, "%s/db", dir->path);
    (void)snprintf(dir->run, sizeof dir->run, "%s/run", dir->path);
    assert_int_equal(mkdir(dir->run, 0750), 0);
}

static inline void fixture_remove(const char *path)
{
    DIR *opened = opendir(path);
    struct dirent *entry;
    while (opened != NULL && (entry = readdir(opened)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            char *inner = memory_format("%s/%s", path, entry->d_name);
            if (unlink(inner) != 0) {
                fixture_remove(inner);
            }
            free(inner);
        }
    }
    if (opened != NULL) {
        closedir(opened);
    }
    (void)rmdir(path);
}

static inline struct start_settings fixture_settings(const struct fixture_dir *dir)
{
    return (struct start_settings){
        .run_dir = dir->run, .db_dir = dir->db, .boot_id = "boot-1", .wall_s = 1000, .map_bytes = FIXTURE_MAP_BYTES};
}

/* Only the database, for the tests of its parts. */
struct fixture_base {
    struct fixture_dir dir;
    struct rows *rows;
    uint64_t epoch;
    struct version last_epoch_end;
};

static inline void fixture_base_open(struct fixture_base *base)
{
    struct start_settings settings = fixture_settings(&base->dir);
    struct start_result result;
    struct error_detail detail = {.text = ""};
    if (start_database(&settings, &result, &detail) != 0) {
        fail_msg("%s", detail.text);
    }
    base->rows = result.rows;
    base->epoch = result.epoch;
    base->last_epoch_end = result.last_epoch_end;
}

static inline void fixture_base_init(struct fixture_base *base)
{
    log_set_level(LOG_LEVEL_ERROR);
    fixture_dir_make(&base->dir);
    fixture_base_open(base);
}

static inline void fixture_base_fini(struct fixture_base *base)
{
    rows_destroy(&base->rows);
    fixture_remove(base->dir.path);
}

/* Puts a row past all checks, in a commit of its own with a version. */
static inline void fixture_put(struct fixture_base *base, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    enum rows_env env;
    uint8_t packed[4096];
    assert_true(rows_env_of(table, &env));
    assert_true(protobuf_c_message_get_packed_size(row) <= sizeof packed);
    size_t size = protobuf_c_message_pack(row, packed);
    assert_int_equal(rows_begin(base->rows, env), 0);
    (void)rows_next_n(base->rows);
    assert_int_equal(rows_put(base->rows, table, id, packed, size), 0);
    assert_int_equal(rows_commit(base->rows), 0);
}

/* configdb and up to four clients in one hub, on a clock of their own. */
struct fixture {
    struct fixture_dir dir;
    const char *boot_id;
    enum disk_mode disk;
    uint64_t now_ns;
    uint64_t starts;
    struct bus_hub *hub;
    struct bus *bus;
    struct configdb *db;
    struct bus *client_bus[4];
    struct cfg *client[4];
};

static inline void fixture_open(struct fixture *f)
{
    struct bus_identity self = {.kind = PROCESS_CONFIGDB, .instance = 1, .start = 1000 + ++f->starts};
    struct error_detail detail = {.text = ""};
    f->bus = bus_memory_new(f->hub, &self);
    struct configdb_settings settings = {
        .bus = f->bus, .endpoint = FIXTURE_ENDPOINT, .start = fixture_settings(&f->dir), .disk = f->disk};
    settings.start.boot_id = f->boot_id;
    if (configdb_new(&settings, f->now_ns, &f->db, &detail) != 0) {
        fail_msg("configdb does not start: %s", detail.text);
    }
}

static inline void fixture_close(struct fixture *f)
{
    configdb_destroy(&f->db);
    bus_destroy(&f->bus);
}

static inline void fixture_init(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    log_set_level(LOG_LEVEL_ERROR);
    fixture_dir_make(&f->dir);
    f->boot_id = "boot-1";
    f->disk = DISK_INLINE;
    f->now_ns = NS_PER_S;
    f->hub = bus_hub_new(1);
    fixture_open(f);
}

static inline void fixture_fini(struct fixture *f)
{
    for (size_t i = 0; i < 4; i++) {
        cfg_destroy(&f->client[i]);
        if (f->client_bus[i] != NULL) {
            bus_destroy(&f->client_bus[i]);
        }
    }
    if (f->db != NULL) {
        fixture_close(f);
    }
    bus_hub_destroy(&f->hub);
    fixture_remove(f->dir.path);
}

/* A mirror of `tables` in place `slot`. */
static inline struct cfg *fixture_client(struct fixture *f, size_t slot, enum process_kind kind, const enum cfg_table *tables,
                                         size_t n_tables, const struct cfg_events *events)
{
    static const struct cfg_events none;
    struct bus_identity self = {.kind = kind, .instance = (uint32_t)slot + 1, .start = 77 + slot + 100 * ++f->starts};
    f->client_bus[slot] = bus_memory_new(f->hub, &self);
    assert_int_equal(
        cfg_new(f->client_bus[slot], FIXTURE_ENDPOINT, tables, n_tables, events != NULL ? events : &none, &f->client[slot]), 0);
    return f->client[slot];
}

static inline void fixture_run(struct fixture *f, uint64_t ms)
{
    for (uint64_t i = 0; i < ms; i++) {
        f->now_ns += NS_PER_MS;
        bus_hub_step(f->hub, f->now_ns);
        if (f->db != NULL) {
            (void)configdb_step(f->db, f->now_ns);
        }
        for (size_t k = 0; k < 4; k++) {
            if (f->client[k] != NULL) {
                cfg_step(f->client[k], f->now_ns);
            }
        }
    }
}

struct fixture_result {
    bool is_done;
    int error;
    char text[300];
    uint32_t failed_op;
    struct version version;
    uint64_t ids[64];
    size_t n_ids;
};

static inline void fixture_done(void *context, const struct cfg_result *result)
{
    struct fixture_result *out = context;
    assert_false(out->is_done);
    out->is_done = true;
    out->error = result->error;
    (void)snprintf(out->text, sizeof out->text, "%s", result->text != NULL ? result->text : "");
    out->failed_op = result->failed_op;
    out->version = result->version;
    for (out->n_ids = 0; out->n_ids < result->n_ids && out->n_ids < 64; out->n_ids++) {
        out->ids[out->n_ids] = result->ids[out->n_ids];
    }
}

/* Sends, waits and gives the result. */
static inline struct fixture_result fixture_transact(struct fixture *f, size_t slot, struct cfg_txn **txn)
{
    struct fixture_result result = {.is_done = false};
    cfg_transact(f->client[slot], txn, f->now_ns + 5 * NS_PER_S, fixture_done, &result);
    for (int i = 0; i < 600 && !result.is_done; i++) {
        fixture_run(f, 10);
    }
    assert_true(result.is_done);
    return result;
}

#endif
