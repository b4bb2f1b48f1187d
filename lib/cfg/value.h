/* Values of settings as people write them: text as ovs-vsctl reads and prints it, and JSON as files hold it.
 *
 * JSON is the form in between: a number is an integer, a flag true or false, a set of numbers a sorted array, a map an object, everything else
 * text; not set is null (and an empty set or map is as good as not set). One thread, no state.
 */
#ifndef BUSBAR_CFG_VALUE_H
#define BUSBAR_CFG_VALUE_H

#include <jansson.h>

#include "lib/cfg/schema.h"

enum { VALUE_ELEMENTS_MAX = 4096 /* of a set or map: there are no more VLANs */ };

/* Rows by name: references are ids in rows and names in front of people. */
struct value_names {
    const char *(*name)(void *context, enum cfg_table table, uint64_t id); /* NULL: no such row */
    uint64_t (*id)(void *context, enum cfg_table table, const char *name); /* 0: no such row */
    void *context;
};

/* What the row (of setting->source) holds; null when not set. New reference. */
json_t *value_json(const struct schema_setting *setting, const ProtobufCMessage *row, const struct value_names *names);
/* Sets the column of `row` to the value, null: not set. Errors: -ERROR_SYNTAX, -ERROR_RANGE, -ERROR_NOT_FOUND, with table, column and value
 * in the detail. What else may stand there is checked by configdb. */
int value_take(const struct schema_setting *setting, const json_t *value, ProtobufCMessage *row,
               const struct value_names *names, struct error_detail *detail) MUST_CHECK;
/* Text as ovs-vsctl takes it: 10  [10,20]  {k=v,k2=v2}  "a text"  []; the outer brackets of sets and maps may be left out. */
int value_parse(const struct schema_setting *setting, const char *text, json_t **out_value,
                struct error_detail *detail) MUST_CHECK;
/* k=v,k2=v2 to an object of texts; `what` names it in the detail. */
int value_parse_map(const char *what, const char *text, json_t **out_value, struct error_detail *detail) MUST_CHECK;
/* As ovs-vsctl prints it: texts quoted unless they are plain words, sets in [], maps in {}, not set as []. The caller's. */
char *value_text(const json_t *value);

#endif
