/* Versions of the newest group: told right before the disk has them, and put right on the disk once. */
#include "tests/unit/services/configdb/group.h"

#include "lib/base/bytes.h"
#include "proto/config.pb-c.h"
#include "proto/history.pb-c.h"
#include "services/configdb/fold.h"
#include "services/configdb/history.h"
#include "services/configdb/settle.h"

static const struct settle_group three = {.from = 40, .count = 3, .undone = 42};

static void put(struct store_txn *txn, enum store_db db, const struct db_key *key, const ProtobufCMessage *message, const uint64_t *before)
{
    uint8_t bytes[256];
    struct writer out;
    writer_init(&out);
    for (size_t i = 0; before != NULL && i < 2; i++) {
        writer_u64(&out, before[i]);
    }
    writer_bytes(&out, bytes, protobuf_c_message_pack(message, bytes));
    assert_int_equal(store_put(txn, db, key, out.bytes, out.size), 0);
    writer_fini(&out);
}

/* The disk as three commits left it that were thought to be 41 to 43; 42 was undone by 43, 41 awaits confirmation. */
static struct store_txn *written(struct fixture_base *base)
{
    struct store_txn *txn = NULL;
    char text[] = "";
    assert_int_equal(store_write(rows_store(base->rows, ROWS_DISK), &txn), 0);
    for (uint64_t n = 41; n <= 43; n++) {
        Busbar__HistoryCommit commit = BUSBAR__HISTORY_COMMIT__INIT;
        Busbar__HistoryChange change = BUSBAR__HISTORY_CHANGE__INIT;
        commit.client = commit.user = commit.note = text;
        commit.wall_ns = n;
        change.id = n;
        struct db_key key = db_key_history(n, 0), key_1 = db_key_history(n, 1);
        put(txn, STORE_HISTORY, &key, &commit.base, NULL);
        put(txn, STORE_HISTORY, &key_1, &change.base, NULL);
        Busbar__TransactReply reply = BUSBAR__TRANSACT_REPLY__INIT;
        Busbar__Version version = BUSBAR__VERSION__INIT;
        version.n = n;
        reply.version = &version;
        key = db_key_recent(n, 1);
        put(txn, STORE_RECENT, &key, &reply.base, (const uint64_t[]){n, 1});
    }
    Busbar__Pending pending = BUSBAR__PENDING__INIT;
    struct db_key key = db_key_meta(DB_META_PENDING, 0);
    pending.client = pending.user = pending.boot = text;
    pending.n = 41;
    put(txn, STORE_META, &key, &pending.base, NULL);
    assert_int_equal(settle_store(txn, &three), 0);
    return txn;
}

static uint64_t wall_of(struct store_txn *txn, uint64_t n, char *out_note)
{
    struct db_key key = db_key_history(n, 0);
    struct store_bytes value;
    if (store_get(txn, STORE_HISTORY, &key, &value) != 0) {
        return 0;
    }
    Busbar__HistoryCommit *commit = busbar__history_commit__unpack(NULL, value.size, value.bytes);
    uint64_t wall = commit->wall_ns;
    (void)snprintf(out_note, 64, "%s", commit->note);
    busbar__history_commit__free_unpacked(commit, NULL);
    return wall;
}

static void versions_are_told_right_before_the_disk_has_them(void **state)
{
    struct fixture_base base;
    struct settle_published at_42 = {.from = 40, .base = 42}, other = {.from = 39, .base = 42}, same = {.from = 40, .base = 40};
    uint64_t by = 0;
    fixture_base_init(&base);
    struct store_txn *txn = written(&base);
    uint64_t expected[][2] = {{40, 40}, {41, 43}, {42, 44}, {43, 45}, {44, 44}}; /* 44 is of a group that is being worked out */
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(settle_version(txn, &at_42, expected[i][0]), expected[i][1]);
        assert_int_equal(settle_version(txn, &other, expected[i][0]), expected[i][0]);
        assert_int_equal(settle_version(txn, &same, expected[i][0]), expected[i][0]);
        assert_int_equal(settle_kept(txn, &at_42, expected[i][1]), i < 4 ? expected[i][0] : 42);
    }
    assert_int_equal(settle_kept(txn, &at_42, 41), 41); /* a version of rules: the first behind it */
    assert_int_equal(settle_kept(txn, &at_42, 42), 41);
    assert_int_equal(settle_kept(txn, &at_42, 46), 46);
    assert_int_equal(settle_undone(txn, &at_42, &by), 44);
    assert_int_equal(by, 45);
    assert_int_equal(settle_undone(txn, &other, &by), 0);
    store_abort(&txn);
    fixture_base_fini(&base);
}

static void the_disk_is_put_right_once(void **state)
{
    struct fixture_base base;
    struct settle_published at_42 = {.from = 40, .base = 42}, other = {.from = 39, .base = 42};
    struct settle_group group;
    struct store_bytes value;
    char note[64];
    uint64_t n = 0;
    fixture_base_init(&base);
    struct store_txn *txn = written(&base);
    assert_int_equal(settle_run(txn, &other), 0); /* another group: nothing */
    assert_int_equal(settle_load(txn, &group), 0);
    assert_memory_equal(&group, &three, sizeof group);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(settle_run(txn, &at_42), 0);
        assert_int_equal(settle_load(txn, &group), -ERROR_NOT_FOUND);
        assert_int_equal(wall_of(txn, 41, note), 0);
        assert_int_equal(wall_of(txn, 42, note), 0);
        for (uint64_t k = 43; k <= 45; k++) {
            struct db_key key = db_key_history(k, 1);
            assert_int_equal(wall_of(txn, k, note), k - 2);
            assert_string_equal(note, k == 44 ? "undone in 45" : "");
            assert_int_equal(store_get(txn, STORE_HISTORY, &key, &value), 0);
            key = db_key_recent(k - 2, 1);
            assert_int_equal(store_get(txn, STORE_RECENT, &key, &value), 0);
            Busbar__TransactReply *reply = busbar__transact_reply__unpack(NULL, value.size - 16, value.bytes + 16);
            assert_int_equal(reply->version->n, k);
            busbar__transact_reply__free_unpacked(reply, NULL);
        }
        struct db_key key = db_key_meta(DB_META_PENDING, 0);
        assert_int_equal(store_get(txn, STORE_META, &key, &value), 0);
        Busbar__Pending *pending = busbar__pending__unpack(NULL, value.size, value.bytes);
        assert_int_equal(pending->n, 43);
        busbar__pending__free_unpacked(pending, NULL);
        key = db_key_meta(DB_META_N, 0);
        assert_int_equal(store_get_u64(txn, STORE_META, &key, &n), 0);
        assert_int_equal(n, 45);
    }
    assert_int_equal(settle_version(txn, &at_42, 43), 43); /* nothing is added any more */
    store_abort(&txn);
    fixture_base_fini(&base);
}

/* Of a reply that was written under n. */
static void put_reply(struct store_txn *txn, uint64_t start, uint64_t n)
{
    Busbar__TransactReply reply = BUSBAR__TRANSACT_REPLY__INIT;
    Busbar__Version version = BUSBAR__VERSION__INIT;
    struct db_key key = db_key_recent(start, 1);
    version.n = n;
    reply.version = &version;
    put(txn, STORE_RECENT, &key, &reply.base, (const uint64_t[]){n, 1});
}

static uint64_t reply_n(struct store_txn *txn, uint64_t start)
{
    struct db_key key = db_key_recent(start, 1);
    struct store_bytes value;
    assert_int_equal(store_get(txn, STORE_RECENT, &key, &value), 0);
    Busbar__TransactReply *reply = busbar__transact_reply__unpack(NULL, value.size - 16, value.bytes + 16);
    uint64_t n = reply->version->n;
    busbar__transact_reply__free_unpacked(reply, NULL);
    return n;
}

static void the_replies_of_the_group_are_listed_and_no_others_looked_at(void **state)
{
    enum { NOTHING = 60, OTHER, LATER, GONE };
    struct fixture_base base;
    struct settle_published at_42 = {.from = 40, .base = 42};
    uint8_t keys[6 * SETTLE_REPLY_BYTES];
    fixture_base_init(&base);
    struct store_txn *txn = written(&base);
    put_reply(txn, NOTHING, 40); /* changed nothing, before the first of the group that did */
    put_reply(txn, OTHER, 42);   /* would be taken for one of the group */
    put_reply(txn, LATER, 47);   /* has the place of one of the group */
    const uint64_t starts[6] = {NOTHING, 41, 42, 43, LATER, GONE};
    for (size_t i = 0; i < 6; i++) {
        struct db_key key = db_key_recent(starts[i], 1);
        assert_int_equal(key.size, SETTLE_REPLY_BYTES);
        memcpy(keys + i * SETTLE_REPLY_BYTES, key.bytes, SETTLE_REPLY_BYTES);
    }
    assert_int_equal(settle_store_replies(txn, &three, keys, sizeof keys), 0);
    assert_int_equal(settle_run(txn, &at_42), 0);
    assert_int_equal(reply_n(txn, NOTHING), 42);
    assert_int_equal(reply_n(txn, 41), 43);
    assert_int_equal(reply_n(txn, 43), 45);
    assert_int_equal(reply_n(txn, OTHER), 42);
    assert_int_equal(reply_n(txn, LATER), 47);
    store_abort(&txn);
    fixture_base_fini(&base);
}

/* ---- through commit, recent and the fold ---- */

/* The n of the commits of the history, as they are read. */
static size_t history_of(struct group *group, uint64_t *out_n, char notes[][64])
{
    uint64_t n = 0;
    size_t count = 0;
    assert_int_equal(rows_begin_read(group->base.rows), 0);
    for (uint64_t from = 0; history_first(group->base.rows, from, &n) == 0; from = n + 1) {
        Busbar__HistoryCommit *commit = NULL;
        assert_int_equal(history_commit(group->base.rows, n, &commit), 0);
        (void)snprintf(notes[count], 64, "%s", commit->note);
        busbar__history_commit__free_unpacked(commit, NULL);
        out_n[count++] = n;
    }
    rows_end(group->base.rows);
    return count;
}

/* An unconfirmed commit and its cancel, each with rules between its hand-over and its publication; then the fold puts the disk right. */
static void what_is_kept_gets_the_version_that_was_shown(void **state)
{
    struct group group;
    uint64_t n[8];
    char notes[8][64];
    uint64_t bridge = group_held(&group);
    insert_unconfirmed(&group, 2, "br1");
    commit_step(group.commit);
    insert_rule(&group, 9, 1, bridge);
    commit_step(group.commit);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.replies[2]->version->n, 3);
    assert_int_equal(commit_pending(group.commit)->n, 3);
    queue(&group, PROCESS_SWCTL, 1, 3, BUSBAR__OP_KIND__OP_CANCEL, CFG_SWITCH, 0, NULL);
    insert_bridge(&group, 2, 1, "br2"); /* not in the group of a cancel */
    commit_step(group.commit);
    insert_rule(&group, 9, 2, bridge);
    insert_rule(&group, 9, 3, bridge);
    commit_step(group.commit);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.replies[5]->error, 0);
    assert_int_equal(group.replies[5]->version->n, 6);
    assert_int_equal(history_of(&group, n, notes), 3); /* as read while the next group is being synced */
    assert_true(n[0] == 1 && n[1] == 3 && n[2] == 6);
    assert_string_equal(notes[1], "undone in 6");
    insert_rule(&group, 9, 4, bridge);
    commit_step(group.commit);
    assert_true(disk_go(group.disk));
    assert_int_equal(history_of(&group, n, notes), 3);
    commit_step(group.commit);
    assert_int_equal(group.replies[7]->version->n, 8);
    assert_int_equal(history_of(&group, n, notes), 4); /* as the disk has them, and the newest as read */
    assert_true(n[0] == 1 && n[1] == 3 && n[2] == 6 && n[3] == 8);
    assert_string_equal(notes[1], "undone in 6");
    struct fold *fold = fold_new(group.base.rows, group.disk);
    fold_step(fold, NS_PER_S);
    insert_bridge(&group, 3, 1, "br3");
    insert_rule(&group, 9, 5, bridge);
    commit_step(group.commit);
    assert_false(rows_is_staged(group.base.rows)); /* not while the fold moves what it would be laid over */
    assert_int_equal(group.n_replies, 9);
    assert_true(disk_go(group.disk));
    fold_step(fold, NS_PER_S);
    struct settle_group unsettled;
    assert_int_equal(rows_begin_read(group.base.rows), 0);
    assert_int_equal(settle_load(rows_txn(group.base.rows, ROWS_DISK), &unsettled), -ERROR_NOT_FOUND);
    rows_end(group.base.rows);
    assert_int_equal(history_of(&group, n, notes), 4);
    assert_true(n[0] == 1 && n[1] == 3 && n[2] == 6 && n[3] == 8);
    commit_step(group.commit);
    assert_true(rows_is_staged(group.base.rows));
    fold_destroy(&fold);
    group_fini(&group);
}

/* The n that a repeat by writer 1 is answered after a restart. */
static uint64_t kept_version(struct group *group, uint64_t sequence)
{
    struct recent *recent = NULL;
    struct store_bytes bytes;
    assert_int_equal(rows_begin_read(group->base.rows), 0);
    assert_int_equal(recent_new(group->base.rows, &recent), 0);
    rows_end(group->base.rows);
    assert_int_equal(recent_ask(recent, 1, sequence, sequence, &bytes), RECENT_REPEAT);
    Busbar__TransactReply *reply = busbar__transact_reply__unpack(NULL, bytes.size, bytes.bytes);
    uint64_t n = reply->version->n;
    busbar__transact_reply__free_unpacked(reply, NULL);
    recent_destroy(&recent);
    return n;
}

static void what_changed_nothing_is_kept_with_the_version_it_was_told(void **state)
{
    struct group group;
    uint64_t bridge = group_held(&group);
    for (uint64_t round = 0; round < 2; round++) { /* alone in its group, and before one that makes a version */
        uint64_t sequence = 2 + 2 * round;
        queue(&group, PROCESS_SWCTL, 1, sequence, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, bridge, NULL);
        if (round == 1) {
            insert_bridge(&group, 1, 5, "br1");
        }
        commit_step(group.commit);
        insert_rule(&group, 9, 1 + round, bridge);
        commit_step(group.commit);
        assert_true(disk_go(group.disk));
        commit_step(group.commit);
        struct fold *fold = fold_new(group.base.rows, group.disk);
        fold_step(fold, NS_PER_S);
        assert_true(disk_go(group.disk));
        fold_step(fold, NS_PER_S);
        fold_destroy(&fold);
        const Busbar__TransactReply *told = group.replies[group.n_replies - 1 - round];
        assert_int_equal(told->sequence, sequence);
        assert_int_equal(told->version->n, 2 + round);
        assert_int_equal(kept_version(&group, sequence), told->version->n);
    }
    group_fini(&group);
}

/* In the run environment and without a version: a checkpoint of a counter that counts nothing any more. */
static void checkpoint(struct group *group, uint64_t sequence)
{
    Busbar__CounterRow row = BUSBAR__COUNTER_ROW__INIT;
    queue(group, PROCESS_OFAGENT, 8, sequence, BUSBAR__OP_KIND__OP_PUT, CFG_COUNTER, 77, &row.base);
    commit_step(group->commit);
    assert_int_equal(group->replies[group->n_replies - 1]->error, 0);
}

/* Two groups with the same `from`, of which the first has changed nothing, in one life or in two: after kill -9 the second keeps the version that was shown. */
static void a_group_that_changed_nothing_is_not_taken_for_the_one_behind_it(void **state)
{
    for (int lives = 1; lives <= 2; lives++) {
        struct group group;
        uint64_t n[8];
        char notes[8][64];
        uint64_t bridge = group_held(&group);
        queue(&group, PROCESS_SWCTL, 1, 2, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, bridge, NULL);
        commit_step(group.commit);
        assert_true(disk_go(group.disk));
        commit_step(group.commit);
        checkpoint(&group, 1); /* with it, as what the first was published */
        if (lives == 2) {
            group_again(&group);
        }
        insert_bridge(&group, 1, 3, "br1");
        commit_step(group.commit);
        for (uint64_t i = 1; i <= 3; i++) {
            insert_rule(&group, 9, i, bridge);
            commit_step(group.commit);
        }
        assert_true(disk_go(group.disk));
        commit_step(group.commit);
        assert_int_equal(group.replies[group.n_replies - 1]->version->n, 5);
        if (lives == 1) {
            checkpoint(&group, 2);
        }
        group_again(&group);
        assert_int_equal(history_of(&group, n, notes), 2);
        assert_true(n[0] == 1 && n[1] == 5);
        assert_int_equal(kept_version(&group, 2), 1);
        assert_int_equal(kept_version(&group, 3), 5);
        assert_int_equal(rows_n(group.base.rows), 5);
        group_fini(&group);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_told_right_before_the_disk_has_them),
        cmocka_unit_test(the_disk_is_put_right_once),
        cmocka_unit_test(the_replies_of_the_group_are_listed_and_no_others_looked_at),
        cmocka_unit_test(what_is_kept_gets_the_version_that_was_shown),
        cmocka_unit_test(what_changed_nothing_is_kept_with_the_version_it_was_told),
        cmocka_unit_test(a_group_that_changed_nothing_is_not_taken_for_the_one_behind_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
