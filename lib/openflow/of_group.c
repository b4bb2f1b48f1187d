/* Codecs of groups: group_mod, description, statistics, features [OF1.3.5 A.3.4.2, A.3.5.9 to A.3.5.11].
 *
 * A group_mod is checked as Open vSwitch does: a weight only in select, watching in fast failover, one bucket in indirect. The packets of a
 * group are not known, so its actions are checked only for ports and groups that cannot exist. 1.0 has groups as Nicira's messages: the layout
 * is that of 1.5 with the actions of the version. Any thread, no state, linear cost.
 * Invariant: a bucket is read within its own length, and what was read of a refused group is freed.
 */
#include "lib/base/memory.h"
#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_actions10.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_group15.h"
#include "lib/openflow/of_multipart.h"

#include <stdlib.h>

enum { BUCKET_SIZE = 16, GROUP_DESC_SIZE = 8, GROUP_STATS_SIZE = 40, BUCKET_STATS_SIZE = 16 };

/* Which layout: that of 1.5, with numbers of buckets, or that of 1.3? Nicira's messages have the first one in any version. */
static bool has_numbers(uint8_t version, enum of_form form)
{
    return version >= OF_VERSION_15 || version == OF_VERSION_10 || form == OF_FORM_NICIRA;
}

static int get_bucket(struct reader *r, uint8_t version, enum of_form form, enum group_type type, struct bucket *bucket,
                      struct of_error *error)
{
    if (has_numbers(version, form)) {
        return of_group15_get_bucket(r, version, type, bucket, error);
    }
    uint16_t length = reader_u16(r);

    *bucket = (struct bucket){.bucket_id = BUCKET_ALL /* 1.3 has no number for it */, .weight = reader_u16(r)};
    bucket->watch_port = reader_u32(r);
    bucket->watch_group = reader_u32(r);
    reader_skip(r, 4);
    if (r->failed || length < BUCKET_SIZE || reader_left(r) < length - (unsigned)BUCKET_SIZE) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET, "bucket: length %u", length);
    }
    if (!of_port_is_possible(bucket->watch_port)) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_BAD_WATCH, "bucket: watch_port %u", bucket->watch_port);
    }
    struct reader actions = reader_sub(r, length - (unsigned)BUCKET_SIZE);
    int err = of_actions_decode(&actions, version, &bucket->actions, error);
    return err != 0 ? err : of_actions_check(&bucket->actions, version, NULL, error);
}

/* Buckets to the end of `r`, into the group, which is the caller's to finish in any case. */
static int get_buckets(struct reader *r, uint8_t version, enum of_form form, struct group *group, struct of_error *error)
{
    while (reader_left(r) > 0) {
        struct bucket bucket;
        int err = get_bucket(r, version, form, group->type, &bucket, error);
        if (err != 0) {
            action_list_fini(&bucket.actions);
            return err;
        }
        group->buckets = memory_resize(group->buckets, (group->n_buckets + 1) * sizeof *group->buckets);
        group->buckets[group->n_buckets++] = bucket;
    }
    return 0;
}

static void put_buckets(struct writer *w, uint8_t version, enum of_form form, const struct group *group)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        const struct bucket *bucket = &group->buckets[i];
        if (has_numbers(version, form)) {
            of_group15_put_bucket(w, version, group->type, bucket);
            continue;
        }
        size_t begin = w->size;
        writer_u16(w, 0);
        writer_u16(w, bucket->weight);
        writer_u32(w, bucket->watch_port);
        writer_u32(w, bucket->watch_group);
        writer_pad(w, 4);
        of_actions_encode(w, version, &bucket->actions);
        writer_patch_u16(w, begin, (uint16_t)(w->size - begin));
    }
}

static int check_bucket(const struct group *group, const struct bucket *bucket, struct of_error *error)
{
    bool watches = bucket->watch_port != PORT_ANY || bucket->watch_group != GROUP_ANY;

    if (group->type != GROUP_TYPE_SELECT && bucket->weight != 0) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP, "only buckets of select groups have a weight");
    }
    if (group->type == GROUP_TYPE_FF && !watches) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP, "buckets of fast failover groups watch something");
    }
    if ((group->type == GROUP_TYPE_ALL || group->type == GROUP_TYPE_INDIRECT) && watches) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_WATCH_UNSUPPORTED, "this type of group watches nothing");
    }
    return 0;
}

static int check_group(const struct of_group_mod *mod, struct of_error *error)
{
    const struct group *group = &mod->group;
    bool is_delete = mod->command == OF_GROUP_DELETE;
    bool is_part = mod->command == OF_GROUP_INSERT_BUCKET || mod->command == OF_GROUP_REMOVE_BUCKET;

    if (group->group_id > GROUP_MAX && !is_delete) { /* to delete what cannot be is no error */
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP, "group id %u", group->group_id);
    }
    if (is_delete) {
        return group->n_buckets == 0 ? 0
                                     : of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP, "a deletion has no buckets");
    }
    if (group->type == GROUP_TYPE_INDIRECT && group->n_buckets != 1 && !is_part) {
        return of_refuse(error, OF_ERROR_GROUP_MOD_FAILED_INVALID_GROUP, "an indirect group has one bucket");
    }
    for (size_t i = 0; i < group->n_buckets && !is_part; i++) { /* a part's type is that of the group it is added to */
        int err = check_bucket(group, &group->buckets[i], error);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static bool command_is_known(uint8_t version, enum of_form form, uint16_t command)
{
    bool is_part = command == OF_GROUP_INSERT_BUCKET || command == OF_GROUP_REMOVE_BUCKET;

    return command <= OF_GROUP_DELETE || command == OF_GROUP_ADD_OR_MODIFY || (has_numbers(version, form) && is_part);
}

/* bucket_array_len(2) pad(2) command_bucket_id(4), buckets, properties [OF1.5.1 7.3.4.3]. */
static int get_body15(struct of_decoding *d, struct of_group_mod *mod, uint16_t command)
{
    uint16_t buckets_size = reader_u16(&d->body);

    reader_skip(&d->body, 2);
    mod->command_bucket_id = reader_u32(&d->body);
    if (d->body.failed || buckets_size > reader_left(&d->body)) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "group_mod: buckets of %u bytes", buckets_size);
    }
    uint32_t id = mod->command_bucket_id;
    bool is_place = id <= BUCKET_ID_MAX || id == BUCKET_FIRST || id == BUCKET_LAST;
    bool is_right = command == OF_GROUP_INSERT_BUCKET   ? is_place
                    : command == OF_GROUP_REMOVE_BUCKET ? is_place || id == BUCKET_ALL
                                                        : id == BUCKET_ALL;
    if (!is_right) {
        return of_refuse(d->error, OF_ERROR_GROUP_MOD_FAILED_BAD_BUCKET, "group_mod: command_bucket_id 0x%x", id);
    }
    struct reader buckets = reader_sub(&d->body, buckets_size);
    int err = get_buckets(&buckets, d->version, OF_FORM_NICIRA, &mod->group, d->error);
    return err == 0 ? of_group15_get_properties(&d->body, &mod->group, d->error) : err;
}

int of_group_mod_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_group_mod *mod = &out->group_mod;
    uint16_t command = reader_u16(&d->body);
    uint8_t type = reader_u8(&d->body);

    reader_skip(&d->body, 1);
    mod->group.group_id = reader_u32(&d->body);
    mod->command_bucket_id = BUCKET_ALL;
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "group_mod: too short");
    }
    if (type > GROUP_TYPE_FF) {
        return of_refuse(d->error, OF_ERROR_GROUP_MOD_FAILED_BAD_TYPE, "unknown group type %u", type);
    }
    mod->command = command_is_known(d->version, out->form, command) ? (enum of_group_command)command : OF_GROUP_ADD;
    mod->group.type = (enum group_type)type;
    int err = of_check_units(d);
    if (err == 0) {
        err = has_numbers(d->version, out->form) ? get_body15(d, mod, command)
                                                 : get_buckets(&d->body, d->version, out->form, &mod->group, d->error);
    }
    if (err == 0) {
        err = check_group(mod, d->error);
    }
    if (err == 0 && !command_is_known(d->version, out->form, command)) {
        err = of_refuse(d->error, OF_ERROR_GROUP_MOD_FAILED_BAD_COMMAND, "unknown command %u", command);
    }
    return err;
}

void of_group_mod_encode(const struct of_message *message, struct writer *w)
{
    const struct of_group_mod *mod = &message->group_mod;

    writer_u16(w, (uint16_t)mod->command);
    writer_u8(w, (uint8_t)mod->group.type);
    writer_pad(w, 1);
    writer_u32(w, mod->group.group_id);
    if (!has_numbers(message->version, message->form)) {
        put_buckets(w, message->version, message->form, &mod->group);
        return;
    }
    size_t size_at = w->size;
    writer_u16(w, 0);
    writer_pad(w, 2);
    writer_u32(w, mod->command_bucket_id);
    size_t begin = w->size;
    put_buckets(w, message->version, message->form, &mod->group);
    writer_patch_u16(w, size_at, (uint16_t)(w->size - begin));
    of_group15_put_properties(w, &mod->group);
}

int of_group_desc_encode(struct of_multipart *mp, const struct group *group)
{
    of_multipart_item_begin(mp);
    writer_u16(mp->out, 0);
    writer_u8(mp->out, (uint8_t)group->type);
    writer_pad(mp->out, 1);
    writer_u32(mp->out, group->group_id);
    size_t size_at = mp->out->size;
    if (has_numbers(mp->version, mp->form)) {
        writer_u16(mp->out, 0);
        writer_pad(mp->out, 6);
    }
    size_t begin = mp->out->size;
    put_buckets(mp->out, mp->version, mp->form, group);
    if (has_numbers(mp->version, mp->form)) {
        writer_patch_u16(mp->out, size_at, (uint16_t)(mp->out->size - begin));
        of_group15_put_properties(mp->out, group);
    }
    writer_patch_u16(mp->out, mp->item_begin, (uint16_t)(mp->out->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

static int get_desc15(struct reader *item, uint8_t version, struct group *group)
{
    uint16_t buckets_size = reader_u16(item);

    reader_skip(item, 6);
    if (item->failed || buckets_size > reader_left(item)) {
        return -ERROR_TRUNCATED;
    }
    struct reader buckets = reader_sub(item, buckets_size);
    int err = get_buckets(&buckets, version, OF_FORM_NICIRA, group, NULL);
    return err == 0 ? of_group15_get_properties(item, group, NULL) : err;
}

int of_group_desc_decode(struct reader *r, uint8_t version, struct group *out)
{
    struct group group = {.buckets = NULL};
    uint16_t length = reader_u16(r);

    if (r->failed || length < GROUP_DESC_SIZE || reader_left(r) < length - 2u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 2u);
    uint8_t type = reader_u8(&item);
    reader_skip(&item, 1);
    group.group_id = reader_u32(&item);
    group.type = (enum group_type)type;
    int err = type > GROUP_TYPE_FF ? -ERROR_RANGE : 0;
    if (err == 0) {
        err = has_numbers(version, OF_FORM_STANDARD) ? get_desc15(&item, version, &group)
                                               : get_buckets(&item, version, OF_FORM_STANDARD, &group, NULL);
    }
    if (err != 0) {
        group_fini(&group);
        return err;
    }
    *out = group;
    return 0;
}

int of_group_stats_encode(struct of_multipart *mp, const struct of_group_stats *stats)
{
    struct writer *w = mp->out;

    of_multipart_item_begin(mp);
    writer_u16(w, 0);
    writer_pad(w, 2);
    writer_u32(w, stats->group_id);
    writer_u32(w, stats->ref_count);
    writer_pad(w, 4);
    writer_u64(w, stats->n_packets);
    writer_u64(w, stats->n_bytes);
    of_put_duration(w, stats->duration_ns);
    for (size_t i = 0; i < stats->n_buckets; i++) {
        writer_u64(w, stats->buckets[i].n_packets);
        writer_u64(w, stats->buckets[i].n_bytes);
    }
    writer_patch_u16(w, mp->item_begin, (uint16_t)(w->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

int of_group_stats_decode(struct reader *r, uint8_t version, struct of_group_stats *out)
{
    struct of_group_stats stats = {.buckets = NULL};
    uint16_t length = reader_u16(r);

    if (r->failed || length < GROUP_STATS_SIZE || (length - GROUP_STATS_SIZE) % BUCKET_STATS_SIZE != 0 ||
        reader_left(r) < length - 2u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 2u);
    reader_skip(&item, 2);
    stats.group_id = reader_u32(&item);
    stats.ref_count = reader_u32(&item);
    reader_skip(&item, 4);
    stats.n_packets = reader_u64(&item);
    stats.n_bytes = reader_u64(&item);
    stats.duration_ns = of_get_duration(&item);
    stats.n_buckets = reader_left(&item) / BUCKET_STATS_SIZE;
    stats.buckets = memory_array(stats.n_buckets, sizeof *stats.buckets);
    for (size_t i = 0; i < stats.n_buckets; i++) {
        stats.buckets[i].n_packets = reader_u64(&item);
        stats.buckets[i].n_bytes = reader_u64(&item);
    }
    *out = stats;
    return 0;
}

void of_group_stats_fini(struct of_group_stats *stats)
{
    free(stats->buckets);
    stats->buckets = NULL;
    stats->n_buckets = 0;
}

uint32_t of_group_features_actions(uint8_t version)
{
    return version == OF_VERSION_10 ? of_actions10_supported() : of_actions_supported();
}

int of_group_features_encode(struct of_multipart *mp, const struct of_group_features *features)
{
    of_multipart_item_begin(mp);
    writer_u32(mp->out, features->types);
    writer_u32(mp->out, features->capabilities);
    for (size_t i = 0; i < 4; i++) {
        writer_u32(mp->out, features->max_groups[i]);
    }
    for (size_t i = 0; i < 4; i++) {
        writer_u32(mp->out, features->actions[i]);
    }
    return of_multipart_item_end(mp);
}

int of_group_features_decode(struct reader *r, uint8_t version, struct of_group_features *out)
{
    struct of_group_features features;

    features.types = reader_u32(r);
    features.capabilities = reader_u32(r);
    for (size_t i = 0; i < 4; i++) {
        features.max_groups[i] = reader_u32(r);
    }
    for (size_t i = 0; i < 4; i++) {
        features.actions[i] = reader_u32(r);
    }
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = features;
    return 0;
}
