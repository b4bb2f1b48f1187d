/* One translation under way: the state that its parts share. Private to translate.c, pipeline.c, perform.c,
 * mpls.c, extension.c, output.c, patch.c, pause.c, group.c, normal.c.
 *
 *     translate.c   begins and ends       pipeline.c   tables and instructions       perform.c   actions and the action set
 *     output.c      ports and emission    group.c      buckets                       normal.c    the learning switch
 *     mpls.c        labels                extension.c  Open vSwitch's own actions    patch.c      other bridges
 *     pause.c       packets that wait for their controller
 */
#ifndef BUSBAR_SLOWPATH_WALK_H
#define BUSBAR_SLOWPATH_WALK_H

#include "lib/msg/continuation.h"
#include "services/slowpath/translate.h"

#define OFPORT_UNSET 0xfffffff7u /* actset_output while the action set has no output */

enum {
    WALK_HIDDEN_TAGS_MAX = 4, /* tags that pushes hide from the key; a fifth push is refused */
    WALK_SET_FIELDS_MAX = 32, /* different fields an action set writes */
    WALK_STACK_MAX = 64,      /* values on the stack of push and pop; rules that keep more are wrong */
};

/* The action set [OF1.3.5 §5.10]: one of each type, of set-fields one for each field, executed in the order of the types. */
struct action_set {
    bool has[ACTION_OUTPUT + 1];
    bool resubmits; /* a bucket's: when nothing is output, it goes on in a table */
    size_t n_fields;
    struct action one[ACTION_OUTPUT + 1]; /* those that it has are filled */
    struct action fields[WALK_SET_FIELDS_MAX];
    struct action resubmit;
};

/* What is behind so many labels of the packet as it came, taken for this Ethernet type. */
struct uncover {
    uint16_t type;
    uint8_t n_labels;
};

/* A controller's action that has been met and waits for what is left: pause.c. */
struct pause {
    const struct action *action; /* NULL: none */
    const struct world_rule *rule;
    uint64_t cookie;
    uint8_t table;
    struct continuation *left; /* owned */
};

struct walk {
    const struct translate_input *input;
    struct translation *out;
    const struct world_bridge *bridge;
    uint64_t *visited;                /* tables of that bridge */
    const struct world_port *in_port; /* where the packet came in; NULL: nowhere (packet-out) */
    struct flow_state state;          /* the packet as the next lookup sees it; in_port is an OpenFlow port number */
    struct flow_state looked;         /* bits of the packet as it came that decided something */
    struct flow_state written;        /* bits of `state` that follow from constants and bits in `looked` */
    struct flow_state unseen;         /* bits of `state` that cannot be known: mpls.c; within `written`, zero in `state` */
    const struct world_rule *rule; /* whose actions are performed, NULL: none's */
    uint64_t cookie;               /* of what is performed when it is no rule's, but what was left of one */
    uint8_t table;
    struct pause pause;
    unsigned depth, base_depth; /* of nesting; of the run through this bridge's tables */
    unsigned n_resubmits;
    unsigned n_watched;        /* buckets of watched groups looked at, at most TRANSLATE_RESUBMITS_MAX */
    unsigned n_ttl_decrements; /* of the TTL as it came */
    bool is_ttl_set;           /* the TTL is a constant now */
    bool is_label_ttl_copied;  /* a label's TTL may be that of the IP header, which was not looked at */
    struct {
        bool is_ip;
        uint8_t ttl; /* of that header, as it is now */
    } covered; /* what the first label pushed here stands in front of */
    struct {
        bool is_due;
        uint8_t ttl;
    } copied_in; /* from the bottom label to the IP header behind it, which is written when the label is off */
    struct {
        struct flow_key key, written, unseen;
        bool is_set;
    } beneath;              /* what it was before, for the pop of that label */
    struct uncover inner;   /* what `came` shows from behind labels; no labels: nothing */
    struct uncover missing; /* what would show what is unseen; no labels: nothing would */
    unsigned n_labels_on, n_labels_off; /* pushed here and still there; popped of those the packet came with */
    struct flow_key came;
    bool is_packet_out;
    bool is_resumed; /* what is left of a packet that waited: not told of as a packet-out is */
    enum packet_in_reason told; /* why what is output to the controller goes there: ACTION, ACTION_SET or GROUP, unless it is a packet-out */
    bool has_hash; /* the packet's datapath hash is known: `hash` */
    uint32_t hash;
    bool has_crossed; /* a patch port, so in_port is not the packet's */
    bool has_exited;         /* no further action is done but those of the action set */
    bool is_over;            /* nothing more happens to the packet */
    enum drop_reason reason; /* why nothing came out, should nothing come out */
    struct {
        struct be16 tci, tpid;
    } hidden_tags[WALK_HIDDEN_TAGS_MAX];
    size_t n_hidden_tags;
    uint32_t truncate_to; /* bytes, of the output under way; 0: all */
    size_t n_stack;
    struct action_set set; /* from here on, what is not filled is neither cleared nor copied: it is most of the memory */
    struct field_value stack[WALK_STACK_MAX];
};

/* ---- what was looked at ---- */

/* These bits of the state decide something. One that is unseen makes the translation void. */
void walk_look(struct walk *walk, const struct flow_state *mask);
void walk_look_field(struct walk *walk, enum field_id field);
/* What nothing has been seen of is looked at: a later translation shows it, if one can; void. */
void walk_look_unseen(struct walk *walk);
/* These bits of the state become known without looking. */
void walk_written(struct walk *walk, enum field_id field, struct field_value mask);
/* Which of 2^n_bits the packet's datapath hash says, of its bits from `shift` on: known, or the translation begins again when it is (see
 * translate.c), and false. */
bool walk_hash_bits(struct walk *walk, unsigned shift, unsigned n_bits, uint32_t *out_bits) MUST_CHECK;
void walk_look_vlans(struct walk *walk);
/* Does the packet have the field's protocol? Looks at what tells. */
bool walk_has_field(struct walk *walk, enum field_id field);

/* ---- what comes out ---- */

void walk_emit(struct walk *walk, const struct dp_action *action);
void walk_count(struct walk *walk, uint64_t counter);
void walk_need_mac(struct walk *walk, const struct mac_name *name, uint32_t port);
/* What happens between these two happens to a copy: the packet is afterwards as it was. */
struct walk_copy {
    size_t begun;
    struct walk before;
};
void walk_begin_copy(struct walk *walk, struct walk_copy *copy);
void walk_end_copy(struct walk *walk, const struct walk_copy *copy);
/* The whole translation is void: the packet is dropped for this reason. */
/* Refused, or begun again elsewhere: what is still to be done does not matter. */
static inline bool walk_is_void(const struct walk *walk)
{
    return walk->out->is_refused || walk->out->needs_more;
}
void walk_refuse(struct walk *walk, enum drop_reason reason);
/* For who traces the translation: what came of a step; a lookup, NULL: no rule matched; an action about to be performed; one by its text. */
void walk_trace(const struct walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);
void walk_trace_table(const struct walk *walk, uint8_t table, const struct world_rule *rule);
void walk_trace_action(const struct walk *walk, const struct action *action);
void walk_trace_text(const struct walk *walk, const char *format, ...) PRINTF_LIKE(2, 3);

/* ---- the parts ---- */

/* As a packet that has just come in by walk->in_port: its configuration, what fails open, the tables, the action set. */
void walk_enter(struct walk *walk);
void patch_output(struct walk *walk, const struct world_port *port);
/* From a table to the end, without the action set. in_port: what the first lookup takes it to be, PORT_IN_PORT: as it is. tells_miss: no rule in the
 * first table is a miss that controllers of OpenFlow 1.0 hear of, as it is in those that a goto leads to; not for a resubmit.
 * Returns the rule that it met first, NULL: none. */
const struct world_rule *pipeline_run(struct walk *walk, uint8_t table, uint32_t in_port, bool tells_miss);
/* What a rule does, from its list of actions on. True: it goes on, with the table that it names. */
bool pipeline_carry_out(struct walk *walk, const struct instructions *in, uint8_t table);
void perform_list(struct walk *walk, const struct action_list *list);
void perform_meter(struct walk *walk, uint32_t meter_id); /* none of that number: nothing is done */
/* The packet goes to the controller and nothing more happens to it here; what is left is gathered while the walk unwinds, and goes with it when the
 * walk, or the copy, ends. */
void pause_begin(struct walk *walk, const struct action *action);
static inline bool pause_is_on(const struct walk *walk)
{
    return walk->pause.action != NULL;
}
void pause_keep_items(struct walk *walk, const struct action *items, size_t n);
/* Of the rule whose actions have just been kept: all but those. */
void pause_keep_rest(struct walk *walk, const struct instructions *in);
/* A packet-out's tables end here: their action set is performed then. */
void pause_keep_set(struct walk *walk);
void pause_end(struct walk *walk);
/* Does what was left; the action set of it becomes the walk's. */
void pause_resume(struct walk *walk, const struct continuation *left);
void extension_perform(struct walk *walk, const struct action *action);
/* n actions, with what belongs to them. */
void perform_items(struct walk *walk, const struct action *items, size_t n);
void perform_push_vlan(struct walk *walk, uint16_t tpid, uint16_t tci);
void perform_pop_vlan(struct walk *walk);
void perform_set_field(struct walk *walk, enum field_id field, struct field_value value, struct field_value mask);
void perform_ttl_expired(struct walk *walk);
void mpls_cover(struct walk *walk); /* the packet comes back with what is behind its labels; until they are off nobody sees that */
void mpls_push(struct walk *walk, uint16_t ethertype);
void mpls_pop(struct walk *walk, uint16_t ethertype);
void mpls_dec_ttl(struct walk *walk);
void mpls_copy_ttl_out(struct walk *walk);
void mpls_copy_ttl_in(struct walk *walk);
void action_set_clear(struct action_set *set);
void action_set_copy(struct action_set *to, const struct action_set *from);
void action_set_write(struct walk *walk, struct action_set *set, const struct action_list *list);
void action_set_perform(struct walk *walk, const struct action_set *set, enum packet_in_reason told);
void output_perform(struct walk *walk, uint32_t ofport, uint16_t max_len);
void output_truncated(struct walk *walk, uint32_t ofport, uint32_t max_len);
void output_to(struct walk *walk, const struct world_port *port); /* unless its configuration forbids it */
void output_to_controller(struct walk *walk, uint16_t max_len, enum packet_in_reason reason);
/* An action of type CONTROLLER, with its items of user data behind it. */
void output_controller_perform(struct walk *walk, const struct action *action);
/* One that pauses, when all that is left is known. */
void output_controller_paused(struct walk *walk, const struct action *action);
void group_perform(struct walk *walk, uint32_t group_id);
void normal_perform(struct walk *walk);

#endif
