/* Corrections and replies to offers, as messages.
 *
 * Marked flows are judged and sent in batches; only when the batch is with the bus does the index follow, so a full socket changes nothing:
 * the flows stay marked, and are judged by a newer world next time. An offered flow always gets a reply, also when its actions are the same:
 * the shard waits for it before it raises the floor.
 * Cost: a translation a flow. Thread: the one that translates. Invariant: what the index says of an unmarked flow is what the shard was told.
 */
#include <errno.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/slowpath/correct.h"
#include "services/slowpath/session_state.h"

struct batch {
    struct amendment {
        Busbar__FlowChange message;
        Busbar__FlowId id;
        struct translation translation;
        struct flow *flow;
        enum verdict verdict;
    } items[SESSION_BATCH];
    Busbar__FlowChange *pointers[SESSION_BATCH];
    size_t n, n_items;
    struct number_list numbers;
    Busbar__FlowChangeBatch message;
    Busbar__Version version;
};

static struct batch *batch_new(const struct session *session)
{
    struct batch *batch = memory_zeroed(sizeof *batch);
    busbar__flow_change_batch__init(&batch->message);
    version_encode(session->core->version, &batch->version);
    batch->message.changes = batch->pointers;
    return batch;
}

static void batch_destroy(struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        dp_actions_message_free(batch->items[i].message.actions, batch->items[i].message.n_actions);
        translation_fini(&batch->items[i].translation);
    }
    free(batch->numbers.numbers);
    free(batch);
}

/* What is decided of the flow; it is not kept when there is no memory for what it has become. */
static enum verdict judge(struct session *session, const struct flow *flow, struct translation *translation)
{
    enum verdict verdict = correct_judge(session->core, flow, translation);
    if (verdict == VERDICT_CHANGE && !flow_index_has_room(session->flows, translation)) {
        session->core->counts.flows_unremembered++;
        return VERDICT_REMOVE;
    }
    return verdict;
}

static void add_message(struct session *session, struct batch *batch, struct amendment *item, struct flow_id id)
{
    busbar__flow_change__init(&item->message);
    busbar__flow_id__init(&item->id);
    item->id.high = id.high;
    item->id.low = id.low;
    item->message.id = &item->id;
    item->message.version = &batch->version;
    item->message.remove = item->verdict == VERDICT_REMOVE;
    if (!item->message.remove) {
        const struct translation *translation = &item->translation;
        item->message.counters = session_number_counters(session, translation->counters, translation->n_counters, &batch->numbers);
        item->message.n_counters = translation->n_counters;
        item->message.actions = dp_actions_encode(translation->actions, translation->n_actions);
        item->message.n_actions = translation->n_actions;
        batch->n_items += translation->n_actions + translation->n_counters;
    }
    batch->pointers[batch->message.n_changes++] = &item->message;
}

static int batch_send(struct session *session, struct batch *batch)
{
    if (batch->message.n_changes == 0) {
        return 0;
    }
    int err = session_tell_names(session);
    return err != 0 ? err : msg_send(session->socket, NULL, MESSAGE_FLOW_CHANGE_BATCH, &batch->message.base);
}

static void amended(struct session *session, struct amendment *item)
{
    struct slowpath_counts *counts = &session->core->counts;
    switch (item->verdict) {
    case VERDICT_KEEP:
        counts->flows_kept++;
        flow_index_update(session->flows, item->flow, &item->translation);
        break;
    case VERDICT_CHANGE:
        counts->flows_corrected++;
        flow_index_update(session->flows, item->flow, &item->translation);
        break;
    case VERDICT_REMOVE:
        counts->flows_removed++;
        flow_index_remove(session->flows, item->flow);
        break;
    }
}

static bool may_add(const struct session *session, const struct batch *batch)
{
    return session_batch_goes_on(session, batch->n, batch->n_items);
}

int amend_batch(struct session *session)
{
    struct flow *flow = flow_index_marked(session->flows);
    if (flow == NULL) {
        return 1;
    }
    struct batch *batch = batch_new(session);
    for (; flow != NULL && may_add(session, batch); flow = flow_index_marked_after(session->flows, flow)) {
        struct amendment *item = &batch->items[batch->n++];
        item->flow = flow;
        item->verdict = judge(session, flow, &item->translation);
        if (item->verdict != VERDICT_KEEP) {
            add_message(session, batch, item, flow->id);
        }
    }
    int err = batch_send(session, batch);
    for (size_t i = 0; i < batch->n && err == 0; i++) {
        amended(session, &batch->items[i]);
    }
    batch_destroy(batch);
    return err;
}

/* ---- offers ---- */

static void judge_offer(struct session *session, const struct session_offer *offer, struct amendment *item)
{
    struct flow flow = {.key = offer->key, .mask = offer->mask, .is_unsure = true};
    struct flow_id id = key_flow_id(&offer->key, &offer->mask);
    item->verdict = judge(session, &flow, &item->translation);
    if (!flow_id_equal(id, offer->id)) {
        item->verdict = VERDICT_REMOVE; /* not a flow of this switch's making */
        session->core->counts.malformed++;
    }
}

static void offer_answered(struct session *session, const struct session_offer *offer, const struct amendment *item)
{
    bool is_new;
    if (item->verdict == VERDICT_REMOVE) {
        session->core->counts.flows_removed++;
        return;
    }
    session->core->counts.flows_adopted++;
    (void)flow_index_put(session->flows, &offer->key, &offer->mask, &item->translation, &is_new);
}

/* A replica that has just begun knows no addresses, but the flows say where they were: better than to flood until they speak again. */
static void learn_from_offers(struct session *session)
{
    struct core *core = session->core;
    struct translation translation = {0};
    struct translate_input input = {
        .world = &core->world, .macs = core->macs, .now_ns = core->now_ns, .learning = TRANSLATE_LEARN_UNKNOWN};
    for (size_t i = 0; i < session->n_offers && i < SESSION_BATCH && core->work_left > 0; i++) {
        translate_key(&input, &session->offers[(session->offer_first + i) % SESSION_OFFERS_MAX].key, &translation);
        core_worked(core, &translation);
    }
    translation_fini(&translation);
    correct_mark_macs(core);
}

int amend_offers_batch(struct session *session)
{
    if (session->n_offers == 0) {
        return 1;
    }
    struct batch *batch = batch_new(session);
    learn_from_offers(session);
    for (; batch->n < session->n_offers && may_add(session, batch); batch->n++) {
        const struct session_offer *offer = &session->offers[(session->offer_first + batch->n) % SESSION_OFFERS_MAX];
        struct amendment *item = &batch->items[batch->n];
        judge_offer(session, offer, item);
        add_message(session, batch, item, offer->id);
    }
    int err = batch_send(session, batch);
    for (size_t i = 0; i < batch->n && err == 0; i++) {
        offer_answered(session, &session->offers[(session->offer_first + i) % SESSION_OFFERS_MAX], &batch->items[i]);
    }
    if (err == 0) {
        session->offer_first = (session->offer_first + batch->n) % SESSION_OFFERS_MAX;
        session->n_offers -= batch->n;
    }
    batch_destroy(batch);
    return err;
}
