/* The helper thread and its two lists.
 *
 * Closing waits for a grace period of the kernel, in which every receive ring of the shard would fill: at a million packets a second
 * that is sixteen thousand packets. So the packet thread gives such work away and asks between bursts whether it is done.
 * Why no ring of our own: some jobs a second at most. Worker thread: give, take, stop; the helper's own thread: run only.
 * Invariant: a job is in one list or with the caller. What is given away is bounded by what the caller had open.
 */
#include "services/fastpath/helper.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/base/memory.h"

struct list {
    struct helper_job *first, **end;
};

struct helper {
    pthread_t thread;
    bool has_thread;
    pthread_mutex_t mutex; /* over everything below */
    pthread_cond_t has_work;
    struct list waiting, done;
    bool is_ending;
    _Atomic size_t n_done; /* read without the mutex */
};

static void put(struct list *list, struct helper_job *job)
{
    job->next = NULL;
    *list->end = job;
    list->end = &job->next;
}

static struct helper_job *take(struct list *list)
{
    struct helper_job *job = list->first;
    if (job != NULL) {
        list->first = job->next;
        list->end = list->first != NULL ? list->end : &list->first;
    }
    return job;
}

static void *work(void *argument)
{
    struct helper *helper = argument;
    pthread_mutex_lock(&helper->mutex);
    while (true) {
        struct helper_job *job = take(&helper->waiting);
        if (job != NULL) {
            pthread_mutex_unlock(&helper->mutex);
            job->run(job);
            pthread_mutex_lock(&helper->mutex);
            put(&helper->done, job);
            atomic_fetch_add(&helper->n_done, 1);
        } else if (helper->is_ending) {
            break;
        } else {
            pthread_cond_wait(&helper->has_work, &helper->mutex);
        }
    }
    pthread_mutex_unlock(&helper->mutex);
    return NULL;
}

int helper_new(struct helper **out_helper)
{
    struct helper *helper = memory_zeroed(sizeof *helper);
    helper->waiting.end = &helper->waiting.first;
    helper->done.end = &helper->done.first;
    pthread_mutex_init(&helper->mutex, NULL);
    pthread_cond_init(&helper->has_work, NULL);
    int err = pthread_create(&helper->thread, NULL, work, helper);
    if (err != 0) {
        helper_destroy(&helper);
        return -err;
    }
    helper->has_thread = true;
    *out_helper = helper;
    return 0;
}

void helper_stop(struct helper *helper)
{
    if (!helper->has_thread) {
        return;
    }
    pthread_mutex_lock(&helper->mutex);
    helper->is_ending = true;
    pthread_cond_signal(&helper->has_work);
    pthread_mutex_unlock(&helper->mutex);
    pthread_join(helper->thread, NULL);
    helper->has_thread = false;
}

void helper_destroy(struct helper **helper)
{
    if (*helper == NULL) {
        return;
    }
    helper_stop(*helper);
    pthread_cond_destroy(&(*helper)->has_work);
    pthread_mutex_destroy(&(*helper)->mutex);
    free(*helper);
    *helper = NULL;
}

void helper_give(struct helper *helper, struct helper_job *job)
{
    pthread_mutex_lock(&helper->mutex);
    put(&helper->waiting, job);
    pthread_cond_signal(&helper->has_work);
    pthread_mutex_unlock(&helper->mutex);
}

struct helper_job *helper_take_done(struct helper *helper)
{
    if (atomic_load(&helper->n_done) == 0) {
        return NULL;
    }
    pthread_mutex_lock(&helper->mutex);
    struct helper_job *job = take(&helper->done);
    atomic_fetch_sub(&helper->n_done, job != NULL);
    pthread_mutex_unlock(&helper->mutex);
    return job;
}
