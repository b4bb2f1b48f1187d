/* Translation against its naive twin: for random tables and packets, what the datapath actions do to the packet is what the rules say, port by
 * port, header by header, in the same order for each port; where a select group may choose, some choice of buckets makes it so. */
#include "lib/dp/hash.h"
#include "tests/oracle/pipeline.h"
#include "tests/prop/random_tables.h"

enum { N_DIFF_WORLDS = 300, N_DIFF_PACKETS = 60 };

/* Which copy leaves first is nobody's promise between ports; to one port it is, but for what comes back from another bridge: NORMAL sends the
 * forms of a packet in turn. */
static bool is_after(const struct oracle_event *a, const struct oracle_event *b, bool is_one_bridge)
{
    return a->port != b->port ? a->port > b->port : !is_one_bridge && memcmp(a, b, sizeof *a) > 0;
}

static void sort_by_port(struct oracle_events *events, bool is_one_bridge)
{
    for (size_t i = 1; i < events->n; i++) {
        struct oracle_event event = events->events[i];
        size_t j = i;
        for (; j > 0 && is_after(&events->events[j - 1], &event, is_one_bridge); j--) {
            events->events[j] = events->events[j - 1];
        }
        events->events[j] = event;
    }
}

static void explain(void *context, const struct translate_step *step)
{
    (void)context;
    if (step->kind == STEP_TABLE) {
        fprintf(stderr, "%*stable %u: %s\n", (int)step->depth * 2, "", step->table, step->rule != NULL ? "a rule" : "no rule");
    } else if (step->text != NULL) {
        fprintf(stderr, "%*s%s\n", (int)step->depth * 2, "", step->text);
    }
}

static void print_events(const char *who, const struct oracle_events *events)
{
    for (size_t i = 0; i < events->n; i++) {
        struct match match = {.value.key = events->events[i].key};
        memset(&match.mask.key, 0xff, sizeof match.mask.key);
        char *text = match_format(&match, NULL);
        fprintf(stderr, "%s: port %u tags %zu %s\n", who, events->events[i].port, events->events[i].n_tags, text);
        free(text);
    }
}

/* The packet as the shard gives it back when it has hashed it. */
static struct flow_key hashed(const struct fixture *f, const struct flow_key *key)
{
    struct flow_key back = *key;
    assert_int_equal(f->translation.n_actions, 2);
    assert_int_equal(f->translation.actions[0].type, DP_ACTION_HASH);
    assert_int_equal(f->translation.actions[1].type, DP_ACTION_RECIRC);
    back.dp_hash = be32(hash_packet(key, &f->translation.actions[0].hash));
    back.recirc_id = be32(f->translation.actions[1].recirc_id);
    return back;
}

static bool is_same(const struct oracle_events *said, const struct oracle_events *done)
{
    return said->n == done->n && memcmp(said->events, done->events, said->n * sizeof said->events[0]) == 0;
}

/* Limits, and what is not seen, are tested by themselves. */
static bool is_cut_short(const struct translation *translation)
{
    return translation->n_actions == 1 && translation->actions[0].type == DP_ACTION_DROP &&
           (translation->actions[0].reason == DROP_PIPELINE_LIMIT || translation->actions[0].reason == DROP_HEADER_UNSEEN);
}

/* Some choice of buckets explains what the actions do. Did the comparison tell anything? */
static bool check(struct fixture *f, const struct flow_key *key, struct oracle_events *said, struct oracle_events *done)
{
    struct translate_input input = fixture_input(f, false);
    struct oracle_choices choices = {.n = 0};
    struct flow_key translated = *key;
    translate_key(&input, key, &f->translation);
    bool is_one_bridge = f->world.bridges->hh.next == NULL;
    if (f->translation.needs_hash) {
        translated = hashed(f, key);
        translate_key(&input, &translated, &f->translation);
        assert_false(f->translation.needs_hash);
    }
    if (is_cut_short(&f->translation)) {
        return false;
    }
    oracle_execute(f->translation.actions, f->translation.n_actions, key, done);
    sort_by_port(done, is_one_bridge);
    do {
        oracle_pipeline_choosing(&f->world, f->macs, key, &choices, said);
        sort_by_port(said, is_one_bridge);
        if (said->is_too_deep) {
            return false;
        }
        if (is_same(said, done)) {
            return said->n > 0;
        }
    } while (oracle_choose_next(&choices));
    struct translate_trace trace = {.step = explain};
    input.trace = &trace;
    translate_key(&input, &translated, &f->translation);
    print_events("the rules say, at last", said);
    print_events("the actions do", done);
    fail_msg("%zu packets should leave, %zu do, or they differ, whatever buckets are chosen", said->n, done->n);
    return false;
}

static void actions_do_what_the_rules_say(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, seed_of_run());
    struct oracle_events *said = memory_zeroed(sizeof *said), *done = memory_zeroed(sizeof *done);
    int n_telling = 0;
    for (int w = 0; w < N_DIFF_WORLDS; w++) {
        struct fixture f;
        fixture_open(&f);
        random_ports(&f, &r, true);
        if (f.world.bridges->hh.next != NULL && random_below(&r, 16) == 0) { /* packets may go in circles */
            fixture_patch_port(&f, FIXTURE_BRIDGE, 16, 6, "p16", "p28");
            fixture_patch_port(&f, 2, 28, 4, "p28", "p16");
        }
        random_groups(&f, &r);
        for (int i = 0; i < N_RULES; i++) {
            random_rule(&f, &r);
        }
        for (int i = 0; i < N_DIFF_PACKETS; i++) {
            struct flow_key key = random_key(&r);
            struct translate_input learning = fixture_input(&f, true);
            translate_key(&learning, &key, &f.translation);
            n_telling += check(&f, &key, said, done);
        }
        fixture_close(&f);
    }
    print_message("%d of %d packets leave\n", n_telling, N_DIFF_WORLDS * N_DIFF_PACKETS);
    assert_true(n_telling > N_DIFF_WORLDS * N_DIFF_PACKETS / 12);
    free(said);
    free(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(actions_do_what_the_rules_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
