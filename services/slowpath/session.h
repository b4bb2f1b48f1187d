/* One session: this replica's connection to one shard. proto/README.md, "session".
 *
 * Misses come in and answers go out in batches; installed flows are kept right; what a version changed is sent before `reached`.
 */
#ifndef BUSBAR_SLOWPATH_SESSION_H
#define BUSBAR_SLOWPATH_SESSION_H

#include "services/slowpath/core.h"
#include "services/slowpath/flow_index.h"

enum {
    SESSION_MISSES_MAX = 4096,     /* waiting for translation: some 20 ms of work */
    SESSION_OFFERS_MAX = 16384,    /* likewise; more stay in the socket */
    SESSION_MISSES_PER_STEP = 512, /* some 5 ms */
    SESSION_CORRECTIONS_PER_STEP = 1024,
    SESSION_MESSAGES_PER_STEP = 256,
    SESSION_BATCH = 128, /* answers or changes in one message */
    SESSION_BATCH_ITEMS = 16384, /* actions and counters in it, past which it gets no more: a message of 1 MB, of 3 MB at most */
    SESSION_FLOWS_MAX =
        1 << 20, /* in the index; the shard holds far fewer: what it never installed is forgotten with the session */
    SESSION_NAMES_MAX = 1 << 20, /* counter ids named in one session: then it is opened anew, with none */
    SESSION_BEAT_MS = 100,
    SESSION_SILENCE_MS = 500,
    SESSION_RETRY_MS = 100,
    SESSION_HELLO_TIMEOUT_MS = 1000,
};

/* shard: its identity; endpoint: where it binds the session wire. */
struct session *session_new(struct core *core, const struct bus_identity *shard, const char *endpoint);
void session_destroy(struct session **session);
const struct bus_identity *session_shard(const struct session *session);
int session_fd(const struct session *session);
bool session_is_open(const struct session *session);
struct flow_index *session_flows(const struct session *session);
/* Takes in messages. */
void session_receive(struct session *session);
/* Corrections, answers, reached, beat: as much as one step may. True: more waits. */
bool session_work(struct session *session);
/* Commits of these ofagents (lib/msg/authors.h) have been shown; the shard is told with the next `reached`. */
void session_note_authors(struct session *session, uint64_t authors);
/* Does the shard know that `version` is reached? A session that is not open has nothing to correct. */
bool session_has_reached(const struct session *session, struct version version);
/* A translated packet for the shard to execute. 0, -EAGAIN, -ERROR_NOT_CONNECTED. */
int session_send_frame(struct session *session, uint32_t in_port, const struct translation *translation, const void *frame,
                       size_t size) MUST_CHECK;

#endif
