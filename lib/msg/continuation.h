/* What is left to do with a packet that waits for its controller: controller(pause) and NXT_RESUME.
 *
 * The switch remembers nothing of such packets: all that is needed goes up with the packet and comes back with it.
 */
#ifndef BUSBAR_MSG_CONTINUATION_H
#define BUSBAR_MSG_CONTINUATION_H

#include "lib/dp/action.h"
#include "lib/model/rule.h"

enum {
    CONTINUATION_STEPS_MAX = 66, /* resubmits nest 64 deep; a packet-out's own list and the tables it names come on top */
    CONTINUATION_STACK_MAX = 64
};

/* What a rule, or a packet-out, still wants done. */
struct continuation_step {
    struct instructions instructions;
    uint64_t cookie;
    uint8_t table;
    bool performs_set; /* behind it, where a packet-out has named the tables */
};

struct continuation {
    uint64_t bridge;
    struct continuation_step *steps; /* owned; the innermost first */
    size_t n_steps;
    struct action_list set; /* the action set gathered so far */
    struct field_value stack[CONTINUATION_STACK_MAX]; /* the bottom first */
    size_t n_stack;
};

/* Zeroed memory is an empty one. */
void continuation_fini(struct continuation *continuation);
/* The new last step, to be filled. NULL: there are too many. */
struct continuation_step *continuation_add(struct continuation *continuation);
/* Its bytes; how many, 0 when there is no room for them. */
size_t continuation_write(const struct continuation *continuation, uint8_t *out_bytes, size_t room);
/* -ERROR_SYNTAX, -ERROR_RANGE ...: these are no bytes of continuation_write(). */
int continuation_read(const uint8_t *bytes, size_t size, struct continuation *out, struct error_detail *detail) MUST_CHECK;

#endif
