/* What the key of a sender lets him do on the config wire, beside what his kind may (wires.def, validate_writer()).
 *
 *     read, operate   subscribe and ask; rules go through ofagent, so operate needs no more here
 *     admin           transactions of configuration too
 *     services        what their kind may; a service row may only name addresses under the sender's own key
 *
 * Over ipc:// everybody who gets in is trusted to be what he says he is. One thread.
 */
#ifndef BUSBAR_CONFIGDB_ACCESS_H
#define BUSBAR_CONFIGDB_ACCESS_H

#include "lib/bus/bus.h"
#include "proto/config.pb-c.h"
#include "proto/rows.pb-c.h"

struct access;
/* keys: the bus's, lent, kept as the rows say; NULL: no keys are used. */
struct access *access_new(struct key_table *keys);
void access_destroy(struct access **access);
/* A row of the table KEY at start, or as a commit left it. */
void access_on_row(struct access *access, const Busbar__Row *row);

/* -ERROR_WRONG_SENDER with the reason, or 0. */
int access_transact(const struct bus_message *message, const Busbar__Transact *transact, uint32_t *out_failed_op,
                    struct error_detail *detail) MUST_CHECK;
bool access_may_publish(const struct bus_message *message);
/* Puts the name of the sender's key before what he calls himself, for the history. */
void access_sign(const struct access *access, const struct bus_message *message, Busbar__Transact *transact, ProtobufCAllocator *memory);

#endif
