/* Which shards live, and whose a queue is. Unit test with a directory of its own.
 * What may never happen: a dead shard owns a queue, two own the same, or a living one is forgotten.
 * One thread, fake clock; other processes' locks are locks of other open files here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "services/fastpath/shard_set.h"

static char dir[64];

static int make_dir(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/shard_set.XXXXXX");
    return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

static void make_file(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
}

static void alone_without_files_everything_is_ours(void **state)
{
    struct shard_set set;
    shard_set_init(&set, NULL, 3);
    assert_int_equal(shard_set_join(&set), 0);
    assert_false(shard_set_look(&set, NS_PER_S));
    assert_true(shard_set_has_us(&set) && shard_set_is_lowest(&set));
    for (uint32_t queue = 0; queue < 64; queue++) {
        assert_true(shard_set_owns(&set, "eth0", queue));
    }
    shard_set_fini(&set);
}

static void who_has_not_joined_owns_nothing(void **state)
{
    struct shard_set set;
    shard_set_init(&set, dir, 1);
    make_file("fastpath.1.live"); /* nobody holds it, not even us */
    make_file("fastpath.2.live");
    make_file("fastpath.0.live");
    make_file("fastpath.7.liver");
    make_file("fastpath.x.live");
    assert_false(shard_set_look(&set, NS_PER_S));
    assert_int_equal(set.n_live, 0);
    assert_int_equal(shard_set_owner(&set, "eth0", 0), 0);
    assert_int_equal(shard_set_lowest(&set), 0);
    assert_false(shard_set_has_us(&set) || shard_set_is_lowest(&set) || shard_set_owns(&set, "eth0", 0) || shard_set_has_joined(&set));
    shard_set_fini(&set);
}

static void joining_and_leaving_are_seen_at_the_next_look(void **state)
{
    struct shard_set first, second;
    uint64_t now_ns = NS_PER_S;
    shard_set_init(&first, dir, 10);
    shard_set_init(&second, dir, 9);
    assert_int_equal(shard_set_join(&first), 0);
    assert_int_equal(shard_set_join(&first), 0);
    assert_true(shard_set_look(&first, now_ns));
    assert_true(first.n_live == 1 && shard_set_is_lowest(&first));
    assert_int_equal(shard_set_join(&second), 0);
    assert_false(shard_set_look(&first, now_ns + SHARD_SET_LOOK_MS * NS_PER_MS - 1));
    assert_true(shard_set_look(&first, now_ns + SHARD_SET_LOOK_MS * NS_PER_MS));
    assert_true(first.n_live == 2 && first.live[0] == 9 && first.live[1] == 10);
    assert_false(shard_set_is_lowest(&first));
    assert_true(shard_set_look(&second, now_ns));
    for (uint32_t queue = 0; queue < 64; queue++) {
        assert_int_equal(shard_set_owns(&first, "eth0", queue) + shard_set_owns(&second, "eth0", queue), 1);
    }
    shard_set_leave(&second);
    assert_true(shard_set_look_now(&first));
    assert_true(first.n_live == 1 && shard_set_owns(&first, "eth0", 0) && shard_set_owns(&first, "eth0", 1));
    uint64_t changes = first.changes;
    assert_false(shard_set_look_now(&first));
    assert_int_equal(first.changes, changes);
    shard_set_fini(&first);
    shard_set_fini(&second);
}

static void a_dead_shard_is_seen_though_its_file_stays(void **state)
{
    struct shard_set set;
    char path[128];
    shard_set_init(&set, dir, 1);
    assert_int_equal(shard_set_join(&set), 0);
    pid_t child = fork();
    if (child == 0) {
        struct shard_set other;
        shard_set_init(&other, dir, 2);
        _exit(shard_set_join(&other) == 0 ? 0 : 1); /* without a goodbye */
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    snprintf(path, sizeof path, "%s/fastpath.2.live", dir);
    assert_int_equal(access(path, F_OK), 0);
    (void)shard_set_look_now(&set);
    assert_true(set.n_live == 1 && set.live[0] == 1);
    shard_set_fini(&set);
}

static void a_new_life_of_an_instance_can_join_over_the_old_file(void **state)
{
    struct shard_set old, new;
    shard_set_init(&old, dir, 1);
    shard_set_init(&new, dir, 1);
    assert_int_equal(shard_set_join(&old), 0);
    assert_int_equal(shard_set_join(&new), -EAGAIN);
    close(old.fd); /* death */
    old.fd = -1;
    assert_int_equal(shard_set_join(&new), 0);
    assert_true(shard_set_look_now(&new));
    shard_set_fini(&new);
}

static void queues_are_shared_evenly_whatever_the_name(void **state)
{
    struct shard_set set;
    static const char *const names[] = {"eth0", "p1", "veth1a2b3c4d"};
    shard_set_init(&set, NULL, 1);
    for (set.n_live = 1; set.n_live <= SHARDS_MAX; set.n_live++) {
        for (size_t i = 0; i < set.n_live; i++) {
            set.live[i] = (uint32_t)(3 * i + 1);
        }
        for (size_t name = 0; name < 3; name++) {
            unsigned n[3 * SHARDS_MAX + 2] = {0};
            for (uint32_t queue = 0; queue < 4 * set.n_live; queue++) {
                n[shard_set_owner(&set, names[name], queue)]++;
            }
            for (size_t i = 0; i < set.n_live; i++) {
                assert_int_equal(n[set.live[i]], 4);
            }
        }
    }
}

static void devices_of_one_queue_are_spread(void **state)
{
    struct shard_set set;
    unsigned n[4] = {0};
    char name[16];
    shard_set_init(&set, NULL, 1);
    set.n_live = 4;
    for (uint32_t i = 0; i < 4; i++) {
        set.live[i] = i;
    }
    for (int i = 0; i < 400; i++) {
        snprintf(name, sizeof name, "port%d", i);
        n[shard_set_owner(&set, name, 0)]++;
    }
    for (size_t i = 0; i < 4; i++) {
        assert_true(n[i] > 50 && n[i] < 150);
    }
}

static void of_too_many_the_lowest_count(void **state)
{
    struct shard_set sets[SHARDS_MAX + 2];
    for (uint32_t i = 0; i < SHARDS_MAX + 2; i++) {
        shard_set_init(&sets[i], dir, SHARDS_MAX + 2 - i); /* descending */
        assert_int_equal(shard_set_join(&sets[i]), 0);
    }
    assert_true(shard_set_look_now(&sets[0]));
    assert_int_equal(sets[0].n_live, SHARDS_MAX);
    for (uint32_t i = 0; i < SHARDS_MAX; i++) {
        assert_int_equal(sets[0].live[i], i + 1);
    }
    assert_false(shard_set_has_us(&sets[0]));
    for (uint32_t i = 0; i < SHARDS_MAX + 2; i++) {
        shard_set_fini(&sets[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(alone_without_files_everything_is_ours),
        cmocka_unit_test_setup_teardown(who_has_not_joined_owns_nothing, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(joining_and_leaving_are_seen_at_the_next_look, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_dead_shard_is_seen_though_its_file_stays, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_new_life_of_an_instance_can_join_over_the_old_file, make_dir, remove_dir),
        cmocka_unit_test(queues_are_shared_evenly_whatever_the_name),
        cmocka_unit_test(devices_of_one_queue_are_spread),
        cmocka_unit_test_setup_teardown(of_too_many_the_lowest_count, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
