/* Where the programs on the devices and their maps are pinned, so that every shard of a run directory finds them and they outlive any.
 *
 * A directory in a bpffs: RUN/bpf when that is one, else a directory of this run directory's own in /sys/fs/bpf, else RUN/bpf is mounted.
 * Pins are named by device number. Whoever attaches or takes away holds the lock. Control code.
 */
#ifndef BUSBAR_FASTPATH_RX_PINS_H
#define BUSBAR_FASTPATH_RX_PINS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

enum { RX_PINS_PATH_BYTES = 160, RX_PINS_MAX = 2048 /* devices, as PORTS_MAX */ };

struct rx_pins {
    char dir[RX_PINS_PATH_BYTES - 32]; /* "": none, each process has its programs to itself */
    char run_dir[96];
    bool is_mounted; /* RUN/bpf */
};

/* Finds or makes the directory, and writes its name to RUN/pins.path for those who clean up after a kill. Not 0: nothing can be pinned,
 * for the reason in detail. */
int rx_pins_open(const char *run_dir, struct rx_pins *out_pins, struct error_detail *detail) MUST_CHECK;
/* -EAGAIN when another shard holds the lock just now. */
int rx_pins_lock(const struct rx_pins *pins, int *out_fd) MUST_CHECK;
void rx_pins_unlock(int fd);
/* The path of `what` ("link", "sockets") of a device. */
void rx_pins_path(const struct rx_pins *pins, uint32_t ifindex, const char *what, char out_path[RX_PINS_PATH_BYTES]);
/* The number of the link's pin as a file, other for each pin ever made; 0 when there is none. */
uint64_t rx_pins_number(const struct rx_pins *pins, uint32_t ifindex);
/* The devices with a pinned link; how many. */
size_t rx_pins_list(const struct rx_pins *pins, uint32_t *out_ifindexes, size_t max);
/* Unpins everything of the device; with `number` not 0 only if that is its pin. Returns the link, whose closing takes the program off the device
 * (some 15 ms), or -1. */
int rx_pins_remove(const struct rx_pins *pins, uint32_t ifindex, uint64_t number) MUST_CHECK;
/* Unpins every device, and everything else there; the directory stays. The lock is held. */
void rx_pins_remove_programs(const struct rx_pins *pins);
/* The last shard ends, and holds the lock: everything goes, the mount too. */
void rx_pins_remove_all(const struct rx_pins *pins);

#endif
