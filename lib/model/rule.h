/* Rules (OpenFlow flow entries), flow mods, groups and meters, version-free, with Open vSwitch's text form of them.
 *
 * A rule is what is stored; a flow_mod is what a controller or swctl asks. Both own their instructions.
 * Times: created_wall_ns is wall-clock nanoseconds, because a rule outlives processes and boots.
 */
#ifndef BUSBAR_MODEL_RULE_H
#define BUSBAR_MODEL_RULE_H

#include "lib/model/action.h"

enum rule_flag {
    RULE_SEND_FLOW_REM = 1 << 0,
    RULE_CHECK_OVERLAP = 1 << 1,
    RULE_RESET_COUNTS = 1 << 2,
    RULE_NO_PACKET_COUNTS = 1 << 3,
    RULE_NO_BYTE_COUNTS = 1 << 4
}; /* OFPFF_*, the same bits in 1.3-1.5 */

enum { RULE_PRIORITY_DEFAULT = 32768, TABLE_MAX = 253, TABLE_ALL = 255, TABLE_COUNT = 254 };
#define GROUP_ANY 0xffffffffu
#define GROUP_ALL 0xfffffffcu
#define GROUP_MAX 0xffffff00u

struct rule {
    uint64_t id;     /* row number in configdb; 0 while there is none */
    uint64_t bridge; /* row number of the bridge */
    struct match match;
    struct instructions instructions;
    uint64_t cookie;
    uint64_t created_wall_ns;
    uint16_t priority;
    uint16_t idle_timeout_s;
    uint16_t hard_timeout_s;
    uint16_t importance;
    uint16_t flags; /* enum rule_flag */
    uint8_t table;
};

enum flow_mod_command {
    FLOW_MOD_ADD = 0,
    FLOW_MOD_MODIFY = 1,
    FLOW_MOD_MODIFY_STRICT = 2,
    FLOW_MOD_DELETE = 3,
    FLOW_MOD_DELETE_STRICT = 4
}; /* OFPFC_* */

struct flow_mod {
    enum flow_mod_command command;
    struct match match;
    struct instructions instructions;
    uint64_t cookie;
    uint64_t cookie_mask;
    uint32_t buffer_id; /* 0xffffffff: none */
    uint32_t out_port;  /* PORT_ANY: no filter */
    uint32_t out_group; /* GROUP_ANY: no filter */
    uint16_t priority;
    uint16_t idle_timeout_s;
    uint16_t hard_timeout_s;
    uint16_t importance;
    uint16_t flags;
    uint8_t table;
};

/* The filter of statistics requests; also "table=0,ip,cookie=0x1/-1,out_port=2" of dump-flows. */
struct rule_filter {
    struct match match;
    uint64_t cookie;
    uint64_t cookie_mask;
    uint32_t out_port;
    uint32_t out_group;
    uint8_t table; /* TABLE_ALL: every */
};

enum group_type { GROUP_TYPE_ALL = 0, GROUP_TYPE_SELECT = 1, GROUP_TYPE_INDIRECT = 2, GROUP_TYPE_FF = 3 };
struct bucket {
    struct action_list actions;
    uint32_t watch_port;  /* PORT_ANY: none */
    uint32_t watch_group; /* GROUP_ANY: none */
    uint16_t weight;
};
struct group {
    uint64_t id; /* row */
    uint64_t bridge;
    uint32_t group_id;
    enum group_type type;
    struct bucket *buckets; /* owned */
    size_t n_buckets;
};

enum meter_flag { METER_KBPS = 1 << 0, METER_PKTPS = 1 << 1, METER_BURST = 1 << 2, METER_STATS = 1 << 3 };
enum meter_band_type { METER_BAND_DROP = 1, METER_BAND_DSCP_REMARK = 2 };
struct meter_band {
    enum meter_band_type type;
    uint32_t rate;
    uint32_t burst_size;
    uint8_t prec_level;
};
struct meter {
    uint64_t id; /* row */
    uint64_t bridge;
    uint32_t meter_id;
    uint16_t flags;
    struct meter_band *bands; /* owned */
    size_t n_bands;
};

void rule_init(struct rule *rule);
void rule_fini(struct rule *rule);
struct rule *rule_new_copy(const struct rule *rule);
void rule_destroy(struct rule **rule);
void flow_mod_init(struct flow_mod *mod, enum flow_mod_command command); /* priority 32768, no filters */
void flow_mod_fini(struct flow_mod *mod);
void rule_filter_init(struct rule_filter *filter);
bool rule_filter_covers(const struct rule_filter *filter, const struct rule *rule);
void group_fini(struct group *group);
struct group group_copy(const struct group *group);
void meter_fini(struct meter *meter);
struct meter meter_copy(const struct meter *meter);

/* "cookie=1,table=0,priority=100,ip,nw_dst=10.0.0.0/8,actions=output:2". With `needs_actions` text without actions= is refused;
 * for deletions out_port= and out_group= are taken. Checks the match, table range, prerequisites of set_field. */
int flow_mod_parse(const char *text, enum flow_mod_command command, const struct match_ports *ports, struct flow_mod *out_mod,
                   struct error_detail *detail) MUST_CHECK;
int rule_filter_parse(const char *text, const struct match_ports *ports, struct rule_filter *out_filter,
                      struct error_detail *detail) MUST_CHECK;

struct rule_stats {
    uint64_t n_packets, n_bytes, duration_ns, idle_ns;
};
/* One line of dump-flows in the OpenFlow 1.3 dialect of ovs-ofctl, without newline; stats may be NULL (--no-stats). Caller's string. */
char *rule_format(const struct rule *rule, const struct rule_stats *stats, const struct match_ports *ports);

#endif
