/* Internet checksums and CRC32c over packet bytes.
 *
 * A one's complement sum does not care about byte order, so words are added as they lie in memory and the result is stored the same
 * way [RFC 1071 §2.B]: no swapping anywhere here. Sums are taken eight bytes at a time into 64 bits with the carry counted.
 * Why complete at all: a veth or TAP peer believes that we are hardware which fills in the checksum it left open.
 * Cost: about 0.15 ns a byte for sums; CRC32c eight bytes an instruction with SSE 4.2, by nibbles without it (rare, SCTP only).
 * Packet path: worker thread; no allocation, no state. Invariant: no byte outside the given range is read.
 */
#include "lib/dp/checksum.h"

#include <string.h>

enum { PROTO_TCP = 6, PROTO_UDP = 17, PROTO_SCTP = 132, TYPE_IPV4 = 0x0800, TYPE_IPV6 = 0x86dd };

static inline uint64_t add(uint64_t sum, uint64_t word)
{
    sum += word;
    return sum + (sum < word);
}

uint16_t checksum_sum(const void *bytes, size_t size, uint16_t start)
{
    const uint8_t *p = bytes;
    uint64_t sum = start;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        sum = add(sum, word);
    }
    if (size > 0) {
        uint64_t word = 0;
        memcpy(&word, p, size);
        sum = add(sum, word);
    }
    return checksum_fold(sum);
}

uint16_t checksum_update(uint16_t checksum, const void *before, const void *after, size_t size)
{
    return checksum_update_inline(checksum, before, after, size);
}

/* Reflected polynomial 0x82f63b78, four bits a step. */
static uint32_t crc32c_by_nibbles(const uint8_t *p, size_t size, uint32_t crc)
{
    static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
                                       0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                       0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    for (size_t i = 0; i < size; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_by_instruction(const uint8_t *p, size_t size, uint32_t crc)
{
    uint64_t crc64 = crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        crc64 = __builtin_ia32_crc32di(crc64, word);
    }
    crc = (uint32_t)crc64;
    for (; size > 0; size--, p++) {
        crc = __builtin_ia32_crc32qi(crc, *p);
    }
    return crc;
}
#endif

static uint32_t crc32c_part(const void *bytes, size_t size, uint32_t crc)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2")) {
        return crc32c_by_instruction(bytes, size, crc);
    }
#endif
    return crc32c_by_nibbles(bytes, size, crc);
}

uint32_t checksum_crc32c(const void *bytes, size_t size)
{
    return ~crc32c_part(bytes, size, 0xffffffffu);
}

uint32_t checksum_sctp(const uint8_t *sctp, size_t size)
{
    static const uint8_t zero[4];
    uint32_t crc = crc32c_part(sctp, 8, 0xffffffffu);
    crc = crc32c_part(zero, sizeof zero, crc);
    return ~crc32c_part(sctp + 12, size - 12, crc);
}

/* Sum of the pseudo-header [RFC 9293 §3.1, RFC 8200 §8.1]; addresses are where the L3 header has them. */
static uint16_t pseudo_sum(const uint8_t *l3, bool is_ipv4, uint8_t proto, size_t l4_size)
{
    struct be16 tail[2] = {be16((uint16_t)l4_size), be16(proto)};
    return checksum_sum(is_ipv4 ? l3 + 12 : l3 + 8, is_ipv4 ? 8 : 32, checksum_sum(tail, sizeof tail, 0));
}

static bool complete_sctp(uint8_t *l4, size_t l4_size)
{
    uint32_t field;
    memcpy(&field, l4 + 8, sizeof field);
    if (field != 0) {
        return false;
    }
    field = checksum_sctp(l4, l4_size);
    memcpy(l4 + 8, &field, sizeof field);
    return true;
}

bool checksum_complete(uint8_t *frame, size_t size, const struct flow_key *key, const struct parse_result *offsets)
{
    bool is_ipv4 = key->eth_type.raw == be16(TYPE_IPV4).raw;
    if (offsets->l4_offset == PARSE_NO_OFFSET || key->ip_frag != 0 || offsets->l3_end > size) {
        return false;
    }
    uint8_t *l4 = frame + offsets->l4_offset;
    size_t l4_size = (size_t)(offsets->l3_end - offsets->l4_offset);
    if (key->ip_proto == PROTO_SCTP) {
        return complete_sctp(l4, l4_size);
    }
    if (key->ip_proto != PROTO_TCP && key->ip_proto != PROTO_UDP) {
        return false;
    }
    uint8_t *field = l4 + (key->ip_proto == PROTO_TCP ? 16 : 6);
    uint16_t have;
    memcpy(&have, field, sizeof have);
    if (have != pseudo_sum(frame + offsets->l3_offset, is_ipv4, key->ip_proto, l4_size)) {
        return false;
    }
    /* The field is part of the sum and holds the pseudo-header's, as the hardware would have it. */
    uint16_t checksum = (uint16_t)~checksum_sum(l4, l4_size, 0);
    if (checksum == 0 && key->ip_proto == PROTO_UDP) {
        checksum = 0xffff;
    }
    memcpy(field, &checksum, sizeof checksum);
    return true;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the odd byte at the end is the low one; CRC32c is stored as it is computed");
