/* Masks of translations (I2): random rules in four tables with rewrites, registers, resubmits, groups and NORMAL; for random packets every bit
 * that the mask leaves out is flipped, and the decision is the same: actions, counters, MAC lookups. */
#include "tests/prop/random_tables.h"

enum { N_WORLDS = 30, N_PACKETS = 8 };

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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bits_outside_the_mask_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
