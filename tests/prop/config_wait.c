/* Transactions that wait, beside others that make true and untrue what they wait for, with the disk held, or full, by chance, and a configdb
 * that dies by chance.
 *
 * What is checked, against the states that the feed showed one after the other: one that was carried out found its conditions true in the state right before
 * its own version; one that was refused had its time; when nothing is under way, whatever is still unanswered waits for what is not true (no change was
 * missed), and its time is not over; each is answered, and a repeat is answered the same. After a death the tables are what was shown, and what was on disk
 * and not shown yet; the history has each version of configuration that was shown, under that number; and who repeats the last of what he sent is told
 * the version that he was told.
 * Seeds are printed; nothing sleeps.
 */
#include "tests/unit/services/configdb/group.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>

#include "services/configdb/history.h"

enum { WRITERS = 6, STEPS = 600, SENT_MAX = 700, BRIDGES = 3, RULES = 2000, VALUES = 3, STATES_MAX = 3000, RUNS = 12 };

struct state {
    uint32_t value[BRIDGES + 1]; /* by id: mac_aging_s */
    bool has_rule[RULES];
    bool is_configuration, is_change; /* the version that made it so wrote a bridge; to another value */
};
struct condition {
    enum cfg_table table;
    uint64_t id;
    uint32_t value; /* of a bridge */
    bool is_other;
};
struct sent {
    uint64_t start, sequence;
    struct condition conditions[2];
    size_t n_conditions;
    uint64_t over_ns;
    bool makes_no_version, is_given_up;
    size_t n_answers;
    uint64_t n; /* as it was answered */
    struct bench bench;
};
struct law {
    struct group group;
    struct random r;
    struct state now, *states; /* by n */
    struct sent sent[SENT_MAX];
    size_t n_sent, n_refused, n_done, n_waited, n_full, n_deaths, n_unseen, n_repeats;
    uint64_t life, sequence[WRITERS + 1], now_ns, last_rule;
};

static void law_row(void *context, const Busbar__Row *row)
{
    struct law *law = context;
    if (row->table == CFG_BRIDGE) {
        Busbar__BridgeRow *bridge = busbar__bridge_row__unpack(NULL, row->value.len, row->value.data);
        law->now.is_configuration = true;
        law->now.is_change = law->now.is_change || law->now.value[row->id] != bridge->mac_aging_s;
        law->now.value[row->id] = bridge->mac_aging_s;
        busbar__bridge_row__free_unpacked(bridge, NULL);
    } else if (row->table == CFG_RULE) {
        assert_true(row->id < RULES);
        law->now.has_rule[row->id] = !row->deleted;
        law->last_rule = row->id > law->last_rule ? row->id : law->last_rule;
    }
}

static void law_version(void *context, const struct ring_entry *entry)
{
    struct law *law = context;
    assert_true(entry->n < STATES_MAX);
    law->now.is_configuration = law->now.is_change = false;
    ring_entry_rows(entry, law_row, law);
    law->states[entry->n] = law->now;
}

static bool holds(const struct condition *condition, const struct state *state)
{
    bool is_equal = condition->table == CFG_RULE ? state->has_rule[condition->id] : state->value[condition->id] == condition->value;
    return is_equal != condition->is_other;
}

static bool all_hold(const struct sent *sent, const struct state *state)
{
    bool is_true = true;
    for (size_t i = 0; i < sent->n_conditions; i++) {
        is_true = is_true && holds(&sent->conditions[i], state);
    }
    return is_true;
}

static void law_reply(void *context, const struct bus_identity *to, const void *bytes, size_t size)
{
    struct law *law = context;
    Busbar__TransactReply *reply = busbar__transact_reply__unpack(NULL, size, bytes);
    struct sent *sent = NULL;
    for (size_t i = 0; sent == NULL && i < law->n_sent; i++) {
        sent = law->sent[i].start == to->start && law->sent[i].sequence == reply->sequence ? &law->sent[i] : NULL;
    }
    assert_non_null(sent);
    uint64_t n = reply->error == 0 ? reply->version->n : 0;
    if (sent->n_answers > 0 && sent->n != n) {
        fail_msg("writer %" PRIu64 ", transaction %" PRIu64 " was told %" PRIu64 ", and on a repeat %" PRIu64, to->start, reply->sequence, sent->n, n);
    }
    sent->n_answers++;
    sent->n = n;
    if (sent->n_conditions > 0 && reply->error == 0) {
        law->n_done++;
        if (!all_hold(sent, &law->states[sent->makes_no_version ? n : n - 1])) {
            fail_msg("writer %" PRIu64 ", transaction %" PRIu64 " was carried out as %" PRIu64 " although its condition was not true", to->start,
                     reply->sequence, n);
        }
    } else if (reply->error == -ERROR_NOT_TRUE) {
        law->n_refused++;
        assert_true(law->now_ns >= sent->over_ns || sent->is_given_up);
    } else if (reply->error == -ENOSPC) {
        assert_true(law->n_full > 0);
    } else if (reply->error != 0 && reply->error != -ERROR_NOT_FOUND) {
        fail_msg("%s", reply->text);
    }
    busbar__transact_reply__free_unpacked(reply, NULL);
}

static void law_queue(struct law *law, struct sent *sent, bool is_rule)
{
    struct bus_identity from = {.kind = is_rule ? PROCESS_OFAGENT : PROCESS_SWCTL, .instance = 1, .start = sent->start};
    uint8_t packed[2048];
    uint64_t oldest = sent->sequence;
    for (size_t i = 0; i < law->n_sent; i++) {
        oldest = law->sent[i].start == sent->start && law->sent[i].n_answers == 0 && law->sent[i].sequence < oldest ? law->sent[i].sequence : oldest;
    }
    sent->bench.message.oldest = oldest;
    size_t size = busbar__transact__pack(&sent->bench.message, packed);
    bool is_in_memory = random_below(&law->r, 2) == 0; /* either way */
    struct bus_message arrived = {.body = packed, .size = size};
    Busbar__Transact *message = is_in_memory ? (Busbar__Transact *)msg_unpack_into(commit_memory(law->group.commit), &arrived, &busbar__transact__descriptor)
                                             : busbar__transact__unpack(NULL, size, packed);
    assert_non_null(message);
    commit_queue(law->group.commit, &from, &message, size, is_in_memory);
}

static bool is_of_rules(const struct sent *sent)
{
    return sent->start % (WRITERS + 1) > WRITERS / 2; /* half of the writers write configuration, the others rules */
}

/* Its writer does not want it any more: the same sequence, and no operation. */
static void give_up(struct law *law, struct sent *sent)
{
    size_t n_ops = sent->bench.message.n_ops;
    sent->is_given_up = true;
    sent->bench.message.n_ops = 0;
    law_queue(law, sent, is_of_rules(sent));
    sent->bench.message.n_ops = n_ops;
}

static void put_wait(struct law *law, struct sent *sent, uint32_t timeout_ms)
{
    static char column[] = "mac_aging_s";
    static char *columns[] = {column};
    struct condition *condition = &sent->conditions[sent->n_conditions++];
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    *condition = (struct condition){.table = random_below(&law->r, 2) == 0 ? CFG_BRIDGE : CFG_RULE, .is_other = random_below(&law->r, 3) == 0};
    condition->id = condition->table == CFG_BRIDGE ? 1 + random_below(&law->r, BRIDGES) : law->last_rule + random_below(&law->r, 3);
    condition->value = 1 + (uint32_t)random_below(&law->r, VALUES);
    row.has_mac_aging_s = 1;
    row.mac_aging_s = condition->value;
    bool is_bridge = condition->table == CFG_BRIDGE;
    Busbar__Op *op = bench_op(&sent->bench, BUSBAR__OP_KIND__OP_WAIT, condition->table, condition->id, is_bridge ? &row.base : NULL);
    op->columns = columns;
    op->n_columns = is_bridge ? 1 : 0;
    op->other = condition->is_other;
    op->timeout_ms = timeout_ms;
}

static void put_write(struct law *law, struct sent *sent)
{
    static char column[] = "mac_aging_s";
    static char *columns[] = {column};
    sent->makes_no_version = random_below(&law->r, 5) == 0;
    if (sent->makes_no_version && is_of_rules(sent)) {
        Busbar__CounterRow counter = BUSBAR__COUNTER_ROW__INIT;
        (void)bench_op(&sent->bench, BUSBAR__OP_KIND__OP_PUT, CFG_COUNTER, 77, &counter.base);
    } else if (sent->makes_no_version) { /* nothing, or no more than to wait */
        if (random_below(&law->r, 2) == 0) {
            (void)bench_op(&sent->bench, BUSBAR__OP_KIND__OP_REQUIRE, CFG_BRIDGE, 1, NULL);
        }
    } else if (!is_of_rules(sent)) {
        Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
        row.has_mac_aging_s = 1;
        row.mac_aging_s = 1 + (uint32_t)random_below(&law->r, VALUES);
        Busbar__Op *op = bench_op(&sent->bench, BUSBAR__OP_KIND__OP_UPDATE, CFG_BRIDGE, 1 + random_below(&law->r, BRIDGES), &row.base);
        op->columns = columns;
        op->n_columns = 1;
    } else if (random_below(&law->r, 2) == 0 || law->last_rule == 0) {
        Busbar__RuleRow rule = fixture_rule(1, 7);
        (void)bench_op(&sent->bench, BUSBAR__OP_KIND__OP_INSERT, CFG_RULE, 0, &rule.base);
    } else {
        (void)bench_op(&sent->bench, BUSBAR__OP_KIND__OP_DELETE, CFG_RULE, law->last_rule, NULL);
    }
}

static void send_one(struct law *law)
{
    static const uint32_t timeouts_ms[] = {0, 30, 200, 200};
    struct sent *sent = &law->sent[law->n_sent++];
    uint64_t writer = 1 + random_below(&law->r, WRITERS);
    sent->start = law->life * (WRITERS + 1) + writer;
    sent->sequence = ++law->sequence[writer];
    bench_begin(&sent->bench);
    sent->bench.message.sequence = sent->sequence;
    uint32_t timeout_ms = timeouts_ms[random_below(&law->r, 4)];
    for (uint64_t n = random_below(&law->r, 2) * (1 + random_below(&law->r, 2)); n > 0; n--) {
        put_wait(law, sent, timeout_ms);
    }
    sent->over_ns = law->now_ns + timeout_ms * NS_PER_MS;
    put_write(law, sent);
    law_queue(law, sent, is_of_rules(sent));
}

static void law_step(struct law *law, uint64_t ms)
{
    law->now_ns += ms * NS_PER_MS;
    struct confirm_clocks clocks = {.now_ns = law->now_ns, .wall_ns = NS_PER_S, .boot_id = "boot-1"};
    commit_set_clocks(law->group.commit, &clocks);
    commit_step(law->group.commit);
}

/* Until nothing is under way; then what is unanswered waits with reason. */
static void settle_down(struct law *law)
{
    for (int quiet = 0, rounds = 0; quiet < 4; rounds++) { /* writers are gathered for 2 ms */
        bool is_busy = disk_go(law->group.disk);
        law_step(law, 1);
        quiet = is_busy || rows_is_staged(law->group.base.rows) ? 0 : quiet + 1;
        assert_true(rounds < 1000);
    }
    size_t n = 0;
    for (size_t i = 0; i < law->n_sent; i++) {
        const struct sent *sent = &law->sent[i];
        if (sent->n_answers > 0) {
            continue;
        }
        n++;
        if (sent->n_conditions == 0 || all_hold(sent, &law->now) || law->now_ns >= sent->over_ns) {
            fail_msg("writer %" PRIu64 ", transaction %" PRIu64 " waits although nothing is in its way: %zu conditions, %s, %s", sent->start, sent->sequence,
                     sent->n_conditions, all_hold(sent, &law->now) ? "true" : "not true", law->now_ns >= sent->over_ns ? "too late" : "in time");
        }
    }
    assert_int_equal(park_count(commit_parked(law->group.commit)), n);
    law->n_waited += n;
}

/* The disk does what it was asked, or finds no room for it. */
static void law_disk(struct law *law)
{
    struct rlimit unlimited, limit;
    bool is_full = rows_is_staged(law->group.base.rows) && random_below(&law->r, 12) == 0;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    limit = unlimited;
    limit.rlim_cur = 8192;
    if (is_full) {
        law->n_full++;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    }
    (void)disk_go(law->group.disk);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &unlimited), 0);
}

static void law_open(struct law *law)
{
    struct commit_events events = {.on_reply = law_reply, .on_version = law_version, .context = law};
    commit_destroy(&law->group.commit);
    law->group.commit = commit_new(law->group.base.rows, law->group.ring, law->group.recent, law->group.disk, &events);
    law_step(law, 0);
}

/* The tables after a death, with what was on disk and not shown. */
static void read_tables(struct law *law)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_RULE};
    struct store_bytes value;
    uint64_t id;
    struct state shown = law->now;
    memset(&law->now, 0, sizeof law->now);
    for (size_t i = 0; i < 2; i++) {
        struct store_cursor *cursor = rows_walk(law->group.base.rows, tables[i], 0);
        while (rows_walk_next(cursor, tables[i], &id, &value) == 0) {
            Busbar__Row row = BUSBAR__ROW__INIT;
            row.table = tables[i];
            row.id = id;
            row.value.data = (uint8_t *)(uintptr_t)value.bytes;
            row.value.len = value.size;
            law_row(law, &row);
        }
        store_cursor_close(&cursor);
    }
    assert_memory_equal(law->now.has_rule, shown.has_rule, sizeof shown.has_rule);
    if (rows_n(law->group.base.rows) == law->n_unseen) {
        assert_memory_equal(law->now.value, shown.value, sizeof shown.value);
    }
}

/* Under the numbers that were shown up to `newest`; what comes behind it nobody has seen. */
static void check_history(struct law *law, uint64_t newest)
{
    uint64_t n = 0, expected = 1;
    for (uint64_t from = 0; history_first(law->group.base.rows, from, &n) == 0; from = n + 1) {
        if (n <= newest && !law->states[n].is_configuration) {
            fail_msg("the history has %" PRIu64 ", which was shown as one of rules", n);
        }
        for (; expected < n && expected <= newest; expected++) {
            if (law->states[expected].is_change) {
                fail_msg("the history lacks %" PRIu64 ", has %" PRIu64, expected, n);
            }
        }
        expected = n + 1;
    }
    for (; expected <= newest; expected++) {
        assert_false(law->states[expected].is_change);
    }
}

/* kill -9 and a start; the writers have died too, and new ones come. */
static void die(struct law *law)
{
    struct group *group = &law->group;
    uint64_t newest = ring_newest(group->ring);
    size_t last[WRITERS + 1] = {0};
    for (size_t i = 0; i < law->n_sent; i++) {
        struct sent *sent = &law->sent[i];
        last[sent->start % (WRITERS + 1)] = sent->start / (WRITERS + 1) == law->life ? i + 1 : 0;
    }
    commit_destroy(&group->commit);
    disk_destroy(&group->disk);
    recent_destroy(&group->recent);
    ring_destroy(&group->ring);
    rows_destroy(&group->base.rows);
    fixture_base_open(&group->base);
    group->disk = disk_new(DISK_HELD);
    group_open(group);
    law_open(law);
    law->n_deaths++;
    law->n_unseen = newest;
    assert_true(rows_n(group->base.rows) >= newest && rows_n(group->base.rows) < STATES_MAX);
    assert_int_equal(rows_begin_read(group->base.rows), 0);
    read_tables(law);
    check_history(law, newest);
    rows_end(group->base.rows);
    for (uint64_t n = newest + 1; n <= rows_n(group->base.rows); n++) {
        law->states[n] = law->now;
        law->states[n].is_configuration = true;
        law->states[n].is_change = false;
    }
    for (size_t i = 0; i < law->n_sent; i++) {
        law->sent[i].n_answers += law->sent[i].n_answers == 0 ? 1 : 0; /* nobody waits for it any more */
    }
    for (size_t writer = 1; writer <= WRITERS; writer++) {
        struct sent *sent = last[writer] > 0 ? &law->sent[last[writer] - 1] : NULL;
        if (sent != NULL && sent->n != 0) {
            law->n_repeats++;
            size_t n_answers = sent->n_answers;
            law_queue(law, sent, is_of_rules(sent));
            law_step(law, 0);
            assert_int_equal(sent->n_answers, n_answers + 1);
        }
    }
    law->life++;
    memset(law->sequence, 0, sizeof law->sequence);
}

static void law_begin(struct law *law, uint64_t seed)
{
    random_seed(&law->r, seed);
    law->states = memory_array(STATES_MAX, sizeof *law->states);
    law->now_ns = NS_PER_S;
    group_init_with(&law->group, DISK_HELD);
    law_open(law);
    for (uint64_t i = 0; i < BRIDGES; i++) {
        struct sent *sent = &law->sent[law->n_sent++];
        char name[8];
        (void)snprintf(name, sizeof name, "br%u", (unsigned)i);
        Busbar__BridgeRow row = fixture_bridge(name);
        sent->start = 1;
        sent->sequence = ++law->sequence[1];
        bench_begin(&sent->bench);
        sent->bench.message.sequence = sent->sequence;
        (void)bench_op(&sent->bench, BUSBAR__OP_KIND__OP_INSERT, CFG_BRIDGE, 0, &row.base);
        law_queue(law, sent, false);
        settle_down(law);
    }
}

static void what_waits_is_done_when_it_is_true_and_never_else(void **state)
{
    size_t n_done = 0, n_refused = 0, n_waited = 0, n_full = 0, n_deaths = 0, n_repeats = 0;
    signal(SIGXFSZ, SIG_IGN);
    for (uint64_t run = 0; run < RUNS; run++) {
        struct law *law = memory_zeroed(sizeof *law);
        uint64_t seed = 20261127 + run;
        print_message("seed %" PRIu64 "\n", seed);
        law_begin(law, seed);
        for (int i = 0; i < STEPS; i++) {
            send_one(law);
            const struct sent *again = &law->sent[random_below(&law->r, law->n_sent)];
            if (again->n_answers == 0) {
                law_queue(law, &law->sent[again - law->sent], is_of_rules(again));
            }
            again = &law->sent[random_below(&law->r, law->n_sent)];
            if (again->n_answers == 0 && random_below(&law->r, 10) == 0) {
                give_up(law, &law->sent[again - law->sent]);
            }
            if (random_below(&law->r, 3) == 0) {
                law_disk(law);
            }
            if (random_below(&law->r, 50) == 0) {
                die(law);
            }
            law_step(law, random_below(&law->r, 10));
            if (random_below(&law->r, 10) == 0) {
                settle_down(law);
            }
        }
        law_step(law, 1000);
        settle_down(law);
        for (size_t i = 0; i < law->n_sent; i++) {
            assert_true(law->sent[i].n_answers > 0);
        }
        n_done += law->n_done;
        n_refused += law->n_refused;
        n_waited += law->n_waited;
        n_full += law->n_full;
        n_deaths += law->n_deaths;
        n_repeats += law->n_repeats;
        group_fini(&law->group);
        free(law->states);
        free(law);
    }
    print_message("carried out %zu, refused %zu, seen waiting %zu, disk full %zu, died %zu, repeated %zu\n", n_done, n_refused, n_waited, n_full, n_deaths,
                  n_repeats);
    assert_true(n_done > 200 && n_refused > 200 && n_waited > 200 && n_full > 50 && n_deaths > 50 && n_repeats > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_waits_is_done_when_it_is_true_and_never_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
