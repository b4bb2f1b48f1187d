/* The match of OpenFlow 1.0: forty bytes, every field always there and a bit for each that counts [OF1.0 5.2.3].
 *
 *     wildcards(4) in_port(2) dl_src(6) dl_dst(6) dl_vlan(2) dl_vlan_pcp(1) pad(1) dl_type(2) nw_tos(1) nw_proto(1) pad(2)
 *     nw_src(4) nw_dst(4) tp_src(2) tp_dst(2)
 */
#ifndef BUSBAR_OPENFLOW_OF_MATCH10_H
#define BUSBAR_OPENFLOW_OF_MATCH10_H

#include "lib/base/bytes.h"
#include "lib/flow/match.h"

enum { OF_MATCH10_SIZE = 40 };
/* Cannot fail: fields without the protocol that they belong to count as not given [OF1.0.1 3.4]. */
void of_match10_decode(struct reader *r, struct match *out);
/* What 1.0 has no place for is left out. */
void of_match10_encode(struct writer *w, const struct match *match);
/* It says the whole match. */
bool of_match10_can_say(const struct match *match);

#endif
