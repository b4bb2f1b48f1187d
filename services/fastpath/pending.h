/* Packets that wait for the slowpath's answer, in order, by flow hash (I7), within bounds (I9).
 *
 * One list and one numbered ask per flow hash. While a list exists, later packets of its flow hash join it. Bounds: 64 packets a flow
 * hash, an eighth of the frames a port, a quarter of them in all. All memory is allocated at birth: adding is on the packet path.
 */
#ifndef BUSBAR_FASTPATH_PENDING_H
#define BUSBAR_FASTPATH_PENDING_H

#include "lib/dp/execute.h"

enum { PENDING_PER_HASH = 64, PENDING_ADDED = -1 /* otherwise an enum drop_reason */ };

struct pending_packet {
    struct dp_packet packet;
    uint32_t next;
};

struct pending_list {
    uint32_t flow_hash;
    uint32_t first, last; /* numbers of packets */
    uint32_t n_packets;
    uint64_t ask; /* the number the answer must carry; 0 while none is under way */
    uint64_t asked_ns;
    uint8_t session; /* that was asked */
    uint8_t n_asked; /* times, for the packet at the head */
    bool is_open;
    struct pending_list *next_in_bucket;
    struct pending_list *next, *prev; /* all open lists, the one asked first at the head */
};

struct pending {
    uint32_t n_packets, max_packets, max_per_port;
    struct pending_list *oldest, *newest;
    size_t n_lists;
    /* private */
    struct pending_packet *packets;
    uint32_t free_packet;
    struct pending_list *lists;
    struct pending_list *free_list;
    struct pending_list **buckets;
    uint32_t bucket_mask;
    uint64_t next_ask;
};

void pending_init(struct pending *pending, uint32_t n_frames);
void pending_fini(struct pending *pending);
/* The open list of this flow hash, NULL when no packet waits. */
struct pending_list *pending_find(const struct pending *pending, uint32_t flow_hash);
/* A new list with a new ask number, or NULL when everything is in use. */
struct pending_list *pending_open(struct pending *pending, uint32_t flow_hash, uint64_t now_ns);
/* Puts the packet at the end. `n_of_port` is the port's count of waiting packets, raised on success. */
int pending_add(struct pending *pending, struct pending_list *list, const struct dp_packet *packet, uint32_t *n_of_port);
/* Puts a packet that was popped, and is to be asked about again, before those behind it: *place 0 puts it at the head, and moves so that the
 * next one of the same packet comes behind it. Bounds as above. */
int pending_put_back(struct pending *pending, struct pending_list *list, const struct dp_packet *packet, uint32_t *n_of_port,
                     uint32_t *place);
/* The packet at the head; lists are never empty while open but between pop and close. */
struct dp_packet *pending_head(const struct pending *pending, const struct pending_list *list);
void pending_pop(struct pending *pending, struct pending_list *list, struct dp_packet *out_packet);
/* A new ask for the head; the list becomes the newest. */
void pending_ask_again(struct pending *pending, struct pending_list *list, uint64_t now_ns);
void pending_close(struct pending *pending, struct pending_list *list);
/* The list whose present ask has this number; NULL for every other number. */
struct pending_list *pending_by_ask(const struct pending *pending, uint64_t ask);
/* Lists by number, 0 .. max_packets - 1, NULL for one that is not open: to walk them while they come and go. */
struct pending_list *pending_list_at(const struct pending *pending, uint32_t number);

#endif
