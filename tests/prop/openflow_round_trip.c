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

static const uint8_t versions[] = {OF_VERSION_10, OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};
enum { VERSIONS = sizeof versions };

static struct of_decode_context context_of(uint8_t version)
{
    return (struct of_decode_context){.version = version, .n_tables = TABLE_COUNT, .has_table_id = true};
}

static const enum of_type types[] = {
#define OF_MESSAGE(name, number, in_10, first, last, codec) OF_##name,
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

/* The i-th message of a run: each type that the version has, in turn; false: not this one. */
static bool random_message(struct random *random, uint8_t version, int i, uint8_t data[OPENFLOW_RANDOM_DATA], struct of_message *out)
{
    if (!openflow_can_say(version, types[i % TYPES])) {
        return false;
    }
    openflow_random_message_in(random, version, types[i % TYPES], data, out);
    return true;
}

static void assert_round_trip(const struct of_message *message, struct writer *w)
{
    struct of_decode_context context = context_of(message->version);
    struct of_message again;
    struct of_error error = {.number = OF_ERROR_NONE};

    writer_clear(w);
    assert_int_equal(of_encode(message, w), 0);
    assert_int_equal(w->size % 8 == 0 || message->type != OF_FLOW_MOD || message->version == OF_VERSION_10, 1);
    int err = of_decode(w->bytes, w->size, &context, &again, &error);
    if (err != 0) {
        print_error("%s: %s %s\n", of_type_name((uint8_t)message->type), of_error_name(error.number), error.detail.text);
    }
    assert_int_equal(err, 0);
    if (!openflow_messages_equal(message, &again)) {
        print_error("%s of version %u differs\n", of_type_name((uint8_t)message->type), message->version);
        if (message->type == OF_FLOW_MOD) {
            char *said = instructions_format(&message->flow_mod.instructions, NULL);
            char *heard = instructions_format(&again.flow_mod.instructions, NULL);
            print_error("%s\n%s\n", said, heard);
            free(said);
            free(heard);
        }
        fail();
    }
    of_message_fini(&again);
}

/* 1.0 cannot say all that the model means: what it has said twice (a masked set_field as loads, these one by one) is said again the same way. */
static void say_it_once(struct of_message *message, struct writer *w)
{
    struct of_decode_context context = context_of(message->version);
    struct of_message said;
    struct of_error error = {.number = OF_ERROR_NONE};

    writer_clear(w);
    assert_int_equal(of_encode(message, w), 0);
    if (of_decode(w->bytes, w->size, &context, &said, &error) != 0) {
        print_error("%s: %s %s\n", of_type_name((uint8_t)message->type), of_error_name(error.number), error.detail.text);
        fail();
    }
    of_message_fini(message);
    *message = said;
}

static void a_message_encoded_and_decoded_is_the_message(void **state)
{
    struct random random;
    struct writer w, first, second;
    seed(&random);
    writer_init(&w);
    writer_init(&first);
    writer_init(&second);
    for (int i = 0; i < ROUNDS * TYPES; i++) {
        struct of_message message;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        uint8_t version = versions[i / TYPES % VERSIONS];
        if (!random_message(&random, version, i, data, &message)) {
            continue;
        }
        if (version == OF_VERSION_10) {
            say_it_once(&message, &first);
            say_it_once(&message, &second);
        }
        assert_round_trip(&message, &w);
        of_message_fini(&message);
    }
    writer_fini(&w);
    writer_fini(&first);
    writer_fini(&second);
}

/* Decodes a copy of exactly this size, so that the sanitizer sees the first byte too many. */
static int decode_copy(const uint8_t *bytes, size_t size, uint8_t version)
{
    struct of_decode_context context = context_of(version);
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
           message->type == OF_MULTIPART_REPLY || message->type == OF_HELLO || message->type == OF_BUNDLE_ADD ||
           (message->type == OF_MULTIPART_REQUEST && (message->multipart_request.type == OF_MULTIPART_TABLE_FEATURES ||
                                                      message->multipart_request.type == OF_MULTIPART_EXPERIMENTER));
}

/* Cut between two list members, a list is a shorter one, not a wrong one. */
static bool ends_with_list(const struct of_message *message)
{
    return message->type == OF_FLOW_MOD || message->type == OF_GROUP_MOD || message->type == OF_METER_MOD ||
           message->type == OF_QUEUE_GET_CONFIG_REPLY || message->type == OF_FEATURES_REPLY ||
           /* properties, of eight bytes or with their padding */
           message->type == OF_SET_ASYNC || message->type == OF_GET_ASYNC_REPLY || message->type == OF_TABLE_MOD ||
           message->type == OF_PORT_MOD || message->type == OF_ROLE_STATUS || message->type == OF_BUNDLE_CONTROL ||
           message->type == OF_RESUME ||
           (message->type == OF_MULTIPART_REQUEST && message->multipart_request.type == OF_MULTIPART_FLOW_MONITOR);
}

static void cut_everywhere(const struct of_message *message, struct writer *w)
{
    for (size_t size = 0; size < w->size; size++) {
        assert_int_not_equal(decode_copy(w->bytes, size, message->version), 0); /* the header knows better */
        if (size >= OF_HEADER_SIZE) {
            writer_patch_u16(w, 2, (uint16_t)size);
            int err = decode_copy(w->bytes, size, message->version);
            if (err == 0 && !ends_with_data(message) && !(ends_with_list(message) && size % 8 == 0)) {
                print_error("%s of version %u: %zu of %zu bytes are taken for all\n", of_type_name((uint8_t)message->type), message->version, size, w->size);
            }
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
    for (int i = 0; i < TYPES * 3 * VERSIONS; i++) {
        struct of_message message;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        if (!random_message(&random, versions[i / TYPES % VERSIONS], i, data, &message)) {
            continue;
        }
        writer_clear(&w);
        assert_int_equal(of_encode(&message, &w), 0);
        cut_everywhere(&message, &w);
        of_message_fini(&message);
    }
    writer_fini(&w);
}

/* Every aligned pair of bytes takes the values that lengths go wrong with; each length of the message is among them. */
static void bend_everywhere(struct writer *w, uint8_t version)
{
    static const uint16_t values[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 24, 40, 0x7fff, 0xfff8, 0xffff};

    for (size_t offset = OF_HEADER_SIZE; offset + 2 <= w->size; offset += 2) {
        uint8_t before[2] = {w->bytes[offset], w->bytes[offset + 1]};
        for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
            writer_patch_u16(w, offset, values[i]);
            (void)decode_copy(w->bytes, w->size, version);
        }
        uint16_t length = (uint16_t)(before[0] << 8 | before[1]);
        writer_patch_u16(w, offset, (uint16_t)(length + 8));
        (void)decode_copy(w->bytes, w->size, version);
        writer_patch_u16(w, offset, (uint16_t)(length - 8));
        (void)decode_copy(w->bytes, w->size, version);
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
    for (int i = 0; i < TYPES * 3 * VERSIONS; i++) {
        struct of_message message;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        if (!random_message(&random, versions[i / TYPES % VERSIONS], i, data, &message)) {
            continue;
        }
        writer_clear(&w);
        assert_int_equal(of_encode(&message, &w), 0);
        bend_everywhere(&w, message.version);
        of_message_fini(&message);
    }
    writer_fini(&w);
}

static void what_is_accepted_is_encoded_and_decoded_as_itself(void **state)
{
    struct random random;
    struct writer w, v, first, second;
    unsigned n_accepted = 0;
    seed(&random);
    writer_init(&first);
    writer_init(&second);
    writer_init(&w);
    writer_init(&v);
    for (int i = 0; i < ROUNDS * TYPES; i++) {
        struct of_message message, again;
        struct of_error error;
        uint8_t data[OPENFLOW_RANDOM_DATA];
        uint8_t version = versions[i / TYPES % VERSIONS];
        struct of_decode_context context = context_of(version);
        if (!random_message(&random, version, i, data, &message)) {
            continue;
        }
        writer_clear(&w);
        assert_int_equal(of_encode(&message, &w), 0);
        of_message_fini(&message);
        if (w.size > OF_HEADER_SIZE) {
            w.bytes[OF_HEADER_SIZE + random_below(&random, w.size - OF_HEADER_SIZE)] ^=
                (uint8_t)(1u << random_below(&random, 8));
        }
        if (of_decode(w.bytes, w.size, &context, &again, &error) == 0) {
            n_accepted++;
            if (version == OF_VERSION_10) {
                say_it_once(&again, &first);
                say_it_once(&again, &second);
            }
            assert_round_trip(&again, &v);
            of_message_fini(&again);
        }
    }
    assert_true(n_accepted > 0);
    writer_fini(&first);
    writer_fini(&second);
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
