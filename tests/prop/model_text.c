/* The law of rules as text: a line of dump-flows, read as a flow mod and written again, is the same line. So are groups and meters.
 *
 * Random rules of every field and action that text can say. BUSBAR_SEED replays a run.
 */
#include "lib/model/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/model/action_check.h"
#include "tests/oracle/openflow.h"

enum { ROUNDS = 5000 };

static char *line_of(const struct flow_mod *mod)
{
    struct rule rule;

    rule_init(&rule);
    rule.match = mod->match;
    rule.instructions = mod->instructions; /* lent */
    rule.cookie = mod->cookie;
    rule.table = mod->table;
    rule.priority = mod->priority;
    rule.idle_timeout_s = mod->idle_timeout_s;
    rule.hard_timeout_s = mod->hard_timeout_s;
    rule.importance = mod->importance;
    rule.flags = mod->flags;
    return rule_format(&rule, NULL, NULL);
}

static void seed_random(struct random *random)
{
    const char *text = getenv("BUSBAR_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : random_start_number();

    print_message("seed %llu\n", (unsigned long long)value);
    random_seed(random, value);
}

static void a_rule_written_and_read_is_the_rule(void **state)
{
    struct random random;

    seed_random(&random);
    for (int i = 0; i < ROUNDS; i++) {
        struct error_detail detail = {""};
        struct rule rule;
        struct flow_mod mod;
        openflow_random_rule(&random, &rule);
        char *line = rule_format(&rule, NULL, NULL);
        if (flow_mod_parse(line, FLOW_MOD_ADD, NULL, &mod, &detail) != 0) {
            print_error("%s: %s\n", line, detail.text);
            fail();
        }
        char *again = line_of(&mod);
        assert_string_equal(again, line);
        assert_true(match_equal(&mod.match, &rule.match));
        free(again);
        free(line);
        flow_mod_fini(&mod);
        rule_fini(&rule);
    }
}

static struct group random_group(struct random *r)
{
    static const enum field_id fields[] = {FIELD_IPV4_SRC, FIELD_IPV6_DST, FIELD_TCP_DST, FIELD_ETH_SRC, FIELD_IP_PROTO, FIELD_REG3};
    struct group group = {.group_id = (uint32_t)random_below(r, (uint64_t)GROUP_MAX + 1), .type = (enum group_type)random_below(r, 4)};
    uint32_t first = (uint32_t)random_below(r, 1000);

    if (group.type == GROUP_TYPE_SELECT) {
        group.selection = (enum group_selection)random_below(r, GROUP_SELECTION_COUNT);
        group.selection_param = group.selection != GROUP_SELECTION_DEFAULT ? random_u64(r) >> random_below(r, 64) : 0;
    }
    for (size_t i = 0; group.selection == GROUP_SELECTION_HASH && i < 6; i++) {
        if (random_below(r, 2) == 0) {
            group.fields[group.n_fields++] = (struct group_hash_field){.field = fields[i], .mask = field_all_ones(fields[i])};
            if (fields[i] == FIELD_IPV4_SRC || fields[i] == FIELD_TCP_DST) {
                group.fields[group.n_fields - 1].mask = field_value_u64(1 + random_below(r, 0xffff));
            }
        }
    }
    group.n_buckets = random_below(r, 4);
    group.buckets = memory_array(group.n_buckets + 1, sizeof *group.buckets);
    for (size_t i = 0; i < group.n_buckets; i++) {
        struct rule rule;
        openflow_random_rule(r, &rule);
        group.buckets[i] = (struct bucket){.watch_port = random_below(r, 2) == 0 ? PORT_ANY : 1 + (uint32_t)random_below(r, 0xfe00),
                                           .watch_group = random_below(r, 2) == 0 ? GROUP_ANY : (uint32_t)random_below(r, GROUP_MAX),
                                           .bucket_id = first + (uint32_t)i * 3,
                                           .weight = group.type == GROUP_TYPE_SELECT ? (uint16_t)random_below(r, 65536) : 0};
        struct error_detail detail;
        bool is_fit = action_list_check(&rule.instructions.write, NULL, true, &detail) == ACTION_FAULT_NONE;
        if (is_fit) {
            group.buckets[i].actions = action_list_copy(&rule.instructions.write);
        }
        rule_fini(&rule);
    }
    return group;
}

static void a_group_written_and_read_is_the_group(void **state)
{
    struct random random;

    seed_random(&random);
    for (int i = 0; i < ROUNDS; i++) {
        struct group group = random_group(&random);
        struct error_detail detail = {""};
        struct group_text read;
        char *line = group_format(&group, NULL);
        if (group_parse(line, GROUP_ADD, NULL, &read, &detail) != 0) {
            fail_msg("%s: %s", line, detail.text);
        }
        char *again = group_format(&read.group, NULL);
        assert_string_equal(again, line);
        assert_int_equal(read.group.n_buckets, group.n_buckets);
        for (size_t k = 0; k < group.n_buckets; k++) {
            assert_int_equal(read.group.buckets[k].weight, group.buckets[k].weight);
            assert_int_equal(read.group.buckets[k].watch_port, group.buckets[k].watch_port);
            assert_int_equal(read.group.buckets[k].watch_group, group.buckets[k].watch_group);
            assert_int_equal(read.group.buckets[k].bucket_id, group.buckets[k].bucket_id);
        }
        assert_int_equal(read.group.n_fields, group.n_fields);
        assert_memory_equal(read.group.fields, group.fields, sizeof group.fields);
        free(again);
        free(line);
        group_fini(&read.group);
        group_fini(&group);
    }
}

static void a_meter_written_and_read_is_the_meter(void **state)
{
    struct random r;

    seed_random(&r);
    for (int i = 0; i < ROUNDS; i++) {
        struct meter_band bands[METER_BANDS_MAX];
        struct meter meter = {.meter_id = 1 + (uint32_t)random_below(&r, METER_MAX), .bands = bands, .n_bands = 1 + random_below(&r, METER_BANDS_MAX)};
        struct error_detail detail = {""};
        struct meter read;
        meter.flags = (uint16_t)((random_below(&r, 2) == 0 ? METER_KBPS : METER_PKTPS) | (random_below(&r, 4) << 2));
        for (size_t k = 0; k < meter.n_bands; k++) {
            bands[k] = (struct meter_band){.type = random_below(&r, 2) == 0 ? METER_BAND_DROP : METER_BAND_DSCP_REMARK,
                                           .rate = (uint32_t)random_u64(&r),
                                           .burst_size = random_below(&r, 2) == 0 ? 0 : (uint32_t)random_u64(&r)};
            bands[k].prec_level = bands[k].type == METER_BAND_DSCP_REMARK ? (uint8_t)random_u64(&r) : 0;
        }
        char *text = meter_format(&meter);
        if (meter_parse(text, false, &read, &detail) != 0) {
            fail_msg("%s: %s", text, detail.text);
        }
        assert_int_equal(read.meter_id, meter.meter_id);
        assert_int_equal(read.flags, meter.flags);
        assert_int_equal(read.n_bands, meter.n_bands);
        for (size_t k = 0; k < meter.n_bands; k++) {
            assert_true(read.bands[k].type == bands[k].type && read.bands[k].rate == bands[k].rate &&
                        read.bands[k].burst_size == bands[k].burst_size && read.bands[k].prec_level == bands[k].prec_level);
        }
        free(text);
        meter_fini(&read);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_written_and_read_is_the_rule),
        cmocka_unit_test(a_group_written_and_read_is_the_group),
        cmocka_unit_test(a_meter_written_and_read_is_the_meter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
