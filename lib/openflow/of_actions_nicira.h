/* The actions that Open vSwitch added to OpenFlow under Nicira's experimenter number, as far as the model has them. */
#ifndef BUSBAR_OPENFLOW_OF_ACTIONS_NICIRA_H
#define BUSBAR_OPENFLOW_OF_ACTIONS_NICIRA_H

#include "lib/openflow/of_actions.h"

/* `r`: the action behind type and length, to its end; added to `list`. BAD_ACTION/BAD_EXPERIMENTER, BAD_EXP_TYPE, BAD_LEN, ... */
int of_actions_nicira_decode(struct reader *r, struct of_actions_at at, struct action_list *list, struct of_error *error) MUST_CHECK;
/* items[i] with what stands behind it: the types without a row in of_action_types.def, and ACTION_SET_FIELD with a mask, as one or more
 * whole actions. */
void of_actions_nicira_encode(struct writer *w, uint8_t version, const struct action_list *list, size_t i);

/* The head of an action of Nicira's: `size` bytes in all, of which ten are here. */
void of_nicira_begin(struct writer *w, uint16_t size, uint16_t subtype);

#endif
