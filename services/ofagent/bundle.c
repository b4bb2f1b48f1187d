/* Bundles. See bundle.h.
 *
 * A message is decoded when it comes, so that what its bytes alone get wrong is answered at once. An add is made ready then: the rule that will be put
 * into the table, and its row, packed for configdb; what that takes beside the bytes, which are kept for errors, has a bound. Everything else is
 * decoded again at the commit: what it means depends on the tables. A commit does the messages in order in memory and notes how to take each back; the first
 * that is refused undoes those before it and is answered with its own error and the commit with MSG_FAILED. What is done in one step goes to
 * configdb as one batch, in one transaction (inflight.h says when it takes several), and the reply waits for that; the next bundle may come, be filled
 * and be done meanwhile, and share that transaction. Replies leave in the order of the commits, and so do the errors of those that configdb refuses;
 * what is wrong with a bundle by itself is answered at once.
 * Rules, groups, port_mods and packet-outs can be in a bundle; packet-outs are checked in their place and leave when all else is committed, in
 * their order and before the reply. No transaction of rules can contain the configuration, so port_mods are as in Open vSwitch: refused at the commit
 * of an atomic bundle; else checked in their place and done at the commit, all of them in one transaction beside that of the rules. The reply
 * waits for both, and nothing is read before it; should configdb refuse the ports' then, the commit is answered MSG_FAILED although the rules have changed.
 * A group that a failed bundle deleted comes back with a new row: its counts begin anew.
 *
 * The ofagent's one thread. Costs a copy of the bytes and, of what is not made ready, twice the decoding. Invariant: a refused bundle has changed nothing.
 */
#include "services/ofagent/bundle.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/group_mod.h"

/* New rules packed for configdb before their turn, side by side. */
struct piece {
    struct writer ops;
    size_t n;
};

enum { READY_AHEAD = 8 /* of these the tables are told before their turn */ };
#define BUNDLE_PACKED_NS NS_PER_S /* a row that was packed earlier would say too early a time of its rule */

struct bundle {
    struct bundle *next;
    uint32_t id;
    uint16_t flags;
    bool is_closed;
    size_t n_messages;
    struct writer bytes; /* message after message */
    struct flow_mod_ready *ready; /* what has been made of the first n_ready messages; no entry: nothing */
    size_t n_ready, room_ready, ready_bytes;
    struct piece *pieces; /* of all messages so far: each of them is a rule that was made ready */
    size_t n_pieces;
    bool is_packed;       /* while that is so */
    uint64_t opened_ns, touched_ns;
    size_t last_size; /* the request that touched it last, for the error when it times out */
    uint8_t last[INFLIGHT_REQUEST_HEAD];
};

/* How a group was before: with has_group, like this; without, not there. */
struct group_before {
    uint32_t group_id;
    bool has_group;
    struct group group;
};

/* A commit that has been done in memory and waits for configdb. */
struct bundle_commit {
    struct bundle_commit *next;
    uint64_t batch;
    uint32_t xid;
    struct of_bundle_control control;
    bool is_refused; /* its answer is an error, with this of the request */
    size_t size;
    uint8_t head[INFLIGHT_REQUEST_HEAD];
};

/* A commit being done. */
struct commit {
    struct session *session;
    struct bridge *bridge;
    struct flow_changes flows;
    struct group_before *groups;
    size_t n_groups, room_groups;
    struct writer outs;  /* packet-outs, message after message */
    struct writer ports; /* port_mods */
};

static struct bundle *find(const struct session *session, uint32_t id)
{
    struct bundle *bundle = session->bundles;

    while (bundle != NULL && bundle->id != id) {
        bundle = bundle->next;
    }
    return bundle;
}

static void drop_pieces(struct bundle *bundle)
{
    for (size_t i = 0; i < bundle->n_pieces; i++) {
        writer_fini(&bundle->pieces[i].ops);
    }
    free(bundle->pieces);
    bundle->pieces = NULL;
    bundle->n_pieces = 0;
    bundle->is_packed = false;
}

static void drop(struct session *session, struct bundle *bundle)
{
    struct bundle **at = &session->bundles;

    while (*at != bundle) {
        at = &(*at)->next;
    }
    *at = bundle->next;
    session->bridge->agent->bundle_bytes -= bundle->bytes.size;
    session->bridge->agent->bundle_ready_bytes -= bundle->ready_bytes;
    for (size_t i = 0; i < bundle->n_ready; i++) {
        flow_entry_destroy(&bundle->ready[i].entry);
    }
    free(bundle->ready);
    drop_pieces(bundle);
    writer_fini(&bundle->bytes);
    free(bundle);
}

/* Only the last can be one that is alone. */
static void forget_commit(struct session *session, struct bundle_commit **at)
{
    struct bundle_commit *commit = *at;

    *at = commit->next;
    session->n_commits--;
    if (session->commits_alone && *at == NULL) {
        session->commits_alone = false;
        free(session->outs);
        session->outs = NULL;
        session->outs_size = 0;
    }
    free(commit);
}

static void await_commit(struct session *session, const struct of_message *message, bool is_alone)
{
    struct bundle_commit *commit = memory_zeroed(sizeof *commit), **at = &session->commits;

    *commit = (struct bundle_commit){.batch = session->last_batch, .xid = message->xid, .control = message->bundle_control};
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = commit;
    session->n_commits++;
    session->commits_alone = is_alone;
}

void bundles_drop(struct session *session)
{
    while (session->bundles != NULL) {
        drop(session, session->bundles);
    }
    while (session->commits != NULL) {
        forget_commit(session, &session->commits);
    }
}

static void touch(struct session *session, struct bundle *bundle, const struct request *request)
{
    bundle->touched_ns = session->bridge->agent->now_ns;
    bundle->last_size = request->size < sizeof bundle->last ? request->size : sizeof bundle->last;
    memcpy(bundle->last, request->bytes, bundle->last_size);
}

static enum of_error_number open_bundle(struct session *session, uint32_t id, uint16_t flags, const struct request *request,
                                        struct bundle **out_bundle)
{
    size_t n = 0;

    for (const struct bundle *b = session->bundles; b != NULL; b = b->next) {
        n++;
    }
    if (n >= BUNDLES_MAX) {
        return OF_ERROR_BUNDLE_FAILED_OUT_OF_BUNDLES;
    }
    if ((flags & ~(unsigned)(OF_BUNDLE_ATOMIC | OF_BUNDLE_ORDERED)) != 0) {
        return OF_ERROR_BUNDLE_FAILED_BAD_FLAGS;
    }
    struct bundle *bundle = memory_zeroed(sizeof *bundle);
    bundle->id = id;
    bundle->flags = flags;
    bundle->opened_ns = session->bridge->agent->now_ns;
    bundle->is_packed = true;
    writer_init(&bundle->bytes);
    touch(session, bundle, request);
    bundle->next = session->bundles;
    session->bundles = bundle;
    *out_bundle = bundle;
    return OF_ERROR_NONE;
}

/* ---- adding ---- */

static bool may_be_in_a_bundle(enum of_type type)
{
    return type == OF_FLOW_MOD || type == OF_GROUP_MOD || type == OF_PORT_MOD || type == OF_PACKET_OUT;
}

/* The row as configdb will have it, behind those of the messages before it. Returns its size. */
static size_t pack(struct session *session, struct bundle *bundle, const struct rule *rule)
{
    struct piece *piece = bundle->n_pieces > 0 ? &bundle->pieces[bundle->n_pieces - 1] : NULL;

    if (piece == NULL || piece->n == BUNDLE_PIECE_MAX) {
        bundle->pieces = memory_resize(bundle->pieces, (bundle->n_pieces + 1) * sizeof *bundle->pieces);
        piece = &bundle->pieces[bundle->n_pieces++];
        piece->n = 0;
        writer_init(&piece->ops);
    }
    size_t before = piece->ops.size;
    inflight_pack(session->bridge->inflight, rule, &piece->ops);
    piece->n++;
    return piece->ops.size - before;
}

/* Makes of the message what can be made before its turn. Without room it is done at the commit as any. */
static void make_ready(struct session *session, struct bundle *bundle, struct of_message *message)
{
    struct ofagent *agent = session->bridge->agent;
    struct flow_mod_context context = bridge_flow_mod_context(session->bridge);
    struct flow_mod_ready ready = {0};
    struct rule rule;

    if (bundle->n_ready == bundle->room_ready) {
        bundle->room_ready = bundle->room_ready == 0 ? 16 : bundle->room_ready * 2;
        bundle->ready = memory_resize(bundle->ready, bundle->room_ready * sizeof *bundle->ready);
    }
    bool has_room = agent->bundle_ready_bytes < BUNDLE_READY_MAX;
    if (message->type == OF_FLOW_MOD && has_room && flow_mod_prepare(&message->flow_mod, &context, &rule, &ready)) {
        size_t size = flow_entry_size(ready.entry) + (bundle->is_packed ? pack(session, bundle, &rule) : 0);
        bundle->ready_bytes += size;
        agent->bundle_ready_bytes += size;
    } else {
        drop_pieces(bundle);
    }
    bundle->ready[bundle->n_ready++] = ready;
}

/* Without an error the message is the caller's. */
static enum of_error_number check_message(const struct session *session, const struct of_bundle_add *add, struct of_message *out_message)
{
    struct of_decode_context context = {
        .version = session->version, .n_tables = TABLE_COUNT, .has_table_id = session->has_table_id};
    struct of_error error;
    struct of_header header;

    if (of_header_read(add->message, add->message_size, &header) != 0) {
        return OF_ERROR_BUNDLE_FAILED_MSG_BAD_LEN;
    }
    enum of_type type = of_type_by_number(session->version, header.type);
    if (type != OF_EXPERIMENTER && (type == OF_TYPE_COUNT || !may_be_in_a_bundle(type))) {
        return OF_ERROR_BUNDLE_FAILED_MSG_UNSUP;
    }
    if (of_decode(add->message, add->message_size, &context, out_message, &error) != 0) {
        return error.number;
    }
    if (!may_be_in_a_bundle(out_message->type)) {
        of_message_fini(out_message);
        return OF_ERROR_BUNDLE_FAILED_MSG_UNSUP;
    }
    return OF_ERROR_NONE;
}

static enum of_error_number keep(struct session *session, const struct of_bundle_add *add, struct of_message *kept, const struct request *request)
{
    struct ofagent *agent = session->bridge->agent;
    struct bundle *bundle = find(session, add->bundle_id);
    enum of_error_number error = OF_ERROR_NONE;

    if (bundle == NULL) { /* the first message opens it */
        error = open_bundle(session, add->bundle_id, add->flags, request, &bundle);
    }
    if (error != OF_ERROR_NONE) {
        return error;
    }
    if (bundle->is_closed) {
        drop(session, bundle);
        return OF_ERROR_BUNDLE_FAILED_BUNDLE_CLOSED;
    }
    if (bundle->flags != add->flags) {
        drop(session, bundle);
        return OF_ERROR_BUNDLE_FAILED_BAD_FLAGS;
    }
    if (bundle->n_messages >= BUNDLE_MESSAGES_MAX || agent->bundle_bytes + add->message_size > BUNDLE_BYTES_MAX) {
        drop(session, bundle);
        return OF_ERROR_BUNDLE_FAILED_MSG_TOO_MANY;
    }
    touch(session, bundle, request);
    writer_bytes(&bundle->bytes, add->message, add->message_size);
    agent->bundle_bytes += add->message_size;
    bundle->n_messages++;
    make_ready(session, bundle, kept);
    return OF_ERROR_NONE;
}

enum of_error_number on_bundle_add(struct session *session, struct of_message *message, const struct request *request)
{
    struct of_message kept;
    enum of_error_number error = check_message(session, &message->bundle_add, &kept);

    if (error == OF_ERROR_NONE) {
        error = keep(session, &message->bundle_add, &kept, request);
        of_message_fini(&kept);
    }
    return error;
}

/* ---- committing ---- */

static void remember_group(struct commit *commit, uint32_t group_id)
{
    const struct group_entry *entry = group_table_find(commit->bridge->groups, group_id);

    if (commit->n_groups == commit->room_groups) {
        commit->room_groups = commit->room_groups == 0 ? 8 : commit->room_groups * 2;
        commit->groups = memory_resize(commit->groups, commit->room_groups * sizeof *commit->groups);
    }
    struct group_before *before = &commit->groups[commit->n_groups++];
    *before = (struct group_before){.group_id = group_id, .has_group = entry != NULL};
    if (entry != NULL) {
        before->group = group_copy(&entry->group);
    }
}

/* Rules that a deletion will take along are taken out here, so that they can be put back. */
static void remember_rules(struct commit *commit, uint32_t group_id)
{
    struct flow_table *flows = commit->bridge->flows;

    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        for (struct flow_entry *entry = flow_table_first(flows, (uint8_t)i), *following; entry != NULL; entry = following) {
            following = entry->next;
            if (group_mod_uses(&entry->rule.instructions, group_id)) {
                flow_changes_remove(&commit->flows, flows, entry, OF_REMOVED_GROUP_DELETE);
            }
        }
    }
}

static enum of_error_number do_group_mod(struct commit *commit, const struct of_group_mod *mod)
{
    struct bridge *bridge = commit->bridge;
    bool is_all = mod->command == OF_GROUP_DELETE && mod->group.group_id == GROUP_ALL;
    size_t n;

    if (!is_all) {
        remember_group(commit, mod->group.group_id);
    }
    for (struct group_entry *e = is_all ? group_table_first(bridge->groups) : NULL; e != NULL; e = e->next) {
        remember_group(commit, e->group.group_id);
    }
    if (mod->command == OF_GROUP_DELETE) {
        remember_rules(commit, mod->group.group_id);
    }
    return group_mod_apply(bridge, group_mod_command(bridge, mod), &mod->group, mod->command_bucket_id, &n);
}

static void undo_group(struct bridge *bridge, struct group_before *before)
{
    struct group_entry *entry = group_table_find(bridge->groups, before->group_id);

    if (entry != NULL && before->has_group) {
        before->group.id = entry->group.id;
        group_fini(&entry->group);
        entry->group = before->group;
        (void)inflight_note_group(bridge->inflight, entry);
    } else if (entry != NULL) {
        group_table_remove(bridge->groups, entry);
        (void)inflight_note_group(bridge->inflight, entry);
    } else if (before->has_group) {
        before->group.id = 0;
        (void)inflight_note_group(bridge->inflight, group_table_insert(bridge->groups, &before->group, (int64_t)bridge->agent->now_ns));
    }
}

static void undo(struct commit *commit)
{
    while (commit->n_groups > 0) {
        undo_group(commit->bridge, &commit->groups[--commit->n_groups]);
    }
    flow_changes_undo(&commit->flows, commit->bridge->flows);
}

static enum of_error_number do_message(struct commit *commit, struct of_message *message, bool is_atomic)
{
    struct flow_mod_context context = bridge_flow_mod_context(commit->bridge);

    switch ((unsigned)message->type) {
    case OF_FLOW_MOD:
        return flow_mod_apply(commit->bridge->flows, &message->flow_mod, &context, &commit->flows);
    case OF_GROUP_MOD:
        return do_group_mod(commit, &message->group_mod);
    case OF_PACKET_OUT:
        return on_packet_out_check(&message->packet_out, &context);
    case OF_PORT_MOD:
        return is_atomic ? OF_ERROR_BUNDLE_FAILED_MSG_FAILED : port_mod_check(commit->session, &message->port_mod);
    default:
        return OF_ERROR_BUNDLE_FAILED_MSG_UNSUP;
    }
}

static bool read_message(const struct session *session, const uint8_t *bytes, size_t size, struct of_message *out)
{
    struct of_decode_context context = {
        .version = session->version, .n_tables = TABLE_COUNT, .has_table_id = session->has_table_id};
    struct of_error error;

    return of_decode(bytes, size, &context, out, &error) == 0;
}

/* The next message in the bytes; false at the end. */
static bool next_message(const struct session *session, const struct writer *bytes, size_t at, struct of_message *out, size_t *out_size)
{
    struct of_header header;

    if (at >= bytes->size || of_header_read(bytes->bytes + at, bytes->size - at, &header) != 0) {
        return false;
    }
    *out_size = header.length;
    return read_message(session, bytes->bytes + at, header.length, out);
}

/* One that was made ready. */
static enum of_error_number do_ready(struct commit *commit, struct bundle *bundle, size_t number)
{
    struct flow_mod_context context = bridge_flow_mod_context(commit->bridge);

    if (number + READY_AHEAD < bundle->n_ready && bundle->ready[number + READY_AHEAD].entry != NULL) {
        flow_table_expect(commit->bridge->flows, bundle->ready[number + READY_AHEAD].hash);
    }
    return flow_mod_apply_ready(commit->bridge->flows, &bundle->ready[number], &context, &commit->flows);
}

/* One that is decoded for it. */
static enum of_error_number do_bytes(struct commit *commit, const struct bundle *bundle, size_t at, size_t size)
{
    struct of_message message;

    if (!read_message(commit->session, bundle->bytes.bytes + at, size, &message)) {
        return OF_ERROR_BUNDLE_FAILED_MSG_FAILED; /* it was decoded when it came */
    }
    enum of_error_number error = do_message(commit, &message, (bundle->flags & OF_BUNDLE_ATOMIC) != 0);
    if (message.type == OF_PACKET_OUT || message.type == OF_PORT_MOD) {
        writer_bytes(message.type == OF_PORT_MOD ? &commit->ports : &commit->outs, bundle->bytes.bytes + at, size);
    }
    of_message_fini(&message);
    return error;
}

static enum of_error_number do_all(struct commit *commit, struct bundle *bundle)
{
    struct of_header header;
    size_t at = 0;

    for (size_t i = 0; i < bundle->n_messages; i++, at += header.length) {
        if (of_header_read(bundle->bytes.bytes + at, bundle->bytes.size - at, &header) != 0) {
            return OF_ERROR_BUNDLE_FAILED_MSG_FAILED; /* it was one when it came */
        }
        bool is_ready = bundle->ready[i].entry != NULL;
        enum of_error_number error = is_ready ? do_ready(commit, bundle, i) : do_bytes(commit, bundle, at, header.length);
        if (error != OF_ERROR_NONE) {
            session_send_error(commit->session, error, bundle->bytes.bytes + at, header.length);
            return OF_ERROR_BUNDLE_FAILED_MSG_FAILED;
        }
    }
    return OF_ERROR_NONE;
}

/* Have all messages become new rules, just as they were packed, a moment ago? Rows say when their rules were made. */
static bool is_as_packed(const struct commit *commit, const struct bundle *bundle)
{
    const struct flow_changes *flows = &commit->flows;
    bool is_fresh = commit->bridge->agent->now_ns - bundle->opened_ns < BUNDLE_PACKED_NS;
    size_t n = 0;

    if (!bundle->is_packed || !is_fresh || flows->count != bundle->n_messages) {
        return false;
    }
    while (n < flows->count && flows->items[n].kind == FLOW_CHANGE_ADDED) {
        n++;
    }
    return n == flows->count;
}

static void note_pieces(struct bridge *bridge, struct bundle *bundle)
{
    size_t n_left = bundle->n_messages;

    for (size_t i = 0; i < bundle->n_pieces; i++) {
        inflight_note_packed(bridge->inflight, n_left, &bundle->pieces[i].ops, bundle->pieces[i].n);
        n_left -= bundle->pieces[i].n;
    }
}

/* All port_mods of the bundle, which were checked. */
static void do_port_mods(struct session *session, const struct writer *ports, const struct request *request)
{
    struct port_batch *batch = NULL;
    struct of_message message;
    size_t size = 0;

    for (size_t at = 0; next_message(session, ports, at, &message, &size); at += size) {
        port_batch_add(session, &message.port_mod, &batch);
        of_message_fini(&message);
    }
    port_batch_send(session, &batch, request, OF_ERROR_BUNDLE_FAILED_MSG_FAILED);
}

static void reply(struct session *session, uint32_t xid, const struct of_bundle_control *control, uint16_t type)
{
    struct of_message answer = {.type = OF_BUNDLE_CONTROL, .xid = xid, .bundle_control = *control};

    answer.bundle_control.type = type;
    answer.bundle_control.flags = 0;
    session_send(session, &answer);
}

static void commit_fini(struct commit *commit)
{
    for (size_t i = 0; i < commit->n_groups; i++) {
        group_fini(&commit->groups[i].group);
    }
    free(commit->groups);
    writer_fini(&commit->outs);
    writer_fini(&commit->ports);
    flow_changes_fini(&commit->flows);
}

static enum of_error_number commit_bundle(struct session *session, struct of_message *message, struct bundle *bundle,
                                          const struct request *request)
{
    struct bridge *bridge = session->bridge;
    struct commit commit = {.session = session, .bridge = bridge};
    struct inflight_request pending = {.session = session->number, .is_commit = true};

    if (!bridge_is_writable(bridge)) {
        drop(session, bundle);
        return OF_ERROR_BUNDLE_FAILED_MSG_FAILED;
    }
    flow_changes_init(&commit.flows);
    writer_init(&commit.outs);
    writer_init(&commit.ports);
    enum of_error_number error = do_all(&commit, bundle);
    if (error != OF_ERROR_NONE) {
        undo(&commit);
    } else {
        pending.size = request->size < sizeof pending.head ? (uint16_t)request->size : (uint16_t)sizeof pending.head;
        memcpy(pending.head, request->bytes, pending.size);
        bool is_packed = is_as_packed(&commit, bundle);
        session->last_batch = bridge_note(bridge, &commit.flows, &pending);
        if (is_packed) {
            note_pieces(bridge, bundle);
        }
        await_commit(session, message, commit.ports.size > 0 || commit.outs.size > 0);
        session->outs_size = commit.outs.size;
        session->outs = commit.outs.size > 0 ? memory_copy(commit.outs.bytes, commit.outs.size) : NULL;
        do_port_mods(session, &commit.ports, request);
    }
    commit_fini(&commit);
    drop(session, bundle);
    return error;
}

/* The packet-outs of the bundle that has been committed. */
static void send_outs(struct session *session)
{
    struct of_decode_context context = {
        .version = session->version, .n_tables = TABLE_COUNT, .has_table_id = session->has_table_id};
    struct of_message message;
    struct of_header header;
    struct of_error error;

    for (size_t at = 0; at < session->outs_size; at += header.length) {
        struct request request = {.bytes = session->outs + at};
        if (of_header_read(request.bytes, session->outs_size - at, &header) != 0 ||
            of_decode(request.bytes, header.length, &context, &message, &error) != 0) {
            break; /* they were decoded before */
        }
        request.size = header.length;
        enum of_error_number number = on_packet_out(session, &message, &request);
        if (number != OF_ERROR_NONE) {
            session_send_error(session, number, request.bytes, request.size);
        }
        of_message_fini(&message);
    }
    free(session->outs);
    session->outs = NULL;
    session->outs_size = 0;
}

static enum of_error_number control(struct session *session, struct of_message *message, struct bundle *bundle,
                                    const struct request *request)
{
    const struct of_bundle_control *wanted = &message->bundle_control;

    if (bundle == NULL) {
        return OF_ERROR_BUNDLE_FAILED_BAD_ID;
    }
    if (wanted->type != OF_BUNDLE_DISCARD_REQUEST && wanted->flags != bundle->flags) {
        drop(session, bundle);
        return OF_ERROR_BUNDLE_FAILED_BAD_FLAGS;
    }
    touch(session, bundle, request);
    if (wanted->type == OF_BUNDLE_CLOSE_REQUEST) {
        if (bundle->is_closed) {
            drop(session, bundle);
            return OF_ERROR_BUNDLE_FAILED_BUNDLE_CLOSED;
        }
        bundle->is_closed = true;
        reply(session, message->xid, wanted, OF_BUNDLE_CLOSE_REPLY);
        return OF_ERROR_NONE;
    }
    if (wanted->type == OF_BUNDLE_COMMIT_REQUEST) {
        return commit_bundle(session, message, bundle, request);
    }
    drop(session, bundle);
    reply(session, message->xid, wanted, OF_BUNDLE_DISCARD_REPLY);
    return OF_ERROR_NONE;
}

enum of_error_number on_bundle_control(struct session *session, struct of_message *message, const struct request *request)
{
    const struct of_bundle_control *wanted = &message->bundle_control;
    struct bundle *bundle = find(session, wanted->bundle_id);
    bool is_request = wanted->type % 2 == 0;

    if (!is_request) {
        return OF_ERROR_BUNDLE_FAILED_BAD_TYPE;
    }
    if (wanted->type != OF_BUNDLE_OPEN_REQUEST) {
        return control(session, message, bundle, request);
    }
    if (bundle != NULL) {
        drop(session, bundle);
        return OF_ERROR_BUNDLE_FAILED_BAD_ID;
    }
    enum of_error_number error = open_bundle(session, wanted->bundle_id, wanted->flags, request, &bundle);
    if (error == OF_ERROR_NONE) {
        reply(session, message->xid, wanted, OF_BUNDLE_OPEN_REPLY);
    }
    return error;
}

static bool has_answer(const struct session *session, const struct bundle_commit *commit)
{
    struct version committed;

    return commit->is_refused || (session->n_port_mods == 0 && inflight_committed(session->bridge->inflight, &committed) >= commit->batch);
}

/* In their order as far as they have an answer, to the last one or to this one. */
static void answer_commits(struct session *session, const struct bundle_commit *last)
{
    bool is_last = false;

    while (!is_last && session->commits != NULL && has_answer(session, session->commits)) {
        struct bundle_commit commit = *session->commits;
        is_last = session->commits == last;
        if (!commit.is_refused && commit.next == NULL && session->commits_alone) {
            send_outs(session);
        }
        forget_commit(session, &session->commits);
        if (commit.is_refused) {
            session_send_error(session, OF_ERROR_BUNDLE_FAILED_MSG_FAILED, commit.head, commit.size);
        } else {
            reply(session, commit.xid, &commit.control, OF_BUNDLE_COMMIT_REPLY);
        }
    }
}

/* Those behind it may be refused in a moment, too: nothing is said of them yet. */
void bundles_refused(struct session *session, uint64_t batch, const uint8_t *request, size_t size)
{
    struct bundle_commit *commit = session->commits;
    struct of_header header;

    if (of_header_read(request, size, &header) != 0) {
        return; /* it was one when it came */
    }
    while (commit != NULL && (commit->is_refused || commit->batch != batch || commit->xid != header.xid)) {
        commit = commit->next;
    }
    if (commit != NULL) {
        commit->is_refused = true;
        commit->size = size < sizeof commit->head ? size : sizeof commit->head;
        memcpy(commit->head, request, commit->size);
        answer_commits(session, commit);
    }
}

void bundles_step(struct session *session)
{
    uint64_t now_ns = session->bridge->agent->now_ns;

    for (struct bundle *b = session->bundles, *following; b != NULL; b = following) {
        following = b->next;
        if (now_ns - b->touched_ns > BUNDLE_IDLE_NS) {
            session_send_error(session, OF_ERROR_BUNDLE_FAILED_TIMEOUT, b->last, b->last_size);
            drop(session, b);
        }
    }
    answer_commits(session, NULL);
}
