/* The jobs.
 *
 * Attaching a program, promiscuous mode and every question by ethtool take the one lock of Linux's network configuration. Somebody who
 * deletes interfaces or network namespaces holds it for tens of milliseconds at a time, again and again; who asks in the packet thread
 * waits for all of them, and packets with him. Closing waits for grace periods of the kernel. Memory of the frames in large pages can
 * take the kernel a second to find when there is little.
 * Helper threads; nothing here is shared. Cost: 20 ms an opening, 8 to 25 a closing, 50 and more for the memory.
 */
#include "services/fastpath/xdp_job.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "services/fastpath/bpf/rx_meta.h"
#include "services/fastpath/guard.h"
#include "services/fastpath/link.h"
#include "services/fastpath/packet_tx.h"

enum {
    POPULATE_BYTES = 2 << 20,
    ZERO_COPY_US = 200000, /* the kernel takes a zero-copy queue from the driver behind our back; until then it may write to our frames */
};

static void run_closing(struct helper_job *job)
{
    struct xdp_closing *closing = (struct xdp_closing *)job;
    if (closing->xsk.fd >= 0) {
        bool is_zero_copy = closing->xsk.is_zero_copy;
        xsk_close(&closing->xsk);
        if (is_zero_copy) {
            usleep(ZERO_COPY_US);
        }
    }
    for (size_t i = 0; i < 2; i++) {
        if (closing->fds[i] >= 0) {
            close(closing->fds[i]);
        }
    }
}

struct xdp_closing *xdp_job_close(void)
{
    struct xdp_closing *closing = memory_zeroed(sizeof *closing);
    *closing = (struct xdp_closing){.job = {.job.run = run_closing, .kind = XDP_JOB_CLOSE}, .xsk.fd = -1, .fds = {-1, -1}};
    return closing;
}

static void run_counting(struct helper_job *job)
{
    struct xdp_counting *counting = (struct xdp_counting *)job;
    counting->n_queues = link_receive_queues(counting->name);
    counting->takes_redirects = link_takes_redirects(counting->ifindex);
}

struct xdp_counting *xdp_job_count(const char *name, uint32_t ifindex)
{
    struct xdp_counting *counting = memory_zeroed(sizeof *counting);
    *counting = (struct xdp_counting){.job = {.job.run = run_counting, .kind = XDP_JOB_COUNT}, .ifindex = ifindex};
    snprintf(counting->name, sizeof counting->name, "%s", name);
    return counting;
}

static int check_device(const struct xdp_opening *opening, struct error_detail *detail)
{
    const char *name = opening->name;
    if (opening->ifindex == 0) {
        return error_set(detail, -ENODEV, "%s: no such interface", name);
    }
    if (opening->n_queues > RX_QUEUES_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s: %u receive queues, more than %d (ethtool -L %s combined %d)", name,
                         opening->n_queues, RX_QUEUES_MAX, name, RX_QUEUES_MAX);
    }
    return opening->force ? 0 : guard_check(name, opening->ifindex, detail);
}

static void run_opening(struct helper_job *job)
{
    struct xdp_opening *opening = (struct xdp_opening *)job;
    char driver[32];
    opening->ifindex = if_nametoindex(opening->name);
    opening->n_queues = link_receive_queues(opening->name);
    opening->err = check_device(opening, &opening->detail);
    if (opening->err != 0) {
        return;
    }
    opening->err = packet_tx_open(opening->ifindex, &opening->packet_fd);
    if (opening->err != 0) {
        (void)error_set(&opening->detail, opening->err, "%s: packet socket: %s", opening->name, error_text(opening->err));
        return;
    }
    opening->err = rx_program_open(opening->pins, opening->tier, opening->ifindex, opening->name, &opening->program, &opening->detail);
    if (opening->err == 0) {
        link_driver(opening->name, driver);
        opening->open_checksums = strcmp(driver, "veth") == 0 || strcmp(driver, "tun") == 0;
        opening->takes_redirects = link_takes_redirects(opening->ifindex);
        opening->has_zero_copy = opening->program.is_native && link_has_zero_copy(opening->ifindex);
        opening->speed_mbps = link_speed_mbps(opening->name);
    }
}

struct xdp_opening *xdp_job_open(const char *name, bool force, const struct rx_pins *pins, const struct tier_maps *tier)
{
    struct xdp_opening *opening = memory_zeroed(sizeof *opening);
    *opening = (struct xdp_opening){.job = {.job.run = run_opening, .kind = XDP_JOB_OPEN},
                                    .pins = pins,
                                    .tier = tier,
                                    .force = force,
                                    .program = RX_PROGRAM_NONE,
                                    .packet_fd = -1};
    snprintf(opening->name, sizeof opening->name, "%s", name);
    return opening;
}

static void run_populating(struct helper_job *job)
{
    const struct xdp_populating *populating = (const struct xdp_populating *)job;
    for (size_t at = 0; at < populating->size; at += POPULATE_BYTES) { /* in pieces: others map memory meanwhile */
        size_t left = populating->size - at;
        (void)madvise(populating->base + at, left < POPULATE_BYTES ? left : POPULATE_BYTES, MADV_POPULATE_WRITE);
    }
}

struct xdp_populating *xdp_job_populate(uint8_t *base, size_t size)
{
    struct xdp_populating *populating = memory_zeroed(sizeof *populating);
    *populating = (struct xdp_populating){.job = {.job.run = run_populating, .kind = XDP_JOB_POPULATE}, .base = base, .size = size};
    return populating;
}
