/* Datapath actions: a plain list of values, so that whoever installs a flow does not know in which tier it lives.
 *
 * A list runs from its start to its end over one packet. CLONE runs the next n_actions on a copy and then goes on behind them with
 * the packet as it was. The empty list drops (reason RULE). A list whose last action is DROP names its reason. TRUNCATE stands right before
 * the OUTPUT it is for: that port gets at most so many bytes, everybody else the whole packet, as with Open vSwitch's
 * output(port=,max_len=). USERDATA items stand right before the CONTROLLER they
 * are for. RECIRC gives the packet (in the middle of a list a copy) back for another lookup, under another recirc_id; with
 * n_labels, that lookup sees in the key what stands behind so many MPLS labels of the packet, too: no byte is changed.
 */
#ifndef BUSBAR_DP_ACTION_H
#define BUSBAR_DP_ACTION_H

#include "lib/dp/drop.h"
#include "lib/flow/match.h"

enum dp_action_type {
#define DP_ACTION(name, member) DP_ACTION_##name,
#include "lib/dp/actions.def"
#undef DP_ACTION
    DP_ACTION_COUNT
};

enum {
    DP_ACTIONS_MAX = 4096 /* of one flow: a group of 1,024 buckets with three actions each and a copy; larger lists are refused */,
    DP_CLONE_DEPTH = 8 /* nested clones; the executor recurses as deep, and rules do not */,
    DP_TRUNCATE_MIN = 14, /* a frame keeps its Ethernet header */
    DP_UNCOVER_MAX = 7,   /* labels to look behind: more than anybody stacks */
    DP_USERDATA_SIZE = 32, /* bytes an item of type USERDATA holds; the last one of a controller action may hold fewer */
    DP_USERDATA_MAX = 1024, /* bytes of one controller action: OVN's longest are some hundred */
    DP_PIPELINE_MAX = 160 + 2048 /* bytes that say metadata, tunnel and registers, and what is left to do: some dozens of actions; lib/msg/pipeline_fields.h */
};

/* What the datapath hash (dp_hash of the key) is made of. */
enum dp_hash_algorithm {
    DP_HASH_SYMMETRIC_L4, /* addresses, protocol and L4 ports, the same in both directions of a connection */
    DP_HASH_FIELDS,       /* the fields that the action lists, those the packet has */
    DP_HASH_ALGORITHM_COUNT
};

struct dp_hash {
    uint8_t algorithm; /* enum dp_hash_algorithm */
    uint32_t basis;
    uint64_t fields[2]; /* bit i of the 128: enum field_id i; of DP_HASH_FIELDS */
};

static inline bool dp_hash_has(const struct dp_hash *hash, unsigned field)
{
    return (hash->fields[field / 64] >> field % 64 & 1) != 0;
}

static inline void dp_hash_add(struct dp_hash *hash, unsigned field)
{
    hash->fields[field / 64] |= UINT64_C(1) << field % 64;
}

struct dp_controller {
    uint64_t bridge;
    uint64_t cookie;
    uint32_t rule_table; /* table the rule was in */
    uint16_t max_len;    /* as the rule has it; the packet goes up whole */
    uint32_t in_port;    /* port id of the patch port it came in by; 0: the packet's own */
    uint8_t reason;      /* enum packet_in_reason of lib/model */
    uint16_t id;         /* of the controllers that get it; 0: those without a number */
    uint16_t n_userdata; /* bytes in the USERDATA items right before it */
    uint16_t n_pipeline; /* and in those before these: the packet's pipeline fields */
};

enum { DP_REASON_TABLE_MISS = 0, DP_REASON_NO_RULE = 6 }; /* of lib/model's; lib/msg/dp_action.c holds them against each other */

/* Is it a packet that no rule, or but a table-miss rule, has matched? */
static inline bool dp_controller_is_miss(const struct dp_controller *to)
{
    return to->reason == DP_REASON_TABLE_MISS || to->reason == DP_REASON_NO_RULE;
}

static inline size_t dp_userdata_items(size_t n_bytes)
{
    return (n_bytes + DP_USERDATA_SIZE - 1) / DP_USERDATA_SIZE;
}

struct dp_action {
    uint16_t type; /* enum dp_action_type */
    union {
        uint32_t port; /* switch-wide port id */
        struct {
            uint16_t field; /* enum field_id */
            struct field_value value;
            struct field_value mask;
        } set_field;
        struct {
            uint16_t tpid; /* host order */
            uint16_t tci;  /* host order, without the present bit */
        } push_vlan;
        struct dp_controller controller;
        struct {
            uint8_t bytes[DP_USERDATA_SIZE];
        } userdata;
        struct {
            uint16_t n_actions;
        } clone;
        uint16_t reason;    /* enum drop_reason */
        uint16_t ethertype; /* host order: of the new label, or of what a label leaves behind */
        uint32_t max_len;   /* bytes, DP_TRUNCATE_MIN or more */
        struct dp_hash hash;
        struct {
            uint32_t recirc_id;     /* not 0, which is the key of packets from ports */
            uint16_t uncovers_type; /* host order: taken for the Ethernet type behind the labels; not MPLS */
            uint8_t n_labels;       /* to look behind; 0: the key shows what it did */
        };
        uint64_t meter;     /* configdb's row */
    };
};

_Static_assert(sizeof(struct dp_action) <= 64, "an action is one cache line at most");
_Static_assert(FIELD_COUNT <= 128, "the fields of a hash are 128 bits");

/* Types, field numbers, nesting and counts are in range. Errors: -ERROR_RANGE, -ERROR_TOO_LARGE; the detail names the action. */
int dp_actions_check(const struct dp_action *actions, size_t n_actions, struct error_detail *detail) MUST_CHECK;
bool dp_actions_equal(const struct dp_action *a, size_t n_a, const struct dp_action *b, size_t n_b);
/* Copies the user data of a controller action that stands in a checked list; `out` has room for DP_USERDATA_MAX. Returns how many bytes. */
size_t dp_controller_userdata(const struct dp_controller *controller, uint8_t *out);
/* The same of its pipeline fields; room for DP_PIPELINE_MAX. */
size_t dp_controller_pipeline(const struct dp_controller *controller, uint8_t *out);
/* The number behind the last action of the outermost level that anybody could notice: dp_execute_effective() needs no more of the list. */
size_t dp_actions_effective(const struct dp_action *actions, size_t n_actions);
/* For people: "set_field:..->nw_dst,dec_ttl,output:3", "drop". Port names through `ports` (by switch-wide port id) or NULL. Caller's string. */
char *dp_actions_format(const struct dp_action *actions, size_t n_actions, const struct match_ports *ports);

#endif
