/* What may go to one controller of one kind of packet-in (of misses, or of the rest): so many a second, so many at once. What comes faster is held
 * back by the port it came in, and the ports take turns. As Open vSwitch's controller_rate_limit and controller_burst_limit. One thread. */
#ifndef BUSBAR_OFAGENT_PACKET_QUEUE_H
#define BUSBAR_OFAGENT_PACKET_QUEUE_H

#include "lib/base/bytes.h"

enum {
    PACKET_QUEUE_MAX = 512, /* held at most, also where the burst is larger: at 100 a second the last one waits five seconds */
    PACKET_QUEUE_BYTES = 256 * 1024, /* and of so many bytes: two for each of two hundred sessions are 100 MB */
};

struct packet_queue;
/* Without a limit. */
struct packet_queue *packet_queue_new(void);
void packet_queue_destroy(struct packet_queue **queue);
/* Messages a second, and how many may have been saved up; 0 a second: as many as come. */
void packet_queue_limit(struct packet_queue *queue, uint32_t rate, uint32_t burst, uint64_t now_ns);
/* May a message that has just come go at once? Then it counts as gone. False as long as others are held. */
bool packet_queue_admits(struct packet_queue *queue, uint64_t now_ns);
/* Holds the message, a copy, behind those of its port. When all places are taken the oldest of the port that has most is dropped. */
void packet_queue_hold(struct packet_queue *queue, uint32_t port, const uint8_t *bytes, size_t size);
/* Appends the next one to `out`, if one may go now. */
bool packet_queue_take(struct packet_queue *queue, uint64_t now_ns, struct writer *out);
size_t packet_queue_size(const struct packet_queue *queue);
/* From when on the next one may go; UINT64_MAX: none is held. */
uint64_t packet_queue_next_ns(const struct packet_queue *queue, uint64_t now_ns);
/* So many have been held back since the beginning, and of them dropped. */
uint64_t packet_queue_held(const struct packet_queue *queue);
uint64_t packet_queue_dropped(const struct packet_queue *queue);

#endif
