/* The rules of lib/cfg/columns.def, applied: one row alone (validate_row), what may change (validate_change), and unique columns.
 *
 * Every refusal names table, row, column, value and rule: "port row 7, column tag: 5000 is not in 1 to 4094".
 * One thread; no state.
 */
#ifndef BUSBAR_CONFIGDB_VALIDATE_H
#define BUSBAR_CONFIGDB_VALIDATE_H

#include "lib/bus/bus.h"
#include "lib/cfg/cfg.h"
#include "services/configdb/db_layout.h"
#include "services/configdb/verbatim.h"

/* Asks whether a row exists; for references. */
typedef bool validate_exists(void *context, uint32_t table, uint64_t id);

struct schema_rule;

/* Packed bytes to a row. -ERROR_SYNTAX (cannot be unpacked), -ERROR_TOO_LARGE, -ERROR_UNKNOWN_NAME (columns that the schema lacks). */
int validate_unpack(uint32_t table, uint64_t id, const uint8_t *bytes, size_t size, ProtobufCAllocator *memory, ProtobufCMessage **out_row,
                    struct error_detail *detail) MUST_CHECK;
/* Values and references of one row. */
int validate_row(uint32_t table, uint64_t id, const ProtobufCMessage *row, validate_exists *exists, void *context,
                 struct error_detail *detail) MUST_CHECK;
/* The rules of one table, for rows that are read where they stand. */
enum { VALIDATE_PLAN_MAX = 8 };
struct validate_plan {
    uint32_t table;
    size_t n;
    struct {
        const struct schema_rule *rule;
        unsigned int column; /* its place in the row's descriptor */
    } rules[VALIDATE_PLAN_MAX];
};
/* False: the table has rules that look at more than one number that is always there, or unique columns. */
bool validate_plan_make(uint32_t table, struct validate_plan *out_plan);
/* Whether validate_row() would take it. */
bool validate_plan_row(const struct validate_plan *plan, const struct verbatim *row, validate_exists *exists, void *context);
/* Whether validate_change() would let a client change every column in which the two differ. */
bool validate_plan_change(const struct validate_plan *plan, const struct verbatim *before, const struct verbatim *after);
/* What the columns of a row may hold together; asked of the rows of tables that have such rules, at the end of a transaction. */
bool validate_has_whole(uint32_t table);
int validate_whole(uint32_t table, uint64_t id, const ProtobufCMessage *row, struct error_detail *detail) MUST_CHECK;
/* Whether a client may change this column of an existing row. */
int validate_change(uint32_t table, uint64_t id, const char *column, struct error_detail *detail) MUST_CHECK;
/* Whether this kind of process may write the table (proto/README.md). */
int validate_writer(uint32_t table, enum process_kind kind, struct error_detail *detail) MUST_CHECK;

/* Calls `resolve` for every reference column that holds a label (>= 2^63); it returns the id, 0 when there is none. */
typedef uint64_t validate_resolve(void *context, uint64_t label);
int validate_labels(uint32_t table, uint64_t id, ProtobufCMessage *row, validate_resolve *resolve, void *context,
                    struct error_detail *detail) MUST_CHECK;

/* The table that the column refers to, 0 when it is no reference; whether the column is set once and never changes. */
uint32_t validate_reference(uint32_t table, const char *column);
bool validate_is_fixed(uint32_t table, const char *column);

size_t validate_unique_count(uint32_t table);
/* Its columns; the second may be NULL. */
const char *const *validate_unique_columns(uint32_t table, size_t index);
struct db_key validate_unique_key(uint32_t table, size_t index, const ProtobufCMessage *row);
/* Fills detail with the columns and values and the other row's id; returns -ERROR_EXISTS. */
int validate_unique_error(uint32_t table, size_t index, const ProtobufCMessage *row, uint64_t other,
                          struct error_detail *detail);

#endif
