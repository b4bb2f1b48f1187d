/* Open vSwitch's own actions: exit, clone, output to a register's port, truncated output, and the stack.
 *
 * exit ends the actions of every table and resubmit, not the action set; within a clone or a bucket it ends that. A clone's actions work on a
 * copy of everything: packet, registers, stack. The stack holds values that were looked at, so what is popped is a constant to the mask.
 * A note does nothing, and a clause of a conjunction is never met as a rule (classifier.c). Thread: the one that translates; constant cost.
 */
#include "lib/model/field_names.h"
#include "services/slowpath/walk.h"

/* The bits as a number; looks at them. Of a field the packet does not have they are zero. */
static struct field_value read_bits(struct walk *walk, enum field_id field, unsigned offset, unsigned n_bits)
{
    struct subfield part = {.field = field, .offset = (uint8_t)offset, .n_bits = (uint8_t)n_bits};
    struct field_value value = {{0}};
    struct flow_state looked = {0};
    if (!walk_has_field(walk, field)) {
        return value;
    }
    field_set(field, &looked, subfield_mask(part));
    walk_look(walk, &looked);
    struct field_value whole = field_get(field, &walk->state);
    for (unsigned i = 0; i < n_bits; i++) {
        unsigned bit = offset + i;
        value.bytes[15 - i / 8] |= (uint8_t)((whole.bytes[15 - bit / 8] >> bit % 8 & 1) << i % 8);
    }
    return value;
}

static void stack_push(struct walk *walk, const struct action *action)
{
    if (walk->n_stack == WALK_STACK_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    walk->stack[walk->n_stack++] = read_bits(walk, action->part.field, action->part.offset, action->part.n_bits);
}

/* The low bits of what was pushed last; nothing happens when nothing was. */
static void stack_pop(struct walk *walk, const struct action *action)
{
    struct subfield part = {.field = action->part.field, .offset = action->part.offset, .n_bits = action->part.n_bits};
    struct field_value value = {{0}};
    if (walk->n_stack == 0) {
        walk_trace(walk, "pop: the stack is empty");
        return;
    }
    const struct field_value *top = &walk->stack[--walk->n_stack];
    for (unsigned i = 0; i < part.n_bits; i++) {
        unsigned bit = part.offset + i;
        value.bytes[15 - bit / 8] |= (uint8_t)((top->bytes[15 - i / 8] >> i % 8 & 1) << bit % 8);
    }
    perform_set_field(walk, part.field, value, subfield_mask(part));
}

/* Reserved ports by their 16-bit numbers too, as registers of 16 bits hold them. */
static void output_reg(struct walk *walk, const struct action *action)
{
    struct field_value value = read_bits(walk, action->output_reg.field, action->output_reg.offset, action->output_reg.n_bits);
    uint64_t port = field_value_to_u64(value);
    if (walk->is_over) {
        return;
    }
    if (port >= 0xfff8 && port <= 0xffff) {
        port |= 0xffff0000u;
    }
    if (port > UINT32_MAX || port == PORT_TABLE) {
        walk_trace(walk, "output to a register: there is no such port");
        return;
    }
    output_perform(walk, (uint32_t)port, action->output_reg.max_len);
}

static void clone(struct walk *walk, const struct action *action)
{
    struct walk_copy copy;
    walk_begin_copy(walk, &copy);
    perform_items(walk, action + 1, action->n_inner);
    pause_end(walk);
    walk_end_copy(walk, &copy);
}

void extension_perform(struct walk *walk, const struct action *action)
{
    switch ((unsigned)action->type) {
    case ACTION_EXIT:
        walk->has_exited = true;
        break;
    case ACTION_CLONE:
        clone(walk, action);
        break;
    case ACTION_OUTPUT_REG:
        output_reg(walk, action);
        break;
    case ACTION_OUTPUT_TRUNC:
        output_truncated(walk, action->output_trunc.port, action->output_trunc.max_len);
        break;
    case ACTION_STACK_PUSH:
        stack_push(walk, action);
        break;
    case ACTION_STACK_POP:
        stack_pop(walk, action);
        break;
    default:
        break; /* notes and the like */
    }
}
