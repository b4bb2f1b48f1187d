/* Who has which bridge, as the mirror shows it, and when one of ours is given to an ofagent that has less. One thread.
 *
 * Rows come in, assign.c says what should be, and this says when. Bridges move calmly: not before the ofagents have been the same for
 * SHARE_SETTLE_NS, one at a time with SHARE_PAUSE_NS between two, not while any bridge is without an owner, and only while somebody has
 * two more than another: with loads that differ by one nothing moves, whoever comes and goes, so that no bridge goes to and fro.
 */
#ifndef BUSBAR_OFAGENT_SHARE_H
#define BUSBAR_OFAGENT_SHARE_H

#include "services/ofagent/agent.h"

#define SHARE_SETTLE_NS (2 * NS_PER_S)
#define SHARE_PAUSE_NS (200 * NS_PER_MS)
#define SHARE_DRAIN_NS (4 * NS_PER_S) /* for what is under way on a bridge to end; counts of removed rules are waited for 3 s */
#define SHARE_STAY_NS (30 * NS_PER_S) /* one that did not come to rest in that time is left alone for so long; the next is tried */
#define SHARE_REFUSED_NS (30 * NS_PER_S) /* a bridge came back, as its new owner did not take it: nothing is given for so long */
#define SHARE_SNAPSHOT_NS (30 * NS_PER_S) /* a snapshot that has not come in that time is asked for again */
#define SHARE_LOOK_NS (50 * NS_PER_MS)

/* A row of a bridge, an owner or an ofagent has changed in the mirror. */
void share_changed(struct ofagent *agent);
/* Sets what bridges know of their owners, and chooses what we give. Before the bridges are stepped. */
void share_step(struct ofagent *agent);
/* Our claim of the bridge is committed. */
void share_claimed(struct bridge *bridge);
/* Asks for a snapshot, since deltas carry no rows of counters, unless one that is recent enough is on its way. */
void share_read_counters(struct ofagent *agent);
/* The instance number of the ofagent of that start number that lives; 0: there is none. */
uint32_t share_instance(const struct ofagent *agent, uint64_t start);

/* Are we the first of the ofagents that live, by instance? He does what is to be done once for all of them. */
bool share_is_first(const struct ofagent *agent);

#endif
