/* Our side of translate_vs_ovs: reads a switch and packets from standard input, a line each, and says what the translation makes of them.
 *
 *     new                      an empty switch: bridge 1, LOCAL, ports 1 to 4, whose ids are their OpenFlow numbers
 *     vlan PORT MODE TAG TRUNKS CVLANS     VLAN columns; "-": unset; lists by commas
 *     patch N                  port N (id 110) leads to port N (id 210) of bridge 2, which has LOCAL and ports 1 and 2 (ids 21, 22)
 *     rule2 TEXT               a rule of bridge 2
 *     rule TEXT, group TEXT    in Open vSwitch's syntax; "ok", or "refused" and why
 *     meter N                  is there; its row is N too
 *     link PORT up|down        what groups may watch
 *     mac PORT VLAN MAC        is learned there
 *     flow TEXT                a packet as the text of a match, with in_port
 *     frame PORT HEX           a packet as bytes
 *
 * A packet of bytes is learned from while it is translated, as Open vSwitch's trace does, and what was learned is forgotten behind it.
 * The answer is one line of three parts between tabs: the datapath actions; the bits looked at, a NAME=HEX for each member of the key;
 * the key itself, likewise. A translation that needs the datapath's hash, or what labels cover, is made again, as in the shard; its bits count, too.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/dp/hash.h"
#include "lib/flow/parse.h"
#include "services/slowpath/translate.h"

enum { BRIDGE = 1, SECOND_BRIDGE = 2, SECOND_LOCAL_BELOW = 1, LINE_MAX_BYTES = 1 << 16, FRAME_MAX = 2048, N_PORTS = 4, KNOWN_MAX = 16, VLANS_MAX = 16 };

struct driver {
    struct world world;
    struct mac_table *macs;
    struct translation translation;
    uint64_t next_id;
    struct {
        struct mac_name name;
        uint32_t port;
    } known[KNOWN_MAX]; /* addresses that are there at the beginning of each translation */
    size_t n_known;
};

static void close_switch(struct driver *d)
{
    translation_fini(&d->translation);
    mac_table_destroy(&d->macs);
    world_fini(&d->world);
}

static void open_switch(struct driver *d)
{
    memset(d, 0, sizeof *d);
    world_init(&d->world);
    d->macs = mac_table_new();
    d->next_id = 100000;
    struct world_bridge_settings bridge = {.name = "br0", .is_secure = true, .mac_aging_s = 300, .mac_limit = 1000};
    world_set_bridge(&d->world, BRIDGE, &bridge);
    for (uint32_t i = 0; i <= N_PORTS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "p%u", i);
        struct world_port_settings port = {.name = name, .bridge = BRIDGE, .ofport = i == 0 ? PORT_LOCAL : i, .tag = VLAN_NONE};
        world_set_port(&d->world, port.ofport, &port);
        world_set_link(&d->world, port.ofport, true);
    }
}

static void answer(int err, const struct error_detail *detail)
{
    if (err == 0) {
        puts("ok");
    } else {
        printf("refused %s: %s\n", error_text(err), detail->text);
    }
}

static void add_rule(struct driver *d, uint64_t bridge, const char *text)
{
    struct flow_mod mod;
    struct error_detail detail = {""};
    int err = flow_mod_parse(text, FLOW_MOD_ADD, NULL, &mod, &detail);
    if (err == 0) {
        struct rule rule;
        rule_init(&rule);
        rule.id = d->next_id++;
        rule.bridge = bridge;
        rule.match = mod.match;
        rule.priority = mod.priority;
        rule.table = mod.table == TABLE_ALL ? 0 : mod.table;
        rule.cookie = mod.cookie;
        rule.instructions = mod.instructions;
        world_set_rule(&d->world, &rule);
        rule_fini(&rule);
    }
    answer(err, &detail);
}

/* "5,6" or "-". */
static size_t read_vlans(const char *text, uint32_t *out)
{
    size_t n = 0;
    char *end;
    while (*text != '-' && *text != '\0' && n < VLANS_MAX) {
        out[n++] = (uint32_t)strtoul(text, &end, 10);
        text = *end == ',' ? end + 1 : end;
    }
    return n;
}

static void set_vlan(struct driver *d, const char *text)
{
    static const char *const modes[] = {"", "trunk", "access", "native-tagged", "native-untagged", "dot1q-tunnel"}; /* as enum vlan_mode */
    char mode[32], tag[16], trunks[64], cvlans[64], name[16];
    uint32_t number, trunk_list[VLANS_MAX], cvlan_list[VLANS_MAX];
    size_t at = 1;
    if (sscanf(text, "%u %31s %15s %63s %63s", &number, mode, tag, trunks, cvlans) != 5) {
        puts("refused vlan PORT MODE TAG TRUNKS CVLANS");
        return;
    }
    while (at < sizeof modes / sizeof modes[0] && strcmp(modes[at], mode) != 0) {
        at++;
    }
    (void)snprintf(name, sizeof name, "p%u", number);
    struct world_port_settings port = {.name = name, .bridge = BRIDGE, .ofport = number, .vlan_mode = (enum vlan_mode)at, .trunks = trunk_list};
    port.tag = tag[0] == '-' ? VLAN_NONE : (uint16_t)strtoul(tag, NULL, 10);
    port.n_trunks = read_vlans(trunks, trunk_list);
    port.cvlans = cvlan_list;
    port.n_cvlans = read_vlans(cvlans, cvlan_list);
    world_set_port(&d->world, number, &port);
    puts(at < sizeof modes / sizeof modes[0] ? "ok" : "refused: no such mode");
}

static void add_port(struct driver *d, uint64_t bridge, uint32_t id, uint32_t ofport, const char *name, const char *peer)
{
    struct world_port_settings port = {.name = name, .bridge = bridge, .ofport = ofport, .tag = VLAN_NONE, .peer = peer};
    world_set_port(&d->world, id, &port);
    world_set_link(&d->world, id, true);
}

static void add_patch(struct driver *d, uint32_t number)
{
    struct world_bridge_settings bridge = {.name = "br1", .is_secure = true, .mac_aging_s = 300, .mac_limit = 1000};
    world_set_bridge(&d->world, SECOND_BRIDGE, &bridge);
    add_port(d, SECOND_BRIDGE, PORT_LOCAL - SECOND_LOCAL_BELOW, PORT_LOCAL, "br1", NULL);
    add_port(d, SECOND_BRIDGE, 21, 1, "q21", NULL);
    add_port(d, SECOND_BRIDGE, 22, 2, "q22", NULL);
    add_port(d, BRIDGE, 110, number, "patch0", "patch1");
    add_port(d, SECOND_BRIDGE, 210, number, "patch1", "patch0");
}

static void add_group(struct driver *d, const char *text)
{
    struct group_text parsed;
    struct error_detail detail = {""};
    int err = group_parse(text, GROUP_ADD, NULL, &parsed, &detail);
    if (err == 0) {
        parsed.group.id = d->next_id++;
        parsed.group.bridge = BRIDGE;
        for (size_t i = 0; i < parsed.group.n_buckets; i++) {
            parsed.group.buckets[i].bucket_id = (uint32_t)i;
        }
        world_set_group(&d->world, &parsed.group);
    }
    answer(err, &detail);
}

static void add_mac(struct driver *d, const char *text)
{
    struct mac_name name = {.bridge = BRIDGE};
    unsigned port, vlan, m[6];
    if (sscanf(text, "%u %u %x:%x:%x:%x:%x:%x", &port, &vlan, &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 8) {
        puts("refused mac PORT VLAN MAC");
        return;
    }
    name.vlan = (uint16_t)vlan;
    for (size_t i = 0; i < 6; i++) {
        name.mac[i] = (uint8_t)m[i];
    }
    if (d->n_known == KNOWN_MAX) {
        puts("refused: too many addresses");
        return;
    }
    d->known[d->n_known].name = name;
    d->known[d->n_known++].port = port;
    puts("ok");
}

static void print_key(const struct flow_key *key)
{
    size_t at = 0;
#define KEY_MEMBER(type, name, dimension)                                                                                      \
    printf("%s%s=", at == 0 ? "" : " ", #name);                                                                                \
    for (size_t i = 0; i < sizeof key->name; i++) {                                                                            \
        printf("%02x", ((const uint8_t *)key)[at + i]);                                                                        \
    }                                                                                                                          \
    at += sizeof key->name;
#include "lib/flow/fields.def"
}

static void remember_the_known(struct driver *d)
{
    mac_table_destroy(&d->macs);
    d->macs = mac_table_new();
    for (size_t i = 0; i < d->n_known; i++) {
        (void)mac_table_learn(d->macs, &d->known[i].name, d->known[i].port, 1000, NS_PER_S);
    }
}

static void add_bits(struct flow_key *sum, const struct flow_key *mask)
{
    for (size_t i = 0; i < KEY_WORDS; i++) {
        key_set_word(sum, i, key_word(sum, i) | key_word(mask, i));
    }
}

/* frame: NULL when there are no bytes. */
static void translate(struct driver *d, struct flow_key key, const uint8_t *frame, size_t size, enum translate_learning learning)
{
    struct flow_key came = key, looked = {.in_port = be32(0)};
    remember_the_known(d);
    struct translate_input input = {.world = &d->world, .macs = d->macs, .now_ns = NS_PER_S, .learning = learning};
    translate_key(&input, &key, &d->translation);
    while (d->translation.needs_more) {
        add_bits(&looked, &d->translation.mask);
        key = translate_again(&d->translation, &key, frame, size);
        translate_key(&input, &key, &d->translation);
    }
    add_bits(&looked, &d->translation.mask);
    char *actions = dp_actions_format(d->translation.actions, d->translation.n_actions, NULL);
    printf("%s\t", actions);
    print_key(&looked);
    putchar('\t');
    print_key(&came);
    putchar('\n');
    free(actions);
}

static void take_flow(struct driver *d, const char *text)
{
    struct match match;
    struct error_detail detail = {""};
    int err = match_parse(text, NULL, &match, &detail);
    if (err != 0) {
        answer(err, &detail);
    } else {
        struct flow_key key = match.value.key;
        bool is_tagged = (host16(key.vlan_tci) & KEY_VLAN_PRESENT) != 0;
        key.vlan_tpid = be16(is_tagged ? 0x8100 : 0); /* text does not say which */
        translate(d, key, NULL, 0, TRANSLATE_LEARN_NOTHING);
    }
}

static void take_frame(struct driver *d, const char *text)
{
    uint8_t frame[FRAME_MAX];
    unsigned port, byte;
    int used = 0;
    size_t size = 0;
    struct flow_key key;
    struct parse_result result;
    if (sscanf(text, "%u %n", &port, &used) != 1) {
        puts("refused frame PORT HEX");
        return;
    }
    for (text += used; size < FRAME_MAX && sscanf(text, "%2x", &byte) == 1; text += 2) {
        frame[size++] = (uint8_t)byte;
    }
    if (parse_frame(frame, size, port, &key, &result) != 0) {
        puts("refused: too short");
    } else {
        translate(d, key, frame, size, TRANSLATE_LEARN);
    }
}

/* false: no such command. */
static bool obey(struct driver *d, char *line)
{
    char *arguments = line + strcspn(line, " ");
    if (*arguments != '\0') {
        *arguments++ = '\0';
    }
    if (strcmp(line, "new") == 0) {
        close_switch(d);
        open_switch(d);
        puts("ok");
    } else if (strcmp(line, "rule") == 0) {
        add_rule(d, BRIDGE, arguments);
    } else if (strcmp(line, "rule2") == 0) {
        add_rule(d, SECOND_BRIDGE, arguments);
    } else if (strcmp(line, "vlan") == 0) {
        set_vlan(d, arguments);
    } else if (strcmp(line, "patch") == 0) {
        add_patch(d, (uint32_t)strtoul(arguments, NULL, 10));
        puts("ok");
    } else if (strcmp(line, "group") == 0) {
        add_group(d, arguments);
    } else if (strcmp(line, "meter") == 0) {
        world_set_meter(&d->world, strtoull(arguments, NULL, 10), BRIDGE, (uint32_t)strtoul(arguments, NULL, 10));
        puts("ok");
    } else if (strcmp(line, "link") == 0) {
        world_set_link(&d->world, (uint32_t)strtoul(arguments, NULL, 10), strstr(arguments, "up") != NULL);
        puts("ok");
    } else if (strcmp(line, "mac") == 0) {
        add_mac(d, arguments);
    } else if (strcmp(line, "flow") == 0) {
        take_flow(d, arguments);
    } else if (strcmp(line, "frame") == 0) {
        take_frame(d, arguments);
    } else {
        return false;
    }
    return true;
}

int main(void)
{
    struct driver d;
    char *line = memory_zeroed(LINE_MAX_BYTES);
    int status = EXIT_SUCCESS;
    open_switch(&d);
    while (status == EXIT_SUCCESS && fgets(line, LINE_MAX_BYTES, stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (!obey(&d, line)) {
            fprintf(stderr, "translate_driver: no command %s\n", line);
            status = EXIT_FAILURE;
        }
        fflush(stdout);
    }
    close_switch(&d);
    free(line);
    return status;
}
