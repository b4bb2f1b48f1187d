/* The configuration as a document: laws on random configurations, with a configdb and a swctl on the memory bus.
 *
 *  - What is exported and applied to an empty switch is exported again without a difference: names, settings, port numbers, references.
 *  - Applied to any other configuration it becomes the same; applied once more nothing changes.
 *  - Imported, it is a part of what is there afterwards: what it does not name stays.
 * Seeds are printed.
 */
#include "tests/unit/services/configdb/fixture.h"

#include <inttypes.h>

#include "cli/document.h"

enum { RUNS = 100, BRIDGES_MAX = 4, PORTS_MAX = 24, CONTROLLERS_MAX = 5 };

static const enum cfg_table tables[] = {CFG_SWITCH, CFG_BRIDGE, CFG_PORT, CFG_CONTROLLER, CFG_FLOW_TABLE};

static void applied(void *context, struct version version, bool is_snapshot)
{
    const struct fixture *f = context;
    cfg_applied(f->client[0], version, NULL, 0);
}

static void open_switch(struct fixture *f, struct client *client)
{
    fixture_init(f);
    struct cfg_events events = {.on_version = applied, .context = f};
    *client = (struct client){.cfg = fixture_client(f, 0, PROCESS_SWCTL, tables, sizeof tables / sizeof tables[0], &events)};
    fixture_run(f, 300);
    assert_true(cfg_has_snapshot(client->cfg));
}

static void commit(struct fixture *f, struct cfg_txn **txn)
{
    if (cfg_txn_size(*txn) == 0) {
        cfg_txn_destroy(txn);
        return;
    }
    struct fixture_result result = fixture_transact(f, 0, txn);
    if (result.error != 0) {
        fail_msg("refused: %s", result.text);
    }
    fixture_run(f, 100);
}

/* ---- random configurations ---- */

static uint32_t maybe(struct random *r, uint32_t below)
{
    return random_below(r, 2) == 0 ? 0 : 1 + (uint32_t)random_below(r, below);
}

static void add_bridges(struct random *r, struct cfg_txn *txn, uint64_t *labels, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char name[32], mode[16];
        Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
        snprintf(name, sizeof name, "br%zu", i);
        snprintf(mode, sizeof mode, "%s", random_below(r, 2) == 0 ? "secure" : "standalone");
        row.name = name;
        row.fail_mode = random_below(r, 2) == 0 ? mode : NULL;
        row.datapath_id = random_below(r, 3) == 0 ? random_u64(r) | 1 : 0;
        row.has_datapath_id = row.datapath_id != 0;
        row.mac_aging_s = maybe(r, 86400);
        row.has_mac_aging_s = row.mac_aging_s != 0;
        row.mac_table_size = maybe(r, 1048576);
        row.has_mac_table_size = row.mac_table_size != 0;
        labels[i] = cfg_txn_insert(txn, CFG_BRIDGE, &row.base);
    }
}

static void fill_vlans(struct random *r, uint32_t *vlans, size_t *n)
{
    *n = random_below(r, 4);
    for (size_t i = 0; i < *n; i++) {
        vlans[i] = (uint32_t)random_below(r, 4096);
    }
}

static void add_port(struct random *r, struct cfg_txn *txn, uint64_t bridge, const char *name)
{
    static char types[][10] = {"null", "pcap", "patch", "system", "internal"};
    static char modes[][16] = {"access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel"};
    static char keys[][8] = {"tx", "rx"}, values[][16] = {"/tmp/a b.pcap", "/x=\"y\",z"}, peer[] = "peer", other[] = "p-x";
    uint32_t trunks[4], cvlans[4];
    Busbar__PortOption pairs[2] = {BUSBAR__PORT_OPTION__INIT, BUSBAR__PORT_OPTION__INIT}, *options[2] = {&pairs[0], &pairs[1]};
    Busbar__PortRow row = fixture_port(name, bridge);
    size_t type = random_below(r, 6);
    row.type = type < 5 ? types[type] : NULL;
    row.vlan_mode = random_below(r, 2) == 0 ? modes[random_below(r, 5)] : NULL;
    row.tag = maybe(r, 4094);
    row.has_tag = row.tag != 0;
    row.trunks = trunks;
    row.cvlans = cvlans;
    fill_vlans(r, trunks, &row.n_trunks);
    fill_vlans(r, cvlans, &row.n_cvlans);
    row.has_force = random_below(r, 4) == 0;
    row.force = random_below(r, 2) == 0;
    row.config = random_below(r, 4) == 0 ? 0x21 : 0;
    row.options = options;
    row.n_options = type == 1 ? 2 : type == 2 ? 1 : 0;
    for (size_t i = 0; i < row.n_options; i++) {
        pairs[i].key = type == 1 ? keys[i] : peer;
        pairs[i].value = type == 1 ? values[i] : other;
    }
    (void)cfg_txn_insert(txn, CFG_PORT, &row.base);
}

static void add_controllers(struct random *r, struct cfg_txn *txn, const uint64_t *bridges, size_t n_bridges)
{
    size_t n = n_bridges > 0 ? random_below(r, CONTROLLERS_MAX + 1) : 0;
    for (size_t i = 0; i < n; i++) {
        char target[48];
        Busbar__ControllerRow row = BUSBAR__CONTROLLER_ROW__INIT;
        snprintf(target, sizeof target, "tcp:127.0.0.1:%zu", 6653 + i);
        row.bridge = bridges[random_below(r, n_bridges)];
        row.target = target;
        row.has_inactivity_probe_ms = random_below(r, 2) == 0;
        row.max_backoff_ms = 100 + maybe(r, 1000);
        row.has_max_backoff_ms = row.max_backoff_ms > 100;
        (void)cfg_txn_insert(txn, CFG_CONTROLLER, &row.base);
    }
}

/* Named by two columns, of which one is a number and may be 0. */
static void add_flow_tables(struct random *r, struct cfg_txn *txn, const uint64_t *bridges, size_t n_bridges)
{
    char policy[] = "evict";
    for (size_t i = 0; i < n_bridges; i++) {
        uint32_t first = (uint32_t)random_below(r, 3);
        for (uint32_t number = first; number < first + random_below(r, 12); number++) {
            Busbar__FlowTableRow row = BUSBAR__FLOW_TABLE_ROW__INIT;
            row.bridge = bridges[i];
            row.number = number;
            row.flow_limit = maybe(r, 1000);
            row.has_flow_limit = row.flow_limit != 0;
            row.overflow_policy = random_below(r, 2) == 0 ? policy : NULL;
            (void)cfg_txn_insert(txn, CFG_FLOW_TABLE, &row.base);
        }
    }
}

static void settle(struct random *r, struct fixture *f)
{
    static const char *const columns[] = {"flow_limit", "kernel_tier"};
    Busbar__SwitchRow row = BUSBAR__SWITCH_ROW__INIT;
    struct cfg_txn *txn = cfg_txn_new("law");
    row.flow_limit = maybe(r, 1000);
    row.has_flow_limit = row.flow_limit != 0;
    row.has_kernel_tier = random_below(r, 2) == 0;
    cfg_txn_update(txn, CFG_SWITCH, 1, &row.base, columns, 2);
    commit(f, &txn);
}

/* A port that is deleted leaves a hole in the numbers, which must come back as a hole. */
static void delete_some(struct random *r, struct fixture *f)
{
    struct cfg_txn *txn = cfg_txn_new("law");
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(f->client[0], CFG_PORT, &cursor, &id, &row)) {
        if (((const Busbar__PortRow *)row)->ofport != 0xfffffffe && random_below(r, 4) == 0) {
            cfg_txn_delete(txn, CFG_PORT, id);
        }
    }
    commit(f, &txn);
}

/* One VLAN on a LOCAL port now and then: it has settings like any other. */
static void tag_local(struct random *r, struct fixture *f)
{
    static const char *const columns[] = {"tag"};
    struct cfg_txn *txn = cfg_txn_new("law");
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    Busbar__PortRow value = fixture_port("x", 1);
    value.has_tag = 1;
    value.tag = 5;
    while (cfg_next(f->client[0], CFG_PORT, &cursor, &id, &row)) {
        if (((const Busbar__PortRow *)row)->ofport == 0xfffffffe && random_below(r, 3) == 0) {
            cfg_txn_update(txn, CFG_PORT, id, &value.base, columns, 1);
        }
    }
    commit(f, &txn);
}

static void make_random(struct random *r, struct fixture *f)
{
    uint64_t bridges[BRIDGES_MAX];
    size_t n_bridges = random_below(r, BRIDGES_MAX + 1), n_ports = n_bridges > 0 ? random_below(r, PORTS_MAX + 1) : 0;
    size_t first = random_below(r, 100); /* the ports of two configurations stand in another order */
    struct cfg_txn *txn = cfg_txn_new("law");
    add_bridges(r, txn, bridges, n_bridges);
    for (size_t i = 0; i < n_ports; i++) {
        char name[32];
        snprintf(name, sizeof name, "p%zu", (first + 7 * i) % 100);
        add_port(r, txn, bridges[random_below(r, n_bridges)], name);
    }
    add_controllers(r, txn, bridges, n_bridges);
    add_flow_tables(r, txn, bridges, n_bridges);
    commit(f, &txn);
    settle(r, f);
    delete_some(r, f);
    tag_local(r, f);
}

/* ---- laws ---- */

static char *exported(struct client *client)
{
    json_t *document = document_make(client);
    char *text = document_text(document);
    json_decref(document);
    return text;
}

/* Returns how many changes it said. */
static size_t take(struct fixture *f, struct client *client, const char *text, bool is_whole)
{
    struct error_detail detail = {""};
    struct cfg_txn *txn = cfg_txn_new("law");
    json_t *document = NULL, *changes = NULL;
    int err = document_parse("law", text, strlen(text), &document, &detail);
    err = err == 0 ? document_compare(client, "law", text, document, is_whole, txn, &changes, &detail) : err;
    if (err != 0) {
        fail_msg("%s\n%s", detail.text, text);
    }
    size_t n = json_array_size(changes);
    assert_true((n == 0) == (cfg_txn_size(txn) == 0));
    commit(f, &txn);
    json_decref(document);
    json_decref(changes);
    return n;
}

static void same(const char *before, const char *after)
{
    if (strcmp(before, after) != 0) {
        printf("it was\n%s\nand became\n%s", before, after);
        fail_msg("the document changed");
    }
}

static void documents_come_back_the_same(void **state)
{
    for (uint64_t seed = 1; seed <= RUNS; seed++) {
        struct fixture one, two;
        struct client client, other;
        struct random r;
        random_seed(&r, seed);
        open_switch(&one, &client);
        make_random(&r, &one);
        char *text = exported(&client);
        fixture_fini(&one);
        open_switch(&two, &other);
        if (seed % 2 == 0) {
            make_random(&r, &two);
        }
        printf("seed %" PRIu64 " bytes %zu\n", seed, strlen(text));
        (void)take(&two, &other, text, true);
        char *again = exported(&other);
        same(text, again);
        assert_int_equal(take(&two, &other, text, true), 0);
        assert_int_equal(take(&two, &other, text, false), 0);
        free(again);
        free(text);
        fixture_fini(&two);
    }
}

/* Port names are kept apart and no numbers are said, so that two switches can be one. */
static void an_import_adds_and_keeps(void **state)
{
    struct fixture f;
    struct client client;
    open_switch(&f, &client);
    take(&f, &client,
         "{\"format\": 1, \"bridge\": [{\"name\": \"br0\", \"fail_mode\": \"secure\"}], \"port\": [{\"name\": \"a\", "
         "\"bridge\": \"br0\", \"type\": \"null\", \"tag\": 3}]}",
         false);
    take(&f, &client,
         "{\"format\": 1, \"bridge\": [{\"name\": \"br1\"}], \"port\": [{\"name\": \"a\", \"bridge\": \"br0\", \"trunks\": [7, "
         "5]}, {\"name\": \"b\", \"bridge\": \"br1\"}]}",
         false);
    char *text = exported(&client);
    same("{\n  \"format\": 1,\n  \"switch\": {},\n  \"bridge\": [\n    {\"name\": \"br0\", \"fail_mode\": \"secure\"},\n    "
         "{\"name\": \"br1\"}\n  ],\n  \"port\": [\n"
         "    {\"name\": \"a\", \"bridge\": \"br0\", \"tag\": 3, \"trunks\": [5, 7], \"type\": \"null\", \"ofport\": 1},\n"
         "    {\"name\": \"b\", \"bridge\": \"br1\", \"ofport\": 1}\n  ],\n  \"controller\": [],\n  \"flow_table\": []\n}\n",
         text);
    free(text);
    fixture_fini(&f);
}

static void ports_exchange_numbers_and_move_between_bridges(void **state)
{
    struct fixture f;
    struct client client;
    open_switch(&f, &client);
    take(&f, &client,
         "{\"format\": 1, \"bridge\": [{\"name\": \"br0\"}, {\"name\": \"br1\"}], \"port\": [{\"name\": \"a\", \"bridge\": "
         "\"br0\", \"ofport\": 1},"
         "{\"name\": \"b\", \"bridge\": \"br0\", \"ofport\": 2}, {\"name\": \"c\", \"bridge\": \"br0\", \"ofport_request\": "
         "3}]}",
         true);
    static const char wanted[] =
        "{\n  \"format\": 1,\n  \"switch\": {},\n  \"bridge\": [\n    {\"name\": \"br0\"},\n    "
        "{\"name\": \"br1\"}\n  ],\n  \"port\": [\n"
        "    {\"name\": \"a\", \"bridge\": \"br0\", \"ofport\": 2},\n"
        "    {\"name\": \"b\", \"bridge\": \"br0\", \"ofport\": 1, \"ofport_request\": 1},\n"
        "    {\"name\": \"c\", \"bridge\": \"br1\", \"ofport\": 3}\n  ],\n  \"controller\": [],\n  \"flow_table\": []\n}\n";
    take(&f, &client, wanted, true);
    char *text = exported(&client);
    same(wanted, text);
    free(text);
    fixture_fini(&f);
}

/* Each wrong document is refused with its line, and leaves nothing. */
static void bad_documents_are_refused_with_their_line(void **state)
{
    static const struct {
        const char *text, *said;
    } bad[] = {
        {"", "law line 1"},
        {"[1]", "law: must be an object of tables"},
        {"{}", "law: \"format\" must be 1"},
        {"{\"format\": 2}", "law: \"format\" must be 1"},
        {"{\"format\": 1,\n\"bridge\": [}", "law line 2, column"},
        {"{\"format\": 1,\n\n\"brigde\": []}", "law line 3: there is no table brigde; did you mean bridge?"},
        {"{\"format\": 1,\n\"Bridge\": []}", "law line 2: Bridge is no table of a configuration file; it is called bridge"},
        {"{\"format\": 1,\n\"rule\": []}", "law line 2: rule is no table of a configuration file"},
        {"{\"format\": 1,\n\"bridge\": {}}", "law line 2: bridge must be an array of rows"},
        {"{\"format\": 1,\n\"switch\": []}", "law line 2: switch must be an object"},
        {"{\"format\": 1,\n\"bridge\": [\n{},\n7]}", "law line 3, bridge row: needs the column name, a text"},
        {"{\"format\": 1,\n\"flow_table\": [\n{\"bridge\": \"a\", \"number\": \"1\"}]}",
         "law line 3, flow_table row: needs the column number, a number"},
        {"{\"format\": 1,\n\"bridge\": [\n7]}", "law line 3, bridge row: must be an object of columns"},
        {"{\"format\": 1,\n\"bridge\": [\n{\"name\": \"a\"},\n{\"name\": \"a\"}]}", "law line 4, bridge a: is there twice"},
        {"{\"format\": 1,\n\"bridge\": [\n{\"name\": \"a\",\n\"fail_mod\": \"secure\"}]}",
         "law line 4, bridge a: table bridge has no column fail_mod; did you mean fail_mode?"},
        {"{\"format\": 1,\n\"bridge\": [\n{\"name\": \"a\",\n\"stp_enable\": true}]}",
         "law line 4, bridge a: table bridge, column stp_enable: not supported yet"},
        {"{\"format\": 1,\n\"bridge\": [\n{\"name\": \"a\",\n\"ports\": []}]}",
         "law line 4, bridge a: column ports is only read"},
        {"{\"format\": 1,\n\"bridge\": [\n{\"name\": \"a\",\n\"other_config\": {\"mac-aging-time\": \"x\"}}]}",
         "law line 4, bridge a: table bridge, column other_config:mac-aging-time: '(no integer)' is not a number"},
        {"{\"format\": 1,\n\"bridge\": [\n{\"name\": \"a\",\n\"other_config\": 3}]}",
         "law line 4, bridge a: column other_config must be an object"},
        {"{\"format\": 1,\n\"port\": [\n{\"name\": \"p\",\n\"bridge\": \"br7\"}]}",
         "law line 4, port p: table port, column bridge: 'br7' is not the name of a row that exists"},
        {"{\"format\": 1,\n\"port\": [\n{\"name\": \"p\",\n\"ofport\": 70000}]}",
         "law line 4, port p: column ofport: must be 1 to 65279"},
    };
    struct fixture f;
    struct client client;
    open_switch(&f, &client);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct error_detail detail = {""};
        struct cfg_txn *txn = cfg_txn_new("law");
        json_t *document = NULL, *changes = NULL;
        int err = document_parse("law", bad[i].text, strlen(bad[i].text), &document, &detail);
        err = err == 0 ? document_compare(&client, "law", bad[i].text, document, true, txn, &changes, &detail) : err;
        assert_int_not_equal(err, 0);
        if (strncmp(detail.text, bad[i].said, strlen(bad[i].said)) != 0) {
            fail_msg("%s\nwas answered with\n%s", bad[i].text, detail.text);
        }
        assert_null(changes);
        json_decref(document);
        cfg_txn_destroy(&txn);
    }
    fixture_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_come_back_the_same),
        cmocka_unit_test(an_import_adds_and_keeps),
        cmocka_unit_test(ports_exchange_numbers_and_move_between_bridges),
        cmocka_unit_test(bad_documents_are_refused_with_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
