/* Values between rows, JSON and text. See value.h.
 *
 * What a value is follows from the column's type in the row message, from its form in columns.def and from whether it is a reference; so a
 * new setting needs nothing here. Texts come from command lines and files: everything is bounded and refused by name.
 *
 * Cost: that of the text. Any thread, no state.
 */
#include "lib/cfg/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/cfg/column.h"

enum { SHOWN = 64, HEX_DIGITS = 16, MEGA = 1000000, MAC_BYTES = 6 };

enum kind { KIND_NUMBER, KIND_FLAG, KIND_TEXT, KIND_TEXTS, KIND_NUMBERS, KIND_MAP, KIND_NAME, KIND_HEX, KIND_MAC, KIND_LINK };

static enum kind kind_of(const struct schema_setting *setting, const ProtobufCFieldDescriptor *field)
{
    if (setting->form == SCHEMA_HEX) {
        return KIND_HEX;
    }
    if (setting->form == SCHEMA_LINK) {
        return KIND_LINK;
    }
    if (setting->form == SCHEMA_MAC) {
        return KIND_MAC;
    }
    if (column_is_map(field)) {
        return KIND_MAP;
    }
    if (schema_reference(setting) != CFG_TABLE_MAX) {
        return KIND_NAME;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return field->label == PROTOBUF_C_LABEL_REPEATED ? KIND_TEXTS : KIND_TEXT;
    }
    if (field->type == PROTOBUF_C_TYPE_BOOL) {
        return KIND_FLAG;
    }
    return field->label == PROTOBUF_C_LABEL_REPEATED ? KIND_NUMBERS : KIND_NUMBER;
}

static int refuse(const struct schema_setting *setting, int err, const char *value, const char *wanted,
                  struct error_detail *detail)
{
    return error_set(detail, err, "table %s, column %s: '%.*s' is not %s", cfg_table_info(setting->table)->name, setting->name,
                     SHOWN, value, wanted);
}

/* ---- rows to JSON ---- */

static int compare_u64(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Sorted and each once, because a set has no order. */
static json_t *numbers_json(uint64_t *numbers, size_t n)
{
    json_t *array = json_array();
    qsort(numbers, n, sizeof *numbers, compare_u64);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || numbers[i] != numbers[i - 1]) {
            json_array_append_new(array, json_integer((json_int_t)numbers[i]));
        }
    }
    return array;
}

static json_t *set_json(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *row, size_t n)
{
    uint64_t *numbers = memory_array(n, sizeof *numbers);
    for (size_t i = 0; i < n; i++) {
        (void)column_number(field, row, i, &numbers[i]);
    }
    json_t *array = numbers_json(numbers, n);
    free(numbers);
    return array;
}

static int compare_keys(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted by key: a map has no order either. */
static json_t *map_json(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *row, size_t n)
{
    struct {
        const char *key, *value; /* the key first: compare_keys() reads it */
    } *pairs = memory_array(n, sizeof *pairs);
    json_t *object = json_object();
    for (size_t i = 0; i < n; i++) {
        pairs[i].key = column_pair(field, row, i, &pairs[i].value);
    }
    qsort(pairs, n, sizeof *pairs, compare_keys);
    for (size_t i = 0; i < n; i++) {
        json_object_set_new(object, pairs[i].key, json_string(pairs[i].value));
    }
    free(pairs);
    return object;
}

static json_t *texts_json(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *row, size_t n)
{
    const char **texts = memory_array(n, sizeof *texts);
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        texts[i] = column_text(field, row, i);
    }
    qsort(texts, n, sizeof *texts, compare_keys);
    for (size_t i = 0; i < n; i++) {
        if (i == 0 || strcmp(texts[i], texts[i - 1]) != 0) {
            json_array_append_new(array, json_string(texts[i]));
        }
    }
    free(texts);
    return array;
}

static json_t *text_json(const char *text)
{
    return text != NULL && text[0] != '\0' ? json_string(text) : json_null();
}

static json_t *mac_json(const struct schema_setting *setting, const ProtobufCMessage *row)
{
    ProtobufCBinaryData bytes;
    memcpy(&bytes, (const uint8_t *)row + schema_field(setting)->offset, sizeof bytes);
    if (bytes.len != MAC_BYTES) {
        return json_null();
    }
    const uint8_t *b = bytes.data;
    return json_sprintf("%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
}

static json_t *name_json(const struct schema_setting *setting, uint64_t id, const struct value_names *names)
{
    const char *name = names->name(names->context, schema_reference(setting), id);
    return name != NULL ? json_string(name) : json_integer((json_int_t)id);
}

json_t *value_json(const struct schema_setting *setting, const ProtobufCMessage *row, const struct value_names *names)
{
    const ProtobufCFieldDescriptor *field = schema_field(setting);
    size_t n = column_count(field, row);
    uint64_t number = 0;
    if (n == 0) {
        return json_null();
    }
    (void)column_number(field, row, 0, &number);
    switch (kind_of(setting, field)) {
    case KIND_NUMBER:
        return json_integer((json_int_t)(setting->form == SCHEMA_MEGABITS ? number * MEGA : number));
    case KIND_FLAG:
        return json_boolean(number != 0);
    case KIND_TEXT:
        return text_json(column_text(field, row, 0));
    case KIND_TEXTS:
        return texts_json(field, row, n);
    case KIND_NUMBERS:
        return set_json(field, row, n);
    case KIND_MAP:
        return map_json(field, row, n);
    case KIND_NAME:
        return name_json(setting, number, names);
    case KIND_HEX:
        return json_sprintf("%016" PRIx64, number);
    case KIND_MAC:
        return mac_json(setting, row);
    case KIND_LINK:
        return json_string(number != 0 ? "up" : "down");
    }
    return json_null();
}

/* ---- JSON to rows ---- */

static int take_number(const struct schema_setting *setting, const json_t *value, ProtobufCMessage *row,
                       struct error_detail *detail)
{
    const ProtobufCFieldDescriptor *field = schema_field(setting);
    bool is_wide = field->type == PROTOBUF_C_TYPE_UINT64 || field->type == PROTOBUF_C_TYPE_FIXED64;
    char text[SHOWN];
    json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 0 || (!is_wide && number > UINT32_MAX)) {
        snprintf(text, sizeof text, json_is_integer(value) ? "%" JSON_INTEGER_FORMAT : "(no integer)", number);
        return refuse(setting, -ERROR_RANGE, text,
                      is_wide ? "a number from 0 to 9223372036854775807" : "a number from 0 to 4294967295", detail);
    }
    column_put_number(field, row, (uint64_t)number);
    return 0;
}

static int take_numbers(const struct schema_setting *setting, const json_t *value, ProtobufCMessage *row,
                        struct error_detail *detail)
{
    size_t i, n = json_array_size(value);
    json_t *element;
    if (!json_is_array(value) || n > VALUE_ELEMENTS_MAX) {
        return refuse(setting, -ERROR_SYNTAX, json_is_array(value) ? "(too many)" : "(no array)",
                      "an array of at most 4096 numbers", detail);
    }
    uint64_t *numbers = memory_array(n + 1, sizeof *numbers);
    int err = 0;
    json_array_foreach(value, i, element)
    {
        /* Each through the column, so that its bounds are checked in one place. */
        column_clear(schema_field(setting), row);
        err = err != 0 ? err : take_number(setting, element, row, detail);
        numbers[i] = (uint64_t)json_integer_value(element);
    }
    column_clear(schema_field(setting), row);
    json_t *sorted = numbers_json(numbers, n);
    json_array_foreach(sorted, i, element)
    {
        if (err == 0) {
            column_put_number(schema_field(setting), row, (uint64_t)json_integer_value(element));
        }
    }
    json_decref(sorted);
    free(numbers);
    return err;
}

/* In the order given: who shows them sorts them. */
static int take_texts(const struct schema_setting *setting, const json_t *value, ProtobufCMessage *row, struct error_detail *detail)
{
    size_t i;
    json_t *element;
    if (!json_is_array(value) || json_array_size(value) > VALUE_ELEMENTS_MAX) {
        return refuse(setting, -ERROR_SYNTAX, json_is_array(value) ? "(too many)" : "(no array)", "an array of at most 4096 texts", detail);
    }
    json_array_foreach(value, i, element)
    {
        if (!json_is_string(element)) {
            return refuse(setting, -ERROR_SYNTAX, "(no text)", "a text", detail);
        }
        column_put_text(schema_field(setting), row, json_string_value(element));
    }
    return 0;
}

/* Sorted by key, so that equal maps are equal rows. */
static int take_map(const struct schema_setting *setting, const json_t *value, ProtobufCMessage *row,
                    struct error_detail *detail)
{
    size_t n = 0;
    const char *key;
    json_t *member;
    if (!json_is_object(value) || json_object_size(value) > VALUE_ELEMENTS_MAX) {
        return refuse(setting, -ERROR_SYNTAX, json_is_object(value) ? "(too many)" : "(no object)",
                      "a map of at most 4096 keys", detail);
    }
    const char **keys = memory_array(json_object_size(value) + 1, sizeof *keys);
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        keys[n++] = key;
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    int err = 0;
    for (size_t i = 0; err == 0 && i < n; i++) {
        const char *text = json_string_value(json_object_get(value, keys[i]));
        if (text == NULL) {
            err = refuse(setting, -ERROR_SYNTAX, keys[i], "a key with a text", detail);
        } else {
            column_put_pair(schema_field(setting), row, keys[i], text);
        }
    }
    free(keys);
    return err;
}

static int take_hex(const struct schema_setting *setting, const char *text, ProtobufCMessage *row, struct error_detail *detail)
{
    static const char wanted[] = "16 hexadecimal digits, or up to 16 behind 0x";
    bool has_prefix = text[0] == '0' && tolower((unsigned char)text[1]) == 'x';
    const char *digits = text + (has_prefix ? 2 : 0);
    size_t n = strlen(digits);
    if (n == 0 || n > HEX_DIGITS || (n < HEX_DIGITS && !has_prefix) || strspn(digits, "0123456789abcdefABCDEF") != n) {
        return refuse(setting, -ERROR_RANGE, text, wanted, detail);
    }
    column_put_number(schema_field(setting), row, strtoull(digits, NULL, 16));
    return 0;
}

static int take_text(const struct schema_setting *setting, enum kind kind, const json_t *value, ProtobufCMessage *row,
                     const struct value_names *names, struct error_detail *detail)
{
    const char *text = json_string_value(value);
    if (text == NULL) {
        return refuse(setting, -ERROR_SYNTAX, "(no text)", "a text", detail);
    }
    if (kind == KIND_HEX) {
        return take_hex(setting, text, row, detail);
    }
    if (kind == KIND_NAME) {
        uint64_t id = names->id(names->context, schema_reference(setting), text);
        if (id == 0) {
            return refuse(setting, -ERROR_NOT_FOUND, text, "the name of a row that exists", detail);
        }
        column_put_number(schema_field(setting), row, id);
        return 0;
    }
    column_put_text(schema_field(setting), row, text);
    return 0;
}

int value_take(const struct schema_setting *setting, const json_t *value, ProtobufCMessage *row,
               const struct value_names *names, struct error_detail *detail)
{
    const ProtobufCFieldDescriptor *field = schema_field(setting);
    column_clear(field, row);
    if (json_is_null(value)) {
        return 0;
    }
    enum kind kind = kind_of(setting, field);
    switch (kind) {
    case KIND_NUMBER:
        return take_number(setting, value, row, detail);
    case KIND_FLAG:
        if (!json_is_boolean(value)) {
            return refuse(setting, -ERROR_SYNTAX, json_is_string(value) ? json_string_value(value) : "(no flag)",
                          "true or false", detail);
        }
        column_put_number(field, row, json_is_true(value) ? 1 : 0);
        return 0;
    case KIND_TEXTS:
        return take_texts(setting, value, row, detail);
    case KIND_NUMBERS:
        return take_numbers(setting, value, row, detail);
    case KIND_MAP:
        return take_map(setting, value, row, detail);
    case KIND_TEXT:
    case KIND_NAME:
    case KIND_HEX:
        return take_text(setting, kind, value, row, names, detail);
    case KIND_MAC:
    case KIND_LINK:
        break;
    }
    return refuse(setting, -ERROR_REFUSED, setting->name, "a column that is set", detail);
}

/* ---- text to JSON ---- */

/* One atom at *text, up to a separator or the end; quoted or bare. NULL: a quote is not closed. The caller's. */
static char *take_atom(const char **text, const char *separators)
{
    const char *c = *text;
    char *atom = memory_zeroed(strlen(c) + 1);
    size_t n = 0;
    if (*c != '"') {
        n = strcspn(c, separators);
        memcpy(atom, c, n);
        *text = c + n;
        return atom;
    }
    for (c++; *c != '"'; c++) {
        if (*c == '\\' && c[1] != '\0') {
            c++;
        }
        if (*c == '\0') {
            free(atom);
            return NULL;
        }
        atom[n++] = *c;
    }
    *text = c + 1;
    return atom;
}

/* The text without its outer brackets, if it has them. The caller's. */
static char *unwrapped(const char *text)
{
    size_t n = strlen(text);
    bool is_wrapped = n >= 2 && ((text[0] == '[' && text[n - 1] == ']') || (text[0] == '{' && text[n - 1] == '}'));
    char *inner = memory_string(is_wrapped ? text + 1 : text);
    if (is_wrapped) {
        inner[n - 2] = '\0';
    }
    return inner;
}

static json_t *number_json(const char *text)
{
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 0);
    bool is_good = isdigit((unsigned char)text[0]) && *end == '\0' && errno == 0 && number <= INT64_MAX;
    return is_good ? json_integer((json_int_t)number) : NULL;
}

static json_t *flag_json(const char *text)
{
    static const char *const words[2][3] = {{"false", "off", "no"}, {"true", "on", "yes"}};
    for (size_t i = 0; i < 6; i++) {
        if (strcmp(text, words[i / 3][i % 3]) == 0) {
            return json_boolean(i / 3);
        }
    }
    return NULL;
}

static int parse_numbers(const struct schema_setting *setting, const char *text, json_t **out_value,
                         struct error_detail *detail)
{
    uint64_t *numbers = memory_array(VALUE_ELEMENTS_MAX, sizeof *numbers);
    const char *c = text;
    size_t n = 0;
    int err = 0;
    while (err == 0 && *c != '\0') {
        char *atom = take_atom(&c, ", ");
        json_t *number = atom != NULL && n < VALUE_ELEMENTS_MAX ? number_json(atom) : NULL;
        free(atom);
        if (number == NULL) {
            err = refuse(setting, -ERROR_SYNTAX, text, "a list of numbers, as in 10,20", detail);
        } else {
            numbers[n++] = (uint64_t)json_integer_value(number);
        }
        json_decref(number);
        c += strspn(c, ", ");
    }
    if (err == 0) {
        *out_value = numbers_json(numbers, n);
    }
    free(numbers);
    return err;
}

static int parse_texts(const struct schema_setting *setting, const char *text, json_t **out_value, struct error_detail *detail)
{
    json_t *array = json_array();
    const char *c = text;
    bool is_good = true;
    while (is_good && *c != '\0') {
        char *atom = take_atom(&c, ", ");
        is_good = atom != NULL && atom[0] != '\0' && json_array_size(array) < VALUE_ELEMENTS_MAX && json_array_append_new(array, json_string(atom)) == 0;
        free(atom);
        c += strspn(c, ", ");
    }
    if (!is_good) {
        json_decref(array);
        return refuse(setting, -ERROR_SYNTAX, text, "a list of texts, as in A,B", detail);
    }
    *out_value = array;
    return 0;
}

int value_parse_map(const char *what, const char *text, json_t **out_value, struct error_detail *detail)
{
    char *inner = unwrapped(text);
    json_t *object = json_object();
    const char *c = inner;
    bool is_good = true;
    while (is_good && *c != '\0') {
        char *key = take_atom(&c, "=, "), *value = NULL;
        if (key != NULL && *c == '=') {
            c++;
            value = take_atom(&c, ", ");
        }
        is_good = value != NULL && key[0] != '\0' && json_object_size(object) < VALUE_ELEMENTS_MAX &&
                  json_object_set_new(object, key, json_string(value)) == 0 && (*c == '\0' || *c == ',' || *c == ' ');
        free(key);
        free(value);
        c += strspn(c, ", ");
    }
    free(inner);
    if (!is_good) {
        json_decref(object);
        return error_set(detail, -ERROR_SYNTAX, "%s: '%.*s' is not a map, as in KEY=VALUE,KEY=VALUE", what, SHOWN, text);
    }
    *out_value = object;
    return 0;
}

static int parse_one(const struct schema_setting *setting, enum kind kind, const char *text, json_t **out_value,
                     struct error_detail *detail)
{
    const char *c = text;
    char *atom = take_atom(&c, "");
    json_t *value = NULL;
    const char *wanted = "a text, or a text in quotes";
    if (atom != NULL && *c == '\0' && kind == KIND_NUMBER) {
        wanted = "a number";
        value = number_json(atom);
    } else if (atom != NULL && *c == '\0' && kind == KIND_FLAG) {
        wanted = "true or false";
        value = flag_json(atom);
    } else if (atom != NULL && *c == '\0') {
        value = json_string(atom); /* NULL when it is no UTF-8 */
    }
    free(atom);
    if (value == NULL) {
        return refuse(setting, -ERROR_SYNTAX, text, wanted, detail);
    }
    *out_value = value;
    return 0;
}

int value_parse(const struct schema_setting *setting, const char *text, json_t **out_value, struct error_detail *detail)
{
    enum kind kind = kind_of(setting, schema_field(setting));
    if (strcmp(text, "[]") == 0 || strcmp(text, "{}") == 0) {
        *out_value = json_null();
        return 0;
    }
    if (kind == KIND_MAP) {
        char *what = memory_format("table %s, column %s", cfg_table_info(setting->table)->name, setting->name);
        int err = value_parse_map(what, text, out_value, detail);
        free(what);
        return err;
    }
    if (kind == KIND_NUMBERS || kind == KIND_TEXTS) {
        char *inner = unwrapped(text);
        int err = (kind == KIND_NUMBERS ? parse_numbers : parse_texts)(setting, inner, out_value, detail);
        free(inner);
        return err;
    }
    return parse_one(setting, kind, text, out_value, detail);
}

/* ---- JSON to text ---- */

/* A word that needs no quotes: as ovs-vsctl, letters, digits, _ - . and no digit at the beginning; not a flag's word. */
static bool is_plain(const char *text)
{
    bool is_word = isalpha((unsigned char)text[0]) || text[0] == '_';
    for (const char *c = text; *c != '\0'; c++) {
        is_word = is_word && (isalnum((unsigned char)*c) || strchr("_-.", *c) != NULL);
    }
    return is_word && strcmp(text, "true") != 0 && strcmp(text, "false") != 0;
}

static void print_text(FILE *out, const char *text)
{
    if (is_plain(text)) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            putc('\\', out);
        }
        putc(*c, out);
    }
    putc('"', out);
}

static void print_map(FILE *out, const json_t *value)
{
    size_t n = 0;
    const char *key;
    json_t *member;
    const char **keys = memory_array(json_object_size(value) + 1, sizeof *keys);
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        keys[n++] = key;
    }
    qsort(keys, n, sizeof *keys, compare_keys);
    putc('{', out);
    for (size_t i = 0; i < n; i++) {
        char *text = value_text(json_object_get(value, keys[i]));
        fputs(i > 0 ? ", " : "", out);
        print_text(out, keys[i]);
        fprintf(out, "=%s", text);
        free(text);
    }
    free(keys);
    putc('}', out);
}

char *value_text(const json_t *value)
{
    char *text;
    size_t size, i;
    json_t *element;
    FILE *out = memory_stream(&text, &size);
    if (json_is_object(value)) {
        print_map(out, value);
    } else if (json_is_array(value)) {
        putc('[', out);
        json_array_foreach(value, i, element)
        {
            char *inner = value_text(element);
            fprintf(out, "%s%s", i > 0 ? ", " : "", inner);
            free(inner);
        }
        putc(']', out);
    } else if (json_is_string(value)) {
        print_text(out, json_string_value(value));
    } else if (json_is_integer(value)) {
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_boolean(value)) {
        fputs(json_is_true(value) ? "true" : "false", out);
    } else {
        fputs("[]", out);
    }
    fclose(out);
    return text;
}
