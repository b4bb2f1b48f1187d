/* The flows one session has installed in its shard, and for each what its decision depends on.
 *
 * Kept so that a change finds the flows it concerns: by visited table and overlap with the changed match, by MAC lookup, by bridge. A flow
 * that may be wrong is marked; marked flows wait in order of the version that made them wrong, so that `reached` can follow them.
 */
#ifndef BUSBAR_SLOWPATH_FLOW_INDEX_H
#define BUSBAR_SLOWPATH_FLOW_INDEX_H

#include "services/slowpath/translate.h"

struct flow_mac_link; /* of flow_index.c */

enum { FLOW_INDEX_FEW_WORDS = 10 /* an action and five counters */ };

struct flow {
    struct flow_id id;
    struct flow_key key; /* of one packet it covers */
    struct flow_key mask;
    uint64_t bridge;
    uint32_t in_ofport;
    uint64_t visited[4];
    struct translation_visit *more; /* owned: bridges behind patch ports */
    size_t n_more;
    uint32_t rewritten_words;
    bool uses_groups, uses_meters;
    bool is_unsure;  /* what the shard holds may differ from `actions` and `counters` */
    bool is_removal; /* to be removed without translation */
    bool is_marked;
    uint64_t marked_n; /* of the version that made it wrong; 0: an event without version */
    uint64_t answer;   /* the session's number of the answer that installed it last */
    struct dp_action *actions; /* owned; or in `few` */
    size_t n_actions;
    uint64_t *counters; /* behind the actions, in their memory */
    size_t n_counters;
    /* private */
    struct flow_mac_link *macs;
    size_t n_macs;
    struct flow *prev, *next;
    uint64_t few[FLOW_INDEX_FEW_WORDS]; /* actions and counters, where they are few */
};

struct flow_index;
struct flow_index *flow_index_new(void);
void flow_index_destroy(struct flow_index **index);
size_t flow_index_count(const struct flow_index *index);
/* Is there memory to remember a flow like this? Always, when its actions and counters are few. The caller makes no flow otherwise. */
bool flow_index_has_room(const struct flow_index *index, const struct translation *translation);
/* Installs or replaces: what is known of the flow is now this translation. Returns it; out_is_new: it was not there. A marked flow stays
 * marked as of the same version, and its correction will be sent whatever it says: the shard may ignore an answer. */
struct flow *flow_index_put(struct flow_index *index, const struct flow_key *key, const struct flow_key *mask,
                            const struct translation *translation, bool *out_is_new);
/* The same flow decides like this now. Takes it off the marked ones. */
void flow_index_update(struct flow_index *index, struct flow *flow, const struct translation *translation);
void flow_index_remove(struct flow_index *index, struct flow *flow);
struct flow *flow_index_find(const struct flow_index *index, struct flow_id id);

/* Marks the flows that the changes concern, as of version n; more than FLOW_INDEX_CORRECTIONS_MAX at once are marked for removal. */
enum {
    FLOW_INDEX_CORRECTIONS_MAX = 50000, /* beyond, misses are cheaper: they are only of flows still in use */
    FLOW_INDEX_BYTES_MAX = 256 << 20,   /* of actions and counters that are more than a few; the largest flow has half a MB of them */
    FLOW_INDEX_COMPARES_MAX = 4000000,  /* of flow and match, in one marking: some 40 ms; beyond, visited tables alone decide */
};
void flow_index_mark_changes(struct flow_index *index, const struct change *changes, size_t n_changes, uint64_t n);
void flow_index_mark_mac(struct flow_index *index, const struct mac_name *name);
void flow_index_mark(struct flow_index *index, struct flow *flow, uint64_t n);
/* The first marked flow: of those with versions first, oldest version first. NULL: none. Then those marked after `flow`. */
struct flow *flow_index_marked(const struct flow_index *index);
struct flow *flow_index_marked_after(const struct flow_index *index, const struct flow *flow);
size_t flow_index_count_marked(const struct flow_index *index);

#endif
