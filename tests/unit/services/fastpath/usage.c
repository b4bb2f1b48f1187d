/* Reports of use. Unit test on the memory bus: one ofagent listens.
 * What may never happen: a value that the receiver has not been told, and is not told with the next report.
 * One thread, fake clock. */
#include "tests/unit/services/fastpath/rig.h"

#include "lib/msg/authors.h"
#include "lib/msg/counter_id.h"
#include "proto/usage.pb-c.h"
#include "services/fastpath/usage.h"

struct listener {
    struct rig *rig;
    struct usage usage;
    struct bus *bus;
    struct bus_socket *socket;
    size_t n_reports, n_values, n_floors, n_meters;
    uint64_t meter, metered, acted; /* of the last meter */
    bool is_all;
    uint64_t last_sequence, last_packets, floor, idle_ns, n_ports;
};

static void step(struct listener *l, unsigned ms)
{
    l->n_reports = l->n_values = l->n_floors = l->n_meters = 0;
    l->is_all = false;
    for (unsigned i = 0; i <= ms; i++) {
        struct bus_message message;
        bus_hub_step(l->rig->hub, l->rig->now_ns);
        (void)usage_step(&l->usage, l->rig->shard, l->rig->now_ns);
        bus_hub_step(l->rig->hub, l->rig->now_ns);
        while (bus_recv(l->socket, &message) == 0) {
            if (message.type == MESSAGE_USAGE_REPORT) {
                Busbar__UsageReport *report = (Busbar__UsageReport *)msg_unpack(&message, &busbar__usage_report__descriptor);
                l->n_reports += report->last;
                l->is_all |= report->all;
                l->last_sequence = report->sequence;
                l->n_values += report->n_values;
                l->n_meters += report->n_meters;
                if (report->n_meters > 0) {
                    const Busbar__MeterUsage *meter = report->meters[report->n_meters - 1];
                    l->meter = meter->meter;
                    l->metered = meter->packets;
                    l->acted = meter->n_band_packets > 0 ? meter->band_packets[0] : 0;
                }
                l->n_ports = report->n_ports > 0 ? report->n_ports : l->n_ports;
                if (report->n_values > 0) {
                    l->last_packets = report->values[0]->packets;
                    l->idle_ns = report->values[0]->idle_ns;
                }
                protobuf_c_message_free_unpacked(&report->base, NULL);
            } else {
                Busbar__UsageFloor *floor = (Busbar__UsageFloor *)msg_unpack(&message, &busbar__usage_floor__descriptor);
                l->n_floors++;
                l->floor = floor->floor->n;
                protobuf_c_message_free_unpacked(&floor->base, NULL);
            }
            bus_message_fini(&message);
        }
        l->rig->now_ns += i < ms ? NS_PER_MS : 0;
    }
}

static void begin(struct listener *l, enum counter_kind kind)
{
    struct bus_identity who = {.kind = PROCESS_OFAGENT, .instance = 1, .start = 300};
    Busbar__UsageHello hello = BUSBAR__USAGE_HELLO__INIT;
    uint32_t kinds[] = {kind};
    *l = (struct listener){.rig = rig_new(256)};
    assert_int_equal(bus_bind(l->rig->bus, WIRE_USAGE, "usage", &l->usage.socket), 0);
    l->bus = bus_memory_new(l->rig->hub, &who);
    assert_int_equal(bus_connect(l->bus, WIRE_USAGE, "usage", &l->socket), 0);
    bus_hub_step(l->rig->hub, l->rig->now_ns);
    hello.n_kinds = 1;
    hello.kinds = kinds;
    assert_int_equal(msg_send(l->socket, NULL, MESSAGE_USAGE_HELLO, &hello.base), 0);
}

static void end(struct listener *l)
{
    usage_fini(&l->usage);
    bus_destroy(&l->bus);
    rig_end(l->rig);
}

static void credit(struct listener *l, uint64_t id, uint64_t packets)
{
    uint32_t slot = counter_set_slot(&l->rig->shard->counters, id);
    bool is_new;
    struct program *program = program_get(l->rig->shard->programs, NULL, 0, &slot, 1, &is_new);
    counter_set_credit(&l->rig->shard->counters, program, packets, 0, l->rig->now_ns);
    program_put(&program);
}

static void hello_is_answered_with_all_and_then_only_what_changed(void **state)
{
    struct listener l;
    begin(&l, COUNTER_RULE);
    for (uint64_t i = 1; i <= 3000; i++) {
        credit(&l, counter_id(COUNTER_RULE, i), 1);
        credit(&l, counter_id(COUNTER_MAC, i), 1);
    }
    step(&l, 0);
    assert_true(l.is_all && l.n_reports == 1 && l.n_floors == 1);
    assert_int_equal(l.n_values, 3000);
    assert_int_equal(l.n_ports, RIG_PORTS);
    assert_int_equal(l.floor, 10);
    step(&l, 500);
    assert_true(!l.is_all && l.n_reports == 1 && l.n_values == 0);
    credit(&l, counter_id(COUNTER_RULE, 7), 5);
    step(&l, 500);
    assert_int_equal(l.n_values, 1);
    assert_int_equal(l.last_packets, 6);
    assert_int_equal(l.last_sequence, 3);
    end(&l);
}

static void measure(struct listener *l, uint64_t id, unsigned n_packets)
{
    const struct policer *policer = meter_set_find(l->rig->shard->worker.meters, id);
    for (unsigned i = 0; i < n_packets; i++) {
        (void)policer_run(policer, 100, l->rig->now_ns);
    }
}

static void meters_are_reported_when_they_have_measured_something(void **state)
{
    struct listener l;
    begin(&l, COUNTER_METER);
    Busbar__BandMessage band = BUSBAR__BAND_MESSAGE__INIT, *bands[] = {&band};
    Busbar__MeterRow row = BUSBAR__METER_ROW__INIT;
    struct meter_set *set;
    assert_int_equal(meter_set_open(NULL, &set, NULL), 0);
    l.rig->shard->worker.meters = set;
    band.type = 1;
    band.rate = 3;
    row.flags = 1 << 1; /* packets a second */
    row.bands = bands;
    row.n_bands = 1;
    for (uint64_t id = 1; id <= 1000; id++) {
        meter_set_apply(set, id, &row, l.rig->now_ns);
    }
    step(&l, 10);
    assert_int_equal(l.n_meters, 1000); /* all there are, in pieces */
    step(&l, 500);
    assert_int_equal(l.n_meters, 0);
    measure(&l, 77, 5);
    step(&l, 500);
    assert_int_equal(l.n_meters, 1);
    assert_int_equal(l.meter, 77);
    assert_int_equal(l.metered, 5);
    assert_int_equal(l.acted, 2);
    step(&l, 500);
    assert_int_equal(l.n_meters, 1); /* once more, for those who looked before it changed */
    step(&l, 500);
    assert_int_equal(l.n_meters, 0);
    l.rig->shard->worker.meters = NULL;
    meter_set_close(&set);
    end(&l);
}

static void ask_all_gives_all_again(void **state)
{
    struct listener l;
    Busbar__UsageAskAll ask = BUSBAR__USAGE_ASK_ALL__INIT;
    begin(&l, COUNTER_RULE);
    credit(&l, counter_id(COUNTER_RULE, 1), 2);
    step(&l, 0);
    assert_int_equal(msg_send(l.socket, NULL, MESSAGE_USAGE_ASK_ALL, &ask.base), 0);
    step(&l, 0);
    assert_true(l.is_all);
    assert_int_equal(l.n_values, 1);
    end(&l);
}

static void retired_id_is_freed_and_floor_is_told_at_once(void **state)
{
    struct listener l;
    Busbar__UsageRetired retired = BUSBAR__USAGE_RETIRED__INIT;
    uint64_t id = counter_id(COUNTER_RULE, 1);
    begin(&l, COUNTER_RULE);
    credit(&l, id, 2);
    step(&l, 0);
    retired.n_ids = 1;
    retired.ids = &id;
    assert_int_equal(msg_send(l.socket, NULL, MESSAGE_USAGE_RETIRED, &retired.base), 0);
    step(&l, 0);
    assert_int_equal(l.rig->shard->counters.n_ids, 0);
    l.rig->shard->floor.n = 99;
    usage_tell_floor(&l.usage, l.rig->shard, AUTHORS_ALL, l.rig->now_ns);
    step(&l, 0);
    assert_true(l.n_floors == 1 && l.floor == 99);
    end(&l);
}

/* Whoever waits for none of the commits that the floor has passed is not woken for each of them. */
static void a_floor_is_told_at_once_to_whose_commit_it_has_passed_and_later_to_others(void **state)
{
    struct listener l;
    begin(&l, COUNTER_RULE);
    step(&l, 0);
    l.rig->shard->floor.n = 98;
    usage_tell_floor(&l.usage, l.rig->shard, authors_one(2), l.rig->now_ns);
    l.rig->shard->floor.n = 99;
    usage_tell_floor(&l.usage, l.rig->shard, AUTHORS_NONE, l.rig->now_ns + NS_PER_MS);
    assert_true(usage_owes_floor(&l.usage));
    step(&l, USAGE_FLOOR_LATER_MS - 1);
    assert_int_equal(l.n_floors, 0);
    step(&l, 1);
    assert_true(l.n_floors == 1 && l.floor == 99);
    assert_false(usage_owes_floor(&l.usage));
    step(&l, 100);
    assert_int_equal(l.n_floors, 0);
    l.rig->shard->floor.n = 100;
    usage_tell_floor(&l.usage, l.rig->shard, authors_join(authors_one(2), authors_one(1)), l.rig->now_ns);
    assert_false(usage_owes_floor(&l.usage));
    step(&l, 0);
    assert_true(l.n_floors == 1 && l.floor == 100);
    end(&l);
}

enum { MANY = 100000 };

/* One step, and a millisecond; returns how many values came. */
static size_t one_step(struct listener *l)
{
    step(l, 0);
    l->rig->now_ns += NS_PER_MS;
    return l->n_values;
}

static void a_step_sends_a_bounded_part_of_many_counters(void **state)
{
    struct listener l;
    size_t n_values = 0, n_steps = 0;
    begin(&l, COUNTER_RULE);
    for (uint64_t i = 1; i <= MANY; i++) {
        credit(&l, counter_id(COUNTER_RULE, i), 1);
    }
    do {
        size_t n = one_step(&l);
        assert_true(n <= USAGE_SLOTS_PER_STEP && n <= USAGE_PIECES_PER_STEP * USAGE_VALUES_PER_PIECE);
        n_values += n;
        n_steps++;
    } while (l.n_reports == 0);
    assert_int_equal(n_values, MANY);
    assert_true(n_steps >= MANY / USAGE_SLOTS_PER_STEP && l.n_floors == 1);
    step(&l, 600);
    assert_true(l.n_reports == 1 && l.n_values == 0);
    end(&l);
}

static void what_changes_while_a_report_is_under_way_comes_with_the_next(void **state)
{
    struct listener l;
    begin(&l, COUNTER_RULE);
    for (uint64_t i = 1; i <= MANY; i++) {
        credit(&l, counter_id(COUNTER_RULE, i), 1);
    }
    assert_true(one_step(&l) > 0 && l.n_reports == 0);
    credit(&l, counter_id(COUNTER_RULE, 1), 41); /* its value has been sent, in the first piece */
    while (l.n_reports == 0) {
        (void)one_step(&l);
    }
    step(&l, 600);
    assert_true(l.n_reports == 1 && l.n_values == 1 && l.last_packets == 42);
    end(&l);
}

/* ofagent takes a report for one of the floor it had when the first piece came: so that piece goes before anything has been looked at. */
static void a_report_begins_with_a_piece_even_when_nothing_has_changed_yet(void **state)
{
    struct listener l;
    begin(&l, COUNTER_RULE);
    for (uint64_t i = 1; i <= MANY; i++) {
        credit(&l, counter_id(COUNTER_RULE, i), 1);
    }
    step(&l, 100);
    assert_true(l.n_reports == 1 && l.n_values == MANY && l.last_sequence == 1);
    do { /* the slots that changed lie at the end */
        credit(&l, counter_id(COUNTER_RULE, MANY), 1);
        step(&l, 0);
        l.rig->now_ns += NS_PER_MS;
    } while (l.last_sequence == 1);
    assert_true(l.last_sequence == 2 && l.n_reports == 0 && l.n_values == 0 && l.n_ports == RIG_PORTS);
    size_t n_values = 0;
    while (l.n_reports == 0) {
        n_values += one_step(&l);
    }
    assert_true(l.last_sequence == 2 && n_values == 1);
    end(&l);
}

static void asked_for_all_in_the_middle_of_a_report_all_comes(void **state)
{
    struct listener l;
    Busbar__UsageAskAll ask = BUSBAR__USAGE_ASK_ALL__INIT;
    size_t n_values = 0;
    begin(&l, COUNTER_RULE);
    for (uint64_t i = 1; i <= MANY; i++) {
        credit(&l, counter_id(COUNTER_RULE, i), 1);
    }
    step(&l, 100);
    for (uint64_t i = 1; i <= MANY; i++) {
        credit(&l, counter_id(COUNTER_RULE, i), 1);
    }
    while (l.last_sequence == 1) {
        (void)one_step(&l);
    }
    assert_int_equal(msg_send(l.socket, NULL, MESSAGE_USAGE_ASK_ALL, &ask.base), 0);
    do {
        size_t n = one_step(&l);
        n_values = l.is_all ? n : n_values + n;
    } while (l.n_reports == 0);
    assert_int_equal(n_values, MANY);
    assert_int_equal(l.last_sequence, 3);
    end(&l);
}

static void a_receiver_that_takes_nothing_gets_it_all_later(void **state)
{
    struct listener l;
    Busbar__UsageReport report = BUSBAR__USAGE_REPORT__INIT;
    begin(&l, COUNTER_RULE);
    step(&l, 100);
    credit(&l, counter_id(COUNTER_RULE, 3), 8);
    while (msg_send(l.usage.socket, &l.usage.receivers[USAGE_RECEIVERS_MAX - 1].who, MESSAGE_USAGE_REPORT, &report.base) == 0) {
    }
    for (int ms = 0; ms < 1700; ms++) { /* it takes nothing */
        (void)usage_step(&l.usage, l.rig->shard, l.rig->now_ns);
        l.rig->now_ns += NS_PER_MS;
    }
    assert_int_equal(l.usage.n_late, 1);
    step(&l, 0);
    step(&l, 1100);
    assert_true(l.n_reports > 0 && l.n_values == 1 && l.last_packets == 8);
    end(&l);
}

static void garbage_is_dropped(void **state)
{
    struct listener l;
    begin(&l, COUNTER_RULE);
    step(&l, 0);
    assert_int_equal(bus_send(l.socket, NULL, MESSAGE_USAGE_HELLO, "\xff\xff", 2), 0);
    assert_int_equal(bus_send(l.socket, NULL, MESSAGE_USAGE_RETIRED, "\xff\xff", 2), 0);
    step(&l, 500);
    assert_int_equal(l.n_reports, 1);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hello_is_answered_with_all_and_then_only_what_changed),
        cmocka_unit_test(meters_are_reported_when_they_have_measured_something),
        cmocka_unit_test(ask_all_gives_all_again),
        cmocka_unit_test(retired_id_is_freed_and_floor_is_told_at_once),
        cmocka_unit_test(a_floor_is_told_at_once_to_whose_commit_it_has_passed_and_later_to_others),
        cmocka_unit_test(a_step_sends_a_bounded_part_of_many_counters),
        cmocka_unit_test(what_changes_while_a_report_is_under_way_comes_with_the_next),
        cmocka_unit_test(a_report_begins_with_a_piece_even_when_nothing_has_changed_yet),
        cmocka_unit_test(asked_for_all_in_the_middle_of_a_report_all_comes),
        cmocka_unit_test(a_receiver_that_takes_nothing_gets_it_all_later),
        cmocka_unit_test(garbage_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
