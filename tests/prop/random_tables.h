/* Random tables, groups and packets over few values, so that rules are met; shared by tests/prop/translate.c and tests/diff/translate.c. */
#ifndef BUSBAR_TESTS_SLOWPATH_RANDOM_TABLES_H
#define BUSBAR_TESTS_SLOWPATH_RANDOM_TABLES_H

#include "lib/base/random.h"
#include "tests/unit/services/slowpath/fixture.h"

enum { N_RULES = 40 };

static const char *const matches[] = {
    "in_port=1",
    "in_port=2",
    "dl_src=00:00:00:00:00:01",
    "dl_dst=00:00:00:00:00:02",
    "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00",
    "dl_vlan=5",
    "vlan_tci=0",
    "arp",
    "arp,arp_tpa=10.0.0.1",
    "ip",
    "ip,nw_dst=10.0.0.0/24",
    "ip,nw_src=10.0.0.1",
    "ip,nw_ttl=63",
    "tcp,tp_dst=80",
    "dl_vlan=5,ip",
    "vlan_tci=0x1000/0x1000",
    "tcp,tp_src=0x50/0xfff0",
    "udp",
    "udp,tp_dst=53",
    "icmp,icmp_type=8",
    "ip,nw_frag=later",
    "metadata=0x1/0x1",
    "reg0=0x5",
    "reg1=0x1/0xf",
    "reg2=0x0a000001",
    "ipv6",
    "ip,nw_dst=10.0.0.0/31",
    "udp,nw_src=10.0.0.2,tp_dst=53",
    "udp,tp_dst=0x34/0xfffc",
    "tcp,tp_src=81,tp_dst=80",
    "icmp,icmp_type=80,icmp_code=53",
    "arp,arp_spa=10.0.0.0/30",
    "ip,nw_dst=10.0.0.1/255.0.0.3",
    "ipv6,ipv6_dst=a00:1::/32",
    "ipv6,ipv6_src=a00::/31",
    "udp6,tp_dst=53",
    "conj_id=1",
    "conj_id=2",
    "conj_id=1,ip",
    "xreg1=0x5",
    "packet_type=(0,0),ip",
    "packet_type=(1,0x800)",
    "mpls",
    "mpls",
    "mpls,mpls_label=1",
    "mpls,mpls_bos=1,mpls_tc=0",
    "mpls,mpls_ttl=64",
    "",
};
static const char *const actions[] = {
    "output:1",
    "output:2",
    "output:3",
    "output:5",
    "output:5",
    "flood",
    "all",
    "in_port",
    "normal",
    "local",
    "drop",
    "controller",
    "set_field:10.0.0.1->nw_dst",
    "set_field:00:00:00:00:00:02->dl_dst",
    "set_field:80->tcp_dst",
    "mod_vlan_vid:5",
    "set_field:4103->vlan_vid",
    "mod_vlan_pcp:3",
    "strip_vlan",
    "push_vlan:0x8100",
    "dec_ttl",
    "dec_ttl,dec_ttl",
    "mod_nw_ttl:9",
    "load:0x5->NXM_NX_REG0[]",
    "move:NXM_OF_IP_SRC[]->NXM_NX_REG2[]",
    "move:NXM_OF_TCP_DST[0..3]->NXM_NX_REG1[0..3]",
    "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]",
    "move:NXM_NX_IP_TTL[]->NXM_NX_REG1[0..7]",
    "resubmit(,1)",
    "resubmit(,2)",
    "resubmit(,3)",
    "set_field:0x500000001->xreg0",
    "move:NXM_NX_REG0[]->OXM_OF_PKT_REG1[0..31]",
    "exit",
    "clone(output:1,exit)",
    "clone(set_field:10.0.0.1->nw_dst,resubmit(,2)),output:3",
    "clone(mod_vlan_vid:5,dec_ttl,output:2)",
    "output:NXM_NX_REG0[0..2]",
    "output:NXM_NX_REG1[]",
    "output(port=2,max_len=64)",
    "push:NXM_OF_IP_SRC[0..3],pop:NXM_NX_REG0[0..3]",
    "push:NXM_OF_ETH_SRC[]",
    "pop:NXM_OF_ETH_DST[0..7]",
    "note:01.02",
    "controller(userdata=01.02)",
    "push_mpls:0x8847",
    "push_mpls:0x8848,set_mpls_label:1",
    "pop_mpls:0x8847",
    "pop_mpls:0x0800",
    "pop_mpls:0x0800,resubmit(,3)",
    "pop_mpls:0x86dd,resubmit(,2)",
    "push_mpls:0x8847,pop_mpls:0x0800,resubmit(,3)",
    "dec_mpls_ttl",
    "set_mpls_ttl(9)",
    "copy_ttl_out",
    "copy_ttl_in",
    "group:1",
    "group:2",
    "group:3",
    "group:4",
};

#define PICK(r, list) (list)[random_below((r), sizeof(list) / sizeof(list)[0])]

static void random_rule(struct fixture *f, struct random *r)
{
    unsigned table = (unsigned)random_below(r, 4);
    char text[512];
    const char *match = PICK(r, matches);
    int n = snprintf(text, sizeof text, "table=%u,priority=%u%s%s,actions=%s%s", table, (unsigned)random_below(r, 5),
                     *match ? "," : "", match, random_below(r, 6) == 0 ? "meter:1," : "", "load:0x1->NXM_NX_REG15[]");
    bool is_clause = random_below(r, 6) == 0;
    if (is_clause) {
        unsigned n_clauses = 2 + (random_below(r, 4) == 0);
        n = snprintf(text, sizeof text, "table=%u,priority=%u%s%s,actions=conjunction(%u,%u/%u)", table, 2 + (unsigned)random_below(r, 4),
                     *match ? "," : "", match, 1 + (unsigned)random_below(r, 2), 1 + (unsigned)random_below(r, n_clauses), n_clauses);
    }
    for (uint64_t i = is_clause ? 0 : random_below(r, 4); i > 0; i--) {
        const char *action = PICK(r, actions);
        if (strcmp(action, "drop") != 0) {
            n += snprintf(text + n, sizeof text - (size_t)n, ",%s", action);
        }
    }
    if (!is_clause && table < 3 && random_below(r, 2) == 0) {
        n += snprintf(text + n, sizeof text - (size_t)n, ",write_metadata:0x%x,goto_table:%u", (unsigned)random_below(r, 2),
                      table + 1);
    }
    struct flow_mod mod;
    if (flow_mod_parse(text, FLOW_MOD_ADD, NULL, &mod, NULL) ==
        0) { /* a rewrite without its protocol in the match is refused */
        flow_mod_fini(&mod);
        fixture_rule_on(f, f->world.bridges->hh.next != NULL && random_below(r, 3) == 0 ? 2 : FIXTURE_BRIDGE, text);
    }
}

/* In half of the worlds labels come off at once, and rules look at what is behind them. */
static void random_pop(struct fixture *f, struct random *r)
{
    static const char *const rules[] = {
        "priority=6,mpls,mpls_bos=1,actions=pop_mpls:0x0800,goto_table:1",
        "priority=6,mpls,mpls_bos=1,actions=push:NXM_OF_ETH_DST[],pop_mpls:0x0800,resubmit(,2),resubmit(,3),write_metadata:0x1",
        "priority=6,mpls,mpls_bos=0,actions=pop_mpls:0x8847,pop_mpls:0x0800,dec_ttl,output:2,resubmit(,1)",
    };
    if (random_below(r, 2) == 0) {
        fixture_rule(f, PICK(r, rules));
    }
}

/* VLAN modes, and in half of the worlds a second bridge behind a patch. */
static void random_ports(struct fixture *f, struct random *r, bool is_secure)
{
    static const uint16_t tags[] = {VLAN_NONE, 5, 5, 7};
    static const uint32_t vlans[] = {5};
    for (uint32_t i = 1; i <= 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "p%u", 10 + i);
        struct world_port_settings port = {.name = name, .bridge = FIXTURE_BRIDGE, .ofport = i, .trunks = vlans, .cvlans = vlans};
        port.vlan_mode = (enum vlan_mode)random_below(r, VLAN_MODE_TUNNEL + 1);
        port.tag = PICK(r, tags);
        port.n_trunks = (size_t)random_below(r, 2);
        port.n_cvlans = (size_t)random_below(r, 2);
        if (random_below(r, 2) == 0) {
            world_set_port(&f->world, 10 + i, &port);
        }
    }
    if (random_below(r, 2) == 0) {
        fixture_second_bridge(f, is_secure);
    }
}

static void random_group(struct fixture *f, const char *text)
{
    struct group_text parsed;
    struct error_detail detail = {{0}};
    if (group_parse(text, GROUP_ADD, NULL, &parsed, &detail) != 0) {
        fail_msg("%s: %s", text, detail.text);
    }
    parsed.group.id = f->next_id++;
    parsed.group.bridge = FIXTURE_BRIDGE;
    for (size_t i = 0; i < parsed.group.n_buckets; i++) {
        parsed.group.buckets[i].bucket_id = (uint32_t)i;
    }
    world_set_group(&f->world, &parsed.group);
}

/* Groups 1 to 4: all, select in one of its ways, fast failover, indirect; a meter or two; some links are down. */
static void random_groups(struct fixture *f, struct random *r)
{
    static const char *const selects[] = {
        "group_id=2,type=select,bucket=output:2,bucket=set_field:00:00:00:00:00:02->dl_dst,output:3",
        "group_id=2,type=select,bucket=weight:3,watch_port:2,actions=output:2,bucket=weight:1,watch_port:3,actions=output:3,"
        "bucket=weight:0,actions=output:1",
        "group_id=2,type=select,selection_method=hash,fields(nw_src,tcp_dst=0xf),bucket=output:2,bucket=dec_ttl,output:3,bucket=group:1",
        "group_id=2,type=select,selection_method=hash,fields(dl_src,vlan_vid),bucket=output:1,bucket=output:3",
        "group_id=2,type=select,selection_method=hash,bucket=output:1,bucket=output:3",
        "group_id=2,type=select,selection_method=dp_hash,bucket=weight:5,watch_port:2,actions=output:2,bucket=pop_vlan,output:3",
        "group_id=2,type=select,selection_method=dp_hash,selection_method_param=3,bucket=output:1,bucket=group:1,bucket=drop",
    };
    static const char *const failovers[] = {
        "group_id=3,type=ff,bucket=watch_port:2,actions=output:2,bucket=watch_port:3,actions=output:3",
        "group_id=3,type=ff,bucket=watch_group:2,actions=group:2,bucket=watch_port:1,watch_group:1,actions=output:3",
    };
    static const char *const indirects[] = {"group_id=4,type=indirect,bucket=group:2,dec_ttl",
                                            "group_id=4,type=indirect,bucket=set_field:80->tcp_dst,group:3"};
    random_group(f, "group_id=1,type=all,bucket=output:2,bucket=set_field:00:00:00:00:00:02->dl_dst,output:3");
    random_group(f, PICK(r, selects));
    random_group(f, PICK(r, failovers));
    random_group(f, PICK(r, indirects));
    if (random_below(r, 4) != 0) {
        world_set_meter(&f->world, f->next_id++, FIXTURE_BRIDGE, 1);
    }
    if (random_below(r, 2) == 0) {
        world_set_meter(&f->world, f->next_id++, FIXTURE_BRIDGE, METER_CONTROLLER);
    }
    for (uint32_t port = 12; port <= 13; port++) {
        world_set_link(&f->world, port, random_below(r, 3) != 0);
    }
}

/* One to three labels, perhaps more behind them; nothing is seen behind labels. */
static void random_labels(struct random *r, struct flow_key *key)
{
    static const uint8_t ttls[] = {0, 1, 2, 63, 64};
    const size_t first = offsetof(struct flow_key, tcp_flags);
    size_t n = 1 + (size_t)random_below(r, 4);
    memset((uint8_t *)key + first, 0, sizeof *key - first);
    for (size_t i = 0; i < n && i < 3; i++) {
        key->mpls[i] = be32((uint32_t)(random_below(r, 3) << 12 | random_below(r, 2) << 9) | (i == n - 1 ? 0x100u : 0) | PICK(r, ttls));
    }
}

/* What such labels cover, as if it were IPv4. */
static void random_inner(struct random *r, struct flow_key *key)
{
    static const uint8_t ttls[] = {0, 1, 2, 63, 64}, protos[] = {1, 6, 17};
    key->ip_proto = PICK(r, protos);
    key->ip_ttl = PICK(r, ttls);
    key->ip_src[0] = key->ip_dst[0] = 10;
    key->ip_src[3] = (uint8_t)random_below(r, 3);
    key->ip_dst[3] = (uint8_t)random_below(r, 3);
    key->l4_src = be16((uint16_t)(0x50 + random_below(r, 3)));
    key->l4_dst = be16(random_below(r, 2) == 0 ? 80 : 53);
}

static struct flow_key random_key(struct random *r)
{
    static const uint8_t ttls[] = {0, 1, 2, 3, 10, 63, 64, 65, 255};
    static const uint16_t types[] = {0x0800, 0x0800, 0x0806, 0x86dd, 0x88cc, 0x8847};
    static const uint8_t protos[] = {1, 6, 17};
    struct flow_key key = {.in_port = be32(11 + (uint32_t)random_below(r, 3)), .eth_type = be16(PICK(r, types))};
    key.eth_src[5] = (uint8_t)random_below(r, 4);
    key.eth_dst[5] = (uint8_t)random_below(r, 4);
    key.eth_dst[0] = (uint8_t)random_below(r, 2);
    if (random_below(r, 2) == 0) {
        key.vlan_tci = be16((uint16_t)(KEY_VLAN_PRESENT | 5 | random_below(r, 8) << 13));
        key.vlan_tpid = be16(0x8100);
    }
    if (key.vlan_tci.raw != 0 && random_below(r, 3) == 0) {
        key.vlan2_tci = be16((uint16_t)(KEY_VLAN_PRESENT | (5 + random_below(r, 2))));
        key.vlan2_tpid = be16(0x8100);
    }
    key.ip_proto = PICK(r, protos);
    key.ip_ttl = PICK(r, ttls);
    key.ip_src[0] = key.ip_dst[0] = 10;
    key.ip_src[3] = (uint8_t)random_below(r, 3);
    key.ip_dst[3] = (uint8_t)random_below(r, 3);
    key.ip_frag = random_below(r, 8) == 0 ? KEY_FRAG_ANY | KEY_FRAG_LATER : 0;
    key.l4_src = be16((uint16_t)(0x50 + random_below(r, 3)));
    key.l4_dst = be16(random_below(r, 2) == 0 ? 80 : 53);
    if (host16(key.eth_type) == 0x8847) {
        random_labels(r, &key);
    }
    return key;
}

static uint64_t seed_of_run(void)
{
    const char *text = getenv("BUSBAR_TEST_SEED");
    uint64_t seed = text != NULL ? strtoull(text, NULL, 0) : random_start_number();
    printf("BUSBAR_TEST_SEED=%llu\n", (unsigned long long)seed);
    return seed;
}

#endif
