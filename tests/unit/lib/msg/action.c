/* Tests of lib/msg/action.c: every action of a controller survives the wire, and values out of range are refused. */
#include "lib/msg/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/msg/field_wire.h"

/* A value in each member that the action has. */
static void fill(struct action *a)
{
    switch (a->type) {
    case ACTION_PUSH_MPLS:
    case ACTION_POP_MPLS:
        a->ethertype = 0x8847;
        break;
    case ACTION_PUSH_VLAN:
        a->ethertype = 0x8100;
        break;
    case ACTION_SET_MPLS_TTL:
    case ACTION_SET_NW_TTL:
        a->ttl = 255;
        break;
    case ACTION_SET_FIELD:
        a->set_field.field = FIELD_IPV6_DST;
        a->set_field.mask = field_all_ones(FIELD_IPV6_DST);
        a->set_field.mask.bytes[3] = 0x0f;
        a->set_field.value.bytes[0] = 0x20;
        a->set_field.value.bytes[3] = 0x01;
        break;
    case ACTION_SET_QUEUE:
        a->queue_id = UINT32_MAX;
        break;
    case ACTION_GROUP:
        a->group_id = GROUP_MAX;
        break;
    case ACTION_OUTPUT:
        a->output.port = PORT_CONTROLLER;
        a->output.max_len = 0xffff;
        break;
    case ACTION_CONTROLLER:
        a->controller.max_len = 128;
        a->controller.controller_id = 0xffff;
        a->controller.reason = PACKET_IN_INVALID_TTL;
        a->controller.n_data = 3;
        a->controller.pauses = true;
        a->controller.meter_id = UINT32_MAX;
        break;
    case ACTION_MOVE:
        a->move.source = FIELD_IN_PORT;
        a->move.target = FIELD_REG3;
        a->move.source_offset = 0;
        a->move.target_offset = 16;
        a->move.n_bits = 16;
        break;
    case ACTION_RESUBMIT:
        a->resubmit.in_port = PORT_IN_PORT;
        a->resubmit.table = 255;
        break;
    case ACTION_CLONE:
        a->n_inner = 1;
        break;
    case ACTION_OUTPUT_REG:
        a->output_reg.field = FIELD_REG3;
        a->output_reg.offset = 3;
        a->output_reg.n_bits = 29;
        a->output_reg.max_len = 9;
        break;
    case ACTION_OUTPUT_TRUNC:
        a->output_trunc.port = PORT_LOCAL;
        a->output_trunc.max_len = UINT32_MAX;
        break;
    case ACTION_NOTE:
        a->n_data = 38;
        break;
    case ACTION_STACK_PUSH:
    case ACTION_STACK_POP:
        a->part.field = FIELD_IPV6_DST;
        a->part.offset = 1;
        a->part.n_bits = 127;
        break;
    case ACTION_CONJUNCTION:
        a->conjunction.id = UINT32_MAX;
        a->conjunction.clause = 63;
        a->conjunction.n_clauses = 64;
        break;
    case ACTION_EXIT:
    case ACTION_POP_QUEUE:
    case ACTION_DATA:
    case ACTION_COPY_TTL_IN:
    case ACTION_COPY_TTL_OUT:
    case ACTION_POP_VLAN:
    case ACTION_DEC_MPLS_TTL:
    case ACTION_TYPE_COUNT:
        break;
    case ACTION_DEC_NW_TTL:
        assert_true(action_add_ttl_id(a, 258) && action_add_ttl_id(a, 7));
        break;
    }
}

static struct action_list one_of_each(void)
{
    struct action_list list = {0};
    uint8_t bytes[38];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(i + 1);
    }
    for (unsigned type = 0; type < ACTION_DATA; type++) {
        struct action a = {.type = (enum action_type)type};
        fill(&a);
        action_list_add(&list, &a);
        if (type == ACTION_NOTE || type == ACTION_CONTROLLER) {
            action_list_add_data(&list, bytes, type == ACTION_NOTE ? 38 : 3);
        }
    }
    return list;
}

/* The messages through bytes and back. */
static Busbar__InstructionsMessage *through_the_wire(const struct action_list *list)
{
    Busbar__InstructionsMessage message = BUSBAR__INSTRUCTIONS_MESSAGE__INIT;
    message.apply = msg_actions_encode(list);
    message.n_apply = list->count;
    size_t size = busbar__instructions_message__get_packed_size(&message);
    uint8_t *bytes = memory_zeroed(size);
    busbar__instructions_message__pack(&message, bytes);
    msg_actions_free(message.apply, message.n_apply);
    Busbar__InstructionsMessage *read = busbar__instructions_message__unpack(NULL, size, bytes);
    free(bytes);
    assert_non_null(read);
    return read;
}

static void every_action_survives_the_wire(void **state)
{
    struct action_list in = one_of_each(), out = {0};
    struct error_detail detail = {{0}};
    Busbar__InstructionsMessage *read = through_the_wire(&in);
    assert_int_equal(read->n_apply, in.count);
    int err = msg_actions_decode(read->apply, read->n_apply, &out, &detail);
    if (err != 0) {
        fail_msg("%d %s", err, detail.text);
    }
    assert_true(action_list_equal(&in, &out));
    busbar__instructions_message__free_unpacked(read, NULL);
    action_list_fini(&in);
    action_list_fini(&out);
}

static void empty_list_survives_the_wire(void **state)
{
    struct action_list in = {0}, out = {0};
    Busbar__InstructionsMessage *read = through_the_wire(&in);
    assert_int_equal(msg_actions_decode(read->apply, read->n_apply, &out, NULL), 0);
    assert_int_equal(out.count, 0);
    busbar__instructions_message__free_unpacked(read, NULL);
    action_list_fini(&out);
    msg_actions_free(NULL, 0);
}

static int decode_one(const Busbar__ActionMessage *message)
{
    /* A good one in front: what was read before the fault must be given back. */
    Busbar__ActionMessage good = BUSBAR__ACTION_MESSAGE__INIT;
    good.type = 1 + ACTION_OUTPUT;
    Busbar__ActionMessage *list[] = {&good, (Busbar__ActionMessage *)message};
    struct action_list out = {0};
    struct error_detail detail;
    int err = msg_actions_decode(list, 2, &out, &detail);
    assert_true(err == 0 || out.items == NULL);
    action_list_fini(&out);
    return err;
}

static void values_out_of_range_are_refused(void **state)
{
    const struct {
        uint32_t type, number, max_len, controller_id, reason, table;
    } rows[] = {{0},
                {.type = 1 + ACTION_TYPE_COUNT},
                {.type = UINT32_MAX},
                {.type = 1 + ACTION_PUSH_VLAN, .number = 0x10000},
                {.type = 1 + ACTION_SET_NW_TTL, .number = 256},
                {.type = 1 + ACTION_OUTPUT, .max_len = 0x10000},
                {.type = 1 + ACTION_CONTROLLER, .max_len = 0x10000},
                {.type = 1 + ACTION_CONTROLLER, .controller_id = 0x10000},
                {.type = 1 + ACTION_CONTROLLER, .reason = 3},
                {.type = 1 + ACTION_RESUBMIT, .table = 256},
                {.type = 1 + ACTION_SET_FIELD},
                {.type = 1 + ACTION_MOVE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        Busbar__ActionMessage m = BUSBAR__ACTION_MESSAGE__INIT;
        m.type = rows[i].type;
        m.number = rows[i].number;
        m.max_len = rows[i].max_len;
        m.controller_id = rows[i].controller_id;
        m.reason = rows[i].reason;
        m.table = rows[i].table;
        assert_int_equal(decode_one(&m), -ERROR_RANGE);
    }
}

static void move_stays_inside_both_fields(void **state)
{
    Busbar__ActionMessage m = BUSBAR__ACTION_MESSAGE__INIT;
    m.type = 1 + ACTION_MOVE;
    m.source_field = field_wire_number(FIELD_REG0);
    m.target_field = field_wire_number(FIELD_REG1);
    m.n_bits = 32;
    assert_int_equal(decode_one(&m), 0);
    m.n_bits = 33;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.n_bits = 32;
    m.target_offset = 1;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.target_offset = 0;
    m.source_offset = UINT32_MAX;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.source_offset = 32;
    m.n_bits = 0;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.source_offset = 256; /* 0 in a byte */
    m.n_bits = 8;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    m.source_offset = 0;
    m.target_field = 0;
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
}

static void set_field_needs_a_value_of_its_size(void **state)
{
    Busbar__ActionMessage m = BUSBAR__ACTION_MESSAGE__INIT;
    Busbar__FieldMatch field = BUSBAR__FIELD_MATCH__INIT;
    uint8_t bytes[16] = {0};
    m.type = 1 + ACTION_SET_FIELD;
    m.field = &field;
    field.field = field_wire_number(FIELD_ETH_DST);
    field.value = (ProtobufCBinaryData){.len = 5, .data = bytes};
    assert_int_equal(decode_one(&m), -ERROR_RANGE);
    field.value.len = 6;
    assert_int_equal(decode_one(&m), 0);
    field.field = 0xdead0001;
    assert_int_equal(decode_one(&m), -ERROR_UNKNOWN_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_action_survives_the_wire),      cmocka_unit_test(empty_list_survives_the_wire),
        cmocka_unit_test(values_out_of_range_are_refused),     cmocka_unit_test(move_stays_inside_both_fields),
        cmocka_unit_test(set_field_needs_a_value_of_its_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
