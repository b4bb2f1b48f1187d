/* A thread for system calls that take the kernel milliseconds (closing an AF_XDP socket: 8 to 16), so that packets do not wait for them. */
#ifndef BUSBAR_FASTPATH_HELPER_H
#define BUSBAR_FASTPATH_HELPER_H

#include "lib/base/error.h"

/* Embedded as the first member in what the job is about. */
struct helper_job {
    void (*run)(struct helper_job *job); /* in the helper's thread: touches nothing but the job */
    struct helper_job *next;
};

struct helper;
int helper_new(struct helper **out_helper) MUST_CHECK;
/* Runs what is left, ends the thread. Take what is done before and after. */
void helper_stop(struct helper *helper);
/* After helper_stop(). */
void helper_destroy(struct helper **helper);
/* Jobs are run one after the other, in order. */
void helper_give(struct helper *helper, struct helper_job *job);
/* A job that has been run, or NULL. One load when there is none. */
struct helper_job *helper_take_done(struct helper *helper);

#endif
