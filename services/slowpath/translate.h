/* Translation: what becomes of a packet by the rules of its bridge, and why exactly that.
 *
 * A packet's key goes through the tables; out comes a list of datapath actions, the counter ids to credit, the mask of the key's bits that
 * were looked at (I2), and what the decision depends on, so that correct.c can find it again: tables, rewritten fields, MAC lookups, groups.
 */
#ifndef BUSBAR_SLOWPATH_TRANSLATE_H
#define BUSBAR_SLOWPATH_TRANSLATE_H

#include "lib/msg/dp_action.h"
#include "services/slowpath/mac_table.h"
#include "services/slowpath/world.h"

enum {
    TRANSLATE_DEPTH_MAX = 64,       /* nested resubmits and groups: Open vSwitch's limit, so that its rule sets run */
    TRANSLATE_RESUBMITS_MAX = 4096, /* in one translation, likewise, and as there each goto and group counts as one; some 2 ms of work */
    TRANSLATE_WORK_MAX = 1000000,   /* units of 10 ns: far more than rule sets need; a step, which may end with one such, takes 15 ms */
    TRANSLATE_BRIDGES_MAX = 16,     /* that patch ports lead one packet through, beside the first */
    TRANSLATE_COUNTERS_MAX = MSG_COUNTERS_MAX, /* each visit of a rule for itself: one met three times counts a packet three times */
    TRANSLATE_KEPT_MAX = 1024, /* elements of an array that stay for the next translation: hundreds are kept, and few are as long */
};

/* A packet that comes back is as it came, and its key tells more; its recirc_id says what: bit 0 that dp_hash is its hash, bits 1 to 3 how
 * many labels its L3 and L4 members are from behind of, bits 16 to 31 as which Ethernet type that was parsed. */
enum { RECIRC_HASHED = 1, RECIRC_LABELS_SHIFT = 1, RECIRC_TYPE_SHIFT = 16 };

/* A MAC lookup the decision depends on: `port` it answered, 0: not known. */
struct mac_need {
    struct mac_name name;
    uint32_t port;
};

/* The tables of a bridge that a packet was looked up in. */
struct translation_visit {
    uint64_t bridge;
    uint64_t tables[4];
};

struct continuation;
struct translation {
    uint64_t bridge;
    uint32_t in_ofport;        /* where the packet came in, as the bridge's tables see it */
    struct dp_action *actions; /* owned, like the arrays below */
    size_t n_actions, actions_room;
    uint64_t *counters;
    size_t n_counters, counters_room;
    struct mac_need *macs;
    size_t n_macs, macs_room;
    struct flow_key mask;     /* in_port is always whole */
    uint64_t visited[4];      /* tables looked into */
    size_t n_more;
    uint32_t rewritten_words; /* of the key, that an action may have written before some lookup */
    unsigned work;            /* what it cost, in units of some 10 ns; core.h says how they were found */
    bool uses_groups, uses_meters;
    bool is_single;  /* good for this packet only: no flow may be made of it */
    bool is_refused; /* cannot be translated: `reason` */
    bool needs_more; /* it is the way to the same translation of a key that tells more: HASH, or labels in RECIRC */
    struct dp_action again; /* of needs_more: the RECIRC */
    enum drop_reason reason;
    struct translation_visit more[TRANSLATE_BRIDGES_MAX]; /* n_more: tables of the bridges behind patch ports */
};

/* One step of a translation, told to whoever traces it. */
enum translate_step_kind {
    STEP_TABLE,  /* a lookup: `bridge`, `table` and `rule`, NULL when none matched */
    STEP_ACTION, /* of the rule, bucket or action set: `text` */
    STEP_NOTE,   /* what came of it: `text` */
    STEP_END     /* `state` is the packet when all is done */
};
struct translate_step {
    enum translate_step_kind kind;
    unsigned depth;   /* of resubmits and buckets */
    const char *text; /* NULL: has none */
    const struct world_bridge *bridge;
    const struct world_rule *rule;
    const struct flow_state *state;
    uint8_t table;
};
struct translate_trace {
    void (*step)(void *context, const struct translate_step *step);
    void *context;
};

enum translate_learning {
    TRANSLATE_LEARN_NOTHING, /* leave no trace */
    TRANSLATE_LEARN_UNKNOWN, /* a flow says that the source was there: learn it unless it is known */
    TRANSLATE_LEARN          /* a packet was seen just now: learn its source */
};

struct translate_input {
    const struct world *world;
    struct mac_table *macs;
    uint64_t now_ns;
    enum translate_learning learning;
    const struct translate_trace *trace; /* NULL: none */
};

/* Zeroed memory is an empty translation too. */
void translation_fini(struct translation *translation);
/* Both put the result into `translation`, whose arrays they reuse. The key is a packet's as the shard parsed it. */
void translate_key(const struct translate_input *input, const struct flow_key *key, struct translation *translation);
/* The key with which a packet comes back whose translation needs_more. frame: the packet's, NULL when there is none: nothing is behind labels then. */
struct flow_key translate_again(const struct translation *translation, const struct flow_key *key, const uint8_t *frame, size_t size);
/* A controller's packet: `in_ofport` is an OpenFlow port number or reserved; key.in_port is not read. No flow is made of it. When it
 * needs_more, the caller asks again with translate_again(). left: what is to be done behind the actions, NULL: nothing. */
void translate_packet_out(const struct translate_input *input, uint64_t bridge, uint32_t in_ofport,
                          const struct action_list *actions, const struct continuation *left, const struct flow_key *key,
                          struct translation *translation);

#endif
