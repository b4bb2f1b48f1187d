/* What the answers to multipart requests are made from and swctl's commands show too. One thread. */
#ifndef BUSBAR_OFAGENT_ON_MULTIPART_H
#define BUSBAR_OFAGENT_ON_MULTIPART_H

#include "lib/openflow/of_multipart.h"
#include "services/ofagent/agent.h"

/* Rules, look-ups and matches of one table. */
struct of_table_stats on_multipart_table(const struct bridge *bridge, uint8_t number);

#endif
