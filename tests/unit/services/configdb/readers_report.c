/* What others are told about a reader, at each of its stages. */
#include "tests/unit/services/configdb/raw.h"

#include "services/configdb/readers.h"

static json_t *reader_of_raw(json_t *status)
{
    json_t *reader;
    size_t i;
    json_array_foreach(json_object_get(status, "readers"), i, reader) {
        if (strcmp(json_string_value(json_object_get(reader, "reader")), "ofagent.1") == 0) {
            return reader;
        }
    }
    return NULL;
}

static void assert_reader(const struct raw *raw, const char *state, uint64_t lag)
{
    json_t *status = configdb_status_json(raw->f.db), *reader = reader_of_raw(status);
    assert_non_null(reader);
    assert_string_equal(json_string_value(json_object_get(reader, "state")), state);
    assert_int_equal(json_integer_value(json_object_get(reader, "lag")), lag);
    assert_int_equal(json_array_size(json_object_get(reader, "tables")), 2);
    json_decref(status);
}

static void the_state_and_the_lag_of_a_reader_are_told(void **state)
{
    struct raw raw;
    raw_init(&raw);
    raw.takes_batches = raw.takes_beside = true;
    for (int i = 0; i < 12; i++) {
        raw_add_large_rule_now(&raw, 450 * 1000);
        raw_run(&raw, 2);
    }
    uint64_t n = configdb_version(raw.f.db).n;
    raw.last_n = n;
    raw_follow(&raw, raw.bridge, 0, n);
    assert_reader(&raw, "follow", 0);
    raw_follow(&raw, raw.bridge, raw.bridge, n);
    assert_reader(&raw, "grow", 0);
    raw_other_adds_rule(&raw);
    raw_run(&raw, 2);
    assert_reader(&raw, "grow", 1); /* it was sent it, and has not said that it is done */
    raw_applied(&raw, n + 1);
    assert_reader(&raw, "grow", 0);
    for (int i = 0; i < 12 && !raw.is_joined; i++) {
        raw_gathered(&raw, raw.n_pieces);
    }
    assert_reader(&raw, "follow", 0);
    raw_fini(&raw);
}

struct missing {
    size_t n;
    char text[200];
};

static void on_missing(void *context, const Busbar__AwaitAppliedReply *reply)
{
    struct missing *missing = context;
    missing->n = 1 + reply->n_missing;
    for (size_t i = 0; i < reply->n_missing; i++) {
        (void)snprintf(missing->text, sizeof missing->text, "%s", reply->missing[i]);
    }
}

/* One that grows goes on showing commits, so it is waited for like any other. */
static void who_has_not_applied_a_version_is_named(void **state)
{
    struct raw raw;
    struct missing missing = {.n = 0};
    raw_init(&raw);
    raw.takes_batches = raw.takes_beside = true;
    raw_other_adds_rule(&raw);
    struct version version = configdb_version(raw.f.db);
    raw.last_n = version.n - 1;
    raw_follow(&raw, raw.bridge, raw.bridge, version.n - 1);
    cfg_await_applied(raw.f.client[0], version, 50, on_missing, &missing);
    raw_run(&raw, 200);
    assert_int_equal(missing.n, 2);
    assert_non_null(strstr(missing.text, "ofagent.1 applied"));
    missing.n = 0;
    raw_applied(&raw, version.n);
    cfg_await_applied(raw.f.client[0], version, 50, on_missing, &missing);
    raw_run(&raw, 200);
    assert_int_equal(missing.n, 1);
    raw_fini(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_state_and_the_lag_of_a_reader_are_told),
        cmocka_unit_test(who_has_not_applied_a_version_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
