/* The schema as data: complete, consistent with the rows, and polite to wrong names. */
#include "lib/cfg/schema.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "lib/cfg/column.h"

static struct error_detail detail;

static void every_setting_is_a_column_with_a_sentence(void **state)
{
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    for (size_t i = 0; i < n; i++) {
        assert_true((settings[i].when == SCHEMA_DERIVED) == (schema_field(&settings[i]) == NULL));
        assert_true(settings[i].text[strlen(settings[i].text) - 1] == '.');
        for (size_t k = 0; k < i; k++) {
            assert_false(settings[k].table == settings[i].table && strcmp(settings[k].name, settings[i].name) == 0);
        }
    }
}

/* Else a column would be stored that nobody can see, or asked for that is never checked. */
static void every_column_of_configuration_is_a_setting(void **state)
{
    for (uint32_t number = 0; number < CFG_TABLE_MAX; number++) {
        const struct cfg_table_info *info = cfg_table_info(number);
        for (unsigned i = 0; info != NULL && info->storage == CFG_STORAGE_DISK && i < info->descriptor->n_fields; i++) {
            if (schema_setting_of(info->table, info->descriptor->fields[i].name) == NULL) {
                fail_msg("table %s, column %s has no SETTING in columns.def", info->name, info->descriptor->fields[i].name);
            }
        }
    }
}

static void every_rule_is_of_a_column(void **state)
{
    size_t n, n_uniques;
    const struct schema_rule *rules = schema_rules(&n);
    const struct schema_unique *uniques = schema_uniques(&n_uniques);
    for (size_t i = 0; i < n; i++) {
        assert_non_null(column_find(cfg_table_info(rules[i].table)->descriptor, rules[i].column));
    }
    for (size_t i = 0; i < n_uniques; i++) {
        assert_non_null(column_find(cfg_table_info(uniques[i].table)->descriptor, uniques[i].columns[0]));
        assert_true(uniques[i].columns[1] == NULL ||
                    column_find(cfg_table_info(uniques[i].table)->descriptor, uniques[i].columns[1]) != NULL);
    }
}

/* What goes with its row is found by an index that begins with the reference. */
static void every_reference_of_configuration_has_an_index(void **state)
{
    size_t n, n_uniques;
    const struct schema_rule *rules = schema_rules(&n);
    const struct schema_unique *uniques = schema_uniques(&n_uniques);
    for (size_t i = 0; i < n; i++) {
        bool is_found = rules[i].kind != SCHEMA_REFERENCE || cfg_table_info(rules[i].table)->storage != CFG_STORAGE_DISK;
        for (size_t k = 0; k < n_uniques; k++) {
            is_found = is_found || (uniques[k].table == rules[i].table && strcmp(uniques[k].columns[0], rules[i].column) == 0);
        }
        assert_true(is_found);
    }
}

static void tables_go_by_both_names(void **state)
{
    static const struct {
        const char *word;
        enum cfg_table table;
    } good[] = {{"bridge", CFG_BRIDGE},          {"Bridge", CFG_BRIDGE},         {"Open_vSwitch", CFG_SWITCH},
                {"open-vswitch", CFG_SWITCH},    {"switch", CFG_SWITCH},         {"Port", CFG_PORT},
                {"interface", CFG_PORT},         {"CONTROLLER", CFG_CONTROLLER}, {"rule", CFG_RULE},
                {"port_status", CFG_PORT_STATUS}};
    enum cfg_table table;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(schema_table(good[i].word, &table, &detail), 0);
        assert_int_equal(table, good[i].table);
    }
    assert_int_equal(schema_table("Mirror", &table, &detail), -ERROR_UNSUPPORTED);
    assert_string_equal(detail.text, "table Mirror: not supported yet");
    assert_int_equal(schema_table("bridg", &table, &detail), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "did you mean bridge?"));
    assert_int_equal(schema_table("zzzzzzzz", &table, &detail), -ERROR_UNKNOWN_NAME);
    assert_non_null(strstr(detail.text, "swctl schema"));
}

static void columns_are_found_with_keys_and_groups(void **state)
{
    struct schema_place place;
    assert_int_equal(schema_find(CFG_BRIDGE, "fail-mode", &place, &detail), 0);
    assert_string_equal(place.setting->column, "fail_mode");
    assert_null(place.key);
    assert_int_equal(schema_find(CFG_BRIDGE, "other-config:mac_aging_time", &place, &detail), 0);
    assert_string_equal(place.setting->column, "mac_aging_s");
    assert_string_equal(place.group, "other_config");
    assert_string_equal(place.key, "mac-aging-time");
    assert_int_equal(schema_find(CFG_BRIDGE, "mac_aging_s", &place, &detail), 0); /* as configdb calls it */
    assert_string_equal(place.setting->name, "other_config:mac-aging-time");
    assert_int_equal(schema_find(CFG_BRIDGE, "other-config", &place, &detail), 0);
    assert_null(place.setting);
    assert_string_equal(place.group, "other_config");
    assert_int_equal(schema_find(CFG_PORT, "options:rx", &place, &detail), 0);
    assert_string_equal(place.setting->column, "options");
    assert_string_equal(place.key, "rx");
    assert_int_equal(schema_find(CFG_PORT, "link_state", &place, &detail), 0);
    assert_int_equal(place.setting->source, CFG_PORT_STATUS);
    assert_false(schema_is_written(place.setting));
    assert_int_equal(schema_find(CFG_PORT, "tag:5", &place, &detail), -ERROR_SYNTAX);
    assert_non_null(strstr(detail.text, "column tag: is no map"));
}

static void wrong_columns_are_proposed_refused_or_not_yet(void **state)
{
    struct schema_place place;
    static const struct {
        enum cfg_table table;
        const char *word;
        int err;
        const char *text;
    } bad[] = {
        {CFG_BRIDGE, "stp_enable", -ERROR_UNSUPPORTED, "table bridge, column stp_enable: not supported yet"},
        {CFG_BRIDGE, "external_ids:iface-id", -ERROR_UNSUPPORTED,
         "table bridge, column external_ids:iface-id: not supported yet"},
        {CFG_PORT, "bond_mode", -ERROR_UNSUPPORTED, "table port, column bond_mode: not supported yet"},
        {CFG_PORT, "mtu_request", -ERROR_UNSUPPORTED, "table port, column mtu_request: not supported yet"},
        {CFG_BRIDGE, "other_config:forward-bpdu", -ERROR_UNSUPPORTED,
         "table bridge, column other_config:forward-bpdu: not supported yet"},
        {CFG_SWITCH, "other_config:n-handler-threads", -ERROR_UNSUPPORTED,
         "table switch, column other_config:n-handler-threads: not supported yet"},
        {CFG_BRIDGE, "other_config:something-new", -ERROR_UNSUPPORTED,
         "table bridge, column other_config:something-new: not supported yet"},
        {CFG_BRIDGE, "other_config:mac-agin-time", -ERROR_UNKNOWN_NAME,
         "table bridge has no column other_config:mac-agin-time; did you mean other_config:mac-aging-time?"},
        {CFG_PORT, "trunk", -ERROR_UNKNOWN_NAME, "table port has no column trunk; did you mean trunks?"},
        {CFG_PORT, "colour", -ERROR_UNKNOWN_NAME, "table port has no column colour (swctl schema port shows them)"},
        {CFG_PORT, "", -ERROR_UNKNOWN_NAME, "table port has no column  (swctl schema port shows them)"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(schema_find(bad[i].table, bad[i].word, &place, &detail), bad[i].err);
        assert_string_equal(detail.text, bad[i].text);
    }
}

/* What is supported must not be said to be missing. */
static void nothing_is_both_ours_and_foreign(void **state)
{
    static const struct {
        uint32_t table;
        const char *columns;
    } foreigns[] = {
#define FOREIGN(v, t, c, k) {.table = (t), .columns = " " c " "},
#include "lib/cfg/foreign.def"
#undef FOREIGN
    };
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    for (size_t i = 0; i < n; i++) {
        char word[80];
        size_t length = strcspn(settings[i].name, ":");
        snprintf(word, sizeof word, " %.*s ", (int)length, settings[i].name);
        for (size_t k = 0; k < sizeof foreigns / sizeof foreigns[0]; k++) {
            bool is_map = settings[i].name[length] == ':'; /* other keys of it may be foreign */
            if (!is_map && foreigns[k].table == (uint32_t)settings[i].table && strstr(foreigns[k].columns, word) != NULL) {
                fail_msg("%s is in columns.def and in foreign.def", settings[i].name);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_setting_is_a_column_with_a_sentence),
        cmocka_unit_test(every_column_of_configuration_is_a_setting),
        cmocka_unit_test(every_rule_is_of_a_column),
        cmocka_unit_test(every_reference_of_configuration_has_an_index),
        cmocka_unit_test(tables_go_by_both_names),
        cmocka_unit_test(columns_are_found_with_keys_and_groups),
        cmocka_unit_test(wrong_columns_are_proposed_refused_or_not_yet),
        cmocka_unit_test(nothing_is_both_ours_and_foreign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
