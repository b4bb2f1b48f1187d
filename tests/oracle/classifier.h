/* The naive twin of services/slowpath/classifier.c: an array, looked through from end to end. Too simple to be wrong. */
#ifndef BUSBAR_TESTS_ORACLE_CLASSIFIER_H
#define BUSBAR_TESTS_ORACLE_CLASSIFIER_H

#include "services/slowpath/classifier.h"

/* The rule of the packet among `n` rules, or NULL. */
const struct classifier_rule *oracle_classify(struct classifier_rule *const *rules, size_t n, const struct flow_state *packet);

#endif
