/* The program on a device: loading, attaching, and the sockets it gives frames to. */
#ifndef BUSBAR_FASTPATH_RX_PROGRAM_H
#define BUSBAR_FASTPATH_RX_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

struct rx_program {
    struct bpf_object *object;
    int link_fd; /* closing it, or our death, takes the program off the device */
    int map_fd;
    bool is_native; /* else generic */
    bool has_vlan_hint;
    char why[192]; /* why not native, or why without the hint; "" when both work */
};

/* Attaches to the device: natively with the VLAN hint, natively without, generic. -EBUSY when somebody else's program is there. */
int rx_program_open(unsigned ifindex, const char *name, struct rx_program *out_program, struct error_detail *detail) MUST_CHECK;
void rx_program_close(struct rx_program *program);
int rx_program_set_socket(struct rx_program *program, uint32_t queue, int fd) MUST_CHECK;

#endif
