/* See transactions.h. */
#include "tests/soak/tools/transactions.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "lib/base/random.h"

struct board *board_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    void *at = fd >= 0 ? mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (at == MAP_FAILED) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    return at;
}

bool client_writes_rules(unsigned client)
{
    return client >= CLIENTS_OF_CONFIGURATION;
}

/* ---- meaning ---- */

static uint32_t any_tag(struct random *random)
{
    return 1 + (uint32_t)random_below(random, 4094);
}

static void step_configuration(struct meaning *meaning, struct random *random)
{
    unsigned bridge = (unsigned)random_below(random, BRIDGES);
    uint32_t *ports = meaning->ports[bridge];
    uint64_t what = random_below(random, 8);
    if (meaning->bridges[bridge] == 0) {
        meaning->bridges[bridge] = any_tag(random);
        for (unsigned p = 0; p < PORTS; p++) {
            ports[p] = random_below(random, 2) == 0 ? any_tag(random) : 0;
        }
    } else if (what == 0) {
        meaning->bridges[bridge] = 0;
        memset(ports, 0, sizeof meaning->ports[bridge]);
    } else if (what < 3) {
        unsigned p = (unsigned)random_below(random, PORTS);
        ports[p] = ports[p] == 0 ? any_tag(random) : 0;
    } else {
        meaning->bridges[bridge] = any_tag(random);
        for (unsigned p = 0; p < PORTS; p++) {
            ports[p] = ports[p] != 0 ? any_tag(random) : 0;
        }
    }
}

static void step_rules(struct meaning *meaning, struct random *random)
{
    for (uint64_t left = 1 + random_below(random, 4); left > 0; left--) {
        uint32_t *rule = &meaning->rules[random_below(random, RULES)];
        *rule = *rule != 0 && random_below(random, 4) == 0 ? 0 : any_tag(random);
    }
}

void meaning_step(struct meaning *meaning, uint64_t seed, unsigned client, uint64_t n)
{
    struct random random;
    random_seed(&random, seed ^ (n * CLIENTS + client) * 0x9e3779b97f4a7c15u);
    if (n == 1) {
        return; /* makes the marker */
    }
    (client_writes_rules(client) ? step_rules : step_configuration)(meaning, &random);
}

void name_marker(unsigned client, char out_name[NAME_SIZE])
{
    snprintf(out_name, NAME_SIZE, "c%um", client);
}

void name_bridge(unsigned client, unsigned bridge, char out_name[NAME_SIZE])
{
    snprintf(out_name, NAME_SIZE, "c%ub%u", client, bridge);
}

void name_port(unsigned client, unsigned bridge, unsigned port, char out_name[NAME_SIZE])
{
    snprintf(out_name, NAME_SIZE, "c%ub%up%u", client, bridge, port);
}

/* ---- what is seen ---- */

static void add_bridge(struct view *view, uint64_t id, const Busbar__BridgeRow *row)
{
    unsigned client, bridge;
    char end;
    if (sscanf(row->name, "c%ub%u%c", &client, &bridge, &end) == 2 && client < CLIENTS && bridge < BRIDGES) {
        view->meanings[client].bridges[bridge] = row->mac_aging_s;
        view->bridge_ids[client][bridge] = id;
    } else if (sscanf(row->name, "c%um%c", &client, &end) == 1 && client < CLIENTS && !client_writes_rules(client)) {
        view->n[client] = row->mac_table_size;
    }
}

static void add_port(struct view *view, const Busbar__PortRow *row)
{
    unsigned client, bridge, port;
    char end;
    if (sscanf(row->name, "c%ub%up%u%c", &client, &bridge, &port, &end) == 3 && client < CLIENTS && bridge < BRIDGES && port < PORTS) {
        view->meanings[client].ports[bridge][port] = row->tag;
        view->n_strangers += row->bridge != view->bridge_ids[client][bridge];
    }
}

static void add_rule(struct view *view, const Busbar__RuleRow *row)
{
    if (row->table >= CLIENTS) {
        return;
    }
    if (row->priority == MARKER_PRIORITY) {
        view->n[row->table] = row->cookie;
    } else if (row->priority >= 1 && row->priority <= RULES) {
        view->meanings[row->table].rules[row->priority - 1] = row->hard_timeout_s;
    }
}

void view_add(struct view *view, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    if (table == CFG_BRIDGE) {
        add_bridge(view, id, (const Busbar__BridgeRow *)row);
    } else if (table == CFG_PORT) {
        add_port(view, (const Busbar__PortRow *)row);
    } else if (table == CFG_RULE) {
        add_rule(view, (const Busbar__RuleRow *)row);
    }
}

bool view_check(const struct view *view, uint64_t seed, struct expected *expected, const uint64_t *least, const uint64_t *most)
{
    bool is_right = view->n_strangers == 0;
    if (!is_right) {
        fprintf(stderr, "%" PRIu64 " ports are of a bridge that is not there\n", view->n_strangers);
    }
    for (unsigned c = 0; c < CLIENTS; c++) {
        uint64_t n = view->n[c];
        if (n < least[c] || n > most[c]) {
            fprintf(stderr, "client %u: the last transaction there is %" PRIu64 ", answered %" PRIu64 ", asked for %" PRIu64 "\n", c, n, least[c], most[c]);
            is_right = false;
            continue;
        }
        if (n < expected[c].n) {
            expected[c] = (struct expected){.n = 0};
        }
        while (expected[c].n < n) {
            meaning_step(&expected[c].meaning, seed, c, ++expected[c].n);
        }
        if (memcmp(&expected[c].meaning, &view->meanings[c], sizeof view->meanings[c]) != 0) {
            fprintf(stderr, "client %u: transaction %" PRIu64 " is there in part\n", c, n);
            is_right = false;
        }
    }
    return is_right;
}
