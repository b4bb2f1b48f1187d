/* Match fields by number: the table that fields.def makes, and reading and writing a field of a flow_state by it.
 *
 * Generic code (OXM codec, set-field, text, tests) goes through here, so a new field is one row. Values travel as
 * struct field_value: network order, right-aligned in 16 bytes, so that a byte copy of the last `oxm_size` bytes is the OXM payload.
 */
#ifndef BUSBAR_FLOW_FIELD_H
#define BUSBAR_FLOW_FIELD_H

#include "lib/base/error.h"
#include "lib/flow/key.h"

enum field_id {
#define FIELD(id, text, member, size, shift, bits, oxm_class, oxm_field, oxm_size, mask, set, needs, format) FIELD_##id,
#include "lib/flow/fields.def"
    FIELD_COUNT
};

enum field_mask_rule { FIELD_MASK_NONE, FIELD_MASK_ANY };
enum field_set_rule { FIELD_SET_RO, FIELD_SET_RW };
enum field_needs {
    FIELD_NEEDS_NOTHING,
    FIELD_NEEDS_VLAN,
    FIELD_NEEDS_IP, /* IPv4 or IPv6 */
    FIELD_NEEDS_IPV4,
    FIELD_NEEDS_IPV6,
    FIELD_NEEDS_ARP, /* ARP or RARP */
    FIELD_NEEDS_MPLS,
    FIELD_NEEDS_TCP,
    FIELD_NEEDS_UDP,
    FIELD_NEEDS_SCTP,
    FIELD_NEEDS_ICMPV4,
    FIELD_NEEDS_ICMPV6,
    FIELD_NEEDS_ND,         /* ICMPv6 type 135 or 136, code 0 */
    FIELD_NEEDS_ND_SOLICIT, /* 135 */
    FIELD_NEEDS_ND_ADVERT   /* 136 */
};
enum field_format {
    FIELD_FORMAT_DEC,
    FIELD_FORMAT_HEX,
    FIELD_FORMAT_MAC,
    FIELD_FORMAT_IPV4,
    FIELD_FORMAT_IPV6,
    FIELD_FORMAT_PORT,
    FIELD_FORMAT_FRAG,
    FIELD_FORMAT_TCP_FLAGS,
    FIELD_FORMAT_PACKET_TYPE /* "(NAMESPACE,TYPE)" */
};

struct field {
    const char *name;
    uint16_t offset; /* into struct flow_state */
    uint8_t size;    /* of the storage, bytes */
    uint8_t shift;   /* bits */
    uint8_t bits;
    uint16_t oxm_class;
    uint8_t oxm_field;
    uint8_t oxm_size; /* payload bytes */
    enum field_mask_rule mask_rule;
    enum field_set_rule set_rule;
    enum field_needs needs;
    enum field_format format;
};

struct field_value {
    uint8_t bytes[16];
};

extern const struct field field_table[FIELD_COUNT];

/* The words of a flow_state that a field lies in, and those of a state that are not zero, a bit each: a loop over all fields skips what has no
 * bit in common, and that is nearly everything. */
extern const uint32_t field_words[FIELD_COUNT];
static inline uint32_t field_words_used(const struct flow_state *state)
{
    uint32_t used = 0;
    for (size_t i = 0; i < STATE_WORDS; i++) {
        used |= (uint32_t)(state_word(state, i) != 0) << i;
    }
    return used;
}

/* Another name for what several fields are together: xreg0 for reg0 and reg1. */
static inline bool field_is_overlay(enum field_id id)
{
    return id >= FIELD_XREG0 && id <= FIELD_XXREG3;
}

/* FIELD_COUNT when there is none. */
enum field_id field_by_name(const char *name, size_t length);
enum field_id field_by_oxm(uint16_t oxm_class, uint8_t oxm_field);

struct field_value field_get(enum field_id id, const struct flow_state *state);
/* Writes the field's bits only; bits of `value` beyond the field's width are ignored. */
void field_set(enum field_id id, struct flow_state *state, struct field_value value);
/* state = (state & ~mask) | (value & mask), within the field. */
void field_set_masked(enum field_id id, struct flow_state *state, struct field_value value, struct field_value mask);
struct field_value field_value_u64(uint64_t value);
uint64_t field_value_to_u64(struct field_value value); /* the low 64 bits */
struct field_value field_all_ones(enum field_id id);
bool field_value_is_zero(struct field_value value);
/* As two integers: a value has mostly been written as such. */
static inline struct field_value field_value_and(struct field_value a, struct field_value b)
{
    uint64_t x[2], y[2];
    memcpy(x, a.bytes, sizeof x);
    memcpy(y, b.bytes, sizeof y);
    x[0] &= y[0];
    x[1] &= y[1];
    memcpy(a.bytes, x, sizeof x);
    return a;
}
/* No bits set beyond the field's width. */
bool field_value_fits(enum field_id id, struct field_value value);
/* Is the field's prerequisite certain for every packet that has the bits `mask` of `value`? */
bool field_prerequisite_met(enum field_id id, const struct flow_state *value, const struct flow_state *mask);
/* For messages: "tcp (dl_type=0x0800 or 0x86dd, nw_proto=6)". */
const char *field_needs_text(enum field_needs needs);
/* Does this packet have the field (used by the executor and set_field)? */
bool field_present(enum field_id id, const struct flow_state *packet);

#endif
