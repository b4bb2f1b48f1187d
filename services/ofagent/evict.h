/* Which rule of a full table goes for a new one: the least important that may go, of these the one that would expire first. One thread. */
#ifndef BUSBAR_OFAGENT_EVICT_H
#define BUSBAR_OFAGENT_EVICT_H

#include "services/ofagent/flow_table.h"

struct evict;
struct evict *evict_new(void);
void evict_destroy(struct evict **evict); /* entries in it are let go */
/* The entry must be in none. A later one is younger. */
void evict_add(struct evict *evict, struct flow_entry *entry);
void evict_remove(struct evict *evict, struct flow_entry *entry);
/* To be called when importance, timeouts or creation of an entry in it have changed. A later use needs no call. */
void evict_update(struct evict *evict, struct flow_entry *entry);
/* The rule that goes for one of this importance: one that would go by itself some day, or that is less important; NULL: none. */
struct flow_entry *evict_first(struct evict *evict, uint16_t importance);

#endif
