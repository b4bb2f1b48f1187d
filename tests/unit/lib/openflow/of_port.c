/* Tests of lib/openflow/of_port.c. */
#include "lib/base/memory.h"
#include "tests/unit/lib/openflow/openflow_test.h"

static const struct of_port port = {.port_no = 3,
                                    .hw_addr = {0, 1, 2, 3, 4, 5},
                                    .name = "eth3",
                                    .config = OF_PORT_NO_FWD,
                                    .state = OF_PORT_LIVE,
                                    .current = OF_PORT_10GB_FD,
                                    .advertised = 1,
                                    .supported = 2,
                                    .peer = 4,
                                    .current_kbps = 10000000,
                                    .max_kbps = 20000000};

/* Member by member: the struct has padding. */
static void assert_port(const struct of_port *out)
{
    assert_int_equal(out->port_no, port.port_no);
    assert_memory_equal(out->hw_addr, port.hw_addr, sizeof port.hw_addr);
    assert_string_equal(out->name, port.name);
    assert_int_equal(out->config, port.config);
    assert_int_equal(out->state, port.state);
    assert_int_equal(out->current, port.current);
    assert_int_equal(out->advertised, port.advertised);
    assert_int_equal(out->supported, port.supported);
    assert_int_equal(out->peer, port.peer);
    assert_int_equal(out->current_kbps, port.current_kbps);
    assert_int_equal(out->max_kbps, port.max_kbps);
}

static void a_port_arrives_in_status_and_description(void **state)
{
    struct of_multipart mp;
    struct of_port out;
    struct writer w;

    writer_init(&w);
    struct of_message message = openflow_over_the_wire(
        (struct of_message){.type = OF_PORT_STATUS, .port_status = {.reason = OF_PORT_DELETE, .port = port}}, &w);
    assert_int_equal(message.port_status.reason, OF_PORT_DELETE);
    assert_port(&message.port_status.port);
    writer_clear(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_PORT_DESC, OF_FORM_STANDARD);
    assert_int_equal(of_port_desc_encode(&mp, &port), 0);
    struct reader r = openflow_items(&mp);
    assert_int_equal(reader_left(&r), 64);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_port_desc_decode, struct of_port);
    assert_int_equal(of_port_desc_decode(&r, OF_VERSION_13, &out), 0);
    assert_port(&out);
    writer_fini(&w);
}

static void a_port_mod_names_a_port_that_can_be(void **state)
{
    struct of_message message = {.type = OF_PORT_MOD, .port_mod = {.port_no = 3, .config = 1, .mask = 0x21, .advertise = 7}};
    struct writer w;

    writer_init(&w);
    struct of_message out = openflow_over_the_wire(message, &w);
    assert_int_equal(out.port_mod.mask, 0x21);
    assert_int_equal(out.port_mod.advertise, 7);
    message.port_mod.port_no = 70000;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_BAD_ACTION_BAD_OUT_PORT);
    writer_fini(&w);
}

static void port_statistics_keep_their_places(void **state)
{
    struct of_port_stats stats = {.port_no = 1,
                                  .rx_packets = 2,
                                  .tx_packets = 3,
                                  .rx_bytes = 4,
                                  .tx_bytes = 5,
                                  .rx_dropped = 6,
                                  .tx_dropped = 7,
                                  .rx_errors = 8,
                                  .tx_errors = 9,
                                  .rx_frame_errors = 10,
                                  .rx_over_errors = 11,
                                  .rx_crc_errors = 12,
                                  .collisions = UINT64_MAX,
                                  .duration_ns = 14};
    struct of_port_stats out = {.port_no = 0};
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_PORT_STATS, OF_FORM_STANDARD);
    assert_int_equal(of_port_stats_encode(&mp, &stats), 0);
    struct reader r = openflow_items(&mp);
    assert_int_equal(reader_left(&r), 112);
    assert_int_equal(r.pos[15], 2); /* rx_packets is first, tx_packets second [OF1.3.5 A.3.5.6] */
    assert_int_equal(r.pos[23], 3);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_port_stats_decode, struct of_port_stats);
    assert_int_equal(of_port_stats_decode(&r, OF_VERSION_13, &out), 0);
    assert_true(out.port_no == 1 && out.tx_dropped == 7 && out.rx_crc_errors == 12 && out.collisions == UINT64_MAX);
    assert_true(out.duration_ns == 14);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_port_arrives_in_status_and_description),
        cmocka_unit_test(a_port_mod_names_a_port_that_can_be),
        cmocka_unit_test(port_statistics_keep_their_places),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
