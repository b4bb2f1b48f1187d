/* The mirror of configdb's rows as bridges, ports, classifiers, groups and meters, and the list of what changed.
 *
 * Each kind of row has a map by id, groups and meters one by (bridge, number) too; translation goes from port id to port, bridge and table without a
 * search but the ports of a bridge by number: a sorted array, since floods walk it in order and outputs search it by halves.
 * A bridge lives from the first row that names it to the last, so the order of rows within a commit does not matter.
 * Thread: the one that translates. Out of memory ends the process.
 */
#include "services/slowpath/world.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

enum { MAC_AGING_S = 300, MAC_LIMIT = 8192 /* Open vSwitch's, until the bridge's row says otherwise */ };

static struct change *change_add(struct world *world, enum change_kind kind, uint64_t bridge)
{
    if (world->n_changes == world->changes_room) {
        world->changes_room = world->changes_room == 0 ? 16 : world->changes_room * 2;
        world->changes = memory_resize(world->changes, world->changes_room * sizeof *world->changes);
    }
    struct change *change = &world->changes[world->n_changes++];
    memset(change, 0, sizeof *change);
    change->kind = kind;
    change->bridge = bridge;
    return change;
}

/* ---- bridges ---- */

static struct world_bridge *bridge_find(const struct world *world, uint64_t id)
{
    struct world_bridge *bridge;
    HASH_FIND(hh, world->bridges, &id, sizeof id, bridge);
    return bridge;
}

static struct world_bridge *bridge_named_by(struct world *world, uint64_t id)
{
    struct world_bridge *bridge = bridge_find(world, id);
    if (bridge == NULL) {
        bridge = memory_zeroed(sizeof *bridge);
        bridge->id = id;
        bridge->name = memory_string("");
        bridge->mac_aging_ns = MAC_AGING_S * NS_PER_S;
        bridge->mac_limit = MAC_LIMIT;
        HASH_ADD(hh, world->bridges, id, sizeof bridge->id, bridge);
    }
    return bridge;
}

static void bridge_destroy(struct world *world, struct world_bridge *bridge)
{
    HASH_DELETE(hh, world->bridges, bridge);
    for (size_t i = 0; i < TABLE_COUNT; i++) {
        classifier_destroy(&bridge->tables[i]);
    }
    free(bridge->ports);
    free(bridge->name);
    free(bridge);
}

/* After something that named the bridge has gone. */
static void bridge_unnamed(struct world *world, struct world_bridge *bridge)
{
    if (!bridge->has_row && !bridge->drops_fragments && bridge->n_ports == 0 && bridge->n_rules == 0 && bridge->n_groups == 0 &&
        bridge->n_meters == 0 && bridge->n_controllers == 0) {
        bridge_destroy(world, bridge);
    }
}

static void bridge_decide_fail_open(struct world *world, struct world_bridge *bridge)
{
    size_t n_silent = 0;
    for (const struct world_controller *c = world->controllers; c != NULL; c = c->hh.next) {
        n_silent += c->bridge == bridge->id && c->is_fail_open;
    }
    enum fail_open decided = FAIL_OPEN_NO;
    if (bridge->has_row && !bridge->is_secure && n_silent == bridge->n_controllers) {
        decided = bridge->n_controllers == 0 ? FAIL_OPEN_MISSES : FAIL_OPEN_ALL;
    }
    if (decided != bridge->fail_open) {
        bridge->fail_open = decided;
        change_add(world, CHANGE_BRIDGE, bridge->id);
    }
}

void world_set_bridge(struct world *world, uint64_t id, const struct world_bridge_settings *settings)
{
    struct world_bridge *bridge = bridge_named_by(world, id);
    free(bridge->name);
    bridge->name = memory_string(settings->name);
    bridge->has_row = true;
    bridge->is_secure = settings->is_secure;
    bridge->mac_aging_ns = settings->mac_aging_s * NS_PER_S;
    bridge->mac_limit = settings->mac_limit;
    bridge_decide_fail_open(world, bridge);
}

void world_remove_bridge(struct world *world, uint64_t id)
{
    struct world_bridge *bridge = bridge_find(world, id);
    if (bridge != NULL) {
        bridge->has_row = false;
        bridge_decide_fail_open(world, bridge);
        change_add(world, CHANGE_BRIDGE, id);
        bridge_unnamed(world, bridge);
    }
}

void world_set_fragments(struct world *world, uint64_t id, bool drops_fragments)
{
    struct world_bridge *bridge = drops_fragments ? bridge_named_by(world, id) : bridge_find(world, id);
    if (bridge != NULL && bridge->drops_fragments != drops_fragments) {
        bridge->drops_fragments = drops_fragments;
        change_add(world, CHANGE_BRIDGE, id);
        bridge_unnamed(world, bridge);
    }
}

/* ---- ports ---- */

static size_t port_place(const struct world_bridge *bridge, uint32_t ofport)
{
    size_t low = 0, high = bridge->n_ports;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (bridge->ports[middle]->ofport < ofport) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void port_join(struct world_bridge *bridge, struct world_port *port)
{
    if (bridge->n_ports == bridge->ports_room) {
        bridge->ports_room = bridge->ports_room == 0 ? 8 : bridge->ports_room * 2;
        bridge->ports = memory_resize(bridge->ports, bridge->ports_room * sizeof *bridge->ports);
    }
    size_t i = port_place(bridge, port->ofport);
    memmove(&bridge->ports[i + 1], &bridge->ports[i], (bridge->n_ports - i) * sizeof *bridge->ports);
    bridge->ports[i] = port;
    bridge->n_ports++;
}

static void port_leave(struct world *world, struct world_port *port)
{
    struct world_bridge *bridge = bridge_find(world, port->bridge);
    size_t i = 0;
    while (bridge->ports[i] != port) {
        i++;
    }
    bridge->n_ports--;
    memmove(&bridge->ports[i], &bridge->ports[i + 1], (bridge->n_ports - i) * sizeof *bridge->ports);
    change_add(world, CHANGE_BRIDGE, bridge->id);
    bridge_unnamed(world, bridge);
}

static struct world_port *port_find(const struct world *world, uint32_t id)
{
    struct world_port *port;
    HASH_FIND(hh, world->ports, &id, sizeof id, port);
    return port;
}

static void vlan_set(uint64_t *set, uint32_t vlan)
{
    set[vlan % 4096 / 64] |= 1ull << (vlan % 64);
}

static bool vlan_has(const uint64_t *set, uint16_t vlan)
{
    return (set[vlan / 64] >> (vlan % 64) & 1) != 0;
}

/* A native VLAN is always carried. */
static void port_take_vlans(struct world_port *port, const struct world_port_settings *settings)
{
    enum vlan_mode implicit = settings->tag != VLAN_NONE ? VLAN_MODE_ACCESS : VLAN_MODE_TRUNK;
    port->vlan_mode = settings->vlan_mode != VLAN_MODE_UNSET ? settings->vlan_mode : implicit;
    port->tag = settings->tag != VLAN_NONE ? settings->tag : 0;
    port->has_trunks = settings->n_trunks > 0;
    port->has_cvlans = settings->n_cvlans > 0;
    memset(port->trunks, 0, sizeof port->trunks);
    memset(port->cvlans, 0, sizeof port->cvlans);
    for (size_t i = 0; i < settings->n_trunks; i++) {
        vlan_set(port->trunks, settings->trunks[i]);
    }
    for (size_t i = 0; i < settings->n_cvlans; i++) {
        vlan_set(port->cvlans, settings->cvlans[i]);
    }
    if (port->vlan_mode == VLAN_MODE_NATIVE_TAGGED || port->vlan_mode == VLAN_MODE_NATIVE_UNTAGGED) {
        vlan_set(port->trunks, port->tag);
    }
}

static bool port_same_vlans(const struct world_port *a, const struct world_port *b)
{
    return a->vlan_mode == b->vlan_mode && a->tag == b->tag && a->has_trunks == b->has_trunks && a->has_cvlans == b->has_cvlans &&
           memcmp(a->trunks, b->trunks, sizeof a->trunks) == 0 && memcmp(a->cvlans, b->cvlans, sizeof a->cvlans) == 0;
}

static void port_take_settings(struct world_port *port, const struct world_port_settings *settings)
{
    free(port->name);
    free(port->peer);
    port->name = memory_string(settings->name);
    port->peer = settings->peer != NULL ? memory_string(settings->peer) : NULL;
    port->bridge = settings->bridge;
    port->ofport = settings->ofport;
    port->config = settings->config;
    port_take_vlans(port, settings);
}

/* The bridge at the other end, as far as this end names it: what it sends here goes elsewhere now. */
static void peer_changed(struct world *world, const char *peer)
{
    struct world_port *other = NULL;
    if (peer != NULL) {
        HASH_FIND(hh_name, world->ports_by_name, peer, strlen(peer), other);
    }
    if (other != NULL) {
        change_add(world, CHANGE_BRIDGE, other->bridge);
    }
}

void world_set_port(struct world *world, uint32_t id, const struct world_port_settings *settings)
{
    struct world_bridge *bridge = bridge_named_by(world, settings->bridge);
    struct world_port *port = port_find(world, id);
    if (port == NULL) {
        port = memory_zeroed(sizeof *port);
        port->id = id;
        port->is_up = true;
        HASH_ADD(hh, world->ports, id, sizeof port->id, port);
    } else {
        struct world_port wanted = {0};
        port_take_vlans(&wanted, settings);
        peer_changed(world, port->peer);
        HASH_DELETE(hh_name, world->ports_by_name, port);
        if (!port_same_vlans(port, &wanted) || port->bridge != settings->bridge) {
            change_add(world, CHANGE_PORT_GONE, port->bridge)->port = id;
        }
        port_leave(world, port);
        bridge = bridge_named_by(world, settings->bridge);
    }
    port_take_settings(port, settings);
    HASH_ADD_KEYPTR(hh_name, world->ports_by_name, port->name, strlen(port->name), port);
    peer_changed(world, port->peer);
    port_join(bridge, port);
    change_add(world, CHANGE_BRIDGE, bridge->id);
}

void world_remove_port(struct world *world, uint32_t id)
{
    struct world_port *port = port_find(world, id);
    if (port != NULL) {
        change_add(world, CHANGE_PORT_GONE, port->bridge)->port = id;
        peer_changed(world, port->peer);
        port_leave(world, port);
        HASH_DELETE(hh, world->ports, port);
        HASH_DELETE(hh_name, world->ports_by_name, port);
        free(port->name);
        free(port->peer);
        free(port);
    }
}

void world_set_link(struct world *world, uint32_t id, bool is_up)
{
    struct world_port *port = port_find(world, id);
    if (port != NULL && port->is_up != is_up) {
        port->is_up = is_up;
        change_add(world, CHANGE_GROUPS, port->bridge);
    }
}

/* ---- controllers ---- */

static struct world_controller *controller_find(const struct world *world, uint64_t id)
{
    struct world_controller *controller;
    HASH_FIND(hh, world->controllers, &id, sizeof id, controller);
    return controller;
}

void world_set_controller(struct world *world, uint64_t id, uint64_t bridge_id)
{
    struct world_controller *controller = controller_find(world, id);
    if (controller != NULL && controller->bridge != bridge_id) {
        world_remove_controller(world, id);
        controller = NULL;
    }
    if (controller == NULL) {
        controller = memory_zeroed(sizeof *controller);
        controller->id = id;
        controller->bridge = bridge_id;
        HASH_ADD(hh, world->controllers, id, sizeof controller->id, controller);
        struct world_bridge *bridge = bridge_named_by(world, bridge_id);
        bridge->n_controllers++;
        bridge_decide_fail_open(world, bridge);
    }
}

void world_remove_controller(struct world *world, uint64_t id)
{
    struct world_controller *controller = controller_find(world, id);
    if (controller != NULL) {
        struct world_bridge *bridge = bridge_find(world, controller->bridge);
        HASH_DELETE(hh, world->controllers, controller);
        free(controller);
        bridge->n_controllers--;
        bridge_decide_fail_open(world, bridge);
        bridge_unnamed(world, bridge);
    }
}

void world_set_controller_status(struct world *world, uint64_t id, bool is_fail_open)
{
    struct world_controller *controller = controller_find(world, id);
    if (controller != NULL && controller->is_fail_open != is_fail_open) {
        controller->is_fail_open = is_fail_open;
        bridge_decide_fail_open(world, bridge_find(world, controller->bridge));
    }
}

/* ---- rules and groups ---- */

static struct world_rule *rule_find(const struct world *world, uint64_t id)
{
    return id_map_find(&world->rules, id);
}

/* The rule as the classifier is to see it. */
static void rule_take_clauses(struct world_rule *rule)
{
    const struct action_list *list = &rule->rule.instructions.apply;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].type != ACTION_CONJUNCTION) {
            continue;
        }
        rule->clauses = memory_resize(rule->clauses, (rule->node.n_clauses + 1) * sizeof *rule->clauses);
        rule->clauses[rule->node.n_clauses++] = (struct classifier_clause){.id = list->items[i].conjunction.id,
                                                                           .clause = list->items[i].conjunction.clause,
                                                                           .n_clauses = list->items[i].conjunction.n_clauses};
    }
    rule->node.clauses = rule->clauses;
}

void world_set_rule(struct world *world, struct rule *taken)
{
    world_remove_rule(world, taken->id);
    struct world_rule *rule = memory_zeroed(sizeof *rule);
    rule->rule = *taken;
    memset(&taken->instructions, 0, sizeof taken->instructions);
    rule->node = (struct classifier_rule){.match = &rule->rule.match, .id = rule->rule.id, .priority = rule->rule.priority};
    rule_take_clauses(rule);
    struct match everything;
    match_init(&everything);
    rule->is_table_miss = rule->rule.priority == 0 && match_equal(&rule->rule.match, &everything);
    struct world_bridge *bridge = bridge_named_by(world, rule->rule.bridge);
    if (bridge->tables[rule->rule.table] == NULL) {
        bridge->tables[rule->rule.table] = classifier_new();
    }
    classifier_insert(bridge->tables[rule->rule.table], &rule->node);
    bridge->n_rules++;
    id_map_put(&world->rules, rule->rule.id, rule);
    struct change *change = change_add(world, CHANGE_RULE, bridge->id);
    change->table = rule->rule.table;
    change->match = rule->rule.match;
}

void world_remove_rule(struct world *world, uint64_t id)
{
    struct world_rule *rule = rule_find(world, id);
    if (rule == NULL) {
        return;
    }
    struct world_bridge *bridge = bridge_find(world, rule->rule.bridge);
    struct classifier **table = &bridge->tables[rule->rule.table];
    classifier_remove(*table, &rule->node);
    if (classifier_count(*table) == 0) {
        classifier_destroy(table);
    }
    (void)id_map_remove(&world->rules, id);
    struct change *change = change_add(world, CHANGE_RULE, bridge->id);
    change->table = rule->rule.table;
    change->match = rule->rule.match;
    rule_fini(&rule->rule);
    free(rule->clauses);
    free(rule);
    bridge->n_rules--;
    bridge_unnamed(world, bridge);
}

static struct world_group *group_find(const struct world *world, uint64_t id)
{
    struct world_group *group;
    HASH_FIND(hh, world->groups, &id, sizeof id, group);
    return group;
}

void world_set_group(struct world *world, struct group *taken)
{
    world_remove_group(world, taken->id);
    struct world_group *group = memory_zeroed(sizeof *group);
    group->id = taken->id;
    group->group = *taken;
    taken->buckets = NULL;
    taken->n_buckets = 0;
    group->name = (struct world_group_name){.bridge = group->group.bridge, .number = group->group.group_id};
    HASH_ADD(hh, world->groups, id, sizeof group->id, group);
    HASH_ADD(hh_name, world->groups_by_name, name, sizeof group->name, group);
    bridge_named_by(world, group->group.bridge)->n_groups++;
    change_add(world, CHANGE_GROUPS, group->group.bridge);
}

void world_remove_group(struct world *world, uint64_t id)
{
    struct world_group *group = group_find(world, id);
    if (group != NULL) {
        struct world_bridge *bridge = bridge_find(world, group->group.bridge);
        HASH_DELETE(hh, world->groups, group);
        HASH_DELETE(hh_name, world->groups_by_name, group);
        group_fini(&group->group);
        free(group);
        bridge->n_groups--;
        change_add(world, CHANGE_GROUPS, bridge->id);
        bridge_unnamed(world, bridge);
    }
}

static struct world_meter *meter_find(const struct world *world, uint64_t id)
{
    struct world_meter *meter;
    HASH_FIND(hh, world->meters, &id, sizeof id, meter);
    return meter;
}

/* A row keeps its bridge and number: what may change of it is for the shards. */
void world_set_meter(struct world *world, uint64_t id, uint64_t bridge, uint32_t meter_id)
{
    if (meter_find(world, id) != NULL) {
        return;
    }
    struct world_meter *meter = memory_zeroed(sizeof *meter);
    meter->id = id;
    meter->name = (struct world_group_name){.bridge = bridge, .number = meter_id};
    HASH_ADD(hh, world->meters, id, sizeof meter->id, meter);
    HASH_ADD(hh_name, world->meters_by_name, name, sizeof meter->name, meter);
    bridge_named_by(world, bridge)->n_meters++;
    change_add(world, CHANGE_METERS, bridge);
}

void world_remove_meter(struct world *world, uint64_t id)
{
    struct world_meter *meter = meter_find(world, id);
    if (meter != NULL) {
        struct world_bridge *bridge = bridge_find(world, meter->name.bridge);
        HASH_DELETE(hh, world->meters, meter);
        HASH_DELETE(hh_name, world->meters_by_name, meter);
        free(meter);
        bridge->n_meters--;
        change_add(world, CHANGE_METERS, bridge->id);
        bridge_unnamed(world, bridge);
    }
}

/* ---- the whole ---- */

void world_init(struct world *world)
{
    memset(world, 0, sizeof *world);
}

void world_fini(struct world *world)
{
    const struct world_rule *rule;
    size_t cursor = 0;
    while ((rule = id_map_any(&world->rules, &cursor)) != NULL) {
        world_remove_rule(world, rule->rule.id);
    }
    id_map_fini(&world->rules);
    while (world->groups != NULL) {
        world_remove_group(world, world->groups->id);
    }
    while (world->meters != NULL) {
        world_remove_meter(world, world->meters->id);
    }
    while (world->ports != NULL) {
        world_remove_port(world, world->ports->id);
    }
    while (world->controllers != NULL) {
        world_remove_controller(world, world->controllers->id);
    }
    while (world->bridges != NULL) {
        bridge_destroy(world, world->bridges);
    }
    free(world->changes);
    memset(world, 0, sizeof *world);
}

void world_clear_changes(struct world *world)
{
    world->n_changes = 0;
}

const struct world_bridge *world_bridge(const struct world *world, uint64_t id)
{
    return bridge_find(world, id);
}

const struct world_bridge *world_bridge_by_name(const struct world *world, const char *name)
{
    const struct world_bridge *bridge = world->bridges;
    while (bridge != NULL && strcmp(bridge->name, name) != 0) {
        bridge = bridge->hh.next;
    }
    return bridge;
}

const struct world_port *world_port(const struct world *world, uint32_t id)
{
    return port_find(world, id);
}

const struct world_port *world_port_by_ofport(const struct world_bridge *bridge, uint32_t ofport)
{
    size_t i = port_place(bridge, ofport);
    return i < bridge->n_ports && bridge->ports[i]->ofport == ofport ? bridge->ports[i] : NULL;
}

const struct world_group *world_group(const struct world *world, uint64_t bridge, uint32_t group_id)
{
    struct world_group_name name = {.bridge = bridge, .number = group_id};
    struct world_group *group;
    HASH_FIND(hh_name, world->groups_by_name, &name, sizeof name, group);
    return group;
}

const struct world_rule *world_rule(const struct world *world, uint64_t id)
{
    return rule_find(world, id);
}

const struct world_group *world_group_by_row(const struct world *world, uint64_t id)
{
    struct world_group *group;
    HASH_FIND(hh, world->groups, &id, sizeof id, group);
    return group;
}

const struct world_meter *world_meter_by_row(const struct world *world, uint64_t id)
{
    struct world_meter *meter;
    HASH_FIND(hh, world->meters, &id, sizeof id, meter);
    return meter;
}

uint64_t world_meter(const struct world *world, uint64_t bridge, uint32_t meter_id)
{
    struct world_group_name name = {.bridge = bridge, .number = meter_id};
    struct world_meter *meter;
    HASH_FIND(hh_name, world->meters_by_name, &name, sizeof name, meter);
    return meter != NULL ? meter->id : 0;
}

bool world_port_is_live(const struct world_port *port)
{
    return port->is_up && (port->config & PORT_CONFIG_DOWN) == 0;
}

bool world_port_in_vlan(const struct world_port *port, uint16_t vlan)
{
    if (port->vlan_mode == VLAN_MODE_ACCESS || port->vlan_mode == VLAN_MODE_TUNNEL) {
        return port->tag == vlan;
    }
    if (vlan == 0 && port->vlan_mode != VLAN_MODE_TRUNK) {
        return port->tag == 0; /* without a tag a packet is in the native VLAN there, so the port carries none that is in no VLAN */
    }
    return !port->has_trunks || vlan_has(port->trunks, vlan);
}

bool world_port_takes_cvlan(const struct world_port *port, uint16_t cvlan)
{
    return !port->has_cvlans || vlan_has(port->cvlans, cvlan);
}

const struct world_port *world_port_peer(const struct world *world, const struct world_port *port)
{
    struct world_port *peer = NULL;
    if (port->peer != NULL) {
        HASH_FIND(hh_name, world->ports_by_name, port->peer, strlen(port->peer), peer);
    }
    return peer != NULL && peer != port && peer->peer != NULL && strcmp(peer->peer, port->name) == 0 ? peer : NULL;
}
