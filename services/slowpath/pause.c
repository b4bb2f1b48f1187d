/* controller(pause): the packet waits at its controller, and what is left to do with it waits in the packet-in.
 *
 * The walk unwinds: each list of actions, rule and resubmit on the way adds what it has not done yet, the innermost first, so that no more has to be
 * remembered than what the packet brings along. The datapath's action is made at the end, when all is known: of the walk, or of the copy within which the
 * packet paused (a clone, another bridge), whose beginning goes on without it, as in Open vSwitch.
 *
 *     table 0: push, resubmit(,3), output:1; goto 6        left: 1. table 3: output:2
 *     table 3: controller(pause), output:2                       2. table 0: output:1; goto 6
 *
 * A resumed packet is one that a controller sends: no flow is made of it, and rules that have changed meanwhile are met as they are now.
 * Thread: the one that translates. Cost: a copy of the actions left. Never: an action done twice, before the pause and after it.
 */
#include "services/slowpath/walk.h"

#include <stdlib.h>

#include "lib/base/memory.h"

void pause_begin(struct walk *walk, const struct action *action)
{
    walk_trace(walk, "waits for the controller");
    walk->pause = (struct pause){.action = action, .rule = walk->rule, .cookie = walk->cookie, .table = walk->table};
    walk->pause.left = memory_zeroed(sizeof *walk->pause.left);
    walk->pause.left->bridge = walk->bridge->id;
    walk->has_exited = true; /* nothing more is done on the way back */
}

static struct continuation_step *add_step(struct walk *walk)
{
    struct continuation_step *step = continuation_add(walk->pause.left);
    if (step == NULL) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return NULL;
    }
    step->table = walk->table;
    step->cookie = walk->rule != NULL ? walk->rule->cookie : walk->cookie;
    return step;
}

void pause_keep_items(struct walk *walk, const struct action *items, size_t n)
{
    struct continuation_step *step = add_step(walk);
    for (size_t i = 0; step != NULL && i < n; i++) {
        step->instructions.has_apply = true;
        action_list_add(&step->instructions.apply, &items[i]);
    }
}

void pause_keep_rest(struct walk *walk, const struct instructions *in)
{
    struct continuation *left = walk->pause.left;
    if (walk->is_over || left->n_steps == 0) {
        return;
    }
    struct instructions *kept = &left->steps[left->n_steps - 1].instructions;
    kept->has_clear = in->has_clear;
    kept->has_write = in->has_write;
    kept->write = action_list_copy(&in->write);
    kept->has_write_metadata = in->has_write_metadata;
    kept->metadata = in->metadata;
    kept->metadata_mask = in->metadata_mask;
    kept->has_goto = in->has_goto;
    kept->goto_table = in->goto_table;
}

void pause_keep_set(struct walk *walk)
{
    struct continuation_step *step = add_step(walk);
    if (step != NULL) {
        step->performs_set = true;
    }
}

static void write_set(const struct action_set *set, struct action_list *out)
{
    for (size_t type = 0; type <= ACTION_OUTPUT; type++) {
        if (set->has[type] && type != ACTION_SET_FIELD) {
            action_list_add(out, &set->one[type]);
        }
    }
    for (size_t i = 0; set->has[ACTION_SET_FIELD] && i < set->n_fields; i++) {
        action_list_add(out, &set->fields[i]);
    }
}

void pause_end(struct walk *walk)
{
    struct pause pause = walk->pause;
    if (pause.action == NULL) {
        return;
    }
    if (!walk_is_void(walk)) {
        const struct world_rule *rule = walk->rule;
        uint8_t table = walk->table;
        write_set(&walk->set, &pause.left->set);
        memcpy(pause.left->stack, walk->stack, walk->n_stack * sizeof walk->stack[0]);
        pause.left->n_stack = walk->n_stack;
        walk->rule = pause.rule;
        walk->table = pause.table;
        output_controller_paused(walk, pause.action);
        walk->rule = rule;
        walk->table = table;
    }
    continuation_fini(pause.left);
    free(pause.left);
    walk->pause = (struct pause){.action = NULL};
}

_Static_assert((int)CONTINUATION_STACK_MAX >= (int)WALK_STACK_MAX, "the whole stack goes along");

static void keep_step(struct walk *walk, const struct continuation_step *left)
{
    struct continuation_step *step = add_step(walk);
    if (step != NULL) {
        step->instructions = instructions_copy(&left->instructions);
        step->cookie = left->cookie;
        step->table = left->table;
        step->performs_set = left->performs_set;
    }
}

static void resume_step(struct walk *walk, const struct continuation_step *step)
{
    walk->table = step->table;
    walk->cookie = step->cookie;
    if (!walk->has_exited && pipeline_carry_out(walk, &step->instructions, step->table)) {
        (void)pipeline_run(walk, step->instructions.goto_table, PORT_IN_PORT, true);
    }
    if (!step->performs_set || walk->is_over) {
        return;
    }
    if (pause_is_on(walk)) {
        pause_keep_set(walk);
        return;
    }
    struct action_set set;
    action_set_copy(&set, &walk->set);
    action_set_clear(&walk->set);
    action_set_perform(walk, &set, PACKET_IN_ACTION_SET);
}

/* What is left of a resubmit is as deep as it was, so that a table without a fitting rule ends that and no more. */
void pause_resume(struct walk *walk, const struct continuation *left)
{
    walk->is_resumed = true;
    action_set_write(walk, &walk->set, &left->set);
    memcpy(walk->stack, left->stack, left->n_stack * sizeof left->stack[0]);
    walk->n_stack = left->n_stack;
    walk->state.actset_output = be32(walk->set.has[ACTION_OUTPUT] ? walk->set.one[ACTION_OUTPUT].output.port : OFPORT_UNSET);
    for (size_t i = 0; i < left->n_steps && !walk->is_over; i++) {
        if (pause_is_on(walk)) {
            keep_step(walk, &left->steps[i]);
            continue;
        }
        walk->depth = (unsigned)(left->n_steps - 1 - i);
        resume_step(walk, &left->steps[i]);
    }
    walk->depth = 0;
}
