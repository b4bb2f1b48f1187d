/* Rows in words: names instead of ids, and differences by column. */
#include "tests/unit/services/configdb/past.h"

#include "services/configdb/describe.h"

static ProtobufCMessage *copy(const ProtobufCMessage *row)
{
    uint8_t packed[512];
    size_t size = protobuf_c_message_pack(row, packed);
    return protobuf_c_message_unpack(row->descriptor, NULL, size, packed);
}

static void put_bridge(struct picture *picture, uint64_t id, const char *name)
{
    Busbar__BridgeRow row = fixture_bridge(name);
    picture_set(picture, CFG_BRIDGE, id, copy(&row.base));
}

static void put_port(struct picture *picture, uint64_t id, const char *name, uint64_t bridge, uint32_t tag)
{
    Busbar__PortRow row = fixture_port(name, bridge);
    row.ofport = 1;
    row.has_tag = tag > 0;
    row.tag = tag;
    picture_set(picture, CFG_PORT, id, copy(&row.base));
}

static void put_controller(struct picture *picture, uint64_t id, uint64_t bridge, char *target)
{
    Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
    row.bridge = bridge;
    row.target = target;
    picture_set(picture, CFG_CONTROLLER, id, copy(&row.base));
}

static void check_name(const struct picture *picture, const struct picture *names, enum cfg_table table, uint64_t id, const char *wanted)
{
    char *name = describe_name(picture, names, picture_get(picture, table, id));
    assert_string_equal(name, wanted);
    free(name);
}

static void names_are_the_unique_columns_with_references_followed(void **state)
{
    struct picture *picture = picture_new(), *names = picture_new();
    char target[] = "tcp:10.0.0.1";
    Busbar__SwitchRow settings = BUSBAR__SWITCH_ROW__INIT;
    picture_set(picture, CFG_SWITCH, 1, copy(&settings.base));
    put_bridge(picture, 1, "br0");
    put_port(picture, 4, "eth0", 1, 0);
    put_controller(picture, 5, 1, target);
    put_controller(picture, 6, 2, target);
    check_name(picture, NULL, CFG_SWITCH, 1, "");
    check_name(picture, NULL, CFG_PORT, 4, "eth0");
    check_name(picture, NULL, CFG_CONTROLLER, 5, "br0 tcp:10.0.0.1");
    check_name(picture, NULL, CFG_CONTROLLER, 6, "bridge row 2 tcp:10.0.0.1");
    put_bridge(names, 2, "former");
    check_name(picture, names, CFG_CONTROLLER, 6, "former tcp:10.0.0.1");
    assert_true(describe_is_referred_to(CFG_BRIDGE));
    assert_false(describe_is_referred_to(CFG_PORT));
    picture_destroy(&picture);
    picture_destroy(&names);
}

static json_t *diff(struct picture *before, struct picture *after)
{
    json_t *json = describe_diff(before, after, NULL);
    assert_true(json_is_array(json));
    return json;
}

static void a_difference_names_columns_and_both_values(void **state)
{
    struct picture *before = picture_new(), *after = picture_new();
    put_bridge(before, 1, "br0");
    put_bridge(after, 1, "br0");
    put_port(before, 4, "eth0", 1, 10);
    put_port(after, 4, "eth0", 1, 20);
    put_port(before, 5, "gone", 1, 0);
    put_port(after, 6, "came", 1, 7);
    json_t *json = diff(before, after);
    json_t *wanted = json_pack("[{s:s, s:s, s:s, s:[{s:s, s:i, s:i}]}, {s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:i}, {s:s, s:i}]}, "
                               "{s:s, s:s, s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:i}, {s:s, s:i}, {s:s, s:i}]}]",
                               "table", "port", "row", "eth0", "change", "~", "columns", "column", "tag", "before", 10, "after", 20,
                               "table", "port", "row", "gone", "change", "-", "columns", "column", "name", "before", "gone", "column",
                               "bridge", "before", "br0", "column", "ofport", "before", 1, "column", "config", "before", 0, "table", "port",
                               "row", "came", "change", "+", "columns", "column", "name", "after", "came", "column", "bridge", "after",
                               "br0", "column", "ofport", "after", 1, "column", "tag", "after", 7, "column", "config", "after", 0);
    assert_non_null(wanted);
    if (!json_equal(json, wanted)) {
        fail_msg("%s", json_dumps(json, 0));
    }
    json_decref(json);
    json_decref(wanted);
    picture_destroy(&before);
    picture_destroy(&after);
}

static void a_row_under_another_id_is_the_same_by_name(void **state)
{
    struct picture *before = picture_new(), *after = picture_new();
    char target[] = "tcp:10.0.0.1";
    put_bridge(before, 1, "br0");
    put_port(before, 4, "eth0", 1, 0);
    put_controller(before, 5, 1, target);
    put_bridge(after, 9, "br0");
    put_port(after, 10, "eth0", 9, 0);
    put_controller(after, 11, 9, target);
    json_t *json = diff(before, after);
    assert_int_equal(json_array_size(json), 0);
    json_decref(json);
    picture_destroy(&before);
    picture_destroy(&after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_the_unique_columns_with_references_followed),
        cmocka_unit_test(a_difference_names_columns_and_both_values),
        cmocka_unit_test(a_row_under_another_id_is_the_same_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
