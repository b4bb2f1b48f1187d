/* Ports that play and record captures.
 *
 *     capture.bytes   | frame 0 | frame 1 | frame 2 ...        one behind the other, read forwards
 *                          \ copied, 64 bytes at a time
 *     a free frame    | headroom 256 | colour * 64 | data      then the worker's, exactly as from a network card
 *
 * Why colours: small frames lie 4 KiB apart, so data at one offset of every frame would share 12 places of the first cache among a
 * burst of 32. Shifting it by the frame's number spreads a burst over the whole of that cache.
 * A port that plays at its recorded pace asks the worker's clock. When nothing is due it sets a timer, one system call a gap; while
 * frames are due, and at full pace, it makes none. What is recorded waits in a buffer for at most half a second.
 * Cost: under 8 ns a frame of 60 bytes received, at whatever length of the capture. Worker thread.
 * Invariant: no frame is the device's between two calls (I4). A file that cannot be written stops sending, never the process.
 */
#include "services/fastpath/io_pcap.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/fastpath/capture.h"
#include "services/fastpath/io_null.h"

enum {
    FLUSH_MS = 500,         /* what is recorded is in the file after this long: twice as soon as promised */
    RECORD_BUFFER = 262144, /* one write() for some three thousand short frames */
    COPY_BYTES = CAPTURE_SLACK_BYTES,
    COPY_SHORT = 256,   /* up to here a few vector moves beat a call */
    AHEAD_BYTES = 2048, /* a burst of short frames: what the next call copies is on its way during this one */
    LISTED_MIN = 1024,
    COLOURS = 32,
    COLOUR_BYTES = 64,
    COLOUR_SIZE_MAX = UMEM_SMALL_ROOM - COLOURS * COLOUR_BYTES, /* longer frames have no room for it */
};

struct io_pcap {
    struct io io;
    struct umem *umem;
    const uint64_t *now_ns;
    char *path; /* of the file recorded to */

    struct capture capture;
    size_t next; /* of its frames */
    bool repeats;
    bool is_paced;
    bool has_begun;
    uint64_t begun_ns; /* when the frame with time 0 was due in this round */
    int fd;            /* an eventfd, or a timerfd when paced; -1 without a capture */
    uint64_t timer_ns; /* what it is set to; 0: stopped */
    bool is_ready;     /* fd says that there is something to receive */

    struct io *nowhere; /* sends when nothing is recorded */
    pcap_t *format;
    pcap_dumper_t *record;
    char *buffer;
    uint64_t wall_base_ns;
    uint64_t dirty_ns;   /* since when the buffer has something */
    uint64_t n_buffered; /* frames */
    struct io_stats stats;
};

/* ---- playing ---- */

static void tell_ready(struct io_pcap *port, bool is_ready)
{
    uint64_t value = 1;
    if (port->is_ready != is_ready && port->fd >= 0 && !port->is_paced) {
        ssize_t done = is_ready ? write(port->fd, &value, sizeof value) : read(port->fd, &value, sizeof value);
        (void)done; /* a counter of one: neither can fail */
        port->is_ready = is_ready;
    }
}

/* The timer goes off at `due_ns`; 0 stops it. */
static void set_timer(struct io_pcap *port, uint64_t due_ns)
{
    if (port->timer_ns == due_ns) {
        return;
    }
    port->timer_ns = due_ns;
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(due_ns / NS_PER_S), .tv_nsec = (long)(due_ns % NS_PER_S)}};
    (void)timerfd_settime(port->fd, TFD_TIMER_ABSTIME, &at, NULL);
}

static inline void copy_frame(uint8_t *to, const uint8_t *from, uint32_t size)
{
    if (__builtin_expect(size > COPY_SHORT, 0)) {
        memcpy(to, from, size);
        return;
    }
    for (uint32_t at = 0; at < size; at += COPY_BYTES) {
        memcpy(to + at, from + at, COPY_BYTES);
    }
}

/* The next n of the capture into these frames. */
static void fill_frames(struct io_pcap *port, const uint64_t *frames, unsigned n, struct io_frame *out_frames)
{
    const struct capture_span *spans = port->capture.spans + port->next;
    const uint8_t *bytes = port->capture.bytes;
    uint8_t *base = port->umem->base;
    for (unsigned i = 0; i < n; i++) {
        uint32_t size = spans[i].size;
        uint32_t colour = size <= COLOUR_SIZE_MAX ? (uint32_t)(frames[i] / UMEM_CHUNK_BYTES) % COLOURS : 0;
        uint32_t offset = UMEM_HEADROOM + colour * COLOUR_BYTES;
        __builtin_prefetch(bytes + spans[i].offset + AHEAD_BYTES);
        copy_frame(base + frames[i] + offset, bytes + spans[i].offset, size);
        out_frames[i] = (struct io_frame){.frame = frames[i], .offset = offset, .size = size};
    }
    port->next += n;
}

/* How many frames from the next one on, `max` at most and none behind the end of the capture, are due and fit small frames. */
static unsigned count_small(const struct io_pcap *port, unsigned max)
{
    const struct capture_span *span = port->capture.spans + port->next;
    size_t left = port->capture.n_spans - port->next;
    unsigned n = 0;
    max = left < max ? (unsigned)left : max;
    if (!port->is_paced && port->capture.longest <= UMEM_SMALL_ROOM) {
        return max;
    }
    while (n < max && span[n].size <= UMEM_SMALL_ROOM &&
           (!port->is_paced || port->capture.times_ns[port->next + n] <= *port->now_ns - port->begun_ns)) {
        n++;
    }
    return n;
}

/* The next frame is a large one, or there is none. False when it must wait. */
static bool take_large(struct io_pcap *port, struct io_frame *out_frames, unsigned *n)
{
    const struct capture_span *span = port->capture.spans + port->next;
    bool is_due = port->next < port->capture.n_spans && span->size > UMEM_SMALL_ROOM &&
                  (!port->is_paced || port->capture.times_ns[port->next] <= *port->now_ns - port->begun_ns);
    if (!is_due) {
        return false;
    }
    if (span->size > UMEM_LARGE_ROOM) {
        port->stats.too_long++;
        port->next++;
        return true;
    }
    uint64_t frame = umem_take(port->umem, span->size, FRAME_WORKER);
    if (frame == UMEM_NONE) {
        return false;
    }
    fill_frames(port, &frame, 1, &out_frames[(*n)++]);
    return true;
}

/* At the end of the capture: from the beginning again, if it repeats. */
static bool go_on(struct io_pcap *port)
{
    if (port->next < port->capture.n_spans) {
        return true;
    }
    if (!port->repeats || port->capture.n_spans == 0) {
        return false;
    }
    port->next = 0;
    if (port->is_paced) {
        port->begun_ns += port->capture.times_ns[port->capture.n_spans - 1];
    }
    return true;
}

static void wait_for_more(struct io_pcap *port)
{
    bool has_more = go_on(port);
    if (!port->is_paced) {
        tell_ready(port, has_more);
    } else if (!has_more) {
        set_timer(port, 0);
    } else if (port->capture.times_ns[port->next] > *port->now_ns - port->begun_ns) {
        set_timer(port, port->begun_ns + port->capture.times_ns[port->next]);
    } /* else a frame is due and there was nowhere to put it: the timer has gone off and says so */
}

/* Once a call, and not while frames come: tells the poll loop what to wait for. */
static unsigned nothing_came(struct io_pcap *port)
{
    if (port->io.is_held) {
        tell_ready(port, false);
    } else if (port->fd >= 0) {
        wait_for_more(port);
    }
    return 0;
}

static unsigned pcap_rx(struct io *io, struct io_frame *out_frames, unsigned max)
{
    struct io_pcap *port = (struct io_pcap *)io;
    uint64_t frames[IO_BURST];
    unsigned n = 0;
    max = max < IO_BURST ? max : IO_BURST;
    if (port->fd < 0 || io->is_held) {
        return nothing_came(port);
    }
    if (!port->has_begun) {
        port->has_begun = true;
        port->begun_ns = *port->now_ns;
    }
    /* Each turn takes one frame at least, skips one, or is the last; those that skip are bounded too. */
    for (unsigned turns = 0; n < max && turns < IO_BURST && go_on(port); turns++) {
        unsigned n_small = count_small(port, max - n);
        unsigned n_taken = umem_take_small(port->umem, n_small, FRAME_WORKER, frames);
        fill_frames(port, frames, n_taken, out_frames + n);
        n += n_taken;
        if (n_taken < n_small || (n_small == 0 && !take_large(port, out_frames, &n))) {
            break;
        }
    }
    if (n == 0) {
        return nothing_came(port);
    }
    tell_ready(port, true);
    return n;
}

/* ---- recording ---- */

static void failed(struct io_pcap *port)
{
    int err = errno != 0 ? -errno : -EIO;
    port->stats.not_written += port->n_buffered;
    port->n_buffered = 0;
    port->io.has_news = true;
    snprintf(port->io.trouble, sizeof port->io.trouble, "%.120s: %.60s", port->path, error_text(err));
}

static void flush_record(struct io_pcap *port)
{
    errno = 0;
    if (port->io.trouble[0] == '\0' && port->n_buffered > 0 && pcap_dump_flush(port->record) != 0) {
        failed(port);
    }
    port->n_buffered = 0;
}

static unsigned record_tx(struct io_pcap *port, const struct io_frame *frames, unsigned n)
{
    uint64_t taken[IO_BURST];
    uint64_t wall_ns = port->wall_base_ns + *port->now_ns;
    FILE *file = pcap_dump_file(port->record);
    struct pcap_pkthdr header = {.ts = {.tv_sec = (time_t)(wall_ns / NS_PER_S), .tv_usec = (suseconds_t)(wall_ns % NS_PER_S)}};
    unsigned i = 0;
    n = n < IO_BURST ? n : IO_BURST;
    errno = 0;
    for (; i < n && port->io.trouble[0] == '\0'; i++) {
        header.caplen = header.len = frames[i].size;
        pcap_dump((u_char *)port->record, &header, port->umem->base + frames[i].frame + frames[i].offset);
        if (ferror(file)) {
            failed(port);
            break;
        }
        port->dirty_ns = port->n_buffered++ == 0 ? *port->now_ns : port->dirty_ns;
        taken[i] = frames[i].frame;
    }
    umem_give_n(port->umem, taken, i, FRAME_WORKER);
    return i;
}

static unsigned pcap_tx(struct io *io, const struct io_frame *frames, unsigned n)
{
    struct io_pcap *port = (struct io_pcap *)io;
    return port->record != NULL ? record_tx(port, frames, n) : port->nowhere->ops->tx(port->nowhere, frames, n);
}

static void pcap_flush(struct io *io)
{
    struct io_pcap *port = (struct io_pcap *)io;
    if (port->record == NULL) {
        port->nowhere->ops->flush(port->nowhere);
    } else if (port->n_buffered > 0 && *port->now_ns - port->dirty_ns >= FLUSH_MS * NS_PER_MS) {
        flush_record(port);
    }
}

static int pcap_fd(const struct io *io, unsigned i)
{
    return i == 0 ? ((const struct io_pcap *)io)->fd : -1;
}

static void pcap_io_stats(struct io *io, struct io_stats *out_stats)
{
    *out_stats = ((struct io_pcap *)io)->stats;
}

static void pcap_io_close(struct io *io)
{
    struct io_pcap *port = (struct io_pcap *)io;
    if (port->record != NULL) {
        uint64_t n_lost = port->stats.not_written;
        flush_record(port);
        if (port->stats.not_written > n_lost) {
            log_error("record_failed error=\"%s\" frames=%llu", port->io.trouble, (unsigned long long)port->stats.not_written);
        }
        pcap_dump_close(port->record);
    }
    if (port->format != NULL) {
        pcap_close(port->format);
    }
    if (port->nowhere != NULL) {
        port->nowhere->ops->close(port->nowhere);
    }
    if (port->fd >= 0) {
        close(port->fd);
    }
    capture_fini(&port->capture);
    free(port->buffer);
    free(port->path);
    free(port);
}

static const struct io_ops pcap_ops = {
    .rx = pcap_rx, .tx = pcap_tx, .flush = pcap_flush, .fd = pcap_fd, .stats = pcap_io_stats, .close = pcap_io_close};

/* ---- opening ---- */

/* A few frames that repeat are listed many times, so that a burst seldom ends with the capture. The bytes stay as they are. */
static void list_often(struct io_pcap *port)
{
    struct capture *capture = &port->capture;
    size_t n = capture->n_spans, times = n > 0 ? LISTED_MIN / n : 0;
    if (!port->repeats || port->is_paced || times < 2) {
        return;
    }
    capture->spans = memory_resize(capture->spans, n * times * sizeof *capture->spans);
    for (size_t i = 1; i < times; i++) {
        memcpy(capture->spans + i * n, capture->spans, n * sizeof *capture->spans);
    }
    capture->n_spans = n * times;
}

static int open_play(struct io_pcap *port, const struct io_request *request, const char *path, struct error_detail *detail)
{
    port->repeats = strcmp(io_option(request, "repeat", "false"), "true") == 0;
    port->is_paced = strcmp(io_option(request, "pace", "full"), "recorded") == 0;
    int err = capture_read(path, port->is_paced, &port->capture, detail);
    if (err != 0) {
        return err;
    }
    list_often(port);
    port->fd =
        port->is_paced ? timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC) : eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (port->fd < 0) {
        err = -errno;
        return error_set(detail, err, "%.120s: descriptor: %s", path, error_text(err));
    }
    if (port->is_paced) {
        set_timer(port, 1); /* at once: the first rx() starts the clock */
    } else {
        tell_ready(port, port->capture.n_spans > 0);
    }
    return 0;
}

/* The file to record to, emptied; a device that takes writes will do. */
static int open_output(const char *path, FILE **out_file)
{
    struct stat status;
    int err = 0, fd = open(path, O_WRONLY | O_CREAT | O_NONBLOCK | O_CLOEXEC, 0640);
    if (fd < 0 || fstat(fd, &status) != 0) {
        err = -errno;
    } else if (!S_ISREG(status.st_mode) && !S_ISCHR(status.st_mode)) {
        err = -EINVAL;
    } else if (S_ISREG(status.st_mode) && ftruncate(fd, 0) != 0) {
        err = -errno;
    } else if ((*out_file = fdopen(fd, "wb")) == NULL) {
        err = -ENOMEM;
    }
    if (err != 0 && fd >= 0) {
        close(fd);
    }
    return err;
}

static int open_record(struct io_pcap *port, const char *path, struct error_detail *detail)
{
    FILE *file = NULL;
    int err = open_output(path, &file);
    if (err != 0) {
        return error_set(detail, err, "%.120s: %s", path, error_text(err));
    }
    port->path = memory_string(path);
    port->buffer = memory_zeroed(RECORD_BUFFER);
    (void)setvbuf(file, port->buffer, _IOFBF, RECORD_BUFFER);
    port->format = pcap_open_dead_with_tstamp_precision(DLT_EN10MB, UINT16_MAX, PCAP_TSTAMP_PRECISION_NANO);
    port->record = port->format != NULL ? pcap_dump_fopen(port->format, file) : NULL;
    if (port->record == NULL) {
        (void)fclose(file);
        return error_set(detail, -EIO, "%.120s: cannot be written", path);
    }
    errno = 0;
    if (pcap_dump_flush(port->record) != 0) { /* the head of the file: a full disk is seen now */
        err = errno != 0 ? -errno : -EIO;
        return error_set(detail, err, "%.120s: %s", path, error_text(err));
    }
    return 0;
}

int io_pcap_open(const struct io_request *request, struct umem *umem, struct io **out_io, struct error_detail *detail)
{
    const char *play = io_option(request, "rx", NULL), *record = io_option(request, "tx", NULL);
    struct io_pcap *port = memory_zeroed(sizeof *port);
    *port = (struct io_pcap){.io = {.ops = &pcap_ops, .mode = "pcap", .frame_bytes = UMEM_LARGE_ROOM},
                             .umem = umem,
                             .now_ns = request->now_ns,
                             .wall_base_ns = request->wall_base_ns,
                             .fd = -1};
    int err = play != NULL ? open_play(port, request, play, detail) : 0;
    if (err == 0 && record != NULL) {
        err = open_record(port, record, detail);
    } else if (err == 0) {
        port->nowhere = io_null_open(umem, "null");
    }
    if (err != 0) {
        pcap_io_close(&port->io);
        return err;
    }
    *out_io = &port->io;
    return 0;
}
