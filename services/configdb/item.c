/* Places for transactions.
 *
 * Why: a group of 64 transactions holds more pieces of a size than the allocator keeps at hand, and each came and went alone. A message unpacked into
 * the memory of its place costs no allocation once the place has seen one of its size. Large messages take theirs along, so little stays.
 *
 * Thread: configdb's main thread.
 */
#include "services/configdb/item.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/base/memory.h"

static struct commit_item *item_take(struct item_pool *pool)
{
    struct commit_item *item = pool->spare;
    if (item != NULL) {
        LL_DELETE(pool->spare, item);
        item->next = NULL;
        pool->n_spare--;
        return item;
    }
    item = memory_zeroed(sizeof *item);
    msg_arena_init(&item->memory);
    return item;
}

static void item_free(struct commit_item *item)
{
    msg_arena_fini(&item->memory);
    free(item);
}

struct msg_arena *item_memory(struct item_pool *pool)
{
    pool->lent = pool->lent != NULL ? pool->lent : item_take(pool);
    return &pool->lent->memory;
}

/* What is unpacked may be fifty times what was sent. */
static size_t item_bytes(const struct commit_item *item, size_t sent)
{
    return sizeof *item + (item->is_in_memory ? item->memory.wanted : sent + item->message->n_ops * (sizeof(Busbar__Op) + sizeof(Busbar__Op *)));
}

struct commit_item *item_new(struct item_pool *pool, const struct bus_identity *from, Busbar__Transact *message, size_t size, bool is_in_memory)
{
    struct commit_item *item = is_in_memory ? pool->lent : item_take(pool);
    pool->lent = is_in_memory ? NULL : pool->lent;
    item->is_in_memory = is_in_memory;
    item->from = *from;
    item->message = message;
    item->size = item_bytes(item, size);
    return item;
}

void item_forget_reply(struct commit_item *item)
{
    free(item->reply);
    item->reply = NULL;
}

void item_end(struct item_pool *pool, struct commit_item *item)
{
    overlay_destroy(&item->gone);
    txn_fini(&item->txn); /* before the message, of whose bytes it keeps some */
    if (!item->is_in_memory) {
        busbar__transact__free_unpacked(item->message, NULL);
    }
    free(item->reply);
    if (pool->n_spare == ITEM_SPARE_MAX || item->memory.wanted > ITEM_SPARE_BYTES) {
        item_free(item);
        return;
    }
    msg_arena_clear(&item->memory);
    struct msg_arena memory = item->memory;
    *item = (struct commit_item){.memory = memory};
    LL_PREPEND(pool->spare, item);
    pool->n_spare++;
}

void item_end_list(struct item_pool *pool, struct commit_item **list)
{
    struct commit_item *item, *next;
    DL_FOREACH_SAFE(*list, item, next)
    {
        item_end(pool, item);
    }
    *list = NULL;
}

void item_pool_fini(struct item_pool *pool)
{
    struct commit_item *item, *next;
    LL_FOREACH_SAFE(pool->spare, item, next)
    {
        item_free(item);
    }
    if (pool->lent != NULL) {
        item_free(pool->lent);
    }
    *pool = (struct item_pool){.lent = NULL};
}
