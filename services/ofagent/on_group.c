/* Handlers of group_mod, meter_mod and table_mod [OF1.3.5 §7.3.4.2, §7.3.4.4, §7.3.3].
 *
 * They ask for the change and remember who asked. What the changes mean is in group_mod.c and meter_mod.c.
 * The ofagent's one thread.
 */
#include "services/ofagent/dispatch.h"
#include "services/ofagent/group_mod.h"
#include "services/ofagent/meter_mod.h"

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

enum of_error_number on_group_mod(struct session *session, struct of_message *message, const struct request *request)
{
    static const enum group_command commands[] = {
        [OF_GROUP_ADD] = GROUP_ADD, [OF_GROUP_MODIFY] = GROUP_MODIFY, [OF_GROUP_DELETE] = GROUP_DELETE};
    const struct of_group_mod *mod = &message->group_mod;
    size_t n_changes;

    session->bridge->agent->counts.group_mods++;
    if (!bridge_is_writable(session->bridge)) {
        return OF_ERROR_GROUP_MOD_FAILED_EPERM;
    }
    enum of_error_number error = group_mod_apply(session->bridge, commands[mod->command], &mod->group, BUCKET_ALL, &n_changes);
    if (error == OF_ERROR_NONE) {
        note_request(session, request);
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
    }
    return error;
}

enum of_error_number on_table_mod(struct session *session, struct of_message *message, const struct request *request)
{
    if (message->table_mod.table > TABLE_MAX && message->table_mod.table != TABLE_ALL) {
        return OF_ERROR_TABLE_MOD_FAILED_BAD_TABLE;
    }
    return message->table_mod.config != 0 ? OF_ERROR_TABLE_MOD_FAILED_BAD_CONFIG : OF_ERROR_NONE;
}
