/* Codecs of bundles: bundle_control and bundle_add, which 1.3 has as the Open Networking Foundation's [OF1.5.1 7.3.9, EXT-230].
 *
 * The message within a bundle_add is handed on as bytes: whoever keeps the bundle decodes it, as it would have been by itself. What makes it no
 * message of this bundle at all (another version, another xid, a length that does not fit) is refused here, in Open vSwitch's words.
 * Any thread, no state, constant cost. Invariant: the inner message lies within the outer one.
 */
#include "lib/openflow/of_codec.h"

int of_bundle_control_decode(struct of_decoding *d, struct of_message *out)
{
    out->bundle_control.bundle_id = reader_u32(&d->body);
    out->bundle_control.type = reader_u16(&d->body);
    out->bundle_control.flags = reader_u16(&d->body);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "bundle_control: too short");
    }
    if (out->bundle_control.type > OF_BUNDLE_DISCARD_REPLY) {
        return of_refuse(d->error, OF_ERROR_BUNDLE_FAILED_BAD_TYPE, "bundle_control: type %u", out->bundle_control.type);
    }
    return of_properties_skip(&d->body, d->error);
}

void of_bundle_control_encode(const struct of_message *message, struct writer *w)
{
    writer_u32(w, message->bundle_control.bundle_id);
    writer_u16(w, message->bundle_control.type);
    writer_u16(w, message->bundle_control.flags);
}

static int check_inner(const struct of_decoding *d, uint32_t xid, const struct of_header *header)
{
    if (header->length < OF_HEADER_SIZE || header->length > reader_left(&d->body)) {
        return of_refuse(d->error, OF_ERROR_BUNDLE_FAILED_MSG_BAD_LEN, "bundle_add: a message of %u bytes", header->length);
    }
    if (header->version != d->version) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_VERSION, "bundle_add: a message of version %u", header->version);
    }
    if (header->xid != xid) {
        return of_refuse(d->error, OF_ERROR_BUNDLE_FAILED_MSG_BAD_XID, "bundle_add: a message of another xid");
    }
    return 0;
}

int of_bundle_add_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_header header;

    out->bundle_add.bundle_id = reader_u32(&d->body);
    reader_skip(&d->body, 2);
    out->bundle_add.flags = reader_u16(&d->body);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "bundle_add: too short");
    }
    struct reader ahead = d->body;
    const uint8_t *head = reader_bytes(&ahead, OF_HEADER_SIZE);
    if (ahead.failed || of_header_read(head, OF_HEADER_SIZE, &header) != 0) {
        return of_refuse(d->error, OF_ERROR_BUNDLE_FAILED_MSG_BAD_LEN, "bundle_add: without a message");
    }
    int err = check_inner(d, out->xid, &header);
    if (err != 0) {
        return err;
    }
    out->bundle_add.message = reader_bytes(&d->body, header.length);
    out->bundle_add.message_size = header.length;
    size_t padding = (8u - header.length % 8) % 8;
    reader_skip(&d->body, reader_left(&d->body) < padding ? reader_left(&d->body) : padding);
    return of_properties_skip(&d->body, d->error);
}

void of_bundle_add_encode(const struct of_message *message, struct writer *w)
{
    writer_u32(w, message->bundle_add.bundle_id);
    writer_u16(w, 0);
    writer_u16(w, message->bundle_add.flags);
    writer_bytes(w, message->bundle_add.message, message->bundle_add.message_size);
}
