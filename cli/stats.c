/* Figures of `dp stats`. See stats.h.
 *
 * Apart from the command so that it can be tested without a switch. Counters are differences to an earlier answer when there is one, and
 * then rates are by second as well; what is a state (flows, frames) is shown as it is. A counter that went back belongs to something
 * that has gone, a port for instance: its difference is none.
 * What cannot be known (cycles of a stage that no sampled burst went through) is null, never 0.
 */
#include "cli/stats.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

static long long integer(const json_t *object, const char *key)
{
    return (long long)json_integer_value(json_object_get(object, key));
}

static long long grown(const json_t *before, const json_t *now, const char *key)
{
    long long difference = integer(now, key) - integer(before, key);
    return difference > 0 ? difference : 0;
}

/* Rounded to a multiple of 1 / scale; null when there is nothing to divide by. */
static json_t *ratio(double part, double whole, double scale)
{
    return whole > 0 ? json_real((double)(long long)(part / whole * scale + 0.5) / scale) : json_null();
}

const json_t *stats_of_shard(const json_t *before, const json_t *shard)
{
    size_t i;
    json_t *entry;
    json_array_foreach(before, i, entry) {
        bool is_same = integer(entry, "shard") == integer(shard, "shard");
        if (is_same && integer(entry, "now_ns") < integer(shard, "now_ns") && integer(entry, "received") <= integer(shard, "received")) {
            return entry;
        }
    }
    return NULL;
}

static json_t *stages(const json_t *before, const json_t *shard)
{
    const json_t *rows = json_object_get(shard, "stages"), *old = json_object_get(before, "stages");
    double cycles_per_ns = json_number_value(json_object_get(shard, "cycles_per_s")) / 1e9;
    long long all_cycles = 0;
    json_t *out = json_array(), *row;
    size_t i;
    json_array_foreach(rows, i, row) {
        all_cycles += grown(json_array_get(old, i), row, "sampled_cycles");
    }
    json_array_foreach(rows, i, row) {
        const json_t *was = json_array_get(old, i);
        double packets = (double)grown(was, row, "packets"), batches = (double)grown(was, row, "batches");
        double cycles = (double)grown(was, row, "sampled_cycles"), sampled = (double)grown(was, row, "sampled_packets");
        json_t *name = json_object_get(row, "stage");
        json_array_append_new(out, json_pack("{s:O, s:I, s:I, s:o, s:o, s:o, s:o, s:I}", "stage", name, "packets", (json_int_t)packets,
                                             "batches", (json_int_t)batches, "packets_a_batch", ratio(packets, batches, 100), "cycles_a_packet",
                                             ratio(cycles, sampled, 10), "ns_a_packet", ratio(cycles, sampled * cycles_per_ns, 100), "share",
                                             ratio(cycles * 100, (double)all_cycles, 10), "sampled_packets", (json_int_t)sampled));
    }
    return out;
}

static json_t *lookups(const json_t *before, const json_t *shard)
{
    const json_t *now = json_object_get(shard, "lookups"), *old = json_object_get(before, "lookups");
    double exact = (double)grown(old, now, "exact_hits"), megaflow = (double)grown(old, now, "megaflow_hits");
    double misses = (double)grown(old, now, "misses"), all = exact + megaflow + misses;
    return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:I}", "kernel_hits", (json_int_t)grown(old, now, "kernel_hits"), "exact_hits",
                     (json_int_t)exact, "megaflow_hits", (json_int_t)megaflow, "misses", (json_int_t)misses, "exact_percent",
                     ratio(exact * 100, all, 100), "megaflow_percent", ratio(megaflow * 100, all, 100), "miss_percent",
                     ratio(misses * 100, all, 100), "masks_a_megaflow_lookup",
                     ratio((double)grown(old, now, "megaflow_probes"), (double)grown(old, now, "megaflow_lookups"), 100), "recirculated",
                     (json_int_t)grown(old, now, "recirculated"));
}

static json_t *drops(const json_t *before, const json_t *shard)
{
    json_t *out = json_object(), *value;
    const json_t *old = json_object_get(before, "drops");
    const char *reason;
    json_object_foreach(json_object_get(shard, "drops"), reason, value) {
        long long n = grown(old, json_object_get(shard, "drops"), reason);
        if (n > 0) {
            json_object_set_new(out, reason, json_integer(n));
        }
    }
    return out;
}

json_t *stats_readable(const json_t *before, const json_t *shard)
{
    static const char *const counts[] = {"received", "sent", "sent_up", "bursts", "unmetered"};
    static const char *const states[] = {"shard",    "now_ns",   "cycles_per_s", "pending", "flows", "masks",
                                         "programs", "counters", "huge_pages",   "exact",   "frames"};
    json_t *out = json_object();
    double seconds = before != NULL ? (double)(integer(shard, "now_ns") - integer(before, "now_ns")) / 1e9 : 0;
    json_object_set_new(out, "since", json_string(before != NULL ? "the last look" : "the start"));
    json_object_set_new(out, "seconds", before != NULL ? json_real(seconds) : json_null());
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        long long n = grown(before, shard, counts[i]);
        json_object_set_new(out, counts[i], json_integer(n));
        if (before != NULL && i < 3) {
            char key[32];
            snprintf(key, sizeof key, "%s_a_second", counts[i]);
            json_object_set_new(out, key, ratio((double)n, seconds, 1));
        }
    }
    json_object_set_new(out, "stages", stages(before, shard));
    json_object_set_new(out, "lookups", lookups(before, shard));
    json_object_set_new(out, "drops", drops(before, shard));
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        json_object_set(out, states[i], json_object_get(shard, states[i]));
    }
    return out;
}

json_t *stats_drops_text(const json_t *drops_)
{
    char *text = NULL;
    const char *reason;
    json_t *value;
    json_object_foreach((json_t *)drops_, reason, value) {
        char *longer = memory_format("%s%s%s:%lld", text != NULL ? text : "", text != NULL ? " " : "", reason, (long long)json_integer_value(value));
        free(text);
        text = longer;
    }
    json_t *json = text != NULL ? json_string(text) : NULL;
    free(text);
    return json;
}
