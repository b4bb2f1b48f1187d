/* Group commit: many transactions share one, each stands or falls alone, repeats are answered, a full disk refuses. */
#include "tests/unit/services/configdb/group.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "lib/msg/authors.h"
#include "services/configdb/fold.h"
#include "services/configdb/history.h"

static void many_clients_share_one_commit_and_each_is_refused_alone(void **state)
{
    struct group group;
    group_init(&group);
    for (uint64_t i = 1; i <= 100; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "br%u", (unsigned)(i % 60)); /* forty of them come twice */
        insert_bridge(&group, i, 1, name);
    }
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 100);
    assert_int_equal(group.n_versions, 60);
    assert_int_equal(commit_counters(group.commit)->lmdb_commits, 1);
    assert_int_equal(commit_counters(group.commit)->done, 60);
    assert_int_equal(commit_counters(group.commit)->refused, 40);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 60);
    assert_int_equal(rows_n(group.base.rows), 60);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(group.replies[i]->error, i < 60 ? 0 : -ERROR_EXISTS);
        assert_true(i >= 60 || group.replies[i]->version->n == i + 1);
    }
    group_fini(&group);
}

static void rules_go_first_and_those_of_a_deleted_bridge_go_with_it(void **state)
{
    struct group group;
    group_init(&group);
    insert_bridge(&group, 1, 1, "br0");
    commit_step(group.commit);
    uint64_t bridge = group.replies[0]->ids[0];
    Busbar__RuleRow rule = fixture_rule(bridge, 1);
    for (uint64_t i = 1; i <= 10; i++) {
        queue(&group, PROCESS_OFAGENT, 9, i, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    }
    insert_bridge(&group, 1, 2, "br1");
    queue(&group, PROCESS_SWCTL, 1, 3, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, bridge, NULL);
    queue(&group, PROCESS_OFAGENT, 9, 11, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 14);
    assert_int_equal(group.replies[11]->sequence, 11);
    assert_int_equal(group.replies[11]->error, 0);
    assert_int_equal(group.replies[13]->error, 0);
    assert_int_equal(group.replies[13]->version->n, 14);
    assert_int_equal(group.n_versions, 14);
    assert_int_equal(commit_counters(group.commit)->lmdb_commits, 3);
    assert_int_equal(rows_count(group.base.rows, CFG_RULE), 0);
    const struct ring_entry *entry = ring_entry(group.ring, 14);
    assert_true((entry->tables & 1u << CFG_RULE) != 0 && (entry->tables & 1u << CFG_BRIDGE) != 0 &&
                (entry->tables & 1u << CFG_PORT) != 0);
    assert_int_equal(entry->authors, AUTHORS_NONE); /* swctl's; those of rules tell who wrote them */
    assert_int_equal(ring_entry(group.ring, 5)->authors, authors_one(1));
    queue(&group, PROCESS_OFAGENT, 9, 12, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    commit_step(group.commit);
    assert_int_equal(group.replies[14]->error, -ERROR_REFERENCE);
    group_fini(&group);
}

/* Readers are told between the steps of a large load; what is behind it, configuration too, keeps its place, and what waits is counted until it is done. */
static void a_step_does_so_many_rules_and_the_next_goes_on_before_all_else(void **state)
{
    struct group group;
    group_init(&group);
    insert_bridge(&group, 1, 1, "br0");
    commit_step(group.commit);
    uint64_t bridge = group.replies[0]->ids[0];
    Busbar__RuleRow rule = fixture_rule(bridge, 1);
    for (uint64_t i = 1; i <= 9; i += 2) { /* odd numbers: their size is what is said */
        queue_larger(&group, PROCESS_OFAGENT, 9, i, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base, COMMIT_STEP_BYTES / 2);
        queue(&group, PROCESS_OFAGENT, 9, i + 1, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    }
    queue(&group, PROCESS_SWCTL, 1, 2, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, bridge, NULL);
    size_t queued = commit_queued_bytes(group.commit);
    size_t n_before = group.n_replies;
    for (size_t done = 3; done <= 9; done += 4) {
        commit_step(group.commit);
        assert_int_equal(group.n_replies - n_before, done);
        assert_int_equal(commit_due_ns(group.commit), 0); /* now, by a clock that stands */
        assert_true(commit_queued_bytes(group.commit) < queued && commit_queued_bytes(group.commit) > 0);
        queued = commit_queued_bytes(group.commit);
    }
    commit_step(group.commit);
    assert_int_equal(group.n_replies - n_before, 11);
    assert_int_equal(commit_queued_bytes(group.commit), 0);
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(group.replies[n_before + i]->error, 0);
        assert_int_equal(group.replies[n_before + i]->version->n, 2 + i); /* the deletion last */
    }
    assert_int_equal(rows_count(group.base.rows, CFG_RULE), 0);
    queue_larger(&group, PROCESS_OFAGENT, 9, 11, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base, COMMIT_STEP_BYTES);
    queue(&group, PROCESS_OFAGENT, 9, 12, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    commit_step(group.commit);
    queue(&group, PROCESS_OFAGENT, 9, 13, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    n_before = group.n_replies;
    commit_step(group.commit);
    assert_int_equal(group.n_replies - n_before, 2); /* who comes behind what was left does not wait for others to come */
    queue_larger(&group, PROCESS_OFAGENT, 9, 14, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base, COMMIT_STEP_BYTES);
    queue(&group, PROCESS_OFAGENT, 9, 15, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    commit_step(group.commit);
    group_fini(&group); /* what is left is forgotten */
}

static void a_repeat_is_answered_and_not_done_twice(void **state)
{
    struct group group;
    group_init(&group);
    insert_bridge(&group, 1, 1, "br0");
    insert_bridge(&group, 1, 1, "br0"); /* repeated before the answer */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 1);
    insert_bridge(&group, 1, 1, "br0");
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 2);
    assert_int_equal(group.replies[1]->error, 0);
    assert_int_equal(group.replies[1]->ids[0], group.replies[0]->ids[0]);
    assert_int_equal(group.replies[1]->version->n, group.replies[0]->version->n);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 1);
    insert_bridge(&group, 1, 2, "br0"); /* refused; so is its repeat */
    insert_bridge(&group, 1, 4, "br4"); /* 3 is missing */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 4);
    assert_int_equal(group.replies[2]->error, -ERROR_EXISTS);
    assert_int_equal(group.replies[3]->error, 0);
    group_fini(&group);
}

static void a_refusal_in_force_refuses_all_changes_by_its_text(void **state)
{
    struct group group;
    group_init(&group);
    commit_set_refusal(group.commit, "the disk is full");
    insert_bridge(&group, 1, 1, "br0");
    commit_step(group.commit);
    assert_int_equal(group.replies[0]->error, -ERROR_REFUSED);
    assert_string_equal(group.replies[0]->text, "the disk is full");
    commit_set_refusal(group.commit, NULL);
    insert_bridge(&group, 1, 2, "br0");
    commit_step(group.commit);
    assert_int_equal(group.replies[1]->error, 0);
    commit_stop(group.commit, "a sync failed");
    commit_set_refusal(group.commit, NULL);
    insert_bridge(&group, 1, 3, "br1");
    commit_step(group.commit);
    assert_int_equal(group.replies[2]->error, -ERROR_REFUSED);
    assert_non_null(strstr(group.replies[2]->text, "a sync failed"));
    group_fini(&group);
}

static void while_one_awaits_confirmation_others_are_refused_and_rules_go_on(void **state)
{
    struct group group;
    group_init(&group);
    insert_bridge(&group, 1, 1, "br0");
    commit_step(group.commit);
    Busbar__RuleRow rule = fixture_rule(group.replies[0]->ids[0], 1);
    struct confirm_clocks clocks = {.now_ns = NS_PER_S, .wall_ns = NS_PER_S, .boot_id = "boot-1"};
    commit_set_clocks(group.commit, &clocks);
    insert_unconfirmed(&group, 2, "br1"); /* all of these share one commit */
    insert_unconfirmed(&group, 3, "br2");
    insert_bridge(&group, 2, 1, "br3");
    queue(&group, PROCESS_OFAGENT, 9, 1, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 5);
    assert_int_equal(group.replies[1]->error, 0); /* the rule */
    assert_int_equal(group.replies[2]->error, 0);
    assert_int_equal(group.replies[3]->error, -ERROR_REFUSED);
    assert_int_equal(group.replies[4]->error, -ERROR_REFUSED);
    assert_non_null(strstr(group.replies[4]->text, "awaits confirmation"));
    assert_non_null(strstr(group.replies[4]->text, "60 s"));
    assert_non_null(commit_pending(group.commit));
    assert_int_equal(commit_pending(group.commit)->n, group.replies[2]->version->n);
    queue(&group, PROCESS_SWCTL, 1, 4, BUSBAR__OP_KIND__OP_CONFIRM, CFG_SWITCH, 0, NULL);
    insert_bridge(&group, 2, 2, "br3"); /* behind it in the same commit */
    commit_step(group.commit);
    assert_int_equal(group.replies[5]->error, 0);
    assert_int_equal(group.replies[6]->error, 0);
    assert_null(commit_pending(group.commit));
    queue(&group, PROCESS_SWCTL, 1, 5, BUSBAR__OP_KIND__OP_CANCEL, CFG_SWITCH, 0, NULL);
    commit_step(group.commit);
    assert_int_equal(group.replies[7]->error, -ERROR_NOT_FOUND);
    group_fini(&group);
}

static void a_repeated_cancel_undoes_once(void **state)
{
    struct group group;
    group_init(&group);
    insert_unconfirmed(&group, 1, "br1");
    for (int i = 0; i < 2; i++) {
        queue(&group, PROCESS_SWCTL, 1, 2, BUSBAR__OP_KIND__OP_CANCEL, CFG_SWITCH, 0, NULL);
        commit_step(group.commit);
    }
    assert_int_equal(group.n_replies, 3);
    assert_int_equal(group.replies[1]->error, 0);
    assert_int_equal(group.replies[2]->error, 0);
    assert_int_equal(group.replies[2]->version->n, group.replies[1]->version->n);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 0);
    assert_int_equal(group.n_versions, 2);
    group_fini(&group);
}

/* In a child: files may not grow; changes are refused, then there is room again. */
static int full_disk(void)
{
    struct group group;
    struct rlimit unlimited, limit;
    uint64_t sequence = 1;
    signal(SIGXFSZ, SIG_IGN);
    group_init(&group);
    log_set_level(LOG_LEVEL_ERROR);
    (void)dup2(open("/dev/null", O_WRONLY), STDERR_FILENO); /* the error lines are wanted, not shown */
    if (getrlimit(RLIMIT_FSIZE, &unlimited) != 0) {
        return 1;
    }
    limit = unlimited;
    limit.rlim_cur = 200 * 1024;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 2;
    }
    int error = 0;
    uint64_t n_done = 0;
    for (; error == 0 && sequence < 2000; sequence++) {
        char name[16];
        (void)snprintf(name, sizeof name, "br%u", (unsigned)sequence);
        insert_bridge(&group, 1, sequence, name);
        commit_step(group.commit);
        error = group.replies[0]->error;
        n_done += error == 0 ? 1 : 0;
        if (error != 0 && strstr(group.replies[0]->text, "could not be written") == NULL) {
            return 3;
        }
        group_forget(&group);
    }
    if (error == 0 || rows_count(group.base.rows, CFG_BRIDGE) != n_done || ring_newest(group.ring) != n_done) {
        return 4;
    }
    if (setrlimit(RLIMIT_FSIZE, &unlimited) != 0) {
        return 5;
    }
    if (rows_begin_read(group.base.rows) != 0 || history_count(group.base.rows) != n_done) {
        return 7; /* what was refused is in the history */
    }
    rows_end(group.base.rows);
    insert_bridge(&group, 1, sequence, "room-again");
    commit_step(group.commit);
    if (group.replies[0]->error != 0) {
        return 6;
    }
    group_fini(&group);
    return 0;
}

static void a_full_disk_refuses_and_room_is_enough_to_go_on(void **state)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        _exit(full_disk());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* ---- while a sync is held ---- */

static void a_rule_is_answered_while_a_sync_is_held(void **state)
{
    struct group group;
    uint64_t bridge = group_held(&group);
    insert_bridge(&group, 1, 2, "br1");
    insert_bridge(&group, 2, 1, "br2");
    commit_step(group.commit);
    insert_rule(&group, 9, 1, bridge);
    insert_rule(&group, 9, 2, bridge);
    insert_bridge(&group, 3, 1, "br3"); /* of the next group */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 3);
    assert_int_equal(group.replies[1]->version->n, 2);
    assert_int_equal(group.replies[2]->version->n, 3);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 1);
    assert_true(disk_go(group.disk));
    assert_int_equal(group.n_replies, 3); /* not before commit_step() has published them */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 5);
    assert_int_equal(group.replies[3]->version->n, 4);
    assert_int_equal(group.replies[4]->version->n, 5);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 3);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 6);
    assert_int_equal(group.replies[5]->version->n, 6);
    assert_int_equal(group.n_versions, 6);
    group_fini(&group);
}

static void a_writer_keeps_his_order_across_a_held_sync(void **state)
{
    struct group group;
    uint64_t bridge = group_held(&group);
    queue(&group, PROCESS_SWCTL, 4, 1, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, bridge, NULL);
    insert_rule(&group, 4, 2, bridge); /* must see the bridge gone */
    insert_bridge(&group, 4, 3, "br4");
    insert_bridge(&group, 5, 1, "br5"); /* behind the deletion, which ends its group */
    commit_step(group.commit);
    insert_rule(&group, 9, 1, bridge);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 2);
    assert_int_equal(group.replies[1]->error, 0);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 4);
    assert_int_equal(group.replies[2]->sequence, 1);
    assert_int_equal(group.replies[3]->sequence, 2);
    assert_int_equal(group.replies[3]->error, -ERROR_REFERENCE);
    assert_int_equal(rows_count(group.base.rows, CFG_RULE), 0);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 6);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 2);
    group_fini(&group);
}

static void rules_wait_for_configuration_that_requires_one(void **state)
{
    struct group group;
    uint64_t bridge = group_held(&group);
    insert_rule(&group, 9, 1, bridge);
    commit_step(group.commit);
    struct bus_identity from = {.kind = PROCESS_SWCTL, .instance = 1, .start = 2};
    Busbar__BridgeRow row = fixture_bridge("br1");
    struct bench bench;
    uint8_t packed[2048];
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_REQUIRE, CFG_RULE, group.replies[1]->ids[0], NULL);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base);
    bench.message.sequence = bench.message.oldest = 1;
    size_t size = busbar__transact__pack(&bench.message, packed);
    Busbar__Transact *message = busbar__transact__unpack(NULL, size, packed);
    commit_queue(group.commit, &from, &message, size, false);
    commit_step(group.commit);
    queue(&group, PROCESS_OFAGENT, 9, 2, BUSBAR__OP_KIND__OP_DELETE, CFG_RULE, group.replies[1]->ids[0], NULL);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 2);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 4);
    assert_int_equal(group.replies[2]->error, 0);
    assert_int_equal(group.replies[2]->version->n, 3);
    assert_int_equal(group.replies[3]->version->n, 4);
    group_fini(&group);
}

static void readers_see_nothing_of_a_group_that_is_being_synced(void **state)
{
    struct group group;
    struct store_bytes value;
    (void)group_held(&group);
    insert_bridge(&group, 1, 2, "br1");
    commit_step(group.commit);
    assert_true(disk_go(group.disk)); /* on disk, not published */
    assert_int_equal(rows_begin_read(group.base.rows), 0);
    assert_int_equal(rows_get(group.base.rows, CFG_BRIDGE, 2, &value), -ERROR_NOT_FOUND);
    assert_int_equal(history_count(group.base.rows), 1);
    rows_end(group.base.rows);
    commit_step(group.commit);
    assert_int_equal(rows_begin_read(group.base.rows), 0);
    assert_int_equal(rows_get(group.base.rows, CFG_BRIDGE, 2, &value), 0);
    assert_int_equal(history_count(group.base.rows), 2);
    rows_end(group.base.rows);
    group_fini(&group);
}

static uint64_t slow_ns = 5 * NS_PER_S;
static uint64_t slow_clock(void)
{
    return slow_ns;
}

static void a_group_that_shared_a_sync_is_waited_for(void **state)
{
    struct group group;
    uint64_t bridge = group_held(&group);
    struct commit_events events = {.on_reply = on_reply, .on_version = on_version, .context = &group, .clock_ns = slow_clock};
    struct confirm_clocks clocks = {.now_ns = slow_ns, .wall_ns = NS_PER_S, .boot_id = "boot-1"};
    commit_destroy(&group.commit);
    group.commit = commit_new(group.base.rows, group.ring, group.recent, group.disk, &events);
    for (uint64_t start = 11; start < 14; start++) {
        char name[8];
        (void)snprintf(name, sizeof name, "br%u", (unsigned)start);
        insert_bridge(&group, start, 1, name);
    }
    commit_set_clocks(group.commit, &clocks);
    commit_step(group.commit);
    slow_ns += 4 * NS_PER_MS; /* what the sync takes */
    assert_true(disk_go(group.disk));
    clocks.now_ns = slow_ns;
    commit_set_clocks(group.commit, &clocks);
    insert_bridge(&group, 11, 2, "br21");
    commit_step(group.commit); /* one of three is there: a quarter of that time is waited */
    assert_int_equal(group.n_replies, 4);
    assert_false(disk_go(group.disk));
    assert_int_equal(commit_due_ns(group.commit), slow_ns + NS_PER_MS);
    insert_rule(&group, 9, 1, bridge);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 5); /* rules never wait */
    insert_bridge(&group, 12, 2, "br22");
    insert_bridge(&group, 13, 2, "br23");
    commit_step(group.commit); /* all are there */
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 8);
    insert_bridge(&group, 11, 3, "br31");
    clocks.now_ns = slow_ns += NS_PER_MS; /* the time is over */
    commit_set_clocks(group.commit, &clocks);
    commit_step(group.commit);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 9);
    group_fini(&group);
}

/* Whose configuration was just answered has nothing under way: his rules go on although others are waited for. */
static void gathering_holds_up_no_rule(void **state)
{
    struct group group;
    uint64_t bridge = group_held(&group);
    struct commit_events events = {.on_reply = on_reply, .on_version = on_version, .context = &group, .clock_ns = slow_clock};
    struct confirm_clocks clocks = {.now_ns = slow_ns, .wall_ns = NS_PER_S, .boot_id = "boot-1"};
    commit_destroy(&group.commit);
    group.commit = commit_new(group.base.rows, group.ring, group.recent, group.disk, &events);
    for (uint64_t start = 11; start < 15; start++) {
        char name[8];
        (void)snprintf(name, sizeof name, "br%u", (unsigned)start);
        insert_bridge(&group, start, 1, name);
    }
    commit_set_clocks(group.commit, &clocks);
    commit_step(group.commit);
    insert_rule(&group, 12, 2, bridge); /* behind his bridge, which is under way */
    insert_bridge(&group, 13, 2, "br23");
    insert_rule(&group, 13, 3, bridge); /* behind a bridge that stays held */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 1);
    slow_ns += 4 * NS_PER_MS;
    assert_true(disk_go(group.disk));
    clocks.now_ns = slow_ns;
    commit_set_clocks(group.commit, &clocks);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 6); /* the group, and the rule */
    assert_int_equal(group.replies[5]->sequence, 2);
    assert_int_equal(group.replies[5]->error, 0);
    assert_int_equal(commit_due_ns(group.commit), slow_ns + NS_PER_MS);
    insert_rule(&group, 11, 2, bridge);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 7);
    clocks.now_ns = slow_ns += NS_PER_MS;
    commit_set_clocks(group.commit, &clocks);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 7);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 9);
    assert_int_equal(group.replies[7]->sequence, 2); /* in his order */
    assert_int_equal(group.replies[8]->sequence, 3);
    group_fini(&group);
}

static void the_thread_syncs_and_says_so(void **state)
{
    struct group group;
    group_init_with(&group, DISK_THREAD);
    for (uint64_t i = 1; i <= 20; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "br%u", (unsigned)i);
        insert_bridge(&group, 1, i, name);
        commit_step(group.commit);
        struct pollfd fd = {.fd = disk_fd(group.disk), .events = POLLIN};
        while (group.n_replies < i) {
            assert_true(poll(&fd, 1, 10000) == 1);
            commit_step(group.commit);
        }
        assert_int_equal(poll(&fd, 1, 0), 0);
        assert_int_equal(group.replies[i - 1]->error, 0);
    }
    group_fini(&group);
}

static uint64_t clock_of_test_ns = 5 * NS_PER_S;

/* Each look at it is 3 ms after the one before. */
static uint64_t ticking(void)
{
    return clock_of_test_ns += 3 * NS_PER_MS;
}

static void latency_is_from_the_queue_to_the_answer_by_class(void **state)
{
    struct group group;
    group_init(&group);
    struct commit_events events = {.on_reply = on_reply, .on_version = on_version, .context = &group, .clock_ns = ticking};
    commit_destroy(&group.commit);
    group.commit = commit_new(group.base.rows, group.ring, group.recent, group.disk, &events);
    insert_bridge(&group, 11, 1, "br0");
    assert_true(commit_queued_bytes(group.commit) > 0);
    commit_step(group.commit);
    assert_int_equal(commit_queued_bytes(group.commit), 0);
    assert_int_equal(histogram_count(commit_latency(group.commit, ROWS_DISK)), 1);
    assert_int_equal(commit_latency(group.commit, ROWS_DISK)->sum_ns, 6 * NS_PER_MS); /* the group's begin is looked at too */
    assert_int_equal(histogram_count(commit_latency(group.commit, ROWS_RUN)), 0);
    Busbar__RuleRow rule = fixture_rule(1, 1);
    queue(&group, PROCESS_OFAGENT, 14, 1, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    insert_bridge(&group, 11, 1, "br0"); /* a repeat */
    commit_step(group.commit);
    assert_int_equal(histogram_count(commit_latency(group.commit, ROWS_RUN)), 1);
    assert_int_equal(commit_latency(group.commit, ROWS_RUN)->sum_ns, 6 * NS_PER_MS);
    assert_int_equal(histogram_count(commit_latency(group.commit, ROWS_DISK)), 1);
    group_fini(&group);
}

/* ---- waits ---- */

static void at(struct group *group, uint64_t now_ns)
{
    struct confirm_clocks clocks = {.now_ns = now_ns, .wall_ns = NS_PER_S, .boot_id = "boot-1"};
    commit_set_clocks(group->commit, &clocks);
}

/* As writer `start`: when the row is there (or, `gone`, is not), a bridge. */
static void insert_when(struct group *group, uint64_t start, uint64_t sequence, enum cfg_table table, uint64_t id, bool gone, uint32_t timeout_ms,
                        const char *name)
{
    struct bus_identity from = {.kind = PROCESS_SWCTL, .instance = 1, .start = start};
    Busbar__BridgeRow row = fixture_bridge(name);
    struct bench bench;
    uint8_t packed[2048];
    bench_begin(&bench);
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base);
    Busbar__Op *op = bench_op(&bench, BUSBAR__OP_KIND__OP_WAIT, table, id, NULL);
    op->other = gone;
    op->timeout_ms = timeout_ms;
    bench.message.sequence = sequence;
    bench.message.oldest = 1;
    size_t size = busbar__transact__pack(&bench.message, packed);
    Busbar__Transact *message = busbar__transact__unpack(NULL, size, packed);
    commit_queue(group->commit, &from, &message, size, false);
}

static void one_that_waits_holds_nobody_up_and_goes_when_it_is_true(void **state)
{
    struct group group;
    group_init(&group);
    at(&group, NS_PER_S);
    insert_when(&group, 1, 1, CFG_BRIDGE, 2, false, 1000, "waited");
    insert_bridge(&group, 1, 2, "br1"); /* the same writer */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 1);
    assert_int_equal(group.replies[0]->sequence, 2);
    assert_int_equal(group.replies[0]->ids[0], 1);
    assert_int_equal(park_count(commit_parked(group.commit)), 1);
    insert_when(&group, 1, 1, CFG_BRIDGE, 2, false, 1000, "waited"); /* a repeat */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 1);
    assert_int_equal(commit_counters(group.commit)->dropped, 0);
    insert_bridge(&group, 2, 1, "br2");
    commit_step(group.commit); /* in the same step, in a commit behind it */
    assert_int_equal(group.n_replies, 3);
    assert_int_equal(group.replies[2]->sequence, 1);
    assert_int_equal(group.replies[2]->error, 0);
    assert_int_equal(group.replies[2]->version->n, 3);
    insert_when(&group, 1, 1, CFG_BRIDGE, 2, false, 1000, "waited");
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 4); /* answered once more, not done */
    assert_int_equal(group.replies[3]->version->n, 3);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 3);
    group_fini(&group);
}

static void what_does_not_come_true_is_refused_at_its_time_and_leaves_no_trace(void **state)
{
    struct group group;
    group_init(&group);
    at(&group, NS_PER_S);
    insert_when(&group, 1, 1, CFG_BRIDGE, 9, false, 0, "now");
    insert_when(&group, 2, 1, CFG_BRIDGE, 9, false, 1000, "waited");
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 1);
    assert_int_equal(group.replies[0]->error, -ERROR_NOT_TRUE);
    assert_int_equal(group.replies[0]->failed_op, 1);
    assert_int_equal(commit_due_ns(group.commit), 2 * NS_PER_S);
    insert_bridge(&group, 3, 1, "br1"); /* touches the table, not the row */
    commit_step(group.commit);
    at(&group, 2 * NS_PER_S);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 3);
    assert_int_equal(group.replies[2]->error, -ERROR_NOT_TRUE);
    assert_non_null(strstr(group.replies[2]->text, "bridge row 9: timed out after 1000 ms: it does not exist"));
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 1);
    assert_int_equal(group.n_versions, 1);
    insert_when(&group, 2, 1, CFG_BRIDGE, 9, false, 1000, "waited"); /* a repeat of what was refused */
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 4);
    assert_int_equal(group.replies[3]->error, -ERROR_NOT_TRUE);
    group_fini(&group);
}

static void who_gives_up_or_is_silent_frees_what_waits(void **state)
{
    struct group group;
    group_init(&group);
    at(&group, NS_PER_S);
    insert_when(&group, 1, 1, CFG_BRIDGE, 9, false, 60000, "a");
    insert_when(&group, 2, 1, CFG_BRIDGE, 9, false, 60000, "b");
    commit_step(group.commit);
    struct bus_identity from = {.kind = PROCESS_SWCTL, .instance = 1, .start = 1};
    Busbar__Transact *blank = memory_zeroed(sizeof *blank);
    busbar__transact__init(blank);
    blank->sequence = blank->oldest = 1;
    commit_queue(group.commit, &from, &blank, 10, false);
    commit_step(group.commit);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 1);
    assert_int_equal(group.replies[0]->error, -ERROR_NOT_TRUE);
    for (uint64_t ms = 0; ms <= 3000; ms += 100) {
        at(&group, NS_PER_S + ms * NS_PER_MS);
        commit_step(group.commit);
    }
    assert_int_equal(park_count(commit_parked(group.commit)), 0);
    assert_int_equal(group.n_replies, 2);
    insert_when(&group, 3, 1, CFG_BRIDGE, 9, false, 60000, "c");
    commit_step(group.commit);
    assert_int_equal(park_count(commit_parked(group.commit)), 1);
    group_fini(&group);
}

/* Parked while a sync is held: the rule that it waits for is published before the group of the sync is. */
static void nothing_is_missed_while_a_sync_is_held(void **state)
{
    struct group group;
    uint64_t bridge = group_held(&group);
    at(&group, NS_PER_S);
    insert_bridge(&group, 2, 1, "br1");
    insert_when(&group, 3, 1, CFG_RULE, 1, false, 1000, "late");
    commit_step(group.commit);
    assert_int_equal(park_count(commit_parked(group.commit)), 1);
    insert_rule(&group, 9, 1, bridge);
    commit_step(group.commit);
    assert_int_equal(park_count(commit_parked(group.commit)), 0); /* held: it is the next group */
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_true(disk_go(group.disk));
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 4);
    assert_int_equal(group.replies[3]->error, 0);
    assert_int_equal(rows_count(group.base.rows, CFG_BRIDGE), 3);
    group_fini(&group);
}

/* The reply of one that waits needs its place among the 64: the 64th behind it is not taken before. */
static void a_writer_goes_on_for_63_beside_one_that_waits(void **state)
{
    struct group group;
    group_init(&group);
    at(&group, NS_PER_S);
    insert_when(&group, 1, 1, CFG_BRIDGE, 1, true, 1000, "early");
    commit_step(group.commit);
    assert_int_equal(group.n_replies, 1);
    insert_when(&group, 1, 2, CFG_BRIDGE, 1, true, 1000, "waited");
    for (uint64_t i = 3; i <= 2 + DB_RECENT_SLOTS; i++) {
        queue(&group, PROCESS_SWCTL, 1, i, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, 1, NULL);
    }
    commit_step(group.commit);
    assert_int_equal(group.n_replies, DB_RECENT_SLOTS);
    assert_int_equal(commit_counters(group.commit)->dropped, 1);
    queue(&group, PROCESS_SWCTL, 2, 1, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, 1, NULL);
    commit_step(group.commit);
    assert_int_equal(group.n_replies, DB_RECENT_SLOTS + 2);
    assert_int_equal(group.replies[DB_RECENT_SLOTS + 1]->sequence, 2);
    assert_int_equal(group.replies[DB_RECENT_SLOTS + 1]->error, 0);
    group_fini(&group);
}

/* Whatever would refuse it if it were true: it is not, so it waits. */
static void one_that_waits_is_refused_by_nothing_before_it_is_true(void **state)
{
    struct group group;
    struct bench bench;
    char column[] = "mac_aging_s", *columns[] = {column};
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    group_init(&group);
    at(&group, NS_PER_S);
    insert_bridge(&group, 1, 1, "br0");
    insert_when(&group, 2, 1, CFG_BRIDGE, 1, true, 60000, "parked");
    commit_step(group.commit);
    assert_int_equal(park_count(commit_parked(group.commit)), 1);
    row.has_mac_aging_s = 1;
    row.mac_aging_s = 7;
    bench_begin(&bench);
    Busbar__Op *op = bench_op(&bench, BUSBAR__OP_KIND__OP_UPDATE, CFG_BRIDGE, 1, &row.base);
    op->columns = columns;
    op->n_columns = 1;
    (void)bench_op(&bench, BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, CFG_SWITCH, 60, NULL);
    queue_bench(&group, 1, 2, &bench);
    commit_step(group.commit); /* touches the row: it is tried */
    assert_int_equal(group.n_replies, 2);
    assert_int_equal(group.replies[1]->error, 0);
    assert_non_null(commit_pending(group.commit));
    assert_int_equal(park_count(commit_parked(group.commit)), 1);
    insert_when(&group, 3, 1, CFG_BRIDGE, 9, false, 60000, "parked too");
    queue(&group, PROCESS_SWCTL, 4, 1, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, 1, NULL); /* changes nothing */
    insert_when(&group, 5, 1, CFG_BRIDGE, 1, false, 60000, "true");
    commit_step(group.commit);
    assert_int_equal(park_count(commit_parked(group.commit)), 2);
    assert_int_equal(group.n_replies, 4);
    assert_int_equal(group.replies[2]->error, 0);
    assert_int_equal(group.replies[3]->error, -ERROR_REFUSED);
    assert_non_null(strstr(group.replies[3]->text, "awaits confirmation"));
    commit_set_refusal(group.commit, "the disk is full");
    uint64_t commits = commit_counters(group.commit)->lmdb_commits;
    insert_when(&group, 6, 1, CFG_BRIDGE, 9, false, 60000, "and this");
    queue(&group, PROCESS_SWCTL, 4, 2, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, 1, NULL);
    queue(&group, PROCESS_SWCTL, 4, 3, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, 9, NULL);
    commit_step(group.commit);
    queue(&group, PROCESS_SWCTL, 4, 3, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, 9, NULL); /* a repeat */
    commit_step(group.commit);
    assert_int_equal(park_count(commit_parked(group.commit)), 3);
    assert_int_equal(group.n_replies, 7);
    assert_int_equal(commit_counters(group.commit)->lmdb_commits, commits);
    for (size_t i = 4; i < 7; i++) {
        assert_int_equal(group.replies[i]->error, group.replies[i]->sequence == 3 ? -ERROR_NOT_FOUND : 0);
    }
    commit_set_refusal(group.commit, NULL);
    queue(&group, PROCESS_SWCTL, 1, 3, BUSBAR__OP_KIND__OP_CONFIRM, CFG_SWITCH, 0, NULL);
    queue(&group, PROCESS_SWCTL, 1, 4, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, 1, NULL);
    commit_step(group.commit);
    assert_int_equal(park_count(commit_parked(group.commit)), 2); /* the first has come true */
    assert_int_equal(group.n_replies, 10);
    assert_int_equal(group.replies[9]->error, 0);
    group_fini(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_waits_holds_nobody_up_and_goes_when_it_is_true),
        cmocka_unit_test(what_does_not_come_true_is_refused_at_its_time_and_leaves_no_trace),
        cmocka_unit_test(who_gives_up_or_is_silent_frees_what_waits),
        cmocka_unit_test(one_that_waits_is_refused_by_nothing_before_it_is_true),
        cmocka_unit_test(nothing_is_missed_while_a_sync_is_held),
        cmocka_unit_test(a_writer_goes_on_for_63_beside_one_that_waits),
        cmocka_unit_test(latency_is_from_the_queue_to_the_answer_by_class),
        cmocka_unit_test(a_rule_is_answered_while_a_sync_is_held),
        cmocka_unit_test(a_writer_keeps_his_order_across_a_held_sync),
        cmocka_unit_test(rules_wait_for_configuration_that_requires_one),
        cmocka_unit_test(readers_see_nothing_of_a_group_that_is_being_synced),
        cmocka_unit_test(a_group_that_shared_a_sync_is_waited_for),
        cmocka_unit_test(gathering_holds_up_no_rule),
        cmocka_unit_test(the_thread_syncs_and_says_so),
        cmocka_unit_test(many_clients_share_one_commit_and_each_is_refused_alone),
        cmocka_unit_test(a_step_does_so_many_rules_and_the_next_goes_on_before_all_else),
        cmocka_unit_test(rules_go_first_and_those_of_a_deleted_bridge_go_with_it),
        cmocka_unit_test(a_repeat_is_answered_and_not_done_twice),
        cmocka_unit_test(a_refusal_in_force_refuses_all_changes_by_its_text),
        cmocka_unit_test(while_one_awaits_confirmation_others_are_refused_and_rules_go_on),
        cmocka_unit_test(a_repeated_cancel_undoes_once),
        cmocka_unit_test(a_full_disk_refuses_and_room_is_enough_to_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
