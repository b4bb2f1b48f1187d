/* Leases of joined services: a service row lives as long as its process says so every 500 ms.
 *
 * One thread. Who deletes the lapsed rows is configdb.c, by a transaction of its own.
 */
#ifndef BUSBAR_CONFIGDB_LEASE_H
#define BUSBAR_CONFIGDB_LEASE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/bus/bus.h"
#include "proto/rows.pb-c.h"

#define LEASE_NS (2ull * 1000000000ull)
#define LEASE_GRACE_NS                                                                                                         \
    (3ull * 1000000000ull) /* after a start of configdb, when processes have to find it again: DESIGN asks for 2 s or more */

struct leases;
struct leases *leases_new(void);
void leases_destroy(struct leases **leases);

/* A service row was committed. */
void leases_add(struct leases *leases, uint64_t id, const Busbar__ServiceRow *row, uint64_t deadline_ns);
void leases_remove(struct leases *leases, uint64_t id);
/* False: there is no such row of this sender. */
bool leases_renew(struct leases *leases, uint64_t id, const struct bus_identity *from, uint64_t now_ns);
/* Nobody could be heard until now: no lease lapses before this. */
void leases_extend(struct leases *leases, uint64_t deadline_ns);
/* One that has lapsed, 0 when none has. The caller removes it. */
uint64_t leases_lapsed(const struct leases *leases, uint64_t now_ns);
/* Whose lease it is; NULL when there is no such one. Lent. */
const struct bus_identity *leases_who(const struct leases *leases, uint64_t id);
size_t leases_count(const struct leases *leases);
json_t *leases_json(const struct leases *leases, uint64_t now_ns);

#endif
