/* Handlers of ports: port_mod and queue configuration [OF1.3.5 §7.3.4.3, §7.3.6].
 *
 * The configuration bits of a port live in its row (PortRow.config), so a port_mod is a transaction on configuration; the slowpath acts on
 * the row like on any other. Its outcome comes later: a refusal is answered with the request's xid then, and a barrier waits for it.
 * The ofagent's one thread.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/ports.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"

enum { PORT_CONFIG_BITS = OF_PORT_DOWN | OF_PORT_NO_RECV | OF_PORT_NO_FWD | OF_PORT_NO_PACKET_IN };

/* A port_mod under way; it may outlive its session. */
struct pending {
    struct ofagent *agent;
    uint64_t bridge;
    uint64_t session;
    size_t size;
    uint8_t head[INFLIGHT_REQUEST_HEAD];
};

static void on_done(void *context, const struct cfg_result *result)
{
    struct pending *pending = context;
    struct bridge *bridge = bridge_find(pending->agent, pending->bridge);
    struct session *session = bridge != NULL ? bridge->sessions : NULL;

    while (session != NULL && session->number != pending->session) {
        session = session->next;
    }
    if (session != NULL) {
        session->n_port_mods--;
    }
    if (result->error != 0) {
        log_warn("port-mod-refused bridge=%llu error=\"%s\"", (unsigned long long)pending->bridge,
                 result->text != NULL ? result->text : error_text(result->error));
    }
    if (session != NULL && result->error != 0) {
        session_send_error(session, OF_ERROR_PORT_MOD_FAILED_EPERM, pending->head, pending->size);
    } else if (session != NULL && version_reached(result->version, session->port_mod_version)) {
        session->port_mod_version = result->version;
    }
    free(pending);
}

static void write_config(struct session *session, uint64_t id, const Busbar__PortRow *row, uint32_t config,
                         const struct request *request)
{
    static const char *const columns[] = {"config"};
    struct ofagent *agent = session->bridge->agent;
    struct pending *pending = memory_zeroed(sizeof *pending);
    struct cfg_txn *txn = cfg_txn_new("ofagent port-mod");
    Busbar__PortRow changed = *row;

    pending->agent = agent;
    pending->bridge = session->bridge->id;
    pending->session = session->number;
    pending->size = request->size < sizeof pending->head ? request->size : sizeof pending->head;
    memcpy(pending->head, request->bytes, pending->size);
    changed.config = config;
    cfg_txn_update(txn, CFG_PORT, id, &changed.base, columns, 1);
    session->n_port_mods++;
    cfg_transact(agent->cfg, &txn, agent->now_ns + INFLIGHT_TIMEOUT_NS, on_done, pending);
}

enum of_error_number on_port_mod(struct session *session, struct of_message *message, const struct request *request)
{
    const struct of_port_mod *mod = &message->port_mod;
    const Busbar__PortRow *row;
    uint64_t id;

    if (!ports_by_number(session->bridge, mod->port_no, &id, &row)) {
        return OF_ERROR_PORT_MOD_FAILED_BAD_PORT;
    }
    struct of_port port = ports_describe(session->bridge->agent, id, row);
    if (memcmp(port.hw_addr, mod->hw_addr, sizeof port.hw_addr) != 0) {
        return OF_ERROR_PORT_MOD_FAILED_BAD_HW_ADDR;
    }
    if ((mod->mask & ~(uint32_t)PORT_CONFIG_BITS) != 0) {
        return OF_ERROR_PORT_MOD_FAILED_BAD_CONFIG;
    }
    uint32_t config = (row->config & ~mod->mask) | (mod->config & mod->mask);
    if (config != row->config) {
        write_config(session, id, row, config, request);
    }
    return OF_ERROR_NONE;
}

enum of_error_number on_queue_get_config_request(struct session *session, struct of_message *message,
                                                 const struct request *request)
{
    uint32_t port_no = message->queue_config_request.port_no;
    const Busbar__PortRow *row;
    uint64_t id;

    if (port_no != PORT_ANY && !ports_by_number(session->bridge, port_no, &id, &row)) {
        return OF_ERROR_QUEUE_OP_FAILED_BAD_PORT;
    }
    struct of_message reply = {
        .type = OF_QUEUE_GET_CONFIG_REPLY, .xid = message->xid, .queue_config_reply = {.port_no = port_no}};
    session_send(session, &reply); /* no port has queues */
    return OF_ERROR_NONE;
}
