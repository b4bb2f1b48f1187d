/* Do the actions make sense for the packets of a match, and refer to things that can exist?
 *
 * Only what can be told without the switch's state: existence of groups, meters and ports is the caller's business. Each fault has
 * its OpenFlow error; lib/openflow maps them, people get the text.
 */
#ifndef BUSBAR_MODEL_ACTION_CHECK_H
#define BUSBAR_MODEL_ACTION_CHECK_H

#include "lib/model/action.h"

enum action_fault {
    ACTION_FAULT_NONE,
    ACTION_FAULT_TYPE,         /* not allowed in an action set */
    ACTION_FAULT_INCONSISTENT, /* the packets of this match need not have the header */
    ACTION_FAULT_SET_ARGUMENT, /* field not settable, or a value it cannot have */
    ACTION_FAULT_ARGUMENT,
    ACTION_FAULT_OUT_PORT,
    ACTION_FAULT_OUT_GROUP,
    ACTION_FAULT_TAG,   /* more VLAN tags than two */
    ACTION_FAULT_TABLE, /* goto_table back, or to a table that is not there */
    ACTION_FAULT_METER,
    ACTION_FAULT_CONJUNCTION /* a clause that is none, or beside other actions */
};

/* The list, as it would be executed on packets of `match` (NULL: headers are not checked, as for buckets of groups);
 * is_set: it is to be merged into the action set, in whose order it is checked. */
enum action_fault action_list_check(const struct action_list *list, const struct match *match, bool is_set,
                                    struct error_detail *detail);
/* n_tables: goto_table beyond it is a fault; 0: any. */
enum action_fault instructions_check(const struct instructions *in, const struct match *match, uint8_t table, uint8_t n_tables,
                                     struct error_detail *detail);

#endif
