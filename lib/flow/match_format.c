/* A match as text, word for word as ovs-ofctl dump-flows writes it, because scripts read that.
 *
 * The order is Open vSwitch's: protocol word, registers, metadata, port, VLAN, Ethernet, IP, L4. The printer keeps the bits that
 * are not written yet (`left`); each step writes a field and takes its bits away. What no step took (masks of installed flows look
 * at more than rules do) comes at the end under its member's name if its value is not zero, so nothing that matters is hidden.
 * Control code, any thread; one heap string a call, about 2 us.
 * Invariant: for a match that match_check() accepts, match_parse() of the text is the match again.
 */
#include "lib/flow/match.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/flow/match_words.h"

struct text {
    char *bytes; /* always ends with NUL */
    size_t size;
    size_t room;
};

struct printer {
    struct text text;
    const struct match *match;
    const struct match_ports *ports;
    struct flow_state left; /* mask bits that are not written yet */
};

static void text_init(struct text *text)
{
    text->room = 256;
    text->size = 0;
    text->bytes = memory_zeroed(text->room);
}

static void PRINTF_LIKE(2, 3) text_add(struct text *text, const char *format, ...)
{
    for (;;) {
        va_list args;
        va_start(args, format);
        int size = vsnprintf(text->bytes + text->size, text->room - text->size, format, args);
        va_end(args);
        if (size < 0) {
            abort();
        }
        if ((size_t)size < text->room - text->size) {
            text->size += (size_t)size;
            return;
        }
        text->room = text->room * 2 + (size_t)size;
        text->bytes = memory_resize(text->bytes, text->room);
    }
}

/* Number of leading ones when the mask is nothing else, -1 otherwise. */
static int prefix_length(const uint8_t *mask, int bytes)
{
    int length = 0;
    while (length < bytes * 8 && (mask[length / 8] & 0x80 >> length % 8) != 0) {
        length++;
    }
    for (int i = length; i < bytes * 8; i++) {
        if ((mask[i / 8] & 0x80 >> i % 8) != 0) {
            return -1;
        }
    }
    return length;
}

static void add_address(struct text *text, int family, const uint8_t *value, const uint8_t *mask)
{
    char buffer[INET6_ADDRSTRLEN];
    int bytes = family == AF_INET ? 4 : 16;
    int length = mask != NULL ? prefix_length(mask, bytes) : bytes * 8;

    text_add(text, "%s", inet_ntop(family, value, buffer, sizeof buffer));
    if (length < 0) {
        text_add(text, "/%s", inet_ntop(family, mask, buffer, sizeof buffer));
    } else if (length < bytes * 8) {
        text_add(text, "/%d", length);
    }
}

static void add_mac(struct text *text, const uint8_t *mac)
{
    text_add(text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static bool is_plain_word(const char *name)
{
    if (!isalpha((unsigned char)name[0]) && name[0] != '_') {
        return false;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_') {
            return false;
        }
    }
    uint32_t ofport;
    return !match_reserved_port(name, &ofport);
}

static void add_port(struct text *text, uint32_t ofport, const struct match_ports *ports)
{
    const char *reserved = match_reserved_port_name(ofport);
    const char *name = reserved == NULL && ports != NULL && ports->by_number != NULL ? ports->by_number(ports->context, ofport) : NULL;
    if (reserved != NULL) {
        text_add(text, "%s", reserved);
    } else if (name != NULL && is_plain_word(name)) {
        text_add(text, "%s", name);
    } else if (name != NULL && strchr(name, '"') == NULL) { /* a quote in a name cannot be written */
        text_add(text, "\"%s\"", name);
    } else {
        text_add(text, "%" PRIu32, ofport);
    }
}

static void add_fragment(struct text *text, uint64_t value, uint64_t mask)
{
    for (size_t i = 0; i < MATCH_FRAGMENT_WORDS; i++) {
        if (match_fragment_table[i].value == value && match_fragment_table[i].mask == mask) {
            text_add(text, "%s", match_fragment_table[i].name);
            return;
        }
    }
    text_add(text, "0x%" PRIx64 "/0x%" PRIx64, value, mask);
}

static void add_flags(struct text *text, uint64_t value, uint64_t mask)
{
    bool exact = mask == 0xfff;
    const char *between = "";
    if (exact && value == 0) {
        text_add(text, "0");
    }
    for (unsigned i = 0; i < MATCH_TCP_FLAGS; i++) {
        uint64_t bit = UINT64_C(1) << i;
        if (exact && (value & bit) != 0) {
            text_add(text, "%s%s", between, match_tcp_flag_table[i]);
            between = "|";
        } else if (!exact && (mask & bit) != 0) {
            text_add(text, "%c%s", (value & bit) != 0 ? '+' : '-', match_tcp_flag_table[i]);
        }
    }
}

/* Open vSwitch pads these to their width and writes a zero elsewhere without 0x. */
static void add_hex(struct text *text, enum field_id id, struct field_value value)
{
    unsigned bits = field_table[id].bits;
    uint64_t number = field_value_to_u64(value), high = 0;
    for (size_t i = 0; i < 8; i++) {
        high = high << 8 | value.bytes[i];
    }
    if (high != 0) {
        text_add(text, "%#" PRIx64 "%016" PRIx64, high, number);
    } else if (bits <= 20) {
        text_add(text, "0x%0*" PRIx64, bits <= 16 ? 4 : 5, number);
    } else {
        text_add(text, "%#" PRIx64, number);
    }
}

/* `mask` NULL: exact. */
static void add_value(struct text *text, enum field_id id, struct field_value value, const struct field_value *mask,
                      const struct match_ports *ports)
{
    uint64_t number = field_value_to_u64(value);
    uint64_t mask_number = mask != NULL ? field_value_to_u64(*mask) : 0;

    switch (field_table[id].format) {
    case FIELD_FORMAT_DEC:
        if (mask != NULL) {
            text_add(text, "0x%" PRIx64 "/0x%" PRIx64, number, mask_number);
        } else {
            text_add(text, "%" PRIu64, number);
        }
        return;
    case FIELD_FORMAT_HEX:
        add_hex(text, id, value);
        if (mask != NULL) {
            text_add(text, "/");
            add_hex(text, id, *mask);
        }
        return;
    case FIELD_FORMAT_MAC:
        add_mac(text, value.bytes + 10);
        if (mask != NULL) {
            text_add(text, "/");
            add_mac(text, mask->bytes + 10);
        }
        return;
    case FIELD_FORMAT_IPV4:
        add_address(text, AF_INET, value.bytes + 12, mask != NULL ? mask->bytes + 12 : NULL);
        return;
    case FIELD_FORMAT_IPV6:
        add_address(text, AF_INET6, value.bytes, mask != NULL ? mask->bytes : NULL);
        return;
    case FIELD_FORMAT_PORT:
        add_port(text, (uint32_t)number, ports);
        if (mask != NULL) {
            text_add(text, "/0x%" PRIx64, mask_number);
        }
        return;
    case FIELD_FORMAT_FRAG:
        add_fragment(text, number, mask != NULL ? mask_number : 3);
        return;
    case FIELD_FORMAT_TCP_FLAGS:
        add_flags(text, number, mask != NULL ? mask_number : 0xfff);
        return;
    case FIELD_FORMAT_PACKET_TYPE:
        text_add(text, "(%u,%#x)", (unsigned)(number >> 16), (unsigned)(number & 0xffff));
        return;
    }
}

static void add_comma(struct printer *p)
{
    if (p->text.size > 0) {
        text_add(&p->text, ",");
    }
}

static void take(struct printer *p, enum field_id id)
{
    field_set(id, &p->left, (struct field_value){{0}});
}

/* Writes the bits of the field that are left, if any, under `name`. */
static void emit_as(struct printer *p, const char *name, enum field_id id)
{
    struct field_value mask = field_get(id, &p->left);
    struct field_value value = field_get(id, &p->match->value);
    struct field_value ones = field_all_ones(id);
    if (field_value_is_zero(mask)) {
        return;
    }
    for (size_t i = 0; i < sizeof value.bytes; i++) {
        value.bytes[i] &= mask.bytes[i];
    }
    add_comma(p);
    text_add(&p->text, "%s=", name);
    add_value(&p->text, id, value, memcmp(&mask, &ones, sizeof mask) != 0 ? &mask : NULL, p->ports);
    take(p, id);
}

static void emit(struct printer *p, enum field_id id)
{
    emit_as(p, field_table[id].name, id);
}

/* The Ethernet type when it is matched, else 0. */
static uint16_t known_type(const struct match *match)
{
    return host16(match->mask.key.eth_type) == 0xffff ? host16(match->value.key.eth_type) : 0;
}

static int known_proto(const struct match *match)
{
    return match->mask.key.ip_proto == 0xff ? match->value.key.ip_proto : -1;
}

static bool is_ip(uint16_t type)
{
    return type == 0x0800 || type == 0x86dd;
}

static void emit_protocol(struct printer *p)
{
    uint16_t type = known_type(p->match);
    const struct match_protocol_word *word = NULL;
    if (type == 0) {
        return;
    }
    if (is_ip(type) && known_proto(p->match) >= 0) {
        word = match_protocol_by_number(type, known_proto(p->match));
    }
    if (word != NULL) {
        take(p, FIELD_IP_PROTO);
    } else {
        word = match_protocol_by_number(type, -1);
    }
    if (word != NULL) {
        add_comma(p);
        text_add(&p->text, "%s", word->name);
        take(p, FIELD_ETH_TYPE);
    }
}

/* dl_vlan and dl_vlan_pcp say that there is a tag; only what they cannot say is written as vlan_tci. */
static void emit_vlan(struct printer *p)
{
    uint16_t value = host16(p->match->value.key.vlan_tci);
    uint16_t mask = host16(p->match->mask.key.vlan_tci);
    uint16_t vid = mask & 0x0fff;
    uint16_t pcp = mask & 0xe000;
    bool tagged = (value & mask & KEY_VLAN_PRESENT) != 0;
    bool whole = (vid == 0 || vid == 0x0fff) && (pcp == 0 || pcp == 0xe000) && (vid != 0 || pcp != 0);

    if (!tagged || !whole) {
        emit(p, FIELD_VLAN_TCI);
        return;
    }
    if (vid != 0) {
        add_comma(p);
        text_add(&p->text, "dl_vlan=%u", value & 0x0fffu);
    }
    if (pcp != 0) {
        add_comma(p);
        text_add(&p->text, "dl_vlan_pcp=%u", value >> 13);
    }
    take(p, FIELD_VLAN_TCI);
}

static void emit_tos(struct printer *p)
{
    if ((p->left.key.ip_tos & 0xfc) == 0xfc) {
        add_comma(p);
        text_add(&p->text, "nw_tos=%u", p->match->value.key.ip_tos & 0xfcu);
        take(p, FIELD_IP_DSCP);
    }
    emit(p, FIELD_IP_ECN);
}

static void emit_l3(struct printer *p)
{
    uint16_t type = known_type(p->match);
    if (type == 0x86dd) {
        emit(p, FIELD_IPV6_SRC);
        emit(p, FIELD_IPV6_DST);
        emit(p, FIELD_IPV6_LABEL);
    } else if (type == 0x0806 || type == 0x8035) {
        emit(p, FIELD_ARP_SPA);
        emit(p, FIELD_ARP_TPA);
        emit(p, FIELD_ARP_OP);
        emit(p, FIELD_ARP_SHA);
        emit(p, FIELD_ARP_THA);
    } else if (type == 0x8847 || type == 0x8848) {
        emit(p, FIELD_MPLS_LABEL);
        emit(p, FIELD_MPLS_TC);
        emit(p, FIELD_MPLS_TTL);
        emit(p, FIELD_MPLS_BOS);
    } else if (type == 0x0800) {
        emit(p, FIELD_IPV4_SRC);
        emit(p, FIELD_IPV4_DST);
    }
    if (is_ip(type)) {
        emit(p, FIELD_IP_PROTO);
        emit_tos(p);
        emit(p, FIELD_IP_TTL);
        emit_as(p, "nw_frag", FIELD_IP_FRAG);
    }
}

static void emit_l4(struct printer *p)
{
    uint16_t type = known_type(p->match);
    int proto = known_proto(p->match);
    if (!is_ip(type) || proto < 0) {
        return;
    }
    if (type == 0x0800 && proto == 1) {
        emit(p, FIELD_ICMPV4_TYPE);
        emit(p, FIELD_ICMPV4_CODE);
    } else if (type == 0x86dd && proto == 58) {
        emit_as(p, "icmp_type", FIELD_ICMPV6_TYPE);
        emit_as(p, "icmp_code", FIELD_ICMPV6_CODE);
        emit(p, FIELD_ND_TARGET);
        emit(p, FIELD_ND_SLL);
        emit(p, FIELD_ND_TLL);
    } else if (proto == 6 || proto == 17 || proto == 132) {
        emit_as(p, "tp_src", FIELD_TCP_SRC);
        emit_as(p, "tp_dst", FIELD_TCP_DST);
    }
    if (proto == 6) {
        emit(p, FIELD_TCP_FLAGS);
    }
}

static void emit_member(struct printer *p, const char *name, uint32_t value, uint32_t mask, uint32_t all)
{
    if ((value & mask) != 0) {
        add_comma(p);
        text_add(&p->text, "%s=%#" PRIx32, name, value & mask);
        if (mask != all) {
            text_add(&p->text, "/%#" PRIx32, mask);
        }
    }
}

/* What no step above has taken: fields without their protocol, and members that are no fields. */
static void emit_rest(struct printer *p)
{
    const struct flow_key *value = &p->match->value.key;
    const struct flow_key *mask = &p->match->mask.key;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        struct field_value bits = field_get((enum field_id)i, &p->match->value);
        struct field_value left = field_get((enum field_id)i, &p->left);
        for (size_t k = 0; k < sizeof bits.bytes; k++) {
            bits.bytes[k] &= left.bytes[k];
        }
        if (!field_value_is_zero(bits)) {
            emit(p, (enum field_id)i);
        }
    }
    emit_member(p, "recirc_id", host32(value->recirc_id), host32(mask->recirc_id), UINT32_MAX);
    if (host32(value->recirc_id) != 0 && host32(value->dp_hash) == 0 && host32(mask->dp_hash) != 0) {
        add_comma(p); /* the packet comes with a hash, and these bits of it are 0: the flow is for no others */
        text_add(&p->text, "dp_hash=0/%#" PRIx32, host32(mask->dp_hash));
    }
    emit_member(p, "dp_hash", host32(value->dp_hash), host32(mask->dp_hash), UINT32_MAX);
    emit_member(p, "vlan_tpid", host16(value->vlan_tpid), host16(mask->vlan_tpid), UINT16_MAX);
    emit_member(p, "vlan2_tci", host16(value->vlan2_tci), host16(mask->vlan2_tci), UINT16_MAX);
    emit_member(p, "vlan2_tpid", host16(value->vlan2_tpid), host16(mask->vlan2_tpid), UINT16_MAX);
    emit_member(p, "mpls_lse1", host32(value->mpls[1]), host32(mask->mpls[1]), UINT32_MAX);
    emit_member(p, "mpls_lse2", host32(value->mpls[2]), host32(mask->mpls[2]), UINT32_MAX);
}

char *match_format(const struct match *match, const struct match_ports *ports)
{
    struct printer p = {.match = match, .ports = ports, .left = match->mask};
    text_init(&p.text);

    emit(&p, FIELD_CONJ_ID);
    emit(&p, FIELD_ACTSET_OUTPUT);
    emit(&p, FIELD_PACKET_TYPE);
    emit_protocol(&p);
    for (unsigned i = FIELD_REG0; i <= FIELD_REG15; i++) {
        emit(&p, (enum field_id)i);
    }
    emit(&p, FIELD_TUNNEL_ID);
    emit(&p, FIELD_METADATA);
    emit(&p, FIELD_IN_PORT);
    emit(&p, FIELD_IN_PHY_PORT);
    emit_vlan(&p);
    emit(&p, FIELD_ETH_SRC);
    emit(&p, FIELD_ETH_DST);
    emit(&p, FIELD_ETH_TYPE);
    emit_l3(&p);
    emit_l4(&p);
    emit_rest(&p);
    return p.text.bytes;
}

char *match_format_value(enum field_id id, struct field_value value, const struct field_value *mask, const struct match_ports *ports)
{
    struct text text;
    struct field_value ones = field_all_ones(id);
    text_init(&text);
    add_value(&text, id, value, mask != NULL && memcmp(mask, &ones, sizeof ones) != 0 ? mask : NULL, ports);
    return text.bytes;
}
