/* Tests of lib/base/memory.c: memory is zeroed, sizes of zero are allowed, and out-of-memory ends the process.
 *
 * The last is tested in a child with its address space limited.
 */
#include "lib/base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void memory_is_zeroed(void **state)
{
    unsigned char *bytes = memory_zeroed(1000);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(bytes[i], 0);
    }
    free(bytes);
    uint64_t *numbers = memory_array(100, sizeof *numbers);
    for (size_t i = 0; i < 100; i++) {
        assert_true(numbers[i] == 0);
    }
    free(numbers);
}

static void huge_pages_are_zeroed_and_aligned(void **state)
{
    unsigned char *bytes = memory_huge(3 << 20);
    assert_int_equal((uintptr_t)bytes % (2 << 20), 0);
    for (size_t i = 0; i < 4 << 20; i += 4096) {
        assert_int_equal(bytes[i], 0);
    }
    free(bytes);
}

static void pages_are_zeroed_and_given_back(void **state)
{
    static const size_t sizes[] = {0, 1, 4096, (2 << 20) - 1, 2 << 20, 5 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        unsigned char *bytes = memory_pages(sizes[i]);
        assert_true(sizes[i] < 2 << 20 || (uintptr_t)bytes % (2 << 20) == 0);
        for (size_t k = 0; k < sizes[i]; k += 1000) {
            assert_int_equal(bytes[k], 0);
            bytes[k] = 1;
        }
        memory_pages_free(bytes, sizes[i]);
    }
    memory_pages_free(NULL, 5 << 20);
}

static void a_size_of_zero_is_allowed(void **state)
{
    free(memory_zeroed(0));
    free(memory_array(0, 8));
    free(memory_copy(NULL, 0));
    free(memory_resize(memory_zeroed(4), 0));
}

static void resize_keeps_what_was_there(void **state)
{
    char *text = memory_string("busbar");
    text = memory_resize(text, 100000);
    assert_string_equal(text, "busbar");
    free(text);
}

static void copies_are_equal_and_apart(void **state)
{
    const char original[] = {1, 2, 3, 0, 5};
    char *copy = memory_copy(original, sizeof original);
    assert_memory_equal(copy, original, sizeof original);
    assert_ptr_not_equal(copy, original);
    free(copy);
}

static void format_makes_a_string_of_any_length(void **state)
{
    char *text = memory_format("%s.%d %0500d", "fastpath", 1, 7);
    assert_int_equal(strlen(text), 511);
    assert_int_equal(strncmp(text, "fastpath.1 000", 14), 0);
    free(text);
}

static int status_of_child(void (*run)(void))
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        run();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void ask_for_too_much(void)
{
    volatile size_t size = SIZE_MAX / 4;
    free(memory_array(size, 8));
}

static void out_of_memory_ends_the_process(void **state)
{
    int status = status_of_child(ask_for_too_much);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_zeroed),
        cmocka_unit_test(huge_pages_are_zeroed_and_aligned),
        cmocka_unit_test(pages_are_zeroed_and_given_back),
        cmocka_unit_test(a_size_of_zero_is_allowed),
        cmocka_unit_test(resize_keeps_what_was_there),
        cmocka_unit_test(copies_are_equal_and_apart),
        cmocka_unit_test(format_makes_a_string_of_any_length),
        cmocka_unit_test(out_of_memory_ends_the_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
