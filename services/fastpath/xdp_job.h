/* What the helper threads do for AF_XDP devices: everything for which the kernel takes milliseconds, or a lock that others hold for long.
 *
 * A job owns what is in it. Made and looked at by the packet thread, run in a helper's, never both at a time. Used by io_xdp.c.
 */
#ifndef BUSBAR_FASTPATH_XDP_JOB_H
#define BUSBAR_FASTPATH_XDP_JOB_H

#include <net/if.h>

#include "services/fastpath/helper.h"
#include "services/fastpath/rx_program.h"
#include "services/fastpath/xsk.h"

enum xdp_job_kind { XDP_JOB_CLOSE, XDP_JOB_COUNT, XDP_JOB_OPEN, XDP_JOB_POPULATE };

struct xdp_job {
    struct helper_job job;
    enum xdp_job_kind kind;
};

/* Closes a socket and other descriptors. */
struct xdp_closing {
    struct xdp_job job;
    struct xsk xsk;  /* fd -1: none */
    int fds[2];      /* -1: none */
    uint32_t holder; /* whose frames are free afterwards; 0: nobody's */
};

/* Counts the receive queues of a device, and asks what it can do now. */
struct xdp_counting {
    struct xdp_job job;
    char name[IF_NAMESIZE];
    uint32_t ifindex;
    uint32_t n_queues; /* out */
    bool takes_redirects; /* out */
};

/* Opens a device, but for its queues: guard, packet socket, program. */
struct xdp_opening {
    struct xdp_job job;
    const struct rx_pins *pins;
    const struct tier_maps *tier; /* NULL: none */
    char name[IF_NAMESIZE];
    bool force;
    bool is_done, is_cancelled; /* the packet thread's */
    struct xdp_opening *next;   /* likewise */
    int err;                    /* out, and all of the rest */
    struct error_detail detail;
    uint32_t ifindex;
    struct rx_program program;
    int packet_fd;
    uint32_t n_queues, speed_mbps;
    bool open_checksums, has_zero_copy, takes_redirects;
};

/* Gets the memory of the frames from the kernel, which otherwise comes with the first socket that is opened. */
struct xdp_populating {
    struct xdp_job job;
    uint8_t *base;
    size_t size;
};

struct xdp_closing *xdp_job_close(void);
struct xdp_counting *xdp_job_count(const char *name, uint32_t ifindex);
struct xdp_opening *xdp_job_open(const char *name, bool force, const struct rx_pins *pins, const struct tier_maps *tier);
struct xdp_populating *xdp_job_populate(uint8_t *base, size_t size);

#endif
