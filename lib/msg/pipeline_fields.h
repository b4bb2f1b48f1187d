/* What rules have written beside a packet (metadata, tunnel_id, registers) as bytes, on its way up to a controller. No state, any thread. */
#ifndef BUSBAR_MSG_PIPELINE_FIELDS_H
#define BUSBAR_MSG_PIPELINE_FIELDS_H

#include "lib/dp/action.h"
#include "lib/flow/match.h"

/* The fields that go up. */
bool pipeline_field_goes_up(enum field_id id);
/* Those of the state that are not 0. Returns how many bytes, at most DP_PIPELINE_MAX. */
size_t pipeline_fields_write(const struct flow_state *state, uint8_t out[DP_PIPELINE_MAX]);
/* Adds them to the match. -ERROR_RANGE: these are no bytes of pipeline_fields_write(); the match then has what was before the fault. */
int pipeline_fields_read(const uint8_t *bytes, size_t size, struct match *match) MUST_CHECK;

/* Where the fields end, behind which pipeline_fields_begin_rest() has put something; `*out_rest` is lent, its size 0 when nothing is there. */
size_t pipeline_fields_split(const uint8_t *bytes, size_t size, const uint8_t **out_rest, size_t *out_rest_size);
/* Where in `out` the rest may be written, behind `size` bytes of fields; `out` has room for PIPELINE_REST_HEAD bytes before it. */
enum { PIPELINE_REST_HEAD = 4 };
uint8_t *pipeline_fields_begin_rest(uint8_t *out, size_t size);

#endif
