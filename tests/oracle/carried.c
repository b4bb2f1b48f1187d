/* Tags, labels, and the way out; and what datapath actions do to such a packet. See carried.h; written from ovs-actions(7). */
#include "tests/oracle/carried.h"

#include <stdlib.h>

/* The members of the key that mirror the two outermost tags. */
void show_tags(struct packet *packet)
{
    struct flow_key *key = &packet->state.key;
    key->vlan_tci = be16(packet->n_tags > 0 ? packet->tags[0] | KEY_VLAN_PRESENT : 0);
    key->vlan_tpid = be16(packet->n_tags > 0 ? packet->tpids[0] : 0);
    key->vlan2_tci = be16(packet->n_tags > 1 ? packet->tags[1] | KEY_VLAN_PRESENT : 0);
    key->vlan2_tpid = be16(packet->n_tags > 1 ? packet->tpids[1] : 0);
}

void read_tags(struct packet *packet)
{
    const struct flow_key *key = &packet->state.key;
    const struct be16 tcis[2] = {key->vlan_tci, key->vlan2_tci}, tpids[2] = {key->vlan_tpid, key->vlan2_tpid};
    packet->n_tags = 0;
    for (size_t i = 0; i < 2 && (host16(tcis[i]) & KEY_VLAN_PRESENT) != 0; i++) {
        packet->tags[i] = host16(tcis[i]) & (uint16_t)~KEY_VLAN_PRESENT;
        packet->tpids[i] = host16(tpids[i]);
        packet->n_tags++;
    }
}

void push_tag(struct packet *packet, uint16_t tpid, uint16_t tci)
{
    if (packet->n_tags == ORACLE_TAGS_MAX) {
        return; /* the translation gives up long before */
    }
    memmove(packet->tags + 1, packet->tags, packet->n_tags * sizeof packet->tags[0]);
    memmove(packet->tpids + 1, packet->tpids, packet->n_tags * sizeof packet->tpids[0]);
    packet->tags[0] = tci & (uint16_t)~KEY_VLAN_PRESENT;
    packet->tpids[0] = tpid;
    packet->n_tags++;
    show_tags(packet);
}

void pop_tag(struct packet *packet)
{
    if (packet->n_tags > 0) {
        packet->n_tags--;
        memmove(packet->tags, packet->tags + 1, packet->n_tags * sizeof packet->tags[0]);
        memmove(packet->tpids, packet->tpids + 1, packet->n_tags * sizeof packet->tpids[0]);
        show_tags(packet);
    }
}

/* ---- labels ---- */

bool is_mpls(const struct packet *packet)
{
    return field_present(FIELD_MPLS_LABEL, &packet->state);
}

void show_labels(struct packet *packet)
{
    for (size_t i = 0; i < 3; i++) {
        packet->state.key.mpls[i] = be32(i < packet->n_labels ? packet->labels[i] : 0);
    }
}

/* The key of a labelled packet may tell what is behind the labels: IPv4 then. */
void read_labels(struct packet *packet)
{
    const struct flow_key outer = {.recirc_id = packet->state.key.recirc_id, .eth_type = packet->state.key.eth_type};
    packet->n_labels = 0;
    for (size_t i = 0; i < 3 && is_mpls(packet); i++) {
        packet->labels[packet->n_labels++] = host32(packet->state.key.mpls[i]);
        if ((packet->labels[i] & 0x100) != 0) {
            break;
        }
    }
    if (is_mpls(packet)) {
        packet->inner = packet->state.key;
        packet->inner.eth_type = be16(0x0800);
        memset(packet->inner.mpls, 0, sizeof packet->inner.mpls);
        show_inner(packet, &outer);
        show_labels(packet);
    }
}

/* The headers behind Ethernet type and tags become those of `from`. */
void show_inner(struct packet *packet, const struct flow_key *from)
{
    struct flow_key *key = &packet->state.key, shown = *from;
    shown.in_port = key->in_port;
    memcpy(shown.eth_dst, key->eth_dst, 6);
    memcpy(shown.eth_src, key->eth_src, 6);
    *key = shown;
    show_tags(packet);
}

void push_label(struct packet *packet, uint16_t type)
{
    struct flow_key nothing = {0};
    uint32_t label = host32(packet->state.key.mpls[0]) & ~0x100u;
    if (packet->n_labels == ORACLE_LABELS_MAX) {
        return;
    }
    if (!is_mpls(packet)) {
        label = 0x100u | (field_present(FIELD_IP_TTL, &packet->state) ? packet->state.key.ip_ttl : 0);
        packet->inner = packet->state.key;
        packet->n_labels = 0;
        show_inner(packet, &nothing);
    }
    memmove(packet->labels + 1, packet->labels, packet->n_labels * sizeof packet->labels[0]);
    packet->labels[0] = label;
    packet->n_labels++;
    packet->state.key.eth_type = be16(type);
    show_labels(packet);
}

void pop_label(struct packet *packet, uint16_t type)
{
    struct flow_key nothing = {0};
    bool stays_mpls = type == 0x8847 || type == 0x8848;
    bool is_bottom = packet->n_labels > 0 && (packet->labels[0] & 0x100) != 0;
    if (!is_mpls(packet)) {
        return;
    }
    if (packet->n_labels > 0) {
        packet->n_labels--;
        memmove(packet->labels, packet->labels + 1, packet->n_labels * sizeof packet->labels[0]);
    }
    if (!stays_mpls) {
        bool is_seen = is_bottom && host16(packet->inner.eth_type) == type;
        packet->n_labels = 0;
        show_inner(packet, is_seen ? &packet->inner : &nothing);
    }
    packet->state.key.eth_type = be16(type);
    if (!stays_mpls && packet->has_copied_in) {
        packet->state.key.ip_ttl = type == 0x0800 || type == 0x86dd ? packet->copied_in : packet->state.key.ip_ttl;
        packet->has_copied_in = false;
    }
    show_labels(packet);
}

void set_label_ttl(struct packet *packet, size_t i, uint32_t ttl)
{
    if (i < packet->n_labels) {
        packet->labels[i] = (packet->labels[i] & ~0xffu) | (ttl & 0xff);
        show_labels(packet);
    }
}

void copy_ttl(struct packet *packet, bool is_out)
{
    if (!is_mpls(packet)) {
        return;
    }
    if (packet->n_labels > 1) {
        set_label_ttl(packet, is_out ? 0 : 1, packet->labels[is_out ? 1 : 0]);
    } else if (is_out) {
        set_label_ttl(packet, 0, packet->has_copied_in ? packet->copied_in : packet->inner.ip_ttl);
    } else if (packet->n_labels == 1) {
        packet->has_copied_in = true;
        packet->copied_in = (uint8_t)packet->labels[0];
    }
}

void send_to(struct oracle_events *out, const struct packet *packet, uint32_t port)
{
    if (out->n < ORACLE_EVENTS_MAX) {
        struct oracle_event *event = &out->events[out->n++];
        memset(event, 0, sizeof *event);
        event->port = port;
        event->key = packet->state.key;
        event->key.in_port = be32(0);
        memcpy(event->tags, packet->tags, packet->n_tags * sizeof packet->tags[0]);
        event->n_tags = packet->n_tags;
        memcpy(event->labels, packet->labels, packet->n_labels * sizeof packet->labels[0]);
        event->n_labels = packet->n_labels;
        event->max_len = packet->max_len;
    }
}

/* ---- what datapath actions do ---- */

static void execute(const struct dp_action *actions, size_t n_actions, struct packet packet, struct oracle_events *out)
{
    for (size_t i = 0; i < n_actions; i++) {
        const struct dp_action *action = &actions[i];
        switch ((enum dp_action_type)action->type) {
        case DP_ACTION_OUTPUT:
            send_to(out, &packet, action->port);
            packet.max_len = 0;
            break;
        case DP_ACTION_CONTROLLER:
            send_to(out, &packet, 0);
            break;
        case DP_ACTION_SET_FIELD:
            field_set_masked((enum field_id)action->set_field.field, &packet.state, action->set_field.value,
                             action->set_field.mask);
            if (packet.n_tags > 0) {
                packet.tags[0] = host16(packet.state.key.vlan_tci) & (uint16_t)~KEY_VLAN_PRESENT;
            }
            show_tags(&packet);
            packet.labels[0] = packet.n_labels > 0 ? host32(packet.state.key.mpls[0]) : 0;
            break;
        case DP_ACTION_PUSH_VLAN:
            push_tag(&packet, action->push_vlan.tpid, action->push_vlan.tci);
            break;
        case DP_ACTION_POP_VLAN:
            pop_tag(&packet);
            break;
        case DP_ACTION_DEC_TTL:
            packet.state.key.ip_ttl--;
            break;
        case DP_ACTION_CLONE:
            execute(action + 1, action->clone.n_actions, packet, out);
            i += action->clone.n_actions;
            break;
        case DP_ACTION_PUSH_MPLS:
            push_label(&packet, action->ethertype);
            break;
        case DP_ACTION_POP_MPLS:
            pop_label(&packet, action->ethertype);
            break;
        case DP_ACTION_DEC_MPLS_TTL:
            set_label_ttl(&packet, 0, host32(packet.state.key.mpls[0]) - 1);
            break;
        case DP_ACTION_TRUNCATE:
            packet.max_len = action->max_len;
            break;
        case DP_ACTION_HASH:
        case DP_ACTION_RECIRC: /* whoever asks translates the packet again, with its hash, before it comes here */
            abort(); /* no translation has them yet; one that does must say here what they do to a key */
        case DP_ACTION_USERDATA:
        case DP_ACTION_METER: /* the packet is below its rate */
        case DP_ACTION_DROP:
        case DP_ACTION_COUNT:
            break;
        }
    }
}

void oracle_execute(const struct dp_action *actions, size_t n_actions, const struct flow_key *key, struct oracle_events *out)
{
    struct packet packet = {.state.key = *key};
    out->n = 0;
    out->is_too_deep = false;
    read_tags(&packet);
    read_labels(&packet);
    execute(actions, n_actions, packet, out);
}
