/* Reads a packet out of a capture with libpcap, which knows pcap and pcapng.
 *
 * By swctl and not by the slowpath, because the file is where its user is, and a process of the switch has no business opening what
 * anybody names. Only Ethernet, since the slowpath's parser begins with an Ethernet header. Of a packet what was captured counts, which
 * may be less than there was. Cost: that of reading the file up to the packet. One thread.
 */
#include "cli/capture.h"

#include <pcap/pcap.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/memory.h"

static char *hex_of(const uint8_t *bytes, size_t size)
{
    char *hex = memory_zeroed(2 * size + 1);
    for (size_t i = 0; i < size; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    }
    return hex;
}

static int read_packet(pcap_t *capture, const char *path, unsigned long number, char **out_hex, struct error_detail *detail)
{
    struct pcap_pkthdr *header;
    const uint8_t *bytes;
    int got = 1;
    for (unsigned long i = 0; i < number && got == 1; i++) {
        got = pcap_next_ex(capture, &header, &bytes);
        if (got == PCAP_ERROR_BREAK) {
            return error_set(detail, -ERROR_NOT_FOUND, "%s has %lu packets", path, i);
        }
    }
    if (got != 1) {
        return error_set(detail, -ERROR_TRUNCATED, "%s: %s", path, pcap_geterr(capture));
    }
    if (header->caplen > CAPTURE_FRAME_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s: packet %lu has %u bytes, more than %d", path, number, header->caplen,
                         CAPTURE_FRAME_MAX);
    }
    *out_hex = hex_of(bytes, header->caplen);
    return 0;
}

int capture_read(const char *path, unsigned long number, char **out_hex, struct error_detail *detail)
{
    char text[PCAP_ERRBUF_SIZE] = "";
    if (number == 0) {
        return error_set(detail, -ERROR_RANGE, "packets are counted from 1 on");
    }
    if (access(path, R_OK) != 0) {
        return error_set(detail, -ERROR_NOT_FOUND, "%s cannot be read", path);
    }
    pcap_t *capture = pcap_open_offline(path, text);
    if (capture == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s: %s", path, text);
    }
    int err = pcap_datalink(capture) == DLT_EN10MB ? 0 : error_set(detail, -ERROR_SYNTAX, "%s is no capture of Ethernet", path);
    err = err != 0 ? err : read_packet(capture, path, number, out_hex, detail);
    pcap_close(capture);
    return err;
}
