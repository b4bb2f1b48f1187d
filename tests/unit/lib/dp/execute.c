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
    const struct dp_action *again; /* of a recirculated packet */
    size_t n_again;
    uint32_t n_bytes[16]; /* sent to a port, by its number */
    struct flow_key last_key;
    uint8_t copies[8][256];
};

static void note(struct diary *d, const char *what, uint64_t number, const struct dp_packet *packet)
{
    size_t at = strlen(d->text);
    snprintf(d->text + at, sizeof d->text - at, "%s%llu/%llu ", what, (unsigned long long)number, (unsigned long long)packet->frame);
}

static void on_output(void *context, uint32_t port, struct dp_packet *packet)
{
    struct diary *d = context;
    note(d, "out", port, packet);
    d->n_bytes[port] = packet->size;
    d->last_key = packet->key;
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

/* Notes it, and runs what is to be done the next time, if there is such a thing. */
static void on_recirculate(void *context, struct dp_packet *packet);

static int on_meter(void *context, uint64_t meter, const struct dp_packet *packet)
{
    note(context, "meter", meter, packet);
    return (int)meter - 1; /* meter 0 drops, 1 lets pass, others raise */
}

static const struct dp_sink sink = {.output = on_output,
                                    .copy = on_copy,
                                    .controller = on_controller,
                                    .drop = on_drop,
                                    .consumed = on_consumed,
                                    .recirculate = on_recirculate,
                                    .meter = on_meter};

static void on_recirculate(void *context, struct dp_packet *packet)
{
    struct diary *d = context;
    note(d, "again", host32(packet->key.recirc_id), packet);
    if (d->again != NULL) {
        dp_execute(d->again, d->n_again, packet, &sink, d);
    }
}

static const char *run_frame(struct diary *d, const uint8_t *frame, const struct dp_action *actions, size_t n)
{
    uint8_t room[DP_HEADROOM_BYTES + 60];
    struct dp_packet packet = {.data = room + DP_HEADROOM_BYTES, .size = 60, .headroom = DP_HEADROOM_BYTES, .in_port = 1};
    packet.n_recirculations = 99; /* whatever a ring of packets has left there */
    memcpy(packet.data, frame, 60);
    assert_int_equal(parse_frame(packet.data, packet.size, 1, &packet.key, &packet.offsets), 0);
    dp_execute(actions, n, &packet, &sink, d);
    return d->text;
}

static const char *run(struct diary *d, const struct dp_action *actions, size_t n, bool has_frames)
{
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xcc};
    *d = (struct diary){.has_frames = has_frames};
    return run_frame(d, frame, actions, n);
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

#define RECIRC(id) {.type = DP_ACTION_RECIRC, .recirc_id = (id)}
#define METER(id) {.type = DP_ACTION_METER, .meter = (id)}

static void recirculated_packet_is_a_copy_unless_it_is_the_last(void **state)
{
    struct diary d;
    struct dp_action list[] = {RECIRC(5), OUT(1), RECIRC(6)};
    assert_string_equal(run(&d, list, 3, true), "again5/1 out1/2 again6/0 ");
}

static void recirculation_ends_at_its_limit(void **state)
{
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xcc};
    struct dp_action list[] = {RECIRC(1)}, twice[] = {RECIRC(2), OUT(9)};
    struct diary d = {.has_frames = true, .again = list, .n_again = 1};
    assert_string_equal(run_frame(&d, frame, list, 1),
                        "again1/0 again1/0 again1/0 again1/0 again1/0 again1/0 again1/0 again1/0 recirculation_limit0/0 ");
    d = (struct diary){.has_frames = true, .again = twice + 1, .n_again = 1};
    assert_string_equal(run_frame(&d, frame, twice, 2), "again2/1 out9/1 out9/0 ");
}

static void meter_drops_what_is_left(void **state)
{
    struct diary d;
    struct dp_action list[] = {OUT(1), METER(0), OUT(2)}, pass[] = {METER(1), OUT(2)}, not_ip[] = {METER(3), OUT(2)};
    assert_string_equal(run(&d, list, 3, true), "out1/1 meter0/0 meter0/0 ");
    assert_string_equal(run(&d, pass, 2, true), "meter1/0 out2/0 ");
    assert_string_equal(run(&d, not_ip, 2, true), "meter3/0 out2/0 ");
}

static void meter_behind_the_last_output_counts(void **state)
{
    struct diary d;
    struct dp_action list[] = {OUT(1), METER(1)}, alone[] = {METER(1), METER(1)}, over[] = {OUT(1), METER(0)};
    assert_string_equal(run(&d, list, 2, true), "out1/1 meter1/0 consumed0/0 ");
    assert_string_equal(run(&d, alone, 2, true), "meter1/0 meter1/0 rule0/0 ");
    assert_string_equal(run(&d, over, 2, true), "out1/1 meter0/0 meter0/0 ");
}

/* Assured forwarding 1.1 by two levels is 1.3; expedited forwarding has no levels. */
static void meter_raises_drop_precedence_of_assured_forwarding_alone(void **state)
{
    uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 10 << 2 | 1, 0, 40, 0, 0, 0, 0, 64, 59};
    static const struct {
        uint8_t before, after;
    } cases[] = {{10 << 2 | 1, 14 << 2 | 1}, {38 << 2, 38 << 2}, {36 << 2 | 2, 38 << 2 | 2}, {46 << 2, 46 << 2}, {8 << 2, 8 << 2}, {0, 0}};
    struct dp_action list[] = {METER(3), OUT(1), OUT(2)};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct diary d = {.has_frames = true};
        frame[15] = cases[i].before;
        assert_string_equal(run_frame(&d, frame, list, 3), "meter3/0 out1/1 out2/0 ");
        assert_int_equal(d.copies[1][DP_HEADROOM_BYTES + 15], cases[i].after);
    }
}

static void truncate_cuts_the_next_output_alone(void **state)
{
    struct diary d;
    struct dp_action list[] = {{.type = DP_ACTION_TRUNCATE, .max_len = 20}, OUT(1), OUT(2), {.type = DP_ACTION_TRUNCATE, .max_len = 61}, OUT(3)};
    assert_string_equal(run(&d, list, 5, true), "out1/1 out2/2 out3/0 ");
    assert_int_equal(d.n_bytes[1], 20);
    assert_int_equal(d.n_bytes[2], 60);
    assert_int_equal(d.n_bytes[3], 60);
    assert_string_equal(run(&d, list, 2, true), "out1/0 ");
    assert_int_equal(d.n_bytes[1], 20);
}

/* [OF1.3.5 §5.12]: the first label takes the TTL of IP and is the bottom; the next one copies all but the bottom bit. */
static void pushed_labels_inherit_as_the_standard_says(void **state)
{
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 33, 59};
    struct dp_action list[] = {{.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8847},
                               {.type = DP_ACTION_SET_FIELD},
                               {.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8848},
                               {.type = DP_ACTION_DEC_MPLS_TTL},
                               OUT(1),
                               OUT(2)};
    static const uint8_t want[10] = {0x88, 0x48, 0x12, 0x34, 0x50, 32, 0x12, 0x34, 0x51, 33};
    struct diary d = {.has_frames = true};
    list[1].set_field.field = FIELD_MPLS_LABEL;
    list[1].set_field.value = field_value_u64(0x12345);
    list[1].set_field.mask = field_all_ones(FIELD_MPLS_LABEL);
    assert_string_equal(run_frame(&d, frame, list, 6), "out1/1 out2/0 ");
    assert_memory_equal(d.copies[1] + DP_HEADROOM_BYTES + 12, want, sizeof want);
}

static void labels_need_what_they_stand_on(void **state)
{
    static const uint8_t length[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0, 46, 0x42, 0x42, 3};
    static const uint8_t label[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x47, 0, 0, 1, 1};
    struct dp_action push[] = {{.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8847}, OUT(1)};
    struct dp_action pop[] = {{.type = DP_ACTION_POP_MPLS, .ethertype = 0x0800}, OUT(1)};
    struct dp_action ttl[] = {{.type = DP_ACTION_DEC_MPLS_TTL}, OUT(1)};
    struct diary d = {.has_frames = true};
    assert_string_equal(run_frame(&d, length, push, 2), "header_missing0/0 ");
    assert_string_equal(run(&d, pop, 2, true), "header_missing0/0 ");
    assert_string_equal(run(&d, ttl, 2, true), "header_missing0/0 ");
    d.text[0] = '\0';
    assert_string_equal(run_frame(&d, label, ttl, 2), "ttl_expired0/0 ");
}

/* Whatever moves headers parses anew; what is not of the frame stays. */
static void hash_and_recirculation_id_outlive_a_new_parse(void **state)
{
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 33, 59};
    struct dp_action list[] = {{.type = DP_ACTION_HASH}, RECIRC(7)};
    struct dp_action again[] = {{.type = DP_ACTION_PUSH_MPLS, .ethertype = 0x8847}, OUT(1)};
    struct diary d = {.has_frames = true, .again = again, .n_again = 2};
    assert_string_equal(run_frame(&d, frame, list, 2), "again7/0 out1/0 ");
    assert_int_equal(host32(d.last_key.recirc_id), 7);
    assert_int_not_equal(d.last_key.dp_hash.raw, 0);
    assert_int_equal(host16(d.last_key.eth_type), 0x8847);
}

/* The lookup sees what is behind the labels; the packet in hand does not change, nor does what is told of it to those behind. */
static void a_recirculated_packet_shows_what_labels_cover(void **state)
{
    static const uint8_t frame[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0x47, 0, 0, 0x11, 9, 0x45, 0, 0, 40, 0, 0, 0, 0, 33, 59};
    struct dp_action list[] = {{.type = DP_ACTION_RECIRC, .recirc_id = 7, .n_labels = 1, .uncovers_type = 0x0800}};
    struct dp_action again[] = {OUT(1)};
    struct diary d = {.has_frames = true, .again = again, .n_again = 1};
    assert_string_equal(run_frame(&d, frame, list, 1), "again7/0 out1/0 ");
    assert_int_equal(d.last_key.ip_ttl, 33);
    assert_int_equal(d.last_key.ip_proto, 59);
    assert_int_equal(host16(d.last_key.eth_type), 0x8847);
    assert_int_equal(host32(d.last_key.mpls[0]), 0x1109);
    struct dp_action behind[] = {list[0], OUT(1)};
    memset(&d, 0, sizeof d);
    d.has_frames = true;
    assert_string_equal(run_frame(&d, frame, behind, 2), "again7/1 out1/0 ");
    assert_int_equal(d.last_key.ip_ttl, 0);
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
        cmocka_unit_test(recirculated_packet_is_a_copy_unless_it_is_the_last),
        cmocka_unit_test(recirculation_ends_at_its_limit),
        cmocka_unit_test(meter_drops_what_is_left),
        cmocka_unit_test(meter_behind_the_last_output_counts),
        cmocka_unit_test(meter_raises_drop_precedence_of_assured_forwarding_alone),
        cmocka_unit_test(truncate_cuts_the_next_output_alone),
        cmocka_unit_test(pushed_labels_inherit_as_the_standard_says),
        cmocka_unit_test(labels_need_what_they_stand_on),
        cmocka_unit_test(hash_and_recirculation_id_outlive_a_new_parse),
        cmocka_unit_test(a_recirculated_packet_shows_what_labels_cover),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
