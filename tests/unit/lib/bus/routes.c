/* Tests of lib/bus/routes.c: the way back is the way it came, an identity belongs to one key at a time, and the set stays bounded. */
#include "lib/bus/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct bus_identity peer(uint64_t start)
{
    return (struct bus_identity){.kind = PROCESS_SLOWPATH, .instance = 1, .start = start};
}

struct fixture {
    struct routes routes;
    struct key_table *keys;
};

static int setup(void **state)
{
    static struct fixture f;
    f = (struct fixture){.keys = key_table_new()};
    key_table_set(f.keys, "first", "a", ROLE_SLOWPATH);
    key_table_set(f.keys, "second", "b", ROLE_SLOWPATH);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    routes_fini(&f->routes);
    key_table_destroy(&f->keys);
    return 0;
}

static bool learn(struct fixture *f, uint64_t start, uint8_t mark, size_t size, const char *key)
{
    struct bus_identity who = peer(start);
    uint8_t id[ROUTE_ID_MAX];
    memset(id, mark, sizeof id);
    return routes_learn(&f->routes, f->keys, &who, id, size, key);
}

/* The first byte of the routing id, or the error. */
static int find(struct fixture *f, uint64_t start, size_t *out_size)
{
    struct bus_identity who = peer(start);
    uint8_t id[ROUTE_ID_MAX];
    int err = routes_find(&f->routes, f->keys, &who, id, out_size);
    return err < 0 ? err : id[0];
}

static void an_answer_goes_the_way_the_newest_message_came(void **state)
{
    struct fixture *f = *state;
    size_t size;
    assert_true(learn(f, 1, 0xa1, ROUTE_ID_MAX, "first"));
    assert_int_equal(find(f, 1, &size), 0xa1);
    assert_int_equal(size, ROUTE_ID_MAX);
    assert_true(learn(f, 1, 0xa2, ROUTE_ID_MAX, "first"));
    assert_int_equal(find(f, 1, &size), 0xa2);
    assert_int_equal(find(f, 2, &size), PROCESS_SLOWPATH); /* never heard: as over ipc */
    assert_int_equal(size, ROUTING_ID_BYTES);
}

static void an_identity_belongs_to_one_key_until_that_is_gone(void **state)
{
    struct fixture *f = *state;
    size_t size;
    assert_true(learn(f, 1, 1, ROUTE_ID_MAX, "first"));
    assert_false(learn(f, 1, 2, ROUTE_ID_MAX, "second"));
    assert_false(learn(f, 1, 2, ROUTING_ID_BYTES, NULL));
    assert_int_equal(find(f, 1, &size), 1);
    key_table_remove(f->keys, "first");
    assert_int_equal(find(f, 1, &size), -ERROR_NOT_CONNECTED);
    assert_true(learn(f, 1, 2, ROUTE_ID_MAX, "second"));
    assert_int_equal(find(f, 1, &size), 2);
    key_table_set(f->keys, "second", "b", ROLE_READ); /* no longer a slowpath's */
    assert_int_equal(find(f, 1, &size), -ERROR_NOT_CONNECTED);
}

static void ipc_keeps_its_identities(void **state)
{
    struct fixture *f = *state;
    size_t size;
    assert_true(learn(f, 1, 1, ROUTING_ID_BYTES, NULL));
    assert_false(learn(f, 1, 2, ROUTE_ID_MAX, "first"));
    assert_int_equal(find(f, 1, &size), 1);
    assert_int_equal(size, ROUTING_ID_BYTES);
}

static void the_longest_unheard_makes_room(void **state)
{
    struct fixture *f = *state;
    size_t size;
    assert_true(learn(f, 2, 2, ROUTE_ID_MAX, "first"));
    for (uint64_t i = 0; i < ROUTES_MAX + 10; i++) {
        assert_true(learn(f, 1, 1, ROUTE_ID_MAX, "first"));
        assert_true(learn(f, 100 + i, 3, ROUTE_ID_MAX, "second"));
        assert_in_range(routes_size(&f->routes), 1, ROUTES_MAX);
    }
    assert_int_equal(find(f, 1, &size), 1);
    assert_int_equal(find(f, 2, &size), PROCESS_SLOWPATH); /* forgotten */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_answer_goes_the_way_the_newest_message_came, setup, teardown),
        cmocka_unit_test_setup_teardown(an_identity_belongs_to_one_key_until_that_is_gone, setup, teardown),
        cmocka_unit_test_setup_teardown(ipc_keeps_its_identities, setup, teardown),
        cmocka_unit_test_setup_teardown(the_longest_unheard_makes_room, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
