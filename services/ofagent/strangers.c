/* Is the rule still there whose counter a shard names and which is in none of our tables?
 *
 * While others have bridges, their rules are not in the mirror; that one of them has gone is told by its number. But when it went while this process did not
 * run, or while it was cut off, nobody will tell. So what is unknown is asked for, once, ten seconds after it was named: a transaction
 * that requires some rows and changes nothing. It is refused at the first that is missing, so all that stand before that one are there. What is there
 * will be told of when it goes. Nearly all are there, so the questions grow up to ASK_MAX rows, and are halved when one is missing.
 * The ofagent's one thread. Cost: some bytes a counter until it has been asked for. Never: a counter given up whose rule configdb has.
 */
#include "services/ofagent/strangers.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "services/ofagent/counters.h"

enum { ASK_FIRST = 16, ASK_MAX = 256 /* rows a question: some 0.1 ms of configdb */ };
#define AGAIN_NS (1 * NS_PER_S)   /* after a question that was not answered */
#define DEADLINE_NS (2 * NS_PER_S)

struct stranger {
    uint64_t counter;
    uint64_t due_ns;
};

struct strangers {
    struct ofagent *agent;
    struct stranger *ring; /* the oldest first */
    size_t first, count, room;
    size_t n_asked; /* the first of them, in the question under way */
    size_t n_per_question;
    uint64_t again_ns; /* not before */
    uint64_t *over;    /* to be taken */
    size_t n_over, room_over;
};

struct strangers *strangers_new(struct ofagent *agent)
{
    struct strangers *strangers = memory_zeroed(sizeof *strangers);
    strangers->agent = agent;
    strangers->n_per_question = ASK_FIRST;
    return strangers;
}

void strangers_destroy(struct strangers **strangers)
{
    if (*strangers == NULL) {
        return;
    }
    free((*strangers)->ring);
    free((*strangers)->over);
    free(*strangers);
    *strangers = NULL;
}

static struct stranger *at(const struct strangers *strangers, size_t i)
{
    return &strangers->ring[(strangers->first + i) % strangers->room];
}

static void grow(struct strangers *strangers)
{
    size_t room = strangers->room == 0 ? 64 : strangers->room * 2;
    struct stranger *ring = memory_array(room, sizeof *ring);

    for (size_t i = 0; i < strangers->count; i++) {
        ring[i] = *at(strangers, i);
    }
    free(strangers->ring);
    strangers->ring = ring;
    strangers->room = room;
    strangers->first = 0;
}

void strangers_note(struct strangers *strangers, uint64_t counter)
{
    if (strangers->count == STRANGERS_MAX) {
        return;
    }
    if (strangers->count == strangers->room) {
        grow(strangers);
    }
    *at(strangers, strangers->count++) = (struct stranger){.counter = counter, .due_ns = strangers->agent->now_ns + STRANGERS_WAIT_NS};
}

static void drop_first(struct strangers *strangers, size_t n)
{
    strangers->first = (strangers->first + n) % strangers->room;
    strangers->count -= n;
}

static void add_over(struct strangers *strangers, uint64_t counter)
{
    if (strangers->n_over == strangers->room_over) {
        strangers->room_over = strangers->room_over == 0 ? 16 : strangers->room_over * 2;
        strangers->over = memory_resize(strangers->over, strangers->room_over * sizeof *strangers->over);
    }
    strangers->over[strangers->n_over++] = counter;
}

static void on_answer(void *context, const struct cfg_result *result)
{
    struct strangers *strangers = context;
    size_t n_asked = strangers->n_asked;

    strangers->n_asked = 0;
    if (result->error == 0) {
        drop_first(strangers, n_asked);
        strangers->n_per_question = strangers->n_per_question * 2 < ASK_MAX ? strangers->n_per_question * 2 : ASK_MAX;
    } else if (result->error == -ERROR_NOT_FOUND && result->failed_op < n_asked) {
        add_over(strangers, at(strangers, result->failed_op)->counter);
        drop_first(strangers, result->failed_op + 1u);
        strangers->n_per_question = strangers->n_per_question > 1 ? strangers->n_per_question / 2 : 1;
    } else {
        strangers->again_ns = strangers->agent->now_ns + AGAIN_NS;
    }
}

void strangers_step(struct strangers *strangers)
{
    uint64_t now_ns = strangers->agent->now_ns;
    size_t n = 0;

    if (strangers->n_asked > 0 || now_ns < strangers->again_ns) {
        return;
    }
    while (strangers->count > 0 && !counters_has(strangers->agent->rule_counters, at(strangers, 0)->counter)) {
        drop_first(strangers, 1); /* we have been told meanwhile */
    }
    while (n < strangers->count && n < strangers->n_per_question && now_ns >= at(strangers, n)->due_ns) {
        n++;
    }
    if (n == 0) {
        return;
    }
    struct cfg_txn *txn = cfg_txn_new("ofagent");
    for (size_t i = 0; i < n; i++) {
        cfg_txn_require(txn, CFG_RULE, counter_id_number(at(strangers, i)->counter), NULL, NULL, 0);
    }
    strangers->n_asked = n;
    cfg_transact(strangers->agent->cfg, &txn, now_ns + DEADLINE_NS, on_answer, strangers);
}

bool strangers_take(struct strangers *strangers, uint64_t *out_counter)
{
    if (strangers->n_over == 0) {
        return false;
    }
    *out_counter = strangers->over[--strangers->n_over];
    return true;
}
