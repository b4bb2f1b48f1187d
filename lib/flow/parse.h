/* The parser: a frame becomes a flow key and the offsets of its headers. Any frame, any truncation; no read past the end.
 *
 * Never refuses a frame for what is inside: a header that is cut off ends the parse and leaves the later members zero (as Open
 * vSwitch does), only a frame shorter than an Ethernet header has no key. The offsets are what the executor needs to rewrite.
 * On the packet path: no allocation, no branch on what is rare before what is common. The naive twin is tests/oracle/parse.c.
 */
#ifndef BUSBAR_FLOW_PARSE_H
#define BUSBAR_FLOW_PARSE_H

#include "lib/base/error.h"
#include "lib/flow/key.h"

enum { PARSE_NO_OFFSET = 0xffff };

struct parse_result {
    uint16_t l2_5_offset; /* MPLS label stack, or PARSE_NO_OFFSET */
    uint16_t l3_offset;   /* IPv4, IPv6 or ARP header that is complete, or PARSE_NO_OFFSET */
    uint16_t l4_offset;   /* TCP, UDP, SCTP, ICMP header that is complete and of a first fragment, or PARSE_NO_OFFSET */
    uint16_t l3_end;      /* where the IP packet ends by its own length, at most the frame's size; the rest is padding */
};

/* frame: `size` bytes from the destination MAC on; in_port: switch-wide port id.
 * Returns 0, or -ERROR_TRUNCATED below 14 bytes (out is then untouched). All members of out_key are written. */
int parse_frame(const uint8_t *frame, size_t size, uint32_t in_port, struct flow_key *out_key, struct parse_result *out_result) MUST_CHECK;
/* What stands behind so many labels of the same frame, taken for a packet of Ethernet type `type`: fills in the members of the frame's key
 * that tell of L3 and L4, which are zero in the key of a labelled frame, and leaves the others as they are. What is not there stays zero; a
 * frame without labels keeps its key. */
void parse_uncover(const uint8_t *frame, size_t size, const struct parse_result *result, unsigned n_labels, uint16_t type, struct flow_key *key);

#endif
