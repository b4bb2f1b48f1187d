/* Transactions from anybody: refused with a reason, or accepted; either way nothing but the overlay has changed, and configdb lives. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "services/configdb/start.h"
#include "services/configdb/transact.h"
#include "services/configdb/txn.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct rows *rows; /* of the whole run: bridge 1 with a port, a rule and an owner */

static void put(enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    uint8_t packed[256];
    enum rows_env env;
    size_t n = protobuf_c_message_pack(row, packed);
    if (!rows_env_of(table, &env) || rows_begin(rows, env) != 0 || rows_put(rows, table, id, packed, n) != 0 ||
        rows_commit(rows) != 0) {
        abort();
    }
}

/* The files go on without their names, and leave nothing behind. */
static void remove_names(const char *dir)
{
    static const char *const names[] = {"db/data.mdb", "db/lock.mdb", "db/owner", "rundb/data.mdb", "rundb/lock.mdb",
                                        "rundb/owner", "rundb/boot",  "db",       "rundb",          ""};
    char path[64];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (snprintf(path, sizeof path, "%s/%s", dir, names[i]) > 0) {
            (void)remove(path);
        }
    }
}

static void open_database(void)
{
    char dir[] = "/tmp/busbar-fuzz-XXXXXX";
    char db[64];
    struct error_detail detail;
    struct start_result result;
    if (mkdtemp(dir) == NULL || snprintf(db, sizeof db, "%s/db", dir) < 0) {
        abort();
    }
    log_set_level(LOG_LEVEL_ERROR);
    struct start_settings settings = {.run_dir = dir, .db_dir = db, .boot_id = "b", .wall_s = 1, .map_bytes = 64 << 20};
    if (start_database(&settings, &result, &detail) != 0) {
        abort();
    }
    rows = result.rows;
    char name[] = "br0", port_name[] = "p1";
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;
    Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
    Busbar__RuleRow rule = BUSBAR__RULE_ROW__INIT;
    Busbar__OwnerRow owner = BUSBAR__OWNER_ROW__INIT;
    bridge.name = name;
    port.name = port_name;
    port.bridge = rule.bridge = 1;
    port.ofport = 1;
    put(CFG_BRIDGE, 1, &bridge.base);
    put(CFG_PORT, 1, &port.base);
    put(CFG_RULE, 1, &rule.base);
    put(CFG_OWNER, 1, &owner.base);
    remove_names(dir);
}

static void evaluate(enum process_kind kind, const Busbar__Transact *message, enum rows_env env)
{
    struct bus_identity from = {.kind = kind, .instance = 1, .start = 7};
    struct txn txn;
    uint64_t counts[CFG_TABLE_MAX];
    if (rows_begin(rows, env) != 0) {
        abort();
    }
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        counts[table] = rows_count(rows, table);
    }
    struct msg_arena scratch;
    msg_arena_init(&scratch);
    txn_evaluate_slowly(rows, &from, message, &scratch, &txn);
    int wanted = txn.error;
    txn_fini(&txn);
    txn_evaluate(rows, &from, message, &scratch, &txn);
    msg_arena_fini(&scratch);
    if (txn.error != wanted) {
        abort(); /* the short way is another one */
    }
    if (txn.error > 0 || (txn.error != 0 && (txn.detail.text[0] == '\0' || txn.failed_op >= message->n_ops))) {
        abort();
    }
    for (uint32_t table = 0; table < CFG_TABLE_MAX; table++) {
        if (counts[table] != rows_count(rows, table)) {
            abort();
        }
    }
    if (txn.error == 0 && overlay_write(txn.overlay) != 0) {
        abort(); /* what was accepted can be written */
    }
    txn_fini(&txn);
    rows_end(rows);
}

/* The same as protobuf-c reads, and packs again. */
static bool is_same(const Busbar__Transact *ours, const Busbar__Transact *twin)
{
    if (ours != NULL && ours->n_ops > TXN_OPS_MAX) {
        return twin != NULL && twin->n_ops == ours->n_ops;
    }
    size_t size = twin != NULL ? busbar__transact__get_packed_size(twin) : 0;
    if (ours == NULL || twin == NULL || busbar__transact__get_packed_size(ours) != size) {
        return ours == NULL && twin == NULL;
    }
    uint8_t *bytes = malloc(2 * size + 1);
    if (bytes == NULL) {
        abort();
    }
    (void)busbar__transact__pack(ours, bytes);
    (void)busbar__transact__pack(twin, bytes + size);
    bool same = memcmp(bytes, bytes + size, size) == 0;
    free(bytes);
    return same;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct msg_arena memory;
    struct error_detail detail = {.text = ""};
    enum rows_env env;
    uint32_t failed_op = 0;
    if (rows == NULL) {
        open_database();
    }
    if (memory.allocator.alloc == NULL) {
        msg_arena_init(&memory);
    }
    Busbar__Transact *twin = busbar__transact__unpack(NULL, size, data);
    Busbar__Transact *message = transact_read(&memory, data, size);
    if (!is_same(message, twin)) {
        abort();
    }
    busbar__transact__free_unpacked(twin, NULL);
    if (message == NULL) {
        return 0;
    }
    if (txn_env(message, &env, &detail, &failed_op) != 0) {
        if (detail.text[0] == '\0') {
            abort();
        }
    } else if (message->n_ops > 0) {
        evaluate(PROCESS_SWCTL, message, env);
        evaluate(PROCESS_OFAGENT, message, env);
        evaluate(PROCESS_CONFIGDB, message, env);
    }
    return 0;
}
