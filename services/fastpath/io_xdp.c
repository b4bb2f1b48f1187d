/* A device by AF_XDP: a socket for each receive queue that this shard owns, a packet socket for sending when it owns none.
 *
 *     work():   owned, no socket --open--> socket in the program's map     EBUSY: another shard has it still; again in a few ms
 *               not owned any more --> out of the map, what it has is taken --> closed by the helper, frames come back
 *
 * Which queues are ours, shard_set.h says; the device is open in every shard, so that each can send to it. All of it is done in steps
 * of microseconds between bursts, but the first registration of the umem; what takes longer is done by helpers (xdp_job.h).
 * Zero-copy is tried where the driver says it has it, then copy mode; `why` says what was not.
 * Once a second each device is looked at: whether the pin is still the one we opened (else our sockets are in a map that nobody reads),
 * how many queues there are, and, by the lowest shard, what was dropped for want of a shard.
 * Cost: see xdp_queue.c. Worker thread. Invariants: I4; a queue leaves the map before its socket closes; a holder number is used again
 * only when its frames are back.
 */
#include "services/fastpath/io_xdp.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/fastpath/bpf/rx_meta.h"
#include "services/fastpath/io_null.h"
#include "services/fastpath/io_pcap.h"
#include "services/fastpath/io_tap.h"
#include "services/fastpath/packet_tx.h"
#include "services/fastpath/pins_life.h"
#include "services/fastpath/rx_program.h"
#include "services/fastpath/tier_maps.h"
#include "services/fastpath/xdp_job.h"
#include "services/fastpath/xdp_queue.h"

enum {
    QUEUES_MAX = RX_QUEUES_MAX, /* as many as io.queues has bits */
    LOOK_MS = 1000,     /* between looks at pin, queues and unserved frames */
    BUSY_MS = 3,        /* between attempts to get a queue that another shard has */
    PATIENCE_MS = 500,  /* then it is no other shard that is about to let go */
    TROUBLE_MS = 1000,  /* and it is tried this often */
    LEAVE_MIN_MS = 2,   /* what the driver had in hand when the queue left the map arrives within this */
    LEAVE_MAX_MS = 20,  /* frames of a leaving queue that are not taken then are not waited for */
};

struct pinned {
    uint32_t ifindex;
    uint64_t number;
};

struct io_linux {
    const struct shard_set *shards;
    struct rx_pins pins;
    struct tier_maps *tier; /* NULL: none */
    struct error_detail tier_why; /* why none */
    struct helper *closer, *opener; /* two, so that a queue for another shard is not held by devices that are opened meanwhile */
    struct xdp_opening *openings;       /* given to the opener, result not fetched yet */
    bool is_preparing, is_prepared;
    struct io_xdp *devices; /* open ones */
    uint32_t n_queues;      /* open ones of all devices */
    uint16_t next_holder;
    bool holders[UINT16_MAX + 1]; /* in use */
    struct pinned *found;         /* when we started */
    size_t n_found;
};

struct io_xdp {
    struct io io;
    struct umem *umem;
    struct io_linux *owner;
    struct rx_program program;
    struct tier_device tier;
    char name[IF_NAMESIZE];
    uint32_t ifindex;
    struct xdp_queue *queues[QUEUES_MAX]; /* open ones, those that leave too */
    uint32_t n_queues;
    uint32_t next_queue;     /* to receive from */
    struct xdp_queue *sender; /* the first open one that does not leave; NULL: packet_fd sends */
    uint32_t n_of_device;
    uint32_t n_counted; /* what the helper has found n_of_device to be now */
    bool is_counting;
    uint64_t seen_changes;  /* of the shard set */
    uint64_t busy_since_ns; /* since when a queue that is ours has been somebody else's; 0: none is */
    uint64_t looked_ns, tried_ns;
    bool wants_queues;      /* not all that are ours are open */
    bool zero_copy;         /* to be tried */
    char copy_why[64];      /* why not zero-copy */
    struct io_stats stats;
    int packet_fd; /* sends when we have no queue; while it is open, the device receives frames for every address */
    void (*on_fd)(void *context, int fd, bool is_open);
    void *context;
    struct io_xdp *next, **link;
};

/* ---- what the helpers do, and have done ---- */

static void give(struct helper *helper, struct xdp_job *job)
{
    helper_give(helper, &job->job);
}

static void count_queues(struct io_xdp *device)
{
    device->is_counting = true;
    give(device->owner->opener, &xdp_job_count(device->name, device->ifindex)->job);
}

/* Its program goes when the helper comes to it. */
static void unpin(struct io_linux *linux_io, uint32_t ifindex, uint64_t number)
{
    struct xdp_closing *closing = xdp_job_close();
    closing->fds[0] = rx_pins_remove(&linux_io->pins, ifindex, number);
    give(linux_io->closer, &closing->job);
}

/* The port went while its device was being opened, or we end. */
static void throw_away(struct io_linux *linux_io, struct xdp_opening *opening, bool unpins)
{
    struct xdp_closing *closing = xdp_job_close();
    closing->fds[0] = opening->packet_fd;
    if (unpins && opening->program.pin != 0) {
        closing->fds[1] = rx_pins_remove(&linux_io->pins, opening->ifindex, opening->program.pin);
    }
    rx_program_close(&opening->program);
    give(linux_io->closer, &closing->job);
    free(opening);
}

/* The device may have closed meanwhile. */
static void take_count(const struct io_linux *linux_io, const struct xdp_counting *counting)
{
    for (struct io_xdp *device = linux_io->devices; device != NULL; device = device->next) {
        if (device->ifindex == counting->ifindex && device->is_counting) {
            device->is_counting = false;
            device->n_counted = counting->n_queues < QUEUES_MAX ? counting->n_queues : QUEUES_MAX;
            device->tier.takes = counting->takes_redirects;
            device->io.work_ns = device->n_counted != device->n_of_device ? 0 : device->io.work_ns;
        }
    }
}

static void take_opened(struct io_linux *linux_io)
{
    for (struct helper_job *job; (job = helper_take_done(linux_io->opener)) != NULL;) {
        enum xdp_job_kind kind = ((struct xdp_job *)job)->kind;
        if (kind == XDP_JOB_OPEN) { /* open() fetches it */
            struct xdp_opening *opening = (struct xdp_opening *)job;
            opening->is_done = true;
            if (opening->is_cancelled) {
                throw_away(linux_io, opening, true);
            }
            continue;
        }
        if (kind == XDP_JOB_COUNT) {
            take_count(linux_io, (const struct xdp_counting *)job);
        }
        linux_io->is_prepared |= kind == XDP_JOB_POPULATE;
        free(job);
    }
}

static void take_closed(struct io_linux *linux_io, struct umem *umem)
{
    for (struct helper_job *job; (job = helper_take_done(linux_io->closer)) != NULL;) {
        const struct xdp_closing *closing = (const struct xdp_closing *)job;
        if (closing->holder != 0) {
            umem_take_back(umem, (uint16_t)closing->holder);
            linux_io->holders[closing->holder] = false;
        }
        free(job);
    }
}

/* A number that no frame carries; 0 is nobody's. */
static uint16_t free_holder(struct io_linux *linux_io)
{
    do {
        linux_io->next_holder++;
    } while (linux_io->next_holder == 0 || linux_io->next_holder == UMEM_HOLDER_OWN || linux_io->holders[linux_io->next_holder]);
    linux_io->holders[linux_io->next_holder] = true;
    return linux_io->next_holder;
}

/* ---- queues come and go ---- */

static struct xdp_queue *queue_of(const struct io_xdp *device, uint32_t number)
{
    for (uint32_t i = 0; i < device->n_queues; i++) {
        if (device->queues[i]->number == number) {
            return device->queues[i];
        }
    }
    return NULL;
}

static void choose_sender(struct io_xdp *device)
{
    device->sender = NULL;
    device->io.queues = 0;
    device->tier.n_rx = 0;
    for (uint32_t i = 0; i < device->n_queues; i++) {
        struct xdp_queue *queue = device->queues[i];
        if (queue->is_leaving) {
            continue;
        }
        device->io.queues |= UINT64_C(1) << queue->number;
        device->tier.rx[device->tier.n_rx++] = &queue->tier;
        if (device->sender == NULL || queue->number < device->sender->number) {
            device->sender = queue;
        }
    }
}

/* Any open socket of this kind, for a new one to join. */
static const struct xsk *any_socket(const struct io_linux *linux_io, bool zero_copy)
{
    for (const struct io_xdp *device = linux_io->devices; device != NULL; device = device->next) {
        for (uint32_t i = 0; i < device->n_queues; i++) {
            if (device->queues[i]->xsk.is_zero_copy == zero_copy) {
                return &device->queues[i]->xsk;
            }
        }
    }
    return NULL;
}

static int open_socket(struct io_xdp *device, uint32_t number, struct xsk *out_xsk)
{
    if (device->zero_copy) {
        int err = xsk_open(device->umem, device->ifindex, number, any_socket(device->owner, true), true, out_xsk);
        if (err == 0 || err == -EBUSY) {
            return err;
        }
        device->zero_copy = false;
        device->io.has_news = true;
        snprintf(device->copy_why, sizeof device->copy_why, "zero-copy refused: %.40s", error_text(err));
    }
    return xsk_open(device->umem, device->ifindex, number, any_socket(device->owner, false), false, out_xsk);
}

/* Its entries are told from those of whoever had the queue before by a number that nobody else has. */
static void begin_tier(struct io_xdp *device, struct xdp_queue *queue)
{
    if (device->program.tier_queues != NULL && !queue->xsk.is_zero_copy) { /* zero-copy frames would have to be copied */
        queue->tier.shared = &device->program.tier_queues[queue->number];
    }
    tier_rx_begin(&queue->tier, clock_now_ns()); /* system calls apart: never twice the same */
}

static int open_queue(struct io_xdp *device, uint32_t number)
{
    struct xsk xsk;
    int err = open_socket(device, number, &xsk);
    if (err != 0) {
        return err;
    }
    struct xdp_queue *queue = memory_zeroed(sizeof *queue);
    xdp_queue_init(queue, &xsk, device->umem, number, free_holder(device->owner), device->program.has_tags);
    device->queues[device->n_queues++] = queue;
    device->owner->n_queues++;
    xdp_queue_fill(queue, device->owner->n_queues);
    device->on_fd(device->context, xsk.fd, true);
    choose_sender(device);
    begin_tier(device, queue);
    err = rx_program_set_socket(&device->program, number, xsk.fd);
    if (err != 0) {
        log_warn("xdp_socket_refused device=%s queue=%u error=\"%s\"", device->name, number, error_text(err));
    }
    return 0;
}

static void leave_queue(struct io_xdp *device, struct xdp_queue *queue, uint64_t now_ns)
{
    tier_rx_end(&queue->tier);
    rx_program_unset_socket(&device->program, queue->number);
    xdp_queue_flush(queue, &device->io);
    device->on_fd(device->context, queue->xsk.fd, false);
    queue->is_leaving = true;
    queue->left_ns = now_ns;
    choose_sender(device);
}

/* The socket closes in the helper; frames it still has come back then. */
static void close_queue(struct io_xdp *device, uint32_t at)
{
    struct xdp_queue *queue = device->queues[at];
    struct xdp_closing *closing = xdp_job_close();
    tier_rx_end(&queue->tier);
    xdp_queue_give_up(queue, &device->io);
    xdp_queue_stats(queue, &device->stats);
    device->io.n_unserved += xdp_queue_waiting(queue);
    closing->xsk = queue->xsk;
    closing->holder = queue->holder;
    give(device->owner->closer, &closing->job);
    free(queue);
    device->queues[at] = device->queues[--device->n_queues];
    device->owner->n_queues--;
    choose_sender(device);
}

static void close_left(struct io_xdp *device, uint64_t now_ns)
{
    for (uint32_t i = device->n_queues; i > 0; i--) {
        struct xdp_queue *queue = device->queues[i - 1];
        uint64_t since_ns = now_ns - queue->left_ns;
        bool is_over = since_ns >= LEAVE_MAX_MS * NS_PER_MS || (since_ns >= LEAVE_MIN_MS * NS_PER_MS && xdp_queue_waiting(queue) == 0);
        if (queue->is_leaving && is_over) {
            close_queue(device, i - 1);
        }
    }
}

static bool is_ours(const struct io_xdp *device, uint32_t number)
{
    return number < device->n_of_device && shard_set_owns(device->owner->shards, device->name, number);
}

/* What the port says when a queue that is ours cannot be had. */
static void set_trouble(struct io_xdp *device, int err, uint32_t number, uint64_t now_ns)
{
    char text[sizeof device->io.trouble] = "";
    bool is_patient = false;
    if (err == -EBUSY || err == -EBADF) { /* EBADF: it would join a socket whose device is just going */
        device->busy_since_ns = device->busy_since_ns == 0 ? now_ns : device->busy_since_ns;
        is_patient = now_ns - device->busy_since_ns < PATIENCE_MS * NS_PER_MS;
        if (!is_patient) {
            snprintf(text, sizeof text, "%s: queue %u is in use by another AF_XDP socket", device->name, number);
        }
    } else if (err != 0) {
        snprintf(text, sizeof text, "%s: queue %u: %s", device->name, number, error_text(err));
    } else {
        device->busy_since_ns = 0;
    }
    if (!is_patient && (device->io.is_opening || strcmp(text, device->io.trouble) != 0)) {
        memcpy(device->io.trouble, text, sizeof text);
        device->io.is_opening = false;
        device->io.has_news = true;
    }
    device->wants_queues = err != 0;
    device->tried_ns = now_ns + (err == 0 || is_patient ? BUSY_MS : TROUBLE_MS) * NS_PER_MS;
}

/* Opens the queues that are ours and have no socket. */
static void open_missing(struct io_xdp *device, uint64_t now_ns)
{
    int err = 0;
    uint32_t failed = 0;
    for (uint32_t number = 0; number < device->n_of_device; number++) {
        if (!is_ours(device, number) || queue_of(device, number) != NULL) {
            continue;
        }
        int queue_err = open_queue(device, number);
        if (queue_err != 0 && (err == 0 || err == -EBUSY)) {
            err = queue_err;
            failed = number;
        }
    }
    set_trouble(device, err, failed, now_ns);
}

static void describe(struct io_xdp *device)
{
    const struct rx_program *program = &device->program;
    struct io *io = &device->io;
    bool takes_pieces = device->sender == NULL || device->sender->xsk.takes_pieces;
    const char *mode = !program->is_native ? "xdp-generic" : device->zero_copy ? "xdp-native-zc" : "xdp-native";
    const char *copy_why = program->is_native ? device->copy_why : "";
    snprintf(io->mode, sizeof io->mode, "%s", mode);
    snprintf(io->why, sizeof io->why, "%.90s%s%s", program->why, program->why[0] != '\0' && copy_why[0] != '\0' ? "; " : "", copy_why);
    io->frame_bytes = UMEM_LARGE_ROOM;
    if (!takes_pieces) {
        io->frame_bytes = UMEM_SMALL_ROOM;
        snprintf(io->why, sizeof io->why, "frames over %d bytes need Linux 6.6; %.140s", UMEM_SMALL_ROOM, program->why);
    }
}

static void count_unserved(struct io_xdp *device)
{
    for (uint32_t number = 0; number < QUEUES_MAX && number < device->n_of_device; number++) {
        device->io.n_unserved += rx_program_count_unserved(&device->program, number);
    }
}

/* False: the program has to be attached anew. A veth that gets more queues runs it on the old ones only (Linux 6.18). */
static bool take_number_of_queues(struct io_xdp *device)
{
    bool has_grown = device->n_counted > device->n_of_device;
    device->n_of_device = device->n_counted;
    if (has_grown && device->io.open_checksums && device->program.pin != 0) { /* a veth: its peer is a host */
        unpin(device->owner, device->ifindex, device->program.pin);
        device->io.is_lost = true;
        log_info("xdp_attach_anew device=%s queues=%u", device->name, device->n_of_device);
    }
    return !device->io.is_lost;
}

/* Once a second, and when shards have come or gone. */
static void look(struct io_xdp *device, uint64_t now_ns)
{
    device->looked_ns = now_ns;
    device->seen_changes = device->owner->shards->changes;
    if (!rx_program_is_current(&device->program, &device->owner->pins)) {
        device->io.is_lost = true;
        return;
    }
    if (!device->is_counting) {
        count_queues(device);
    }
    for (uint32_t i = 0; i < device->n_queues; i++) {
        if (!device->queues[i]->is_leaving && !is_ours(device, device->queues[i]->number)) {
            leave_queue(device, device->queues[i], now_ns);
        }
    }
    for (uint32_t number = 0; number < device->n_of_device; number++) {
        device->wants_queues |= is_ours(device, number) && queue_of(device, number) == NULL;
    }
    if (shard_set_is_lowest(device->owner->shards)) {
        count_unserved(device);
    }
}

static void xdp_work(struct io *io, uint64_t now_ns)
{
    struct io_xdp *device = (struct io_xdp *)io;
    bool has_changed = device->seen_changes != device->owner->shards->changes || device->n_counted != device->n_of_device;
    if (!take_number_of_queues(device)) {
        return;
    }
    if (has_changed || device->looked_ns == 0 || now_ns - device->looked_ns >= LOOK_MS * NS_PER_MS) {
        look(device, now_ns);
        device->tried_ns = has_changed ? now_ns : device->tried_ns;
    }
    close_left(device, now_ns);
    if (!io->is_lost && (io->is_opening || device->wants_queues) && now_ns >= device->tried_ns) {
        open_missing(device, now_ns);
    }
    if (io->has_news) {
        describe(device);
    }
    bool is_leaving = false;
    for (uint32_t i = 0; i < device->n_queues; i++) {
        is_leaving |= device->queues[i]->is_leaving;
    }
    io->is_busy = is_leaving || device->wants_queues;
    io->work_ns = device->looked_ns + LOOK_MS * NS_PER_MS;
    if (device->wants_queues && device->tried_ns < io->work_ns) {
        io->work_ns = device->tried_ns;
    }
    if (is_leaving && now_ns + NS_PER_MS < io->work_ns) {
        io->work_ns = now_ns + NS_PER_MS;
    }
}

/* ---- packets ---- */

static unsigned xdp_rx(struct io *io, struct io_frame *out_frames, unsigned max)
{
    struct io_xdp *device = (struct io_xdp *)io;
    unsigned n = 0;
    for (uint32_t i = 0; i < device->n_queues && n < max; i++) {
        struct xdp_queue *queue = device->queues[(device->next_queue + i) % device->n_queues];
        n += xdp_queue_rx(queue, &device->stats, out_frames + n, max - n);
    }
    device->next_queue = device->n_queues > 1 ? (device->next_queue + 1) % device->n_queues : 0;
    return n;
}

static unsigned xdp_tx(struct io *io, const struct io_frame *frames, unsigned n)
{
    struct io_xdp *device = (struct io_xdp *)io;
    if (device->sender == NULL) {
        return packet_tx_send(device->packet_fd, device->umem, io, frames, n);
    }
    return xdp_queue_tx(device->sender, frames, n);
}

static void xdp_flush(struct io *io)
{
    struct io_xdp *device = (struct io_xdp *)io;
    for (uint32_t i = 0; i < device->n_queues; i++) {
        xdp_queue_flush(device->queues[i], io);
        xdp_queue_fill(device->queues[i], device->owner->n_queues);
        if (io->is_ending) {
            xdp_queue_give_up(device->queues[i], io);
        }
    }
}

static int xdp_fd(const struct io *io, unsigned i)
{
    const struct io_xdp *device = (const struct io_xdp *)io;
    for (uint32_t at = 0; at < device->n_queues; at++) {
        if (!device->queues[at]->is_leaving && i-- == 0) {
            return device->queues[at]->xsk.fd;
        }
    }
    return -1;
}

static void xdp_stats(struct io *io, struct io_stats *out_stats)
{
    const struct io_xdp *device = (const struct io_xdp *)io;
    *out_stats = device->stats;
    for (uint32_t i = 0; i < device->n_queues; i++) {
        xdp_queue_stats(device->queues[i], out_stats);
    }
}

/* ---- birth and end of a device ---- */

static void xdp_close(struct io *io)
{
    struct io_xdp *device = (struct io_xdp *)io;
    char name[IF_NAMESIZE];
    struct xdp_closing *closing = xdp_job_close();
    for (uint32_t i = 0; i < device->n_queues; i++) {
        rx_program_unset_socket(&device->program, device->queues[i]->number);
    }
    while (device->n_queues > 0) {
        close_queue(device, device->n_queues - 1);
    }
    closing->fds[0] = device->packet_fd;
    if (device->program.pin != 0 && (io->is_forgotten || if_indextoname(device->ifindex, name) == NULL)) {
        closing->fds[1] = rx_pins_remove(&device->owner->pins, device->ifindex, device->program.pin);
    }
    rx_program_close(&device->program);
    if (device->owner->tier != NULL) {
        tier_maps_watch(device->owner->tier, device->ifindex, false);
    }
    give(device->owner->closer, &closing->job);
    if (device->link != NULL) {
        *device->link = device->next;
        if (device->next != NULL) {
            device->next->link = device->link;
        }
    }
    free(device);
}

static const struct io_ops xdp_ops = {
    .rx = xdp_rx, .tx = xdp_tx, .flush = xdp_flush, .fd = xdp_fd, .stats = xdp_stats, .work = xdp_work, .close = xdp_close};

/* The opening of this name under way or done, out of the list; NULL. */
static struct xdp_opening **find_opening(struct io_linux *linux_io, const char *name)
{
    struct xdp_opening **link = &linux_io->openings;
    while (*link != NULL && strcmp((*link)->name, name) != 0) {
        link = &(*link)->next;
    }
    return link;
}

static struct io *new_device(struct io_linux *linux_io, const struct io_request *request, struct umem *umem, const struct xdp_opening *opened)
{
    struct io_xdp *device = memory_zeroed(sizeof *device);
    *device = (struct io_xdp){.io = {.ops = &xdp_ops,
                                     .is_opening = true,
                                     .has_news = true,
                                     .open_checksums = opened->open_checksums,
                                     .speed_mbps = opened->speed_mbps},
                              .umem = umem,
                              .owner = linux_io,
                              .ifindex = opened->ifindex,
                              .program = opened->program,
                              .packet_fd = opened->packet_fd,
                              .n_of_device = opened->n_queues,
                              .n_counted = opened->n_queues,
                              .zero_copy = opened->has_zero_copy,
                              .on_fd = request->on_fd,
                              .context = request->context,
                              .next = linux_io->devices,
                              .link = &linux_io->devices};
    memcpy(device->name, opened->name, sizeof device->name);
    device->tier = (struct tier_device){.ifindex = opened->ifindex, .takes = opened->takes_redirects};
    if (linux_io->tier != NULL) {
        tier_maps_watch(linux_io->tier, opened->ifindex, true);
        device->io.tier = &device->tier;
    }
    snprintf(device->copy_why, sizeof device->copy_why, "%s", opened->has_zero_copy ? "" : "its driver has no zero-copy");
    describe(device);
    if (device->next != NULL) {
        device->next->link = &device->next;
    }
    linux_io->devices = device;
    return &device->io;
}

int io_xdp_open(struct io_linux *linux_io, const struct io_request *request, struct umem *umem, struct io **out_io,
                struct error_detail *detail)
{
    struct xdp_opening **link = find_opening(linux_io, request->name), *opening = *link;
    if (opening == NULL) {
        opening = xdp_job_open(request->name, request->force, &linux_io->pins, linux_io->tier);
        opening->next = linux_io->openings;
        linux_io->openings = opening;
        give(linux_io->opener, &opening->job);
        return -EINPROGRESS;
    }
    if (!opening->is_done) {
        return -EINPROGRESS;
    }
    *link = opening->next;
    int err = opening->err;
    if (err != 0) {
        *detail = opening->detail;
        throw_away(linux_io, opening, false);
        return err;
    }
    if (if_nametoindex(request->name) != opening->ifindex || !rx_program_is_current(&opening->program, &linux_io->pins)) {
        throw_away(linux_io, opening, false); /* it is another device already, or another shard has taken the program off */
        return -EAGAIN;
    }
    *out_io = new_device(linux_io, request, umem, opening);
    free(opening);
    return 0;
}

/* ---- the factory ---- */

static int linux_open(void *context, const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail)
{
    switch (request->kind) {
    case IO_SYSTEM:
        return io_xdp_open(context, request, umem, out_io, detail);
    case IO_INTERNAL:
        return io_tap_open(request, umem, out_io, detail);
    case IO_PCAP:
        return io_pcap_open(request, umem, out_io, detail);
    case IO_NULL:
        *out_io = io_null_open(umem, "null");
        return 0;
    case IO_PATCH:
        *out_io = io_null_open(umem, "patch");
        return 0;
    }
    return -EINVAL;
}

static void linux_forget(void *context, enum io_kind kind, const char *name)
{
    struct io_linux *linux_io = context;
    struct xdp_opening **link = find_opening(linux_io, name), *opening = *link;
    unsigned ifindex = if_nametoindex(name);
    if (kind == IO_INTERNAL) {
        io_tap_forget(name);
        return;
    }
    if (opening != NULL) {
        *link = opening->next;
        opening->is_cancelled = true;
        if (opening->is_done) {
            throw_away(linux_io, opening, true);
        }
    } else if (ifindex != 0) {
        unpin(linux_io, ifindex, 0);
    }
}

static bool linux_is_shared(enum io_kind kind)
{
    switch (kind) {
    case IO_SYSTEM:
    case IO_INTERNAL:
        return true;
    case IO_PCAP:
    case IO_NULL:
    case IO_PATCH:
        return false;
    }
    return false;
}

static void linux_step(void *context, struct umem *umem)
{
    take_opened(context);
    take_closed(context, umem);
}

static bool linux_prepare(void *context, struct umem *umem)
{
    struct io_linux *linux_io = context;
    if (!linux_io->is_preparing) {
        linux_io->is_preparing = true;
        give(linux_io->opener, &xdp_job_populate(umem->base, umem->size_bytes)->job);
    }
    return linux_io->is_prepared;
}

static void remember_pins(struct io_linux *linux_io)
{
    uint32_t *ifindexes = memory_array(RX_PINS_MAX, sizeof *ifindexes);
    linux_io->n_found = rx_pins_list(&linux_io->pins, ifindexes, RX_PINS_MAX);
    linux_io->found = memory_array(linux_io->n_found + 1, sizeof *linux_io->found);
    for (size_t i = 0; i < linux_io->n_found; i++) {
        linux_io->found[i] = (struct pinned){.ifindex = ifindexes[i], .number = rx_pins_number(&linux_io->pins, ifindexes[i])};
    }
    free(ifindexes);
}

/* Programs on devices that are no ports any more: the port was removed while no fastpath lived. Only those that were there before us: what
 * another shard has pinned since may be of a port that we do not know yet. */
static void linux_sweep(void *context, const char *const *names, size_t n)
{
    struct io_linux *linux_io = context;
    for (size_t i = 0; i < linux_io->n_found; i++) {
        char name[IF_NAMESIZE];
        bool is_port = false;
        bool is_there = if_indextoname(linux_io->found[i].ifindex, name) != NULL;
        for (size_t j = 0; is_there && j < n && !is_port; j++) {
            is_port = strcmp(names[j], name) == 0;
        }
        if (!is_port && linux_io->found[i].number != 0) {
            log_info("xdp_program_removed ifindex=%u reason=\"no port\"", linux_io->found[i].ifindex);
            unpin(linux_io, linux_io->found[i].ifindex, linux_io->found[i].number);
        }
    }
    linux_io->n_found = 0;
}

int io_linux_new(const char *run_dir, const struct shard_set *shards, struct io_linux **out_linux, struct error_detail *detail)
{
    struct io_linux *linux_io = memory_zeroed(sizeof *linux_io);
    struct error_detail why = {""};
    linux_io->shards = shards;
    int err = helper_new(&linux_io->closer);
    if (err == 0) {
        err = helper_new(&linux_io->opener);
    }
    if (err != 0) {
        helper_destroy(&linux_io->closer);
        free(linux_io);
        return error_set(detail, err, "no thread: %s", error_text(err));
    }
    if (rx_pins_open(run_dir, &linux_io->pins, &why) != 0) {
        log_warn("no_pins reason=\"%s\" consequence=\"only one fastpath can share a device\"", why.text);
    }
    pins_remove_other_versions(&linux_io->pins);
    remember_pins(linux_io);
    if (tier_maps_open(&linux_io->pins, shards->self, &linux_io->tier, &linux_io->tier_why) != 0) {
        log_info("no_kernel_tier reason=\"%s\"", linux_io->tier_why.text);
    }
    *out_linux = linux_io;
    return 0;
}

void io_linux_destroy(struct io_linux **linux_io)
{
    if (*linux_io == NULL) {
        return;
    }
    struct io_linux *l = *linux_io;
    helper_stop(l->opener);
    take_opened(l);
    while (l->openings != NULL) {
        struct xdp_opening *opening = l->openings;
        l->openings = opening->next;
        throw_away(l, opening, false);
    }
    pins_remove_if_last(&l->pins); /* before sockets close one after the other: who stops us may not wait for all */
    helper_stop(l->closer);
    for (struct helper_job *job; (job = helper_take_done(l->closer)) != NULL;) {
        free(job);
    }
    helper_destroy(&l->opener);
    helper_destroy(&l->closer);
    tier_maps_close(&(*linux_io)->tier);
    free((*linux_io)->found);
    free(*linux_io);
    *linux_io = NULL;
}

bool io_linux_tier(struct io_linux *linux_io, struct tier_table *out_table, const char **out_why)
{
    *out_why = linux_io->tier_why.text;
    *out_table = linux_io->tier != NULL ? tier_maps_table(linux_io->tier) : (struct tier_table){0};
    return linux_io->tier != NULL;
}

struct io_factory io_linux_factory(struct io_linux *linux_io)
{
    return (struct io_factory){.open = linux_open,
                               .forget = linux_forget,
                               .is_shared = linux_is_shared,
                               .step = linux_step,
                               .prepare = linux_prepare,
                               .sweep = linux_sweep,
                               .context = linux_io};
}
