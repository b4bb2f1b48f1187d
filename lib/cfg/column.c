/* Columns by name, over protobuf-c's descriptors.
 *
 * Why by reflection: a row type is added by one message and one line in tables.def, and nothing here changes. A member of a generated
 * struct sits at field->offset; whether it is set, or how many there are, at field->quantifier_offset, depending on the label:
 * required and proto3 singular have none, proto2 optional numbers a flag, repeated ones a count.
 *
 * Cost: a binary search a column and what the values need. Any thread, no state. Input is our own structs, made by the
 * unpacker, which has checked types.
 */
#include "lib/cfg/column.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

const ProtobufCFieldDescriptor *column_find(const ProtobufCMessageDescriptor *descriptor, const char *name)
{
    return protobuf_c_message_descriptor_get_field_by_name(descriptor, name);
}

static size_t column_size(const ProtobufCFieldDescriptor *column)
{
    switch (column->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_ENUM:
        return 4;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return 8;
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    }
    return 0;
}

/* The member itself: of a repeated column the pointer to its array. */
static void *column_member(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row)
{
    return (uint8_t *)(uintptr_t)row + column->offset;
}

static void *column_quantifier(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row)
{
    return (uint8_t *)(uintptr_t)row + column->quantifier_offset;
}

static void *column_element(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index)
{
    uint8_t *member = column_member(column, row);
    if (column->label != PROTOBUF_C_LABEL_REPEATED) {
        return member;
    }
    uint8_t *array;
    memcpy(&array, member, sizeof array);
    return array + index * column_size(column);
}

static bool column_is_pointer(const ProtobufCFieldDescriptor *column)
{
    return column->type == PROTOBUF_C_TYPE_STRING || column->type == PROTOBUF_C_TYPE_MESSAGE;
}

static size_t column_count_optional(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row)
{
    if (column_is_pointer(column)) {
        void *pointer;
        memcpy(&pointer, column_member(column, row), sizeof pointer);
        return pointer != NULL && pointer != column->default_value ? 1 : 0;
    }
    protobuf_c_boolean has;
    memcpy(&has, column_quantifier(column, row), sizeof has);
    return has ? 1 : 0;
}

size_t column_count(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row)
{
    switch (column->label) {
    case PROTOBUF_C_LABEL_REPEATED: {
        size_t n;
        memcpy(&n, column_quantifier(column, row), sizeof n);
        return n;
    }
    case PROTOBUF_C_LABEL_OPTIONAL:
        return column_count_optional(column, row);
    case PROTOBUF_C_LABEL_REQUIRED:
    case PROTOBUF_C_LABEL_NONE:
        if (column_is_pointer(column)) {
            void *pointer;
            memcpy(&pointer, column_member(column, row), sizeof pointer);
            return pointer != NULL ? 1 : 0;
        }
        return 1;
    }
    return 0;
}

static bool column_is_number(const ProtobufCFieldDescriptor *column)
{
    return !column_is_pointer(column) && column->type != PROTOBUF_C_TYPE_BYTES && column->type != PROTOBUF_C_TYPE_FLOAT &&
           column->type != PROTOBUF_C_TYPE_DOUBLE;
}

bool column_number(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index, uint64_t *out_value)
{
    if (!column_is_number(column)) {
        return false;
    }
    const void *element = column_element(column, row, index);
    if (column_size(column) == 8) {
        memcpy(out_value, element, 8);
        return true;
    }
    uint32_t small;
    memcpy(&small, element, sizeof small);
    *out_value = small;
    return true;
}

void column_set_number(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, size_t index, uint64_t value)
{
    memcpy(column_element(column, row, index), &value, column_size(column)); /* little-endian: the low bytes come first */
}

const char *column_text(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index)
{
    if (column->type != PROTOBUF_C_TYPE_STRING) {
        return NULL;
    }
    const char *text;
    memcpy(&text, column_element(column, row, index), sizeof text);
    return text;
}

static bool column_message_equal(const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t size = protobuf_c_message_get_packed_size(a);
    if (size != protobuf_c_message_get_packed_size(b)) {
        return false;
    }
    uint8_t *bytes_a = memory_zeroed(size + 1);
    uint8_t *bytes_b = memory_zeroed(size + 1);
    protobuf_c_message_pack(a, bytes_a);
    protobuf_c_message_pack(b, bytes_b);
    bool is_equal = memcmp(bytes_a, bytes_b, size) == 0;
    free(bytes_a);
    free(bytes_b);
    return is_equal;
}

static bool column_element_equal(const ProtobufCFieldDescriptor *column, const void *a, const void *b)
{
    if (column->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData x, y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        return x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
    }
    if (column_is_pointer(column)) {
        void *x, *y;
        memcpy(&x, a, sizeof x);
        memcpy(&y, b, sizeof y);
        if (x == NULL || y == NULL) {
            return x == y;
        }
        return column->type == PROTOBUF_C_TYPE_STRING ? strcmp(x, y) == 0 : column_message_equal(x, y);
    }
    return memcmp(a, b, column_size(column)) == 0;
}

bool column_equal(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *a, const ProtobufCMessage *b)
{
    size_t n = column_count(column, a);
    if (n != column_count(column, b)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!column_element_equal(column, column_element(column, a, i), column_element(column, b, i))) {
            return false;
        }
    }
    return true;
}

static void column_swap_bytes(void *a, void *b, size_t size)
{
    uint8_t kept[sizeof(ProtobufCBinaryData)];
    memcpy(kept, a, size);
    memcpy(a, b, size);
    memcpy(b, kept, size);
}

void column_swap(const ProtobufCFieldDescriptor *column, ProtobufCMessage *a, ProtobufCMessage *b)
{
    bool is_repeated = column->label == PROTOBUF_C_LABEL_REPEATED;
    column_swap_bytes(column_member(column, a), column_member(column, b), is_repeated ? sizeof(void *) : column_size(column));
    if (is_repeated) {
        column_swap_bytes(column_quantifier(column, a), column_quantifier(column, b), sizeof(size_t));
    } else if (column->label == PROTOBUF_C_LABEL_OPTIONAL && !column_is_pointer(column)) {
        column_swap_bytes(column_quantifier(column, a), column_quantifier(column, b), sizeof(protobuf_c_boolean));
    }
}

/* Place of the element of `from` in `row`, or the count. */
static size_t column_search(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, const void *element)
{
    size_t n = column_count(column, row);
    for (size_t i = 0; i < n; i++) {
        if (column_element_equal(column, column_element(column, row, i), element)) {
            return i;
        }
    }
    return n;
}

static void column_store_array(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, uint8_t *array, size_t n)
{
    memcpy(column_member(column, row), &array, sizeof array);
    memcpy(column_quantifier(column, row), &n, sizeof n);
}

bool column_is_map(const ProtobufCFieldDescriptor *column)
{
    const ProtobufCMessageDescriptor *inner = column->descriptor;
    return column->label == PROTOBUF_C_LABEL_REPEATED && column->type == PROTOBUF_C_TYPE_MESSAGE && inner->n_fields == 2 &&
           strcmp(inner->fields[0].name, "key") == 0 && strcmp(inner->fields[1].name, "value") == 0;
}

static ProtobufCMessage *column_inner(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index)
{
    ProtobufCMessage *inner;
    memcpy(&inner, column_element(column, row, index), sizeof inner);
    return inner;
}

const char *column_pair(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index,
                        const char **out_value)
{
    const ProtobufCMessage *pair = column_inner(column, row, index);
    *out_value = column_text(&pair->descriptor->fields[1], pair, 0);
    return column_text(&pair->descriptor->fields[0], pair, 0);
}

ProtobufCMessage *column_row_new(const ProtobufCMessageDescriptor *descriptor)
{
    ProtobufCMessage *row = memory_zeroed(descriptor->sizeof_message);
    protobuf_c_message_init(descriptor, row);
    return row;
}

static void column_free_element(const ProtobufCFieldDescriptor *column, void *element)
{
    void *pointer = NULL;
    if (column_is_pointer(column)) {
        memcpy(&pointer, element, sizeof pointer);
    }
    if (column->type == PROTOBUF_C_TYPE_MESSAGE) {
        protobuf_c_message_free_unpacked(pointer, NULL);
    } else if (column->type == PROTOBUF_C_TYPE_STRING && pointer != column->default_value) {
        free(pointer);
    } else if (column->type == PROTOBUF_C_TYPE_BYTES) {
        ProtobufCBinaryData bytes;
        memcpy(&bytes, element, sizeof bytes);
        free(bytes.data);
    }
}

void column_clear(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row)
{
    size_t n = column_count(column, row);
    for (size_t i = 0; i < n; i++) {
        column_free_element(column, column_element(column, row, i));
    }
    if (column->label == PROTOBUF_C_LABEL_REPEATED) {
        uint8_t *array;
        memcpy(&array, column_member(column, row), sizeof array);
        free(array);
        column_store_array(column, row, NULL, 0);
        return;
    }
    memset(column_member(column, row), 0, column_size(column));
    if (column->label == PROTOBUF_C_LABEL_OPTIONAL && !column_is_pointer(column)) {
        memset(column_quantifier(column, row), 0, sizeof(protobuf_c_boolean));
    }
}

/* Where the value goes: the member of a column that is not set any more, or a new last element. */
static void *column_room(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row)
{
    if (column->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t n = column_count(column, row), size = column_size(column);
        uint8_t *array;
        memcpy(&array, column_member(column, row), sizeof array);
        array = memory_resize(array, (n + 1) * size);
        column_store_array(column, row, array, n + 1);
        return array + n * size;
    }
    column_clear(column, row);
    if (column->label == PROTOBUF_C_LABEL_OPTIONAL && !column_is_pointer(column)) {
        const protobuf_c_boolean has = 1;
        memcpy(column_quantifier(column, row), &has, sizeof has);
    }
    return column_member(column, row);
}

void column_put_number(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, uint64_t value)
{
    memcpy(column_room(column, row), &value, column_size(column)); /* little-endian: the low bytes come first */
}

static void column_put_pointer(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const void *pointer)
{
    memcpy(column_room(column, row), &pointer, sizeof pointer);
}

void column_put_text(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const char *text)
{
    column_put_pointer(column, row, memory_string(text));
}

void column_put_pair(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const char *key, const char *value)
{
    ProtobufCMessage *pair = column_row_new(column->descriptor);
    column_put_text(&pair->descriptor->fields[0], pair, key);
    column_put_text(&pair->descriptor->fields[1], pair, value);
    column_put_pointer(column, row, pair);
}

/* Of maps: the place of the key, or the count. */
static size_t column_search_key(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, const char *key)
{
    const char *value;
    size_t n = column_count(column, row), i = 0;
    while (i < n && strcmp(column_pair(column, row, i, &value), key) != 0) {
        i++;
    }
    return i;
}

static bool column_is_mutable(const ProtobufCFieldDescriptor *column)
{
    return column->label == PROTOBUF_C_LABEL_REPEATED && (column_is_number(column) || column_is_map(column));
}

int column_insert(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from)
{
    if (!column_is_mutable(column)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < column_count(column, from); i++) {
        size_t n = column_count(column, row);
        uint64_t number;
        const char *value;
        if (column_number(column, from, i, &number)) {
            if (column_search(column, row, column_element(column, from, i)) == n) {
                column_put_number(column, row, number);
            }
        } else {
            const char *key = column_pair(column, from, i, &value);
            if (column_search_key(column, row, key) == n) {
                column_put_pair(column, row, key, value);
            }
        }
    }
    return 0;
}

static void column_take_out(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, size_t place)
{
    size_t n = column_count(column, row), size = column_size(column);
    uint8_t *array;
    memcpy(&array, column_member(column, row), sizeof array);
    column_free_element(column, array + place * size);
    memmove(array + place * size, array + (place + 1) * size, (n - place - 1) * size);
    if (n == 1) {
        free(array); /* the unpacker's own destructor frees arrays only when the count is not 0 */
        array = NULL;
    }
    column_store_array(column, row, array, n - 1);
}

int column_remove(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from)
{
    if (!column_is_mutable(column)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < column_count(column, from); i++) {
        size_t n = column_count(column, row);
        size_t place = column_is_number(column) ? column_search(column, row, column_element(column, from, i)) : n;
        const char *value, *present;
        if (column_is_map(column)) {
            place = column_search_key(column, row, column_pair(column, from, i, &value));
            if (place < n && value[0] != '\0') {
                (void)column_pair(column, row, place, &present);
                place = strcmp(value, present) == 0 ? place : n;
            }
        }
        if (place < n) {
            column_take_out(column, row, place);
        }
    }
    return 0;
}

int column_add(const ProtobufCFieldDescriptor *column, ProtobufCMessage *row, const ProtobufCMessage *from, uint64_t preset,
               bool is_subtracted)
{
    uint64_t number = preset, change;
    bool is_one =
        column->label != PROTOBUF_C_LABEL_REPEATED && column_is_number(column) && column->type != PROTOBUF_C_TYPE_BOOL;
    if (!is_one || column_count(column, from) != 1 || !column_number(column, from, 0, &change)) {
        return -EINVAL;
    }
    if (column_count(column, row) == 1) {
        (void)column_number(column, row, 0, &number);
    }
    uint64_t most = column_size(column) == 8 ? UINT64_MAX : UINT32_MAX;
    if (is_subtracted ? change > number : change > most - number) {
        return -ERROR_RANGE;
    }
    column_put_number(column, row, is_subtracted ? number - change : number + change);
    return 0;
}

static json_t *column_bytes_json(const ProtobufCBinaryData *bytes)
{
    static const char digits[] = "0123456789abcdef";
    char *text = memory_zeroed(bytes->len * 2 + 1);
    for (size_t i = 0; i < bytes->len; i++) {
        text[2 * i] = digits[bytes->data[i] >> 4];
        text[2 * i + 1] = digits[bytes->data[i] & 15];
    }
    json_t *json = json_string(text);
    free(text);
    return json;
}

static json_t *column_element_json(const ProtobufCFieldDescriptor *column, const ProtobufCMessage *row, size_t index)
{
    uint64_t number;
    if (column->type == PROTOBUF_C_TYPE_STRING) {
        return json_string(column_text(column, row, index));
    }
    if (column->type == PROTOBUF_C_TYPE_BYTES) {
        return column_bytes_json(column_element(column, row, index));
    }
    if (column->type == PROTOBUF_C_TYPE_MESSAGE) {
        ProtobufCMessage *inner;
        memcpy(&inner, column_element(column, row, index), sizeof inner);
        return column_row_json(inner);
    }
    if (!column_number(column, row, index, &number)) {
        return json_null();
    }
    if (column->type == PROTOBUF_C_TYPE_BOOL) {
        return json_boolean(number != 0);
    }
    if (number > INT64_MAX) {
        char *text = memory_format("%llu", (unsigned long long)number);
        json_t *json = json_string(text);
        free(text);
        return json;
    }
    return json_integer((json_int_t)number);
}

json_t *column_row_json(const ProtobufCMessage *row)
{
    json_t *object = json_object();
    for (unsigned int i = 0; i < row->descriptor->n_fields; i++) {
        const ProtobufCFieldDescriptor *column = &row->descriptor->fields[i];
        size_t n = column_count(column, row);
        if (column->label != PROTOBUF_C_LABEL_REPEATED) {
            if (n > 0) {
                json_object_set_new(object, column->name, column_element_json(column, row, 0));
            }
            continue;
        }
        json_t *array = json_array();
        for (size_t k = 0; k < n; k++) {
            json_array_append_new(array, column_element_json(column, row, k));
        }
        json_object_set_new(object, column->name, array);
    }
    return object;
}
