/* The compiled programs of bpf/, carried in the binary, so that no file must be found at run time. */
#ifndef BUSBAR_FASTPATH_RX_EMBEDDED_H
#define BUSBAR_FASTPATH_RX_EMBEDDED_H

struct rx_embedded {
    const unsigned char *start;
    const unsigned char *end;
};

extern const struct rx_embedded rx_embedded_hint;  /* bound to its device, asks for hidden VLAN tags */
extern const struct rx_embedded rx_embedded_plain; /* for any device and mode */
extern const struct rx_embedded rx_embedded_tier_watch; /* bpf/tier_watch.bpf.c */

#endif
