/* The header that every OpenFlow message begins with, and the types of messages and multiparts [OF1.3.5 A.1].
 *
 * Bytes on the wire: version(1) type(1) length(2) xid(4).
 */
#ifndef BUSBAR_OPENFLOW_OF_HEADER_H
#define BUSBAR_OPENFLOW_OF_HEADER_H

#include <stdint.h>

#include "lib/base/bytes.h"

enum of_version { OF_VERSION_10 = 1, OF_VERSION_13 = 4, OF_VERSION_14 = 5, OF_VERSION_15 = 6 };

enum { OF_HEADER_SIZE = 8, OF_MESSAGE_MAX = 65535, OF_PORT_TCP = 6653 };

enum of_type {
#define OF_MESSAGE(name, number, codec) OF_##name = (number),
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
};

enum { OF_BODY_ANY = 0xffff };

enum of_multipart_type {
#define OF_MULTIPART(name, number, request_size) OF_MULTIPART_##name = (number),
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
};

enum { OF_MULTIPART_MORE = 1 }; /* OFPMPF_REQ_MORE, OFPMPF_REPLY_MORE */

struct of_header {
    uint8_t version;
    uint8_t type;
    uint16_t length;
    uint32_t xid;
};

/* 0, or -ERROR_TRUNCATED when there are not eight bytes. */
int of_header_read(const uint8_t *bytes, size_t size, struct of_header *out) MUST_CHECK;
/* "FLOW_MOD", or NULL for a type that is none of 1.3. */
const char *of_type_name(uint8_t type);
/* "FLOW", or NULL. */
const char *of_multipart_name(uint16_t type);

#endif
