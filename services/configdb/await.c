/* Awaited versions.
 *
 * The tables that count are those of the commit itself, while the ring holds it; afterwards all. A question about a version of
 * another epoch, or one not reached yet, waits like any other and is then answered as not reached. Row errors that readers reported for rows
 * of the commit come with the answer: applied does not mean that a device exists.
 *
 * Cost: a walk over the readers for each question and step; only questions that wait cost anything. Thread: configdb's main thread.
 * Input: any process; more than AWAIT_MAX questions at once are answered at once, saying so (I9).
 */
#include "services/configdb/await.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

struct await_question {
    struct bus_identity from;
    struct version version;
    uint64_t deadline_ns;
    struct await_question *prev, *next;
};
struct await {
    struct readers *readers;
    struct ring *ring;
    struct await_question *questions;
    size_t n;
};
/* An answer being put together. */
struct await_answer {
    Busbar__AwaitAppliedReply message;
    const struct ring_entry *entry; /* NULL: gone from the ring */
    bool is_of_entry;               /* of the error looked at */
    const Busbar__RowError *error;
};

struct await *await_new(struct readers *readers, struct ring *ring)
{
    struct await *await = memory_zeroed(sizeof *await);
    await->readers = readers;
    await->ring = ring;
    return await;
}

static void await_remove(struct await *await, struct await_question *question)
{
    DL_DELETE(await->questions, question);
    await->n--;
    free(question);
}

void await_destroy(struct await **await)
{
    if (*await == NULL) {
        return;
    }
    while ((*await)->questions != NULL) {
        await_remove(*await, (*await)->questions);
    }
    free(*await);
    *await = NULL;
}

static void await_missing(void *context, const char *text)
{
    struct await_answer *answer = context;
    Busbar__AwaitAppliedReply *message = &answer->message;
    message->missing = memory_resize(message->missing, (message->n_missing + 1) * sizeof *message->missing);
    message->missing[message->n_missing++] = memory_string(text);
}

static void await_compare_row(void *context, const Busbar__Row *row)
{
    struct await_answer *answer = context;
    answer->is_of_entry = answer->is_of_entry || (row->table == answer->error->table && row->id == answer->error->id);
}

static void await_error(void *context, const Busbar__RowError *error)
{
    struct await_answer *answer = context;
    Busbar__AwaitAppliedReply *message = &answer->message;
    answer->error = error;
    answer->is_of_entry = answer->entry == NULL;
    if (answer->entry != NULL) {
        ring_entry_rows(answer->entry, await_compare_row, answer);
    }
    if (answer->is_of_entry) {
        message->errors = memory_resize(message->errors, (message->n_errors + 1) * sizeof *message->errors);
        message->errors[message->n_errors++] = (Busbar__RowError *)(uintptr_t)error; /* lent */
    }
}

void await_ask(struct await *await, const struct bus_identity *from, const Busbar__AwaitApplied *message, uint64_t now_ns)
{
    uint32_t timeout_ms = message->timeout_ms < AWAIT_TIMEOUT_MAX_MS ? message->timeout_ms : AWAIT_TIMEOUT_MAX_MS;
    struct await_question *question = memory_zeroed(sizeof *question);
    question->from = *from;
    question->version = version_decode(message->version);
    question->deadline_ns = await->n < AWAIT_MAX ? now_ns + timeout_ms * NS_PER_MS : 0;
    DL_APPEND(await->questions, question);
    await->n++;
}

/* True when it was answered. */
static bool await_try(struct await *await, const struct await_question *question, uint64_t now_ns, await_reply *reply,
                      void *context)
{
    struct await_answer answer = {.message = BUSBAR__AWAIT_APPLIED_REPLY__INIT};
    answer.entry = ring_entry(await->ring, question->version.n);
    if (question->version.epoch > ring_epoch(await->ring) || question->version.n > ring_newest(await->ring)) {
        await_missing(&answer, "configdb has not made this version");
    } else {
        readers_missing(await->readers, question->version.n, answer.entry != NULL ? answer.entry->tables : UINT32_MAX, now_ns,
                        await_missing, &answer);
    }
    bool is_over = now_ns >= question->deadline_ns;
    if (question->deadline_ns == 0) {
        await_missing(&answer, "configdb answers no more such questions at once");
    }
    bool is_answered = answer.message.n_missing == 0 || is_over;
    if (is_answered) {
        Busbar__Version version;
        version_encode(question->version, &version);
        answer.message.version = &version;
        answer.message.reached = answer.message.n_missing == 0;
        readers_errors(await->readers, await_error, &answer);
        reply(context, &question->from, &answer.message);
    }
    for (size_t i = 0; i < answer.message.n_missing; i++) {
        free(answer.message.missing[i]);
    }
    free(answer.message.missing);
    free(answer.message.errors);
    return is_answered;
}

void await_step(struct await *await, uint64_t now_ns, await_reply *reply, void *context)
{
    struct await_question *question, *next;
    DL_FOREACH_SAFE(await->questions, question, next)
    {
        if (await_try(await, question, now_ns, reply, context)) {
            await_remove(await, question);
        }
    }
}

size_t await_count(const struct await *await)
{
    return await->n;
}
