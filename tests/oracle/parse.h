/* The naive twin of lib/flow/parse.c: same question, same answer, no thought of speed. */
#ifndef BUSBAR_ORACLE_PARSE_H
#define BUSBAR_ORACLE_PARSE_H

#include "lib/flow/parse.h"

/* As parse_frame(). */
int oracle_parse(const uint8_t *frame, size_t size, uint32_t in_port, struct flow_key *out_key, struct parse_result *out_result) MUST_CHECK;
/* As parse_uncover(): takes the labels out of a copy of the frame and parses that. */
void oracle_uncover(const uint8_t *frame, size_t size, const struct parse_result *result, unsigned n_labels, uint16_t type, struct flow_key *key);

#endif
