/* The compiled programs as bytes of this object file.
 *
 * The assembler's .incbin takes the files the build has just made (RX_HINT_FILE, RX_PLAIN_FILE, TIER_WATCH_FILE), which needs no generator and no
 * array of a hundred thousand numbers. libbpf wants ELF aligned to eight bytes. Built without link-time optimisation, which would
 * take the assembly apart from what refers to it. Constant data; no thread. Nothing here can fail.
 */
#include "services/fastpath/rx_embedded.h"

__asm__(".section .rodata\n"
        ".balign 8\n"
        "rx_hint_start: .incbin \"" RX_HINT_FILE "\"\n"
        "rx_hint_end: .byte 0\n"
        ".balign 8\n"
        "rx_plain_start: .incbin \"" RX_PLAIN_FILE "\"\n"
        "rx_plain_end: .byte 0\n"
        ".balign 8\n"
        "tier_watch_start: .incbin \"" TIER_WATCH_FILE "\"\n"
        "tier_watch_end: .byte 0\n"
        ".text\n");

extern const unsigned char rx_hint_start[], rx_hint_end[], rx_plain_start[], rx_plain_end[], tier_watch_start[], tier_watch_end[];

const struct rx_embedded rx_embedded_hint = {.start = rx_hint_start, .end = rx_hint_end};
const struct rx_embedded rx_embedded_plain = {.start = rx_plain_start, .end = rx_plain_end};
const struct rx_embedded rx_embedded_tier_watch = {.start = tier_watch_start, .end = tier_watch_end};
