/* Multipart replies, item by item; a new message with MORE set on the one before begins whenever 64 KiB are full.
 *
 *     of_multipart_begin(&mp, &writer, version, request_xid, OF_MULTIPART_FLOW);
 *     for each rule: err = of_flow_stats_encode(&mp, rule, &stats);
 *     of_multipart_end(&mp);
 *
 * An item that no message can hold is left out and -ERROR_TOO_LARGE returned; the reply stays well-formed. A body without items is one
 * message. Between items the messages are not yet complete: the lengths are written when one ends.
 * The decoders are for the other side of the connection (tools, tests, the simulator): `while (reader_left(&r) > 0) of_x_decode(&r, ...)`.
 */
#ifndef BUSBAR_OPENFLOW_OF_MULTIPART_H
#define BUSBAR_OPENFLOW_OF_MULTIPART_H

#include "lib/openflow/of_message.h"

struct of_multipart {
    struct writer *out;
    uint32_t xid;
    uint8_t version;
    uint16_t type; /* enum of_multipart_type */
    enum of_form form;
    size_t begin;      /* of the current message */
    size_t item_begin; /* of the current item */
    size_t header_size; /* of every message of it */
};

void of_multipart_begin(struct of_multipart *mp, struct writer *out, uint8_t version, uint32_t xid, enum of_multipart_type type,
                        enum of_form form);
void of_multipart_end(struct of_multipart *mp);
/* For items of another kind: write to mp->out between these two. */
void of_multipart_item_begin(struct of_multipart *mp);
int of_multipart_item_end(struct of_multipart *mp) MUST_CHECK;

/* Texts are cut to fit and end with 0. */
struct of_desc {
    char manufacturer[256];
    char hardware[256];
    char software[256];
    char serial[32];
    char datapath[256];
};
int of_desc_encode(struct of_multipart *mp, const struct of_desc *desc) MUST_CHECK;
int of_desc_decode(struct reader *r, uint8_t version, struct of_desc *out) MUST_CHECK;

/* duration_ns, n_packets and n_bytes of the statistics; idle_ns has a place in 1.5 and in Nicira's form only. */
int of_flow_stats_encode(struct of_multipart *mp, const struct rule *rule, const struct rule_stats *stats) MUST_CHECK;
/* *out_rule is the caller's: rule_fini(). */
int of_flow_stats_decode(struct reader *r, uint8_t version, enum of_form form, struct rule *out_rule,
                         struct rule_stats *out_stats) MUST_CHECK;

struct of_aggregate {
    uint64_t n_packets, n_bytes;
    uint32_t n_flows;
};
int of_aggregate_encode(struct of_multipart *mp, const struct of_aggregate *aggregate) MUST_CHECK;
int of_aggregate_decode(struct reader *r, uint8_t version, struct of_aggregate *out) MUST_CHECK;

struct of_table_stats {
    uint8_t table;
    uint32_t max_entries; /* 1.0 */
    uint32_t n_active;
    uint64_t n_lookup, n_matched;
};
int of_table_stats_encode(struct of_multipart *mp, const struct of_table_stats *stats) MUST_CHECK;
int of_table_stats_decode(struct reader *r, uint8_t version, struct of_table_stats *out) MUST_CHECK;

/* UINT64_MAX: not counted. */
struct of_port_stats {
    uint32_t port_no;
    uint64_t rx_packets, tx_packets, rx_bytes, tx_bytes, rx_dropped, tx_dropped;
    uint64_t rx_errors, tx_errors, rx_frame_errors, rx_over_errors, rx_crc_errors, collisions;
    uint64_t duration_ns; /* not in 1.0 */
};
int of_port_stats_encode(struct of_multipart *mp, const struct of_port_stats *stats) MUST_CHECK;
int of_port_stats_decode(struct reader *r, uint8_t version, struct of_port_stats *out) MUST_CHECK;

struct of_queue_stats {
    uint32_t port_no, queue_id;
    uint64_t tx_bytes, tx_packets, tx_errors;
    uint64_t duration_ns;
};
int of_queue_stats_encode(struct of_multipart *mp, const struct of_queue_stats *stats) MUST_CHECK;
int of_queue_stats_decode(struct reader *r, uint8_t version, struct of_queue_stats *out) MUST_CHECK;

struct of_bucket_stats {
    uint64_t n_packets, n_bytes;
};
struct of_group_stats {
    uint32_t group_id, ref_count;
    uint64_t n_packets, n_bytes;
    uint64_t duration_ns;
    struct of_bucket_stats *buckets; /* owned when decoded: of_group_stats_fini() */
    size_t n_buckets;
};
int of_group_stats_encode(struct of_multipart *mp, const struct of_group_stats *stats) MUST_CHECK;
int of_group_stats_decode(struct reader *r, uint8_t version, struct of_group_stats *out) MUST_CHECK;
void of_group_stats_fini(struct of_group_stats *stats);

int of_group_desc_encode(struct of_multipart *mp, const struct group *group) MUST_CHECK;
int of_group_desc_decode(struct reader *r, uint8_t version, struct group *out) MUST_CHECK; /* group_fini() */

struct of_group_features {
    uint32_t types;        /* bit = enum group_type */
    uint32_t capabilities; /* OFPGFC_*: 1 select weight, 2 select liveness, 4 chaining, 8 chaining checks */
    uint32_t max_groups[4];
    uint32_t actions[4]; /* bit = OFPAT_* of 1.3, in 1.0 of 1.0; of_group_features_actions() */
};
/* The actions that buckets may hold, as OFPAT_* bits. */
uint32_t of_group_features_actions(uint8_t version);
int of_group_features_encode(struct of_multipart *mp, const struct of_group_features *features) MUST_CHECK;
int of_group_features_decode(struct reader *r, uint8_t version, struct of_group_features *out) MUST_CHECK;

struct of_band_stats {
    uint64_t n_packets, n_bytes;
};
struct of_meter_stats {
    uint32_t meter_id, n_flows;
    uint64_t n_packets, n_bytes;
    uint64_t duration_ns;
    struct of_band_stats *bands; /* owned when decoded: of_meter_stats_fini() */
    size_t n_bands;
};
int of_meter_stats_encode(struct of_multipart *mp, const struct of_meter_stats *stats) MUST_CHECK;
int of_meter_stats_decode(struct reader *r, uint8_t version, struct of_meter_stats *out) MUST_CHECK;
void of_meter_stats_fini(struct of_meter_stats *stats);

int of_meter_config_encode(struct of_multipart *mp, const struct meter *meter) MUST_CHECK;
int of_meter_config_decode(struct reader *r, uint8_t version, struct meter *out) MUST_CHECK; /* meter_fini() */

struct of_meter_features {
    uint32_t max_meters;
    uint32_t band_types;   /* bit = enum meter_band_type */
    uint32_t capabilities; /* enum meter_flag */
    uint8_t max_bands, max_color;
};
int of_meter_features_encode(struct of_multipart *mp, const struct of_meter_features *features) MUST_CHECK;
int of_meter_features_decode(struct reader *r, uint8_t version, struct of_meter_features *out) MUST_CHECK;

/* The properties (instructions, next tables, actions, match and set fields) are made from the tables of fields and actions:
 * every table can do everything. `properties` is set when decoded, as bytes lent by the input. */
struct of_table_features {
    uint8_t table;
    uint8_t n_tables; /* of the switch, for the list of next tables; not on the wire */
    char name[32];
    uint64_t metadata_match, metadata_write;
    uint32_t config, max_entries;
    const uint8_t *properties;
    size_t properties_size;
};
int of_table_features_encode(struct of_multipart *mp, const struct of_table_features *features) MUST_CHECK;
int of_table_features_decode(struct reader *r, uint8_t version, struct of_table_features *out) MUST_CHECK;

int of_port_desc_encode(struct of_multipart *mp, const struct of_port *port) MUST_CHECK;
int of_port_desc_decode(struct reader *r, uint8_t version, struct of_port *out) MUST_CHECK;

/* From 1.4 on; `table` is what a table_mod can set. */
int of_table_desc_encode(struct of_multipart *mp, const struct of_table_mod *table) MUST_CHECK;

int of_queue_desc_encode(struct of_multipart *mp, const struct of_queue_config *queue) MUST_CHECK;
int of_queue_desc_decode(struct reader *r, struct of_queue_config *out) MUST_CHECK;

/* What has become of a rule that somebody watches. */
enum of_update_event {
    OF_UPDATE_INITIAL = 0,
    OF_UPDATE_ADDED = 1,
    OF_UPDATE_REMOVED = 2,
    OF_UPDATE_MODIFIED = 3,
    OF_UPDATE_ABBREV = 4, /* by a request of the watcher's own: only its xid */
    OF_UPDATE_PAUSED = 5,
    OF_UPDATE_RESUMED = 6
};
struct of_flow_update {
    enum of_update_event event;
    uint32_t xid;   /* ABBREV */
    uint8_t reason; /* REMOVED: enum of_removed_reason */
    struct rule rule;
};
/* The rule is lent; without `with_instructions` its instructions are left out. */
int of_flow_update_encode(struct of_multipart *mp, const struct of_flow_update *update, bool with_instructions) MUST_CHECK;
int of_flow_update_decode(struct reader *r, uint8_t version, struct of_flow_update *out) MUST_CHECK; /* rule_fini() */

#endif
