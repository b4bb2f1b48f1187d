/* Reads and writes groups in the syntax of ovs-ofctl(8), "Group Syntax".
 *
 *     group_id=1,type=select,selection_method=hash,fields(ip_src,tcp_dst),bucket=weight:10,watch_port:2,actions=output:2,bucket=...
 *     └─────────── head: words ──────────────────────────────────────────┘└── a bucket: words of its own, the rest actions ──┘
 *
 * What is written reads back as the same group, the numbers of its buckets included. Where it differs from ovs-ofctl: a bucket may
 * say its number in every version, and duplicate numbers are refused here already.
 * Control code, any thread, no state; cost linear in the text. Invariant: nothing is given out unless the whole text was understood.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/model/action_check.h"
#include "lib/model/action_text.h"
#include "lib/model/field_names.h"
#include "lib/model/rule.h"
#include "lib/model/word.h"

static const char *const type_words[] = {[GROUP_TYPE_ALL] = "all", [GROUP_TYPE_SELECT] = "select", [GROUP_TYPE_INDIRECT] = "indirect", [GROUP_TYPE_FF] = "ff"};
static const char *const selection_words[] = {[GROUP_SELECTION_HASH] = "hash", [GROUP_SELECTION_DP_HASH] = "dp_hash"};

struct parse {
    enum group_command command;
    const struct match_ports *ports;
    struct group_text out;
    bool has_id, has_type, has_selection, has_param;
    struct error_detail *detail;
};

/* ---- the head ---- */

static int parse_id(struct parse *p, const struct word *word)
{
    uint64_t number = 0;

    p->has_id = true;
    if (p->command == GROUP_DELETE && word->value != NULL && (strcmp(word->value, "all") == 0 || strcmp(word->value, "ALL") == 0)) {
        p->out.group.group_id = GROUP_ALL;
        return 0;
    }
    int err = word_number("group_id", word->value, GROUP_MAX, &number, p->detail);
    p->out.group.group_id = (uint32_t)number;
    return err;
}

static int parse_type(struct parse *p, const struct word *word)
{
    const char *value = word->value != NULL ? word->value : "";

    p->has_type = true;
    if (strcmp(value, "fast_failover") == 0) {
        value = type_words[GROUP_TYPE_FF];
    }
    for (size_t i = 0; i < sizeof type_words / sizeof type_words[0]; i++) {
        if (strcmp(value, type_words[i]) == 0) {
            p->out.group.type = (enum group_type)i;
            return 0;
        }
    }
    return error_set(p->detail, -ERROR_UNKNOWN_NAME, "type: \"%s\" is none of all, select, indirect, ff", value);
}

static int parse_selection(struct parse *p, const struct word *word)
{
    p->has_selection = true;
    for (size_t i = GROUP_SELECTION_HASH; i < GROUP_SELECTION_COUNT; i++) {
        if (word->value != NULL && strcmp(word->value, selection_words[i]) == 0) {
            p->out.group.selection = (enum group_selection)i;
            return 0;
        }
    }
    return error_set(p->detail, -ERROR_UNKNOWN_NAME, "selection_method: \"%s\" is neither hash nor dp_hash", word->value != NULL ? word->value : "");
}

static int parse_field(struct parse *p, const struct word *word)
{
    struct group *group = &p->out.group;
    enum field_id id = field_names_find(word->name, strlen(word->name));
    struct group_hash_field field = {.field = id};
    struct field_value unused;

    if (id == FIELD_COUNT) {
        return error_set(p->detail, -ERROR_UNKNOWN_NAME, "fields: there is no field \"%s\"", word->name);
    }
    if (group->n_fields == GROUP_HASH_FIELDS_MAX) {
        return error_set(p->detail, -ERROR_TOO_LARGE, "fields: %d at most", GROUP_HASH_FIELDS_MAX);
    }
    for (size_t i = 0; i < group->n_fields; i++) {
        if (group->fields[i].field == id) {
            return error_set(p->detail, -ERROR_DUPLICATE, "fields: %s is given twice", word->name);
        }
    }
    field.mask = field_all_ones(id);
    int err = word->value != NULL ? match_parse_value(id, word->value, p->ports, &field.mask, &unused, p->detail) : 0;
    if (err == 0) {
        group->fields[group->n_fields++] = field;
    }
    return err;
}

static int parse_fields(struct parse *p, const struct word *word)
{
    char *copy = memory_string(word->value != NULL ? word->value : "");
    char *pos = copy;
    struct word field;
    int err;

    while ((err = word_next(&pos, &field, p->detail)) > 0) {
        err = parse_field(p, &field);
        if (err != 0) {
            break;
        }
    }
    free(copy);
    return err;
}

static int parse_place(struct parse *p, const struct word *word)
{
    static const struct {
        const char *word;
        uint32_t place;
    } places[] = {{"first", BUCKET_FIRST}, {"last", BUCKET_LAST}, {"all", BUCKET_ALL}};
    uint64_t number = 0;

    if (p->command != GROUP_INSERT_BUCKETS && p->command != GROUP_REMOVE_BUCKETS) {
        return error_set(p->detail, -ERROR_REFUSED, "command_bucket_id: is for inserting and removing buckets");
    }
    for (size_t i = 0; word->value != NULL && i < sizeof places / sizeof places[0]; i++) {
        if (strcmp(word->value, places[i].word) == 0 && (places[i].place != BUCKET_ALL || p->command == GROUP_REMOVE_BUCKETS)) {
            p->out.command_bucket_id = places[i].place;
            return 0;
        }
    }
    int err = word_number("command_bucket_id", word->value, BUCKET_ID_MAX, &number, p->detail);
    p->out.command_bucket_id = (uint32_t)number;
    return err;
}

static int parse_head_word(struct parse *p, const struct word *word)
{
    if (strcmp(word->name, "group_id") == 0) {
        return parse_id(p, word);
    }
    if (strcmp(word->name, "command_bucket_id") == 0) {
        return parse_place(p, word);
    }
    if (p->command != GROUP_ADD && p->command != GROUP_MODIFY) {
        return error_set(p->detail, -ERROR_REFUSED, "%s: has no place in this command", word->name);
    }
    if (strcmp(word->name, "type") == 0) {
        return parse_type(p, word);
    }
    if (strcmp(word->name, "selection_method") == 0) {
        return parse_selection(p, word);
    }
    if (strcmp(word->name, "selection_method_param") == 0) {
        p->has_param = true;
        return word_number(word->name, word->value, UINT64_MAX, &p->out.group.selection_param, p->detail);
    }
    if (strcmp(word->name, "fields") == 0) {
        return parse_fields(p, word);
    }
    return error_set(p->detail, -ERROR_UNKNOWN_NAME, "unknown word \"%s\"", word->name);
}

static int parse_head(struct parse *p, char *text)
{
    struct word word;
    int err;

    while ((err = word_next(&text, &word, p->detail)) > 0) {
        err = parse_head_word(p, &word);
        if (err != 0) {
            return err;
        }
    }
    return err;
}

/* ---- buckets ---- */

/* 1: the word was the bucket's own; 0: it is an action. */
static int parse_bucket_word(struct parse *p, struct bucket *bucket, const struct word *word)
{
    uint64_t number = 0;
    int err;

    if (strcmp(word->name, "weight") == 0) {
        err = word_number("weight", word->value, UINT16_MAX, &number, p->detail);
        bucket->weight = (uint16_t)number;
    } else if (strcmp(word->name, "watch_port") == 0) {
        err = action_text_parse_port(word->value != NULL ? word->value : "", p->ports, &bucket->watch_port, p->detail);
    } else if (strcmp(word->name, "watch_group") == 0) {
        err = word_number("watch_group", word->value, GROUP_MAX, &number, p->detail);
        bucket->watch_group = (uint32_t)number;
    } else if (strcmp(word->name, "bucket_id") == 0) {
        err = word_number("bucket_id", word->value, BUCKET_ID_MAX, &number, p->detail);
        bucket->bucket_id = (uint32_t)number;
    } else {
        return 0;
    }
    return err != 0 ? err : 1;
}

static int parse_bucket_actions(struct parse *p, const char *text, struct bucket *bucket)
{
    text += strspn(text, ", \t\r\n");
    if (strncmp(text, "actions=", 8) == 0) {
        text += 8;
    }
    int err = action_list_parse(text, p->ports, &bucket->actions, p->detail);
    if (err == 0 && action_list_check(&bucket->actions, NULL, true, p->detail) != ACTION_FAULT_NONE) {
        action_list_fini(&bucket->actions);
        err = -ERROR_REFUSED;
    }
    return err;
}

/* Blanks out the bucket's own words in `text`; what is left are its actions. */
static int parse_bucket(struct parse *p, char *text, struct bucket *out_bucket)
{
    struct bucket bucket = {.watch_port = PORT_ANY,
                            .watch_group = GROUP_ANY,
                            .bucket_id = BUCKET_ALL,
                            .weight = p->out.group.type == GROUP_TYPE_SELECT ? 1 : 0};
    char *copy = memory_string(text);
    char *pos = copy;
    struct word word;
    int err;

    for (char *begin = pos; (err = word_next(&pos, &word, p->detail)) > 0; begin = pos) {
        err = parse_bucket_word(p, &bucket, &word);
        if (err < 0) {
            break;
        }
        if (err > 0) {
            memset(text + (begin - copy), ' ', (size_t)(pos - begin));
        }
    }
    free(copy);
    if (err < 0) {
        return err;
    }
    err = parse_bucket_actions(p, text, &bucket);
    if (err == 0) {
        *out_bucket = bucket;
    }
    return err;
}

/* Where the next "bucket=" or "buckets=" begins a word, the text behind it, and NULL when there is none. */
static char *cut_bucket(char *text)
{
    for (char *found = strstr(text, "bucket"); found != NULL; found = strstr(found + 1, "bucket")) {
        size_t length = strncmp(found, "bucket=", 7) == 0 ? 7 : strncmp(found, "buckets=", 8) == 0 ? 8 : 0;
        if (length > 0 && (found == text || strchr(", \t\r\n", found[-1]) != NULL)) {
            *found = '\0';
            return found + length;
        }
    }
    return NULL;
}

static bool is_number_taken(const struct group *group, uint32_t number)
{
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (number <= BUCKET_ID_MAX && group->buckets[i].bucket_id == number) {
            return true;
        }
    }
    return false;
}

static int parse_buckets(struct parse *p, char *text)
{
    struct group *group = &p->out.group;

    while (text != NULL) {
        char *following = cut_bucket(text);
        struct bucket bucket;
        int err = parse_bucket(p, text, &bucket);
        if (err != 0) {
            return err;
        }
        if (is_number_taken(group, bucket.bucket_id)) {
            action_list_fini(&bucket.actions);
            return error_set(p->detail, -ERROR_DUPLICATE, "bucket_id: %" PRIu32 " is given twice", bucket.bucket_id);
        }
        group->buckets = memory_resize(group->buckets, (group->n_buckets + 1) * sizeof *group->buckets);
        group->buckets[group->n_buckets++] = bucket;
        text = following;
    }
    return 0;
}

static int check(const struct parse *p)
{
    const struct group *group = &p->out.group;
    bool makes = p->command == GROUP_ADD || p->command == GROUP_MODIFY;

    if (!p->has_id && p->command != GROUP_DELETE) {
        return error_set(p->detail, -ERROR_SYNTAX, "group_id= is missing");
    }
    if (makes && !p->has_type) {
        return error_set(p->detail, -ERROR_SYNTAX, "type= is missing");
    }
    if ((p->command == GROUP_DELETE || p->command == GROUP_REMOVE_BUCKETS) && group->n_buckets > 0) {
        return error_set(p->detail, -ERROR_REFUSED, "bucket: has no place in this command");
    }
    if (p->has_selection && group->type != GROUP_TYPE_SELECT) {
        return error_set(p->detail, -ERROR_REFUSED, "selection_method: is for groups of type select");
    }
    if ((p->has_param || group->n_fields > 0) && !p->has_selection) {
        return error_set(p->detail, -ERROR_REFUSED, "fields and selection_method_param need a selection_method");
    }
    if (group->n_fields > 0 && group->selection != GROUP_SELECTION_HASH) {
        return error_set(p->detail, -ERROR_REFUSED, "fields: are for selection_method=hash");
    }
    return 0;
}

int group_parse(const char *text, enum group_command command, const struct match_ports *ports, struct group_text *out_text,
                struct error_detail *detail)
{
    struct parse p = {.command = command,
                      .ports = ports,
                      .out = {.group = {.group_id = GROUP_ALL, .type = GROUP_TYPE_ALL},
                              .command_bucket_id = command == GROUP_REMOVE_BUCKETS ? BUCKET_ALL : BUCKET_LAST},
                      .detail = detail};
    char *copy = memory_string(text);
    char *buckets = cut_bucket(copy);

    int err = parse_head(&p, copy);
    if (err == 0) {
        err = parse_buckets(&p, buckets);
    }
    if (err == 0) {
        err = check(&p);
    }
    free(copy);
    if (err != 0) {
        group_fini(&p.out.group);
        return err;
    }
    *out_text = p.out;
    return 0;
}

/* ---- writing ---- */

static void put_fields(FILE *stream, const struct group *group, const struct match_ports *ports)
{
    for (size_t i = 0; i < group->n_fields; i++) {
        const struct group_hash_field *field = &group->fields[i];
        struct field_value ones = field_all_ones(field->field);
        fprintf(stream, "%s%s", i == 0 ? ",fields(" : ",", field_names_set(field->field));
        if (memcmp(&ones, &field->mask, sizeof ones) != 0) {
            char *mask = match_format_value(field->field, field->mask, NULL, ports);
            fprintf(stream, "=%s", mask);
            free(mask);
        }
    }
    if (group->n_fields > 0) {
        fputc(')', stream);
    }
}

static void put_bucket(FILE *stream, const struct group *group, const struct bucket *bucket, const struct match_ports *ports)
{
    char *actions = action_list_format(&bucket->actions, ports);

    fputs(",bucket=", stream);
    if (bucket->bucket_id <= BUCKET_ID_MAX) {
        fprintf(stream, "bucket_id:%" PRIu32 ",", bucket->bucket_id);
    }
    if (group->type == GROUP_TYPE_SELECT) {
        fprintf(stream, "weight:%u,", bucket->weight);
    }
    if (bucket->watch_port != PORT_ANY) {
        char *port = match_format_value(FIELD_IN_PORT, field_value_u64(bucket->watch_port), NULL, ports);
        fprintf(stream, "watch_port:%s,", port);
        free(port);
    }
    if (bucket->watch_group != GROUP_ANY) {
        fprintf(stream, "watch_group:%" PRIu32 ",", bucket->watch_group);
    }
    fprintf(stream, "actions=%s", actions);
    free(actions);
}

char *group_format(const struct group *group, const struct match_ports *ports)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = memory_stream(&text, &size);

    fprintf(stream, "group_id=%" PRIu32 ",type=%s", group->group_id, type_words[group->type]);
    if (group->selection != GROUP_SELECTION_DEFAULT) {
        fprintf(stream, ",selection_method=%s", selection_words[group->selection]);
    }
    if (group->selection_param != 0) {
        fprintf(stream, ",selection_method_param=%" PRIu64, group->selection_param);
    }
    put_fields(stream, group, ports);
    for (size_t i = 0; i < group->n_buckets; i++) {
        put_bucket(stream, group, &group->buckets[i], ports);
    }
    fclose(stream);
    return text;
}

char *group_stats_format(const struct group *group, const struct group_stats *stats)
{
    char *text = NULL;
    size_t size = 0;
    FILE *stream = memory_stream(&text, &size);

    fprintf(stream, "group_id=%" PRIu32 ",duration=", group->group_id);
    word_put_duration(stream, stats->duration_ns);
    fprintf(stream, ",ref_count=%" PRIu32 ",packet_count=%" PRIu64 ",byte_count=%" PRIu64, stats->n_references, stats->total.n_packets,
            stats->total.n_bytes);
    for (size_t i = 0; i < group->n_buckets; i++) {
        fprintf(stream, ",bucket%zu:packet_count=%" PRIu64 ",byte_count=%" PRIu64, i, stats->buckets[i].n_packets, stats->buckets[i].n_bytes);
    }
    fclose(stream);
    return text;
}
