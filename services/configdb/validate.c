/* The rules of lib/cfg/columns.def.
 *
 * Why a table: what may stand in a column is a fact of the schema, not code; a new column gets a line, and the texts of all
 * refusals come from one place; they call a column what people call it. The table is walked for the columns of one table only, a handful
 * of lines, found by a scan of the whole (about 50 entries of 48 bytes: cheaper than an index would be to read). What two columns may hold
 * together (options of a type) is asked at the end of a transaction, so that the order of its operations does not matter.
 *
 * Cost: under 1 us a row. Thread: any. Input is foreign: it has passed the unpacker's checks of types and required columns, nothing
 * else. Invariant: every path that refuses fills the detail.
 */
#include "services/configdb/validate.h"

#include <ctype.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/bus/key_file.h"
#include "lib/bus/role.h"
#include "lib/cfg/column.h"
#include "lib/cfg/schema.h"
#include "lib/cfg/target.h"
#include "lib/model/field_names.h"
#include "services/configdb/rows.h"

enum { VALIDATE_TEXT_SHOWN = 64 /* of a refused text: enough to recognise it, no more than a line */ };

int validate_unpack(uint32_t table, uint64_t id, const uint8_t *bytes, size_t size, ProtobufCAllocator *memory, ProtobufCMessage **out_row,
                    struct error_detail *detail)
{
    const struct cfg_table_info *info = cfg_table_info(table);
    if (size > ROWS_VALUE_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s row %" PRIu64 ": %zu bytes are more than the limit of %d", info->name,
                         id, size, ROWS_VALUE_MAX);
    }
    ProtobufCMessage *row = protobuf_c_message_unpack(info->descriptor, memory, size, bytes);
    if (row == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s row %" PRIu64 ": the value cannot be read as a row of this table",
                         info->name, id);
    }
    if (row->n_unknown_fields > 0) {
        unsigned int tag = row->unknown_fields[0].tag;
        protobuf_c_message_free_unpacked(row, memory);
        return error_set(detail, -ERROR_UNKNOWN_NAME, "%s row %" PRIu64 ": there is no column number %u", info->name, id, tag);
    }
    *out_row = row;
    return 0;
}

static bool validate_interface(const char *text)
{
    size_t size = strlen(text);
    if (size == 0 || size >= IFNAMSIZ || strcmp(text, ".") == 0 || strcmp(text, "..") == 0) {
        return false;
    }
    for (const char *c = text; *c != '\0'; c++) {
        if (!isgraph((unsigned char)*c) || *c == '/' || *c == ':' || *c == '%') {
            return false;
        }
    }
    return true;
}

static bool validate_one_of(const char *words, const char *text)
{
    size_t size = strlen(text);
    for (const char *word = words; word != NULL;) {
        size_t length = strcspn(word, "|");
        if (length == size && memcmp(word, text, size) == 0) {
            return true;
        }
        word = word[length] == '|' ? word + length + 1 : NULL;
    }
    return false;
}

/* What people call the column. */
static const char *validate_shown(const struct schema_rule *rule)
{
    const struct schema_setting *setting = schema_setting_of(rule->table, rule->column);
    return setting != NULL ? setting->name : rule->column;
}

static int validate_number(const struct schema_rule *rule, uint64_t id, uint64_t value, validate_exists *exists,
                           void *context, struct error_detail *detail)
{
    const char *name = cfg_table_info(rule->table)->name;
    if (rule->kind == SCHEMA_RANGE && (value < rule->low || value > rule->high)) {
        return error_set(detail, -ERROR_RANGE, "%s row %" PRIu64 ", column %s: %" PRIu64 " is not in %" PRIu64 " to %" PRIu64,
                         name, id, validate_shown(rule), value, rule->low, rule->high);
    }
    if (rule->kind == SCHEMA_REFERENCE && !exists(context, (uint32_t)rule->low, value)) {
        return error_set(detail, -ERROR_REFERENCE, "%s row %" PRIu64 ", column %s: there is no %s row %" PRIu64, name, id,
                         validate_shown(rule), cfg_table_info((uint32_t)rule->low)->name, value);
    }
    if (rule->kind == SCHEMA_BITS && (value & ~rule->high) != 0) {
        return error_set(detail, -ERROR_RANGE, "%s row %" PRIu64 ", column %s: 0x%" PRIx64 " has bits outside 0x%" PRIx64, name, id,
                         validate_shown(rule), value, rule->high);
    }
    return 0;
}

static int validate_text(const struct schema_rule *rule, uint64_t id, const char *text, struct error_detail *detail)
{
    bool is_good = true;
    const char *wanted = "";
    char length[64], field[320];
    struct error_detail why;
    if (rule->kind == SCHEMA_ONE_OF) {
        is_good = validate_one_of(rule->words, text);
        wanted = rule->words;
    } else if (rule->kind == SCHEMA_INTERFACE) {
        is_good = validate_interface(text);
        wanted = "a device name of 1 to 15 printable characters without '/', ':' and '%'";
    } else if (rule->kind == SCHEMA_TARGET) {
        is_good = target_is_valid(text);
        wanted = TARGET_WANTED;
    } else if (rule->kind == SCHEMA_LENGTH) {
        is_good = strlen(text) <= rule->high;
        (void)snprintf(length, sizeof length, "a text of at most %" PRIu64 " bytes", rule->high);
        wanted = length;
    } else if (rule->kind == SCHEMA_PATH) {
        is_good = text[0] == '/' && text[1] != '\0' && strlen(text) <= rule->high;
        (void)snprintf(length, sizeof length, "an absolute path of at most %" PRIu64 " bytes", rule->high);
        wanted = length;
    } else if (rule->kind == SCHEMA_FIELD) {
        struct subfield part;
        is_good = subfield_parse(text, strlen(text), &part, &why) == 0;
        (void)snprintf(field, sizeof field, "a field or bits of one, like NXM_OF_IN_PORT[]: %s", is_good ? "" : why.text);
        wanted = field;
    } else if (rule->kind == SCHEMA_KEY_NAME) {
        is_good = key_name_is_valid(text);
        wanted = "a name of 1 to 63 letters, digits, '.', '_' and '-'";
    } else if (rule->kind == SCHEMA_PUBLIC_KEY) {
        is_good = key_text_is_valid(text);
        wanted = "a public key, 40 characters of Z85";
    } else if (rule->kind == SCHEMA_ROLE) {
        enum bus_role role;
        is_good = role_parse(text, &role) == 0;
        wanted = "a role (read, operate, admin, fastpath, slowpath, ofagent)";
    }
    return is_good ? 0
                   : error_set(detail, -ERROR_RANGE, "%s row %" PRIu64 ", column %s: '%.*s' is not %s%s",
                               cfg_table_info(rule->table)->name, id, validate_shown(rule), VALIDATE_TEXT_SHOWN, text,
                               rule->kind == SCHEMA_ONE_OF ? "one of " : "", wanted);
}

static int validate_column(const struct schema_rule *rule, uint64_t id, const ProtobufCMessage *row,
                           validate_exists *exists, void *context, struct error_detail *detail)
{
    const ProtobufCFieldDescriptor *column = column_find(row->descriptor, rule->column);
    size_t n = column_count(column, row);
    if (rule->kind == SCHEMA_LIST && n > rule->high) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s row %" PRIu64 ", column %s: %zu elements are more than %" PRIu64,
                         cfg_table_info(rule->table)->name, id, validate_shown(rule), n, rule->high);
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t value;
        const char *text = column_text(column, row, i);
        int err = 0;
        if (text != NULL) {
            err = validate_text(rule, id, text, detail);
        } else if (column_number(column, row, i, &value)) {
            err = validate_number(rule, id, value, exists, context, detail);
        }
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

static const struct schema_option *validate_option_of(const char *type, const char *key)
{
    size_t n;
    const struct schema_option *options = schema_options(&n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(options[i].type, type) == 0 && strcmp(options[i].key, key) == 0) {
            return &options[i];
        }
    }
    return NULL;
}

static int validate_option_unknown(uint64_t id, const char *type, const char *key, struct error_detail *detail)
{
    char allowed[96] = "";
    size_t used = 0;
    size_t n_options;
    const struct schema_option *options = schema_options(&n_options);
    for (size_t i = 0; i < n_options; i++) {
        if (strcmp(options[i].type, type) == 0) {
            int n = snprintf(allowed + used, sizeof allowed - used, "%s%s", used > 0 ? ", " : "", options[i].key);
            used += n > 0 && (size_t)n < sizeof allowed - used ? (size_t)n : 0;
        }
    }
    return error_set(detail, -ERROR_UNKNOWN_NAME, "port row %" PRIu64 ", column options: type %s has no option %.*s (it has %s)", id,
                     type, VALIDATE_TEXT_SHOWN, key, used > 0 ? allowed : "none");
}

static int validate_port_options(uint64_t id, const Busbar__PortRow *port, struct error_detail *detail)
{
    const char *type = port->type != NULL ? port->type : "system";
    for (size_t i = 0; i < port->n_options; i++) {
        const Busbar__PortOption *given = port->options[i];
        const struct schema_option *option = validate_option_of(type, given->key);
        if (option == NULL) {
            return validate_option_unknown(id, type, given->key, detail);
        }
        for (size_t k = 0; k < i; k++) {
            if (strcmp(port->options[k]->key, given->key) == 0) {
                return error_set(detail, -ERROR_DUPLICATE, "port row %" PRIu64 ", column %s: given twice", id, option->rule.column);
            }
        }
        int err = validate_text(&option->rule, id, given->value, detail);
        if (err != 0) {
            return err;
        }
    }
    return 0;
}

int validate_row(uint32_t table, uint64_t id, const ProtobufCMessage *row, validate_exists *exists, void *context,
                 struct error_detail *detail)
{
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    for (size_t i = 0; i < n; i++) {
        if (rules[i].table == table) {
            int err = validate_column(&rules[i], id, row, exists, context, detail);
            if (err != 0) {
                return err;
            }
        }
    }
    return 0;
}

static bool validate_is_of_number(const struct schema_rule *rule)
{
    return rule->kind == SCHEMA_RANGE || rule->kind == SCHEMA_BITS || rule->kind == SCHEMA_REFERENCE || rule->kind == SCHEMA_FIXED ||
           rule->kind == SCHEMA_ASSIGNED;
}

bool validate_plan_make(uint32_t table, struct validate_plan *out_plan)
{
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    const ProtobufCMessageDescriptor *row = cfg_table_info(table)->descriptor;
    *out_plan = (struct validate_plan){.table = table};
    for (size_t i = 0; i < n; i++) {
        if (rules[i].table != table) {
            continue;
        }
        const ProtobufCFieldDescriptor *column = column_find(row, rules[i].column);
        bool is_number = column->type == PROTOBUF_C_TYPE_UINT32 || column->type == PROTOBUF_C_TYPE_UINT64 || column->type == PROTOBUF_C_TYPE_BOOL;
        if (!is_number || column->label != PROTOBUF_C_LABEL_NONE || !validate_is_of_number(&rules[i]) || out_plan->n == VALIDATE_PLAN_MAX) {
            return false;
        }
        out_plan->rules[out_plan->n].rule = &rules[i];
        out_plan->rules[out_plan->n++].column = (unsigned int)(column - row->fields);
    }
    return row->n_fields <= VERBATIM_COLUMNS_MAX && !validate_has_whole(table) && validate_unique_count(table) == 0;
}

bool validate_plan_row(const struct validate_plan *plan, const struct verbatim *row, validate_exists *exists, void *context)
{
    for (size_t i = 0; i < plan->n; i++) {
        const struct schema_rule *rule = plan->rules[i].rule;
        uint64_t value = row->numbers[plan->rules[i].column];
        bool is_good = rule->kind == SCHEMA_RANGE       ? value >= rule->low && value <= rule->high
                       : rule->kind == SCHEMA_BITS      ? (value & ~rule->high) == 0
                       : rule->kind == SCHEMA_REFERENCE ? exists(context, (uint32_t)rule->low, value)
                                                        : true;
        if (!is_good) {
            return false;
        }
    }
    return true;
}

bool validate_plan_change(const struct validate_plan *plan, const struct verbatim *before, const struct verbatim *after)
{
    for (size_t i = 0; i < plan->n; i++) {
        bool is_kept = plan->rules[i].rule->kind == SCHEMA_FIXED || plan->rules[i].rule->kind == SCHEMA_ASSIGNED;
        if (is_kept && before->numbers[plan->rules[i].column] != after->numbers[plan->rules[i].column]) {
            return false;
        }
    }
    return true;
}

bool validate_has_whole(uint32_t table)
{
    return table == CFG_PORT;
}

int validate_whole(uint32_t table, uint64_t id, const ProtobufCMessage *row, struct error_detail *detail)
{
    return table == CFG_PORT ? validate_port_options(id, (const Busbar__PortRow *)row, detail) : 0;
}

int validate_change(uint32_t table, uint64_t id, const char *column, struct error_detail *detail)
{
    const char *name = cfg_table_info(table)->name;
    if (column_find(cfg_table_info(table)->descriptor, column) == NULL) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "%s row %" PRIu64 ": there is no column %.*s", name, id,
                         VALIDATE_TEXT_SHOWN, column);
    }
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    for (size_t i = 0; i < n; i++) {
        const struct schema_rule *rule = &rules[i];
        if (rule->table != table || strcmp(rule->column, column) != 0) {
            continue;
        }
        if (rule->kind == SCHEMA_FIXED) {
            return error_set(detail, -ERROR_REFUSED, "%s row %" PRIu64 ", column %s: is set once and never changes", name, id,
                             column);
        }
        if (rule->kind == SCHEMA_ASSIGNED) {
            return error_set(detail, -ERROR_REFUSED, "%s row %" PRIu64 ", column %s: is assigned by configdb", name, id,
                             column);
        }
    }
    return 0;
}

int validate_writer(uint32_t table, enum process_kind kind, struct error_detail *detail)
{
    const struct cfg_table_info *info = cfg_table_info(table);
    bool may = false;
    switch (info->table) {
    case CFG_SWITCH:
    case CFG_BRIDGE:
    case CFG_CONTROLLER:
    case CFG_FLOW_TABLE:
    case CFG_KEY:
        may = kind == PROCESS_SWCTL;
        break;
    case CFG_PORT:
        may = kind == PROCESS_SWCTL || kind == PROCESS_OFAGENT;
        break;
    case CFG_RULE:
    case CFG_GROUP:
    case CFG_METER:
    case CFG_OWNER:
    case CFG_COUNTER:
        may = kind == PROCESS_OFAGENT;
        break;
    case CFG_SERVICE:
        may = kind != PROCESS_SWCTL;
        break;
    case CFG_PORT_STATUS:
    case CFG_CONTROLLER_STATUS:
    case CFG_TABLE_MAX:
        break;
    }
    return may ? 0
               : error_set(detail, -ERROR_WRONG_SENDER, "table %s is not written by %s", info->name, process_kind_name(kind));
}

int validate_labels(uint32_t table, uint64_t id, ProtobufCMessage *row, validate_resolve *resolve, void *context,
                    struct error_detail *detail)
{
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    for (size_t i = 0; i < n; i++) {
        const struct schema_rule *rule = &rules[i];
        uint64_t label;
        if (rule->table != table || rule->kind != SCHEMA_REFERENCE) {
            continue;
        }
        const ProtobufCFieldDescriptor *column = column_find(row->descriptor, rule->column);
        for (size_t k = 0; k < column_count(column, row); k++) {
            if (!column_number(column, row, k, &label) || label < 1ull << 63) {
                continue;
            }
            uint64_t resolved = resolve(context, label);
            if (resolved == 0) {
                return error_set(detail, -ERROR_REFERENCE,
                                 "%s row %" PRIu64 ", column %s: no insert of this transaction has the label %" PRIu64,
                                 cfg_table_info(table)->name, id, rule->column, label);
            }
            column_set_number(column, row, k, resolved);
        }
    }
    return 0;
}

static const struct schema_unique *validate_unique_at(uint32_t table, size_t index)
{
    size_t n;
    const struct schema_unique *uniques = schema_uniques(&n);
    for (size_t i = 0; i < n; i++) {
        if (uniques[i].table == table && index-- == 0) {
            return &uniques[i];
        }
    }
    return NULL;
}

size_t validate_unique_count(uint32_t table)
{
    size_t n = 0;
    while (validate_unique_at(table, n) != NULL) {
        n++;
    }
    return n;
}

struct db_key validate_unique_key(uint32_t table, size_t index, const ProtobufCMessage *row)
{
    const struct schema_unique *unique = validate_unique_at(table, index);
    struct db_key key = db_key_index(table, unique->number);
    for (size_t i = 0; i < 2 && unique->columns[i] != NULL; i++) {
        const ProtobufCFieldDescriptor *column = column_find(row->descriptor, unique->columns[i]);
        const char *text = column_text(column, row, 0);
        uint64_t number = 0;
        if (text != NULL) {
            db_key_add(&key, text, strlen(text));
        } else if (column_number(column, row, 0, &number)) {
            db_key_add_u64(&key, number);
        }
    }
    return key;
}

int validate_unique_error(uint32_t table, size_t index, const ProtobufCMessage *row, uint64_t other,
                          struct error_detail *detail)
{
    const struct schema_unique *unique = validate_unique_at(table, index);
    char values[200] = "";
    size_t used = 0;
    for (size_t i = 0; i < 2 && unique->columns[i] != NULL; i++) {
        const ProtobufCFieldDescriptor *column = column_find(row->descriptor, unique->columns[i]);
        const char *text = column_text(column, row, 0);
        uint64_t number = 0;
        (void)column_number(column, row, 0, &number);
        int n = text != NULL ? snprintf(values + used, sizeof values - used, "%s%s '%.*s'", i > 0 ? " and " : "",
                                        unique->columns[i], VALIDATE_TEXT_SHOWN, text)
                             : snprintf(values + used, sizeof values - used, "%s%s %" PRIu64, i > 0 ? " and " : "",
                                        unique->columns[i], number);
        used += n > 0 && (size_t)n < sizeof values - used ? (size_t)n : 0;
    }
    return error_set(detail, -ERROR_EXISTS, "table %s: row %" PRIu64 " has %s already", cfg_table_info(table)->name, other,
                     values);
}

const char *const *validate_unique_columns(uint32_t table, size_t index)
{
    return validate_unique_at(table, index)->columns;
}

static const struct schema_rule *validate_rule_of(uint32_t table, const char *column, enum schema_rule_kind kind)
{
    size_t n;
    const struct schema_rule *rules = schema_rules(&n);
    for (size_t i = 0; i < n; i++) {
        if (rules[i].table == table && rules[i].kind == kind && strcmp(rules[i].column, column) == 0) {
            return &rules[i];
        }
    }
    return NULL;
}

uint32_t validate_reference(uint32_t table, const char *column)
{
    const struct schema_rule *rule = validate_rule_of(table, column, SCHEMA_REFERENCE);
    return rule != NULL ? (uint32_t)rule->low : 0;
}

bool validate_is_fixed(uint32_t table, const char *column)
{
    return validate_rule_of(table, column, SCHEMA_FIXED) != NULL;
}
