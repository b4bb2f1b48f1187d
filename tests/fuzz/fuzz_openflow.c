/* OpenFlow bytes: any input is refused with an error, or is a message; then it is written and read again as the same message.
 *
 * The input is a stream: framed by of_stream, each message decoded; replies of statistics are read item by item.
 */
#include <stdlib.h>

#include "lib/openflow/of_multipart.h"
#include "lib/openflow/of_stream.h"
#include "tests/oracle/openflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void read_flow_stats(uint8_t version, const struct of_multipart_reply *reply)
{
    struct reader r = reader_of(reply->data, reply->data_size);
    struct rule rule;
    struct rule_stats stats;

    while (reader_left(&r) > 0 && of_flow_stats_decode(&r, version, reply->form, &rule, &stats) == 0) {
        char *text = rule_format(&rule, &stats, NULL);
        free(text);
        rule_fini(&rule);
    }
}

static void read_groups_and_meters(uint8_t version, const struct of_multipart_reply *reply)
{
    struct reader r = reader_of(reply->data, reply->data_size);
    struct group group;
    struct meter meter;
    struct of_group_stats group_stats;
    struct of_meter_stats meter_stats;
    struct of_flow_update update;
    struct of_port port;
    struct of_port_stats port_stats;
    struct of_queue_config queue;

    if (reply->type == OF_MULTIPART_FLOW_MONITOR && of_flow_update_decode(&r, version, &update) == 0) {
        rule_fini(&update.rule);
    } else if (reply->type == OF_MULTIPART_PORT_DESC) {
        (void)!of_port_desc_decode(&r, version, &port);
    } else if (reply->type == OF_MULTIPART_PORT_STATS) {
        (void)!of_port_stats_decode(&r, version, &port_stats);
    } else if (reply->type == OF_MULTIPART_QUEUE_DESC) {
        (void)!of_queue_desc_decode(&r, &queue);
    }
    if (reply->type == OF_MULTIPART_GROUP_DESC && of_group_desc_decode(&r, version, &group) == 0) {
        group_fini(&group);
    } else if (reply->type == OF_MULTIPART_METER_CONFIG && of_meter_config_decode(&r, version, &meter) == 0) {
        meter_fini(&meter);
    } else if (reply->type == OF_MULTIPART_GROUP && of_group_stats_decode(&r, version, &group_stats) == 0) {
        of_group_stats_fini(&group_stats);
    } else if (reply->type == OF_MULTIPART_METER && of_meter_stats_decode(&r, version, &meter_stats) == 0) {
        of_meter_stats_fini(&meter_stats);
    }
}

/* 1.0 cannot say all that the model means: what was read is said twice, and that is what must come back. */
static bool say_it_once(struct of_message *message, const struct of_decode_context *context, struct writer *w)
{
    struct of_message said;
    struct of_error error;

    if (message->version != OF_VERSION_10) {
        return true;
    }
    if (of_encode(message, w) != 0) {
        return false;
    }
    if (of_decode(w->bytes, w->size, context, &said, &error) != 0) {
        abort();
    }
    of_message_fini(message);
    *message = said;
    return true;
}

static void check_message(const uint8_t *bytes, size_t size)
{
    bool is_ours = bytes[0] < 32 && (OF_VERSIONS >> bytes[0] & 1) != 0;
    struct of_decode_context context = {
        .version = is_ours ? bytes[0] : (uint8_t)OF_VERSION_13, .n_tables = TABLE_COUNT, .has_table_id = true};
    struct of_message message, again;
    struct of_error error = {.number = OF_ERROR_NONE};
    struct writer w, first, second;

    if (of_decode(bytes, size, &context, &message, &error) != 0) {
        if (error.number == OF_ERROR_NONE || error.detail.text[0] == '\0') {
            abort();
        }
        return;
    }
    if (message.type == OF_MULTIPART_REPLY && message.multipart_reply.type == OF_MULTIPART_FLOW) {
        read_flow_stats(message.version, &message.multipart_reply);
    } else if (message.type == OF_MULTIPART_REPLY) {
        read_groups_and_meters(message.version, &message.multipart_reply);
    }
    writer_init(&w);
    writer_init(&first);
    writer_init(&second);
    bool is_said = say_it_once(&message, &context, &first) && say_it_once(&message, &context, &second);
    if (is_said && of_encode(&message, &w) == 0) { /* a message of nearly 64 KiB may be longer when written in our order */
        if (of_decode(w.bytes, w.size, &context, &again, &error) != 0 || !openflow_messages_equal(&message, &again)) {
            abort();
        }
        of_message_fini(&again);
    }
    writer_fini(&w);
    of_message_fini(&message);
    writer_fini(&first);
    writer_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct of_stream stream;
    const uint8_t *bytes = NULL;
    size_t message_size = 0;

    of_stream_init(&stream);
    while (size > 0) {
        uint8_t *room = NULL;
        size_t part = of_stream_room(&stream, &room);
        part = part < size ? part : size;
        memcpy(room, data, part);
        of_stream_received(&stream, part);
        data += part;
        size -= part;
        int next;
        while ((next = of_stream_next(&stream, &bytes, &message_size)) > 0) {
            check_message(bytes, message_size);
        }
        if (next < 0) {
            break;
        }
    }
    of_stream_fini(&stream);
    return 0;
}
