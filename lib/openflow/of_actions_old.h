/* Nicira's actions for what later versions have in the standard. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_ACTIONS_OLD_H
#define BUSBAR_OPENFLOW_OF_ACTIONS_OLD_H

#include "lib/base/bytes.h"
#include "lib/model/rule.h"
#include "lib/openflow/of_error.h"

/* Is this one of them? */
bool of_actions_old_has(uint16_t subtype);
/* The body behind the subtype. Errors BAD_ACTION/... */
int of_actions_old_decode(struct reader *r, uint16_t subtype, struct action_list *list, struct of_error *error) MUST_CHECK;
/* Writes the action as one of them: true when it is one. */
bool of_actions_old_encode(struct writer *w, const struct action *action);
void of_actions_old_put_metadata(struct writer *w, uint64_t metadata, uint64_t mask);

#endif
