/* Reads and writes the extensions' values. Each word has one reader; what is written is what ovs-ofctl prints.
 *
 * Bytes go into items of their own behind the action (action.h), so a list stays an array of values. Text is bounded by its caller, a note
 * by the length of an OpenFlow action. Control code, any thread, no state; linear in the text.
 * What may never happen: an action is added without what belongs behind it.
 */
#include "lib/model/action_extension.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/model/action_text.h"
#include "lib/model/field_names.h"

enum {
    BYTES_MAX = 65000,                /* an action's length is 16 bits */
    NOTE_FIRST = 6, NOTE_STEP = 8,    /* bytes of a note: 6, 14, 22 ... */
    OUTPUT_REG_MAX_LEN = UINT16_MAX /* Open vSwitch's for text: the whole packet, should it be the controller */
};

int action_extension_parse_trunc(const struct word *word, const struct match_ports *ports, struct action_list *list,
                                 struct error_detail *detail)
{
    struct action action = {.type = ACTION_OUTPUT_TRUNC, .output_trunc = {.port = PORT_ANY}};
    char *copy = memory_string(word->value), *pos = copy;
    struct word part;
    uint64_t number = 0;
    int err;
    while ((err = word_next(&pos, &part, detail)) > 0) {
        if (strcmp(part.name, "port") == 0 && part.value != NULL) {
            err = action_text_parse_port(part.value, ports, &action.output_trunc.port, detail);
        } else if (strcmp(part.name, "max_len") == 0) {
            err = word_number("max_len", part.value, UINT32_MAX, &number, detail);
        } else {
            err = error_set(detail, -ERROR_UNKNOWN_NAME, "output: \"%s\" is not port= or max_len=", part.name);
        }
        if (err != 0) {
            break;
        }
    }
    free(copy);
    if (err == 0 && (action.output_trunc.port == PORT_ANY || number < ACTION_TRUNCATE_MIN)) {
        err = error_set(detail, -ERROR_RANGE, "output: needs port= and max_len= of %d or more", ACTION_TRUNCATE_MIN);
    }
    if (err == 0) {
        action.output_trunc.max_len = (uint32_t)number;
        action_list_add(list, &action);
    }
    return err;
}

int action_extension_parse_output_reg(const struct word *word, struct action_list *list, struct error_detail *detail)
{
    struct subfield part;
    int err = subfield_parse(word->value, strlen(word->value), &part, detail);
    if (err == 0) {
        action_list_add(list, &(struct action){.type = ACTION_OUTPUT_REG,
                                               .output_reg = {.field = part.field,
                                                              .offset = part.offset,
                                                              .n_bits = part.n_bits,
                                                              .max_len = OUTPUT_REG_MAX_LEN}});
    }
    return err;
}

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

int action_extension_parse_bytes(const char *name, const char *text, uint8_t **out_bytes, size_t *out_n, struct error_detail *detail)
{
    uint8_t *bytes = memory_zeroed(strlen(text) / 2 + 1);
    size_t n = 0;
    for (const char *c = text; *c != '\0';) {
        if (!isxdigit((unsigned char)c[0]) || !isxdigit((unsigned char)c[1]) || n == BYTES_MAX) {
            free(bytes);
            return error_set(detail, -ERROR_SYNTAX, "%s: expected bytes as in 01.ab.ff", name);
        }
        bytes[n++] = (uint8_t)(digit_of(c[0]) << 4 | digit_of(c[1]));
        c += 2;
        c += *c == '.';
    }
    *out_bytes = bytes;
    *out_n = n;
    return 0;
}

int action_extension_parse_note(const struct word *word, struct action_list *list, struct error_detail *detail)
{
    uint8_t *bytes;
    size_t n;
    int err = action_extension_parse_bytes("note", word->value != NULL ? word->value : "", &bytes, &n, detail);
    if (err != 0) {
        return err;
    }
    size_t size = NOTE_FIRST;
    while (size < n) {
        size += NOTE_STEP;
    }
    bytes = memory_resize(bytes, size);
    memset(bytes + n, 0, size - n);
    action_list_add(list, &(struct action){.type = ACTION_NOTE, .n_data = (uint16_t)size});
    action_list_add_data(list, bytes, size);
    free(bytes);
    return 0;
}

int action_extension_parse_part(const struct word *word, enum action_type type, struct action_list *list, struct error_detail *detail)
{
    struct subfield part;
    if (word->value == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s: a field is missing", word->name);
    }
    int err = subfield_parse(word->value, strlen(word->value), &part, detail);
    if (err == 0 && type == ACTION_STACK_POP && field_table[part.field].set_rule == FIELD_SET_RO) {
        err = error_set(detail, -ERROR_REFUSED, "pop: %s cannot be set", word->value);
    }
    if (err == 0) {
        action_list_add(list,
                        &(struct action){.type = type, .part = {.field = part.field, .offset = part.offset, .n_bits = part.n_bits}});
    }
    return err;
}

int action_extension_parse_conjunction(const struct word *word, struct action_list *list, struct error_detail *detail)
{
    char *id_text = memory_string(word->value != NULL ? word->value : "");
    char *clause_text = strchr(id_text, ','), *count_text = clause_text != NULL ? strchr(clause_text, '/') : NULL;
    uint64_t id = 0, clause = 0, n_clauses = 0;
    int err = count_text == NULL ? error_set(detail, -ERROR_SYNTAX, "conjunction: expected (ID,K/N)") : 0;
    if (err == 0) {
        *clause_text++ = '\0';
        *count_text++ = '\0';
        clause_text += strspn(clause_text, " ");
        err = word_number("conjunction", id_text, UINT32_MAX, &id, detail);
    }
    err = err != 0 ? err : word_number("conjunction", clause_text, UINT8_MAX, &clause, detail);
    err = err != 0 ? err : word_number("conjunction", count_text, UINT8_MAX, &n_clauses, detail);
    free(id_text);
    if (err == 0 && (n_clauses < 2 || n_clauses > CONJUNCTION_CLAUSES_MAX || clause < 1 || clause > n_clauses)) {
        err = error_set(detail, -ERROR_RANGE, "conjunction: clause K/N is 1 to N, and N 2 to %d", CONJUNCTION_CLAUSES_MAX);
    }
    if (err == 0) {
        action_list_add(list, &(struct action){.type = ACTION_CONJUNCTION,
                                               .conjunction = {.id = (uint32_t)id,
                                                               .clause = (uint8_t)(clause - 1),
                                                               .n_clauses = (uint8_t)n_clauses}});
    }
    return err;
}

void action_extension_format_bytes(FILE *stream, const struct action_list *list, size_t i)
{
    const char *dot = "";
    for (size_t k = i + 1; k < list->count && list->items[k].type == ACTION_DATA; k++) {
        for (size_t b = 0; b < list->items[k].data.n_bytes && b < ACTION_DATA_SIZE; b++) {
            fprintf(stream, "%s%02x", dot, list->items[k].data.bytes[b]);
            dot = ".";
        }
    }
}

static void put_part(FILE *stream, const char *word, enum field_id field, uint8_t offset, uint8_t n_bits)
{
    char *text = subfield_format((struct subfield){.field = field, .offset = offset, .n_bits = n_bits});
    fprintf(stream, "%s:%s", word, text);
    free(text);
}

void action_extension_format(FILE *stream, const struct action_list *list, size_t i, const struct match_ports *ports)
{
    const struct action *action = &list->items[i];
    char *port;
    switch ((unsigned)action->type) {
    case ACTION_OUTPUT_REG:
        put_part(stream, "output", action->output_reg.field, action->output_reg.offset, action->output_reg.n_bits);
        return;
    case ACTION_OUTPUT_TRUNC:
        port = match_format_value(FIELD_IN_PORT, field_value_u64(action->output_trunc.port), NULL, ports);
        fprintf(stream, "output(port=%s,max_len=%" PRIu32 ")", port, action->output_trunc.max_len);
        free(port);
        return;
    case ACTION_NOTE:
        fputs("note:", stream);
        action_extension_format_bytes(stream, list, i);
        return;
    case ACTION_STACK_PUSH:
        put_part(stream, "push", action->part.field, action->part.offset, action->part.n_bits);
        return;
    case ACTION_STACK_POP:
        put_part(stream, "pop", action->part.field, action->part.offset, action->part.n_bits);
        return;
    case ACTION_CONJUNCTION:
        fprintf(stream, "conjunction(%" PRIu32 ",%u/%u)", action->conjunction.id, action->conjunction.clause + 1u,
                action->conjunction.n_clauses);
        return;
    default:
        return;
    }
}
