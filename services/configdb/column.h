/* Columns of rows by name, through protobuf-c's descriptors: compare, take over, mutate, show.
 *
 * configdb knows what a row means only through the schema; these functions are how it touches a row without knowing its struct.
 * Messages must have been unpacked by protobuf-c with its default allocator (members are moved between them).
 */
#ifndef BUSBAR_CONFIGDB_COLUMN_H
#define BUSBAR_CONFIGDB_COLUMN_H

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

/* NULL when the row type has no such column. */
const ProtobufCFieldDescriptor *column_find(const ProtobufCMessageDescriptor *descriptor, const char *name);

/* Number of values: 0 or 1, and the number of elements of a repeated column. */
size_t column_count(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row);
/* Integers, enums and booleans; false for other types. index < column_count(). */
bool column_number(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index, uint64_t *out_value);
/* Only for columns of column_number()'s types that hold a value; for resolved labels. */
void column_set_number(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, size_t index, uint64_t value);
/* NULL for other types than text. Lent. */
const char *column_text(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index);

/* Not set differs from every value, where the schema can tell. */
bool column_equal(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *a, const ProtobufCMessage *b);
/* Exchanges the column between two rows of one type: the way an update takes a value over without copying. */
void column_swap(const ProtobufCFieldDescriptor *column, ProtobufCMessage *a, ProtobufCMessage *b);
/* Adds to `row` the elements of `from` that it lacks / takes the elements of `from` out of it. -EINVAL: not a repeated column of
 * numbers. */
int column_insert(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from) MUST_CHECK;
int column_remove(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from) MUST_CHECK;

/* The whole row as an object, columns that are not set left out; bytes as hexadecimal text, numbers above 2^63 as text. */
json_t *column_row_json(const ProtobufCMessage *row);

#endif
