/* Text of flow mods: refused with a reason, or a flow mod whose rule, written as a line of dump-flows, is read as the same rule. */
#include <stdlib.h>

#include "lib/model/rule.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_again(const struct flow_mod *mod)
{
    struct flow_mod again;
    struct rule rule;
    struct error_detail detail = {""};

    rule_init(&rule);
    rule.match = mod->match;
    rule.instructions = mod->instructions; /* lent, not finished here */
    rule.priority = mod->priority;
    rule.cookie = mod->cookie;
    rule.table = mod->table;
    rule.flags = mod->flags;
    rule.importance = mod->importance;
    rule.idle_timeout_s = mod->idle_timeout_s;
    rule.hard_timeout_s = mod->hard_timeout_s;
    char *text = rule_format(&rule, NULL, NULL);
    if (flow_mod_parse(text, FLOW_MOD_ADD, NULL, &again, &detail) != 0) {
        abort();
    }
    char *text_again = instructions_format(&again.instructions, NULL);
    char *text_before = instructions_format(&mod->instructions, NULL);
    if (!match_equal(&mod->match, &again.match) || again.priority != mod->priority || again.cookie != mod->cookie ||
        again.table != mod->table || again.flags != mod->flags || strcmp(text_again, text_before) != 0) {
        abort();
    }
    free(text_before);
    free(text_again);
    free(text);
    flow_mod_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct flow_mod mod;
    struct error_detail detail = {""};
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (flow_mod_parse(text, FLOW_MOD_ADD, NULL, &mod, &detail) == 0) {
        check_again(&mod);
        flow_mod_fini(&mod);
    } else if (detail.text[0] == '\0') {
        abort();
    }
    free(text);
    return 0;
}
