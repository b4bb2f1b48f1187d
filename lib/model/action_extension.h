/* The words of Open vSwitch's own actions whose values are more than a number: output with truncation or to a register, note, push, pop,
 * conjunction, user data. Private to action_parse.c and action_format.c.
 */
#ifndef BUSBAR_MODEL_ACTION_EXTENSION_H
#define BUSBAR_MODEL_ACTION_EXTENSION_H

#include <stdio.h>

#include "lib/model/action.h"
#include "lib/model/word.h"

/* "output(port=1,max_len=64)" and "output:NXM_NX_REG0[0..15]". */
int action_extension_parse_trunc(const struct word *word, const struct match_ports *ports, struct action_list *list,
                                 struct error_detail *detail) MUST_CHECK;
int action_extension_parse_output_reg(const struct word *word, struct action_list *list, struct error_detail *detail) MUST_CHECK;
/* "note:01.02.03": zeroes are added until the action fills its eight bytes on the wire. */
int action_extension_parse_note(const struct word *word, struct action_list *list, struct error_detail *detail) MUST_CHECK;
/* "push:NXM_NX_REG0[]", "pop:...": `type` says which. */
int action_extension_parse_part(const struct word *word, enum action_type type, struct action_list *list,
                                struct error_detail *detail) MUST_CHECK;
/* "conjunction(ID,K/N)". */
int action_extension_parse_conjunction(const struct word *word, struct action_list *list, struct error_detail *detail) MUST_CHECK;
/* "01.02.03" or "010203" as bytes: the caller's, by free(). */
int action_extension_parse_bytes(const char *name, const char *text, uint8_t **out_bytes, size_t *out_n,
                                 struct error_detail *detail) MUST_CHECK;

/* Writes an action of these, but for CLONE, with what stands behind it. */
void action_extension_format(FILE *stream, const struct action_list *list, size_t i, const struct match_ports *ports);
/* The bytes behind items[i], "01.02.03". */
void action_extension_format_bytes(FILE *stream, const struct action_list *list, size_t i);

#endif
