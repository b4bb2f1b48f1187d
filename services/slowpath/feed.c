/* One function a table: a row came, changed or went, and the world follows.
 *
 * configdb has checked rows against its schema, not their meaning to us: a rule whose match or actions this process cannot read is counted
 * and left out, and the tables do what they do without it. Services are not the world's matter: slowpath.c opens sessions to them.
 * Cost: per row. Thread: the one that translates. Invariant: after a row the world is whole; the changes it notes are drained by correct.c.
 */
#include "services/slowpath/feed.h"

#include "lib/base/log.h"
#include "lib/cfg/target.h"
#include "lib/msg/rule.h"
#include "lib/msg/rule_read.h"

enum { FRAGMENTS_DROP = 1 /* OFPC_FRAG_DROP */ };
enum { MAC_AGING_S = 300, MAC_TABLE_SIZE = 8192, MAC_TABLE_SIZE_MAX = 1000000 /* Open vSwitch's bounds */ };

static void feed_bridge(struct core *core, uint64_t id, const Busbar__BridgeRow *row)
{
    if (row == NULL) {
        world_remove_bridge(&core->world, id);
        mac_table_flush_bridge(core->macs, id);
        return;
    }
    struct world_bridge_settings settings = {
        .name = row->name,
        .is_secure = row->fail_mode != NULL && strcmp(row->fail_mode, "secure") == 0,
        .mac_aging_s = row->has_mac_aging_s ? row->mac_aging_s : MAC_AGING_S,
        .mac_limit = row->has_mac_table_size ? row->mac_table_size : MAC_TABLE_SIZE,
    };
    if (settings.mac_limit > MAC_TABLE_SIZE_MAX) {
        settings.mac_limit = MAC_TABLE_SIZE_MAX;
    }
    world_set_bridge(&core->world, id, &settings);
}

static enum vlan_mode vlan_mode_of(const Busbar__PortRow *row)
{
    static const char *const words[] = {
        [VLAN_MODE_TRUNK] = "trunk",
        [VLAN_MODE_ACCESS] = "access",
        [VLAN_MODE_NATIVE_TAGGED] = "native-tagged",
        [VLAN_MODE_NATIVE_UNTAGGED] = "native-untagged",
        [VLAN_MODE_TUNNEL] = "dot1q-tunnel",
    };
    for (size_t i = VLAN_MODE_TRUNK; row->vlan_mode != NULL && i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(row->vlan_mode, words[i]) == 0) {
            return (enum vlan_mode)i;
        }
    }
    return VLAN_MODE_UNSET;
}

/* A patch port without a peer is one that leads nowhere. */
static const char *peer_of(const Busbar__PortRow *row)
{
    if (row->type == NULL || strcmp(row->type, "patch") != 0) {
        return NULL;
    }
    for (size_t i = 0; i < row->n_options; i++) {
        if (strcmp(row->options[i]->key, "peer") == 0) {
            return row->options[i]->value;
        }
    }
    return "";
}

static void feed_port(struct core *core, uint64_t id, const Busbar__PortRow *row)
{
    if (row == NULL || id > UINT32_MAX) {
        world_remove_port(&core->world, (uint32_t)id);
        core->counts.rows_refused += row != NULL;
        return;
    }
    struct world_port_settings settings = {
        .name = row->name,
        .bridge = row->bridge,
        .ofport = row->ofport,
        .config = row->config,
        .tag = row->has_tag && row->tag > 0 && row->tag < 4095 ? (uint16_t)row->tag : VLAN_NONE,
        .vlan_mode = vlan_mode_of(row),
        .trunks = row->trunks,
        .n_trunks = row->n_trunks,
        .cvlans = row->cvlans,
        .n_cvlans = row->n_cvlans,
        .peer = peer_of(row),
    };
    world_set_port(&core->world, (uint32_t)id, &settings);
}

static void feed_controller(struct core *core, uint64_t id, const Busbar__ControllerRow *row)
{
    if (row == NULL || target_is_passive(row->target)) { /* who may come is no controller to wait for */
        world_remove_controller(&core->world, id);
    } else {
        world_set_controller(&core->world, id, row->bridge);
    }
}

static void feed_controller_status(struct core *core, uint64_t id, const Busbar__ControllerStatusRow *row)
{
    world_set_controller_status(&core->world, id, row != NULL && strcmp(row->state, "fail-open") == 0);
}

static void refuse_row(struct core *core, const char *table, uint64_t id, int err, const struct error_detail *detail)
{
    core->counts.rows_refused++;
    LOG_LIMITED(LOG_LEVEL_WARN, "row_refused table=%s id=%llu error=\"%s\" what=\"%s\"", table, (unsigned long long)id,
                error_text(err), detail->text);
}

static void feed_rule(struct core *core, uint64_t id, const Busbar__RuleRow *row)
{
    struct rule rule;
    struct error_detail detail = {""};
    int err = row != NULL ? msg_rule_decode(id, row, &rule, &detail) : -ERROR_NOT_FOUND;
    if (err == 0 && rule.table > TABLE_MAX) {
        err = error_set(&detail, -ERROR_RANGE, "table %u", rule.table);
        rule_fini(&rule);
    }
    if (err == 0) {
        world_set_rule(&core->world, &rule);
        rule_fini(&rule);
        return;
    }
    world_remove_rule(&core->world, id);
    if (row != NULL) {
        refuse_row(core, "rule", id, err, &detail);
    }
}

/* What cannot be read the quick way is read as any row, and refused there. */
void feed_rule_bytes(struct core *core, uint64_t id, const uint8_t *bytes, size_t size)
{
    struct rule_read read;
    if (bytes == NULL) {
        world_remove_rule(&core->world, id);
    } else if (rule_read(id, bytes, size, &read) && read.rule.table <= TABLE_MAX) {
        world_set_rule(&core->world, &read.rule);
    } else {
        Busbar__RuleRow *row = busbar__rule_row__unpack(NULL, size, bytes);
        feed_rule(core, id, row);
        if (row == NULL) {
            struct error_detail detail = {"not a row"};
            refuse_row(core, "rule", id, -ERROR_SYNTAX, &detail);
        }
        busbar__rule_row__free_unpacked(row, NULL);
    }
}

static void feed_group(struct core *core, uint64_t id, const Busbar__GroupRow *row)
{
    struct group group;
    struct error_detail detail = {""};
    int err = row != NULL ? msg_group_decode(id, row, &group, &detail) : -ERROR_NOT_FOUND;
    if (err == 0) {
        world_set_group(&core->world, &group);
        return;
    }
    world_remove_group(&core->world, id);
    if (row != NULL) {
        refuse_row(core, "group", id, err, &detail);
    }
}

static void feed_meter(struct core *core, uint64_t id, const Busbar__MeterRow *row)
{
    if (row != NULL) {
        world_set_meter(&core->world, id, row->bridge, row->meter_id);
    } else {
        world_remove_meter(&core->world, id);
    }
}

static void feed_owner(struct core *core, uint64_t id, const Busbar__OwnerRow *row)
{
    world_set_fragments(&core->world, id, row != NULL && row->has_fragments && row->fragments == FRAGMENTS_DROP);
    world_set_misses(&core->world, id, row != NULL && row->tells_misses);
}

static void feed_port_status(struct core *core, uint64_t id, const Busbar__PortStatusRow *row)
{
    if (row != NULL) {
        world_set_link(&core->world, (uint32_t)id, row->up);
    }
}

void feed_row(struct core *core, enum cfg_table table, uint64_t id, const ProtobufCMessage *after)
{
    switch (table) {
    case CFG_BRIDGE:
        feed_bridge(core, id, (const Busbar__BridgeRow *)after);
        break;
    case CFG_PORT:
        feed_port(core, id, (const Busbar__PortRow *)after);
        break;
    case CFG_CONTROLLER:
        feed_controller(core, id, (const Busbar__ControllerRow *)after);
        break;
    case CFG_RULE:
        feed_rule(core, id, (const Busbar__RuleRow *)after);
        break;
    case CFG_GROUP:
        feed_group(core, id, (const Busbar__GroupRow *)after);
        break;
    case CFG_PORT_STATUS:
        feed_port_status(core, id, (const Busbar__PortStatusRow *)after);
        break;
    case CFG_CONTROLLER_STATUS:
        feed_controller_status(core, id, (const Busbar__ControllerStatusRow *)after);
        break;
    case CFG_METER:
        feed_meter(core, id, (const Busbar__MeterRow *)after);
        break;
    case CFG_OWNER:
        feed_owner(core, id, (const Busbar__OwnerRow *)after);
        break;
    case CFG_SWITCH:
    case CFG_FLOW_TABLE:
    case CFG_KEY:
    case CFG_SERVICE:
    case CFG_COUNTER:
    case CFG_TABLE_MAX:
        break;
    }
}
