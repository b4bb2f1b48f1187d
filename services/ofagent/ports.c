/* The ports of a bridge as OpenFlow shows them. See ports.h.
 *
 * Nothing is kept here: each answer is made from the mirror's rows, so there is no second truth to keep in step. A look-up walks the
 * ports of the switch, which are few hundred at most where it matters. A port without a status row has no link: no shard has it open.
 * The ofagent's one thread.
 */
#include "services/ofagent/ports.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "lib/msg/counter_id.h"
#include "services/ofagent/bridge.h"

bool ports_next(const struct bridge *bridge, uint64_t *cursor, uint64_t *out_id, const Busbar__PortRow **out_row)
{
    const ProtobufCMessage *row;

    while (cfg_next(bridge->agent->cfg, CFG_PORT, cursor, out_id, &row)) {
        if (((const Busbar__PortRow *)row)->bridge == bridge->id) {
            *out_row = (const Busbar__PortRow *)row;
            return true;
        }
    }
    return false;
}

bool ports_by_number(const struct bridge *bridge, uint32_t ofport, uint64_t *out_id, const Busbar__PortRow **out_row)
{
    uint64_t cursor = 0;

    while (ports_next(bridge, &cursor, out_id, out_row)) {
        if ((*out_row)->ofport == ofport) {
            return true;
        }
    }
    return false;
}

static uint32_t speed_bits(uint32_t mbps)
{
    switch (mbps) {
    case 0:
        return 0;
    case 10:
        return OF_PORT_10MB_FD;
    case 100:
        return OF_PORT_100MB_FD;
    case 1000:
        return OF_PORT_1GB_FD;
    case 10000:
        return OF_PORT_10GB_FD;
    case 40000:
        return OF_PORT_40GB_FD;
    case 100000:
        return OF_PORT_100GB_FD;
    default:
        return OF_PORT_OTHER_SPEED;
    }
}

struct of_port ports_describe(const struct ofagent *agent, uint64_t id, const Busbar__PortRow *row)
{
    const Busbar__PortStatusRow *status = (const Busbar__PortStatusRow *)cfg_row(agent->cfg, CFG_PORT_STATUS, id);
    struct of_port port = {.port_no = row->ofport, .config = row->config, .state = OF_PORT_LINK_DOWN};

    (void)snprintf(port.name, sizeof port.name, "%s", row->name);
    if (status == NULL) {
        return port;
    }
    if (status->mac.len == sizeof port.hw_addr) {
        memcpy(port.hw_addr, status->mac.data, sizeof port.hw_addr);
    }
    port.state = status->up ? OF_PORT_LIVE : OF_PORT_LINK_DOWN;
    port.current = speed_bits(status->speed_mbps);
    port.current_kbps = status->speed_mbps < UINT32_MAX / 1000 ? status->speed_mbps * 1000 : UINT32_MAX;
    return port;
}

struct of_port_stats ports_stats(const struct ofagent *agent, uint64_t id, const Busbar__PortRow *row)
{
    uint64_t v[COUNTERS_VALUES_MAX];

    counters_total(agent->port_counters, id, v);
    if (row->type != NULL && strcmp(row->type, "patch") == 0) { /* no device counts for it: its flows do */
        counters_total(agent->rule_counters, counter_id(COUNTER_PATCH_IN, id), &v[0]);
        counters_total(agent->rule_counters, counter_id(COUNTER_PATCH_OUT, id), &v[4]);
    }
    return (struct of_port_stats){.port_no = row->ofport,
                                  .rx_packets = v[0],
                                  .rx_bytes = v[1],
                                  .rx_dropped = v[2],
                                  .rx_errors = v[3],
                                  .tx_packets = v[4],
                                  .tx_bytes = v[5],
                                  .tx_dropped = v[6],
                                  .tx_errors = v[7],
                                  .rx_frame_errors = UINT64_MAX,
                                  .rx_over_errors = UINT64_MAX,
                                  .rx_crc_errors = UINT64_MAX,
                                  .collisions = UINT64_MAX,
                                  .duration_ns = agent->now_ns - agent->started_ns};
}

static bool number_of(const void *context, const char *name, uint32_t *out_ofport)
{
    const struct bridge *bridge = context;
    const Busbar__PortRow *row;
    uint64_t cursor = 0, id;

    while (ports_next(bridge, &cursor, &id, &row)) {
        if (strcmp(row->name, name) == 0) {
            *out_ofport = row->ofport;
            return true;
        }
    }
    return false;
}

struct match_ports ports_names(const struct bridge *bridge)
{
    return (struct match_ports){.by_name = number_of, .context = bridge};
}

static void tell(struct ofagent *agent, uint64_t id, const Busbar__PortRow *row, enum of_port_reason reason)
{
    struct bridge *bridge = bridge_find(agent, row->bridge);
    struct of_message message = {.type = OF_PORT_STATUS};

    if (bridge != NULL) {
        message.port_status.reason = (uint8_t)reason;
        message.port_status.port = ports_describe(agent, id, row);
        bridge_tell(bridge, &message, offsetof(struct of_async, port_status), reason);
    }
}

void ports_changed(struct ofagent *agent, uint64_t id, const Busbar__PortRow *before, const Busbar__PortRow *after)
{
    if (before != NULL && after != NULL && before->bridge == after->bridge && before->ofport == after->ofport) {
        if (before->config != after->config || strcmp(before->name, after->name) != 0) {
            tell(agent, id, after, OF_PORT_MODIFY);
        }
        return;
    }
    if (before != NULL) {
        tell(agent, id, before, OF_PORT_DELETE);
    }
    if (after != NULL) {
        tell(agent, id, after, OF_PORT_ADD);
    }
}

void ports_status_changed(struct ofagent *agent, uint64_t id)
{
    const Busbar__PortRow *row = (const Busbar__PortRow *)cfg_row(agent->cfg, CFG_PORT, id);

    if (row != NULL) {
        tell(agent, id, row, OF_PORT_MODIFY);
    }
}
