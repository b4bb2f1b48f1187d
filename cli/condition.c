/* Conditions on rows. See condition.h.
 *
 * A value is read as its column would take it, so sets compare without regard to order, and "not set" is []. Texts and columns of tables
 * without settings compare as they are printed. Order is for numbers only: asked of anything else, it does not hold.
 * One thread, no state; costs nothing beside the look-up of the row.
 */
#include "cli/condition.h"

#include <stdlib.h>
#include <string.h>

#include "cli/view.h"
#include "lib/base/memory.h"

/* Length of the operator at `c`, 0 when there is none. */
static size_t operator_at(const char *c, enum condition_operator *out_operator)
{
    static const struct {
        const char *text;
        enum condition_operator operator;
    } operators[] = {{"!=", CONDITION_OTHER}, {"<=", CONDITION_AT_MOST}, {">=", CONDITION_AT_LEAST},
                     {"=", CONDITION_EQUAL},  {"<", CONDITION_LESS},     {">", CONDITION_GREATER}};
    for (size_t i = 0; i < sizeof operators / sizeof operators[0]; i++) {
        if (strncmp(c, operators[i].text, strlen(operators[i].text)) == 0) {
            *out_operator = operators[i].operator;
            return strlen(operators[i].text);
        }
    }
    return 0;
}

/* Of tables that the schema does not describe, "id", and the pairs of a group or map: what is typed is what is printed. */
static int parse_value(const struct condition *condition, const char *text, json_t **out_value, struct error_detail *detail)
{
    const struct schema_place *place = &condition->place;
    if (place->setting != NULL && place->setting->when != SCHEMA_DERIVED && place->setting->form == SCHEMA_PLAIN &&
        (place->key == NULL || strchr(place->setting->name, ':') != NULL)) {
        return value_parse(place->setting, text, out_value, detail);
    }
    json_t *value = strcmp(text, "[]") == 0 || strcmp(text, "{}") == 0 ? json_null() : json_string(text);
    if (value == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s: the value is no text", condition->column);
    }
    *out_value = value;
    return 0;
}

int condition_parse(enum cfg_table table, const char *word, struct condition *out_condition, struct error_detail *detail)
{
    struct condition condition = {.column = memory_string(word)};
    size_t n = strcspn(word, "=!<>"), length = operator_at(word + n, &condition.operator);
    condition.column[n] = '\0';
    int err = n > 0 && length > 0
                  ? 0
                  : error_set(detail, -ERROR_SYNTAX, "%.64s: expected COLUMN=VALUE, or != < > <= >= between", word);
    if (err == 0 && (strcmp(condition.column, "id") == 0 || strcmp(condition.column, "_uuid") == 0)) {
        snprintf(condition.place.group, sizeof condition.place.group, "id");
    } else if (err == 0 && schema_has(table)) {
        err = schema_find(table, condition.column, &condition.place, detail);
    } else if (err == 0) {
        snprintf(condition.place.group, sizeof condition.place.group, "%s", condition.column);
    }
    if (err == 0) {
        err = parse_value(&condition, word + n + length, &condition.value, detail);
    }
    if (err != 0) {
        condition_fini(&condition);
        return err;
    }
    *out_condition = condition;
    return 0;
}

void condition_fini(struct condition *condition)
{
    free(condition->column);
    json_decref(condition->value);
    *condition = (struct condition){.column = NULL};
}

static bool is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) || (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0);
}

static bool is_equal(const json_t *found, const json_t *wanted)
{
    if (is_empty(found) || is_empty(wanted)) {
        return is_empty(found) && is_empty(wanted);
    }
    if (json_equal(found, wanted) != 0 || !json_is_string(wanted)) {
        return json_equal(found, wanted) != 0;
    }
    bool is_one = json_is_array(found) && json_array_size(found) == 1 && json_equal(json_array_get(found, 0), wanted) != 0;
    char *text = value_text(found); /* as it is printed */
    bool is_same = is_one || strcmp(text, json_string_value(wanted)) == 0;
    free(text);
    return is_same;
}

static bool number_of(const json_t *value, json_int_t *out_number)
{
    char *end;
    if (json_is_integer(value)) {
        *out_number = json_integer_value(value);
        return true;
    }
    if (!json_is_string(value)) {
        return false;
    }
    *out_number = strtoll(json_string_value(value), &end, 10);
    return end != json_string_value(value) && *end == '\0';
}

bool condition_holds(const struct condition *condition, const json_t *row)
{
    const json_t *found = view_column(row, &condition->place);
    json_int_t is = 0, limit = 0;
    bool has_order = json_is_integer(found) && number_of(found, &is) && number_of(condition->value, &limit);
    switch (condition->operator) {
    case CONDITION_EQUAL:
        return is_equal(found, condition->value);
    case CONDITION_OTHER:
        return !is_equal(found, condition->value);
    case CONDITION_LESS:
        return has_order && is < limit;
    case CONDITION_GREATER:
        return has_order && is > limit;
    case CONDITION_AT_MOST:
        return has_order && is <= limit;
    case CONDITION_AT_LEAST:
        return has_order && is >= limit;
    }
    return false;
}
