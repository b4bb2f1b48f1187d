/* Who gets the frame, in which order, and what is copied. Header rewriting is compared with the naive twin in tests/diff.
 * What may never happen: a frame without an owner or with two (I4).
 * Unit test, one thread; the sink writes down what it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/dp/execute.h"

struct diary {
    char text[512];
    uint64_t next_frame;
    bool has_frames;
    uint8_t copies[8][256];
};

static void note(struct diary *d, const char *what, uint64_t number, const struct dp_packet *packet)
{
    size_t at = strlen(d->text);
    snprintf(d->text + at, sizeof d->text - at, "%s%llu/%llu ", what, (unsigned long long)number, (unsigned long long)packet->frame);
}

static void on_output(void *context, uint32_t port, struct dp_packet *packet)
{
    note(context, "out", port, packet);
}

static bool on_copy(void *context, const struct dp_packet *packet, struct dp_packet *out_copy)
{
    struct diary *d = context;
    if (!d->has_frames) {
        return false;
    }
    *out_copy = *packet;
    out_copy->frame = ++d->next_frame;
    out_copy->data = d->copies[d->next_frame] + DP_HEADROOM_BYTES;
    memcpy(out_copy->data, packet->data, packet->size);
    return true;
}

static void on_controller(void *context, const struct dp_controller *to, const struct dp_packet *packet)
{
    note(context, "up", to->rule_table, packet);
}

static void on_drop(void *context, enum drop_reason reason, struct dp_packet *packet)
{
    note(context, drop_name(reason), 0, packet);
}

static void on_consumed(void *context, struct dp_packet *packet)
{
    note(context, "consumed", 0, packet);
}

static const struct dp_sink sink = {.output = on_output, .copy = on_copy, .controller = on_controller, .drop = on_drop, .consumed = on_consumed};

static const char *run(struct diary *d, const struct dp_action *actions, size_t n, bool has_frames)
{
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xcc};
    uint8_t room[DP_HEADROOM_BYTES + 60];
    struct dp_packet packet = {.data = room + DP_HEADROOM_BYTES, .size = 60, .headroom = DP_HEADROOM_BYTES, .in_port = 1};
    *d = (struct diary){.has_frames = has_frames};
    memcpy(packet.data, frame, sizeof frame);
    assert_int_equal(parse_frame(packet.data, packet.size, 1, &packet.key, &packet.offsets), 0);
    dp_execute(actions, n, &packet, &sink, d);
    return d->text;
}

#define OUT(p) {.type = DP_ACTION_OUTPUT, .port = (p)}
#define CLONE(n) {.type = DP_ACTION_CLONE, .clone.n_actions = (n)}
#define UP(t) {.type = DP_ACTION_CONTROLLER, .controller.rule_table = (t)}

static void one_output_copies_nothing(void **state)
{
    struct diary d;
    struct dp_action list[] = {OUT(3), {.type = DP_ACTION_POP_VLAN}};
    assert_string_equal(run(&d, list, 2, true), "out3/0 ");
}

static void last_output_gets_the_packet_itself(void **state)
{
    struct diary d;
    struct dp_action list[] = {OUT(1), OUT(2), OUT(3)};
    assert_string_equal(run(&d, list, 3, true), "out1/1 out2/2 out3/0 ");
}

static void empty_list_drops(void **state)
{
    struct diary d;
    struct dp_action only_changes[] = {{.type = DP_ACTION_PUSH_VLAN, .push_vlan = {.tpid = 0x8100}}};
    assert_string_equal(run(&d, NULL, 0, true), "rule0/0 ");
    assert_string_equal(run(&d, only_changes, 1, true), "rule0/0 ");
}

static void packet_for_the_controller_alone_is_consumed(void **state)
{
    struct diary d;
    struct dp_action list[] = {UP(4)}, and_out[] = {UP(4), OUT(1)};
    assert_string_equal(run(&d, list, 1, true), "up4/0 consumed0/0 ");
    assert_string_equal(run(&d, and_out, 2, true), "up4/0 out1/0 ");
}

static void clone_works_on_a_copy(void **state)
{
    struct diary d;
    struct dp_action list[] = {CLONE(2), {.type = DP_ACTION_PUSH_VLAN, .push_vlan = {.tpid = 0x8100}}, OUT(1), OUT(2)};
    struct dp_action last[] = {CLONE(1), OUT(1)};
    assert_string_equal(run(&d, list, 4, true), "out1/1 out2/0 ");
    assert_string_equal(run(&d, last, 2, true), "out1/0 ");
}

static void without_frames_the_copies_are_left_out(void **state)
{
    struct diary d;
    struct dp_action list[] = {OUT(1), CLONE(1), OUT(2), OUT(3)};
    assert_string_equal(run(&d, list, 4, false), "out3/0 ");
}

static void missing_header_drops_what_is_left(void **state)
{
    struct diary d;
    struct dp_action list[] = {OUT(1), {.type = DP_ACTION_POP_VLAN}, OUT(2)};
    struct dp_action ttl[] = {{.type = DP_ACTION_DEC_TTL}, OUT(2)};
    assert_string_equal(run(&d, list, 3, true), "out1/1 header_missing0/0 ");
    assert_string_equal(run(&d, ttl, 2, true), "header_missing0/0 ");
}

static void push_stops_at_the_headroom(void **state)
{
    struct diary d;
    struct dp_action list[18];
    for (size_t i = 0; i < 17; i++) {
        list[i] = (struct dp_action){.type = DP_ACTION_PUSH_VLAN, .push_vlan = {.tpid = 0x8100}};
    }
    list[17] = (struct dp_action)OUT(1);
    assert_string_equal(run(&d, list, 18, true), "frame_too_long0/0 ");
    assert_string_equal(run(&d, list + 1, 17, true), "out1/0 ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_output_copies_nothing),
        cmocka_unit_test(last_output_gets_the_packet_itself),
        cmocka_unit_test(empty_list_drops),
        cmocka_unit_test(packet_for_the_controller_alone_is_consumed),
        cmocka_unit_test(clone_works_on_a_copy),
        cmocka_unit_test(without_frames_the_copies_are_left_out),
        cmocka_unit_test(missing_header_drops_what_is_left),
        cmocka_unit_test(push_stops_at_the_headroom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
