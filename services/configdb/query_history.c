/* The past, asked for.
 *
 * Everything is read in one transaction of the step that answers, so it is of one moment. Rows that are long gone have their names from
 * what the history holds of them.
 *
 * Cost: a walk over the history, about 5 us a change kept, during which nothing is committed: for people and scripts. Thread: configdb's
 * main thread. Input: words from swctl; refused by name.
 */
#include "services/configdb/query_history.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "services/configdb/confirm.h"
#include "services/configdb/configdb.h"
#include "services/configdb/describe.h"
#include "services/configdb/history.h"

/* One commit's rows before and after, and the names of all rows that others refer to. */
struct query_rows {
    struct picture *before, *after;
    const struct picture *names;
    size_t n, limit;
};

static ProtobufCMessage *query_unpack(uint32_t table, const ProtobufCBinaryData *value)
{
    const struct cfg_table_info *info = cfg_table_info(table);
    return info != NULL ? protobuf_c_message_unpack(info->descriptor, NULL, value->len, value->data) : NULL;
}

static int query_name(void *context, uint64_t n, const Busbar__HistoryChange *change)
{
    struct picture *names = context;
    (void)n;
    if (describe_is_referred_to(change->table) && picture_get(names, change->table, change->id) == NULL) {
        ProtobufCMessage *row = query_unpack(change->table, change->has_before ? &change->before : &change->after);
        if (row != NULL) {
            picture_set(names, change->table, change->id, row);
        }
    }
    return 0;
}

/* Names of all rows there are or were. What cannot be read has none. */
static int query_names(struct rows *rows, struct picture **out_names, struct error_detail *detail)
{
    uint64_t bad = 0;
    int err = picture_now(rows, out_names, detail);
    if (err == 0 && history_changes(rows, 0, UINT64_MAX, query_name, *out_names, &bad) != 0) {
        return 0;
    }
    return err;
}

static int query_change(void *context, uint64_t n, const Busbar__HistoryChange *change)
{
    struct query_rows *q = context;
    (void)n;
    if (q->n++ == q->limit) {
        return 1; /* enough */
    }
    ProtobufCMessage *before = change->has_before ? query_unpack(change->table, &change->before) : NULL;
    ProtobufCMessage *after = change->has_after ? query_unpack(change->table, &change->after) : NULL;
    if (before != NULL) {
        picture_set(q->before, change->table, change->id, before);
    }
    if (after != NULL) {
        picture_set(q->after, change->table, change->id, after);
    }
    return 0;
}

static json_t *query_changes(struct rows *rows, uint64_t n, const struct picture *names, size_t limit)
{
    struct query_rows q = {.before = picture_new(), .after = picture_new(), .names = names, .limit = limit};
    uint64_t bad = 0;
    json_t *json = history_changes(rows, n, n, query_change, &q, &bad) < 0 ? json_null() : describe_diff(q.before, q.after, names);
    picture_destroy(&q.before);
    picture_destroy(&q.after);
    return json;
}

static json_t *query_one(struct configdb *db, uint64_t n, const struct picture *names, size_t limit)
{
    struct rows *rows = configdb_rows(db);
    Busbar__HistoryCommit *commit = NULL;
    Busbar__Pending *pending = NULL;
    char version[48];
    if (history_commit(rows, n, &commit) != 0) {
        (void)snprintf(version, sizeof version, "%" PRIu64, n);
        return json_pack("{s:s, s:I, s:b}", "version", version, "n", (json_int_t)n, "damaged", 1);
    }
    (void)snprintf(version, sizeof version, "%" PRIu64 ".%" PRIu64, commit->epoch, n);
    char *process = memory_format("%s.%u", process_kind_name((enum process_kind)commit->kind), commit->instance);
    json_t *json = json_pack("{s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:I, s:o}", "version", version, "n", (json_int_t)n, "epoch",
                             (json_int_t)commit->epoch, "wall_ns", (json_int_t)commit->wall_ns, "user", commit->user, "client",
                             commit->client, "process", process, "note", commit->note, "n_changes", (json_int_t)commit->n_changes,
                             "changes", query_changes(rows, n, names, limit));
    if (json == NULL) { /* a name that is no UTF-8: as good as not readable */
        json = json_pack("{s:s, s:I, s:b}", "version", version, "n", (json_int_t)n, "damaged", 1);
    }
    if (confirm_get(rows, &pending) == 0 && pending->n == n) {
        json_object_set_new(json, "left_s", json_integer((json_int_t)(confirm_left_ns(pending, configdb_clocks(db)) / NS_PER_S)));
    }
    busbar__pending__free_unpacked(pending, NULL);
    busbar__history_commit__free_unpacked(commit, NULL);
    free(process);
    return json;
}

static bool query_number(const char *text, uint64_t *out_number)
{
    char *end = NULL;
    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-' || text[0] == '+' || text[0] == ' ') {
        return false;
    }
    *out_number = number;
    return true;
}

/* The n of the newest commits kept, ascending; the array is the caller's. */
static uint64_t *query_newest(struct rows *rows, uint64_t limit, size_t *out_count)
{
    uint64_t n = 0, from = 0;
    uint64_t *all = NULL;
    size_t count = 0, room = 0;
    while (history_first(rows, from, &n) == 0) {
        if (count == room) {
            room = room > 0 ? 2 * room : 64;
            all = memory_resize(all, room * sizeof *all);
        }
        all[count++] = n;
        from = n + 1;
    }
    size_t skipped = limit > 0 && count > limit ? count - limit : 0;
    if (skipped > 0) {
        memmove(all, all + skipped, (count - skipped) * sizeof *all);
    }
    *out_count = count - skipped;
    return all;
}

void query_history(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct configdb *db = context;
    struct error_detail detail;
    struct picture *names = NULL;
    uint64_t limit = QUERY_HISTORY_LIMIT;
    size_t n = 0;
    if (n_arguments > 1 || (n_arguments == 1 && !query_number(arguments[0], &limit))) {
        control_fail(call, -EINVAL, "history takes one argument at most, a number of commits; 0: all");
        return;
    }
    int err = rows_begin_read(configdb_rows(db));
    if (err == 0) {
        err = query_names(configdb_rows(db), &names, &detail);
    }
    if (err != 0) {
        rows_end(configdb_rows(db));
        control_fail(call, err, "the history cannot be read: %s", error_text(err));
        return;
    }
    uint64_t *newest = query_newest(configdb_rows(db), limit, &n);
    json_t *array = json_array();
    for (size_t i = n; i-- > 0;) {
        json_array_append_new(array, query_one(db, newest[i], names, QUERY_HISTORY_CHANGES));
        if (json_array_size(array) == QUERY_HISTORY_LIMIT && i > 0) {
            control_piece(call, array);
            array = json_array();
        }
    }
    free(newest);
    picture_destroy(&names);
    rows_end(configdb_rows(db));
    control_reply(call, array);
}

void query_commit(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct configdb *db = context;
    struct error_detail detail = {.text = ""};
    struct picture *names = NULL;
    struct version version;
    Busbar__HistoryCommit *commit = NULL;
    if (n_arguments != 1 || version_parse(arguments[0], &version) != 0) {
        control_fail(call, -EINVAL, "commit takes one argument, a version: EPOCH.N or N");
        return;
    }
    int err = rows_begin_read(configdb_rows(db));
    if (err == 0) {
        err = history_commit(configdb_rows(db), version.n, &commit);
        if (err == 0 && version.epoch != 0 && version.epoch != commit->epoch) {
            err = -ERROR_NOT_FOUND;
        }
        busbar__history_commit__free_unpacked(commit, NULL);
    }
    if (err == 0) {
        err = query_names(configdb_rows(db), &names, &detail);
    }
    json_t *json = err == 0 ? query_one(db, version.n, names, SIZE_MAX) : NULL;
    picture_destroy(&names);
    rows_end(configdb_rows(db));
    if (err != 0) {
        control_fail(call, err, "version %s: %s", arguments[0],
                     err == -ERROR_NOT_FOUND ? "no commit of the configuration that is kept made it (swctl history lists them)" : error_text(err));
        return;
    }
    control_reply(call, json);
}

static int query_picture(struct rows *rows, const char *text, struct picture **out_picture, struct error_detail *detail)
{
    struct version version;
    if (text == NULL) {
        return picture_now(rows, out_picture, detail);
    }
    if (version_parse(text, &version) != 0) {
        return error_set(detail, -EINVAL, "%.40s is no version: EPOCH.N or N", text);
    }
    return picture_then(rows, version, out_picture, detail);
}

void query_diff(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct configdb *db = context;
    struct error_detail detail = {.text = ""};
    struct picture *before = NULL, *after = NULL;
    if (n_arguments < 1 || n_arguments > 2) {
        control_fail(call, -EINVAL, "diff takes one or two versions: EPOCH.N or N");
        return;
    }
    int err = rows_begin_read(configdb_rows(db));
    if (err != 0) {
        (void)error_set(&detail, err, "the configuration cannot be read: %s", error_text(err));
    }
    if (err == 0) {
        err = query_picture(configdb_rows(db), arguments[0], &before, &detail);
    }
    if (err == 0) {
        err = query_picture(configdb_rows(db), n_arguments == 2 ? arguments[1] : NULL, &after, &detail);
    }
    json_t *json = err == 0 ? json_pack("{s:s, s:s, s:o}", "from", arguments[0], "to", n_arguments == 2 ? arguments[1] : "now", "changes",
                                        describe_diff(before, after, NULL))
                            : NULL;
    picture_destroy(&before);
    picture_destroy(&after);
    rows_end(configdb_rows(db));
    if (err != 0) {
        control_fail(call, err, "%s", detail.text);
        return;
    }
    control_reply(call, json);
}
