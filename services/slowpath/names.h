/* Counter ids by number, within one session: an id is named once and then travels as its number. */
#ifndef BUSBAR_SLOWPATH_NAMES_H
#define BUSBAR_SLOWPATH_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct names;
struct names *names_new(void);
void names_destroy(struct names **names);
/* The number of the id, from 1 on; a new one waits among the untold. */
uint32_t names_number(struct names *names, uint64_t id);
/* Ids not told to the shard yet: their numbers go up by one from out_first. */
const uint64_t *names_untold(const struct names *names, uint32_t *out_first, size_t *out_n);
void names_told(struct names *names);
size_t names_count(const struct names *names);

#endif
