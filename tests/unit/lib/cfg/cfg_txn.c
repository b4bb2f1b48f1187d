/* Tests of lib/cfg/cfg_txn.c: the message is what was put together, labels differ, and half-built ones are freed. */
#include "lib/cfg/txn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/memory.h"

/* The message as configdb reads it; the caller's. Consumes the transaction. */
static Busbar__Transact *message_of(struct cfg_txn **txn)
{
    struct writer bytes;
    writer_init(&bytes);
    txn_pack(*txn, 77, 70, &bytes);
    Busbar__Transact *message = busbar__transact__unpack(NULL, bytes.size, bytes.bytes);
    assert_non_null(message);
    assert_true(message->sequence == 77 && message->oldest == 70);
    uint8_t *again = memory_zeroed(bytes.size);
    assert_int_equal(busbar__transact__pack(message, again), bytes.size);
    assert_memory_equal(again, bytes.bytes, bytes.size); /* as protobuf-c writes it */
    free(again);
    writer_fini(&bytes);
    cfg_txn_destroy(txn);
    return message;
}

static void inserts_put_together_ahead_are_operations_like_any(void **state)
{
    struct cfg_txn *txn = cfg_txn_new("test ahead");
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;
    struct writer ops;
    uint8_t row[64];

    writer_init(&ops);
    bridge.name = (char *)"br0";
    size_t size = busbar__bridge_row__pack(&bridge, row);
    cfg_ops_insert_packed(&ops, CFG_BRIDGE, row, size);
    cfg_ops_insert_packed(&ops, CFG_PORT, NULL, 0);
    cfg_txn_delete(txn, CFG_PORT, 8);
    cfg_txn_insert_ops(txn, ops.bytes, ops.size, 2);
    uint64_t label = cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
    assert_int_equal(cfg_txn_size(txn), 4);
    Busbar__Transact *m = message_of(&txn);
    assert_int_equal(m->n_ops, 4);
    assert_true(m->ops[0]->kind == BUSBAR__OP_KIND__OP_DELETE && m->ops[0]->id == 8);
    assert_true(m->ops[1]->kind == BUSBAR__OP_KIND__OP_INSERT && m->ops[1]->table == CFG_BRIDGE && m->ops[1]->id == 0);
    assert_int_equal(m->ops[1]->value.len, size);
    assert_memory_equal(m->ops[1]->value.data, row, size);
    assert_true(m->ops[2]->kind == BUSBAR__OP_KIND__OP_INSERT && m->ops[2]->table == CFG_PORT && m->ops[2]->value.len == 0);
    assert_true(m->ops[3]->id == label);
    busbar__transact__free_unpacked(m, NULL);
    writer_fini(&ops);
}

static void operations_keep_their_order_and_content(void **state)
{
    struct cfg_txn *txn = cfg_txn_new("test adds");
    Busbar__BridgeRow bridge = BUSBAR__BRIDGE_ROW__INIT;
    Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
    const char *columns[] = {"tag", "name"};
    bridge.name = (char *)"br0";
    uint64_t label = cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
    port.name = (char *)"eth1";
    port.bridge = label;
    uint64_t second = cfg_txn_insert(txn, CFG_PORT, &port.base);
    assert_true(label >= 1ull << 63 && second >= 1ull << 63 && label != second);
    cfg_txn_update(txn, CFG_PORT, 7, &port.base, columns, 2);
    cfg_txn_delete(txn, CFG_PORT, 8);
    cfg_txn_require(txn, CFG_PORT, 9, &port.base, columns, 1);
    cfg_txn_require(txn, CFG_PORT, 10, NULL, NULL, 0);
    cfg_txn_require_absent(txn, CFG_PORT, 11);
    cfg_txn_put(txn, CFG_OWNER, 12, &port.base);
    cfg_txn_wait(txn, CFG_PORT, 13, &port.base, columns, 1, true, 250);
    assert_int_equal(cfg_txn_size(txn), 9);
    Busbar__Transact *m = message_of(&txn);
    assert_string_equal(m->client, "test adds");
    const Busbar__OpKind kinds[] = {BUSBAR__OP_KIND__OP_INSERT,         BUSBAR__OP_KIND__OP_INSERT,
                                    BUSBAR__OP_KIND__OP_UPDATE,         BUSBAR__OP_KIND__OP_DELETE,
                                    BUSBAR__OP_KIND__OP_REQUIRE,        BUSBAR__OP_KIND__OP_REQUIRE,
                                    BUSBAR__OP_KIND__OP_REQUIRE_ABSENT, BUSBAR__OP_KIND__OP_PUT,
                                    BUSBAR__OP_KIND__OP_WAIT};
    assert_int_equal(m->n_ops, 9);
    assert_true(m->ops[8]->id == 13 && m->ops[8]->other && m->ops[8]->timeout_ms == 250 && m->ops[8]->n_columns == 1);
    for (size_t i = 0; i < 9; i++) {
        assert_int_equal(m->ops[i]->kind, kinds[i]);
    }
    assert_true(m->ops[1]->id == second && m->ops[2]->id == 7 && m->ops[7]->id == 12);
    assert_int_equal(m->ops[2]->n_columns, 2);
    assert_string_equal(m->ops[2]->columns[1], "name");
    Busbar__PortRow *read = busbar__port_row__unpack(NULL, m->ops[1]->value.len, m->ops[1]->value.data);
    assert_true(read != NULL && read->bridge == label);
    busbar__port_row__free_unpacked(read, NULL);
    busbar__transact__free_unpacked(m, NULL);
}

static void operations_on_the_whole_are_of_the_switch(void **state)
{
    struct cfg_txn *txn = cfg_txn_new("test");
    cfg_txn_set_user(txn, "bert");
    cfg_txn_set_user(txn, "anna");
    cfg_txn_rollback(txn, (struct version){.epoch = 3, .n = 4});
    cfg_txn_settle(txn, true);
    cfg_txn_settle(txn, false);
    cfg_txn_confirm_within(txn, 60);
    cfg_txn_restore(txn, CFG_BRIDGE, 9, "row", 3);
    Busbar__Transact *m = message_of(&txn);
    const Busbar__OpKind kinds[] = {BUSBAR__OP_KIND__OP_ROLLBACK, BUSBAR__OP_KIND__OP_CONFIRM, BUSBAR__OP_KIND__OP_CANCEL,
                                    BUSBAR__OP_KIND__OP_CONFIRM_WITHIN, BUSBAR__OP_KIND__OP_RESTORE};
    assert_int_equal(m->n_ops, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(m->ops[i]->kind, kinds[i]);
        assert_int_equal(m->ops[i]->table, i < 4 ? CFG_SWITCH : CFG_BRIDGE);
    }
    assert_string_equal(m->user, "anna");
    Busbar__Version *target = busbar__version__unpack(NULL, m->ops[0]->value.len, m->ops[0]->value.data);
    assert_true(target->epoch == 3 && target->n == 4);
    busbar__version__free_unpacked(target, NULL);
    assert_int_equal(m->ops[3]->id, 60);
    assert_true(m->ops[4]->id == 9 && m->ops[4]->value.len == 3);
    busbar__transact__free_unpacked(m, NULL);
}

static void rows_given_as_bytes_are_the_rows(void **state)
{
    struct cfg_txn *txn = cfg_txn_new("test");
    Busbar__PortRow port = BUSBAR__PORT_ROW__INIT;
    uint8_t packed[256];
    char name[200];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    port.name = name; /* longer than one byte of length says */
    size_t size = busbar__port_row__pack(&port, packed);
    uint64_t label = cfg_txn_insert_packed(txn, CFG_PORT, packed, size);
    cfg_txn_put_packed(txn, CFG_PORT, 5, packed, size);
    cfg_txn_put_packed(txn, CFG_PORT, 6, NULL, 0);
    cfg_txn_insert(txn, CFG_PORT, &port.base);
    Busbar__Transact *m = message_of(&txn);
    assert_int_equal(m->n_ops, 4);
    assert_true(m->ops[0]->kind == BUSBAR__OP_KIND__OP_INSERT && m->ops[0]->id == label && m->ops[3]->id == label + 1);
    assert_true(m->ops[1]->kind == BUSBAR__OP_KIND__OP_PUT && m->ops[1]->id == 5 && m->ops[2]->value.len == 0);
    for (size_t i = 0; i < 4; i += 3) {
        assert_int_equal(m->ops[i]->value.len, size);
        assert_memory_equal(m->ops[i]->value.data, packed, size);
    }
    busbar__transact__free_unpacked(m, NULL);
}

static void emptied_it_asks_for_nothing(void **state)
{
    struct cfg_txn *txn = cfg_txn_new("test");
    cfg_txn_set_user(txn, "anna");
    cfg_txn_delete(txn, CFG_PORT, 1);
    txn_empty(txn);
    assert_int_equal(cfg_txn_size(txn), 0);
    Busbar__Transact *m = message_of(&txn);
    assert_true(m->n_ops == 0 && m->user[0] == '\0');
    assert_string_equal(m->client, "test");
    busbar__transact__free_unpacked(m, NULL);
}

static void unsent_transaction_is_freed(void **state)
{
    struct cfg_txn *txn = cfg_txn_new("");
    cfg_txn_delete(txn, CFG_PORT, 1);
    cfg_txn_destroy(&txn);
    assert_null(txn);
    cfg_txn_destroy(&txn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inserts_put_together_ahead_are_operations_like_any),
        cmocka_unit_test(operations_keep_their_order_and_content),
        cmocka_unit_test(operations_on_the_whole_are_of_the_switch),
        cmocka_unit_test(rows_given_as_bytes_are_the_rows),
        cmocka_unit_test(emptied_it_asks_for_nothing),
        cmocka_unit_test(unsent_transaction_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
