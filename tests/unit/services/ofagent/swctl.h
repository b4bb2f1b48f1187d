/* swctl's side of the bench: requests to the ofagent and their answers. */
#ifndef BUSBAR_TESTS_OFAGENT_SWCTL_H
#define BUSBAR_TESTS_OFAGENT_SWCTL_H

#include "tests/unit/services/ofagent/bench.h"

/* One request and its whole answer; NULL and *out_error when it failed or none has come yet (0). Pieces that are arrays are joined. */
static inline json_t *await(struct bench *b, int *out_error, char *out_text, size_t room)
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

static inline void ask(struct bench *b, const char *command, const char *a1, const char *a2, const char *a3, const char *a4)
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

static inline json_t *said(struct bench *b, const char *command, const char *a1, const char *a2, const char *a3, const char *a4)
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

static inline void refused(struct bench *b, const char *command, const char *a1, const char *a2, const char *a3, const char *a4,
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

/* A change, answered when every shard follows: here at once. */
static inline void changed(struct bench *b, const char *command, const char *a2, const char *a3, int n_changes)
{
    char text[512];
    int error;

    ask(b, command, "br0", a2, a3, NULL);
    bench_run(b, 20 * NS_PER_MS);
    bench_floor(b, b->agent->cfg->version.n);
    json_t *answer = await(b, &error, text, sizeof text);
    if (answer == NULL) {
        fail_msg("%s %s %s: %d %s", command, a2, a3, error, text);
    }
    assert_int_equal(json_integer_value(json_object_get(answer, "changed")), n_changes);
    json_decref(answer);
}

/* The text of item i of a list. */
static inline const char *text_of(const json_t *list, size_t i)
{
    return json_string_value(json_object_get(json_array_get(list, i), "text"));
}

#endif
