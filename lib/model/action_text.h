/* Between the parsers of rules and of actions: what action.h offers, with the match that some old words need.
 *
 * mod_tp_dst sets the port of the match's protocol, and mod_vlan_vid adds a tag only where the match does not tell that there is one.
 */
#ifndef BUSBAR_MODEL_ACTION_TEXT_H
#define BUSBAR_MODEL_ACTION_TEXT_H

#include "lib/model/action.h"

int action_text_parse_instructions(const char *text, const struct match_ports *ports, const struct match *match,
                                   struct instructions *out_in, struct error_detail *detail) MUST_CHECK;
/* A port by number, reserved name, or name of the resolver; 16-bit forms of reserved numbers are taken too. */
int action_text_parse_port(const char *text, const struct match_ports *ports, uint32_t *out_port,
                           struct error_detail *detail) MUST_CHECK;

#endif
