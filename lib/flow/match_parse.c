/* From "tcp,in_port=1,nw_dst=10.0.0.0/8" to a match, word by word.
 *
 * People write one name for many fields: nw_src is also an ARP address, nw_proto an ARP operation, tp_dst a port of three
 * protocols or an ICMP code. All of these share storage, so mostly the name picks the bits and the protocol explains them;
 * what does not share is moved when the protocol becomes known (settle_protocol), whatever the order of the words.
 * A word that contradicts what is already known (tcp_dst after udp) is refused at once, because afterwards the bits would look
 * like the other protocol's; for the same reason match_parse() reads protocol words and numbers before the others.
 * Control code: any thread, no state; some 2 us a match. Nothing that is not understood is passed over.
 */
#include "lib/flow/match.h"

#include <ctype.h>

#include "lib/flow/match_words.h"

enum { NAME_LIMIT = 32, VALUE_LIMIT = 128 }; /* longer than any field name; the limit of match_parse_value() */

static bool type_known(const struct match *match)
{
    return host16(match->mask.key.eth_type) == 0xffff;
}

static uint16_t type_of(const struct match *match)
{
    return host16(match->value.key.eth_type);
}

static bool type_is_arp(const struct match *match)
{
    return type_known(match) && (type_of(match) == 0x0806 || type_of(match) == 0x8035);
}

/* Is it impossible already that the packet has what the field needs? */
static bool contradicts(enum field_needs needs, const struct match *match)
{
    bool proto_known = match->mask.key.ip_proto == 0xff;
    uint8_t proto = match->value.key.ip_proto;
    bool v4 = !type_known(match) || type_of(match) == 0x0800;
    bool v6 = !type_known(match) || type_of(match) == 0x86dd;

    switch (needs) {
    case FIELD_NEEDS_NOTHING:
    case FIELD_NEEDS_VLAN:
        return false;
    case FIELD_NEEDS_IP:
        return !v4 && !v6;
    case FIELD_NEEDS_IPV4:
        return !v4;
    case FIELD_NEEDS_IPV6:
        return !v6;
    case FIELD_NEEDS_ARP:
        return type_known(match) && !type_is_arp(match);
    case FIELD_NEEDS_MPLS:
        return type_known(match) && type_of(match) != 0x8847 && type_of(match) != 0x8848;
    case FIELD_NEEDS_TCP:
        return (!v4 && !v6) || (proto_known && proto != 6);
    case FIELD_NEEDS_UDP:
        return (!v4 && !v6) || (proto_known && proto != 17);
    case FIELD_NEEDS_SCTP:
        return (!v4 && !v6) || (proto_known && proto != 132);
    case FIELD_NEEDS_ICMPV4:
        return !v4 || (proto_known && proto != 1);
    case FIELD_NEEDS_ICMPV6:
    case FIELD_NEEDS_ND:
    case FIELD_NEEDS_ND_SOLICIT:
    case FIELD_NEEDS_ND_ADVERT:
        return !v6 || (proto_known && proto != 58);
    }
    return false;
}

static int refuse_twice(const char *name, struct error_detail *detail)
{
    return error_set(detail, -ERROR_DUPLICATE, "%s: given twice, or two words that cannot both be", name);
}

/* Adds bits that must be new, but for the tag-present bit, which all VLAN words share. */
static int add_bits(struct match *match, enum field_id id, const char *name, struct field_value value, struct field_value mask,
                    struct error_detail *detail)
{
    struct field_value old = field_get(id, &match->mask);
    struct match merged = *match;
    uint8_t both = 0;
    for (size_t i = 0; i < sizeof old.bytes; i++) {
        bool shares_present = i == 14 && id == FIELD_VLAN_TCI;
        both |= (uint8_t)(old.bytes[i] & mask.bytes[i] & (shares_present ? ~(KEY_VLAN_PRESENT >> 8) : 0xff));
    }
    if (both != 0 || (field_value_is_zero(mask) && !field_value_is_zero(old))) {
        return refuse_twice(name, detail);
    }
    field_set_masked(id, &merged.value, value, mask);
    field_set_masked(id, &merged.mask, mask, mask);
    /* The present bit may have been 0 in one word and 1 in the other. */
    if (id == FIELD_VLAN_TCI && ((match->value.key.vlan_tci.raw ^ merged.value.key.vlan_tci.raw) & match->mask.key.vlan_tci.raw) != 0) {
        return refuse_twice(name, detail);
    }
    *match = merged;
    return 0;
}

/* Protocol and type may be said twice (tcp,nw_proto=6), if it is the same. */
static int add_number(struct match *match, enum field_id id, uint64_t number, const char *name, struct error_detail *detail)
{
    if (!field_value_is_zero(field_get(id, &match->mask))) {
        return field_value_to_u64(field_get(id, &match->value)) == number ? 0 : refuse_twice(name, detail);
    }
    match_set(match, id, field_value_u64(number));
    return 0;
}

/* ICMP type and code are one byte of the two that tp_src and tp_dst set. */
static void narrow_to_byte(struct match *match, enum field_id port, enum field_id byte)
{
    if (field_value_to_u64(field_get(port, &match->mask)) == 0xffff && field_value_to_u64(field_get(port, &match->value)) <= 0xff) {
        field_set(port, &match->mask, field_all_ones(byte));
    }
}

/* Moves what was written before its protocol was known to where it belongs. */
static int settle_protocol(struct match *match, const char *name, struct error_detail *detail)
{
    if (type_is_arp(match) && match->mask.key.ip_proto == 0xff) {
        uint8_t operation = match->value.key.ip_proto;
        match->value.key.ip_proto = 0;
        match->mask.key.ip_proto = 0;
        return add_number(match, FIELD_ARP_OP, operation, name, detail);
    }
    struct match icmp = *match;
    if (field_prerequisite_met(FIELD_ICMPV4_TYPE, &icmp.value, &icmp.mask) ||
        field_prerequisite_met(FIELD_ICMPV6_TYPE, &icmp.value, &icmp.mask)) {
        narrow_to_byte(match, FIELD_TCP_SRC, FIELD_ICMPV4_TYPE);
        narrow_to_byte(match, FIELD_TCP_DST, FIELD_ICMPV4_CODE);
    }
    return 0;
}

/* nw_src=1.2.3.4,ipv6 would turn the address into the start of an IPv6 one. */
static bool has_short_address(const struct match *match)
{
    static const uint8_t zero[12];
    const struct flow_key *mask = &match->mask.key;
    bool src = !field_value_is_zero(field_get(FIELD_IPV4_SRC, &match->mask)) && memcmp(mask->ip_src + 4, zero, sizeof zero) == 0;
    bool dst = !field_value_is_zero(field_get(FIELD_IPV4_DST, &match->mask)) && memcmp(mask->ip_dst + 4, zero, sizeof zero) == 0;
    return src || dst;
}

static int add_type(struct match *match, uint64_t type, const char *name, struct error_detail *detail)
{
    if (!type_known(match) && type == 0x86dd && has_short_address(match)) {
        return error_set(detail, -ERROR_PREREQUISITE, "%s: belongs before the addresses", name);
    }
    return add_number(match, FIELD_ETH_TYPE, type, name, detail);
}

static int add_protocol_word(struct match *match, const struct match_protocol_word *word, struct error_detail *detail)
{
    int err = add_type(match, word->eth_type, word->name, detail);
    if (err == 0 && word->ip_proto >= 0) {
        err = add_number(match, FIELD_IP_PROTO, (uint64_t)word->ip_proto, word->name, detail);
    }
    return err != 0 ? err : settle_protocol(match, word->name, detail);
}

/* A plain number of a name that is no field of its own. */
static int read_number(const char *name, const char *text, uint64_t limit, uint64_t *out_number, struct error_detail *detail)
{
    struct field_value value;
    struct field_value mask;
    struct field_value ones = field_all_ones(FIELD_METADATA);
    int err = match_parse_value(FIELD_METADATA, text, NULL, &value, &mask, NULL);
    if (err != 0) {
        return error_set(detail, err, "%s=%s: not a number", name, text);
    }
    if (memcmp(&mask, &ones, sizeof mask) != 0) {
        return error_set(detail, -ERROR_MASK, "%s: cannot be masked", name);
    }
    if (field_value_to_u64(value) > limit) {
        return error_set(detail, -ERROR_RANGE, "%s=%s: at most %llu", name, text, (unsigned long long)limit);
    }
    *out_number = field_value_to_u64(value);
    return 0;
}

static int add_vlan(struct match *match, const char *name, uint16_t value, uint16_t mask, struct error_detail *detail)
{
    return add_bits(match, FIELD_VLAN_TCI, name, field_value_u64(value), field_value_u64(mask), detail);
}

/* dl_vlan=5: a tag with this id. dl_vlan=0xffff: no tag, as OpenFlow 1.0 wrote it. */
static int parse_dl_vlan(struct match *match, const char *name, const char *text, struct error_detail *detail)
{
    uint64_t vid;
    int err = read_number(name, text, 0xffff, &vid, detail);
    if (err != 0) {
        return err;
    }
    if (vid == 0xffff) {
        return add_vlan(match, name, 0, 0x1fff, detail);
    }
    if (vid > 0x0fff) {
        return error_set(detail, -ERROR_RANGE, "%s=%s: at most 4095, or 0xffff for no tag", name, text);
    }
    return add_vlan(match, name, (uint16_t)(vid | KEY_VLAN_PRESENT), 0x1fff, detail);
}

static int parse_vlan_pcp(struct match *match, const char *name, const char *text, struct error_detail *detail)
{
    uint64_t pcp;
    int err = read_number(name, text, 7, &pcp, detail);
    return err != 0 ? err : add_vlan(match, name, (uint16_t)(pcp << 13 | KEY_VLAN_PRESENT), 0xf000, detail);
}

/* The two low bits are not looked at, as in Open vSwitch: they are nw_ecn. */
static int parse_tos(struct match *match, const char *name, const char *text, struct error_detail *detail)
{
    uint64_t tos;
    int err = read_number(name, text, 0xff, &tos, detail);
    return err != 0 ? err : add_bits(match, FIELD_IP_DSCP, name, field_value_u64(tos >> 2), field_all_ones(FIELD_IP_DSCP), detail);
}

static int parse_type(struct match *match, const char *name, const char *text, struct error_detail *detail)
{
    uint64_t type;
    int err = read_number(name, text, 0xffff, &type, detail);
    if (err == 0) {
        err = add_type(match, type, name, detail);
    }
    return err != 0 ? err : settle_protocol(match, name, detail);
}

static int parse_proto(struct match *match, const char *name, const char *text, struct error_detail *detail)
{
    uint64_t proto;
    int err = read_number(name, text, 0xff, &proto, detail);
    if (err != 0) {
        return err;
    }
    if (type_is_arp(match)) {
        return add_number(match, FIELD_ARP_OP, proto, name, detail);
    }
    if (contradicts(FIELD_NEEDS_IP, match)) {
        return error_set(detail, -ERROR_PREREQUISITE, "%s: needs %s", name, field_needs_text(FIELD_NEEDS_IP));
    }
    err = add_number(match, FIELD_IP_PROTO, proto, name, detail);
    return err != 0 ? err : settle_protocol(match, name, detail);
}

static const struct special {
    const char *name;
    int (*parse)(struct match *match, const char *name, const char *text, struct error_detail *detail);
    bool is_protocol; /* read before the others */
} special_table[] = {
    {.name = "dl_type", .parse = parse_type, .is_protocol = true},
    {.name = "eth_type", .parse = parse_type, .is_protocol = true},
    {.name = "nw_proto", .parse = parse_proto, .is_protocol = true},
    {.name = "ip_proto", .parse = parse_proto, .is_protocol = true},
    {.name = "dl_vlan", .parse = parse_dl_vlan},
    {.name = "dl_vlan_pcp", .parse = parse_vlan_pcp},
    {.name = "vlan_pcp", .parse = parse_vlan_pcp},
    {.name = "nw_tos", .parse = parse_tos},
};

static const struct special *special_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof special_table / sizeof special_table[0]; i++) {
        if (strcmp(special_table[i].name, name) == 0) {
            return &special_table[i];
        }
    }
    return NULL;
}

/* Names that mean a different field by protocol; `id` is the one the table gives. */
static enum field_id field_for_protocol(enum field_id id, const char *name, const struct match *match)
{
    bool nw = strncmp(name, "nw_", 3) == 0;
    bool icmp = strncmp(name, "icmp_", 5) == 0;
    bool icmp6 = icmp && contradicts(FIELD_NEEDS_ICMPV4, match);
    if (nw && id == FIELD_IPV4_SRC && type_is_arp(match)) {
        return FIELD_ARP_SPA;
    }
    if (nw && id == FIELD_IPV4_DST && type_is_arp(match)) {
        return FIELD_ARP_TPA;
    }
    if (id == FIELD_ICMPV4_TYPE && icmp6) {
        return FIELD_ICMPV6_TYPE;
    }
    if (id == FIELD_ICMPV4_CODE && icmp6) {
        return FIELD_ICMPV6_CODE;
    }
    return id;
}

/* tp_src and tp_dst by the protocol; of an unknown one they are 16 bits and settle later. */
static enum field_id transport_field(bool src, const struct match *match)
{
    if (field_prerequisite_met(FIELD_ICMPV4_TYPE, &match->value, &match->mask)) {
        return src ? FIELD_ICMPV4_TYPE : FIELD_ICMPV4_CODE;
    }
    if (field_prerequisite_met(FIELD_ICMPV6_TYPE, &match->value, &match->mask)) {
        return src ? FIELD_ICMPV6_TYPE : FIELD_ICMPV6_CODE;
    }
    if (match->mask.key.ip_proto == 0xff && match->value.key.ip_proto == 17) {
        return src ? FIELD_UDP_SRC : FIELD_UDP_DST;
    }
    if (match->mask.key.ip_proto == 0xff && match->value.key.ip_proto == 132) {
        return src ? FIELD_SCTP_SRC : FIELD_SCTP_DST;
    }
    return src ? FIELD_TCP_SRC : FIELD_TCP_DST;
}

static int parse_plain_field(struct match *match, enum field_id id, const char *name, const char *text, const struct match_ports *ports,
                             struct error_detail *detail)
{
    struct field_value value;
    struct field_value mask;
    struct field_value ones = field_all_ones(id);

    if (contradicts(field_table[id].needs, match)) {
        return error_set(detail, -ERROR_PREREQUISITE, "%s: needs %s", name, field_needs_text(field_table[id].needs));
    }
    int err = match_parse_value(id, text, ports, &value, &mask, detail);
    if (err != 0) {
        return err;
    }
    if (field_table[id].mask_rule == FIELD_MASK_NONE && memcmp(&mask, &ones, sizeof mask) != 0 && !field_value_is_zero(mask)) {
        return error_set(detail, -ERROR_MASK, "%s: cannot be masked", name);
    }
    if (id == FIELD_PACKET_TYPE && field_value_is_zero(value)) {
        return 0; /* Ethernet: so is every packet */
    }
    if (id == FIELD_VLAN_VID) {
        id = FIELD_VLAN_TCI; /* the same bits; there the present bit may be shared with the priority */
    }
    err = add_bits(match, id, name, value, mask, detail);
    return err != 0 ? err : settle_protocol(match, name, detail);
}

int match_parse_field(struct match *match, const char *name, const char *value_or_null, const struct match_ports *ports,
                      struct error_detail *detail)
{
    struct match changed = *match;
    const struct match_protocol_word *word = match_protocol_by_name(name);
    const struct special *special = special_by_name(name);
    enum field_id id = field_by_name(name, strlen(name));
    int err;

    if (strcmp(name, "tp_src") == 0 || strcmp(name, "tp_dst") == 0) {
        id = transport_field(name[3] == 's', match);
    } else if (id != FIELD_COUNT) {
        id = field_for_protocol(id, name, match);
    }
    if (word == NULL && special == NULL && id == FIELD_COUNT) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "%s: no such field", name);
    }
    if (word != NULL && value_or_null != NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s: takes no value", name);
    }
    if (word == NULL && value_or_null == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s: needs a value", name);
    }
    if (word != NULL) {
        err = add_protocol_word(&changed, word, detail);
    } else if (special != NULL) {
        err = special->parse(&changed, name, value_or_null, detail);
    } else {
        err = parse_plain_field(&changed, id, name, value_or_null, ports, detail);
    }
    if (err == 0) {
        *match = changed;
    }
    return err;
}

/* One word of a match, taken off the front of *cursor. */
struct word {
    char name[NAME_LIMIT];
    char value[VALUE_LIMIT];
    bool has_value;
};

static bool is_separator(char c)
{
    return c == ',' || isspace((unsigned char)c);
}

static int copy_part(const char *part, size_t size, char *out, size_t room, struct error_detail *detail)
{
    if (size == 0 || size >= room) {
        return error_set(detail, -ERROR_SYNTAX, "%.*s: %s", (int)(size < 64 ? size : 64), part,
                         size == 0 ? "a name or value is missing" : "too long for a match");
    }
    memcpy(out, part, size);
    out[size] = '\0';
    return 0;
}

/* Quotes keep separators inside a port name. Returns 1 for a word, 0 at the end, or an error. */
static int next_word(const char **cursor, struct word *out_word, struct error_detail *detail)
{
    const char *c = *cursor;
    while (is_separator(*c)) {
        c++;
    }
    const char *start = c;
    const char *equals = NULL;
    bool quoted = false;
    int depth = 0; /* of parentheses: packet_type=(1,0x800) */
    for (; *c != '\0' && (quoted || depth > 0 || !is_separator(*c)); c++) {
        quoted = *c == '"' ? !quoted : quoted;
        depth += quoted ? 0 : (*c == '(') - (*c == ')');
        equals = *c == '=' && equals == NULL ? c : equals;
    }
    *cursor = c;
    if (c == start) {
        return 0;
    }
    if (quoted) {
        return error_set(detail, -ERROR_SYNTAX, "a quote is not closed");
    }
    const char *name_end = equals != NULL ? equals : c;
    out_word->has_value = equals != NULL;
    int err = copy_part(start, (size_t)(name_end - start), out_word->name, sizeof out_word->name, detail);
    if (err == 0 && equals != NULL) {
        err = copy_part(equals + 1, (size_t)(c - equals - 1), out_word->value, sizeof out_word->value, detail);
    }
    return err != 0 ? err : 1;
}

static bool is_protocol(const char *name)
{
    const struct special *special = special_by_name(name);
    return match_protocol_by_name(name) != NULL || (special != NULL && special->is_protocol);
}

static int parse_pass(struct match *match, const char *text, bool protocols, const struct match_ports *ports,
                      struct error_detail *detail)
{
    struct word word;
    for (;;) {
        int err = next_word(&text, &word, detail);
        if (err <= 0) {
            return err;
        }
        if (is_protocol(word.name) != protocols) {
            continue;
        }
        err = match_parse_field(match, word.name, word.has_value ? word.value : NULL, ports, detail);
        if (err != 0) {
            return err;
        }
    }
}

int match_parse(const char *text, const struct match_ports *ports, struct match *out_match, struct error_detail *detail)
{
    struct match match;
    match_init(&match);
    int err = parse_pass(&match, text, true, ports, detail);
    if (err == 0) {
        err = parse_pass(&match, text, false, ports, detail);
    }
    if (err == 0) {
        err = match_check(&match, detail);
    }
    if (err == 0) {
        *out_match = match;
    }
    return err;
}
