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
    if (!bridge->has_row && !bridge->drops_fragments && !bridge->tells_misses && bridge->n_ports == 0 && bridge->n_rules == 0 && bridge->n_groups == 0 &&
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

void world_set_misses(struct world *world, uint64_t id, bool tells_misses)
{
    struct world_bridge *bridge = tells_misses ? bridge_named_by(world, id) : bridge_find(world, id);
    if (bridge != NULL && bridge->tells_misses != tells_misses) {
        bridge->tells_misses = tells_misses;
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

static size_t count_clauses(const struct action_list *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->count; i++) {
        n += list->items[i].type == ACTION_CONJUNCTION;
    }
    return n;
}

static void take_clauses(const struct action_list *list, struct classifier_clause *out_clauses)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].type == ACTION_CONJUNCTION) {
            *out_clauses++ = (struct classifier_clause){.id = list->items[i].conjunction.id,
                                                        .clause = list->items[i].conjunction.clause,
                                                        .n_clauses = list->items[i].conjunction.n_clauses};
        }
    }
}

static struct action_list list_at(struct action **place, const struct action_list *list)
{
    struct action_list copy = {.items = list->count > 0 ? *place : NULL, .count = list->count};
    if (list->count > 0) {
        memcpy(copy.items, list->items, list->count * sizeof *list->items);
        *place += list->count;
    }
    return copy;
}

/*     rule | words of its match | the match, of one with clauses | actions to apply, to write | clauses
 *
 * One piece, as a million of them are made at a start. */
static struct world_rule *rule_new(const struct rule *rule)
{
    const struct instructions *in = &rule->instructions;
    size_t n_words = packed_match_words(&rule->match), n_clauses = count_clauses(&in->apply);
    size_t n_bytes = sizeof(struct world_rule) + n_words * sizeof(struct packed_word) + (n_clauses > 0 ? sizeof(struct match) : 0) +
                     (in->apply.count + in->write.count) * sizeof(struct action) + n_clauses * sizeof(struct classifier_clause);
    struct world_rule *new = memory_resize(NULL, n_bytes);
    *new = (struct world_rule){.node = {.id = rule->id, .priority = rule->priority, .n_clauses = (uint32_t)n_clauses},
                               .bridge = rule->bridge,
                               .cookie = rule->cookie,
                               .instructions = *in,
                               .idle_timeout_s = rule->idle_timeout_s,
                               .hard_timeout_s = rule->hard_timeout_s,
                               .importance = rule->importance,
                               .flags = rule->flags,
                               .table = rule->table,
                               .is_table_miss = rule->priority == 0 && n_words == 0};
    packed_match_of(&rule->match, &new->match);
    struct match *whole = (struct match *)(new->match.words + n_words);
    struct action *place = (struct action *)(n_clauses > 0 ? whole + 1 : whole);
    new->instructions.apply = list_at(&place, &in->apply);
    new->instructions.write = list_at(&place, &in->write);
    if (n_clauses > 0) {
        *whole = rule->match;
        take_clauses(&in->apply, (struct classifier_clause *)place);
        new->node.clauses = (struct classifier_clause *)place;
    }
    return new;
}

static const struct match *whole_match(const struct world_rule *rule)
{
    return (const struct match *)(rule->match.words + packed_match_count(&rule->match));
}

struct rule world_rule_model(const struct world_rule *rule)
{
    struct rule model = {.id = rule->node.id,
                         .bridge = rule->bridge,
                         .instructions = rule->instructions,
                         .cookie = rule->cookie,
                         .priority = (uint16_t)rule->node.priority,
                         .idle_timeout_s = rule->idle_timeout_s,
                         .hard_timeout_s = rule->hard_timeout_s,
                         .importance = rule->importance,
                         .flags = rule->flags,
                         .table = rule->table};
    packed_match_read(&rule->match, &model.match);
    return model;
}

static void rule_changed(struct world *world, struct world_bridge *bridge, const struct world_rule *rule)
{
    uint64_t *tables = &bridge->changed_tables[rule->table / 64], bit = 1ull << rule->table % 64;
    if ((*tables & bit) != 0) {
        return;
    }
    bool is_matched = world->n_changes < CHANGES_MATCHED_MAX;
    struct change *change = change_add(world, CHANGE_RULE, bridge->id);
    change->table = rule->table;
    if (!is_matched) {
        *tables |= bit;
        return;
    }
    uint32_t left = rule->match.used & ((1u << KEY_WORDS) - 1);
    for (size_t n = 0; left != 0 && n < CHANGE_WORDS; n++, left &= left - 1) { /* the words of the key come first in both */
        change->match[n] = rule->match.words[n];
        change->match_used |= left & -left;
    }
}

void world_set_rule(struct world *world, const struct rule *taken)
{
    if (taken->id <= world->rule_max) {
        world_remove_rule(world, taken->id);
    }
    world->rule_max = taken->id > world->rule_max ? taken->id : world->rule_max;
    struct world_rule *rule = rule_new(taken);
    rule->node.match = rule->node.n_clauses > 0 ? whole_match(rule) : &taken->match;
    struct world_bridge *bridge = bridge_named_by(world, rule->bridge);
    if (bridge->tables[rule->table] == NULL) {
        bridge->tables[rule->table] = classifier_new();
    }
    classifier_insert(bridge->tables[rule->table], &rule->node);
    rule->node.match = rule->node.n_clauses > 0 ? whole_match(rule) : NULL;
    bridge->n_rules++;
    id_map_put(&world->rules, rule->node.id, rule);
    rule_changed(world, bridge, rule);
}

void world_remove_rule(struct world *world, uint64_t id)
{
    struct world_rule *rule = rule_find(world, id);
    if (rule == NULL) {
        return;
    }
    struct match match;
    packed_match_read(&rule->match, &match);
    rule->node.match = &match;
    struct world_bridge *bridge = bridge_find(world, rule->bridge);
    struct classifier **table = &bridge->tables[rule->table];
    classifier_remove(*table, &rule->node);
    if (classifier_count(*table) == 0) {
        classifier_destroy(table);
    }
    (void)id_map_remove(&world->rules, id);
    rule_changed(world, bridge, rule);
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
        world_remove_rule(world, rule->node.id);
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
    for (struct world_bridge *bridge = world->n_changes > CHANGES_MATCHED_MAX ? world->bridges : NULL; bridge != NULL; bridge = bridge->hh.next) {
        memset(bridge->changed_tables, 0, sizeof bridge->changed_tables);
    }
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
