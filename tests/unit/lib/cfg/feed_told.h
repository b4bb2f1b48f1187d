/* A feed whose owner writes down what it is told, and the messages of configdb by hand. For tests of feed.c. */
#ifndef BUSBAR_TESTS_CFG_FEED_TOLD_H
#define BUSBAR_TESTS_CFG_FEED_TOLD_H

#include "lib/cfg/feed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "lib/base/log.h"
#include "tests/unit/lib/cfg/rows.h"

enum { ROWS_MAX = 8 };

struct test {
    struct feed *feed;
    char log[1000]; /* what the owner was told */
    size_t used;
};

static inline void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                   const ProtobufCMessage *after)
{
    struct test *t = context;
    const char *sign = before == NULL ? "+" : after == NULL ? "-" : "~";
    t->used +=
        (size_t)snprintf(t->log + t->used, sizeof t->log - t->used, "%s%d/%llu ", sign, (int)table, (unsigned long long)id);
}

static inline void on_version(void *context, struct version version, bool is_snapshot)
{
    struct test *t = context;
    assert_true(feed_version(t->feed).n == version.n);
    t->used += (size_t)snprintf(t->log + t->used, sizeof t->log - t->used, "%s%llu ", is_snapshot ? "S" : "V",
                                (unsigned long long)version.n);
}

static inline int setup(void **state)
{
    static struct test t;
    t = (struct test){0};
    const enum cfg_table tables[] = {CFG_OWNER, CFG_PORT_STATUS};
    const struct cfg_events events = {.on_row = on_row, .on_version = on_version, .context = &t};
    t.feed = feed_new(tables, 2, &events);
    *state = &t;
    return 0;
}

static inline int teardown(void **state)
{
    struct test *t = *state;
    feed_destroy(&t->feed);
    assert_null(t->feed);
    feed_destroy(&t->feed);
    return 0;
}

static inline void told(struct test *t, const char *expected)
{
    assert_string_equal(t->log, expected);
    t->log[0] = '\0';
    t->used = 0;
}

static inline uint64_t value_of(const struct test *t, uint64_t id)
{
    return row_value(mirror_row(feed_mirror(t->feed), CFG_OWNER, id));
}

struct rows {
    Busbar__Row rows[ROWS_MAX], *pointers[ROWS_MAX];
    size_t n;
};

static inline void add(struct rows *r, uint64_t id, uint64_t value)
{
    Busbar__Row *row = &r->rows[r->n];
    busbar__row__init(row);
    row->table = CFG_OWNER;
    row->id = id;
    row->deleted = value == 0;
    if (value != 0) {
        row->value = row_bytes(value);
    }
    r->pointers[r->n++] = row;
}

static inline void clear(struct rows *r)
{
    for (size_t i = 0; i < r->n; i++) {
        free(r->rows[i].value.data);
    }
    r->n = 0;
}

/* Sends the rows as one piece and forgets them. */
static inline enum feed_verdict snapshot(struct test *t, struct rows *r, uint64_t epoch, uint64_t n, bool first, bool last)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.epoch = epoch;
    version.n = n;
    Busbar__Snapshot message = BUSBAR__SNAPSHOT__INIT;
    message.version = &version;
    message.rows = r->pointers;
    message.n_rows = r->n;
    message.first = first;
    message.last = last;
    enum feed_verdict verdict = feed_on_snapshot(t->feed, &message);
    clear(r);
    return verdict;
}

static inline enum feed_verdict delta(struct test *t, struct rows *r, uint64_t epoch, uint64_t n, bool last)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.epoch = epoch;
    version.n = n;
    Busbar__Delta message = BUSBAR__DELTA__INIT;
    message.version = &version;
    message.changes = r->pointers;
    message.n_changes = r->n;
    message.last = last;
    enum feed_verdict verdict = feed_on_delta(t->feed, &message);
    clear(r);
    return verdict;
}

static inline enum feed_verdict merged(struct test *t, struct rows *r, uint64_t since, uint64_t n)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.epoch = 1;
    version.n = n;
    Busbar__DeltaMerged message = BUSBAR__DELTA_MERGED__INIT;
    message.version = &version;
    message.since = since;
    message.changes = r->pointers;
    message.n_changes = r->n;
    enum feed_verdict verdict = feed_on_merged(t->feed, &message);
    clear(r);
    return verdict;
}

/* Rows 1 = 10 and 2 = 20 at version 5 of epoch 1. */
static inline void begin(struct test *t)
{
    struct rows r = {0};
    add(&r, 1, 10);
    add(&r, 2, 20);
    assert_int_equal(snapshot(t, &r, 1, 5, true, true), FEED_ANSWERED);
    told(t, "+13/1 +13/2 S5 ");
}

#endif
