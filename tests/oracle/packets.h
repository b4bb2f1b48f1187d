/* Random packets and random lists of datapath actions for differential tests; valid ones mostly, with right checksums. */
#ifndef BUSBAR_TESTS_ORACLE_PACKETS_H
#define BUSBAR_TESTS_ORACLE_PACKETS_H

#include "lib/base/random.h"
#include "lib/dp/action.h"

/* Fills `frame` (room for 1600 bytes) and returns the size: Ethernet, 0 to 3 tags, IPv4 / IPv6 / ARP / MPLS / other, TCP, UDP, SCTP,
 * ICMP, neighbour discovery; fragments; sometimes cut off somewhere. */
size_t packets_random(struct random *random, uint8_t *frame);
/* A list that dp_actions_check() accepts. Returns its length, at most `room`. */
size_t packets_random_actions(struct random *random, struct dp_action *actions, size_t room);
/* The recirculation of this id in such lists: what it uncovers follows from the id. */
struct dp_action packets_recirculation(uint32_t id);

#endif
