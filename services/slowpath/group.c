/* Groups: which buckets a packet goes through, each with a copy of it [OF1.3.5 §5.6].
 *
 * all: every bucket; indirect: the first; fast failover: the first whose watched port or group lives; select: one of the living by weight,
 * chosen by the flow hash, so that a connection stays where it is and, when a bucket dies, or goes, only its own connections move (each bucket
 * draws from the hash and its number; the best draw over the weight wins). The bits the hash is made of are looked at, so such a group costs a flow
 * per connection direction; by a hash over chosen fields one for each of their values; by the datapath's hash one for each value of a few
 * of its bits, for a second lookup of every packet.
 * A bucket's actions are an action set. Buckets with groups nest, up to the depth of translate.h. Groups may watch groups, also in a
 * circle: what a translation looks at for that is bounded, and what lies beyond is dead. Thread: the one that translates.
 */
#include <math.h>

#include "lib/msg/counter_id.h"
#include "services/slowpath/walk.h"

enum { DP_HASH_BITS_MAX = 12 /* flows of one group and one packet's mask: 4,096 at most */ };

static bool group_is_live(struct walk *walk, uint32_t group_id, unsigned depth);

static bool bucket_is_live(struct walk *walk, const struct bucket *bucket, unsigned depth)
{
    bool watches = false, is_live = false;
    if (bucket->watch_port != PORT_ANY) {
        const struct world_port *port = world_port_by_ofport(walk->bridge, bucket->watch_port);
        watches = true;
        is_live = port != NULL && world_port_is_live(port);
    }
    if (bucket->watch_group != GROUP_ANY) {
        watches = true;
        is_live = is_live || group_is_live(walk, bucket->watch_group, depth);
    }
    return !watches || is_live;
}

static bool group_is_live(struct walk *walk, uint32_t group_id, unsigned depth)
{
    const struct world_group *group = world_group(walk->input->world, walk->bridge->id, group_id);
    if (group == NULL || depth >= TRANSLATE_DEPTH_MAX) {
        return false;
    }
    for (size_t i = 0; i < group->group.n_buckets; i++) {
        if (walk->n_watched >= TRANSLATE_RESUBMITS_MAX) {
            return false;
        }
        walk->n_watched++;
        if (bucket_is_live(walk, &group->group.buckets[i], depth + 1)) {
            return true;
        }
    }
    return false;
}

static void bucket_perform(struct walk *walk, const struct world_group *group, size_t i)
{
    walk_count(walk, counter_id(COUNTER_BUCKET, group->id << 16 | group->group.buckets[i].counter));
    walk_trace(walk, "group %u: bucket %zu", group->group.group_id, i);
    struct walk_copy copy;
    walk_begin_copy(walk, &copy);
    struct action_set set;
    action_set_clear(&set);
    action_set_write(walk, &set, &group->group.buckets[i].actions);
    walk->depth++;
    action_set_perform(walk, &set, PACKET_IN_GROUP);
    bool resubmits = set.resubmits;
    if (resubmits) { /* what is written in those tables is done at the end, by the packet itself, as in Open vSwitch */
        action_set_copy(&set, &walk->set);
    }
    pause_end(walk);
    walk_end_copy(walk, &copy);
    if (resubmits && !walk_is_void(walk)) {
        action_set_copy(&walk->set, &set);
    }
}

/* What key_flow_hash() reads. */
static uint32_t look_at_flow_hash(struct walk *walk)
{
    struct flow_state mask = {0};
    struct flow_key *key = &mask.key;
    key->vlan_tci = be16(0x0fff);
    key->eth_type = be16(0xffff);
    uint16_t eth_type = host16(walk->state.key.eth_type);
    if (eth_type == 0x0800 || eth_type == 0x86dd) {
        key->ip_frag = key->ip_proto = 0xff;
        key->l4_src = key->l4_dst = be16(0xffff);
        memset(key->ip_src, 0xff, sizeof key->ip_src);
        memset(key->ip_dst, 0xff, sizeof key->ip_dst);
    } else {
        memset(key->eth_src, 0xff, sizeof key->eth_src);
        memset(key->eth_dst, 0xff, sizeof key->eth_dst);
        key->mpls[0] = be32(UINT32_MAX);
    }
    walk_look(walk, &mask);
    return key_flow_hash(&walk->state.key);
}

static uint64_t mix(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0xd6e8feb86659fd93ull;
    return hash ^ hash >> 32;
}

/* Of the listed fields, those that the packet has. */
static uint32_t look_at_fields(struct walk *walk, const struct group *group)
{
    uint64_t hash = group->selection_param;
    for (size_t i = 0; i < group->n_fields; i++) {
        const struct group_hash_field *field = &group->fields[i];
        if (!walk_has_field(walk, field->field)) {
            continue;
        }
        struct flow_state mask = {0};
        field_set(field->field, &mask, field->mask);
        walk_look(walk, &mask);
        struct field_value value = field_get(field->field, &walk->state);
        uint64_t words[2];
        for (size_t b = 0; b < sizeof value.bytes; b++) {
            value.bytes[b] &= field->mask.bytes[b];
        }
        memcpy(words, value.bytes, sizeof words);
        hash = mix(mix(mix(hash, (uint64_t)field->field + 1), words[0]), words[1]);
    }
    return (uint32_t)(hash >> 16);
}

/* A draw of each living bucket from the hash; the best over the weight wins. n_buckets: there is none. */
static size_t draw_bucket(struct walk *walk, const struct group *group, uint32_t hash)
{
    size_t best = group->n_buckets;
    double best_score = 0;
    for (size_t i = 0; i < group->n_buckets; i++) {
        if (group->buckets[i].weight == 0 || !bucket_is_live(walk, &group->buckets[i], 0)) {
            continue;
        }
        uint64_t draw = (hash ^ ((uint64_t)group->buckets[i].bucket_id + 1) * 0x9e3779b97f4a7c15ull) * 0xd6e8feb86659fd93ull;
        draw = (draw ^ draw >> 32) * 0xd6e8feb86659fd93ull;
        double unit = ((double)(draw >> 11) + 0.5) / 9007199254740992.0; /* in (0, 1) */
        double score = group->buckets[i].weight / -log(unit);
        if (best == group->n_buckets || score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

/* How many bits of the datapath hash the group needs: 16 values a bucket, and one at least for the lightest. */
static unsigned hash_bits(const struct group *group, uint64_t *out_total)
{
    uint64_t total = 0, lightest = UINT64_MAX, n = 0;
    for (size_t i = 0; i < group->n_buckets; i++) {
        uint64_t weight = group->buckets[i].weight;
        total += weight;
        n += weight > 0;
        lightest = weight > 0 && weight < lightest ? weight : lightest;
    }
    uint64_t wanted = total > lightest * 16 * n ? total / lightest : 16 * n;
    unsigned n_bits = 4;
    while (n_bits < DP_HASH_BITS_MAX && 1ull << n_bits < wanted) {
        n_bits++;
    }
    *out_total = total;
    return n_bits;
}

/* The values of the hash are dealt out by weight, to the dead too; theirs are drawn for among the living. So one flow serves all connections of a
 * value, and those of the living stay where they are when another dies. Bits from another place for each group: chains do not choose alike. */
static size_t bucket_of_datapath_hash(struct walk *walk, const struct group *group)
{
    uint64_t total, dealt = 0;
    uint32_t value;
    unsigned n_bits = hash_bits(group, &total);
    unsigned shift = (unsigned)(group->group_id * 0x9e3779b1u >> 16) % (33 - n_bits);
    if (total == 0 || !walk_hash_bits(walk, shift, n_bits, &value)) {
        return group->n_buckets;
    }
    value ^= (uint32_t)group->selection_param & ((1u << n_bits) - 1);
    size_t owner = 0;
    while ((dealt += group->buckets[owner].weight) << n_bits <= value * total) {
        owner++;
    }
    return bucket_is_live(walk, &group->buckets[owner], 0) ? owner : draw_bucket(walk, group, value * 0x9e3779b1u);
}

static size_t select_bucket(struct walk *walk, const struct group *group)
{
    switch (group->selection) {
    case GROUP_SELECTION_HASH:
        if (group->n_fields > 0) {
            return draw_bucket(walk, group, look_at_fields(walk, group));
        }
        break;
    case GROUP_SELECTION_DP_HASH:
        return bucket_of_datapath_hash(walk, group);
    case GROUP_SELECTION_DEFAULT:
    case GROUP_SELECTION_COUNT:
        break;
    }
    return draw_bucket(walk, group, look_at_flow_hash(walk));
}

static size_t first_live_bucket(struct walk *walk, const struct group *group)
{
    size_t i = 0;
    while (i < group->n_buckets && !bucket_is_live(walk, &group->buckets[i], 0)) {
        i++;
    }
    return i;
}

void group_perform(struct walk *walk, uint32_t group_id)
{
    const struct world_group *found = world_group(walk->input->world, walk->bridge->id, group_id);
    walk->out->uses_groups = true;
    if (walk->depth >= TRANSLATE_DEPTH_MAX || ++walk->n_resubmits >= TRANSLATE_RESUBMITS_MAX) {
        walk_refuse(walk, DROP_PIPELINE_LIMIT);
        return;
    }
    if (found == NULL) {
        walk_trace(walk, "group %u: there is none", group_id);
        return;
    }
    walk_count(walk, counter_id(COUNTER_GROUP, found->id));
    const struct group *group = &found->group;
    size_t chosen = 0;
    switch (group->type) {
    case GROUP_TYPE_ALL:
        for (size_t i = 0; i < group->n_buckets && !walk_is_void(walk); i++) {
            bucket_perform(walk, found, i);
        }
        return;
    case GROUP_TYPE_SELECT:
        chosen = select_bucket(walk, group);
        break;
    case GROUP_TYPE_INDIRECT:
        break;
    case GROUP_TYPE_FF:
        chosen = first_live_bucket(walk, group);
        break;
    }
    if (chosen < group->n_buckets) {
        bucket_perform(walk, found, chosen);
    }
}
