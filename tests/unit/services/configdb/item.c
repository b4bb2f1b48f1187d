/* Places for transactions are used again, with the memory of messages of the usual size and without that of large ones. */
#include "tests/unit/services/configdb/fixture.h"

#include <utlist.h>

#include "services/configdb/item.h"

static const struct bus_identity writer = {.kind = PROCESS_OFAGENT, .instance = 1, .start = 5};

static Busbar__Transact *unpack_into(struct msg_arena *memory, size_t value_size)
{
    static uint8_t value[1 << 20], packed[(1 << 20) + 100];
    Busbar__Transact message = BUSBAR__TRANSACT__INIT;
    Busbar__Op op = BUSBAR__OP__INIT, *ops[] = {&op};
    char client[] = "client";
    op.value = (ProtobufCBinaryData){.data = value, .len = value_size};
    message.client = client;
    message.ops = ops;
    message.n_ops = 1;
    struct bus_message sent = {.body = packed, .size = busbar__transact__pack(&message, packed)};
    return memory != NULL ? (Busbar__Transact *)msg_unpack_into(memory, &sent, &busbar__transact__descriptor)
                          : busbar__transact__unpack(NULL, sent.size, packed);
}

static struct commit_item *item_of(struct item_pool *pool, size_t value_size)
{
    Busbar__Transact *message = unpack_into(item_memory(pool), value_size);
    assert_non_null(message);
    return item_new(pool, &writer, message, value_size, true);
}

static void a_place_is_used_again_and_its_memory_holds_the_next(void **state)
{
    struct item_pool pool = {.lent = NULL};
    struct commit_item *first = item_of(&pool, 100);
    assert_string_equal(first->message->client, "client");
    first->n = 7;
    first->reply = memory_zeroed(10);
    item_end(&pool, first);
    assert_int_equal(pool.n_spare, 1);
    struct commit_item *second = item_of(&pool, 100);
    assert_ptr_equal(second, first);
    assert_true(second->n == 0 && second->reply == NULL && second->next == NULL);
    assert_null(second->memory.beside); /* one block is enough now */
    assert_int_equal(second->message->ops[0]->value.len, 100);
    item_forget_reply(second);
    item_end(&pool, second);
    item_pool_fini(&pool);
}

static void memory_that_is_lent_may_hold_what_is_not_queued(void **state)
{
    struct item_pool pool = {.lent = NULL};
    struct msg_arena *memory = item_memory(&pool);
    assert_non_null(unpack_into(memory, 50));
    assert_ptr_equal(item_memory(&pool), memory); /* refused: the next one */
    struct commit_item *own = item_new(&pool, &writer, unpack_into(NULL, 60), 60, false); /* beside it */
    struct commit_item *item = item_of(&pool, 70);
    assert_ptr_equal(&item->memory, memory);
    assert_int_equal(own->message->ops[0]->value.len, 60);
    assert_int_equal(item->message->ops[0]->value.len, 70);
    (void)item_memory(&pool);
    item_end(&pool, own);
    item_end(&pool, item);
    item_pool_fini(&pool);
}

/* Two bytes of each operation come, a hundred are held. */
static void what_it_takes_is_counted_and_not_what_was_sent(void **state)
{
    enum { OPS = 5000 };
    static uint8_t packed[OPS * 4 + 100];
    static Busbar__Op ops[OPS], *pointers[OPS];
    struct item_pool pool = {.lent = NULL};
    Busbar__Transact message = BUSBAR__TRANSACT__INIT;
    for (size_t i = 0; i < OPS; i++) {
        busbar__op__init(&ops[i]);
        pointers[i] = &ops[i];
    }
    message.ops = pointers;
    message.n_ops = OPS;
    struct bus_message sent = {.body = packed, .size = busbar__transact__pack(&message, packed)};
    assert_true(sent.size < OPS * sizeof(void *));
    Busbar__Transact *lent = (Busbar__Transact *)msg_unpack_into(item_memory(&pool), &sent, &busbar__transact__descriptor);
    struct commit_item *item = item_new(&pool, &writer, lent, sent.size, true);
    struct commit_item *own = item_new(&pool, &writer, busbar__transact__unpack(NULL, sent.size, packed), sent.size, false);
    assert_true(item->size >= OPS * sizeof ops[0] && item->size >= item->memory.wanted);
    assert_true(own->size >= OPS * sizeof ops[0]);
    item_end(&pool, item);
    item_end(&pool, own);
    item_pool_fini(&pool);
}

static void little_is_kept(void **state)
{
    struct item_pool pool = {.lent = NULL};
    struct commit_item *list = NULL;
    struct commit_item *large = item_of(&pool, 1 << 20);
    item_end(&pool, large);
    assert_int_equal(pool.n_spare, 0);
    for (int i = 0; i < ITEM_SPARE_MAX + 50; i++) {
        struct commit_item *item = item_of(&pool, 100);
        DL_APPEND(list, item);
    }
    item_end_list(&pool, &list);
    assert_null(list);
    assert_int_equal(pool.n_spare, ITEM_SPARE_MAX);
    for (struct commit_item *item = pool.spare; item != NULL; item = item->next) {
        assert_true(item->memory.room <= 2 * ITEM_SPARE_BYTES && item->memory.beside == NULL);
    }
    item_pool_fini(&pool);
    assert_int_equal(pool.n_spare, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_is_used_again_and_its_memory_holds_the_next),
        cmocka_unit_test(memory_that_is_lent_may_hold_what_is_not_queued),
        cmocka_unit_test(what_it_takes_is_counted_and_not_what_was_sent),
        cmocka_unit_test(little_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
