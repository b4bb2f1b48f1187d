/* The program on a device: found or attached, and the sockets it gives frames to. */
#ifndef BUSBAR_FASTPATH_RX_PROGRAM_H
#define BUSBAR_FASTPATH_RX_PROGRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "services/fastpath/rx_pins.h"

struct tier_maps;

struct rx_program {
    uint32_t ifindex;
    uint64_t pin;    /* rx_pins_number() of it; 0: not pinned, and the program goes with link_fd */
    int link_fd;     /* -1 when it is pinned */
    int sockets_fd, no_shard_fd, counted_fd, tags_fd, tier_fd;
    const volatile uint64_t *has_tags; /* mapped: not 0 once a frame with a hidden tag has come; NULL without the hint */
    struct tier_queue *tier_queues; /* mapped, RX_QUEUES_MAX of them; NULL: it asks no tier */
    bool is_native; /* else generic */
    bool has_vlan_hint;
    char why[192]; /* why not native, or why without the hint; "" when both work */
};
#define RX_PROGRAM_NONE ((struct rx_program){.link_fd = -1, .sockets_fd = -1, .no_shard_fd = -1, .counted_fd = -1, .tags_fd = -1, .tier_fd = -1})

/* The pinned program of the device, or attaches one and pins it: natively with the VLAN hint, natively without, generic. -EBUSY when somebody
 * else's program is there (detail names it), -EAGAIN when another shard is at it. */
int rx_program_open(const struct rx_pins *pins, const struct tier_maps *tier, unsigned ifindex, const char *name, struct rx_program *out_program,
                    struct error_detail *detail) MUST_CHECK;
/* Some device has the pinned program of another version of ours. */
bool rx_program_is_there_another_version(const struct rx_pins *pins);
/* Lets go of it. Pinned, it stays on the device. */
void rx_program_close(struct rx_program *program);
/* What we have open is what is pinned for the device. */
bool rx_program_is_current(const struct rx_program *program, const struct rx_pins *pins);
int rx_program_set_socket(const struct rx_program *program, uint32_t queue, int fd) MUST_CHECK;
/* From now on the frames of the queue are dropped and counted. */
void rx_program_unset_socket(const struct rx_program *program, uint32_t queue);
/* Frames of this queue that nobody has taken and that are in no counter yet; from now on they are. One shard may ask, the lowest. */
uint64_t rx_program_count_unserved(const struct rx_program *program, uint32_t queue);

#endif
