/* What a meter_mod does to the meters of a bridge and to the rules that use them [OF1.3.5 §6.6]. */
#ifndef BUSBAR_OFAGENT_METER_MOD_H
#define BUSBAR_OFAGENT_METER_MOD_H

#include "lib/openflow/of_multipart.h"
#include "services/ofagent/bridge.h"

/* Checks the whole, then changes the tables and notes it for the next transaction. The meter is lent; its row and bridge are not read.
 * out_n_changes: meters and rules. OF_ERROR_NONE, or what to answer, and nothing has changed. */
enum of_error_number meter_mod_apply(struct bridge *bridge, enum of_meter_command command, const struct meter *meter,
                                     size_t *out_n_changes);
struct meter_counts {
    uint64_t n_packets, n_bytes;
    struct {
        uint64_t n_packets, n_bytes; /* that the band acted on */
    } bands[METER_BANDS_MAX];
};
/* A shard's word on what all shards have counted. */
void meter_mod_report(struct ofagent *agent, uint64_t row, const struct meter_counts *counts);
/* The meter is no more: nobody will ask what it counted. */
void meter_mod_forget(struct ofagent *agent, uint64_t row);
void meter_mod_forget_all(struct ofagent *agent); /* at the end */
/* Sets n_references of every meter, in one walk over the rules: before meter_mod_stats(). */
void meter_mod_count_references(struct bridge *bridge);
struct of_meter_stats meter_mod_stats(const struct bridge *bridge, const struct meter_entry *entry); /* of_meter_stats_fini() */

#endif
