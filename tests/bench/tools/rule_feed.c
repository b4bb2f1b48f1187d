/* rule_feed [rules=N] [masks=M] [commit=C] [flows=0] [again=1]: what a rule costs the slowpath from the bytes of the config wire on.
 *
 * The messages are those of a snapshot (commit=0), or of commits of C rules each; they are bytes in memory before the clock runs. Then each is
 * unpacked, mirrored, shown and becomes part of the world, by the code that a running slowpath has for it. What is left out: ZeroMQ, sessions.
 * Rules are those of openflow_load: of 1 mask eth_type and a whole ip_dst, of M masks their lengths of prefix are the (i mod M)th combination.
 * Prints processor time and memory a rule as a line of JSON; `remove=1` also takes all rules away again, in commits of C.
 */
#include <arpa/inet.h>
#include <malloc.h>
#include <time.h>

#include "lib/cfg/feed.h"
#include "lib/msg/rule.h"
#include "services/slowpath/correct.h"
#include "services/slowpath/feed.h"
#include "tests/bench/tools/load.h"
#include "tests/bench/tools/rule_match.h"

enum { PRIORITY = 1000, PIECE_ROWS = 4000 /* of a snapshot */, BRIDGE = 1 };

struct message {
    uint8_t *bytes;
    size_t size;
};

struct messages {
    struct message *items;
    size_t n, room;
};

static void add_message(struct messages *messages, const ProtobufCMessage *message)
{
    if (messages->n == messages->room) {
        messages->room = messages->room * 2 + 64;
        messages->items = memory_resize(messages->items, messages->room * sizeof *messages->items);
    }
    struct message *item = &messages->items[messages->n++];
    item->bytes = memory_resize(NULL, protobuf_c_message_get_packed_size(message) + 1);
    item->size = protobuf_c_message_pack(message, item->bytes);
}

static void fill_row(Busbar__Row *row, uint32_t number, uint32_t n_masks, bool is_gone)
{
    struct action output = {.type = ACTION_OUTPUT, .output = {.port = 2}};
    struct rule rule = {.bridge = BRIDGE, .cookie = number, .created_wall_ns = 1700000000000000000ull + number, .priority = PRIORITY};
    struct msg_rule_room room = {0};
    busbar__row__init(row);
    row->table = CFG_RULE;
    row->id = 100 + number;
    row->deleted = is_gone;
    if (is_gone) {
        return;
    }
    rule_match(&rule.match, number, n_masks);
    rule.instructions.has_apply = true;
    rule.instructions.apply = (struct action_list){.items = &output, .count = 1};
    const Busbar__RuleRow *message = msg_rule_encode(&rule, &room);
    row->value.data = memory_resize(NULL, busbar__rule_row__get_packed_size(message) + 1);
    row->value.len = busbar__rule_row__pack(message, row->value.data);
    msg_rule_room_fini(&room);
}

/* Rows `first` and on as a message; versions count from 1. */
static void add_rows(struct messages *out, const struct load *load, uint32_t first, uint32_t n, uint64_t version, bool is_gone)
{
    uint32_t n_rules = (uint32_t)load_number(load, "rules", 100000), n_masks = (uint32_t)load_number(load, "masks", 1);
    Busbar__Row *rows = memory_array(n, sizeof *rows), **pointers = memory_array(n, sizeof *pointers);
    Busbar__Version v = BUSBAR__VERSION__INIT;
    v.n = version;
    v.epoch = 1;
    for (uint32_t i = 0; i < n; i++) {
        fill_row(pointers[i] = &rows[i], first + i, n_masks, is_gone);
    }
    if (version == 1) {
        Busbar__Snapshot snapshot = BUSBAR__SNAPSHOT__INIT;
        snapshot.version = &v;
        snapshot.first = first == 0;
        snapshot.last = n == 0 || first + n == n_rules;
        snapshot.n_rows = n;
        snapshot.rows = pointers;
        add_message(out, &snapshot.base);
    } else {
        Busbar__Delta delta = BUSBAR__DELTA__INIT;
        delta.version = &v;
        delta.last = true;
        delta.n_changes = n;
        delta.changes = pointers;
        add_message(out, &delta.base);
    }
    for (uint32_t i = 0; i < n; i++) {
        free(rows[i].value.data);
    }
    free(rows);
    free(pointers);
}

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    feed_row(context, table, id, after);
}

static void on_packed(void *context, enum cfg_table table, uint64_t id, const uint8_t *bytes, size_t size)
{
    feed_rule_bytes(context, id, bytes, size);
}

static double cpu_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static void play(const struct messages *messages, struct feed *feed, struct core *core, struct msg_arena *arena)
{
    for (size_t i = 0; i < messages->n; i++) {
        struct bus_message message = {.body = messages->items[i].bytes, .size = messages->items[i].size};
        if (!feed_has_snapshot(feed)) {
            (void)feed_on_snapshot(feed, (Busbar__Snapshot *)msg_unpack_into(arena, &message, &busbar__snapshot__descriptor));
        } else {
            (void)feed_on_delta(feed, (Busbar__Delta *)msg_unpack_into(arena, &message, &busbar__delta__descriptor));
        }
        correct_mark(core, feed_version(feed).n);
    }
}

int main(int argc, char **argv)
{
    struct load load = {.argc = argc + 2, .argv = argv - 2};
    uint32_t n_rules = (uint32_t)load_number(&load, "rules", 100000), commit = (uint32_t)load_number(&load, "commit", 0);
    struct messages adds = {0}, removals = {0};
    uint64_t version = 1;
    if (commit != 0) {
        add_rows(&adds, &load, 0, 0, version++, false); /* an empty snapshot before the commits */
    }
    uint32_t step = commit != 0 ? commit : PIECE_ROWS;
    for (uint32_t i = 0; i < n_rules; i += step) {
        add_rows(&adds, &load, i, n_rules - i < step ? n_rules - i : step, commit != 0 ? version++ : 1, false);
    }
    version += commit == 0;
    for (uint32_t i = 0; i < n_rules && load_number(&load, "remove", 0) != 0; i += step) {
        add_rows(&removals, &load, i, n_rules - i < step ? n_rules - i : step, version++, true);
    }
    static const enum cfg_table tables[] = {CFG_RULE};
    struct core core = {.macs = mac_table_new()};
    struct msg_arena arena;
    msg_arena_init(&arena);
    world_init(&core.world);
    struct cfg_events events = {.on_row = on_row, .on_packed = on_packed, .context = &core};
    struct feed *feed = feed_new(tables, 1, &events);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    double begun = cpu_us();
    play(&adds, feed, &core, &arena);
    double added = cpu_us();
    if (core.world.rules.used != n_rules || core.counts.rows_refused != 0) {
        load_fail("not all rules are there");
    }
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    printf("{\"rules\": %u, \"us_a_rule\": %.3f, \"bytes_a_rule\": %zu", n_rules, (added - begun) / n_rules, (after - before) / n_rules);
    if (removals.n > 0) {
        double resumed = cpu_us();
        play(&removals, feed, &core, &arena);
        printf(", \"us_a_removal\": %.3f", (cpu_us() - resumed) / n_rules);
        if (core.world.rules.used != 0) {
            load_fail("rules are left");
        }
    }
    printf("}\n");
    return 0;
}
