/* Generator of random frames, biased to what parsers get wrong: lengths, options, chains, edges.
 *
 * Each layer writes its header behind the previous one and knows how many bytes may still come. Values come from small sets
 * where equality matters (types, protocols, option kinds) and from all bits elsewhere. Tests only; deterministic for a seed.
 */
#include "tests/oracle/frame.h"

#include <stdbool.h>
#include <string.h>

struct builder {
    struct random *random;
    uint8_t *bytes;
    size_t size;
};

static bool chance(struct builder *b, unsigned percent)
{
    return random_below(b->random, 100) < percent;
}

static uint16_t pick(struct builder *b, const uint16_t *from, size_t count)
{
    return from[random_below(b->random, count)];
}

static void put8(struct builder *b, unsigned value)
{
    if (b->size < FRAME_ROOM) {
        b->bytes[b->size++] = (uint8_t)value;
    }
}

static void put16(struct builder *b, unsigned value)
{
    put8(b, value >> 8);
    put8(b, value);
}

static void put_random(struct builder *b, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        put8(b, (unsigned)random_u64(b->random));
    }
}

static void patch16(struct builder *b, size_t offset, size_t value)
{
    b->bytes[offset] = (uint8_t)(value >> 8);
    b->bytes[offset + 1] = (uint8_t)value;
}

static void put_tcp(struct builder *b)
{
    put_random(b, 12);
    unsigned words = 5 + (unsigned)random_below(b->random, 4);
    put8(b, words << 4 | (unsigned)random_below(b->random, 16));
    put_random(b, 7 + ((size_t)words - 5) * 4);
    put_random(b, random_below(b->random, 40));
}

static void put_nd_options(struct builder *b)
{
    unsigned count = chance(b, 3) ? (unsigned)random_below(b->random, 40) : (unsigned)random_below(b->random, 4);
    for (unsigned i = 0; i < count; i++) {
        unsigned units = chance(b, 80) ? 1 : (unsigned)random_below(b->random, 4);
        put8(b, (unsigned)random_below(b->random, count > 5 ? 30 : 5));
        put8(b, units);
        put_random(b, units == 0 ? 6 : units * 8 - 2);
    }
    put_random(b, chance(b, 20) ? random_below(b->random, 10) : 0);
}

static void put_icmp(struct builder *b, bool six)
{
    static const uint16_t types[] = {135, 136, 135, 136, 128, 129, 8, 0, 3};
    put8(b, pick(b, types, sizeof types / sizeof types[0]));
    put8(b, chance(b, 90) ? 0 : (unsigned)random_u64(b->random));
    put_random(b, 6);
    if (six) {
        put_random(b, chance(b, 95) ? 16 : random_below(b->random, 16));
        put_nd_options(b);
    } else {
        put_random(b, random_below(b->random, 60));
    }
}

static void put_l4(struct builder *b, unsigned proto)
{
    if (proto == 6) {
        put_tcp(b);
    } else if (proto == 1 || proto == 58) {
        put_icmp(b, proto == 58);
    } else {
        put_random(b, 4 + random_below(b->random, 40));
    }
}

static unsigned pick_proto(struct builder *b, unsigned icmp)
{
    static const uint16_t protos[] = {6, 6, 17, 17, 132, 47, 2, 58, 1};
    return chance(b, 30) ? icmp : pick(b, protos, sizeof protos / sizeof protos[0]);
}

static void put_ipv4(struct builder *b)
{
    size_t start = b->size;
    unsigned words = chance(b, 70) ? 5 : 5 + (unsigned)random_below(b->random, 11);
    unsigned proto = pick_proto(b, 1);
    put8(b, 0x40 | words);
    put_random(b, 1);
    put16(b, 0);
    put_random(b, 2);
    put16(b, chance(b, 75) ? (chance(b, 50) ? 0x4000 : 0) : chance(b, 40) ? 0x2000 : (unsigned)random_below(b->random, 0x4000));
    put_random(b, 1);
    put8(b, proto);
    put_random(b, 2 + 8 + ((size_t)words - 5) * 4);
    put_l4(b, proto);
    patch16(b, start + 2, b->size - start);
}

/* One extension header of type `kind`, naming `next`. */
static void put_extension(struct builder *b, unsigned kind, unsigned next)
{
    put8(b, next);
    if (kind == 44) {
        put8(b, 0);
        put16(b, chance(b, 40) ? 0 : chance(b, 50) ? 1 : (unsigned)random_u64(b->random) & 0xffff);
        put_random(b, 4);
        return;
    }
    unsigned units = (unsigned)random_below(b->random, 3);
    put8(b, kind == 51 ? units + 1 : units);
    put_random(b, kind == 51 ? units * 4 + 10 : units * 8 + 6);
}

static void put_ipv6(struct builder *b)
{
    static const uint16_t kinds[] = {0, 43, 44, 51, 60};
    unsigned chain[12];
    unsigned count = chance(b, 60) ? 0 : chance(b, 90) ? (unsigned)random_below(b->random, 4) : (unsigned)random_below(b->random, 11);
    size_t start = b->size;

    for (unsigned i = 0; i < count; i++) {
        chain[i] = pick(b, kinds, sizeof kinds / sizeof kinds[0]);
    }
    chain[count] = pick_proto(b, 58);
    put8(b, 0x60 | (unsigned)random_below(b->random, 16));
    put_random(b, 3);
    put16(b, 0);
    put8(b, chain[0]);
    put_random(b, 1 + 32);
    for (unsigned i = 0; i < count; i++) {
        put_extension(b, chain[i], chain[i + 1]);
    }
    put_l4(b, chain[count]);
    patch16(b, start + 4, b->size - start - 40);
}

static void put_arp(struct builder *b)
{
    put16(b, 1);
    put16(b, 0x0800);
    put8(b, 6);
    put8(b, 4);
    put16(b, 1 + (unsigned)random_below(b->random, 4));
    put_random(b, 20);
}

static void put_mpls(struct builder *b)
{
    unsigned count = 1 + (unsigned)random_below(b->random, 5);
    for (unsigned i = 0; i < count; i++) {
        put_random(b, 2);
        unsigned low = (unsigned)random_u64(b->random) & 0xfeff;
        put16(b, i + 1 == count && chance(b, 90) ? low | 0x100 : low);
    }
    if (chance(b, 60)) { /* what is inside is for who looks behind the labels */
        chance(b, 50) ? put_ipv4(b) : put_ipv6(b);
    } else {
        put_random(b, random_below(b->random, 40));
    }
}

size_t frame_random(struct random *random, uint8_t *out)
{
    static const uint16_t types[] = {0x0800, 0x0800, 0x0800, 0x86dd, 0x86dd, 0x86dd, 0x0806, 0x8035, 0x8847, 0x8848, 0x88cc, 0x8100};
    struct builder b = {.random = random, .bytes = out, .size = 0};
    unsigned tags = chance(&b, 60) ? 0 : (unsigned)random_below(random, 4);

    put_random(&b, 12);
    for (unsigned i = 0; i < tags; i++) {
        put16(&b, chance(&b, 70) ? 0x8100 : 0x88a8);
        put_random(&b, 2);
    }
    uint16_t type = pick(&b, types, sizeof types / sizeof types[0]);
    if (chance(&b, 5)) {
        put16(&b, (unsigned)random_below(random, 0x600));
        put16(&b, 0xaaaa);
        put16(&b, 0x0300);
        put16(&b, chance(&b, 80) ? 0 : (unsigned)random_below(random, 3));
        type = chance(&b, 80) ? type : (uint16_t)random_below(random, 0x600);
    }
    put16(&b, type);
    if (type == 0x0800) {
        put_ipv4(&b);
    } else if (type == 0x86dd) {
        put_ipv6(&b);
    } else if (type == 0x0806 || type == 0x8035) {
        put_arp(&b);
    } else if (type == 0x8847 || type == 0x8848) {
        put_mpls(&b);
    } else {
        put_random(&b, random_below(random, 60));
    }
    put_random(&b, chance(&b, 30) ? random_below(random, 50) : 0);
    return b.size;
}

size_t frame_break(struct random *random, uint8_t *frame, size_t size)
{
    unsigned changes = (unsigned)random_below(random, 5);
    for (unsigned i = 0; i < changes && size > 0; i++) {
        size_t where = random_below(random, random_below(random, 2) == 0 && size > 80 ? 80 : size);
        unsigned kind = (unsigned)random_below(random, 3);
        if (kind == 0) {
            frame[where] ^= (uint8_t)(1u << random_below(random, 8));
        } else if (kind == 1) {
            frame[where] = (uint8_t)random_u64(random);
        } else {
            static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, 44, 58, 0x45, 0x60};
            frame[where] = edges[random_below(random, sizeof edges)];
        }
    }
    return random_below(random, 2) == 0 ? random_below(random, size + 1) : size;
}
