/* Datapath actions and keys ↔ protobuf. Decoding checks everything: the bytes come from another process. */
#ifndef BUSBAR_MSG_DP_ACTION_H
#define BUSBAR_MSG_DP_ACTION_H

#include "lib/dp/action.h"
#include "proto/common.pb-c.h"

enum {
    MSG_KEY_LAYOUT = 1, /* counts changes of struct flow_key */
    MSG_COUNTERS_MAX = 16384, /* counter numbers of one program: each of 4,096 resubmits meets a table and a rule, and groups have buckets */
    MSG_LIKE_MAX = 128, /* only the first so many answers of a batch can be referred to: the receiver remembers their programs */
};

/* Into a new array of messages of the caller's (free with dp_actions_message_free). */
Busbar__DpAction **dp_actions_encode(const struct dp_action *actions, size_t n_actions);
void dp_actions_message_free(Busbar__DpAction **messages, size_t n_actions);
/* Into `out_actions` with room for DP_ACTIONS_MAX; returns 0 and the count, -ERROR_TOO_LARGE, -ERROR_RANGE, with dp_actions_check() done. */
int dp_actions_decode(Busbar__DpAction *const *messages, size_t n_messages, struct dp_action *out_actions, size_t *out_n,
                      struct error_detail *detail) MUST_CHECK;
/* Exactly sizeof(struct flow_key) bytes. */
int key_decode(const ProtobufCBinaryData *bytes, struct flow_key *out_key) MUST_CHECK;
ProtobufCBinaryData key_encode(const struct flow_key *key); /* lends the key's memory */
/* n keys, one behind the other; lends their memory. */
ProtobufCBinaryData keys_encode(const struct flow_key *keys, size_t n);
/* Number i of exactly n keys. */
int keys_decode(const ProtobufCBinaryData *bytes, size_t n, size_t i, struct flow_key *out_key) MUST_CHECK;

#endif
