/* What the codecs share: headers with lengths filled in last, durations, texts, refusals.
 *
 * Lengths are 16 bits, so a message that grew past 64 KiB is taken back as a whole instead of being sent with a wrong length.
 * Any thread, no state. Invariant: after of_end() the writer holds only whole messages.
 */
#include "lib/openflow/of_codec.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int of_refuse(struct of_error *error, enum of_error_number number, const char *format, ...)
{
    va_list args;

    if (error != NULL) {
        error->number = number;
        va_start(args, format);
        vsnprintf(error->detail.text, sizeof error->detail.text, format, args);
        va_end(args);
    }
    return -EPROTO;
}

size_t of_begin(struct writer *w, uint8_t version, uint8_t type, uint32_t xid)
{
    size_t begin = w->size;

    writer_u8(w, version);
    writer_u8(w, type);
    writer_u16(w, 0);
    writer_u32(w, xid);
    return begin;
}

int of_end(struct writer *w, size_t begin)
{
    size_t size = w->size - begin;

    if (size > OF_MESSAGE_MAX) {
        w->size = begin;
        return -ERROR_TOO_LARGE;
    }
    writer_patch_u16(w, begin + 2, (uint16_t)size);
    return 0;
}

int of_check_units(const struct of_decoding *d)
{
    size_t left = reader_left(&d->body);

    return left % 8 == 0 ? 0 : of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "%zu bytes are no multiple of eight", left);
}

void of_put_duration(struct writer *w, uint64_t duration_ns)
{
    uint64_t seconds = duration_ns / 1000000000;

    writer_u32(w, seconds < UINT32_MAX ? (uint32_t)seconds : UINT32_MAX);
    writer_u32(w, (uint32_t)(duration_ns % 1000000000));
}

uint64_t of_get_duration(struct reader *r)
{
    uint64_t seconds = reader_u32(r);
    uint64_t nanoseconds = reader_u32(r);

    return seconds * 1000000000 + (nanoseconds < 1000000000 ? nanoseconds : 999999999);
}

void of_put_text(struct writer *w, const char *text, size_t size)
{
    size_t length = strnlen(text, size - 1);
    uint8_t *place = writer_extend(w, size);

    memcpy(place, text, length);
}

void of_get_text(struct reader *r, char *out, size_t size)
{
    reader_copy(r, out, size);
    out[size - 1] = '\0';
    size_t length = strnlen(out, size);
    memset(out + length, 0, size - length);
}

bool of_port_is_possible(uint32_t port)
{
    return port <= PORT_MAX || port >= 0xffffff00u;
}

int of_port_check(uint32_t port, const char *what, struct of_error *error)
{
    return of_port_is_possible(port) ? 0 : of_refuse(error, OF_ERROR_BAD_ACTION_BAD_OUT_PORT, "%s %u is no port", what, port);
}

bool of_port_is_ingress(uint32_t port)
{
    return port <= PORT_MAX || port == PORT_LOCAL || port == PORT_CONTROLLER || port == PORT_ANY;
}

uint32_t of_port_of_10(uint16_t port)
{
    return port > PORT_MAX ? port | 0xffff0000u : port;
}

uint16_t of_port_in_10(uint32_t port)
{
    return (uint16_t)port;
}

int of_property_get(struct reader *r, struct of_property *out, struct of_error *error)
{
    uint16_t type = reader_u16(r);
    uint16_t length = reader_u16(r);

    if (r->failed || length < 4 || reader_left(r) < length - 4u) {
        return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_LEN, "property %u: length %u", type, length);
    }
    out->type = type;
    out->body = reader_sub(r, length - 4u);
    size_t padding = (8u - length % 8) % 8;
    if (reader_left(r) < padding) {
        return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_LEN, "property %u: length %u without its padding", type, length);
    }
    reader_skip(r, padding);
    return 0;
}

size_t of_property_begin(struct writer *w, uint16_t type)
{
    size_t begin = w->size;

    writer_u16(w, type);
    writer_u16(w, 0);
    return begin;
}

void of_property_end(struct writer *w, size_t begin)
{
    size_t length = w->size - begin;

    writer_patch_u16(w, begin + 2, (uint16_t)length);
    writer_pad(w, (8 - length % 8) % 8);
}

int of_property_finish(const struct of_property *property, struct of_error *error)
{
    return reader_finish(&property->body) == 0
               ? 0
               : of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_LEN, "property %u: wrong length", property->type);
}

int of_property_unknown(const struct of_property *property, struct of_error *error)
{
    bool is_experimenter = property->type == 0xffff;

    return of_refuse(error, is_experimenter ? OF_ERROR_BAD_PROPERTY_BAD_EXPERIMENTER : OF_ERROR_BAD_PROPERTY_BAD_TYPE,
                     "property %u is not known", property->type);
}

int of_properties_skip(struct reader *r, struct of_error *error)
{
    struct of_property property;

    while (reader_left(r) > 0) {
        int err = of_property_get(r, &property, error);
        if (err != 0) {
            return err;
        }
        if (property.type == 0xffff) {
            return of_property_unknown(&property, error);
        }
    }
    return 0;
}

bool of_get_zeroes(struct reader *r, size_t size)
{
    uint8_t any = 0;

    for (size_t i = 0; i < size; i++) {
        any |= reader_u8(r);
    }
    return any == 0;
}
