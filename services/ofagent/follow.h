/* Whose rules we mirror: those of the bridges that we have, or are about to have. See follow.c. */
#ifndef BUSBAR_OFAGENT_FOLLOW_H
#define BUSBAR_OFAGENT_FOLLOW_H

#include "services/ofagent/agent.h"

/* Tells configdb when they are others than before. */
void follow_step(struct ofagent *agent);
/* Are the rules of every bridge there is in the mirror? Then a rule that is not in it is none. */
bool follow_is_complete(const struct ofagent *agent);

#endif
