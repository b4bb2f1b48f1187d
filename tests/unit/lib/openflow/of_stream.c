/* Tests of lib/openflow/of_stream.c: messages come out whole whatever the pieces were. */
#include "lib/openflow/of_stream.h"

#include <errno.h>

#include "lib/base/random.h"
#include "tests/unit/lib/openflow/openflow_test.h"

enum { N_MESSAGES = 200 };

/* Message i has i * 37 % 500 bytes behind its header, all of value i. */
static size_t write_messages(struct writer *w)
{
    for (unsigned i = 0; i < N_MESSAGES; i++) {
        size_t body = i * 37 % 500;
        writer_u8(w, 4);
        writer_u8(w, OF_ECHO_REQUEST);
        writer_u16(w, (uint16_t)(8 + body));
        writer_u32(w, i);
        memset(writer_extend(w, body), (int)i, body);
    }
    return w->size;
}

static void messages_come_out_whole_and_in_order_however_the_stream_is_cut(void **state)
{
    struct random random;
    struct writer w;
    random_seed(&random, 3);
    writer_init(&w);
    size_t total = write_messages(&w);
    for (int round = 0; round < 20; round++) {
        struct of_stream stream;
        const uint8_t *bytes = NULL;
        size_t size = 0, fed = 0;
        unsigned n = 0;
        of_stream_init(&stream);
        while (fed < total) {
            uint8_t *room = NULL;
            size_t part = 1 + random_below(&random, round < 10 ? 40 : 5000);
            size_t most = of_stream_room(&stream, &room);
            part = part < most ? part : most;
            part = part < total - fed ? part : total - fed;
            memcpy(room, w.bytes + fed, part);
            of_stream_received(&stream, part);
            fed += part;
            while (of_stream_next(&stream, &bytes, &size) > 0) {
                assert_int_equal(size, 8 + n * 37 % 500);
                assert_int_equal(bytes[7], n);
                assert_true(size == 8 || bytes[size - 1] == n);
                n++;
            }
        }
        assert_int_equal(n, N_MESSAGES);
        of_stream_fini(&stream);
    }
    writer_fini(&w);
}

static void a_length_below_eight_ends_the_stream_and_names_the_xid(void **state)
{
    const uint8_t bad[] = {4, 5, 0, 7, 0x11, 0x22, 0x33, 0x44};
    struct of_stream stream;
    uint8_t *room = NULL;
    const uint8_t *bytes = NULL;
    size_t size = 0;

    of_stream_init(&stream);
    assert_int_equal(of_stream_xid(&stream), 0);
    assert_true(of_stream_room(&stream, &room) >= OF_STREAM_READ);
    memcpy(room, bad, sizeof bad);
    of_stream_received(&stream, 7);
    assert_int_equal(of_stream_next(&stream, &bytes, &size), 0);
    assert_int_equal(of_stream_xid(&stream), 0);
    of_stream_received(&stream, 1);
    assert_int_equal(of_stream_next(&stream, &bytes, &size), -EPROTO);
    assert_int_equal(of_stream_xid(&stream), 0x11223344);
    assert_null(bytes);
    of_stream_fini(&stream);
}

static void memory_is_bounded_by_one_message_and_one_read(void **state)
{
    struct of_stream stream;
    uint8_t *room = NULL;
    const uint8_t *bytes = NULL;
    size_t size = 0;

    of_stream_init(&stream);
    for (size_t fed = 0; fed < 2000000;) {
        size_t most = of_stream_room(&stream, &room);
        for (size_t i = 0; i < most; i++, fed++) { /* messages of 65535 bytes, again and again */
            size_t at = fed % 65535;
            room[i] = at == 0 ? 4 : at == 2 || at == 3 ? 0xff : 0;
        }
        of_stream_received(&stream, most);
        while (of_stream_next(&stream, &bytes, &size) > 0) {
            assert_int_equal(size, 65535);
        }
        assert_true(stream.room <= OF_MESSAGE_MAX + 2 * OF_STREAM_READ);
    }
    of_stream_fini(&stream);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_come_out_whole_and_in_order_however_the_stream_is_cut),
        cmocka_unit_test(a_length_below_eight_ends_the_stream_and_names_the_xid),
        cmocka_unit_test(memory_is_bounded_by_one_message_and_one_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
