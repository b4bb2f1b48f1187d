/* Network-order integers as types of their own, so that mixing byte orders does not compile.
 *
 * Every wire struct and the flow key use these; be16(80) makes one, host16(x) reads it. All inline, all one instruction.
 */
#ifndef BUSBAR_BASE_ENDIAN_H
#define BUSBAR_BASE_ENDIAN_H

#include <stdint.h>

/* clang-format off: one type and one function a line, as a table */
struct be16 { uint16_t raw; };
struct be32 { uint32_t raw; };
struct be64 { uint64_t raw; };

static inline struct be16 be16(uint16_t host) { return (struct be16){__builtin_bswap16(host)}; }
static inline struct be32 be32(uint32_t host) { return (struct be32){__builtin_bswap32(host)}; }
static inline struct be64 be64(uint64_t host) { return (struct be64){__builtin_bswap64(host)}; }
static inline uint16_t host16(struct be16 net) { return __builtin_bswap16(net.raw); }
static inline uint32_t host32(struct be32 net) { return __builtin_bswap32(net.raw); }
static inline uint64_t host64(struct be64 net) { return __builtin_bswap64(net.raw); }
/* clang-format on */

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "a big-endian machine needs other inlines here");
_Static_assert(sizeof(struct be16) == 2 && sizeof(struct be32) == 4 && sizeof(struct be64) == 8, "wire sizes");

#endif
