/* Who has which bridge, and when one of ours is given away. See share.h.
 *
 *     rows SERVICE, OWNER, BRIDGE ──► agents with loads, bridges with owners ──► assign.c ──┬─► claimant of a bridge without an owner
 *                                                                                           └─► who gives one to whom
 *
 * An ofagent lives while it has a service row, so one that stands still for its lease of 2 s does not. One with our own instance
 * number and another start number does not either: its pid file is a lock, and we hold it. We ourselves live once configdb has let us in, whether
 * or not the mirror shows that yet.
 * Costs a walk over bridges and services when one of them has changed, and each SHARE_LOOK_NS. The ofagent's one thread.
 * Invariant: a bridge is given away only by its owner, by his row and with the next epoch.
 */
#include "services/ofagent/share.h"

#include <stdlib.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/ofagent/assign.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/checkpoint.h"
#include "services/ofagent/owner.h"

void share_changed(struct ofagent *agent)
{
    agent->share.must_look = true;
}

static bool lives(const struct ofagent *agent, const Busbar__ServiceRow *service)
{
    return service->kind == PROCESS_OFAGENT && service->start != agent->settings.start && service->instance != agent->settings.instance;
}

uint32_t share_instance(const struct ofagent *agent, uint64_t start)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;

    if (start == agent->settings.start) {
        return agent->settings.instance;
    }
    while (cfg_next(agent->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        const Busbar__ServiceRow *service = (const Busbar__ServiceRow *)row;
        if (lives(agent, service) && service->start == start) {
            return service->instance;
        }
    }
    return 0;
}

bool share_is_first(const struct ofagent *agent)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;

    while (cfg_next(agent->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        const Busbar__ServiceRow *service = (const Busbar__ServiceRow *)row;
        if (lives(agent, service) && service->instance < agent->settings.instance) {
            return false;
        }
    }
    return true;
}

static size_t list_agents(const struct ofagent *agent, struct assign_agent *out_agents)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;
    size_t n = 0;

    if (cfg_registered(agent->cfg, NULL) != 0) {
        out_agents[n++] = (struct assign_agent){.instance = agent->settings.instance, .start = agent->settings.start};
    }
    while (n < ASSIGN_AGENTS_MAX && cfg_next(agent->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        const Busbar__ServiceRow *service = (const Busbar__ServiceRow *)row;
        if (lives(agent, service)) {
            out_agents[n++] = (struct assign_agent){.instance = service->instance, .start = service->start};
        }
    }
    return n;
}

static size_t list_bridges(const struct ofagent *agent, struct assign_bridge **out_bridges)
{
    struct assign_bridge *bridges = NULL;
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;
    size_t n = 0, room = 0;

    while (cfg_next(agent->cfg, CFG_BRIDGE, &cursor, &id, &row)) {
        const Busbar__OwnerRow *owner = (const Busbar__OwnerRow *)cfg_row(agent->cfg, CFG_OWNER, id);
        if (n == room) {
            room = room == 0 ? 16 : room * 2;
            bridges = memory_resize(bridges, room * sizeof *bridges);
        }
        bridges[n++] = (struct assign_bridge){
            .id = id, .owner = owner != NULL ? owner->start : 0, .given = owner != NULL && owner->given ? owner->epoch : 0};
    }
    *out_bridges = bridges;
    return n;
}

/* True when the ofagents that live are others than before. */
static bool note_peers(struct share *share, const struct assign_agent *agents, size_t n_agents)
{
    uint64_t sum = n_agents;

    for (size_t i = 0; i < n_agents; i++) {
        sum += agents[i].start * UINT64_C(0x9e3779b97f4a7c15);
    }
    bool is_new = sum != share->peers;
    share->peers = sum;
    share->n_peers = n_agents;
    return is_new;
}

static bool has_other(const struct ofagent *agent, const struct assign_agent *agents, size_t n_agents)
{
    return n_agents > 1 || (n_agents == 1 && agents[0].start != agent->settings.start);
}

static void note_owner(struct bridge *bridge, const struct assign_bridge *place)
{
    struct ofagent *agent = bridge->agent;

    bridge->claimant = place->claimant;
    if (place->given != bridge->untaken_epoch) {
        bridge->untaken_epoch = place->given;
        bridge->untaken_since_ns = agent->now_ns;
    }
    if (place->claimant == 0 && share_instance(agent, place->owner) != 0) {
        bool is_untaken = place->given != 0 && agent->now_ns - bridge->untaken_since_ns >= OWNER_OTHERS_NS;
        bridge->owner_start = is_untaken ? 0 : place->owner;
        bridge->free_since_ns = is_untaken ? bridge->untaken_since_ns : 0;
        if (place->owner != agent->settings.start) {
            bridge->former_instance = share_instance(agent, place->owner);
        }
        return;
    }
    bridge->owner_start = 0;
    if (bridge->free_since_ns == 0) {
        bridge->free_since_ns = agent->now_ns;
    }
}

/* The last of our bridges that may go. Not one that lives by what the slowpath learns while its controllers are away, who would forget that when the
 * status rows go; nor one that no rest is to be expected of. */
static struct bridge *choose(struct ofagent *agent)
{
    struct bridge *best = NULL;

    for (struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        bool may_go = b->state == BRIDGE_READY && !b->must_reload && !b->is_fail_open && agent->now_ns >= b->stay_until_ns;
        if (may_go && bridge_may_come_to_rest(b) && (best == NULL || b->id > best->id)) {
            best = b;
        }
    }
    return best;
}

/* A bridge on its way, or one that cannot go after all. */
static bool is_giving(struct ofagent *agent)
{
    bool is_any = false;

    for (struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        bool has_gone = share_instance(agent, b->successor) == 0;
        if (b->successor != 0 && (has_gone || agent->now_ns >= b->give_until_ns)) {
            log_info("bridge-stays bridge=%s reason=\"%s\"", b->name, has_gone ? "the ofagent has gone" : "it is in use");
            b->successor = 0;
            b->stay_until_ns = has_gone ? 0 : agent->now_ns + SHARE_STAY_NS;
            agent->share.give_ns = agent->now_ns + SHARE_PAUSE_NS;
        }
        is_any = is_any || b->successor != 0 || b->state == BRIDGE_GIVING;
    }
    return is_any;
}

static void give_one(struct ofagent *agent, const struct assign_agent *agents, size_t n_agents)
{
    struct share *share = &agent->share;
    struct bridge *bridge;
    uint64_t from, to;

    if (is_giving(agent) || agent->now_ns < share->give_ns || agent->now_ns - share->peers_changed_ns < SHARE_SETTLE_NS ||
        !assign_surplus(agents, n_agents, &from, &to) || from != agent->settings.start || (bridge = choose(agent)) == NULL) {
        return;
    }
    bridge->successor = to;
    bridge->give_until_ns = agent->now_ns + SHARE_DRAIN_NS;
    share->give_ns = agent->now_ns + SHARE_PAUSE_NS;
    log_info("bridge-moves bridge=%s to=ofagent.%u", bridge->name, share_instance(agent, to));
}

void share_read_counters(struct ofagent *agent)
{
    bool is_coming = agent->has_asked_snapshot && agent->asked_snapshot_ns > agent->shard_ended_ns + CHECKPOINT_LATE_NS &&
                     agent->now_ns - agent->asked_snapshot_ns < SHARE_SNAPSHOT_NS;

    if (!is_coming) {
        agent->has_asked_snapshot = true;
        agent->asked_snapshot_ns = agent->now_ns;
        cfg_refresh(agent->cfg);
    }
}

/* Nobody waits for the mirror to go on, which it does not while a snapshot comes. */
static bool is_idle(const struct ofagent *agent)
{
    bool is_idle = cfg_is_connected(agent->cfg) && cfg_transactions_in_flight(agent->cfg) == 0;

    for (const struct bridge *b = agent->bridges; b != NULL && is_idle; b = b->next) {
        is_idle = b->state == BRIDGE_UNOWNED || (b->state == BRIDGE_READY && bridge_is_quiet(b));
    }
    return is_idle;
}

/* What others have written of shards that have ended is read when there is time, not when one of their bridges falls to us. */
static void read_counters_early(struct ofagent *agent)
{
    if (!agent->is_loaded || agent->counters_ns > agent->shard_ended_ns + CHECKPOINT_LATE_NS ||
        agent->now_ns <= agent->shard_ended_ns + CHECKPOINT_LATE_NS) {
        return;
    }
    if (agent->share.shared_ns < agent->shard_ended_ns) {
        agent->counters_ns = agent->now_ns; /* nobody has lived since who could have written any */
    } else if (is_idle(agent)) {
        share_read_counters(agent);
    }
}

void share_claimed(struct bridge *bridge)
{
    struct ofagent *agent = bridge->agent;

    if (bridge->given_epoch != 0 && bridge->owner.epoch == bridge->given_epoch + 1) {
        log_warn("bridge-came-back bridge=%s", bridge->name);
        agent->share.give_ns = agent->now_ns + SHARE_REFUSED_NS;
    }
    bridge->given_epoch = 0;
}

void share_step(struct ofagent *agent)
{
    struct share *share = &agent->share;
    struct assign_agent agents[ASSIGN_AGENTS_MAX];
    struct assign_bridge *bridges;
    bool has_free = false;

    if (!share->must_look && agent->now_ns - share->looked_ns < SHARE_LOOK_NS) {
        return;
    }
    share->must_look = false;
    share->looked_ns = agent->now_ns;
    size_t n_agents = list_agents(agent, agents), n_bridges = list_bridges(agent, &bridges);
    if (note_peers(share, agents, n_agents)) {
        share->peers_changed_ns = agent->now_ns;
    }
    share->shared_ns = has_other(agent, agents, n_agents) ? agent->now_ns : share->shared_ns;
    read_counters_early(agent);
    assign_bridges(agents, n_agents, bridges, n_bridges);
    for (size_t i = 0; i < n_bridges; i++) {
        struct bridge *bridge = bridge_find(agent, bridges[i].id);
        has_free = has_free || bridges[i].claimant != 0 || bridges[i].given != 0;
        if (bridge != NULL) {
            note_owner(bridge, &bridges[i]);
        }
    }
    free(bridges);
    if (!has_free && cfg_is_connected(agent->cfg)) {
        give_one(agent, agents, n_agents);
    }
}
