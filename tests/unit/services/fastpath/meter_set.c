/* Meters of several fastpaths in one file: who has which slot, when it is another's, what outlives what. Unit test; processes only
 * where several must take from one bucket; time by argument.
 * What may never happen: two meters in one slot, a packet charged twice or to a meter that took the slot over. */
#include "services/fastpath/meter_set.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/dp/execute.h"

static char folder[] = "/tmp/busbar-meters-XXXXXX";
static char file[64];

static int make_folder(void **state)
{
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    return snprintf(file, sizeof file, "%s/meters", folder) > 0 ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)unlink(file);
    return rmdir(folder);
}

static int no_file(void **state)
{
    return access(file, F_OK) == 0 ? unlink(file) : 0;
}

static struct meter_set *set_of(const char *name)
{
    struct meter_set *set = NULL;
    struct error_detail detail = {""};
    if (meter_set_open(name, &set, &detail) != 0) {
        fail_msg("%s", detail.text);
    }
    return set;
}

/* One drop band, packets a second. */
static void apply(struct meter_set *set, uint64_t id, uint32_t rate, uint32_t burst, uint64_t now_ns)
{
    Busbar__BandMessage band = BUSBAR__BAND_MESSAGE__INIT, *bands[] = {&band};
    Busbar__MeterRow row = BUSBAR__METER_ROW__INIT;
    band.type = 1;
    band.rate = rate;
    band.burst_size = burst;
    row.flags = 1 << 1 | 1 << 2;
    row.n_bands = 1;
    row.bands = bands;
    meter_set_apply(set, id, &row, now_ns);
}

static unsigned passes(const struct meter_set *set, uint64_t id, unsigned n, uint64_t now_ns)
{
    unsigned n_passed = 0;
    for (unsigned i = 0; i < n; i++) {
        n_passed += policer_run(meter_set_find(set, id), 100, now_ns) == DP_METER_PASS;
    }
    return n_passed;
}

static void rows_become_bands(void **state)
{
    struct meter_set *set = set_of(NULL);
    Busbar__BandMessage band[3] = {BUSBAR__BAND_MESSAGE__INIT, BUSBAR__BAND_MESSAGE__INIT, BUSBAR__BAND_MESSAGE__INIT};
    Busbar__BandMessage *bands[] = {&band[0], &band[1], &band[2]};
    Busbar__MeterRow row = BUSBAR__METER_ROW__INIT;
    band[0] = (Busbar__BandMessage){.base = band[0].base, .type = 2, .rate = 8, .burst_size = 16, .prec_level = 2};
    band[1] = (Busbar__BandMessage){.base = band[1].base, .type = 1, .rate = 16, .burst_size = 4};
    band[2] = (Busbar__BandMessage){.base = band[2].base, .type = 0xffff, .rate = 1};
    row.flags = 1; /* kilobits, no burst */
    row.n_bands = 3;
    row.bands = bands;
    meter_set_apply(set, 7, &row, NS_PER_S);
    const struct policer *policer = meter_set_find(set, 7);
    assert_non_null(policer);
    assert_false(policer->counts_packets);
    assert_int_equal(policer->n_bands, 3);
    assert_int_equal(policer->bands[0].verdict, 2);
    assert_int_equal(policer->bands[1].verdict, DP_METER_DROP);
    assert_int_equal(policer->bands[2].verdict, DP_METER_PASS);
    assert_int_equal(policer->bands[0].full, 16 * NS_PER_S);
    row.flags = 1 | 1 << 2;
    meter_set_apply(set, 7, &row, NS_PER_S);
    assert_ptr_equal(meter_set_find(set, 7), policer);
    assert_int_equal(policer->bands[0].full, 2 * 16 * NS_PER_S);
    meter_set_apply(set, 7, NULL, NS_PER_S);
    assert_null(meter_set_find(set, 7));
    meter_set_apply(set, 7, NULL, NS_PER_S);
    meter_set_close(&set);
}

static void many_meters_come_and_go(void **state)
{
    struct meter_set *set = set_of(NULL);
    struct meter_counts counts;
    for (uint64_t id = 1; id <= 3000; id++) {
        apply(set, id * 7, 10, 10, NS_PER_S);
    }
    for (uint64_t id = 1; id <= 3000; id += 2) {
        meter_set_apply(set, id * 7, NULL, NS_PER_S);
    }
    size_t cursor = 0, n = 0;
    for (uint64_t id; (id = meter_set_next(set, &cursor)) != 0; n++) {
        assert_int_equal(id % 14, 0);
        assert_int_equal(passes(set, id, 12, NS_PER_S), 10);
        assert_true(meter_set_read(set, id, &counts));
        assert_int_equal(counts.packets, 12);
        assert_int_equal(counts.n_bands, 1);
        assert_int_equal(counts.bands[0].packets, 2);
        assert_int_equal(counts.bands[0].bytes, 200);
    }
    assert_int_equal(n, 1500);
    assert_false(meter_set_read(set, 7, &counts));
    meter_set_close(&set);
}

static void two_processes_share_one_bucket(void **state)
{
    struct meter_set *a = set_of(file), *b = set_of(file);
    struct meter_counts counts;
    uint64_t now_ns = 100 * NS_PER_S;
    apply(a, 9, 10, 10, now_ns);
    apply(b, 9, 10, 10, now_ns);
    assert_int_equal(passes(a, 9, 6, now_ns), 6);
    assert_int_equal(passes(b, 9, 9, now_ns), 4);
    assert_int_equal(passes(a, 9, 1, now_ns), 0);
    assert_true(meter_set_read(a, 9, &counts));
    assert_int_equal(counts.packets, 16);
    assert_int_equal(counts.bands[0].packets, 6);
    meter_set_close(&a);
    meter_set_close(&b);
}

static void bucket_and_counters_outlive_all_processes(void **state)
{
    struct meter_set *set = set_of(file);
    struct meter_counts counts;
    uint64_t now_ns = 100 * NS_PER_S;
    apply(set, 9, 10, 10, now_ns);
    assert_int_equal(passes(set, 9, 20, now_ns), 10);
    meter_set_close(&set);
    set = set_of(file);
    apply(set, 9, 10, 10, now_ns + NS_PER_S / 2);
    assert_int_equal(passes(set, 9, 20, now_ns + NS_PER_S / 2), 5);
    assert_true(meter_set_read(set, 9, &counts));
    assert_int_equal(counts.packets, 40);
    meter_set_close(&set);
}

/* Meters 1 and 1 + METER_SLOTS want the same slot. */
static void slot_of_a_dead_meter_is_cleared_for_the_next_only_after_the_lease(void **state)
{
    struct meter_set *a = set_of(file), *b = set_of(file);
    struct meter_counts counts;
    uint64_t now_ns = 100 * NS_PER_S, other = 1 + METER_SLOTS;
    apply(a, 1, 10, 10, now_ns);
    apply(b, 1, 10, 10, now_ns);
    assert_int_equal(passes(a, 1, 20, now_ns), 10);
    meter_set_apply(a, 1, NULL, now_ns); /* b has not heard yet */
    now_ns += 9 * NS_PER_S;
    meter_set_step(b, now_ns);
    now_ns += 9 * NS_PER_S;
    apply(a, other, 10, 10, now_ns);
    const struct policer_slot *first = meter_set_find(b, 1)->slot, *second = meter_set_find(a, other)->slot;
    assert_non_null(first);
    assert_non_null(second);
    assert_ptr_equal(&b->slots[1], first);
    assert_ptr_equal(&a->slots[2], second);

    now_ns += 11 * NS_PER_S; /* b stands still */
    meter_set_step(a, now_ns);
    apply(a, other + METER_SLOTS, 10, 10, now_ns);
    assert_ptr_equal(meter_set_find(a, other + METER_SLOTS)->slot, &a->slots[1]);
    assert_int_equal(passes(a, other + METER_SLOTS, 20, now_ns), 10);
    /* b comes back: what it took for its slot is not. */
    assert_int_equal(policer_run(meter_set_find(b, 1), 100, now_ns), POLICER_UNKNOWN);
    assert_false(meter_set_read(b, 1, &counts));
    meter_set_step(b, now_ns);
    assert_ptr_equal(meter_set_find(b, 1)->slot, &b->slots[3]);
    assert_int_equal(passes(b, 1, 20, now_ns), 10);
    assert_true(meter_set_read(a, other + METER_SLOTS, &counts));
    assert_int_equal(counts.packets, 20);
    meter_set_close(&a);
    meter_set_close(&b);
}

static void meter_without_a_slot_gets_one_when_there_is_one(void **state)
{
    struct meter_set *set = set_of(NULL);
    uint64_t now_ns = 100 * NS_PER_S, late = 1 + (uint64_t)METER_PROBES * METER_SLOTS;
    for (uint64_t i = 0; i < METER_PROBES; i++) {
        apply(set, 1 + i * METER_SLOTS, 10, 10, now_ns);
        assert_non_null(meter_set_find(set, 1 + i * METER_SLOTS)->slot);
    }
    apply(set, late, 10, 10, now_ns);
    assert_null(meter_set_find(set, late)->slot);
    assert_int_equal(policer_run(meter_set_find(set, late), 100, now_ns), POLICER_UNKNOWN);
    meter_set_apply(set, 1, NULL, now_ns);
    for (int i = 0; i < 12; i++) {
        now_ns += NS_PER_S;
        meter_set_step(set, now_ns);
    }
    assert_ptr_equal(meter_set_find(set, late)->slot, &set->slots[1]);
    assert_int_equal(set->n_unbound, 0);
    meter_set_close(&set);
}

static void both_settle_on_the_first_of_two_slots(void **state)
{
    struct meter_set *a = set_of(file), *b = set_of(file);
    uint64_t now_ns = 100 * NS_PER_S;
    apply(a, 1 + METER_SLOTS, 10, 10, now_ns); /* in slot 1, which ends */
    meter_set_apply(a, 1 + METER_SLOTS, NULL, now_ns);
    apply(b, 1, 10, 10, now_ns);
    assert_ptr_equal(meter_set_find(b, 1)->slot, &b->slots[2]);
    a->slots[1].owner = 1; /* as if another had taken it at the same moment */
    meter_set_step(b, now_ns + NS_PER_S);
    assert_ptr_equal(meter_set_find(b, 1)->slot, &b->slots[1]);
    meter_set_close(&a);
    meter_set_close(&b);
}

static void file_of_another_layout_is_replaced_and_left_to_its_users(void **state)
{
    struct meter_set *old = set_of(file);
    struct stat before, after;
    uint64_t now_ns = 100 * NS_PER_S;
    uint32_t layout = 99;
    apply(old, 1, 10, 10, now_ns);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(fd, &layout, sizeof layout, 8), sizeof layout);
    assert_int_equal(fstat(fd, &before), 0);
    close(fd);
    struct meter_set *new = set_of(file);
    assert_int_equal(stat(file, &after), 0);
    assert_int_not_equal(before.st_ino, after.st_ino);
    apply(new, 1, 10, 10, now_ns);
    assert_int_equal(passes(new, 1, 20, now_ns), 10);
    assert_int_equal(passes(old, 1, 20, now_ns), 10);
    meter_set_close(&old);
    meter_set_close(&new);
}

static void file_takes_room_only_for_meters_in_use(void **state)
{
    struct meter_set *set = set_of(file);
    struct stat stat_of;
    for (uint64_t id = 1; id <= 100; id++) {
        apply(set, id, 10, 10, NS_PER_S);
    }
    assert_int_equal(stat(file, &stat_of), 0);
    assert_true(stat_of.st_blocks * 512 <= 128 * 1024);
    meter_set_close(&set);
    struct error_detail detail = {""};
    assert_int_not_equal(meter_set_open("/proc/no/such/folder/meters", &set, &detail), 0);
    assert_null(set);
    assert_non_null(strstr(detail.text, "/proc/no/such"));
}

/* Four processes, one bucket of 100,000 at one moment: exactly so many pass. */
static void processes_that_compete_take_no_token_twice(void **state)
{
    enum { PROCESSES = 4, BURST = 100000, EACH = 60000 };
    struct meter_counts counts;
    uint64_t now_ns = 100 * NS_PER_S;
    struct meter_set *set = set_of(file);
    pid_t children[PROCESSES];
    apply(set, 3, 1000000, BURST, now_ns);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0) {
            struct meter_set *mine = set_of(file);
            apply(mine, 3, 1000000, BURST, now_ns);
            (void)passes(mine, 3, EACH, now_ns);
            _exit(0);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_true(meter_set_read(set, 3, &counts));
    assert_int_equal(counts.packets, PROCESSES * EACH);
    assert_int_equal(counts.packets - counts.bands[0].packets, BURST);
    meter_set_close(&set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_become_bands),
        cmocka_unit_test(many_meters_come_and_go),
        cmocka_unit_test_setup(two_processes_share_one_bucket, no_file),
        cmocka_unit_test_setup(bucket_and_counters_outlive_all_processes, no_file),
        cmocka_unit_test_setup(slot_of_a_dead_meter_is_cleared_for_the_next_only_after_the_lease, no_file),
        cmocka_unit_test(meter_without_a_slot_gets_one_when_there_is_one),
        cmocka_unit_test_setup(both_settle_on_the_first_of_two_slots, no_file),
        cmocka_unit_test_setup(file_of_another_layout_is_replaced_and_left_to_its_users, no_file),
        cmocka_unit_test_setup(file_takes_room_only_for_meters_in_use, no_file),
        cmocka_unit_test_setup(processes_that_compete_take_no_token_twice, no_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
