/* The law of rules written by hand (lib/msg/packer.h): the bytes are those that protobuf-c makes of the row, and read back they are the rule.
 *
 * Random rules of every field and action; BUSBAR_SEED replays a run.
 */
#include "lib/msg/rule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/msg/packer.h"
#include "tests/oracle/openflow.h"

enum { ROUNDS = 20000 };

static void seed_random(struct random *random)
{
    const char *text = getenv("BUSBAR_SEED");
    uint64_t value = text != NULL ? strtoull(text, NULL, 0) : random_start_number();

    print_message("seed %llu\n", (unsigned long long)value);
    random_seed(random, value);
}

/* Any width of number comes, zero too. */
static uint64_t random_number(struct random *random, unsigned bits)
{
    return random_u64(random) >> (64 - bits + random_below(random, bits)) & (random_below(random, 4) == 0 ? 0 : UINT64_MAX);
}

static void random_rule(struct random *random, struct rule *rule)
{
    openflow_random_rule(random, rule);
    rule->bridge = random_number(random, 64);
    rule->cookie = random_number(random, 64);
    rule->created_wall_ns = random_number(random, 64);
    rule->flags = (uint16_t)random_number(random, 5);
}

static void assert_same_bytes(const struct rule *rule, struct writer *packed)
{
    struct msg_rule_room room;
    const Busbar__RuleRow *row = msg_rule_encode(rule, &room);
    size_t size = protobuf_c_message_get_packed_size(&row->base), before = packed->size;
    uint8_t *bytes = memory_zeroed(size + 1);

    assert_int_equal(protobuf_c_message_pack(&row->base, bytes), size);
    msg_rule_pack(rule, packed);
    assert_int_equal(packed->size - before, size);
    assert_memory_equal(packed->bytes + before, bytes, size);
    free(bytes);
    msg_rule_room_fini(&room);
}

static void rules_packed_by_hand_are_as_protobuf_packs_them(void **state)
{
    struct random random;
    struct writer packed;

    seed_random(&random);
    writer_init(&packed);
    for (int i = 0; i < ROUNDS; i++) {
        struct rule rule;
        random_rule(&random, &rule);
        if (packed.size > 4096) { /* behind others, and at the beginning */
            writer_clear(&packed);
        }
        assert_same_bytes(&rule, &packed);
        rule_fini(&rule);
    }
    writer_fini(&packed);
}

static void rules_packed_by_hand_are_read_as_they_were(void **state)
{
    struct random random;
    struct writer packed;

    seed_random(&random);
    writer_init(&packed);
    for (int i = 0; i < ROUNDS / 4; i++) {
        struct rule rule, read;
        struct error_detail detail = {""};
        random_rule(&random, &rule);
        writer_clear(&packed);
        msg_rule_pack(&rule, &packed);
        Busbar__RuleRow *row = busbar__rule_row__unpack(NULL, packed.size, packed.bytes);
        assert_non_null(row);
        if (msg_rule_decode(rule.id, row, &read, &detail) != 0) {
            fail_msg("%s", detail.text);
        }
        assert_true(match_equal(&read.match, &rule.match));
        assert_true(instructions_equal(&read.instructions, &rule.instructions));
        assert_true(read.cookie == rule.cookie && read.created_wall_ns == rule.created_wall_ns && read.bridge == rule.bridge);
        busbar__rule_row__free_unpacked(row, NULL);
        rule_fini(&read);
        rule_fini(&rule);
    }
    writer_fini(&packed);
}

/* Lengths on both sides of what one, two and three bytes say. */
static void lengths_of_messages_are_put_before_them(void **state)
{
    static const size_t sizes[] = {0, 1, 126, 127, 128, 129, 16383, 16384, 16385, 2097151, 2097152};

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint8_t *hand = memory_zeroed(sizes[i] + 16), *known = memory_zeroed(sizes[i] + 16), *content = memory_zeroed(sizes[i] + 1);
        memset(content, 0x5c, sizes[i]);
        uint8_t *begin = pack_begin(hand, 17);
        memcpy(begin, content, sizes[i]);
        uint8_t *end = pack_end(begin, begin + sizes[i]);
        uint8_t *known_end = pack_element(known, 17, content, sizes[i]);
        assert_int_equal(end - hand, known_end - known);
        assert_memory_equal(hand, known, (size_t)(end - hand));
        free(hand);
        free(known);
        free(content);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_packed_by_hand_are_as_protobuf_packs_them),
        cmocka_unit_test(rules_packed_by_hand_are_read_as_they_were),
        cmocka_unit_test(lengths_of_messages_are_put_before_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
