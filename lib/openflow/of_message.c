/* The door of the codec: a header, the version, and the pair of functions of messages.def.
 *
 * Every decoder reads from a bounded reader over its own message, and what is left over or was missing is refused here, so a
 * codec cannot forget it. A message is decoded into a struct of our own and given out when it is whole.
 * Any thread, no state; cost linear in the message, with a constant of about a microsecond a flow mod.
 * What may never happen: a decoder reads beyond the message, or a refused message leaves memory behind.
 */
#include "lib/openflow/of_message.h"

#include <errno.h>
#include <stdlib.h>

#include "lib/openflow/of_codec.h"

typedef int decode_function(struct of_decoding *d, struct of_message *out);
typedef void encode_function(const struct of_message *message, struct writer *w);

static const struct codec {
    decode_function *decode;
    encode_function *encode;
} codecs[] = {
#define OF_MESSAGE(name, number, in_10, first, last, codec_name)                                                               \
    [OF_##name] = {.decode = of_##codec_name##_decode, .encode = of_##codec_name##_encode},
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
};

/* Before the HELLOs there is no version yet that a message could be wrong in; what cannot be understood in any is refused. */
static bool version_is_right(const struct of_header *header, const struct of_decode_context *context)
{
    bool is_versionless = header->type == OF_HELLO || header->type == OF_ERROR || header->type == OF_ECHO_REQUEST ||
                          header->type == OF_ECHO_REPLY;

    if (header->type == OF_HELLO) {
        return header->version != 0;
    }
    return header->version == context->version || (context->version == 0 && is_versionless);
}

static int check_header(const struct of_header *header, size_t size, const struct of_decode_context *context,
                        struct of_error *error)
{
    if (header->length != size) {
        return of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_LEN, "length %u of %zu bytes", header->length, size);
    }
    if (!version_is_right(header, context)) {
        return of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_VERSION, "version %u", header->version);
    }
    return 0;
}

/* What the message is called: by its number, or by the experimenter's number behind the header, which is then stepped over. */
static int name_message(const struct of_header *header, struct of_decoding *d, struct of_message *message)
{
    struct reader ahead = d->body;
    uint8_t version = header->type == OF_HELLO ? (uint8_t)OF_VERSION_13 : header->version;

    message->type = of_type_by_number(version, header->type);
    if (message->type == OF_TYPE_COUNT) {
        message->type = OF_HELLO; /* with nothing to free */
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_TYPE, "unknown type %u", header->type);
    }
    if (message->type == OF_EXPERIMENTER) {
        uint32_t experimenter = reader_u32(&ahead);
        uint32_t number = reader_u32(&ahead);
        const struct of_experimenter_row *row =
            ahead.failed ? NULL : of_experimenter_by_number(version, experimenter, number);
        if (row != NULL) {
            message->type = (enum of_type)row->type;
            message->form = row->form;
            d->body = ahead;
        }
    }
    return 0;
}

int of_decode(const uint8_t *bytes, size_t size, const struct of_decode_context *context, struct of_message *out,
              struct of_error *out_error)
{
    struct of_header header;
    struct of_error error; /* without its text, which takes as long to clear as a field to read */
    struct of_message message;

    error.number = OF_ERROR_NONE;
    error.detail.text[0] = '\0';
    memset(&message, 0, sizeof message);
    int err = of_header_read(bytes, size, &header);
    if (err != 0) {
        err = of_refuse(&error, OF_ERROR_BAD_REQUEST_BAD_LEN, "shorter than a header");
    } else {
        err = check_header(&header, size, context, &error);
    }
    if (err != 0) {
        *out_error = error;
        return err;
    }
    struct of_decoding d = {.body = reader_of(bytes + OF_HEADER_SIZE, size - OF_HEADER_SIZE),
                            .version = header.version,
                            .n_tables = context->n_tables,
                            .has_table_id = context->has_table_id,
                            .error = &error};
    message.version = header.version;
    message.xid = header.xid;
    err = name_message(&header, &d, &message);
    if (err == 0) {
        err = codecs[message.type].decode(&d, &message);
    }
    if (err == 0 && reader_finish(&d.body) != 0) {
        err = of_refuse(&error, OF_ERROR_BAD_REQUEST_BAD_LEN, "%s: wrong length %zu", of_type_name((uint8_t)message.type), size);
    }
    if (err != 0) {
        of_message_fini(&message);
        *out_error = error;
        return err;
    }
    *out = message;
    return 0;
}

int of_encode(const struct of_message *message, struct writer *out)
{
    struct of_message lent = *message;
    uint8_t number = of_type_number(message->version, message->type);
    const struct of_experimenter_row *row = NULL;

    if (message->form != OF_FORM_STANDARD || number == OF_NUMBER_NONE) {
        row = of_experimenter_of(message->version, message->type, message->form);
        if (row == NULL) {
            return -ERROR_UNSUPPORTED;
        }
        lent.form = row->form;
        number = OF_EXPERIMENTER;
    }
    size_t begin = of_begin(out, message->version, number, message->xid);
    if (row != NULL) {
        writer_u32(out, row->experimenter);
        writer_u32(out, row->number);
    }
    codecs[message->type].encode(&lent, out);
    return of_end(out, begin);
}

void of_message_fini(struct of_message *message)
{
    switch (message->type) {
    case OF_PACKET_OUT:
        action_list_fini(&message->packet_out.actions);
        return;
    case OF_FLOW_MOD:
        flow_mod_fini(&message->flow_mod);
        return;
    case OF_GROUP_MOD:
        group_fini(&message->group_mod.group);
        return;
    case OF_METER_MOD:
        meter_fini(&message->meter_mod.meter);
        return;
    case OF_FEATURES_REPLY:
        free(message->features.ports);
        message->features.ports = NULL;
        message->features.n_ports = 0;
        return;
    case OF_MULTIPART_REQUEST:
        if (message->multipart_request.type == OF_MULTIPART_FLOW_MONITOR) {
            free(message->multipart_request.monitors.items);
            message->multipart_request.monitors.items = NULL;
            message->multipart_request.monitors.count = 0;
        }
        return;
    case OF_QUEUE_GET_CONFIG_REPLY:
        free(message->queue_config_reply.queues);
        message->queue_config_reply.queues = NULL;
        message->queue_config_reply.n_queues = 0;
        return;
    case OF_HELLO:
    case OF_ERROR:
    case OF_ECHO_REQUEST:
    case OF_ECHO_REPLY:
    case OF_EXPERIMENTER:
    case OF_FEATURES_REQUEST:
    case OF_GET_CONFIG_REQUEST:
    case OF_GET_CONFIG_REPLY:
    case OF_SET_CONFIG:
    case OF_PACKET_IN:
    case OF_FLOW_REMOVED:
    case OF_PORT_STATUS:
    case OF_PORT_MOD:
    case OF_TABLE_MOD:
    case OF_MULTIPART_REPLY:
    case OF_BARRIER_REQUEST:
    case OF_BARRIER_REPLY:
    case OF_QUEUE_GET_CONFIG_REQUEST:
    case OF_ROLE_REQUEST:
    case OF_ROLE_REPLY:
    case OF_GET_ASYNC_REQUEST:
    case OF_GET_ASYNC_REPLY:
    case OF_SET_ASYNC:
    case OF_ROLE_STATUS:
    case OF_TABLE_STATUS:
    case OF_REQUESTFORWARD:
    case OF_BUNDLE_CONTROL:
    case OF_BUNDLE_ADD:
    case OF_SET_FLOW_FORMAT:
    case OF_FLOW_MOD_TABLE_ID:
    case OF_SET_PACKET_IN_FORMAT:
    case OF_FLOW_AGE:
    case OF_SET_CONTROLLER_ID:
    case OF_FLOW_MONITOR_CANCEL:
    case OF_FLOW_MONITOR_PAUSED:
    case OF_FLOW_MONITOR_RESUMED:
    case OF_RESUME:
    case OF_TYPE_COUNT:
        return;
    }
}

void of_encode_error(struct writer *out, uint8_t version, enum of_error_number number, const uint8_t *request,
                     size_t request_size)
{
    enum { ERROR_HEAD_MAX = OF_HEADER_SIZE + 12 };
    struct of_header header = {.xid = 0};
    size_t room = OF_MESSAGE_MAX - ERROR_HEAD_MAX;

    if (of_header_read(request, request_size, &header) != 0) {
        header.xid = 0;
    }
    struct of_message message = {
        .version = version,
        .type = OF_ERROR,
        .xid = header.xid,
        .error = {.number = number, .data = request, .data_size = request_size < room ? request_size : room},
    };
    size_t begin = of_begin(out, version, OF_ERROR, header.xid);
    of_error_encode(&message, out);
    writer_patch_u16(out, begin + 2, (uint16_t)(out->size - begin));
}
