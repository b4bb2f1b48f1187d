/* Tests of services/ofagent/commands.c: what swctl gets. */
#include "services/ofagent/commands.h"

#include "tests/unit/services/ofagent/bench.h"

/* One request and its whole answer; NULL and *out_error when it failed or none has come yet (0). Pieces that are arrays are joined. */
static json_t *await(struct bench *b, int *out_error, char *out_text, size_t room)
{
    struct bus_message message;
    json_t *all = NULL;
    bool is_last = false;

    *out_error = 0;
    for (int i = 0; i < 10 && !is_last; i++) {
        bench_step(b, NS_PER_MS);
        while (!is_last && bus_recv(b->control, &message) == 0) {
            Busbar__ControlReply *reply = (Busbar__ControlReply *)msg_unpack(&message, &busbar__control_reply__descriptor);
            is_last = reply->last;
            *out_error = reply->error;
            (void)snprintf(out_text, room, "%s", reply->text);
            json_t *piece = reply->error == 0 ? json_loads(reply->json, JSON_DECODE_ANY, NULL) : NULL;
            if (all != NULL && piece != NULL) {
                json_array_extend(all, piece);
                json_decref(piece);
            } else if (piece != NULL) {
                all = piece;
            }
            protobuf_c_message_free_unpacked(&reply->base, NULL);
            bus_message_fini(&message);
        }
    }
    return all;
}

static void ask(struct bench *b, const char *command, const char *a1, const char *a2, const char *a3, const char *a4)
{
    Busbar__ControlRequest request = BUSBAR__CONTROL_REQUEST__INIT;
    char *arguments[] = {(char *)(uintptr_t)a1, (char *)(uintptr_t)a2, (char *)(uintptr_t)a3, (char *)(uintptr_t)a4};

    request.command = (char *)(uintptr_t)command;
    request.arguments = arguments;
    while (request.n_arguments < 4 && arguments[request.n_arguments] != NULL) {
        request.n_arguments++;
    }
    assert_int_equal(msg_send(b->control, NULL, MESSAGE_CONTROL_REQUEST, &request.base), 0);
}

static json_t *said(struct bench *b, const char *command, const char *a1, const char *a2, const char *a3, const char *a4)
{
    char text[512];
    int error;

    ask(b, command, a1, a2, a3, a4);
    json_t *answer = await(b, &error, text, sizeof text);
    if (answer == NULL) {
        print_error("%s: %d %s\n", command, error, text);
    }
    assert_non_null(answer);
    return answer;
}

static void refused(struct bench *b, const char *command, const char *a1, const char *a2, const char *a3, const char *a4,
                    const char *word)
{
    char text[512];
    int error;

    ask(b, command, a1, a2, a3, a4);
    assert_null(await(b, &error, text, sizeof text));
    assert_int_not_equal(error, 0);
    if (strstr(text, word) == NULL) {
        fail_msg("\"%s\" does not name %s", text, word);
    }
}

static size_t n_rules(const struct bench *b)
{
    return flow_table_size(bridge_find(b->agent, 1)->flows);
}

static void flow_mods_are_done_together_and_answered_after_the_floor(void **state)
{
    struct bench *b = *state;
    char text[512];
    int error;

    bench_join(b);
    ask(b, "flow-mod", "br0", "add", "ip,actions=output:p2", "arp,actions=drop");
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, 0);
    assert_int_equal(n_rules(b), 2);
    bench_floor(b, b->agent->cfg->version.n);
    json_t *answer = await(b, &error, text, sizeof text);
    assert_int_equal(json_integer_value(json_object_get(answer, "changed")), 2);
    json_decref(answer);
}

static void one_wrong_text_and_none_is_done(void **state)
{
    struct bench *b = *state;

    refused(b, "flow-mod", "br0", "add", "ip,actions=output:1", "tp_dst=80,actions=output:1", "tp_dst");
    refused(b, "flow-mod", "br0", "add", "ip,actions=output:1", "arp,actions=group:9", "BAD_OUT_GROUP");
    assert_int_equal(n_rules(b), 0);
    assert_int_equal(b->agent->cfg->n_txns, 0);
}

static void every_command_word_does_its_work(void **state)
{
    struct bench *b = *state;

    json_decref(said(b, "flow-mod", "br0", "add", "priority=1,ip,actions=output:1", NULL));
    json_decref(said(b, "flow-mod", "br0", "modify", "ip,actions=output:2", NULL));
    assert_actions(bridge_find(b->agent, 1)->flows, "priority=1,ip", "output:2");
    json_decref(said(b, "flow-mod", "br0", "modify-strict", "priority=1,ip,actions=output:3", NULL));
    assert_actions(bridge_find(b->agent, 1)->flows, "priority=1,ip", "output:3");
    json_decref(said(b, "flow-mod", "br0", "delete-strict", "priority=2,ip", NULL));
    assert_int_equal(n_rules(b), 1);
    json_decref(said(b, "flow-mod", "br0", "delete", "", NULL));
    assert_int_equal(n_rules(b), 0);
    json_decref(said(b, "flow-mod", "br0", "delete", "", NULL)); /* nothing to do is done at once */
}

static void wrong_requests_are_refused_by_name(void **state)
{
    struct bench *b = *state;

    refused(b, "flow-mod", "br9", "add", "ip,actions=drop", NULL, "br9");
    refused(b, "flow-mod", "br0", "replace", "ip,actions=drop", NULL, "modify-strict");
    refused(b, "flow-mod", "br0", "add", NULL, NULL, "expected");
    refused(b, "dump-flows", NULL, NULL, NULL, NULL, "bridge");
    refused(b, "dump-flows", "br0", "nonsense=1", NULL, NULL, "nonsense");
    refused(b, "dump-flows", "br0", "ip", "tcp", NULL, "tcp");
    b->agent->cfg->is_connected = false;
    refused(b, "flow-mod", "br0", "add", "ip,actions=drop", NULL, "configdb");
}

static void a_change_that_is_lost_is_told(void **state)
{
    struct bench *b = *state;
    char text[512];
    int error;

    b->agent->cfg->automatic = false;
    ask(b, "flow-mod", "br0", "add", "ip,actions=drop", NULL);
    assert_null(await(b, &error, text, sizeof text));
    fake_cfg_refuse(b->agent->cfg, -ERROR_TIMEOUT, "silence");
    b->agent->cfg->automatic = true;
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, -ERROR_TIMEOUT);
    assert_non_null(strstr(text, "silence"));
}

static void shards_that_do_not_follow_are_named_in_time(void **state)
{
    struct bench *b = *state;
    char text[512];
    int error;

    bench_join(b);
    ask(b, "flow-mod", "br0", "add", "ip,actions=drop", NULL);
    bench_run(b, 8 * NS_PER_S);
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, 0);
    bench_run(b, NS_PER_S);
    assert_null(await(b, &error, text, sizeof text));
    assert_int_equal(error, -ERROR_TIMEOUT);
    assert_non_null(strstr(text, "fastpath"));
}

static void dump_flows_gives_the_line_of_ovs_ofctl_and_its_parts(void **state)
{
    struct bench *b = *state;

    json_decref(said(b, "flow-mod", "br0", "add", "table=2,cookie=0x2a,priority=7,ip,nw_dst=10.0.0.0/8,actions=output:1",
                     "arp,actions=drop"));
    json_t *flows = said(b, "dump-flows", "br0", "ip", NULL, NULL);
    assert_int_equal(json_array_size(flows), 1);
    const json_t *flow = json_array_get(flows, 0);
    assert_int_equal(json_integer_value(json_object_get(flow, "cookie")), 42);
    assert_int_equal(json_integer_value(json_object_get(flow, "table")), 2);
    assert_string_equal(json_string_value(json_object_get(flow, "match")), "ip,nw_dst=10.0.0.0/8");
    assert_string_equal(json_string_value(json_object_get(flow, "actions")), "output:1");
    assert_non_null(
        strstr(json_string_value(json_object_get(flow, "text")), "priority=7,ip,nw_dst=10.0.0.0/8 actions=output:1"));
    json_decref(flows);
}

static void long_dumps_come_in_pieces(void **state)
{
    struct bench *b = *state;

    for (int i = 0; i < 2500; i++) {
        char *text = memory_format("priority=%d,ip,actions=drop", i);
        struct flow_changes changes;
        assert_int_equal(apply_text(bridge_find(b->agent, 1)->flows, FLOW_MOD_ADD, text, b->now_ns, &changes), OF_ERROR_NONE);
        bridge_note(bridge_find(b->agent, 1), &changes, NULL);
        free(text);
    }
    json_t *flows = said(b, "dump-flows", "br0", NULL, NULL, NULL);
    assert_int_equal(json_array_size(flows), 2500);
    json_decref(flows);
}

static void ports_tables_and_status_are_shown(void **state)
{
    struct bench *b = *state;

    json_t *ports = said(b, "dump-ports", "br0", NULL, NULL, NULL);
    assert_int_equal(json_array_size(ports), 3);
    json_decref(ports);
    json_decref(said(b, "flow-mod", "br0", "add", "table=3,ip,actions=drop", NULL));
    json_t *tables = said(b, "dump-tables", "br0", NULL, NULL, NULL);
    assert_int_equal(json_array_size(tables), 1);
    json_decref(tables);
    json_t *status = commands_status(b->agent);
    const json_t *bridge = json_array_get(json_object_get(status, "bridges"), 0);
    assert_string_equal(json_string_value(json_object_get(bridge, "state")), "ready");
    assert_int_equal(json_integer_value(json_object_get(bridge, "rules")), 1);
    json_decref(status);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLAIM(flow_mods_are_done_together_and_answered_after_the_floor),
        CLAIM(one_wrong_text_and_none_is_done),
        CLAIM(every_command_word_does_its_work),
        CLAIM(wrong_requests_are_refused_by_name),
        CLAIM(a_change_that_is_lost_is_told),
        CLAIM(shards_that_do_not_follow_are_named_in_time),
        CLAIM(dump_flows_gives_the_line_of_ovs_ofctl_and_its_parts),
        CLAIM(long_dumps_come_in_pieces),
        CLAIM(ports_tables_and_status_are_shown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
