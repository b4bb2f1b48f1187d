/* Random changes of configuration, and going back: after a rollback to any version the configuration equals a copy that was taken then.
 *
 * The copy is text made of the mirror of a client, with names instead of ids (what comes back has new ones), so it knows nothing of how
 * configdb remembers. configdb is restarted now and then; changes that await confirmation are undone by time, by hand, or stay.
 * Seeds are printed; time is simulated.
 */
#include "tests/unit/services/configdb/fixture.h"

#include <inttypes.h>

enum { STEPS = 220, LINES_MAX = 400, LINE = 160, VERSIONS = 2000 };

struct law {
    struct fixture f;
    struct random r;
    char *copies[VERSIONS]; /* what was there at version n */
    uint64_t n_rollbacks, n_refused, n_undone;
};

static int compare_lines(const void *a, const void *b)
{
    return strcmp(a, b);
}

static const char *bridge_name(const struct cfg *cfg, uint64_t id)
{
    const Busbar__BridgeRow *row = (const Busbar__BridgeRow *)cfg_row(cfg, CFG_BRIDGE, id);
    assert_non_null(row);
    return row->name;
}

static void line_of(const struct cfg *cfg, enum cfg_table table, const ProtobufCMessage *row, char *out)
{
    if (table == CFG_SWITCH) {
        const Busbar__SwitchRow *s = (const Busbar__SwitchRow *)row;
        (void)snprintf(out, LINE, "switch %d %u %d %u", s->has_flow_limit, s->flow_limit, s->has_max_idle_ms, s->max_idle_ms);
    } else if (table == CFG_BRIDGE) {
        const Busbar__BridgeRow *b = (const Busbar__BridgeRow *)row;
        (void)snprintf(out, LINE, "bridge %s %s %d %u", b->name, b->fail_mode != NULL ? b->fail_mode : "-", b->has_mac_aging_s,
                       b->mac_aging_s);
    } else if (table == CFG_PORT) {
        const Busbar__PortRow *p = (const Busbar__PortRow *)row;
        (void)snprintf(out, LINE, "port %s %s %u %d %d %u %zu", p->name, bridge_name(cfg, p->bridge), p->ofport, p->has_ofport_request,
                       p->has_tag, p->tag, p->n_trunks);
    } else {
        const Busbar__ControllerRow *c = (const Busbar__ControllerRow *)row;
        (void)snprintf(out, LINE, "controller %s %s", bridge_name(cfg, c->bridge), c->target);
    }
}

static char *copy_of(const struct cfg *cfg)
{
    static const enum cfg_table tables[] = {CFG_SWITCH, CFG_BRIDGE, CFG_PORT, CFG_CONTROLLER};
    static char lines[LINES_MAX][LINE];
    size_t n = 0;
    for (size_t t = 0; t < 4; t++) {
        uint64_t cursor = 0, id;
        const ProtobufCMessage *row;
        while (cfg_next(cfg, tables[t], &cursor, &id, &row)) {
            assert_true(n < LINES_MAX);
            line_of(cfg, tables[t], row, lines[n++]);
        }
    }
    qsort(lines, n, LINE, compare_lines);
    char *text = memory_zeroed(n * LINE + 1);
    for (size_t i = 0, used = 0; i < n; i++) {
        used += (size_t)snprintf(text + used, n * LINE + 1 - used, "%s\n", lines[i]);
    }
    return text;
}

static void keep(struct law *law)
{
    fixture_run(&law->f, 10);
    struct version now = configdb_version(law->f.db);
    assert_int_equal(cfg_version(law->f.client[0]).n, now.n);
    assert_true(now.n < VERSIONS);
    char *text = copy_of(law->f.client[0]);
    if (law->copies[now.n] != NULL) {
        assert_string_equal(law->copies[now.n], text);
    }
    free(law->copies[now.n]);
    law->copies[now.n] = text;
}

/* The id of a random row of the table, 0 when it has none. */
static uint64_t any(struct law *law, enum cfg_table table, const ProtobufCMessage **out_row)
{
    uint64_t cursor = 0, id, found = 0, n = 0;
    const ProtobufCMessage *row;
    while (cfg_next(law->f.client[0], table, &cursor, &id, &row)) {
        if (random_below(&law->r, ++n) == 0) {
            found = id;
            *out_row = row;
        }
    }
    return found;
}

static void change_port(struct law *law, struct cfg_txn *txn)
{
    static const char *const tag[] = {"tag"}, *const request[] = {"ofport_request"}, *const trunks[] = {"trunks"};
    const ProtobufCMessage *row = NULL;
    uint64_t id = any(law, CFG_PORT, &row);
    if (id == 0) {
        return;
    }
    Busbar__PortRow port = *(const Busbar__PortRow *)row;
    uint32_t vlans[3] = {1, 2, 3};
    switch (random_below(&law->r, 4)) {
    case 0:
        port.has_tag = random_below(&law->r, 2) == 0;
        port.tag = 1 + (uint32_t)random_below(&law->r, 4094);
        cfg_txn_update(txn, CFG_PORT, id, &port.base, tag, 1);
        break;
    case 1:
        port.has_ofport_request = 1;
        port.ofport_request = 1 + (uint32_t)random_below(&law->r, 12);
        cfg_txn_update(txn, CFG_PORT, id, &port.base, request, 1);
        break;
    case 2:
        port.trunks = vlans;
        port.n_trunks = random_below(&law->r, 4);
        cfg_txn_update(txn, CFG_PORT, id, &port.base, trunks, 1);
        break;
    default:
        cfg_txn_delete(txn, CFG_PORT, id);
        break;
    }
}

static void change_bridge(struct law *law, struct cfg_txn *txn)
{
    static const char *const columns[] = {"fail_mode", "mac_aging_s"};
    const ProtobufCMessage *row = NULL;
    uint64_t id = any(law, CFG_BRIDGE, &row);
    char name[16], target[32];
    (void)snprintf(name, sizeof name, "p%u", (unsigned)random_below(&law->r, 20));
    (void)snprintf(target, sizeof target, "tcp:10.0.0.%u", 1 + (unsigned)random_below(&law->r, 5));
    if (id == 0) {
        return;
    }
    switch (random_below(&law->r, 6)) {
    case 0:
        cfg_txn_delete(txn, CFG_BRIDGE, id);
        break;
    case 1: {
        Busbar__BridgeRow bridge = *(const Busbar__BridgeRow *)row;
        bridge.fail_mode = random_below(&law->r, 2) == 0 ? NULL : (char *)"secure";
        bridge.has_mac_aging_s = random_below(&law->r, 2) == 0;
        bridge.mac_aging_s = 1 + (uint32_t)random_below(&law->r, 100);
        cfg_txn_update(txn, CFG_BRIDGE, id, &bridge.base, columns, 2);
        break;
    }
    case 2: {
        Busbar__ControllerRow controller = BUSBAR__CONTROLLER_ROW__INIT;
        controller.bridge = id;
        controller.target = target;
        cfg_txn_insert(txn, CFG_CONTROLLER, &controller.base);
        break;
    }
    default: {
        Busbar__PortRow port = fixture_port(name, id);
        cfg_txn_insert(txn, CFG_PORT, &port.base);
        break;
    }
    }
}

static void change_other(struct law *law, struct cfg_txn *txn)
{
    static const char *const limit[] = {"flow_limit"}, *const targets[] = {"target"};
    const ProtobufCMessage *row = NULL;
    uint64_t id = any(law, CFG_CONTROLLER, &row);
    char name[16], target[32];
    (void)snprintf(name, sizeof name, "br%u", (unsigned)random_below(&law->r, 6));
    (void)snprintf(target, sizeof target, "tcp:10.0.0.%u", 1 + (unsigned)random_below(&law->r, 5));
    switch (random_below(&law->r, 4)) {
    case 0: {
        Busbar__SwitchRow s = BUSBAR__SWITCH_ROW__INIT;
        s.has_flow_limit = random_below(&law->r, 2) == 0;
        s.flow_limit = 1 + (uint32_t)random_below(&law->r, 1000);
        cfg_txn_update(txn, CFG_SWITCH, 1, &s.base, limit, 1);
        break;
    }
    case 1: {
        Busbar__BridgeRow bridge = fixture_bridge(name);
        cfg_txn_insert(txn, CFG_BRIDGE, &bridge.base);
        break;
    }
    default:
        if (id != 0) {
            Busbar__ControllerRow controller = *(const Busbar__ControllerRow *)row;
            controller.target = target;
            cfg_txn_update(txn, CFG_CONTROLLER, id, &controller.base, targets, 1);
        }
        break;
    }
}

static struct fixture_result change(struct law *law, uint32_t confirm_s)
{
    struct cfg_txn *txn = cfg_txn_new("law");
    for (uint64_t i = 0, n = 1 + random_below(&law->r, 3); i < n; i++) {
        void (*const changes[])(struct law *, struct cfg_txn *) = {change_port, change_bridge, change_other};
        changes[random_below(&law->r, 3)](law, txn);
    }
    if (confirm_s > 0) {
        cfg_txn_confirm_within(txn, confirm_s);
    }
    return fixture_transact(&law->f, 0, &txn);
}

static struct fixture_result roll_back(struct law *law, uint64_t n)
{
    struct cfg_txn *txn = cfg_txn_new("law goes back");
    cfg_txn_rollback(txn, (struct version){.n = n});
    return fixture_transact(&law->f, 0, &txn);
}

static void go_back(struct law *law, uint64_t n)
{
    struct fixture_result result = roll_back(law, n);
    if (result.error != 0) {
        fail_msg("rollback to %" PRIu64 ": %s", n, result.text);
    }
    keep(law);
    char *text = copy_of(law->f.client[0]);
    assert_string_equal(text, law->copies[n]);
    free(text);
    law->n_rollbacks++;
}

static void settle(struct law *law, bool is_kept)
{
    struct cfg_txn *txn = cfg_txn_new("law settles");
    cfg_txn_settle(txn, is_kept);
    assert_int_equal(fixture_transact(&law->f, 0, &txn).error, 0);
}

/* A change that awaits confirmation ends in one of three ways; configdb may die meanwhile. */
static void change_and_settle(struct law *law)
{
    uint64_t before = configdb_version(law->f.db).n;
    struct fixture_result result = change(law, 5);
    if (result.error != 0 || result.version.n == before) {
        return;
    }
    keep(law);
    struct fixture_result refused = roll_back(law, before);
    assert_int_equal(refused.error, -ERROR_REFUSED);
    uint64_t way = random_below(&law->r, 4);
    if (way == 0) {
        settle(law, true);
        keep(law);
        return;
    }
    if (way == 1) {
        settle(law, false);
    } else if (way == 2) {
        fixture_close(&law->f);
        fixture_run(&law->f, random_below(&law->r, 7000));
        fixture_open(&law->f);
    }
    fixture_run(&law->f, 6000);
    keep(law);
    char *text = copy_of(law->f.client[0]);
    assert_string_equal(text, law->copies[before]);
    free(text);
    law->n_undone++;
}

static void law_init(struct law *law, uint64_t seed)
{
    static const enum cfg_table tables[] = {CFG_SWITCH, CFG_BRIDGE, CFG_PORT, CFG_CONTROLLER};
    memset(law, 0, sizeof *law);
    random_seed(&law->r, seed);
    fixture_init(&law->f);
    (void)fixture_client(&law->f, 0, PROCESS_SWCTL, tables, 4, NULL);
    fixture_run(&law->f, 20);
    keep(law);
}

static void law_fini(struct law *law)
{
    for (size_t i = 0; i < VERSIONS; i++) {
        free(law->copies[i]);
    }
    fixture_fini(&law->f);
}

static void run(uint64_t seed)
{
    static struct law law;
    law_init(&law, seed);
    uint64_t n_changes = 0;
    for (int i = 0; i < STEPS; i++) {
        uint64_t newest = configdb_version(law.f.db).n;
        uint64_t dice = random_below(&law.r, 20);
        if (dice == 0) {
            fixture_close(&law.f);
            fixture_open(&law.f);
            fixture_run(&law.f, 2000);
        } else if (dice == 1) {
            assert_int_equal(roll_back(&law, newest + 1 + random_below(&law.r, 5)).error, -ERROR_NOT_FOUND);
            law.n_refused++;
        } else if (dice == 2) {
            change_and_settle(&law);
        } else if (dice < 6) {
            uint64_t n = random_below(&law.r, newest + 1);
            if (law.copies[n] != NULL) {
                go_back(&law, n);
            }
        } else {
            n_changes += change(&law, 0).error == 0 ? 1 : 0;
        }
        keep(&law);
    }
    printf("seed %" PRIu64 " changes %" PRIu64 " rollbacks %" PRIu64 " undone %" PRIu64 " unknown versions %" PRIu64 "\n", seed, n_changes,
           law.n_rollbacks, law.n_undone, law.n_refused);
    assert_true(n_changes > STEPS / 4 && law.n_rollbacks > 5);
    law_fini(&law);
}

static void any_version_comes_back_as_it_was(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        run(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_version_comes_back_as_it_was)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
