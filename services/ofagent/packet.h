/* The packet wire: one connection to every slowpath, packet-ins from them, packet-outs to one of them for each session. One thread. */
#ifndef BUSBAR_OFAGENT_PACKET_H
#define BUSBAR_OFAGENT_PACKET_H

#include "services/ofagent/session.h"

enum {
    PACKET_REPLICAS_MAX = 64,
    PACKET_RECEIVE_PER_STEP = 64 /* batches from one replica before the others have their turn (I9) */
};
#define PACKET_HELLO_NS (1 * NS_PER_S) /* repeated: a replica that lost its connection learns our bridges again */

struct packet;
struct packet *packet_new(struct ofagent *agent);
void packet_destroy(struct packet **packet);
/* A slowpath is registered (with the endpoint it binds) / its row has gone. */
void packet_join(struct packet *packet, uint64_t service, const Busbar__ServiceRow *row);
void packet_leave(struct packet *packet, uint64_t service);
/* The set of our bridges has changed: every replica is told in this step. */
void packet_bridges_changed(struct packet *packet);
void packet_step(struct packet *packet);
/* Notes whether a session of the bridge wants what no rule matches (bridge->tells_misses); the owner row tells slowpaths. */
void packet_watch_misses(struct bridge *bridge);
/* Sends to the session's replica; `follow`: the version it must have applied. 0, or -ERROR_NOT_CONNECTED, -EAGAIN: dropped and counted. */
int packet_out(struct packet *packet, const struct session *session, const struct of_packet_out *out, const struct of_packet_in *resumed,
               struct version follow) MUST_CHECK;
size_t packet_fds(const struct packet *packet, int *out_fds, size_t room);
struct packet_counts {
    uint64_t ins, ins_unwanted, ins_malformed, outs, outs_dropped;
};
const struct packet_counts *packet_counts(const struct packet *packet, size_t *out_n_replicas);
/* {"replicas": n, "packet_ins": n, ...} */
json_t *packet_status(const struct packet *packet);

#endif
