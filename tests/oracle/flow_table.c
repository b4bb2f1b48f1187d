/* flow_mod as the standard says it [OF1.3.5 §6.4], sentence by sentence, on an array. See flow_table.h.
 *
 * No hash, no list, no order: each command looks at every rule. Too simple to be wrong, and slow.
 * Where the standard leaves it open the answer is Open vSwitch's: check_overlap does not mind a rule that is replaced.
 */
#include "tests/oracle/flow_table.h"

#include <assert.h>

static bool is_same(const struct rule *rule, const struct flow_mod *mod)
{
    return rule->priority == mod->priority && match_equal(&rule->match, &mod->match);
}

static void remove_at(struct oracle_table *table, size_t i)
{
    rule_fini(&table->rules[i].rule);
    table->rules[i] = table->rules[--table->count];
}

static void put(struct oracle_table *table, const struct flow_mod *mod, uint64_t serial)
{
    assert(table->count < ORACLE_RULES_MAX);
    struct oracle_rule *new = &table->rules[table->count++];
    rule_init(&new->rule);
    new->serial = serial;
    new->rule.table = mod->table;
    new->rule.priority = mod->priority;
    new->rule.match = mod->match;
    new->rule.cookie = mod->cookie;
    new->rule.idle_timeout_s = mod->idle_timeout_s;
    new->rule.instructions = instructions_copy(&mod->instructions);
}

static enum oracle_answer add(struct oracle_table *table, const struct flow_mod *mod)
{
    if (mod->table > TABLE_MAX) {
        return ORACLE_BAD_TABLE;
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->rules[i].rule.table == mod->table && is_same(&table->rules[i].rule, mod)) {
            uint64_t serial = (mod->flags & RULE_RESET_COUNTS) != 0 ? table->next_serial++ : table->rules[i].serial;
            remove_at(table, i);
            put(table, mod, serial);
            return ORACLE_DONE;
        }
    }
    for (size_t i = 0; i < table->count && (mod->flags & RULE_CHECK_OVERLAP) != 0; i++) {
        const struct rule *rule = &table->rules[i].rule;
        if (rule->table == mod->table && rule->priority == mod->priority && match_overlaps(&rule->match, &mod->match)) {
            return ORACLE_OVERLAP;
        }
    }
    put(table, mod, table->next_serial++);
    return ORACLE_DONE;
}

static bool is_meant(const struct rule *rule, const struct flow_mod *mod)
{
    bool is_strict = mod->command == FLOW_MOD_MODIFY_STRICT || mod->command == FLOW_MOD_DELETE_STRICT;
    bool is_delete = mod->command == FLOW_MOD_DELETE || mod->command == FLOW_MOD_DELETE_STRICT;

    if (mod->table != TABLE_ALL && rule->table != mod->table) {
        return false;
    }
    if ((rule->cookie & mod->cookie_mask) != (mod->cookie & mod->cookie_mask)) {
        return false;
    }
    if (is_delete && mod->out_port != PORT_ANY && !instructions_output_to(&rule->instructions, mod->out_port)) {
        return false;
    }
    return is_strict ? is_same(rule, mod) : match_covers(&mod->match, &rule->match);
}

enum oracle_answer oracle_flow_mod(struct oracle_table *table, const struct flow_mod *mod)
{
    bool is_modify = mod->command == FLOW_MOD_MODIFY || mod->command == FLOW_MOD_MODIFY_STRICT;

    if (mod->command == FLOW_MOD_ADD) {
        return add(table, mod);
    }
    if (is_modify && mod->table > TABLE_MAX) {
        return ORACLE_BAD_TABLE;
    }
    for (size_t i = table->count; i-- > 0;) {
        if (!is_meant(&table->rules[i].rule, mod)) {
            continue;
        }
        if (!is_modify) {
            remove_at(table, i);
            continue;
        }
        instructions_fini(&table->rules[i].rule.instructions);
        table->rules[i].rule.instructions = instructions_copy(&mod->instructions);
        if ((mod->flags & RULE_RESET_COUNTS) != 0) {
            table->rules[i].serial = table->next_serial++;
        }
    }
    return ORACLE_DONE;
}

void oracle_table_fini(struct oracle_table *table)
{
    while (table->count > 0) {
        remove_at(table, table->count - 1);
    }
}
