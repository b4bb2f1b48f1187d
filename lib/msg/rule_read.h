/* A rule out of the bytes of its row, for who has a million of them to read: without a message in between. */
#ifndef BUSBAR_MSG_RULE_READ_H
#define BUSBAR_MSG_RULE_READ_H

#include "lib/model/rule.h"

enum { RULE_READ_ACTIONS = 32 /* both lists together; more are rare, and read the other way */ };

struct rule_read {
    struct rule rule; /* its lists lie in `actions`: no rule_fini() */
    struct action actions[RULE_READ_ACTIONS];
};

/* True: the row is good, and out_read->rule is what msg_rule_decode() would make of it. False: ask that one, which takes all rows and tells what is wrong
 * with those that are refused; `out_read` is then of no meaning. */
bool rule_read(uint64_t id, const uint8_t *bytes, size_t size, struct rule_read *out_read) MUST_CHECK;

#endif
