/* Which ofagent a bridge falls to. See assign.h.
 *
 * Bridges are not weighed: what a bridge costs changes by the minute, how many there are does not, and everybody must come to the same
 * answer. Costs bridges times agents, a few hundred steps.
 * The ofagent's one thread. Invariant: a bridge that falls to somebody falls to exactly one who lives, whatever the order of `agents`.
 */
#include "services/ofagent/assign.h"

static struct assign_agent *agent_of(struct assign_agent *agents, size_t n_agents, uint64_t start)
{
    for (size_t i = 0; i < n_agents; i++) {
        if (agents[i].start == start) {
            return &agents[i];
        }
    }
    return NULL;
}

static bool is_before(const struct assign_agent *a, const struct assign_agent *b)
{
    return a->instance != b->instance ? a->instance < b->instance : a->start < b->start;
}

static size_t least(const struct assign_agent *agents, size_t n_agents)
{
    size_t best = 0;

    for (size_t i = 1; i < n_agents; i++) {
        if (agents[i].load < agents[best].load || (agents[i].load == agents[best].load && is_before(&agents[i], &agents[best]))) {
            best = i;
        }
    }
    return best;
}

void assign_bridges(struct assign_agent *agents, size_t n_agents, struct assign_bridge *bridges, size_t n_bridges)
{
    for (size_t i = 0; i < n_agents; i++) {
        agents[i].load = 0;
    }
    for (size_t i = 0; i < n_bridges; i++) {
        struct assign_agent *owner = agent_of(agents, n_agents, bridges[i].owner);
        if (owner != NULL) {
            owner->load++;
        }
    }
    for (size_t i = 0; i < n_bridges; i++) {
        bridges[i].claimant = 0;
        if (n_agents > 0 && agent_of(agents, n_agents, bridges[i].owner) == NULL) {
            struct assign_agent *claimant = &agents[least(agents, n_agents)];
            claimant->load++;
            bridges[i].claimant = claimant->start;
        }
    }
}

bool assign_surplus(const struct assign_agent *agents, size_t n_agents, uint64_t *out_from, uint64_t *out_to)
{
    size_t most = 0;

    if (n_agents < 2) {
        return false;
    }
    for (size_t i = 1; i < n_agents; i++) {
        if (agents[i].load > agents[most].load || (agents[i].load == agents[most].load && is_before(&agents[i], &agents[most]))) {
            most = i;
        }
    }
    size_t to = least(agents, n_agents);
    if (agents[most].load < agents[to].load + 2) {
        return false;
    }
    *out_from = agents[most].start;
    *out_to = agents[to].start;
    return true;
}
