/* Access by key.
 *
 * That the sender is of a kind which his key's role allows was checked by the bus for this very message; so a slowpath's key cannot join as a
 * fastpath: the service row takes its kind from the envelope. Left to check here is what a role of people may change, and that nobody
 * registers an address that leads to another (others will connect to it and trust who has that key): over tcp each address in a service row
 * carries the sender's own key.
 *
 * Cost: nothing over ipc but one comparison; over tcp a join's row is unpacked once more. Thread: configdb's main thread. Deletions come
 * by id only, so the rows are kept: some dozen, as many as administrators have made.
 */
#include "services/configdb/access.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/base/memory.h"
#include "lib/bus/endpoint.h"
#include "lib/bus/key_table.h"
#include "lib/bus/role.h"
#include "lib/cfg/cfg.h"
#include "lib/cfg/keys.h"

struct access_row {
    uint64_t id;
    Busbar__KeyRow *key;
    struct access_row *next;
};
struct access {
    struct key_table *keys;
    struct access_row *rows;
};

struct access *access_new(struct key_table *keys)
{
    struct access *access = memory_zeroed(sizeof *access);
    access->keys = keys;
    return access;
}

static void access_row_free(struct access *access, struct access_row *row)
{
    LL_DELETE(access->rows, row);
    busbar__key_row__free_unpacked(row->key, NULL);
    free(row);
}

void access_destroy(struct access **access)
{
    if (*access == NULL) {
        return;
    }
    while ((*access)->rows != NULL) {
        access_row_free(*access, (*access)->rows);
    }
    free(*access);
    *access = NULL;
}

void access_on_row(struct access *access, const Busbar__Row *row)
{
    if (row->table != CFG_KEY || access->keys == NULL) {
        return;
    }
    struct access_row *known;
    LL_SEARCH_SCALAR(access->rows, known, id, row->id);
    Busbar__KeyRow *after = row->deleted ? NULL : busbar__key_row__unpack(NULL, row->value.len, row->value.data);
    keys_on_row(access->keys, known != NULL ? known->key : NULL, after);
    if (known != NULL) {
        access_row_free(access, known);
    }
    if (after != NULL) {
        known = memory_zeroed(sizeof *known);
        known->id = row->id;
        known->key = after;
        LL_PREPEND(access->rows, known);
    }
}

static int access_address(const char *column, const char *address, const char *key, struct error_detail *detail)
{
    char bare[ENDPOINT_ADDRESS_MAX + 1], named[KEY_TEXT_SIZE + 1];
    if (address[0] == '\0') {
        return 0;
    }
    if (!endpoint_is_tcp(address)) {
        return error_set(detail, -ERROR_WRONG_SENDER,
                         "service, column %s: %.64s cannot be reached by who finds it here over tcp; start the process "
                         "with --listen",
                         column, address);
    }
    if (endpoint_split(address, bare, named) != 0 || strcmp(named, key) != 0) {
        return error_set(detail, -ERROR_WRONG_SENDER, "service, column %s: the address is not under the key of the sender",
                         column);
    }
    return 0;
}

static int access_join(const Busbar__Op *op, const char *key, struct error_detail *detail)
{
    Busbar__ServiceRow *row = busbar__service_row__unpack(NULL, op->value.len, op->value.data);
    if (row == NULL) {
        return 0; /* it will be refused for that */
    }
    const struct {
        const char *column, *address;
    } addresses[] = {{"session", row->session},
                     {"usage", row->usage},
                     {"packet", row->packet},
                     {"mac", row->mac},
                     {"control", row->control}};
    int err = 0;
    for (size_t i = 0; err == 0 && i < sizeof addresses / sizeof addresses[0]; i++) {
        err = access_address(addresses[i].column, addresses[i].address, key, detail);
    }
    busbar__service_row__free_unpacked(row, NULL);
    return err;
}

int access_transact(const struct bus_message *message, const Busbar__Transact *transact, uint32_t *out_failed_op,
                    struct error_detail *detail)
{
    *out_failed_op = 0;
    if (message->key == NULL) {
        return 0;
    }
    if (message->from.kind == PROCESS_SWCTL && !role_includes(message->role, ROLE_ADMIN)) {
        return error_set(detail, -ERROR_WRONG_SENDER,
                         "changes of the configuration need a key of the role admin; this one has %s",
                         role_name(message->role));
    }
    for (size_t i = 0; i < transact->n_ops; i++) {
        const Busbar__Op *op = transact->ops[i];
        if (op->table != CFG_SERVICE || (op->kind != BUSBAR__OP_KIND__OP_INSERT && op->kind != BUSBAR__OP_KIND__OP_PUT)) {
            continue;
        }
        int err = access_join(op, message->key, detail);
        if (err != 0) {
            *out_failed_op = (uint32_t)i;
            return err;
        }
    }
    return 0;
}

bool access_may_publish(const struct bus_message *message)
{
    return message->from.kind != PROCESS_SWCTL || role_includes(message->role, ROLE_ADMIN);
}

void access_sign(const struct access *access, const struct bus_message *message, Busbar__Transact *transact, ProtobufCAllocator *memory)
{
    char name[KEY_NAME_MAX + 1];
    if (message->key == NULL || access->keys == NULL) {
        return;
    }
    key_table_name(access->keys, message->key, name);
    char *client = memory_format("%s: %s", name, transact->client != NULL ? transact->client : "");
    size_t size = strlen(client) + 1;
    transact->client = memory->alloc(memory->allocator_data, size);
    memcpy(transact->client, client, size);
    free(client);
}
