/* See continuation.h.
 *
 * The bytes are those of a protobuf message (proto/packet.proto), its steps being rows of rules, so that what reads rules reads them and checks the same.
 * A controller may send what it likes as one: it can do no more by it than by a packet-out. Any thread, no state, linear cost.
 * Invariant: what has been read has at most as many steps and values as the limits say.
 */
#include "lib/msg/continuation.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/msg/rule.h"
#include "proto/packet.pb-c.h"

void continuation_fini(struct continuation *continuation)
{
    for (size_t i = 0; i < continuation->n_steps; i++) {
        instructions_fini(&continuation->steps[i].instructions);
    }
    free(continuation->steps);
    action_list_fini(&continuation->set);
    memset(continuation, 0, sizeof *continuation);
}

struct continuation_step *continuation_add(struct continuation *continuation)
{
    if (continuation->n_steps == CONTINUATION_STEPS_MAX) {
        return NULL;
    }
    continuation->steps = memory_resize(continuation->steps, (continuation->n_steps + 1) * sizeof *continuation->steps);
    struct continuation_step *step = &continuation->steps[continuation->n_steps++];
    memset(step, 0, sizeof *step);
    instructions_init(&step->instructions);
    return step;
}

struct step_room {
    struct msg_rule_room rule;
    Busbar__ContinuationStep message;
};

static void fill_step(const struct continuation_step *step, struct step_room *room)
{
    struct rule rule = {.table = step->table, .cookie = step->cookie, .instructions = step->instructions};

    match_init(&rule.match);
    busbar__continuation_step__init(&room->message);
    room->message.rule = (Busbar__RuleRow *)(uintptr_t)msg_rule_encode(&rule, &room->rule);
    room->message.performs_set = step->performs_set;
}

size_t continuation_write(const struct continuation *continuation, uint8_t *out_bytes, size_t room)
{
    Busbar__Continuation message = BUSBAR__CONTINUATION__INIT;
    struct step_room *rooms = memory_array(continuation->n_steps, sizeof *rooms);
    Busbar__ContinuationStep **steps = memory_array(continuation->n_steps, sizeof(Busbar__ContinuationStep *));
    ProtobufCBinaryData stack[CONTINUATION_STACK_MAX];

    for (size_t i = 0; i < continuation->n_steps; i++) {
        fill_step(&continuation->steps[i], &rooms[i]);
        steps[i] = &rooms[i].message;
    }
    for (size_t i = 0; i < continuation->n_stack; i++) {
        stack[i] = (ProtobufCBinaryData){.len = sizeof continuation->stack[i].bytes, .data = (uint8_t *)(uintptr_t)continuation->stack[i].bytes};
    }
    message.bridge = continuation->bridge;
    message.steps = steps;
    message.n_steps = continuation->n_steps;
    message.set = msg_actions_encode(&continuation->set);
    message.n_set = continuation->set.count;
    message.stack = stack;
    message.n_stack = continuation->n_stack;
    size_t size = protobuf_c_message_get_packed_size(&message.base);
    if (size <= room) {
        size = protobuf_c_message_pack(&message.base, out_bytes);
    }
    for (size_t i = 0; i < continuation->n_steps; i++) {
        msg_rule_room_fini(&rooms[i].rule);
    }
    msg_actions_free(message.set, message.n_set);
    free(steps);
    free(rooms);
    return size <= room ? size : 0;
}

static int read_step(const Busbar__ContinuationStep *message, struct continuation *continuation, struct error_detail *detail)
{
    struct continuation_step *step = continuation_add(continuation);
    struct rule rule;

    if (step == NULL || message->rule == NULL) {
        return error_set(detail, -ERROR_RANGE, "continuation: more than %d steps, or one that is empty", CONTINUATION_STEPS_MAX);
    }
    int err = msg_rule_decode(0, message->rule, &rule, detail);
    if (err == 0) {
        *step = (struct continuation_step){
            .instructions = rule.instructions, .cookie = rule.cookie, .table = rule.table, .performs_set = message->performs_set};
    }
    return err;
}

static int read_stack(const Busbar__Continuation *message, struct continuation *continuation, struct error_detail *detail)
{
    for (size_t i = 0; i < message->n_stack; i++) {
        if (i == CONTINUATION_STACK_MAX || message->stack[i].len != sizeof continuation->stack[i].bytes) {
            return error_set(detail, -ERROR_RANGE, "continuation: %zu values on the stack, one of %zu bytes", message->n_stack, message->stack[i].len);
        }
        memcpy(continuation->stack[i].bytes, message->stack[i].data, message->stack[i].len);
        continuation->n_stack++;
    }
    return 0;
}

int continuation_read(const uint8_t *bytes, size_t size, struct continuation *out, struct error_detail *detail)
{
    struct continuation read = {.n_steps = 0};
    Busbar__Continuation *message = busbar__continuation__unpack(NULL, size, bytes);
    int err = message != NULL ? 0 : error_set(detail, -ERROR_SYNTAX, "continuation: %zu bytes that are none", size);

    for (size_t i = 0; err == 0 && i < message->n_steps; i++) {
        err = read_step(message->steps[i], &read, detail);
    }
    if (err == 0) {
        err = msg_actions_decode(message->set, message->n_set, &read.set, detail);
    }
    if (err == 0) {
        err = read_stack(message, &read, detail);
    }
    if (message != NULL) {
        read.bridge = message->bridge;
        busbar__continuation__free_unpacked(message, NULL);
    }
    if (err != 0) {
        continuation_fini(&read);
        return err;
    }
    *out = read;
    return 0;
}
