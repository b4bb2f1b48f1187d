/* Versions: learned from every message, agreed without a round trip where both sides are of one build.
 *
 *   own 3, peer 3:   3 ──►  ◄── 3
 *   own 3, peer 2:   3 ──►  ◄── refusal(newest 2)   2 ──►  ◄── 2         lost: what was said before the refusal came
 *   own 2, peer 3:   2 ──►  ◄── 2
 *   own 3, peer 1:   3 ──►  ◄── refusal(newest 1)   nothing in common: logged, and for who asks bus_is_refused()
 *
 * What was said in a version that was not understood is lost, as with a broken connection: nothing is repeated here, the conversations
 * repeat (proto/README.md), those that somebody waits for at once (bus_take_version_change()). A refusal is not numbered and itself never refused. The
 * version of a binder that is replaced under its peers is learned anew from its first message, or by a refusal.
 * Cost: a hash lookup a message at a binder. The thread that owns the socket.
 */
#include "lib/bus/protocol.h"

#include <inttypes.h>
#include <stdio.h>

#include "lib/base/log.h"

const struct bus_identity protocol_binder;

uint32_t protocol_own(const struct bus_socket *socket)
{
    int64_t own = (int64_t)envelope_protocol(socket->wire) + socket->bus->protocol_ahead;
    return own > 1 ? (uint32_t)own : 1;
}

uint32_t bus_protocol(const struct bus_socket *socket, const struct bus_identity *to)
{
    uint32_t own = protocol_own(socket), newest = peer_set_newest(&socket->peers, to != NULL ? to : &protocol_binder);
    return newest != 0 && newest < own ? newest : own;
}

bool bus_take_version_change(struct bus_socket *socket)
{
    bool has_changed = socket->has_version_changed;
    socket->has_version_changed = false;
    return has_changed;
}

void bus_set_protocol_ahead(struct bus *bus, int ahead)
{
    bus->protocol_ahead = ahead;
}

/* A version that both understand, when each understands its newest and the one before. */
static bool have_one_in_common(uint32_t a, uint32_t b)
{
    return a > b ? a - b <= 1 : b - a <= 1;
}

static void refusal_text(const struct envelope *refusal, uint32_t own, char *out_text, size_t room)
{
    char wire[BUS_WIRE_NAME_SIZE], they[32];
    bus_wire_name((enum wire)refusal->wire, wire);
    snprintf(they, sizeof they, "%s.%" PRIu32, process_kind_name(refusal->from.kind), refusal->from.instance);
    bool are_we_older = own < refusal->newest;
    snprintf(out_text, room,
             "%s understands versions %" PRIu32 " and %" PRIu32 " of the wire %s, this program %" PRIu32 " and %" PRIu32
             ": replace %s by a build that is at most one version older than the other",
             they, refusal->newest, refusal->newest - 1, wire, own, own - 1, are_we_older ? "this program" : they);
}

bool bus_is_refused(const struct bus_socket *socket, char *out_text, size_t room)
{
    if (socket->refusal.wire == 0) {
        return false;
    }
    refusal_text(&socket->refusal, protocol_own(socket), out_text, room);
    return true;
}

/* The binder does not understand what we say. */
static void on_refusal(struct bus_socket *socket, const struct envelope *refusal)
{
    uint32_t own = protocol_own(socket), spoken = bus_protocol(socket, NULL);
    char text[256];
    if (!have_one_in_common(own, refusal->newest)) {
        socket->refusal = *refusal;
        refusal_text(refusal, own, text, sizeof text);
        LOG_LIMITED(LOG_LEVEL_ERROR, "bus_version %s", text);
        return;
    }
    socket->refusal.wire = 0;
    peer_set_heard(&socket->peers, &protocol_binder, refusal->newest);
    if (bus_protocol(socket, NULL) != spoken) { /* else it is about a message that was said before */
        socket->has_version_changed = true;
        log_info("bus_version wire=%u spoken=%u own=%u peer=%s.%u", socket->wire, bus_protocol(socket, NULL), own,
                 process_kind_name(refusal->from.kind), refusal->from.instance);
    }
}

static void refuse(struct bus_socket *socket, const struct bus_identity *who)
{
    uint32_t own = protocol_own(socket);
    struct envelope refusal = {
        .wire = socket->wire, .protocol = own, .newest = own, .type = ENVELOPE_REFUSAL, .from = socket->bus->self};
    int err = socket->transport->send(socket, who, &refusal, NULL, 0);
    if (err < 0) { /* it will speak again, and be told then */
        LOG_LIMITED(LOG_LEVEL_DEBUG, "refusal_unsent peer=%s.%u error=\"%s\"", process_kind_name(who->kind), who->instance,
                    error_text(err));
    }
}

bool protocol_admit(struct bus_socket *socket, const struct envelope *envelope, size_t body_size)
{
    bool is_of_this_wire = envelope->wire == (uint32_t)socket->wire;
    if (is_of_this_wire && envelope->type == ENVELOPE_REFUSAL && !socket->is_binder) {
        on_refusal(socket, envelope);
        return false;
    }
    uint32_t own = protocol_own(socket);
    if (!envelope_check(envelope, body_size, socket->wire, own, &socket->counters)) {
        if (is_of_this_wire && socket->is_binder && !envelope_protocol_understood(own, envelope->protocol)) {
            refuse(socket, &envelope->from);
        }
        return false;
    }
    socket->refusal.wire = 0;
    peer_set_heard(&socket->peers, socket->is_binder ? &envelope->from : &protocol_binder, envelope->newest);
    return true;
}
