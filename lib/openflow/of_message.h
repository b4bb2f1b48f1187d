/* OpenFlow messages as C values, and the codec between them and bytes, both ways, for all versions (1.3 so far).
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

enum of_capability {
    OF_CAPABILITY_FLOW_STATS = 1 << 0,
    OF_CAPABILITY_TABLE_STATS = 1 << 1,
    OF_CAPABILITY_PORT_STATS = 1 << 2,
    OF_CAPABILITY_GROUP_STATS = 1 << 3,
    OF_CAPABILITY_IP_REASM = 1 << 5,
    OF_CAPABILITY_QUEUE_STATS = 1 << 6,
    OF_CAPABILITY_PORT_BLOCKED = 1 << 8
};

struct of_features {
    uint64_t datapath_id;
    uint32_t n_buffers;
    uint32_t capabilities; /* enum of_capability */
    uint8_t n_tables;
    uint8_t auxiliary_id;
};

enum of_frag_mode { OF_FRAG_NORMAL = 0, OF_FRAG_DROP = 1, OF_FRAG_REASM = 2 };

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
    struct match match; /* in_port, metadata, tunnel, registers that are not zero */
    const uint8_t *data;
    size_t data_size;
};

struct of_packet_out {
    uint32_t buffer_id;
    uint32_t in_port;
    struct action_list actions;
    const uint8_t *data;
    size_t data_size;
};

enum of_removed_reason { OF_REMOVED_IDLE = 0, OF_REMOVED_HARD = 1, OF_REMOVED_DELETE = 2, OF_REMOVED_GROUP_DELETE = 3 };

struct of_flow_removed {
    struct match match;
    uint64_t cookie;
    uint64_t duration_ns;
    uint64_t n_packets, n_bytes;
    uint16_t priority;
    uint16_t idle_timeout_s, hard_timeout_s;
    uint8_t reason; /* enum of_removed_reason */
    uint8_t table;
};

enum of_port_config { OF_PORT_DOWN = 1 << 0, OF_PORT_NO_RECV = 1 << 2, OF_PORT_NO_FWD = 1 << 5, OF_PORT_NO_PACKET_IN = 1 << 6 };
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

enum of_group_command { OF_GROUP_ADD = 0, OF_GROUP_MODIFY = 1, OF_GROUP_DELETE = 2 };

struct of_group_mod {
    enum of_group_command command;
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

struct of_table_mod {
    uint8_t table;
    uint32_t config;
};

enum of_role_kind { OF_ROLE_NOCHANGE = 0, OF_ROLE_EQUAL = 1, OF_ROLE_MASTER = 2, OF_ROLE_SLAVE = 3 };

struct of_role {
    enum of_role_kind role;
    uint64_t generation_id;
};

/* Bit n of a mask: reason n is sent. Index 0: as master or equal, 1: as slave. */
struct of_async {
    uint32_t packet_in[2];
    uint32_t port_status[2];
    uint32_t flow_removed[2];
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
    uint16_t type;  /* enum of_multipart_type */
    uint16_t flags; /* OF_MULTIPART_MORE (of TABLE_FEATURES and EXPERIMENTER only; refused elsewhere) */
    union {
        struct rule_filter filter; /* FLOW, AGGREGATE */
        uint32_t port_no;          /* PORT_STATS; PORT_ANY: all */
        struct {
            uint32_t port_no, queue_id; /* PORT_ANY, 0xffffffff: all */
        } queue;
        uint32_t group_id; /* GROUP; GROUP_ALL: all */
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
    uint16_t flags;
    const uint8_t *data;
    size_t data_size;
};

struct of_message {
    uint8_t version;
    enum of_type type;
    uint32_t xid;
    union {
        struct of_hello hello;
        struct of_error_body error;
        struct of_echo echo;
        struct of_experimenter experimenter;
        struct of_features features;
        struct of_config config;
        struct of_packet_in packet_in;
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
        struct of_queue_config_request queue_config_request;
        struct of_queue_config_reply queue_config_reply;
        struct of_multipart_request multipart_request;
        struct of_multipart_reply multipart_reply;
    };
};

struct of_decode_context {
    uint8_t version;  /* negotiated; 0 before the HELLOs: only HELLO, ERROR and ECHO are understood then */
    uint8_t n_tables; /* goto_table beyond it is refused; 0: any table */
};

/* One whole message. Its version must be the context's (a HELLO may have any): BAD_REQUEST/BAD_VERSION otherwise.
 * 0, or a negative error with *out_error saying what to answer; *out is then untouched. */
int of_decode(const uint8_t *bytes, size_t size, const struct of_decode_context *context, struct of_message *out,
              struct of_error *out_error) MUST_CHECK;
/* Appends the message. -ERROR_TOO_LARGE when it does not fit 64 KiB: nothing is appended then. */
int of_encode(const struct of_message *message, struct writer *out) MUST_CHECK;
void of_message_fini(struct of_message *message);

/* Appends the answer to a request that cannot be honoured: its xid and its bytes (64 KiB at most) as data. */
void of_encode_error(struct writer *out, uint8_t version, enum of_error_number number, const uint8_t *request,
                     size_t request_size);

#endif
