/* The envelope: the first frame of every message, its checks against wires.def, and identities as routing ids. */
#ifndef BUSBAR_BUS_ENVELOPE_H
#define BUSBAR_BUS_ENVELOPE_H

#include "lib/bus/bus.h"

enum {
    ENVELOPE_MAX_BYTES = 64, /* eight numbers; unknown fields of a later version fit as well */
    ENVELOPE_REFUSAL = 0,    /* type of what is said, on every wire and in every version, to who speaks one that is not understood (protocol.h) */
    ROUTING_ID_BYTES = 13,   /* kind, instance, start: one life of a process has one place in a router */
};

struct envelope {
    uint32_t wire, protocol, type;
    uint32_t newest; /* that the sender understands */
    uint64_t sequence;
    struct bus_identity from;
};

/* This side's envelope; returns its size. */
size_t envelope_pack(const struct envelope *envelope, uint8_t out_bytes[ENVELOPE_MAX_BYTES]);
/* -ERROR_SYNTAX when the bytes are no envelope or the sender is none of ours. */
int envelope_unpack(const void *bytes, size_t size, struct envelope *out_envelope) MUST_CHECK;
/* May this message come in on a socket of `wire`, whose version here is `own`? If not, counts why and logs at a limited rate. */
bool envelope_check(const struct envelope *envelope, size_t body_size, enum wire wire, uint32_t own, struct bus_counters *counters);
/* Own version and the one before. */
bool envelope_protocol_understood(uint32_t own, uint32_t theirs);
uint32_t envelope_protocol(enum wire wire); /* by wires.def; a bus may be ahead of it: protocol.h */

void routing_id_encode(const struct bus_identity *identity, uint8_t out_bytes[ROUTING_ID_BYTES]);
int routing_id_decode(const void *bytes, size_t size, struct bus_identity *out_identity) MUST_CHECK;

#endif
