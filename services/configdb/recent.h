/* What writers were answered lately, so that a repeated transaction is answered and not done twice.
 *
 * Kept in memory and, for those that were done, inside the same commit as what they did. One thread.
 */
#ifndef BUSBAR_CONFIGDB_RECENT_H
#define BUSBAR_CONFIGDB_RECENT_H

#include "services/configdb/rows.h"

enum {
    RECENT_WRITERS_MAX = 256 /* lives of writers, the one idle longest goes first: every service, and swctl calls of a minute */
};

enum recent_verdict {
    RECENT_DO,     /* the next one: carry it out */
    RECENT_REPEAT, /* done before: here is the reply */
    RECENT_LATE,   /* done before, and its reply is not kept any longer */
    RECENT_GAP,    /* an earlier one is missing, or its reply is on the way: drop it, it will be repeated */
};

struct recent;
/* Reads what the environments remember; needs a read open on the rows. */
int recent_new(struct rows *rows, struct recent **out_recent) MUST_CHECK;
void recent_destroy(struct recent **recent);

/* sequence, oldest: of the transaction. *out_reply (lent, packed TransactReply) for RECENT_REPEAT. RECENT_DO counts it as done. */
enum recent_verdict recent_ask(struct recent *recent, uint64_t start, uint64_t sequence, uint64_t oldest,
                               struct store_bytes *out_reply);
/* Keeps the reply inside the open commit of `env`, beside what it answers. */
int recent_store(struct recent *recent, struct rows *rows, enum rows_env env, uint64_t start, uint64_t sequence,
                 const void *reply, size_t size) MUST_CHECK;
/* Keeps the reply in memory: what the writer was really told, refusals too. */
void recent_note(struct recent *recent, uint64_t start, uint64_t sequence, const void *reply, size_t size);
size_t recent_count(const struct recent *recent);

#endif
