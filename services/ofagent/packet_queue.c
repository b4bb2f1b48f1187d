/* A token bucket and, behind it, a list of messages for each port. See packet_queue.h.
 *
 *     come ──► nothing held and a token? ──yes──► goes
 *                 └─no─► port 3: ▒▒▒▒   ┐
 *                        port 1: ▒      ├─► one token, one message, the next port
 *                        port 9: ▒▒     ┘
 *
 * So a port that floods waits behind itself, and loses its own (I9). Credit is kept in nanoseconds: a token is worth 1 s / rate. There are never more
 * ports than messages, so all that is searched is short. The ofagent's one thread. Invariant: a port that is listed has a message.
 */
#include "services/ofagent/packet_queue.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

struct held {
    struct held *next;
    size_t size;
    uint8_t bytes[];
};

struct port_queue {
    uint32_t port;
    size_t n;
    struct held *first, *last;
};

struct packet_queue {
    uint32_t rate; /* 0: no limit */
    uint32_t burst;
    uint64_t credit_ns, credited_ns;
    struct port_queue ports[PACKET_QUEUE_MAX];
    size_t n_ports, turn; /* whose turn is next */
    size_t n, n_bytes;
    uint64_t n_held, n_dropped;
};

struct packet_queue *packet_queue_new(void)
{
    return memory_zeroed(sizeof(struct packet_queue));
}

/* The oldest of the i-th port; a port without any is listed no more, and those behind it keep their order. */
static struct held *take_first(struct packet_queue *queue, size_t i)
{
    struct port_queue *port = &queue->ports[i];
    struct held *held = port->first;

    port->first = held->next;
    port->n--;
    queue->n--;
    queue->n_bytes -= held->size;
    if (port->n == 0) {
        queue->n_ports--;
        memmove(port, port + 1, (queue->n_ports - i) * sizeof *port);
        queue->turn -= i < queue->turn;
    }
    return held;
}

void packet_queue_destroy(struct packet_queue **queue)
{
    if (*queue == NULL) {
        return;
    }
    while ((*queue)->n > 0) {
        free(take_first(*queue, 0));
    }
    free(*queue);
    *queue = NULL;
}

static uint64_t price_ns(const struct packet_queue *queue)
{
    return NS_PER_S / queue->rate;
}

static void earn(struct packet_queue *queue, uint64_t now_ns)
{
    uint64_t most_ns = queue->burst * price_ns(queue);
    uint64_t earned_ns = now_ns - queue->credited_ns;

    queue->credited_ns = now_ns;
    queue->credit_ns = earned_ns < most_ns - queue->credit_ns ? queue->credit_ns + earned_ns : most_ns;
}

/* A token is taken, if there is one. */
static bool pay(struct packet_queue *queue, uint64_t now_ns)
{
    if (queue->rate == 0) {
        return true;
    }
    earn(queue, now_ns);
    if (queue->credit_ns < price_ns(queue)) {
        return false;
    }
    queue->credit_ns -= price_ns(queue);
    return true;
}

void packet_queue_limit(struct packet_queue *queue, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
    if (rate == queue->rate && burst == queue->burst) {
        return;
    }
    queue->rate = rate;
    queue->burst = burst;
    queue->credited_ns = now_ns;
    queue->credit_ns = rate == 0 ? 0 : burst * price_ns(queue);
}

bool packet_queue_admits(struct packet_queue *queue, uint64_t now_ns)
{
    return queue->n == 0 && pay(queue, now_ns);
}

static void drop_one(struct packet_queue *queue)
{
    size_t longest = 0;

    for (size_t i = 1; i < queue->n_ports; i++) {
        longest = queue->ports[i].n > queue->ports[longest].n ? i : longest;
    }
    free(take_first(queue, longest));
    queue->n_dropped++;
}

void packet_queue_hold(struct packet_queue *queue, uint32_t port, const uint8_t *bytes, size_t size)
{
    size_t i = 0;

    while (queue->n >= PACKET_QUEUE_MAX || (queue->n > 0 && queue->n_bytes + size > PACKET_QUEUE_BYTES) ||
           (queue->rate != 0 && queue->n > 0 && queue->n >= queue->burst)) {
        drop_one(queue);
    }
    while (i < queue->n_ports && queue->ports[i].port != port) {
        i++;
    }
    if (i == queue->n_ports) {
        queue->ports[queue->n_ports++] = (struct port_queue){.port = port};
    }
    struct held *held = memory_zeroed(sizeof *held + size);
    held->size = size;
    memcpy(held->bytes, bytes, size);
    if (queue->ports[i].n++ == 0) {
        queue->ports[i].first = held;
    } else {
        queue->ports[i].last->next = held;
    }
    queue->ports[i].last = held;
    queue->n++;
    queue->n_bytes += size;
    queue->n_held++;
}

bool packet_queue_take(struct packet_queue *queue, uint64_t now_ns, struct writer *out)
{
    if (queue->n == 0 || !pay(queue, now_ns)) {
        return false;
    }
    if (queue->turn >= queue->n_ports) {
        queue->turn = 0;
    }
    size_t n_ports = queue->n_ports;
    struct held *held = take_first(queue, queue->turn);
    queue->turn += queue->n_ports == n_ports; /* where a port has gone, the next one has come */
    writer_bytes(out, held->bytes, held->size);
    free(held);
    return true;
}

size_t packet_queue_size(const struct packet_queue *queue)
{
    return queue->n;
}

uint64_t packet_queue_next_ns(const struct packet_queue *queue, uint64_t now_ns)
{
    if (queue->n == 0) {
        return UINT64_MAX;
    }
    if (queue->rate == 0 || queue->credit_ns >= price_ns(queue)) {
        return now_ns;
    }
    return queue->credited_ns + (price_ns(queue) - queue->credit_ns);
}

uint64_t packet_queue_held(const struct packet_queue *queue)
{
    return queue->n_held;
}

uint64_t packet_queue_dropped(const struct packet_queue *queue)
{
    return queue->n_dropped;
}
