/* Frames and keys for the fastpath's tests: UDP in IPv4, told apart by two numbers. */
#ifndef BUSBAR_TESTS_FASTPATH_FRAMES_H
#define BUSBAR_TESTS_FASTPATH_FRAMES_H

#include <string.h>

#include "lib/dp/checksum.h"
#include "lib/flow/parse.h"

enum { FRAME_BYTES = 60 };

/* A 60-byte UDP packet from 10.0.x.x (by `source`) port `port`, payload byte `mark`. */
static inline void frame_udp(uint8_t *frame, uint16_t source, uint16_t port, uint8_t mark)
{
    static const uint8_t start[42] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 0, 10, 1, 0, 1,
                                      0, 0, 0, 53, 0, 26, 0, 0};
    memset(frame, 0, FRAME_BYTES);
    memcpy(frame, start, sizeof start);
    frame[28] = (uint8_t)(source >> 8);
    frame[29] = (uint8_t)source;
    frame[34] = (uint8_t)(port >> 8);
    frame[35] = (uint8_t)port;
    frame[42] = mark;
    uint16_t sum = (uint16_t)~checksum_sum(frame + 14, 20, 0);
    memcpy(frame + 24, &sum, 2);
}

static inline struct flow_key key_udp(uint32_t in_port, uint16_t source, uint16_t port)
{
    uint8_t frame[FRAME_BYTES];
    struct flow_key key = {0};
    struct parse_result offsets;
    frame_udp(frame, source, port, 0);
    int err = parse_frame(frame, sizeof frame, in_port, &key, &offsets);
    (void)err;
    return key;
}

static inline struct flow_key mask_all(void)
{
    struct flow_key mask;
    memset(&mask, 0xff, sizeof mask);
    return mask;
}

/* In port, and the first `bits` of the source address. */
static inline struct flow_key mask_source(unsigned bits)
{
    struct flow_key mask = {.in_port.raw = UINT32_MAX};
    for (unsigned i = 0; i < bits; i++) {
        mask.ip_src[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    return mask;
}

#endif
