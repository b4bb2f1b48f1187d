/* What a change brings along: port numbers, LOCAL ports, what hangs on a bridge, the former life of a service.
 *
 * The few places where configdb knows more of a table than columns.def says. Called by txn.c while it works on the overlay.
 */
#ifndef BUSBAR_CONFIGDB_DERIVE_H
#define BUSBAR_CONFIGDB_DERIVE_H

#include "services/configdb/txn.h"

enum { DERIVE_LOCAL = 0xfffffffe /* OFPP_LOCAL */, DERIVE_OFPORT_MAX = 65279 /* 0xfeff: OpenFlow 1.0 has no greater ones */ };

/* Before the row is checked and set; may change it. */
int derive_insert(struct txn *txn, uint64_t id, uint32_t table, ProtobufCMessage *row) MUST_CHECK;
/* After the named column was taken over. */
int derive_update(struct txn *txn, uint64_t id, uint32_t table, const char *column, ProtobufCMessage *row) MUST_CHECK;
/* Is there the rule, group or bucket that this COUNTER row is for? */
bool derive_is_counted(struct overlay *overlay, uint64_t counter);
/* Refuses, or takes along what belongs to the row; the row itself is deleted by the caller. */
int derive_delete(struct txn *txn, uint64_t id, uint32_t table, const ProtobufCMessage *row) MUST_CHECK;
/* After all operations. */
int derive_finish(struct txn *txn, struct rows *rows) MUST_CHECK;

/* What the run environment holds for a bridge that is gone: deletes it and adds each to `overlay`. */
int derive_bridge_gone(struct rows *rows, struct overlay *overlay, uint64_t bridge) MUST_CHECK;

#endif
