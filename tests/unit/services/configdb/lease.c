/* Leases: renewed by the life that joined, lapsed by silence. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/lease.h"

static const struct bus_identity slowpath = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 10};

static void join(struct leases *leases, uint64_t id, uint64_t start, uint64_t deadline_ns)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.kind = PROCESS_SLOWPATH;
    row.instance = 1;
    row.start = start;
    leases_add(leases, id, &row, deadline_ns);
}

static void silence_lapses_and_renewal_keeps(void **state)
{
    struct leases *leases = leases_new();
    join(leases, 5, 10, LEASE_NS);
    assert_int_equal(leases_lapsed(leases, LEASE_NS - 1), 0);
    assert_true(leases_renew(leases, 5, &slowpath, NS_PER_S));
    assert_int_equal(leases_lapsed(leases, LEASE_NS), 0);
    assert_int_equal(leases_lapsed(leases, NS_PER_S + LEASE_NS), 5);
    leases_remove(leases, 5);
    assert_int_equal(leases_lapsed(leases, 100 * NS_PER_S), 0);
    assert_int_equal(leases_count(leases), 0);
    leases_destroy(&leases);
    leases_destroy(&leases);
}

static void only_the_life_that_joined_renews(void **state)
{
    struct leases *leases = leases_new();
    struct bus_identity reborn = slowpath;
    reborn.start = 11;
    join(leases, 5, 10, LEASE_NS);
    assert_false(leases_renew(leases, 5, &reborn, 0));
    assert_false(leases_renew(leases, 6, &slowpath, 0));
    assert_false(leases_renew(leases, 0, &slowpath, 0));
    leases_destroy(&leases);
}

static void a_renewal_never_shortens_the_grace_after_a_start(void **state)
{
    struct leases *leases = leases_new();
    join(leases, 5, 10, LEASE_GRACE_NS);
    assert_true(leases_renew(leases, 5, &slowpath, 0));
    assert_int_equal(leases_lapsed(leases, LEASE_GRACE_NS - 1), 0);
    json_t *json = leases_json(leases, 0);
    assert_string_equal(json_string_value(json_object_get(json_array_get(json, 0), "service")), "slowpath.1");
    json_decref(json);
    leases_destroy(&leases);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence_lapses_and_renewal_keeps),
        cmocka_unit_test(only_the_life_that_joined_renews),
        cmocka_unit_test(a_renewal_never_shortens_the_grace_after_a_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
