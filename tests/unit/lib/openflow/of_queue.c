/* Tests of lib/openflow/of_queue.c. */
#include "lib/base/memory.h"
#include "tests/unit/lib/openflow/openflow_test.h"

static void queues_arrive_with_the_rates_that_are_set(void **state)
{
    struct of_queue_config queues[2] = {{.queue_id = 1, .port_no = 3, .min_rate = 100, .max_rate = 0xffff},
                                        {.queue_id = 2, .port_no = 3, .min_rate = 0xffff, .max_rate = 1000}};
    struct writer w;

    writer_init(&w);
    struct of_message out =
        openflow_over_the_wire((struct of_message){.type = OF_QUEUE_GET_CONFIG_REPLY,
                                                   .queue_config_reply = {.port_no = 3, .queues = queues, .n_queues = 2}},
                               &w);
    assert_int_equal(out.queue_config_reply.n_queues, 2);
    assert_memory_equal(out.queue_config_reply.queues, queues, sizeof queues);
    of_message_fini(&out);
    /* a property we do not know is stepped over; one that lies about its length is not */
    w.bytes[8 + 8 + 16 + 1] = 77;
    struct of_error error;
    assert_int_equal(of_decode(w.bytes, w.size, &openflow_context, &out, &error), 0);
    assert_int_equal(out.queue_config_reply.queues[0].min_rate, 0xffff);
    of_message_fini(&out);
    w.bytes[8 + 8 + 16 + 3] = 200;
    assert_int_equal(openflow_refusal(w.bytes, w.size), OF_ERROR_BAD_REQUEST_BAD_LEN);
    writer_fini(&w);
}

static void queues_are_asked_of_real_ports(void **state)
{
    struct of_message message = {.type = OF_QUEUE_GET_CONFIG_REQUEST, .queue_config_request = {.port_no = 3}};

    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.queue_config_request.port_no = PORT_ANY;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.queue_config_request.port_no = PORT_FLOOD;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_QUEUE_OP_FAILED_BAD_PORT);
    message.queue_config_request.port_no = 70000;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_BAD_ACTION_BAD_OUT_PORT);
}

static void queue_statistics_arrive(void **state)
{
    struct of_queue_stats stats = {
        .port_no = 1, .queue_id = 2, .tx_bytes = 3, .tx_packets = 4, .tx_errors = 5, .duration_ns = 6};
    struct of_queue_stats out = {.port_no = 0};
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_QUEUE, OF_FORM_STANDARD);
    assert_int_equal(of_queue_stats_encode(&mp, &stats), 0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_queue_stats_decode, struct of_queue_stats);
    assert_int_equal(of_queue_stats_decode(&r, OF_VERSION_13, &out), 0);
    assert_true(out.queue_id == 2 && out.tx_bytes == 3 && out.tx_packets == 4 && out.tx_errors == 5 && out.duration_ns == 6);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queues_arrive_with_the_rates_that_are_set),
        cmocka_unit_test(queues_are_asked_of_real_ports),
        cmocka_unit_test(queue_statistics_arrive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
