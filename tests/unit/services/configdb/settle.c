/* Versions of the newest group: told right before the disk has them, and put right on the disk once. */
#include "tests/unit/services/configdb/fixture.h"

#include "lib/base/bytes.h"
#include "proto/config.pb-c.h"
#include "proto/history.pb-c.h"
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(versions_are_told_right_before_the_disk_has_them),
        cmocka_unit_test(the_disk_is_put_right_once),
        cmocka_unit_test(the_replies_of_the_group_are_listed_and_no_others_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
