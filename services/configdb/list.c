/* Tables as JSON, for people and scripts.
 *
 * Rows are shown by reflection over the schema, so a new table or column needs nothing here. Cost: about a millisecond per thousand rows,
 * during which nothing is committed. Thread: configdb's main thread. Input: the name of a table, from swctl; refused by name.
 */
#include "services/configdb/list.h"

#include "lib/cfg/column.h"

static json_t *list_row(const struct cfg_table_info *info, uint64_t id, const uint8_t *bytes, size_t size)
{
    ProtobufCMessage *row = protobuf_c_message_unpack(info->descriptor, NULL, size, bytes);
    json_t *object = row != NULL ? column_row_json(row) : json_object();
    json_object_set_new(object, "id", json_integer((json_int_t)id));
    protobuf_c_message_free_unpacked(row, NULL);
    return object;
}

static void list_status(const struct status *status, const struct cfg_table_info *info, list_each *each, void *context)
{
    const struct status_row *row = NULL;
    json_t *array = json_array();
    while (status_next(status, 0, &row) != NULL) {
        if (row->table == (uint32_t)info->table && !row->is_deleted) {
            json_array_append_new(array, list_row(info, row->id, row->value, row->size));
        }
    }
    each(context, array);
}

int list_table(struct rows *rows, const struct status *status, const char *table, list_each *each, void *context,
               struct error_detail *detail)
{
    const struct cfg_table_info *info = cfg_table_by_name(table);
    struct store_bytes value;
    uint64_t id;
    if (info == NULL) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "there is no table '%.64s'", table);
    }
    if (info->storage == CFG_STORAGE_MEMORY) {
        list_status(status, info, each, context);
        return 0;
    }
    int err = rows_begin_read(rows);
    if (err != 0) {
        return error_set(detail, err, "table %s: %s", info->name, error_text(err));
    }
    struct store_cursor *cursor = rows_walk(rows, info->table, 0);
    json_t *array = json_array();
    while ((err = rows_walk_next(cursor, info->table, &id, &value)) == 0) {
        if (json_array_size(array) >= LIST_PIECE_ROWS) {
            each(context, array);
            array = json_array();
        }
        json_array_append_new(array, list_row(info, id, value.bytes, value.size));
    }
    each(context, array);
    store_cursor_close(&cursor);
    rows_end(rows);
    return err == -ERROR_NOT_FOUND ? 0 : error_set(detail, err, "table %s: %s", info->name, error_text(err));
}
