/* configdb as a library: one object, one step. main.c adds the process around it.
 *
 *     struct configdb *db;
 *     configdb_new(&settings, now_ns, &db, &detail);
 *     while (...) { poll(configdb_fd(db), configdb_disk_fd(db), ...); next_ns = configdb_step(db, now_ns); }
 *     configdb_destroy(&db);
 *
 * One thread, and another that writes and syncs the disk environment (disk.h): nothing in configdb_step() waits for a sync.
 * Works over any bus: ZeroMQ or memory.
 */
#ifndef BUSBAR_CONFIGDB_CONFIGDB_H
#define BUSBAR_CONFIGDB_CONFIGDB_H

#include <jansson.h>

#include "lib/bus/bus.h"
#include "services/configdb/disk.h"
#include "services/configdb/list.h"
#include "services/configdb/start.h"

struct configdb_settings {
    struct bus *bus;      /* lent */
    const char *endpoint; /* of the config wire, to bind */
    struct start_settings start;
    enum disk_mode disk; /* who writes the disk environment */
    uint64_t (*clock_ns)(void); /* what time it is within a step, for latencies; NULL: as at its beginning */
};

struct configdb;
struct confirm_clocks;
/* Starts the database (forks: before any thread of the caller) and binds. */
int configdb_new(const struct configdb_settings *settings, uint64_t now_ns, struct configdb **out_db,
                 struct error_detail *detail) MUST_CHECK;
/* Folds what is left and closes. */
void configdb_destroy(struct configdb **db);
int configdb_fd(const struct configdb *db); /* -1: memory bus */
/* Readable when the disk has done something; -1: it never is. */
int configdb_disk_fd(const struct configdb *db);
/* The disk, for tests that hold it. */
struct disk *configdb_disk(struct configdb *db);
/* What the wall clock says at now_ns; until it is told again it goes on from there. At the start: wall_s. */
void configdb_set_wall(struct configdb *db, uint64_t now_ns, uint64_t wall_ns);
/* Does what there is to do. Returns when to call again at the latest. */
uint64_t configdb_step(struct configdb *db, uint64_t now_ns);

struct version configdb_version(const struct configdb *db);
struct page;
/* For lib/metrics; `context` is a configdb. "ok", or why changes are refused. */
const char *configdb_state(const void *context);
void configdb_fill_metrics(const void *context, struct page *page);
/* For the control wire. */
json_t *configdb_status_json(const struct configdb *db);
/* Of the control wire, as history_json.h says. */
struct rows *configdb_rows(struct configdb *db);
const struct confirm_clocks *configdb_clocks(const struct configdb *db);
/* As list_table(). */
int configdb_list(struct configdb *db, const char *table, list_each *each, void *context,
                  struct error_detail *detail) MUST_CHECK;

#endif
