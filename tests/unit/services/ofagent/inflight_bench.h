/* What the tests of services/ofagent/inflight.c stand on: a table whose changes go to a configdb in memory, and what it was told. */
#ifndef BUSBAR_TESTS_INFLIGHT_BENCH_H
#define BUSBAR_TESTS_INFLIGHT_BENCH_H

#include "tests/unit/services/ofagent/fake_cfg.h"

#include "services/ofagent/inflight.h"

#include "tests/unit/services/ofagent/rules.h"

struct bench {
    struct cfg *cfg;
    struct flow_table *table;
    struct group_table *groups; /* of the tests that have some */
    struct meter_table *meters;
    struct inflight *inflight;
    struct inflight_owner owner;
    uint64_t committed;
    size_t n_removed, n_refused, n_lost, n_groups_removed, n_meters_removed;
    uint64_t refused_sessions[16];
    uint64_t now_ns;
};

static void on_committed(void *context, uint64_t batch, struct version version)
{
    struct bench *b = context;
    assert_true(batch > b->committed);
    b->committed = batch;
}

static void on_removed(void *context, struct flow_entry *entry, struct version version)
{
    struct bench *b = context;
    b->n_removed++;
    assert_true(entry->rule.id == 0 || cfg_row(b->cfg, CFG_RULE, entry->rule.id) == NULL);
    flow_entry_destroy(&entry);
}

static void on_refused(void *context, const struct inflight_request *request, int error, const char *text)
{
    struct bench *b = context;
    assert_int_equal(b->n_lost, 0);
    b->refused_sessions[b->n_refused++] = request->session;
}

static void on_lost(void *context, int error, const char *text)
{
    struct bench *b = context;
    b->n_lost++;
}

static void on_group_inserted(void *context, struct group_entry *entry, uint64_t row)
{
    struct bench *b = context;
    group_table_set_row(b->groups, entry, row);
}

static void on_group_removed(void *context, const struct group *group, struct version version)
{
    struct bench *b = context;
    b->n_groups_removed++;
}

static void on_meter_inserted(void *context, struct meter_entry *entry, uint64_t row)
{
    struct bench *b = context;
    meter_table_set_row(b->meters, entry, row);
}

static void on_meter_removed(void *context, const struct meter *meter)
{
    struct bench *b = context;
    b->n_meters_removed++;
}

static void row_ignored(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                        const ProtobufCMessage *after)
{
}

static void version_ignored(void *context, struct version version, bool is_snapshot)
{
}

static int set_up(void **state)
{
    struct bench *b = memory_zeroed(sizeof *b);
    struct cfg_events cfg_events = {.on_row = row_ignored, .on_version = version_ignored};
    struct inflight_events events = {
        .on_committed = on_committed,
        .on_removed = on_removed,
        .on_group_inserted = on_group_inserted,
        .on_group_removed = on_group_removed,
        .on_meter_inserted = on_meter_inserted,
        .on_meter_removed = on_meter_removed,
        .on_refused = on_refused,
        .on_lost = on_lost,
        .context = b};
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;

    assert_int_equal(cfg_new(NULL, "", NULL, 0, &cfg_events, &b->cfg), 0);
    row.start = 3;
    row.epoch = 1;
    fake_cfg_set(b->cfg, CFG_OWNER, 1, &row.base);
    b->owner = (struct inflight_owner){.start = 3, .epoch = 1};
    b->table = flow_table_new();
    b->inflight = inflight_new(b->cfg, 1, b->table, &events);
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bench *b = *state;
    inflight_destroy(&b->inflight);
    inflight_destroy(&b->inflight);
    flow_table_destroy(&b->table);
    cfg_destroy(&b->cfg);
    free(b);
    return 0;
}

static uint64_t note(struct bench *b, enum flow_mod_command command, const char *text)
{
    struct flow_changes changes;
    assert_int_equal(apply_text(b->table, command, text, b->now_ns, &changes), OF_ERROR_NONE);
    return inflight_note_flows(b->inflight, &changes);
}

static void flush(struct bench *b)
{
    inflight_flush(b->inflight, &b->owner, b->now_ns);
}

static size_t n_rules(const struct bench *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->cfg->n_rows; i++) {
        n += b->cfg->rows[i].table == CFG_RULE;
    }
    return n;
}

#endif
