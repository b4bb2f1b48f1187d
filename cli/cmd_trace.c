/* The commands that explain: trace (what becomes of a packet) and explain (where a flow comes from).
 *
 * Any replica can trace, since all know the same rules and addresses; a flow is known to the one that made it, so all living ones are
 * asked. A packet of a capture is read here and sent as its bytes. One thread.
 */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/capture.h"
#include "cli/render.h"

enum { REPLICAS_MAX = 64 };

static enum exit_status status_of(int err)
{
    return err == 0 ? EXIT_DONE : err == -ERROR_TIMEOUT || err == -ERROR_NOT_CONNECTED ? EXIT_SILENT : EXIT_FAILED;
}

/* ---- trace ---- */

/* The bytes of the packet, if any are given: as an argument or in a capture. */
static int packet_bytes(const struct segment *segment, char **out_hex, struct error_detail *detail)
{
    char *end = NULL;
    unsigned long number = segment->packet != NULL ? strtoul(segment->packet, &end, 10) : 1;
    if (segment->from_capture == NULL) {
        return segment->packet == NULL ? 0 : error_set(detail, -ERROR_SYNTAX, "--packet is for --from-capture");
    }
    if (segment->n_arguments > 2) {
        return error_set(detail, -ERROR_SYNTAX, "give the bytes of a packet or --from-capture, not both");
    }
    if (end != NULL && (*end != '\0' || end == segment->packet)) {
        return error_set(detail, -ERROR_SYNTAX, "--packet %s: must be a number, from 1 on", segment->packet);
    }
    return capture_read(segment->from_capture, number, out_hex, detail);
}

enum exit_status read_trace(struct client *client, const struct segment *segment, json_t **out_json,
                            struct error_detail *detail)
{
    uint32_t instances[REPLICAS_MAX];
    char *hex = NULL;
    if (packet_bytes(segment, &hex, detail) != 0) {
        return EXIT_USAGE;
    }
    const char *words[3] = {segment->arguments[0], segment->arguments[1],
                            segment->n_arguments > 2 ? segment->arguments[2] : hex};
    size_t n = client_living(client, PROCESS_SLOWPATH, instances, REPLICAS_MAX), n_words = words[2] != NULL ? 3 : 2;
    int err = client_ask(client, PROCESS_SLOWPATH, n > 0 ? instances[0] : 1, "trace", words, n_words, out_json, detail);
    free(hex);
    return status_of(err);
}

void read_trace_print(const json_t *json, const struct segment *segment)
{
    (void)segment;
    const char *text = json_string_value(json_object_get(json, "text"));
    fputs(text != NULL ? text : "", stdout);
}

/* ---- explain ---- */

enum exit_status read_explain(struct client *client, const struct segment *segment, json_t **out_json,
                              struct error_detail *detail)
{
    uint32_t instances[REPLICAS_MAX];
    size_t n = client_living(client, PROCESS_SLOWPATH, instances, REPLICAS_MAX);
    json_t *all = json_array();
    int err = n > 0 ? 0 : error_set(detail, -ERROR_NOT_CONNECTED, "no slowpath is running in %s", client->run_dir);
    for (size_t i = 0; err == 0 && i < n; i++) {
        json_t *part = NULL, *flow;
        size_t k;
        err = client_ask(client, PROCESS_SLOWPATH, instances[i], "explain", segment->arguments, segment->n_arguments, &part,
                         detail);
        json_array_foreach(part, k, flow)
        {
            json_object_set_new(flow, "owner", json_sprintf("slowpath.%u", instances[i]));
        }
        if (part != NULL) {
            json_array_extend(all, part);
            json_decref(part);
        }
    }
    if (err == 0 && json_array_size(all) == 0) {
        err = error_set(detail, -ERROR_NOT_FOUND, "no slowpath has a flow %s: it may have ended", segment->arguments[0]);
    }
    if (err != 0) {
        json_decref(all);
        return status_of(err);
    }
    *out_json = all;
    return EXIT_DONE;
}

void read_explain_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *flow;
    json_array_foreach(json, i, flow)
    {
        printf("%sOwner: %s\n", i > 0 ? "\n" : "", json_string_value(json_object_get(flow, "owner")));
        read_trace_print(flow, segment);
    }
}
