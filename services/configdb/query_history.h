/* What swctl may ask about the past: lists of commits, one of them, differences. Commands of the control wire, for query.c's table. */
#ifndef BUSBAR_CONFIGDB_QUERY_HISTORY_H
#define BUSBAR_CONFIGDB_QUERY_HISTORY_H

#include "lib/msg/control.h"

/* "history [LIMIT]": the newest commits, newest first; each {"version", "n", "epoch", "wall_ns", "user", "client", "process", "note",
 * "n_changes", "changes" (describe_diff(), the first QUERY_HISTORY_CHANGES)}, {"left_s"} while it awaits confirmation; one that cannot be
 * read has {"version", "damaged"} alone. */
void query_history(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
/* "commit VERSION": one of them with all changes. */
void query_commit(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);
/* "diff VERSION [VERSION]": {"from", "to", "changes"}. */
void query_diff(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments);

enum { QUERY_HISTORY_LIMIT = 50, QUERY_HISTORY_CHANGES = 12 /* a line or two for people */ };

#endif
