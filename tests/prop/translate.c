/* Masks of translations (I2): random rules in four tables with rewrites, registers, resubmits, groups and NORMAL; for random packets every bit
 * that the mask leaves out is flipped, and the decision is the same: actions, counters, MAC lookups. Then tables of
 * 300 to 3,000 rules over as many masks as people and programs write, which come and go: what the classifier does for all tuples at once. */
#include "tests/prop/random_tables.h"

enum { N_WORLDS = 30, N_PACKETS = 8 };
enum { N_LARGE_WORLDS = 4, N_LARGE_RULES_MIN = 300, N_LARGE_RULES_MAX = 3000, N_LARGE_ROUNDS = 3, N_LARGE_PACKETS = 6 };

static bool same_macs(const struct translation *a, const struct translation *b)
{
    bool same = a->n_macs == b->n_macs;
    for (size_t i = 0; same && i < a->n_macs; i++) {
        const struct mac_name *x = &a->macs[i].name, *y = &b->macs[i].name;
        same = x->bridge == y->bridge && x->vlan == y->vlan && memcmp(&x->mac, &y->mac, sizeof x->mac) == 0 && a->macs[i].port == b->macs[i].port;
    }
    return same;
}

static void check_same(const struct translation *a, const struct translation *b, size_t bit)
{
    bool same = dp_actions_equal(a->actions, a->n_actions, b->actions, b->n_actions) && a->n_counters == b->n_counters &&
                memcmp(a->counters, b->counters, a->n_counters * sizeof *a->counters) == 0 && same_macs(a, b) &&
                a->is_single == b->is_single && a->needs_more == b->needs_more;
    if (!same) {
        char *left = dp_actions_format(a->actions, a->n_actions, NULL),
             *right = dp_actions_format(b->actions, b->n_actions, NULL);
        fail_msg("bit %zu (byte %zu of the key) is outside the mask and matters: %s / %s", bit, bit / 8, left, right);
    }
}

static void flip_all(struct fixture *f, struct random *r, const struct flow_key *key, struct translation *other)
{
    struct translate_input input = fixture_input(f, false);
    translate_key(&input, key, &f->translation);
    for (size_t bit = 0; bit < sizeof *key * 8; bit++) {
        struct flow_key flipped = *key;
        if ((((const uint8_t *)&f->translation.mask)[bit / 8] >> (bit % 8) & 1) == 0) {
            ((uint8_t *)&flipped)[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            translate_key(&input, &flipped, other);
            check_same(&f->translation, other, bit);
        }
    }
    for (int i = 0; i < 20; i++) {
        struct flow_key flipped = *key;
        for (size_t w = 0; w < KEY_WORDS; w++) {
            key_set_word(&flipped, w, key_word(key, w) ^ (random_u64(r) & ~key_word(&f->translation.mask, w)));
        }
        translate_key(&input, &flipped, other);
        check_same(&f->translation, other, sizeof *key * 8);
    }
}

static void bits_outside_the_mask_do_not_matter(void **state)
{
    (void)state;
    struct random r;
    random_seed(&r, seed_of_run());
    for (int w = 0; w < N_WORLDS; w++) {
        struct fixture f;
        struct translation other = {0};
        fixture_open(&f);
        fixture_bridge(&f, random_below(&r, 2) == 0);
        random_ports(&f, &r, random_below(&r, 2) == 0);
        random_groups(&f, &r);
        for (int i = 0; i < N_RULES; i++) {
            random_rule(&f, &r);
        }
        random_pop(&f, &r);
        for (int i = 0; i < N_PACKETS; i++) {
            struct flow_key key = random_key(&r);
            struct translate_input learning = fixture_input(&f, true);
            translate_key(&learning, &key, &other);
            flip_all(&f, &r, &key, &other);
            for (int again = 0; f.translation.needs_more; again++) { /* and when it comes back with its hash, or with what labels cover */
                assert_in_range(again, 0, 1);
                key = translate_again(&f.translation, &key, NULL, 0);
                key.dp_hash = be32((uint32_t)random_u64(&r) | 1);
                if (f.translation.again.n_labels != 0) {
                    random_inner(&r, &key);
                }
                flip_all(&f, &r, &key, &other);
            }
        }
        translation_fini(&other);
        fixture_close(&f);
    }
}

/* ---- tables of many masks ---- */

/* A prefix of 10/8, most of them long; few leading bits, so that packets fall beside prefixes at every bit. */
static int put_prefix(struct random *r, const char *name, char *out, size_t room)
{
    unsigned length = 8 + (unsigned)(random_below(r, 3) == 0 ? 24 : random_below(r, 25));
    uint32_t address = 10u << 24 | (uint32_t)random_below(r, 4) << 22 | (uint32_t)(random_u64(r) & 0x30f0f3);
    return snprintf(out, room, ",%s=%u.%u.%u.%u/%u", name, address >> 24, address >> 16 & 0xff, address >> 8 & 0xff, address & 0xff, length);
}

static uint64_t large_rule(struct fixture *f, struct random *r)
{
    static const char *const protos[] = {"ip", "tcp", "udp", "tcp", "ip"};
    static const char *const heads[] = {"", "", "", ",in_port=1", ",dl_vlan=5", ",reg0=0x1/0x3", ",dl_dst=01:00:00:00:00:00/01:00:00:00:00:00", ",nw_ttl=64"};
    static const char *const does[] = {"output:1", "output:2", "output:3", "dec_ttl,output:2", "load:0x1->NXM_NX_REG0[],resubmit(,1)", "drop"};
    char text[512];
    size_t proto = random_below(r, sizeof protos / sizeof protos[0]);
    bool has_ports = strcmp(protos[proto], "ip") != 0;
    int n = snprintf(text, sizeof text, "table=%u,priority=%u,%s%s", (unsigned)random_below(r, 3) / 2, (unsigned)random_below(r, 60), protos[proto],
                     PICK(r, heads));
    if (random_below(r, 4) != 0) {
        n += put_prefix(r, "nw_src", text + n, sizeof text - (size_t)n);
    }
    if (random_below(r, 4) != 0) {
        n += put_prefix(r, "nw_dst", text + n, sizeof text - (size_t)n);
    }
    if (has_ports && random_below(r, 2) == 0) {
        unsigned length = (unsigned)random_below(r, 17), mask = 0xffffu << (16 - length) & 0xffff;
        n += snprintf(text + n, sizeof text - (size_t)n, ",tp_%s=%u/0x%x",
                      random_below(r, 2) == 0 ? "src" : "dst", (unsigned)(random_u64(r) & 0x8035 & mask), mask);
    }
    (void)snprintf(text + n, sizeof text - (size_t)n, ",actions=%s", PICK(r, does));
    return fixture_rule(f, text);
}

static struct flow_key large_key(struct random *r)
{
    struct flow_key key = random_key(r);
    uint32_t addresses[2];
    for (size_t i = 0; i < 2; i++) {
        addresses[i] = 10u << 24 | (uint32_t)random_below(r, 4) << 22 | (uint32_t)(random_u64(r) & (random_below(r, 2) == 0 ? 0x30f0f3 : 0x3ffff));
    }
    key.eth_type = be16(0x0800);
    key.mpls[0] = key.mpls[1] = key.mpls[2] = be32(0);
    key.ip_proto = random_below(r, 2) == 0 ? 6 : 17;
    for (size_t b = 0; b < 4; b++) {
        key.ip_src[b] = (uint8_t)(addresses[0] >> (24 - 8 * b));
        key.ip_dst[b] = (uint8_t)(addresses[1] >> (24 - 8 * b));
    }
    key.l4_src = be16((uint16_t)(random_u64(r) & 0x8035));
    key.l4_dst = be16((uint16_t)(random_u64(r) & 0x8035));
    return key;
}

/* Half of the rules go, and others come: tuples, prefixes and heads lose their last rule, nodes of the tries end. */
static void churn(struct fixture *f, struct random *r, uint64_t *ids, size_t n, size_t *n_there)
{
    while (*n_there > n / 2) {
        size_t i = random_below(r, *n_there);
        world_remove_rule(&f->world, ids[i]);
        ids[i] = ids[--*n_there];
    }
    while (*n_there < n) {
        ids[(*n_there)++] = large_rule(f, r);
    }
}

static void neither_do_they_in_tables_of_many_masks(void **state)
{
    (void)state;
    static uint64_t ids[N_LARGE_RULES_MAX];
    struct random r;
    size_t n_met = 0, n_packets = 0;
    random_seed(&r, seed_of_run());
    for (unsigned w = 0; w < N_LARGE_WORLDS; w++) {
        struct fixture f;
        struct translation other = {0};
        size_t n = N_LARGE_RULES_MIN + random_below(&r, N_LARGE_RULES_MAX - N_LARGE_RULES_MIN + 1), n_there = 0;
        fixture_open(&f);
        for (unsigned round = 0; round < N_LARGE_ROUNDS; round++) {
            churn(&f, &r, ids, n, &n_there);
            size_t n_masks = classifier_count_tuples(world_bridge(&f.world, FIXTURE_BRIDGE)->tables[0]);
            assert_true(n_masks >= 128 || n < 400);
            for (unsigned i = 0; i < N_LARGE_PACKETS; i++) {
                struct flow_key key = large_key(&r);
                flip_all(&f, &r, &key, &other);
                n_met += f.translation.n_counters > 1;
                n_packets++;
            }
        }
        translation_fini(&other);
        fixture_close(&f);
    }
    printf("%zu of %zu packets met a rule\n", n_met, n_packets);
    assert_true(n_met * 4 > n_packets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bits_outside_the_mask_do_not_matter),
                                       cmocka_unit_test(neither_do_they_in_tables_of_many_masks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
