/* Tests of lib/openflow/of_table.c. */
#include "lib/base/memory.h"
#include "tests/unit/lib/openflow/openflow_test.h"

static void a_table_mod_names_a_table_or_all(void **state)
{
    struct of_message message = {.type = OF_TABLE_MOD, .table_mod = {.table = TABLE_MAX, .config = 3}};

    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.table_mod.table = TABLE_ALL;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_NONE);
    message.table_mod.table = 254;
    assert_int_equal(openflow_refusal_of(message), OF_ERROR_TABLE_MOD_FAILED_BAD_TABLE);
}

static void table_statistics_arrive(void **state)
{
    struct of_table_stats stats = {.table = 1, .n_active = 2, .n_lookup = 3, .n_matched = 4}, out;
    struct of_multipart mp;
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_TABLE, OF_FORM_STANDARD);
    assert_int_equal(of_table_stats_encode(&mp, &stats), 0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_table_stats_decode, struct of_table_stats);
    assert_int_equal(of_table_stats_decode(&r, OF_VERSION_13, &out), 0);
    assert_true(out.table == 1 && out.n_active == 2 && out.n_lookup == 3 && out.n_matched == 4);
    writer_fini(&w);
}

/* Walks the properties: types seen as bits, and the bytes of the one asked for. */
static unsigned walk_properties(const struct of_table_features *features, uint16_t wanted, struct reader *out_body)
{
    struct reader r = reader_of(features->properties, features->properties_size);
    unsigned seen = 0;
    while (reader_left(&r) > 0) {
        uint16_t type = reader_u16(&r);
        uint16_t length = reader_u16(&r);
        struct reader body = reader_sub(&r, length - 4u);
        reader_skip(&r, (8u - length % 8) % 8);
        assert_false(r.failed);
        seen |= 1u << type;
        if (type == wanted) {
            *out_body = body;
        }
    }
    return seen;
}

static void table_features_list_all_eight_properties_and_the_tables_behind(void **state)
{
    enum { ALL_EIGHT = 1 << 0 | 1 << 2 | 1 << 4 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 12 | 1 << 14 };
    struct of_table_features features = {.table = 3,
                                         .n_tables = 6,
                                         .name = "table3",
                                         .metadata_match = UINT64_MAX,
                                         .max_entries = 9},
                             out;
    struct of_multipart mp;
    struct reader body = reader_of(NULL, 0);
    struct writer w;

    writer_init(&w);
    of_multipart_begin(&mp, &w, 4, 1, OF_MULTIPART_TABLE_FEATURES, OF_FORM_STANDARD);
    assert_int_equal(of_table_features_encode(&mp, &features), 0);
    struct reader r = openflow_items(&mp);
    OPENFLOW_ASSERT_CUT_ITEM_IS_REFUSED(r, of_table_features_decode, struct of_table_features);
    assert_int_equal(of_table_features_decode(&r, OF_VERSION_13, &out), 0);
    assert_int_equal(reader_left(&r), 0);
    assert_string_equal(out.name, "table3");
    assert_int_equal(out.max_entries, 9);
    assert_int_equal(walk_properties(&out, 2, &body), ALL_EIGHT);
    assert_int_equal(reader_left(&body), 2);
    assert_int_equal(reader_u8(&body), 4);
    assert_int_equal(reader_u8(&body), 5);
    (void)walk_properties(&out, 8, &body);
    bool has_tcp_dst = false;
    while (reader_left(&body) > 0) {
        has_tcp_dst = reader_u32(&body) == 0x80001d04 || has_tcp_dst; /* maskable, so with a mask */
    }
    assert_true(has_tcp_dst);
    writer_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_mod_names_a_table_or_all),
        cmocka_unit_test(table_statistics_arrive),
        cmocka_unit_test(table_features_list_all_eight_properties_and_the_tables_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
