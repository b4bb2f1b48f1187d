/* The other end of the config wire for the tests of lib/cfg: a bus in memory with a socket that plays configdb. */
#ifndef BUSBAR_TESTS_CFG_PEER_H
#define BUSBAR_TESTS_CFG_PEER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/cfg/cfg.h"
#include "lib/msg/msg.h"

static const struct bus_identity peer_client = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 77};

struct peer {
    struct bus_hub *hub;
    struct bus *server_bus, *client_bus;
    struct bus_socket *server; /* NULL while configdb is away */
    struct bus_socket *client; /* for tests of parts; whole ones connect by themselves */
    uint64_t server_start;
    uint64_t now_ns;
};

static inline void peer_start_server(struct peer *p, uint64_t start)
{
    struct bus_identity id = {.kind = PROCESS_CONFIGDB, .instance = 1, .start = start};
    p->server_bus = bus_memory_new(p->hub, &id);
    assert_int_equal(bus_bind(p->server_bus, WIRE_CONFIG, "config", &p->server), 0);
    p->server_start = start;
}

static inline void peer_stop_server(struct peer *p)
{
    p->server = NULL;
    bus_destroy(&p->server_bus);
}

static inline void peer_open(struct peer *p, bool with_client_socket)
{
    *p = (struct peer){.hub = bus_hub_new(1), .now_ns = NS_PER_S};
    peer_start_server(p, 1000);
    p->client_bus = bus_memory_new(p->hub, &peer_client);
    if (with_client_socket) {
        assert_int_equal(bus_connect(p->client_bus, WIRE_CONFIG, "config", &p->client), 0);
    }
    bus_hub_step(p->hub, p->now_ns);
}

static inline void peer_close(struct peer *p)
{
    peer_stop_server(p);
    bus_destroy(&p->client_bus);
    bus_hub_destroy(&p->hub);
}

static inline void peer_pass(struct peer *p, uint64_t ms)
{
    p->now_ns += ms * NS_PER_MS;
    bus_hub_step(p->hub, p->now_ns);
}

/* The next message at configdb, unpacked and the caller's; NULL when there is none. */
static inline ProtobufCMessage *peer_next(struct peer *p, uint32_t *out_type)
{
    static const struct {
        uint32_t type;
        const ProtobufCMessageDescriptor *descriptor;
    } known[] = {
        {MESSAGE_TRANSACT, &busbar__transact__descriptor}, {MESSAGE_SUBSCRIBE, &busbar__subscribe__descriptor},
        {MESSAGE_APPLIED, &busbar__applied__descriptor},   {MESSAGE_PUBLISH, &busbar__publish__descriptor},
        {MESSAGE_RENEW, &busbar__renew__descriptor},       {MESSAGE_AWAIT_APPLIED, &busbar__await_applied__descriptor}};
    struct bus_message message;
    ProtobufCMessage *body = NULL;
    if (p->server == NULL || bus_recv(p->server, &message) != 0) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (known[i].type == message.type) {
            body = msg_unpack(&message, known[i].descriptor);
        }
    }
    assert_non_null(body);
    *out_type = message.type;
    bus_message_fini(&message);
    return body;
}

/* The next message of this type, the others dropped; NULL when there is none. */
static inline ProtobufCMessage *peer_next_of(struct peer *p, uint32_t type)
{
    uint32_t got;
    ProtobufCMessage *body;
    while ((body = peer_next(p, &got)) != NULL && got != type) {
        protobuf_c_message_free_unpacked(body, NULL);
    }
    return body;
}

static inline void peer_drop_all(struct peer *p)
{
    assert_null(peer_next_of(p, 0));
}

static inline void peer_send(struct peer *p, enum message_type type, const ProtobufCMessage *message)
{
    assert_int_equal(msg_send(p->server, &peer_client, type, message), 0);
}

#endif
