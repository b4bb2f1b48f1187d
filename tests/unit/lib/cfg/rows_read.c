/* Tests of lib/cfg/rows_read.c against protobuf-c, which reads the same bytes. */
#include "lib/cfg/rows_read.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/bytes.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/bus/bus.h"

enum { ROWS = 5 };

struct sample {
    uint8_t values[ROWS][8];
    Busbar__Version version;
    Busbar__Row rows[ROWS], *pointers[ROWS];
    Busbar__Delta deltas[2], *delta_pointers[2];
    Busbar__DeltaBatch batch;
    Busbar__DeltaMerged merged;
};

static void fill(struct sample *s)
{
    static const uint64_t ids[ROWS] = {0, 1, 300, UINT64_MAX, 7};
    busbar__version__init(&s->version);
    s->version.epoch = 3;
    s->version.n = 1234567;
    for (size_t i = 0; i < ROWS; i++) {
        busbar__row__init(&s->rows[i]);
        memset(s->values[i], (int)(0x41 + i), sizeof s->values[i]);
        s->rows[i].table = (uint32_t)i * 3;
        s->rows[i].id = ids[i];
        s->rows[i].value = (ProtobufCBinaryData){.len = i, .data = s->values[i]};
        s->rows[i].deleted = i == 0;
        s->pointers[i] = &s->rows[i];
    }
    for (size_t i = 0; i < 2; i++) {
        busbar__delta__init(&s->deltas[i]);
        s->deltas[i].version = &s->version;
        s->deltas[i].last = i == 0;
        s->deltas[i].since = i == 0 ? 0 : 99;
        s->deltas[i].authors = i == 0 ? UINT64_MAX : 0;
        s->deltas[i].tables = i == 0 ? 0x80000001 : 0;
        s->deltas[i].changes = s->pointers;
        s->deltas[i].n_changes = i == 0 ? ROWS : 0;
        s->delta_pointers[i] = &s->deltas[i];
    }
    busbar__delta_batch__init(&s->batch);
    s->batch.deltas = s->delta_pointers;
    s->batch.n_deltas = 2;
    busbar__delta_merged__init(&s->merged);
    s->merged.version = &s->version;
    s->merged.since = 1234000;
    s->merged.authors = 1ull << 40;
    s->merged.tables = 9;
    s->merged.changes = s->pointers;
    s->merged.n_changes = ROWS;
}

static const ProtobufCMessageDescriptor *descriptor_of(uint32_t type)
{
    return type == MESSAGE_DELTA         ? &busbar__delta__descriptor
           : type == MESSAGE_DELTA_BATCH ? &busbar__delta_batch__descriptor
                                         : &busbar__delta_merged__descriptor;
}

static void pack(const ProtobufCMessage *message, struct writer *out)
{
    writer_clear(out);
    protobuf_c_message_pack(message, writer_extend(out, protobuf_c_message_get_packed_size(message)));
}

/* What is read quickly is what protobuf-c reads. Returns whether it was. */
static bool compare(uint32_t type, const uint8_t *bytes, size_t size)
{
    struct msg_arena arena;
    struct writer ours, theirs;
    uint8_t *copy = memory_copy(bytes, size); /* exactly so many: a read past them is seen */

    msg_arena_init(&arena);
    writer_init(&ours);
    writer_init(&theirs);
    ProtobufCMessage *quick = rows_read(&arena, type, copy, size);
    if (quick != NULL) {
        ProtobufCMessage *slow = protobuf_c_message_unpack(descriptor_of(type), NULL, size, copy);
        assert_non_null(slow);
        pack(quick, &ours);
        pack(slow, &theirs);
        assert_int_equal(ours.size, theirs.size);
        assert_memory_equal(ours.bytes, theirs.bytes, ours.size);
        protobuf_c_message_free_unpacked(slow, NULL);
    }
    writer_fini(&ours);
    writer_fini(&theirs);
    msg_arena_fini(&arena);
    free(copy);
    return quick != NULL;
}

struct packed_sample {
    uint32_t type;
    struct writer bytes;
};

static void pack_samples(struct packed_sample out[3])
{
    struct sample s;
    fill(&s);
    const ProtobufCMessage *messages[3] = {&s.deltas[0].base, &s.batch.base, &s.merged.base};
    const uint32_t types[3] = {MESSAGE_DELTA, MESSAGE_DELTA_BATCH, MESSAGE_DELTA_MERGED};
    for (size_t i = 0; i < 3; i++) {
        out[i].type = types[i];
        writer_init(&out[i].bytes);
        pack(messages[i], &out[i].bytes);
    }
}

static void free_samples(struct packed_sample samples[3])
{
    for (size_t i = 0; i < 3; i++) {
        writer_fini(&samples[i].bytes);
    }
}

static void what_configdb_writes_is_read_quickly_and_as_protobuf_c_does(void **state)
{
    struct packed_sample samples[3];
    pack_samples(samples);
    for (size_t i = 0; i < 3; i++) {
        assert_true(compare(samples[i].type, samples[i].bytes.bytes, samples[i].bytes.size));
    }
    free_samples(samples);
}

static void values_stand_where_they_are_in_the_message(void **state)
{
    struct packed_sample samples[3];
    struct msg_arena arena;
    msg_arena_init(&arena);
    pack_samples(samples);
    const struct writer *bytes = &samples[0].bytes;
    const Busbar__Delta *delta = (const Busbar__Delta *)rows_read(&arena, MESSAGE_DELTA, bytes->bytes, bytes->size);
    assert_non_null(delta);
    assert_int_equal(delta->n_changes, ROWS);
    assert_true(delta->changes[4]->value.data > bytes->bytes && delta->changes[4]->value.data + 4 <= bytes->bytes + bytes->size);
    assert_null(rows_read(&arena, MESSAGE_SNAPSHOT, bytes->bytes, bytes->size));
    msg_arena_fini(&arena);
    free_samples(samples);
}

static void cut_and_spoilt_messages_are_refused_or_read_alike(void **state)
{
    struct packed_sample samples[3];
    struct random r;
    size_t n_read = 0, n_left = 0;

    print_message("seed 11\n");
    random_seed(&r, 11);
    pack_samples(samples);
    for (size_t i = 0; i < 3; i++) {
        const struct writer *bytes = &samples[i].bytes;
        for (size_t size = 0; size < bytes->size; size++) {
            (void)compare(samples[i].type, bytes->bytes, size);
        }
        for (size_t round = 0; round < 3000; round++) {
            uint8_t *spoilt = memory_copy(bytes->bytes, bytes->size);
            for (uint64_t n = 1 + random_below(&r, 3); n > 0; n--) {
                spoilt[random_below(&r, bytes->size)] = (uint8_t)random_below(&r, 256);
            }
            *(compare(samples[i].type, spoilt, bytes->size) ? &n_read : &n_left) += 1;
            free(spoilt);
        }
    }
    assert_true(n_read > 500 && n_left > 500); /* both happen */
    free_samples(samples);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_configdb_writes_is_read_quickly_and_as_protobuf_c_does),
        cmocka_unit_test(values_stand_where_they_are_in_the_message),
        cmocka_unit_test(cut_and_spoilt_messages_are_refused_or_read_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
