/* Reading the value of one field: what stands behind the '='.
 *
 * One reader for each way of writing (enum field_format), all of the shape "value, perhaps a slash and a mask", all on text
 * of people and scripts: anything that is not understood to its last letter is refused with the word that was wrong.
 * A number is decimal or 0x; leading zeros are refused rather than guessed at (C and Open vSwitch would take 010 for 8).
 * Control code (commands, configuration): any thread, no state, no allocation, below a microsecond a value.
 */
#include "lib/flow/match.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <strings.h>

#include "lib/flow/match_words.h"

enum { TEXT_LIMIT = 128 }; /* two IPv6 addresses with zero to spare: longer text is no value */

static int refuse(enum field_id id, const char *text, int err, const char *why, struct error_detail *detail)
{
    return error_set(detail, err, "%s=%s: %s", field_table[id].name, text, why);
}

/* Decimal or 0x digits, to the end of `text`. */
static int parse_number(const char *text, uint64_t *out_number)
{
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    const char *digits = hex ? text + 2 : text;
    uint64_t number = 0;

    if (digits[0] == '\0' || (!hex && digits[0] == '0' && digits[1] != '\0')) {
        return -ERROR_SYNTAX;
    }
    for (const char *c = digits; *c != '\0'; c++) {
        unsigned base = hex ? 16 : 10;
        unsigned digit;
        if (*c >= '0' && *c <= '9') {
            digit = (unsigned)(*c - '0');
        } else if (hex && isxdigit((unsigned char)*c)) {
            digit = (unsigned)(tolower((unsigned char)*c) - 'a') + 10;
        } else {
            return -ERROR_SYNTAX;
        }
        if (number > (UINT64_MAX - digit) / base) {
            return -ERROR_RANGE;
        }
        number = number * base + digit;
    }
    *out_number = number;
    return 0;
}

/* More than 16 digits, which only the registers of 128 bits take. */
static int parse_long_hex(const char *digits, struct field_value *out_value)
{
    struct field_value value = {{0}};
    size_t n = strlen(digits);
    if (n > 32 || strspn(digits, "0123456789abcdefABCDEF") != n) {
        return n > 32 ? -ERROR_RANGE : -ERROR_SYNTAX;
    }
    for (size_t i = 0; i < n; i++) {
        int lower = tolower((unsigned char)digits[n - 1 - i]);
        unsigned digit = (unsigned)(lower <= '9' ? lower - '0' : lower - 'a' + 10);
        value.bytes[15 - i / 2] |= (uint8_t)(digit << (i % 2 * 4));
    }
    *out_value = value;
    return 0;
}

/* "(1,0x800)": a namespace and a type in it. */
static int parse_packet_type(const char *text, struct field_value *out_value)
{
    char copy[TEXT_LIMIT];
    uint64_t space, type;
    size_t size = strlen(text);
    char *comma = memccpy(copy, text, '\0', sizeof copy) != NULL ? strchr(copy, ',') : NULL;
    if (comma == NULL || copy[0] != '(' || copy[size - 1] != ')') {
        return -ERROR_SYNTAX;
    }
    *comma = '\0';
    copy[size - 1] = '\0';
    if (parse_number(copy + 1, &space) != 0 || parse_number(comma + 1, &type) != 0) {
        return -ERROR_SYNTAX;
    }
    if (space > UINT16_MAX || type > UINT16_MAX) {
        return -ERROR_RANGE;
    }
    *out_value = field_value_u64(space << 16 | type);
    return 0;
}

static int parse_integer(const char *text, struct field_value *out_value)
{
    uint64_t number;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && strlen(text) > 18) {
        return parse_long_hex(text + 2, out_value);
    }
    int err = parse_number(text, &number);
    if (err == 0) {
        *out_value = field_value_u64(number);
    }
    return err;
}

/* Six groups of one or two hexadecimal digits. */
static int parse_mac(const char *text, struct field_value *out_value)
{
    struct field_value value = {{0}};
    const char *c = text;
    for (int i = 0; i < 6; i++) {
        unsigned digits = 0;
        unsigned octet = 0;
        for (; isxdigit((unsigned char)*c) && digits < 2; c++, digits++) {
            unsigned lower = (unsigned)tolower((unsigned char)*c);
            octet = octet * 16 + (lower <= '9' ? lower - '0' : lower - 'a' + 10);
        }
        if (digits == 0 || *c != (i < 5 ? ':' : '\0')) {
            return -ERROR_SYNTAX;
        }
        value.bytes[10 + i] = (uint8_t)octet;
        c++;
    }
    *out_value = value;
    return 0;
}

static int parse_ipv4(const char *text, struct field_value *out_value)
{
    struct field_value value = {{0}};
    if (inet_pton(AF_INET, text, value.bytes + 12) != 1) {
        return -ERROR_SYNTAX;
    }
    *out_value = value;
    return 0;
}

static int parse_ipv6(const char *text, struct field_value *out_value)
{
    struct field_value value = {{0}};
    if (inet_pton(AF_INET6, text, value.bytes) != 1) {
        return -ERROR_SYNTAX;
    }
    *out_value = value;
    return 0;
}

/* "24" as the mask of an address of `bits` bits. */
static int parse_prefix(const char *text, unsigned bits, struct field_value *out_mask)
{
    uint64_t length;
    if (parse_number(text, &length) != 0) {
        return -ERROR_SYNTAX;
    }
    if (length > bits) {
        return -ERROR_RANGE;
    }
    struct field_value mask = {{0}};
    unsigned first = 128 - bits;
    for (unsigned i = first; i < first + (unsigned)length; i++) {
        mask.bytes[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    *out_mask = mask;
    return 0;
}

/* Quoted text is a name; a number or a reserved word comes before the same text as a name, as in Open vSwitch. */
static int parse_port(const char *text, const struct match_ports *ports, struct field_value *out_value)
{
    char name[TEXT_LIMIT];
    size_t size = strlen(text);
    uint32_t ofport;
    uint64_t number;

    bool quoted = size >= 2 && text[0] == '"' && text[size - 1] == '"';
    memcpy(name, text + quoted, size - 2 * (size_t)quoted);
    name[size - 2 * (size_t)quoted] = '\0';
    if (!quoted && isdigit((unsigned char)name[0]) && parse_number(name, &number) == 0) {
        if (number > UINT32_MAX) {
            return -ERROR_RANGE;
        }
        /* OpenFlow 1.0 wrote the reserved numbers in 16 bits: 65534 is LOCAL. */
        bool short_reserved = number >= 0xfff8 && number <= 0xffff;
        *out_value = field_value_u64(short_reserved ? number | 0xffff0000 : number);
        return 0;
    }
    if (!quoted && match_reserved_port(name, &ofport)) {
        *out_value = field_value_u64(ofport);
        return 0;
    }
    if (ports == NULL || ports->by_name == NULL || !ports->by_name(ports->context, name, &ofport)) {
        return -ERROR_NOT_FOUND;
    }
    *out_value = field_value_u64(ofport);
    return 0;
}

static int parse_fragment(const char *text, struct field_value *out_value, struct field_value *out_mask)
{
    for (size_t i = 0; i < MATCH_FRAGMENT_WORDS; i++) {
        const struct match_fragment_word *word = &match_fragment_table[i];
        if (strcmp(text, word->name) == 0) {
            *out_value = field_value_u64(word->value);
            *out_mask = field_value_u64(word->mask);
            return 0;
        }
    }
    int err = parse_integer(text, out_value);
    if (err == 0) {
        *out_mask = field_all_ones(FIELD_IP_FRAG);
    }
    return err;
}

/* One flag name of `size` letters, or "[800]" for those without a name, as a bit. */
static bool parse_flag(const char *name, size_t size, uint64_t *out_bit)
{
    for (unsigned i = 0; i < MATCH_TCP_FLAGS; i++) {
        const char *candidate = match_tcp_flag_table[i];
        if (strncasecmp(candidate, name, size) == 0 && candidate[size] == '\0') {
            *out_bit = UINT64_C(1) << i;
            return true;
        }
    }
    return false;
}

/* "+syn-ack": those two are looked at. "syn|ack": these and no other. */
static int parse_flags(const char *text, struct field_value *out_value, struct field_value *out_mask)
{
    bool signs = text[0] == '+' || text[0] == '-';
    uint64_t value = 0;
    uint64_t mask = signs ? 0 : 0xfff;
    const char *c = text;

    while (*c != '\0') {
        bool set = *c != '-';
        uint64_t bit;
        if (signs || c != text) {
            if (signs ? *c != '+' && *c != '-' : *c != '|') {
                return -ERROR_SYNTAX;
            }
            c++;
        }
        size_t size = strcspn(c, "+-|");
        if (size == 0 || !parse_flag(c, size, &bit)) {
            return -ERROR_SYNTAX;
        }
        if (((signs ? mask : value) & bit) != 0) {
            return -ERROR_DUPLICATE;
        }
        mask |= bit;
        value |= set ? bit : 0;
        c += size;
    }
    *out_value = field_value_u64(value);
    *out_mask = field_value_u64(mask);
    return 0;
}

/* A value, or a mask: masks of addresses may also be prefix lengths. */
static int parse_part(enum field_id id, const char *text, bool is_mask, const struct match_ports *ports, struct field_value *out_part)
{
    bool number = strspn(text, "0123456789") == strlen(text);
    switch (field_table[id].format) {
    case FIELD_FORMAT_DEC:
    case FIELD_FORMAT_HEX:
    case FIELD_FORMAT_FRAG:
    case FIELD_FORMAT_TCP_FLAGS:
        return parse_integer(text, out_part);
    case FIELD_FORMAT_MAC:
        return parse_mac(text, out_part);
    case FIELD_FORMAT_IPV4:
        return is_mask && number ? parse_prefix(text, 32, out_part) : parse_ipv4(text, out_part);
    case FIELD_FORMAT_IPV6:
        return is_mask && number ? parse_prefix(text, 128, out_part) : parse_ipv6(text, out_part);
    case FIELD_FORMAT_PORT:
        return parse_port(text, ports, out_part);
    case FIELD_FORMAT_PACKET_TYPE:
        return parse_packet_type(text, out_part);
    }
    return -ERROR_SYNTAX;
}

static int parse_unmasked(enum field_id id, const char *text, const struct match_ports *ports, struct field_value *out_value,
                          struct field_value *out_mask)
{
    bool number = isdigit((unsigned char)text[0]);
    if (field_table[id].format == FIELD_FORMAT_FRAG) {
        return parse_fragment(text, out_value, out_mask);
    }
    if (field_table[id].format == FIELD_FORMAT_TCP_FLAGS && !number) {
        return parse_flags(text, out_value, out_mask);
    }
    int err = parse_part(id, text, false, ports, out_value);
    if (err == 0) {
        *out_mask = field_all_ones(id);
    }
    return err;
}

static int parse_masked(enum field_id id, const char *text, const char *slash, const struct match_ports *ports,
                        struct field_value *out_value, struct field_value *out_mask)
{
    char first[TEXT_LIMIT];
    size_t size = (size_t)(slash - text);
    memcpy(first, text, size);
    first[size] = '\0';
    int err = parse_part(id, first, false, ports, out_value);
    return err != 0 ? err : parse_part(id, slash + 1, true, ports, out_mask);
}

static const char *reason(int err)
{
    switch (err) {
    case -ERROR_NOT_FOUND:
        return "no such port";
    case -ERROR_RANGE:
        return "too large for the field";
    case -ERROR_DUPLICATE:
        return "a flag is given twice";
    default:
        return "cannot be read as a value of this field";
    }
}

int match_parse_value(enum field_id id, const char *text, const struct match_ports *ports, struct field_value *out_value,
                      struct field_value *out_mask, struct error_detail *detail)
{
    struct field_value value = {{0}};
    struct field_value mask = {{0}};
    const char *slash = text[0] == '"' ? NULL : strchr(text, '/');

    if (text[0] == '\0' || strlen(text) >= TEXT_LIMIT) {
        return refuse(id, text[0] == '\0' ? "" : "...", -ERROR_SYNTAX, "not a value", detail);
    }
    if (strcmp(text, "*") != 0) {
        int err = slash != NULL ? parse_masked(id, text, slash, ports, &value, &mask)
                                : parse_unmasked(id, text, ports, &value, &mask);
        if (err != 0) {
            return refuse(id, text, err, reason(err), detail);
        }
        if (!field_value_fits(id, value) || !field_value_fits(id, mask)) {
            return refuse(id, text, -ERROR_RANGE, reason(-ERROR_RANGE), detail);
        }
    }
    for (size_t i = 0; i < sizeof value.bytes; i++) {
        value.bytes[i] &= mask.bytes[i];
    }
    *out_value = value;
    *out_mask = mask;
    return 0;
}
