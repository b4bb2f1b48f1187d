/* Handlers of ports: port_mod and queue configuration [OF1.3.5 §7.3.4.3, §7.3.6].
 *
 * The configuration bits of a port live in its row (PortRow.config), so a port_mod is a transaction on configuration; the slowpath acts on
 * the row like on any other. Its outcome comes later: a refusal is answered with the request's xid then, and a barrier waits for it.
 * A port_mod changes some bits and leaves the others as the port_mods before it left them, which the mirror need not show yet. So what
 * is wanted of a port is kept (a wish) from its first port_mod until the mirror has reached the commit of its last. Costs a walk of the wishes, few.
 * The ofagent's one thread. Invariant: a wish with n_pending > 0 stays; while there is a wish, its config is the base of the next port_mod.
 */
#include "services/ofagent/bridge.h"
#include "services/ofagent/bundle.h"
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

/* Port_mods under way in one transaction; they may outlive their session. */
struct port_batch {
    struct ofagent *agent;
    struct cfg_txn *txn; /* until it is sent */
    struct port_batch_item {
        uint64_t port;
        uint32_t config;
    } *items;
    size_t n_items;
    uint64_t bridge;
    uint64_t session;
    uint64_t rules;             /* of a bundle: the inflight's batch that has the rest of it */
    enum of_error_number error; /* what the request is answered when configdb refuses */
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

static void wish_done(const struct ofagent *agent, const struct port_batch_item *item, const struct cfg_result *result)
{
    struct port_wish *wish = find_wish(agent, item->port);

    if (wish == NULL) {
        return;
    }
    wish->n_pending--;
    if (result->error == 0) {
        wish->committed = item->config;
        wish->version = result->version; /* in the order given, so it only grows */
    } else if (wish->n_pending == 0) {
        wish->config = wish->committed;
    }
}

static void batch_destroy(struct port_batch **batch)
{
    free((*batch)->items);
    free(*batch);
    *batch = NULL;
}

static void on_done(void *context, const struct cfg_result *result)
{
    struct port_batch *batch = context;
    struct bridge *bridge = bridge_find(batch->agent, batch->bridge);
    struct session *session = bridge != NULL ? bridge->sessions : NULL;

    while (session != NULL && session->number != batch->session) {
        session = session->next;
    }
    for (size_t i = 0; i < batch->n_items; i++) {
        wish_done(batch->agent, &batch->items[i], result);
    }
    if (session != NULL) {
        session->n_port_mods--;
    }
    if (result->error != 0) {
        log_warn("port-mod-refused bridge=%llu error=\"%s\"", (unsigned long long)batch->bridge,
                 result->text != NULL ? result->text : error_text(result->error));
    }
    if (session != NULL && result->error != 0) {
        if (batch->error == OF_ERROR_BUNDLE_FAILED_MSG_FAILED) {
            bundles_refused(session, batch->rules, batch->head, batch->size);
        } else {
            session_send_error(session, batch->error, batch->head, batch->size);
        }
    } else if (session != NULL && version_reached(result->version, session->port_mod_version)) {
        session->port_mod_version = result->version;
    }
    batch_destroy(&batch);
}

enum of_error_number port_mod_check(const struct session *session, const struct of_port_mod *mod)
{
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
    return (mod->mask & ~known) != 0 ? OF_ERROR_PORT_MOD_FAILED_BAD_CONFIG : OF_ERROR_NONE;
}

void port_batch_add(struct session *session, const struct of_port_mod *mod, struct port_batch **batch)
{
    static const char *const columns[] = {"config"};
    struct ofagent *agent = session->bridge->agent;
    const Busbar__PortRow *row;
    uint64_t id;

    if (!ports_by_number(session->bridge, mod->port_no, &id, &row)) {
        return; /* it was there a moment ago, when it was checked */
    }
    sweep_wishes(agent);
    const struct port_wish *wish = find_wish(agent, id);
    uint32_t base = wish != NULL ? wish->config : row->config;
    Busbar__PortRow changed = *row;
    changed.config = (base & ~mod->mask) | (mod->config & mod->mask);
    if (changed.config == row->config && wish == NULL) { /* with a wish, the row is not what it will be */
        return;
    }
    if (*batch == NULL) {
        *batch = memory_zeroed(sizeof **batch);
        (*batch)->txn = cfg_txn_new("ofagent port-mod");
        owner_require((*batch)->txn, session->bridge);
    }
    (*batch)->items = memory_resize((*batch)->items, ((*batch)->n_items + 1) * sizeof *(*batch)->items);
    (*batch)->items[(*batch)->n_items++] = (struct port_batch_item){.port = id, .config = changed.config};
    cfg_txn_update((*batch)->txn, CFG_PORT, id, &changed.base, columns, 1);
    make_wish(agent, id, row->config, changed.config);
}

void port_batch_send(struct session *session, struct port_batch **batch, const struct request *request, enum of_error_number error)
{
    struct port_batch *mine = *batch;

    if (mine == NULL) {
        return;
    }
    *batch = NULL;
    mine->agent = session->bridge->agent;
    mine->bridge = session->bridge->id;
    mine->session = session->number;
    mine->rules = session->last_batch;
    mine->error = error;
    mine->size = request->size < sizeof mine->head ? request->size : sizeof mine->head;
    memcpy(mine->head, request->bytes, mine->size);
    session->n_port_mods++;
    cfg_transact(mine->agent->cfg, &mine->txn, mine->agent->now_ns + INFLIGHT_TIMEOUT_NS, on_done, mine);
}

enum of_error_number on_port_mod(struct session *session, struct of_message *message, const struct request *request)
{
    enum of_error_number error = port_mod_check(session, &message->port_mod);
    struct port_batch *batch = NULL;

    if (error == OF_ERROR_NONE) {
        port_batch_add(session, &message->port_mod, &batch);
        port_batch_send(session, &batch, request, OF_ERROR_PORT_MOD_FAILED_EPERM);
    }
    return error;
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
