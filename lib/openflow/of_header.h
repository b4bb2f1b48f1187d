/* The header that every OpenFlow message begins with, and the types of messages and multiparts [OF1.3.5 A.1].
 *
 * Bytes on the wire: version(1) type(1) length(2) xid(4). An experimenter's message goes on with experimenter(4) number(4).
 * The numbers of types differ between versions; in memory a type has one name, that of messages.def, in all of them.
 */
#ifndef BUSBAR_OPENFLOW_OF_HEADER_H
#define BUSBAR_OPENFLOW_OF_HEADER_H

#include <stdint.h>

#include "lib/base/bytes.h"

enum of_version { OF_VERSION_10 = 1, OF_VERSION_13 = 4, OF_VERSION_14 = 5, OF_VERSION_15 = 6, OF_VERSION_NEVER = 255 };
/* Bit n: version n; those that we speak. */
enum { OF_VERSIONS = 1 << OF_VERSION_10 | 1 << OF_VERSION_13 | 1 << OF_VERSION_14 | 1 << OF_VERSION_15 };

enum { OF_HEADER_SIZE = 8, OF_MESSAGE_MAX = 65535, OF_PORT_TCP = 6653, OF_NUMBER_NONE = 255 };

enum of_type {
#define OF_MESSAGE(name, number, in_10, first, last, codec) OF_##name = (number),
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
    OF_TYPE_COUNT
};

enum { OF_BODY_ANY = 0xffff };

enum of_multipart_type {
#define OF_MULTIPART(name, number, first, size_10, size, size_15) OF_MULTIPART_##name = (number),
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
};

enum { OF_MULTIPART_MORE = 1 }; /* OFPMPF_REQ_MORE, OFPMPF_REPLY_MORE */

/* In which clothes a message comes or goes. */
enum of_form {
    OF_FORM_STANDARD,
    OF_FORM_NICIRA,
    OF_FORM_NICIRA2, /* the second layout of theirs for the same */
    OF_FORM_ONF
};
#define OF_EXPERIMENTER_NICIRA 0x00002320u
#define OF_EXPERIMENTER_ONF 0x4f4e4600u
#define OF_EXPERIMENTER_NTR 0x0000154du /* how a select group chooses */

struct of_header {
    uint8_t version;
    uint8_t type; /* the version's number, not enum of_type */
    uint16_t length;
    uint32_t xid;
};

/* 0, or -ERROR_TRUNCATED when there are not eight bytes. */
int of_header_read(const uint8_t *bytes, size_t size, struct of_header *out) MUST_CHECK;
/* "FLOW_MOD" of an enum of_type, or NULL. */
const char *of_type_name(uint8_t type);
/* "FLOW", or NULL. */
const char *of_multipart_name(uint16_t type);
/* "OpenFlow13"; NULL of a version that we do not speak. */
const char *of_version_name(uint8_t version);

/* OF_TYPE_COUNT when this version has no such number. */
enum of_type of_type_by_number(uint8_t version, uint8_t number);
/* OF_NUMBER_NONE when the version has it not, or as an experimenter's only. */
uint8_t of_type_number(uint8_t version, enum of_type type);
bool of_multipart_exists(uint8_t version, uint16_t type);

struct of_experimenter_row {
    uint16_t type; /* enum of_type or enum of_multipart_type */
    enum of_form form;
    uint32_t experimenter;
    uint32_t number;
    uint8_t first, last;
};
/* The row of an experimenter's message; NULL: none that we know in this version. */
const struct of_experimenter_row *of_experimenter_by_number(uint8_t version, uint32_t experimenter, uint32_t number);
const struct of_experimenter_row *of_experimenter_multipart_by_number(uint8_t version, uint32_t experimenter, uint32_t number);
/* How a message goes out in this form; STANDARD: the first that there is. NULL: not at all. */
const struct of_experimenter_row *of_experimenter_of(uint8_t version, enum of_type type, enum of_form form);
const struct of_experimenter_row *of_experimenter_multipart_of(uint8_t version, uint16_t type, enum of_form form);

#endif
