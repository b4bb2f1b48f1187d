/* Configuration and rules beside each other, with the disk held by the test: syncs end when chance says so, and so does configdb.
 *
 * Writers send changes of the switch row and bridges (configuration) and rules. What is checked: versions are shown one after the other (I6); a rule
 * is answered in the step it came in, whatever the disk does, unless its writer has configuration under way; each commit of configuration is found in the
 * history under the version its writer was told. And for images of both environments as kill -9 leaves them, taken anywhere between steps: they open; all
 * that was answered is there under its version; what had not been shown has versions above all that were; nothing is there in part (I8).
 * Seeds are printed; nothing sleeps.
 */
#include "tests/unit/services/configdb/txn_bench.h"

#include <fcntl.h>
#include <inttypes.h>

#include "services/configdb/commit.h"
#include "services/configdb/fold.h"
#include "services/configdb/history.h"

enum { STEPS = 100, WRITERS = 4, TOLD_MAX = 4000, RUNS = 8 };

struct told {
    uint64_t n;
    char client[24];
};
struct law {
    struct fixture_base base;
    struct random r;
    struct ring *ring;
    struct recent *recent;
    struct disk *disk;
    struct commit *commit;
    struct fold *fold;
    uint64_t sequence[WRITERS], answered[WRITERS];
    bool has_configuration[WRITERS][4096]; /* by sequence */
    struct told told[TOLD_MAX];            /* commits of configuration, as their writers were told */
    size_t n_told;

    uint64_t shown, n_rules_beside, n_images, n_unpublished, now_ns;
    uint64_t home, last_bridge;
};

static void on_reply(void *context, const struct bus_identity *to, const void *bytes, size_t size)
{
    struct law *law = context;
    Busbar__TransactReply *reply = busbar__transact_reply__unpack(NULL, size, bytes);
    size_t w = (size_t)to->start - 1;
    assert_int_equal(reply->sequence, law->answered[w] + 1); /* in the writer's order */
    law->answered[w]++;
    if (reply->error == 0 && law->has_configuration[w][reply->sequence]) {
        assert_true(law->n_told < TOLD_MAX);
        struct told *told = &law->told[law->n_told++];
        told->n = reply->version->n;
        (void)snprintf(told->client, sizeof told->client, "%zu.%" PRIu64, w, reply->sequence);
        assert_true(law->n_told == 1 || told->n > law->told[law->n_told - 2].n);
        law->last_bridge = reply->n_ids > 1 ? reply->ids[1] : law->last_bridge;
    }
    busbar__transact_reply__free_unpacked(reply, NULL);
}

static void on_version(void *context, const struct ring_entry *entry)
{
    struct law *law = context;
    assert_int_equal(entry->n, law->shown + 1);
    law->shown = entry->n;
}

static void law_open(struct law *law)
{
    struct commit_events events = {.on_reply = on_reply, .on_version = on_version, .context = law};
    law->ring = ring_new(law->base.epoch, rows_n(law->base.rows));
    assert_int_equal(rows_begin_read(law->base.rows), 0);
    assert_int_equal(recent_new(law->base.rows, &law->recent), 0);
    rows_end(law->base.rows);
    law->disk = disk_new(DISK_HELD);
    law->commit = commit_new(law->base.rows, law->ring, law->recent, law->disk, &events);
    law->fold = fold_new(law->base.rows, law->disk);
}

static void law_close(struct law *law)
{
    commit_destroy(&law->commit);
    fold_destroy(&law->fold);
    disk_destroy(&law->disk);
    recent_destroy(&law->recent);
    ring_destroy(&law->ring);
}

static void send_bench(struct law *law, size_t w, enum process_kind kind, struct bench *bench)
{
    static uint8_t packed[8192];
    struct bus_identity from = {.kind = kind, .instance = (uint32_t)w + 1, .start = w + 1};
    char client[24];
    bench->message.sequence = ++law->sequence[w];
    bench->message.oldest = law->answered[w] + 1;
    (void)snprintf(client, sizeof client, "%zu.%" PRIu64, w, law->sequence[w]);
    bench->message.client = client;
    size_t size = busbar__transact__pack(&bench->message, packed);
    struct bus_message sent = {.body = packed, .size = size};
    Busbar__Transact *message = (Busbar__Transact *)msg_unpack_into(commit_memory(law->commit), &sent, &busbar__transact__descriptor);
    assert_non_null(message);
    commit_queue(law->commit, &from, &message, size, true);
}

/* The switch row carries a number that grows with each; with it a bridge comes or goes. */
static void send_configuration(struct law *law, size_t w)
{
    struct bench bench;
    char column[] = "flow_limit", *columns[] = {column}, name[16];
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    row.has_flow_limit = 1;
    row.flow_limit = 1000 + (uint32_t)random_below(&law->r, 1000);
    bench_begin(&bench);
    Busbar__Op *op = bench_op(&bench, BUSBAR__OP_KIND__OP_UPDATE, CFG_SWITCH, 1, &row.base);
    op->columns = columns;
    op->n_columns = 1;
    (void)snprintf(name, sizeof name, "b%zu-%" PRIu64, w, law->sequence[w]);
    Busbar__BridgeRow bridge = fixture_bridge(name);
    if (random_below(&law->r, 3) > 0) {
        (void)bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &bridge.base);
    } else if (law->last_bridge != law->home) {
        (void)bench_op(&bench, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, law->last_bridge, NULL);
        law->last_bridge = law->home;
    }
    law->has_configuration[w][law->sequence[w] + 1] = true;
    send_bench(law, w, PROCESS_SWCTL, &bench);
}

static void send_rule(struct law *law, size_t w)
{
    struct bench bench;
    Busbar__RuleRow rule = fixture_rule(random_below(&law->r, 2) == 0 ? law->home : law->last_bridge, (uint32_t)law->sequence[w]);
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    send_bench(law, w, PROCESS_OFAGENT, &bench);
}

/* ---- images ---- */

static void copy_file(const char *from_dir, const char *to_dir, const char *name)
{
    static uint8_t block[1 << 16];
    char from[200], to[200];
    (void)snprintf(from, sizeof from, "%s/%s", from_dir, name);
    (void)snprintf(to, sizeof to, "%s/%s", to_dir, name);
    int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0640);
    ssize_t n;
    assert_true(in >= 0 && out >= 0);
    while ((n = read(in, block, sizeof block)) > 0) {
        assert_int_equal(write(out, block, (size_t)n), n);
    }
    close(in);
    close(out);
}

static void image_make(const struct law *law, struct fixture_base *image)
{
    char from[128], to[128];
    memset(image, 0, sizeof *image);
    fixture_dir_make(&image->dir);
    assert_int_equal(mkdir(image->dir.db, 0750), 0);
    copy_file(law->base.dir.db, image->dir.db, "data.mdb");
    (void)snprintf(from, sizeof from, "%s/rundb", law->base.dir.run);
    (void)snprintf(to, sizeof to, "%s/rundb", image->dir.run);
    assert_int_equal(mkdir(to, 0750), 0);
    copy_file(from, to, "data.mdb");
    copy_file(from, to, "boot");
}

/* Commits of the history are those that were told, each under its version, and behind them at most those of one group. */
static void check_history(struct law *law, struct rows *rows, uint64_t shown)
{
    uint64_t n = 0;
    size_t i = 0;
    for (uint64_t from = 0; history_first(rows, from, &n) == 0; from = n + 1) {
        Busbar__HistoryCommit *commit = NULL;
        assert_int_equal(history_commit(rows, n, &commit), 0);
        if (i < law->n_told) {
            if (n != law->told[i].n || strcmp(commit->client, law->told[i].client) != 0) {
                fail_msg("history says %s made %" PRIu64 ", %s was told %" PRIu64, commit->client, n, law->told[i].client, law->told[i].n);
            }
        } else {
            assert_true(n > shown); /* not shown: it comes behind all that was */
            law->n_unpublished++;
        }
        busbar__history_commit__free_unpacked(commit, NULL);
        i++;
    }
    assert_true(i >= law->n_told);
}

static void check_image(struct law *law)
{
    struct fixture_base image;
    image_make(law, &image);
    for (int start = 0; start < 2; start++) { /* killed again, nothing moves any more */
        fixture_base_open(&image);
        assert_true(rows_n(image.rows) >= law->shown);
        assert_int_equal(rows_begin_read(image.rows), 0);
        check_history(law, image.rows, law->shown);
        struct recent *recent = NULL;
        assert_int_equal(recent_new(image.rows, &recent), 0);
        for (size_t i = law->n_told > 3 ? law->n_told - 3 : 0; i < law->n_told; i++) { /* a repeat is told the same */
            size_t w = (size_t)(law->told[i].client[0] - '0');
            struct store_bytes bytes;
            uint64_t sequence = strtoull(law->told[i].client + 2, NULL, 10);
            if (recent_ask(recent, w + 1, sequence, 1, &bytes) == RECENT_REPEAT) {
                Busbar__TransactReply *reply = busbar__transact_reply__unpack(NULL, bytes.size, bytes.bytes);
                assert_int_equal(reply->version->n, law->told[i].n);
                busbar__transact_reply__free_unpacked(reply, NULL);
            } else {
                assert_true(law->answered[w] >= sequence + DB_RECENT_SLOTS - 1);
            }
        }
        recent_destroy(&recent);
        rows_end(image.rows);
        rows_destroy(&image.rows);
    }
    law->n_images++;
    fixture_remove(image.dir.path);
}

/* ---- the law ---- */

static void one_step(struct law *law)
{
    bool waits[WRITERS];
    bool is_rule[WRITERS] = {false};
    for (size_t w = 0; w < WRITERS; w++) {
        waits[w] = law->sequence[w] > law->answered[w];
        if (law->sequence[w] - law->answered[w] >= DB_RECENT_SLOTS / 2 || random_below(&law->r, 3) == 0) {
            continue;
        }
        is_rule[w] = w >= 2 || random_below(&law->r, 2) == 0; /* two do both, two write nothing but rules */
        if (is_rule[w]) {
            send_rule(law, w);
        } else {
            send_configuration(law, w);
        }
    }
    commit_step(law->commit);
    for (size_t w = 0; w < WRITERS; w++) {
        if (is_rule[w] && !waits[w]) {
            assert_int_equal(law->answered[w], law->sequence[w]); /* the disk has done nothing meanwhile */
            law->n_rules_beside += disk_is_busy(law->disk, DISK_COMMIT) ? 1 : 0;
        }
    }
    law->now_ns += random_below(&law->r, 8) == 0 ? FOLD_EVERY_NS : 0;
    fold_step(law->fold, law->now_ns);
    if (random_below(&law->r, 3) == 0) {
        (void)disk_go(law->disk);
    }
    if (random_below(&law->r, 12) == 0) {
        check_image(law);
    }
}

static void one_run(uint64_t seed)
{
    struct law *law = memory_zeroed(sizeof *law);
    struct bench bench;
    fixture_base_init(&law->base);
    random_seed(&law->r, seed);
    print_message("seed %" PRIu64 "\n", seed);
    law_open(law);
    Busbar__BridgeRow row = fixture_bridge("home");
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base);
    law->has_configuration[0][1] = true;
    send_bench(law, 0, PROCESS_SWCTL, &bench);
    commit_step(law->commit);
    assert_true(disk_go(law->disk));
    commit_step(law->commit);
    law->home = law->last_bridge = 1;
    for (int i = 0; i < STEPS; i++) {
        one_step(law);
    }
    for (int i = 0; i < 100 && memcmp(law->sequence, law->answered, sizeof law->sequence) != 0; i++) {
        (void)disk_go(law->disk);
        fold_step(law->fold, law->now_ns);
        commit_step(law->commit);
    }
    assert_memory_equal(law->sequence, law->answered, sizeof law->sequence);
    check_image(law);
    assert_int_equal(fold_flush(law->fold), 0);
    check_image(law);
    assert_true(law->n_rules_beside > 0 && law->n_images > 2);
    print_message("%" PRIu64 " versions, %zu of configuration; %" PRIu64 " rules answered during a sync, %" PRIu64 " images, in which %" PRIu64
                  " commits had not been shown\n", law->shown, law->n_told, law->n_rules_beside, law->n_images, law->n_unpublished);
    law_close(law);
    fixture_base_fini(&law->base);
    free(law);
}

static void versions_are_what_was_shown_whenever_it_dies(void **state)
{
    const char *text = getenv("SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 10) : 20261126;
    for (uint64_t i = 0; i < RUNS; i++) {
        one_run(seed + i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(versions_are_what_was_shown_whenever_it_dies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
