/* A capture file in memory: what a pcap port receives.
 *
 * The bytes of all frames lie one behind the other in one array and their places in another, so that playing a million short frames reads
 * memory forwards and nothing else. Reading takes about a tenth of a second for a million frames.
 */
#ifndef BUSBAR_FASTPATH_CAPTURE_H
#define BUSBAR_FASTPATH_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

#define CAPTURE_MAX_BYTES ((size_t)1 << 30) /* of file and of memory: what a switch may spend on a test port */
enum { CAPTURE_SLACK_BYTES = 64 /* readable behind the last frame, so that frames can be copied in pieces of this size */ };

struct capture_span {
    uint32_t offset, size; /* in `bytes`; size is what was captured, which may be less than the frame had */
};

struct capture {
    uint8_t *bytes;
    size_t mapped_bytes;
    struct capture_span *spans;
    uint64_t *times_ns; /* since the first frame, never decreasing; NULL unless wanted */
    size_t n_spans;
};

/* pcap and pcapng, as libpcap reads them. An errno of opening the file; -ERROR_TOO_LARGE; -ERROR_DAMAGED when it is no capture of Ethernet
 * frames or ends within one; -ENOMEM. The detail names the file. */
int capture_read(const char *path, bool wants_times, struct capture *out_capture, struct error_detail *detail) MUST_CHECK;
/* Accepts an empty one. */
void capture_fini(struct capture *capture);

#endif
