/* A match: the value and mask of a flow_state, and its text in Open vSwitch's flow syntax, read and written.
 *
 * match_parse() accepts the words of ovs-ofctl(8): protocol words (ip, tcp, arp, icmp6 ...), old and new field names, masks by '/',
 * CIDR, names of ports through the resolver; and refuses a field whose prerequisite is missing, by name (Open vSwitch silently
 * widens such a match). match_format() writes what ovs-ofctl dump-flows writes: protocol word first, fields in its order.
 */
#ifndef BUSBAR_FLOW_MATCH_H
#define BUSBAR_FLOW_MATCH_H

#include "lib/flow/field.h"

struct match {
    struct flow_state value; /* zero where mask is zero (canonical) */
    struct flow_state mask;
};

/* Port names to OpenFlow port numbers and back; either may be NULL (then only numbers and reserved names: LOCAL, CONTROLLER, ...). */
struct match_ports {
    bool (*by_name)(const void *context, const char *name, uint32_t *out_ofport);
    const char *(*by_number)(const void *context, uint32_t ofport);
    const void *context;
};

void match_init(struct match *match); /* matches everything */
/* Sets the field exactly / under a mask, keeping the match canonical. */
void match_set(struct match *match, enum field_id id, struct field_value value);
void match_set_masked(struct match *match, enum field_id id, struct field_value value, struct field_value mask);
bool match_equal(const struct match *a, const struct match *b);
bool match_covers_packet(const struct match *match, const struct flow_state *packet);
/* Every packet of `inner` is one of `outer`: the rule of non-strict modify and delete [OF1.3.5 §6.4]. */
bool match_covers(const struct match *outer, const struct match *inner);
/* Some packet could be in both [OF1.3.5 §6.4, check_overlap]. */
bool match_overlaps(const struct match *a, const struct match *b);
/* Prerequisites of every field present and values canonical; detail names the field. 0, -ERROR_PREREQUISITE, -ERROR_MASK (a partial
 * mask on a field that is matched whole), -ERROR_RANGE (value bits outside the mask). */
int match_check(const struct match *match, struct error_detail *detail) MUST_CHECK;

/* One "name=value[/mask]" or protocol word added to the match (no check of prerequisites: call match_check() at the end).
 * -ERROR_UNKNOWN_NAME when `name` is no field (the caller may know it), -ERROR_SYNTAX, -ERROR_RANGE, -ERROR_MASK, -ERROR_DUPLICATE,
 * -ERROR_NOT_FOUND for a port that does not exist, -ERROR_PREREQUISITE for a field that contradicts the protocol given before it (give
 * protocol words first, as match_parse() does). The match is unchanged on failure. */
int match_parse_field(struct match *match, const char *name, const char *value_or_null, const struct match_ports *ports,
                      struct error_detail *detail) MUST_CHECK;
/* A whole match, comma or space separated; "" is everything. */
int match_parse(const char *text, const struct match_ports *ports, struct match *out_match, struct error_detail *detail) MUST_CHECK;
/* "tcp,in_port=1,nw_dst=10.0.0.0/8,tp_dst=80", "" when it matches everything. Returns a string of the caller's. */
char *match_format(const struct match *match, const struct match_ports *ports);
/* A field's value (and mask unless all ones or NULL) as text, appended the way the field prints; caller's string. */
char *match_format_value(enum field_id id, struct field_value value, const struct field_value *mask, const struct match_ports *ports);
/* Reads "10.0.0.0/8", "0x1/0xff", "+syn-ack", "01:02:..", "LOCAL" for the field. */
int match_parse_value(enum field_id id, const char *text, const struct match_ports *ports, struct field_value *out_value,
                      struct field_value *out_mask, struct error_detail *detail) MUST_CHECK;

#endif
