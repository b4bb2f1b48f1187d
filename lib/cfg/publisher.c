/* Publishing status.
 *
 * configdb forgets a status row after its time to live, so a row is said again at half of it; a configdb that restarted knows
 * it a second and a half later at the latest. A row that is put again unchanged is not sent for that. A withdrawn row is said once and
 * forgotten; should that be lost, its time to live ends it.
 * Cost: a walk over the rows each step, some hundreds at most (ports, controllers). One thread; time is an argument.
 */
#include "lib/cfg/publisher.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/msg/msg.h"

static const uint64_t REPEAT_NS = PUBLISHER_TTL_MS / 2 * NS_PER_MS;

struct item {
    struct item *prev, *next;
    enum cfg_table table;
    uint64_t id;
    uint8_t *bytes; /* packed row; NULL: to be withdrawn */
    size_t size;
    uint64_t due_ns; /* 0: at once */
};

struct publisher {
    struct item *items;
};

static void item_free(struct publisher *publisher, struct item *item)
{
    DL_DELETE(publisher->items, item);
    free(item->bytes);
    free(item);
}

static struct item *item_of(struct publisher *publisher, enum cfg_table table, uint64_t id)
{
    struct item *item;
    DL_FOREACH(publisher->items, item)
    {
        if (item->table == table && item->id == id) {
            return item;
        }
    }
    item = memory_zeroed(sizeof *item);
    item->table = table;
    item->id = id;
    DL_APPEND(publisher->items, item);
    return item;
}

/* Up to PUBLISHER_BATCH due items; returns their number. */
static size_t collect_due(struct publisher *publisher, uint64_t now_ns, struct item **out_items)
{
    struct item *item;
    size_t n = 0;
    DL_FOREACH(publisher->items, item)
    {
        if (item->due_ns <= now_ns && n < PUBLISHER_BATCH) {
            out_items[n++] = item;
        }
    }
    return n;
}

struct publisher *publisher_new(void)
{
    return memory_zeroed(sizeof(struct publisher));
}

void publisher_destroy(struct publisher **publisher)
{
    if (*publisher == NULL) {
        return;
    }
    struct item *item, *next;
    DL_FOREACH_SAFE((*publisher)->items, item, next)
    {
        item_free(*publisher, item);
    }
    free(*publisher);
    *publisher = NULL;
}

void publisher_put(struct publisher *publisher, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    struct item *item = item_of(publisher, table, id);
    size_t size = row != NULL ? protobuf_c_message_get_packed_size(row) : 0;
    uint8_t *bytes = row != NULL ? memory_zeroed(size) : NULL;
    if (row != NULL) {
        protobuf_c_message_pack(row, bytes);
    }
    bool is_same = item->bytes != NULL && bytes != NULL && item->size == size && memcmp(item->bytes, bytes, size) == 0;
    free(item->bytes);
    item->bytes = bytes;
    item->size = size;
    item->due_ns = is_same ? item->due_ns : 0;
}

void publisher_step(struct publisher *publisher, struct bus_socket *socket, uint64_t now_ns)
{
    struct item *due[PUBLISHER_BATCH];
    size_t n;
    while ((n = collect_due(publisher, now_ns, due)) > 0) {
        Busbar__StatusRow rows[PUBLISHER_BATCH], *pointers[PUBLISHER_BATCH];
        for (size_t i = 0; i < n; i++) {
            busbar__status_row__init(&rows[i]);
            rows[i].table = (uint32_t)due[i]->table;
            rows[i].id = due[i]->id;
            rows[i].value = (ProtobufCBinaryData){.len = due[i]->size, .data = due[i]->bytes};
            rows[i].ttl_ms = PUBLISHER_TTL_MS;
            rows[i].deleted = due[i]->bytes == NULL;
            pointers[i] = &rows[i];
        }
        Busbar__Publish publish = BUSBAR__PUBLISH__INIT;
        publish.rows = pointers;
        publish.n_rows = n;
        if (msg_send(socket, NULL, MESSAGE_PUBLISH, &publish.base) < 0) {
            return;
        }
        for (size_t i = 0; i < n; i++) {
            due[i]->due_ns = now_ns + REPEAT_NS;
            if (due[i]->bytes == NULL) {
                item_free(publisher, due[i]);
            }
        }
    }
}

void publisher_repeat_all(struct publisher *publisher)
{
    struct item *item;
    DL_FOREACH(publisher->items, item)
    {
        item->due_ns = 0;
    }
}

size_t publisher_size(const struct publisher *publisher)
{
    struct item *item;
    size_t n;
    DL_COUNT(publisher->items, item, n);
    return n;
}
