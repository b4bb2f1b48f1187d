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

#endif
