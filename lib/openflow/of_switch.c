/* Codecs of what the switch is as a whole: features, configuration, description [OF1.3.5 A.3.1, A.3.2, A.3.5.1].
 *
 * Fixed layouts; the features of 1.0 go on with the ports, bounded by the message (1365). The fragment mode is checked here because the
 * standard knows only three, and Nicira a fourth. Any thread, no state. Invariant: texts of a description always end with 0.
 */
#include "lib/base/memory.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_multipart.h"
#include "lib/openflow/of_port.h"

int of_features_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_features *features = &out->features;

    features->datapath_id = reader_u64(&d->body);
    features->n_buffers = reader_u32(&d->body);
    features->n_tables = reader_u8(&d->body);
    features->auxiliary_id = reader_u8(&d->body);
    reader_skip(&d->body, 2);
    features->capabilities = reader_u32(&d->body);
    features->actions = reader_u32(&d->body);
    if (d->version != OF_VERSION_10) {
        features->actions = 0;
        return 0;
    }
    features->auxiliary_id = 0;
    while (!d->body.failed && reader_left(&d->body) > 0) {
        struct of_port port;
        if (of_port_get(&d->body, OF_VERSION_10, &port) != 0) {
            return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "features: a port is cut");
        }
        features->ports = memory_resize(features->ports, (features->n_ports + 1) * sizeof *features->ports);
        features->ports[features->n_ports++] = port;
    }
    return 0;
}

void of_features_encode(const struct of_message *message, struct writer *w)
{
    const struct of_features *features = &message->features;

    writer_u64(w, features->datapath_id);
    writer_u32(w, features->n_buffers);
    writer_u8(w, features->n_tables);
    bool is_10 = message->version == OF_VERSION_10;
    writer_u8(w, is_10 ? 0 : features->auxiliary_id);
    writer_pad(w, 2);
    writer_u32(w, features->capabilities);
    writer_u32(w, is_10 ? features->actions : 0);
    for (size_t i = 0; is_10 && i < features->n_ports; i++) {
        of_port_put(w, OF_VERSION_10, &features->ports[i]);
    }
}

int of_config_decode(struct of_decoding *d, struct of_message *out)
{
    out->config.flags = reader_u16(&d->body);
    out->config.miss_send_len = reader_u16(&d->body);
    if (!d->body.failed && out->config.flags > OF_FRAG_NX_MATCH) {
        return of_refuse(d->error, OF_ERROR_SWITCH_CONFIG_FAILED_BAD_FLAGS, "unknown fragment mode %u", out->config.flags);
    }
    return 0;
}

void of_config_encode(const struct of_message *message, struct writer *w)
{
    writer_u16(w, message->config.flags);
    writer_u16(w, message->config.miss_send_len);
}

int of_desc_encode(struct of_multipart *mp, const struct of_desc *desc)
{
    of_multipart_item_begin(mp);
    of_put_text(mp->out, desc->manufacturer, sizeof desc->manufacturer);
    of_put_text(mp->out, desc->hardware, sizeof desc->hardware);
    of_put_text(mp->out, desc->software, sizeof desc->software);
    of_put_text(mp->out, desc->serial, sizeof desc->serial);
    of_put_text(mp->out, desc->datapath, sizeof desc->datapath);
    return of_multipart_item_end(mp);
}

int of_desc_decode(struct reader *r, uint8_t version, struct of_desc *out)
{
    struct of_desc desc;

    of_get_text(r, desc.manufacturer, sizeof desc.manufacturer);
    of_get_text(r, desc.hardware, sizeof desc.hardware);
    of_get_text(r, desc.software, sizeof desc.software);
    of_get_text(r, desc.serial, sizeof desc.serial);
    of_get_text(r, desc.datapath, sizeof desc.datapath);
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = desc;
    return 0;
}
