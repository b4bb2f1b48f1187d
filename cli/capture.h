/* One packet of a capture file, for `trace --from-capture`. */
#ifndef BUSBAR_CLI_CAPTURE_H
#define BUSBAR_CLI_CAPTURE_H

#include "lib/base/error.h"

enum { CAPTURE_FRAME_MAX = 9216 /* bytes: a jumbo frame; what a trace takes */ };

/* The packet of this number, from 1 on, as hexadecimal digits: a string of the caller's. -ERROR_NOT_FOUND when the file or the packet is not there,
 * -ERROR_SYNTAX when it is no capture of Ethernet, -ERROR_TRUNCATED when it ends within a packet, -ERROR_TOO_LARGE. */
int capture_read(const char *path, unsigned long number, char **out_hex, struct error_detail *detail) MUST_CHECK;

#endif
