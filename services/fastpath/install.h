/* What the slowpath says about flows: answers, changes, counter names; and the end of flows. */
#ifndef BUSBAR_FASTPATH_INSTALL_H
#define BUSBAR_FASTPATH_INSTALL_H

#include "proto/common.pb-c.h"
#include "services/fastpath/shard.h"

/* COUNTER_NAMES, ANSWER_BATCH, FLOW_CHANGE_BATCH of an open session. False when they make no sense: the session ends. */
bool install_counter_names(struct shard *shard, struct session *session, const struct bus_message *message);
bool install_answers(struct shard *shard, struct session *session, const struct bus_message *message);
bool install_changes(struct shard *shard, struct session *session, const struct bus_message *message);
/* Actions and counter numbers as a program whose counters are held; NULL when they are malformed. */
struct program *install_program(struct shard *shard, struct session *session, Busbar__DpAction *const *actions, size_t n_actions,
                                const uint32_t *numbers, size_t n_numbers);
/* Releases its counters and frees it; NULL is fine. */
void install_program_destroy(struct shard *shard, struct program **program);

/* Ends a flow; `tell`: its owner is told with the next flush. */
void install_remove_flow(struct shard *shard, struct flow *flow, bool tell);
/* Puts the flow into the list of an owner (at the end) or takes it out. */
void install_own(struct shard *shard, struct flow *flow, uint8_t owner);
void install_disown(struct shard *shard, struct flow *flow);
/* Sends what is gone since the last time. */
void install_flush_gone(struct shard *shard, struct session *session);
/* All flows that came in by this port end, in one go: some 50 ns a flow of the table. See port_flows.h for the other way. */
void install_remove_port_flows(struct shard *shard, uint32_t port, bool tell);
void install_remove_all_flows(struct shard *shard);

#endif
