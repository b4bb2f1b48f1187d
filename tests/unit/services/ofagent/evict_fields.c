/* Tests of services/ofagent/evict_fields.c: which matches are alike. */
#include "services/ofagent/evict_fields.h"

#include "tests/unit/services/ofagent/rules.h"

static uint64_t hash_of(const struct evict_fields *fields, const char *text)
{
    struct flow_mod mod = mod_of(FLOW_MOD_ADD, text);
    struct packed_match_room room;
    struct packed_match *packed = (struct packed_match *)&room;

    packed_match_of(&mod.match, packed);
    flow_mod_fini(&mod);
    return evict_fields_hash(fields, packed, 0);
}

static struct evict_fields *fields_of(const char *first, const char *second)
{
    char *names[] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second};
    return evict_fields_new(names, second != NULL ? 2 : 1);
}

static void matches_with_the_same_bits_are_alike(void **state)
{
    static const struct {
        const char *field, *a, *b;
        bool is_alike;
    } cases[] = {
        {"NXM_OF_IN_PORT[]", "in_port=1,ip,actions=drop", "in_port=1,arp,actions=drop", true},
        {"NXM_OF_IN_PORT[]", "in_port=1,ip,actions=drop", "in_port=2,ip,actions=drop", false},
        {"NXM_OF_IN_PORT[]", "in_port=1,ip,actions=drop", "ip,actions=drop", false},
        {"NXM_OF_IN_PORT[0]", "in_port=1,actions=drop", "in_port=3,actions=drop", true},
        {"NXM_OF_IN_PORT[1]", "in_port=1,actions=drop", "in_port=3,actions=drop", false},
        {"eth_src[0..7]", "dl_src=02:00:00:00:01:05,actions=drop", "dl_src=02:00:00:00:02:05,actions=drop", true},
        {"eth_src[0..8]", "dl_src=02:00:00:00:01:05,actions=drop", "dl_src=02:00:00:00:02:05,actions=drop", false},
        {"reg0", "reg0=0,actions=drop", "ip,actions=drop", true}, /* what is not looked at counts as 0 */
        {"nw_src", "ip,nw_src=10.0.0.0/8,actions=drop", "ip,nw_src=10.0.0.0,actions=drop", true},
        {"nw_src", "ip,nw_src=10.0.0.1,actions=drop", "ip,nw_src=10.0.0.2,actions=drop", false},
        {"ipv6_dst", "ipv6,ipv6_dst=fe80::1,actions=drop", "ipv6,ipv6_dst=1::1,actions=drop", false}, /* more than 64 bits */
        {"ipv6_dst[0..15]", "ipv6,ipv6_dst=fe80::1,actions=drop", "ipv6,ipv6_dst=1::1,actions=drop", true},
        {"tcp_dst", "tcp,tp_dst=80,actions=drop", "tcp,tp_dst=81,actions=drop", false},
        {"tcp_dst", "udp,tp_dst=80,actions=drop", "udp,tp_dst=81,actions=drop", true}, /* they share the storage only */
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct evict_fields *fields = fields_of(cases[i].field, NULL);
        assert_non_null(fields);
        bool is_alike = hash_of(fields, cases[i].a) == hash_of(fields, cases[i].b);
        if (is_alike != cases[i].is_alike) {
            fail_msg("%s: %s and %s", cases[i].field, cases[i].a, cases[i].b);
        }
        free(fields);
    }
}

static void all_fields_count_and_their_places_too(void **state)
{
    struct evict_fields *fields = fields_of("reg0", "reg1");

    (void)state;
    assert_true(hash_of(fields, "reg0=1,reg1=2,actions=drop") == hash_of(fields, "reg0=1,reg1=2,ip,actions=drop"));
    assert_true(hash_of(fields, "reg0=1,reg1=2,actions=drop") != hash_of(fields, "reg0=2,reg1=1,actions=drop"));
    assert_true(hash_of(fields, "reg0=1,actions=drop") != hash_of(fields, "reg0=1,reg1=1,actions=drop"));
    assert_true(hash_of(NULL, "reg0=1,actions=drop") == hash_of(NULL, "reg0=2,actions=drop"));
    free(fields);
}

static void fields_are_compared_and_copied(void **state)
{
    struct evict_fields *fields = fields_of("reg0[0..7]", "reg1"), *copy = evict_fields_copy(fields);
    struct evict_fields *others[] = {fields_of("reg0[0..6]", "reg1"), fields_of("reg0[1..7]", "reg1"), fields_of("reg0[0..7]", "reg2"),
                                     fields_of("reg0[0..7]", NULL)};

    (void)state;
    assert_true(evict_fields_equal(fields, copy) && evict_fields_equal(NULL, NULL));
    assert_false(evict_fields_equal(fields, NULL) || evict_fields_equal(NULL, fields));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(evict_fields_equal(fields, others[i]));
        free(others[i]);
    }
    assert_null(evict_fields_copy(NULL));
    free(copy);
    free(fields);
}

static void what_is_no_field_is_left_out(void **state)
{
    struct evict_fields *fields = fields_of("NXM_OF_IN_POT[]", "reg1");

    (void)state;
    assert_int_equal(fields->n, 1);
    assert_int_equal(fields->parts[0].field, FIELD_REG1);
    free(fields);
    assert_null(fields_of("NXM_OF_IN_POT[]", NULL));
    assert_null(evict_fields_new(NULL, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_with_the_same_bits_are_alike),
        cmocka_unit_test(all_fields_count_and_their_places_too),
        cmocka_unit_test(fields_are_compared_and_copied),
        cmocka_unit_test(what_is_no_field_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
