/* The law of rules as text: a line of dump-flows, read as a flow mod and written again, is the same line.
 *
 * Random rules of every field and action that text can say. BUSBAR_SEED replays a run.
 */
#include "lib/model/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/oracle/openflow.h"

enum { ROUNDS = 5000 };

static char *line_of(const struct flow_mod *mod)
{
    struct rule rule;

    rule_init(&rule);
    rule.match = mod->match;
    rule.instructions = mod->instructions; /* lent */
    rule.cookie = mod->cookie;
    rule.table = mod->table;
    rule.priority = mod->priority;
    rule.idle_timeout_s = mod->idle_timeout_s;
    rule.hard_timeout_s = mod->hard_timeout_s;
    rule.importance = mod->importance;
    rule.flags = mod->flags;
    return rule_format(&rule, NULL, NULL);
}

static void a_rule_written_and_read_is_the_rule(void **state)
{
    const char *text = getenv("BUSBAR_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    struct random random;

    print_message("seed %llu\n", (unsigned long long)value);
    random_seed(&random, value);
    for (int i = 0; i < ROUNDS; i++) {
        struct error_detail detail = {""};
        struct rule rule;
        struct flow_mod mod;
        openflow_random_rule(&random, &rule);
        char *line = rule_format(&rule, NULL, NULL);
        if (flow_mod_parse(line, FLOW_MOD_ADD, NULL, &mod, &detail) != 0) {
            print_error("%s: %s\n", line, detail.text);
            fail();
        }
        char *again = line_of(&mod);
        assert_string_equal(again, line);
        assert_true(match_equal(&mod.match, &rule.match));
        free(again);
        free(line);
        flow_mod_fini(&mod);
        rule_fini(&rule);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_written_and_read_is_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
