/* Reading the eight bytes that begin every message, and the names of types for logs and errors.
 *
 * Names come from the tables, so a new row has its name. Any thread, no state, constant cost.
 * Invariant: nothing here believes the length; that is the stream's and the decoder's business.
 */
#include "lib/openflow/of_header.h"

int of_header_read(const uint8_t *bytes, size_t size, struct of_header *out)
{
    struct reader r = reader_of(bytes, size);
    struct of_header header;

    header.version = reader_u8(&r);
    header.type = reader_u8(&r);
    header.length = reader_u16(&r);
    header.xid = reader_u32(&r);
    if (r.failed) {
        return -ERROR_TRUNCATED;
    }
    *out = header;
    return 0;
}

const char *of_type_name(uint8_t type)
{
    switch (type) {
#define OF_MESSAGE(name, number, codec)                                                                                        \
    case (number):                                                                                                             \
        return #name;
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
    }
    return NULL;
}

const char *of_multipart_name(uint16_t type)
{
    switch (type) {
#define OF_MULTIPART(name, number, request_size)                                                                               \
    case (number):                                                                                                             \
        return #name;
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
    }
    return NULL;
}
