/* The table of flows: places in one region of address space, found by number, by id, and shared masks.
 *
 *     region:  | 0: covers nothing | 1 | 2 | ... | n_places |   reserved, not yet touched ...                    FLOWS_MAX |
 *     a place: | packets, bytes, used, program, mask | key 64 | key 64 | id, settled, owner's list |      256 bytes, 4 lines
 *
 * Why one region: a number of 32 bits finds a flow with one addition, so tables that point to flows are half as large, and a flow
 * stays where it is. Its end makes it cover nothing: its mask becomes all ones and its key one that no packet has (a parser leaves
 * `reserved` zero). From the second megabyte on the region asks for large pages: a lookup among a million flows would otherwise spend
 * most of its time in page tables.
 * Control side of the worker thread; packets reach flows through megaflow.c and exact.c only. Cost: 256 bytes a flow and 4 to 8 in the id map.
 * Invariants: an id is in the map at most once; place FLOW_NONE and free places cover nothing.
 */
#include "services/fastpath/flow.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <xxhash.h>

#include "lib/base/memory.h"

_Static_assert(offsetof(struct flow, key) == 64 && sizeof(struct flow) == 256, "what a packet needs is three lines");

enum { HEADS_MIN = 1024, HEADS_MOVED = 4 /* an addition; 1 would be enough */, MASK_HEADS = 1024 };
#define REGION_BYTES ((size_t)FLOWS_MAX * sizeof(struct flow))
#define SMALL_PAGES_BYTES ((size_t)8 << 20)

struct flow_table {
    struct flow *places;
    uint32_t n_places;  /* touched so far */
    uint32_t free;      /* number of a place given back, through next_by_id; FLOW_NONE: none */
    uint32_t *heads;    /* numbers */
    uint32_t n_heads;   /* a power of two */
    uint32_t *old_heads; /* half as many, NULL: none. Those from n_moved on still hold their chains: a chain is touched in memory at random, and
                          * moving all at once would hold packets for 30 ms at 262,144 flows */
    uint32_t n_moved;
    size_t n_flows;
    struct flow_mask *masks[MASK_HEADS];
    size_t n_masks;
    struct flow_mask *nothing; /* the mask of places that hold no flow */
};

/* ---- masks ---- */

static struct flow_mask *mask_new(const struct flow_key *bits, uint64_t hash)
{
    struct flow_mask *mask = memory_lines(sizeof *mask);
    *mask = (struct flow_mask){.bits = *bits, .n_flows = 1, .hash = hash};
    return mask;
}

static struct flow_mask *mask_get(struct flow_table *table, const struct flow_key *bits)
{
    uint64_t hash = XXH3_64bits(bits, sizeof *bits);
    struct flow_mask **head = &table->masks[hash % MASK_HEADS];
    for (struct flow_mask *mask = *head; mask != NULL; mask = mask->next) {
        if (mask->hash == hash && key_equal(&mask->bits, bits)) {
            mask->n_flows++;
            return mask;
        }
    }
    struct flow_mask *mask = mask_new(bits, hash);
    mask->next = *head;
    *head = mask;
    table->n_masks++;
    return mask;
}

static void mask_put(struct flow_table *table, const struct flow_mask *mask)
{
    struct flow_mask **link = &table->masks[mask->hash % MASK_HEADS];
    while (*link != mask) {
        link = &(*link)->next;
    }
    struct flow_mask *it = *link;
    if (--it->n_flows == 0) {
        *link = it->next;
        table->n_masks--;
        free(it);
    }
}

/* ---- places ---- */

static void cover_nothing(const struct flow_table *table, struct flow *flow)
{
    memset(&flow->key, 0xff, sizeof flow->key);
    flow->mask = table->nothing;
}

static void *reserve(void)
{
    void *region = mmap(NULL, REGION_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (region == MAP_FAILED) {
        abort();
    }
    (void)madvise((uint8_t *)region + SMALL_PAGES_BYTES, REGION_BYTES - SMALL_PAGES_BYTES, MADV_HUGEPAGE);
    return region;
}

struct flow_table *flow_table_new(void)
{
    struct flow_table *table = memory_zeroed(sizeof *table);
    struct flow_key ones;
    memset(&ones, 0xff, sizeof ones);
    table->nothing = mask_new(&ones, 0);
    table->places = reserve();
    table->n_places = 1;
    cover_nothing(table, &table->places[FLOW_NONE]);
    table->n_heads = HEADS_MIN;
    table->heads = memory_pages(table->n_heads * sizeof *table->heads);
    return table;
}

void flow_table_destroy(struct flow_table **table)
{
    if (*table == NULL) {
        return;
    }
    for (uint32_t i = 1; i < (*table)->n_places; i++) {
        if ((*table)->places[i].is_used) {
            program_put(&(*table)->places[i].program);
            mask_put(*table, (*table)->places[i].mask);
        }
    }
    munmap((*table)->places, REGION_BYTES);
    free((*table)->nothing);
    memory_pages_free((*table)->heads, (*table)->n_heads * sizeof *(*table)->heads);
    memory_pages_free((*table)->old_heads, (*table)->n_heads / 2 * sizeof *(*table)->old_heads);
    free(*table);
    *table = NULL;
}

static uint32_t *head_of(const struct flow_table *table, struct flow_id id)
{
    uint32_t old = (uint32_t)id.low & (table->n_heads / 2 - 1);
    if (table->old_heads != NULL && old >= table->n_moved) {
        return &table->old_heads[old];
    }
    return &table->heads[id.low & (table->n_heads - 1)];
}

/* A few chains more go to the new heads. */
static void move_heads(struct flow_table *table)
{
    for (unsigned n = 0; n < HEADS_MOVED && table->old_heads != NULL; n++) {
        uint32_t number = table->old_heads[table->n_moved++];
        for (uint32_t next; number != FLOW_NONE; number = next) {
            struct flow *flow = &table->places[number];
            uint32_t *head = &table->heads[flow->id.low & (table->n_heads - 1)];
            next = flow->next_by_id;
            flow->next_by_id = *head;
            *head = number;
        }
        if (table->n_moved == table->n_heads / 2) {
            memory_pages_free(table->old_heads, table->n_heads / 2 * sizeof *table->old_heads);
            table->old_heads = NULL;
        }
    }
}

static void grow_heads(struct flow_table *table)
{
    while (table->old_heads != NULL) {
        move_heads(table);
    }
    table->old_heads = table->heads;
    table->n_moved = 0;
    table->n_heads *= 2;
    table->heads = memory_pages(table->n_heads * sizeof *table->heads);
}

struct flow *flow_table_add(struct flow_table *table, const struct flow_key *key, const struct flow_key *mask, struct flow_id id,
                            struct program **program)
{
    uint32_t number = table->free;
    if (number == FLOW_NONE) {
        if (table->n_places == FLOWS_MAX) {
            return NULL;
        }
        number = table->n_places++;
    } else {
        table->free = table->places[number].next_by_id;
    }
    if (table->n_flows >= table->n_heads) {
        grow_heads(table);
    }
    move_heads(table);
    struct flow *flow = &table->places[number];
    uint32_t *head = head_of(table, id);
    *flow = (struct flow){.number = number,
                          .in_port = host32(key->in_port),
                          .program = *program,
                          .mask = mask_get(table, mask),
                          .id = id,
                          .owner = OWNER_NONE,
                          .offered = OWNER_NONE,
                          .is_used = true,
                          .next_by_id = *head};
    key_mask(key, mask, &flow->key);
    *program = NULL;
    *head = number;
    table->n_flows++;
    return flow;
}

void flow_table_remove(struct flow_table *table, struct flow *flow)
{
    uint32_t *link = head_of(table, flow->id);
    assert(flow->is_used && flow->next_owned == NULL);
    while (*link != flow->number) {
        link = &table->places[*link].next_by_id;
    }
    *link = flow->next_by_id;
    program_put(&flow->program);
    mask_put(table, flow->mask);
    cover_nothing(table, flow);
    flow->is_used = false;
    flow->next_by_id = table->free;
    table->free = flow->number;
    table->n_flows--;
}

struct flow *flow_table_find(const struct flow_table *table, struct flow_id id)
{
    uint32_t number = *head_of(table, id);
    while (number != FLOW_NONE && !flow_id_equal(table->places[number].id, id)) {
        number = table->places[number].next_by_id;
    }
    return number != FLOW_NONE ? &table->places[number] : NULL;
}

size_t flow_table_count(const struct flow_table *table)
{
    return table->n_flows;
}

size_t flow_table_masks(const struct flow_table *table)
{
    return table->n_masks;
}

struct flow *flow_table_base(const struct flow_table *table)
{
    return table->places;
}

struct flow *flow_table_next_within(const struct flow_table *table, size_t *cursor, size_t *left)
{
    while (*left > 0 && *cursor < table->n_places) {
        struct flow *flow = &table->places[(*cursor)++];
        (*left)--;
        if (flow->is_used) {
            return flow;
        }
    }
    return NULL;
}

struct flow *flow_table_next(const struct flow_table *table, size_t *cursor)
{
    size_t left = SIZE_MAX;
    return flow_table_next_within(table, cursor, &left);
}
