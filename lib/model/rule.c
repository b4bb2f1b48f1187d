/* Rules, flow mods, filters, groups and meters as values: born, copied, compared, freed.
 *
 * The model carries no behaviour of tables: that is the ofagent's. What is here is what everybody would otherwise write again
 * and once forget a member of. A rule costs its struct (about 600 bytes) and its action arrays.
 * Control code, any thread, no state. Invariant: after x_fini() a struct holds no memory and may be finished again.
 */
#include "lib/model/rule.h"

#include <stdlib.h>

#include "lib/base/memory.h"

void rule_init(struct rule *rule)
{
    *rule = (struct rule){.priority = RULE_PRIORITY_DEFAULT};
    match_init(&rule->match);
    instructions_init(&rule->instructions);
}

void rule_fini(struct rule *rule)
{
    instructions_fini(&rule->instructions);
}

struct rule *rule_new_copy(const struct rule *rule)
{
    struct rule *copy = memory_copy(rule, sizeof *rule);

    copy->instructions = instructions_copy(&rule->instructions);
    return copy;
}

void rule_destroy(struct rule **rule)
{
    if (*rule != NULL) {
        rule_fini(*rule);
        free(*rule);
        *rule = NULL;
    }
}

void flow_mod_init(struct flow_mod *mod, enum flow_mod_command command)
{
    *mod = (struct flow_mod){
        .command = command,
        .buffer_id = 0xffffffffu,
        .out_port = PORT_ANY,
        .out_group = GROUP_ANY,
        .priority = RULE_PRIORITY_DEFAULT,
    };
    match_init(&mod->match);
    instructions_init(&mod->instructions);
}

void flow_mod_fini(struct flow_mod *mod)
{
    instructions_fini(&mod->instructions);
}

void rule_filter_init(struct rule_filter *filter)
{
    *filter = (struct rule_filter){.out_port = PORT_ANY, .out_group = GROUP_ANY, .table = TABLE_ALL};
    match_init(&filter->match);
}

bool rule_filter_covers(const struct rule_filter *filter, const struct rule *rule)
{
    return (filter->table == TABLE_ALL || filter->table == rule->table) &&
           ((filter->cookie ^ rule->cookie) & filter->cookie_mask) == 0 && match_covers(&filter->match, &rule->match) &&
           instructions_output_to(&rule->instructions, filter->out_port) &&
           instructions_use_group(&rule->instructions, filter->out_group);
}

void group_fini(struct group *group)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        action_list_fini(&group->buckets[i].actions);
    }
    free(group->buckets);
    group->buckets = NULL;
    group->n_buckets = 0;
}

struct group group_copy(const struct group *group)
{
    struct group copy = *group;

    copy.buckets = NULL;
    if (group->n_buckets > 0) {
        copy.buckets = memory_copy(group->buckets, group->n_buckets * sizeof *group->buckets);
    }
    for (size_t i = 0; i < group->n_buckets; i++) {
        copy.buckets[i].actions = action_list_copy(&group->buckets[i].actions);
    }
    return copy;
}

void meter_fini(struct meter *meter)
{
    free(meter->bands);
    meter->bands = NULL;
    meter->n_bands = 0;
}

struct meter meter_copy(const struct meter *meter)
{
    struct meter copy = *meter;

    copy.bands = NULL;
    if (meter->n_bands > 0) {
        copy.bands = memory_copy(meter->bands, meter->n_bands * sizeof *meter->bands);
    }
    return copy;
}
