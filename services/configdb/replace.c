/* The configuration, replaced as a whole.
 *
 *   picture (as it shall be)            now
 *   bridge 1 br0    ───── id 1 ─────►   bridge 1 br0     kept: updated where a column differs
 *   bridge 2 br1    ─── name br1 ───►   bridge 9 br1     made again meanwhile: 9 is kept, ports of 2 become ports of 9
 *   bridge 3 br2                        -                comes back as bridge 12
 *   -                                   bridge 8 br7     deleted, with its rules
 *
 * Why new ids for what comes back: an id is never used twice (design §2). Under its old id a bridge would wake what is still under way
 * for it: rules that a crash left in one environment, transactions of an ofagent that was stopped, flows of a shard that was cut off. So
 * a bridge comes back without its rules, and says so.
 *
 * First every row of the picture gets its id, table by table, so that references of later tables can be followed; then all that
 * differs is taken out of the overlay and put in again, so that rows may exchange unique values; then every row is checked.
 *
 * Cost: some microseconds a row of either side. Thread: configdb's main thread. Input: pictures of our own past, and files that an
 * operator restores: everything is checked as if a client had sent it. Invariant I8: nothing but the overlay is touched.
 */
#include "services/configdb/replace.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"
#include "services/configdb/derive.h"
#include "services/configdb/validate.h"

/* A row of the picture and what it becomes. */
struct replace_row {
    const struct picture_row *picture;
    uint64_t id;                   /* that it gets; 0: not known yet */
    const struct picture_row *now; /* the row it is; NULL: it comes anew */
    uint8_t key[9];                /* by its table and id in the picture */
    uint8_t now_key[9];
    UT_hash_handle hh, hh_now;
};
struct replace {
    struct txn *txn;
    struct rows *rows;
    struct picture *target, *now;
    struct replace_row *by_key, *by_now; /* by_now: those that have a row */
    char back[160];                      /* names of bridges that come back */
};

static struct replace_row *replace_find(const struct replace *replace, uint32_t table, uint64_t id)
{
    struct db_key key = db_key_row(table, id);
    struct replace_row *row = NULL;
    HASH_FIND(hh, replace->by_key, key.bytes, key.size, row);
    return row;
}

static bool replace_is_taken(const struct replace *replace, uint32_t table, uint64_t id)
{
    struct db_key key = db_key_row(table, id);
    struct replace_row *row = NULL;
    HASH_FIND(hh_now, replace->by_now, key.bytes, key.size, row);
    return row != NULL;
}

/* References of the row, from the ids of the picture to those they get. */
static int replace_references(struct replace *replace, struct replace_row *row)
{
    ProtobufCMessage *message = row->picture->row;
    const char *name = cfg_table_info(row->picture->table)->name;
    for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *column = &message->descriptor->fields[i];
        uint32_t table = validate_reference(row->picture->table, column->name);
        for (size_t k = 0; table != 0 && k < column_count(column, message); k++) {
            uint64_t id = 0;
            (void)column_number(column, message, k, &id);
            struct replace_row *other = replace_find(replace, table, id);
            if (other == NULL || other->id == 0) {
                return error_set(&replace->txn->detail, -ERROR_REFERENCE, "%s row %" PRIu64 ", column %s: there is no %s row %" PRIu64,
                                 name, row->picture->id, column->name, cfg_table_info(table)->name, id);
            }
            column_set_number(column, message, k, other->id);
        }
    }
    return 0;
}

/* Whether the row that is there can become this one: columns that never change are the same. */
static bool replace_can_become(const struct replace_row *row, const struct picture_row *now)
{
    const ProtobufCMessage *message = row->picture->row;
    for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *column = &message->descriptor->fields[i];
        if (validate_is_fixed(row->picture->table, column->name) && !column_equal(column, message, now->row)) {
            return false;
        }
    }
    return true;
}

static void replace_take(struct replace *replace, struct replace_row *row, uint64_t id)
{
    const struct picture_row *now = picture_get(replace->now, row->picture->table, id);
    if (now == NULL || replace_is_taken(replace, row->picture->table, id) || !replace_can_become(row, now)) {
        return;
    }
    struct db_key key = db_key_row(row->picture->table, id);
    row->now = now;
    row->id = id;
    memcpy(row->now_key, key.bytes, sizeof row->now_key);
    HASH_ADD(hh_now, replace->by_now, now_key, sizeof row->now_key, row);
}

/* Gives all rows of one table their ids: the same id first, then the same unique columns, then a new one. */
static int replace_table(struct replace *replace, uint32_t table, bool keeps_ids)
{
    struct replace_row *row;
    bool has_key = validate_unique_count(table) > 0;
    for (row = replace->by_key; row != NULL; row = row->hh.next) {
        if (row->picture->table != table) {
            continue;
        }
        int err = replace_references(replace, row);
        if (err != 0) {
            return err;
        }
        if (keeps_ids || !has_key) {
            replace_take(replace, row, row->picture->id);
        }
    }
    for (row = replace->by_key; row != NULL; row = row->hh.next) {
        uint64_t id = 0;
        if (row->picture->table != table || row->id != 0) {
            continue;
        }
        struct db_key key = has_key ? validate_unique_key(table, 0, row->picture->row) : (struct db_key){.size = 0};
        if (has_key && overlay_index(replace->txn->overlay, table, &key, &id) == 0) {
            replace_take(replace, row, id);
        }
        if (row->id == 0 && table != CFG_SWITCH) {
            row->id = rows_new_id(replace->rows, table);
        }
        if (row->id == 0) {
            return error_set(&replace->txn->detail, -ENOSPC, "table %s: there is no id for row %" PRIu64, cfg_table_info(table)->name,
                             row->picture->id);
        }
    }
    return 0;
}

static bool replace_changes(const struct replace_row *row)
{
    const ProtobufCMessage *message = row->picture->row;
    for (unsigned int i = 0; i < message->descriptor->n_fields; i++) {
        if (!column_equal(&message->descriptor->fields[i], message, row->now->row)) {
            return true;
        }
    }
    return false;
}

static void replace_bridge_gone(struct txn *txn, uint64_t id)
{
    txn->gone_bridges = memory_resize(txn->gone_bridges, (txn->n_gone_bridges + 1) * sizeof *txn->gone_bridges);
    txn->gone_bridges[txn->n_gone_bridges++] = id;
}

/* Takes out what goes and what changes. The switch row always stays. */
static int replace_take_out(struct replace *replace)
{
    const struct picture_row *now;
    for (size_t i = 0; (now = picture_at_index(replace->now, i)) != NULL; i++) {
        struct db_key key = db_key_row(now->table, now->id);
        struct replace_row *row = NULL;
        HASH_FIND(hh_now, replace->by_now, key.bytes, key.size, row);
        bool stays = row != NULL ? !replace_changes(row) : now->table == CFG_SWITCH;
        if (stays) {
            continue;
        }
        int err = overlay_delete(replace->txn->overlay, now->table, now->id, now->row);
        if (err != 0) {
            return error_set(&replace->txn->detail, err, "%s row %" PRIu64 ": %s", cfg_table_info(now->table)->name, now->id, error_text(err));
        }
        if (row == NULL && now->table == CFG_BRIDGE) {
            replace_bridge_gone(replace->txn, now->id);
        }
    }
    return 0;
}

static void replace_say_back(struct replace *replace, const struct replace_row *row)
{
    size_t used = strlen(replace->back);
    if (row->now == NULL && row->picture->table == CFG_BRIDGE) {
        const char *name = ((const Busbar__BridgeRow *)row->picture->row)->name;
        (void)snprintf(replace->back + used, sizeof replace->back - used, "%s%s", used > 0 ? ", " : "", name);
    }
}

static int replace_put_in(struct replace *replace)
{
    struct txn *txn = replace->txn;
    for (const struct replace_row *row = replace->by_key; row != NULL; row = row->hh.next) {
        uint32_t table = row->picture->table;
        if (row->now == NULL || replace_changes(row)) {
            int err = overlay_set(txn->overlay, table, row->id, NULL, row->picture->row, &txn->detail);
            if (err != 0) {
                return err;
            }
        }
        if (table == CFG_BRIDGE) {
            txn->new_bridges = memory_resize(txn->new_bridges, (txn->n_new_bridges + 1) * sizeof *txn->new_bridges);
            txn->new_bridges[txn->n_new_bridges++] = row->id;
        }
        replace_say_back(replace, row);
    }
    return 0;
}

/* configdb assigns port numbers, so a client's are never checked; here they come from outside. */
static int replace_check_port(struct replace *replace, const struct replace_row *row)
{
    const Busbar__PortRow *port = (const Busbar__PortRow *)row->picture->row;
    ProtobufCMessage *bridge = NULL;
    if (overlay_get(replace->txn->overlay, CFG_BRIDGE, port->bridge, &bridge) != 0) {
        return 0; /* refused as a reference, with its text */
    }
    bool is_local = strcmp(((const Busbar__BridgeRow *)bridge)->name, port->name) == 0;
    protobuf_c_message_free_unpacked(bridge, NULL);
    bool is_good = is_local ? port->ofport == DERIVE_LOCAL : port->ofport >= 1 && port->ofport <= DERIVE_OFPORT_MAX;
    return is_good ? 0
                   : error_set(&replace->txn->detail, -ERROR_RANGE, "port row %" PRIu64 " (%.15s), column ofport: %u is no number of such a port",
                               row->picture->id, port->name, port->ofport);
}

static bool replace_exists(void *context, uint32_t table, uint64_t id)
{
    const struct replace *replace = context;
    return overlay_has(replace->txn->overlay, table, id);
}

static int replace_check(struct replace *replace)
{
    int err = 0;
    for (const struct replace_row *row = replace->by_key; err == 0 && row != NULL; row = row->hh.next) {
        err = validate_row(row->picture->table, row->id, row->picture->row, replace_exists, replace, &replace->txn->detail);
        if (err == 0) {
            err = validate_whole(row->picture->table, row->id, row->picture->row, &replace->txn->detail);
        }
        if (err == 0 && row->picture->table == CFG_PORT) {
            err = replace_check_port(replace, row);
        }
    }
    return err;
}

static void replace_fini(struct replace *replace)
{
    struct replace_row *row, *next;
    HASH_CLEAR(hh_now, replace->by_now);
    HASH_ITER(hh, replace->by_key, row, next)
    {
        HASH_DEL(replace->by_key, row);
        free(row);
    }
    picture_destroy(&replace->now);
}

static void replace_note(struct replace *replace)
{
    if (replace->back[0] != '\0') {
        (void)snprintf(replace->txn->note, sizeof replace->txn->note,
                       "new bridges without rules, groups and meters, which went with the old ones: %s", replace->back);
    }
}

int replace_configuration(struct txn *txn, struct rows *rows, struct picture *picture, bool keeps_ids)
{
    struct replace replace = {.txn = txn, .rows = rows, .target = picture};
    const struct picture_row *target;
    int err = picture_now(rows, &replace.now, &txn->detail);
    for (size_t i = 0; err == 0 && (target = picture_at_index(picture, i)) != NULL; i++) {
        struct db_key key = db_key_row(target->table, target->id);
        struct replace_row *row = memory_zeroed(sizeof *row);
        row->picture = target;
        memcpy(row->key, key.bytes, sizeof row->key);
        HASH_ADD(hh, replace.by_key, key, sizeof row->key, row);
    }
    for (uint32_t table = 0; err == 0 && table < CFG_TABLE_MAX; table++) {
        err = replace_table(&replace, table, keeps_ids);
    }
    err = err == 0 ? replace_take_out(&replace) : err;
    err = err == 0 ? replace_put_in(&replace) : err;
    if (err == 0) {
        err = replace_check(&replace);
    }
    if (err == 0) {
        replace_note(&replace);
    }
    replace_fini(&replace);
    return err;
}
