/* Files that commands write: replaced whole, reached through links, and nothing that is no regular file is replaced. */
#include "cli/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/memory.h"

static char dir[] = "/tmp/busbar-output-XXXXXX";
static struct error_detail detail;

static char *in_dir(const char *name)
{
    return memory_format("%s/%s", dir, name);
}

static void assert_holds(const char *path, const char *text)
{
    char bytes[64];
    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    assert_int_equal(n, strlen(text));
    assert_memory_equal(bytes, text, strlen(text));
}

static void put(const char *path, const char *text)
{
    assert_int_equal(output_file_write(path, text, strlen(text), 0640, &detail), 0);
}

static void test_a_file_is_made_and_replaced(void **state)
{
    char *path = in_dir("file");
    struct stat before, after;
    put(path, "one");
    assert_holds(path, "one");
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(before.st_mode & 0777, 0640);
    put(path, "another");
    assert_holds(path, "another");
    assert_int_equal(stat(path, &after), 0);
    assert_true(before.st_ino != after.st_ino); /* whoever reads the old one goes on reading it */
    free(path);
}

static void test_a_link_goes_on_leading_to_what_is_written(void **state)
{
    char *path = in_dir("target"), *link = in_dir("link");
    struct stat status;
    put(path, "old");
    assert_int_equal(symlink("target", link), 0);
    put(link, "new");
    assert_holds(path, "new");
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    free(path);
    free(link);
}

static void test_a_pipe_is_written_to_and_stays(void **state)
{
    char *path = in_dir("pipe"), bytes[8];
    struct stat status;
    assert_int_equal(mkfifo(path, 0600), 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    put(path, "through");
    assert_int_equal(read(fd, bytes, sizeof bytes), 7);
    assert_memory_equal(bytes, "through", 7);
    close(fd);
    assert_int_equal(stat(path, &status), 0);
    assert_true(S_ISFIFO(status.st_mode));
    free(path);
}

static void test_what_cannot_be_written_is_told_and_leaves_nothing(void **state)
{
    char *nowhere = in_dir("no/such/file");
    assert_int_equal(output_file_write(nowhere, "x", 1, 0640, &detail), -ENOENT);
    assert_non_null(strstr(detail.text, nowhere));
    assert_int_equal(output_file_write(dir, "x", 1, 0640, &detail), -EISDIR);
    free(nowhere);
}

static void test_only_the_dash_is_standard(void **state)
{
    assert_true(file_is_standard("-"));
    assert_false(file_is_standard("--"));
    assert_false(file_is_standard("./-"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_file_is_made_and_replaced),
        cmocka_unit_test(test_a_link_goes_on_leading_to_what_is_written),
        cmocka_unit_test(test_a_pipe_is_written_to_and_stays),
        cmocka_unit_test(test_what_cannot_be_written_is_told_and_leaves_nothing),
        cmocka_unit_test(test_only_the_dash_is_standard),
    };
    assert_non_null(mkdtemp(dir));
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"file", "link", "target", "pipe"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = in_dir(names[i]);
        (void)unlink(path);
        free(path);
    }
    (void)rmdir(dir);
    return failed;
}
