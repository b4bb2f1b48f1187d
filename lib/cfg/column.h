/* Columns of rows by name, through protobuf-c's descriptors: compare, take over, mutate, show.
 *
 * configdb knows what a row means only through the schema; these functions are how it touches a row without knowing its struct.
 * Messages that gain or lose values must have been unpacked by protobuf-c with its default allocator; column_swap() and column_add() leave it to who calls
 * them, as long as both messages are of the same memory.
 */
#ifndef BUSBAR_CFG_COLUMN_H
#define BUSBAR_CFG_COLUMN_H

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
/* Whether it is a list of pairs of texts, each with its own key. */
bool column_is_map(const ProtobufCFieldDescriptor *column);
/* Of a map: the key and the value of an element. Lent. */
const char *column_pair(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index,
                        const char **out_value);

/* An empty row; free it with protobuf_c_message_free_unpacked(). */
ProtobufCMessage *column_row_new(const ProtobufCMessageDescriptor *descriptor) __attribute__((returns_nonnull));
/* Not set, no elements; a required column is 0 or without text. */
void column_clear(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row);
/* Sets the column, or adds an element to a repeated one. The column must be of that type; texts are copied. */
void column_put_number(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, uint64_t value);
void column_put_text(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const char *text);
void column_put_pair(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const char *key, const char *value);

/* Adds to `row` the elements of `from` that it lacks / takes the elements of `from` out of it. Of a map, a key that is there keeps its
 * value; an element without a value takes the key out whatever its value. -EINVAL: neither a list of numbers nor a map. */
int column_insert(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from) MUST_CHECK;
int column_remove(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from) MUST_CHECK;

/* Adds the number of `from` to that of `row`, or takes it off; `preset` is what counts while the column is not set. -EINVAL: not one
 * number; -ERROR_RANGE: below 0 or above what the column's type holds. */
int column_add(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from, uint64_t preset,
               bool is_subtracted) MUST_CHECK;

/* The whole row as an object, columns that are not set left out; bytes as hexadecimal text, numbers above 2^63 as text. */
json_t *column_row_json(const ProtobufCMessage *row);

#endif
