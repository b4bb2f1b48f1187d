/* The naive executor: a frame in, a list of frames with ports out. Too simple to be wrong; slow and allocating.
 *
 * It edits bytes at places it finds by walking the frame anew for every action, and makes checksums such that the sum over the whole
 * protocol data is what it was before (so a right one stays right and a wrong one wrong).
 */
#ifndef BUSBAR_TESTS_ORACLE_EXECUTE_H
#define BUSBAR_TESTS_ORACLE_EXECUTE_H

#include "lib/dp/action.h"

enum { ORACLE_FRAME_MAX = 16384 /* the longest that a shard receives, and pushed headers */, ORACLE_SENT_MAX = 256 };
enum oracle_fate { ORACLE_OUTPUT, ORACLE_CONTROLLER, ORACLE_DROP, ORACLE_RECIRC, ORACLE_METER /* went through one */ };

struct oracle_sent {
    enum oracle_fate fate;
    uint32_t number;  /* port, rule_table, drop reason, recirc_id, or meter */
    uint32_t dp_hash; /* of the key then */
    size_t size;
    uint8_t bytes[ORACLE_FRAME_MAX];
};

struct oracle_result {
    size_t n;
    struct oracle_sent sent[ORACLE_SENT_MAX];
};

/* What the meters of these tests say: by number and size all there is, a drop, no change, or levels. */
int oracle_meter(uint64_t meter, size_t size);

void oracle_execute(const struct dp_action *actions, size_t n_actions, const uint8_t *frame, size_t size, size_t headroom,
                    struct oracle_result *out_result);

#endif
