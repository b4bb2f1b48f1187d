/* OXS, OpenFlow 1.5's extensible statistics [OF1.5.1 7.2.4.1]:
 *
 *     reserved(2) length(2), then for each: class(2) = 0x8002 field<<1(1) length(1) value; zeroes up to a multiple of eight
 *
 * Fields that are not known are stepped over, as what is not given is not known either. Any thread, no state, constant cost.
 * Invariant: the list is read within its own length.
 */
#include "lib/openflow/of_stats15.h"

#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"

enum { CLASS_BASIC = 0x8002, STAT_DURATION = 0, STAT_IDLE_TIME = 1, STAT_FLOW_COUNT = 3, STAT_PACKET_COUNT = 4, STAT_BYTE_COUNT = 5 };

struct stats {
    uint64_t duration_ns, idle_ns, n_packets, n_bytes;
    uint32_t n_flows;
};

static size_t begin_list(struct writer *w)
{
    size_t begin = w->size;

    writer_u16(w, 0);
    writer_u16(w, 0);
    return begin;
}

static void end_list(struct writer *w, size_t begin)
{
    size_t length = w->size - begin;

    writer_patch_u16(w, begin + 2, (uint16_t)length);
    writer_pad(w, (8 - length % 8) % 8);
}

static void put_head(struct writer *w, unsigned field, uint8_t size)
{
    writer_u16(w, CLASS_BASIC);
    writer_u8(w, (uint8_t)(field << 1));
    writer_u8(w, size);
}

static void put_time(struct writer *w, unsigned field, uint64_t ns)
{
    put_head(w, field, 8);
    of_put_duration(w, ns);
}

static void put_count(struct writer *w, unsigned field, uint64_t count)
{
    put_head(w, field, 8);
    writer_u64(w, count);
}

static void get_stat(struct reader *value, unsigned field, size_t size, struct stats *stats)
{
    if (field == STAT_DURATION && size == 8) {
        stats->duration_ns = of_get_duration(value);
    } else if (field == STAT_IDLE_TIME && size == 8) {
        stats->idle_ns = of_get_duration(value);
    } else if (field == STAT_PACKET_COUNT && size == 8) {
        stats->n_packets = reader_u64(value);
    } else if (field == STAT_BYTE_COUNT && size == 8) {
        stats->n_bytes = reader_u64(value);
    } else if (field == STAT_FLOW_COUNT && size == 4) {
        stats->n_flows = reader_u32(value);
    }
}

static int get_list(struct reader *r, struct stats *out)
{
    reader_skip(r, 2);
    uint16_t length = reader_u16(r);

    *out = (struct stats){.n_flows = 0};
    if (r->failed || length < 4 || reader_left(r) < length - 4u) {
        return -ERROR_TRUNCATED;
    }
    struct reader list = reader_sub(r, length - 4u);
    reader_skip(r, (8u - length % 8) % 8);
    while (reader_left(&list) > 0) {
        uint16_t oxs_class = reader_u16(&list);
        unsigned field = reader_u8(&list) >> 1;
        size_t size = reader_u8(&list);
        struct reader value = reader_sub(&list, size);
        if (list.failed) {
            return -ERROR_TRUNCATED;
        }
        if (oxs_class == CLASS_BASIC) {
            get_stat(&value, field, size, out);
        }
    }
    return r->failed ? -ERROR_TRUNCATED : 0;
}

void of_stats15_put_flow(struct writer *w, const struct rule *rule, const struct rule_stats *stats)
{
    writer_u16(w, 0);
    writer_pad(w, 2);
    writer_u8(w, rule->table);
    writer_pad(w, 1);
    writer_u16(w, rule->priority);
    writer_u16(w, rule->idle_timeout_s);
    writer_u16(w, rule->hard_timeout_s);
    writer_u16(w, rule->flags);
    writer_u16(w, rule->importance);
    writer_u64(w, rule->cookie);
    of_match_encode(w, OF_VERSION_15, &rule->match);
    size_t begin = begin_list(w);
    put_time(w, STAT_DURATION, stats->duration_ns);
    put_time(w, STAT_IDLE_TIME, stats->idle_ns);
    put_count(w, STAT_PACKET_COUNT, stats->n_packets);
    put_count(w, STAT_BYTE_COUNT, stats->n_bytes);
    end_list(w, begin);
    of_instructions_encode(w, OF_VERSION_15, &rule->instructions);
}

int of_stats15_get_flow(struct reader *item, struct rule *rule, struct rule_stats *stats)
{
    struct stats list;

    reader_skip(item, 2);
    rule->table = reader_u8(item);
    reader_skip(item, 1);
    rule->priority = reader_u16(item);
    rule->idle_timeout_s = reader_u16(item);
    rule->hard_timeout_s = reader_u16(item);
    rule->flags = reader_u16(item);
    rule->importance = reader_u16(item);
    rule->cookie = reader_u64(item);
    int err = item->failed ? -ERROR_TRUNCATED : of_match_decode(item, &rule->match, NULL);
    if (err == 0) {
        err = get_list(item, &list);
    }
    if (err != 0) {
        return err;
    }
    *stats = (struct rule_stats){
        .duration_ns = list.duration_ns, .idle_ns = list.idle_ns, .n_packets = list.n_packets, .n_bytes = list.n_bytes};
    return 0;
}

void of_stats15_put_removed(struct writer *w, const struct of_flow_removed *removed)
{
    writer_u8(w, removed->table);
    writer_u8(w, removed->reason);
    writer_u16(w, removed->priority);
    writer_u16(w, removed->idle_timeout_s);
    writer_u16(w, removed->hard_timeout_s);
    writer_u64(w, removed->cookie);
    of_match_encode(w, OF_VERSION_15, &removed->match);
    size_t begin = begin_list(w);
    put_time(w, STAT_DURATION, removed->duration_ns);
    put_count(w, STAT_PACKET_COUNT, removed->n_packets);
    put_count(w, STAT_BYTE_COUNT, removed->n_bytes);
    end_list(w, begin);
}

int of_stats15_get_removed(struct reader *r, struct of_flow_removed *out, struct of_error *error)
{
    struct stats list;

    out->table = reader_u8(r);
    out->reason = reader_u8(r);
    out->priority = reader_u16(r);
    out->idle_timeout_s = reader_u16(r);
    out->hard_timeout_s = reader_u16(r);
    out->cookie = reader_u64(r);
    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_LEN, "flow_removed: too short");
    }
    int err = of_match_decode(r, &out->match, error);
    if (err == 0 && get_list(r, &list) != 0) {
        err = of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_LEN, "flow_removed: statistics of the wrong length");
    }
    if (err != 0) {
        return err;
    }
    out->duration_ns = list.duration_ns;
    out->n_packets = list.n_packets;
    out->n_bytes = list.n_bytes;
    return 0;
}

void of_stats15_put_aggregate(struct writer *w, const struct of_aggregate *aggregate)
{
    size_t begin = begin_list(w);

    put_count(w, STAT_PACKET_COUNT, aggregate->n_packets);
    put_count(w, STAT_BYTE_COUNT, aggregate->n_bytes);
    put_head(w, STAT_FLOW_COUNT, 4);
    writer_u32(w, aggregate->n_flows);
    end_list(w, begin);
}

int of_stats15_get_aggregate(struct reader *r, struct of_aggregate *out)
{
    struct stats list;
    int err = get_list(r, &list);

    if (err != 0) {
        return err;
    }
    *out = (struct of_aggregate){.n_packets = list.n_packets, .n_bytes = list.n_bytes, .n_flows = list.n_flows};
    return 0;
}
