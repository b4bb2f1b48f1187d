/* The schema of columns.def as data: rules for configdb, names and explanations for people.
 *
 * A setting is what a person may name: "fail_mode", "other_config:mac-aging-time". Names are compared without regard to case and with '-' and
 * '_' alike; a table goes by our name or by that of its Open vSwitch counterpart. No state; any thread.
 */
#ifndef BUSBAR_CFG_SCHEMA_H
#define BUSBAR_CFG_SCHEMA_H

#include "lib/cfg/cfg.h"

enum schema_rule_kind {
    SCHEMA_RANGE,
    SCHEMA_BITS,
    SCHEMA_ONE_OF,
    SCHEMA_INTERFACE,
    SCHEMA_TARGET,
    SCHEMA_LENGTH,
    SCHEMA_PATH,
    SCHEMA_FIELD,
    SCHEMA_REFERENCE,
    SCHEMA_FIXED,
    SCHEMA_ASSIGNED,
    SCHEMA_LIST,
    SCHEMA_KEY_NAME,
    SCHEMA_PUBLIC_KEY,
    SCHEMA_ROLE
};
struct schema_rule {
    enum cfg_table table;
    const char *column;
    enum schema_rule_kind kind;
    uint64_t low, high;
    const char *words;
};
struct schema_unique {
    enum cfg_table table;
    uint32_t number;
    const char *columns[2]; /* the second may be NULL */
};
/* rule.column is "options:rx", so that a refusal names what was typed. */
struct schema_option {
    const char *type, *key;
    struct schema_rule rule;
    const char *text;
};
const struct schema_rule *schema_rules(size_t *out_n);
const struct schema_unique *schema_uniques(size_t *out_n);
const struct schema_option *schema_options(size_t *out_n);

enum schema_form { SCHEMA_PLAIN, SCHEMA_HEX, SCHEMA_MAC, SCHEMA_LINK, SCHEMA_MEGABITS };
enum schema_when { SCHEMA_LIVE, SCHEMA_RESTART, SCHEMA_MADE, SCHEMA_CONFIGDB, SCHEMA_STATUS, SCHEMA_DERIVED };
struct schema_setting {
    enum cfg_table table, source; /* source: the table whose row has the column; another one for SCHEMA_STATUS */
    const char *column;           /* of the row message; NULL for SCHEMA_DERIVED */
    const char *view, *name;
    enum schema_form form;
    const char *unit, *preset;
    enum schema_when when;
    const char *text;
};
/* All, by table in the order of columns.def. */
const struct schema_setting *schema_settings(size_t *out_n);
/* NULL: people know no such column. */
const struct schema_setting *schema_setting_of(enum cfg_table table, const char *column);
bool schema_is_written(const struct schema_setting *setting); /* by people, in a row that exists */
const ProtobufCFieldDescriptor *schema_field(const struct schema_setting *setting);
/* What a column refers to, CFG_TABLE_MAX when it is no reference. */
enum cfg_table schema_reference(const struct schema_setting *setting);
/* The columns people name a row of the table by, NULL: it is one row. */
const struct schema_unique *schema_key(enum cfg_table table);
bool schema_has(enum cfg_table table); /* tables without settings are only read */
/* Whether files of the configuration have it: not keys, which say who may come, not what the switch does. */
bool schema_is_exported(const struct cfg_table_info *info);

/* -ERROR_UNKNOWN_NAME with a proposal, or -ERROR_UNSUPPORTED for what Open vSwitch has. */
int schema_table(const char *word, enum cfg_table *out_table, struct error_detail *detail) MUST_CHECK;

/* A column as it was typed: one setting, with a key when it is a map, or a group: the settings called other_config:... */
struct schema_place {
    const struct schema_setting *setting; /* NULL: a group */
    char group[32];                       /* "other_config"; of a setting's name the part before ':', else its name */
    const char *key;                      /* lent from `word`, or the part of the setting's name behind ':'; NULL */
};
/* word: COLUMN or COLUMN:KEY. Errors as schema_table(). */
int schema_find(enum cfg_table table, const char *word, struct schema_place *out_place, struct error_detail *detail) MUST_CHECK;
bool schema_in_group(const struct schema_setting *setting, const char *group);
bool schema_word_equal(const char *a, const char *b, size_t n);

/* docs/schema.md; `table` 0: all of it. The text is the caller's. */
char *schema_markdown(uint32_t table);

#endif
