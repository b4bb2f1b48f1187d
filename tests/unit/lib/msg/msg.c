/* Tests of lib/msg/msg.c: messages arrive as they were, and what cannot be read is NULL. */
#include "lib/msg/msg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "proto/session.pb-c.h"

static const struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 11};
static const struct bus_identity replica = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 22};

struct net {
    struct bus_hub *hub;
    struct bus *a, *b;
    struct bus_socket *binder, *connector;
};

static int setup(void **state)
{
    static struct net n;
    n = (struct net){.hub = bus_hub_new(1)};
    n.a = bus_memory_new(n.hub, &shard);
    n.b = bus_memory_new(n.hub, &replica);
    assert_int_equal(bus_bind(n.a, WIRE_SESSION, "s", &n.binder), 0);
    assert_int_equal(bus_connect(n.b, WIRE_SESSION, "s", &n.connector), 0);
    bus_hub_step(n.hub, 1);
    *state = &n;
    return 0;
}

static int teardown(void **state)
{
    struct net *n = *state;
    bus_destroy(&n->a);
    bus_destroy(&n->b);
    bus_hub_destroy(&n->hub);
    return 0;
}

static void message_arrives_as_it_was(void **state)
{
    struct net *n = *state;
    Busbar__MissBatch batch = BUSBAR__MISS_BATCH__INIT;
    uint8_t key[128] = {1, 2, 3};
    uint64_t ask = 77;
    batch.asks = &ask;
    batch.n_asks = 1;
    batch.keys = (ProtobufCBinaryData){.len = sizeof key, .data = key};
    assert_int_equal(msg_send(n->binder, &replica, MESSAGE_MISS_BATCH, &batch.base), 0);
    bus_hub_step(n->hub, 2);
    struct bus_message m;
    assert_int_equal(bus_recv(n->connector, &m), 0);
    Busbar__MissBatch *read = (Busbar__MissBatch *)msg_unpack(&m, &busbar__miss_batch__descriptor);
    bus_message_fini(&m);
    assert_true(read != NULL && read->n_asks == 1 && read->asks[0] == 77 && read->keys.len == sizeof key);
    assert_memory_equal(read->keys.data, key, sizeof key);
    busbar__miss_batch__free_unpacked(read, NULL);
}

static void errors_are_those_of_the_bus(void **state)
{
    struct net *n = *state;
    Busbar__FrameDown frame = BUSBAR__FRAME_DOWN__INIT;
    struct bus_identity nobody = {.kind = PROCESS_SLOWPATH, .instance = 9, .start = 9};
    assert_int_equal(msg_send(n->binder, &nobody, MESSAGE_FRAME_DOWN, &frame.base), -ERROR_NOT_CONNECTED);
    frame.frame.len = (size_t)BUS_MESSAGE_MAX_BYTES + 1;
    frame.frame.data = memory_zeroed(frame.frame.len);
    assert_int_equal(msg_send(n->binder, &replica, MESSAGE_FRAME_DOWN, &frame.base), -ERROR_TOO_LARGE);
    assert_int_equal(bus_socket_counters(n->binder)->too_large, 1);
    free(frame.frame.data);
}

static void damaged_bodies_are_refused_or_read_safely(void **state)
{
    struct random r;
    uint64_t seed = 4;
    printf("seed %llu\n", (unsigned long long)seed);
    random_seed(&r, seed);
    Busbar__Answer answer = BUSBAR__ANSWER__INIT, *answers = &answer;
    Busbar__AnswerBatch batch = BUSBAR__ANSWER_BATCH__INIT;
    uint32_t counters[] = {1, 2, 300};
    uint8_t mask[128] = {0};
    answer.ask = 5;
    answer.counters = counters;
    answer.n_counters = 3;
    answer.mask = (ProtobufCBinaryData){.len = sizeof mask, .data = mask};
    batch.answers = &answers;
    batch.n_answers = 1;
    uint8_t whole[300], bytes[300];
    size_t size = busbar__answer_batch__pack(&batch, whole);
    for (size_t cut = 1; cut < size; cut++) { /* the outer length is never met */
        uint8_t *exact = memory_copy(whole, cut);
        struct bus_message m = {.body = exact, .size = cut};
        assert_null(msg_unpack(&m, &busbar__answer_batch__descriptor));
        free(exact);
    }
    for (int i = 0; i < 20000; i++) {
        memcpy(bytes, whole, size);
        for (uint64_t k = 1 + random_below(&r, 4); k > 0; k--) {
            bytes[random_below(&r, size)] = (uint8_t)random_u64(&r);
        }
        struct bus_message m = {.body = bytes, .size = size};
        ProtobufCMessage *read = msg_unpack(&m, &busbar__answer_batch__descriptor);
        protobuf_c_message_free_unpacked(read, NULL);
    }
}

static void an_arena_holds_one_message_at_a_time_of_any_size(void **state)
{
    struct net *n = *state;
    struct msg_arena arena;
    msg_arena_init(&arena);
    static const size_t counts[] = {1, 64, 2000, 3, 64};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        Busbar__FlowOffer *offers = memory_array(counts[c], sizeof *offers), **pointers = memory_array(counts[c], sizeof(Busbar__FlowOffer *));
        uint8_t key[128];
        memset(key, (int)c + 1, sizeof key);
        Busbar__FlowOfferBatch batch = BUSBAR__FLOW_OFFER_BATCH__INIT;
        for (size_t i = 0; i < counts[c]; i++) {
            busbar__flow_offer__init(&offers[i]);
            offers[i].key = (ProtobufCBinaryData){.len = sizeof key - i % 2, .data = key};
            pointers[i] = &offers[i];
        }
        batch.offers = pointers;
        batch.n_offers = counts[c];
        assert_int_equal(msg_send(n->binder, &replica, MESSAGE_FLOW_OFFER_BATCH, &batch.base), 0);
        bus_hub_step(n->hub, 2 + c);
        struct bus_message m;
        assert_int_equal(bus_recv(n->connector, &m), 0);
        const Busbar__FlowOfferBatch *got = (const Busbar__FlowOfferBatch *)msg_unpack_into(&arena, &m, &busbar__flow_offer_batch__descriptor);
        assert_non_null(got);
        assert_int_equal(got->n_offers, counts[c]);
        for (size_t i = 0; i < counts[c]; i++) {
            assert_int_equal(got->offers[i]->key.len, sizeof key - i % 2);
            assert_memory_equal(got->offers[i]->key.data, key, sizeof key - i % 2);
        }
        struct bus_message cut = m;
        cut.size = m.size - 1;
        assert_null(msg_unpack_into(&arena, &cut, &busbar__flow_offer_batch__descriptor));
        bus_message_fini(&m);
        free(offers);
        free(pointers);
    }
    msg_arena_fini(&arena);
}

static void pieces_of_an_arena_last_until_it_is_cleared(void **state)
{
    struct msg_arena arena;
    uint8_t *pieces[200];
    msg_arena_init(&arena);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < 200; i++) {
            pieces[i] = arena.allocator.alloc(arena.allocator.allocator_data, i + 1);
            memset(pieces[i], (int)i, i + 1);
        }
        for (size_t i = 0; i < 200; i++) {
            assert_true(pieces[i][0] == i && pieces[i][i] == i);
            assert_true((uintptr_t)pieces[i] % 16 == 0);
            arena.allocator.free(arena.allocator.allocator_data, pieces[i]);
        }
        assert_true(round == 0 || arena.beside == NULL); /* from the second time on they have one block */
        msg_arena_clear(&arena);
    }
    msg_arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(message_arrives_as_it_was, setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_those_of_the_bus, setup, teardown),
        cmocka_unit_test(pieces_of_an_arena_last_until_it_is_cleared),
        cmocka_unit_test_setup_teardown(an_arena_holds_one_message_at_a_time_of_any_size, setup, teardown),
        cmocka_unit_test(damaged_bodies_are_refused_or_read_safely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
