/* Finding the ofagent that has a bridge.
 *
 * With one ofagent it is that one, and configdb need not answer. With several the owner row of the bridge names it, through the mirror; while
 * configdb is away, whoever does not deny it. A bridge has no owner for some milliseconds when it moves and for two seconds when its
 * ofagent has been stopped, so the question is put again for OWNER_WAIT_MS before it is given up.
 * swctl's one thread. Invariant: a change is asked of one ofagent at a time, and of another only when that one has said that the bridge is not his.
 */
#include "cli/client.h"

#include <poll.h>
#include <stdio.h>

#include "lib/base/clock.h"

enum { OWNER_WAIT_MS = 4000, OWNER_AGAIN_MS = 50, OFAGENTS_MAX = 64, MIRROR_MS = 2000 /* a configdb that is there answers in a few */ };

uint32_t client_owner(const struct client *client, uint64_t bridge)
{
    const Busbar__OwnerRow *owner = (const Busbar__OwnerRow *)cfg_row(client->cfg, CFG_OWNER, bridge);
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (owner != NULL && cfg_next(client->cfg, CFG_SERVICE, &cursor, &id, &row)) {
        const Busbar__ServiceRow *service = (const Busbar__ServiceRow *)row;
        if (service->kind == PROCESS_OFAGENT && service->start == owner->start) {
            return service->instance;
        }
    }
    return 0;
}

/* False: configdb does not answer. */
static bool has_mirror(struct client *client)
{
    struct error_detail ignored;
    uint32_t saved = client->timeout_ms;
    int err = 0;
    if (client->cfg == NULL) {
        client->timeout_ms = saved < MIRROR_MS ? saved : MIRROR_MS;
        err = client_open(client, &ignored);
        client->timeout_ms = saved;
    }
    return err == 0 && client->cfg != NULL && cfg_has_snapshot(client->cfg);
}

/* Nobody says who has it: each is asked, until one does not deny it. */
static int ask_each(struct client *client, const char *command, const char *const *arguments, size_t n_arguments, json_t **out_json,
                    struct error_detail *detail)
{
    uint32_t instances[OFAGENTS_MAX];
    size_t n = client_living(client, PROCESS_OFAGENT, instances, OFAGENTS_MAX);
    int err = -ERROR_OWNER;
    for (size_t i = 0; i < n && err == -ERROR_OWNER; i++) {
        err = client_ask(client, PROCESS_OFAGENT, instances[i], command, arguments, n_arguments, out_json, detail);
    }
    return err;
}

static int ask_owner_once(struct client *client, const char *command, const char *const *arguments, size_t n_arguments, json_t **out_json,
                          struct error_detail *detail)
{
    uint64_t bridge;
    if (!has_mirror(client)) {
        return ask_each(client, command, arguments, n_arguments, out_json, detail);
    }
    client_turn(client);
    if (client_bridge(client, arguments[0], &bridge) == NULL) {
        return error_set(detail, -ERROR_NOT_FOUND, "bridge %s: %s", arguments[0], error_text(-ERROR_NOT_FOUND));
    }
    uint32_t owner = client_owner(client, bridge);
    if (owner == 0 || !client_is_alive(client, PROCESS_OFAGENT, owner)) {
        return -ERROR_OWNER;
    }
    return client_ask(client, PROCESS_OFAGENT, owner, command, arguments, n_arguments, out_json, detail);
}

int client_ask_owner(struct client *client, const char *command, const char *const *arguments, size_t n_arguments, json_t **out_json,
                     struct error_detail *detail)
{
    uint32_t instances[OFAGENTS_MAX];
    uint64_t deadline = clock_now_ns() + (client->timeout_ms < OWNER_WAIT_MS ? client->timeout_ms : OWNER_WAIT_MS) * NS_PER_MS;
    size_t n = client_living(client, PROCESS_OFAGENT, instances, OFAGENTS_MAX);
    int err = -ERROR_OWNER;
    if (n < 2) {
        err = client_ask(client, PROCESS_OFAGENT, n == 1 ? instances[0] : 1, command, arguments, n_arguments, out_json, detail);
    }
    while (err == -ERROR_OWNER) {
        err = ask_owner_once(client, command, arguments, n_arguments, out_json, detail);
        if (err == -ERROR_OWNER && clock_now_ns() >= deadline) {
            return error_set(detail, err, "bridge %s has no ofagent at the moment, and none has taken it over in time (swctl status shows which run)",
                             arguments[0]);
        }
        if (err == -ERROR_OWNER) {
            (void)poll(NULL, 0, OWNER_AGAIN_MS);
        }
    }
    return err;
}
