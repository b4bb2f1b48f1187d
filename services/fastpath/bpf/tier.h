/* The kernel's tier: what the program on a device and the fastpath share about flows that the kernel forwards by itself.
 *
 * An entry is one connection direction (TierKey: what the flow hash is made of) of one device, and forwards a frame when everything holds:
 *
 *     the frame is plain      untagged, TCP or UDP over IPv4 without options or IPv6 without extensions, whole, its checksum complete
 *     the entry counts        its generation is the slot's, its owner the queue's, the owner's lease has not run out
 *     the flow covers it      MAC addresses and the first word of the IP header under the flow's mask; addresses and ports are the key's
 *     nothing is before it    is_live, or all that the socket was given has been worked off: processed == redirected (I7)
 *
 * Else it goes to the socket as if there were no tier, and the entry, live before, must first see the socket worked off again: so packets
 * of one flow hash never overtake each other, whichever way they go. A frame that may have an entry's flow hash, but hides it where the program
 * does not look (a tag without a VLAN, extension headers), takes life from all entries of its queue: the queue's epoch moves on.
 * The fastpath ends an entry by changing its slot's generation, one store to mapped memory: from then on no frame is forwarded by it (I3).
 * A slot that has ended rests for a second before it counts for another entry, because a program may be between look-up and count; as long the
 * entry stays in the map, whose memory the kernel uses again at once. `check` tells the rest.
 */
#ifndef BUSBAR_FASTPATH_BPF_TIER_H
#define BUSBAR_FASTPATH_BPF_TIER_H

#include <linux/types.h>

#define TIER_SHARDS 16        /* as SHARDS_MAX */
#define TIER_SLOTS 16384      /* a shard's */

/* In network order; IPv4 addresses are the first word. */
struct tier_key {
    __u32 ifindex;
    __u32 source[4], target[4];
    __u16 source_port, target_port;
    __u8 protocol;
    __u8 version; /* 4 or 6 */
    __u16 zero;
};

/* Written once, before it is put. */
struct tier_entry {
    __u64 owner;
    __u64 macs_0, mask_0; /* bytes 0 to 7 of the frame, under their mask */
    __u32 macs_8, mask_8; /* bytes 8 to 11 */
    __u32 ip_0, ip_mask;  /* bytes 0 to 3 of the IP header */
    __u32 slot, generation;
    __u32 target_ifindex;
    __u32 max_bytes; /* of a frame that the target takes */
    __u32 queue;     /* it is received from */
    __u32 check;     /* tier_check() of its key */
};

/* A cache line. The fastpath writes the generation, the program the rest, always on the queue's processor. */
struct tier_slot {
    __u32 generation;
    __u32 live; /* the queue's epoch + 1 while it forwards */
    __u64 packets, bytes; /* cumulative, over all its entries */
    __u64 used_ns;        /* of CLOCK_BOOTTIME */
    __u64 rest[4];
};

/* Frames that were to leave through a device and did not, by processor. */
struct tier_failed {
    __u64 frames;
    __u64 refused; /* of them those that found no place to go at all; the rest found a full ring */
};

struct tier_queue {
    /* The program's. */
    __u64 redirected; /* frames given to the socket */
    __u64 held;       /* frames dropped because of `hold` */
    __u32 epoch;      /* entries that came to life in another one are not live */
    __u32 odd[11];
    /* The fastpath's. */
    __u64 processed; /* of the redirected */
    __u64 owner;     /* whose entries count; 0: nobody's */
    __u64 lease_ns;  /* until when, of CLOCK_BOOTTIME */
    __u64 hold;      /* 1: frames of entries that are not live yet are dropped, so that the socket can be worked off */
    __u64 of_fastpath[4];
};

/* Says whether an entry is this key's, as far as one word can tell. */
static inline __u32 tier_check(const struct tier_key *key)
{
    return (key->source[0] ^ key->source[3] * 31u) + (key->target[0] ^ key->target[3] * 31u) * 7u + key->source_port * 65537u +
           key->target_port + key->ifindex;
}

#endif
