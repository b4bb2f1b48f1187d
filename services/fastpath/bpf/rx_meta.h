/* What the program on a device and the fastpath say to each other: the eight bytes before a received frame (once the map
 * `tags` says that any frame has a hidden tag), and the maps' contents. */
#ifndef BUSBAR_FASTPATH_BPF_RX_META_H
#define BUSBAR_FASTPATH_BPF_RX_META_H

#include <linux/types.h>

#define RX_QUEUES_MAX 64 /* receive queues of a device */
#define RX_VERSION 4     /* of program and maps: what another version of the fastpath left behind is not worked with */

#define RX_META_NO_TAG 0x62757330u /* nothing was taken out of this frame, but of some */
#define RX_META_TAG 0x62757331u

struct rx_meta {
    __u32 mark;
    __u16 tpid; /* network order */
    __u16 tci;  /* host order */
};

/* About an attached program, to those who did not attach it. */
struct rx_about {
    __u32 version;
    __u32 is_native;
    __u32 has_vlan_hint;
    __u32 tier_id; /* the kernel's number of the map tier_flows that it uses; 0: none */
    char why[184]; /* why not native, or why without the hint; "" when both work */
};

#endif
