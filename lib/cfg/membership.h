/* The process's own service row and its lease. For files of lib/cfg only. */
#ifndef BUSBAR_CFG_MEMBERSHIP_H
#define BUSBAR_CFG_MEMBERSHIP_H

#include "lib/cfg/outbox.h"

struct membership;
struct membership *membership_new(const struct bus_identity *self);
void membership_destroy(struct membership **membership);
void membership_join(struct membership *membership, const Busbar__ServiceRow *service);
void membership_leave(struct membership *membership, struct outbox *outbox, uint64_t now_ns);
/* 0 while not joined. */
uint64_t membership_id(const struct membership *membership, struct version *out_version);
/* Joins when that is due, and renews. */
void membership_step(struct membership *membership, struct outbox *outbox, struct bus_socket *socket, uint64_t now_ns);
void membership_on_renewed(struct membership *membership, const Busbar__Renewed *renewed);

#endif
