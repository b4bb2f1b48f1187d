/* Whose rules we mirror. See follow.h.
 *
 *     claim ──► followed ──► held: the mirror has them all (cfg.h) ──► loaded, served ──► given away, or lost to another ──► not followed
 *
 * Why: a rule costs each reader about what it costs the ofagent that wrote it, so with all rules in each mirror three ofagents did little more than
 * one. A bridge is followed from its claim on, not from the commit of that, since configdb reads its rules meanwhile; and it stays so while nobody
 * else has it, so that a claim that is refused or repeated asks for nothing twice. Costs a walk over the bridges a step.
 * The ofagent's one thread. Invariant: a bridge that is served is followed, and was held when it was loaded.
 */
#include "services/ofagent/follow.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/owner.h"

static bool is_to_be_followed(const struct bridge *bridge)
{
    if (bridge->is_served || bridge->state == BRIDGE_CLAIMING || bridge->state == BRIDGE_LOADING || bridge->state == BRIDGE_READY) {
        return true;
    }
    return bridge->is_followed && bridge->state == BRIDGE_UNOWNED && !owner_is_other(bridge);
}

static void say(struct ofagent *agent, size_t n)
{
    uint64_t *ids = memory_array(n + 1, sizeof *ids);
    size_t i = 0;

    for (const struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        if (b->is_followed) {
            ids[i++] = b->id;
        }
    }
    cfg_follow_bridges(agent->cfg, ids, i);
    free(ids);
    agent->n_followed = n;
}

void follow_step(struct ofagent *agent)
{
    size_t n = 0;
    bool is_new = false;

    for (struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        bool is_followed = is_to_be_followed(b);
        is_new = is_new || is_followed != b->is_followed;
        b->is_followed = is_followed;
        n += is_followed;
    }
    if (is_new || n != agent->n_followed) {
        say(agent, n);
    }
}

bool follow_is_complete(const struct ofagent *agent)
{
    for (const struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        if (!cfg_holds_bridge(agent->cfg, b->id)) {
            return false;
        }
    }
    return true;
}
