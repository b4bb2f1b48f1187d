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
    bool is_old;         /* modify means what it did in 1.0: add where nothing matches, and give the cookie */
    uint64_t new_cookie; /* of is_old; UINT64_MAX: as it was */
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
    uint32_t bucket_id;   /* what commands on single buckets name it by */
    uint16_t weight;
    uint16_t counter; /* what its packets are counted under within the group; another one whenever counting begins anew */
};
#define BUCKET_ID_MAX 0xffffff00u
#define BUCKET_FIRST 0xfffffffdu /* OFPG_BUCKET_*: places for inserting, and all for removing [OF1.5.1 §7.3.4.3] */
#define BUCKET_LAST 0xfffffffeu
#define BUCKET_ALL 0xffffffffu

/* How a select group chooses, Open vSwitch's selection_method. */
enum group_selection {
    GROUP_SELECTION_DEFAULT, /* by the flow hash of the packet */
    GROUP_SELECTION_HASH,    /* by a hash of the fields listed, and nothing else of the packet */
    GROUP_SELECTION_DP_HASH, /* by a hash that the datapath computes, so that one flow serves many connections */
    GROUP_SELECTION_COUNT
};
enum { GROUP_HASH_FIELDS_MAX = 16 /* more than a packet has addresses and ports */ };
struct group_hash_field {
    enum field_id field;
    struct field_value mask; /* the bits that count */
};

struct group {
    uint64_t id; /* row */
    uint64_t bridge;
    uint32_t group_id;
    enum group_type type;
    enum group_selection selection;
    uint64_t selection_param; /* goes into the hash */
    struct group_hash_field fields[GROUP_HASH_FIELDS_MAX];
    size_t n_fields;
    struct bucket *buckets; /* owned */
    size_t n_buckets;
    uint16_t next_counter; /* of the next bucket that begins to count */
};
enum group_command { GROUP_ADD = 0, GROUP_MODIFY = 1, GROUP_DELETE = 2, GROUP_INSERT_BUCKETS = 3, GROUP_REMOVE_BUCKETS = 5 }; /* OFPGC_* */

#define METER_MAX 0xffff0000u
#define METER_SLOWPATH 0xfffffffdu
#define METER_CONTROLLER 0xfffffffeu /* what goes to controllers passes it */
#define METER_ALL 0xffffffffu
enum { METER_BANDS_MAX = 8 /* as Open vSwitch, and what a shard's slot holds */ };
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


/* ---- groups and meters as text, Open vSwitch's ---- */

/* "group_id=1,type=select,selection_method=hash,fields(ip_src,tcp_dst=0xff),bucket=weight:10,watch_port:2,actions=..." A deletion names an id or none
 * (GROUP_ALL); inserting says command_bucket_id=, first, last (default) or a bucket's number, removing the same or all. */
struct group_text {
    struct group group;         /* group_fini() */
    uint32_t command_bucket_id; /* BUCKET_FIRST, BUCKET_LAST, BUCKET_ALL, or a bucket's */
};
int group_parse(const char *text, enum group_command command, const struct match_ports *ports, struct group_text *out_text,
                struct error_detail *detail) MUST_CHECK;
/* One line of dump-groups, without newline; reads back as the same group. Caller's string. */
char *group_format(const struct group *group, const struct match_ports *ports);

struct use_stats {
    uint64_t n_packets, n_bytes;
};
struct group_stats {
    uint32_t n_references;
    uint64_t duration_ns;
    struct use_stats total;
    const struct use_stats *buckets; /* as many as the group has */
};
/* One line of dump-group-stats. Caller's string. */
char *group_stats_format(const struct group *group, const struct group_stats *stats);

/* "meter=1,kbps,burst,stats,bands=type=drop,rate=1000,burst_size=100"; a deletion names a meter, controller, slowpath or none (METER_ALL). */
int meter_parse(const char *text, bool is_deletion, struct meter *out_meter, struct error_detail *detail) MUST_CHECK;
/* A line of dump-meters and one for each band, without the last newline; reads back as the same meter. Caller's string. */
char *meter_format(const struct meter *meter);

struct meter_stats {
    uint32_t n_flows;
    uint64_t duration_ns;
    struct use_stats total;
    const struct use_stats *bands; /* as many as the meter has */
};
/* The lines of meter-stats. Caller's string. */
char *meter_stats_format(const struct meter *meter, const struct meter_stats *stats);

#endif
