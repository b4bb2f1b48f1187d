/* Conditions on rows, as find and wait-until take them: COLUMN[:KEY]=VALUE, and != < > <= >=. */
#ifndef BUSBAR_CLI_CONDITION_H
#define BUSBAR_CLI_CONDITION_H

#include <jansson.h>

#include "lib/cfg/schema.h"

enum condition_operator {
    CONDITION_EQUAL,
    CONDITION_OTHER,
    CONDITION_LESS,
    CONDITION_GREATER,
    CONDITION_AT_MOST,
    CONDITION_AT_LEAST
};
struct condition {
    struct schema_place place;
    char *column; /* as typed, without the operator */
    enum condition_operator operator;
    json_t *value;
};

/* Reads one word. Of a table without settings any column of configdb's JSON may be named. Errors name the word. */
int condition_parse(enum cfg_table table, const char *word, struct condition *out_condition,
                    struct error_detail *detail) MUST_CHECK;
void condition_fini(struct condition *condition);
/* row: as view_table() gives it. */
bool condition_holds(const struct condition *condition, const json_t *row);

#endif
