/* The file of a backup: comes back as it was, and every damage is refused with a reason. */
#include "cli/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/memory.h"

static char dir[] = "/tmp/busbar-backup-XXXXXX";
static char *path;
static struct error_detail detail;

static const struct backup_row rows[] = {
    {.table = 1, .id = 1, .bytes = (const uint8_t *)"", .size = 0},
    {.table = 2, .id = 1ull << 40, .bytes = (const uint8_t *)"bridge", .size = 6},
    {.table = 3, .id = 7, .bytes = (const uint8_t *)"\0\1\2", .size = 3},
};

static void write_good(void)
{
    struct backup backup = {.version = {.epoch = 1700000000, .n = 42}, .wall_ns = 99, .rows = (struct backup_row *)(uintptr_t)rows, .n_rows = 3};
    assert_int_equal(backup_write(path, &backup, &detail), 0);
}

static size_t load(uint8_t *bytes, size_t room)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = read(fd, bytes, room);
    close(fd);
    assert_true(n > 0);
    return (size_t)n;
}

static void store(const void *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
}

static int reread(void)
{
    struct backup backup;
    detail.text[0] = '\0';
    int err = backup_read(path, &backup, &detail);
    if (err == 0) {
        backup_fini(&backup);
    } else {
        assert_non_null(strstr(detail.text, path));
    }
    return err;
}

static void what_was_written_is_read(void **state)
{
    struct backup backup;
    struct stat stat_of;
    write_good();
    write_good(); /* over the old one */
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(stat_of.st_mode & 0777, 0640);
    assert_int_equal(backup_read(path, &backup, &detail), 0);
    assert_true(backup.version.epoch == 1700000000 && backup.version.n == 42 && backup.wall_ns == 99);
    assert_int_equal(backup.n_rows, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_true(backup.rows[i].table == rows[i].table && backup.rows[i].id == rows[i].id && backup.rows[i].size == rows[i].size);
        assert_memory_equal(backup.rows[i].bytes, rows[i].bytes, rows[i].size);
    }
    backup_fini(&backup);
}

static void every_flipped_byte_and_every_cut_is_refused(void **state)
{
    uint8_t good[256], bad[257];
    write_good();
    size_t size = load(good, sizeof good);
    for (size_t i = 0; i < size; i++) {
        memcpy(bad, good, size);
        bad[i] ^= 0x10;
        store(bad, size);
        assert_int_equal(reread(), i < 8 ? -ERROR_SYNTAX : i < 12 ? -ERROR_VERSION : -ERROR_DAMAGED);
        store(good, i);
        assert_int_equal(reread(), i < 8 ? -ERROR_SYNTAX : -ERROR_DAMAGED);
    }
    memcpy(bad, good, size);
    bad[size] = 0;
    store(bad, size + 1);
    assert_int_equal(reread(), -ERROR_DAMAGED);
    store(good, size);
    assert_int_equal(reread(), 0);
}

static void what_is_no_file_is_refused(void **state)
{
    struct backup backup = {.n_rows = 0};
    char *missing = memory_format("%s/none/x", dir);
    assert_int_equal(backup_read(missing, &backup, &detail), -ENOENT);
    assert_non_null(strstr(detail.text, missing));
    assert_int_equal(backup_write(missing, &backup, &detail), -ENOENT);
    assert_non_null(strstr(detail.text, missing));
    assert_int_equal(backup_read(dir, &backup, &detail), -EINVAL);
    free(missing);
    assert_int_equal(truncate(path, (off_t)BACKUP_BYTES_MAX + 1), 0);
    assert_int_equal(reread(), -ERROR_TOO_LARGE);
    /* A write that fails leaves the old file and nothing beside it. */
    char *onto_dir = memory_format("%s/sub", dir);
    assert_int_equal(mkdir(onto_dir, 0700), 0);
    assert_true(backup_write(onto_dir, &backup, &detail) < 0);
    assert_int_equal(rmdir(onto_dir), 0);
    free(onto_dir);
}

static int set_up(void **state)
{
    assert_non_null(mkdtemp(dir));
    path = memory_format("%s/file", dir);
    return 0;
}

static int tear_down(void **state)
{
    (void)unlink(path);
    free(path);
    return rmdir(dir); /* fails when something was left beside the file */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(every_flipped_byte_and_every_cut_is_refused),
        cmocka_unit_test(what_is_no_file_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
