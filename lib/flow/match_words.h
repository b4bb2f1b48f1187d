/* Words that the reader and the writer of matches share: protocols, reserved ports, fragment kinds, TCP flags.
 *
 * Private to lib/flow. The tables are in match_words.c, so that what is written can be read again.
 */
#ifndef BUSBAR_FLOW_MATCH_WORDS_H
#define BUSBAR_FLOW_MATCH_WORDS_H

#include "lib/flow/match.h"

/* "tcp6" = Ethernet type and protocol; ip_proto -1: none. */
struct match_protocol_word {
    const char *name;
    uint16_t eth_type;
    int16_t ip_proto;
};

struct match_fragment_word {
    const char *name;
    uint8_t value;
    uint8_t mask;
};

enum { MATCH_PROTOCOL_WORDS = 14, MATCH_FRAGMENT_WORDS = 5, MATCH_TCP_FLAGS = 12 };

extern const struct match_protocol_word match_protocol_table[MATCH_PROTOCOL_WORDS];
extern const struct match_fragment_word match_fragment_table[MATCH_FRAGMENT_WORDS];
extern const char *const match_tcp_flag_table[MATCH_TCP_FLAGS]; /* by bit */

/* NULL when there is none. */
const struct match_protocol_word *match_protocol_by_name(const char *name);
/* The word for a type and protocol (-1: any). NULL when there is none. */
const struct match_protocol_word *match_protocol_by_number(uint16_t eth_type, int ip_proto);
/* LOCAL, CONTROLLER and their like, in any case. */
bool match_reserved_port(const char *name, uint32_t *out_ofport);
/* NULL when the number is not reserved. */
const char *match_reserved_port_name(uint32_t ofport);

#endif
