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
#define OF_MESSAGE(name, number, codec_name)                                                                                   \
    [OF_##name] = {.decode = of_##codec_name##_decode, .encode = of_##codec_name##_encode},
#include "lib/openflow/messages.def"
#undef OF_MESSAGE
};

static bool is_known_type(uint8_t type)
{
    return type < sizeof codecs / sizeof codecs[0] && codecs[type].decode != NULL;
}

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
    if (!is_known_type(header->type)) {
        return of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_TYPE, "unknown type %u", header->type);
    }
    return 0;
}

int of_decode(const uint8_t *bytes, size_t size, const struct of_decode_context *context, struct of_message *out,
              struct of_error *out_error)
{
    struct of_header header;
    struct of_error error = {.number = OF_ERROR_NONE};
    struct of_message message;

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
                            .error = &error};
    message.version = header.version;
    message.type = (enum of_type)header.type;
    message.xid = header.xid;
    err = codecs[header.type].decode(&d, &message);
    if (err == 0 && reader_finish(&d.body) != 0) {
        err = of_refuse(&error, OF_ERROR_BAD_REQUEST_BAD_LEN, "%s: wrong length %zu", of_type_name(header.type), size);
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
    size_t begin = of_begin(out, message->version, (uint8_t)message->type, message->xid);

    codecs[message->type].encode(message, out);
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
    case OF_FEATURES_REPLY:
    case OF_GET_CONFIG_REQUEST:
    case OF_GET_CONFIG_REPLY:
    case OF_SET_CONFIG:
    case OF_PACKET_IN:
    case OF_FLOW_REMOVED:
    case OF_PORT_STATUS:
    case OF_PORT_MOD:
    case OF_TABLE_MOD:
    case OF_MULTIPART_REQUEST:
    case OF_MULTIPART_REPLY:
    case OF_BARRIER_REQUEST:
    case OF_BARRIER_REPLY:
    case OF_QUEUE_GET_CONFIG_REQUEST:
    case OF_ROLE_REQUEST:
    case OF_ROLE_REPLY:
    case OF_GET_ASYNC_REQUEST:
    case OF_GET_ASYNC_REPLY:
    case OF_SET_ASYNC:
        return;
    }
}

void of_encode_error(struct writer *out, uint8_t version, enum of_error_number number, const uint8_t *request,
                     size_t request_size)
{
    enum { ERROR_HEAD_MAX = OF_HEADER_SIZE + 8 };
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
