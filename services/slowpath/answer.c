/* Misses become answers, a batch at a time.
 *
 * A batch is translated, indexed and sent in one go, so an answer never carries a version older than the last applied one. Each flow is in
 * the index before the next miss is translated: what that one learns may concern it, and the correction then follows the answer in
 * order. When the shard's socket has no room, the batch has not happened: new flows leave the index, replaced ones count as unsure, the misses
 * stay where they are and are translated again.
 * Most answers are like one of the last few of their batch and say so: some 10 bytes instead of 200, and nothing to encode.
 * Cost: a translation a miss, and an allocation for each that is like no other; the batch itself and what it translates into stay for the
 * next. Thread: the one that translates. Invariant: each ask is answered once.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/slowpath/correct.h"
#include "services/slowpath/session_state.h"

enum { LIKE_LOOKED_AT = 8 /* a comparison each; new flows meet few decisions, or one each */ };

struct answer_batch {
    struct answer {
        Busbar__Answer message;
        struct translation translation;
        struct flow *flow; /* in the index, NULL: none was made */
        bool is_new;
    } answers[SESSION_BATCH];
    size_t n;
    size_t said[LIKE_LOOKED_AT]; /* numbers of the last answers that say all themselves, one after the other in turn */
    size_t n_said;               /* ever, in this batch */
    struct number_list numbers;
    size_t n_items; /* actions and counters of those said */
};

static bool is_like(const struct translation *a, const struct translation *b)
{
    return a->is_single == b->is_single && a->n_counters == b->n_counters &&
           (a->n_counters == 0 || memcmp(a->counters, b->counters, a->n_counters * sizeof *a->counters) == 0) &&
           dp_actions_equal(a->actions, a->n_actions, b->actions, b->n_actions) &&
           (a->is_single || key_equal(&a->mask, &b->mask));
}

/* Says what was decided, or that it is what another of this batch says. */
static void say(struct session *session, struct answer_batch *batch, struct answer *answer, Busbar__Version *version)
{
    const struct translation *translation = &answer->translation;
    size_t n_known = batch->n_said < LIKE_LOOKED_AT ? batch->n_said : LIKE_LOOKED_AT;
    for (size_t i = 0; i < n_known; i++) {
        if (is_like(&batch->answers[batch->said[i]].translation, translation)) {
            answer->message.like = (uint32_t)batch->said[i] + 1;
            return;
        }
    }
    if (batch->n < MSG_LIKE_MAX) {
        batch->said[batch->n_said++ % LIKE_LOOKED_AT] = batch->n;
    }
    answer->message.version = version;
    answer->message.counters = session_number_counters(session, translation->counters, translation->n_counters, &batch->numbers);
    answer->message.n_counters = translation->n_counters;
    answer->message.actions = dp_actions_encode(translation->actions, translation->n_actions);
    answer->message.n_actions = translation->n_actions;
    batch->n_items += translation->n_actions + translation->n_counters;
    if (!translation->is_single) {
        answer->message.mask = key_encode(&translation->mask);
    }
}

/* The miss as the next answer of the batch. */
static void translate_one(struct session *session, const struct session_miss *miss, struct answer_batch *batch, Busbar__Version *version)
{
    struct core *core = session->core;
    struct answer *answer = &batch->answers[batch->n];
    struct translation *translation = &answer->translation;
    struct translate_input input = {
        .world = &core->world, .macs = core->macs, .now_ns = core->now_ns, .learning = TRANSLATE_LEARN};
    translate_key(&input, &miss->key, translation);
    core_worked(core, translation);
    correct_mark_macs(core);
    answer->flow = NULL;
    answer->is_new = false;
    busbar__answer__init(&answer->message);
    answer->message.ask = miss->ask;
    if (translation->is_refused) {
        answer->message.version = version;
        answer->message.refused = true;
        answer->message.drop_reason = translation->reason;
        core->counts.misses_refused++;
        return;
    }
    if (!translation->is_single && !flow_index_has_room(session->flows, translation)) {
        translation->is_single = true;
        core->counts.flows_unremembered++;
    }
    say(session, batch, answer, version);
    if (!translation->is_single) {
        answer->flow = flow_index_put(session->flows, &miss->key, &translation->mask, translation, &answer->is_new);
    }
}

static int send_batch(struct session *session, struct answer_batch *batch)
{
    Busbar__Answer *pointers[SESSION_BATCH];
    Busbar__AnswerBatch message = BUSBAR__ANSWER_BATCH__INIT;
    for (size_t i = 0; i < batch->n; i++) {
        pointers[i] = &batch->answers[i].message;
    }
    message.answers = pointers;
    message.n_answers = batch->n;
    int err = session_tell_names(session);
    return err != 0 ? err : msg_send(session->socket, NULL, MESSAGE_ANSWER_BATCH, &message.base);
}

static void batch_sent(struct session *session, struct answer_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        session->answers++;
        if (batch->answers[i].flow != NULL) {
            batch->answers[i].flow->answer = session->answers;
        }
    }
    session->miss_first = (session->miss_first + batch->n) % SESSION_MISSES_MAX;
    session->n_misses -= batch->n;
    session->core->counts.misses += batch->n;
}

/* Two misses of a batch may have made the same flow: it is new by the first. */
static void batch_undone(struct session *session, struct answer_batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        struct flow *flow = batch->answers[i].flow;
        if (flow == NULL) {
            continue;
        }
        if (batch->answers[i].is_new) {
            for (size_t j = i + 1; j < batch->n; j++) {
                batch->answers[j].flow = batch->answers[j].flow == flow ? NULL : batch->answers[j].flow;
            }
            flow_index_remove(session->flows, flow);
        } else {
            flow->is_unsure = true;
            flow_index_mark(session->flows, flow, session->core->version.n); /* not reached before it is sent again */
        }
    }
}

int answer_misses(struct session *session)
{
    if (session->n_misses == 0) {
        return 1;
    }
    if (session->batch == NULL) {
        session->batch = memory_zeroed(sizeof *session->batch);
    }
    struct answer_batch *batch = session->batch;
    Busbar__Version version;
    version_encode(session->core->version, &version);
    size_t n_most = session->n_misses;
    batch->n_said = batch->numbers.n = batch->n_items = 0;
    for (batch->n = 0; batch->n < n_most && session_batch_goes_on(session, batch->n, batch->n_items); batch->n++) {
        const struct session_miss *miss = &session->misses[(session->miss_first + batch->n) % SESSION_MISSES_MAX];
        translate_one(session, miss, batch, &version);
    }
    int err = send_batch(session, batch);
    if (err == 0) {
        batch_sent(session, batch);
    } else {
        batch_undone(session, batch);
    }
    for (size_t i = 0; i < batch->n; i++) {
        dp_actions_message_free(batch->answers[i].message.actions, batch->answers[i].message.n_actions);
    }
    return err;
}

void answer_batch_destroy(struct answer_batch **batch)
{
    for (size_t i = 0; *batch != NULL && i < SESSION_BATCH; i++) {
        translation_fini(&(*batch)->answers[i].translation);
    }
    if (*batch != NULL) {
        free((*batch)->numbers.numbers);
    }
    free(*batch);
    *batch = NULL;
}
