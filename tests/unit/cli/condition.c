/* Conditions of find and wait-until. */
#include "cli/condition.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct error_detail detail;

/* A port as view_row() shows it. */
static const char port[] = "{\"id\": 7, \"name\": \"p1\", \"bridge\": \"br0\", \"tag\": 10, \"trunks\": [5, 9], \"vlan_mode\": "
                           "null, \"type\": \"null\","
                           " \"options\": {\"rx\": \"/a b\"}, \"ofport\": 3, \"force\": true, \"link_state\": \"up\"}";

static int holds(enum cfg_table table, const char *word, const char *row_text)
{
    struct condition condition;
    json_t *row = json_loads(row_text, 0, NULL);
    assert_non_null(row);
    int err = condition_parse(table, word, &condition, &detail);
    if (err == 0) {
        err = condition_holds(&condition, row) ? 1 : 0;
        condition_fini(&condition);
    }
    json_decref(row);
    return err;
}

static void conditions_hold_or_do_not(void **state)
{
    static const struct {
        const char *word;
        int holds;
    } words[] = {
        {"tag=10", 1},
        {"tag=11", 0},
        {"tag!=11", 1},
        {"tag!=10", 0},
        {"tag>9", 1},
        {"tag>10", 0},
        {"tag>=10", 1},
        {"tag<=10", 1},
        {"tag<10", 0},
        {"tag<11", 1},
        {"trunks=9,5", 1},
        {"trunks=[5,9]", 1},
        {"trunks=5", 0},
        {"trunks!=[]", 1},
        {"trunks=[]", 0},
        {"vlan_mode=[]", 1},
        {"vlan_mode=access", 0},
        {"vlan_mode>1", 0},
        {"name=p1", 1},
        {"name=\"p1\"", 1},
        {"name=p2", 0},
        {"bridge=br0", 1},
        {"force=true", 1},
        {"force=false", 0},
        {"options:rx=/a b", 1},
        {"options:rx=\"/a b\"", 1},
        {"options:tx=/x", 0},
        {"options:tx!=/x", 1},
        {"options={rx=\"/a b\"}", 1},
        {"link_state=up", 1},
        {"id=7", 1},
        {"id=8", 0},
        {"_uuid=7", 1},
        {"ofport>2", 1},
        {"name>1", 0},
    };
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (holds(CFG_PORT, words[i].word, port) != words[i].holds) {
            fail_msg("%s: expected %d", words[i].word, words[i].holds);
        }
    }
}

static void derived_sets_hold_with_their_one_element(void **state)
{
    static const char bridge[] =
        "{\"id\": 1, \"ports\": [\"p1\"], \"controller\": [], \"other_config\": {\"mac-aging-time\": 60}}";
    assert_int_equal(holds(CFG_BRIDGE, "ports=p1", bridge), 1);
    assert_int_equal(holds(CFG_BRIDGE, "ports=[p1]", bridge), 1);
    assert_int_equal(holds(CFG_BRIDGE, "ports=p2", bridge), 0);
    assert_int_equal(holds(CFG_BRIDGE, "controller=[]", bridge), 1);
    assert_int_equal(holds(CFG_BRIDGE, "other_config:mac-aging-time=60", bridge), 1);
    assert_int_equal(holds(CFG_BRIDGE, "other_config:mac-aging-time<60", bridge), 0);
    assert_int_equal(holds(CFG_BRIDGE, "other_config={mac-aging-time=60}", bridge), 1);
}

static void tables_without_settings_compare_as_printed(void **state)
{
    static const char service[] = "{\"id\": 3, \"kind\": 2, \"session\": \"ipc://x\"}";
    assert_int_equal(holds(CFG_SERVICE, "kind=2", service), 1);
    assert_int_equal(holds(CFG_SERVICE, "kind>1", service), 1);
    assert_int_equal(holds(CFG_SERVICE, "kind>2", service), 0);
    assert_int_equal(holds(CFG_SERVICE, "none=2", service), 0);
}

static void wrong_words_are_refused_by_name(void **state)
{
    assert_int_equal(holds(CFG_PORT, "tag", port), -ERROR_SYNTAX);
    assert_string_equal(detail.text, "tag: expected COLUMN=VALUE, or != < > <= >= between");
    assert_int_equal(holds(CFG_PORT, "=5", port), -ERROR_SYNTAX);
    assert_int_equal(holds(CFG_PORT, "tag!5", port), -ERROR_SYNTAX);
    assert_int_equal(holds(CFG_PORT, "", port), -ERROR_SYNTAX);
    assert_int_equal(holds(CFG_PORT, "tga=5", port), -ERROR_UNKNOWN_NAME);
    assert_int_equal(holds(CFG_PORT, "tag=five", port), -ERROR_SYNTAX);
    assert_int_equal(holds(CFG_PORT, "bond_mode=x", port), -ERROR_UNSUPPORTED);
    assert_int_equal(holds(CFG_SERVICE, "session=\xff", "{}"), -ERROR_SYNTAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(conditions_hold_or_do_not),
        cmocka_unit_test(derived_sets_hold_with_their_one_element),
        cmocka_unit_test(tables_without_settings_compare_as_printed),
        cmocka_unit_test(wrong_words_are_refused_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
