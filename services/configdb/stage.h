/* Changes of one environment that are kept in memory until they are written: keys in order, with their new values or marked as gone.
 *
 * store.c lays them over a read transaction (store_stage()) and writes them later, in another thread if need be (store_apply()). A stage belongs
 * to one thread at a time. Lent values are valid until the key is changed again or the stage goes.
 */
#ifndef BUSBAR_CONFIGDB_STAGE_H
#define BUSBAR_CONFIGDB_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "services/configdb/db_layout.h"

struct stage_change {
    uint32_t db;
    bool is_gone;
    const uint8_t *key, *value;
    size_t key_size, size;
};

struct stage;
struct stage *stage_new(void);
void stage_destroy(struct stage **stage);

void stage_put(struct stage *stage, uint32_t db, const struct db_key *key, const void *value, size_t size);
void stage_remove(struct stage *stage, uint32_t db, const struct db_key *key);
/* The change of this key, NULL when there is none. Lent, as below. */
const struct stage_change *stage_find(const struct stage *stage, uint32_t db, const struct db_key *key);
/* The first change of `db` at `key` or behind it (is_behind: only behind it); NULL when there is none. */
const struct stage_change *stage_from(const struct stage *stage, uint32_t db, const struct db_key *key, bool is_behind);
/* The one that follows, of the same or the next database; NULL at the end. NULL gives the first. */
const struct stage_change *stage_next(const struct stage *stage, const struct stage_change *change);
size_t stage_count(const struct stage *stage);

#endif
