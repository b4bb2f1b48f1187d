/* Statistics of rules as OpenFlow 1.5 writes them: a list of what there is to say, OXS. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_STATS15_H
#define BUSBAR_OPENFLOW_OF_STATS15_H

#include "lib/openflow/of_multipart.h"

/* The item of a flow description, from its length on, which is left 0. */
void of_stats15_put_flow(struct writer *w, const struct rule *rule, const struct rule_stats *stats);
/* Without the length, up to the instructions. */
int of_stats15_get_flow(struct reader *item, struct rule *rule, struct rule_stats *stats) MUST_CHECK;
/* The whole body of a FLOW_REMOVED [OF1.5.1 §7.4.2]. */
void of_stats15_put_removed(struct writer *w, const struct of_flow_removed *removed);
int of_stats15_get_removed(struct reader *r, struct of_flow_removed *out, struct of_error *error) MUST_CHECK;
void of_stats15_put_aggregate(struct writer *w, const struct of_aggregate *aggregate);
int of_stats15_get_aggregate(struct reader *r, struct of_aggregate *out) MUST_CHECK;

#endif
