/* OpenFlow 1.5's buckets, which have numbers and properties, and the property by which a select group says how it chooses [OF1.5.1 7.3.4.3].
 *
 *     bucket: length(2) actions_length(2) bucket_id(4), actions, properties: weight 0, watch_port 1, watch_group 2
 *     selection: 0xffff(2) length(2) 0x0000154d(4) 1(4) pad(4) method(16) parameter(8), then the fields as OXM whose values are their masks
 * The selection is Netronome's extension, which Open vSwitch speaks. Any thread, no state, linear cost.
 * Invariant: a bucket is read within its own length.
 */
#include "lib/openflow/of_group15.h"

#include <stdio.h>

#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"

enum {
    BUCKET_SIZE = 8,
    BUCKET_WEIGHT = 0,
    BUCKET_WATCH_PORT = 1,
    BUCKET_WATCH_GROUP = 2,
    SELECTION_METHOD = 1,
    METHOD_SIZE = 16
};

static const char *const methods[GROUP_SELECTION_COUNT] = {
    [GROUP_SELECTION_DEFAULT] = "", [GROUP_SELECTION_HASH] = "hash", [GROUP_SELECTION_DP_HASH] = "dp_hash"};

static int get_bucket_property(struct reader *r, struct bucket *bucket, struct of_error *error)
{
    struct of_property property;
    int err = of_property_get(r, &property, error);

    if (err != 0) {
        return err;
    }
    switch (property.type) {
    case BUCKET_WEIGHT:
        bucket->weight = reader_u16(&property.body);
        reader_skip(&property.body, 2);
        break;
    case BUCKET_WATCH_PORT:
        bucket->watch_port = reader_u32(&property.body);
        if (!of_port_is_possible(bucket->watch_port)) {
            return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_BAD_WATCH, "bucket: watch_port %u", bucket->watch_port);
        }
        break;
    case BUCKET_WATCH_GROUP:
        bucket->watch_group = reader_u32(&property.body);
        break;
    default:
        return of_property_unknown(&property, error);
    }
    return of_property_finish(&property, error);
}

int of_group15_get_bucket(struct reader *r, uint8_t version, enum group_type type, struct bucket *bucket, struct of_error *error)
{
    uint16_t length = reader_u16(r);
    uint16_t actions_size = reader_u16(r);

    *bucket = (struct bucket){.bucket_id = reader_u32(r),
                              .weight = type == GROUP_TYPE_SELECT,
                              .watch_port = PORT_ANY,
                              .watch_group = GROUP_ANY};
    if (r->failed || length < BUCKET_SIZE || length % 8 != 0 || reader_left(r) < length - (unsigned)BUCKET_SIZE ||
        actions_size > length - BUCKET_SIZE) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET, "bucket: length %u", length);
    }
    if (bucket->bucket_id > BUCKET_ID_MAX) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET, "bucket: number %u", bucket->bucket_id);
    }
    struct reader body = reader_sub(r, length - (unsigned)BUCKET_SIZE);
    struct reader actions = reader_sub(&body, actions_size);
    int err = of_actions_decode(&actions, version, &bucket->actions, error);
    while (err == 0 && reader_left(&body) > 0) {
        err = get_bucket_property(&body, bucket, error);
    }
    return err != 0 ? err : of_actions_check(&bucket->actions, version, NULL, error);
}

static void put_u32(struct writer *w, uint16_t type, uint32_t number)
{
    size_t begin = of_property_begin(w, type);

    writer_u32(w, number);
    of_property_end(w, begin);
}

void of_group15_put_bucket(struct writer *w, uint8_t version, enum group_type type, const struct bucket *bucket)
{
    size_t begin = w->size;

    writer_u16(w, 0);
    writer_u16(w, 0);
    writer_u32(w, bucket->bucket_id);
    of_actions_encode(w, version, &bucket->actions);
    writer_patch_u16(w, begin + 2, (uint16_t)(w->size - begin - BUCKET_SIZE));
    if (type == GROUP_TYPE_SELECT || bucket->weight != 0) {
        size_t property = of_property_begin(w, BUCKET_WEIGHT);
        writer_u16(w, bucket->weight);
        writer_pad(w, 2);
        of_property_end(w, property);
    }
    if (bucket->watch_port != PORT_ANY) {
        put_u32(w, BUCKET_WATCH_PORT, bucket->watch_port);
    }
    if (bucket->watch_group != GROUP_ANY) {
        put_u32(w, BUCKET_WATCH_GROUP, bucket->watch_group);
    }
    writer_patch_u16(w, begin, (uint16_t)(w->size - begin));
}

static int get_fields(struct reader *r, struct group *group, struct of_error *error)
{
    while (reader_left(r) > 0) {
        struct of_oxm oxm;
        if (of_oxm_decode(r, &oxm, NULL) != 0 || oxm.has_mask || group->n_fields >= GROUP_HASH_FIELDS_MAX ||
            group->selection != GROUP_SELECTION_HASH) {
            return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_VALUE, "selection: wrong fields");
        }
        group->fields[group->n_fields++] = (struct group_hash_field){.field = oxm.field, .mask = oxm.value};
    }
    return 0;
}

static int get_selection(struct reader *r, struct group *group, struct of_error *error)
{
    char method[METHOD_SIZE];

    reader_skip(r, 4);
    of_get_text(r, method, sizeof method);
    group->selection_param = reader_u64(r);
    if (r->failed) {
        return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_LEN, "selection: too short");
    }
    if (group->type != GROUP_TYPE_SELECT) {
        return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_VALUE, "selection: is for groups of type select");
    }
    for (size_t i = GROUP_SELECTION_HASH; i < GROUP_SELECTION_COUNT; i++) {
        if (strcmp(method, methods[i]) == 0) {
            group->selection = (enum group_selection)i;
            return get_fields(r, group, error);
        }
    }
    return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_VALUE, "selection: unknown method");
}

int of_group15_get_properties(struct reader *r, struct group *group, struct of_error *error)
{
    while (reader_left(r) > 0) {
        struct of_property property;
        int err = of_property_get(r, &property, error);
        if (err != 0) {
            return err;
        }
        if (property.type != 0xffff || reader_u32(&property.body) != OF_EXPERIMENTER_NTR) {
            return of_property_unknown(&property, error);
        }
        if (reader_u32(&property.body) != SELECTION_METHOD) {
            return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_EXP_TYPE, "group: unknown property of its experimenter");
        }
        if (group->selection != GROUP_SELECTION_DEFAULT) {
            return of_refuse(error, OF_ERROR_BAD_PROPERTY_DUP_TYPE, "selection: given twice");
        }
        err = get_selection(&property.body, group, error);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

void of_group15_put_properties(struct writer *w, const struct group *group)
{
    char method[METHOD_SIZE] = "";

    if (group->selection == GROUP_SELECTION_DEFAULT) {
        return;
    }
    size_t begin = of_property_begin(w, 0xffff);
    writer_u32(w, OF_EXPERIMENTER_NTR);
    writer_u32(w, SELECTION_METHOD);
    writer_pad(w, 4);
    (void)snprintf(method, sizeof method, "%s", methods[group->selection]);
    of_put_text(w, method, sizeof method);
    writer_u64(w, group->selection_param);
    for (size_t i = 0; i < group->n_fields; i++) {
        of_oxm_encode(w, OF_VERSION_15, group->fields[i].field, group->fields[i].mask, NULL);
    }
    of_property_end(w, begin);
}
