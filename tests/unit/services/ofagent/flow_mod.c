/* Tests of services/ofagent/flow_mod.c: one claim each about the standard's commands; tests/diff has the random ones. */
#include "services/ofagent/flow_mod.h"

#include "lib/openflow/of_message.h"
#include "tests/unit/services/ofagent/rules.h"

#include <stdio.h>

static int make_table(void **state)
{
    *state = flow_table_new();
    return 0;
}

static int drop_table(void **state)
{
    struct flow_table *table = *state;
    flow_table_destroy(&table);
    return 0;
}

static enum of_error_number add(void *table, const char *text)
{
    return apply_text(table, FLOW_MOD_ADD, text, NS_PER_S, NULL);
}

/* As in Open vSwitch: a queue that a port has not has no effect. */
static void queues_that_no_port_has_are_taken(void **state)
{
    struct flow_table *table = *state;

    assert_int_equal(add(table, "ip,actions=set_queue:4,output:1"), OF_ERROR_NONE);
    assert_int_equal(add(table, "tcp,actions=clone(set_queue:4,output:1)"), OF_ERROR_NONE);
    assert_int_equal(add(table, "udp,actions=write_actions(set_queue:4,output:1)"), OF_ERROR_NONE);
    assert_int_equal(flow_table_size(table), 3);
}

static void user_data_have_a_bound(void **state)
{
    struct flow_table *table = *state;

    char longest[64 + 3 * FLOW_MOD_USERDATA_MAX];
    int end = snprintf(longest, sizeof longest, "ip,actions=controller(userdata=01");
    for (size_t i = 0; i < FLOW_MOD_USERDATA_MAX; i++) {
        end += snprintf(longest + end, sizeof longest - (size_t)end, ".02");
    }
    (void)snprintf(longest + end, sizeof longest - (size_t)end, ")");
    assert_int_equal(add(table, longest), OF_ERROR_BAD_ACTION_BAD_ARGUMENT);
    assert_int_equal(flow_table_size(table), 0);
    assert_int_equal(add(table, "ip,actions=controller(max_len=100,reason=no_match,id=3,userdata=01.02)"), OF_ERROR_NONE);
}

static bool evicts;
static struct evict_fields *groups; /* NULL: none */

/* Three rules a table. */
static struct flow_limit three(const void *context, uint8_t number)
{
    (void)context;
    (void)number;
    return (struct flow_limit){.n_rules = 3, .evicts = evicts, .groups = groups};
}

/* Adds with that limit; `out_evicted`: the priority of the rule that went for it, 0: none. */
static enum of_error_number add_limited(struct flow_table *table, const char *text, uint16_t *out_evicted)
{
    struct flow_mod mod = mod_of(FLOW_MOD_ADD, text);
    struct flow_mod_context context = context_at(NS_PER_S);
    struct flow_changes changes;

    *out_evicted = 0;
    context.limit = three;
    flow_changes_init(&changes);
    enum of_error_number error = flow_mod_apply(table, &mod, &context, &changes);
    for (size_t i = 0; i < changes.count; i++) {
        if (changes.items[i].kind == FLOW_CHANGE_REMOVED) {
            assert_int_equal(changes.items[i].entry->removed_reason, OF_REMOVED_EVICTION);
            *out_evicted = changes.items[i].entry->rule.priority;
            flow_entry_destroy(&changes.items[i].entry);
        }
    }
    flow_changes_fini(&changes);
    flow_mod_fini(&mod);
    return error;
}

static void a_full_table_refuses_or_the_least_important_and_soonest_gone_makes_room(void **state)
{
    struct flow_table *table = *state;
    uint16_t evicted;

    evicts = false;
    assert_int_equal(add_limited(table, "priority=1,ip,importance=5,hard_timeout=10,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(add_limited(table, "priority=2,ip,importance=5,idle_timeout=9,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(add_limited(table, "priority=3,ip,importance=3,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(add_limited(table, "priority=4,ip,importance=9,actions=drop", &evicted), OF_ERROR_FLOW_MOD_FAILED_TABLE_FULL);
    assert_int_equal(add_limited(table, "priority=3,ip,importance=3,actions=output:1", &evicted), OF_ERROR_NONE); /* no new place is needed */
    assert_int_equal(add_limited(table, "table=1,priority=3,ip,actions=drop", &evicted), OF_ERROR_NONE);          /* another table */
    evicts = true;
    assert_int_equal(add_limited(table, "priority=4,ip,importance=3,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(evicted, 2); /* the third has no timeout and is not less important: it stays */
    assert_int_equal(add_limited(table, "priority=5,ip,importance=4,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(evicted, 3); /* less important than the new one */
    assert_int_equal(add_limited(table, "priority=6,ip,importance=0,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(evicted, 1); /* has a timeout */
    assert_int_equal(add_limited(table, "priority=7,ip,importance=0,actions=drop", &evicted), OF_ERROR_FLOW_MOD_FAILED_TABLE_FULL);
    assert_int_equal(flow_table_size_of(table, 0), 3);
}

static void a_full_table_evicts_from_its_largest_group(void **state)
{
    static char field[] = "NXM_OF_IN_PORT[]", *names[] = {field};
    struct flow_table *table = *state;
    uint16_t evicted;

    evicts = true;
    assert_int_equal(add_limited(table, "priority=1,in_port=1,hard_timeout=10,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(add_limited(table, "priority=2,in_port=2,hard_timeout=30,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(add_limited(table, "priority=3,in_port=2,hard_timeout=20,actions=drop", &evicted), OF_ERROR_NONE);
    groups = evict_fields_new(names, 1);
    assert_int_equal(add_limited(table, "priority=4,in_port=1,hard_timeout=40,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(evicted, 3); /* not the first, which would expire sooner */
    assert_int_equal(add_limited(table, "priority=5,in_port=3,hard_timeout=5,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(evicted, 1);
    free(groups);
    groups = NULL;
    assert_int_equal(add_limited(table, "priority=6,in_port=3,hard_timeout=50,actions=drop", &evicted), OF_ERROR_NONE);
    assert_int_equal(evicted, 5);
}

static void a_table_above_a_limit_that_was_lowered_comes_down_to_it(void **state)
{
    struct flow_table *table = *state;
    uint16_t evicted;
    char text[96];

    evicts = true;
    for (unsigned i = 1; i <= 8; i++) {
        (void)snprintf(text, sizeof text, "priority=%u,ip,hard_timeout=10,actions=drop", i);
        assert_int_equal(add(table, text), OF_ERROR_NONE);
    }
    for (unsigned i = 11; i <= 16; i++) {
        (void)snprintf(text, sizeof text, "priority=%u,ip,hard_timeout=20,actions=drop", i);
        assert_int_equal(add_limited(table, text, &evicted), OF_ERROR_NONE);
    }
    assert_int_equal(flow_table_size_of(table, 0), 3);
}

static void an_add_over_the_same_match_replaces_and_keeps_the_row(void **state)
{
    struct flow_table *table = *state;

    assert_int_equal(add(table, "priority=5,ip,cookie=1,idle_timeout=9,actions=output:1"), OF_ERROR_NONE);
    struct flow_entry *entry = flow_table_first(table, 0);
    flow_table_set_id(table, entry, 9);
    assert_int_equal(apply_text(table, FLOW_MOD_ADD, "priority=5,ip,cookie=2,actions=output:2", 5 * NS_PER_S, NULL),
                     OF_ERROR_NONE);
    assert_int_equal(flow_table_size(table), 1);
    assert_ptr_equal(flow_table_by_id(table, 9), entry);
    assert_int_equal(entry->rule.cookie, 2);
    assert_int_equal(entry->rule.idle_timeout_s, 0);
    assert_null(flow_table_first_timed(table));
    assert_int_equal(entry->created_ns, 5 * NS_PER_S);
    assert_actions(table, "priority=5,ip", "output:2");
}

static void an_add_with_reset_counts_takes_a_new_row(void **state)
{
    struct flow_table *table = *state;
    struct flow_changes changes;

    assert_int_equal(add(table, "priority=5,ip,send_flow_rem,actions=output:1"), OF_ERROR_NONE);
    flow_table_set_id(table, flow_table_first(table, 0), 9);
    assert_int_equal(apply_text(table, FLOW_MOD_ADD, "priority=5,ip,reset_counts,actions=output:2", NS_PER_S, &changes),
                     OF_ERROR_NONE);
    assert_int_equal(changes.count, 2);
    assert_int_equal(changes.items[0].kind, FLOW_CHANGE_REMOVED);
    assert_int_equal(changes.items[0].entry->removed_reason, FLOW_ENTRY_QUIET);
    assert_int_equal(flow_table_first(table, 0)->rule.id, 0);
    flow_entry_destroy(&changes.items[0].entry);
    flow_changes_fini(&changes);
}

static void a_rule_keeps_the_flags_it_was_added_with(void **state)
{
    struct flow_table *table = *state;

    assert_int_equal(add(table, "ip,check_overlap,reset_counts,send_flow_rem,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(flow_table_first(table, 0)->rule.flags, RULE_CHECK_OVERLAP | RULE_RESET_COUNTS | RULE_SEND_FLOW_REM);
    assert_int_equal(apply_text(table, FLOW_MOD_MODIFY, "ip,no_packet_counts,actions=output:2", NS_PER_S, NULL), OF_ERROR_NONE);
    assert_int_equal(flow_table_first(table, 0)->rule.flags, RULE_CHECK_OVERLAP | RULE_RESET_COUNTS | RULE_SEND_FLOW_REM);
    assert_int_equal(add(table, "ip,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(flow_table_first(table, 0)->rule.flags, 0);
}

static void another_priority_or_match_is_another_rule(void **state)
{
    assert_int_equal(add(*state, "priority=5,ip,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "priority=6,ip,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "priority=5,arp,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "table=1,priority=5,ip,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(flow_table_size(*state), 4);
}

static void check_overlap_refuses_an_overlapping_rule_of_the_same_priority(void **state)
{
    assert_int_equal(add(*state, "priority=5,ip,nw_dst=10.0.0.0/8,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "check_overlap,priority=5,ip,nw_src=10.0.0.0/8,actions=output:1"),
                     OF_ERROR_FLOW_MOD_FAILED_OVERLAP);
    assert_int_equal(add(*state, "check_overlap,priority=6,ip,nw_src=10.0.0.0/8,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "check_overlap,priority=5,ip,nw_dst=11.0.0.0/8,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "check_overlap,priority=5,ip,nw_dst=11.0.0.0/8,actions=output:2"), OF_ERROR_NONE);
    assert_int_equal(flow_table_size(*state), 3);
}

static void modify_changes_actions_and_nothing_else(void **state)
{
    struct flow_table *table = *state;

    assert_int_equal(add(table, "priority=5,ip,cookie=7,idle_timeout=9,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(table, "priority=5,tcp,tp_dst=80,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(table, "priority=5,arp,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(apply_text(table, FLOW_MOD_MODIFY, "ip,cookie=99,idle_timeout=1,actions=output:3", 2, NULL),
                     OF_ERROR_NONE);
    assert_actions(table, "priority=5,ip", "output:3");
    assert_actions(table, "priority=5,tcp,tp_dst=80", "output:3");
    assert_actions(table, "priority=5,arp", "output:1");
    assert_int_equal(flow_table_first(table, 0)->rule.cookie, 7);
    assert_int_equal(flow_table_first(table, 0)->rule.idle_timeout_s, 9);
}

static void modify_strict_needs_the_priority_too_and_adds_nothing(void **state)
{
    assert_int_equal(add(*state, "priority=5,ip,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(apply_text(*state, FLOW_MOD_MODIFY_STRICT, "priority=6,ip,actions=output:3", 2, NULL), OF_ERROR_NONE);
    assert_actions(*state, "priority=5,ip", "output:1");
    assert_int_equal(apply_text(*state, FLOW_MOD_MODIFY_STRICT, "priority=5,ip,actions=output:3", 2, NULL), OF_ERROR_NONE);
    assert_actions(*state, "priority=5,ip", "output:3");
    assert_int_equal(flow_table_size(*state), 1);
}

static void delete_takes_what_the_match_covers(void **state)
{
    assert_int_equal(add(*state, "priority=5,ip,nw_dst=10.1.0.0/16,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "priority=5,ip,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "table=4,priority=5,ip,nw_dst=10.2.0.0/16,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(apply_text(*state, FLOW_MOD_DELETE, "table=0,ip,nw_dst=10.0.0.0/8", 2, NULL), OF_ERROR_NONE);
    assert_int_equal(flow_table_size(*state), 2);
    assert_int_equal(apply_text(*state, FLOW_MOD_DELETE, "", 2, NULL), OF_ERROR_NONE); /* table 255 is every table */
    assert_int_equal(flow_table_size(*state), 0);
    assert_int_equal(apply_text(*state, FLOW_MOD_DELETE, "", 2, NULL), OF_ERROR_NONE);
}

static void deletes_are_filtered_by_cookie_port_and_group(void **state)
{
    assert_int_equal(add(*state, "priority=1,cookie=0x11,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "priority=2,cookie=0x12,actions=output:2"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "priority=3,cookie=0x21,actions=output:2"), OF_ERROR_NONE);
    assert_int_equal(apply_text(*state, FLOW_MOD_DELETE, "cookie=0x10/0xf0,out_port=2", 2, NULL), OF_ERROR_NONE);
    assert_int_equal(flow_table_size(*state), 2);
    assert_int_equal(apply_text(*state, FLOW_MOD_DELETE, "out_group=1", 2, NULL), OF_ERROR_NONE);
    assert_int_equal(flow_table_size(*state), 2);
    assert_int_equal(apply_text(*state, FLOW_MOD_DELETE, "cookie=0x11/-1", 2, NULL), OF_ERROR_NONE);
    assert_int_equal(flow_table_size(*state), 1);
}

static void what_cannot_be_is_refused_with_the_standards_code(void **state)
{
    struct flow_mod_context context = context_at(1);
    struct flow_changes changes;
    struct flow_mod mod = mod_of(FLOW_MOD_ADD, "ip,actions=output:1");

    flow_changes_init(&changes);
    mod.table = TABLE_ALL;
    assert_int_equal(flow_mod_apply(*state, &mod, &context, &changes), OF_ERROR_FLOW_MOD_FAILED_BAD_TABLE_ID);
    mod.table = 254;
    assert_int_equal(flow_mod_apply(*state, &mod, &context, &changes), OF_ERROR_FLOW_MOD_FAILED_BAD_TABLE_ID);
    mod.table = 0;
    mod.buffer_id = 5;
    assert_int_equal(flow_mod_apply(*state, &mod, &context, &changes), OF_ERROR_BAD_REQUEST_BUFFER_UNKNOWN);
    mod.buffer_id = OF_NO_BUFFER;
    mod.instructions.meter_id = 3;
    assert_int_equal(flow_mod_apply(*state, &mod, &context, &changes), OF_ERROR_METER_MOD_FAILED_INVALID_METER);
    mod.instructions.meter_id = 0;
    for (int i = 0; i < FLOW_MOD_ACTIONS_MAX; i++) {
        action_list_add(&mod.instructions.apply, &(struct action){.type = ACTION_DEC_NW_TTL});
    }
    assert_int_equal(flow_mod_apply(*state, &mod, &context, &changes), OF_ERROR_BAD_ACTION_TOO_MANY);
    flow_mod_fini(&mod);
    assert_int_equal(add(*state, "ip,actions=group:1"), OF_ERROR_BAD_ACTION_BAD_OUT_GROUP);
    assert_int_equal(changes.count, 0);
    assert_int_equal(flow_table_size(*state), 0);
    flow_changes_fini(&changes);
}

static void undo_restores_every_kind_of_change(void **state)
{
    struct flow_mod mods[4];
    struct flow_mod_context context = context_at(9 * NS_PER_S);
    struct flow_changes changes;

    assert_int_equal(add(*state, "priority=1,ip,idle_timeout=4,actions=output:1"), OF_ERROR_NONE);
    assert_int_equal(add(*state, "priority=2,arp,actions=output:1"), OF_ERROR_NONE);
    mods[0] = mod_of(FLOW_MOD_ADD, "priority=1,ip,actions=output:7");
    mods[1] = mod_of(FLOW_MOD_DELETE, "arp");
    mods[2] = mod_of(FLOW_MOD_ADD, "priority=3,udp,actions=output:7");
    mods[3] = mod_of(FLOW_MOD_MODIFY, "reset_counts,actions=output:8");
    flow_changes_init(&changes);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(flow_mod_apply(*state, &mods[i], &context, &changes), OF_ERROR_NONE);
        flow_mod_fini(&mods[i]);
    }
    flow_changes_undo(&changes, *state);
    assert_int_equal(flow_table_size(*state), 2);
    assert_actions(*state, "priority=1,ip", "output:1");
    assert_actions(*state, "priority=2,arp", "output:1");
    struct flow_entry *timed = flow_table_first_timed(*state);
    assert_non_null(timed);
    assert_int_equal(timed->created_ns, NS_PER_S);
}

#define CLAIM(name) cmocka_unit_test_setup_teardown(name, make_table, drop_table)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(an_add_over_the_same_match_replaces_and_keeps_the_row),
        CLAIM(queues_that_no_port_has_are_taken),
        CLAIM(user_data_have_a_bound),
        CLAIM(a_full_table_refuses_or_the_least_important_and_soonest_gone_makes_room),
        CLAIM(a_full_table_evicts_from_its_largest_group),
        CLAIM(a_table_above_a_limit_that_was_lowered_comes_down_to_it),
        CLAIM(an_add_with_reset_counts_takes_a_new_row),
        CLAIM(a_rule_keeps_the_flags_it_was_added_with),
        CLAIM(another_priority_or_match_is_another_rule),
        CLAIM(check_overlap_refuses_an_overlapping_rule_of_the_same_priority),
        CLAIM(modify_changes_actions_and_nothing_else),
        CLAIM(modify_strict_needs_the_priority_too_and_adds_nothing),
        CLAIM(delete_takes_what_the_match_covers),
        CLAIM(deletes_are_filtered_by_cookie_port_and_group),
        CLAIM(what_cannot_be_is_refused_with_the_standards_code),
        CLAIM(undo_restores_every_kind_of_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
