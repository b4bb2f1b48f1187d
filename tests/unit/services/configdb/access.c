/* Tests of services/configdb/access.c: what each role may do on the config wire, and whose address a service may register. */
#include "lib/msg/msg.h"
#include "services/configdb/access.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/memory.h"
#include "lib/bus/key_table.h"
#include "lib/cfg/cfg.h"

static const char own[] = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
static const char other[] = "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6";

static struct bus_message message_of(enum process_kind kind, enum bus_role role, const char *key)
{
    return (struct bus_message){
        .type = MESSAGE_TRANSACT, .from = {.kind = kind, .instance = 1, .start = 7}, .role = role, .key = key};
}

/* A transaction of two operations, the second of which is `kind` of a service row with this address in `column`. */
static int join(const struct bus_message *message, enum _Busbar__OpKind kind, int column, const char *address,
                uint32_t *out_failed, struct error_detail *detail)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    char **columns[] = {&row.session, &row.usage, &row.packet, &row.mac, &row.control};
    for (size_t i = 0; i < 5; i++) {
        *columns[i] = (char *)"";
    }
    *columns[column] = (char *)address;
    uint8_t bytes[600];
    Busbar__Op first = BUSBAR__OP__INIT, second = BUSBAR__OP__INIT;
    Busbar__Op *ops[] = {&first, &second};
    first.kind = BUSBAR__OP_KIND__OP_REQUIRE;
    first.table = CFG_BRIDGE;
    second.kind = kind;
    second.table = CFG_SERVICE;
    second.value.len = busbar__service_row__pack(&row, bytes);
    second.value.data = bytes;
    Busbar__Transact transact = BUSBAR__TRANSACT__INIT;
    transact.ops = ops;
    transact.n_ops = 2;
    return access_transact(message, &transact, out_failed, detail);
}

static void transactions_of_people_need_admin(void **state)
{
    Busbar__Transact transact = BUSBAR__TRANSACT__INIT;
    struct error_detail detail;
    uint32_t failed;
    const struct {
        enum bus_role role;
        const char *key;
        int error;
    } rows[] = {{ROLE_READ, own, -ERROR_WRONG_SENDER},
                {ROLE_OPERATE, own, -ERROR_WRONG_SENDER},
                {ROLE_ADMIN, own, 0},
                {ROLE_ADMIN, NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct bus_message message = message_of(PROCESS_SWCTL, rows[i].role, rows[i].key);
        assert_int_equal(access_transact(&message, &transact, &failed, &detail), rows[i].error);
        assert_int_equal(access_may_publish(&message), rows[i].error == 0);
        if (rows[i].error != 0) {
            assert_non_null(strstr(detail.text, "role admin"));
        }
    }
    struct bus_message service = message_of(PROCESS_FASTPATH, ROLE_FASTPATH, own);
    assert_int_equal(access_transact(&service, &transact, &failed, &detail), 0);
    assert_true(access_may_publish(&service));
}

static void a_service_registers_addresses_under_its_own_key_only(void **state)
{
    struct error_detail detail;
    uint32_t failed = 9;
    struct bus_message message = message_of(PROCESS_SLOWPATH, ROLE_SLOWPATH, own);
    char *mine = memory_format("tcp://192.0.2.1:4000 %s", own), *theirs = memory_format("tcp://192.0.2.1:4000 %s", other);
    for (int column = 0; column < 5; column++) {
        const struct {
            const char *address;
            int error;
        } rows[] = {{"", 0},
                    {mine, 0},
                    {theirs, -ERROR_WRONG_SENDER},
                    {"tcp://192.0.2.1:4000", -ERROR_WRONG_SENDER},
                    {"tcp://192.0.2.1", -ERROR_WRONG_SENDER},
                    {"ipc:///run/busbar/packet.slowpath.1", -ERROR_WRONG_SENDER}};
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            assert_int_equal(join(&message, BUSBAR__OP_KIND__OP_INSERT, column, rows[i].address, &failed, &detail),
                             rows[i].error);
            assert_int_equal(failed, rows[i].error == 0 ? 0 : 1);
            assert_int_equal(join(&message, BUSBAR__OP_KIND__OP_PUT, column, rows[i].address, &failed, &detail), rows[i].error);
        }
    }
    message.key = NULL; /* over ipc: trusted, as the uid is ours */
    assert_int_equal(join(&message, BUSBAR__OP_KIND__OP_INSERT, 0, theirs, &failed, &detail), 0);
    assert_int_equal(join(&message, BUSBAR__OP_KIND__OP_INSERT, 0, "ipc:///x", &failed, &detail), 0);
    free(mine);
    free(theirs);
}

static void show(struct access *access, uint64_t id, const char *name, const char *role, const char *public_key)
{
    uint8_t bytes[200];
    Busbar__Row row = BUSBAR__ROW__INIT;
    Busbar__KeyRow key = BUSBAR__KEY_ROW__INIT;
    row.table = CFG_KEY;
    row.id = id;
    row.deleted = name == NULL;
    if (name != NULL) {
        key.name = (char *)name;
        key.role = (char *)role;
        key.public_key = (char *)public_key;
        row.value.len = busbar__key_row__pack(&key, bytes);
        row.value.data = bytes;
    }
    access_on_row(access, &row);
}

static void keys_follow_the_rows_by_id(void **state)
{
    struct key_table *keys = key_table_new();
    struct access *access = access_new(keys);
    show(access, 1, "a", "read", own);
    show(access, 2, "b", "slowpath", other);
    show(access, 1, "a", "admin", own);
    assert_int_equal(key_table_role(keys, own), ROLE_ADMIN);
    show(access, 1, NULL, NULL, NULL);
    assert_int_equal(key_table_role(keys, own), ROLE_NONE);
    assert_int_equal(key_table_role(keys, other), ROLE_SLOWPATH);
    show(access, 7, NULL, NULL, NULL);
    assert_int_equal(key_table_size(keys), 1);
    access_destroy(&access);
    key_table_destroy(&keys);
    access = access_new(NULL); /* only ipc: the rows are no matter */
    show(access, 1, "a", "read", own);
    access_destroy(&access);
}

static void a_transaction_is_signed_with_the_name_of_its_key(void **state)
{
    struct key_table *keys = key_table_new();
    struct access *access = access_new(keys);
    show(access, 1, "alice", "admin", own);
    char said[] = "swctl add-br br0";
    Busbar__Transact transact = BUSBAR__TRANSACT__INIT; /* its texts are lent, or pieces of the memory */
    struct msg_arena memory;
    msg_arena_init(&memory);
    struct bus_message message = message_of(PROCESS_SWCTL, ROLE_ADMIN, own);
    access_sign(access, &message, &transact, &memory.allocator);
    assert_string_equal(transact.client, "alice: ");
    transact.client = said;
    message.key = NULL;
    access_sign(access, &message, &transact, &memory.allocator);
    assert_string_equal(transact.client, "swctl add-br br0");
    message.key = own;
    access_sign(access, &message, &transact, &memory.allocator);
    assert_string_equal(transact.client, "alice: swctl add-br br0");
    msg_arena_fini(&memory);
    access_destroy(&access);
    key_table_destroy(&keys);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(transactions_of_people_need_admin),
        cmocka_unit_test(a_service_registers_addresses_under_its_own_key_only),
        cmocka_unit_test(keys_follow_the_rows_by_id),
        cmocka_unit_test(a_transaction_is_signed_with_the_name_of_its_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
