/* The matches of rules that loads are made of: the same for each tool, so that their figures are about the same tables. */
#ifndef BUSBAR_BENCH_RULE_MATCH_H
#define BUSBAR_BENCH_RULE_MATCH_H

#include <arpa/inet.h>
#include <string.h>

#include "lib/flow/match.h"

static inline void put_number(uint8_t *bytes, uint32_t number)
{
    uint32_t network = htonl(number);
    memcpy(bytes, &network, sizeof network);
}

/* Of rule `number`; of n_masks masks (at most 100) the lengths of prefix are the (number mod n_masks)th combination.
 * Canonical, as every match: bits that are not looked at are zero. */
static inline void rule_match(struct match *match, uint32_t number, uint32_t n_masks)
{
    match_init(match);
    match->value.key.eth_type = be16(0x0800);
    match->mask.key.eth_type = be16(0xffff);
    if (n_masks <= 1) {
        put_number(match->value.key.ip_dst, 0x0b000000 + number);
        put_number(match->mask.key.ip_dst, UINT32_MAX);
        return;
    }
    uint32_t which = number % n_masks;
    put_number(match->value.key.ip_dst, (number / n_masks) << 10);
    put_number(match->mask.key.ip_dst, UINT32_MAX << (which % 10));
    put_number(match->value.key.ip_src, 0x0a000000);
    put_number(match->mask.key.ip_src, UINT32_MAX << (which / 10));
}

#endif
