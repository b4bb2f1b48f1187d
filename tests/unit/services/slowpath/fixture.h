/* A small switch for the tests of translation: bridge 1 with ports 1 to 4 (ids 11 to 14) and LOCAL (id 10); rules, packets and datapath
 * actions as text. */
#ifndef BUSBAR_TESTS_SLOWPATH_FIXTURE_H
#define BUSBAR_TESTS_SLOWPATH_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "services/slowpath/translate.h"

#define FIXTURE_BRIDGE 1u

struct fixture {
    struct world world;
    struct mac_table *macs;
    struct translation translation;
    uint64_t now_ns;
    uint64_t next_id;
};

static inline void fixture_bridge(struct fixture *f, bool is_secure)
{
    struct world_bridge_settings bridge = {.name = "br0", .is_secure = is_secure, .mac_aging_s = 300, .mac_limit = 100};
    world_set_bridge(&f->world, FIXTURE_BRIDGE, &bridge);
}

static inline void fixture_port(struct fixture *f, uint32_t id, uint32_t ofport, uint16_t tag, uint32_t config)
{
    char name[16];
    (void)snprintf(name, sizeof name, "p%u", id);
    struct world_port_settings port = {.name = name, .bridge = FIXTURE_BRIDGE, .ofport = ofport, .tag = tag, .config = config};
    world_set_port(&f->world, id, &port);
}

static inline void fixture_open(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    world_init(&f->world);
    f->macs = mac_table_new();
    f->now_ns = NS_PER_S;
    f->next_id = 100;
    fixture_bridge(f, true);
    fixture_port(f, 10, PORT_LOCAL, VLAN_NONE, 0);
    for (uint32_t i = 1; i <= 4; i++) {
        fixture_port(f, 10 + i, i, VLAN_NONE, 0);
    }
}

static inline void fixture_close(struct fixture *f)
{
    translation_fini(&f->translation);
    mac_table_destroy(&f->macs);
    world_fini(&f->world);
}

/* "table=0,priority=5,ip,actions=output:2"; returns the id. */
static inline uint64_t fixture_rule_on(struct fixture *f, uint64_t bridge, const char *text)
{
    struct flow_mod mod;
    struct error_detail detail = {""};
    int err = flow_mod_parse(text, FLOW_MOD_ADD, NULL, &mod, &detail);
    if (err != 0) {
        fail_msg("%s: %s (%s)", text, error_text(err), detail.text);
    }
    struct rule rule;
    rule_init(&rule);
    rule.id = f->next_id++;
    rule.bridge = bridge;
    rule.match = mod.match;
    rule.priority = mod.priority;
    rule.table = mod.table == TABLE_ALL ? 0 : mod.table;
    rule.cookie = mod.cookie;
    rule.instructions = mod.instructions;
    uint64_t id = rule.id;
    world_set_rule(&f->world, &rule);
    rule_fini(&rule);
    return id;
}

static inline uint64_t fixture_rule(struct fixture *f, const char *text)
{
    return fixture_rule_on(f, FIXTURE_BRIDGE, text);
}

/* A second bridge, 2, with ports 2 and 3 (ids 26, 27), and a patch from port 5 of the first (id 15) to its port 1 (id 25). */
static inline void fixture_patch_port(struct fixture *f, uint64_t bridge, uint32_t id, uint32_t ofport, const char *name, const char *peer)
{
    struct world_port_settings port = {.name = name, .bridge = bridge, .ofport = ofport, .tag = VLAN_NONE, .peer = peer};
    world_set_port(&f->world, id, &port);
}

static inline void fixture_second_bridge(struct fixture *f, bool is_secure)
{
    struct world_bridge_settings bridge = {.name = "br1", .is_secure = is_secure, .mac_aging_s = 300, .mac_limit = 100};
    world_set_bridge(&f->world, 2, &bridge);
    fixture_patch_port(f, 2, 26, 2, "p26", NULL);
    fixture_patch_port(f, 2, 27, 3, "p27", NULL);
    fixture_patch_port(f, FIXTURE_BRIDGE, 15, 5, "p15", "p25");
    fixture_patch_port(f, 2, 25, 1, "p25", "p15");
}

/* A packet's key from the text of a match; in_port is a port id. */
static inline struct flow_key fixture_key(const char *text, uint32_t port)
{
    struct match match;
    struct error_detail detail = {""};
    int err = match_parse(text, NULL, &match, &detail);
    if (err != 0) {
        fail_msg("%s: %s (%s)", text, error_text(err), detail.text);
    }
    match.value.key.in_port = be32(port);
    return match.value.key;
}

static inline struct translate_input fixture_input(struct fixture *f, bool may_learn)
{
    return (struct translate_input){.world = &f->world,
                                    .macs = f->macs,
                                    .now_ns = f->now_ns,
                                    .learning = may_learn ? TRANSLATE_LEARN : TRANSLATE_LEARN_NOTHING};
}

static inline void fixture_translate(struct fixture *f, const char *packet, uint32_t port)
{
    struct flow_key key = fixture_key(packet, port);
    struct translate_input input = fixture_input(f, true);
    translate_key(&input, &key, &f->translation);
}

static inline void fixture_expect_actions(struct fixture *f, const char *expected)
{
    char *text = dp_actions_format(f->translation.actions, f->translation.n_actions, NULL);
    assert_string_equal(text, expected);
    free(text);
}

static inline void fixture_expect(struct fixture *f, const char *packet, uint32_t port, const char *expected)
{
    fixture_translate(f, packet, port);
    fixture_expect_actions(f, expected);
}

static inline bool fixture_looked(struct fixture *f, enum field_id field)
{
    struct flow_state mask = {.key = f->translation.mask};
    return !field_value_is_zero(field_get(field, &mask));
}

#endif
