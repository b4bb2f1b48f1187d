/* BRIDGE.snoop: whoever connects there (`ovs-ofctl snoop`) gets a copy of every message to and from the bridge's controllers.
 *
 * A bridge has one. Listeners are let in up to SNOOPERS_MAX; one that does not read misses messages, whole ones, and holds up nobody. One thread.
 */
#ifndef BUSBAR_OFAGENT_SNOOP_H
#define BUSBAR_OFAGENT_SNOOP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SNOOPERS_MAX = 8 /* of a bridge: people who look */, SNOOP_FDS_MAX = SNOOPERS_MAX + 1 };

struct snoop;
/* The path is copied. */
struct snoop *snoop_new(const char *path, uint32_t versions);
void snoop_destroy(struct snoop **snoop);
/* Listens, or ends listening and lets everybody go. */
void snoop_step(struct snoop *snoop, bool listens, uint64_t now_ns);
/* Where listeners come in; -1: nowhere now. */
int snoop_listener(const struct snoop *snoop);
bool snoop_is_watched(const struct snoop *snoop);
/* Whole messages. */
void snoop_tell(struct snoop *snoop, const uint8_t *bytes, size_t size);
/* What to poll for, at most SNOOP_FDS_MAX. Returns how many. */
size_t snoop_fds(const struct snoop *snoop, struct pollfd *out_fds);

#endif
