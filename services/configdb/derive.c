/* Consequences of changes.
 *
 * A port's OpenFlow number is a column like any other once it is assigned, so it is stable over restarts; the unique index
 * (bridge, ofport) answers "is it free" and gives all ports of a bridge by its prefix. Every bridge has a LOCAL port, made here unless the
 * client made it in the same transaction.
 *
 * Cost: the lowest free number is searched from 1, one index look-up each: a thousand ports cost half a millisecond. A bridge that goes
 * costs one walk over the rules, groups and meters of all bridges (1 us each): rare, and an index would cost every rule a put.
 * Thread: configdb's main thread. Invariant: a bridge row never is without its LOCAL port.
 */
#include "services/configdb/derive.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"
#include "lib/cfg/schema.h"
#include "lib/msg/counter_id.h"
#include "services/configdb/validate.h"

static struct db_key derive_port_key(uint64_t bridge, uint32_t ofport)
{
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    row.bridge = bridge;
    row.ofport = ofport;
    return validate_unique_key(CFG_PORT, 1, &row.base);
}

/* The port that has the number, 0 when it is free. */
static uint64_t derive_port_of(struct txn *txn, uint64_t bridge, uint32_t ofport)
{
    struct db_key key = derive_port_key(bridge, ofport);
    uint64_t id;
    return overlay_index(txn->overlay, CFG_PORT, &key, &id) == 0 ? id : 0;
}

static int derive_ofport(struct txn *txn, uint64_t id, Busbar__PortRow *port)
{
    if (port->has_ofport_request) {
        if (port->ofport_request < 1 || port->ofport_request > DERIVE_OFPORT_MAX) {
            return 0; /* refused by columns.def, with its text */
        }
        uint64_t other = derive_port_of(txn, port->bridge, port->ofport_request);
        if (other != 0 && other != id) {
            return error_set(&txn->detail, -ERROR_EXISTS,
                             "port row %" PRIu64 ", column ofport_request: number %u is that of port row %" PRIu64, id,
                             port->ofport_request, other);
        }
        port->ofport = port->ofport_request;
        return 0;
    }
    for (uint32_t ofport = 1; ofport <= DERIVE_OFPORT_MAX; ofport++) {
        if (derive_port_of(txn, port->bridge, ofport) == 0) {
            port->ofport = ofport;
            return 0;
        }
    }
    return error_set(&txn->detail, -ENOSPC,
                     "port row %" PRIu64 ", column ofport: bridge row %" PRIu64 " has no free port number", id, port->bridge);
}

static int derive_insert_port(struct txn *txn, uint64_t id, Busbar__PortRow *port)
{
    ProtobufCMessage *bridge = NULL;
    if (overlay_get(txn->overlay, CFG_BRIDGE, port->bridge, &bridge) != 0) {
        return 0; /* refused as a reference, with its text */
    }
    bool is_local = strcmp(((const Busbar__BridgeRow *)bridge)->name, port->name) == 0;
    protobuf_c_message_free_unpacked(bridge, NULL);
    if (!is_local) {
        return derive_ofport(txn, id, port);
    }
    if (port->type != NULL && strcmp(port->type, "internal") != 0) {
        return error_set(&txn->detail, -ERROR_REFUSED,
                         "port row %" PRIu64 ", column type: the LOCAL port of a bridge is internal", id);
    }
    if (port->type == NULL) {
        port->type = memory_string("internal");
    }
    port->ofport = DERIVE_LOCAL;
    return 0;
}

static int derive_insert_service(struct txn *txn, uint64_t id, const Busbar__ServiceRow *service)
{
    if (txn->from.kind != PROCESS_CONFIGDB && (service->kind != (uint32_t)txn->from.kind ||
                                               service->instance != txn->from.instance || service->start != txn->from.start)) {
        return error_set(&txn->detail, -ERROR_WRONG_SENDER, "service row %" PRIu64 ": a process joins only as itself", id);
    }
    struct db_key key = validate_unique_key(CFG_SERVICE, 0, &service->base);
    uint64_t former;
    if (overlay_index(txn->overlay, CFG_SERVICE, &key, &former) == 0) {
        ProtobufCMessage *row = NULL;
        int err = overlay_get(txn->overlay, CFG_SERVICE, former, &row);
        err = err == 0 ? overlay_delete(txn->overlay, CFG_SERVICE, former, row) : err;
        protobuf_c_message_free_unpacked(row, NULL);
        if (err != 0) {
            return error_set(&txn->detail, err, "service row %" PRIu64 ": %s", former, error_text(err));
        }
    }
    return 0;
}

int derive_insert(struct txn *txn, uint64_t id, uint32_t table, ProtobufCMessage *row)
{
    if (table == CFG_SWITCH) {
        return error_set(&txn->detail, -ERROR_EXISTS, "switch row 1 is there from the start: update it");
    }
    if (table == CFG_OWNER || table == CFG_COUNTER) {
        return error_set(&txn->detail, -ERROR_REFUSED, "table %s takes its ids from another table: use put",
                         cfg_table_info(table)->name);
    }
    if (table == CFG_BRIDGE) {
        txn->new_bridges = memory_resize(txn->new_bridges, (txn->n_new_bridges + 1) * sizeof *txn->new_bridges);
        txn->new_bridges[txn->n_new_bridges++] = id;
    }
    if (table == CFG_PORT) {
        return derive_insert_port(txn, id, (Busbar__PortRow *)row);
    }
    if (table == CFG_SERVICE) {
        return derive_insert_service(txn, id, (const Busbar__ServiceRow *)row);
    }
    return 0;
}

static int derive_delete_belonging(struct txn *txn, uint32_t table, uint64_t id);

/* Deletes the rows of `table` whose index `number` begins with the id, and what belongs to them. */
static int derive_delete_by_index(struct txn *txn, uint32_t table, uint32_t number, uint64_t id)
{
    struct db_key prefix = db_key_index(table, number);
    db_key_add_u64(&prefix, id);
    size_t n = 0;
    uint64_t *ids = overlay_prefix(txn->overlay, table, &prefix, &n);
    int err = 0;
    for (size_t i = 0; err == 0 && i < n; i++) {
        ProtobufCMessage *row = NULL;
        err = overlay_get(txn->overlay, table, ids[i], &row);
        err = err == 0 ? overlay_delete(txn->overlay, table, ids[i], row) : err;
        protobuf_c_message_free_unpacked(row, NULL);
        if (err != 0) {
            (void)error_set(&txn->detail, err, "%s row %" PRIu64 ": %s", cfg_table_info(table)->name, ids[i], error_text(err));
            break;
        }
        err = derive_delete_belonging(txn, table, ids[i]);
    }
    free(ids);
    return err;
}

/* The index of the table that begins with the column, 0 when there is none. */
static uint32_t derive_index_of(enum cfg_table table, const char *column)
{
    size_t n;
    const struct schema_unique *uniques = schema_uniques(&n);
    for (size_t i = 0; i < n; i++) {
        if (uniques[i].table == table && strcmp(uniques[i].columns[0], column) == 0) {
            return uniques[i].number;
        }
    }
    return 0;
}

static bool derive_is_of(const struct schema_rule *rule, uint32_t table, enum rows_env env)
{
    enum rows_env mine;
    return rule->kind == SCHEMA_REFERENCE && rule->low == table && rows_env_of((uint32_t)rule->table, &mine) && mine == env;
}

/* Rows of the configuration that refer to a row which goes: they belong to it. (Those of the run environment go in a second commit.) */
static int derive_delete_belonging(struct txn *txn, uint32_t table, uint64_t id)
{
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    int err = 0;
    for (size_t i = 0; err == 0 && i < n; i++) {
        if (derive_is_of(&rules[i], table, ROWS_DISK)) {
            err = derive_delete_by_index(txn, (uint32_t)rules[i].table, derive_index_of(rules[i].table, rules[i].column), id);
        }
    }
    return err;
}

static int derive_delete_bridge(struct txn *txn, uint64_t id)
{
    int err = derive_delete_belonging(txn, CFG_BRIDGE, id);
    if (err == 0) {
        txn->gone_bridges = memory_resize(txn->gone_bridges, (txn->n_gone_bridges + 1) * sizeof *txn->gone_bridges);
        txn->gone_bridges[txn->n_gone_bridges++] = id;
    }
    return err;
}

/* One that cannot be read stays: it must not keep its rule. */
static int derive_delete_counter(struct overlay *overlay, uint64_t id)
{
    ProtobufCMessage *counter = NULL;
    int err = 0;
    if (overlay_get(overlay, CFG_COUNTER, id, &counter) == 0) {
        err = overlay_delete(overlay, CFG_COUNTER, id, counter);
        protobuf_c_message_free_unpacked(counter, NULL);
    }
    return err;
}

static bool derive_has_bucket(const Busbar__GroupRow *group, uint32_t counter)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (group->buckets[i]->counter == counter) {
            return true;
        }
    }
    return false;
}

bool derive_is_counted(struct overlay *overlay, uint64_t counter)
{
    uint64_t id = counter_id_of_row(counter);
    enum counter_kind kind = counter_id_kind(id);
    ProtobufCMessage *row = NULL;
    if (kind == COUNTER_RULE) {
        return overlay_has(overlay, CFG_RULE, counter_id_number(id));
    }
    if ((kind != COUNTER_GROUP && kind != COUNTER_BUCKET) || overlay_get(overlay, CFG_GROUP, counter_id_group(id), &row) != 0) {
        return false;
    }
    bool is_counted = kind == COUNTER_GROUP || derive_has_bucket((const Busbar__GroupRow *)row, id & 0xffff);
    protobuf_c_message_free_unpacked(row, NULL);
    return is_counted;
}

/* The counters of the buckets that the group has and `after`, the group as it will be, has not. NULL: there will be none. */
static int derive_delete_bucket_counters(struct overlay *overlay, uint64_t id, const Busbar__GroupRow *before, const Busbar__GroupRow *after)
{
    int err = 0;
    for (size_t i = 0; err == 0 && i < before->n_buckets; i++) {
        if (after == NULL || !derive_has_bucket(after, before->buckets[i]->counter)) {
            err = derive_delete_counter(overlay, counter_id(COUNTER_BUCKET, id << 16 | before->buckets[i]->counter));
        }
    }
    return err;
}

/* With the row of a rule or a group go its counters. */
static int derive_delete_counters(struct overlay *overlay, uint32_t table, uint64_t id, const ProtobufCMessage *row)
{
    if (table == CFG_RULE) {
        return derive_delete_counter(overlay, id);
    }
    if (table != CFG_GROUP) {
        return 0;
    }
    int err = derive_delete_counter(overlay, counter_id(COUNTER_GROUP, id));
    return err == 0 ? derive_delete_bucket_counters(overlay, id, (const Busbar__GroupRow *)row, NULL) : err;
}

static int derive_counters_said(struct txn *txn, uint32_t table, uint64_t id, int err)
{
    return err == 0 ? 0 : error_set(&txn->detail, err, "counters of %s row %" PRIu64 ": %s", cfg_table_info(table)->name, id, error_text(err));
}

static int derive_update_group(struct txn *txn, uint64_t id, const ProtobufCMessage *after)
{
    ProtobufCMessage *before = NULL;
    int err = 0;
    if (overlay_get(txn->overlay, CFG_GROUP, id, &before) == 0) {
        err = derive_delete_bucket_counters(txn->overlay, id, (const Busbar__GroupRow *)before, (const Busbar__GroupRow *)after);
        protobuf_c_message_free_unpacked(before, NULL);
    }
    return derive_counters_said(txn, CFG_GROUP, id, err);
}

int derive_update(struct txn *txn, uint64_t id, uint32_t table, const char *column, ProtobufCMessage *row)
{
    if (table == CFG_GROUP && strcmp(column, "buckets") == 0) {
        return derive_update_group(txn, id, row);
    }
    if (table != CFG_PORT) {
        return 0;
    }
    Busbar__PortRow *port = (Busbar__PortRow *)row;
    bool is_local = port->ofport == DERIVE_LOCAL;
    if (is_local && (strcmp(column, "ofport_request") == 0 || strcmp(column, "type") == 0)) {
        return error_set(&txn->detail, -ERROR_REFUSED, "port row %" PRIu64 ", column %s: it is the LOCAL port of its bridge",
                         id, column);
    }
    /* A request taken back leaves the number as it is: it is in use. */
    return strcmp(column, "ofport_request") == 0 && port->has_ofport_request ? derive_ofport(txn, id, port) : 0;
}

int derive_delete(struct txn *txn, uint64_t id, uint32_t table, const ProtobufCMessage *row)
{
    if (table == CFG_SWITCH) {
        return error_set(&txn->detail, -ERROR_REFUSED, "switch row 1 is always there");
    }
    if (table == CFG_BRIDGE) {
        return derive_delete_bridge(txn, id);
    }
    if (table == CFG_PORT && ((const Busbar__PortRow *)row)->ofport == DERIVE_LOCAL) {
        return error_set(&txn->detail, -ERROR_IN_USE,
                         "port row %" PRIu64 " is the LOCAL port of bridge row %" PRIu64 ": it goes with the bridge", id,
                         ((const Busbar__PortRow *)row)->bridge);
    }
    if (table == CFG_SERVICE && txn->from.kind != PROCESS_CONFIGDB &&
        ((const Busbar__ServiceRow *)row)->start != txn->from.start) {
        return error_set(&txn->detail, -ERROR_WRONG_SENDER, "service row %" PRIu64 ": a process leaves only as itself", id);
    }
    return derive_counters_said(txn, table, id, derive_delete_counters(txn->overlay, table, id, row));
}

static int derive_local_port(struct txn *txn, struct rows *rows, uint64_t bridge)
{
    ProtobufCMessage *row = NULL;
    if (derive_port_of(txn, bridge, DERIVE_LOCAL) != 0 || overlay_get(txn->overlay, CFG_BRIDGE, bridge, &row) != 0) {
        return 0; /* the client made it, or the bridge is gone again */
    }
    char type[] = "internal";
    Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
    port.name = ((Busbar__BridgeRow *)row)->name;
    port.bridge = bridge;
    port.type = type;
    port.ofport = DERIVE_LOCAL;
    uint64_t id = rows_new_id(rows, CFG_PORT);
    int err = id != 0 ? overlay_set(txn->overlay, CFG_PORT, id, NULL, &port.base, &txn->detail)
                      : error_set(&txn->detail, -ENOSPC, "table port: all row ids are used up");
    protobuf_c_message_free_unpacked(row, NULL);
    return err;
}

int derive_finish(struct txn *txn, struct rows *rows)
{
    for (size_t i = 0; i < txn->n_new_bridges; i++) {
        int err = derive_local_port(txn, rows, txn->new_bridges[i]);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static int derive_row_gone(struct overlay *overlay, uint32_t table, uint64_t id, const struct store_bytes *value, uint64_t bridge)
{
    const ProtobufCMessageDescriptor *descriptor = cfg_table_info(table)->descriptor;
    const ProtobufCFieldDescriptor *column = column_find(descriptor, "bridge");
    ProtobufCMessage *row = protobuf_c_message_unpack(descriptor, NULL, value->size, value->bytes);
    uint64_t owner = 0;
    int err = row == NULL ? -ERROR_DAMAGED : 0;
    if (row != NULL && column_number(column, row, 0, &owner) && owner == bridge) {
        err = overlay_delete(overlay, table, id, row);
        err = err == 0 ? derive_delete_counters(overlay, table, id, row) : err;
    }
    protobuf_c_message_free_unpacked(row, NULL);
    return err;
}

static int derive_walk_gone(struct rows *rows, struct overlay *overlay, uint32_t table, uint64_t bridge)
{
    const struct bridge_set bridges = {.ids = &bridge, .n = 1};
    uint64_t from = 0, id, first, last;
    int err = 0;
    while (err == 0 && rows_next_of(rows, table, &bridges, from, &first, &last)) {
        struct store_cursor *cursor = rows_walk(rows, table, first);
        struct store_bytes value;
        while (err == 0 && (err = rows_walk_next(cursor, table, &id, &value)) == 0 && id <= last) {
            err = derive_row_gone(overlay, table, id, &value, bridge);
        }
        store_cursor_close(&cursor);
        from = err == 0 ? id : from;
    }
    return err == -ERROR_NOT_FOUND ? 0 : err;
}

int derive_bridge_gone(struct rows *rows, struct overlay *overlay, uint64_t bridge)
{
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    int err = 0;
    for (size_t i = 0; err == 0 && i < n; i++) {
        if (derive_is_of(&rules[i], CFG_BRIDGE, ROWS_RUN)) {
            err = derive_walk_gone(rows, overlay, rules[i].table, bridge);
        }
    }
    ProtobufCMessage *owner = NULL;
    if (err == 0 && overlay_get(overlay, CFG_OWNER, bridge, &owner) == 0) {
        err = overlay_delete(overlay, CFG_OWNER, bridge, owner);
        protobuf_c_message_free_unpacked(owner, NULL);
    }
    return err;
}
