/* Tests of services/ofagent/expiry.c. */
#include "services/ofagent/expiry.h"

#include "lib/openflow/of_message.h"
#include "tests/unit/services/ofagent/rules.h"

struct expired {
    struct flow_table *table;
    size_t count;
    uint8_t reason;
};

static void expire(void *context, struct flow_entry *entry, uint8_t reason)
{
    struct expired *expired = context;
    expired->count++;
    expired->reason = reason;
    flow_table_remove(expired->table, entry, reason);
    flow_entry_destroy(&entry);
}

static void expires_at(const char *rule, uint64_t used_s, uint64_t due_s, uint8_t reason)
{
    struct expired expired = {.table = flow_table_new()};
    struct expiry expiry;

    expiry_init(&expiry);
    assert_int_equal(apply_text(expired.table, FLOW_MOD_ADD, rule, 10 * NS_PER_S, NULL), OF_ERROR_NONE);
    flow_table_first(expired.table, 0)->used_ns = (int64_t)(used_s * NS_PER_S);
    for (uint64_t now = 10 * NS_PER_S; now < due_s * NS_PER_S; now += 100 * NS_PER_MS) {
        expiry_step(&expiry, expired.table, now, expire, &expired);
        assert_int_equal(expired.count, 0);
    }
    for (int i = 0; i < 20; i++) {
        expiry_step(&expiry, expired.table, due_s * NS_PER_S + (uint64_t)i * 100 * NS_PER_MS, expire, &expired);
    }
    assert_int_equal(expired.count, 1);
    assert_int_equal(expired.reason, reason);
    flow_table_destroy(&expired.table);
}

static void an_idle_rule_expires_once_after_its_last_use(void **state)
{
    expires_at("ip,idle_timeout=5,actions=drop", 10, 15, OF_REMOVED_IDLE);
    expires_at("ip,idle_timeout=5,actions=drop", 13, 18, OF_REMOVED_IDLE);
}

static void a_use_does_not_put_off_a_hard_timeout(void **state)
{
    expires_at("ip,hard_timeout=5,actions=drop", 13, 15, OF_REMOVED_HARD);
    expires_at("ip,hard_timeout=5,idle_timeout=60,actions=drop", 13, 15, OF_REMOVED_HARD);
}

static void both_due_at_once_is_called_hard(void **state)
{
    expires_at("ip,hard_timeout=5,idle_timeout=5,actions=drop", 10, 15, OF_REMOVED_HARD);
}

static void a_rule_without_timeouts_stays(void **state)
{
    struct expired expired = {.table = flow_table_new()};
    struct expiry expiry;
    uint8_t reason = 0;

    expiry_init(&expiry);
    assert_int_equal(apply_text(expired.table, FLOW_MOD_ADD, "ip,actions=drop", NS_PER_S, NULL), OF_ERROR_NONE);
    assert_true(expiry_due_ns(flow_table_first(expired.table, 0), &reason) == INT64_MAX);
    expiry_step(&expiry, expired.table, UINT64_MAX / 4, expire, &expired);
    assert_int_equal(expired.count, 0);
    flow_table_destroy(&expired.table);
}

static void a_timeout_given_later_is_noticed(void **state)
{
    struct expired expired = {.table = flow_table_new()};
    struct expiry expiry;

    expiry_init(&expiry);
    assert_int_equal(apply_text(expired.table, FLOW_MOD_ADD, "ip,actions=drop", NS_PER_S, NULL), OF_ERROR_NONE);
    expiry_step(&expiry, expired.table, 2 * NS_PER_S, expire, &expired);
    assert_int_equal(apply_text(expired.table, FLOW_MOD_ADD, "ip,hard_timeout=1,actions=drop", 3 * NS_PER_S, NULL),
                     OF_ERROR_NONE);
    expiry_step(&expiry, expired.table, 3 * NS_PER_S, expire, &expired);
    assert_int_equal(expired.count, 0);
    expiry_step(&expiry, expired.table, 4 * NS_PER_S, expire, &expired);
    assert_int_equal(expired.count, 1);
    flow_table_destroy(&expired.table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_rule_expires_once_after_its_last_use),
        cmocka_unit_test(a_use_does_not_put_off_a_hard_timeout),
        cmocka_unit_test(both_due_at_once_is_called_hard),
        cmocka_unit_test(a_rule_without_timeouts_stays),
        cmocka_unit_test(a_timeout_given_later_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
