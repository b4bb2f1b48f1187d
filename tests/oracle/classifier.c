/* Looks at every bit of every rule: the highest priority wins, then the lowest id. */
#include "tests/oracle/classifier.h"

static bool covers(const struct match *match, const struct flow_state *packet)
{
    const uint8_t *value = (const uint8_t *)&match->value;
    const uint8_t *mask = (const uint8_t *)&match->mask;
    const uint8_t *bytes = (const uint8_t *)packet;
    for (size_t i = 0; i < sizeof *packet; i++) {
        if ((bytes[i] & mask[i]) != value[i]) {
            return false;
        }
    }
    return true;
}

const struct classifier_rule *oracle_classify(struct classifier_rule *const *rules, size_t n, const struct flow_state *packet)
{
    const struct classifier_rule *best = NULL;
    for (size_t i = 0; i < n; i++) {
        const struct classifier_rule *rule = rules[i];
        if (!covers(rule->match, packet)) {
            continue;
        }
        if (best == NULL || rule->priority > best->priority || (rule->priority == best->priority && rule->id < best->id)) {
            best = rule;
        }
    }
    return best;
}
