/* A swctl that asks a configdb over the control wire, on the memory bus. */
#ifndef BUSBAR_TESTS_CONFIGDB_DESK_H
#define BUSBAR_TESTS_CONFIGDB_DESK_H

#include "tests/unit/services/configdb/fixture.h"

#include "lib/msg/msg.h"
#include "proto/control.pb-c.h"
#include "services/configdb/query.h"

struct desk {
    struct fixture f;
    struct control_server *server;
    struct bus *bus;
    struct bus_socket *socket;
    json_t *answer; /* pieces that are arrays, joined */
    int error;
    char text[256];
};

static inline void desk_init(struct desk *desk)
{
    static const enum cfg_table tables[] = {CFG_SWITCH};
    struct bus_identity self = {.kind = PROCESS_SWCTL, .instance = 9, .start = 4};
    memset(desk, 0, sizeof *desk);
    fixture_init(&desk->f);
    (void)fixture_client(&desk->f, 0, PROCESS_SWCTL, tables, 1, NULL);
    assert_int_equal(
        control_server_new(desk->f.bus, "control", query_commands, query_count, query_status, desk->f.db, &desk->server), 0);
    desk->bus = bus_memory_new(desk->f.hub, &self);
    assert_int_equal(bus_connect(desk->bus, WIRE_CONTROL, "control", &desk->socket), 0);
    fixture_run(&desk->f, 200);
}

static inline void desk_fini(struct desk *desk)
{
    json_decref(desk->answer);
    bus_close(&desk->socket);
    bus_destroy(&desk->bus);
    control_server_destroy(&desk->server);
    fixture_fini(&desk->f);
}

static inline bool desk_receive(struct desk *desk)
{
    struct bus_message message;
    bool is_last = false;
    while (bus_recv(desk->socket, &message) == 0) {
        Busbar__ControlReply *reply = (Busbar__ControlReply *)msg_unpack(&message, &busbar__control_reply__descriptor);
        json_t *piece = json_loads(reply->json, JSON_DECODE_ANY, NULL);
        if (json_is_array(piece) && json_is_array(desk->answer)) {
            json_array_extend(desk->answer, piece);
            json_decref(piece);
        } else if (piece != NULL) {
            json_decref(desk->answer);
            desk->answer = piece;
        }
        desk->error = reply->error;
        (void)snprintf(desk->text, sizeof desk->text, "%s", reply->text);
        is_last = reply->last;
        busbar__control_reply__free_unpacked(reply, NULL);
        bus_message_fini(&message);
    }
    return is_last;
}

static inline void ask(struct desk *desk, const char *command, const char *first, const char *second)
{
    char *arguments[2] = {(char *)(uintptr_t)first, (char *)(uintptr_t)second};
    Busbar__ControlRequest request = BUSBAR__CONTROL_REQUEST__INIT;
    request.command = (char *)(uintptr_t)command;
    request.arguments = arguments;
    request.n_arguments = (first != NULL ? 1u : 0u) + (second != NULL ? 1u : 0u);
    json_decref(desk->answer);
    desk->answer = NULL;
    assert_int_equal(msg_send(desk->socket, NULL, MESSAGE_CONTROL_REQUEST, &request.base), 0);
    for (int i = 0; i < 200; i++) {
        fixture_run(&desk->f, 1);
        control_server_step(desk->server, desk->f.now_ns);
        if (desk_receive(desk)) {
            return;
        }
    }
    fail_msg("no answer to %s", command);
}

#endif
