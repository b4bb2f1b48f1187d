/* The laws of the OpenFlow codec: decode(encode(m)) is m for every message; no input that is cut or bent makes it read outside, and
 * a message that was cut is never taken for a whole one.
 *
 * Runs under the sanitizers of the dev preset, which is where the second half bites. BUSBAR_SEED replays a run.
 */
#include "lib/openflow/of_message.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/memory.h"
#include "tests/oracle/openflow.h"

enum { ROUNDS = 400 };

static const struct of_decode_context context = {.version = OF_VERSION_13, .n_tables = TABLE_COUNT};

static const enum of_type types[] = {
#define OF_MESSAGE(name, number, codec) OF_##name,
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
};
enum { TYPES = sizeof types / sizeof types[0] };

static void seed(struct random *random)
{
    const char *text = getenv("BUSBAR_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    print_message("seed %llu\n", (unsigned long long)value);
    random_seed(random, value);
}

static void assert_round_trip(const struct of_message *message, struct writer *w)
{
    struct of_message again;
    struct of_error error = {.number = OF_ERROR_NONE};

    writer_clear(w);
    assert_int_equal(of_encode(message, w), 0);
    assert_int_equal(w->size % 8 == 0 || message->type != OF_FLOW_MOD, 1);
    int err = of_decode(w->bytes, w->size, &context, &again, &error);
    if (err != 0) {
        print_error("%s: %s %s\n", of_type_name((uint8_t)message->type), of_error_name(error.number), error.detail.text);
    }
    assert_int_equal(err, 0);
    if (!openflow_messages_equal(message, &again)) {
        print_error("%s differs\n", of_type_name((uint8_t)message->type));
        fail();
    }
    of_message_fini(&again);
}

static void a_message_encoded_and_decoded_is_the_message(void **state)
{
    struct random random;
    struct writer w;
    seed(&random);
    writer_init(&w);
    for (int i = 0; i < ROUNDS * TYPES; i++) {
        struct of_message message;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        openflow_random_message(&random, types[i % TYPES], data, &message);
        assert_round_trip(&message, &w);
        of_message_fini(&message);
    }
    writer_fini(&w);
}

/* Decodes a copy of exactly this size, so that the sanitizer sees the first byte too many. */
static int decode_copy(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = memory_copy(bytes, size);
    struct of_message message;
    struct of_error error = {.number = OF_ERROR_NONE};

    int err = of_decode(copy, size, &context, &message, &error);
    if (err == 0) {
        of_message_fini(&message);
    } else {
        assert_int_not_equal(error.number, OF_ERROR_NONE);
        assert_int_not_equal(error.detail.text[0], '\0');
    }
    free(copy);
    return err;
}

/* Types whose last member is data of any length: a shorter one is a message too. */
static bool ends_with_data(const struct of_message *message)
{
    return message->type == OF_ERROR || message->type == OF_ECHO_REQUEST || message->type == OF_ECHO_REPLY ||
           message->type == OF_EXPERIMENTER || message->type == OF_PACKET_IN || message->type == OF_PACKET_OUT ||
           message->type == OF_MULTIPART_REPLY || message->type == OF_HELLO ||
           (message->type == OF_MULTIPART_REQUEST && (message->multipart_request.type == OF_MULTIPART_TABLE_FEATURES ||
                                                      message->multipart_request.type == OF_MULTIPART_EXPERIMENTER));
}

/* Cut between two list members, a list is a shorter one, not a wrong one. */
static bool ends_with_list(const struct of_message *message)
{
    return message->type == OF_FLOW_MOD || message->type == OF_GROUP_MOD || message->type == OF_METER_MOD ||
           message->type == OF_QUEUE_GET_CONFIG_REPLY;
}

static void cut_everywhere(const struct of_message *message, struct writer *w)
{
    for (size_t size = 0; size < w->size; size++) {
        assert_int_not_equal(decode_copy(w->bytes, size), 0); /* the header knows better */
        if (size >= OF_HEADER_SIZE) {
            writer_patch_u16(w, 2, (uint16_t)size);
            int err = decode_copy(w->bytes, size);
            assert_true(err != 0 || ends_with_data(message) || (ends_with_list(message) && size % 8 == 0));
            writer_patch_u16(w, 2, (uint16_t)w->size);
        }
    }
}

static void a_cut_message_is_refused(void **state)
{
    struct random random;
    struct writer w;
    seed(&random);
    writer_init(&w);
    for (int i = 0; i < TYPES * 6; i++) {
        struct of_message message;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        openflow_random_message(&random, types[i % TYPES], data, &message);
        writer_clear(&w);
        assert_int_equal(of_encode(&message, &w), 0);
        cut_everywhere(&message, &w);
        of_message_fini(&message);
    }
    writer_fini(&w);
}

/* Every aligned pair of bytes takes the values that lengths go wrong with; each length of the message is among them. */
static void bend_everywhere(struct writer *w)
{
    static const uint16_t values[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 40, 0x7fff, 0xfff8, 0xffff};

    for (size_t offset = OF_HEADER_SIZE; offset + 2 <= w->size; offset += 2) {
        uint8_t before[2] = {w->bytes[offset], w->bytes[offset + 1]};
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            writer_patch_u16(w, offset, values[i]);
            (void)decode_copy(w->bytes, w->size);
        }
        uint16_t length = (uint16_t)(before[0] << 8 | before[1]);
        writer_patch_u16(w, offset, (uint16_t)(length + 8));
        (void)decode_copy(w->bytes, w->size);
        writer_patch_u16(w, offset, (uint16_t)(length - 8));
        (void)decode_copy(w->bytes, w->size);
        w->bytes[offset] = before[0];
        w->bytes[offset + 1] = before[1];
    }
}

static void a_bent_message_is_refused_or_means_something_and_nothing_is_read_outside(void **state)
{
    struct random random;
    struct writer w;
    seed(&random);
    writer_init(&w);
    for (int i = 0; i < TYPES * 6; i++) {
        struct of_message message;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        openflow_random_message(&random, types[i % TYPES], data, &message);
        writer_clear(&w);
        assert_int_equal(of_encode(&message, &w), 0);
        bend_everywhere(&w);
        of_message_fini(&message);
    }
    writer_fini(&w);
}

static void what_is_accepted_is_encoded_and_decoded_as_itself(void **state)
{
    struct random random;
    struct writer w, v;
    unsigned n_accepted = 0;
    seed(&random);
    writer_init(&w);
    writer_init(&v);
    for (int i = 0; i < ROUNDS * TYPES; i++) {
        struct of_message message, again;
        struct of_error error;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        openflow_random_message(&random, types[i % TYPES], data, &message);
        writer_clear(&w);
        assert_int_equal(of_encode(&message, &w), 0);
        of_message_fini(&message);
        if (w.size > OF_HEADER_SIZE) {
            w.bytes[OF_HEADER_SIZE + random_below(&random, w.size - OF_HEADER_SIZE)] ^=
                (uint8_t)(1u << random_below(&random, 8));
        }
        if (of_decode(w.bytes, w.size, &context, &again, &error) == 0) {
            n_accepted++;
            assert_round_trip(&again, &v);
            of_message_fini(&again);
        }
    }
    assert_true(n_accepted > 0);
    writer_fini(&w);
    writer_fini(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_encoded_and_decoded_is_the_message),
        cmocka_unit_test(a_cut_message_is_refused),
        cmocka_unit_test(a_bent_message_is_refused_or_means_something_and_nothing_is_read_outside),
        cmocka_unit_test(what_is_accepted_is_encoded_and_decoded_as_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
