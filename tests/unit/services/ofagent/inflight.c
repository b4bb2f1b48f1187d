/* Tests of services/ofagent/inflight.c against a configdb in memory. */
#include "tests/unit/services/ofagent/inflight_bench.h"

#include "lib/base/random.h"
#include "lib/msg/rule.h"

static void a_change_is_one_transaction_that_requires_the_owner(void **state)
{
    struct bench *b = *state;

    uint64_t batch = note(b, FLOW_MOD_ADD, "ip,actions=output:1");
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    assert_int_equal(b->cfg->txns[0]->ops[0].kind, FAKE_REQUIRE);
    assert_int_equal(b->cfg->txns[0]->ops[0].table, CFG_OWNER);
    assert_int_equal(b->committed, 0);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->committed, batch);
    assert_int_equal(n_rules(b), 1);
    assert_true(flow_table_first(b->table, 0)->rule.id != 0);
    assert_int_equal(inflight_size(b->inflight), 0);
}

static void changes_meanwhile_leave_together_as_the_next_batch(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    flush(b);
    for (int i = 2; i < 50; i++) {
        char *text = memory_format("priority=%d,actions=output:1", i);
        note(b, FLOW_MOD_ADD, text);
        flush(b);
        free(text);
    }
    assert_int_equal(b->cfg->n_txns, 1);
    fake_cfg_commit(b->cfg);
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + 48);
    fake_cfg_commit(b->cfg);
    assert_int_equal(n_rules(b), 49);
}

static void a_rule_changed_while_its_insert_is_under_way_is_updated_by_its_row(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "ip,actions=output:1");
    flush(b);
    note(b, FLOW_MOD_MODIFY, "ip,actions=output:2");
    note(b, FLOW_MOD_MODIFY, "ip,actions=output:3");
    fake_cfg_commit(b->cfg);
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 2);
    assert_int_equal(b->cfg->txns[0]->ops[1].kind, FAKE_PUT);
    fake_cfg_commit(b->cfg);
    assert_int_equal(n_rules(b), 1);
}

static void a_rule_deleted_while_its_insert_is_under_way_is_deleted_by_its_row(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "ip,actions=output:1");
    flush(b);
    note(b, FLOW_MOD_DELETE, "ip");
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->n_removed, 0);
    assert_int_equal(n_rules(b), 1);
    flush(b);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->n_removed, 1);
    assert_int_equal(n_rules(b), 0);
}

static void a_rule_made_and_deleted_in_one_batch_is_never_written(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "ip,actions=output:1");
    uint64_t batch = note(b, FLOW_MOD_DELETE, "ip");
    flush(b);
    assert_int_equal(b->cfg->n_txns, 0);
    assert_int_equal(b->committed, batch);
    assert_int_equal(b->n_removed, 1);
}

static void a_refusal_answers_every_uncommitted_request_and_then_says_lost(void **state)
{
    struct bench *b = *state;
    struct version version;

    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 11});
    flush(b);
    uint64_t batch = note(b, FLOW_MOD_ADD, "priority=2,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 12});
    note(b, FLOW_MOD_DELETE, "");
    fake_cfg_refuse(b->cfg, -ERROR_OWNER, "not yours");
    assert_int_equal(b->n_refused, 2);
    assert_int_equal(b->refused_sessions[0], 11);
    assert_int_equal(b->refused_sessions[1], 12);
    assert_int_equal(b->n_lost, 1);
    assert_int_equal(inflight_size(b->inflight), 0);
    assert_true(inflight_committed(b->inflight, &version) >= batch); /* nobody waits for it for ever */
    assert_int_equal(b->n_removed, 0);
}

static void what_is_given_up_is_answered_like_a_refusal(void **state)
{
    struct bench *b = *state;

    inflight_give_up(b->inflight, -ERROR_OWNER, "another's");
    assert_int_equal(b->n_lost, 0); /* there was nothing */
    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 11});
    flush(b);
    assert_true(inflight_is_under_way(b->inflight));
    note(b, FLOW_MOD_ADD, "priority=2,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 12});
    fake_cfg_commit(b->cfg); /* committed after all: only what was not sent is given up */
    assert_false(inflight_is_under_way(b->inflight));
    inflight_give_up(b->inflight, -ERROR_OWNER, "another's");
    assert_true(b->n_refused == 1 && b->refused_sessions[0] == 12 && b->n_lost == 1);
    assert_int_equal(inflight_size(b->inflight), 0);
    assert_int_equal(n_rules(b), 1);
}

static void a_committed_request_is_not_refused_later(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 11});
    flush(b);
    fake_cfg_commit(b->cfg);
    note(b, FLOW_MOD_ADD, "priority=2,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 12});
    flush(b);
    fake_cfg_refuse(b->cfg, -ERROR_TIMEOUT, "silence");
    assert_int_equal(b->n_refused, 1);
    assert_int_equal(b->refused_sessions[0], 12);
}

static void another_owner_epoch_is_refused(void **state)
{
    struct bench *b = *state;

    b->owner.epoch = 2;
    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    flush(b);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->n_lost, 1);
    assert_int_equal(n_rules(b), 0);
}

static void an_answer_after_the_end_is_ignored(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    flush(b);
    inflight_destroy(&b->inflight);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->committed, 0);
}

static void a_batch_too_large_for_a_transaction_goes_as_several(void **state)
{
    struct bench *b = *state;
    struct flow_changes changes;
    uint64_t batch = inflight_batch(b->inflight);

    flow_changes_init(&changes);
    for (unsigned i = 0; i < INFLIGHT_TXN_MAX + 10; i++) {
        struct flow_mod mod;
        struct flow_mod_context context = context_at(1);
        flow_mod_init(&mod, FLOW_MOD_ADD);
        mod.table = 0;
        match_set(&mod.match, FIELD_REG0, field_value_u64(i));
        assert_int_equal(flow_mod_apply(b->table, &mod, &context, &changes), OF_ERROR_NONE);
        flow_mod_fini(&mod);
    }
    inflight_note_flows(b->inflight, &changes);
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 11});
    for (size_t left = INFLIGHT_TXN_MAX + 10; left > 0;) {
        size_t part = left > INFLIGHT_PART_MAX ? INFLIGHT_PART_MAX : left;
        flush(b); /* its parts do not wait for each other */
        assert_true(b->cfg->n_txns > 1 || left == part);
        assert_int_equal(b->cfg->txns[0]->n_ops, 1 + part);
        assert_true(b->committed < batch); /* not before the last part */
        fake_cfg_pretend(b->cfg);
        left -= part;
    }
    assert_int_equal(b->committed, batch);
    assert_int_equal(inflight_total(b->inflight), INFLIGHT_TXN_MAX + 10);
    assert_int_equal(b->n_refused, 0);
}

/* Notes what adds these and hands their rows over packed. */
static void note_packed(struct bench *b, const char *const *texts, size_t n)
{
    struct flow_changes all;
    struct writer ops;

    flow_changes_init(&all);
    writer_init(&ops);
    for (size_t i = 0; i < n; i++) {
        struct flow_mod mod = mod_of(FLOW_MOD_ADD, texts[i]);
        struct flow_mod_context context = context_at(b->now_ns);
        assert_int_equal(flow_mod_apply(b->table, &mod, &context, &all), OF_ERROR_NONE);
        struct rule rule = flow_entry_rule(all.items[all.count - 1].entry);
        inflight_pack(b->inflight, &rule, &ops);
        flow_mod_fini(&mod);
    }
    inflight_note_flows(b->inflight, &all);
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 11});
    inflight_note_packed(b->inflight, n, &ops, n);
}

/* Is the row of each entry of the table the one that it would be packed to? */
static void expect_rows_of_entries(struct bench *b)
{
    for (struct flow_entry *e = flow_table_first(b->table, 0); e != NULL; e = e->next) {
        const Busbar__RuleRow *row = (const Busbar__RuleRow *)cfg_row(b->cfg, CFG_RULE, e->rule.id);
        struct rule rule = flow_entry_rule(e), found;
        struct error_detail detail;
        assert_non_null(row);
        assert_int_equal(msg_rule_decode(e->rule.id, row, &found, &detail), 0);
        assert_true(match_equal(&found.match, &rule.match) && found.priority == rule.priority);
        assert_true(instructions_equal(&found.instructions, &rule.instructions));
        rule_fini(&found);
    }
}

static void rows_that_were_packed_ahead_leave_as_they_are_and_get_their_ids(void **state)
{
    static const char *const texts[] = {"priority=5,ip,actions=output:1", "priority=6,arp,actions=output:2"};
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "priority=4,udp,actions=output:3");
    note_packed(b, texts, 2);
    note(b, FLOW_MOD_ADD, "priority=7,tcp,actions=output:4");
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + 4);
    assert_int_equal(b->cfg->txns[0]->n_packed_ahead, 2);
    fake_cfg_commit(b->cfg);
    assert_int_equal(n_rules(b), 4);
    expect_rows_of_entries(b);
}

static void a_rule_changed_behind_what_was_packed_is_packed_anew(void **state)
{
    static const char *const texts[] = {"priority=5,ip,actions=output:1", "priority=6,arp,actions=output:2"};
    static const char *const others[] = {"priority=8,ip,actions=output:1", "priority=9,arp,actions=output:2"};
    struct bench *b = *state;

    note_packed(b, texts, 2);
    note_packed(b, others, 2);
    note(b, FLOW_MOD_MODIFY_STRICT, "priority=6,arp,actions=output:7");
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + 4);
    assert_int_equal(b->cfg->txns[0]->n_packed_ahead, 2);
    fake_cfg_commit(b->cfg);
    expect_rows_of_entries(b);
    assert_int_equal(n_rules(b), 4);
    note_packed(b, (const char *const[]){"priority=20,ip,actions=output:1"}, 1);
    note(b, FLOW_MOD_DELETE_STRICT, "priority=20,ip");
    flush(b);
    assert_int_equal(b->cfg->n_txns, 0); /* it was never written */
    assert_int_equal(n_rules(b), 4);
}

static void note_numbers(struct bench *b, unsigned first, unsigned n, uint64_t session)
{
    struct flow_changes changes;

    flow_changes_init(&changes);
    for (unsigned i = first; i < first + n; i++) {
        struct flow_mod mod;
        struct flow_mod_context context = context_at(1);
        flow_mod_init(&mod, FLOW_MOD_ADD);
        mod.table = 0;
        match_set(&mod.match, FIELD_REG0, field_value_u64(i));
        assert_int_equal(flow_mod_apply(b->table, &mod, &context, &changes), OF_ERROR_NONE);
        flow_mod_fini(&mod);
    }
    inflight_note_flows(b->inflight, &changes);
    inflight_note_request(b->inflight, &(struct inflight_request){.session = session});
}

/* I8: a request is done or refused as a whole, whatever else is in its batch. */
static void a_transaction_ends_where_a_request_does(void **state)
{
    struct bench *b = *state;

    note_numbers(b, 0, 30000, 11);
    note_numbers(b, 100000, 30000, 12);
    note_numbers(b, 200000, 10, 13);
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + 30000);
    fake_cfg_pretend(b->cfg);
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + 30010);
    fake_cfg_refuse(b->cfg, -ERROR_TIMEOUT, "killed");
    assert_int_equal(b->n_refused, 2); /* the first stands */
    assert_int_equal(b->refused_sessions[0], 12);
    assert_int_equal(b->refused_sessions[1], 13);
    assert_int_equal(b->n_lost, 1);
}

/* What is behind the part that fails may be done; the request is answered once, and the tables are loaded when nothing is under way. */
static void a_part_that_fails_answers_its_request_once(void **state)
{
    struct bench *b = *state;

    note_numbers(b, 0, 4 * INFLIGHT_TXN_MAX, 11);
    note_numbers(b, 300000, 10, 12);
    flush(b);
    assert_int_equal(b->cfg->n_txns, INFLIGHT_TXNS_MAX);
    fake_cfg_pretend(b->cfg);
    flush(b);
    assert_int_equal(b->cfg->n_txns, INFLIGHT_TXNS_MAX);
    fake_cfg_refuse(b->cfg, -ERROR_TIMEOUT, "killed");
    flush(b);
    assert_int_equal(b->cfg->n_txns, INFLIGHT_TXNS_MAX - 1);
    while (b->cfg->n_txns > 0) {
        assert_int_equal(b->n_lost, 0);
        fake_cfg_pretend(b->cfg);
    }
    assert_int_equal(b->n_lost, 1);
    assert_int_equal(b->n_refused, 2);
    assert_int_equal(b->refused_sessions[0], 11);
    assert_int_equal(b->refused_sessions[1], 12);
    assert_int_equal(inflight_size(b->inflight), 0);
}

static void requests_that_change_one_row_stay_together(void **state)
{
    struct bench *b = *state;

    note_numbers(b, 0, 100, 11);
    note_numbers(b, 100000, 20000, 12);
    note_numbers(b, 119990, 29990, 13); /* ten of them are of the one before */
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + 100); /* 20100 would be half of the last */
    fake_cfg_pretend(b->cfg);
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + 20000 + 29980);
    fake_cfg_refuse(b->cfg, -ERROR_TIMEOUT, "killed");
    assert_int_equal(b->n_refused, 2);
}

static void a_batch_of_large_rules_stays_below_what_the_bus_takes(void **state)
{
    struct bench *b = *state;
    struct flow_changes changes;
    struct flow_mod_context context = context_at(1);
    struct flow_mod mod;

    flow_mod_init(&mod, FLOW_MOD_ADD);
    mod.table = 0;
    mod.instructions.has_apply = true;
    struct action set = {.type = ACTION_SET_FIELD, .set_field = {.field = FIELD_IPV6_DST}};
    set.set_field.value = set.set_field.mask = field_all_ones(FIELD_IPV6_DST);
    set.set_field.mask.bytes[15] = 0xfe;
    set.set_field.value.bytes[15] = 0xfe;
    for (int i = 0; i < 2000; i++) {
        action_list_add(&mod.instructions.apply, &set);
    }
    flow_changes_init(&changes);
    for (unsigned i = 0; i < 160; i++) { /* 16 MB in all */
        match_set(&mod.match, FIELD_REG0, field_value_u64(i));
        assert_int_equal(flow_mod_apply(b->table, &mod, &context, &changes), OF_ERROR_NONE);
    }
    flow_mod_fini(&mod);
    inflight_note_flows(b->inflight, &changes);
    for (size_t n_txns = 0; inflight_size(b->inflight) > 0; n_txns++) {
        size_t n_bytes = 0;
        flush(b);
        for (size_t i = 1; i < b->cfg->txns[0]->n_ops; i++) {
            n_bytes += protobuf_c_message_get_packed_size(b->cfg->txns[0]->ops[i].row);
        }
        assert_true(n_bytes < BUS_MESSAGE_MAX_BYTES - 1024 * 1024);
        assert_true(n_txns < 10);
        fake_cfg_pretend(b->cfg);
    }
}

static void groups_travel_with_the_rules(void **state)
{
    struct bench *b = *state;
    struct group group = {.bridge = 1, .group_id = 5};

    b->groups = group_table_new();
    struct group_entry *entry = group_table_insert(b->groups, &group, 0);
    inflight_note_group(b->inflight, entry);
    note(b, FLOW_MOD_ADD, "ip,actions=output:1");
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 3);
    fake_cfg_commit(b->cfg);
    assert_ptr_equal(group_table_by_row(b->groups, entry->group.id), entry);
    group_table_remove(b->groups, entry);
    inflight_note_group(b->inflight, entry);
    flush(b);
    assert_int_equal(b->n_groups_removed, 0);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->n_groups_removed, 1);
    group_table_destroy(&b->groups);
}

static void meters_travel_with_the_rules(void **state)
{
    struct bench *b = *state;
    struct meter meter = {.bridge = 1, .meter_id = 5};

    b->meters = meter_table_new();
    struct meter_entry *entry = meter_table_insert(b->meters, &meter, 0);
    inflight_note_meter(b->inflight, entry);
    note(b, FLOW_MOD_ADD, "ip,actions=output:1");
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 3);
    entry->meter.flags = METER_PKTPS;
    inflight_note_meter(b->inflight, entry); /* changed while it is under way */
    fake_cfg_commit(b->cfg);
    assert_ptr_equal(meter_table_by_row(b->meters, entry->meter.id), entry);
    flush(b);
    fake_cfg_commit(b->cfg);
    assert_int_equal(((const Busbar__MeterRow *)cfg_row(b->cfg, CFG_METER, entry->meter.id))->flags, METER_PKTPS);
    meter_table_remove(b->meters, entry);
    inflight_note_meter(b->inflight, entry);
    flush(b);
    fake_cfg_refuse(b->cfg, -ERROR_CONFLICT, "no"); /* it is let go */
    assert_int_equal(b->n_lost, 1);
    assert_int_equal(b->n_meters_removed, 0);
    meter_table_destroy(&b->meters);
}

static void note_many(struct bench *b, unsigned first, unsigned n)
{
    for (unsigned i = first; i < first + n; i++) {
        char *text = memory_format("priority=%u,actions=output:1", i);
        note(b, FLOW_MOD_ADD, text);
        free(text);
    }
}

static void many_changes_leave_beside_what_is_under_way(void **state)
{
    struct bench *b = *state;

    for (unsigned i = 0; i <= INFLIGHT_TXNS_MAX; i++) {
        note_many(b, 1000 * i, INFLIGHT_TXN_LEAST);
        flush(b);
    }
    assert_int_equal(b->cfg->n_txns, INFLIGHT_TXNS_MAX);
    assert_int_equal(inflight_size(b->inflight), (INFLIGHT_TXNS_MAX + 1) * INFLIGHT_TXN_LEAST);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->committed, 1);
    flush(b);
    assert_int_equal(b->cfg->n_txns, INFLIGHT_TXNS_MAX);
    while (b->cfg->n_txns > 0) {
        fake_cfg_commit(b->cfg);
    }
    assert_int_equal(b->committed, INFLIGHT_TXNS_MAX + 1);
    assert_int_equal(n_rules(b), (INFLIGHT_TXNS_MAX + 1) * INFLIGHT_TXN_LEAST);
}

static void nothing_leaves_beside_what_takes_long_itself(void **state)
{
    struct bench *b = *state;

    note_many(b, 0, INFLIGHT_CHANGES_MAX);
    flush(b);
    note_many(b, INFLIGHT_CHANGES_MAX, INFLIGHT_TXN_LEAST);
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    fake_cfg_pretend(b->cfg);
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + INFLIGHT_TXN_LEAST);
}

static void nothing_leaves_while_a_row_of_it_is_under_way(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    flush(b);
    note_many(b, 1000, INFLIGHT_TXN_LEAST);
    note(b, FLOW_MOD_ADD, "priority=1,actions=output:2");
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    fake_cfg_commit(b->cfg);
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + INFLIGHT_TXN_LEAST + 1);
    fake_cfg_commit(b->cfg);
    assert_int_equal(n_rules(b), INFLIGHT_TXN_LEAST + 1);
}

/* Else the deletion could be refused and the rule that comes after it be done: two rows of one match. */
static void a_rule_comes_again_only_when_its_deletion_is_done(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    flush(b);
    fake_cfg_commit(b->cfg);
    note(b, FLOW_MOD_DELETE_STRICT, "priority=1");
    flush(b);
    note(b, FLOW_MOD_ADD, "priority=1,actions=output:2");
    note_many(b, 1000, INFLIGHT_TXN_LEAST);
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    fake_cfg_refuse(b->cfg, -ERROR_TOO_LARGE, "too much");
    assert_int_equal(b->n_lost, 1);
    assert_int_equal(b->cfg->n_txns, 0);
    assert_int_equal(n_rules(b), 1);
}

static void others_leave_beside_a_deletion(void **state)
{
    struct bench *b = *state;

    note_many(b, 1000, INFLIGHT_TXN_LEAST + 1);
    flush(b);
    fake_cfg_commit(b->cfg);
    note(b, FLOW_MOD_DELETE_STRICT, "priority=1000");
    flush(b);
    for (unsigned i = 1001; i <= 1000 + INFLIGHT_TXN_LEAST; i++) {
        char *text = memory_format("priority=%u", i);
        note(b, FLOW_MOD_DELETE_STRICT, text);
        free(text);
    }
    flush(b);
    assert_int_equal(b->cfg->n_txns, 2);
    note_many(b, 5000, INFLIGHT_TXN_LEAST);
    flush(b);
    fake_cfg_commit(b->cfg);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->n_removed, INFLIGHT_TXN_LEAST + 1);
    flush(b);
    fake_cfg_commit(b->cfg);
    note_many(b, 1000, 2); /* nothing is under way any more: these come again at once */
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    fake_cfg_commit(b->cfg);
    assert_int_equal(n_rules(b), INFLIGHT_TXN_LEAST + 2);
}

/* As many new rules beside as many deletions as a transaction is worth: their hashes share their lower bits here and there, and that is no reason. */
static void new_rules_leave_beside_deletions_of_others(void **state)
{
    struct bench *b = *state;

    note_many(b, 1000, INFLIGHT_TXN_LEAST);
    flush(b);
    fake_cfg_commit(b->cfg);
    note(b, FLOW_MOD_DELETE, "");
    flush(b);
    for (unsigned i = 1; i < INFLIGHT_TXNS_MAX; i++) {
        note_many(b, 2000 * (i + 1), INFLIGHT_TXN_LEAST);
        flush(b);
        assert_int_equal(b->cfg->n_txns, i + 1);
    }
    fake_cfg_commit(b->cfg);
    fake_cfg_commit(b->cfg);
    note(b, FLOW_MOD_ADD, "priority=20000,actions=output:1");
    note(b, FLOW_MOD_DELETE, "");
    note_many(b, 2000 * 2, INFLIGHT_TXN_LEAST); /* these are what goes, and wait for it */
    while (b->cfg->n_txns > 0) {
        fake_cfg_commit(b->cfg);
    }
    flush(b);
    assert_int_equal(b->cfg->txns[0]->n_ops, 1 + (INFLIGHT_TXNS_MAX - 1) * INFLIGHT_TXN_LEAST + INFLIGHT_TXN_LEAST);
    fake_cfg_commit(b->cfg);
    assert_int_equal(n_rules(b), INFLIGHT_TXN_LEAST);
}

/* Only what has a row is on its way out: what came and went unseen, twice of one match even, holds nobody up. */
static void a_rule_that_never_was_holds_up_none_like_it(void **state)
{
    struct bench *b = *state;

    note_many(b, 1000, INFLIGHT_TXN_LEAST);
    for (int i = 0; i < 2; i++) {
        note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
        note(b, FLOW_MOD_DELETE_STRICT, "priority=1");
    }
    flush(b);
    note_many(b, 2000, INFLIGHT_TXN_LEAST);
    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    flush(b);
    assert_int_equal(b->cfg->n_txns, 2);
    fake_cfg_commit(b->cfg);
    fake_cfg_commit(b->cfg);
    assert_int_equal(n_rules(b), 2 * INFLIGHT_TXN_LEAST + 1);
    assert_int_equal(b->n_removed, 2);
}

/* I8: what was refused leaves no trace, and what has left one is not refused. */
static void what_is_done_behind_a_refused_transaction_is_not_refused(void **state)
{
    struct bench *b = *state;

    note(b, FLOW_MOD_ADD, "priority=1,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 11});
    flush(b);
    note_many(b, 1000, INFLIGHT_TXN_LEAST);
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 12});
    flush(b);
    uint64_t batch = note(b, FLOW_MOD_ADD, "priority=2,actions=output:1");
    inflight_note_request(b->inflight, &(struct inflight_request){.session = 13});
    fake_cfg_refuse(b->cfg, -ERROR_TOO_LARGE, "too much");
    assert_int_equal(b->n_refused, 1);
    assert_int_equal(b->refused_sessions[0], 11);
    assert_int_equal(b->n_lost, 0);
    flush(b);
    assert_int_equal(b->cfg->n_txns, 1);
    fake_cfg_commit(b->cfg);
    assert_int_equal(b->n_lost, 1);
    assert_int_equal(b->n_refused, 2);
    assert_int_equal(b->refused_sessions[1], 13);
    assert_int_equal(b->committed, 0); /* who waits for a batch is told of the loss */
    struct version version;
    assert_true(inflight_committed(b->inflight, &version) >= batch);
    assert_int_equal(inflight_size(b->inflight), 0);
    assert_int_equal(n_rules(b), INFLIGHT_TXN_LEAST);
}

/* What configdb holds at the end is what the table holds, whatever came when (I8). */
static void random_changes_end_with_configdb_equal_to_the_table(void **state)
{
    struct bench *b = *state;
    struct random r;

    print_message("seed 5\n");
    random_seed(&r, 5);
    for (int step = 0; step < 3000; step++) {
        char *text =
            memory_format("priority=%u,actions=output:%u", (unsigned)random_below(&r, 40), (unsigned)random_below(&r, 9) + 1);
        char *strict = memory_format("priority=%u", (unsigned)random_below(&r, 40));
        switch (random_below(&r, 5)) {
        case 0:
            note(b, FLOW_MOD_DELETE_STRICT, strict);
            break;
        case 1:
            flush(b);
            break;
        case 2:
            if (b->cfg->n_txns > 0) {
                fake_cfg_commit(b->cfg);
            }
            break;
        case 3:
            if (random_below(&r, 20) == 0) {
                note_many(b, (unsigned)random_below(&r, 40), INFLIGHT_TXN_LEAST);
            }
            break;
        default:
            note(b, FLOW_MOD_ADD, text);
            break;
        }
        free(text);
        free(strict);
    }
    while (inflight_size(b->inflight) > 0) {
        flush(b);
        if (b->cfg->n_txns > 0) {
            fake_cfg_commit(b->cfg);
        }
    }
    assert_int_equal(n_rules(b), flow_table_size(b->table));
    for (struct flow_entry *e = flow_table_first(b->table, 0); e != NULL; e = e->next) {
        struct rule rule;
        const Busbar__RuleRow *row = (const Busbar__RuleRow *)cfg_row(b->cfg, CFG_RULE, e->rule.id);
        assert_non_null(row);
        assert_int_equal(msg_rule_decode(e->rule.id, row, &rule, NULL), 0);
        assert_int_equal(rule.priority, e->rule.priority);
        assert_true(instructions_equal(&rule.instructions, &e->rule.instructions));
        rule_fini(&rule);
    }
}

/* As the owner does it after a loss. */
static void load_again(struct bench *b)
{
    const ProtobufCMessage *row;
    uint64_t cursor = 0, id;

    flow_table_destroy(&b->table);
    b->table = flow_table_new();
    inflight_set_table(b->inflight, b->table);
    while (cfg_next(b->cfg, CFG_RULE, &cursor, &id, &row)) {
        struct rule rule;
        assert_int_equal(msg_rule_decode(id, (const Busbar__RuleRow *)row, &rule, NULL), 0);
        assert_null(flow_table_find(b->table, rule.table, &rule.match, rule.priority));
        flow_table_insert(b->table, flow_entry_new(&rule));
        rule_fini(&rule);
    }
    b->n_lost = 0;
    b->n_refused = 0;
}

static void random_delete_or_add(struct bench *b, struct random *r, unsigned *block)
{
    *block = random_below(r, 2) == 0 ? *block : (unsigned)random_below(r, 24); /* often what has just been changed */
    unsigned first = *block * 128;

    for (unsigned i = first; i < first + INFLIGHT_TXN_LEAST; i++) {
        char *text = memory_format("priority=%u,actions=output:1", i);
        char *strict = memory_format("priority=%u", i);
        bool is_add = random_below(r, 2) == 0;
        note(b, is_add ? FLOW_MOD_ADD : FLOW_MOD_DELETE_STRICT, is_add ? text : strict);
        free(text);
        free(strict);
    }
}

/* Deletions and the same rules again, many transactions under way, some of them refused: what is loaded after it never has a rule twice. */
static void refusals_never_leave_two_rows_of_one_match(void **state)
{
    struct bench *b = *state;
    struct random r;
    size_t n_losses = 0, n_beside = 0;
    unsigned block = 0;

    print_message("seed 6\n");
    random_seed(&r, 6);
    for (int step = 0; step < 200; step++) {
        random_delete_or_add(b, &r, &block);
        flush(b);
        n_beside += b->cfg->n_txns > 1;
        while (b->cfg->n_txns > random_below(&r, INFLIGHT_TXNS_MAX)) {
            if (random_below(&r, 6) == 0) {
                fake_cfg_refuse(b->cfg, -ERROR_TOO_LARGE, "too much");
            } else {
                fake_cfg_commit(b->cfg);
            }
        }
        if (b->n_lost > 0) {
            n_losses++;
            load_again(b);
        }
    }
    print_message("%zu losses, %zu times beside others\n", n_losses, n_beside);
    assert_true(n_losses > 3 && n_beside > 3);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(a_change_is_one_transaction_that_requires_the_owner),
        CLAIM(changes_meanwhile_leave_together_as_the_next_batch),
        CLAIM(a_rule_changed_while_its_insert_is_under_way_is_updated_by_its_row),
        CLAIM(a_rule_deleted_while_its_insert_is_under_way_is_deleted_by_its_row),
        CLAIM(a_rule_made_and_deleted_in_one_batch_is_never_written),
        CLAIM(a_refusal_answers_every_uncommitted_request_and_then_says_lost),
        CLAIM(what_is_given_up_is_answered_like_a_refusal),
        CLAIM(a_committed_request_is_not_refused_later),
        CLAIM(another_owner_epoch_is_refused),
        CLAIM(an_answer_after_the_end_is_ignored),
        CLAIM(a_batch_too_large_for_a_transaction_goes_as_several),
        CLAIM(a_part_that_fails_answers_its_request_once),
        CLAIM(rows_that_were_packed_ahead_leave_as_they_are_and_get_their_ids),
        CLAIM(a_rule_changed_behind_what_was_packed_is_packed_anew),
        CLAIM(a_transaction_ends_where_a_request_does),
        CLAIM(requests_that_change_one_row_stay_together),
        CLAIM(a_batch_of_large_rules_stays_below_what_the_bus_takes),
        CLAIM(groups_travel_with_the_rules),
        CLAIM(meters_travel_with_the_rules),
        CLAIM(many_changes_leave_beside_what_is_under_way),
        CLAIM(nothing_leaves_beside_what_takes_long_itself),
        CLAIM(nothing_leaves_while_a_row_of_it_is_under_way),
        CLAIM(a_rule_comes_again_only_when_its_deletion_is_done),
        CLAIM(others_leave_beside_a_deletion),
        CLAIM(new_rules_leave_beside_deletions_of_others),
        CLAIM(a_rule_that_never_was_holds_up_none_like_it),
        CLAIM(refusals_never_leave_two_rows_of_one_match),
        CLAIM(what_is_done_behind_a_refused_transaction_is_not_refused),
        CLAIM(random_changes_end_with_configdb_equal_to_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
