/* The commands about the datapath: each asks every fastpath and joins what they say, each entry marked with its shard.
 *
 * A fastpath gives raw, cumulative figures; what people read is made here (cli/stats.h). Sorted flows come sorted from each shard, the
 * first N of each, so the first N of all are among them.
 * One thread; the cost is that of the answers.
 */
#include "cli/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/render.h"
#include "cli/stats.h"
#include "lib/base/memory.h"

enum { INSTANCES_MAX = 64 };

/* Asks every living shard and joins the answers, each entry marked with its shard. */
static enum exit_status ask_shards(struct client *client, const char *command, const char *const *arguments, size_t n_arguments,
                                   json_t **out_json, struct error_detail *detail)
{
    uint32_t instances[INSTANCES_MAX];
    size_t n = client_living(client, PROCESS_FASTPATH, instances, INSTANCES_MAX); /* a killed one has left its socket: the others have taken its share */
    if (n == 0) {
        error_set(detail, -ERROR_NOT_CONNECTED, "no fastpath is running in %s", client->run_dir);
        return EXIT_SILENT;
    }
    json_t *all = json_array();
    for (size_t i = 0; i < n; i++) {
        json_t *part = NULL, *entry;
        size_t j;
        if (client_ask(client, PROCESS_FASTPATH, instances[i], command, arguments, n_arguments, &part, detail) != 0) {
            if (!client_is_alive(client, PROCESS_FASTPATH, instances[i])) {
                continue; /* it died meanwhile */
            }
            json_decref(all);
            return EXIT_SILENT;
        }
        if (!json_is_array(part)) {
            part = json_pack("[o]", part);
        }
        json_array_foreach(part, j, entry) {
            json_object_set_new(entry, "shard", json_integer(instances[i]));
        }
        json_array_extend(all, part);
        json_decref(part);
    }
    *out_json = all;
    return EXIT_DONE;
}

/* ---- dump-flows ---- */

static double key_of(const json_t *flow, const char *key)
{
    const json_t *value = json_object_get(flow, key);
    if (strcmp(key, "used_s") == 0) {
        return json_is_number(value) ? -json_number_value(value) : -1e300; /* the latest first, then those never used */
    }
    return json_number_value(value);
}

struct entry {
    json_t *flow;
    double key;
    size_t at; /* what is equal keeps its order */
};

static int compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->key != y->key ? (x->key < y->key ? 1 : -1) : x->at < y->at ? -1 : 1;
}

/* The first `top` flows of all shards, by the key. */
static json_t *first_of(const json_t *flows, const char *sort, size_t top)
{
    const char *key = strcmp(sort, "used") == 0 ? "used_s" : sort;
    size_t n = json_array_size(flows), i;
    struct entry *entries = memory_array(n + 1, sizeof *entries);
    json_t *first = json_array(), *flow;
    json_array_foreach(flows, i, flow) {
        entries[i] = (struct entry){.flow = flow, .key = key_of(flow, key), .at = i};
    }
    if (sort[0] != '\0') {
        qsort(entries, n, sizeof *entries, compare_entries);
    }
    for (i = 0; i < n && i < top; i++) {
        json_array_append(first, entries[i].flow);
    }
    free(entries);
    return first;
}

enum exit_status read_dp_dump_flows(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    const char *filter = segment->n_arguments > 0 ? segment->arguments[0] : "";
    const char *sort = segment->sort != NULL ? segment->sort : "", *top = segment->top != NULL ? segment->top : "";
    const char *words[] = {filter, sort, top};
    enum exit_status status = ask_shards(client, "dp-dump-flows", words, 3, out_json, detail);
    if (status == EXIT_DONE && (sort[0] != '\0' || top[0] != '\0')) {
        json_t *first = first_of(*out_json, sort, top[0] != '\0' ? strtoul(top, NULL, 10) : SIZE_MAX);
        json_decref(*out_json);
        *out_json = first;
    }
    return status;
}

void read_dp_dump_flows_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *flow;
    char used[64], rate[64];
    json_array_foreach(json, i, flow) {
        const json_t *idle = json_object_get(flow, "used_s"), *per_s = json_object_get(flow, "rate");
        snprintf(used, sizeof used, json_is_number(idle) ? "%.3fs" : "never", json_number_value(idle));
        snprintf(rate, sizeof rate, per_s != NULL ? ", rate:%.1f/s" : "", json_number_value(per_s));
        printf("%s, id:%s, packets:%lld, bytes:%lld%s, used:%s, actions:%s\n", json_string_value(json_object_get(flow, "match")),
               json_string_value(json_object_get(flow, "id")),
               (long long)json_integer_value(json_object_get(flow, "packets")), (long long)json_integer_value(json_object_get(flow, "bytes")),
               rate, used, json_string_value(json_object_get(flow, "actions")));
    }
}

/* ---- show ---- */

enum exit_status read_dp_show(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask_shards(client, "dp-show", NULL, 0, out_json, detail);
}

/* The ports as a table, drops by reason in one column a direction. */
static void show_ports(const json_t *ports)
{
    static const struct render_column columns[] = {
        {"name", "port"},           {"id", "id"},               {"mode", "mode"},         {"up", "up"},
        {"mtu", "mtu"},             {"masks", "masks"},         {"rx_packets", "rx packets"}, {"rx_bytes", "rx bytes"},
        {"tx_packets", "tx packets"}, {"tx_bytes", "tx bytes"}, {"rx", "rx drops"},       {"tx", "tx drops"},
        {"error", "error"},
    };
    json_t *rows = json_deep_copy(ports), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        json_object_set_new(row, "rx", stats_drops_text(json_object_get(row, "rx_drops")));
        json_object_set_new(row, "tx", stats_drops_text(json_object_get(row, "tx_drops")));
    }
    render_table(rows, columns, sizeof columns / sizeof columns[0]);
    json_decref(rows);
}

void read_dp_show_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *shard;
    json_array_foreach(json, i, shard) {
        json_t *rest = json_copy(shard);
        printf("%sfastpath.%lld\n", i > 0 ? "\n" : "", (long long)json_integer_value(json_object_get(shard, "shard")));
        show_ports(json_object_get(shard, "ports"));
        json_object_del(rest, "ports");
        json_object_del(rest, "shard");
        render_tree(rest, 0);
        json_decref(rest);
    }
}

/* ---- stats ---- */

enum exit_status read_dp_stats(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    json_t *now = NULL, *shard;
    size_t i;
    enum exit_status status = ask_shards(client, "dp-stats", NULL, 0, &now, detail);
    if (status != EXIT_DONE) {
        return status;
    }
    *out_json = json_array();
    json_array_foreach(now, i, shard) {
        json_array_append_new(*out_json, stats_readable(stats_of_shard(client->before, shard), shard));
    }
    json_decref(client->before);
    client->before = now;
    return EXIT_DONE;
}

void read_dp_stats_print(const json_t *json, const struct segment *segment)
{
    static const struct render_column columns[] = {
        {"stage", "stage"}, {"packets", "packets"}, {"batches", "batches"}, {"packets_a_batch", "packets/batch"}, {"cycles_a_packet", "cycles/packet"},
        {"ns_a_packet", "ns/packet"}, {"share", "% of time"},
    };
    size_t i;
    json_t *shard;
    json_array_foreach(json, i, shard) {
        json_t *rest = json_copy(shard);
        printf("%sfastpath.%lld\n", i > 0 ? "\n" : "", (long long)json_integer_value(json_object_get(shard, "shard")));
        render_table(json_object_get(shard, "stages"), columns, sizeof columns / sizeof columns[0]);
        json_object_del(rest, "stages");
        json_object_del(rest, "shard");
        json_object_del(rest, "now_ns");
        render_tree(rest, 0);
        json_decref(rest);
    }
}
