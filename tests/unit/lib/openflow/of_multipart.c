/* Tests of lib/openflow/of_multipart.c: requests, and the splitting of long replies. */
#include "tests/unit/lib/openflow/openflow_test.h"

#include "lib/base/memory.h"

/* Reads a reply of any number of messages; returns how many, checks MORE, lengths and xid; counts rules. */
static unsigned read_reply(const struct writer *w, uint32_t xid, unsigned *out_rules)
{
    struct of_message message = {.multipart_reply = {.flags = OF_MULTIPART_MORE}};
    struct of_error error;
    unsigned n_messages = 0;
    size_t at = 0;

    *out_rules = 0;
    while (at < w->size) {
        struct of_header header;
        assert_int_equal(message.multipart_reply.flags, OF_MULTIPART_MORE);
        assert_int_equal(of_header_read(w->bytes + at, w->size - at, &header), 0);
        assert_int_equal(of_decode(w->bytes + at, header.length, &openflow_context, &message, &error), 0);
        assert_int_equal(message.xid, xid);
        struct reader r = reader_of(message.multipart_reply.data, message.multipart_reply.data_size);
        while (reader_left(&r) > 0) {
            struct rule rule;
            struct rule_stats stats;
            assert_int_equal(of_flow_stats_decode(&r, OF_VERSION_13, OF_FORM_STANDARD, &rule, &stats), 0);
            assert_int_equal(rule.cookie, *out_rules);
            ++*out_rules;
            rule_fini(&rule);
        }
        at += header.length;
        n_messages++;
    }
    assert_int_equal(message.multipart_reply.flags, 0);
    return n_messages;
}

static void a_long_reply_is_several_messages_and_only_the_last_is_without_more(void **state)
{
    const unsigned counts[] = {0, 1, 700, 5000};
    struct rule rule;
    struct rule_stats stats = {.n_packets = 1};

    rule_init(&rule);
    rule.match = model_match("tcp,tp_dst=80");
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct of_multipart mp;
        struct writer w;
        unsigned n_rules = 0;
        writer_init(&w);
        of_multipart_begin(&mp, &w, 4, 77, OF_MULTIPART_FLOW, OF_FORM_STANDARD);
        for (unsigned n = 0; n < counts[i]; n++) {
            rule.cookie = n;
            assert_int_equal(of_flow_stats_encode(&mp, &rule, &stats), 0);
        }
        of_multipart_end(&mp);
        unsigned n_messages = read_reply(&w, 77, &n_rules);
        assert_int_equal(n_rules, counts[i]);
        assert_int_equal(n_messages, counts[i] == 0 ? 1 : (counts[i] + 908) / 909); /* 72 bytes a rule, 65519 a message */
        writer_fini(&w);
    }
    rule_fini(&rule);
}

static void an_item_that_no_message_can_hold_is_left_out(void **state)
{
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = 1}};
    struct rule small, large;
    struct rule_stats stats = {.n_packets = 1};
    struct of_multipart mp;
    struct writer w;
    unsigned n_rules = 0;

    writer_init(&w);
    rule_init(&small);
    rule_init(&large);
    for (int i = 0; i < 4100; i++) {
        action_list_add(&large.instructions.apply, &output);
    }
    of_multipart_begin(&mp, &w, 4, 5, OF_MULTIPART_FLOW, OF_FORM_STANDARD);
    assert_int_equal(of_flow_stats_encode(&mp, &small, &stats), 0);
    assert_int_equal(of_flow_stats_encode(&mp, &large, &stats), -ERROR_TOO_LARGE);
    small.cookie = 1;
    assert_int_equal(of_flow_stats_encode(&mp, &small, &stats), 0);
    of_multipart_end(&mp);
    assert_int_equal(read_reply(&w, 5, &n_rules), 1);
    assert_int_equal(n_rules, 2);
    rule_fini(&large);
    writer_fini(&w);
}

static void every_request_has_its_size(void **state)
{
    const struct {
        uint16_t type;
        size_t size;
    } requests[] = {
#define OF_MULTIPART(name, number, first, size_10, size, size_15) {number, size},
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
    };

    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        uint8_t bytes[OF_HEADER_SIZE + 8 + 9] = {4, OF_MULTIPART_REQUEST, 0, 0, 0, 0, 0, 1};
        bytes[8] = (uint8_t)(requests[i].type >> 8);
        bytes[9] = (uint8_t)requests[i].type;
        bool is_asked = requests[i].size != OF_BODY_ANY && of_multipart_exists(OF_VERSION_13, requests[i].type);
        for (size_t size = 0; is_asked && size <= 9; size++) {
            bytes[3] = (uint8_t)(16 + size);
            enum of_error_number number = openflow_refusal(bytes, 16 + size);
            assert_int_equal(number, size == requests[i].size ? OF_ERROR_NONE : OF_ERROR_BAD_REQUEST_BAD_LEN);
        }
    }
}

static void requests_that_go_on_are_refused_where_one_message_holds_them(void **state)
{
    struct of_message message = {.type = OF_MULTIPART_REQUEST,
                                 .multipart_request = {.type = OF_MULTIPART_DESC, .flags = OF_MULTIPART_MORE}};

    assert_int_equal(openflow_refusal_of(message), OF_ERROR_BAD_REQUEST_MULTIPART_BUFFER_OVERFLOW);
    message.multipart_request.type = OF_MULTIPART_TABLE_FEATURES;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.multipart_request.type = 99;
    message.multipart_request.flags = 0;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_BAD_REQUEST_BAD_MULTIPART);
}

static void a_filter_arrives_as_it_was_sent(void **state)
{
    struct of_message message = {.type = OF_MULTIPART_REQUEST, .multipart_request = {.type = OF_MULTIPART_AGGREGATE}};
    struct rule_filter *filter = &message.multipart_request.filter;
    struct writer w;

    writer_init(&w);
    assert_int_equal(rule_filter_parse("table=2,cookie=0x1/0xff,out_port=3,out_group=4,tcp", NULL, filter, NULL), 0);
    struct of_message out = openflow_over_the_wire(message, &w);
    const struct rule_filter *arrived = &out.multipart_request.filter;
    assert_true(match_equal(&arrived->match, &filter->match));
    assert_true(arrived->cookie == 1 && arrived->cookie_mask == 0xff && arrived->table == 2);
    assert_true(arrived->out_port == 3 && arrived->out_group == 4);
    filter->out_port = 70000;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_BAD_ACTION_BAD_OUT_PORT);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_reply_is_several_messages_and_only_the_last_is_without_more),
        cmocka_unit_test(an_item_that_no_message_can_hold_is_left_out),
        cmocka_unit_test(every_request_has_its_size),
        cmocka_unit_test(requests_that_go_on_are_refused_where_one_message_holds_them),
        cmocka_unit_test(a_filter_arrives_as_it_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
