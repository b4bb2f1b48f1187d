/* Tests of lib/msg/dp_action.c: every action survives packing, and nothing out of range gets to the executor. */
#include "lib/msg/dp_action.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "proto/session.pb-c.h"

enum { LIST_MAX = 24 };

/* One of each type. */
static size_t one_of_each(struct dp_action *a)
{
    size_t n = 0;
    memset(a, 0, LIST_MAX * sizeof *a);
    a[n++] = (struct dp_action){.type = DP_ACTION_PUSH_VLAN, .push_vlan = {.tpid = 0x8100, .tci = 0xf00a}};
    a[n] = (struct dp_action){.type = DP_ACTION_SET_FIELD};
    a[n].set_field.field = FIELD_ETH_DST;
    a[n].set_field.value = field_value_u64(0x010203040506);
    a[n++].set_field.mask = field_all_ones(FIELD_ETH_DST);
    a[n] = (struct dp_action){.type = DP_ACTION_SET_FIELD};
    a[n].set_field.field = FIELD_VLAN_VID;
    a[n].set_field.value = field_value_u64(0x0005);
    a[n++].set_field.mask = field_value_u64(0x000f);
    a[n++] = (struct dp_action){.type = DP_ACTION_POP_VLAN};
    a[n++] = (struct dp_action){.type = DP_ACTION_DEC_TTL};
    a[n] = (struct dp_action){.type = DP_ACTION_USERDATA};
    memset(a[n++].userdata.bytes, 0xa5, DP_USERDATA_SIZE);
    a[n++] = (struct dp_action){.type = DP_ACTION_USERDATA, .userdata.bytes = {7}};
    a[n] = (struct dp_action){.type = DP_ACTION_CONTROLLER};
    a[n++].controller =
        (struct dp_controller){.bridge = 1ull << 40, .cookie = UINT64_MAX, .rule_table = 253, .max_len = 0xffff, .reason = 1, .in_port = 77,
                               .id = UINT16_MAX, .n_userdata = 1, .n_pipeline = 31};
    a[n++] = (struct dp_action){.type = DP_ACTION_CLONE, .clone = {.n_actions = 2}};
    a[n++] = (struct dp_action){.type = DP_ACTION_OUTPUT, .port = 9};
    a[n++] = (struct dp_action){.type = DP_ACTION_OUTPUT, .port = UINT32_MAX};
    a[n++] = (struct dp_action){.type = DP_ACTION_METER, .meter = 1ull << 40 | 5};
    a[n++] = (struct dp_action){.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8848};
    a[n++] = (struct dp_action){.type = DP_ACTION_DEC_MPLS_TTL};
    a[n++] = (struct dp_action){.type = DP_ACTION_POP_MPLS, .ethertype = 0x86dd};
    a[n] = (struct dp_action){.type = DP_ACTION_HASH, .hash = {.algorithm = DP_HASH_FIELDS, .basis = UINT32_MAX}};
    dp_hash_add(&a[n].hash, FIELD_IN_PORT);
    dp_hash_add(&a[n++].hash, FIELD_MPLS_LABEL);
    a[n++] = (struct dp_action){.type = DP_ACTION_HASH, .hash = {.algorithm = DP_HASH_SYMMETRIC_L4, .basis = 3}};
    a[n++] = (struct dp_action){.type = DP_ACTION_RECIRC, .recirc_id = UINT32_MAX, .n_labels = 7, .uncovers_type = 0xffff};
    a[n++] = (struct dp_action){.type = DP_ACTION_TRUNCATE, .max_len = 9000};
    a[n++] = (struct dp_action){.type = DP_ACTION_OUTPUT, .port = 2};
    a[n++] = (struct dp_action){.type = DP_ACTION_DROP, .reason = DROP_REASON_COUNT - 1};
    assert_true(n <= LIST_MAX);
    return n;
}

/* Through bytes and back, as the session wire does it. */
static Busbar__Answer *through_the_wire(const struct dp_action *actions, size_t n)
{
    Busbar__Answer answer = BUSBAR__ANSWER__INIT;
    answer.actions = dp_actions_encode(actions, n);
    answer.n_actions = n;
    size_t size = busbar__answer__get_packed_size(&answer);
    uint8_t *bytes = memory_zeroed(size);
    busbar__answer__pack(&answer, bytes);
    dp_actions_message_free(answer.actions, n);
    Busbar__Answer *read = busbar__answer__unpack(NULL, size, bytes);
    free(bytes);
    assert_non_null(read);
    return read;
}

static void every_action_survives_the_wire(void **state)
{
    struct dp_action in[LIST_MAX], *out = memory_array(DP_ACTIONS_MAX, sizeof *out);
    size_t n = one_of_each(in), n_out = 0;
    struct error_detail detail = {{0}};
    bool seen[DP_ACTION_COUNT] = {false};
    Busbar__Answer *answer = through_the_wire(in, n);
    int err = dp_actions_decode(answer->actions, answer->n_actions, out, &n_out, &detail);
    if (err != 0) {
        fail_msg("%d %s", err, detail.text);
    }
    assert_true(dp_actions_equal(in, n, out, n_out));
    for (size_t i = 0; i < n; i++) {
        seen[in[i].type] = true;
    }
    for (size_t i = 0; i < DP_ACTION_COUNT; i++) {
        assert_true(seen[i]); /* a new action needs a line in one_of_each() */
    }
    busbar__answer__free_unpacked(answer, NULL);
    free(out);
}

static void the_empty_list_is_one(void **state)
{
    struct dp_action out[1];
    size_t n = 7;
    Busbar__Answer *answer = through_the_wire(NULL, 0);
    assert_int_equal(dp_actions_decode(answer->actions, 0, out, &n, NULL), 0);
    assert_int_equal(n, 0);
    busbar__answer__free_unpacked(answer, NULL);
}

static void keys_come_back_and_wrong_counts_are_refused(void **state)
{
    struct flow_key keys[3] = {{.in_port = be32(1)}, {.in_port = be32(2)}, {.in_port = be32(3)}}, key;
    ProtobufCBinaryData bytes = keys_encode(keys, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(keys_decode(&bytes, 3, i, &key), 0);
        assert_true(key_equal(&key, &keys[i]));
    }
    assert_int_equal(keys_decode(&bytes, 3, 3, &key), -ERROR_RANGE);
    assert_int_equal(keys_decode(&bytes, 2, 0, &key), -ERROR_RANGE);
    assert_int_equal(keys_decode(&bytes, 4, 0, &key), -ERROR_RANGE);
    bytes.len--;
    assert_int_equal(keys_decode(&bytes, 2, 0, &key), -ERROR_RANGE);
    assert_int_equal(keys_decode(&bytes, 3, 0, &key), -ERROR_RANGE);
}

static int decode_one(const Busbar__DpAction *message)
{
    static struct dp_action out[DP_ACTIONS_MAX];
    Busbar__DpAction *list[] = {(Busbar__DpAction *)message};
    struct error_detail detail;
    size_t n = 99;
    int err = dp_actions_decode(list, 1, out, &n, &detail);
    assert_true(err == 0 || n == 99);
    return err;
}

static void values_out_of_range_are_refused(void **state)
{
    Busbar__DpAction m = BUSBAR__DP_ACTION__INIT;
    uint8_t bytes[6] = {0};
    assert_int_equal(decode_one(&m), -ERROR_RANGE); /* no type */
    m.type = 1 + DP_ACTION_COUNT;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.type = UINT32_MAX;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.type = 1 + DP_ACTION_OUTPUT;
    m.port = 3;
    assert_int_equal(decode_one(&m), 0);
    m.type = 1 + DP_ACTION_PUSH_VLAN;
    m.tpid = 0x18100;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.tpid = 0x8100;
    m.tci = 0x10000;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.type = 1 + DP_ACTION_CONTROLLER;
    m.max_len = 0x10000;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.max_len = 0;
    m.reason = 256;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.type = 1 + DP_ACTION_CLONE;
    m.n_actions = 0x10001;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.n_actions = 1; /* there is nothing behind it */
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.type = 1 + DP_ACTION_DROP;
    m.reason = DROP_REASON_COUNT;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.type = 1 + DP_ACTION_SET_FIELD;
    m.field = (uint32_t)field_table[FIELD_ETH_DST].oxm_class << 16 | field_table[FIELD_ETH_DST].oxm_field;
    assert_int_equal(decode_one(&m), -ERROR_RANGE); /* without a value */
    m.value = (ProtobufCBinaryData){.len = 6, .data = bytes};
    assert_int_equal(decode_one(&m), 0);
    m.field = 0x80000000u; /* in_port is not settable */
    m.value.len = 4;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
}

static void values_of_later_actions_out_of_range_are_refused(void **state)
{
    Busbar__DpAction m = BUSBAR__DP_ACTION__INIT;
    uint32_t no_field = 0x7fff0001;
    m.type = 1 + DP_ACTION_POP_MPLS;
    m.ethertype = 0x10800;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.ethertype = 0x0800;
    assert_int_equal(decode_one(&m), 0);
    m.type = 1 + DP_ACTION_RECIRC;
    assert_int_equal(decode_one(&m), -ERROR_RANGE); /* to 0 */
    m.type = 1 + DP_ACTION_TRUNCATE;
    m.max_len = 100;
    assert_int_equal(decode_one(&m), -ERROR_RANGE); /* without an output */
    m.type = 1 + DP_ACTION_HASH;
    m.hash_algorithm = 256 + DP_HASH_FIELDS;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.hash_algorithm = DP_HASH_FIELDS;
    m.n_hash_fields = 1;
    m.hash_fields = &no_field;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.n_hash_fields = 0;
    assert_int_equal(decode_one(&m), 0);
}

static void too_many_actions_are_refused(void **state)
{
    struct dp_action *out = memory_array(DP_ACTIONS_MAX, sizeof *out);
    Busbar__DpAction m = BUSBAR__DP_ACTION__INIT, *list[DP_ACTIONS_MAX + 1];
    size_t n = 0;
    m.type = 1 + DP_ACTION_OUTPUT;
    m.port = 1;
    for (size_t i = 0; i <= DP_ACTIONS_MAX; i++) {
        list[i] = &m;
    }
    assert_int_equal(dp_actions_decode(list, DP_ACTIONS_MAX + 1, out, &n, NULL), -ERROR_TOO_LARGE);
    assert_int_equal(dp_actions_decode(list, DP_ACTIONS_MAX, out, &n, NULL), 0);
    assert_int_equal(n, DP_ACTIONS_MAX);
    free(out);
}

static void random_messages_pass_only_when_the_check_agrees(void **state)
{
    static struct dp_action out[DP_ACTIONS_MAX];
    struct random r;
    uint64_t seed = 41;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    size_t n_good = 0;
    for (int round = 0; round < 20000; round++) {
        Busbar__DpAction messages[4], *list[4];
        uint8_t bytes[4][20];
        size_t n = (size_t)random_below(&r, 5), n_out;
        for (size_t i = 0; i < n; i++) {
            busbar__dp_action__init(&messages[i]);
            enum field_id id = (enum field_id)random_below(&r, FIELD_COUNT);
            for (size_t k = 0; k < sizeof bytes[i]; k++) {
                bytes[i][k] = random_below(&r, 2) == 0 ? 0 : (uint8_t)random_u64(&r);
            }
            messages[i].type = (uint32_t)random_below(&r, DP_ACTION_COUNT + 2);
            messages[i].port = (uint32_t)random_below(&r, 3);
            messages[i].tpid = random_below(&r, 2) == 0 ? 0x8100 : (uint32_t)random_u64(&r);
            messages[i].n_actions = (uint32_t)random_below(&r, 4);
            messages[i].reason = (uint32_t)random_below(&r, 300);
            messages[i].ethertype = random_below(&r, 2) == 0 ? 0x8847 : (uint32_t)random_u64(&r);
            messages[i].max_len = (uint32_t)random_below(&r, 100);
            messages[i].recirc_id = (uint32_t)random_below(&r, 2);
            messages[i].hash_algorithm = (uint32_t)random_below(&r, 3);
            messages[i].n_hash_fields = (size_t)random_below(&r, 2);
            messages[i].hash_fields = &messages[i].field;
            messages[i].field = (uint32_t)field_table[id].oxm_class << 16 | field_table[id].oxm_field;
            messages[i].value = (ProtobufCBinaryData){.len = field_table[id].oxm_size, .data = bytes[i]};
            list[i] = &messages[i];
        }
        if (dp_actions_decode(list, n, out, &n_out, NULL) == 0) {
            assert_int_equal(n_out, n);
            assert_int_equal(dp_actions_check(out, n_out, NULL), 0);
            n_good++;
        }
    }
    assert_true(n_good > 1000);
}

static void key_travels_as_its_memory(void **state)
{
    struct flow_key in, out;
    memset(&in, 0x5a, sizeof in);
    ProtobufCBinaryData bytes = key_encode(&in);
    assert_int_equal(key_decode(&bytes, &out), 0);
    assert_memory_equal(&in, &out, sizeof in);
    bytes.len--;
    assert_int_equal(key_decode(&bytes, &out), -ERROR_RANGE);
    bytes.len = 0;
    assert_int_equal(key_decode(&bytes, &out), -ERROR_RANGE);
    bytes.len = sizeof in + 1;
    assert_int_equal(key_decode(&bytes, &out), -ERROR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_survives_the_wire),
        cmocka_unit_test(the_empty_list_is_one),
        cmocka_unit_test(keys_come_back_and_wrong_counts_are_refused),
        cmocka_unit_test(values_out_of_range_are_refused),
        cmocka_unit_test(values_of_later_actions_out_of_range_are_refused),
        cmocka_unit_test(too_many_actions_are_refused),
        cmocka_unit_test(random_messages_pass_only_when_the_check_agrees),
        cmocka_unit_test(key_travels_as_its_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
