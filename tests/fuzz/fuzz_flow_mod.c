/* Text of flow mods: refused with a reason, or a flow mod whose rule, written as a line of dump-flows, is read as the same rule. The same of
 * groups and meters, whose texts begin otherwise: each input is offered to all three. */
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

static void try_group(const char *text)
{
    struct group_text read, again;
    struct error_detail detail = {""};

    if (group_parse(text, GROUP_ADD, NULL, &read, &detail) != 0) {
        if (detail.text[0] == '\0') {
            abort();
        }
        return;
    }
    char *line = group_format(&read.group, NULL);
    if (group_parse(line, GROUP_ADD, NULL, &again, &detail) != 0) {
        abort();
    }
    char *line_again = group_format(&again.group, NULL);
    if (strcmp(line, line_again) != 0) {
        abort();
    }
    free(line_again);
    free(line);
    group_fini(&again.group);
    group_fini(&read.group);
}

static void try_meter(const char *text)
{
    struct meter read, again;
    struct error_detail detail = {""};

    if (meter_parse(text, false, &read, &detail) != 0) {
        if (detail.text[0] == '\0') {
            abort();
        }
        return;
    }
    char *lines = meter_format(&read);
    if (meter_parse(lines, false, &again, &detail) != 0) {
        abort();
    }
    char *lines_again = meter_format(&again);
    if (strcmp(lines, lines_again) != 0) {
        abort();
    }
    free(lines_again);
    free(lines);
    meter_fini(&again);
    meter_fini(&read);
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
    try_group(text);
    try_meter(text);
    free(text);
    return 0;
}
