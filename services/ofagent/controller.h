/* A controller that a bridge connects to: back-off, its session while there is one, and its status row. Or, of ptcp, pssl and punix, a place where it
 * listens for peers. One thread. */
#ifndef BUSBAR_OFAGENT_CONTROLLER_H
#define BUSBAR_OFAGENT_CONTROLLER_H

#include "services/ofagent/agent.h"

enum { CONTROLLER_MAX_BACKOFF_MS = 8000, CONTROLLER_PROBE_MS = 5000 };
#define CONTROLLER_FIRST_BACKOFF_NS (1 * NS_PER_S)
#define CONTROLLER_HANDOVER_NS (250 * NS_PER_MS) /* between attempts to listen where the ofagent before us still does */
#define CONTROLLER_CONNECT_NS (5 * NS_PER_S) /* a connection attempt that takes longer has failed */
enum {
    /* That one listener lets in: a hundred controllers, and as many that reconnect before we have seen their old connections end. The rest of
     * SESSION_MAX stays free for the bridge's own socket and other listeners. In memory each is at most conn.h's CONN_OUTPUT_STOP of output. */
    CONTROLLER_PEERS_MAX = 208,
    CONTROLLER_ACCEPTS_PER_STEP = 4, /* a handshake of TLS takes up to a millisecond */
};

struct controller {
    struct controller *next;
    struct bridge *bridge;
    uint64_t id; /* row */
    char *target;
    bool is_passive, is_tls;
    bool is_full; /* of a passive one: the last peer that came was turned away, and there is no room yet */
    int listener; /* of a passive one; -1: not */
    char *listener_path; /* of punix while it listens, otherwise NULL; owned */
    uint64_t accept_again_ns;
    uint64_t max_backoff_ns, probe_ns;
    uint32_t packet_in_rate, packet_in_burst; /* of each session, of misses and of the rest; 0: no limit */
    int fd;                  /* connecting; -1: not */
    struct session *session; /* owned by the bridge's list */
    uint64_t try_at_ns;
    uint64_t tried_ns;
    uint64_t backoff_ns;
    bool is_active; /* the session has agreed on a version */
    uint64_t since_wall_ns;
    char last_error[256];
    /* What was published last. */
    bool was_published;
    char published[320];
};

struct controller *controller_new(struct bridge *bridge, uint64_t id, const Busbar__ControllerRow *row);
/* Withdraws its status; its session is closed. */
void controller_destroy(struct controller **controller);
/* Other settings: a new target begins anew. */
void controller_update(struct controller *controller, const Busbar__ControllerRow *row);
void controller_step(struct controller *controller);
/* The bridge takes this session away. */
void controller_lost(struct controller *controller, const struct session *session);
/* Another key or certificate: whoever waits for the next attempt need not. */
void controller_tls_changed(struct controller *controller);
/* When it wants to be stepped at the latest. */
uint64_t controller_next_ns(const struct controller *controller);

#endif
