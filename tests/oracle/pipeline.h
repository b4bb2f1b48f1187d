/* The naive twin of the slowpath's translation: what comes out of which port, by walking lists of rules and carrying the packet out on a key.
 *
 * It knows no masks, no datapath actions and no caches. Two lists of events are compared: what the rules say (oracle_pipeline), and what
 * the translation's datapath actions do to the same key (oracle_execute).
 */
#ifndef BUSBAR_TESTS_ORACLE_PIPELINE_H
#define BUSBAR_TESTS_ORACLE_PIPELINE_H

#include "services/slowpath/translate.h"

enum { ORACLE_EVENTS_MAX = 4096, ORACLE_TAGS_MAX = 16, ORACLE_LABELS_MAX = 16, ORACLE_STEPS_MAX = 5000 };

struct oracle_event {
    uint32_t port; /* switch-wide id; 0: the controller */
    struct flow_key key;
    uint16_t tags[ORACLE_TAGS_MAX]; /* TCIs from the outermost on */
    size_t n_tags;
    uint32_t labels[ORACLE_LABELS_MAX]; /* MPLS, from the outermost on */
    size_t n_labels;
    uint32_t max_len; /* bytes that leave at most; 0: all */
};

struct oracle_events {
    struct oracle_event events[ORACLE_EVENTS_MAX];
    size_t n;
    bool is_too_deep; /* the rules nest without end */
};

/* Which bucket a select group takes is not said by the standard, but that it is one of the living, and with a weight. The naive twin takes the
 * one it is told for each select group that the packet comes to, and says how many there were to take. */
enum { ORACLE_CHOICES_MAX = 6 };
struct oracle_choices {
    unsigned taken[ORACLE_CHOICES_MAX], n_of[ORACLE_CHOICES_MAX];
    size_t n;
};
void oracle_pipeline_choosing(const struct world *world, const struct mac_table *macs, const struct flow_key *key,
                              struct oracle_choices *choices, struct oracle_events *out);
/* The first of the next choices that may come out otherwise; false when all have been tried. */
bool oracle_choose_next(struct oracle_choices *choices);
/* With the first living bucket of each select group. */
void oracle_pipeline(const struct world *world, const struct mac_table *macs, const struct flow_key *key,
                     struct oracle_events *out);
void oracle_execute(const struct dp_action *actions, size_t n_actions, const struct flow_key *key, struct oracle_events *out);

#endif
