/* The field table and access to a field of a state by number.
 *
 * Two ways to move a value, chosen by the row: up to eight bytes are shifted and masked as an integer, which is read and written as a whole, because
 * a value that is put together byte by byte and then looked at as words makes the processor wait; more bytes fill their storage and are copied. Thus no
 * field needs code of its own; only prerequisites do, in one switch over enum field_needs.
 * Control code of every process and the rarer actions of the executor; any thread, no state, no allocation. Names are found by
 * a walk of the table (some 90 short compares), TLV numbers by a switch that the compiler makes a jump table and in which
 * a number given twice does not compile.
 * Invariant: no function touches a bit of the state outside the field.
 */
#include "lib/flow/field.h"

#include <strings.h>

const struct field field_table[FIELD_COUNT] = {
#define FIELD(id, text, member, storage, low_bit, width, tlv_class, tlv_field, tlv_size, mask, set, prerequisite, form)                \
    [FIELD_##id] = {.name = (text),                                                                                             \
                    .offset = offsetof(struct flow_state, member),                                                              \
                    .size = (storage),                                                                                          \
                    .shift = (low_bit),                                                                                         \
                    .bits = (width),                                                                                            \
                    .oxm_class = (tlv_class),                                                                                   \
                    .oxm_field = (tlv_field),                                                                                   \
                    .oxm_size = (tlv_size),                                                                                     \
                    .mask_rule = FIELD_MASK_##mask,                                                                             \
                    .set_rule = FIELD_SET_##set,                                                                                \
                    .needs = FIELD_NEEDS_##prerequisite,                                                                        \
                    .format = FIELD_FORMAT_##form},
#include "lib/flow/fields.def"
};

/* A row whose bits do not fit its storage or its payload, or whose storage runs out of its member (or the registers), does not compile. */
#define FIELD(id, text, member, storage, low_bit, width, tlv_class, tlv_field, tlv_size, mask, set, prerequisite, form)                \
    _Static_assert((low_bit) + (width) <= (storage) * 8 && (width) <= (tlv_size) * 8 && (tlv_size) <= 16, text);                 \
    _Static_assert((storage) <= sizeof(((struct flow_state *)NULL)->member) ||                                                   \
                       (offsetof(struct flow_state, member) >= offsetof(struct flow_state, reg) &&                               \
                        offsetof(struct flow_state, member) + (storage) <= offsetof(struct flow_state, actset_output)),          \
                   text);                                                                                                     \
    _Static_assert((width) == (storage) * 8 || (storage) <= 8, text);
#include "lib/flow/fields.def"

_Static_assert(STATE_WORDS <= 32, "words of a state are bits of 32");

#define WORDS_UP_TO(word) (UINT32_MAX >> (31 - (word)))
const uint32_t field_words[FIELD_COUNT] = {
#define FIELD(id, text, member, storage, low_bit, width, tlv_class, tlv_field, tlv_size, mask, set, prerequisite, form)                \
    [FIELD_##id] = WORDS_UP_TO((offsetof(struct flow_state, member) + (storage) - 1) / 8) &                                     \
                   (UINT32_MAX << (offsetof(struct flow_state, member) / 8)),
#include "lib/flow/fields.def"
};
#undef WORDS_UP_TO

struct field_alias {
    const char *name;
    enum field_id id;
};

static const struct field_alias alias_table[] = {
#define ALIAS(text, target) {.name = (text), .id = FIELD_##target},
#include "lib/flow/fields.def"
};

static bool name_is(const char *candidate, const char *name, size_t length)
{
    return strncmp(candidate, name, length) == 0 && candidate[length] == '\0';
}

_Static_assert(sizeof(struct field_value) == 16, "two words of network order");

/* The value as two integers. */
static struct field_value value_of(uint64_t high, uint64_t low)
{
    struct be64 words[2] = {be64(high), be64(low)};
    struct field_value value;
    memcpy(value.bytes, words, sizeof words);
    return value;
}

static uint64_t half(const struct field_value *value, size_t i)
{
    struct be64 word;
    memcpy(&word, value->bytes + i * sizeof word, sizeof word);
    return host64(word);
}

static bool is_copied(const struct field *field)
{
    return field->size > 8;
}

static uint64_t low_bits(unsigned count)
{
    return count >= 64 ? UINT64_MAX : (UINT64_C(1) << count) - 1;
}

static uint64_t load16(const uint8_t *bytes)
{
    struct be16 number;
    memcpy(&number, bytes, sizeof number);
    return host16(number);
}

static uint64_t load32(const uint8_t *bytes)
{
    struct be32 number;
    memcpy(&number, bytes, sizeof number);
    return host32(number);
}

static uint64_t storage_load(const struct field *field, const struct flow_state *state)
{
    const uint8_t *storage = (const uint8_t *)state + field->offset;
    uint64_t word = 0;
    switch (field->size) {
    case 1:
        return storage[0];
    case 2:
        return load16(storage);
    case 4:
        return load32(storage);
    case 6:
        return load32(storage) << 16 | load16(storage + 4);
    case 8:
        return load32(storage) << 32 | load32(storage + 4);
    }
    for (size_t i = 0; i < field->size; i++) {
        word = word << 8 | storage[i];
    }
    return word;
}

static void store16(uint8_t *bytes, uint64_t value)
{
    struct be16 number = be16((uint16_t)value);
    memcpy(bytes, &number, sizeof number);
}

static void store32(uint8_t *bytes, uint64_t value)
{
    struct be32 number = be32((uint32_t)value);
    memcpy(bytes, &number, sizeof number);
}

static void storage_store(const struct field *field, struct flow_state *state, uint64_t word)
{
    uint8_t *storage = (uint8_t *)state + field->offset;
    switch (field->size) {
    case 1:
        storage[0] = (uint8_t)word;
        return;
    case 2:
        store16(storage, word);
        return;
    case 4:
        store32(storage, word);
        return;
    case 6:
        store32(storage, word >> 16);
        store16(storage + 4, word);
        return;
    case 8:
        store32(storage, word >> 32);
        store32(storage + 4, word);
        return;
    }
    for (size_t i = field->size; i > 0; i--) {
        storage[i - 1] = (uint8_t)word;
        word >>= 8;
    }
}

enum field_id field_by_name(const char *name, size_t length)
{
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (name_is(field_table[i].name, name, length)) {
            return (enum field_id)i;
        }
    }
    for (size_t i = 0; i < sizeof alias_table / sizeof alias_table[0]; i++) {
        if (name_is(alias_table[i].name, name, length)) {
            return alias_table[i].id;
        }
    }
    return FIELD_COUNT;
}

enum field_id field_by_oxm(uint16_t oxm_class, uint8_t oxm_field)
{
    switch ((uint32_t)oxm_class << 8 | oxm_field) {
#define FIELD(id, text, member, storage, low_bit, width, tlv_class, tlv_field, tlv_size, mask, set, prerequisite, form)                \
    case (uint32_t)(tlv_class) << 8 | (tlv_field):                                                                              \
        return FIELD_##id;
#define TLV_ALIAS(tlv_class, tlv_field, id)                                                                                     \
    case (uint32_t)(tlv_class) << 8 | (tlv_field):                                                                              \
        return FIELD_##id;
#include "lib/flow/fields.def"
    default:
        return FIELD_COUNT;
    }
}

struct field_value field_value_u64(uint64_t value)
{
    return value_of(0, value);
}

uint64_t field_value_to_u64(struct field_value value)
{
    return half(&value, 1);
}

struct field_value field_get(enum field_id id, const struct flow_state *state)
{
    const struct field *field = &field_table[id];
    if (is_copied(field)) {
        struct field_value value = {{0}};
        memcpy(value.bytes + sizeof value.bytes - field->size, (const uint8_t *)state + field->offset, field->size);
        return value;
    }
    return field_value_u64(storage_load(field, state) >> field->shift & low_bits(field->bits));
}

void field_set(enum field_id id, struct flow_state *state, struct field_value value)
{
    const struct field *field = &field_table[id];
    if (is_copied(field)) {
        memcpy((uint8_t *)state + field->offset, value.bytes + sizeof value.bytes - field->size, field->size);
        return;
    }
    uint64_t keep = ~(low_bits(field->bits) << field->shift);
    uint64_t put = (field_value_to_u64(value) & low_bits(field->bits)) << field->shift;
    storage_store(field, state, keep == 0 ? put : (storage_load(field, state) & keep) | put);
}

void field_set_masked(enum field_id id, struct flow_state *state, struct field_value value, struct field_value mask)
{
    struct field_value merged = field_get(id, state);
    for (size_t i = 0; i < sizeof merged.bytes; i++) {
        merged.bytes[i] = (uint8_t)((merged.bytes[i] & ~mask.bytes[i]) | (value.bytes[i] & mask.bytes[i]));
    }
    field_set(id, state, merged);
}

struct field_value field_all_ones(enum field_id id)
{
    unsigned bits = field_table[id].bits;
    return value_of(bits > 64 ? low_bits(bits - 64) : 0, low_bits(bits));
}

bool field_value_is_zero(struct field_value value)
{
    return (half(&value, 0) | half(&value, 1)) == 0;
}

bool field_value_fits(enum field_id id, struct field_value value)
{
    struct field_value ones = field_all_ones(id);
    return ((half(&value, 0) & ~half(&ones, 0)) | (half(&value, 1) & ~half(&ones, 1))) == 0;
}

/* Certain about the packet: the mask has all bits of the member, so the value is the packet's. */
static bool eth_type_is(uint16_t eth_type, const struct flow_state *value, const struct flow_state *mask)
{
    return host16(mask->key.eth_type) == 0xffff && host16(value->key.eth_type) == eth_type;
}

static bool is_ip(const struct flow_state *value, const struct flow_state *mask)
{
    return eth_type_is(0x0800, value, mask) || eth_type_is(0x86dd, value, mask);
}

static bool ip_proto_is(uint8_t ip_proto, const struct flow_state *value, const struct flow_state *mask)
{
    return mask->key.ip_proto == 0xff && value->key.ip_proto == ip_proto;
}

/* A code that is not looked at will do, as controllers leave it out: the parser fills the ND members for code 0 only. */
static bool is_nd(uint8_t type, const struct flow_state *value, const struct flow_state *mask)
{
    return eth_type_is(0x86dd, value, mask) && ip_proto_is(58, value, mask) && (host16(mask->key.l4_src) & 0xff) == 0xff &&
           host16(value->key.l4_src) == type && (value->key.l4_dst.raw & mask->key.l4_dst.raw) == 0;
}

bool field_prerequisite_met(enum field_id id, const struct flow_state *value, const struct flow_state *mask)
{
    switch (field_table[id].needs) {
    case FIELD_NEEDS_NOTHING:
        return true;
    case FIELD_NEEDS_VLAN:
        return (host16(mask->key.vlan_tci) & host16(value->key.vlan_tci) & KEY_VLAN_PRESENT) != 0;
    case FIELD_NEEDS_IP:
        return is_ip(value, mask);
    case FIELD_NEEDS_IPV4:
        return eth_type_is(0x0800, value, mask);
    case FIELD_NEEDS_IPV6:
        return eth_type_is(0x86dd, value, mask);
    case FIELD_NEEDS_ARP:
        return eth_type_is(0x0806, value, mask) || eth_type_is(0x8035, value, mask);
    case FIELD_NEEDS_MPLS:
        return eth_type_is(0x8847, value, mask) || eth_type_is(0x8848, value, mask);
    case FIELD_NEEDS_TCP:
        return is_ip(value, mask) && ip_proto_is(6, value, mask);
    case FIELD_NEEDS_UDP:
        return is_ip(value, mask) && ip_proto_is(17, value, mask);
    case FIELD_NEEDS_SCTP:
        return is_ip(value, mask) && ip_proto_is(132, value, mask);
    case FIELD_NEEDS_ICMPV4:
        return eth_type_is(0x0800, value, mask) && ip_proto_is(1, value, mask);
    case FIELD_NEEDS_ICMPV6:
        return eth_type_is(0x86dd, value, mask) && ip_proto_is(58, value, mask);
    case FIELD_NEEDS_ND:
        return is_nd(135, value, mask) || is_nd(136, value, mask);
    case FIELD_NEEDS_ND_SOLICIT:
        return is_nd(135, value, mask);
    case FIELD_NEEDS_ND_ADVERT:
        return is_nd(136, value, mask);
    }
    return false;
}

const char *field_needs_text(enum field_needs needs)
{
    switch (needs) {
    case FIELD_NEEDS_NOTHING:
        return "nothing";
    case FIELD_NEEDS_VLAN:
        return "a VLAN tag (vlan_vid with 0x1000, or dl_vlan)";
    case FIELD_NEEDS_IP:
        return "ip or ipv6 (dl_type=0x0800 or 0x86dd)";
    case FIELD_NEEDS_IPV4:
        return "ip (dl_type=0x0800)";
    case FIELD_NEEDS_IPV6:
        return "ipv6 (dl_type=0x86dd)";
    case FIELD_NEEDS_ARP:
        return "arp or rarp (dl_type=0x0806 or 0x8035)";
    case FIELD_NEEDS_MPLS:
        return "mpls or mplsm (dl_type=0x8847 or 0x8848)";
    case FIELD_NEEDS_TCP:
        return "tcp or tcp6 (dl_type=0x0800 or 0x86dd, nw_proto=6)";
    case FIELD_NEEDS_UDP:
        return "udp or udp6 (dl_type=0x0800 or 0x86dd, nw_proto=17)";
    case FIELD_NEEDS_SCTP:
        return "sctp or sctp6 (dl_type=0x0800 or 0x86dd, nw_proto=132)";
    case FIELD_NEEDS_ICMPV4:
        return "icmp (dl_type=0x0800, nw_proto=1)";
    case FIELD_NEEDS_ICMPV6:
        return "icmp6 (dl_type=0x86dd, nw_proto=58)";
    case FIELD_NEEDS_ND:
        return "icmp6 with icmpv6_type=135 or 136 and code 0";
    case FIELD_NEEDS_ND_SOLICIT:
        return "icmp6 with icmpv6_type=135 and code 0";
    case FIELD_NEEDS_ND_ADVERT:
        return "icmp6 with icmpv6_type=136 and code 0";
    }
    return "nothing";
}

bool field_present(enum field_id id, const struct flow_state *packet)
{
    struct flow_state all;
    memset(&all, 0xff, sizeof all);
    if (!field_prerequisite_met(id, packet, &all)) {
        return false;
    }
    bool upper = field_table[id].needs >= FIELD_NEEDS_TCP;
    return !upper || (packet->key.ip_frag & KEY_FRAG_LATER) == 0;
}
