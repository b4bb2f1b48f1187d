/* Tests of lib/cfg/feed.c: nothing incomplete is ever shown (I6), gaps are seen, bad rows stop nobody. */
#include "tests/unit/lib/cfg/feed_told.h"
#include "lib/msg/authors.h"

static void snapshot_is_shown_only_when_complete(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    add(&r, 1, 10);
    assert_int_equal(snapshot(t, &r, 1, 3, true, false), FEED_ANSWERED);
    add(&r, 2, 20);
    add(&r, 3, 30);
    assert_int_equal(snapshot(t, &r, 1, 3, false, false), FEED_FINE);
    told(t, "");
    assert_false(feed_has_snapshot(t->feed));
    assert_true(feed_is_loading(t->feed));
    assert_true(value_of(t, 1) == 0);
    add(&r, 3, 0); /* changed while the slices were read */
    add(&r, 1, 11);
    assert_int_equal(snapshot(t, &r, 1, 9, false, true), FEED_FINE);
    told(t, "+13/1 +13/2 S9 ");
    assert_true(value_of(t, 1) == 11 && value_of(t, 3) == 0);
    assert_true(feed_version(t->feed).epoch == 1 && feed_version(t->feed).n == 9);
}

static void second_snapshot_shows_only_what_differs(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    begin(t);
    add(&r, 2, 20);
    add(&r, 7, 70);
    assert_int_equal(snapshot(t, &r, 2, 8, true, true), FEED_ANSWERED);
    told(t, "-13/1 +13/7 S8 ");
}

static void snapshot_begun_anew_forgets_the_earlier_pieces(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    add(&r, 1, 10);
    assert_int_equal(snapshot(t, &r, 1, 3, true, false), FEED_ANSWERED);
    add(&r, 2, 20);
    assert_int_equal(snapshot(t, &r, 1, 4, true, true), FEED_ANSWERED);
    told(t, "+13/2 S4 ");
    assert_int_equal(snapshot(t, &r, 1, 4, false, true), FEED_LOST); /* the middle of what was never begun */
    told(t, "");
}

static void outdated_snapshot_is_not_shown(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    begin(t);
    assert_int_equal(snapshot(t, &r, 1, 4, true, true), FEED_ANSWERED);
    told(t, "");
    assert_true(feed_version(t->feed).n == 5 && value_of(t, 1) == 10);
    assert_int_equal(snapshot(t, &r, 2, 4, true, true), FEED_ANSWERED); /* another epoch: configdb was put back */
    told(t, "-13/1 -13/2 S4 ");
}

static void commit_is_shown_whole(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    begin(t);
    add(&r, 1, 11);
    assert_int_equal(delta(t, &r, 1, 6, false), FEED_ANSWERED);
    told(t, "");
    assert_true(value_of(t, 1) == 10);
    add(&r, 2, 0);
    add(&r, 3, 30);
    add(&r, 4, 0); /* was never there */
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_ANSWERED);
    told(t, "~13/1 -13/2 +13/3 V6 ");
    add(&r, 3, 30); /* no change: nothing to show but the version */
    assert_int_equal(delta(t, &r, 1, 7, true), FEED_ANSWERED);
    told(t, "V7 ");
    assert_int_equal(delta(t, &r, 1, 8, true), FEED_ANSWERED); /* none of our tables */
    told(t, "V8 ");
}

/* A SUBSCRIBE in the middle of a commit: the rest of what was on its way is not the whole of it. */
static void the_rest_of_a_commit_whose_beginning_was_thrown_away_is_none(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    begin(t);
    add(&r, 1, 11);
    assert_int_equal(delta(t, &r, 1, 6, false), FEED_ANSWERED);
    assert_true(feed_is_amid(t->feed));
    feed_forget_pieces(t->feed);
    feed_forget_pieces(t->feed); /* and another */
    assert_false(feed_is_amid(t->feed));
    add(&r, 2, 21);
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_FINE);
    told(t, "");
    assert_int_equal(feed_version(t->feed).n, 5);
    add(&r, 1, 11); /* it comes again, whole */
    assert_int_equal(delta(t, &r, 1, 6, false), FEED_ANSWERED);
    add(&r, 2, 21);
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_ANSWERED);
    told(t, "~13/1 ~13/2 V6 ");
}

static void row_that_comes_and_goes_in_one_commit_is_shown_in_order(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    begin(t);
    add(&r, 9, 1);
    add(&r, 9, 2);
    add(&r, 9, 0);
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_ANSWERED);
    told(t, "+13/9 ~13/9 -13/9 V6 ");
}

static void many_commits_as_one_are_shown_in_one_step(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    assert_int_equal(merged(t, &r, 1, 3), FEED_LOST); /* nothing is shown yet */
    begin(t);
    add(&r, 2, 0);
    add(&r, 3, 30);
    add(&r, 4, 0); /* it came and went */
    add(&r, 1, 10); /* it changed and changed back */
    assert_int_equal(merged(t, &r, 6, 9), FEED_ANSWERED);
    told(t, "-13/2 +13/3 V9 ");
    assert_int_equal(feed_version(t->feed).n, 9);
    add(&r, 3, 31);
    assert_int_equal(merged(t, &r, 4, 9), FEED_FINE); /* as before */
    assert_int_equal(merged(t, &r, 11, 12), FEED_LOST); /* 10 is missing */
    add(&r, 3, 33);
    assert_int_equal(merged(t, &r, 8, 11), FEED_ANSWERED); /* some of it is known: the rows are those of 11 all the same */
    told(t, "~13/3 V11 ");
    add(&r, 5, 50);
    assert_int_equal(delta(t, &r, 1, 12, false), FEED_ANSWERED);
    assert_int_equal(merged(t, &r, 13, 14), FEED_LOST); /* in the middle of a commit */
    told(t, "");
    assert_true(value_of(t, 3) == 33 && value_of(t, 5) == 0);
}

static void say_commit(struct test *t, uint64_t n, uint64_t authors, uint32_t tables)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.epoch = 1;
    version.n = n;
    Busbar__Delta message = BUSBAR__DELTA__INIT;
    message.version = &version;
    message.last = true;
    message.authors = authors;
    message.tables = tables;
    assert_int_equal(feed_on_delta(t->feed, &message), FEED_ANSWERED);
}

static void whose_commits_they_were_and_what_they_changed_is_known(void **state)
{
    struct test *t = *state;
    assert_int_equal(feed_changed(t->feed, UINT32_MAX), 0);
    begin(t);
    assert_int_equal(feed_take_authors(t->feed), AUTHORS_ALL); /* of a snapshot that is not said */
    assert_int_equal(feed_take_authors(t->feed), AUTHORS_NONE);
    assert_int_equal(feed_changed(t->feed, 1u << CFG_METER), 5);
    say_commit(t, 6, authors_one(1), 1u << CFG_RULE);
    say_commit(t, 7, authors_one(2), 1u << CFG_METER | 1u << CFG_RULE);
    say_commit(t, 8, AUTHORS_NONE, 1u << CFG_RULE);
    uint64_t authors = feed_take_authors(t->feed);
    assert_true(authors_has(authors, 1) && authors_has(authors, 2) && !authors_has(authors, 3));
    assert_int_equal(feed_changed(t->feed, 1u << CFG_METER | 1u << CFG_PORT), 7);
    assert_int_equal(feed_changed(t->feed, 1u << CFG_PORT), 5);
    assert_int_equal(feed_changed(t->feed, 1u << CFG_RULE), 8);
    say_commit(t, 9, 0, 0); /* of an older configdb */
    assert_int_equal(feed_take_authors(t->feed), AUTHORS_ALL);
    assert_int_equal(feed_changed(t->feed, 1u << CFG_PORT), 9);
}

static void version_that_does_not_follow_is_lost(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    assert_int_equal(delta(t, &r, 1, 1, true), FEED_LOST); /* before any snapshot */
    begin(t);
    add(&r, 1, 77);
    assert_int_equal(delta(t, &r, 1, 7, true), FEED_LOST);
    told(t, "");
    assert_true(value_of(t, 1) == 10);
    add(&r, 1, 11);
    assert_int_equal(delta(t, &r, 1, 6, false), FEED_ANSWERED);
    add(&r, 1, 12);
    assert_int_equal(delta(t, &r, 2, 6, true), FEED_LOST); /* the rest is of another epoch */
    feed_forget_pieces(t->feed);
    add(&r, 1, 13);
    assert_int_equal(delta(t, &r, 2, 6, true), FEED_ANSWERED);
    told(t, "~13/1 V6 ");
    assert_true(value_of(t, 1) == 13);
}

static void old_versions_are_ignored_and_resume_adopts_the_epoch(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    begin(t);
    add(&r, 1, 99);
    assert_int_equal(delta(t, &r, 1, 4, true), FEED_FINE);
    add(&r, 1, 99);
    assert_int_equal(delta(t, &r, 1, 5, false), FEED_FINE);
    assert_int_equal(delta(t, &r, 2, 5, true), FEED_ANSWERED);
    told(t, "");
    assert_true(value_of(t, 1) == 10);
    assert_true(feed_version(t->feed).epoch == 2 && feed_version(t->feed).n == 5);
}

static void rows_of_other_tables_and_unreadable_ones_are_left_out(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    begin(t);
    add(&r, 1, 11);
    add(&r, 2, 22);
    r.rows[1].value.data[0] = 0xff; /* a broken tag */
    add(&r, 3, 33);
    r.rows[2].table = CFG_RULE;
    add(&r, 4, 44);
    r.rows[3].table = 0xffffffffu;
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_ANSWERED);
    told(t, "~13/1 -13/2 V6 ");
}

static void status(struct test *t, uint32_t table, uint64_t id, uint32_t mtu)
{
    Busbar__StatusRow row = BUSBAR__STATUS_ROW__INIT, *pointer = &row;
    Busbar__Status message = BUSBAR__STATUS__INIT;
    row.table = table;
    row.id = id;
    row.deleted = mtu == 0;
    row.value = mtu == 0 ? (ProtobufCBinaryData){0} : status_bytes(mtu);
    message.rows = &pointer;
    message.n_rows = 1;
    feed_on_status(t->feed, &message);
    free(row.value.data);
}

static void status_is_shown_at_once_and_survives_a_snapshot(void **state)
{
    struct test *t = *state;
    struct rows r = {0};
    status(t, CFG_PORT_STATUS, 1, 1500);
    told(t, "+20/1 ");
    status(t, CFG_PORT_STATUS, 1, 1500);
    told(t, "");
    begin(t);
    status(t, CFG_PORT_STATUS, 1, 9000);
    status(t, CFG_OWNER, 1, 9000); /* no status table */
    told(t, "~20/1 ");
    assert_int_equal(snapshot(t, &r, 1, 9, true, true), FEED_ANSWERED);
    told(t, "-13/1 -13/2 S9 ");
    status(t, CFG_PORT_STATUS, 1, 0);
    status(t, CFG_PORT_STATUS, 2, 0);
    told(t, "-20/1 ");
}

static void status_not_said_again_is_forgotten(void **state)
{
    struct test *t = *state;
    for (uint64_t id = 1; id <= 4; id++) {
        status(t, CFG_PORT_STATUS, id, 1500);
    }
    told(t, "+20/1 +20/2 +20/3 +20/4 ");
    feed_status_begin(t->feed);
    status(t, CFG_PORT_STATUS, 2, 1500);
    status(t, CFG_PORT_STATUS, 4, 9000);
    told(t, "~20/4 ");
    feed_status_end(t->feed);
    told(t, "-20/1 -20/3 ");
}

static ProtobufCBinaryData rule_bytes(uint32_t priority)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    row.bridge = 1;
    row.priority = priority;
    ProtobufCBinaryData bytes = {.len = busbar__rule_row__get_packed_size(&row)};
    bytes.data = memory_zeroed(bytes.len);
    busbar__rule_row__pack(&row, bytes.data);
    return bytes;
}

static void add_rule(struct rows *r, uint64_t id, uint32_t priority)
{
    add(r, id, 0);
    r->rows[r->n - 1].table = CFG_RULE;
    r->rows[r->n - 1].deleted = priority == 0;
    if (priority != 0) {
        r->rows[r->n - 1].value = rule_bytes(priority);
    }
}

static uint32_t priority_of(struct test *t, uint64_t id)
{
    const Busbar__RuleRow *row = (const Busbar__RuleRow *)feed_read(t->feed, CFG_RULE, mirror_row(feed_mirror(t->feed), CFG_RULE, id));
    return row != NULL ? row->priority : 0;
}

/* Rules 1 (priority 10), 2 (20) and 3, which is damaged; then a commit. */
static void show_rules(struct test *t)
{
    struct rows r = {.n = 0};
    add_rule(&r, 1, 10);
    add_rule(&r, 2, 20);
    add_rule(&r, 3, 30);
    memset(r.rows[2].value.data, 0xff, r.rows[2].value.len);
    assert_int_equal(snapshot(t, &r, 1, 5, true, true), FEED_ANSWERED);
    add_rule(&r, 1, 11);
    add_rule(&r, 2, 20); /* as it is */
    add_rule(&r, 4, 40);
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_ANSWERED);
    add_rule(&r, 2, 0);
    add_rule(&r, 3, 0);
    assert_int_equal(delta(t, &r, 1, 7, true), FEED_ANSWERED);
}

static void open_for_rules(struct test *t, uint32_t unshown)
{
    const enum cfg_table tables[] = {CFG_RULE};
    const struct cfg_events events = {.on_row = on_row, .on_version = on_version, .unshown = unshown, .context = t};
    feed_destroy(&t->feed);
    t->feed = feed_new(tables, 1, &events);
}

static void rules_are_kept_as_bytes_and_shown_as_rows(void **state)
{
    struct test *t = *state;
    open_for_rules(t, 0);
    show_rules(t);
    char *expected = memory_format("+%d/1 +%d/2 S5 ~%d/1 +%d/4 V6 -%d/2 V7 ", CFG_RULE, CFG_RULE, CFG_RULE, CFG_RULE, CFG_RULE);
    told(t, expected);
    free(expected);
    assert_null(mirror_row(feed_mirror(t->feed), CFG_RULE, 1)->descriptor);
    assert_int_equal(priority_of(t, 1), 11);
    assert_int_equal(priority_of(t, 4), 40);
    assert_int_equal(priority_of(t, 2), 0);
}

static void on_packed(void *context, enum cfg_table table, uint64_t id, const uint8_t *bytes, size_t size)
{
    struct test *t = context;
    Busbar__RuleRow *row = bytes != NULL ? busbar__rule_row__unpack(NULL, size, bytes) : NULL;
    t->used += (size_t)snprintf(t->log + t->used, sizeof t->log - t->used, "%d/%llu=%d ", (int)table, (unsigned long long)id,
                                row != NULL ? (int)row->priority : -1);
    busbar__rule_row__free_unpacked(row, NULL);
}

static void who_wants_them_is_shown_the_bytes_of_rules(void **state)
{
    struct test *t = *state;
    const enum cfg_table tables[] = {CFG_RULE};
    const struct cfg_events events = {.on_row = on_row, .on_packed = on_packed, .on_version = on_version, .context = t};
    feed_destroy(&t->feed);
    t->feed = feed_new(tables, 1, &events);
    show_rules(t);
    char *expected = memory_format("%d/1=10 %d/2=20 %d/3=-1 S5 %d/1=11 %d/4=40 V6 %d/2=-1 %d/3=-1 V7 ", CFG_RULE, CFG_RULE, CFG_RULE, CFG_RULE, CFG_RULE,
                                   CFG_RULE, CFG_RULE); /* a damaged one too: who reads it finds out */
    told(t, expected);
    free(expected);
    assert_int_equal(feed_row_max(t->feed, CFG_RULE), 4);
}

static void a_table_that_is_not_to_be_shown_is_mirrored_all_the_same(void **state)
{
    struct test *t = *state;
    open_for_rules(t, 1u << CFG_RULE);
    show_rules(t);
    char *expected = memory_format("S5 V6 -%d/2 V7 ", CFG_RULE); /* but for what is gone */
    told(t, expected);
    free(expected);
    assert_int_equal(feed_row_max(t->feed, CFG_RULE), 4);
    assert_int_equal(priority_of(t, 1), 11);
    assert_int_equal(priority_of(t, 4), 40);
}

/* ---- rules of some bridges ---- */

static void on_unheld_gone(void *context, enum cfg_table table, uint64_t id)
{
    struct test *t = context;
    t->used += (size_t)snprintf(t->log + t->used, sizeof t->log - t->used, "?%d/%llu ", (int)table, (unsigned long long)id);
}

static void add_rule_of(struct rows *r, uint64_t bridge, uint64_t id, uint32_t priority)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    row.bridge = bridge;
    row.priority = priority;
    add(r, id, 0);
    Busbar__Row *out = &r->rows[r->n - 1];
    out->table = CFG_RULE;
    out->deleted = false;
    out->value.len = busbar__rule_row__get_packed_size(&row);
    out->value.data = memory_zeroed(out->value.len + 1);
    busbar__rule_row__pack(&row, out->value.data);
}

/* As the SUBSCRIBE of that number is answered. */
static enum feed_verdict piece(struct test *t, struct rows *r, uint64_t n, uint64_t serial, bool partial, bool first, bool last)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.epoch = 1;
    version.n = n;
    Busbar__Snapshot message = BUSBAR__SNAPSHOT__INIT;
    message.version = &version;
    message.rows = r->pointers;
    message.n_rows = r->n;
    message.first = first;
    message.last = last;
    message.partial = partial;
    message.serial = serial;
    enum feed_verdict verdict = feed_on_snapshot(t->feed, &message);
    clear(r);
    return verdict;
}

/* Asks for what is wanted; returns the number, and how many of the bridges are not held. */
static uint64_t ask(struct test *t, size_t *out_n_added)
{
    const struct bridge_set *bridges;
    struct bridge_set added = {0};
    uint64_t serial = feed_ask(t->feed, &bridges, &added);
    *out_n_added = added.n;
    bridge_set_fini(&added);
    return serial;
}

static void follow(struct test *t, uint64_t a, uint64_t b)
{
    feed_follow(t->feed, (const uint64_t[]){a, b}, 2);
}

/* Bridge 7 is followed, with rules 1 and 4, at version 5; 8 and 9 are not. */
static void begin_with_7(struct test *t)
{
    const enum cfg_table tables[] = {CFG_RULE, CFG_OWNER};
    const struct cfg_events events = {.on_row = on_row, .on_version = on_version, .on_unheld_gone = on_unheld_gone, .context = t};
    struct rows r = {.n = 0};
    size_t n_added;
    feed_destroy(&t->feed);
    t->feed = feed_new(tables, 2, &events);
    follow(t, 7, 7);
    assert_false(feed_is_asked(t->feed));
    uint64_t serial = ask(t, &n_added);
    assert_true(feed_is_asked(t->feed) && n_added == 1);
    assert_false(feed_holds(t->feed, 7));
    add_rule_of(&r, 7, 1, 10);
    add_rule_of(&r, 7, 4, 40);
    assert_int_equal(piece(t, &r, 5, serial, false, true, true), FEED_ANSWERED);
    told(t, "+10/1 +10/4 S5 ");
    assert_true(feed_holds(t->feed, 7));
}

static void rules_of_other_bridges_are_left_out_whoever_sends_them(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    begin_with_7(t);
    add_rule_of(&r, 8, 5, 50);
    add_rule_of(&r, 7, 6, 60);
    add(&r, 3, 9);
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_ANSWERED);
    told(t, "+10/6 +13/3 V6 ");
    add_rule(&r, 5, 0); /* both go */
    add_rule(&r, 6, 0);
    assert_int_equal(delta(t, &r, 1, 7, true), FEED_ANSWERED);
    told(t, "?10/5 -10/6 V7 ");
    assert_int_equal(feed_row_max(t->feed, CFG_RULE), 6);
}

/* It sends all, and no number: then all is taken, so that no bridge has to be asked for; until another configdb answers. */
static void of_a_configdb_that_knows_no_filter_all_is_taken(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    const struct bridge_set *bridges;
    struct bridge_set added = {0};
    begin_with_7(t);
    add_rule_of(&r, 9, 2, 20);
    add_rule_of(&r, 7, 4, 41);
    assert_int_equal(piece(t, &r, 8, 0, false, true, true), FEED_ANSWERED);
    told(t, "-10/1 +10/2 ~10/4 S8 ");
    assert_true(feed_holds(t->feed, 9) && feed_holds(t->feed, 1234) && feed_is_asked(t->feed));
    follow(t, 7, 9);
    assert_true(feed_is_asked(t->feed) && feed_holds(t->feed, 9) && !feed_is_growing(t->feed)); /* for nothing */
    add_rule_of(&r, 8, 5, 50);
    assert_int_equal(delta(t, &r, 1, 9, true), FEED_ANSWERED);
    told(t, "+10/5 V9 ");
    add_rule(&r, 5, 0);
    add_rule_of(&r, 8, 6, 60);
    assert_int_equal(delta(t, &r, 1, 10, true), FEED_ANSWERED);
    told(t, "-10/5 +10/6 V10 ");
    feed_peer_is_new(t->feed);
    assert_true(feed_holds(t->feed, 7) && feed_holds(t->feed, 9) && !feed_holds(t->feed, 8) && !feed_is_asked(t->feed));
    uint64_t serial = feed_ask(t->feed, &bridges, &added);
    assert_true(bridges->n == 2 && !bridges->is_all && added.n == 0 && serial > 1);
    bridge_set_fini(&added);
    feed_drop(t->feed, 100);
    assert_int_equal(mirror_size(feed_mirror(t->feed), CFG_RULE), 2);
    told(t, "");
}

/* A snapshot without a number may be the answer to a question for all rows. */
static void one_that_was_asked_for_all_may_know_a_filter(void **state)
{
    struct test *t = *state;
    const enum cfg_table tables[] = {CFG_RULE};
    const struct cfg_events events = {.on_row = on_row, .on_version = on_version, .context = t};
    struct rows r = {.n = 0};
    size_t n_added;
    feed_destroy(&t->feed);
    t->feed = feed_new(tables, 1, &events);
    assert_int_equal(ask(t, &n_added), 0);
    follow(t, 7, 7);
    assert_int_equal(ask(t, &n_added), 1);
    add_rule_of(&r, 7, 1, 10);
    add_rule_of(&r, 8, 2, 20);
    assert_int_equal(piece(t, &r, 5, 0, false, true, true), FEED_ANSWERED);
    told(t, "+10/1 S5 ");
    assert_true(feed_holds(t->feed, 7) && !feed_holds(t->feed, 8));
}

static void many_commits_without_a_row_are_one_step(void **state)
{
    struct test *t = *state;
    begin_with_7(t);
    Busbar__Version version = BUSBAR__VERSION__INIT;
    version.epoch = 1;
    version.n = 900;
    Busbar__Delta message = BUSBAR__DELTA__INIT;
    message.version = &version;
    message.last = true;
    message.since = 7; /* 6 is missing */
    assert_int_equal(feed_on_delta(t->feed, &message), FEED_LOST);
    message.since = 4; /* what we have is among it */
    assert_int_equal(feed_on_delta(t->feed, &message), FEED_ANSWERED);
    told(t, "V900 ");
    assert_int_equal(feed_on_delta(t->feed, &message), FEED_ANSWERED);
    told(t, "");
    message.since = 901;
    version.n = 899;
    assert_int_equal(feed_on_delta(t->feed, &message), FEED_FINE);
    told(t, "");
}

static void more_bridges_come_in_one_step_and_what_is_here_goes_on_meanwhile(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    size_t n_added;
    begin_with_7(t);
    follow(t, 7, 8);
    assert_true(feed_holds(t->feed, 7) && !feed_holds(t->feed, 8) && !feed_is_asked(t->feed));
    uint64_t serial = ask(t, &n_added);
    assert_int_equal(n_added, 1);
    assert_true(feed_is_growing(t->feed));
    add_rule_of(&r, 7, 9, 90);
    add_rule_of(&r, 8, 10, 100); /* not before all of them are here */
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_FINE); /* of before: not the answer */
    told(t, "+10/9 V6 ");
    add_rule_of(&r, 8, 2, 20);
    add_rule_of(&r, 8, 3, 30);
    assert_int_equal(piece(t, &r, 6, serial, true, true, false), FEED_ANSWERED);
    add_rule_of(&r, 7, 9, 90); /* of an older configdb, which sends no commits meanwhile: those since, once more */
    add_rule_of(&r, 8, 10, 100);
    add_rule_of(&r, 8, 3, 31);
    add_rule(&r, 2, 0);
    add_rule(&r, 77, 0);
    add_rule(&r, 1, 0);
    assert_int_equal(piece(t, &r, 8, serial, true, false, true), FEED_FINE);
    told(t, "-10/1 ?10/2 +10/3 +10/10 ?10/77 V8 ");
    assert_true(feed_holds(t->feed, 8) && !feed_is_growing(t->feed));
    assert_int_equal(priority_of(t, 3), 31);
    assert_int_equal(priority_of(t, 2), 0);
    assert_int_equal(priority_of(t, 4), 40);
    assert_int_equal(mirror_size(feed_mirror(t->feed), CFG_RULE), 4);
}

/* Rows as they are when they are read, which is later than what the commits say so far; these say it again. */
static void commits_go_on_while_more_bridges_come(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    size_t n_added;
    uint64_t serial_said;
    begin_with_7(t);
    follow(t, 7, 8);
    uint64_t serial = ask(t, &n_added);
    assert_int_equal(feed_gathered(t->feed, &serial_said), 0);
    add_rule_of(&r, 8, 2, 22); /* of version 7 */
    add_rule_of(&r, 8, 3, 30);
    add_rule_of(&r, 8, 5, 50);
    assert_int_equal(piece(t, &r, 5, serial, true, true, false), FEED_ANSWERED);
    assert_true(feed_gathered(t->feed, &serial_said) == 1 && serial_said == serial);
    add_rule_of(&r, 7, 1, 11);
    add_rule_of(&r, 8, 2, 21);
    add_rule(&r, 3, 0);
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_FINE);
    told(t, "~10/1 ?10/3 V6 ");
    assert_false(feed_holds(t->feed, 8));
    assert_int_equal(priority_of(t, 2), 0);
    add_rule_of(&r, 8, 2, 22);
    add_rule_of(&r, 8, 9, 90);
    add_rule_of(&r, 9, 10, 100);
    add(&r, 3, 9);
    assert_int_equal(delta(t, &r, 1, 7, true), FEED_FINE);
    told(t, "+13/3 V7 ");
    add_rule_of(&r, 8, 9, 91); /* of version 8, and so is this */
    add_rule_of(&r, 8, 12, 120);
    assert_int_equal(piece(t, &r, 7, serial, true, false, false), FEED_FINE);
    add_rule(&r, 4, 0);
    add_rule_of(&r, 8, 9, 91);
    assert_int_equal(delta(t, &r, 1, 8, false), FEED_FINE);
    assert_true(feed_is_amid(t->feed));
    add_rule_of(&r, 8, 12, 120);
    assert_int_equal(delta(t, &r, 1, 8, true), FEED_FINE);
    told(t, "-10/4 V8 ");
    assert_int_equal(piece(t, &r, 8, serial, true, false, true), FEED_FINE);
    told(t, "+10/2 ?10/3 +10/5 +10/9 +10/12 V8 "); /* that 4 has gone was told, and its owner may still wait for its last counts */
    assert_true(feed_holds(t->feed, 8) && !feed_is_growing(t->feed));
    assert_int_equal(priority_of(t, 2), 22);
    assert_int_equal(priority_of(t, 9), 91);
    assert_int_equal(mirror_size(feed_mirror(t->feed), CFG_RULE), 5);
    assert_int_equal(feed_gathered(t->feed, &serial_said), 0);
    add_rule_of(&r, 8, 12, 121);
    assert_int_equal(delta(t, &r, 1, 9, true), FEED_ANSWERED);
    told(t, "~10/12 V9 ");
}

/* I6: what was gathered has half of a commit then. configdb does not do so; who sees it asks again. */
static void nothing_is_joined_amid_a_commit(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    size_t n_added;
    begin_with_7(t);
    follow(t, 7, 8);
    uint64_t serial = ask(t, &n_added);
    assert_int_equal(piece(t, &r, 5, serial, true, true, false), FEED_ANSWERED);
    add_rule_of(&r, 8, 2, 20);
    assert_int_equal(delta(t, &r, 1, 6, false), FEED_FINE);
    assert_int_equal(piece(t, &r, 5, serial, true, false, true), FEED_LOST);
    told(t, "");
    assert_false(feed_holds(t->feed, 8) || feed_is_amid(t->feed) || feed_is_loading(t->feed));
}

static void the_answer_to_an_earlier_question_is_none(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    size_t n_added;
    begin_with_7(t);
    follow(t, 7, 8);
    uint64_t earlier = ask(t, &n_added);
    follow(t, 7, 9);
    uint64_t serial = ask(t, &n_added);
    assert_true(serial > earlier);
    add_rule_of(&r, 8, 2, 20);
    assert_int_equal(piece(t, &r, 6, earlier, true, true, true), FEED_FINE);
    told(t, "");
    assert_false(feed_holds(t->feed, 8) || feed_holds(t->feed, 9));
    add_rule_of(&r, 9, 3, 30);
    assert_int_equal(piece(t, &r, 6, serial, true, true, true), FEED_ANSWERED);
    told(t, "+10/3 V6 ");
    assert_true(feed_holds(t->feed, 9));
    follow(t, 7, 8); /* and one that was overtaken by deltas is asked for again */
    serial = ask(t, &n_added);
    assert_int_equal(piece(t, &r, 4, serial, true, true, true), FEED_LOST);
    told(t, "");
}

static void a_bridge_left_out_is_dropped_bit_by_bit_without_a_word(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    size_t n_added;
    begin_with_7(t);
    feed_follow(t->feed, NULL, 0);
    assert_false(feed_holds(t->feed, 7));
    feed_drop(t->feed, 1);
    assert_int_equal(mirror_size(feed_mirror(t->feed), CFG_RULE), 1);
    add_rule(&r, 4, 0); /* one that is still to be dropped goes: that is told */
    assert_int_equal(delta(t, &r, 1, 6, true), FEED_ANSWERED);
    told(t, "-10/4 V6 ");
    begin_with_7(t);
    follow(t, 9, 9);
    uint64_t serial = ask(t, &n_added);
    add_rule_of(&r, 9, 5, 50); /* a whole snapshot before they are dropped does not tell them as gone */
    assert_int_equal(piece(t, &r, 8, serial, false, true, true), FEED_ANSWERED);
    told(t, "+10/5 S8 ");
    feed_drop(t->feed, 100);
    assert_int_equal(mirror_size(feed_mirror(t->feed), CFG_RULE), 1);
}

/* While more is coming, a bridge is left out and wanted again: its rows have gone, so it is not held until it has been asked for anew. */
static void a_bridge_that_was_left_out_for_a_while_is_asked_for_anew(void **state)
{
    struct test *t = *state;
    struct rows r = {.n = 0};
    size_t n_added;
    begin_with_7(t);
    follow(t, 7, 8);
    uint64_t serial = ask(t, &n_added);
    follow(t, 8, 8);
    follow(t, 7, 8);
    assert_false(feed_is_asked(t->feed));
    add_rule_of(&r, 8, 2, 20);
    add_rule_of(&r, 7, 9, 90); /* of a commit meanwhile */
    assert_int_equal(piece(t, &r, 6, serial, true, true, true), FEED_ANSWERED);
    assert_true(feed_holds(t->feed, 8) && !feed_holds(t->feed, 7));
    assert_false(feed_is_asked(t->feed));
    serial = ask(t, &n_added);
    assert_int_equal(n_added, 1);
    add_rule_of(&r, 7, 9, 90);
    add_rule_of(&r, 7, 4, 40); /* 1 has gone */
    assert_int_equal(piece(t, &r, 7, serial, true, true, true), FEED_ANSWERED);
    assert_true(feed_holds(t->feed, 7) && feed_is_asked(t->feed));
    assert_int_equal(priority_of(t, 1), 0);
    assert_int_equal(priority_of(t, 4), 40);
    assert_int_equal(mirror_size(feed_mirror(t->feed), CFG_RULE), 3);
}

#define FEED_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    log_set_level(LOG_LEVEL_ERROR);
    const struct CMUnitTest tests[] = {
        FEED_TEST(snapshot_is_shown_only_when_complete),
        FEED_TEST(who_wants_them_is_shown_the_bytes_of_rules),
        FEED_TEST(second_snapshot_shows_only_what_differs),
        FEED_TEST(snapshot_begun_anew_forgets_the_earlier_pieces),
        FEED_TEST(outdated_snapshot_is_not_shown),
        FEED_TEST(commit_is_shown_whole),
        FEED_TEST(the_rest_of_a_commit_whose_beginning_was_thrown_away_is_none),
        FEED_TEST(row_that_comes_and_goes_in_one_commit_is_shown_in_order),
        FEED_TEST(many_commits_as_one_are_shown_in_one_step),
        FEED_TEST(whose_commits_they_were_and_what_they_changed_is_known),
        FEED_TEST(version_that_does_not_follow_is_lost),
        FEED_TEST(old_versions_are_ignored_and_resume_adopts_the_epoch),
        FEED_TEST(rows_of_other_tables_and_unreadable_ones_are_left_out),
        FEED_TEST(status_is_shown_at_once_and_survives_a_snapshot),
        FEED_TEST(status_not_said_again_is_forgotten),
        FEED_TEST(rules_are_kept_as_bytes_and_shown_as_rows),
        FEED_TEST(a_table_that_is_not_to_be_shown_is_mirrored_all_the_same),
        FEED_TEST(a_bridge_that_was_left_out_for_a_while_is_asked_for_anew),
        FEED_TEST(rules_of_other_bridges_are_left_out_whoever_sends_them),
        FEED_TEST(many_commits_without_a_row_are_one_step),
        FEED_TEST(of_a_configdb_that_knows_no_filter_all_is_taken),
        FEED_TEST(one_that_was_asked_for_all_may_know_a_filter),
        FEED_TEST(more_bridges_come_in_one_step_and_what_is_here_goes_on_meanwhile),
        FEED_TEST(commits_go_on_while_more_bridges_come),
        FEED_TEST(nothing_is_joined_amid_a_commit),
        FEED_TEST(the_answer_to_an_earlier_question_is_none),
        FEED_TEST(a_bridge_left_out_is_dropped_bit_by_bit_without_a_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
