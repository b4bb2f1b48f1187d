/* Capture ports: they receive what a capture file holds and record what is sent to them. */
#ifndef BUSBAR_FASTPATH_IO_PCAP_H
#define BUSBAR_FASTPATH_IO_PCAP_H

#include "services/fastpath/io.h"

/* Options: rx (file to play), repeat (true or false), pace (full or recorded), tx (file to record to). Without tx it sends like a null
 * port. -ERROR_DAMAGED or -ERROR_TOO_LARGE when the file to play cannot be played. */
int io_pcap_open(const struct io_request *request, struct umem *umem, struct io **out_io,
                 struct error_detail *detail) MUST_CHECK;

#endif
