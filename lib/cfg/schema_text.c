/* The schema as text for people: docs/schema.md and `swctl schema` (declared in schema.h).
 *
 * One source, so that no page can be out of date: a test compares docs/schema.md with what is made here. Plain enough to be read in a
 * terminal. Cost: that of printing; no state.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"
#include "lib/cfg/schema.h"
#include "lib/cfg/target.h"

static const char intro[] =
    "# Schema: what can be set, and what is shown\n\n"
    "Made of `lib/cfg/columns.def` by `swctl schema`; a test refuses a difference. Names and defaults are Open vSwitch's where "
    "the meaning "
    "is the same. A column of Open vSwitch that is not here is refused with `not supported yet`, never stored without "
    "effect.\n\n"
    "Tables go by our name or by Open vSwitch's: `switch` is Open_vSwitch (one row, called `.`), `port` is Port and Interface "
    "together "
    "(a port has one interface, and both names show all columns). `other_config:KEY`, `options:KEY` and `status:KEY` are "
    "written like "
    "keys of a map. The other tables (rule, group, meter, owner, service, counter and the status tables) are only read.\n\n"
    "*When* says when a change is acted on: *live* at once, *restart* at the next start of the process that acts on it, *made* "
    "is given when the "
    "row is made and never changes, *configdb* is assigned, *status* and *derived* are only read.\n\n"
    "A column that names a row of another table says what this row belongs to: it goes with that one, in the same commit. There are no weak "
    "references, which would only lose the name: Open vSwitch has them in Mirror alone, which is not supported yet.\n";

static const char *when_name(enum schema_when when)
{
    switch (when) {
    case SCHEMA_LIVE:
        return "live";
    case SCHEMA_RESTART:
        return "restart";
    case SCHEMA_MADE:
        return "made";
    case SCHEMA_CONFIGDB:
        return "configdb";
    case SCHEMA_STATUS:
        return "status";
    case SCHEMA_DERIVED:
        return "derived";
    }
    return "";
}

static const char *type_name(const struct schema_setting *setting)
{
    const ProtobufCFieldDescriptor *field = schema_field(setting);
    if (field == NULL) {
        return strcmp(setting->name, "datapath_id") == 0 ? "text" : "set of texts";
    }
    if (column_is_map(field)) {
        return "map";
    }
    bool is_set = field->label == PROTOBUF_C_LABEL_REPEATED;
    if (schema_reference(setting) != CFG_TABLE_MAX) {
        return "name";
    }
    if (field->type == PROTOBUF_C_TYPE_BOOL && setting->form == SCHEMA_PLAIN) {
        return "true or false";
    }
    bool is_text = field->type == PROTOBUF_C_TYPE_STRING || field->type == PROTOBUF_C_TYPE_BYTES ||
                   setting->form == SCHEMA_HEX || setting->form == SCHEMA_LINK;
    return is_text ? "text" : is_set ? "set of numbers" : "number";
}

static void print_words(FILE *out, const char *words)
{
    for (const char *word = words; *word != '\0';) {
        size_t n = strcspn(word, "|");
        fprintf(out, "%s%.*s", word != words ? ", " : "", (int)n, word);
        word += n + (word[n] == '|' ? 1 : 0);
    }
}

/* "a to b" and the like; nothing for rules that are no range. */
static void print_rule(FILE *out, const struct schema_rule *rule, enum schema_form form)
{
    switch (rule->kind) {
    case SCHEMA_RANGE:
        if (form == SCHEMA_HEX) {
            fputs("16 hexadecimal digits, not all 0", out);
        } else {
            fprintf(out, "%" PRIu64 " to %" PRIu64, rule->low, rule->high);
        }
        break;
    case SCHEMA_BITS:
        fprintf(out, "bits of 0x%" PRIx64, rule->high);
        break;
    case SCHEMA_ONE_OF:
        print_words(out, rule->words);
        break;
    case SCHEMA_INTERFACE:
        fputs("a device name, 1 to 15 characters", out);
        break;
    case SCHEMA_TARGET:
        fputs(TARGET_WANTED, out);
        break;
    case SCHEMA_LENGTH:
        fprintf(out, "up to %" PRIu64 " bytes", rule->high);
        break;
    case SCHEMA_PATH:
        fprintf(out, "an absolute path, up to %" PRIu64 " bytes", rule->high);
        break;
    case SCHEMA_FIELD:
        fputs("`FIELD[]`, `FIELD[BIT]` or `FIELD[FIRST..LAST]`", out);
        break;
    case SCHEMA_REFERENCE:
        fprintf(out, "a %s; goes with it", cfg_table_info((uint32_t)rule->low)->name);
        break;
    case SCHEMA_KEY_NAME:
        fputs("1 to 63 letters, digits, '.', '_' and '-'", out);
        break;
    case SCHEMA_PUBLIC_KEY:
        fputs("40 characters of Z85", out);
        break;
    case SCHEMA_ROLE:
        fputs("a role", out);
        break;
    case SCHEMA_LIST:
        fprintf(out, "at most %" PRIu64, rule->high);
        break;
    case SCHEMA_FIXED:
    case SCHEMA_ASSIGNED:
        break;
    }
}

static void print_rules(FILE *out, const struct schema_setting *setting)
{
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    bool is_first = true;
    for (size_t i = 0; setting->column != NULL && i < n; i++) {
        bool is_shown = rules[i].kind != SCHEMA_FIXED && rules[i].kind != SCHEMA_ASSIGNED;
        if (is_shown && rules[i].table == setting->source && strcmp(rules[i].column, setting->column) == 0) {
            fputs(is_first ? "" : ", ", out);
            print_rule(out, &rules[i], setting->form);
            is_first = false;
        }
    }
}

static void print_setting(FILE *out, const struct schema_setting *setting)
{
    fprintf(out, "| `%s` | %s | ", setting->name, type_name(setting));
    print_rules(out, setting);
    fprintf(out, " | %s | %s | %s | %s | %s |\n", setting->unit, setting->preset, when_name(setting->when), setting->view,
            setting->text);
}

static void print_options(FILE *out)
{
    size_t n;
    const struct schema_option *options = schema_options(&n);
    fputs("\nOptions of a port, by its type:\n\n| type | name | range | |\n|---|---|---|---|\n", out);
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "| %s | `options:%s` | ", options[i].type, options[i].key);
        print_rule(out, &options[i].rule, SCHEMA_PLAIN);
        fprintf(out, " | %s |\n", options[i].text);
    }
}

static void print_uniques(FILE *out, enum cfg_table table)
{
    size_t n;
    const struct schema_unique *uniques = schema_uniques(&n);
    for (size_t i = 0; i < n; i++) {
        if (uniques[i].table == table) {
            bool is_pair = uniques[i].columns[1] != NULL;
            fprintf(out, "\nNo two rows agree in %s%s%s.\n", uniques[i].columns[0], is_pair ? " and " : "",
                    is_pair ? uniques[i].columns[1] : "");
        }
    }
}

static void print_table(FILE *out, enum cfg_table table)
{
    size_t n;
    const struct schema_setting *settings = schema_settings(&n);
    fprintf(out, "\n## %s\n", cfg_table_info(table)->name);
    print_uniques(out, table);
    fputs("\n| name | type | range | unit | default | when | in Open vSwitch | what |\n|---|---|---|---|---|---|---|---|\n",
          out);
    for (size_t i = 0; i < n; i++) {
        if (settings[i].table == table) {
            print_setting(out, &settings[i]);
        }
    }
    if (table == CFG_PORT) {
        print_options(out);
    }
}

char *schema_markdown(uint32_t table)
{
    char *text;
    size_t size;
    FILE *out = memory_stream(&text, &size);
    fputs(table == 0 ? intro : "", out);
    for (uint32_t number = 0; number < CFG_TABLE_MAX; number++) {
        if ((table == 0 || table == number) && cfg_table_info(number) != NULL && schema_has((enum cfg_table)number)) {
            print_table(out, (enum cfg_table)number);
        }
    }
    fclose(out);
    return text;
}
