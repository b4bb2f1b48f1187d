/* OpenFlow messages as C values, and the codec between them and bytes, both ways, for 1.0, 1.3, 1.4 and 1.5.
 *
 * The body is the union member that messages.def names for the type. Members `data` point into the decoded input: it must live as
 * long as the message. Everything else a message holds is its own: of_message_fini().
 * What is checked here is what the bytes alone can tell: lengths, unknown numbers, prerequisites, ranges. What depends on the switch's state
 * (does this group exist, is this a slave) is the handler's. The answers are those of Open vSwitch 3.1.
 */
#ifndef BUSBAR_OPENFLOW_OF_MESSAGE_H
#define BUSBAR_OPENFLOW_OF_MESSAGE_H

#include "lib/model/rule.h"
#include "lib/openflow/of_error.h"
#include "lib/openflow/of_header.h"

#define OF_NO_BUFFER 0xffffffffu

struct of_hello {
    uint32_t versions; /* bit n: version n is spoken (of the bitmap, or else all up to the header's) */
};

struct of_error_body {
    struct of_error_wire wire;   /* when encoding `number` is OF_ERROR_NONE; otherwise filled from it */
    enum of_error_number number; /* OF_ERROR_NONE when the numbers are none we know */
    const uint8_t *data;         /* the offending message, or its beginning */
    size_t data_size;
};

struct of_echo {
    const uint8_t *data;
    size_t data_size;
};

struct of_experimenter {
    uint32_t experimenter;
    uint32_t exp_type;
    const uint8_t *data; /* behind exp_type */
    size_t data_size;
};

enum of_port_config { OF_PORT_DOWN = 1 << 0, OF_PORT_NO_RECV = 1 << 2, OF_PORT_NO_FLOOD = 1 << 4 /* 1.0 only */, OF_PORT_NO_FWD = 1 << 5,
                      OF_PORT_NO_PACKET_IN = 1 << 6 };
enum of_port_state { OF_PORT_LINK_DOWN = 1 << 0, OF_PORT_BLOCKED = 1 << 1, OF_PORT_LIVE = 1 << 2 };
enum of_port_feature {
    OF_PORT_10MB_HD = 1 << 0,
    OF_PORT_10MB_FD = 1 << 1,
    OF_PORT_100MB_HD = 1 << 2,
    OF_PORT_100MB_FD = 1 << 3,
    OF_PORT_1GB_HD = 1 << 4,
    OF_PORT_1GB_FD = 1 << 5,
    OF_PORT_10GB_FD = 1 << 6,
    OF_PORT_40GB_FD = 1 << 7,
    OF_PORT_100GB_FD = 1 << 8,
    OF_PORT_1TB_FD = 1 << 9,
    OF_PORT_OTHER_SPEED = 1 << 10,
    OF_PORT_COPPER = 1 << 11,
    OF_PORT_FIBER = 1 << 12,
    OF_PORT_AUTONEG = 1 << 13
};
enum { OF_PORT_NAME_SIZE = 16 };

struct of_port {
    uint32_t port_no;
    uint8_t hw_addr[6];
    char name[OF_PORT_NAME_SIZE];                  /* ends with 0; longer names are cut */
    uint32_t config;                               /* enum of_port_config */
    uint32_t state;                                /* enum of_port_state */
    uint32_t current, advertised, supported, peer; /* enum of_port_feature */
    uint32_t current_kbps, max_kbps;
};

enum of_capability {
    OF_CAPABILITY_FLOW_STATS = 1 << 0,
    OF_CAPABILITY_TABLE_STATS = 1 << 1,
    OF_CAPABILITY_PORT_STATS = 1 << 2,
    OF_CAPABILITY_GROUP_STATS = 1 << 3,
    OF_CAPABILITY_IP_REASM = 1 << 5,
    OF_CAPABILITY_QUEUE_STATS = 1 << 6,
    OF_CAPABILITY_ARP_MATCH_IP = 1 << 7, /* 1.0 */
    OF_CAPABILITY_PORT_BLOCKED = 1 << 8
};

struct of_features {
    uint64_t datapath_id;
    uint32_t n_buffers;
    uint32_t capabilities; /* enum of_capability */
    uint32_t actions;      /* 1.0: bit n: actions of type n */
    uint8_t n_tables;
    uint8_t auxiliary_id; /* from 1.3 on */
    struct of_port *ports; /* 1.0; owned: of_message_fini() */
    size_t n_ports;
};

enum of_frag_mode { OF_FRAG_NORMAL = 0, OF_FRAG_DROP = 1, OF_FRAG_REASM = 2, OF_FRAG_NX_MATCH = 3 /* Nicira's */ };

struct of_config {
    uint16_t flags; /* enum of_frag_mode */
    uint16_t miss_send_len;
};

struct of_packet_in {
    uint32_t buffer_id;
    uint16_t total_size; /* of the whole packet; data may be its beginning */
    uint8_t reason;      /* enum packet_in_reason */
    uint8_t table;
    uint64_t cookie;
    struct match match; /* in_port, metadata, tunnel, registers that are not zero; in 1.0 the port alone */
    const uint8_t *data;
    size_t data_size;
    const uint8_t *userdata; /* NICIRA2: of the controller action; NULL: none */
    size_t userdata_size;
    const uint8_t *continuation; /* NICIRA2: what is left to do with a packet that waits, for RESUME; NULL: nothing */
    size_t continuation_size;
};

struct of_packet_out {
    uint32_t buffer_id;
    uint32_t in_port;
    struct match match; /* 1.5: what else is known of the packet's way: metadata, tunnel, registers */
    struct action_list actions;
    const uint8_t *data;
    size_t data_size;
};

enum of_removed_reason { OF_REMOVED_IDLE = 0, OF_REMOVED_HARD = 1, OF_REMOVED_DELETE = 2, OF_REMOVED_GROUP_DELETE = 3,
                         OF_REMOVED_METER_DELETE = 4 /* from 1.4 on */, OF_REMOVED_EVICTION = 5 /* from 1.4 on */ };

struct of_flow_removed {
    struct match match;
    uint64_t cookie;
    uint64_t duration_ns;
    uint64_t n_packets, n_bytes;
    uint16_t priority;
    uint16_t idle_timeout_s, hard_timeout_s; /* no hard one in 1.0 */
    uint8_t reason;                          /* enum of_removed_reason */
    uint8_t table;
};

enum of_port_reason { OF_PORT_ADD = 0, OF_PORT_DELETE = 1, OF_PORT_MODIFY = 2 };

struct of_port_status {
    uint8_t reason; /* enum of_port_reason */
    struct of_port port;
};

struct of_port_mod {
    uint32_t port_no;
    uint8_t hw_addr[6];
    uint32_t config;
    uint32_t mask;
    uint32_t advertise; /* 0: unchanged */
};

enum of_group_command {
    OF_GROUP_ADD = 0,
    OF_GROUP_MODIFY = 1,
    OF_GROUP_DELETE = 2,
    OF_GROUP_INSERT_BUCKET = 3,    /* 1.5 */
    OF_GROUP_REMOVE_BUCKET = 5,    /* 1.5 */
    OF_GROUP_ADD_OR_MODIFY = 0x8000 /* Open vSwitch's */
};

struct of_group_mod {
    enum of_group_command command;
    uint32_t command_bucket_id; /* 1.5; of insert and remove */
    struct group group;
};

enum of_meter_command { OF_METER_ADD = 0, OF_METER_MODIFY = 1, OF_METER_DELETE = 2 };
#define OF_METER_ID_MAX METER_MAX
#define OF_METER_SLOWPATH METER_SLOWPATH
#define OF_METER_CONTROLLER METER_CONTROLLER
#define OF_METER_ALL METER_ALL

struct of_meter_mod {
    enum of_meter_command command;
    struct meter meter;
};

enum of_table_config { OF_TABLE_DEPRECATED = 3, OF_TABLE_EVICTION = 1 << 2, OF_TABLE_VACANCY_EVENTS = 1 << 3 }; /* from 1.4 on */
enum { OF_TABLE_EVICTION_FLAGS = 7 }; /* what an eviction looks at: importance, life time and others, as Open vSwitch says it */

struct of_table_mod {
    uint8_t table;
    uint32_t config; /* enum of_table_config */
    bool has_vacancy;
    uint8_t vacancy_down, vacancy_up; /* per cent of free places */
    uint8_t vacancy;                  /* now; in descriptions */
};

enum of_table_reason { OF_TABLE_VACANCY_DOWN = 3, OF_TABLE_VACANCY_UP = 4 };

struct of_table_status {
    uint8_t reason; /* enum of_table_reason */
    struct of_table_mod table;
};

enum of_role_kind { OF_ROLE_NOCHANGE = 0, OF_ROLE_EQUAL = 1, OF_ROLE_MASTER = 2, OF_ROLE_SLAVE = 3 };

struct of_role {
    enum of_role_kind role;
    uint64_t generation_id;
};

enum of_role_reason { OF_ROLE_MASTER_REQUEST = 0, OF_ROLE_CONFIG = 1 };

struct of_role_status {
    enum of_role_kind role;
    uint8_t reason; /* enum of_role_reason */
    uint64_t generation_id;
};

/* Bit n of a mask: reason n is sent. Index 0: as master or equal, 1: as slave. */
struct of_async {
    uint32_t packet_in[2];
    uint32_t port_status[2];
    uint32_t flow_removed[2];
    uint32_t role_status[2]; /* these from 1.4 on */
    uint32_t table_status[2];
    uint32_t requestforward[2];
    uint32_t given; /* bit n: the message says the property n of 1.4, of which the even ones are for slaves */
};
enum { OF_ASYNC_KINDS = 6, OF_ASYNC_GIVEN_13 = 0x3f };

enum of_requestforward_reason { OF_FORWARD_GROUP_MOD = 0, OF_FORWARD_METER_MOD = 1 };

struct of_requestforward {
    const uint8_t *request; /* a whole message */
    size_t request_size;
};

enum of_bundle_control_type {
    OF_BUNDLE_OPEN_REQUEST = 0,
    OF_BUNDLE_OPEN_REPLY = 1,
    OF_BUNDLE_CLOSE_REQUEST = 2,
    OF_BUNDLE_CLOSE_REPLY = 3,
    OF_BUNDLE_COMMIT_REQUEST = 4,
    OF_BUNDLE_COMMIT_REPLY = 5,
    OF_BUNDLE_DISCARD_REQUEST = 6,
    OF_BUNDLE_DISCARD_REPLY = 7
};
enum of_bundle_flag { OF_BUNDLE_ATOMIC = 1 << 0, OF_BUNDLE_ORDERED = 1 << 1 };

struct of_bundle_control {
    uint32_t bundle_id;
    uint16_t type; /* enum of_bundle_control_type */
    uint16_t flags;
};

struct of_bundle_add {
    uint32_t bundle_id;
    uint16_t flags;
    const uint8_t *message; /* a whole message, of the same version and xid (checked) */
    size_t message_size;
};

/* SET_FLOW_FORMAT, SET_PACKET_IN_FORMAT, FLOW_MONITOR_CANCEL */
struct of_number {
    uint32_t number;
};
enum of_flow_format { OF_FLOW_FORMAT_10 = 0, OF_FLOW_FORMAT_NXM = 2 };
enum of_packet_in_format { OF_PACKET_IN_STANDARD = 0, OF_PACKET_IN_NXM = 1, OF_PACKET_IN_NXM2 = 2 };

struct of_flow_mod_table_id {
    uint8_t is_set; /* the command of a flow_mod of 1.0 has the table's number in its upper half */
};

struct of_controller_id {
    uint16_t id;
};

enum of_monitor_command { OF_MONITOR_ADD = 0, OF_MONITOR_MODIFY = 1, OF_MONITOR_DELETE = 2 };
enum of_monitor_flag {
    OF_MONITOR_INITIAL = 1 << 0,
    OF_MONITOR_ADDED = 1 << 1,
    OF_MONITOR_REMOVED = 1 << 2,
    OF_MONITOR_MODIFIED = 1 << 3,
    OF_MONITOR_INSTRUCTIONS = 1 << 4,
    OF_MONITOR_NO_ABBREV = 1 << 5, /* from 1.4 on */
    OF_MONITOR_ONLY_OWN = 1 << 6
};

/* Whose rules, and which of their changes, a controller wants to hear of. */
struct of_monitor {
    uint32_t id;
    enum of_monitor_command command; /* before 1.4 always ADD */
    uint16_t flags;                  /* enum of_monitor_flag */
    struct rule_filter filter;       /* without cookie */
};

struct of_queue_config_request {
    uint32_t port_no;
};

struct of_queue_config {
    uint32_t queue_id;
    uint32_t port_no;
    uint16_t min_rate, max_rate; /* tenths of a per cent; 0xffff: not configured */
};

struct of_queue_config_reply {
    uint32_t port_no;
    struct of_queue_config *queues; /* owned */
    size_t n_queues;
};

struct of_multipart_request {
    uint16_t type;      /* enum of_multipart_type */
    enum of_form form;
    uint16_t flags; /* OF_MULTIPART_MORE (of TABLE_FEATURES and EXPERIMENTER only; refused elsewhere) */
    union {
        struct rule_filter filter; /* FLOW, AGGREGATE */
        uint32_t port_no;          /* PORT_STATS, PORT_DESC; PORT_ANY: all */
        struct {
            uint32_t port_no, queue_id; /* PORT_ANY, 0xffffffff: all */
        } queue;           /* QUEUE, QUEUE_DESC */
        uint32_t group_id; /* GROUP, GROUP_DESC; GROUP_ALL: all */
        struct {
            struct of_monitor *items; /* owned: of_message_fini() */
            size_t count;
        } monitors; /* FLOW_MONITOR */
        uint32_t meter_id; /* METER, METER_CONFIG; OF_METER_ALL: all */
        struct {
            const uint8_t *data; /* TABLE_FEATURES, EXPERIMENTER: the body as it came */
            size_t data_size;
        } raw;
    };
};

/* Written item by item with of_multipart.h, read item by item from `data` with the same. */
struct of_multipart_reply {
    uint16_t type;
    enum of_form form;
    uint16_t flags;
    const uint8_t *data;
    size_t data_size;
};

struct of_message {
    uint8_t version;
    enum of_type type;
    enum of_form form; /* how it came, or is to go */
    uint32_t xid;
    union {
        struct of_hello hello;
        struct of_error_body error;
        struct of_echo echo;
        struct of_experimenter experimenter;
        struct of_features features;
        struct of_config config;
        struct of_packet_in packet_in;
        struct of_packet_in resume;
        struct of_packet_out packet_out;
        struct flow_mod flow_mod;
        struct of_flow_removed flow_removed;
        struct of_port_status port_status;
        struct of_port_mod port_mod;
        struct of_group_mod group_mod;
        struct of_meter_mod meter_mod;
        struct of_table_mod table_mod;
        struct of_role role;
        struct of_async async;
        struct of_role_status role_status;
        struct of_table_status table_status;
        struct of_requestforward requestforward;
        struct of_bundle_control bundle_control;
        struct of_bundle_add bundle_add;
        struct of_number number;
        struct of_flow_mod_table_id flow_mod_table_id;
        struct of_controller_id controller_id;
        struct of_queue_config_request queue_config_request;
        struct of_queue_config_reply queue_config_reply;
        struct of_multipart_request multipart_request;
        struct of_multipart_reply multipart_reply;
    };
};

struct of_decode_context {
    uint8_t version;  /* negotiated; 0 before the HELLOs: only HELLO, ERROR and ECHO are understood then */
    uint8_t n_tables; /* goto_table beyond it is refused; 0: any table */
    bool has_table_id; /* 1.0: FLOW_MOD_TABLE_ID is set */
};

/* One whole message. Its version must be the context's (a HELLO may have any): BAD_REQUEST/BAD_VERSION otherwise.
 * 0, or a negative error with *out_error saying what to answer; *out is then untouched. */
int of_decode(const uint8_t *bytes, size_t size, const struct of_decode_context *context, struct of_message *out,
              struct of_error *out_error) MUST_CHECK;
/* Appends the message, in its form or, where its version has it as an experimenter's only, in that. -ERROR_TOO_LARGE when it does not fit
 * 64 KiB, -ERROR_UNSUPPORTED when its version has no such message: nothing is appended then. */
int of_encode(const struct of_message *message, struct writer *out) MUST_CHECK;
void of_message_fini(struct of_message *message);

/* Appends the answer to a request that cannot be honoured: its xid and its bytes (64 KiB at most) as data. */
void of_encode_error(struct writer *out, uint8_t version, enum of_error_number number, const uint8_t *request,
                     size_t request_size);

#endif
