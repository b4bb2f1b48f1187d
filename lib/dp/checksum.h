/* Internet checksums: whole, incremental, and completing those a sender left to its hardware.
 *
 * Sums are 16-bit one's complement [RFC 1071], updates are [RFC 1624] eqn. 3. UDP over IPv4 with checksum 0 stays 0; a computed 0 is
 * sent as 0xffff. SCTP has CRC32c [RFC 9260].
 */
#ifndef BUSBAR_DP_CHECKSUM_H
#define BUSBAR_DP_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "lib/flow/parse.h"

/* One's complement sum, not inverted, folded to 16 bits, of `size` bytes added to `start`. Native order of the bytes as stored. */
uint16_t checksum_sum(const void *bytes, size_t size, uint16_t start);
/* New checksum field after `size` (even) bytes at an even offset changed from `before` to `after`. */
uint16_t checksum_update(uint16_t checksum, const void *before, const void *after, size_t size);
/* The same inline: with a known size, as headers have, it is a few additions. */
static inline uint16_t checksum_fold(uint64_t sum)
{
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffffffffu) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)((sum & 0xffff) + (sum >> 16));
}
static inline __attribute__((always_inline)) uint16_t checksum_update_inline(uint16_t checksum, const void *before, const void *after,
                                                                             size_t size)
{
    /* HC' = ~(~HC + ~m + m') [RFC 1624 eqn. 3]; the complement of a word of 32 bits is that of both its halves. */
    uint64_t sum = (uint16_t)~checksum;
    uint32_t old_word, new_word;
    uint16_t old_half, new_half;
    size_t at = 0;
    for (; at + 4 <= size; at += 4) {
        memcpy(&old_word, (const uint8_t *)before + at, 4);
        memcpy(&new_word, (const uint8_t *)after + at, 4);
        sum += (uint64_t)(uint32_t)~old_word + new_word;
    }
    if (at < size) {
        memcpy(&old_half, (const uint8_t *)before + at, 2);
        memcpy(&new_half, (const uint8_t *)after + at, 2);
        sum += (uint32_t)(uint16_t)~old_half + new_half;
    }
    return (uint16_t)~checksum_fold(sum);
}
uint32_t checksum_crc32c(const void *bytes, size_t size);
/* CRC32c of an SCTP packet of `size` (at least 12) bytes with its checksum field taken as zero; stored as it is (little endian). */
uint32_t checksum_sctp(const uint8_t *sctp, size_t size);

/* A frame from a veth or TAP whose TCP or UDP checksum field equals the folded pseudo-header sum (SCTP: 0) was left to the hardware:
 * completes it in place and returns true. Every other frame is left as it came. Needs the parse result of the frame; l3_end bounds it;
 * fragments are left alone. */
bool checksum_complete(uint8_t *frame, size_t size, const struct flow_key *key, const struct parse_result *offsets);

#endif
