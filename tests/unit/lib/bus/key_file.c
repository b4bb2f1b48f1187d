/* Tests of lib/bus/key_file.c: what is written is read back, bad files are refused by line, and a key that others can read is not used. */
#include "lib/bus/key_file.h"

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct place {
    char dir[64], path[128], public_path[160];
};

static int setup(void **state)
{
    static struct place p;
    snprintf(p.dir, sizeof p.dir, "%s/key.XXXXXX", getenv("TMPDIR") != NULL ? getenv("TMPDIR") : "/tmp");
    assert_non_null(mkdtemp(p.dir));
    snprintf(p.path, sizeof p.path, "%s/k", p.dir);
    snprintf(p.public_path, sizeof p.public_path, "%s.pub", p.path);
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;
    unlink(p->path);
    unlink(p->public_path);
    return rmdir(p->dir);
}

static void what_is_written_is_read_back(void **state)
{
    struct place *p = *state;
    struct key_pair pair, back;
    struct error_detail detail;
    struct stat status;
    char public_key[KEY_TEXT_SIZE + 1];
    mode_t old = umask(0);
    assert_int_equal(key_pair_make("slowpath-1", &pair), 0);
    assert_int_equal(key_file_write(p->path, &pair, &detail), 0);
    umask(old);
    assert_int_equal(key_file_read(p->path, &back, &detail), 0);
    assert_memory_equal(&pair, &back, sizeof pair);
    assert_int_equal(stat(p->path, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0600);
    assert_int_equal(key_public_of(p->public_path, public_key, &detail), 0);
    assert_string_equal(public_key, pair.public_key);
    assert_int_equal(key_public_of(p->path, public_key, &detail), 0);
    assert_int_equal(key_public_of(pair.public_key, public_key, &detail), 0);
    assert_string_equal(public_key, pair.public_key);
    assert_int_equal(key_file_write(p->path, &pair, &detail), -EEXIST);
    assert_int_equal(key_file_read(p->public_path, &back, &detail), -EPERM);
}

static void a_file_whose_path_looks_like_a_key_is_read(void **state)
{
    struct place *p = *state;
    struct key_pair pair;
    struct error_detail detail;
    char public_key[KEY_TEXT_SIZE + 1], path[PATH_MAX], long_name[KEY_TEXT_SIZE + 1];
    int size = snprintf(path, sizeof path, "%s/", p->dir);
    if (size > KEY_TEXT_SIZE - 5) {
        skip(); /* TMPDIR is too long */
    }
    memset(path + size, 'k', (size_t)(KEY_TEXT_SIZE - size));
    path[KEY_TEXT_SIZE] = '\0';
    assert_true(key_text_is_valid(path));
    assert_int_equal(key_public_of(path, public_key, &detail), 0); /* there is none */
    assert_string_equal(public_key, path);
    memcpy(long_name, path, KEY_TEXT_SIZE - 4);
    long_name[KEY_TEXT_SIZE - 4] = '\0'; /* and ".pub" */
    memcpy(path + KEY_TEXT_SIZE - 4, ".pub", 4);
    assert_int_equal(key_pair_make("slowpath-1", &pair), 0);
    assert_int_equal(key_file_write(long_name, &pair, &detail), 0);
    assert_int_equal(key_public_of(path, public_key, &detail), 0);
    assert_string_equal(public_key, pair.public_key);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(long_name), 0);
}

static void a_pair_is_made_anew_each_time_and_its_name_is_checked(void **state)
{
    struct key_pair a, b;
    assert_int_equal(key_pair_make("x", &a), 0);
    assert_int_equal(key_pair_make("x", &b), 0);
    assert_string_not_equal(a.public_key, b.public_key);
    assert_string_not_equal(a.secret_key, b.secret_key);
    for (int i = 0; i < 300; i++) { /* one in 85 would begin like an option */
        assert_int_equal(key_pair_make("x", &a), 0);
        assert_true(a.public_key[0] != '-' && key_text_is_valid(a.public_key));
    }
    static const char *const bad[] = {"",    "a b",      "a/b",
                                      "a\n", "\xc3\xa4", "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(key_pair_make(bad[i], &a), -ERROR_SYNTAX);
    }
}

static void a_file_that_others_may_read_is_refused(void **state)
{
    struct place *p = *state;
    struct key_pair pair;
    struct error_detail detail;
    assert_int_equal(key_pair_make("x", &pair), 0);
    assert_int_equal(key_file_write(p->path, &pair, &detail), 0);
    static const mode_t modes[] = {0640, 0604, 0660, 0610, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        assert_int_equal(chmod(p->path, modes[i]), 0);
        assert_int_equal(key_file_read(p->path, &pair, &detail), -EPERM);
        assert_non_null(strstr(detail.text, "chmod 600"));
    }
    assert_int_equal(chmod(p->path, 0400), 0);
    assert_int_equal(key_file_read(p->path, &pair, &detail), 0);
    assert_int_equal(key_file_read(p->dir, &pair, &detail), -EINVAL);
    assert_int_equal(key_file_read("/nonexistent/key", &pair, &detail), -ENOENT);
}

/* One text with the lines given, where %1, %2, %3 stand for the public and the secret key of one pair and the public key of another. */
static int parse(const char *name, const char *public_key, const char *secret_key, const char *more, struct key_pair *out_pair,
                 struct error_detail *detail)
{
    char text[KEY_FILE_MAX + 100];
    snprintf(text, sizeof text, "# a comment\n\n%s%s%s%s%s%s%s%s%s%s", name != NULL ? "name: " : "", name != NULL ? name : "",
             name != NULL ? "\n" : "", public_key != NULL ? "public: " : "", public_key != NULL ? public_key : "",
             public_key != NULL ? "\n" : "", secret_key != NULL ? "secret: " : "", secret_key != NULL ? secret_key : "",
             secret_key != NULL ? "\n" : "", more);
    return key_file_parse("F", text, true, out_pair, detail);
}

static void bad_files_are_refused_with_the_line(void **state)
{
    struct key_pair a, b, out = {.name = "untouched"};
    struct error_detail detail;
    char longest[KEY_FILE_MAX + 50];
    assert_int_equal(key_pair_make("a", &a), 0);
    assert_int_equal(key_pair_make("b", &b), 0);
    memset(longest, '#', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    char invalid[KEY_TEXT_SIZE + 1];
    snprintf(invalid, sizeof invalid, "%s", a.public_key);
    invalid[7] = '"';
    char overflow[] = "####################"
                      "####################"; /* Z85 beyond 32 bits a group */
    char twice[100];
    snprintf(twice, sizeof twice, "public: %s\n", a.public_key);
    const struct {
        const char *name, *public_key, *secret_key, *more;
        int error;
        const char *says;
    } rows[] = {
        {NULL, a.public_key, a.secret_key, "", -ERROR_SYNTAX, "\"name: \" is missing"},
        {"a", NULL, a.secret_key, "", -ERROR_SYNTAX, "\"public: \" is missing"},
        {"a", a.public_key, NULL, "", -ERROR_SYNTAX, "has no secret"},
        {"a", b.public_key, a.secret_key, "", -ERROR_SYNTAX, "do not belong together"},
        {"a b", a.public_key, a.secret_key, "", -ERROR_SYNTAX, "line 3"},
        {"a", invalid, a.secret_key, "", -ERROR_SYNTAX, "line 4"},
        {"a", "short", a.secret_key, "", -ERROR_SYNTAX, "line 4"},
        {"a", a.public_key, overflow, "", -ERROR_SYNTAX, "line 5"},
        {"a", a.public_key, a.secret_key, twice, -ERROR_DUPLICATE, "line 6"},
        {"a", a.public_key, a.secret_key, "role: admin\n", -ERROR_SYNTAX, "line 6"},
        {"a", a.public_key, a.secret_key, " name: x\n", -ERROR_SYNTAX, "line 6"},
        {"a", a.public_key, a.secret_key, longest, -ERROR_TOO_LARGE, "longer"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int err = parse(rows[i].name, rows[i].public_key, rows[i].secret_key, rows[i].more, &out, &detail);
        if (err != rows[i].error || strstr(detail.text, rows[i].says) == NULL) {
            fail_msg("row %zu: %d \"%s\"", i, err, detail.text);
        }
        assert_string_equal(out.name, "untouched");
        assert_null(strstr(detail.text, a.secret_key)); /* a message never tells a secret */
    }
    assert_int_equal(parse("a", a.public_key, a.secret_key, "# the end, without a newline", &out, &detail), 0);
    assert_string_equal(out.secret_key, a.secret_key);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    struct place *p = *state;
    struct key_pair out;
    struct error_detail detail;
    FILE *file = fopen(p->path, "w");
    fwrite("name: a\n\0public: ", 1, 17, file);
    fclose(file);
    assert_int_equal(chmod(p->path, 0600), 0);
    assert_int_equal(key_file_read(p->path, &out, &detail), -ERROR_SYNTAX);
    file = fopen(p->path, "w");
    for (int i = 0; i < 3000; i++) {
        fwrite("# long\n", 1, 7, file);
    }
    fclose(file);
    assert_int_equal(key_file_read(p->path, &out, &detail), -ERROR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_whose_path_looks_like_a_key_is_read, setup, teardown),
        cmocka_unit_test(a_pair_is_made_anew_each_time_and_its_name_is_checked),
        cmocka_unit_test_setup_teardown(a_file_that_others_may_read_is_refused, setup, teardown),
        cmocka_unit_test(bad_files_are_refused_with_the_line),
        cmocka_unit_test_setup_teardown(bytes_that_are_no_text_are_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
