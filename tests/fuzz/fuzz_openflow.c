/* OpenFlow bytes: any input is refused with an error, or is a message; then it is written and read again as the same message.
 *
 * The input is a stream: framed by of_stream, each message decoded; replies of statistics are read item by item.
 */
#include <stdlib.h>

#include "lib/openflow/of_multipart.h"
#include "lib/openflow/of_stream.h"
#include "tests/oracle/openflow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct of_decode_context context = {.version = OF_VERSION_13, .n_tables = TABLE_COUNT};

static void read_flow_stats(const struct of_multipart_reply *reply)
{
    struct reader r = reader_of(reply->data, reply->data_size);
    struct rule rule;
    struct rule_stats stats;

    while (reader_left(&r) > 0 && of_flow_stats_decode(&r, &rule, &stats) == 0) {
        char *text = rule_format(&rule, &stats, NULL);
        free(text);
        rule_fini(&rule);
    }
}

static void read_groups_and_meters(const struct of_multipart_reply *reply)
{
    struct reader r = reader_of(reply->data, reply->data_size);
    struct group group;
    struct meter meter;
    struct of_group_stats group_stats;
    struct of_meter_stats meter_stats;

    if (reply->type == OF_MULTIPART_GROUP_DESC && of_group_desc_decode(&r, &group) == 0) {
        group_fini(&group);
    } else if (reply->type == OF_MULTIPART_METER_CONFIG && of_meter_config_decode(&r, &meter) == 0) {
        meter_fini(&meter);
    } else if (reply->type == OF_MULTIPART_GROUP && of_group_stats_decode(&r, &group_stats) == 0) {
        of_group_stats_fini(&group_stats);
    } else if (reply->type == OF_MULTIPART_METER && of_meter_stats_decode(&r, &meter_stats) == 0) {
        of_meter_stats_fini(&meter_stats);
    }
}

static void check_message(const uint8_t *bytes, size_t size)
{
    struct of_message message, again;
    struct of_error error = {.number = OF_ERROR_NONE};
    struct writer w;

    if (of_decode(bytes, size, &context, &message, &error) != 0) {
        if (error.number == OF_ERROR_NONE || error.detail.text[0] == '\0') {
            abort();
        }
        return;
    }
    if (message.type == OF_MULTIPART_REPLY && message.multipart_reply.type == OF_MULTIPART_FLOW) {
        read_flow_stats(&message.multipart_reply);
    } else if (message.type == OF_MULTIPART_REPLY) {
        read_groups_and_meters(&message.multipart_reply);
    }
    writer_init(&w);
    if (of_encode(&message, &w) == 0) { /* a message of nearly 64 KiB may be longer when written in our order */
        if (of_decode(w.bytes, w.size, &context, &again, &error) != 0 || !openflow_messages_equal(&message, &again)) {
            abort();
        }
        of_message_fini(&again);
    }
    writer_fini(&w);
    of_message_fini(&message);
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
