/* One OpenFlow conversation over one conn: HELLO, liveness, and what this peer has asked for (role, configuration, async filter).
 *
 * Messages go to dispatch.c one after the other. Reading pauses while a barrier of this session waits, while a long list is being sent,
 * while a packet-out waits for the commit of the changes before it, as do those of a bundle, and while the bridge has too much in flight: TCP
 * then slows the controller down.
 * A session is made by controller.c (active) or bridge.c (listener) and lives in its bridge's list. One thread.
 */
#ifndef BUSBAR_OFAGENT_SESSION_H
#define BUSBAR_OFAGENT_SESSION_H

#include "services/ofagent/agent.h"
#include "services/ofagent/conn.h"

enum {
    SESSION_MAX = 256, /* of a bridge: a hundred controllers and the tools of a careless person */
};
#define SESSION_HELLO_NS (10 * NS_PER_S) /* a peer that has not said HELLO by then is no OpenFlow peer */

enum session_state { SESSION_HELLO, SESSION_ACTIVE, SESSION_CLOSED };

struct walk;
struct bundle;
struct bundle_commit;
struct packet_queue;
struct monitor;

struct session {
    struct session *next;
    struct bridge *bridge;
    struct conn *conn;
    uint64_t number;     /* unique in this process */
    uint64_t controller; /* row of the controller we connected to; 0: the peer came to us, */
    uint64_t listener;   /* by this passive controller's row; 0: by the bridge's own socket */
    enum session_state state;
    char reason[256]; /* why it was closed */
    uint32_t versions; /* bit n: version n may be spoken; the bridge's protocols when the session began */
    uint8_t version;   /* the one that is, or before the HELLOs the highest that may be */
    bool was_active;
    uint64_t opened_ns;
    uint64_t heard_ns; /* when the peer was last heard */
    uint64_t probe_ns; /* inactivity probe; 0: off */
    bool is_probed;     /* an echo request was sent, and nothing was heard since */
    uint64_t probed_ns; /* when it was sent: the peer has probe_ns from then on, however long we were silent ourselves */

    enum of_role_kind role;
    struct of_config config;
    struct of_async async;
    uint32_t flow_format;      /* 1.0: enum of_flow_format; how FLOW_REMOVED goes out */
    uint32_t packet_in_format; /* enum of_packet_in_format */
    uint16_t controller_id;    /* of controller(id=...) */
    bool has_table_id;         /* 1.0: flow_mods name tables */

    uint64_t last_batch; /* of the bridge's inflight: that of this session's latest change */
    size_t n_port_mods;  /* and table_mods, not committed yet; a barrier waits for them too */
    struct version port_mod_version;
    bool waits_for_barrier;
    bool is_committed; /* what came before the barrier */
    struct version barrier_version;
    uint32_t barrier_xid;
    uint64_t barrier_ns; /* when it came */
    struct walk *walk; /* the list of rules that is being sent, see on_multipart.c; owned */
    uint8_t *held;     /* a packet-out that waits for last_batch to be committed; owned */
    size_t held_size;
    struct bundle *bundles;     /* being filled, see bundle.c; owned */
    struct bundle_commit *commits; /* of bundles, not committed yet, in order; owned */
    size_t n_commits;
    bool commits_alone; /* the last of them has more to do than its rules and groups: nothing is read until it is answered */
    uint8_t *outs;      /* its packet-outs, message after message; owned */
    size_t outs_size;
    struct monitor *monitors;   /* see monitor.c; owned */

    struct packet_queue *queues[2]; /* of packet-ins by rules, and of misses, see packet_queue.h; owned. NULL: no limit */

    uint64_t n_packet_ins, n_packet_ins_dropped, n_errors;
};

/* Takes the connection. */
struct session *session_new(struct bridge *bridge, struct conn *conn, uint64_t controller, uint64_t probe_ns);
void session_destroy(struct session **session);
/* Into the list of its bridge, which owns it from then on. */
void session_join(struct session *session);
/* Marks it closed; whoever owns it takes it out. */
void session_close(struct session *session, const char *format, ...) PRINTF_LIKE(2, 3);
void session_step(struct session *session);
/* POLLIN / POLLOUT to wait for; `out_again`: input waits already. */
short session_events(const struct session *session, bool *out_again);

/* So many packet-ins a second, and so many at once, of misses and of the rest; 0: as many as come. */
void session_limit(struct session *session, uint32_t rate, uint32_t burst);
/* A packet-in: appended, held back (by this port) while there is a limit, or dropped, as the peer does not read. Counted. */
void session_send_packet_in(struct session *session, struct of_message *message, uint32_t port, bool is_miss);
/* When what is held back may go on, UINT64_MAX: nothing is held. */
uint64_t session_next_ns(const struct session *session);
/* Appends a message with this session's version. */
void session_send(struct session *session, struct of_message *message);
/* The answer to a request that cannot be honoured. */
void session_send_error(struct session *session, enum of_error_number number, const uint8_t *request, size_t size);
/* Does the peer want a packet-in for this enum packet_in_reason, and which reason does its version know for it? */
bool session_wants_packet_in(const struct session *session, unsigned reason, uint8_t *out_reason);
/* Does the peer want this asynchronous message? `masks`: packet_in, port_status or flow_removed of its filter. */
bool session_wants(const struct session *session, const uint32_t masks[2], unsigned reason);

#endif
