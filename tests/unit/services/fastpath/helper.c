/* Jobs for the helper thread. Unit test.
 * What may never happen: a job is run twice, out of order or never, or is handed back before it has been run.
 * Two threads; no time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "services/fastpath/helper.h"

enum { JOBS = 1000 };

struct job {
    struct helper_job job;
    unsigned n_runs, order;
    unsigned *next_order;
};

static void run(struct helper_job *job)
{
    struct job *mine = (struct job *)job;
    mine->n_runs++;
    mine->order = (*mine->next_order)++;
}

static void jobs_are_run_once_in_order_and_handed_back(void **state)
{
    static struct job jobs[JOBS];
    struct helper *helper;
    unsigned next_order = 0, n_back = 0;
    memset(jobs, 0, sizeof jobs);
    assert_int_equal(helper_new(&helper), 0);
    assert_null(helper_take_done(helper));
    for (unsigned i = 0; i < JOBS; i++) {
        jobs[i] = (struct job){.job.run = run, .next_order = &next_order};
        helper_give(helper, &jobs[i].job);
        struct job *back = (struct job *)helper_take_done(helper);
        if (back != NULL) {
            assert_ptr_equal(back, &jobs[n_back++]);
        }
    }
    helper_stop(helper);
    for (struct helper_job *job; (job = helper_take_done(helper)) != NULL; n_back++) {
        assert_ptr_equal(job, &jobs[n_back].job);
    }
    assert_int_equal(n_back, JOBS);
    for (unsigned i = 0; i < JOBS; i++) {
        assert_true(jobs[i].n_runs == 1 && jobs[i].order == i);
    }
    helper_destroy(&helper);
    assert_null(helper);
}

static void an_idle_helper_ends(void **state)
{
    struct helper *helper;
    assert_int_equal(helper_new(&helper), 0);
    helper_destroy(&helper);
    helper_destroy(&helper);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_are_run_once_in_order_and_handed_back),
        cmocka_unit_test(an_idle_helper_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
