/* Status rows: what processes see, in memory, with a time to live, without versions.
 *
 * Each row carries the serial number of its last change; a reader's place is the serial it has been sent. Rows that are gone stay as
 * marks for STATUS_MARK_NS, so that slow readers hear of it. One thread.
 */
#ifndef BUSBAR_CONFIGDB_STATUS_H
#define BUSBAR_CONFIGDB_STATUS_H

#include "lib/bus/bus.h"
#include "lib/cfg/cfg.h"

enum {
    STATUS_ROWS_MAX = 65536, /* every port and controller of a large switch many times over */
    STATUS_VALUE_MAX = 4096,
    STATUS_TTL_MAX_MS = 60000,
};
#define STATUS_MARK_NS (10ull * 1000000000ull)

struct status_row {
    uint32_t table;
    uint64_t id;
    bool is_deleted;
    uint8_t *value;
    size_t size;
    uint64_t serial;
    uint64_t deadline_ns; /* of the row, or of the mark */
    uint32_t ttl_ms;
    struct bus_identity publisher;
};

struct status;
struct status *status_new(void);
void status_destroy(struct status **status);

/* Takes one published row. -ERROR_UNKNOWN_NAME (no status table), -ERROR_SYNTAX, -ERROR_TOO_LARGE. */
int status_publish(struct status *status, const struct bus_identity *from, const Busbar__StatusRow *row, uint64_t now_ns,
                   struct error_detail *detail) MUST_CHECK;
/* Rows whose time is over, and those of former lives of this publisher (NULL: none), go. */
void status_expire(struct status *status, const struct bus_identity *reborn, uint64_t now_ns);
uint64_t status_serial(const struct status *status);
size_t status_count(const struct status *status);
/* Rows in the order of their last change, beginning behind `serial`; *cursor starts as NULL. NULL at the end. */
const struct status_row *status_next(const struct status *status, uint64_t serial, const struct status_row **cursor);

#endif
