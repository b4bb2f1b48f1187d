/* The executor against its naive twin on random packets and programs.
 *
 * Both run each program over each packet; what was sent, to where, with which bytes, must be equal, and the key and offsets that the
 * executor kept in step must be those of a fresh parse. BUSBAR_SEED repeats a run. Test program; single-threaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/dp/execute.h"
#include "tests/oracle/execute.h"
#include "tests/oracle/packets.h"

enum { ROUNDS = 60000, PROGRAM_MAX = 12 };

struct recorder {
    struct oracle_result result;
    size_t n_owned; /* frames handed out and not yet taken back */
    bool in_step;
};

static void check_in_step(struct recorder *r, const struct dp_packet *packet)
{
    struct flow_key key;
    struct parse_result offsets;
    int err = parse_frame(packet->data, packet->size, packet->in_port, &key, &offsets);
    if (err != 0 || !key_equal(&key, &packet->key) || memcmp(&offsets, &packet->offsets, sizeof offsets) != 0) {
        r->in_step = false;
    }
}

static void record(struct recorder *r, enum oracle_fate fate, uint32_t number, const struct dp_packet *packet)
{
    struct oracle_sent *sent = &r->result.sent[r->result.n++];
    sent->fate = fate;
    sent->number = number;
    sent->size = packet->size;
    memcpy(sent->bytes, packet->data, packet->size);
    check_in_step(r, packet);
}

static void release(struct recorder *r, struct dp_packet *packet)
{
    free((void *)(uintptr_t)packet->frame);
    r->n_owned--;
}

static void on_output(void *context, uint32_t port, struct dp_packet *packet)
{
    record(context, ORACLE_OUTPUT, port, packet);
    release(context, packet);
}

static bool on_copy(void *context, const struct dp_packet *packet, struct dp_packet *out_copy)
{
    struct recorder *r = context;
    uint8_t *frame = memory_zeroed(DP_HEADROOM_BYTES + packet->size);
    *out_copy = *packet;
    out_copy->frame = (uint64_t)(uintptr_t)frame;
    out_copy->data = frame + DP_HEADROOM_BYTES;
    out_copy->headroom = DP_HEADROOM_BYTES;
    memcpy(out_copy->data, packet->data, packet->size);
    r->n_owned++;
    return true;
}

static void on_controller(void *context, const struct dp_controller *to, const struct dp_packet *packet)
{
    record(context, ORACLE_CONTROLLER, to->rule_table, packet);
}

static void on_drop(void *context, enum drop_reason reason, struct dp_packet *packet)
{
    record(context, ORACLE_DROP, reason, packet);
    release(context, packet);
}

static void on_consumed(void *context, struct dp_packet *packet)
{
    release(context, packet);
}

static const struct dp_sink sink = {.output = on_output, .copy = on_copy, .controller = on_controller, .drop = on_drop, .consumed = on_consumed};

static void compare(const struct oracle_result *want, const struct oracle_result *have, const struct dp_action *actions, size_t n,
                    uint64_t seed, int round)
{
    bool equal = want->n == have->n;
    size_t i = 0;
    for (; equal && i < want->n; i++) {
        const struct oracle_sent *a = &want->sent[i], *b = &have->sent[i];
        equal = a->fate == b->fate && a->number == b->number && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
    }
    if (!equal) {
        char *text = dp_actions_format(actions, n, NULL);
        print_error("seed %llu round %d, difference at %zu: %s\n", (unsigned long long)seed, round, i, text);
        for (size_t k = 0; i > 0 && k < want->sent[i - 1].size && k < have->sent[i - 1].size; k++) {
            if (want->sent[i - 1].bytes[k] != have->sent[i - 1].bytes[k]) {
                print_error("byte %zu: want %02x have %02x\n", k, want->sent[i - 1].bytes[k], have->sent[i - 1].bytes[k]);
            }
        }
        free(text);
        fail();
    }
}

static void executor_equals_its_twin(void **state)
{
    const char *given = getenv("BUSBAR_SEED");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 20261121;
    struct random random;
    static struct recorder recorder;
    static struct oracle_result want;
    size_t n_sent = 0;
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&random, seed);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t frame[1600];
        struct dp_action actions[PROGRAM_MAX];
        size_t size = packets_random(&random, frame);
        size_t n = packets_random_actions(&random, actions, PROGRAM_MAX);
        assert_int_equal(dp_actions_check(actions, n, NULL), 0);

        struct dp_packet original = {.data = frame, .size = (uint32_t)size, .in_port = 1}, packet;
        assert_int_equal(parse_frame(frame, size, 1, &original.key, &original.offsets), 0);
        recorder = (struct recorder){.in_step = true};
        assert_true(on_copy(&recorder, &original, &packet));
        oracle_execute(actions, n, frame, size, DP_HEADROOM_BYTES, &want);
        dp_execute(actions, n, &packet, &sink, &recorder);

        compare(&want, &recorder.result, actions, n, seed, round);
        assert_int_equal(recorder.n_owned, 0);
        if (!recorder.in_step) {
            char *text = dp_actions_format(actions, n, NULL);
            print_error("seed %llu round %d: key not in step after %s\n", (unsigned long long)seed, round, text);
            free(text);
            fail();
        }
        n_sent += want.n;
    }
    assert_true(n_sent > ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(executor_equals_its_twin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
