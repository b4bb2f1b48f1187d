/* The past as swctl is told it: lists, one commit, differences, and what waits for its confirmation. */
#include "tests/unit/services/configdb/desk.h"

static struct fixture_result add_bridge(struct desk *desk, const char *name, uint32_t confirm_s)
{
    struct cfg_txn *txn = cfg_txn_new("swctl add-br");
    Busbar__BridgeRow row = fixture_bridge(name);
    cfg_txn_set_user(txn, "anna");
    (void)cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    if (confirm_s > 0) {
        cfg_txn_confirm_within(txn, confirm_s);
    }
    struct fixture_result result = fixture_transact(&desk->f, 0, &txn);
    assert_int_equal(result.error, 0);
    return result;
}

static const char *text(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    assert_non_null(value);
    return value;
}

static int64_t number(const json_t *object, const char *key)
{
    assert_true(json_is_integer(json_object_get(object, key)));
    return json_integer_value(json_object_get(object, key));
}

static void the_newest_come_first_with_who_when_and_what(void **state)
{
    struct desk desk;
    desk_init(&desk);
    uint64_t wall = 1700000000ull;
    configdb_set_wall(desk.f.db, desk.f.now_ns, wall * NS_PER_S);
    (void)add_bridge(&desk, "br0", 0);
    struct fixture_result second = add_bridge(&desk, "br1", 0);
    ask(&desk, "history", NULL, NULL);
    assert_int_equal(desk.error, 0);
    assert_int_equal(json_array_size(desk.answer), 2);
    const json_t *commit = json_array_get(desk.answer, 0);
    assert_int_equal(number(commit, "n"), second.version.n);
    assert_int_equal(number(commit, "epoch"), second.version.epoch);
    assert_true((uint64_t)number(commit, "wall_ns") / NS_PER_S - wall < 10);
    assert_string_equal(text(commit, "user"), "anna");
    assert_string_equal(text(commit, "client"), "swctl add-br");
    assert_string_equal(text(commit, "process"), "swctl.1");
    assert_int_equal(number(commit, "n_changes"), 2);
    const json_t *change = json_array_get(json_object_get(commit, "changes"), 0);
    assert_string_equal(text(change, "row"), "br1");
    assert_string_equal(text(change, "change"), "+");
    ask(&desk, "history", "1", NULL);
    assert_int_equal(json_array_size(desk.answer), 1);
    assert_int_equal(number(json_array_get(desk.answer, 0), "n"), second.version.n);
    desk_fini(&desk);
}

static void long_histories_come_whole_in_pieces(void **state)
{
    struct desk desk;
    char name[16];
    desk_init(&desk);
    for (int i = 0; i < 120; i++) {
        (void)snprintf(name, sizeof name, "b%d", i);
        (void)add_bridge(&desk, name, 0);
    }
    ask(&desk, "history", "0", NULL);
    assert_int_equal(json_array_size(desk.answer), 120);
    for (size_t i = 1; i < 120; i++) {
        assert_true(number(json_array_get(desk.answer, i), "n") < number(json_array_get(desk.answer, i - 1), "n"));
    }
    ask(&desk, "history", NULL, NULL);
    assert_int_equal(json_array_size(desk.answer), 50);
    desk_fini(&desk);
}

static void rows_that_are_gone_still_have_names(void **state)
{
    struct desk desk;
    char version[32];
    desk_init(&desk);
    struct fixture_result made = add_bridge(&desk, "br0", 0);
    struct cfg_txn *txn = cfg_txn_new("test");
    Busbar__ControllerRow controller = BUSBAR__CONTROLLER_ROW__INIT;
    char target[] = "tcp:10.0.0.1";
    controller.bridge = made.ids[0];
    controller.target = target;
    (void)cfg_txn_insert(txn, CFG_CONTROLLER, &controller.base);
    struct fixture_result second = fixture_transact(&desk.f, 0, &txn);
    txn = cfg_txn_new("test");
    cfg_txn_delete(txn, CFG_BRIDGE, made.ids[0]);
    assert_int_equal(fixture_transact(&desk.f, 0, &txn).error, 0);
    (void)snprintf(version, sizeof version, "%llu", (unsigned long long)second.version.n);
    ask(&desk, "commit", version, NULL);
    assert_int_equal(desk.error, 0);
    assert_string_equal(text(json_array_get(json_object_get(desk.answer, "changes"), 0), "row"), "br0 tcp:10.0.0.1");
    desk_fini(&desk);
}

static void a_difference_is_between_two_versions_or_one_and_now(void **state)
{
    struct desk desk;
    char first[48], second[48];
    desk_init(&desk);
    struct fixture_result one = add_bridge(&desk, "br0", 0);
    struct fixture_result two = add_bridge(&desk, "br1", 0);
    (void)add_bridge(&desk, "br2", 0);
    (void)snprintf(first, sizeof first, "%llu.%llu", (unsigned long long)one.version.epoch, (unsigned long long)one.version.n);
    (void)snprintf(second, sizeof second, "%llu", (unsigned long long)two.version.n);
    ask(&desk, "diff", first, second);
    assert_int_equal(desk.error, 0);
    assert_int_equal(json_array_size(json_object_get(desk.answer, "changes")), 2); /* bridge and LOCAL port */
    ask(&desk, "diff", first, NULL);
    assert_int_equal(json_array_size(json_object_get(desk.answer, "changes")), 4);
    assert_string_equal(text(desk.answer, "to"), "now");
    ask(&desk, "diff", second, first);
    assert_string_equal(text(json_array_get(json_object_get(desk.answer, "changes"), 0), "change"), "-");
    desk_fini(&desk);
}

static void what_waits_says_how_long_and_how_it_ended(void **state)
{
    struct desk desk;
    desk_init(&desk);
    (void)add_bridge(&desk, "br0", 30);
    ask(&desk, "history", NULL, NULL);
    int64_t left = number(json_array_get(desk.answer, 0), "left_s");
    assert_true(left >= 20 && left <= 30);
    fixture_run(&desk.f, 31000);
    ask(&desk, "history", NULL, NULL);
    assert_int_equal(json_array_size(desk.answer), 2);
    const json_t *undoing = json_array_get(desk.answer, 0), *undone = json_array_get(desk.answer, 1);
    assert_null(json_object_get(undone, "left_s"));
    assert_non_null(strstr(text(undone, "note"), "undone in"));
    assert_non_null(strstr(text(undoing, "note"), "undoes"));
    assert_string_equal(text(undoing, "process"), "configdb.1");
    assert_non_null(strstr(text(undoing, "client"), "not confirmed within 30 s"));
    desk_fini(&desk);
}

static void what_makes_no_sense_is_refused_by_name(void **state)
{
    static const char *const asked[][3] = {{"history", "x", NULL}, {"history", "-1", NULL}, {"history", "1", "2"},  {"commit", NULL, NULL},
                                           {"commit", "1x", NULL}, {"commit", "99", NULL},  {"commit", "3.1", NULL}, {"diff", NULL, NULL},
                                           {"diff", "99", NULL},   {"diff", "", NULL},      {"diff", "0", "br0"}};
    struct desk desk;
    desk_init(&desk);
    (void)add_bridge(&desk, "br0", 0);
    for (size_t i = 0; i < sizeof asked / sizeof asked[0]; i++) {
        ask(&desk, asked[i][0], asked[i][1], asked[i][2]);
        if (desk.error == 0 || desk.text[0] == '\0') {
            fail_msg("%s %s was not refused", asked[i][0], asked[i][1] != NULL ? asked[i][1] : "");
        }
    }
    ask(&desk, "history", NULL, NULL); /* no transaction was left open */
    assert_int_equal(desk.error, 0);
    (void)add_bridge(&desk, "br1", 0);
    desk_fini(&desk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_come_first_with_who_when_and_what),
        cmocka_unit_test(long_histories_come_whole_in_pieces),
        cmocka_unit_test(rows_that_are_gone_still_have_names),
        cmocka_unit_test(a_difference_is_between_two_versions_or_one_and_now),
        cmocka_unit_test(what_waits_says_how_long_and_how_it_ended),
        cmocka_unit_test(what_makes_no_sense_is_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
