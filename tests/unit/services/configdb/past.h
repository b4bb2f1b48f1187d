/* Commits of configuration with their history, without a bus, and a way to damage what the file holds of them. */
#ifndef BUSBAR_TESTS_CONFIGDB_PAST_H
#define BUSBAR_TESTS_CONFIGDB_PAST_H

#include "tests/unit/services/configdb/txn_bench.h"

#include <fcntl.h>

#include "services/configdb/history.h"
#include "services/configdb/validate.h"

static inline uint64_t past_record(struct fixture_base *base, struct overlay *overlay, uint64_t wall_s, const char *client)
{
    Busbar__HistoryCommit commit = BUSBAR__HISTORY_COMMIT__INIT;
    char user[] = "anna", note[] = "";
    commit.epoch = base->epoch;
    commit.wall_ns = wall_s * NS_PER_S;
    commit.client = (char *)(uintptr_t)client;
    commit.user = user;
    commit.note = note;
    commit.kind = PROCESS_SWCTL;
    commit.instance = 1;
    uint64_t n = rows_next_n(base->rows);
    assert_int_equal(history_record(base->rows, n, &commit, overlay), 0);
    assert_int_equal(overlay_write(overlay), 0);
    assert_int_equal(rows_commit(base->rows), 0);
    return n;
}

/* Works the operations out as swctl's; returns the version. */
static inline uint64_t past_run(struct fixture_base *base, struct bench *bench, uint64_t wall_s)
{
    struct bus_identity from = {.kind = PROCESS_SWCTL, .instance = 1, .start = 55};
    struct txn txn;
    assert_int_equal(rows_begin(base->rows, ROWS_DISK), 0);
    txn_evaluate(base->rows, &from, &bench->message, NULL, &txn);
    if (txn.error != 0) {
        fail_msg("%s", txn.detail.text);
    }
    uint64_t n = past_record(base, txn.overlay, wall_s, "past client");
    txn_fini(&txn);
    return n;
}

static inline uint64_t past_one(struct fixture_base *base, Busbar__OpKind kind, enum cfg_table table, uint64_t id,
                                const ProtobufCMessage *row, char *column)
{
    struct bench bench;
    char *columns[1] = {column};
    bench_begin(&bench);
    Busbar__Op *op = bench_op(&bench, kind, table, id, row);
    op->columns = columns;
    op->n_columns = column != NULL ? 1 : 0;
    return past_run(base, &bench, 1000);
}

static inline uint64_t past_add_bridge(struct fixture_base *base, const char *name)
{
    Busbar__BridgeRow row = fixture_bridge(name);
    return past_one(base, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base, NULL);
}

static inline uint64_t past_set_limit(struct fixture_base *base, uint32_t limit)
{
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    char column[] = "flow_limit";
    row.has_flow_limit = 1;
    row.flow_limit = limit;
    return past_one(base, BUSBAR__OP_KIND__OP_UPDATE, CFG_SWITCH, 1, &row.base, column);
}

/* A pcap port whose row holds `mark`, which is then found nowhere but in the history. */
static inline uint64_t past_add_and_remove_marked(struct fixture_base *base, uint64_t bridge, const char *mark)
{
    Busbar__PortRow port = fixture_port("marked", bridge);
    Busbar__PortOption option = BUSBAR__PORT_OPTION__INIT, *options = &option;
    char type[] = "pcap", key[] = "tx";
    struct bench bench;
    uint64_t id = 0;
    option.key = key;
    option.value = (char *)(uintptr_t)mark;
    port.type = type;
    port.options = &options;
    port.n_options = 1;
    bench_begin(&bench);
    bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_PORT, 0, &port.base);
    (void)past_run(base, &bench, 1000);
    struct db_key name = validate_unique_key(CFG_PORT, 0, &port.base);
    assert_int_equal(rows_begin_read(base->rows), 0);
    assert_int_equal(rows_index_get(base->rows, CFG_PORT, &name, &id), 0);
    rows_end(base->rows);
    return past_one(base, BUSBAR__OP_KIND__OP_DELETE, CFG_PORT, id, NULL, NULL);
}

/* Changes a bit wherever the file of the disk environment holds this text; returns how often. */
static inline size_t past_damage(struct fixture_base *base, const char *text)
{
    static uint8_t file[8 << 20];
    char path[128];
    size_t n = 0, size = strlen(text);
    (void)snprintf(path, sizeof path, "%s/data.mdb", base->dir.db);
    int fd = open(path, O_RDWR);
    ssize_t length = read(fd, file, sizeof file);
    assert_true(length > 0 && length < (ssize_t)sizeof file);
    for (ssize_t i = 0; i + (ssize_t)size <= length; i++) {
        if (memcmp(file + i, text, size) == 0) {
            uint8_t bent = file[i] ^ 1;
            assert_int_equal(pwrite(fd, &bent, 1, i), 1);
            n++;
        }
    }
    close(fd);
    return n;
}

static inline void past_reopen(struct fixture_base *base)
{
    rows_destroy(&base->rows);
    fixture_base_open(base);
}

#endif
