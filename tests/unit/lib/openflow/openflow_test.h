/* What the tests of lib/openflow share: encode and decode with assertions. */
#ifndef BUSBAR_TESTS_OPENFLOW_TEST_H
#define BUSBAR_TESTS_OPENFLOW_TEST_H

#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_multipart.h"
#include "tests/unit/lib/model/model_test.h"

static const struct of_decode_context openflow_context = {.version = OF_VERSION_13, .n_tables = TABLE_COUNT};

/* What a session of this version decodes with. */
static inline struct of_decode_context openflow_context_of(uint8_t version)
{
    return (struct of_decode_context){.version = version, .n_tables = TABLE_COUNT, .has_table_id = true};
}
static const uint8_t openflow_versions[] = {OF_VERSION_10, OF_VERSION_13, OF_VERSION_14, OF_VERSION_15};
enum { OPENFLOW_VERSIONS = sizeof openflow_versions };

/* The message as it arrives on the other side, of version 1.3 unless it says another. `w` keeps its bytes: cleared here, alive as long as the result. */
static inline struct of_message openflow_over_the_wire(struct of_message message, struct writer *w)
{
    struct of_message out;
    struct of_error error = {.number = OF_ERROR_NONE};
    message.version = message.version != 0 ? message.version : OF_VERSION_13;
    struct of_decode_context context = openflow_context_of(message.version);
    writer_clear(w);
    assert_int_equal(of_encode(&message, w), 0);
    if (of_decode(w->bytes, w->size, &context, &out, &error) != 0) {
        print_error("%s: %s\n", of_error_name(error.number), error.detail.text);
        fail();
    }
    assert_int_equal(out.type, message.type);
    assert_int_equal(out.xid, message.xid);
    return out;
}

/* What these bytes are refused with; OF_ERROR_NONE when they are accepted. */
static inline enum of_error_number openflow_refusal(const uint8_t *bytes, size_t size)
{
    struct of_message message;
    struct of_error error = {.number = OF_ERROR_NONE};
    struct of_decode_context context = openflow_context_of(bytes[0]);
    if (of_decode(bytes, size, &context, &message, &error) != 0) {
        assert_int_not_equal(error.number, OF_ERROR_NONE);
        return error.number;
    }
    of_message_fini(&message);
    return OF_ERROR_NONE;
}

/* The same for a message of ours that the encoder writes without looking. */
static inline enum of_error_number openflow_refusal_of(struct of_message message)
{
    struct writer w;
    writer_init(&w);
    message.version = message.version != 0 ? message.version : OF_VERSION_13;
    assert_int_equal(of_encode(&message, &w), 0);
    enum of_error_number number = openflow_refusal(w.bytes, w.size);
    writer_fini(&w);
    return number;
}

/* Ends a multipart of one message and gives out a reader of its items. */
static inline struct reader openflow_items(struct of_multipart *mp)
{
    struct of_message message;
    struct of_error error;
    struct of_decode_context context = openflow_context_of(mp->version);
    of_multipart_end(mp);
    assert_int_equal(of_decode(mp->out->bytes, mp->out->size, &context, &message, &error), 0);
    assert_int_equal(message.multipart_reply.type, mp->type);
    assert_int_equal(message.multipart_reply.form, mp->form);
    assert_int_equal(message.multipart_reply.flags, 0);
    return reader_of(message.multipart_reply.data, message.multipart_reply.data_size);
}

/* Every decoder of items says that an item is cut, and never reads past it. */
#define OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(items, decode, type)                                                               \
    do {                                                                                                                       \
        size_t whole_ = reader_left(&(items));                                                                                 \
        for (size_t size_ = 0; size_ < whole_; size_++) {                                                                      \
            uint8_t *copy_ = memory_copy((items).pos, size_);                                                                  \
            struct reader cut_ = reader_of(copy_, size_);                                                                      \
            type out_;                                                                                                         \
            assert_int_not_equal(decode(&cut_, OF_VERSION_13, &out_), 0);                                                                   \
            free(copy_);                                                                                                       \
        }                                                                                                                      \
    } while (0)

/* Actions of version 1.0 out of bytes, and that they read as `text` and are written as they came. */
static inline struct action_list openflow_actions10_of(const char *hex_name, const uint8_t *bytes, size_t size)
{
    struct action_list list;
    struct of_error error = {.number = OF_ERROR_NONE};
    struct reader r = reader_of(bytes, size);
    if (of_actions_decode(&r, OF_VERSION_10, &list, &error) != 0) {
        fail_msg("%s: %s", hex_name, error.detail.text);
    }
    return list;
}

static inline void openflow_assert_actions10(const char *text, const uint8_t *bytes, size_t size)
{
    struct writer w;
    writer_init(&w);
    struct action_list list = openflow_actions10_of(text, bytes, size);
    char *said = action_list_format(&list, NULL);
    assert_string_equal(said, text);
    of_actions_encode(&w, OF_VERSION_10, &list);
    assert_int_equal(w.size, size);
    assert_memory_equal(w.bytes, bytes, size);
    free(said);
    action_list_fini(&list);
    writer_fini(&w);
}

#endif
