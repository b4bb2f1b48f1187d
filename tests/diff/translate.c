/* Translation against its naive twin: for random tables and packets, what the datapath actions do to the packet is what the rules say, port by
 * port, header by header, in the same order for each port; where a select group may choose, some choice of buckets makes it so. */
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

/* The key that the shard gives back: with its hash, or with what is behind so many labels when that is where `whole` has it. */
static struct flow_key given_back(const struct fixture *f, const struct flow_key *key, const struct flow_key *whole)
{
    struct flow_key back = translate_again(&f->translation, key, NULL, 0);
    const struct dp_action *again = &f->translation.actions[f->translation.n_actions - 1];
    unsigned n_labels = 1;
    assert_int_equal(again->type, DP_ACTION_RECIRC);
    while (n_labels < 3 && (host32(key->mpls[n_labels - 1]) & 0x100) == 0) {
        n_labels++;
    }
    bool is_there = (host32(key->mpls[n_labels - 1]) & 0x100) != 0;
    if (is_there && again->n_labels == n_labels && again->uncovers_type == 0x0800) {
        struct flow_key outer = back;
        back = *whole;
        back.recirc_id = outer.recirc_id;
        back.dp_hash = outer.dp_hash;
    }
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
static bool check(struct fixture *f, const struct flow_key *key, const struct flow_key *whole, struct oracle_events *said,
                  struct oracle_events *done, int *n_uncovered)
{
    struct translate_input input = fixture_input(f, false);
    struct oracle_choices choices = {.n = 0};
    struct flow_key translated = *key;
    translate_key(&input, key, &f->translation);
    bool is_one_bridge = f->world.bridges->hh.next == NULL;
    for (int again = 0; f->translation.needs_more; again++) {
        assert_in_range(again, 0, 1);
        translated = given_back(f, &translated, whole);
        translate_key(&input, &translated, &f->translation);
        *n_uncovered += f->translation.n_actions > 1 && host32(translated.recirc_id) > RECIRC_HASHED;
    }
    if (is_cut_short(&f->translation)) {
        return false;
    }
    oracle_execute(f->translation.actions, f->translation.n_actions, whole, done);
    sort_by_port(done, is_one_bridge);
    do {
        oracle_pipeline_choosing(&f->world, f->macs, whole, &choices, said);
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
    int n_telling = 0, n_uncovered = 0;
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
        random_pop(&f, &r);
        for (int i = 0; i < N_DIFF_PACKETS; i++) {
            struct flow_key key = random_key(&r), whole = key;
            if (host16(key.eth_type) == 0x8847) {
                random_inner(&r, &whole);
            }
            struct translate_input learning = fixture_input(&f, true);
            translate_key(&learning, &key, &f.translation);
            n_telling += check(&f, &key, &whole, said, done, &n_uncovered);
        }
        fixture_close(&f);
    }
    print_message("%d of %d packets leave; of %d rules see what labels have covered\n", n_telling, N_DIFF_WORLDS * N_DIFF_PACKETS, n_uncovered);
    assert_true(n_uncovered > N_DIFF_WORLDS / 10);
    assert_true(n_telling > N_DIFF_WORLDS * N_DIFF_PACKETS / 12);
    free(said);
    free(done);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(actions_do_what_the_rules_say)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
