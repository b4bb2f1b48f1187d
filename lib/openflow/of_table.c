/* Codecs of tables: table_mod, descriptions, statistics, features [OF1.3.5 A.3.4.3, A.3.5.4, A.3.5.5, OF1.5.1 7.3.5.8].
 *
 * Every table of the switch can do the same, so the properties of a table's features are made here from the tables of fields and
 * actions: about 1.3 KiB a table, most of it lists of fields. ovs-ofctl asks for them before it sends its first flow_mod, and insists on all
 * eight lists. Any thread, no state. Invariant: a property ends at a multiple of eight bytes, its length without the padding.
 */
#include "lib/openflow/of_table.h"

#include "lib/openflow/of_actions.h"
#include "lib/openflow/of_codec.h"
#include "lib/openflow/of_match.h"
#include "lib/openflow/of_multipart.h"

#include <stdio.h>

enum { TABLE_FEATURES_SIZE = 64, INSTRUCTION_FIRST = 1, INSTRUCTION_LAST = 6, INSTRUCTION_LAST_15 = 5 /* meters are actions then */, ACTION_NUMBER_MAX = 31 };

/* Types of properties; the odd ones, for the miss entry, are the same as the even ones and left out. */
enum {
    PROPERTY_INSTRUCTIONS = 0,
    PROPERTY_NEXT_TABLES = 2,
    PROPERTY_WRITE_ACTIONS = 4,
    PROPERTY_APPLY_ACTIONS = 6,
    PROPERTY_MATCH = 8,
    PROPERTY_WILDCARDS = 10,
    PROPERTY_WRITE_SET_FIELD = 12,
    PROPERTY_APPLY_SET_FIELD = 14
};

enum { PROPERTY_EVICTION = 2, PROPERTY_VACANCY = 3, TABLE_DESC_SIZE = 8, TABLE_NAME_SIZE = 32, WILDCARDS_10 = 0x3fffff };

static int get_table_property(struct of_property *property, struct of_table_mod *table, struct of_error *error)
{
    if (property->type == PROPERTY_EVICTION) {
        uint32_t flags = reader_u32(&property->body);
        if (!property->body.failed && (flags & ~(uint32_t)OF_TABLE_EVICTION_FLAGS) != 0) {
            return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_VALUE, "table: eviction by 0x%x", flags);
        }
    } else if (property->type == PROPERTY_VACANCY) {
        table->has_vacancy = true;
        table->vacancy_down = reader_u8(&property->body);
        table->vacancy_up = reader_u8(&property->body);
        table->vacancy = reader_u8(&property->body);
        reader_skip(&property->body, 1);
        if (table->vacancy_down > table->vacancy_up || table->vacancy_up > 100) {
            return of_refuse(error, OF_ERROR_BAD_PROPERTY_BAD_VALUE, "table: vacancy %u to %u", table->vacancy_down, table->vacancy_up);
        }
    } else {
        return of_property_unknown(property, error);
    }
    return of_property_finish(property, error);
}

static int get_table_properties(struct reader *r, struct of_table_mod *table, struct of_error *error)
{
    struct of_property property;

    while (reader_left(r) > 0) {
        int err = of_property_get(r, &property, error);
        if (err == 0) {
            err = get_table_property(&property, table, error);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static void put_vacancy(struct writer *w, const struct of_table_mod *table)
{
    if (table->has_vacancy) {
        size_t begin = of_property_begin(w, PROPERTY_VACANCY);
        writer_u8(w, table->vacancy_down);
        writer_u8(w, table->vacancy_up);
        writer_u8(w, table->vacancy);
        writer_pad(w, 1);
        of_property_end(w, begin);
    }
}

int of_table_mod_decode(struct of_decoding *d, struct of_message *out)
{
    struct of_table_mod *mod = &out->table_mod;

    mod->table = reader_u8(&d->body);
    reader_skip(&d->body, 3);
    mod->config = reader_u32(&d->body);
    if (d->body.failed) {
        return of_refuse(d->error, OF_ERROR_BAD_REQUEST_BAD_LEN, "table_mod: too short");
    }
    if (mod->table > TABLE_MAX && mod->table != TABLE_ALL) {
        return of_refuse(d->error, OF_ERROR_TABLE_MOD_FAILED_BAD_TABLE, "table %u", mod->table);
    }
    return d->version >= OF_VERSION_14 ? get_table_properties(&d->body, mod, d->error) : 0;
}

void of_table_mod_encode(const struct of_message *message, struct writer *w)
{
    writer_u8(w, message->table_mod.table);
    writer_pad(w, 3);
    writer_u32(w, message->table_mod.config);
    if (message->version >= OF_VERSION_14) {
        put_vacancy(w, &message->table_mod);
    }
}

void of_table_desc_put(struct writer *w, const struct of_table_mod *table)
{
    size_t begin = w->size;

    writer_u16(w, 0);
    writer_u8(w, table->table);
    writer_pad(w, 1);
    writer_u32(w, table->config);
    size_t property = of_property_begin(w, PROPERTY_EVICTION);
    writer_u32(w, OF_TABLE_EVICTION_FLAGS);
    of_property_end(w, property);
    put_vacancy(w, table);
    writer_patch_u16(w, begin, (uint16_t)(w->size - begin));
}

int of_table_desc_decode(struct reader *r, struct of_table_mod *out)
{
    struct of_table_mod table = {.table = 0};
    uint16_t length = reader_u16(r);

    if (r->failed || length < TABLE_DESC_SIZE || reader_left(r) < length - 2u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 2u);
    table.table = reader_u8(&item);
    reader_skip(&item, 1);
    table.config = reader_u32(&item);
    int err = get_table_properties(&item, &table, NULL);
    if (err != 0) {
        return err;
    }
    *out = table;
    return 0;
}

int of_table_desc_encode(struct of_multipart *mp, const struct of_table_mod *table)
{
    of_multipart_item_begin(mp);
    of_table_desc_put(mp->out, table);
    return of_multipart_item_end(mp);
}

/* 1.0 has the table's name in it, what it can match, and how many rules it can hold. */
int of_table_stats_encode(struct of_multipart *mp, const struct of_table_stats *stats)
{
    of_multipart_item_begin(mp);
    writer_u8(mp->out, stats->table);
    writer_pad(mp->out, 3);
    if (mp->version == OF_VERSION_10) {
        char name[TABLE_NAME_SIZE] = "";
        (void)snprintf(name, sizeof name, "table%u", stats->table);
        of_put_text(mp->out, name, sizeof name);
        writer_u32(mp->out, WILDCARDS_10);
        writer_u32(mp->out, stats->max_entries);
    }
    writer_u32(mp->out, stats->n_active);
    writer_u64(mp->out, stats->n_lookup);
    writer_u64(mp->out, stats->n_matched);
    return of_multipart_item_end(mp);
}

int of_table_stats_decode(struct reader *r, uint8_t version, struct of_table_stats *out)
{
    struct of_table_stats stats = {.max_entries = 0};

    stats.table = reader_u8(r);
    reader_skip(r, 3);
    if (version == OF_VERSION_10) {
        reader_skip(r, TABLE_NAME_SIZE + 4);
        stats.max_entries = reader_u32(r);
    }
    stats.n_active = reader_u32(r);
    stats.n_lookup = reader_u64(r);
    stats.n_matched = reader_u64(r);
    if (r->failed) {
        return -ERROR_TRUNCATED;
    }
    *out = stats;
    return 0;
}

static void put_instructions(struct writer *w, uint8_t version)
{
    size_t begin = of_property_begin(w, PROPERTY_INSTRUCTIONS);

    uint16_t last = version >= OF_VERSION_15 ? INSTRUCTION_LAST_15 : INSTRUCTION_LAST;

    for (uint16_t type = INSTRUCTION_FIRST; type <= last; type++) {
        writer_u16(w, type);
        writer_u16(w, 4);
    }
    of_property_end(w, begin);
}

static void put_next_tables(struct writer *w, uint8_t table, uint8_t n_tables)
{
    size_t begin = of_property_begin(w, PROPERTY_NEXT_TABLES);

    for (unsigned next = table + 1u; next < n_tables; next++) {
        writer_u8(w, (uint8_t)next);
    }
    of_property_end(w, begin);
}

static void put_actions(struct writer *w, uint16_t property)
{
    size_t begin = of_property_begin(w, property);
    uint32_t supported = of_actions_supported();

    for (uint16_t type = 0; type <= ACTION_NUMBER_MAX; type++) {
        if ((supported >> type & 1) != 0) {
            writer_u16(w, type);
            writer_u16(w, 4);
        }
    }
    of_property_end(w, begin);
}

/* Only fields of the standard's own class: the others cannot be told in four bytes. */
static bool is_listed(size_t field)
{
    return field_table[field].oxm_class == 0x8000 && field_table[field].oxm_field <= 40;
}

static void put_match_fields(struct writer *w)
{
    size_t begin = of_property_begin(w, PROPERTY_MATCH);

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (is_listed(i)) {
            writer_u32(w, of_oxm_header((enum field_id)i, field_table[i].mask_rule == FIELD_MASK_ANY));
        }
    }
    of_property_end(w, begin);
}

static void put_wildcards(struct writer *w)
{
    size_t begin = of_property_begin(w, PROPERTY_WILDCARDS);

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (is_listed(i)) {
            writer_u32(w, of_oxm_header((enum field_id)i, false));
        }
    }
    of_property_end(w, begin);
}

static void put_set_fields(struct writer *w, uint16_t property)
{
    size_t begin = of_property_begin(w, property);

    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (is_listed(i) && field_table[i].set_rule == FIELD_SET_RW) {
            writer_u32(w, of_oxm_header((enum field_id)i, false));
        }
    }
    of_property_end(w, begin);
}

int of_table_features_encode(struct of_multipart *mp, const struct of_table_features *features)
{
    struct writer *w = mp->out;

    of_multipart_item_begin(mp);
    writer_u16(w, 0);
    writer_u8(w, features->table);
    writer_pad(w, 5);
    of_put_text(w, features->name, sizeof features->name);
    writer_u64(w, features->metadata_match);
    writer_u64(w, features->metadata_write);
    writer_u32(w, features->config);
    writer_u32(w, features->max_entries);
    put_instructions(w, mp->version);
    put_next_tables(w, features->table, features->n_tables);
    put_actions(w, PROPERTY_WRITE_ACTIONS);
    put_actions(w, PROPERTY_APPLY_ACTIONS);
    put_match_fields(w);
    put_wildcards(w);
    put_set_fields(w, PROPERTY_WRITE_SET_FIELD);
    put_set_fields(w, PROPERTY_APPLY_SET_FIELD);
    writer_patch_u16(w, mp->item_begin, (uint16_t)(w->size - mp->item_begin));
    return of_multipart_item_end(mp);
}

int of_table_features_decode(struct reader *r, uint8_t version, struct of_table_features *out)
{
    struct of_table_features features = {.n_tables = 0};
    uint16_t length = reader_u16(r);

    if (r->failed || length < TABLE_FEATURES_SIZE || reader_left(r) < length - 2u) {
        return -ERROR_TRUNCATED;
    }
    struct reader item = reader_sub(r, length - 2u);
    features.table = reader_u8(&item);
    reader_skip(&item, 5);
    of_get_text(&item, features.name, sizeof features.name);
    features.metadata_match = reader_u64(&item);
    features.metadata_write = reader_u64(&item);
    features.config = reader_u32(&item);
    features.max_entries = reader_u32(&item);
    features.properties_size = reader_left(&item);
    features.properties = features.properties_size > 0 ? reader_bytes(&item, features.properties_size) : NULL;
    *out = features;
    return 0;
}
