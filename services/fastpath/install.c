/* Flows come, change and go.
 *
 * An answer names an ask: the packet at the head of that list goes through the answer's program, whether or not a flow is made of it.
 * An answer may say "like another of this batch"; the other's program is then looked up once for all.
 * With a mask it makes a flow: new, or in the place of the one with the same id if that is not newer. A replaced or changed program is
 * settled first, so no packet is credited to counters it did not pass (I5 of counters, so to say).
 * FLOW_GONE carries how many answers had been handled when a flow went: the replica can then tell a flow that is gone from one that its
 * answer under way has made again. Hence gone flows are kept with that number and sent in groups of equal ones.
 * Actions that cannot be understood cost only the flow and the packets they were for: the same replica would say the same again.
 * Cost: an allocation or two a flow. Worker thread, between bursts. Invariants: I1 by version; a session changes only what it holds.
 */
#include "services/fastpath/install.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/fastpath/adopt.h"
#include "services/fastpath/expire.h"
#include "services/fastpath/session.h"
#include "services/fastpath/tier.h"

enum { GONE_PER_MESSAGE = 512 };

/* ---- owners ---- */

void install_own(struct shard *shard, struct flow *flow, uint8_t owner)
{
    struct session *session = &shard->sessions[owner];
    flow->owner = owner;
    flow->next_owned = NULL;
    flow->prev_owned = session->owned_last;
    if (session->owned_last != NULL) {
        session->owned_last->next_owned = flow;
    } else {
        session->owned_first = flow;
    }
    session->owned_last = flow;
    session->n_owned++;
}

void install_disown(struct shard *shard, struct flow *flow)
{
    if (flow->owner == OWNER_NONE) {
        return;
    }
    struct session *session = &shard->sessions[flow->owner];
    if (session->offer_cursor == flow) {
        session->offer_cursor = flow->next_owned;
    }
    if (flow->prev_owned != NULL) {
        flow->prev_owned->next_owned = flow->next_owned;
    } else {
        session->owned_first = flow->next_owned;
    }
    if (flow->next_owned != NULL) {
        flow->next_owned->prev_owned = flow->prev_owned;
    } else {
        session->owned_last = flow->prev_owned;
    }
    flow->next_owned = flow->prev_owned = NULL;
    flow->owner = OWNER_NONE;
    if (--session->n_owned == 0 && session->state == SESSION_CLOSED) {
        session->state = SESSION_FREE;
    }
    if (flow->offered != OWNER_NONE) {
        shard->sessions[flow->offered].n_offered--;
        flow->offered = OWNER_NONE;
    }
}

/* ---- the end of flows ---- */

static void note_gone(struct session *session, struct flow_id id)
{
    if (session->n_gone == session->gone_room) {
        session->gone_room = session->gone_room * 2 + 64;
        session->gone = memory_resize(session->gone, session->gone_room * sizeof *session->gone);
    }
    session->gone[session->n_gone++] = (struct gone_flow){.id = id, .answers = session->answers};
}

void install_remove_flow(struct shard *shard, struct flow *flow, bool tell)
{
    struct port *port = port_set_find(&shard->ports, flow->in_port);
    uint8_t owner = flow->owner;
    tier_flow_ends(shard, flow);
    counter_set_settle(&shard->counters, flow);
    if (port != NULL) {
        megaflow_remove(&port->megaflows, flow);
    }
    if (tell && owner != OWNER_NONE && shard->sessions[owner].state == SESSION_OPEN) {
        note_gone(&shard->sessions[owner], flow->id);
    }
    install_disown(shard, flow);
    install_program_destroy(shard, &flow->program);
    flow_table_remove(shard->flows, flow);
}

void install_remove_port_flows(struct shard *shard, uint32_t port, bool tell)
{
    size_t cursor = 0;
    for (struct flow *flow; (flow = flow_table_next(shard->flows, &cursor)) != NULL;) {
        if (flow->in_port == port) {
            install_remove_flow(shard, flow, tell);
        }
    }
}

void install_remove_all_flows(struct shard *shard)
{
    size_t cursor = 0;
    for (struct flow *flow; (flow = flow_table_next(shard->flows, &cursor)) != NULL;) {
        install_remove_flow(shard, flow, false);
    }
}

void install_flush_gone(struct shard *shard, struct session *session)
{
    size_t done = 0;
    while (done < session->n_gone) {
        Busbar__FlowId ids[GONE_PER_MESSAGE], *pointers[GONE_PER_MESSAGE];
        Busbar__FlowGone message = BUSBAR__FLOW_GONE__INIT;
        size_t n = 0;
        for (; done + n < session->n_gone && n < GONE_PER_MESSAGE && session->gone[done + n].answers == session->gone[done].answers; n++) {
            busbar__flow_id__init(&ids[n]);
            ids[n].high = session->gone[done + n].id.high;
            ids[n].low = session->gone[done + n].id.low;
            pointers[n] = &ids[n];
        }
        message.n_ids = n;
        message.ids = pointers;
        message.answers = session->gone[done].answers;
        if (session_send(shard, session, MESSAGE_FLOW_GONE, &message.base) != 0) {
            break;
        }
        done += n;
    }
    if (done == 0) {
        return;
    }
    memmove(session->gone, session->gone + done, (session->n_gone - done) * sizeof *session->gone);
    session->n_gone -= done;
}

/* ---- programs ---- */

bool install_counter_names(struct shard *shard, struct session *session, const struct bus_message *message)
{
    Busbar__CounterNames *names = (Busbar__CounterNames *)msg_unpack(message, &busbar__counter_names__descriptor);
    bool makes_sense = names != NULL;
    for (size_t i = 0; makes_sense && i < names->n_names; i++) {
        uint32_t number = names->names[i]->number;
        if (number >= SESSION_NAMES_MAX || names->names[i]->id == 0) {
            makes_sense = false;
            break;
        }
        if (number >= session->n_names) {
            uint32_t n = number < 512 ? 1024 : number * 2;
            session->names = memory_resize(session->names, n * sizeof *session->names);
            memset(session->names + session->n_names, 0, (n - session->n_names) * sizeof *session->names);
            session->n_names = n;
        }
        session->names[number] = names->names[i]->id;
    }
    if (names != NULL) {
        protobuf_c_message_free_unpacked(&names->base, NULL);
    }
    return makes_sense;
}

struct program *install_program(struct shard *shard, struct session *session, Busbar__DpAction *const *actions, size_t n_actions,
                                const uint32_t *numbers, size_t n_numbers)
{
    struct error_detail detail;
    size_t n = 0, n_slots = 0;
    if (dp_actions_decode(actions, n_actions, shard->scratch, &n, &detail) != 0) {
        LOG_LIMITED(LOG_LEVEL_WARN, "actions_malformed what=\"%s\"", detail.text);
        shard->counts.bad_programs++;
        return NULL;
    }
    if (n_numbers > sizeof shard->scratch_slots / sizeof shard->scratch_slots[0]) {
        LOG_LIMITED(LOG_LEVEL_WARN, "too_many_counters n=%zu", n_numbers);
        shard->counts.bad_programs++;
        return NULL;
    }
    for (size_t i = 0; i < n_numbers; i++) {
        if (numbers[i] < session->n_names && session->names[numbers[i]] != 0) {
            shard->scratch_slots[n_slots++] = counter_set_slot(&shard->counters, session->names[numbers[i]]);
        } else {
            shard->counts.unknown_counters++;
        }
    }
    bool is_new;
    struct program *program = program_get(shard->programs, shard->scratch, n, shard->scratch_slots, n_slots, &is_new);
    if (is_new) {
        counter_set_hold(&shard->counters, program);
    }
    return program;
}

void install_program_destroy(struct shard *shard, struct program **program)
{
    if (*program != NULL && (*program)->n_users == 1) {
        counter_set_release(&shard->counters, *program);
    }
    program_put(program);
}

/* Gives the flow another program, or the same again. Takes *program. */
static void change_program(struct shard *shard, struct flow *flow, struct program **program)
{
    tier_flow_ends(shard, flow);
    counter_set_settle(&shard->counters, flow);
    install_program_destroy(shard, &flow->program);
    flow->program = *program;
    *program = NULL;
}

/* ---- answers ---- */

static struct flow *replace(struct shard *shard, struct session *session, struct flow *flow, struct program **program, struct version version)
{
    uint8_t number = shard_session_number(shard, session);
    if (version.n < flow->version_n) {
        shard->counts.old_versions++;
        install_program_destroy(shard, program);
        return flow;
    }
    if (flow->owner != number) {
        if (flow->owner != OWNER_NONE && shard->sessions[flow->owner].state == SESSION_OPEN) {
            note_gone(&shard->sessions[flow->owner], flow->id);
        }
        install_disown(shard, flow);
        install_own(shard, flow, number);
    }
    change_program(shard, flow, program);
    flow->version_n = version.n;
    shard->counts.replaced++;
    return flow;
}

/* The flow that this decision makes of the key, its program taken; NULL when none can be made (then *program is still the caller's). */
static struct flow *make_flow(struct shard *shard, struct session *session, const Busbar__Answer *said, const struct flow_key *key,
                              struct program **program)
{
    struct flow_key mask;
    struct port *port = port_set_find(&shard->ports, host32(key->in_port));
    if (key_decode(&said->mask, &mask) != 0 || mask.in_port.raw != UINT32_MAX) {
        shard->counts.bad_masks++;
        return NULL;
    }
    if (port == NULL) {
        return NULL;
    }
    struct flow_id id = key_flow_id(key, &mask);
    struct flow *flow = flow_table_find(shard->flows, id);
    if (flow != NULL) {
        flow = replace(shard, session, flow, program, version_decode(said->version));
    } else {
        if (!expire_make_room(shard)) {
            return NULL;
        }
        flow = flow_table_add(shard->flows, key, &mask, id, program);
        if (flow == NULL) {
            return NULL;
        }
        flow->version_n = version_decode(said->version).n;
        flow->used_ns = shard->worker.now_ns;
        install_own(shard, flow, shard_session_number(shard, session));
        shard->counts.installed++;
    }
    megaflow_insert(&port->megaflows, flow, key);
    return flow;
}

/* The programs of a batch's answers, by their numbers, for those that are like them. */
struct batch_programs {
    struct program *programs[MSG_LIKE_MAX];
};

/* Of the answer `said`, which has number `number`: held by the caller. NULL when it is malformed. */
static struct program *program_of(struct shard *shard, struct session *session, struct batch_programs *known, const Busbar__Answer *said,
                                  size_t number)
{
    if (number < MSG_LIKE_MAX && known->programs[number] != NULL) {
        return program_hold(known->programs[number]);
    }
    struct program *program = install_program(shard, session, said->actions, said->n_actions, said->counters, said->n_counters);
    if (program != NULL && number < MSG_LIKE_MAX) {
        known->programs[number] = program_hold(program);
    }
    return program;
}

/* said: the answer that says what this one means, number `number` of the batch. */
static void on_answer(struct shard *shard, struct session *session, struct batch_programs *known, const Busbar__Answer *answer,
                      const Busbar__Answer *said, size_t number)
{
    struct pending_list *list = pending_by_ask(&shard->worker.pending, answer->ask);
    session->answers++;
    if (list == NULL || list->session != shard_session_number(shard, session)) {
        shard->counts.stale_answers++;
        return;
    }
    if (answer->refused) {
        bool is_known = answer->drop_reason < DROP_REASON_COUNT;
        worker_refused(&shard->worker, list, is_known ? (enum drop_reason)answer->drop_reason : DROP_MISS_REFUSED);
        return;
    }
    struct program *program = program_of(shard, session, known, said, number);
    if (program == NULL) {
        worker_drop_list(&shard->worker, list, DROP_MISS_REFUSED);
        return;
    }
    const struct dp_packet *head = pending_head(&shard->worker.pending, list);
    uint32_t size = head->size;
    struct flow *flow = said->mask.len > 0 ? make_flow(shard, session, said, &head->key, &program) : NULL;
    if (flow == NULL) {
        counter_set_credit(&shard->counters, program, 1, size, shard->worker.now_ns);
    } else {
        histogram_add(&shard->flow_setup, shard->worker.now_ns - list->asked_ns);
    }
    worker_answered(&shard->worker, list, flow != NULL ? flow->program : program, flow);
    install_program_destroy(shard, &program);
}

/* Number of the answer that says what number i means; SIZE_MAX: none that it may be like. */
static size_t said_by(const Busbar__AnswerBatch *batch, size_t i)
{
    size_t like = batch->answers[i]->like;
    if (like == 0) {
        return i;
    }
    bool may_be = like <= i && like <= MSG_LIKE_MAX && batch->answers[like - 1]->like == 0 && !batch->answers[like - 1]->refused;
    return may_be ? like - 1 : SIZE_MAX;
}

bool install_answers(struct shard *shard, struct session *session, const struct bus_message *message)
{
    const Busbar__AnswerBatch *batch =
        (const Busbar__AnswerBatch *)msg_unpack_into(&shard->arena, message, &busbar__answer_batch__descriptor);
    struct batch_programs known = {{NULL}};
    bool makes_sense = batch != NULL;
    size_t n = batch != NULL ? batch->n_answers : 0;
    session->n_under_way -= n < session->n_under_way ? (uint32_t)n : session->n_under_way;
    for (size_t i = 0; makes_sense && i < n; i++) {
        size_t number = said_by(batch, i);
        makes_sense = number != SIZE_MAX;
        if (makes_sense) {
            on_answer(shard, session, &known, batch->answers[i], batch->answers[number], number);
        }
    }
    for (size_t i = 0; i < n && i < MSG_LIKE_MAX; i++) {
        install_program_destroy(shard, &known.programs[i]);
    }
    return makes_sense;
}

/* ---- changes ---- */

static void adopt(struct shard *shard, struct flow *flow, uint8_t number)
{
    if (flow->owner != number) {
        install_disown(shard, flow);
        install_own(shard, flow, number);
        shard->counts.adopted++;
    }
}

/* What a replica decided before the flow became what it is. If the flow was offered to it, that still ends the offer: a flow it keeps is
 * its own and stays as it is; one it would remove is offered again, as nobody may hold it on the word of an old version. */
static void on_old_change(struct shard *shard, struct flow *flow, uint8_t number, bool remove)
{
    shard->counts.old_versions++;
    if (flow->owner != number && remove) {
        adopt_offer_again(shard, flow);
    } else {
        adopt(shard, flow, number);
    }
}

static void on_change(struct shard *shard, struct session *session, const Busbar__FlowChange *change)
{
    uint8_t number = shard_session_number(shard, session);
    struct flow_id id = {.high = change->id != NULL ? change->id->high : 0, .low = change->id != NULL ? change->id->low : 0};
    struct flow *flow = flow_table_find(shard->flows, id);
    struct version version = version_decode(change->version);
    if (flow == NULL || (flow->owner != number && flow->offered != number)) {
        shard->counts.unknown_flows++;
        return;
    }
    if (version.n < flow->version_n && change->version != NULL) {
        on_old_change(shard, flow, number, change->remove);
        return;
    }
    if (change->remove) {
        shard->counts.removed++;
        install_remove_flow(shard, flow, false);
        return;
    }
    struct program *program =
        install_program(shard, session, change->actions, change->n_actions, change->counters, change->n_counters);
    if (program == NULL) {
        adopt(shard, flow, number); /* so that the one who believes to have it is told that it is gone */
        install_remove_flow(shard, flow, true);
        return;
    }
    adopt(shard, flow, number);
    shard->counts.changed++;
    change_program(shard, flow, &program);
    flow->version_n = version.n != 0 ? version.n : flow->version_n;
}

bool install_changes(struct shard *shard, struct session *session, const struct bus_message *message)
{
    const Busbar__FlowChangeBatch *batch =
        (const Busbar__FlowChangeBatch *)msg_unpack_into(&shard->arena, message, &busbar__flow_change_batch__descriptor);
    bool makes_sense = batch != NULL;
    for (size_t i = 0; makes_sense && i < batch->n_changes; i++) {
        on_change(shard, session, batch->changes[i]);
    }
    return makes_sense;
}
