/* The outbox of transactions.
 *
 *   waiting ── in order, OUTBOX_WINDOW at most ──► sent ── reply ──► done(result)
 *                ▲                                  │
 *                └── nothing answered for 500 ms, ──┘   deadline ──► done(-ERROR_NOT_CONNECTED, was never sent; -ERROR_TIMEOUT, was)
 *                    a loss, another configdb
 *
 * A transaction gets its sequence when it is first sent and keeps it, so a repeat is known as one (I8); those never sent leave no hole in the
 * numbers. One given up after sending becomes a blank: it goes on under its number without operations until configdb has answered that
 * number, so that what comes behind it need not wait, and it is not done after its deadline. Numbers start at the time of the first
 * sending, so that a second outbox in one life of a process does not use the first one's again.
 * Callbacks may add transactions. Cost: two copies a sending. Bound: the callers' (ofagent stops reading from controllers while it waits).
 * One thread; time is an argument.
 */
#include "lib/cfg/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/cfg/txn.h"

static const uint64_t REPEAT_NS = 500 * NS_PER_MS;

struct letter {
    struct letter *prev, *next;
    struct cfg_txn *txn;
    uint64_t sequence;                                            /* 0: was never sent */
    uint64_t deadline_ns;
    bool is_sent;                                                 /* since the last rewind */
    void (*done)(void *context, const struct cfg_result *result); /* NULL: a blank, told already */
    void *context;
};

struct outbox {
    struct letter *letters; /* in order: those with a number, then those without */
    uint64_t next_number;   /* 0: none was sent yet */
    uint64_t answered_ns;   /* last reply or rewind: repeats are due from then */
    size_t n_waited_for;    /* letters whose sender was not told yet */
    uint64_t earliest_ns;   /* no deadline is before this */
};

static void finish(struct outbox *outbox, struct letter *letter, const struct cfg_result *result)
{
    DL_DELETE(outbox->letters, letter);
    if (letter->done != NULL) {
        outbox->n_waited_for--;
        letter->done(letter->context, result);
    }
    cfg_txn_destroy(&letter->txn);
    free(letter);
}

static void make_blank(struct outbox *outbox, struct letter *letter)
{
    txn_empty(letter->txn);
    letter->deadline_ns = UINT64_MAX;
    letter->done = NULL;
    outbox->n_waited_for--;
    outbox_rewind(outbox);
}

/* One at a time, because a callback may change the list. */
static bool give_up_one(struct outbox *outbox, uint64_t now_ns)
{
    struct letter *letter;
    uint64_t earliest_ns = UINT64_MAX;
    if (now_ns < outbox->earliest_ns) {
        return false;
    }
    DL_FOREACH(outbox->letters, letter)
    {
        if (now_ns < letter->deadline_ns) {
            earliest_ns = letter->deadline_ns < earliest_ns ? letter->deadline_ns : earliest_ns;
            continue;
        }
        if (letter->sequence == 0) {
            struct cfg_result result = {.error = -ERROR_NOT_CONNECTED, .text = "configdb is not there; nothing was changed"};
            finish(outbox, letter, &result);
        } else {
            struct cfg_result result = {.error = -ERROR_TIMEOUT,
                                        .text = "configdb did not answer in time: it is not known whether the change was made"};
            void (*done)(void *, const struct cfg_result *) = letter->done;
            void *context = letter->context;
            make_blank(outbox, letter);
            done(context, &result);
        }
        return true;
    }
    outbox->earliest_ns = earliest_ns;
    return false;
}

static void refuse(struct outbox *outbox, struct letter *letter, int err)
{
    struct cfg_result result = {.error = err, .text = error_text(err)};
    finish(outbox, letter, &result);
}

/* 0, or why it cannot be sent now. */
static int send_letter(struct outbox *outbox, struct letter *letter, struct bus_socket *socket, uint64_t oldest,
                       uint64_t now_ns)
{
    uint64_t sequence = letter->sequence != 0 ? letter->sequence : outbox->next_number != 0 ? outbox->next_number : now_ns + 1;
    struct writer message;

    writer_init(&message);
    txn_pack(letter->txn, sequence, oldest != 0 ? oldest : sequence, &message);
    int err = bus_send(socket, NULL, MESSAGE_TRANSACT, message.bytes, message.size);
    writer_fini(&message);
    if (err == 0) {
        outbox->next_number = letter->sequence != 0 ? outbox->next_number : sequence + 1;
        letter->sequence = sequence;
        letter->is_sent = true;
    }
    return err;
}

static void send_what_may_go(struct outbox *outbox, struct bus_socket *socket, uint64_t now_ns)
{
    struct letter *letter, *next;
    size_t n_open = 0;
    uint64_t oldest = 0;
    DL_FOREACH_SAFE(outbox->letters, letter, next)
    {
        if (n_open == OUTBOX_WINDOW) {
            return;
        }
        if (oldest != 0 && letter->sequence == 0 && outbox->next_number - oldest >= OUTBOX_WINDOW) {
            return; /* the oldest one waits at configdb, which keeps so many replies */
        }
        int err = letter->is_sent ? 0 : send_letter(outbox, letter, socket, oldest, now_ns);
        if (err == -ERROR_TOO_LARGE) {
            refuse(outbox, letter, err);
            return; /* the callback may have changed the list; the rest goes with the next step */
        }
        if (err < 0) {
            return;
        }
        if (n_open++ == 0) {
            oldest = letter->sequence;
        }
    }
}

struct outbox *outbox_new(void)
{
    return memory_zeroed(sizeof(struct outbox));
}

void outbox_destroy(struct outbox **outbox)
{
    if (*outbox == NULL) {
        return;
    }
    struct letter *letter, *next;
    DL_FOREACH_SAFE((*outbox)->letters, letter, next)
    {
        DL_DELETE((*outbox)->letters, letter);
        cfg_txn_destroy(&letter->txn);
        free(letter);
    }
    free(*outbox);
    *outbox = NULL;
}

void outbox_add(struct outbox *outbox, struct cfg_txn **txn, uint64_t deadline_ns,
                void (*done)(void *context, const struct cfg_result *result), void *context)
{
    struct letter *letter = memory_zeroed(sizeof *letter);
    *letter = (struct letter){.txn = *txn, .deadline_ns = deadline_ns, .done = done, .context = context};
    *txn = NULL;
    outbox->n_waited_for++;
    outbox->earliest_ns = deadline_ns < outbox->earliest_ns ? deadline_ns : outbox->earliest_ns;
    DL_APPEND(outbox->letters, letter);
}

size_t outbox_size(const struct outbox *outbox)
{
    return outbox->n_waited_for;
}

void outbox_step(struct outbox *outbox, struct bus_socket *socket, uint64_t now_ns)
{
    while (give_up_one(outbox, now_ns)) {
    }
    bool waits = outbox->letters != NULL && outbox->letters->is_sent;
    if (!waits) {
        outbox->answered_ns = now_ns;
    } else if (now_ns - outbox->answered_ns >= REPEAT_NS) {
        LOG_LIMITED(LOG_LEVEL_DEBUG, "transaction_repeated sequence=%llu",
                    (unsigned long long)outbox->letters->sequence);
        outbox_rewind(outbox);
        outbox->answered_ns = now_ns;
    }
    send_what_may_go(outbox, socket, now_ns);
}

void outbox_on_reply(struct outbox *outbox, const Busbar__TransactReply *reply, uint64_t now_ns)
{
    struct letter *letter;
    DL_FOREACH(outbox->letters, letter)
    {
        if (letter->sequence != 0 && letter->sequence == reply->sequence) {
            struct cfg_result result = {.error = reply->error < 0 ? reply->error : -reply->error,
                                        .text = reply->text,
                                        .failed_op = reply->failed_op,
                                        .version = version_decode(reply->version),
                                        .ids = reply->ids,
                                        .n_ids = reply->n_ids};
            outbox->answered_ns = now_ns;
            finish(outbox, letter, &result);
            return;
        }
    }
}

void outbox_rewind(struct outbox *outbox)
{
    struct letter *letter;
    DL_FOREACH(outbox->letters, letter)
    {
        letter->is_sent = false;
    }
}
