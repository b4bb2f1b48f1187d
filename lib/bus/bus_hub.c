/* The bus in memory: joins the simulated processes of one test, deterministic under one seed.
 *
 *   bus A ── socket ──┐                          ┌── socket ── bus B
 *                     └── link: a queue each way ┘
 *
 * A link is the connection of one connecting socket to the socket that binds its endpoint. It behaves as ZeroMQ's does with our
 * options: a message needs an open link; each direction keeps its order and holds at most BUS_QUEUE_MESSAGES; a link that closes
 * loses what is under way in both directions; it opens again by itself, after RECONNECT_NS; the newest link of an identity
 * replaces an older one to the same binder.
 *
 * bus_hub_step(now) is the only clock: it opens links and moves what is due into the receivers' inboxes, in the order (due,
 * number of the message). A message sent before the first step is due at that step at the earliest. Chance is drawn in the order of
 * sends, so one seed and one order of calls give one run. Deliver costs are linear in links, which suits some dozens of processes.
 * One thread.
 */
#include "lib/bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "lib/bus/protocol.h"
#include "lib/bus/role.h"
#include "lib/bus/transport.h"

enum { TO_BINDER, TO_CONNECTOR, DIRECTIONS };
static const uint64_t RECONNECT_NS = 50 * NS_PER_MS;

struct parcel {
    struct bus_owned owned; /* first: a delivered parcel is the owner of its body */
    struct parcel *prev, *next;
    struct envelope envelope;
    enum bus_role role;
    const char *key;
    uint64_t due_ns;
    uint64_t number;
    struct hub_link *link; /* while under way or in an inbox: frees a place when read; NULL when the link has closed */
    int direction;
    size_t size;
    uint8_t body[];
};

struct hub_socket {
    struct bus_socket socket; /* first */
    struct hub_socket *prev, *next;
    struct hub_bus *home;
    char *endpoint;
    struct parcel *inbox;
    struct hub_link *link; /* of a connecting socket */
};

struct hub_bus {
    struct bus bus; /* first */
    struct bus_hub *hub;
    struct hub_bus *prev, *next;
    bool is_cut;
    enum bus_role role; /* told to receivers */
    const char *key;
};

struct hub_link {
    struct hub_link *prev, *next;
    struct hub_socket *connector;
    struct hub_socket *binder; /* NULL: closed */
    uint64_t open_at_ns;       /* while closed */
    struct parcel *under_way[DIRECTIONS];
    size_t n_held[DIRECTIONS];        /* under way and in the inbox */
    uint64_t last_due_ns[DIRECTIONS]; /* keeps the order */
};

struct bus_hub {
    struct random random;
    struct hub_bus *buses;
    struct hub_socket *sockets; /* of all buses, in the order of their birth */
    struct hub_link *links;
    uint64_t now_ns;
    uint64_t n_parcels;
    uint32_t lose_per_mille;
    uint64_t delay_min_ns, delay_max_ns;
};

static const struct transport bus_hub_transport;

static struct hub_socket *hub_socket_of(struct bus_socket *socket)
{
    return (struct hub_socket *)socket;
}

static void forget_link_in_inbox(struct hub_socket *socket, const struct hub_link *link)
{
    struct parcel *parcel;
    DL_FOREACH(socket->inbox, parcel)
    {
        if (parcel->link == link) {
            parcel->link = NULL;
        }
    }
}

/* Loses what is under way; what was delivered stays readable. */
static void link_close(struct bus_hub *hub, struct hub_link *link)
{
    for (int d = 0; d < DIRECTIONS; d++) {
        struct parcel *parcel, *next;
        DL_FOREACH_SAFE(link->under_way[d], parcel, next)
        {
            DL_DELETE(link->under_way[d], parcel);
            free(parcel);
        }
        link->n_held[d] = 0;
        link->last_due_ns[d] = 0;
    }
    if (link->binder != NULL) {
        forget_link_in_inbox(link->binder, link);
        forget_link_in_inbox(link->connector, link);
    }
    link->binder = NULL;
    link->open_at_ns = hub->now_ns + RECONNECT_NS;
}

static struct hub_socket *find_binder(struct bus_hub *hub, const char *endpoint)
{
    struct hub_socket *socket;
    DL_FOREACH(hub->sockets, socket)
    {
        if (socket->socket.is_binder && strcmp(socket->endpoint, endpoint) == 0) {
            return socket;
        }
    }
    return NULL;
}

static struct hub_link *find_link(struct bus_hub *hub, const struct hub_socket *binder, const struct bus_identity *peer)
{
    struct hub_link *link;
    DL_FOREACH(hub->links, link)
    {
        if (link->binder == binder && bus_identity_equal(&link->connector->home->bus.self, peer)) {
            return link;
        }
    }
    return NULL;
}

static void link_try_open(struct bus_hub *hub, struct hub_link *link)
{
    struct hub_socket *binder = find_binder(hub, link->connector->endpoint);
    if (binder == NULL || binder->home->is_cut || link->connector->home->is_cut || hub->now_ns < link->open_at_ns) {
        return;
    }
    struct hub_link *older = find_link(hub, binder, &link->connector->home->bus.self);
    if (older != NULL) {
        link_close(hub, older);
        older->open_at_ns = UINT64_MAX; /* replaced for good, or the two would take the place from each other for ever */
    }
    link->binder = binder;
}

static int hub_open(struct bus *bus, enum wire wire, bool is_binder, const char *endpoint, struct bus_socket **out_socket)
{
    struct hub_bus *home = (struct hub_bus *)bus;
    struct bus_hub *hub = home->hub;
    if (endpoint[0] == '\0') {
        return -ERROR_SYNTAX;
    }
    if (is_binder && find_binder(hub, endpoint) != NULL) {
        return -EADDRINUSE;
    }
    struct hub_socket *socket = memory_zeroed(sizeof *socket);
    socket->home = home;
    socket->endpoint = memory_string(endpoint);
    socket->socket.is_binder = is_binder;
    DL_APPEND(hub->sockets, socket);
    if (!is_binder) {
        socket->link = memory_zeroed(sizeof *socket->link);
        socket->link->connector = socket;
        DL_APPEND(hub->links, socket->link);
    }
    *out_socket = &socket->socket;
    return 0;
}

static void hub_close(struct bus_socket *socket)
{
    struct hub_socket *s = hub_socket_of(socket);
    struct bus_hub *hub = s->home->hub;
    struct hub_link *link, *next_link;
    DL_FOREACH_SAFE(hub->links, link, next_link)
    {
        if (link->binder == s || link->connector == s) {
            link_close(hub, link);
        }
    }
    if (s->link != NULL) {
        DL_DELETE(hub->links, s->link);
        free(s->link);
    }
    struct parcel *parcel, *next;
    DL_FOREACH_SAFE(s->inbox, parcel, next)
    {
        DL_DELETE(s->inbox, parcel);
        free(parcel);
    }
    DL_DELETE(hub->sockets, s);
    free(s->endpoint);
    free(s);
}

static int hub_fd(const struct bus_socket *socket)
{
    return -1;
}

static int hub_send(struct bus_socket *socket, const struct bus_identity *to, const struct envelope *envelope, const void *body,
                    size_t size)
{
    struct hub_socket *from = hub_socket_of(socket);
    struct bus_hub *hub = from->home->hub;
    int direction = socket->is_binder ? TO_CONNECTOR : TO_BINDER;
    struct hub_link *link = from->link;
    if (socket->is_binder) {
        link = to != NULL ? find_link(hub, from, to) : NULL;
        if (link == NULL) {
            return -ERROR_NOT_CONNECTED;
        }
    }
    if (link->binder == NULL || link->n_held[direction] >= BUS_QUEUE_MESSAGES) {
        return -EAGAIN;
    }
    if (random_below(&hub->random, 1000) < hub->lose_per_mille) {
        link_close(hub, link);
        return 0; /* taken, and lost with the connection */
    }
    struct parcel *parcel = memory_zeroed(sizeof *parcel + size);
    uint64_t range = hub->delay_max_ns - hub->delay_min_ns;
    uint64_t due = hub->now_ns + hub->delay_min_ns + random_below(&hub->random, range + 1);
    link->last_due_ns[direction] = due > link->last_due_ns[direction] ? due : link->last_due_ns[direction];
    parcel->owned.transport = &bus_hub_transport;
    parcel->envelope = *envelope;
    const struct hub_bus *sender = (const struct hub_bus *)socket->bus;
    parcel->role = sender->role;
    parcel->key = sender->key;
    parcel->due_ns = link->last_due_ns[direction];
    parcel->number = hub->n_parcels++;
    parcel->link = link;
    parcel->direction = direction;
    parcel->size = size;
    if (size > 0) {
        memcpy(parcel->body, body, size);
    }
    DL_APPEND(link->under_way[direction], parcel);
    link->n_held[direction]++;
    return 0;
}

static int hub_recv(struct bus_socket *socket, struct bus_message *out_message)
{
    struct hub_socket *s = hub_socket_of(socket);
    while (s->inbox != NULL) {
        struct parcel *parcel = s->inbox;
        DL_DELETE(s->inbox, parcel);
        if (parcel->link != NULL) {
            parcel->link->n_held[parcel->direction]--;
        }
        if (!protocol_admit(socket, &parcel->envelope, parcel->size)) {
            free(parcel);
            continue;
        }
        *out_message = (struct bus_message){.type = parcel->envelope.type,
                                            .sequence = parcel->envelope.sequence,
                                            .from = parcel->envelope.from,
                                            .role = parcel->role,
                                            .key = parcel->key,
                                            .body = parcel->body,
                                            .size = parcel->size,
                                            .owner = parcel};
        return 0;
    }
    return -EAGAIN;
}

static void hub_message_free(void *owner)
{
    free(owner);
}

static void hub_bus_destroy(struct bus *bus)
{
    struct hub_bus *b = (struct hub_bus *)bus;
    DL_DELETE(b->hub->buses, b);
    free(b);
}

static const struct transport bus_hub_transport = {.open = hub_open,
                                                   .close = hub_close,
                                                   .fd = hub_fd,
                                                   .send = hub_send,
                                                   .recv = hub_recv,
                                                   .message_free = hub_message_free,
                                                   .destroy = hub_bus_destroy};

struct bus_hub *bus_hub_new(uint64_t seed)
{
    struct bus_hub *hub = memory_zeroed(sizeof *hub);
    random_seed(&hub->random, seed);
    return hub;
}

void bus_hub_destroy(struct bus_hub **hub)
{
    if (*hub != NULL) {
        assert((*hub)->buses == NULL && "the buses of a hub go before it");
        free(*hub);
        *hub = NULL;
    }
}

struct bus *bus_memory_new(struct bus_hub *hub, const struct bus_identity *self)
{
    struct hub_bus *bus = memory_zeroed(sizeof *bus);
    bus->hub = hub;
    bus_init(&bus->bus, &bus_hub_transport, self);
    bus->role = role_of_kind(self->kind);
    DL_APPEND(hub->buses, bus);
    return &bus->bus;
}

void bus_memory_set_key(struct bus *bus, enum bus_role role, const char *key)
{
    ((struct hub_bus *)bus)->role = role;
    ((struct hub_bus *)bus)->key = key;
}

void bus_hub_set_faults(struct bus_hub *hub, uint32_t lose_per_mille, uint64_t delay_min_ns, uint64_t delay_max_ns)
{
    hub->lose_per_mille = lose_per_mille;
    hub->delay_min_ns = delay_min_ns;
    hub->delay_max_ns = delay_max_ns > delay_min_ns ? delay_max_ns : delay_min_ns;
}

/* The due parcel that comes first over all links. */
static struct parcel *next_due(struct bus_hub *hub)
{
    struct parcel *best = NULL;
    struct hub_link *link;
    DL_FOREACH(hub->links, link)
    {
        for (int d = 0; d < DIRECTIONS; d++) {
            struct parcel *head = link->under_way[d];
            if (head == NULL || head->due_ns > hub->now_ns) {
                continue;
            }
            if (best == NULL || head->due_ns < best->due_ns || (head->due_ns == best->due_ns && head->number < best->number)) {
                best = head;
            }
        }
    }
    return best;
}

void bus_hub_step(struct bus_hub *hub, uint64_t now_ns)
{
    hub->now_ns = now_ns > hub->now_ns ? now_ns : hub->now_ns;
    struct hub_link *link;
    DL_FOREACH(hub->links, link)
    {
        if (link->binder == NULL) {
            link_try_open(hub, link);
        }
    }
    for (struct parcel *parcel = next_due(hub); parcel != NULL; parcel = next_due(hub)) {
        struct hub_link *way = parcel->link;
        struct hub_socket *receiver = parcel->direction == TO_BINDER ? way->binder : way->connector;
        DL_DELETE(way->under_way[parcel->direction], parcel);
        DL_APPEND(receiver->inbox, parcel);
    }
}

void bus_hub_cut(struct bus_hub *hub, const struct bus_identity *who, bool is_cut)
{
    struct hub_bus *bus;
    DL_FOREACH(hub->buses, bus)
    {
        if (bus_identity_equal(&bus->bus.self, who)) {
            bus->is_cut = is_cut;
        }
    }
    struct hub_link *link;
    DL_FOREACH(hub->links, link)
    {
        if (link->binder != NULL && (link->binder->home->is_cut || link->connector->home->is_cut)) {
            link_close(hub, link);
        }
    }
}
