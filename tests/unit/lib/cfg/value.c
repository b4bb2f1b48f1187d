/* Values of settings: what is typed becomes what is stored, and is printed as ovs-vsctl prints it. */
#include "lib/cfg/value.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"
#include "tests/unit/lib/cfg/sample.h"

static struct error_detail detail;

static const char *name_of(void *context, enum cfg_table table, uint64_t id)
{
    return table == CFG_BRIDGE && id == 7 ? "br7" : NULL;
}

static uint64_t id_of(void *context, enum cfg_table table, const char *name)
{
    return table == CFG_BRIDGE && strcmp(name, "br7") == 0 ? 7 : 0;
}

static const struct value_names names = {.name = name_of, .id = id_of};

static const struct schema_setting *setting(enum cfg_table table, const char *name)
{
    struct schema_place place;
    assert_int_equal(schema_find(table, name, &place, &detail), 0);
    return place.setting;
}

/* What `text` becomes when it went into a row and came out again; NULL when it was refused. */
static char *there_and_back(enum cfg_table table, const char *column, const char *text)
{
    const struct schema_setting *s = setting(table, column);
    ProtobufCMessage *row = column_row_new(cfg_table_info(table)->descriptor);
    json_t *value = NULL;
    char *back = NULL;
    int err = value_parse(s, text, &value, &detail);
    if (err == 0) {
        err = value_take(s, value, row, &names, &detail);
    }
    if (err == 0) {
        json_t *again = value_json(s, row, &names);
        back = value_text(again);
        json_decref(again);
    }
    json_decref(value);
    protobuf_c_message_free_unpacked(row, NULL);
    return back;
}

static void values_come_back_as_they_are_printed(void **state)
{
    static const struct {
        enum cfg_table table;
        const char *column, *typed, *printed;
    } good[] = {
        {CFG_PORT, "tag", "10", "10"},
        {CFG_PORT, "tag", "0x10", "16"},
        {CFG_PORT, "tag", "[]", "[]"},
        {CFG_PORT, "trunks", "20,10,20", "[10, 20]"},
        {CFG_PORT, "trunks", "[10, 20]", "[10, 20]"},
        {CFG_PORT, "trunks", "{5}", "[5]"},
        {CFG_PORT, "trunks", "[]", "[]"},
        {CFG_BRIDGE, "protocols", "OpenFlow13,OpenFlow10", "[OpenFlow10, OpenFlow13]"},
        {CFG_BRIDGE, "protocols", "[OpenFlow15]", "[OpenFlow15]"},
        {CFG_PORT, "type", "null", "null"},
        {CFG_PORT, "type", "\"null\"", "null"},
        {CFG_PORT, "force", "yes", "true"},
        {CFG_PORT, "force", "off", "false"},
        {CFG_PORT, "bridge", "br7", "br7"},
        {CFG_PORT, "options", "rx=/a,tx=\"/b c\"", "{rx=\"/a\", tx=\"/b c\"}"},
        {CFG_PORT, "options", "{peer=p-1.x}", "{peer=p-1.x}"},
        {CFG_PORT, "options", "{}", "[]"},
        {CFG_BRIDGE, "other_config:datapath-id", "00000000000000ff", "\"00000000000000ff\""},
        {CFG_BRIDGE, "other_config:datapath-id", "0xFF", "\"00000000000000ff\""},
        {CFG_BRIDGE, "other_config:datapath-id", "ffffffffffffffff", "ffffffffffffffff"},
        {CFG_BRIDGE, "fail_mode", "secure", "secure"},
        {CFG_CONTROLLER, "target", "tcp:127.0.0.1:6653", "\"tcp:127.0.0.1:6653\""},
        {CFG_CONTROLLER, "target", "\"a\\\"b\"", "\"a\\\"b\""},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char *printed = there_and_back(good[i].table, good[i].column, good[i].typed);
        if (printed == NULL) {
            fail_msg("%s=%s was refused: %s", good[i].column, good[i].typed, detail.text);
        }
        assert_string_equal(printed, good[i].printed);
        free(printed);
    }
}

static void wrong_values_are_refused_by_name(void **state)
{
    static const struct {
        enum cfg_table table;
        const char *column, *typed, *text;
    } bad[] = {
        {CFG_PORT, "tag", "ten", "table port, column tag: 'ten' is not a number"},
        {CFG_PORT, "tag", "-1", "table port, column tag: '-1' is not a number"},
        {CFG_PORT, "tag", "", "table port, column tag: '' is not a number"},
        {CFG_PORT, "tag", "1 2", "table port, column tag: '1 2' is not a number"},
        {CFG_PORT, "tag", "4294967296", "table port, column tag: '4294967296' is not a number from 0 to 4294967295"},
        {CFG_PORT, "tag", "99999999999999999999", "table port, column tag: '99999999999999999999' is not a number"},
        {CFG_PORT, "trunks", "1,x", "table port, column trunks: '1,x' is not a list of numbers, as in 10,20"},
        {CFG_BRIDGE, "protocols", "\"OpenFlow10", "table bridge, column protocols: '\"OpenFlow10' is not a list of texts, as in A,B"},
        {CFG_PORT, "trunks", "1,,", NULL}, /* commas behind are as good as none */
        {CFG_PORT, "force", "maybe", "table port, column force: 'maybe' is not true or false"},
        {CFG_PORT, "bridge", "br8", "table port, column bridge: 'br8' is not the name of a row that exists"},
        {CFG_PORT, "options", "rx", "table port, column options: 'rx' is not a map, as in KEY=VALUE,KEY=VALUE"},
        {CFG_PORT, "options", "=x", "table port, column options: '=x' is not a map, as in KEY=VALUE,KEY=VALUE"},
        {CFG_PORT, "options", "a=\"x", "table port, column options: 'a=\"x' is not a map, as in KEY=VALUE,KEY=VALUE"},
        {CFG_PORT, "type", "\"null", "table port, column type: '\"null' is not a text, or a text in quotes"},
        {CFG_PORT, "type", "\xff", "table port, column type: '\xff' is not a text, or a text in quotes"},
        {CFG_BRIDGE, "other_config:datapath-id", "12",
         "table bridge, column other_config:datapath-id: '12' is not 16 hexadecimal digits, or up to 16 behind 0x"},
        {CFG_BRIDGE, "other_config:datapath-id", "00000000000000fg",
         "table bridge, column other_config:datapath-id: '00000000000000fg' is not 16 hexadecimal digits, or up to 16 behind "
         "0x"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *printed = there_and_back(bad[i].table, bad[i].column, bad[i].typed);
        assert_true((printed == NULL) == (bad[i].text != NULL));
        if (bad[i].text != NULL) {
            assert_string_equal(detail.text, bad[i].text);
        }
        free(printed);
    }
}

/* A file says values in JSON, of any kind. */
static void json_of_another_kind_is_refused(void **state)
{
    static const char *const columns[] = {"tag", "trunks", "force", "type", "bridge", "options"};
    static const char *const values[] = {"\"x\"", "{\"a\": 1}", "[\"a\"]", "1.5", "-1", "[1, -2]", "[4294967296]"};
    for (size_t i = 0; i < sizeof columns / sizeof columns[0]; i++) {
        for (size_t k = 0; k < sizeof values / sizeof values[0]; k++) {
            const struct schema_setting *s = setting(CFG_PORT, columns[i]);
            ProtobufCMessage *row = column_row_new(cfg_table_info(CFG_PORT)->descriptor);
            json_t *value = json_loads(values[k], JSON_DECODE_ANY, NULL);
            bool is_type = strcmp(columns[i], "type") == 0 && k == 0;
            detail.text[0] = '\0';
            assert_int_equal(value_take(s, value, row, &names, &detail) == 0, is_type);
            assert_true(is_type || strncmp(detail.text, "table port, column ", 19) == 0);
            json_decref(value);
            protobuf_c_message_free_unpacked(row, NULL);
        }
    }
}

static void status_is_shown_in_its_form(void **state)
{
    uint8_t mac[] = {2, 0, 0, 0, 0, 10};
    Busbar__PortStatusRow row = BUSBAR__PORT_STATUS_ROW__INIT;
    row.up = 1;
    row.speed_mbps = 100;
    row.mac = (ProtobufCBinaryData){.len = 6, .data = mac};
    static const struct {
        const char *column, *printed;
    } shown[] = {{"link_state", "up"}, {"link_speed", "100000000"}, {"mac_in_use", "\"02:00:00:00:00:0a\""}, {"error", "[]"}};
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        json_t *value = value_json(setting(CFG_PORT, shown[i].column), &row.base, &names);
        char *text = value_text(value);
        assert_string_equal(text, shown[i].printed);
        free(text);
        json_decref(value);
    }
    row.mac.len = 0;
    json_t *none = value_json(setting(CFG_PORT, "mac_in_use"), &row.base, &names);
    assert_true(json_is_null(none));
}

static void sets_are_bounded(void **state)
{
    char *text = memory_zeroed(3 * 5000);
    json_t *value = NULL;
    for (size_t i = 0; i < 4097; i++) {
        text[2 * i] = '1';
        text[2 * i + 1] = i < 4096 ? ',' : '\0';
    }
    assert_int_equal(value_parse(setting(CFG_PORT, "trunks"), text, &value, &detail), -ERROR_SYNTAX);
    text[2 * 4095 + 1] = '\0';
    assert_int_equal(value_parse(setting(CFG_PORT, "trunks"), text, &value, &detail), 0);
    json_decref(value);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_come_back_as_they_are_printed),
        cmocka_unit_test(wrong_values_are_refused_by_name),
        cmocka_unit_test(json_of_another_kind_is_refused),
        cmocka_unit_test(status_is_shown_in_its_form),
        cmocka_unit_test(sets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
