/* Reading the eight bytes that begin every message, and types by their numbers in each version.
 *
 * Names and numbers come from the tables, so a new row has its name and its place in each version. Any thread, no state, constant cost.
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
#define OF_MESSAGE(name, number, in_10, first, last, codec)                                                                    \
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
#define OF_MULTIPART(name, number, first, size_10, size, size_15)                                                              \
    case (number):                                                                                                             \
        return #name;
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
    }
    return NULL;
}

const char *of_version_name(uint8_t version)
{
    switch (version) {
    case OF_VERSION_10:
        return "OpenFlow10";
    case OF_VERSION_13:
        return "OpenFlow13";
    case OF_VERSION_14:
        return "OpenFlow14";
    case OF_VERSION_15:
        return "OpenFlow15";
    }
    return NULL;
}

static const struct {
    uint8_t in_10, first, last;
} numbers[OF_TYPE_COUNT] = {
#define OF_MESSAGE(name, number, in_10_, first_, last_, codec)                                                                 \
    [OF_##name] = {.in_10 = (in_10_), .first = OF_VERSION_##first_, .last = OF_VERSION_##last_},
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
};

uint8_t of_type_number(uint8_t version, enum of_type type)
{
    if (version == OF_VERSION_10) {
        return numbers[type].in_10;
    }
    return version >= numbers[type].first && version <= numbers[type].last ? (uint8_t)type : OF_NUMBER_NONE;
}

enum of_type of_type_by_number(uint8_t version, uint8_t number)
{
    if (version != OF_VERSION_10) { /* the number is the name */
        bool is_type = number < OF_TYPE_COUNT && of_type_name(number) != NULL && of_type_number(version, (enum of_type)number) == number;
        return is_type ? (enum of_type)number : OF_TYPE_COUNT;
    }
    for (unsigned type = 0; type < OF_TYPE_COUNT && number != OF_NUMBER_NONE; type++) {
        if (of_type_name((uint8_t)type) != NULL && of_type_number(version, (enum of_type)type) == number) {
            return (enum of_type)type;
        }
    }
    return OF_TYPE_COUNT;
}

bool of_multipart_exists(uint8_t version, uint16_t type)
{
    switch (type) {
#define OF_MULTIPART(name, number, first, size_10, size, size_15)                                                              \
    case (number):                                                                                                             \
        return version >= OF_VERSION_##first;
#include "lib/openflow/multiparts.def"
#undef OF_MULTIPART
    }
    return false;
}

#define EXPERIMENTER_OF_NICIRA OF_EXPERIMENTER_NICIRA
#define EXPERIMENTER_OF_NICIRA2 OF_EXPERIMENTER_NICIRA
#define EXPERIMENTER_OF_ONF OF_EXPERIMENTER_ONF

static const struct of_experimenter_row messages[] = {
#define OF_EXPERIMENTER_MESSAGE(name, form_, number_, first_, last_)                                                           \
    {.type = OF_##name,                                                                                                        \
     .form = OF_FORM_##form_,                                                                                                  \
     .experimenter = EXPERIMENTER_OF_##form_,                                                                                  \
     .number = (number_),                                                                                                      \
     .first = OF_VERSION_##first_,                                                                                             \
     .last = OF_VERSION_##last_},
#include "lib/openflow/experimenters.def"
};

static const struct of_experimenter_row multiparts[] = {
#define OF_EXPERIMENTER_MULTIPART(name, form_, number_, first_, last_)                                                         \
    {.type = OF_MULTIPART_##name,                                                                                              \
     .form = OF_FORM_##form_,                                                                                                  \
     .experimenter = EXPERIMENTER_OF_##form_,                                                                                  \
     .number = (number_),                                                                                                      \
     .first = OF_VERSION_##first_,                                                                                             \
     .last = OF_VERSION_##last_},
#include "lib/openflow/experimenters.def"
};
enum { N_MESSAGES = sizeof messages / sizeof messages[0], N_MULTIPARTS = sizeof multiparts / sizeof multiparts[0] };

static const struct of_experimenter_row *find_number(const struct of_experimenter_row *rows, size_t n, uint8_t version,
                                                     uint32_t experimenter, uint32_t number)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].experimenter == experimenter && rows[i].number == number && version >= rows[i].first &&
            version <= rows[i].last) {
            return &rows[i];
        }
    }
    return NULL;
}

static const struct of_experimenter_row *find_type(const struct of_experimenter_row *rows, size_t n, uint8_t version,
                                                   uint16_t type, enum of_form form)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].type == type && (form == OF_FORM_STANDARD || rows[i].form == form) && version >= rows[i].first &&
            version <= rows[i].last) {
            return &rows[i];
        }
    }
    return NULL;
}

const struct of_experimenter_row *of_experimenter_by_number(uint8_t version, uint32_t experimenter, uint32_t number)
{
    return find_number(messages, N_MESSAGES, version, experimenter, number);
}

const struct of_experimenter_row *of_experimenter_multipart_by_number(uint8_t version, uint32_t experimenter, uint32_t number)
{
    return find_number(multiparts, N_MULTIPARTS, version, experimenter, number);
}

const struct of_experimenter_row *of_experimenter_of(uint8_t version, enum of_type type, enum of_form form)
{
    return find_type(messages, N_MESSAGES, version, (uint16_t)type, form);
}

const struct of_experimenter_row *of_experimenter_multipart_of(uint8_t version, uint16_t type, enum of_form form)
{
    return find_type(multiparts, N_MULTIPARTS, version, type, form);
}
