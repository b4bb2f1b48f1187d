/* Actions of OpenFlow 1.0 [OF1.0 5.2.4]. Private to this folder. */
#ifndef BUSBAR_OPENFLOW_OF_ACTIONS10_H
#define BUSBAR_OPENFLOW_OF_ACTIONS10_H

#include "lib/base/bytes.h"
#include "lib/model/rule.h"
#include "lib/openflow/of_error.h"

/* The body of one action behind type and length, to its end. Errors BAD_ACTION/... */
int of_actions10_decode(struct reader *body, uint16_t number, struct action_list *list, struct of_error *error) MUST_CHECK;
/* Writes what begins at items[i] as an action of 1.0, and returns how many items it says; 0: 1.0 has none for it. */
size_t of_actions10_encode(struct writer *w, const struct action_list *list, size_t i);
/* Bit n: action n, of all that 1.0 has. */
uint32_t of_actions10_supported(void);
/* Of the pair that a transport port of unknown protocol is read as, takes out what the match rules out. */
void of_actions10_narrow(struct action_list *list, const struct match *match);

#endif
