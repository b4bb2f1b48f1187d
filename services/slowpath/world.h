/* The switch as the rows of configdb describe it, in the shape translation wants it: bridges with their ports, tables and groups.
 *
 * Filled by feed.c, read by translation. Every setter notes what changed, so that correct.c can find the flows it concerns; whoever
 * drains the changes clears them. Rows may come in any order: a bridge exists as soon as something names it.
 */
#ifndef BUSBAR_SLOWPATH_WORLD_H
#define BUSBAR_SLOWPATH_WORLD_H

#include <uthash.h>

#include "lib/base/id_map.h"
#include "lib/flow/packed_match.h"
#include "lib/model/rule.h"
#include "services/slowpath/classifier.h"

/* OFPPC_*, the same bits in 1.1-1.5 [OF1.3.5 A.2.1]. */
enum port_config {
    PORT_CONFIG_DOWN = 1 << 0,
    PORT_CONFIG_NO_RECV = 1 << 2,
    PORT_CONFIG_NO_FWD = 1 << 5,
    PORT_CONFIG_NO_PACKET_IN = 1 << 6,
    PORT_CONFIG_NO_FLOOD = 1 << 4, /* OpenFlow 1.0's, kept by Open vSwitch */
};

enum { VLAN_NONE = 0xffff };

/* What NORMAL makes of a port's VLAN columns. */
enum vlan_mode {
    VLAN_MODE_UNSET, /* of settings: access with a tag, trunk without */
    VLAN_MODE_TRUNK,
    VLAN_MODE_ACCESS,
    VLAN_MODE_NATIVE_TAGGED,
    VLAN_MODE_NATIVE_UNTAGGED,
    VLAN_MODE_TUNNEL /* dot1q-tunnel: customers' frames, tags and all, within the tag's VLAN */
};

struct world_port {
    uint32_t id; /* switch-wide: the row */
    uint64_t bridge;
    uint32_t ofport;
    uint32_t config; /* enum port_config */
    enum vlan_mode vlan_mode; /* not UNSET */
    uint16_t tag;             /* of all modes but trunk */
    bool has_trunks;          /* else every VLAN */
    uint64_t trunks[64];
    bool has_cvlans; /* else every customer's VLAN */
    uint64_t cvlans[64];
    bool is_up;
    char *name; /* owned */
    char *peer; /* owned; the name of a patch port's other end, NULL: no patch port */
    UT_hash_handle hh, hh_name;
};

/* A rule, in one piece of memory: lists, clauses and match lie behind it. */
struct world_rule {
    struct classifier_rule node; /* with its number and priority; its match is there only while it is inserted or removed, but for clauses */
    uint64_t bridge;
    uint64_t cookie;
    struct instructions instructions;
    uint16_t idle_timeout_s, hard_timeout_s, importance, flags;
    uint8_t table;
    bool is_table_miss; /* priority 0, matches everything [OF1.3.5 §5.4] */
    struct packed_match match;
};

struct world_group_name {
    uint64_t bridge;
    uint64_t number;
};

struct world_group {
    uint64_t id;
    struct world_group_name name;
    struct group group;
    UT_hash_handle hh, hh_name;
};

struct world_meter {
    uint64_t id;
    struct world_group_name name; /* of a meter, too: bridge and number */
    UT_hash_handle hh, hh_name;
};

/* What a bridge does without a controller's word. */
enum fail_open {
    FAIL_OPEN_NO,     /* its rules only */
    FAIL_OPEN_MISSES, /* standalone, without controllers: a learning switch where no rule of table 0 matches */
    FAIL_OPEN_ALL     /* standalone, its controllers silent: a learning switch */
};

struct world_bridge {
    uint64_t id;
    char *name; /* owned, "" while there is no row */
    bool has_row;
    bool is_secure;
    bool drops_fragments; /* before they meet a rule */
    bool tells_misses;    /* a controller of OpenFlow 1.0 wants the packets that no rule matches */
    enum fail_open fail_open;
    uint64_t mac_aging_ns;
    uint32_t mac_limit;
    struct world_port **ports; /* by ofport upwards */
    size_t n_ports, ports_room;
    struct classifier *tables[TABLE_COUNT]; /* NULL: empty */
    uint64_t changed_tables[(TABLE_COUNT + 63) / 64]; /* a change without a match is noted of these */
    size_t n_rules, n_groups, n_meters, n_controllers;
    UT_hash_handle hh;
};

struct world_controller {
    uint64_t id, bridge;
    bool is_fail_open; /* its status says so */
    UT_hash_handle hh;
};

enum change_kind {
    CHANGE_RULE,     /* a rule of `match` came, went or does something else */
    CHANGE_GROUPS,   /* a group, or a link that a group may watch */
    CHANGE_METERS,   /* a meter came or went; its rate is the shards' business */
    CHANGE_BRIDGE,   /* ports, fail mode or who hears of misses: every flow of the bridge */
    CHANGE_PORT_GONE /* `port` has left, or is in other VLANs: what was learned there is void */
};

enum {
    CHANGE_WORDS = 6,          /* of a key; a flow that could differ in further ones is looked at again for nothing */
    CHANGES_MATCHED_MAX = 32768 /* 4 MB; beyond, of which comparing costs more than translating anew, a rule stands for all of its table */
};

struct change {
    enum change_kind kind;
    uint64_t bridge;
    uint32_t port;
    uint8_t table;
    uint32_t match_used; /* of a rule: words of the key that it looks at; none: any packet */
    struct packed_word match[CHANGE_WORDS];
};

struct world {
    struct world_bridge *bridges;
    struct world_port *ports, *ports_by_name;
    struct id_map rules; /* struct world_rule by row number */
    uint64_t rule_max;   /* the greatest there has been: new rows are above it, and not looked for */
    struct world_group *groups, *groups_by_name;
    struct world_meter *meters, *meters_by_name;
    struct world_controller *controllers;
    struct change *changes;
    size_t n_changes, changes_room;
};

void world_init(struct world *world);
void world_fini(struct world *world);

struct world_bridge_settings {
    const char *name;
    bool is_secure;
    uint32_t mac_aging_s;
    uint32_t mac_limit;
};
void world_set_bridge(struct world *world, uint64_t id, const struct world_bridge_settings *settings);
void world_remove_bridge(struct world *world, uint64_t id);
void world_set_fragments(struct world *world, uint64_t id, bool drops_fragments);
void world_set_misses(struct world *world, uint64_t id, bool tells_misses);

struct world_port_settings {
    const char *name;
    uint64_t bridge;
    uint32_t ofport, config;
    enum vlan_mode vlan_mode;
    uint16_t tag; /* VLAN_NONE: none */
    const uint32_t *trunks;
    size_t n_trunks;
    const uint32_t *cvlans;
    size_t n_cvlans;
    const char *peer; /* of a patch port, else NULL */
};
void world_set_port(struct world *world, uint32_t id, const struct world_port_settings *settings);
void world_remove_port(struct world *world, uint32_t id);
/* Unknown ports are ignored: their row will come with links to follow. */
void world_set_link(struct world *world, uint32_t id, bool is_up);

void world_set_controller(struct world *world, uint64_t id, uint64_t bridge);
void world_remove_controller(struct world *world, uint64_t id);
void world_set_controller_status(struct world *world, uint64_t id, bool is_fail_open);

void world_set_rule(struct world *world, const struct rule *rule);
void world_remove_rule(struct world *world, uint64_t id);
/* Takes what the group owns; the caller's becomes empty. */
void world_set_group(struct world *world, struct group *group);
void world_remove_group(struct world *world, uint64_t id);
void world_set_meter(struct world *world, uint64_t id, uint64_t bridge, uint32_t meter_id);
void world_remove_meter(struct world *world, uint64_t id);

void world_clear_changes(struct world *world);

const struct world_bridge *world_bridge(const struct world *world, uint64_t id);
const struct world_bridge *world_bridge_by_name(const struct world *world, const char *name);
const struct world_port *world_port(const struct world *world, uint32_t id);
const struct world_port *world_port_by_ofport(const struct world_bridge *bridge, uint32_t ofport);
const struct world_group *world_group(const struct world *world, uint64_t bridge, uint32_t group_id);
/* By row; NULL: there is none. */
const struct world_rule *world_rule(const struct world *world, uint64_t id);
/* As a controller means it, but for the time it was made; its lists are lent as long as the rule is there: no rule_fini(). */
struct rule world_rule_model(const struct world_rule *rule);
const struct world_group *world_group_by_row(const struct world *world, uint64_t id);
const struct world_meter *world_meter_by_row(const struct world *world, uint64_t id);
/* The row of a meter by its number; 0: there is none. */
uint64_t world_meter(const struct world *world, uint64_t bridge, uint32_t meter_id);
/* The port is there and packets go out of it: link up, not configured down. */
bool world_port_is_live(const struct world_port *port);
/* Does the port carry the VLAN? Of a tunnel port the customer's VLAN decides too. */
bool world_port_in_vlan(const struct world_port *port, uint16_t vlan);
bool world_port_takes_cvlan(const struct world_port *port, uint16_t cvlan);
/* The other end of a patch port: the patch port that it names and that names it. NULL: there is none. */
const struct world_port *world_port_peer(const struct world *world, const struct world_port *port);

#endif
