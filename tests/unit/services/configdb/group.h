/* A commit with all it needs, without a bus: transactions are queued as their writers', and the replies kept. */
#ifndef BUSBAR_TESTS_CONFIGDB_GROUP_H
#define BUSBAR_TESTS_CONFIGDB_GROUP_H

#include "tests/unit/services/configdb/txn_bench.h"

#include "services/configdb/commit.h"

struct group {
    struct fixture_base base;
    struct ring *ring;
    struct recent *recent;
    struct commit *commit;
    struct disk *disk;
    Busbar__TransactReply *replies[1200];
    size_t n_replies;
    uint64_t n_versions;
};

static inline void on_reply(void *context, const struct bus_identity *to, const void *reply, size_t size)
{
    struct group *group = context;
    assert_true(group->n_replies < 1200);
    group->replies[group->n_replies] = busbar__transact_reply__unpack(NULL, size, reply);
    assert_non_null(group->replies[group->n_replies++]);
}

static inline void on_version(void *context, const struct ring_entry *entry)
{
    struct group *group = context;
    group->n_versions++;
    assert_int_equal(entry->n, ring_newest(group->ring));
}

static inline void group_open(struct group *group)
{
    group->ring = ring_new(group->base.epoch, rows_n(group->base.rows));
    assert_int_equal(rows_begin_read(group->base.rows), 0);
    assert_int_equal(recent_new(group->base.rows, &group->recent), 0);
    rows_end(group->base.rows);
    struct commit_events events = {.on_reply = on_reply, .on_version = on_version, .context = group};
    group->commit = commit_new(group->base.rows, group->ring, group->recent, group->disk, &events);
}

static inline void group_init_with(struct group *group, enum disk_mode mode)
{
    memset(group, 0, sizeof *group);
    fixture_base_init(&group->base);
    group->disk = disk_new(mode);
    group_open(group);
}

/* As after kill -9: what was not committed is gone. Nothing may be under way in the disk's thread. */
static inline void group_again(struct group *group)
{
    commit_destroy(&group->commit);
    recent_destroy(&group->recent);
    ring_destroy(&group->ring);
    rows_destroy(&group->base.rows);
    fixture_base_open(&group->base);
    group_open(group);
}

static inline void group_init(struct group *group)
{
    group_init_with(group, DISK_INLINE);
}

static inline void group_forget(struct group *group)
{
    while (group->n_replies > 0) {
        busbar__transact_reply__free_unpacked(group->replies[--group->n_replies], NULL);
    }
}

static inline void group_fini(struct group *group)
{
    commit_wait(group->commit);
    group_forget(group);
    commit_destroy(&group->commit);
    disk_destroy(&group->disk);
    recent_destroy(&group->recent);
    ring_destroy(&group->ring);
    fixture_base_fini(&group->base);
}

/* Queues one operation as writer `start`; `more`: bytes that its message is said to have beside. */
static inline void queue_larger(struct group *group, enum process_kind kind, uint64_t start, uint64_t sequence, Busbar__OpKind op,
                  enum cfg_table table, uint64_t id, const ProtobufCMessage *row, size_t more)
{
    struct bus_identity from = {.kind = kind, .instance = 1, .start = start};
    struct bench bench;
    uint8_t packed[2048];
    bench_begin(&bench);
    (void)bench_op(&bench, op, table, id, row);
    bench.message.sequence = bench.message.oldest = sequence;
    size_t size = busbar__transact__pack(&bench.message, packed);
    bool is_in_memory = sequence % 2 == 0; /* either way */
    struct bus_message sent = {.body = packed, .size = size};
    Busbar__Transact *message = is_in_memory
                                    ? (Busbar__Transact *)msg_unpack_into(commit_memory(group->commit), &sent, &busbar__transact__descriptor)
                                    : busbar__transact__unpack(NULL, size, packed);
    assert_non_null(message);
    commit_queue(group->commit, &from, &message, size + more, is_in_memory);
    assert_null(message);
}

static inline void queue(struct group *group, enum process_kind kind, uint64_t start, uint64_t sequence, Busbar__OpKind op,
                  enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    queue_larger(group, kind, start, sequence, op, table, id, row, 0);
}

static inline void insert_bridge(struct group *group, uint64_t start, uint64_t sequence, const char *name)
{
    Busbar__BridgeRow row = fixture_bridge(name);
    queue(group, PROCESS_SWCTL, start, sequence, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base);
}

static inline void queue_bench(struct group *group, uint64_t start, uint64_t sequence, struct bench *bench)
{
    struct bus_identity from = {.kind = PROCESS_SWCTL, .instance = 1, .start = start};
    uint8_t packed[2048];
    bench->message.sequence = bench->message.oldest = sequence;
    size_t size = busbar__transact__pack(&bench->message, packed);
    Busbar__Transact *message = busbar__transact__unpack(NULL, size, packed);
    commit_queue(group->commit, &from, &message, size, false);
}

/* Two operations as writer 1: a bridge, and that its commit awaits confirmation. */
static inline void insert_unconfirmed(struct group *group, uint64_t sequence, const char *name)
{
    Busbar__BridgeRow row = fixture_bridge(name);
    struct bench bench;
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, CFG_SWITCH, 60, NULL);
    queue_bench(group, 1, sequence, &bench);
}

static inline void insert_rule(struct group *group, uint64_t start, uint64_t sequence, uint64_t bridge)
{
    Busbar__RuleRow rule = fixture_rule(bridge, 1);
    queue(group, PROCESS_OFAGENT, start, sequence, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
}

/* A group with the bridge br0, on a disk that does nothing until it is told. Returns its id. */
static inline uint64_t group_held(struct group *group)
{
    group_init_with(group, DISK_HELD);
    insert_bridge(group, 1, 1, "br0");
    commit_step(group->commit);
    assert_int_equal(group->n_replies, 0);
    assert_true(disk_go(group->disk));
    commit_step(group->commit);
    assert_int_equal(group->n_replies, 1);
    return group->replies[0]->ids[0];
}

#endif
