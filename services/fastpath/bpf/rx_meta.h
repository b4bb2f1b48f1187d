/* The eight bytes before a received frame: what the program on the device says to the fastpath about it. */
#ifndef BUSBAR_FASTPATH_BPF_RX_META_H
#define BUSBAR_FASTPATH_BPF_RX_META_H

#include <linux/types.h>

#define RX_META_NO_TAG 0x62757330u /* nothing was taken out of the frame, or nobody could say */
#define RX_META_TAG 0x62757331u

struct rx_meta {
    __u32 mark;
    __u16 tpid; /* network order */
    __u16 tci;  /* host order */
};

#endif
