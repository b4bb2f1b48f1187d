/* Datapath actions: a plain list of values, so that whoever installs a flow does not know in which tier it lives.
 *
 * A list runs from its start to its end over one packet. CLONE runs the next n_actions on a copy and then goes on behind them with
 * the packet as it was. The empty list drops (reason RULE). A list whose last action is DROP names its reason.
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
    DP_ACTIONS_MAX = 1024 /* of one flow: a flood over 1,000 ports; larger lists are refused */,
    DP_CLONE_DEPTH = 8 /* nested clones; the executor recurses as deep, and rules do not */
};

struct dp_controller {
    uint64_t bridge;
    uint64_t cookie;
    uint32_t rule_table; /* table the rule was in */
    uint16_t max_len;    /* bytes of the packet to send up */
    uint8_t reason;      /* enum packet_in_reason of lib/model */
};

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
            uint16_t n_actions;
        } clone;
        uint16_t reason; /* enum drop_reason */
    };
};

/* Types, field numbers, nesting and counts are in range. Errors: -ERROR_RANGE, -ERROR_TOO_LARGE; the detail names the action. */
int dp_actions_check(const struct dp_action *actions, size_t n_actions, struct error_detail *detail) MUST_CHECK;
bool dp_actions_equal(const struct dp_action *a, size_t n_a, const struct dp_action *b, size_t n_b);
/* For people: "set_field:..->nw_dst,dec_ttl,output:3", "drop". Port names through `ports` (by switch-wide port id) or NULL. Caller's string. */
char *dp_actions_format(const struct dp_action *actions, size_t n_actions, const struct match_ports *ports);

#endif
