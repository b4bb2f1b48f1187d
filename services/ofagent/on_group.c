/* Handlers of group_mod, meter_mod and table_mod [OF1.3.5 §7.3.4.2, §7.3.4.4, §7.3.3].
 *
 * They ask for the change and remember who asked. What the changes mean is in group_mod.c and meter_mod.c.
 * The ofagent's one thread.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/group_mod.h"
#include "services/ofagent/meter_mod.h"
#include "services/ofagent/owner.h"

#include <string.h>

/* Should the changes not be committed, this request is answered with an error. */
static void note_request(struct session *session, const struct request *request)
{
    struct inflight_request pending = {.session = session->number};
    struct flow_changes none;

    flow_changes_init(&none);
    pending.size = request->size < sizeof pending.head ? (uint16_t)request->size : (uint16_t)sizeof pending.head;
    memcpy(pending.head, request->bytes, pending.size);
    session->last_batch = bridge_note(session->bridge, &none, &pending);
}

/* Others who have asked for it hear of a change, in the words of their version. */
static void forward(struct session *session, const struct of_message *message, enum of_requestforward_reason reason)
{
    struct writer request;

    writer_init(&request);
    for (struct session *other = session->bridge->sessions; other != NULL; other = other->next) {
        struct of_message copy = *message;
        bool is_part = message->type == OF_GROUP_MOD && (message->group_mod.command == OF_GROUP_INSERT_BUCKET ||
                                                         message->group_mod.command == OF_GROUP_REMOVE_BUCKET);
        bool can_say = !is_part || other->version >= OF_VERSION_15 || other->version == OF_VERSION_10;
        copy.version = other->version;
        copy.form = OF_FORM_STANDARD; /* of 1.0 Nicira's is the only one */
        writer_clear(&request);
        if (other == session || !can_say || !session_wants(other, other->async.requestforward, reason) || of_encode(&copy, &request) != 0) {
            continue;
        }
        struct of_message told = {
            .type = OF_REQUESTFORWARD, .xid = message->xid, .requestforward = {.request = request.bytes, .request_size = request.size}};
        session_send(other, &told);
    }
    writer_fini(&request);
}

enum of_error_number on_group_mod(struct session *session, struct of_message *message, const struct request *request)
{
    const struct of_group_mod *mod = &message->group_mod;
    size_t n_changes;

    session->bridge->agent->counts.group_mods++;
    if (!bridge_is_writable(session->bridge)) {
        return OF_ERROR_GROUP_MOD_FAILED_EPERM;
    }
    enum group_command command = group_mod_command(session->bridge, mod);
    enum of_error_number error = group_mod_apply(session->bridge, command, &mod->group, mod->command_bucket_id, &n_changes);
    if (error == OF_ERROR_NONE) {
        note_request(session, request);
        forward(session, message, OF_FORWARD_GROUP_MOD);
    }
    return error;
}

enum of_error_number on_meter_mod(struct session *session, struct of_message *message, const struct request *request)
{
    size_t n_changes;

    session->bridge->agent->counts.meter_mods++;
    if (!bridge_is_writable(session->bridge)) {
        return OF_ERROR_METER_MOD_FAILED_UNKNOWN;
    }
    enum of_error_number error =
        meter_mod_apply(session->bridge, message->meter_mod.command, &message->meter_mod.meter, &n_changes);
    if (error == OF_ERROR_NONE) {
        note_request(session, request);
        forward(session, message, OF_FORWARD_METER_MOD);
    }
    return error;
}

/* Up to 1.3 a table has nothing to set that we would do differently; later, whether it evicts and when it complains. The deprecated two bits mean
 * nothing [OF1.3.5 §7.3.3]. */
enum of_error_number on_table_mod(struct session *session, struct of_message *message, const struct request *request)
{
    const struct of_table_mod *mod = &message->table_mod;
    struct bridge *bridge = session->bridge;
    uint32_t known = session->version < OF_VERSION_14 ? 0 : (OF_TABLE_EVICTION | OF_TABLE_VACANCY_EVENTS);
    uint32_t config = mod->config & ~(uint32_t)OF_TABLE_DEPRECATED;

    if (mod->table > TABLE_MAX && mod->table != TABLE_ALL) {
        return OF_ERROR_TABLE_MOD_FAILED_BAD_TABLE;
    }
    if ((config & ~known) != 0) {
        return OF_ERROR_TABLE_MOD_FAILED_BAD_CONFIG;
    }
    if (!bridge_is_writable(bridge)) {
        return OF_ERROR_TABLE_MOD_FAILED_EPERM;
    }
    bridge->has_vacancy_events = bridge->has_vacancy_events || (config & OF_TABLE_VACANCY_EVENTS) != 0;
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        if (mod->table == i || mod->table == TABLE_ALL) {
            struct bridge_table *table = &bridge->tables[i];
            table->config = config;
            table->vacancy_down = mod->has_vacancy ? mod->vacancy_down : table->vacancy_down;
            table->vacancy_up = mod->has_vacancy ? mod->vacancy_up : table->vacancy_up;
        }
    }
    owner_write(session, request->bytes, request->size, OF_ERROR_TABLE_MOD_FAILED_EPERM);
    return OF_ERROR_NONE;
}
