/* What a process says of itself is what the kernel says of it. */
#include "lib/metrics/self.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char *filled(bool is_healthy)
{
    struct self self;
    struct page page = {.size = 0};
    self_init(&self, "fastpath", "fastpath.3");
    self.is_healthy = is_healthy;
    self_fill(&self, &page);
    char *text = malloc(page.size + 2);
    text[0] = '\n';
    memcpy(text + 1, page.text, page.size);
    text[page.size + 1] = '\0';
    page_fini(&page);
    return text;
}

static double value_of(const char *name, bool is_healthy)
{
    char line[100];
    char *text = filled(is_healthy);
    (void)snprintf(line, sizeof line, "\n%s ", name);
    const char *at = strstr(text, line);
    assert_non_null(at);
    double value = strtod(at + strlen(line), NULL);
    free(text);
    return value;
}

static void it_says_which_build_and_process_it_is(void **state)
{
    char *text = filled(true);
    assert_non_null(strstr(text, "\nbusbar_build_info{version=\"" BUSBAR_VERSION "\",service=\"fastpath\",process=\"fastpath.3\"} 1\n"));
    free(text);
}

static void it_says_whether_it_is_well(void **state)
{
    assert_true(value_of("busbar_healthy", true) == 1);
    assert_true(value_of("busbar_healthy", false) == 0);
}

static void one_more_open_file_is_one_more(void **state)
{
    double before = value_of("process_open_fds", true);
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(value_of("process_open_fds", true) == before + 1);
    close(fd);
    assert_true(value_of("process_open_fds", true) == before);
}

static void the_start_was_before_now_and_not_long_ago(void **state)
{
    double now_s = (double)time(NULL), started_s = value_of("process_start_time_seconds", true);
    assert_true(started_s < now_s + 1.5 && started_s > now_s - 3600);
}

static void work_takes_processor_time(void **state)
{
    double before = value_of("process_cpu_seconds_total", true);
    struct rusage usage;
    volatile unsigned long n = 0;
    for (; n < 20000000; n = n + 1) {
    }
    double after = value_of("process_cpu_seconds_total", true);
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    double all = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    assert_true(after > before + 0.001);
    assert_true(after <= all + 0.05);
}

static void memory_that_is_written_is_resident(void **state)
{
    enum { SIZE = 64 * 1024 * 1024 };
    double before = value_of("process_resident_memory_bytes", true);
    char *memory = malloc(SIZE);
    memset(memory, 1, SIZE);
    assert_true(value_of("process_resident_memory_bytes", true) > before + SIZE / 2.0);
    free(memory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_says_which_build_and_process_it_is),
        cmocka_unit_test(it_says_whether_it_is_well),
        cmocka_unit_test(one_more_open_file_is_one_more),
        cmocka_unit_test(the_start_was_before_now_and_not_long_ago),
        cmocka_unit_test(work_takes_processor_time),
        cmocka_unit_test(memory_that_is_written_is_resident),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
