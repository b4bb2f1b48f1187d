/* The schema as data, made from columns.def, and what to say to a name that is not in it.
 *
 * Three answers to a wrong name: "did you mean", when one of ours is near; "not supported yet", when it is Open vSwitch's (foreign.def), so
 * that nobody believes a setting holds that nothing acts on; and "there is no". Tables are found by both names.
 *
 * Cost: walks of some fifty rows; for people, and for configdb at the rate of configuration. No state, any thread.
 */
#include "lib/cfg/schema.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/base/suggest.h"
#include "lib/cfg/column.h"

#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))
enum { WORD_SHOWN = 64 };

static const struct schema_rule rules[] = {
#define COLUMN(t, c, r, l, h, w) {.table = CFG_##t, .column = #c, .kind = SCHEMA_##r, .low = (l), .high = (h), .words = (w)},
#include "lib/cfg/columns.def"
};
static const struct schema_unique uniques[] = {
#define UNIQUE(t, n, a, b) {.table = CFG_##t, .number = (n), .columns = {(a), (b)}},
#include "lib/cfg/columns.def"
};
static const struct schema_option options[] = {
#define OPTION(t, k, r, l, h, w, x)                                                                                            \
    {.type = (t),                                                                                                              \
     .key = (k),                                                                                                               \
     .rule = {.table = CFG_PORT, .column = "options:" k, .kind = SCHEMA_##r, .low = (l), .high = (h), .words = (w)},           \
     .text = (x)},
#include "lib/cfg/columns.def"
};
static const struct schema_setting settings[] = {
#define SETTING(t, c, v, n, f, u, p, w, x)                                                                                     \
    {.table = CFG_##t,                                                                                                         \
     .source = CFG_##t,                                                                                                        \
     .column = #c,                                                                                                             \
     .view = (v),                                                                                                              \
     .name = (n),                                                                                                              \
     .form = SCHEMA_##f,                                                                                                       \
     .unit = (u),                                                                                                              \
     .preset = (p),                                                                                                            \
     .when = SCHEMA_##w,                                                                                                       \
     .text = (x)},
#define STATUS(t, s, c, v, n, f, u, x)                                                                                         \
    {.table = CFG_##t,                                                                                                         \
     .source = CFG_##s,                                                                                                        \
     .column = #c,                                                                                                             \
     .view = (v),                                                                                                              \
     .name = (n),                                                                                                              \
     .form = SCHEMA_##f,                                                                                                       \
     .unit = (u),                                                                                                              \
     .preset = "",                                                                                                             \
     .when = SCHEMA_STATUS,                                                                                                    \
     .text = (x)},
#define DERIVED(t, v, n, x)                                                                                                    \
    {.table = CFG_##t,                                                                                                         \
     .source = CFG_##t,                                                                                                        \
     .column = NULL,                                                                                                           \
     .view = (v),                                                                                                              \
     .name = (n),                                                                                                              \
     .unit = "",                                                                                                               \
     .preset = "",                                                                                                             \
     .when = SCHEMA_DERIVED,                                                                                                   \
     .text = (x)},
#include "lib/cfg/columns.def"
};
static const struct foreign {
    const char *view;
    uint32_t table;
    const char *columns, *keys; /* words, with one space between */
} foreigns[] = {
#define FOREIGN(v, t, c, k) {.view = (v), .table = (t), .columns = (c), .keys = (k)},
#include "lib/cfg/foreign.def"
#undef FOREIGN
};

const struct schema_rule *schema_rules(size_t *out_n)
{
    *out_n = ARRAY_COUNT(rules);
    return rules;
}

const struct schema_unique *schema_uniques(size_t *out_n)
{
    *out_n = ARRAY_COUNT(uniques);
    return uniques;
}

const struct schema_option *schema_options(size_t *out_n)
{
    *out_n = ARRAY_COUNT(options);
    return options;
}

const struct schema_setting *schema_settings(size_t *out_n)
{
    *out_n = ARRAY_COUNT(settings);
    return settings;
}

const struct schema_setting *schema_setting_of(enum cfg_table table, const char *column)
{
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        if (settings[i].source == table && settings[i].column != NULL && strcmp(settings[i].column, column) == 0) {
            return &settings[i];
        }
    }
    return NULL;
}

bool schema_is_written(const struct schema_setting *setting)
{
    return setting->when == SCHEMA_LIVE || setting->when == SCHEMA_RESTART;
}

const ProtobufCFieldDescriptor *schema_field(const struct schema_setting *setting)
{
    return setting->column != NULL ? column_find(cfg_table_info(setting->source)->descriptor, setting->column) : NULL;
}

static const struct schema_rule *rule_of(enum cfg_table table, const char *column, enum schema_rule_kind kind)
{
    for (size_t i = 0; column != NULL && i < ARRAY_COUNT(rules); i++) {
        if (rules[i].table == table && rules[i].kind == kind && strcmp(rules[i].column, column) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

enum cfg_table schema_reference(const struct schema_setting *setting)
{
    const struct schema_rule *rule = rule_of(setting->source, setting->column, SCHEMA_REFERENCE);
    return rule != NULL ? (enum cfg_table)rule->low : CFG_TABLE_MAX;
}

const struct schema_unique *schema_key(enum cfg_table table)
{
    for (size_t i = 0; i < ARRAY_COUNT(uniques); i++) {
        if (uniques[i].table == table) {
            return &uniques[i];
        }
    }
    return NULL;
}

bool schema_has(enum cfg_table table)
{
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        if (settings[i].table == table) {
            return true;
        }
    }
    return false;
}

bool schema_is_exported(const struct cfg_table_info *info)
{
    return info->storage == CFG_STORAGE_DISK && schema_has(info->table) && info->table != CFG_KEY;
}

bool schema_word_equal(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int x = a[i] == '-' ? '_' : tolower((unsigned char)a[i]);
        int y = b[i] == '-' ? '_' : tolower((unsigned char)b[i]);
        if (x != y || x == '\0') {
            return x == y;
        }
    }
    return true;
}

static bool word_is(const char *a, const char *b)
{
    return schema_word_equal(a, b, SIZE_MAX);
}

/* Whether `word` of length n is one of the words of a list. */
static bool list_has(const char *list, const char *word, size_t n)
{
    while (*list != '\0') {
        size_t length = strcspn(list, " ");
        if (length == n && schema_word_equal(list, word, n)) {
            return true;
        }
        list += length + (list[length] == ' ' ? 1 : 0);
    }
    return false;
}

int schema_table(const char *word, enum cfg_table *out_table, struct error_detail *detail)
{
    struct suggest suggest;
    suggest_init(&suggest, word);
    for (uint32_t number = 0; number < CFG_TABLE_MAX; number++) {
        const struct cfg_table_info *info = cfg_table_info(number);
        if (info != NULL && word_is(info->name, word)) {
            *out_table = info->table;
            return 0;
        }
        if (info != NULL) {
            suggest_offer(&suggest, info->name);
        }
    }
    for (size_t i = 0; i < ARRAY_COUNT(foreigns); i++) {
        if (word_is(foreigns[i].view, word)) {
            *out_table = (enum cfg_table)foreigns[i].table;
            return foreigns[i].table != 0
                       ? 0
                       : error_set(detail, -ERROR_UNSUPPORTED, "table %s: not supported yet", foreigns[i].view);
        }
        suggest_offer(&suggest, foreigns[i].view);
    }
    bool is_near = suggest.best != NULL;
    return error_set(detail, -ERROR_UNKNOWN_NAME, "there is no table %.*s%s%s%s", WORD_SHOWN, word,
                     is_near ? "; did you mean " : "", is_near ? suggest.best : " (swctl schema shows them)",
                     is_near ? "?" : "");
}

bool schema_in_group(const struct schema_setting *setting, const char *group)
{
    size_t n = strcspn(setting->name, ":");
    return setting->name[n] == ':' && strlen(group) == n && schema_word_equal(setting->name, group, n);
}

static bool has_group(enum cfg_table table, const char *group)
{
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        if (settings[i].table == table && schema_in_group(&settings[i], group)) {
            return true;
        }
    }
    return false;
}

static int refuse_column(enum cfg_table table, const char *word, struct error_detail *detail)
{
    const char *name = cfg_table_info(table)->name;
    struct suggest suggest;
    suggest_init(&suggest, word);
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        if (settings[i].table == table) {
            suggest_offer(&suggest, settings[i].name);
        }
    }
    size_t n = strcspn(word, ":");
    bool is_other_config = n == strlen("other_config") && schema_word_equal(word, "other_config", n) && word[n] == ':';
    bool is_foreign = false;
    for (size_t i = 0; i < ARRAY_COUNT(foreigns); i++) {
        if (foreigns[i].table == (uint32_t)table) {
            is_foreign = is_foreign || list_has(foreigns[i].columns, word, n) ||
                         (is_other_config && list_has(foreigns[i].keys, word + n + 1, strlen(word + n + 1)));
        }
    }
    if (!is_foreign && suggest.best != NULL) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "table %s has no column %.*s; did you mean %s?", name, WORD_SHOWN, word,
                         suggest.best);
    }
    if (is_foreign || is_other_config) {
        return error_set(detail, -ERROR_UNSUPPORTED, "table %s, column %.*s: not supported yet", name, WORD_SHOWN, word);
    }
    return error_set(detail, -ERROR_UNKNOWN_NAME, "table %s has no column %.*s (swctl schema %s shows them)", name, WORD_SHOWN,
                     word, name);
}

static void place_at(const struct schema_setting *setting, const char *key, struct schema_place *out_place)
{
    const char *colon = strchr(setting->name, ':');
    *out_place = (struct schema_place){.setting = setting, .key = colon != NULL ? colon + 1 : key};
    size_t n = strcspn(setting->name, ":");
    snprintf(out_place->group, sizeof out_place->group, "%.*s", (int)n, setting->name);
}

int schema_find(enum cfg_table table, const char *word, struct schema_place *out_place, struct error_detail *detail)
{
    size_t n = strcspn(word, ":");
    const char *key = word[n] == ':' ? word + n + 1 : NULL;
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        if (settings[i].table == table && word_is(settings[i].name, word)) {
            place_at(&settings[i], NULL, out_place);
            return 0;
        }
    }
    /* A map with a key; our own name of a column, which refusals of configdb once showed. */
    for (size_t i = 0; i < ARRAY_COUNT(settings); i++) {
        const struct schema_setting *setting = &settings[i];
        if (setting->table != table || setting->column == NULL) {
            continue;
        }
        bool is_it = strlen(setting->name) == n && schema_word_equal(setting->name, word, n);
        if (is_it && key != NULL && !column_is_map(schema_field(setting))) {
            return error_set(detail, -ERROR_SYNTAX, "table %s, column %s: is no map and has no key %.*s",
                             cfg_table_info(table)->name, setting->name, WORD_SHOWN, key);
        }
        if (is_it || (key == NULL && setting->source == table && word_is(setting->column, word))) {
            place_at(setting, key, out_place);
            return 0;
        }
    }
    if (key == NULL && n < sizeof out_place->group && has_group(table, word)) {
        *out_place = (struct schema_place){.setting = NULL};
        snprintf(out_place->group, sizeof out_place->group, "%s", word);
        for (char *c = out_place->group; *c != '\0'; c++) {
            *c = *c == '-' ? '_' : (char)tolower((unsigned char)*c);
        }
        return 0;
    }
    return refuse_column(table, word, detail);
}
