/* The golden OpenFlow messages: bytes that must be understood and written again the same, and bytes that must be refused with one error.
 *
 * A kind of message without a golden one is a failure, so a new row of messages.def brings its line in messages.txt.
 */
#include "lib/openflow/of_multipart.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/golden/golden.h"

static struct of_decode_context context_of(const struct golden *row)
{
    uint8_t version = row->bytes[0];
    bool is_ours = version < 32 && (OF_VERSIONS >> version & 1) != 0;

    return (struct of_decode_context){
        .version = is_ours ? version : (uint8_t)OF_VERSION_13, .n_tables = TABLE_COUNT, .has_table_id = true};
}

static FILE *open_golden(const char *path)
{
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_error("%s: cannot be opened (tests run in the root of the tree)\n", path);
    }
    assert_non_null(file);
    return file;
}

static void assert_written_again(const struct golden *row, const struct of_message *message)
{
    struct writer w;

    writer_init(&w);
    assert_int_equal(of_encode(message, &w), 0);
    if (w.size != row->size || memcmp(w.bytes, row->bytes, w.size) != 0) {
        print_error("%s: other bytes\n", row->columns[0]);
        fail();
    }
    writer_fini(&w);
}

/* The text beside a flow_mod ends with the words of our own formatter too. */
static void assert_text(const struct golden *row, const struct of_message *message)
{
    if (message->type != OF_FLOW_MOD || message->version != OF_VERSION_13) { /* our text is that of 1.3 */
        return;
    }
    char *actions = instructions_format(&message->flow_mod.instructions, NULL);
    char *match = match_format(&message->flow_mod.match, NULL);
    const char *at = strstr(row->columns[2], "actions=");
    assert_non_null(at);
    assert_string_equal(at + strlen("actions="), actions);
    assert_non_null(strstr(row->columns[2], match));
    free(actions);
    free(match);
}

static void every_golden_message_is_understood_and_written_again(void **state)
{
    FILE *file = open_golden("tests/golden/openflow/messages.txt");
    struct golden row = {.line = NULL};
    bool seen[256] = {false};

    while (golden_next(file, &row)) {
        struct of_decode_context context = context_of(&row);
        struct of_message message;
        struct of_error error;
        if (of_decode(row.bytes, row.size, &context, &message, &error) != 0) {
            print_error("%s: %s %s\n", row.columns[0], of_error_name(error.number), error.detail.text);
            fail();
        }
        seen[message.type] = true;
        assert_written_again(&row, &message);
        assert_text(&row, &message);
        of_message_fini(&message);
    }
    fclose(file);
    golden_fini(&row);
#define OF_MESSAGE(name, number, in_10, first, last, codec)                                                                                        \
    if (!seen[number]) {                                                                                                       \
        print_error("no golden message %s\n", #name);                                                                          \
        fail();                                                                                                                \
    }
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
}

static void every_wrong_message_is_refused_with_its_error(void **state)
{
    FILE *file = open_golden("tests/golden/openflow/errors.txt");
    struct golden row = {.line = NULL};
    unsigned n_rows = 0, n_wrong = 0;

    while (golden_next(file, &row)) {
        struct of_decode_context context = context_of(&row);
        struct of_message message;
        struct of_error error = {.number = OF_ERROR_NONE};
        int err = of_decode(row.bytes, row.size, &context, &message, &error);
        if (err == 0) {
            of_message_fini(&message);
        }
        if (err == 0 || strcmp(of_error_name(error.number), row.columns[2]) != 0) {
            print_error("%s: %s (%s) instead of %s\n", row.columns[0], of_error_name(error.number), error.detail.text,
                        row.columns[2]);
            n_wrong++;
        }
        n_rows++;
    }
    fclose(file);
    golden_fini(&row);
    assert_int_equal(n_wrong, 0);
    assert_true(n_rows > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_golden_message_is_understood_and_written_again),
        cmocka_unit_test(every_wrong_message_is_refused_with_its_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
