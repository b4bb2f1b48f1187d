/* Reading captures.
 *
 * Everything that can be wrong is found here, once, when the port is opened; playing cannot fail. libpcap looks at the file's bytes;
 * what it says of a frame is believed as far as it bounds its own buffer (caplen).
 * A capture that ends within a frame is refused rather than played in part: a test that silently lost its end would pass.
 * Memory is mapped as large as the file, which is more than its frames have, and in large pages when the kernel has some.
 * Control code of the worker thread: reads, allocates, takes time.
 */
#include "services/fastpath/capture.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

enum { SPANS_FIRST = 1024 };

struct reading {
    const char *path;
    pcap_t *pcap;
    struct capture capture;
    size_t n_bytes;
    size_t spans_room;
    bool wants_times;
    uint64_t first_ns, last_ns;
    struct error_detail *detail;
};

static int open_file(struct reading *r, FILE **out_file, size_t *out_size)
{
    struct stat status;
    int fd = open(r->path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a FIFO must not hold us */
    if (fd < 0 || fstat(fd, &status) != 0) {
        int err = -errno;
        if (fd >= 0) {
            close(fd);
        }
        return error_set(r->detail, err, "%.120s: %s", r->path, error_text(err));
    }
    if (!S_ISREG(status.st_mode)) {
        close(fd);
        return error_set(r->detail, -ERROR_DAMAGED, "%.120s: is no regular file", r->path);
    }
    if ((size_t)status.st_size > CAPTURE_MAX_BYTES) {
        close(fd);
        return error_set(r->detail, -ERROR_TOO_LARGE, "%.120s: %zu MiB are more than the limit of 1 GiB", r->path,
                         (size_t)status.st_size >> 20);
    }
    *out_size = (size_t)status.st_size;
    *out_file = fdopen(fd, "rb");
    if (*out_file == NULL) {
        close(fd);
        return error_set(r->detail, -ENOMEM, "%.120s: %s", r->path, error_text(-ENOMEM));
    }
    return 0;
}

static int open_capture(struct reading *r)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    FILE *file;
    size_t size;
    int err = open_file(r, &file, &size);
    if (err != 0) {
        return err;
    }
    r->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
    if (r->pcap == NULL) {
        (void)fclose(file);
        return error_set(r->detail, -ERROR_DAMAGED, "%.120s: %.120s", r->path, why);
    }
    if (pcap_datalink(r->pcap) != DLT_EN10MB) {
        const char *name = pcap_datalink_val_to_name(pcap_datalink(r->pcap));
        return error_set(r->detail, -ERROR_DAMAGED, "%.120s: a capture of %.40s, not of Ethernet frames", r->path,
                         name != NULL ? name : "unknown frames");
    }
    r->capture.mapped_bytes = size + CAPTURE_SLACK_BYTES;
    void *bytes = mmap(NULL, r->capture.mapped_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (bytes == MAP_FAILED) {
        return error_set(r->detail, -ENOMEM, "%.120s: no memory for %zu MiB", r->path, size >> 20);
    }
    (void)madvise(bytes, r->capture.mapped_bytes, MADV_HUGEPAGE);
    r->capture.bytes = bytes;
    return 0;
}

static int make_room(struct reading *r)
{
    size_t each = sizeof *r->capture.spans + (r->wants_times ? sizeof *r->capture.times_ns : 0);
    size_t room = r->spans_room == 0 ? SPANS_FIRST : 2 * r->spans_room;
    if (r->capture.n_spans * each + r->n_bytes > CAPTURE_MAX_BYTES) {
        return error_set(r->detail, -ERROR_TOO_LARGE, "%.120s: takes more memory than the limit of 1 GiB", r->path);
    }
    r->capture.spans = memory_resize(r->capture.spans, room * sizeof *r->capture.spans);
    if (r->wants_times) {
        r->capture.times_ns = memory_resize(r->capture.times_ns, room * sizeof *r->capture.times_ns);
    }
    r->spans_room = room;
    return 0;
}

/* A frame stamped earlier than one before it goes right behind that one. */
static uint64_t time_of(struct reading *r, const struct pcap_pkthdr *header)
{
    uint64_t stamp_ns = (uint64_t)header->ts.tv_sec * NS_PER_S + (uint64_t)header->ts.tv_usec; /* nanoseconds, as asked for */
    if (r->capture.n_spans == 0) {
        r->first_ns = stamp_ns;
    }
    uint64_t since_ns = stamp_ns - r->first_ns;
    if ((int64_t)(since_ns - r->last_ns) > 0) {
        r->last_ns = since_ns;
    }
    return r->last_ns;
}

static int take_frame(struct reading *r, const struct pcap_pkthdr *header, const uint8_t *bytes)
{
    struct capture *capture = &r->capture;
    if (capture->n_spans == r->spans_room) {
        int err = make_room(r);
        if (err != 0) {
            return err;
        }
    }
    if (header->caplen > capture->mapped_bytes - CAPTURE_SLACK_BYTES - r->n_bytes) {
        return error_set(r->detail, -ERROR_DAMAGED, "%.120s: grew while it was read", r->path);
    }
    memcpy(capture->bytes + r->n_bytes, bytes, header->caplen);
    capture->spans[capture->n_spans] = (struct capture_span){.offset = (uint32_t)r->n_bytes, .size = header->caplen};
    if (r->wants_times) {
        capture->times_ns[capture->n_spans] = time_of(r, header);
    }
    capture->longest = header->caplen > capture->longest ? header->caplen : capture->longest;
    r->n_bytes += header->caplen;
    capture->n_spans++;
    return 0;
}

int capture_read(const char *path, bool wants_times, struct capture *out_capture, struct error_detail *detail)
{
    struct reading r = {.path = path, .wants_times = wants_times, .detail = detail};
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int said = 0, err = open_capture(&r);
    while (err == 0 && (said = pcap_next_ex(r.pcap, &header, &bytes)) == 1) {
        err = take_frame(&r, header, bytes);
    }
    if (err == 0 && said != PCAP_ERROR_BREAK) {
        err =
            error_set(detail, -ERROR_DAMAGED, "%.100s: behind frame %zu: %.100s", path, r.capture.n_spans, pcap_geterr(r.pcap));
    }
    if (r.pcap != NULL) {
        pcap_close(r.pcap);
    }
    if (err != 0) {
        capture_fini(&r.capture);
        return err;
    }
    *out_capture = r.capture;
    return 0;
}

void capture_fini(struct capture *capture)
{
    if (capture->bytes != NULL) {
        munmap(capture->bytes, capture->mapped_bytes);
    }
    free(capture->spans);
    free(capture->times_ns);
    *capture = (struct capture){0};
}
