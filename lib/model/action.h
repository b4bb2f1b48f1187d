/* Actions and instructions as a controller means them, without the bytes of any OpenFlow version.
 *
 * An action is a value; an action_list owns its array. What does not fit a value stands behind it in the list: CLONE is followed by the
 * n_inner items done to the copy, NOTE and CONTROLLER by their bytes, in items of type DATA.
 * Instructions are the standard's [OF1.3.5 §5.9], executed in the order meter,
 * apply, clear, write, write-metadata, goto.
 */
#ifndef BUSBAR_MODEL_ACTION_H
#define BUSBAR_MODEL_ACTION_H

#include "lib/flow/match.h"

enum action_type {
#define ACTION(name, member) ACTION_##name,
#include "lib/model/actions.def"
#undef ACTION
    ACTION_TYPE_COUNT
};

/* Reserved port numbers, 32-bit form [OF1.3.5 A.2.1]; ports of a bridge are 1 .. 0xfeff. */
enum port_number {
    PORT_MAX = 0xfeff,
};
#define PORT_IN_PORT 0xfffffff8u
#define PORT_TABLE 0xfffffff9u
#define PORT_NORMAL 0xfffffffau
#define PORT_FLOOD 0xfffffffbu
#define PORT_ALL 0xfffffffcu
#define PORT_CONTROLLER 0xfffffffdu
#define PORT_LOCAL 0xfffffffeu
#define PORT_ANY 0xffffffffu

enum {
    ACTION_DATA_SIZE = 32,      /* bytes an item of type DATA holds */
    ACTION_CLONE_DEPTH_MAX = 8, /* clones within clones, as many as the datapath nests */
    ACTION_TRUNCATE_MIN = 14,   /* an Ethernet header stays, as in Open vSwitch */
    ACTION_TTL_IDS_MAX = 8,     /* controllers that one dec_ttl tells */
    CONJUNCTION_CLAUSES_MAX = 64 /* Open vSwitch's */
};

/* OpenFlow's numbers, and one that only our own wires know: which controllers take that is another matter than for a table-miss rule's packet. */
enum packet_in_reason {
    PACKET_IN_NO_MATCH = 0, /* a table-miss rule */
    PACKET_IN_ACTION = 1,
    PACKET_IN_INVALID_TTL = 2,
    PACKET_IN_ACTION_SET = 3,
    PACKET_IN_GROUP = 4,
    PACKET_IN_PACKET_OUT = 5,
    PACKET_IN_NO_RULE = 6 /* no rule, not even a table-miss rule: NO_MATCH for a controller of OpenFlow 1.0, nothing for later ones */
};

struct action {
    enum action_type type;
    union {
        struct {
            uint32_t port;    /* OpenFlow port number or PORT_* */
            uint16_t max_len; /* bytes to a controller; 0xffff = all */
        } output;
        struct {
            enum field_id field;
            struct field_value value;
            struct field_value mask; /* ones where written */
        } set_field;
        struct {
            uint16_t max_len;
            uint16_t controller_id;
            enum packet_in_reason reason;
            uint16_t n_data; /* bytes of user data behind it */
            bool pauses;     /* what is behind it is done when the controller says so */
            uint32_t meter_id; /* that measures these packet-ins; 0: that of all of them */
        } controller; /* Nicira's form of output to the controller */
        struct {
            enum field_id source, target;
            uint8_t source_offset, target_offset, n_bits;
        } move;
        struct {
            uint8_t n_ids; /* controllers that are told when it expires; 0: those of id 0 */
            uint8_t ids[2 * ACTION_TTL_IDS_MAX]; /* in network order; zeroes behind n_ids */
        } dec_ttl;
        struct {
            uint32_t in_port; /* PORT_IN_PORT: unchanged */
            uint8_t table;    /* 255: this one */
        } resubmit;
        struct {
            enum field_id field;
            uint8_t offset, n_bits;
            uint16_t max_len;
        } output_reg; /* to the port whose number these bits are */
        struct {
            uint32_t port;
            uint32_t max_len; /* bytes, ACTION_TRUNCATE_MIN or more */
        } output_trunc;
        struct {
            enum field_id field;
            uint8_t offset, n_bits;
        } part; /* onto the stack, or from it */
        struct {
            uint32_t id;
            uint8_t clause; /* 0 .. n_clauses - 1 */
            uint8_t n_clauses;
        } conjunction;
        struct {
            uint8_t n_bytes;
            uint8_t bytes[ACTION_DATA_SIZE]; /* zeroes behind n_bytes */
        } data;
        uint16_t n_inner;
        uint16_t n_data;
        uint32_t group_id;
        uint32_t queue_id;
        uint16_t ethertype; /* host order */
        uint8_t ttl;
    };
};

struct action_list {
    struct action *items; /* owned */
    size_t count;
};

struct instructions {
    struct action_list apply;
    struct action_list write;
    uint64_t metadata;
    uint64_t metadata_mask;
    uint32_t meter_id; /* 0: none */
    uint8_t goto_table;
    bool has_apply, has_write, has_clear, has_write_metadata, has_goto;
};

void action_list_add(struct action_list *list, const struct action *action);
/* The bytes behind a NOTE or CONTROLLER that has just been added. */
void action_list_add_data(struct action_list *list, const uint8_t *bytes, size_t n_bytes);
/* Another controller that a DEC_NW_TTL tells. False: it has as many as it may. Id 0 alone is as none. */
bool action_add_ttl_id(struct action *action, uint16_t id);
/* The controllers that it tells; how many, one at least. */
size_t action_ttl_ids(const struct action *action, uint16_t out_ids[ACTION_TTL_IDS_MAX]);
/* How many of the items behind this one belong to it. */
size_t action_extent(const struct action *action);
/* Bytes of the DATA items behind items[i], at most `room`; returns how many. */
size_t action_list_data(const struct action_list *list, size_t i, uint8_t *out_bytes, size_t room);
/* Every item has what belongs to it behind it, and nothing else is of type DATA; clones nest no deeper than they may. */
bool action_list_is_whole(const struct action_list *list);
struct action_list action_list_copy(const struct action_list *list);
void action_list_fini(struct action_list *list);
bool action_list_equal(const struct action_list *a, const struct action_list *b);
void instructions_init(struct instructions *in);
void instructions_fini(struct instructions *in);
struct instructions instructions_copy(const struct instructions *in);
bool instructions_equal(const struct instructions *a, const struct instructions *b);
bool instructions_output_to(const struct instructions *in, uint32_t port); /* out_port filter [OF1.3.5 A.3.4.1] */
bool instructions_use_group(const struct instructions *in, uint32_t group_id); /* out_group filter: GROUP_ANY fits all */
bool action_list_has(const struct action_list *list, enum action_type type);

/* Open vSwitch's action syntax, ovs-actions(7): "dec_ttl,output:2", "set_field:10.0.0.1->nw_dst", "goto_table:3",
 * "write_actions(...)", "drop", "resubmit(,1)", "mod_vlan_vid:5", "load:0x5->NXM_NX_REG0[]" ... */
int instructions_parse(const char *text, const struct match_ports *ports, struct instructions *out_in,
                       struct error_detail *detail) MUST_CHECK;
/* As ovs-ofctl dump-flows prints it; "drop" when nothing is done. Caller's string. */
char *instructions_format(const struct instructions *in, const struct match_ports *ports);
int action_list_parse(const char *text, const struct match_ports *ports, struct action_list *out_list,
                      struct error_detail *detail) MUST_CHECK;
char *action_list_format(const struct action_list *list, const struct match_ports *ports);

#endif
