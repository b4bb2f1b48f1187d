/* The role of a device: bursts of frames in and out. Implementations: io_xdp (AF_XDP), io_tap (TAP), io_pcap (capture files), io_null
 * (takes everything), io_mem (tests, simulator).
 *
 * Frames are the shard's (umem.h); a device borrows free ones to receive into and the worker's to send. Nothing here waits. One
 * thread. An implementation embeds struct io as its first member.
 */
#ifndef BUSBAR_FASTPATH_IO_H
#define BUSBAR_FASTPATH_IO_H

#include <string.h>

#include "services/fastpath/umem.h"

enum { IO_BURST = 32 /* what copy mode sends with one call (16 in old kernels), and what prefetching needs */ };

struct io_frame {
    uint64_t frame;  /* of the umem */
    uint32_t offset; /* of the first byte, from the frame's start */
    uint32_t size;
};

struct io_stats {
    uint64_t receive_ring_full; /* frames the kernel had no room for */
    uint64_t too_long;          /* received, but larger than a frame holds */
    uint64_t no_frame;          /* received, but there was no frame to put it together in */
    uint64_t not_written;       /* taken for sending, but perhaps lost when the file could not be written */
};

struct io;
struct tier_device; /* tier.h */
struct io_ops {
    /* Up to max (at most IO_BURST) received frames, now the worker's. */
    unsigned (*rx)(struct io *io, struct io_frame *out_frames, unsigned max);
    /* Takes the first k of n frames for sending and returns k; the rest stay the worker's. */
    unsigned (*tx)(struct io *io, const struct io_frame *frames, unsigned n);
    /* Makes the kernel send, takes back what was sent, lends free frames for receiving. Once a burst; cheap when there is nothing to do. */
    void (*flush)(struct io *io);
    /* Its i-th descriptor, readable when there is something to receive; -1 past the last one. */
    int (*fd)(const struct io *io, unsigned i);
    void (*stats)(struct io *io, struct io_stats *out_stats);
    /* What is due at io.work_ns and when shards come or go: opens and closes its queues. Some tens of microseconds. NULL: nothing ever is. */
    void (*work)(struct io *io, uint64_t now_ns);
    /* Frees io; every frame it had is free afterwards, or when the factory's step() says that the kernel has let go of it. */
    void (*close)(struct io *io);
};

struct io {
    const struct io_ops *ops;
    char mode[24];        /* "xdp-native" */
    char why[192];        /* why not a better mode; "" when there is none */
    bool rx_is_call;      /* each rx() is a system call (TAP): asked only when its descriptor says that there is something */
    bool open_checksums;  /* its peer may leave checksums to the hardware (veth, TAP): complete them */
    uint32_t frame_bytes; /* the largest frame it sends */
    bool is_held;         /* one that can wait with its first frame does, until a slowpath knows the port */
    uint32_t speed_mbps;  /* 0 when it does not know */

    /* Between it and port_control.c; zeroes are right for a device that has no use for them. */
    char trouble[192];     /* open, but not as it should be: an error of the port; "" when all is well */
    uint64_t queues;       /* bit q: receive queue q is open here */
    bool is_opening;       /* its queues are not open yet: nobody is told about it */
    bool has_news;         /* mode, why, trouble or is_opening has changed */
    bool is_lost;          /* the device or the program on it is another now: to be closed and opened again */
    bool is_forgotten;     /* set before close(): the port has left the configuration, so nothing is to outlive us */
    bool is_ending;        /* set before the last flush(): what cannot be sent now counts as failed */
    uint64_t work_ns;      /* when work() is due; UINT64_MAX: when shards come or go */
    bool is_busy;          /* and it is due then, not when the loop wakes up anyway */
    uint64_t n_failed;     /* frames that tx() took and the kernel then refused; */
    uint64_t failed_bytes; /*   both are taken back to zero by who has counted them */
    uint64_t n_unserved;   /* frames received that no shard was there for (`no_shard`); taken back to zero likewise */
    struct tier_device *tier; /* NULL: the kernel's tier can neither take from it nor send to it */
};

enum io_kind { IO_SYSTEM, IO_INTERNAL, IO_PCAP, IO_NULL, IO_PATCH /* the slowpath sends through it; a shard never does */ };

/* The port has a Linux interface of its name. */
static inline bool io_kind_has_interface(enum io_kind kind)
{
    return kind == IO_SYSTEM || kind == IO_INTERNAL;
}

/* options:KEY=VALUE of the port's row; configdb has checked both (lib/cfg/columns.def). */
struct io_option {
    const char *key, *value;
};

struct io_request {
    enum io_kind kind;
    const char *name; /* the Linux interface */
    uint32_t port;    /* switch-wide port id */
    bool force;       /* although the default route or the operator's connection uses it */
    const struct io_option *options;
    size_t n_options;
    const uint64_t *now_ns; /* kept by the worker as long as the device is open */
    uint64_t wall_base_ns;  /* wall clock less *now_ns, for time stamps */
    /* A descriptor that fd() tells comes or goes while the device is open. */
    void (*on_fd)(void *context, int fd, bool is_open);
    void *context;
};

/* The value of an option, or `otherwise` when it is not given. */
static inline const char *io_option(const struct io_request *request, const char *key, const char *otherwise)
{
    for (size_t i = 0; i < request->n_options; i++) {
        if (strcmp(request->options[i].key, key) == 0) {
            return request->options[i].value;
        }
    }
    return otherwise;
}

/* Opens devices: the real one and the tests'. Errors: -EINPROGRESS when it is under way in another thread (asked again, the same call gives the
 * result), -ENODEV when there is no such interface (it may come), -EAGAIN when it is worth trying again in a moment,
 * -ERROR_DAMAGED when trying again is of no use, others; detail says why. */
struct io_factory {
    int (*open)(void *context, const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail);
    /* The port, which is not open, is gone from the configuration: takes away what open() left behind on purpose (a persistent TAP, a
     * program). May be NULL. */
    void (*forget)(void *context, enum io_kind kind, const char *name);
    /* Every shard may have this kind open at the same time; else only the lowest one that lives. NULL: none may. */
    bool (*is_shared)(enum io_kind kind);
    /* Once a millisecond, between bursts: frames come back from closed devices. May be NULL. */
    void (*step)(void *context, struct umem *umem);
    /* True when devices can be opened without a delay of its own; else to be asked again. Before a shard joins others. NULL: always. */
    bool (*prepare)(void *context, struct umem *umem);
    /* Every row of the configuration is known; `names` are the ports: what is left of others goes. May be NULL. */
    void (*sweep)(void *context, const char *const *names, size_t n);
    void *context;
};

#endif
