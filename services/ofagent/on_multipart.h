/* What the answers to multipart requests are made from and swctl's commands show too. One thread. */
#ifndef BUSBAR_OFAGENT_ON_MULTIPART_H
#define BUSBAR_OFAGENT_ON_MULTIPART_H

#include "lib/openflow/of_multipart.h"
#include "services/ofagent/agent.h"

struct session;

enum { ON_MULTIPART_RULES = 5000 /* listed in one step: about 5 ms, nobody else waits longer for it */ };
/* Goes on with the list of rules that session->walk stands for; the session is not read until it is complete. */
void on_multipart_continue(struct session *session);
void on_multipart_drop(struct session *session);

/* Rules, look-ups and matches of one table. */
struct of_table_stats on_multipart_table(const struct bridge *bridge, uint8_t number);

#endif
