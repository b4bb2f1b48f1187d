/* "Tell me when everybody has applied this version."
 *
 * configdb answers each question once, at the latest at its time-out. The answer names only the version, so it belongs to the oldest
 * question about that version; those asked twice after a loss may be answered twice, and the second answer finds nobody. One second
 * behind the time-out the asker is told that configdb is away (NULL).
 * A handful at once (swctl has one). One thread; time is an argument, and a question's time runs from its first step.
 */
#include "lib/cfg/questions.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/msg/msg.h"

struct question {
    struct question *prev, *next;
    struct version version;
    uint32_t timeout_ms;
    uint64_t asked_ns; /* 0: not seen by a step yet */
    bool is_sent;
    void (*done)(void *context, const Busbar__AwaitAppliedReply *reply);
    void *context;
};

struct questions {
    struct question *list;
};

static void finish(struct questions *questions, struct question *question, const Busbar__AwaitAppliedReply *reply)
{
    DL_DELETE(questions->list, question);
    question->done(question->context, reply);
    free(question);
}

static uint64_t elapsed_ms(const struct question *question, uint64_t now_ns)
{
    return (now_ns - question->asked_ns) / NS_PER_MS;
}

static bool give_up_one(struct questions *questions, uint64_t now_ns)
{
    struct question *question;
    DL_FOREACH(questions->list, question)
    {
        question->asked_ns = question->asked_ns != 0 ? question->asked_ns : now_ns;
        if (elapsed_ms(question, now_ns) >= (uint64_t)question->timeout_ms + 1000) {
            finish(questions, question, NULL);
            return true;
        }
    }
    return false;
}

struct questions *questions_new(void)
{
    return memory_zeroed(sizeof(struct questions));
}

void questions_destroy(struct questions **questions)
{
    if (*questions == NULL) {
        return;
    }
    struct question *question, *next;
    DL_FOREACH_SAFE((*questions)->list, question, next)
    {
        free(question);
    }
    free(*questions);
    *questions = NULL;
}

void questions_ask(struct questions *questions, struct version version, uint32_t timeout_ms,
                   void (*done)(void *context, const Busbar__AwaitAppliedReply *reply), void *context)
{
    struct question *question = memory_zeroed(sizeof *question);
    *question = (struct question){.version = version, .timeout_ms = timeout_ms, .done = done, .context = context};
    DL_APPEND(questions->list, question);
}

void questions_step(struct questions *questions, struct bus_socket *socket, uint64_t now_ns)
{
    while (give_up_one(questions, now_ns)) {
    }
    struct question *question;
    DL_FOREACH(questions->list, question)
    {
        if (question->is_sent) {
            continue;
        }
        Busbar__Version version;
        version_encode(question->version, &version);
        uint64_t elapsed = elapsed_ms(question, now_ns);
        Busbar__AwaitApplied message = BUSBAR__AWAIT_APPLIED__INIT;
        message.version = &version;
        message.timeout_ms = elapsed < question->timeout_ms ? question->timeout_ms - (uint32_t)elapsed : 0;
        question->is_sent = msg_send(socket, NULL, MESSAGE_AWAIT_APPLIED, &message.base) == 0;
    }
}

void questions_on_reply(struct questions *questions, const Busbar__AwaitAppliedReply *reply)
{
    struct version version = version_decode(reply->version);
    struct question *question;
    DL_FOREACH(questions->list, question)
    {
        if (question->is_sent && question->version.n == version.n) {
            finish(questions, question, reply);
            return;
        }
    }
}

void questions_repeat_all(struct questions *questions)
{
    struct question *question;
    DL_FOREACH(questions->list, question)
    {
        question->is_sent = false;
    }
}
