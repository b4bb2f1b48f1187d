/* Handlers of ports: port_mod and queue configuration [OF1.3.5 §7.3.4.3, §7.3.6].
 *
 * The configuration bits of a port live in its row (PortRow.config), so a port_mod is a transaction on configuration; the slowpath acts on
 * the row like on any other. Its outcome comes later: a refusal is answered with the request's xid then, and a barrier waits for it.
 * A port_mod changes some bits and leaves the others as the port_mods before it left them, which the mirror need not show yet. So what
 * is wanted of a port is kept (a wish) from its first port_mod until the mirror has reached the commit of its last. Costs a walk of the wishes, few.
 * The ofagent's one thread. Invariant: a wish with n_pending > 0 stays; while there is a wish, its config is the base of the next port_mod.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/dispatch.h"
#include "services/ofagent/owner.h"
#include "services/ofagent/ports.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"

enum { PORT_CONFIG_BITS = OF_PORT_DOWN | OF_PORT_NO_RECV | OF_PORT_NO_FWD | OF_PORT_NO_PACKET_IN };

/* What controllers want of a port. */
struct port_wish {
    struct port_wish *next;
    uint64_t port;
    uint32_t config;        /* once all under way is committed */
    uint32_t committed;     /* of the last that was committed, or the row's at first */
    size_t n_pending;       /* port_mods under way */
    struct version version; /* of the last commit */
};

/* A port_mod under way; it may outlive its session. */
struct pending {
    struct ofagent *agent;
    uint64_t port;
    uint32_t config;
    uint64_t bridge;
    uint64_t session;
    size_t size;
    uint8_t head[INFLIGHT_REQUEST_HEAD];
};

void port_wishes_destroy(struct port_wish **wishes)
{
    while (*wishes != NULL) {
        struct port_wish *wish = *wishes;
        *wishes = wish->next;
        free(wish);
    }
}

/* Lets go of what the mirror shows by now. */
static void sweep_wishes(struct ofagent *agent)
{
    struct port_wish **at = &agent->port_wishes;

    while (*at != NULL) {
        struct port_wish *wish = *at;
        if (wish->n_pending > 0 || !version_reached(cfg_version(agent->cfg), wish->version)) {
            at = &wish->next;
            continue;
        }
        *at = wish->next;
        free(wish);
    }
}

static struct port_wish *find_wish(const struct ofagent *agent, uint64_t port)
{
    struct port_wish *wish = agent->port_wishes;

    while (wish != NULL && wish->port != port) {
        wish = wish->next;
    }
    return wish;
}

static void make_wish(struct ofagent *agent, uint64_t port, uint32_t now, uint32_t config)
{
    struct port_wish *wish = find_wish(agent, port);

    if (wish == NULL) {
        wish = memory_zeroed(sizeof *wish);
        wish->port = port;
        wish->committed = now;
        wish->next = agent->port_wishes;
        agent->port_wishes = wish;
    }
    wish->config = config;
    wish->n_pending++;
}

static void wish_done(const struct pending *pending, const struct cfg_result *result)
{
    struct port_wish *wish = find_wish(pending->agent, pending->port);

    if (wish == NULL) {
        return;
    }
    wish->n_pending--;
    if (result->error == 0) {
        wish->committed = pending->config;
        wish->version = result->version; /* in the order given, so it only grows */
    } else if (wish->n_pending == 0) {
        wish->config = wish->committed;
    }
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct pending *pending = context;
    struct bridge *bridge = bridge_find(pending->agent, pending->bridge);
    struct session *session = bridge != NULL ? bridge->sessions : NULL;

    while (session != NULL && session->number != pending->session) {
        session = session->next;
    }
    wish_done(pending, result);
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
    pending->port = id;
    pending->config = config;
    pending->bridge = session->bridge->id;
    pending->session = session->number;
    pending->size = request->size < sizeof pending->head ? request->size : sizeof pending->head;
    memcpy(pending->head, request->bytes, pending->size);
    changed.config = config;
    owner_require(txn, session->bridge);
    cfg_txn_update(txn, CFG_PORT, id, &changed.base, columns, 1);
    session->n_port_mods++;
    make_wish(agent, id, row->config, config);
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
    uint32_t known = PORT_CONFIG_BITS | (session->version == OF_VERSION_10 ? OF_PORT_NO_FLOOD : 0);
    if ((mod->mask & ~known) != 0) {
        return OF_ERROR_PORT_MOD_FAILED_BAD_CONFIG;
    }
    sweep_wishes(session->bridge->agent);
    const struct port_wish *wish = find_wish(session->bridge->agent, id);
    uint32_t base = wish != NULL ? wish->config : row->config;
    uint32_t config = (base & ~mod->mask) | (mod->config & mod->mask);
    if (config != row->config || wish != NULL) { /* with a wish, the row is not what it will be */
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
