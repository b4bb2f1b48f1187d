/* Which version of a wire two processes speak, so that each may be replaced by a newer build, or the one before, while the others run.
 *
 * Every message says in which version it is written and which is the newest its sender understands; each understands that one and the one before.
 * So whoever has been heard is spoken to in the newest that both understand. A connecting socket begins with its own newest; a binder that
 * does not understand it says so (ENVELOPE_REFUSAL, the same in all versions), and the connecting one goes on in the version they share,
 * or, when there is none, says with both numbers what has to be replaced. For files of lib/bus only; what the others need is in bus.h.
 */
#ifndef BUSBAR_BUS_PROTOCOL_H
#define BUSBAR_BUS_PROTOCOL_H

#include "lib/bus/transport.h"

extern const struct bus_identity protocol_binder; /* the one peer of a connecting socket, whoever that is at the moment */

/* The newest version of the socket's wire that we understand. */
uint32_t protocol_own(const struct bus_socket *socket);
/* May this message come in? Learns what its sender understands; refusals end here, and who is not understood is told. The sender is known to be who
 * the envelope says. */
bool protocol_admit(struct bus_socket *socket, const struct envelope *envelope, size_t body_size);

#endif
