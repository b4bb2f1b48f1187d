/* Transactions are read as protobuf-c reads them, whatever comes. */
#include "tests/unit/services/configdb/fixture.h"

#include "services/configdb/transact.h"
#include "services/configdb/txn.h"
#include "tests/unit/services/configdb/wire_rows.h"

enum { ROUNDS = 20000 };

static const ProtobufCMessageDescriptor *const transact = &busbar__transact__descriptor;

static size_t pack(const ProtobufCMessage *message, struct writer *out)
{
    writer_clear(out);
    return protobuf_c_message_pack(message, writer_extend(out, protobuf_c_message_get_packed_size(message)));
}

/* Packed again they are the same: nothing was left out or read as something else. */
static void check(struct msg_arena *memory, const struct writer *bytes, size_t *n_read)
{
    struct writer ours, theirs;
    ProtobufCMessage *wanted = protobuf_c_message_unpack(transact, NULL, bytes->size, bytes->bytes);
    Busbar__Transact *found = transact_read(memory, bytes->bytes, bytes->size);
    assert_int_equal(found != NULL, wanted != NULL);
    writer_init(&ours);
    writer_init(&theirs);
    if (wanted != NULL) {
        size_t size = pack(&found->base, &ours);
        assert_int_equal(size, pack(wanted, &theirs));
        assert_true(size == 0 || memcmp(ours.bytes, theirs.bytes, size) == 0);
        *n_read += found->n_ops;
    }
    writer_fini(&ours);
    writer_fini(&theirs);
    protobuf_c_message_free_unpacked(wanted, NULL);
}

static void what_comes_is_read_as_by_protobuf(void **state)
{
    const uint64_t seed = random_start_number();
    struct random random;
    struct writer bytes;
    struct msg_arena memory;
    size_t n_read = 0;
    random_seed(&random, seed);
    print_message("seed %llu\n", (unsigned long long)seed);
    msg_arena_init(&memory);
    writer_init(&bytes);
    for (int i = 0; i < ROUNDS; i++) {
        writer_clear(&bytes);
        wire_rows_message(&bytes, &random, transact, random_below(&random, 3) == 0 ? 0 : 1ull << (2 + random_below(&random, 8)),
                          0);
        if (bytes.size > 0 && random_below(&random, 4) == 0) {
            bytes.bytes[random_below(&random, bytes.size)] ^= (uint8_t)(1u << random_below(&random, 8));
        }
        check(&memory, &bytes, &n_read);
    }
    assert_true(n_read > ROUNDS / 2);
    writer_fini(&bytes);
    msg_arena_fini(&memory);
}

static void rows_stand_in_one_copy_and_operations_in_one_array(void **state)
{
    uint8_t value[] = {1, 2, 3}, packed[256];
    char client[] = "client", column[] = "epoch", *columns[] = {column};
    Busbar__Transact message = BUSBAR__TRANSACT__INIT;
    Busbar__Op ops[3], *pointers[3];
    for (size_t i = 0; i < 3; i++) {
        busbar__op__init(&ops[i]);
        ops[i].kind = BUSBAR__OP_KIND__OP_INSERT;
        ops[i].table = CFG_RULE;
        ops[i].id = 100 + i;
        ops[i].value = (ProtobufCBinaryData){.data = value, .len = sizeof value};
        pointers[i] = &ops[i];
    }
    ops[0].columns = columns; /* one that is protobuf-c's */
    ops[0].n_columns = 1;
    message.sequence = 9;
    message.client = client;
    message.ops = pointers;
    message.n_ops = 3;
    size_t size = busbar__transact__pack(&message, packed);
    struct msg_arena memory;
    msg_arena_init(&memory);
    Busbar__Transact *read = transact_read(&memory, packed, size);
    assert_non_null(read);
    assert_int_equal(read->sequence, 9);
    assert_string_equal(read->client, "client");
    assert_int_equal(read->n_ops, 3);
    assert_string_equal(read->ops[0]->columns[0], "epoch");
    assert_true(read->ops[1]->value.data < packed || read->ops[1]->value.data >= packed + size);
    ptrdiff_t apart = read->ops[2]->value.data - read->ops[1]->value.data;
    assert_true(apart > 0 && (size_t)apart < size);
    memset(packed, 0xff, size);
    assert_memory_equal(read->ops[1]->value.data, value, sizeof value);
    assert_ptr_equal(read->ops[1] + 1, read->ops[2]);
    assert_int_equal(read->ops[2]->id, 102);
    msg_arena_fini(&memory);
}

/* Numbers of more bytes than they need, fields of later versions, and what is none. */
static void fields_begin_and_end_where_protobuf_says(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
    } messages[] = {
#define BYTES(text) {text, sizeof(text) - 1}
        BYTES("\x08\x01\x1a\x02\x10\x05"),
        BYTES("\x1a\x82\x00\x10\x05"),
        BYTES("\x9a\x00\x02\x10\x05"),
        BYTES("\x9a\x80\x80\x80\x00\x82\x80\x80\x80\x00\x10\x05"),
        BYTES("\x9a\x80\x80\x80\x80\x00\x02\x10\x05"),
        BYTES("\x1a\x82\x80\x80\x80\x80\x00\x10\x05"),
        BYTES("\x1a\x02\x90\x00"),
        BYTES("\x1a\x03\x10\x85\x00"),
        BYTES("\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x00\x1a\x00"),
        BYTES("\x08\x81\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00\x1a\x00"),
        BYTES("\x55\x01\x02\x03\x04\x1a\x00"),
        BYTES("\x51\x01\x02\x03\x04\x05\x06\x07\x08\x1a\x00"),
        BYTES("\x1a\x00\x55\x01\x02\x03"),
        BYTES("\x53\x54\x1a\x00"),
        BYTES("\x02\x00\x1a\x00"),
        BYTES("\x80\x00\x00\x1a\x00"),
        BYTES("\x1a\x01"),
        BYTES("\x18\x01"),
        BYTES("\x1a"),
        BYTES("\x0d\x01\x02\x03\x04"),
#undef BYTES
    };
    struct msg_arena memory;
    struct writer bytes;
    size_t n_read = 0;
    msg_arena_init(&memory);
    writer_init(&bytes);
    for (size_t i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        writer_clear(&bytes);
        writer_bytes(&bytes, messages[i].bytes, messages[i].size);
        check(&memory, &bytes, &n_read);
    }
    assert_true(n_read > 5);
    writer_fini(&bytes);
    msg_arena_fini(&memory);
}

/* Two or three bytes each on the wire: they are counted, and no memory is taken for them. */
static void too_many_operations_are_counted_without_room_for_them(void **state)
{
    enum { OPS = 1000000, BYTES_MAX = 4096 };
    static const char *const forms[] = {"\x1a\x00", "\x1a\x80\x00", "\x9a\x00\x00"};
    struct error_detail detail;
    struct msg_arena memory;
    struct writer bytes;
    msg_arena_init(&memory);
    writer_init(&bytes);
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        writer_clear(&bytes);
        writer_bytes(&bytes, "\x55\x01\x02\x03\x04\x08\x07", 7);
        for (size_t i = 0; i < OPS; i++) {
            writer_bytes(&bytes, forms[form], form == 0 ? 2 : 3);
        }
        Busbar__Transact *message = transact_read(&memory, bytes.bytes, bytes.size);
        assert_non_null(message);
        assert_int_equal(message->sequence, 7);
        assert_int_equal(message->n_ops, OPS);
        assert_true(memory.wanted < BYTES_MAX);
        assert_int_equal(txn_count_ops(message, &detail), -ERROR_TOO_LARGE);
        assert_string_equal(detail.text, "1000000 operations are more than the limit of 100000");
    }
    writer_fini(&bytes);
    msg_arena_clear(&memory);
    assert_true(memory.room < 2 * BYTES_MAX);
    msg_arena_fini(&memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_is_read_as_by_protobuf),
        cmocka_unit_test(rows_stand_in_one_copy_and_operations_in_one_array),
        cmocka_unit_test(fields_begin_and_end_where_protobuf_says),
        cmocka_unit_test(too_many_operations_are_counted_without_room_for_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
