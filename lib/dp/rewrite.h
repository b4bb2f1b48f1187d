/* Rewriting a packet's headers in its frame: one field, a VLAN tag or MPLS label more or less, a TTL. Used by the executor.
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
/* A label behind the VLAN tags, with the fields that [OF1.3.5 §5.12, table 7] lets it inherit: label, traffic class and TTL of the label that
 * was outermost; else the TTL of the IP header, and zeros. A frame without an Ethernet type (802.3) cannot have one. */
int rewrite_push_mpls(struct dp_packet *packet, uint16_t ethertype);
int rewrite_pop_mpls(struct dp_packet *packet, uint16_t ethertype);
int rewrite_dec_mpls_ttl(struct dp_packet *packet);
/* Raises the drop precedence of an assured-forwarding code point [RFC 2597] by `levels`, to 3 at most; other packets stay. */
int rewrite_remark_dscp(struct dp_packet *packet, int levels);
/* Cuts the frame to max_len (at least DP_TRUNCATE_MIN) bytes. */
void rewrite_truncate(struct dp_packet *packet, uint32_t max_len);

#endif
