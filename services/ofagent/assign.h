/* Which ofagent a bridge falls to: one rule, computed by every ofagent from the same rows, so that nobody has to ask anybody.
 *
 * A bridge without an owner that lives falls to the ofagent that has the fewest; one that has two more than another gives one away. What is
 * here knows no time and no rows; owner.c and share.c decide when. One thread.
 */
#ifndef BUSBAR_OFAGENT_ASSIGN_H
#define BUSBAR_OFAGENT_ASSIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ASSIGN_AGENTS_MAX = 64 /* service rows of ofagents that are looked at; deploy/up starts 16 at most */ };

struct assign_agent {
    uint32_t instance;
    uint64_t start;
    size_t load; /* bridges that it owns; raised by those that fall to it */
};

struct assign_bridge {
    uint64_t id;
    uint64_t owner;    /* start number of the agent that has it; any other number: nobody who lives */
    uint64_t given;    /* epoch with which it was given to the owner, who has not claimed it yet; 0: he has */
    uint64_t claimant; /* to whom it falls; 0: it has an owner, or nobody lives */
};

/* Walks the bridges in the order given (by id): each without an owner falls to the least loaded of the agents, the first by instance and start
 * among equals. Sets the loads and the claimants. */
void assign_bridges(struct assign_agent *agents, size_t n_agents, struct assign_bridge *bridges, size_t n_bridges);
/* After that: who should give a bridge away and to whom. False: loads differ by one at most, as good as it gets. The giver is
 * the most loaded agent, the first among equals, so that only one gives at a time. */
bool assign_surplus(const struct assign_agent *agents, size_t n_agents, uint64_t *out_from, uint64_t *out_to);

#endif
