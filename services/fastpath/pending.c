/* Waiting packets.
 *
 *     bucket of the flow hash → list: ask 4711 → packet → packet → packet
 *                                                 ^ asked     ^ joined, whatever their key
 *
 * An ask number is (a count, the number of the list), so an answer finds its list without a search and an answer to an earlier ask of
 * the same list is told apart. Lists are also on one chain in the order of asking: deadlines are looked for at its head.
 * Cost: a hash chain walk a packet, and only while anything waits. Worker thread.
 * Invariants: I7, I9; n_packets is the sum over the lists; a packet's frame is in FRAME_PENDING as long as it is here.
 */
#include "services/fastpath/pending.h"

#include <assert.h>
#include <stdlib.h>

#include "lib/base/memory.h"

#define NO_PACKET UINT32_MAX /* 0 - 1: see pending_put_back() */

void pending_init(struct pending *pending, uint32_t n_frames)
{
    uint32_t n = n_frames / 4 > 0 ? n_frames / 4 : 1, n_buckets = 1;
    while (n_buckets < n) {
        n_buckets *= 2;
    }
    *pending = (struct pending){.max_packets = n, .max_per_port = n / 2 > 0 ? n / 2 : 1, .bucket_mask = n_buckets - 1};
    pending->packets = memory_lines(n * sizeof *pending->packets);
    pending->lists = memory_array(n, sizeof *pending->lists);
    pending->buckets = memory_array(n_buckets, sizeof(struct pending_list *));
    for (uint32_t i = 0; i < n; i++) {
        pending->packets[i].next = i + 1 < n ? i + 1 : NO_PACKET;
        pending->lists[i].next = i + 1 < n ? &pending->lists[i + 1] : NULL;
    }
    pending->free_list = pending->lists;
}

void pending_fini(struct pending *pending)
{
    free(pending->packets);
    free(pending->lists);
    free(pending->buckets);
    *pending = (struct pending){0};
}

static struct pending_list **bucket_of(const struct pending *pending, uint32_t flow_hash)
{
    return &pending->buckets[(flow_hash >> 8 ^ flow_hash) & pending->bucket_mask];
}

struct pending_list *pending_find(const struct pending *pending, uint32_t flow_hash)
{
    struct pending_list *list = *bucket_of(pending, flow_hash);
    while (list != NULL && list->flow_hash != flow_hash) {
        list = list->next_in_bucket;
    }
    return list;
}

static void chain_last(struct pending *pending, struct pending_list *list)
{
    list->next = NULL;
    list->prev = pending->newest;
    if (pending->newest != NULL) {
        pending->newest->next = list;
    } else {
        pending->oldest = list;
    }
    pending->newest = list;
}

static void unchain(struct pending *pending, struct pending_list *list)
{
    if (list->prev != NULL) {
        list->prev->next = list->next;
    } else {
        pending->oldest = list->next;
    }
    if (list->next != NULL) {
        list->next->prev = list->prev;
    } else {
        pending->newest = list->prev;
    }
}

static void new_ask(struct pending *pending, struct pending_list *list, uint64_t now_ns)
{
    list->ask = ++pending->next_ask << 32 | (uint64_t)(list - pending->lists);
    list->asked_ns = now_ns;
    chain_last(pending, list);
}

struct pending_list *pending_open(struct pending *pending, uint32_t flow_hash, uint64_t now_ns)
{
    struct pending_list *list = pending->free_list;
    if (list == NULL) {
        return NULL;
    }
    struct pending_list **bucket = bucket_of(pending, flow_hash);
    pending->free_list = list->next;
    *list = (struct pending_list){
        .flow_hash = flow_hash, .first = NO_PACKET, .last = NO_PACKET, .is_open = true, .next_in_bucket = *bucket};
    *bucket = list;
    pending->n_lists++;
    new_ask(pending, list, now_ns);
    return list;
}

/* Behind packet number `behind`, NO_PACKET: at the head. Returns PENDING_ADDED and the packet's number, or the bound that is reached. */
static int insert(struct pending *pending, struct pending_list *list, const struct dp_packet *packet, uint32_t *n_of_port, uint32_t behind,
                  uint32_t *out_number)
{
    if (list->n_packets >= PENDING_PER_HASH) {
        return DROP_PENDING_FLOW_HASH;
    }
    if (*n_of_port >= pending->max_per_port) {
        return DROP_PENDING_PORT;
    }
    if (pending->n_packets >= pending->max_packets) {
        return DROP_PENDING_FULL;
    }
    uint32_t number = pending->free_packet;
    pending->free_packet = pending->packets[number].next;
    uint32_t *link = behind != NO_PACKET ? &pending->packets[behind].next : &list->first;
    pending->packets[number] = (struct pending_packet){.packet = *packet, .next = *link};
    *link = number;
    if (behind == list->last) {
        list->last = number;
    }
    list->n_packets++;
    pending->n_packets++;
    (*n_of_port)++;
    *out_number = number;
    return PENDING_ADDED;
}

int pending_add(struct pending *pending, struct pending_list *list, const struct dp_packet *packet, uint32_t *n_of_port)
{
    uint32_t number;
    return insert(pending, list, packet, n_of_port, list->last, &number);
}

int pending_put_back(struct pending *pending, struct pending_list *list, const struct dp_packet *packet, uint32_t *n_of_port,
                     uint32_t *place)
{
    uint32_t number;
    int reason = insert(pending, list, packet, n_of_port, *place - 1, &number);
    *place = reason == PENDING_ADDED ? number + 1 : *place;
    return reason;
}

struct dp_packet *pending_head(const struct pending *pending, const struct pending_list *list)
{
    return &pending->packets[list->first].packet;
}

void pending_pop(struct pending *pending, struct pending_list *list, struct dp_packet *out_packet)
{
    uint32_t number = list->first;
    assert(list->n_packets > 0);
    *out_packet = pending->packets[number].packet;
    list->first = pending->packets[number].next;
    if (list->first == NO_PACKET) {
        list->last = NO_PACKET;
    }
    list->n_packets--;
    pending->n_packets--;
    pending->packets[number].next = pending->free_packet;
    pending->free_packet = number;
}

void pending_ask_again(struct pending *pending, struct pending_list *list, uint64_t now_ns)
{
    unchain(pending, list);
    new_ask(pending, list, now_ns);
}

void pending_close(struct pending *pending, struct pending_list *list)
{
    struct pending_list **link = bucket_of(pending, list->flow_hash);
    assert(list->n_packets == 0 && list->is_open);
    while (*link != list) {
        link = &(*link)->next_in_bucket;
    }
    *link = list->next_in_bucket;
    unchain(pending, list);
    list->is_open = false;
    list->ask = 0;
    list->next = pending->free_list;
    pending->free_list = list;
    pending->n_lists--;
}

struct pending_list *pending_by_ask(const struct pending *pending, uint64_t ask)
{
    uint32_t number = (uint32_t)ask;
    if (ask == 0 || number >= pending->max_packets || !pending->lists[number].is_open || pending->lists[number].ask != ask) {
        return NULL;
    }
    return &pending->lists[number];
}

struct pending_list *pending_list_at(const struct pending *pending, uint32_t number)
{
    return pending->lists[number].is_open ? &pending->lists[number] : NULL;
}
