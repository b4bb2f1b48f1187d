/* Dumps of flows in slices. In-process, fake clock, one thread; prints its seed.
 * What may never happen: a step that looks at more than its share however many flows there are; a first N that leaves out a greater one. */
#include "tests/unit/services/fastpath/rig.h"

#include "lib/base/random.h"
#include "services/fastpath/flow_dump.h"

enum { MANY = 250000 };

/* n flows of port 1 straight in the table, owned by session 0 or nobody; every third one goes out by port 3, the others by 2. */
static void add_flows(struct rig *rig, size_t n)
{
    struct flow_key mask = mask_all();
    for (size_t i = 0; i < n; i++) {
        struct flow_key key = key_udp(1, (uint16_t)(i >> 8), (uint16_t)(i & 0xff));
        struct dp_action output = {.type = DP_ACTION_OUTPUT, .port = i % 3 == 0 ? 3 : 2};
        bool is_new;
        struct program *program = program_get(rig->shard->programs, &output, 1, NULL, 0, &is_new);
        struct flow *flow = flow_table_add(rig->shard->flows, &key, &mask, key_flow_id(&key, &mask), &program);
        assert_non_null(flow);
        if (i % 2 == 0) {
            install_own(rig->shard, flow, 0);
        }
    }
}

static struct rig *rig_with_flows(size_t n)
{
    struct rig *rig = rig_new(64);
    rig_hello(rig, 0, 10, MSG_KEY_LAYOUT);
    add_flows(rig, n);
    return rig;
}

static size_t count_noted_at(const struct rig *rig, uint64_t ns)
{
    size_t cursor = 0, n = 0;
    for (struct flow *flow; (flow = flow_table_next(rig->shard->flows, &cursor)) != NULL;) {
        n += flow->rated_ns == ns;
    }
    return n;
}

/* All rows, a step a millisecond. */
static json_t *run(struct rig *rig, const char *filter, const char *sort, const char *top)
{
    struct flow_dump *dump;
    struct error_detail detail;
    const char *words[] = {filter, sort, top};
    json_t *all = json_array();
    bool has_more = true;
    assert_int_equal(flow_dump_new(rig->shard, words, 3, &dump, &detail), 0);
    for (size_t n_steps = 0; has_more; n_steps++) {
        json_t *rows = json_array();
        assert_true(n_steps < 20000);
        has_more = flow_dump_step(dump, rig->now_ns, rows);
        assert_true(json_array_size(rows) <= FLOW_DUMP_TEXTS);
        json_array_extend(all, rows);
        json_decref(rows);
        rig->now_ns += NS_PER_MS;
    }
    flow_dump_destroy(&dump);
    return all;
}

static size_t count(struct rig *rig, const char *filter)
{
    json_t *rows = run(rig, filter, "", "");
    size_t n = json_array_size(rows);
    json_decref(rows);
    return n;
}

static void a_step_looks_at_a_bounded_number_of_many_flows(void **state)
{
    struct rig *rig = rig_with_flows(MANY);
    struct flow_dump *dump;
    struct error_detail detail;
    const char *words[] = {"", "rate", "20"};
    json_t *rows = json_array();
    size_t n_steps = 0, n_noted = 0;
    assert_int_equal(flow_dump_new(rig->shard, words, 3, &dump, &detail), 0);
    while (!flow_dump_is_waiting(dump)) { /* the notes tell what a step looked at */
        assert_true(flow_dump_step(dump, rig->now_ns, rows));
        if (n_steps % 20 == 0) {
            size_t n = count_noted_at(rig, rig->now_ns);
            assert_true(n > 0 && n <= FLOW_DUMP_LOOK_AT);
        }
        n_steps++;
        rig->now_ns += NS_PER_MS;
    }
    assert_true(n_steps >= MANY / FLOW_DUMP_LOOK_AT);
    n_noted = MANY - count_noted_at(rig, 0);
    assert_int_equal(n_noted, MANY);
    rig->now_ns += NS_PER_S;
    n_steps = 0;
    while (flow_dump_step(dump, rig->now_ns, rows)) {
        n_steps++;
        rig->now_ns += NS_PER_MS;
    }
    assert_true(n_steps >= MANY / FLOW_DUMP_LOOK_AT && n_steps < MANY / FLOW_DUMP_LOOK_AT + 10);
    assert_int_equal(json_array_size(rows), 20);
    json_decref(rows);
    flow_dump_destroy(&dump);
    rig_end(rig);
}

static void every_flow_is_listed_once(void **state)
{
    struct rig *rig = rig_with_flows(5000);
    json_t *rows = run(rig, "", "", ""), *seen = json_object(), *row;
    size_t i;
    assert_int_equal(json_array_size(rows), 5000);
    json_array_foreach(rows, i, row) {
        const char *id = json_string_value(json_object_get(row, "id"));
        assert_null(json_object_get(seen, id));
        json_object_set_new(seen, id, json_true());
    }
    json_decref(seen);
    json_decref(rows);
    rig_end(rig);
}

static void filters_leave_what_they_say(void **state)
{
    struct rig *rig = rig_with_flows(6000);
    assert_int_equal(count(rig, "owner=slowpath.1"), 3000);
    assert_int_equal(count(rig, "owner=slowpath.2"), 0);
    assert_int_equal(count(rig, "actions~output:p3"), 2000);
    assert_int_equal(count(rig, "udp,tp_src=7"), 24);
    assert_int_equal(count(rig, "udp,in_port=p1,owner=slowpath.1,tp_src=6,actions~p3"), 8);
    assert_int_equal(count(rig, "in_port=p2"), 0);
    assert_int_equal(count(rig, ""), 6000);
    rig_end(rig);
}

static int compare_u64_down(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void the_first_n_are_the_greatest_in_order(void **state)
{
    static uint64_t packets[30000];
    static const char *const sorts[] = {"packets", "bytes", "used"};
    struct random random;
    struct rig *rig = rig_with_flows(30000);
    size_t cursor = 0, n = 0;
    print_message("seed 5\n");
    random_seed(&random, 5);
    for (struct flow *flow; (flow = flow_table_next(rig->shard->flows, &cursor)) != NULL;) {
        flow->packets = packets[n++] = random_below(&random, 10000); /* some are equal */
        flow->bytes = flow->packets * 60;
        flow->used_ns = rig->now_ns - NS_PER_S * (20000 - flow->packets);
    }
    qsort(packets, n, sizeof packets[0], compare_u64_down);
    for (size_t s = 0; s < 3; s++) {
        for (size_t top = 1; top <= 10000; top *= 10) {
            char text[16];
            snprintf(text, sizeof text, "%zu", top);
            json_t *rows = run(rig, "", sorts[s], text);
            assert_int_equal(json_array_size(rows), top);
            for (size_t i = 0; i < top; i++) {
                assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, i), "packets")), packets[i]);
            }
            json_decref(rows);
        }
    }
    json_t *rows = run(rig, "", "packets", "");
    assert_int_equal(json_array_size(rows), FLOW_DUMP_TOP_MAX);
    json_decref(rows);
    rows = run(rig, "", "", "17");
    assert_int_equal(json_array_size(rows), 17);
    json_decref(rows);
    rig_end(rig);
}

/* The flows send `step` packets a millisecond each, by number, while the dump is under way. */
static void rates_are_those_between_two_looks(void **state)
{
    struct rig *rig = rig_with_flows(3000);
    struct flow *base = flow_table_base(rig->shard->flows);
    const char *words[] = {"", "rate", "3"};
    struct error_detail detail;
    base[40].packets = 1000000; /* long ago */
    for (int round = 0; round < 2; round++) { /* the second one finds the notes of the first */
        struct flow_dump *dump;
        json_t *rows = json_array();
        assert_int_equal(flow_dump_new(rig->shard, words, 3, &dump, &detail), 0);
        while (flow_dump_step(dump, rig->now_ns, rows)) {
            rig->now_ns += NS_PER_MS;
            base[10].packets += 5;
            base[2500].packets += 9;
            base[77].packets += 1;
        }
        assert_int_equal(json_array_size(rows), 3);
        for (size_t i = 0; i < 3; i++) {
            double rate = json_number_value(json_object_get(json_array_get(rows, i), "rate")), want = i == 0 ? 9000 : i == 1 ? 5000 : 1000;
            assert_true(rate > want * 0.99 && rate < want * 1.01);
        }
        json_decref(rows);
        flow_dump_destroy(&dump);
    }
    rig_end(rig);
}

static void flows_that_go_meanwhile_are_left_out(void **state)
{
    struct rig *rig = rig_with_flows(4000);
    const char *words[] = {"", "packets", "100"};
    struct flow_dump *dump;
    struct error_detail detail;
    json_t *rows = json_array();
    struct flow *base = flow_table_base(rig->shard->flows);
    for (uint32_t i = 1; i <= 4000; i++) {
        base[i].packets = i;
    }
    assert_int_equal(flow_dump_new(rig->shard, words, 3, &dump, &detail), 0);
    assert_true(flow_dump_step(dump, rig->now_ns, rows) && flow_dump_step(dump, rig->now_ns, rows));
    install_remove_flow(rig->shard, &base[4000], true);
    install_remove_flow(rig->shard, &base[3999], true);
    add_flows(rig, 1); /* the same id as flow 1: refused by nobody here, and in the place of one that has gone */
    while (flow_dump_step(dump, rig->now_ns, rows)) {
        rig->now_ns += NS_PER_MS;
    }
    assert_int_equal(json_array_size(rows), 98);
    assert_int_equal(json_integer_value(json_object_get(json_array_get(rows, 0), "packets")), 3998);
    json_decref(rows);
    flow_dump_destroy(&dump);
    rig_end(rig);
}

static void mistakes_name_the_word(void **state)
{
    static const struct {
        const char *words[3], *named;
        int err;
    } wrong[] = {
        {{"no_such_field=3", "", ""}, "no_such_field", -ERROR_UNKNOWN_NAME},
        {{"owner=me", "", ""}, "owner=me", -ERROR_SYNTAX},
        {{"owner=", "", ""}, "owner", -ERROR_SYNTAX},
        {{"in_port=nowhere", "", ""}, "nowhere", -ERROR_NOT_FOUND},
        {{"", "age", ""}, "age", -ERROR_UNKNOWN_NAME},
        {{"", "rate", "0"}, "0", -ERROR_RANGE},
        {{"", "rate", "10001"}, "10001", -ERROR_RANGE},
        {{"", "", "-3"}, "-3", -ERROR_RANGE},
        {{"", "", "3x"}, "3x", -ERROR_RANGE},
    };
    struct rig *rig = rig_new(64);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct flow_dump *dump = NULL;
        struct error_detail detail = {""};
        assert_int_equal(flow_dump_new(rig->shard, wrong[i].words, 3, &dump, &detail), wrong[i].err);
        assert_non_null(strstr(detail.text, wrong[i].named));
        assert_null(dump);
    }
    rig_end(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_looks_at_a_bounded_number_of_many_flows),
        cmocka_unit_test(every_flow_is_listed_once),
        cmocka_unit_test(filters_leave_what_they_say),
        cmocka_unit_test(the_first_n_are_the_greatest_in_order),
        cmocka_unit_test(rates_are_those_between_two_looks),
        cmocka_unit_test(flows_that_go_meanwhile_are_left_out),
        cmocka_unit_test(mistakes_name_the_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
