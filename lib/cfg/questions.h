/* Open AWAIT_APPLIED questions. For files of lib/cfg only. */
#ifndef BUSBAR_CFG_QUESTIONS_H
#define BUSBAR_CFG_QUESTIONS_H

#include "lib/cfg/cfg.h"

struct questions;
struct questions *questions_new(void);
void questions_destroy(struct questions **questions);
void questions_ask(struct questions *questions, struct version version, uint32_t timeout_ms,
                   void (*done)(void *context, const Busbar__AwaitAppliedReply *reply), void *context);
void questions_step(struct questions *questions, struct bus_socket *socket, uint64_t now_ns);
void questions_on_reply(struct questions *questions, const Busbar__AwaitAppliedReply *reply);
void questions_repeat_all(struct questions *questions);

#endif
