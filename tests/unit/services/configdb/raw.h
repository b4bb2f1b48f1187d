/* A reader that speaks the wire itself, for tests of the feed: it says what it is told to say, and counts what comes. */
#ifndef BUSBAR_TESTS_CONFIGDB_RAW_H
#define BUSBAR_TESTS_CONFIGDB_RAW_H

#include "tests/unit/services/configdb/fixture.h"

#include "lib/msg/msg.h"

/* A reader that speaks the wire itself, and counts. */
struct raw {
    struct fixture f;
    struct bus *bus;
    struct bus_socket *socket;
    uint64_t bridge;
    uint64_t sequence;
    size_t n_snapshots, n_deltas, n_changes, n_status, n_replies;
    uint64_t last_n;
    uint64_t epoch;
    bool has_gap;
    bool takes_batches, takes_merged, takes_beside;
    size_t n_pieces; /* of snapshots */
    bool is_joined;  /* a partial one has ended */
    size_t n_batches, n_merged;
    bool is_partial; /* the last snapshot */
    uint64_t serial;
};

static inline void raw_version(struct raw *raw, const Busbar__Version *version)
{
    assert_non_null(version);
    raw->epoch = version->epoch;
}

static inline void raw_snapshot(struct raw *raw, const struct bus_message *message)
{
    Busbar__Snapshot *piece = (Busbar__Snapshot *)msg_unpack(message, &busbar__snapshot__descriptor);
    raw_version(raw, piece->version);
    raw->n_pieces = piece->first ? 1 : raw->n_pieces + 1;
    raw->is_joined = piece->partial && piece->last;
    if (piece->last) {
        raw->n_snapshots++;
        raw->last_n = piece->version->n;
    }
    raw->n_changes += piece->n_rows;
    raw->is_partial = piece->partial;
    raw->serial = piece->serial;
    busbar__snapshot__free_unpacked(piece, NULL);
}

static inline void raw_one_delta(struct raw *raw, const Busbar__Delta *delta)
{
    raw_version(raw, delta->version);
    raw->n_deltas++;
    raw->n_changes += delta->n_changes;
    if (delta->last) {
        raw->has_gap =
            raw->has_gap || (delta->version->n != raw->last_n + 1 && raw->last_n != 0 && delta->version->n != raw->last_n);
        raw->last_n = delta->version->n;
    }
}

static inline void raw_delta(struct raw *raw, const struct bus_message *message)
{
    Busbar__Delta *delta = (Busbar__Delta *)msg_unpack(message, &busbar__delta__descriptor);
    raw_one_delta(raw, delta);
    busbar__delta__free_unpacked(delta, NULL);
}

static inline void raw_batch(struct raw *raw, const struct bus_message *message)
{
    Busbar__DeltaBatch *batch = (Busbar__DeltaBatch *)msg_unpack(message, &busbar__delta_batch__descriptor);
    assert_true(raw->takes_batches);
    raw->n_batches++;
    for (size_t i = 0; i < batch->n_deltas; i++) {
        raw_one_delta(raw, batch->deltas[i]);
    }
    busbar__delta_batch__free_unpacked(batch, NULL);
}

static inline void raw_merged(struct raw *raw, const struct bus_message *message)
{
    Busbar__DeltaMerged *merged = (Busbar__DeltaMerged *)msg_unpack(message, &busbar__delta_merged__descriptor);
    assert_true(raw->takes_merged);
    raw_version(raw, merged->version);
    raw->n_merged++;
    raw->n_changes += merged->n_changes;
    raw->n_deltas += merged->version->n + 1 - merged->since;
    raw->has_gap = raw->has_gap || merged->since != raw->last_n + 1;
    raw->last_n = merged->version->n;
    busbar__delta_merged__free_unpacked(merged, NULL);
}

static inline void raw_run(struct raw *raw, uint64_t ms)
{
    struct bus_message message;
    for (uint64_t i = 0; i < ms; i++) {
        fixture_run(&raw->f, 1);
        while (bus_recv(raw->socket, &message) == 0) {
            raw->n_status += message.type == MESSAGE_STATUS ? 1 : 0;
            raw->n_replies += message.type == MESSAGE_TRANSACT_REPLY ? 1 : 0;
            if (message.type == MESSAGE_SNAPSHOT) {
                raw_snapshot(raw, &message);
            } else if (message.type == MESSAGE_DELTA) {
                raw_delta(raw, &message);
            } else if (message.type == MESSAGE_DELTA_BATCH) {
                raw_batch(raw, &message);
            } else if (message.type == MESSAGE_DELTA_MERGED) {
                raw_merged(raw, &message);
            }
            bus_message_fini(&message);
        }
    }
}

static inline void raw_send(struct raw *raw, enum message_type type, const ProtobufCMessage *message)
{
    assert_int_equal(msg_send(raw->socket, NULL, type, message), 0);
    raw_run(raw, 5);
}

static inline void raw_subscribe(struct raw *raw, uint32_t table, uint32_t second_table, uint64_t epoch, uint64_t n)
{
    uint32_t tables[] = {table, second_table};
    Busbar__Version version;
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    message.tables = tables;
    message.n_tables = 2;
    message.takes_batches = raw->takes_batches;
    message.takes_merged = raw->takes_merged;
    if (epoch != 0) {
        version_encode((struct version){.epoch = epoch, .n = n}, &version);
        message.have = &version;
    }
    raw_send(raw, MESSAGE_SUBSCRIBE, &message.base);
}

static inline void raw_applied_now(struct raw *raw, uint64_t n)
{
    Busbar__Version version;
    Busbar__Applied message = BUSBAR__APPLIED__INIT;
    version_encode((struct version){.epoch = configdb_version(raw->f.db).epoch, .n = n}, &version);
    message.version = &version;
    assert_int_equal(msg_send(raw->socket, NULL, MESSAGE_APPLIED, &message.base), 0);
}

/* So many pieces of the snapshot that SUBSCRIBE 5 asked for have come. */
static inline void raw_gathered(struct raw *raw, uint64_t pieces)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    Busbar__Applied message = BUSBAR__APPLIED__INIT;
    message.version = &version;
    message.serial = 5;
    message.pieces = pieces;
    assert_int_equal(msg_send(raw->socket, NULL, MESSAGE_APPLIED, &message.base), 0);
    raw_run(raw, 5);
}

static inline void raw_applied(struct raw *raw, uint64_t n)
{
    raw_applied_now(raw, n);
    raw_run(raw, 5);
}

static inline void raw_init(struct raw *raw)
{
    memset(raw, 0, sizeof *raw);
    fixture_init(&raw->f);
    static const enum cfg_table tables[] = {CFG_SWITCH};
    (void)fixture_client(&raw->f, 0, PROCESS_SWCTL, tables, 1, NULL);
    fixture_run(&raw->f, 200);
    Busbar__BridgeRow row = fixture_bridge("br0");
    struct cfg_txn *txn = cfg_txn_new("test");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    struct fixture_result result = fixture_transact(&raw->f, 0, &txn);
    assert_int_equal(result.error, 0);
    raw->bridge = result.ids[0];
    struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = 1, .start = 4711};
    raw->bus = bus_memory_new(raw->f.hub, &self);
    assert_int_equal(bus_connect(raw->bus, WIRE_CONFIG, FIXTURE_ENDPOINT, &raw->socket), 0);
    raw_run(raw, 100);
}

static inline void raw_fini(struct raw *raw)
{
    bus_close(&raw->socket);
    bus_destroy(&raw->bus);
    fixture_fini(&raw->f);
}

/* Sends a rule with so many bytes in its match, and lets no time pass. */
static inline void raw_add_large_rule_now(struct raw *raw, size_t match_bytes)
{
    static uint8_t packed[1024 * 1024], value[1000 * 1000];
    Busbar__RuleRow rule = fixture_rule(raw->bridge, raw->sequence);
    Busbar__FieldMatch match = BUSBAR__FIELD_MATCH__INIT;
    Busbar__FieldMatch *matches[1] = {&match};
    match.value = (ProtobufCBinaryData){.data = value, .len = match_bytes};
    rule.match = matches;
    rule.n_match = match_bytes > 0 ? 1 : 0;
    Busbar__Op op = BUSBAR__OP__INIT;
    Busbar__Op *ops[1] = {&op};
    Busbar__Transact message = BUSBAR__TRANSACT__INIT;
    op.kind = BUSBAR__OP_KIND__OP_INSERT;
    op.table = CFG_RULE;
    op.value.len = busbar__rule_row__pack(&rule, packed);
    op.value.data = packed;
    message.ops = ops;
    message.n_ops = 1;
    message.sequence = message.oldest = ++raw->sequence;
    assert_int_equal(msg_send(raw->socket, NULL, MESSAGE_TRANSACT, &message.base), 0);
}

static inline void raw_add_rule_now(struct raw *raw)
{
    raw_add_large_rule_now(raw, 0);
}

/* Another ofagent does. */
static inline void raw_other_adds_rule(struct raw *raw)
{
    static const enum cfg_table tables[] = {CFG_SWITCH};
    if (raw->f.client[1] == NULL) {
        (void)fixture_client(&raw->f, 1, PROCESS_OFAGENT, tables, 1, NULL);
    }
    Busbar__RuleRow rule = fixture_rule(raw->bridge, 1);
    struct cfg_txn *txn = cfg_txn_new("other");
    (void)cfg_txn_insert(txn, CFG_RULE, &rule.base);
    struct fixture_result result = {.is_done = false};
    cfg_transact(raw->f.client[1], &txn, raw->f.now_ns + NS_PER_S, fixture_done, &result);
    for (int i = 0; i < 200 && !result.is_done; i++) {
        raw_run(raw, 1);
    }
    assert_true(result.is_done && result.error == 0);
}

/* A transaction that changes nothing. */
static inline void raw_change_nothing_now(struct raw *raw)
{
    Busbar__Transact message = BUSBAR__TRANSACT__INIT;
    message.sequence = message.oldest = ++raw->sequence;
    assert_int_equal(msg_send(raw->socket, NULL, MESSAGE_TRANSACT, &message.base), 0);
}

static inline void raw_add_rules(struct raw *raw, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        raw_add_rule_now(raw);
        raw_run(raw, 5);
    }
}

static inline void raw_follow_now(struct raw *raw, uint64_t bridge, uint64_t added, uint64_t n)
{
    uint32_t tables[] = {CFG_RULE, CFG_BRIDGE};
    uint64_t bridges[] = {bridge};
    Busbar__Version version;
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    version_encode((struct version){.epoch = configdb_version(raw->f.db).epoch, .n = n}, &version);
    message.tables = tables;
    message.n_tables = 2;
    message.have = &version;
    message.takes_batches = true;
    message.by_bridge = true;
    message.bridges = bridges;
    message.n_bridges = 1;
    message.added = &added;
    message.n_added = added != 0;
    message.serial = 5;
    message.takes_beside = raw->takes_beside;
    assert_int_equal(msg_send(raw->socket, NULL, MESSAGE_SUBSCRIBE, &message.base), 0);
}

static inline void raw_follow(struct raw *raw, uint64_t bridge, uint64_t added, uint64_t n)
{
    raw_follow_now(raw, bridge, added, n);
    raw_run(raw, 5);
}

/* What configdb says the raw reader has acknowledged. */
static inline uint64_t applied_of_raw(const struct raw *raw)
{
    json_t *status = configdb_status_json(raw->f.db), *reader;
    uint64_t applied = 0;
    size_t i;
    json_array_foreach(json_object_get(status, "readers"), i, reader) {
        bool is_raw = strcmp(json_string_value(json_object_get(reader, "reader")), "ofagent.1") == 0;
        applied = is_raw ? (uint64_t)json_integer_value(json_object_get(reader, "applied")) : applied;
    }
    json_decref(status);
    return applied;
}

#endif
