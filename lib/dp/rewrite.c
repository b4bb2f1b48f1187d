/* Header rewriting with incremental checksums.
 *
 * A field of the key and its bytes in the frame are nearly always the same bytes at two places; so a set_field merges value and mask
 * into the key's bytes and copies those to the place in the header, and a checksum over the header is told of the 16-bit words
 * that changed [RFC 1624]. An incremental update keeps a wrong checksum wrong: a damaged packet is not made to look whole.
 * Fields that lie otherwise in the header (VLAN's DEI bit, IPv6's first word, ICMP's single bytes, ND options) have a function each.
 * Cost: 3 to 15 ns. Packet path, worker thread: no allocation, no state.
 * Invariants: offsets and key are those that parse_frame() would give for the new frame; no byte outside the headers is written.
 */
#include "lib/dp/rewrite.h"

#include "lib/dp/checksum.h"

#define INLINE static inline __attribute__((always_inline))

enum {
    TYPE_IPV4 = 0x0800,
    TYPE_IPV6 = 0x86dd,
    TYPE_VLAN = 0x8100,
    TYPE_SERVICE_VLAN = 0x88a8,
    PROTO_ICMP = 1,
    PROTO_TCP = 6,
    PROTO_UDP = 17,
    PROTO_ROUTING = 43,
    PROTO_FRAGMENT = 44,
    PROTO_AUTHENTICATION = 51,
    PROTO_ICMPV6 = 58,
    PROTO_SCTP = 132,
    MACS_SIZE = 12,
    TAG_SIZE = 4,
    LABEL_SIZE = 4,
    TYPE_MIN = 0x0600, /* below it is a length [IEEE 802.3 3.2.6] */
    LABEL_BOTTOM = 0x100,
    LABEL_TTL = 0xff,
    IPV4_CHECKSUM = 10,
    IPV6_SIZE = 40,
    ND_TARGET = 8,
    ND_OPTIONS = 24,
    ND_OPTION_LIMIT = 32, /* as many as the parser looks at */
    MERGED_MAX = 16,
};

static inline bool has_type(const struct dp_packet *packet, uint16_t type)
{
    return packet->key.eth_type.raw == be16(type).raw;
}

static inline uint8_t *l3_of(const struct dp_packet *packet)
{
    return packet->data + packet->offsets.l3_offset;
}

static inline uint8_t *l4_of(const struct dp_packet *packet)
{
    return packet->data + packet->offsets.l4_offset;
}

static inline bool has_l3(const struct dp_packet *packet)
{
    return packet->offsets.l3_offset != PARSE_NO_OFFSET;
}

static inline bool has_l4(const struct dp_packet *packet, uint8_t proto)
{
    return packet->offsets.l4_offset != PARSE_NO_OFFSET && packet->key.ip_proto == proto;
}

/* Parses again, after a change that moves headers in a way not worth following by hand. */
static void reparse(struct dp_packet *packet)
{
    struct be32 recirc_id = packet->key.recirc_id, dp_hash = packet->key.dp_hash; /* not of the frame */
    int err = parse_frame(packet->data, packet->size, packet->in_port, &packet->key, &packet->offsets);
    (void)err; /* only a frame that lost its Ethernet header is refused, and none does */
    packet->key.recirc_id = recirc_id;
    packet->key.dp_hash = dp_hash;
}

/* Where the L4 checksum is, NULL when there is none to keep: other protocols, no L4 header, UDP that has none. */
static uint8_t *l4_checksum(const struct dp_packet *packet)
{
    if (packet->offsets.l4_offset == PARSE_NO_OFFSET) {
        return NULL;
    }
    uint8_t *l4 = l4_of(packet);
    switch (packet->key.ip_proto) {
    case PROTO_TCP:
        return l4 + 16;
    case PROTO_UDP:
        return (l4[6] | l4[7]) != 0 ? l4 + 6 : NULL;
    case PROTO_ICMPV6:
    case PROTO_ICMP:
        return l4 + 2;
    default:
        return NULL;
    }
}

INLINE void checksum_told(const struct dp_packet *packet, uint8_t *field, const void *before, const void *after, size_t size)
{
    uint16_t checksum;
    memcpy(&checksum, field, sizeof checksum);
    checksum = checksum_update_inline(checksum, before, after, size);
    if (checksum == 0 && packet->key.ip_proto == PROTO_UDP && field != l3_of(packet) + IPV4_CHECKSUM) {
        checksum = 0xffff;
    }
    memcpy(field, &checksum, sizeof checksum);
}

/* Writes `size` bytes at `place` and tells the checksum at `field` (may be NULL), whose sum starts at `base`. Inline, so that size and
 * oddness are known where it is called. */
INLINE void put(const struct dp_packet *packet, uint8_t *base, uint8_t *place, const void *after, size_t size, uint8_t *field)
{
    uint8_t before[MERGED_MAX + 2];
    size_t odd = (size_t)(place - base) & 1;
    size_t span = (odd + size + 1) & ~(size_t)1;
    if (field == NULL) {
        memcpy(place, after, size);
        return;
    }
    memcpy(before, place - odd, span);
    memcpy(place, after, size);
    checksum_told(packet, field, before, place - odd, span);
}

/* The same for one byte. The other byte of its word does not change, so it is left out of the difference: reading the word back right
 * behind the store of a byte would wait for the store. */
INLINE void put_byte(const struct dp_packet *packet, const uint8_t *base, uint8_t *place, uint8_t value,
                                                           uint8_t *field)
{
    uint8_t before[2] = {0}, after[2] = {0};
    size_t odd = (size_t)(place - base) & 1;
    before[odd] = *place;
    after[odd] = value;
    *place = value;
    if (field != NULL) {
        checksum_told(packet, field, before, after, 2);
    }
}

/* The IPv6 header's destination is not the one in the pseudo-header while a routing header has hops to go [RFC 8200 §8.1]. */
static bool has_hops_to_go(const struct dp_packet *packet)
{
    const uint8_t *l3 = l3_of(packet);
    size_t at = IPV6_SIZE, end = (size_t)(packet->offsets.l3_end - packet->offsets.l3_offset);
    uint8_t proto = l3[6];
    for (int i = 0; i < 8 && proto != packet->key.ip_proto && at + 8 <= end; i++) {
        if (proto == PROTO_ROUTING && l3[at + 3] > 0) {
            return true;
        }
        size_t length = l3[at + 1]; /* in units of its own behind an authentication header; reserved in a fragment header */
        size_t size = proto == PROTO_AUTHENTICATION ? (length + 2) * 4 : proto == PROTO_FRAGMENT ? 8 : (length + 1) * 8;
        proto = l3[at];
        at += size;
    }
    return false;
}

/* size: 4 or 16, known where it is called. ipv4_checksum: NULL for IPv6. */
INLINE void put_ip_address(const struct dp_packet *packet, uint8_t *place, const uint8_t *after,
                                                                 size_t size, uint8_t *l4, uint8_t *ipv4_checksum)
{
    if (l4 != NULL) {
        checksum_told(packet, l4, place, after, size);
    }
    if (ipv4_checksum != NULL) {
        checksum_told(packet, ipv4_checksum, place, after, size);
    }
    memcpy(place, after, size);
}

static int set_ip_address(struct dp_packet *packet, bool is_source, const uint8_t *after)
{
    uint8_t *l3 = l3_of(packet), *in_key = is_source ? packet->key.ip_src : packet->key.ip_dst;
    uint8_t *l4 = packet->key.ip_proto != PROTO_ICMP ? l4_checksum(packet) : NULL; /* ICMP has no pseudo-header */
    if (has_type(packet, TYPE_IPV4)) {
        put_ip_address(packet, l3 + (is_source ? 12 : 16), after, 4, l4, l3 + IPV4_CHECKSUM);
        memcpy(in_key, after, 4);
        return REWRITE_DONE;
    }
    if (!is_source && l4 != NULL && packet->offsets.l4_offset != packet->offsets.l3_offset + IPV6_SIZE && has_hops_to_go(packet)) {
        l4 = NULL;
    }
    put_ip_address(packet, l3 + (is_source ? 8 : 24), after, 16, l4, NULL);
    memcpy(in_key, after, 16);
    return REWRITE_DONE;
}

static int set_l4_port(struct dp_packet *packet, bool is_source, const uint8_t *after)
{
    uint8_t *l4 = l4_of(packet);
    memcpy(is_source ? &packet->key.l4_src : &packet->key.l4_dst, after, 2);
    if (packet->key.ip_proto != PROTO_SCTP) {
        put(packet, l4, l4 + (is_source ? 0 : 2), after, 2, l4_checksum(packet));
        return REWRITE_DONE;
    }
    size_t size = (size_t)(packet->offsets.l3_end - packet->offsets.l4_offset);
    uint32_t crc_before = checksum_sctp(l4, size), field;
    memcpy(&field, l4 + 8, sizeof field);
    memcpy(l4 + (is_source ? 0 : 2), after, 2);
    field ^= crc_before ^ checksum_sctp(l4, size);
    memcpy(l4 + 8, &field, sizeof field);
    return REWRITE_DONE;
}

static int set_tos(struct dp_packet *packet, uint8_t tos)
{
    uint8_t *l3 = l3_of(packet);
    packet->key.ip_tos = tos;
    if (has_type(packet, TYPE_IPV4)) {
        put_byte(packet, l3, l3 + 1, tos, l3 + IPV4_CHECKSUM);
    } else {
        l3[0] = (uint8_t)((l3[0] & 0xf0) | tos >> 4);
        l3[1] = (uint8_t)((l3[1] & 0x0f) | tos << 4);
    }
    return REWRITE_DONE;
}

static int set_ttl(struct dp_packet *packet, uint8_t ttl)
{
    uint8_t *l3 = l3_of(packet);
    packet->key.ip_ttl = ttl;
    if (has_type(packet, TYPE_IPV4)) {
        put_byte(packet, l3, l3 + 8, ttl, l3 + IPV4_CHECKSUM);
    } else {
        l3[7] = ttl;
    }
    return REWRITE_DONE;
}

static int set_ipv6_label(struct dp_packet *packet, const uint8_t *after)
{
    uint8_t *l3 = l3_of(packet);
    memcpy(&packet->key.ipv6_label, after, 4);
    l3[1] = (uint8_t)((l3[1] & 0xf0) | (after[1] & 0x0f));
    memcpy(l3 + 2, after + 2, 2);
    return REWRITE_DONE;
}

/* The DEI bit is not in the key (its place says that there is a tag) and stays as it is. */
static int set_vlan(struct dp_packet *packet, const uint8_t *after)
{
    uint8_t *tci = packet->data + MACS_SIZE + 2;
    uint8_t dei = tci[0] & 0x10;
    tci[0] = (uint8_t)((after[0] & 0xef) | dei);
    tci[1] = after[1];
    packet->key.vlan_tci = be16((uint16_t)((after[0] << 8 | after[1]) | KEY_VLAN_PRESENT));
    return REWRITE_DONE;
}

static int set_icmp_byte(struct dp_packet *packet, bool is_type, uint8_t value)
{
    uint8_t *l4 = l4_of(packet);
    put_byte(packet, l4, l4 + (is_type ? 0 : 1), value, l4 + 2);
    reparse(packet); /* whether it is neighbour discovery, and what its members are, depends on these */
    return REWRITE_DONE;
}

static bool is_nd(const struct dp_packet *packet, uint8_t type)
{
    if (!has_type(packet, TYPE_IPV6) || !has_l4(packet, PROTO_ICMPV6)) {
        return false;
    }
    const uint8_t *l4 = l4_of(packet);
    size_t size = (size_t)(packet->offsets.l3_end - packet->offsets.l4_offset);
    return (type == 0 ? l4[0] == 135 || l4[0] == 136 : l4[0] == type) && l4[1] == 0 && size >= ND_OPTIONS;
}

/* The address in the first option of this type, NULL when there is none (then there is nothing to set). */
static uint8_t *nd_option(const struct dp_packet *packet, uint8_t type)
{
    uint8_t *option = l4_of(packet) + ND_OPTIONS;
    uint8_t *end = packet->data + packet->offsets.l3_end;
    for (int i = 0; i <= ND_OPTION_LIMIT && end - option >= 8; i++) {
        size_t size = (size_t)option[1] * 8;
        if (size == 0 || size > (size_t)(end - option)) {
            return NULL;
        }
        if (option[0] == type && size == 8) {
            return option + 2;
        }
        option += size;
    }
    return NULL;
}

static int set_nd(struct dp_packet *packet, uint8_t *place, const uint8_t *after, size_t size)
{
    uint8_t *l4 = l4_of(packet);
    if (place != NULL) {
        put(packet, l4, place, after, size, l4 + 2);
        reparse(packet); /* an ambiguous message shows no members at all */
    }
    return REWRITE_DONE;
}

/* `after`: the key's member as it shall be. The caller knows that the header is there. */
static int store(struct dp_packet *packet, enum field_id id, const uint8_t *after)
{
    struct flow_key *key = &packet->key;
    const struct field *field = &field_table[id];
    switch ((unsigned)id) {
    case FIELD_ETH_DST:
        memcpy(packet->data, after, 6);
        memcpy(key->eth_dst, after, 6);
        return REWRITE_DONE;
    case FIELD_ETH_SRC:
        memcpy(packet->data + 6, after, 6);
        memcpy(key->eth_src, after, 6);
        return REWRITE_DONE;
    case FIELD_VLAN_TCI:
    case FIELD_VLAN_VID:
    case FIELD_VLAN_PCP:
        return set_vlan(packet, after);
    case FIELD_IP_DSCP:
    case FIELD_IP_ECN:
        return set_tos(packet, after[0]);
    case FIELD_IP_TTL:
        return set_ttl(packet, after[0]);
    case FIELD_IPV4_SRC:
    case FIELD_IPV6_SRC:
        return set_ip_address(packet, true, after);
    case FIELD_IPV4_DST:
    case FIELD_IPV6_DST:
        return set_ip_address(packet, false, after);
    case FIELD_IPV6_LABEL:
        return set_ipv6_label(packet, after);
    case FIELD_TCP_SRC:
    case FIELD_UDP_SRC:
    case FIELD_SCTP_SRC:
        return set_l4_port(packet, true, after);
    case FIELD_TCP_DST:
    case FIELD_UDP_DST:
    case FIELD_SCTP_DST:
        return set_l4_port(packet, false, after);
    case FIELD_ICMPV4_TYPE:
    case FIELD_ICMPV6_TYPE:
        return set_icmp_byte(packet, true, after[1]);
    case FIELD_ICMPV4_CODE:
    case FIELD_ICMPV6_CODE:
        return set_icmp_byte(packet, false, after[1]);
    case FIELD_ND_TARGET:
        return set_nd(packet, l4_of(packet) + ND_TARGET, after, 16);
    case FIELD_ND_SLL:
        return set_nd(packet, nd_option(packet, 1), after, 6);
    case FIELD_ND_TLL:
        return set_nd(packet, nd_option(packet, 2), after, 6);
    case FIELD_ARP_OP:
    case FIELD_ARP_SPA:
    case FIELD_ARP_TPA:
    case FIELD_ARP_SHA:
    case FIELD_ARP_THA: {
        uint8_t *arp = l3_of(packet);
        memcpy((uint8_t *)key + field->offset, after, field->size);
        memcpy(arp + 6, &key->arp_op, 2);
        memcpy(arp + 8, key->nd_or_arp_sha, 6);
        memcpy(arp + 14, key->ip_src, 4);
        memcpy(arp + 18, key->nd_or_arp_tha, 6);
        memcpy(arp + 24, key->ip_dst, 4);
        return REWRITE_DONE;
    }
    case FIELD_MPLS_LABEL:
    case FIELD_MPLS_TC:
    case FIELD_MPLS_TTL:
        memcpy(&key->mpls[0], after, 4);
        memcpy(packet->data + packet->offsets.l2_5_offset, after, 4);
        return REWRITE_DONE;
    default:
        return DROP_HEADER_MISSING; /* no other field passes dp_actions_check() */
    }
}

static bool has_header(const struct dp_packet *packet, enum field_needs needs)
{
    bool is_ipv4 = has_type(packet, TYPE_IPV4), is_ipv6 = has_type(packet, TYPE_IPV6);
    switch (needs) {
    case FIELD_NEEDS_NOTHING:
        return true;
    case FIELD_NEEDS_VLAN:
        return packet->key.vlan_tci.raw != 0;
    case FIELD_NEEDS_IP:
        return has_l3(packet) && (is_ipv4 || is_ipv6);
    case FIELD_NEEDS_IPV4:
        return has_l3(packet) && is_ipv4;
    case FIELD_NEEDS_IPV6:
        return has_l3(packet) && is_ipv6;
    case FIELD_NEEDS_ARP:
        return has_l3(packet) && (has_type(packet, 0x0806) || has_type(packet, 0x8035));
    case FIELD_NEEDS_MPLS:
        return packet->offsets.l2_5_offset != PARSE_NO_OFFSET;
    case FIELD_NEEDS_TCP:
        return has_l4(packet, PROTO_TCP);
    case FIELD_NEEDS_UDP:
        return has_l4(packet, PROTO_UDP);
    case FIELD_NEEDS_SCTP:
        return has_l4(packet, PROTO_SCTP);
    case FIELD_NEEDS_ICMPV4:
        return is_ipv4 && has_l4(packet, PROTO_ICMP);
    case FIELD_NEEDS_ICMPV6:
        return is_ipv6 && has_l4(packet, PROTO_ICMPV6);
    case FIELD_NEEDS_ND:
        return is_nd(packet, 0);
    case FIELD_NEEDS_ND_SOLICIT:
        return is_nd(packet, 135);
    case FIELD_NEEDS_ND_ADVERT:
        return is_nd(packet, 136);
    }
    return false;
}

INLINE void merge_bytes(const uint8_t *have, const uint8_t *value, const uint8_t *mask, uint8_t *out_after,
                                                              size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out_after[i] = (uint8_t)((have[i] & ~mask[i]) | (value[i] & mask[i]));
    }
}

/* after = (the key's bytes & ~mask) | (value & mask), where value and mask are shifted to the field's place in them. */
static void merge(const struct flow_key *key, const struct field *field, const struct dp_action *action, uint8_t *out_after)
{
    const uint8_t *have = (const uint8_t *)key + field->offset;
    const uint8_t *value = action->set_field.value.bytes + MERGED_MAX - field->size;
    const uint8_t *mask = action->set_field.mask.bytes + MERGED_MAX - field->size;
    if (field->shift == 0) {
        switch (field->size) { /* constant sizes, so that each is an instruction or two a word */
        case 2:
            merge_bytes(have, value, mask, out_after, 2);
            return;
        case 4:
            merge_bytes(have, value, mask, out_after, 4);
            return;
        case 6:
            merge_bytes(have, value, mask, out_after, 6);
            return;
        case 16:
            merge_bytes(have, value, mask, out_after, 16);
            return;
        default:
            merge_bytes(have, value, mask, out_after, field->size);
            return;
        }
    }
    uint64_t have_bits = 0;
    uint64_t value_bits = field_value_to_u64(action->set_field.value) << field->shift;
    uint64_t mask_bits = field_value_to_u64(action->set_field.mask) << field->shift;
    for (size_t i = 0; i < field->size; i++) {
        have_bits = have_bits << 8 | have[i];
    }
    have_bits = (have_bits & ~mask_bits) | (value_bits & mask_bits);
    for (size_t i = field->size; i > 0; i--) {
        out_after[i - 1] = (uint8_t)have_bits;
        have_bits >>= 8;
    }
}

int rewrite_set_field(struct dp_packet *packet, const struct dp_action *action)
{
    enum field_id id = (enum field_id)action->set_field.field;
    const struct field *field = &field_table[id];
    uint8_t after[MERGED_MAX];
    bool needs_tag = id == FIELD_VLAN_TCI || id == FIELD_VLAN_VID; /* as matches they need nothing: no tag is a value, too */
    if (!has_header(packet, needs_tag ? FIELD_NEEDS_VLAN : field->needs)) {
        return DROP_HEADER_MISSING;
    }
    merge(&packet->key, field, action, after);
    return store(packet, id, after);
}

static inline bool is_tag_type(struct be16 type)
{
    return type.raw == be16(TYPE_VLAN).raw || type.raw == be16(TYPE_SERVICE_VLAN).raw;
}

static void move_offsets(struct dp_packet *packet, int by)
{
    uint16_t *offsets[] = {&packet->offsets.l2_5_offset, &packet->offsets.l3_offset, &packet->offsets.l4_offset};
    for (size_t i = 0; i < 3; i++) {
        if (*offsets[i] != PARSE_NO_OFFSET) {
            *offsets[i] = (uint16_t)(*offsets[i] + by);
        }
    }
    packet->offsets.l3_end = (uint16_t)(packet->offsets.l3_end + by);
}

int rewrite_push_vlan(struct dp_packet *packet, uint16_t tpid, uint16_t tci)
{
    struct flow_key *key = &packet->key;
    struct be16 tag[2] = {be16(tpid), be16(tci & 0xefff)};
    bool is_plain = key->vlan2_tci.raw == 0 && !is_tag_type(key->eth_type);
    if (packet->headroom < TAG_SIZE) {
        return DROP_FRAME_TOO_LONG;
    }
    packet->data -= TAG_SIZE;
    packet->size += TAG_SIZE;
    packet->headroom -= TAG_SIZE;
    memmove(packet->data, packet->data + TAG_SIZE, MACS_SIZE);
    memcpy(packet->data + MACS_SIZE, tag, sizeof tag);
    if (!is_plain) {
        reparse(packet);
        return REWRITE_DONE;
    }
    key->vlan2_tci = key->vlan_tci;
    key->vlan2_tpid = key->vlan_tpid;
    key->vlan_tci = be16(tci | KEY_VLAN_PRESENT);
    key->vlan_tpid = be16(tpid);
    move_offsets(packet, TAG_SIZE);
    return REWRITE_DONE;
}

int rewrite_pop_vlan(struct dp_packet *packet)
{
    struct flow_key *key = &packet->key;
    if (key->vlan_tci.raw == 0) {
        return DROP_HEADER_MISSING;
    }
    bool is_plain = !is_tag_type(key->eth_type);
    memmove(packet->data + TAG_SIZE, packet->data, MACS_SIZE);
    packet->data += TAG_SIZE;
    packet->size -= TAG_SIZE;
    packet->headroom += TAG_SIZE;
    if (!is_plain) {
        reparse(packet);
        return REWRITE_DONE;
    }
    key->vlan_tci = key->vlan2_tci;
    key->vlan_tpid = key->vlan2_tpid;
    key->vlan2_tci = be16(0);
    key->vlan2_tpid = be16(0);
    move_offsets(packet, -TAG_SIZE);
    return REWRITE_DONE;
}

int rewrite_dec_ttl(struct dp_packet *packet)
{
    if (!has_header(packet, FIELD_NEEDS_IP)) {
        return DROP_HEADER_MISSING;
    }
    if (packet->key.ip_ttl <= 1) {
        return DROP_TTL_EXPIRED;
    }
    return set_ttl(packet, (uint8_t)(packet->key.ip_ttl - 1));
}

/* Where the Ethernet type behind the tags is; 0 when the frame has a length there. */
static size_t type_offset(const struct dp_packet *packet)
{
    size_t at = MACS_SIZE + TAG_SIZE * ((size_t)(packet->key.vlan_tci.raw != 0) + (packet->key.vlan2_tci.raw != 0));
    return (packet->data[at] << 8 | packet->data[at + 1]) >= TYPE_MIN ? at : 0;
}

static uint32_t new_label(const struct dp_packet *packet)
{
    if (packet->offsets.l2_5_offset != PARSE_NO_OFFSET) {
        return host32(packet->key.mpls[0]) & ~(uint32_t)LABEL_BOTTOM;
    }
    return LABEL_BOTTOM | (has_header(packet, FIELD_NEEDS_IP) ? packet->key.ip_ttl : 0);
}

int rewrite_push_mpls(struct dp_packet *packet, uint16_t ethertype)
{
    size_t at = type_offset(packet);
    struct be16 type = be16(ethertype);
    struct be32 label = be32(new_label(packet));
    if (at == 0) {
        return DROP_HEADER_MISSING;
    }
    if (packet->headroom < LABEL_SIZE) {
        return DROP_FRAME_TOO_LONG;
    }
    packet->data -= LABEL_SIZE;
    packet->size += LABEL_SIZE;
    packet->headroom -= LABEL_SIZE;
    memmove(packet->data, packet->data + LABEL_SIZE, at);
    memcpy(packet->data + at, &type, sizeof type);
    memcpy(packet->data + at + sizeof type, &label, sizeof label);
    reparse(packet);
    return REWRITE_DONE;
}

int rewrite_pop_mpls(struct dp_packet *packet, uint16_t ethertype)
{
    size_t at = type_offset(packet);
    struct be16 type = be16(ethertype);
    if (at == 0 || packet->offsets.l2_5_offset == PARSE_NO_OFFSET) {
        return DROP_HEADER_MISSING;
    }
    memmove(packet->data + LABEL_SIZE, packet->data, at);
    packet->data += LABEL_SIZE;
    packet->size -= LABEL_SIZE;
    packet->headroom += LABEL_SIZE;
    memcpy(packet->data + at, &type, sizeof type);
    reparse(packet);
    return REWRITE_DONE;
}

int rewrite_dec_mpls_ttl(struct dp_packet *packet)
{
    if (packet->offsets.l2_5_offset == PARSE_NO_OFFSET) {
        return DROP_HEADER_MISSING;
    }
    uint32_t label = host32(packet->key.mpls[0]);
    if ((label & LABEL_TTL) <= 1) {
        return DROP_TTL_EXPIRED;
    }
    packet->key.mpls[0] = be32(label - 1);
    memcpy(packet->data + packet->offsets.l2_5_offset, &packet->key.mpls[0], LABEL_SIZE);
    return REWRITE_DONE;
}

int rewrite_remark_dscp(struct dp_packet *packet, int levels)
{
    if (!has_header(packet, FIELD_NEEDS_IP)) {
        return REWRITE_DONE;
    }
    int dscp = packet->key.ip_tos >> 2, group = dscp >> 3, precedence = dscp >> 1 & 3;
    if (group < 1 || group > 4 || precedence == 0 || (dscp & 1) != 0) {
        return REWRITE_DONE;
    }
    precedence = levels < 3 - precedence ? precedence + levels : 3;
    return set_tos(packet, (uint8_t)(group << 5 | precedence << 3 | (packet->key.ip_tos & 3)));
}

void rewrite_truncate(struct dp_packet *packet, uint32_t max_len)
{
    if (packet->size > max_len) {
        packet->size = max_len;
        reparse(packet);
    }
}
