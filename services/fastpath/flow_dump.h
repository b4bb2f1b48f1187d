/* A look at the flows of a shard in slices: which ones, in which order, how many. Packets wait for one slice at most.
 *
 * What a dump holds is bounded: FLOW_DUMP_TOP_MAX places of a heap, whatever the number of flows. Flows that come or go while it is
 * under way may or may not be shown.
 */
#ifndef BUSBAR_FASTPATH_FLOW_DUMP_H
#define BUSBAR_FASTPATH_FLOW_DUMP_H

#include <jansson.h>

#include "services/fastpath/shard.h"

enum {
    FLOW_DUMP_TOP_MAX = 10000, /* sorted rows: more than people read; 240 KiB */
    FLOW_DUMP_LOOK_AT = 2048,  /* places a step: 0.2 ms when none of them is in the CPU's cache */
    FLOW_DUMP_TEXTS = 40,      /* rows and action texts a step: 0.7 ms, sent */
};

struct flow_dump;

/* The words of dp-dump-flows: [FILTER [SORT [TOP]]]. FILTER is a match with two words more, owner=PROCESS.N and actions~TEXT; SORT is
 * packets, bytes, rate, used or "" (as they lie in the table); TOP a number or "". 0, or an error whose detail names the word. */
int flow_dump_new(struct shard *shard, const char *const *words, size_t n_words, struct flow_dump **out_dump, struct error_detail *detail) MUST_CHECK;
void flow_dump_destroy(struct flow_dump **dump);
/* Looks at a slice and appends to `rows` what is to be shown of it; true while there is more. Once a millisecond or less often. */
bool flow_dump_step(struct flow_dump *dump, uint64_t now_ns, json_t *rows) MUST_CHECK;
/* Nothing to do until time has passed: it measures rates. */
bool flow_dump_is_waiting(const struct flow_dump *dump);

#endif
