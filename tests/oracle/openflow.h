/* Random OpenFlow messages that are right in every way, and their comparison member by member. */
#ifndef BUSBAR_TESTS_ORACLE_OPENFLOW_H
#define BUSBAR_TESTS_ORACLE_OPENFLOW_H

#include "lib/base/random.h"
#include "lib/openflow/of_multipart.h"

/* A match as any of lib/flow's generator; actions and instructions that fit it. */
struct action_list openflow_random_actions(struct random *random, const struct match *match, bool is_set);
struct instructions openflow_random_instructions(struct random *random, const struct match *match, uint8_t table);
void openflow_random_rule(struct random *random, struct rule *out);
void openflow_random_group(struct random *random, struct group *out);
void openflow_random_meter(struct random *random, struct meter *out);
/* A message of this type with a random body; `data` lends it bytes where it needs some. of_message_fini(). */
enum { OPENFLOW_RANDOM_DATA = 64 };
void openflow_random_message(struct random *random, enum of_type type, uint8_t data[OPENFLOW_RANDOM_DATA],
                             struct of_message *out);
/* The same in another version, for which openflow_can_say() the type. In 1.0 it says more than its bytes can. */
bool openflow_can_say(uint8_t version, enum of_type type);
void openflow_random_message_in(struct random *random, uint8_t version, enum of_type type, uint8_t data[OPENFLOW_RANDOM_DATA],
                                struct of_message *out);
bool openflow_messages_equal(const struct of_message *a, const struct of_message *b);
bool openflow_groups_equal(const struct group *a, const struct group *b);
bool openflow_meters_equal(const struct meter *a, const struct meter *b);

#endif
