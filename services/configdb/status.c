/* Status rows in memory.
 *
 * One hash table by (table, id) finds a row, one list keeps them in the order of their last change, so that what a reader lacks is the
 * tail of the list. A repetition that changes nothing only renews the deadline and makes no traffic.
 *
 * Cost: a look-up a published row; an expiry walk each step over at most STATUS_ROWS_MAX rows, done at most every 100 ms.
 * Thread: configdb's main thread. Input: any process; sizes and counts are bounded by name (I9).
 */
#include "services/configdb/status.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "services/configdb/db_layout.h"

struct status_entry {
    struct status_row row; /* first: status_next() gives its address */
    struct db_key key;
    UT_hash_handle hh;
    struct status_entry *prev, *next;
};
struct status {
    struct status_entry *by_key;
    struct status_entry *list; /* in order of serial */
    uint64_t serial;
    uint64_t expired_ns; /* when status_expire() last walked */
};

struct status *status_new(void)
{
    return memory_zeroed(sizeof(struct status));
}

static void status_remove(struct status *status, struct status_entry *entry)
{
    HASH_DEL(status->by_key, entry);
    DL_DELETE(status->list, entry);
    free(entry->row.value);
    free(entry);
}

void status_destroy(struct status **status)
{
    if (*status == NULL) {
        return;
    }
    struct status_entry *entry, *next;
    DL_FOREACH_SAFE((*status)->list, entry, next)
    {
        status_remove(*status, entry);
    }
    free(*status);
    *status = NULL;
}

static void status_touch(struct status *status, struct status_entry *entry)
{
    entry->row.serial = ++status->serial;
    DL_DELETE(status->list, entry);
    DL_APPEND(status->list, entry);
}

static void status_withdraw(struct status *status, struct status_entry *entry, uint64_t now_ns)
{
    free(entry->row.value);
    entry->row.value = NULL;
    entry->row.size = 0;
    entry->row.is_deleted = true;
    entry->row.deadline_ns = now_ns + STATUS_MARK_NS;
    status_touch(status, entry);
}

static int status_check(const struct status *status, const Busbar__StatusRow *row, struct error_detail *detail)
{
    const struct cfg_table_info *info = cfg_table_info(row->table);
    if (info == NULL || info->storage != CFG_STORAGE_MEMORY) {
        return error_set(detail, -ERROR_UNKNOWN_NAME, "there is no status table number %u", row->table);
    }
    if (row->value.len > STATUS_VALUE_MAX || HASH_COUNT(status->by_key) >= STATUS_ROWS_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "%s row %" PRIu64 ": more than %d bytes or %d rows", info->name, row->id,
                         STATUS_VALUE_MAX, STATUS_ROWS_MAX);
    }
    if (row->deleted || row->value.len == 0) {
        return 0;
    }
    ProtobufCMessage *value = protobuf_c_message_unpack(info->descriptor, NULL, row->value.len, row->value.data);
    if (value == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "%s row %" PRIu64 ": the value cannot be read as a row of this table",
                         info->name, row->id);
    }
    protobuf_c_message_free_unpacked(value, NULL);
    return 0;
}

int status_publish(struct status *status, const struct bus_identity *from, const Busbar__StatusRow *row, uint64_t now_ns,
                   struct error_detail *detail)
{
    int err = status_check(status, row, detail);
    if (err != 0) {
        return err;
    }
    struct db_key key = db_key_row(row->table, row->id);
    struct status_entry *entry = NULL;
    HASH_FIND(hh, status->by_key, key.bytes, key.size, entry);
    bool is_withdrawn = row->deleted || row->value.len == 0;
    if (is_withdrawn) {
        if (entry != NULL && !entry->row.is_deleted && bus_identity_equal(&entry->row.publisher, from)) {
            status_withdraw(status, entry, now_ns);
        }
        return 0;
    }
    if (entry == NULL) {
        entry = memory_zeroed(sizeof *entry);
        entry->row.table = row->table;
        entry->row.id = row->id;
        entry->row.is_deleted = true;
        entry->key = key;
        HASH_ADD_KEYPTR(hh, status->by_key, entry->key.bytes, entry->key.size, entry);
        DL_APPEND(status->list, entry);
    }
    uint32_t ttl_ms = row->ttl_ms < STATUS_TTL_MAX_MS ? row->ttl_ms : STATUS_TTL_MAX_MS;
    entry->row.publisher = *from;
    entry->row.ttl_ms = ttl_ms;
    entry->row.deadline_ns = now_ns + ttl_ms * NS_PER_MS;
    if (entry->row.is_deleted || entry->row.size != row->value.len ||
        memcmp(entry->row.value, row->value.data, row->value.len) != 0) {
        free(entry->row.value);
        entry->row.value = memory_copy(row->value.data, row->value.len);
        entry->row.size = row->value.len;
        entry->row.is_deleted = false;
        status_touch(status, entry);
    }
    return 0;
}

/* A row of an earlier life of this publisher. */
static bool status_is_former(const struct status_row *row, const struct bus_identity *reborn)
{
    return reborn != NULL && row->publisher.kind == reborn->kind && row->publisher.instance == reborn->instance &&
           row->publisher.start != reborn->start;
}

void status_expire(struct status *status, const struct bus_identity *reborn, uint64_t now_ns)
{
    if (reborn == NULL && now_ns - status->expired_ns < 100 * NS_PER_MS) {
        return;
    }
    status->expired_ns = now_ns;
    uint64_t end = status->serial; /* withdrawing moves entries to the tail: stop at what was the tail */
    struct status_entry *entry, *next;
    DL_FOREACH_SAFE(status->list, entry, next)
    {
        if (entry->row.serial > end) {
            break;
        }
        bool is_over = now_ns >= entry->row.deadline_ns;
        if (entry->row.is_deleted && is_over) {
            status_remove(status, entry);
        } else if (!entry->row.is_deleted && (is_over || status_is_former(&entry->row, reborn))) {
            status_withdraw(status, entry, now_ns);
        }
    }
}

uint64_t status_serial(const struct status *status)
{
    return status->serial;
}

size_t status_count(const struct status *status)
{
    return HASH_COUNT(status->by_key);
}

const struct status_row *status_next(const struct status *status, uint64_t serial, const struct status_row **cursor)
{
    const struct status_entry *entry = *cursor == NULL ? status->list : ((const struct status_entry *)*cursor)->next;
    while (entry != NULL && entry->row.serial <= serial) {
        entry = entry->next;
    }
    *cursor = entry != NULL ? &entry->row : NULL;
    return *cursor;
}
