/* Rules, groups and meters as operations. See row_write.h.
 *
 * A changed rule is written whole: naming its columns took more bytes and time than the row. Groups and meters are few; they name what changes, so that
 * columns of a later version stay as they are. The ofagent's one thread. Cost: a pack of the row.
 */
#include "services/ofagent/row_write.h"

#include "lib/msg/rule.h"

/* Bytes of an operation beside its row, and of the names of columns in an update. */
enum { ROW_OVERHEAD = 32, UPDATE_OVERHEAD = 128 };

size_t row_write_rule(struct cfg_txn *txn, const struct flow_entry *entry, enum row_change change, struct writer *memory)
{
    if (change == ROW_REMOVED) {
        cfg_txn_delete(txn, CFG_RULE, entry->rule.id);
        return ROW_OVERHEAD;
    }
    struct rule rule = flow_entry_rule(entry);
    writer_clear(memory);
    msg_rule_pack(&rule, memory);
    if (change == ROW_INSERTED) {
        (void)cfg_txn_insert_packed(txn, CFG_RULE, memory->bytes, memory->size);
    } else {
        cfg_txn_put_packed(txn, CFG_RULE, rule.id, memory->bytes, memory->size);
    }
    return memory->size + ROW_OVERHEAD;
}

/* An insert or an update. Frees the row. */
static size_t write_row(struct cfg_txn *txn, enum cfg_table table, uint64_t id, enum row_change change, ProtobufCMessage *row,
                        const char *const *columns, size_t n_columns)
{
    size_t size = protobuf_c_message_get_packed_size(row) + ROW_OVERHEAD;

    if (change == ROW_INSERTED) {
        (void)cfg_txn_insert(txn, table, row);
    } else {
        cfg_txn_update(txn, table, id, row, columns, n_columns);
        size += UPDATE_OVERHEAD;
    }
    protobuf_c_message_free_unpacked(row, NULL);
    return size;
}

size_t row_write_group(struct cfg_txn *txn, const struct group *group, enum row_change change)
{
    static const char *const columns[] = {"type", "buckets", "selection", "selection_param", "hash_fields", "next_counter"};

    if (change == ROW_REMOVED) {
        cfg_txn_delete(txn, CFG_GROUP, group->id);
        return ROW_OVERHEAD;
    }
    return write_row(txn, CFG_GROUP, group->id, change, &msg_group_encode(group)->base, columns, sizeof columns / sizeof columns[0]);
}

size_t row_write_meter(struct cfg_txn *txn, const struct meter *meter, enum row_change change)
{
    static const char *const columns[] = {"flags", "bands"};

    if (change == ROW_REMOVED) {
        cfg_txn_delete(txn, CFG_METER, meter->id);
        return ROW_OVERHEAD;
    }
    return write_row(txn, CFG_METER, meter->id, change, &msg_meter_encode(meter)->base, columns, sizeof columns / sizeof columns[0]);
}
