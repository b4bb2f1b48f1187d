/* The word tables of the flow syntax, and looking things up in them.
 *
 * Small tables of constants, walked from the start: none has more than sixteen rows, and the frequent words come first.
 * Any thread, no state, no cost worth a name. A word is in one table only, used in both directions.
 */
#include "lib/flow/match_words.h"

#include <strings.h>

const struct match_protocol_word match_protocol_table[MATCH_PROTOCOL_WORDS] = {
    {.name = "ip", .eth_type = 0x0800, .ip_proto = -1},     {.name = "tcp", .eth_type = 0x0800, .ip_proto = 6},
    {.name = "udp", .eth_type = 0x0800, .ip_proto = 17},    {.name = "icmp", .eth_type = 0x0800, .ip_proto = 1},
    {.name = "arp", .eth_type = 0x0806, .ip_proto = -1},    {.name = "ipv6", .eth_type = 0x86dd, .ip_proto = -1},
    {.name = "tcp6", .eth_type = 0x86dd, .ip_proto = 6},    {.name = "udp6", .eth_type = 0x86dd, .ip_proto = 17},
    {.name = "icmp6", .eth_type = 0x86dd, .ip_proto = 58},  {.name = "sctp", .eth_type = 0x0800, .ip_proto = 132},
    {.name = "sctp6", .eth_type = 0x86dd, .ip_proto = 132}, {.name = "rarp", .eth_type = 0x8035, .ip_proto = -1},
    {.name = "mpls", .eth_type = 0x8847, .ip_proto = -1},   {.name = "mplsm", .eth_type = 0x8848, .ip_proto = -1},
};

const struct match_fragment_word match_fragment_table[MATCH_FRAGMENT_WORDS] = {
    {.name = "no", .value = 0, .mask = 3},        {.name = "yes", .value = KEY_FRAG_ANY, .mask = KEY_FRAG_ANY},
    {.name = "first", .value = 1, .mask = 3},     {.name = "later", .value = 3, .mask = 3},
    {.name = "not_later", .value = 0, .mask = 2},
};

const char *const match_tcp_flag_table[MATCH_TCP_FLAGS] = {
    "fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns", "[200]", "[400]", "[800]",
};

struct reserved_port {
    const char *name;
    uint32_t ofport;
};

/* [OF1.3.5 A.2.1]; NONE is what OpenFlow 1.0 called ANY, so it is only read. */
static const struct reserved_port reserved_port_table[] = {
    {.name = "LOCAL", .ofport = 0xfffffffe},   {.name = "CONTROLLER", .ofport = 0xfffffffd},
    {.name = "ALL", .ofport = 0xfffffffc},     {.name = "FLOOD", .ofport = 0xfffffffb},
    {.name = "NORMAL", .ofport = 0xfffffffa},  {.name = "TABLE", .ofport = 0xfffffff9},
    {.name = "IN_PORT", .ofport = 0xfffffff8}, {.name = "ANY", .ofport = 0xffffffff},
    {.name = "NONE", .ofport = 0xffffffff},
};
enum { RESERVED_PORTS = sizeof reserved_port_table / sizeof reserved_port_table[0] };

const struct match_protocol_word *match_protocol_by_name(const char *name)
{
    for (size_t i = 0; i < MATCH_PROTOCOL_WORDS; i++) {
        if (strcmp(match_protocol_table[i].name, name) == 0) {
            return &match_protocol_table[i];
        }
    }
    return NULL;
}

const struct match_protocol_word *match_protocol_by_number(uint16_t eth_type, int ip_proto)
{
    for (size_t i = 0; i < MATCH_PROTOCOL_WORDS; i++) {
        if (match_protocol_table[i].eth_type == eth_type && match_protocol_table[i].ip_proto == ip_proto) {
            return &match_protocol_table[i];
        }
    }
    return NULL;
}

bool match_reserved_port(const char *name, uint32_t *out_ofport)
{
    for (size_t i = 0; i < RESERVED_PORTS; i++) {
        if (strcasecmp(reserved_port_table[i].name, name) == 0) {
            *out_ofport = reserved_port_table[i].ofport;
            return true;
        }
    }
    return false;
}

const char *match_reserved_port_name(uint32_t ofport)
{
    for (size_t i = 0; i < RESERVED_PORTS; i++) {
        if (reserved_port_table[i].ofport == ofport) {
            return reserved_port_table[i].name;
        }
    }
    return NULL;
}
