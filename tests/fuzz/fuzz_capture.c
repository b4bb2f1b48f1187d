/* Captures, pcap and pcapng, as a port reads them: refused with a reason, or taken with every frame inside the memory they are in.
 *
 * The file is one in memory, opened by the name it has in /proc, so that what runs is capture_read() as it is. Of plain pcap files a naive
 * reader of a dozen lines says which frames there are; of pcapng only the bounds are looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "services/fastpath/capture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_HEADER = 24, FRAME_HEADER = 16 };

static void check(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

static uint32_t word_at(const uint8_t *bytes, bool is_swapped)
{
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return is_swapped ? __builtin_bswap32(word) : word;
}

/* The frames of an accepted pcap file are those that lie there one behind the other. */
static void compare_with_naive(const uint8_t *data, size_t size, const struct capture *capture)
{
    uint32_t magic = word_at(data, false);
    bool is_swapped = magic == 0xd4c3b2a1u || magic == 0x4d3cb2a1u;
    if (!is_swapped && magic != 0xa1b2c3d4u && magic != 0xa1b23c4du) {
        return; /* pcapng, or one of the kinds with longer headers */
    }
    uint16_t version[2];
    memcpy(version, data + 4, sizeof version);
    if (version[0] != (is_swapped ? __builtin_bswap16(2) : 2) || version[1] != (is_swapped ? __builtin_bswap16(4) : 4)) {
        return; /* older ones have the two sizes the other way round */
    }
    size_t at = FILE_HEADER, n = 0;
    uint32_t snap = word_at(data + 16, is_swapped);
    for (; at < size; n++) {
        check(size - at >= FRAME_HEADER);
        uint32_t captured = word_at(data + at + 8, is_swapped);
        at += FRAME_HEADER;
        check(captured <= size - at && n < capture->n_spans);
        /* libpcap cuts what is longer than the file's own limit. */
        check(capture->spans[n].size == captured || (capture->spans[n].size < captured && captured > snap));
        check(capture->spans[n].size == 0 || memcmp(capture->bytes + capture->spans[n].offset, data + at, capture->spans[n].size) == 0);
        at += captured;
    }
    check(n == capture->n_spans);
}

static void look_at(const struct capture *capture, bool wants_times)
{
    uint32_t longest = 0;
    size_t n_bytes = 0;
    for (size_t i = 0; i < capture->n_spans; i++) {
        const struct capture_span *span = &capture->spans[i];
        check(span->offset == n_bytes && span->size + CAPTURE_SLACK_BYTES <= capture->mapped_bytes - span->offset);
        check(!wants_times || i == 0 || capture->times_ns[i] >= capture->times_ns[i - 1]);
        longest = span->size > longest ? span->size : longest;
        n_bytes += span->size;
    }
    check(longest == capture->longest && (capture->times_ns != NULL) == (wants_times && capture->n_spans > 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    int fd = memfd_create("capture", MFD_CLOEXEC);
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (int wants_times = 0; wants_times < 2; wants_times++) {
        struct capture capture = {0};
        struct error_detail detail = {""};
        if (capture_read(path, wants_times != 0, &capture, &detail) != 0) {
            check(detail.text[0] != '\0' && capture.bytes == NULL && capture.spans == NULL);
            continue;
        }
        look_at(&capture, wants_times != 0);
        compare_with_naive(data, size, &capture);
        capture_fini(&capture);
    }
    close(fd);
    return 0;
}
