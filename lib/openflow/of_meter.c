/* Codecs of meters: meter_mod, configuration, statistics, features [OF1.3.5 A.3.4.4, A.3.5.12 to A.3.5.14].
 *
 * Both kinds of band that the standard names are read; which of them the switch can do, and how many, is the handler's question.
 * Any thread, no state; cost linear in the bands. Invariant: every band is 16 bytes and says so.
 */
#include "lib/base/memory.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_multipart.h"

#include <stdlib.h>

enum {
    BAND_SIZE = 16,
    METER_CONFIG_SIZE = 8,
    METER_STATS_SIZE = 40,
    BAND_STATS_SIZE = 16,
    FLAGS_KNOWN = METER_KBPS | METER_PKTPS | METER_BURST | METER_STATS
};

static int get_band(struct reader *r, struct meter_band *band, struct of_error *error)
{
    uint16_t type = reader_u16(r);
    uint16_t length = reader_u16(r);

    *band = (struct meter_band){.type = METER_BAND_DROP};
    band->rate = reader_u32(r);
    band->burst_size = reader_u32(r);
    band->prec_level = reader_u8(r);
    reader_skip(r, 3);
    if (r->failed || length != BAND_SIZE) {
        return of_refuse(error, OF_ERROR_BAD_REQUEST_BAD_LEN, "meter band: length %u", length);
    }
    if (type != METER_BAND_DROP && type != METER_BAND_DSCP_REMARK) {
        return of_refuse(error, OF_ERROR_METER_MOD_FAILED_BAD_BAND, "unknown band type %u", type);
    }
    band->type = (enum meter_band_type)type;
    if (band->type == METER_BAND_DROP) {
        band->prec_level = 0;
    }
    return 0;
}

static int get_bands(struct reader *r, struct meter *meter, struct of_error *error)
{
    while (reader_left(r) > 0) {
        struct meter_band band;
        int err = get_band(r, &band, error);
        if (err != 0) {
            return err;
        }
        meter->bands = memory_resize(meter->bands, (meter->n_bands + 1) * sizeof *meter->bands);
        meter->bands[meter->n_bands++] = band;
    }
    return 0;
}

static void put_bands(struct writer *w, const struct meter *meter)
{
    for (size_t i = 0; i < meter->n_bands; i++) {
        const struct meter_band *band = &meter->bands[i];
        writer_u16(w, (uint16_t)band->type);
        writer_u16(w, BAND_SIZE);
        writer_u32(w, band->rate);
        writer_u32(w, band->burst_size);
        writer_u8(w, band->prec_level);
        writer_pad(w, 3);
    }
}

static int check_meter(const struct of_meter_mod *mod, struct of_error *error)
{
    const struct meter *meter = &mod->meter;
    bool is_delete = mod->command == OF_METER_DELETE;
    bool is_special = meter->meter_id == OF_METER_SLOWPATH || meter->meter_id == OF_METER_CONTROLLER ||
                      (meter->meter_id == OF_METER_ALL && is_delete);

    if (meter->meter_id == 0 || (meter->meter_id > OF_METER_ID_MAX && !is_special)) {
        return of_refuse(error, OF_ERROR_METER_MOD_FAILED_INVALID_METER, "meter id %u", meter->meter_id);
    }
    if (is_delete) {
        return 0;
    }
    bool has_both = (meter->flags & METER_KBPS) != 0 && (meter->flags & METER_PKTPS) != 0;
    if (has_both || (meter->flags & ~(unsigned)FLAGS_KNOWN) != 0) {
        return of_refuse(error, OF_ERROR_METER_MOD_FAILED_BAD_FLAGS, "meter flags 0x%x", meter->flags);
    }
    if (meter->n_bands == 0) {
        return of_refuse(error, OF_ERROR_METER_MOD_FAILED_OUT_OF_BANDS, "a meter needs a band");
    }
    return 0;
}

int of_meter_mod_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_meter_mod *mod = &out->meter_mod;
    uint16_t command = reader_u16(&d->body);

    mod->meter.flags = reader_u16(&d->body);
    mod->meter.meter_id = reader_u32(&d->body);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "meter_mod: too short");
    }
    int err = of_check_units(d);
    if (err != 0) {
        return err;
    }
    if (command > OF_METER_DELETE) {
        return of_refuse(d->error, OF_ERROR_METER_MOD_FAILED_BAD_COMMAND, "unknown command %u", command);
    }
    mod->command = (enum of_meter_command)command;
    if (mod->command == OF_METER_DELETE) { /* whatever the bands are */
        reader_skip(&d->body, reader_left(&d->body));
    }
    err = get_bands(&d->body, &mod->meter, d->error);
    return err != 0 ? err : check_meter(mod, d->error);
}

void of_meter_mod_encode(const struct of_message *message, struct writer *w)
{
    const struct of_meter_mod *mod = &message->meter_mod;

    writer_u16(w, (uint16_t)mod->command);
    writer_u16(w, mod->meter.flags);
    writer_u32(w, mod->meter.meter_id);
    put_bands(w, &mod->meter);
}

int of_meter_config_encode(struct of_multipart *mp, const struct meter *meter)
{
    of_multipart_item_begin(mp);
    writer_u16(mp->out, 0);
    writer_u16(mp->out, meter->flags);
    writer_u32(mp->out, meter->meter_id);
    put_bands(mp->out, meter);
    writer_patch_u16(mp->out, mp->item_begin, (uint16_t)(mp->out->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

int of_meter_config_decode(struct reader *r, uint8_t version, struct meter *out)
{
    struct meter meter = {.bands = NULL};
    uint16_t length = reader_u16(r);

    if (r->failed || length < METER_CONFIG_SIZE || reader_left(r) < length - 2u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 2u);
    meter.flags = reader_u16(&item);
    meter.meter_id = reader_u32(&item);
    int err = get_bands(&item, &meter, NULL);
    if (err != 0) {
        meter_fini(&meter);
        return err;
    }
    *out = meter;
    return 0;
}

int of_meter_stats_encode(struct of_multipart *mp, const struct of_meter_stats *stats)
{
    struct writer *w = mp->out;

    of_multipart_item_begin(mp);
    writer_u32(w, stats->meter_id);
    writer_u16(w, 0);
    writer_pad(w, 6);
    writer_u32(w, stats->n_flows);
    writer_u64(w, stats->n_packets);
    writer_u64(w, stats->n_bytes);
    of_put_duration(w, stats->duration_ns);
    for (size_t i = 0; i < stats->n_bands; i++) {
        writer_u64(w, stats->bands[i].n_packets);
        writer_u64(w, stats->bands[i].n_bytes);
    }
    writer_patch_u16(w, mp->item_begin + 4, (uint16_t)(w->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

int of_meter_stats_decode(struct reader *r, uint8_t version, struct of_meter_stats *out)
{
    struct of_meter_stats stats = {.bands = NULL};

    stats.meter_id = reader_u32(r);
    uint16_t length = reader_u16(r);
    if (r->failed || length < METER_STATS_SIZE || (length - METER_STATS_SIZE) % BAND_STATS_SIZE != 0 ||
        reader_left(r) < length - 6u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 6u);
    reader_skip(&item, 6);
    stats.n_flows = reader_u32(&item);
    stats.n_packets = reader_u64(&item);
    stats.n_bytes = reader_u64(&item);
    stats.duration_ns = of_get_duration(&item);
    stats.n_bands = reader_left(&item) / BAND_STATS_SIZE;
    stats.bands = memory_array(stats.n_bands, sizeof *stats.bands);
    for (size_t i = 0; i < stats.n_bands; i++) {
        stats.bands[i].n_packets = reader_u64(&item);
        stats.bands[i].n_bytes = reader_u64(&item);
    }
    *out = stats;
    return 0;
}

void of_meter_stats_fini(struct of_meter_stats *stats)
{
    free(stats->bands);
    stats->bands = NULL;
    stats->n_bands = 0;
}

int of_meter_features_encode(struct of_multipart *mp, const struct of_meter_features *features)
{
    of_multipart_item_begin(mp);
    writer_u32(mp->out, features->max_meters);
    writer_u32(mp->out, features->band_types);
    writer_u32(mp->out, features->capabilities);
    writer_u8(mp->out, features->max_bands);
    writer_u8(mp->out, features->max_color);
    writer_pad(mp->out, 2);
    return of_multipart_item_end(mp);
}

int of_meter_features_decode(struct reader *r, uint8_t version, struct of_meter_features *out)
{
    struct of_meter_features features;

    features.max_meters = reader_u32(r);
    features.band_types = reader_u32(r);
    features.capabilities = reader_u32(r);
    features.max_bands = reader_u8(r);
    features.max_color = reader_u8(r);
    reader_skip(r, 2);
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = features;
    return 0;
}
