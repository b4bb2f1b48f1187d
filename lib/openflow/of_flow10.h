/* Rules in OpenFlow 1.0, in the standard's form and in Nicira's, which has NXM for the match. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_FLOW10_H
#define BUSBAR_OPENFLOW_OF_FLOW10_H

#include "lib/openflow/of_codec.h"

/* Of of_flow.c: what a flow_mod asks, as far as its own bytes tell. */
int of_flow_mod_check(const struct of_decoding *d, struct flow_mod *mod, uint8_t command) MUST_CHECK;

int of_flow10_mod_decode(struct of_decoding *d, struct of_message *out) MUST_CHECK;
void of_flow10_mod_encode(const struct of_message *message, struct writer *w);
int of_flow10_removed_decode(struct of_decoding *d, struct of_message *out) MUST_CHECK;
void of_flow10_removed_encode(const struct of_message *message, struct writer *w);
/* The item from its length on, which is left 0; without the length, up to the actions. */
void of_flow10_stats_put(struct writer *w, enum of_form form, const struct rule *rule, const struct rule_stats *stats);
int of_flow10_stats_get(struct reader *item, enum of_form form, struct rule *rule, struct rule_stats *stats) MUST_CHECK;
/* Bodies of flow and aggregate statistics requests. */
int of_flow10_filter_decode(struct of_decoding *d, enum of_form form, struct rule_filter *filter) MUST_CHECK;
void of_flow10_filter_encode(struct writer *w, enum of_form form, const struct rule_filter *filter);

#endif
