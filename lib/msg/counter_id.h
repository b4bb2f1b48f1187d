/* Counter ids: an opaque 64-bit number to the fastpath, a kind and a row number (or hash) to the others. */
#ifndef BUSBAR_MSG_COUNTER_ID_H
#define BUSBAR_MSG_COUNTER_ID_H

#include <stdint.h>

enum counter_kind {
    COUNTER_RULE = 1,
    COUNTER_TABLE = 2,
    COUNTER_GROUP = 3,
    COUNTER_BUCKET = 4,
    COUNTER_METER = 5,
    COUNTER_MAC = 6,
    COUNTER_PATCH_IN = 7,
    COUNTER_PATCH_OUT = 8
};

/* number: RULE, GROUP, METER: row number; TABLE: bridge row << 8 | table, for packets looked up there (matched ones are the
 * sum over its rules); PATCH_IN, PATCH_OUT: port row, for packets that crossed it;
 * BUCKET: group row << 16 | counter of the bucket (lib/model/rule.h); MAC: 56-bit hash of bridge, VLAN and address. */
static inline uint64_t counter_id(enum counter_kind kind, uint64_t number)
{
    return (uint64_t)kind << 56 | (number & 0x00ffffffffffffffull);
}
static inline enum counter_kind counter_id_kind(uint64_t id)
{
    return (enum counter_kind)(id >> 56);
}
static inline uint64_t counter_id_number(uint64_t id)
{
    return id & 0x00ffffffffffffffull;
}

/* The key of what is checkpointed of an id (table COUNTER of configdb): of a rule its row, of others the id itself. */
static inline uint64_t counter_row_of_id(uint64_t id)
{
    return counter_id_kind(id) == COUNTER_RULE ? counter_id_number(id) : id;
}
static inline uint64_t counter_id_of_row(uint64_t row)
{
    return row >> 56 == 0 ? counter_id(COUNTER_RULE, row) : row;
}
/* Of a GROUP's or BUCKET's id: the group's row. */
static inline uint64_t counter_id_group(uint64_t id)
{
    return counter_id_kind(id) == COUNTER_BUCKET ? counter_id_number(id) >> 16 : counter_id_number(id);
}

#endif
