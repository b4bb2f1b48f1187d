/* Ports by number, and token buckets. Unit test, one thread; prints its seed.
 * What may never happen: a port that was removed is found, or one that was not is lost.
 * Compared with an array of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/random.h"
#include "services/fastpath/port.h"

static void ports_are_found_as_long_as_they_are_there(void **state)
{
    static struct port_set set;
    static bool there[5000];
    struct random random;
    random_seed(&random, 5);
    print_message("seed 5\n");
    for (int i = 0; i < 3000; i++) {
        uint32_t id = 1 + (uint32_t)random_below(&random, 4999);
        struct port *port = port_set_find(&set, id);
        assert_int_equal(port != NULL, there[id]);
        if (port != NULL) {
            assert_int_equal(port->id, id);
            port_set_remove(&set, port);
            there[id] = false;
        } else if (set.n_ports < 200) {
            assert_non_null(port_set_add(&set, id));
            there[id] = true;
        }
    }
    while (set.n_ports > 0) {
        port_set_remove(&set, set.ports[0]);
    }
}

static void more_ports_than_the_limit_are_refused(void **state)
{
    static struct port_set set;
    for (uint32_t id = 1; id <= PORTS_MAX; id++) {
        assert_non_null(port_set_add(&set, id * 3));
    }
    assert_null(port_set_add(&set, 7));
    assert_non_null(port_set_find(&set, 300));
    while (set.n_ports > 0) {
        port_set_remove(&set, set.ports[set.n_ports - 1]);
    }
}

static void bucket_lets_a_burst_through_and_then_its_rate(void **state)
{
    struct bucket bucket = bucket_of_rate(1000, 10);
    uint64_t now = 50000000000u;
    int n = 0;
    while (bucket_take(&bucket, now)) {
        n++;
    }
    assert_int_equal(n, 10);
    for (n = 0; n < 100; n++) {
        now += 1000000;
        assert_true(bucket_take(&bucket, now));
        assert_false(bucket_take(&bucket, now));
    }
    now += 60000000000u;
    for (n = 0; bucket_take(&bucket, now); n++) {
    }
    assert_int_equal(n, 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ports_are_found_as_long_as_they_are_there),
        cmocka_unit_test(more_ports_than_the_limit_are_refused),
        cmocka_unit_test(bucket_lets_a_burst_through_and_then_its_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
