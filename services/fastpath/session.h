/* Sessions with slowpath replicas: opening, beats, silence, buckets, the floor. proto/README.md, "session". */
#ifndef BUSBAR_FASTPATH_SESSION_H
#define BUSBAR_FASTPATH_SESSION_H

#include <protobuf-c/protobuf-c.h>

#include "services/fastpath/shard.h"

/* Takes in what the replicas said, and sends what is due. Returns the number of messages handled. */
unsigned session_step(struct shard *shard, uint64_t now_ns);
/* Only takes in. */
unsigned session_receive(struct shard *shard, uint64_t now_ns);
/* Sends the misses, packets up and gone flows collected so far. After each burst and each session_step(). */
void session_flush(struct shard *shard);
/* Asks too that wait for others: nothing may come that would send them. */
void session_flush_all(struct shard *shard);
void session_close(struct shard *shard, struct session *session, const char *reason, uint64_t now_ns);
/* Closes all, and forgets the flows nobody has adopted when `forget`. */
void session_close_all(struct shard *shard, const char *reason, uint64_t now_ns);
/* A link changed: tells the open sessions. */
void session_tell_link(struct shard *shard, const struct port *port);
/* Recomputes the floor from sessions and orphans; true when it moved. */
bool session_update_floor(struct shard *shard);
/* Whose commits (lib/msg/authors.h) the floor may have passed since the last call: those of what no session is ahead of are then forgotten. */
uint64_t session_take_floor_for(struct shard *shard);
size_t session_count_open(const struct shard *shard);
/* To one session; -EAGAIN when there is no room. For the files beside this one. */
int session_send(struct shard *shard, struct session *session, enum message_type type, const ProtobufCMessage *message) MUST_CHECK;

#endif
