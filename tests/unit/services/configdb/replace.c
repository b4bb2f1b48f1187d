/* The configuration made equal to a picture: ids stay where rows are still there, what comes back is new, nonsense is refused. */
#include "tests/unit/services/configdb/past.h"

#include "services/configdb/derive.h"
#include "services/configdb/picture.h"
#include "services/configdb/replace.h"

/* Replaces and commits; consumes the picture. Returns the error, with the transaction's texts. */
static int replace(struct fixture_base *base, struct picture *picture, bool keeps_ids, struct error_detail *detail, char note[256])
{
    struct txn txn;
    memset(&txn, 0, sizeof txn);
    assert_int_equal(rows_begin(base->rows, ROWS_DISK), 0);
    txn.overlay = overlay_new(base->rows);
    int err = replace_configuration(&txn, base->rows, picture, keeps_ids);
    err = err == 0 ? derive_finish(&txn, base->rows) : err;
    if (err == 0) {
        (void)rows_next_n(base->rows);
        assert_int_equal(overlay_write(txn.overlay), 0);
        assert_int_equal(rows_commit(base->rows), 0);
    } else {
        rows_end(base->rows);
    }
    *detail = txn.detail;
    memcpy(note, txn.note, sizeof txn.note);
    txn_fini(&txn);
    picture_destroy(&picture);
    return err;
}

static struct picture *now(struct fixture_base *base)
{
    struct picture *picture = NULL;
    struct error_detail detail;
    assert_int_equal(rows_begin_read(base->rows), 0);
    assert_int_equal(picture_now(base->rows, &picture, &detail), 0);
    rows_end(base->rows);
    return picture;
}

static ProtobufCMessage *copy(const ProtobufCMessage *row)
{
    uint8_t packed[512];
    size_t size = protobuf_c_message_pack(row, packed);
    return protobuf_c_message_unpack(row->descriptor, NULL, size, packed);
}

static void put_bridge(struct picture *picture, uint64_t id, const char *name)
{
    Busbar__BridgeRow row = fixture_bridge(name);
    picture_set(picture, CFG_BRIDGE, id, copy(&row.base));
}

static void put_port(struct picture *picture, uint64_t id, const char *name, uint64_t bridge, uint32_t ofport)
{
    Busbar__PortRow row = fixture_port(name, bridge);
    row.ofport = ofport;
    picture_set(picture, CFG_PORT, id, copy(&row.base));
}

static uint64_t id_of(struct fixture_base *base, enum cfg_table table, const char *name)
{
    Busbar__BridgeRow bridge = fixture_bridge(name);
    Busbar__PortRow port = fixture_port(name, 1);
    struct db_key key = validate_unique_key(table, 0, table == CFG_BRIDGE ? &bridge.base : &port.base);
    uint64_t id = 0;
    assert_int_equal(rows_begin_read(base->rows), 0);
    int err = rows_index_get(base->rows, table, &key, &id);
    rows_end(base->rows);
    return err == 0 ? id : 0;
}

static Busbar__PortRow *port_of(struct fixture_base *base, const char *name)
{
    return (Busbar__PortRow *)bench_row(base, CFG_PORT, id_of(base, CFG_PORT, name));
}

static void rows_that_are_there_keep_their_ids_and_what_comes_back_is_new(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char note[256];
    fixture_base_init(&base);
    uint64_t kept = bench_bridge(&base, "kept"), gone = bench_bridge(&base, "gone");
    (void)bench_port(&base, "p1", kept);
    (void)bench_port(&base, "p2", gone);
    uint64_t last = bench_port(&base, "p3", gone);
    struct picture *before = now(&base);
    (void)past_one(&base, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, gone, NULL, NULL);
    (void)bench_bridge(&base, "extra");
    uint64_t p1 = id_of(&base, CFG_PORT, "p1");
    assert_int_equal(replace(&base, before, true, &detail, note), 0);
    assert_int_equal(id_of(&base, CFG_BRIDGE, "kept"), kept);
    assert_int_equal(id_of(&base, CFG_PORT, "p1"), p1);
    assert_int_equal(id_of(&base, CFG_BRIDGE, "extra"), 0);
    uint64_t back = id_of(&base, CFG_BRIDGE, "gone");
    assert_true(back > gone);
    Busbar__PortRow *p3 = port_of(&base, "p3");
    assert_true(p3->bridge == back && p3->ofport == 2 && id_of(&base, CFG_PORT, "p3") > last);
    busbar__port_row__free_unpacked(p3, NULL);
    assert_non_null(strstr(note, "gone"));
    assert_null(strstr(note, "kept"));
    fixture_base_fini(&base);
}

static void a_row_made_again_meanwhile_is_the_same_one_by_name(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char note[256];
    fixture_base_init(&base);
    uint64_t first = bench_bridge(&base, "br0");
    (void)bench_port(&base, "p1", first);
    struct picture *before = now(&base);
    (void)past_one(&base, BUSBAR__OP_KIND__OP_DELETE, CFG_BRIDGE, first, NULL, NULL);
    uint64_t second = bench_bridge(&base, "br0");
    assert_int_equal(replace(&base, before, true, &detail, note), 0);
    assert_int_equal(id_of(&base, CFG_BRIDGE, "br0"), second);
    Busbar__PortRow *p1 = port_of(&base, "p1");
    assert_int_equal(p1->bridge, second);
    busbar__port_row__free_unpacked(p1, NULL);
    assert_string_equal(note, "");
    fixture_base_fini(&base);
}

static void unique_values_may_be_exchanged(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char note[256];
    fixture_base_init(&base);
    uint64_t bridge = bench_bridge(&base, "br0");
    uint64_t p1 = bench_port(&base, "p1", bridge), p2 = bench_port(&base, "p2", bridge);
    struct picture *picture = now(&base);
    ((Busbar__PortRow *)picture_get(picture, CFG_PORT, p1)->row)->ofport = 2;
    ((Busbar__PortRow *)picture_get(picture, CFG_PORT, p2)->row)->ofport = 1;
    assert_int_equal(replace(&base, picture, true, &detail, note), 0);
    Busbar__PortRow *row = port_of(&base, "p1");
    assert_int_equal(row->ofport, 2);
    busbar__port_row__free_unpacked(row, NULL);
    fixture_base_fini(&base);
}

static void a_port_that_moves_to_another_bridge_is_another_port(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char note[256];
    fixture_base_init(&base);
    uint64_t a = bench_bridge(&base, "a"), b = bench_bridge(&base, "b");
    uint64_t p1 = bench_port(&base, "p1", a);
    struct picture *picture = now(&base);
    ((Busbar__PortRow *)picture_get(picture, CFG_PORT, p1)->row)->bridge = b;
    assert_int_equal(replace(&base, picture, true, &detail, note), 0);
    Busbar__PortRow *row = port_of(&base, "p1");
    assert_true(row->bridge == b && id_of(&base, CFG_PORT, "p1") > p1);
    busbar__port_row__free_unpacked(row, NULL);
    fixture_base_fini(&base);
}

/* A picture from elsewhere: its ids mean nothing here. */
static void foreign_ids_only_join_the_rows_of_the_picture(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char note[256];
    fixture_base_init(&base);
    uint64_t mine = bench_bridge(&base, "mine");
    uint64_t other = bench_bridge(&base, "other");
    struct picture *picture = picture_new();
    put_bridge(picture, other, "mine");
    put_bridge(picture, 77, "new");
    put_port(picture, 1, "new", 77, 0xfffffffe);
    put_port(picture, 2, "p", 77, 9);
    assert_int_equal(replace(&base, picture, false, &detail, note), 0);
    assert_int_equal(id_of(&base, CFG_BRIDGE, "mine"), mine);
    assert_int_equal(id_of(&base, CFG_BRIDGE, "other"), 0);
    assert_true(id_of(&base, CFG_PORT, "mine") != 0); /* a bridge is never without its LOCAL port */
    Busbar__PortRow *row = port_of(&base, "p");
    assert_true(row->bridge == id_of(&base, CFG_BRIDGE, "new") && row->ofport == 9);
    busbar__port_row__free_unpacked(row, NULL);
    assert_true(rows_count(base.rows, CFG_SWITCH) == 1);
    fixture_base_fini(&base);
}

static void nonsense_is_refused_by_row_and_column_and_leaves_no_trace(void **state)
{
    struct fixture_base base;
    struct error_detail detail;
    char note[256];
    fixture_base_init(&base);
    (void)bench_bridge(&base, "br0");
    for (int i = 0; i < 5; i++) {
        static const char *const words[] = {"no bridge row 9", "ofport", "ofport", "name", "name"};
        struct picture *picture = picture_new();
        put_bridge(picture, 3, i == 3 ? "a/b" : "brx");
        put_port(picture, 1, i == 4 ? "brx" : "p", i == 0 ? 9 : 3, i == 1 ? 0 : i == 2 ? 65280 : i == 4 ? 0xfffffffe : 1);
        if (i == 4) {
            put_port(picture, 2, "brx", 3, 7);
        }
        assert_true(replace(&base, picture, false, &detail, note) < 0);
        if (strstr(detail.text, words[i]) == NULL) {
            fail_msg("case %d: %s", i, detail.text);
        }
        assert_int_equal(rows_count(base.rows, CFG_BRIDGE), 1);
        assert_true(id_of(&base, CFG_BRIDGE, "br0") != 0);
    }
    fixture_base_fini(&base);
}

/* What two columns may hold together is looked at in what comes back, too. */
static void options_that_a_type_has_not_are_refused_by_port_and_key(void **state)
{
    static const struct {
        const char *type, *key, *value, *text; /* text NULL: taken */
    } cases[] = {
        {"null", "rx", "/a.pcap", "type null has no option rx"},
        {"pcap", "speed", "full", "type pcap has no option speed"},
        {"pcap", "pace", "slow", "'slow' is not one of full|recorded"},
        {"pcap", "tx", "relative", "options:tx"},
        {"pcap", "tx", "/a.pcap", NULL},
    };
    struct fixture_base base;
    struct error_detail detail;
    char note[256];
    fixture_base_init(&base);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Busbar__PortRow port = fixture_port("p", 3);
        Busbar__PortOption option = BUSBAR__PORT_OPTION__INIT, *options = &option;
        struct picture *picture = picture_new();
        option.key = (char *)(uintptr_t)cases[i].key;
        option.value = (char *)(uintptr_t)cases[i].value;
        port.type = (char *)(uintptr_t)cases[i].type;
        port.options = &options;
        port.n_options = 1;
        port.ofport = 1;
        put_bridge(picture, 3, "br0");
        picture_set(picture, CFG_PORT, 1, copy(&port.base));
        int err = replace(&base, picture, false, &detail, note);
        if ((err == 0) != (cases[i].text == NULL) || (err != 0 && (strstr(detail.text, cases[i].text) == NULL || strstr(detail.text, "port") == NULL))) {
            fail_msg("case %zu: %d %s", i, err, err != 0 ? detail.text : "");
        }
        assert_int_equal(rows_count(base.rows, CFG_PORT), cases[i].text == NULL ? 2 : 0);
    }
    fixture_base_fini(&base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_that_are_there_keep_their_ids_and_what_comes_back_is_new),
        cmocka_unit_test(a_row_made_again_meanwhile_is_the_same_one_by_name),
        cmocka_unit_test(unique_values_may_be_exchanged),
        cmocka_unit_test(a_port_that_moves_to_another_bridge_is_another_port),
        cmocka_unit_test(foreign_ids_only_join_the_rows_of_the_picture),
        cmocka_unit_test(nonsense_is_refused_by_row_and_column_and_leaves_no_trace),
        cmocka_unit_test(options_that_a_type_has_not_are_refused_by_port_and_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
