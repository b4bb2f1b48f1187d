/* Reads and writes meters in the syntax of ovs-ofctl(8), "Meter Syntax": "meter=1,pktps,burst,bands=type=drop,rate=1000,burst_size=100".
 *
 * The words of a band follow its "type="; "bands=" and "band=" before it say nothing. So what is written, on lines of their own as
 * ovs-ofctl does, reads back as the same meter.
 * Control code, any thread, no state; cost linear in the text. Invariant: nothing is given out unless the whole text was understood.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/model/rule.h"
#include "lib/model/word.h"

static const struct flag_word {
    const char *name;
    enum meter_flag flag;
} flag_words[] = {{"kbps", METER_KBPS}, {"pktps", METER_PKTPS}, {"burst", METER_BURST}, {"stats", METER_STATS}};
static const struct id_word {
    const char *name;
    uint32_t id;
} id_words[] = {{"controller", METER_CONTROLLER}, {"slowpath", METER_SLOWPATH}};
static const char *const band_words[] = {[METER_BAND_DROP] = "drop", [METER_BAND_DSCP_REMARK] = "dscp_remark"};

static int parse_id(const struct word *word, struct meter *meter, struct error_detail *detail)
{
    uint64_t number = 0;

    for (size_t i = 0; word->value != NULL && i < sizeof id_words / sizeof id_words[0]; i++) {
        if (strcmp(word->value, id_words[i].name) == 0) {
            meter->meter_id = id_words[i].id;
            return 0;
        }
    }
    if (word->value != NULL && strcmp(word->value, "all") == 0) {
        meter->meter_id = METER_ALL;
        return 0;
    }
    int err = word_number("meter", word->value, METER_MAX, &number, detail);
    if (err == 0 && number == 0) {
        err = error_set(detail, -ERROR_RANGE, "meter: ids begin at 1");
    }
    meter->meter_id = (uint32_t)number;
    return err;
}

static int begin_band(const struct word *word, struct meter *meter, struct error_detail *detail)
{
    const char *value = word->value != NULL ? word->value : "";

    for (size_t i = METER_BAND_DROP; i < sizeof band_words / sizeof band_words[0]; i++) {
        if (strcmp(value, band_words[i]) == 0) {
            meter->bands = memory_resize(meter->bands, (meter->n_bands + 1) * sizeof *meter->bands);
            meter->bands[meter->n_bands++] = (struct meter_band){.type = (enum meter_band_type)i};
            return 0;
        }
    }
    return error_set(detail, -ERROR_UNKNOWN_NAME, "type: \"%s\" is neither drop nor dscp_remark", value);
}

static int parse_band_word(const struct word *word, struct meter *meter, struct error_detail *detail)
{
    struct meter_band *band = meter->n_bands > 0 ? &meter->bands[meter->n_bands - 1] : NULL;
    bool is_rate = strcmp(word->name, "rate") == 0, is_burst = strcmp(word->name, "burst_size") == 0;
    bool is_level = strcmp(word->name, "prec_level") == 0;
    uint64_t number = 0;

    if (!is_rate && !is_burst && !is_level) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "unknown word \"%s\"", word->name);
    }
    if (band == NULL || (is_level && band->type != METER_BAND_DSCP_REMARK)) {
        return error_set(detail, -ERROR_SYNTAX, "%s: belongs behind the type of a band that has one", word->name);
    }
    int err = word_number(word->name, word->value, is_level ? UINT8_MAX : UINT32_MAX, &number, detail);
    if (is_rate) {
        band->rate = (uint32_t)number;
    } else if (is_burst) {
        band->burst_size = (uint32_t)number;
    } else {
        band->prec_level = (uint8_t)number;
    }
    return err;
}

static int parse_word(const struct word *word, struct meter *meter, bool *has_id, struct error_detail *detail)
{
    if (strcmp(word->name, "meter") == 0) {
        *has_id = true;
        return parse_id(word, meter, detail);
    }
    for (size_t i = 0; i < sizeof flag_words / sizeof flag_words[0]; i++) {
        if (strcmp(word->name, flag_words[i].name) == 0 && word->value == NULL) {
            meter->flags |= (uint16_t)flag_words[i].flag;
            return 0;
        }
    }
    return strcmp(word->name, "type") == 0 ? begin_band(word, meter, detail) : parse_band_word(word, meter, detail);
}

static void blank_out(char *text, const char *what)
{
    for (char *found = strstr(text, what); found != NULL; found = strstr(found + 1, what)) {
        if (found == text || strchr(", \t\r\n", found[-1]) != NULL) {
            memset(found, ' ', strlen(what));
        }
    }
}

static int check(const struct meter *meter, bool is_deletion, bool has_id, struct error_detail *detail)
{
    if (is_deletion) {
        bool says_more = meter->flags != 0 || meter->n_bands > 0;
        return says_more ? error_set(detail, -ERROR_REFUSED, "a deletion names a meter, and nothing of it") : 0;
    }
    if (!has_id || meter->meter_id == METER_ALL) {
        return error_set(detail, -ERROR_SYNTAX, "meter= is missing, or names all");
    }
    if (meter->n_bands == 0 || meter->n_bands > METER_BANDS_MAX) {
        return error_set(detail, -ERROR_RANGE, "bands: a meter has 1 to %d", METER_BANDS_MAX);
    }
    return 0;
}

int meter_parse(const char *text, bool is_deletion, struct meter *out_meter, struct error_detail *detail)
{
    struct meter meter = {.meter_id = METER_ALL};
    char *copy = memory_string(text);
    char *pos = copy;
    struct word word;
    bool has_id = false;
    int err;

    blank_out(copy, "bands=");
    blank_out(copy, "band=");
    while ((err = word_next(&pos, &word, detail)) > 0) {
        err = parse_word(&word, &meter, &has_id, detail);
        if (err != 0) {
            break;
        }
    }
    free(copy);
    if (err == 0) {
        err = check(&meter, is_deletion, has_id, detail);
    }
    if (err != 0) {
        meter_fini(&meter);
        return err;
    }
    if (!is_deletion && (meter.flags & METER_PKTPS) == 0) {
        meter.flags |= METER_KBPS;
    }
    *out_meter = meter;
    return 0;
}

/* ---- writing ---- */

static void put_id(FILE *stream, uint32_t meter_id)
{
    for (size_t i = 0; i < sizeof id_words / sizeof id_words[0]; i++) {
        if (meter_id == id_words[i].id) {
            fputs(id_words[i].name, stream);
            return;
        }
    }
    fprintf(stream, "%" PRIu32, meter_id);
}

char *meter_format(const struct meter *meter)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = memory_stream(&text, &size);

    fputs("meter=", stream);
    put_id(stream, meter->meter_id);
    for (size_t i = 0; i < sizeof flag_words / sizeof flag_words[0]; i++) {
        if ((meter->flags & (unsigned)flag_words[i].flag) != 0) {
            fprintf(stream, " %s", flag_words[i].name);
        }
    }
    fputs(" bands=", stream);
    for (size_t i = 0; i < meter->n_bands; i++) {
        const struct meter_band *band = &meter->bands[i];
        fprintf(stream, "\ntype=%s rate=%" PRIu32, band_words[band->type], band->rate);
        if ((meter->flags & METER_BURST) != 0 || band->burst_size != 0) {
            fprintf(stream, " burst_size=%" PRIu32, band->burst_size);
        }
        if (band->type == METER_BAND_DSCP_REMARK) {
            fprintf(stream, " prec_level=%u", band->prec_level);
        }
    }
    fclose(stream);
    return text;
}

char *meter_stats_format(const struct meter *meter, const struct meter_stats *stats)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = memory_stream(&text, &size);

    fputs("meter:", stream);
    put_id(stream, meter->meter_id);
    fprintf(stream, " flow_count:%" PRIu32 " packet_in_count:%" PRIu64 " byte_in_count:%" PRIu64 " duration:", stats->n_flows,
            stats->total.n_packets, stats->total.n_bytes);
    word_put_duration(stream, stats->duration_ns);
    fputs(" bands:", stream);
    for (size_t i = 0; i < meter->n_bands; i++) {
        fprintf(stream, "\n%zu: packet_count:%" PRIu64 " byte_count:%" PRIu64, i, stats->bands[i].n_packets, stats->bands[i].n_bytes);
    }
    fclose(stream);
    return text;
}
