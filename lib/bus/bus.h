/* The bus: ZeroMQ behind a table of wires (config, session and usage without libzmq on ipc, bus_direct.c), or memory for the simulator; one set of calls.
 *
 * A wire is bound by one kind of process and connected to by others. A message is an envelope (lib/bus/envelope.c) and one packed
 * protobuf message. Peers are named by identity: kind, instance and start number, so a message never reaches a later life of a
 * process. Received messages are checked against wires.def (type known, sender may say this, protocol understood, size) before
 * anybody sees them; what fails is dropped, counted by name and logged at a limited rate.
 *
 * All sockets: no linger, immediate, bounded marks (BUS_QUEUE_MESSAGES) and size (BUS_MESSAGE_MAX_BYTES), mandatory and hand-over
 * routing. Nothing blocks: sends that find no room return -EAGAIN, and what happens then is written in proto/README.md per message.
 * One thread owns a socket. A socket's fd is readable while a bus_recv() might succeed; it may be readable in vain.
 */
#ifndef BUSBAR_BUS_BUS_H
#define BUSBAR_BUS_BUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum process_kind { PROCESS_CONFIGDB = 1, PROCESS_OFAGENT = 2, PROCESS_SLOWPATH = 3, PROCESS_FASTPATH = 4, PROCESS_SWCTL = 5, PROCESS_ANY = 6 };

enum wire {
#define WIRE(name, number, protocol, binder) WIRE_##name = (number),
#include "lib/bus/wires.def"
    WIRE_COUNT
};

/* Message types: MESSAGE_MISS_BATCH and so on; the numbers are unique within a wire only. */
enum message_type {
#define MESSAGE(wire, name, number, type, senders) MESSAGE_##name = (number),
#include "lib/bus/wires.def"
};

enum {
    BUS_QUEUE_MESSAGES = 1000, /* per direction and peer: several seconds of batches at rest, at worst 100 MB of packets for controllers (up.c) */
    BUS_MESSAGE_MAX_BYTES = 16 * 1024 * 1024, /* a transaction of a 64k-rule bundle fits; larger things travel in pieces */
};

struct bus_identity {
    enum process_kind kind;
    uint32_t instance;
    uint64_t start;
};

/* What the sender may do: the role of his key, on ipc:// that of his kind (role.h). */
enum bus_role {
    ROLE_NONE = 0,
#define ROLE(name, number, text, kind) ROLE_##name = (number),
#include "lib/bus/roles.def"
#undef ROLE
};

struct bus_message {
    uint32_t type; /* enum message_type, of the socket's wire */
    uint64_t sequence;
    struct bus_identity from;
    enum bus_role role;  /* fits from.kind */
    const char *key;     /* public key of the sender, lent with the message; NULL: not over tcp://, or from the binder */
    const uint8_t *body; /* packed protobuf message, owned by the bus_message */
    size_t size;
    void *owner; /* private */
};

struct bus;
struct bus_socket;

/* ZeroMQ. Every process has one. */
struct bus *bus_zmq_new(const struct bus_identity *self);
/* tcp://, before the first socket: our own pair (copied), to connect under and to answer under. bus_keys() is then the table of those who
 * may connect to us; it is empty, so nobody may. */
struct key_pair;
int bus_zmq_use_keys(struct bus *bus, const struct key_pair *pair) MUST_CHECK;
/* From now on each wire that is bound is also bound at this address (tcp://ADDRESS, as others reach it): the first at `port`, each further one on
 * the port after; 0: any free ones. After bus_zmq_use_keys(). */
int bus_zmq_listen(struct bus *bus, const char *address, unsigned port) MUST_CHECK;
struct key_table *bus_keys(const struct bus *bus); /* NULL: no keys are used */
/* Memory, for tests and the simulator: a hub joins the buses of all simulated processes; delivery is at the hub's say. */
struct bus_hub;
struct bus_hub *bus_hub_new(uint64_t seed);
void bus_hub_destroy(struct bus_hub **hub);
struct bus *bus_memory_new(struct bus_hub *hub, const struct bus_identity *self);
/* What receivers are told of what this bus sends from now on, as if it came under such a key; else the role of its kind and no key. `key` is lent. */
void bus_memory_set_key(struct bus *bus, enum bus_role role, const char *key);
/* Chance in 1/1000 that a message sent from now on closes the way between its two ends (messages in flight are lost), and the delay range. */
void bus_hub_set_faults(struct bus_hub *hub, uint32_t lose_per_mille, uint64_t delay_min_ns, uint64_t delay_max_ns);
/* Delivers what is due; a bus destroyed or cut loses what was under way to it. */
void bus_hub_step(struct bus_hub *hub, uint64_t now_ns);
void bus_hub_cut(struct bus_hub *hub, const struct bus_identity *who, bool is_cut);

void bus_destroy(struct bus **bus); /* closes all its sockets */
const struct bus_identity *bus_self(const struct bus *bus);

/* endpoint: "ipc:///run/busbar/session.1"; memory: any name. -EADDRINUSE, -ERROR_SYNTAX... */
int bus_bind(struct bus *bus, enum wire wire, const char *endpoint, struct bus_socket **out_socket) MUST_CHECK;
/* endpoint: also "tcp://HOST:PORT KEY", KEY the public key of who answers there (endpoint.h); -ERROR_REFUSED when it has none or we have none.
 * Returns at once; the connection is made and remade in the background. */
int bus_connect(struct bus *bus, enum wire wire, const char *endpoint, struct bus_socket **out_socket) MUST_CHECK;
void bus_close(struct bus_socket **socket);
int bus_fd(const struct bus_socket *socket); /* -1: memory */
/* What others connect to: the tcp one where we listen on tcp, else as given. Lent. */
const char *bus_socket_endpoint(const struct bus_socket *socket);

/* to: the peer, for a binding socket; NULL for a connecting one. 0, -EAGAIN (no room or not connected yet), -ERROR_NOT_CONNECTED (no such peer),
 * -ERROR_TOO_LARGE. The body is copied. */
int bus_send(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const void *body, size_t size) MUST_CHECK;
/* A body that goes to many: held once, however many it waits for. Sending it is as bus_send(); it may be freed while it is under way. */
struct bus_shared *bus_share(struct bus_socket *socket, const void *body, size_t size);
void bus_shared_free(struct bus_shared **shared);
int bus_send_shared(struct bus_socket *socket, const struct bus_identity *to, enum message_type type, const struct bus_shared *shared) MUST_CHECK;
/* From here to the flush what is sent may gather, so that many messages to one peer go out together, and bus_fd() need not be true. Not for longer than
 * a step. */
void bus_hold(struct bus_socket *socket);
void bus_flush(struct bus_socket *socket);
/* 0 or -EAGAIN. */
int bus_recv(struct bus_socket *socket, struct bus_message *out_message) MUST_CHECK;
void bus_message_fini(struct bus_message *message);

/* ---- versions (protocol.c): what is said to a peer is said in the newest version of the wire that both understand ---- */
/* That version, for those who write differently to older peers. `to`: as in bus_send(). */
uint32_t bus_protocol(const struct bus_socket *socket, const struct bus_identity *to);
/* A connecting socket: what it said was not understood, and it goes on in another version. True once: who waits for an answer asks again. */
bool bus_take_version_change(struct bus_socket *socket);
/* A connecting socket: whoever is bound there understands none of our versions. Says which he and we understand and what to do; false: not so. */
bool bus_is_refused(const struct bus_socket *socket, char *out_text, size_t room);
/* For tests: this bus is of a build whose wires have these versions more (or less) than wires.def says, as -DBUSBAR_PROTOCOL_AHEAD=N builds it. Before
 * its first socket. */
void bus_set_protocol_ahead(struct bus *bus, int ahead);

/* The endpoint of a wire bound by (kind, instance) under a run directory: "ipc://RUN/session.fastpath.1", "ipc://RUN/config.configdb.1",
 * "ipc://RUN/control.slowpath.1". -ENAMETOOLONG when a socket path cannot be that long. */
int bus_endpoint(const char *run_dir, enum wire wire, enum process_kind kind, uint32_t instance, char *out_endpoint, size_t room) MUST_CHECK;

enum { BUS_WIRE_NAME_SIZE = 16 };
void bus_wire_name(enum wire wire, char out_name[BUS_WIRE_NAME_SIZE]); /* "config" */
bool bus_identity_equal(const struct bus_identity *a, const struct bus_identity *b);
const char *process_kind_name(enum process_kind kind); /* "fastpath" */
const char *bus_message_name(enum wire wire, uint32_t type);

/* What was refused on this socket, by reason. */
struct bus_counters {
    uint64_t received, sent;
    uint64_t malformed, wrong_wire, wrong_version, wrong_sender, wrong_key, unknown_type, too_large;
};
const struct bus_counters *bus_socket_counters(const struct bus_socket *socket);

#endif
