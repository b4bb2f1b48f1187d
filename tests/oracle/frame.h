/* Random frames of every protocol the parser knows: whole ones, and ways to break them. */
#ifndef BUSBAR_ORACLE_FRAME_H
#define BUSBAR_ORACLE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/random.h"

enum { FRAME_ROOM = 4096 };

/* A well-formed frame of at most FRAME_ROOM bytes: tags, labels, options, extension headers, fragments, padding at random. Returns
 * its size. Checksums are random. */
size_t frame_random(struct random *random, uint8_t *out);
/* Changes a few bytes, most of them in the first headers; returns the new size (sometimes the frame is cut). */
size_t frame_break(struct random *random, uint8_t *frame, size_t size);

#endif
