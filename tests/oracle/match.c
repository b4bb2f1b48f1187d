/* Generator of random matches: a protocol first, then any of the fields that it allows.
 *
 * Nothing is known here about which field needs what: a field is tried, and stays when its prerequisite is met and it does not
 * share bits with one that is there. So a new row of fields.def is generated at once. Tests only; deterministic for a seed.
 */
#include "tests/oracle/match.h"

static bool chance(struct random *random, unsigned percent)
{
    return random_below(random, 100) < percent;
}

static struct field_value random_value(struct random *random)
{
    struct field_value value;
    for (size_t i = 0; i < sizeof value.bytes; i++) {
        value.bytes[i] = (uint8_t)random_u64(random);
    }
    return value;
}

/* Prefixes, bit patterns and single bits. */
static struct field_value random_mask(struct random *random, enum field_id id)
{
    struct field_value mask = field_all_ones(id);
    uint64_t kind = random_below(random, 3);
    struct field_value noise = random_value(random);
    unsigned keep = (unsigned)random_below(random, field_table[id].bits + 1u);
    for (unsigned i = 0; i < 128; i++) {
        unsigned from_right = 127 - i;
        bool clear = kind == 0 ? from_right < keep : kind == 1 ? (noise.bytes[i / 8] >> i % 8 & 1) != 0 : from_right != keep;
        if (clear) {
            mask.bytes[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
        }
    }
    return mask;
}

static void set_protocol(struct random *random, struct match *match)
{
    static const uint16_t types[] = {0x0800, 0x86dd, 0x0806, 0x8035, 0x8847, 0x8848, 0x88cc, 0x05ff};
    static const uint8_t protos[] = {1, 2, 6, 17, 58, 132, 47, 0};
    if (chance(random, 15)) {
        return;
    }
    uint16_t type = types[random_below(random, chance(random, 70) ? 2 : 8)];
    match_set(match, FIELD_ETH_TYPE, field_value_u64(type));
    if ((type == 0x0800 || type == 0x86dd) && chance(random, 80)) {
        match_set(match, FIELD_IP_PROTO, field_value_u64(protos[random_below(random, sizeof protos)]));
    }
    if (field_prerequisite_met(FIELD_ICMPV6_TYPE, &match->value, &match->mask) && chance(random, 70)) {
        match_set(match, FIELD_ICMPV6_TYPE, field_value_u64(135 + random_below(random, 2)));
        match_set(match, FIELD_ICMPV6_CODE, field_value_u64(0));
    }
}

static bool is_free(const struct match *match, enum field_id id)
{
    return field_value_is_zero(field_get(id, &match->mask)) && field_prerequisite_met(id, &match->value, &match->mask);
}

struct match match_random(struct random *random)
{
    struct match match;
    unsigned percent = (unsigned)random_below(random, 60);

    match_init(&match);
    set_protocol(random, &match);
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        enum field_id id = (enum field_id)i;
        if (!chance(random, percent) || id == FIELD_ETH_TYPE || id == FIELD_IP_PROTO || id == FIELD_PACKET_TYPE || !is_free(&match, id)) {
            continue;
        }
        if (field_table[i].mask_rule == FIELD_MASK_ANY && chance(random, 50)) {
            match_set_masked(&match, id, random_value(random), random_mask(random, id));
        } else {
            match_set(&match, id, random_value(random));
        }
    }
    return match;
}
