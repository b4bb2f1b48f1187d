/* Which rules of a full table are alike: the fields and parts of fields that the column `groups` of a flow_table row names. Any thread. */
#ifndef BUSBAR_OFAGENT_EVICT_FIELDS_H
#define BUSBAR_OFAGENT_EVICT_FIELDS_H

#include "lib/flow/packed_match.h"
#include "lib/model/field_names.h"

struct evict_fields {
    size_t n;
    struct subfield parts[];
};

/* Of names as subfield_parse() takes them; what is no name is left out (configdb has refused it). NULL when none is left; the caller's. */
struct evict_fields *evict_fields_new(char *const *names, size_t n);
struct evict_fields *evict_fields_copy(const struct evict_fields *fields);
/* The same fields in the same order? NULL is like itself only. */
bool evict_fields_equal(const struct evict_fields *a, const struct evict_fields *b);
/* Of matches alike in these bits equal. A field that the match does not look at, or whose protocol it leaves open, counts as 0. fields: NULL: 0. */
uint64_t evict_fields_hash(const struct evict_fields *fields, const struct packed_match *match, uint64_t seed);

#endif
