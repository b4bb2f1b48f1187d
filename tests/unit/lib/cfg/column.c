/* Columns by name: compare, take over, mutate, show. */
#include "lib/cfg/column.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "lib/base/memory.h"
#include "tests/unit/lib/cfg/sample.h"

static ProtobufCMessage *unpacked(const ProtobufCMessage *row)
{
    uint8_t packed[1024];
    size_t size = protobuf_c_message_pack(row, packed);
    ProtobufCMessage *copy = protobuf_c_message_unpack(row->descriptor, NULL, size, packed);
    assert_non_null(copy);
    return copy;
}

static const ProtobufCFieldDescriptor *column(const ProtobufCMessage *row, const char *name)
{
    const ProtobufCFieldDescriptor *found = column_find(row->descriptor, name);
    assert_non_null(found);
    return found;
}

static Busbar__PortRow *port_with_trunks(const uint32_t *trunks, size_t n)
{
    Busbar__PortRow row = fixture_port("p1", 7);
    row.trunks = (uint32_t *)(uintptr_t)trunks;
    row.n_trunks = n;
    return (Busbar__PortRow *)unpacked(&row.base);
}

static void not_set_differs_from_zero(void **state)
{
    Busbar__PortRow a = fixture_port("p1", 7);
    Busbar__PortRow b = fixture_port("p1", 7);
    b.has_tag = 1;
    assert_int_equal(column_count(column(&a.base, "tag"), &a.base), 0);
    assert_int_equal(column_count(column(&b.base, "tag"), &b.base), 1);
    assert_false(column_equal(column(&a.base, "tag"), &a.base, &b.base));
    assert_true(column_equal(column(&a.base, "name"), &a.base, &b.base));
    assert_true(column_equal(column(&a.base, "type"), &a.base, &b.base));
    assert_null(column_find(a.base.descriptor, "tagg"));
}

static void an_update_takes_values_over_with_their_memory(void **state)
{
    Busbar__PortRow new_row = fixture_port("p2", 8);
    char type[] = "internal";
    new_row.type = type;
    new_row.has_tag = 1;
    new_row.tag = 12;
    ProtobufCMessage *row = (ProtobufCMessage *)port_with_trunks((const uint32_t[]){1, 2}, 2);
    ProtobufCMessage *value = unpacked(&new_row.base);
    column_swap(column(row, "type"), row, value);
    column_swap(column(row, "tag"), row, value);
    column_swap(column(row, "trunks"), row, value);
    Busbar__PortRow *port = (Busbar__PortRow *)row;
    assert_string_equal(port->type, "internal");
    assert_true(port->has_tag);
    assert_int_equal(port->tag, 12);
    assert_int_equal(port->n_trunks, 0);
    assert_string_equal(port->name, "p1");
    assert_int_equal(((Busbar__PortRow *)value)->n_trunks, 2);
    protobuf_c_message_free_unpacked(row, NULL);
    protobuf_c_message_free_unpacked(value, NULL);
}

static void mutations_work_like_a_set(void **state)
{
    Busbar__PortRow *row = port_with_trunks((const uint32_t[]){1, 2}, 2);
    Busbar__PortRow *from = port_with_trunks((const uint32_t[]){2, 3, 3}, 3);
    const ProtobufCFieldDescriptor *trunks = column(&row->base, "trunks");
    assert_int_equal(column_insert(trunks, &row->base, &from->base), 0);
    assert_int_equal(row->n_trunks, 3);
    assert_int_equal(row->trunks[2], 3);
    assert_int_equal(column_remove(trunks, &row->base, &from->base), 0);
    assert_int_equal(row->n_trunks, 1);
    assert_int_equal(row->trunks[0], 1);
    Busbar__PortRow *one = port_with_trunks((const uint32_t[]){1}, 1);
    assert_int_equal(column_remove(trunks, &row->base, &one->base), 0);
    assert_int_equal(row->n_trunks, 0);
    assert_int_equal(column_insert(trunks, &row->base, &one->base), 0);
    assert_int_equal(row->n_trunks, 1);
    assert_true(column_insert(column(&row->base, "name"), &row->base, &one->base) < 0);
    protobuf_c_message_free_unpacked(&row->base, NULL);
    protobuf_c_message_free_unpacked(&from->base, NULL);
    protobuf_c_message_free_unpacked(&one->base, NULL);
}

static void nested_messages_are_compared_by_content(void **state)
{
    Busbar__RuleRow a = fixture_rule(1, 2);
    Busbar__RuleRow b = fixture_rule(1, 2);
    Busbar__InstructionsMessage x = BUSBAR__INSTRUCTIONS_MESSAGE__INIT;
    Busbar__InstructionsMessage y = BUSBAR__INSTRUCTIONS_MESSAGE__INIT;
    a.instructions = &x;
    assert_false(column_equal(column(&a.base, "instructions"), &a.base, &b.base));
    b.instructions = &y;
    assert_true(column_equal(column(&a.base, "instructions"), &a.base, &b.base));
    y.goto_table = 3;
    assert_false(column_equal(column(&a.base, "instructions"), &a.base, &b.base));
}

static void rows_are_shown_with_what_is_set(void **state)
{
    uint8_t mac[] = {0x02, 0, 0, 0, 0xab, 0x01};
    Busbar__PortStatusRow status = BUSBAR__PORT_STATUS_ROW__INIT;
    char text[] = "", mode[] = "tap";
    status.up = 1;
    status.error = status.why = text;
    status.mode = mode;
    status.mac.data = mac;
    status.mac.len = sizeof mac;
    json_t *json = column_row_json(&status.base);
    assert_string_equal(json_string_value(json_object_get(json, "mac")), "02000000ab01");
    assert_true(json_is_true(json_object_get(json, "up")));
    json_decref(json);
    Busbar__PortRow port = fixture_port("p1", 7);
    json = column_row_json(&port.base);
    assert_null(json_object_get(json, "tag"));
    assert_int_equal(json_array_size(json_object_get(json, "trunks")), 0);
    json_decref(json);
    Busbar__RuleRow rule = fixture_rule(1, UINT64_MAX);
    json = column_row_json(&rule.base);
    assert_string_equal(json_string_value(json_object_get(json, "cookie")), "18446744073709551615");
    json_decref(json);
}

static void columns_are_put_and_cleared_with_their_memory(void **state)
{
    Busbar__PortRow *row = (Busbar__PortRow *)column_row_new(&busbar__port_row__descriptor);
    const char *value;
    column_put_text(column(&row->base, "name"), &row->base, "p1");
    column_put_text(column(&row->base, "name"), &row->base, "p2"); /* the former one is freed */
    column_put_number(column(&row->base, "tag"), &row->base, 7);
    column_put_number(column(&row->base, "force"), &row->base, 1);
    for (uint64_t i = 0; i < 3; i++) {
        column_put_number(column(&row->base, "trunks"), &row->base, i);
        column_put_pair(column(&row->base, "options"), &row->base, i == 0 ? "rx" : "tx", "/a");
    }
    assert_string_equal(row->name, "p2");
    assert_true(row->has_tag && row->tag == 7 && row->has_force && row->force);
    assert_int_equal(row->n_trunks, 3);
    assert_true(column_is_map(column(&row->base, "options")));
    assert_false(column_is_map(column(&row->base, "trunks")));
    assert_string_equal(column_pair(column(&row->base, "options"), &row->base, 1, &value), "tx");
    assert_string_equal(value, "/a");
    for (unsigned i = 0; i < row->base.descriptor->n_fields; i++) {
        column_clear(&row->base.descriptor->fields[i], &row->base);
    }
    assert_true(row->name == NULL && !row->has_tag && !row->has_force && row->n_trunks == 0 && row->trunks == NULL && row->n_options == 0);
    protobuf_c_message_free_unpacked(&row->base, NULL);
}

static void maps_are_mutated_by_key(void **state)
{
    Busbar__PortRow *row = (Busbar__PortRow *)column_row_new(&busbar__port_row__descriptor);
    Busbar__PortRow *from = (Busbar__PortRow *)column_row_new(&busbar__port_row__descriptor);
    const ProtobufCFieldDescriptor *options = column(&row->base, "options");
    column_put_pair(options, &row->base, "rx", "/a");
    column_put_pair(options, &from->base, "rx", "/b");
    column_put_pair(options, &from->base, "tx", "/b");
    assert_int_equal(column_insert(options, &row->base, &from->base), 0);
    assert_int_equal(row->n_options, 2);
    assert_string_equal(row->options[0]->value, "/a"); /* a key that is there keeps its value */
    assert_int_equal(column_remove(options, &row->base, &from->base), 0);
    assert_int_equal(row->n_options, 1); /* rx has another value */
    column_clear(options, &from->base);
    column_put_pair(options, &from->base, "rx", "");
    assert_int_equal(column_remove(options, &row->base, &from->base), 0);
    assert_int_equal(row->n_options, 0);
    protobuf_c_message_free_unpacked(&row->base, NULL);
    protobuf_c_message_free_unpacked(&from->base, NULL);
}

static void numbers_are_added_within_their_type(void **state)
{
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT, from = BUSBAR__BRIDGE_ROW__INIT;
    const ProtobufCFieldDescriptor *aging = column(&row.base, "mac_aging_s"), *id = column(&row.base, "datapath_id");
    from.has_mac_aging_s = from.has_datapath_id = 1;
    from.mac_aging_s = 5;
    assert_int_equal(column_add(aging, &row.base, &from.base, 300, false), 0);
    assert_true(row.has_mac_aging_s && row.mac_aging_s == 305);
    assert_int_equal(column_add(aging, &row.base, &from.base, 300, true), 0);
    assert_int_equal(row.mac_aging_s, 300);
    from.mac_aging_s = 301;
    assert_int_equal(column_add(aging, &row.base, &from.base, 300, true), -ERROR_RANGE);
    from.mac_aging_s = UINT32_MAX - 300;
    assert_int_equal(column_add(aging, &row.base, &from.base, 300, false), 0);
    from.mac_aging_s = 1;
    assert_int_equal(column_add(aging, &row.base, &from.base, 300, false), -ERROR_RANGE);
    from.datapath_id = UINT64_MAX;
    assert_int_equal(column_add(id, &row.base, &from.base, 0, false), 0);
    assert_true(row.datapath_id == UINT64_MAX);
    from.datapath_id = 1;
    assert_int_equal(column_add(id, &row.base, &from.base, 0, false), -ERROR_RANGE);
    assert_int_equal(column_add(column(&row.base, "fail_mode"), &row.base, &from.base, 0, false), -EINVAL);
    from.has_mac_aging_s = 0;
    assert_int_equal(column_add(aging, &row.base, &from.base, 0, false), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(not_set_differs_from_zero),       cmocka_unit_test(an_update_takes_values_over_with_their_memory),
        cmocka_unit_test(mutations_work_like_a_set),       cmocka_unit_test(nested_messages_are_compared_by_content),
        cmocka_unit_test(columns_are_put_and_cleared_with_their_memory),
        cmocka_unit_test(maps_are_mutated_by_key),         cmocka_unit_test(numbers_are_added_within_their_type),
        cmocka_unit_test(rows_are_shown_with_what_is_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
