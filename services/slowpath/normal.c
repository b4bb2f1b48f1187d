/* NORMAL: the learning switch, per bridge and VLAN.
 *
 *     port mode          packets in                                   packets out
 *     access             without a VLAN, or refused: the tag's        without tag, and no flood of frames that have a second one
 *     trunk              their own, when the port carries it          with the VLAN's tag
 *     native-tagged      as trunk; without one the tag's              as trunk
 *     native-untagged    likewise                                     as trunk, the tag's VLAN without tag
 *     dot1q-tunnel       the tag's, their tags belong to customers    as they came into the tunnel: another tag goes around them on trunks
 *
 * The source is learned behind the port it came in by; the destination
 * goes where it was learned, to all members of the VLAN when it was not. Frames to 01:80:c2:00:00:00-0f stay on their link [IEEE 802.1Q §8.6.3].
 *
 * What a flow made here depends on: the two addresses and the VLAN id (looked at), the lookup of the destination, absence too, and that the
 * source is still behind this port. When the source is learned elsewhere or ages, translation without learning finds it is not here, says
 * "this packet only", and the flow is removed: the next packet misses and is learned. So a host that moves back is noticed though its old flow
 * was exact. The flow credits the source's counter id: its use is the address's use. A destination is not kept alive by those who call it.
 *
 * Outputs that need the packet as it is come first, those that need another tag behind one rewrite of a copy.
 * Cost: two lookups, a flood walks the ports. Thread: the one that translates.
 */
#include "lib/msg/counter_id.h"
#include "services/slowpath/walk.h"

static bool is_multicast(const uint8_t *mac)
{
    return (mac[0] & 1) != 0;
}

static bool is_reserved(const uint8_t *mac)
{
    static const uint8_t prefix[5] = {0x01, 0x80, 0xc2, 0x00, 0x00};
    return memcmp(mac, prefix, sizeof prefix) == 0 && mac[5] <= 0x0f;
}

static bool has_tag(const struct walk *walk)
{
    return (host16(walk->state.key.vlan_tci) & KEY_VLAN_PRESENT) != 0;
}

static uint16_t tag_vid(const struct walk *walk)
{
    return has_tag(walk) ? host16(walk->state.key.vlan_tci) & 0x0fff : 0;
}

/* The packet's VLAN by the port it came in, or VLAN_NONE when the port is not a member. A controller's packet from nowhere has its own. */
static uint16_t vlan_of(const struct walk *walk)
{
    uint16_t vid = tag_vid(walk);
    if (walk->in_port == NULL) {
        return vid;
    }
    switch (walk->in_port->vlan_mode) {
    case VLAN_MODE_ACCESS:
        return vid == 0 ? walk->in_port->tag : VLAN_NONE;
    case VLAN_MODE_TUNNEL:
        return world_port_takes_cvlan(walk->in_port, vid) ? walk->in_port->tag : VLAN_NONE;
    case VLAN_MODE_NATIVE_TAGGED:
    case VLAN_MODE_NATIVE_UNTAGGED:
        vid = vid == 0 ? walk->in_port->tag : vid;
        break;
    case VLAN_MODE_TRUNK:
    case VLAN_MODE_UNSET:
        break;
    }
    return world_port_in_vlan(walk->in_port, vid) ? vid : VLAN_NONE;
}

static bool is_from_tunnel(const struct walk *walk)
{
    return walk->in_port != NULL && walk->in_port->vlan_mode == VLAN_MODE_TUNNEL;
}

/* The VLAN within the VLAN: a customer's. */
static uint16_t inner_vid(struct walk *walk)
{
    struct flow_state mask = {.key.vlan2_tci = be16(KEY_VLAN_PRESENT | 0x0fff)};
    if (is_from_tunnel(walk) || !has_tag(walk)) {
        return tag_vid(walk);
    }
    walk_look(walk, &mask);
    return host16(walk->state.key.vlan2_tci) & 0x0fff;
}

/* Does a flood of the VLAN reach the port? Behind an access port nobody understands tags, so what would leave with one does not; who was learned there
 * gets it all the same. */
static bool is_member(struct walk *walk, const struct world_port *port, uint16_t vlan)
{
    if (!world_port_in_vlan(port, vlan)) {
        return false;
    }
    if (port->vlan_mode == VLAN_MODE_ACCESS) {
        return inner_vid(walk) == 0;
    }
    return port->vlan_mode != VLAN_MODE_TUNNEL || !port->has_cvlans || world_port_takes_cvlan(port, inner_vid(walk));
}

static void learn(struct walk *walk, const struct mac_name *source)
{
    if (walk->in_port == NULL || is_multicast(source->mac)) {
        return;
    }
    uint32_t port = walk->in_port->id;
    struct mac_table *macs = walk->input->macs;
    bool learns = walk->input->learning == TRANSLATE_LEARN ||
                  (walk->input->learning == TRANSLATE_LEARN_UNKNOWN && mac_table_find(macs, source) == NULL);
    if (learns) {
        (void)mac_table_learn(macs, source, port, walk->bridge->mac_limit, walk->input->now_ns);
    }
    const struct mac_entry *entry = mac_table_find(macs, source);
    if (entry == NULL || entry->port != port) {
        walk->out->is_single = true;
        return;
    }
    walk_need_mac(walk, source, port);
    walk_count(walk, counter_id(COUNTER_MAC, mac_number(source)));
}

/* Does a packet of this VLAN leave the port with a tag? */
static bool wants_tag(const struct world_port *port, uint16_t vlan)
{
    switch (port->vlan_mode) {
    case VLAN_MODE_ACCESS:
    case VLAN_MODE_TUNNEL:
        return false;
    case VLAN_MODE_NATIVE_UNTAGGED:
        return vlan != 0 && vlan != port->tag;
    case VLAN_MODE_NATIVE_TAGGED:
    case VLAN_MODE_TRUNK:
    case VLAN_MODE_UNSET:
        break;
    }
    return vlan != 0;
}

static bool is_as_wanted(const struct walk *walk, bool tagged, uint16_t vlan)
{
    if (is_from_tunnel(walk)) {
        return !tagged; /* its tags are the customer's */
    }
    return tagged ? has_tag(walk) && tag_vid(walk) == vlan : !has_tag(walk);
}

static void retag(struct walk *walk, bool tagged, uint16_t vlan)
{
    if (!tagged) {
        perform_pop_vlan(walk);
    } else if (is_from_tunnel(walk)) {
        perform_push_vlan(walk, 0x88a8, vlan);
    } else if (has_tag(walk)) {
        struct field_value vid = field_value_u64(vlan | KEY_VLAN_PRESENT);
        perform_set_field(walk, FIELD_VLAN_VID, vid, field_all_ones(FIELD_VLAN_VID));
    } else {
        perform_push_vlan(walk, 0x8100, vlan);
    }
}

/* To those of the ports that want the packet with the VLAN's tag, or to those that want none. */
static void send_form(struct walk *walk, const struct world_port *const *ports, size_t n, uint16_t vlan, bool tagged)
{
    struct walk_copy copy;
    bool needs_copy = !is_as_wanted(walk, tagged, vlan), has_begun = false;
    for (size_t i = 0; i < n; i++) {
        if (wants_tag(ports[i], vlan) != tagged) {
            continue;
        }
        if (needs_copy && !has_begun) {
            walk_begin_copy(walk, &copy);
            retag(walk, tagged, vlan);
            has_begun = true;
        }
        output_to(walk, ports[i]);
    }
    if (has_begun) {
        walk_end_copy(walk, &copy);
    }
}

static void send(struct walk *walk, const struct world_port *const *ports, size_t n, uint16_t vlan)
{
    bool first = is_as_wanted(walk, true, vlan);
    send_form(walk, ports, n, vlan, first);
    send_form(walk, ports, n, vlan, !first);
}

static void flood(struct walk *walk, uint16_t vlan)
{
    const struct world_port *members[DP_ACTIONS_MAX];
    size_t n = 0;
    walk->out->work += 2 * (unsigned)walk->bridge->n_ports;
    for (size_t i = 0; i < walk->bridge->n_ports; i++) {
        const struct world_port *port = walk->bridge->ports[i];
        if (port == walk->in_port || (port->config & PORT_CONFIG_NO_FLOOD) != 0 || !is_member(walk, port, vlan)) {
            continue;
        }
        if (n == DP_ACTIONS_MAX) {
            walk_refuse(walk, DROP_PIPELINE_LIMIT);
            return;
        }
        members[n++] = port;
    }
    walk_trace(walk, "NORMAL: flood in VLAN %u", vlan);
    send(walk, members, n, vlan);
}

static void forward(struct walk *walk, uint16_t vlan)
{
    struct mac_name target = {.bridge = walk->bridge->id, .vlan = vlan};
    memcpy(target.mac, walk->state.key.eth_dst, sizeof target.mac);
    if (is_multicast(target.mac)) {
        flood(walk, vlan);
        return;
    }
    const struct mac_entry *entry = mac_table_find(walk->input->macs, &target);
    const struct world_port *port = entry != NULL ? world_port(walk->input->world, entry->port) : NULL;
    walk_need_mac(walk, &target, entry != NULL ? entry->port : 0);
    if (port == NULL || port->bridge != walk->bridge->id || !world_port_in_vlan(port, vlan)) {
        flood(walk, vlan);
    } else if (port == walk->in_port) {
        walk->reason = DROP_MAC_ON_INPUT_PORT;
        walk_trace(walk, "NORMAL: the destination is on the input port");
    } else {
        walk_trace(walk, "NORMAL: the destination was learned on port %u", port->ofport);
        send(walk, &port, 1, vlan);
    }
}

void normal_perform(struct walk *walk)
{
    struct flow_state mask = {0};
    memset(mask.key.eth_src, 0xff, sizeof mask.key.eth_src);
    memset(mask.key.eth_dst, 0xff, sizeof mask.key.eth_dst);
    mask.key.vlan_tci = be16(KEY_VLAN_PRESENT | 0x0fff);
    walk_look(walk, &mask);
    if (walk->is_over) {
        return;
    }
    uint16_t vlan = vlan_of(walk);
    if (vlan == VLAN_NONE) {
        walk->reason = DROP_VLAN_NOT_MEMBER;
        walk_trace(walk, "NORMAL: port %u is not in VLAN %u", host32(walk->state.key.in_port), tag_vid(walk));
        return;
    }
    if (is_reserved(walk->state.key.eth_dst)) {
        walk->reason = DROP_RESERVED_ADDRESS;
        walk_trace(walk, "NORMAL: reserved address");
        return;
    }
    struct mac_name source = {.bridge = walk->bridge->id, .vlan = vlan};
    memcpy(source.mac, walk->state.key.eth_src, sizeof source.mac);
    learn(walk, &source);
    forward(walk, vlan);
}
