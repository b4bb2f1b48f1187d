/* Rules and flow mods out of text, for tests of what is done with them. */
#ifndef BUSBAR_TESTS_OFAGENT_RULES_H
#define BUSBAR_TESTS_OFAGENT_RULES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "services/ofagent/flow_mod.h"

static inline struct flow_mod mod_of(enum flow_mod_command command, const char *text)
{
    struct flow_mod mod;
    struct error_detail detail = {{0}};
    int err = flow_mod_parse(text, command, NULL, &mod, &detail);
    if (err != 0) {
        print_error("%s: %s\n", text, detail.text);
    }
    assert_int_equal(err, 0);
    return mod;
}

static inline bool nothing_exists(const void *context, uint32_t number)
{
    return false;
}

static inline struct flow_mod_context context_at(uint64_t now_ns)
{
    return (struct flow_mod_context){.bridge = 1,
                                     .now_ns = now_ns,
                                     .wall_ns = 1000 * NS_PER_S + now_ns,
                                     .group_exists = nothing_exists,
                                     .meter_exists = nothing_exists};
}

/* Applies; entries that left the table are destroyed when there is nobody to take the changes. */
static inline enum of_error_number apply_text(struct flow_table *table, enum flow_mod_command command, const char *text,
                                              uint64_t now_ns, struct flow_changes *out_changes)
{
    struct flow_mod mod = mod_of(command, text);
    struct flow_mod_context context = context_at(now_ns);
    struct flow_changes changes;

    flow_changes_init(&changes);
    enum of_error_number error = flow_mod_apply(table, &mod, &context, &changes);
    flow_mod_fini(&mod);
    if (out_changes != NULL) {
        *out_changes = changes;
        return error;
    }
    for (size_t i = 0; i < changes.count; i++) {
        if (changes.items[i].kind == FLOW_CHANGE_REMOVED) {
            flow_entry_destroy(&changes.items[i].entry);
        }
    }
    flow_changes_fini(&changes);
    return error;
}

/* The instructions of the one rule with this match and priority, as text compared with `actions`. */
static inline void assert_actions(const struct flow_table *table, const char *rule, const char *actions)
{
    struct flow_mod mod = mod_of(FLOW_MOD_DELETE_STRICT, rule);
    struct flow_entry *entry = flow_table_find(table, mod.table == TABLE_ALL ? 0 : mod.table, &mod.match, mod.priority);
    flow_mod_fini(&mod);
    assert_non_null(entry);
    char *text = instructions_format(&entry->rule.instructions, NULL);
    assert_string_equal(text, actions);
    free(text);
}

#endif
