/* Rewriting a packet's headers in its frame: one field, a VLAN tag more or less, the TTL. Used by the executor.
 *
 * Each keeps frame, checksums, offsets and key in step, or leaves the packet untouched and says why it must be dropped.
 */
#ifndef BUSBAR_DP_REWRITE_H
#define BUSBAR_DP_REWRITE_H

#include "lib/dp/execute.h"

enum { REWRITE_DONE = -1 /* otherwise an enum drop_reason */ };

int rewrite_set_field(struct dp_packet *packet, const struct dp_action *action);
/* tci: host order; tpid: host order. */
int rewrite_push_vlan(struct dp_packet *packet, uint16_t tpid, uint16_t tci);
int rewrite_pop_vlan(struct dp_packet *packet);
int rewrite_dec_ttl(struct dp_packet *packet);

#endif
