/* Which rule of a full table goes for a new one: the least important that may go, of these the one that would expire first; with fields that
 * make groups, of the rules with a timeout only those of the largest group are asked. One thread. */
#ifndef BUSBAR_OFAGENT_EVICT_H
#define BUSBAR_OFAGENT_EVICT_H

#include "services/ofagent/evict_fields.h"
#include "services/ofagent/flow_table.h"

struct evict;
/* Copies the fields; NULL: no groups. */
struct evict *evict_new(const struct evict_fields *fields);
/* Has it these fields? */
bool evict_is_by(const struct evict *evict, const struct evict_fields *fields);
void evict_destroy(struct evict **evict); /* entries in it are let go */
/* The entry must be in none. A later one is younger. */
void evict_add(struct evict *evict, struct flow_entry *entry);
void evict_remove(struct evict *evict, struct flow_entry *entry);
/* To be called when importance, timeouts or creation of an entry in it have changed. A later use needs no call. */
void evict_update(struct evict *evict, struct flow_entry *entry);
/* The rule that goes for one of this importance: one that would go by itself some day, or that is less important; NULL: none.
 *
 * With groups, the candidates are two. Of the rules with a timeout, the first of the group that has most of them, which is what Open vSwitch does; of groups
 * of one size, that whose first would go first. Of the rules without, which go nowhere there, one of the least importance, again from the group that has
 * most of these. The one that goes first of the two. */
struct flow_entry *evict_first(struct evict *evict, uint16_t importance);

#endif
