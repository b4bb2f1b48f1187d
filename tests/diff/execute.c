/* The executor against its naive twin on random packets and programs.
 *
 * Both run each program over each packet; what was sent, to where, with which bytes, must be equal, and the key and offsets that the
 * executor kept in step must be those of a fresh parse. Beyond the twin: a frame whose checksums were right leaves with right ones,
 * by summing it up anew. BUSBAR_SEED repeats a run, BUSBAR_ROUNDS makes it longer. Test program; single-threaded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/dp/checksum.h"
#include "lib/dp/execute.h"
#include "tests/oracle/execute.h"
#include "tests/oracle/packets.h"

enum { ROUNDS = 120000, PROGRAM_MAX = 12 };

struct recorder {
    struct oracle_result result;
    size_t n_owned; /* frames handed out and not yet taken back */
    bool in_step;
    bool must_be_right; /* of this round: checksums of what is sent */
    bool is_right;
    size_t n_right; /* frames looked at, over all rounds */
};

static uint16_t pseudo_header(const uint8_t *l3, bool is_ipv4, uint8_t proto, size_t l4_size)
{
    uint8_t tail[4] = {(uint8_t)(l4_size >> 8), (uint8_t)l4_size, 0, proto};
    return checksum_sum(is_ipv4 ? l3 + 12 : l3 + 8, is_ipv4 ? 8 : 32, checksum_sum(tail, sizeof tail, 0));
}

static bool l4_is_right(const uint8_t *l3, const uint8_t *l4, size_t size, const struct flow_key *key)
{
    bool is_ipv4 = host16(key->eth_type) == 0x0800;
    uint32_t crc;
    switch (key->ip_proto) {
    case 17:
        if (l4[6] == 0 && l4[7] == 0) {
            return true;
        }
        return checksum_sum(l4, size, pseudo_header(l3, is_ipv4, key->ip_proto, size)) == 0xffff;
    case 6:
    case 58:
        return checksum_sum(l4, size, pseudo_header(l3, is_ipv4, key->ip_proto, size)) == 0xffff;
    case 1:
        return checksum_sum(l4, size, 0) == 0xffff;
    case 132:
        memcpy(&crc, l4 + 8, sizeof crc);
        return crc == checksum_sctp(l4, size);
    default:
        return true;
    }
}

/* Every checksum that the frame shows is right. Fragments' cannot be told. */
static bool checksums_are_right(const uint8_t *frame, size_t size)
{
    struct flow_key key;
    struct parse_result at;
    if (parse_frame(frame, size, 1, &key, &at) != 0 || at.l3_offset == PARSE_NO_OFFSET) {
        return true;
    }
    const uint8_t *l3 = frame + at.l3_offset;
    bool is_ipv4 = host16(key.eth_type) == 0x0800;
    if (is_ipv4 && checksum_sum(l3, (size_t)(l3[0] & 15) * 4, 0) != 0xffff) {
        return false;
    }
    if (at.l4_offset == PARSE_NO_OFFSET || key.ip_frag != 0) {
        return true;
    }
    return l4_is_right(l3, frame + at.l4_offset, (size_t)(at.l3_end - at.l4_offset), &key);
}

/* The same of a frame with its labels off: what is inside must be IP then, as its first bits say. */
static bool checksums_inside_are_right(const uint8_t *frame, size_t size)
{
    uint8_t plain[1600];
    struct flow_key key;
    struct parse_result at;
    int err = parse_frame(frame, size, 1, &key, &at);
    if (err != 0 || at.l2_5_offset == PARSE_NO_OFFSET) {
        return checksums_are_right(frame, size);
    }
    size_t inside = at.l2_5_offset;
    bool is_bottom = false;
    while (!is_bottom && inside + 4 < size) {
        is_bottom = (frame[inside + 2] & 1) != 0;
        inside += 4;
    }
    memcpy(plain, frame, 12);
    plain[12] = frame[inside] >> 4 == 6 ? 0x86 : 0x08;
    plain[13] = frame[inside] >> 4 == 6 ? 0xdd : 0x00;
    memcpy(plain + 14, frame + inside, size - inside);
    return checksums_are_right(plain, 14 + size - inside);
}

/* Popping a label and calling another label IP makes an IP header of noise, which was right for nobody. */
static bool may_show_noise(const struct dp_action *actions, size_t n, const uint8_t *frame, size_t size)
{
    struct flow_key key;
    struct parse_result at;
    size_t n_labels = 0, n_pops = 0;
    int err = parse_frame(frame, size, 1, &key, &at);
    if (err == 0 && at.l2_5_offset != PARSE_NO_OFFSET) {
        n_labels = (host32(key.mpls[0]) & 0x100) != 0 ? 1 : 2;
    }
    for (size_t i = 0; i < n; i++) {
        n_labels += actions[i].type == DP_ACTION_PUSH_MPLS;
        n_pops += actions[i].type == DP_ACTION_POP_MPLS;
    }
    return n_pops > 0 && n_labels > 1;
}

static void check_in_step(struct recorder *r, const struct dp_packet *packet)
{
    struct flow_key key;
    struct parse_result offsets;
    int err = parse_frame(packet->data, packet->size, packet->in_port, &key, &offsets);
    key.recirc_id = packet->key.recirc_id;
    key.dp_hash = packet->key.dp_hash;
    if (err == 0 && host32(key.recirc_id) != 0) { /* it comes back right here, so nothing has happened to it since */
        struct dp_action again = packets_recirculation(host32(key.recirc_id));
        if (again.n_labels != 0) {
            parse_uncover(packet->data, packet->size, &offsets, again.n_labels, again.uncovers_type, &key);
        }
    }
    if (r->must_be_right) {
        r->is_right = r->is_right && checksums_are_right(packet->data, packet->size);
        r->n_right++;
    }
    if (err != 0 || !key_equal(&key, &packet->key) || memcmp(&offsets, &packet->offsets, sizeof offsets) != 0) {
        r->in_step = false;
    }
}

static void record(struct recorder *r, enum oracle_fate fate, uint32_t number, const struct dp_packet *packet)
{
    struct oracle_sent *sent = &r->result.sent[r->result.n++];
    sent->fate = fate;
    sent->number = number;
    sent->dp_hash = host32(packet->key.dp_hash);
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

static void on_recirculate(void *context, struct dp_packet *packet)
{
    record(context, ORACLE_RECIRC, host32(packet->key.recirc_id), packet);
    release(context, packet);
}

static int on_meter(void *context, uint64_t meter, const struct dp_packet *packet)
{
    record(context, ORACLE_METER, (uint32_t)meter, packet);
    return oracle_meter(meter, packet->size);
}

static const struct dp_sink sink = {.output = on_output,
                                    .copy = on_copy,
                                    .controller = on_controller,
                                    .drop = on_drop,
                                    .consumed = on_consumed,
                                    .recirculate = on_recirculate,
                                    .meter = on_meter};

static void compare(const struct oracle_result *want, const struct oracle_result *have, const struct dp_action *actions, size_t n,
                    uint64_t seed, int round)
{
    bool equal = want->n == have->n;
    size_t i = 0;
    for (; equal && i < want->n; i++) {
        const struct oracle_sent *a = &want->sent[i], *b = &have->sent[i];
        equal = a->fate == b->fate && a->number == b->number && a->dp_hash == b->dp_hash && a->size == b->size && memcmp(a->bytes, b->bytes, a->size) == 0;
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

static void fail_round(const char *what, const struct dp_action *actions, size_t n, uint64_t seed, int round)
{
    char *text = dp_actions_format(actions, n, NULL);
    print_error("seed %llu round %d: %s after %s\n", (unsigned long long)seed, round, what, text);
    free(text);
    fail();
}

static void run_both(const uint8_t *frame, size_t size, const struct dp_action *actions, size_t n, struct recorder *recorder,
                     struct oracle_result *want)
{
    struct dp_packet original = {.data = (uint8_t *)frame, .size = (uint32_t)size, .in_port = 1}, packet;
    assert_int_equal(parse_frame(frame, size, 1, &original.key, &original.offsets), 0);
    recorder->result.n = recorder->n_owned = 0;
    recorder->in_step = recorder->is_right = true;
    recorder->must_be_right = checksums_inside_are_right(frame, size) && !may_show_noise(actions, n, frame, size);
    assert_true(on_copy(recorder, &original, &packet));
    oracle_execute(actions, n, frame, size, DP_HEADROOM_BYTES, want);
    dp_execute(actions, n, &packet, &sink, recorder);
}

static void executor_equals_its_twin(void **state)
{
    const char *given = getenv("BUSBAR_SEED"), *longer = getenv("BUSBAR_ROUNDS");
    uint64_t seed = given != NULL ? strtoull(given, NULL, 0) : 20261121;
    int n_rounds = longer != NULL ? (int)strtol(longer, NULL, 0) : ROUNDS;
    struct random random;
    static struct recorder recorder;
    static struct oracle_result want;
    size_t n_sent = 0, n_of[DP_ACTION_COUNT] = {0};
    print_message("seed %llu\n", (unsigned long long)seed);
    random_seed(&random, seed);
    for (int round = 0; round < n_rounds; round++) {
        uint8_t frame[1600];
        struct dp_action actions[PROGRAM_MAX];
        size_t size = packets_random(&random, frame);
        size_t n = packets_random_actions(&random, actions, PROGRAM_MAX);
        assert_int_equal(dp_actions_check(actions, n, NULL), 0);
        run_both(frame, size, actions, n, &recorder, &want);
        compare(&want, &recorder.result, actions, n, seed, round);
        assert_int_equal(recorder.n_owned, 0);
        if (!recorder.in_step) {
            fail_round("key not in step", actions, n, seed, round);
        }
        if (!recorder.is_right) {
            fail_round("a checksum is wrong", actions, n, seed, round);
        }
        n_sent += want.n;
        for (size_t i = 0; i < n; i++) {
            n_of[actions[i].type]++;
        }
    }
    assert_true(n_sent > (size_t)n_rounds && recorder.n_right > (size_t)n_rounds / 2);
    for (int type = 0; type < DP_ACTION_COUNT; type++) {
        assert_true(n_of[type] > (size_t)n_rounds / 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(executor_equals_its_twin)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
