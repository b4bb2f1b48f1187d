/* Actions and instructions between the model and bytes [OF1.3.5 A.2.4, A.2.5]. */
#ifndef BUSBAR_OPENFLOW_OF_ACTIONS_H
#define BUSBAR_OPENFLOW_OF_ACTIONS_H

#include "lib/base/bytes.h"
#include "lib/model/rule.h"
#include "lib/openflow/of_error.h"

/* Reads actions to the end of `r`. Errors BAD_ACTION/... ; on failure *out holds what was read and is the caller's to finish. */
int of_actions_decode(struct reader *r, uint8_t version, struct action_list *out, struct of_error *error) MUST_CHECK;
void of_actions_encode(struct writer *w, uint8_t version, const struct action_list *list);
/* The same for the actions inside a clone: appends to `list`, writes items [first, end). */
struct of_actions_at {
    uint8_t version;
    unsigned depth; /* of clones around */
};
int of_actions_decode_more(struct reader *r, struct of_actions_at at, struct action_list *list, struct of_error *error) MUST_CHECK;
void of_actions_encode_items(struct writer *w, uint8_t version, const struct action_list *list, size_t first, size_t end);
/* Checks that the actions fit the match (lib/model/action_check.h), as an OpenFlow error. */
int of_actions_check(const struct action_list *list, uint8_t version, const struct match *match, struct of_error *error) MUST_CHECK;
/* Bit n: actions of type n (OFPAT_*) are understood. */
uint32_t of_actions_supported(void);

int of_instructions_decode(struct reader *r, uint8_t version, struct instructions *out, struct of_error *error) MUST_CHECK;
void of_instructions_encode(struct writer *w, uint8_t version, const struct instructions *in);
int of_instructions_check(const struct instructions *in, uint8_t version, const struct match *match, uint8_t table, uint8_t n_tables,
                          struct of_error *error) MUST_CHECK;

#endif
