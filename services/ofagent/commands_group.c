/* The commands of swctl on groups and meters: the text is read here, so that swctl and controllers meet the same checks, and lists are
 * given as text, so that scripts made for ovs-ofctl read them.
 *
 * A list goes in pieces of PIECE, all in one step: few of either beside rules, and 65,536 groups of two buckets are 15 MB and 0.2 s.
 * The ofagent's one thread.
 */
#include "services/ofagent/commands_group.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "lib/model/word.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/commands.h"
#include "services/ofagent/flow_mod.h"
#include "services/ofagent/group_mod.h"
#include "services/ofagent/meter_mod.h"
#include "services/ofagent/ports.h"

enum { PIECE = 1000 };

/* ---- what both have in common ---- */

static int place_of(const char *word, const char *const *words, size_t n_words)
{
    for (size_t i = 0; i < n_words; i++) {
        if (words[i] != NULL && strcmp(words[i], word) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void fail_syntax(struct control_call *call, int err, const char *text, const struct error_detail *detail)
{
    control_fail(call, err, "%s: %s", text, detail->text[0] != '\0' ? detail->text : error_text(err));
}

/* Of a list: one number, or all. False: the call has failed. */
static bool read_filter(struct control_call *call, const char *const *arguments, size_t n_arguments, uint32_t all, uint32_t *out_id)
{
    struct error_detail detail = {{0}};
    uint64_t number = 0;

    *out_id = all;
    if (n_arguments < 2 || strcmp(arguments[1], "all") == 0 || strcmp(arguments[1], "ALL") == 0) {
        return true;
    }
    const char *equals = strchr(arguments[1], '='); /* "meter=1", as ovs-ofctl wants it */
    int err = word_number("id", equals != NULL ? equals + 1 : arguments[1], UINT32_MAX, &number, &detail);
    if (err != 0 || n_arguments > 2) {
        fail_syntax(call, err != 0 ? err : -ERROR_SYNTAX, arguments[n_arguments - 1], &detail);
        return false;
    }
    *out_id = (uint32_t)number;
    return true;
}

/* Appends to the list, whose pieces go out as they are full. */
static void give(struct control_call *call, json_t **list, json_t *item)
{
    if (json_array_size(*list) == PIECE) {
        control_piece(call, *list);
        *list = json_array();
    }
    json_array_append_new(*list, item);
}

static json_t *use_json(uint64_t n_packets, uint64_t n_bytes)
{
    return json_pack("{s:I, s:I}", "n_packets", (json_int_t)n_packets, "n_bytes", (json_int_t)n_bytes);
}

/* ---- groups ---- */

static const char *unsupported(const struct group *group)
{
    const char *why = NULL;
    for (size_t i = 0; i < group->n_buckets && why == NULL; i++) {
        why = flow_mod_unsupported(&group->buckets[i].actions);
    }
    return why;
}

void commands_group_mod(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    static const char *const words[] = {[GROUP_ADD] = "add",
                                        [GROUP_MODIFY] = "modify",
                                        [GROUP_DELETE] = "delete",
                                        [GROUP_INSERT_BUCKETS] = "insert-buckets",
                                        [GROUP_REMOVE_BUCKETS] = "remove-buckets"};
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    struct error_detail detail = {{0}};
    struct group_text text;
    size_t n_changes = 0;

    if (bridge == NULL) {
        return;
    }
    int command = n_arguments == 3 ? place_of(arguments[1], words, sizeof words / sizeof words[0]) : -1;
    if (command < 0) {
        control_fail(call, -ERROR_SYNTAX, "BRIDGE add|modify|delete|insert-buckets|remove-buckets GROUP is expected");
        return;
    }
    struct match_ports ports = ports_names(bridge);
    int err = group_parse(arguments[2], (enum group_command)command, &ports, &text, &detail);
    if (err != 0) {
        fail_syntax(call, err, arguments[2], &detail);
        return;
    }
    if (commands_may_change(bridge, call)) {
        const char *why = unsupported(&text.group);
        enum of_error_number error =
            group_mod_apply(bridge, (enum group_command)command, &text.group, text.command_bucket_id, &n_changes);
        if (error != OF_ERROR_NONE) {
            control_fail(call, -ERROR_REFUSED, "%s: %s", arguments[2], why != NULL ? why : of_error_name(error));
        } else {
            commands_await(bridge, call, n_changes);
        }
    }
    group_fini(&text.group);
}

void commands_dump_groups(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    uint32_t id;

    if (bridge == NULL || !read_filter(call, arguments, n_arguments, GROUP_ALL, &id)) {
        return;
    }
    json_t *list = json_array();
    for (const struct group_entry *e = group_table_first(bridge->groups); e != NULL; e = e->next) {
        if (id == GROUP_ALL || id == e->group.group_id) {
            struct match_ports ports = {0};
            char *text = group_format(&e->group, &ports);
            give(call, &list, json_pack("{s:I, s:s}", "group_id", (json_int_t)e->group.group_id, "text", text));
            free(text);
        }
    }
    control_reply(call, list);
}

static json_t *group_stats_json(const struct bridge *bridge, const struct group_entry *entry)
{
    struct of_group_stats counted = group_mod_stats(bridge, entry);
    struct use_stats *uses = memory_array(counted.n_buckets + 1, sizeof *uses);
    json_t *buckets = json_array();

    for (size_t i = 0; i < counted.n_buckets; i++) {
        uses[i] = (struct use_stats){.n_packets = counted.buckets[i].n_packets, .n_bytes = counted.buckets[i].n_bytes};
        json_t *bucket = use_json(uses[i].n_packets, uses[i].n_bytes);
        json_object_set_new(bucket, "bucket_id", json_integer(entry->group.buckets[i].bucket_id));
        json_array_append_new(buckets, bucket);
    }
    struct group_stats stats = {.n_references = counted.ref_count,
                                .duration_ns = counted.duration_ns,
                                .total = {.n_packets = counted.n_packets, .n_bytes = counted.n_bytes},
                                .buckets = uses};
    char *text = group_stats_format(&entry->group, &stats);
    json_t *group = json_pack("{s:I, s:I, s:I, s:I, s:f, s:o, s:s}", "group_id", (json_int_t)entry->group.group_id, "n_packets",
                              (json_int_t)counted.n_packets, "n_bytes", (json_int_t)counted.n_bytes, "references",
                              (json_int_t)counted.ref_count, "duration_s", (double)counted.duration_ns / 1e9, "buckets", buckets,
                              "text", text);
    free(text);
    free(uses);
    of_group_stats_fini(&counted);
    return group;
}

void commands_dump_group_stats(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    uint32_t id;

    if (bridge == NULL || !read_filter(call, arguments, n_arguments, GROUP_ALL, &id)) {
        return;
    }
    group_mod_count_references(bridge);
    json_t *list = json_array();
    for (const struct group_entry *e = group_table_first(bridge->groups); e != NULL; e = e->next) {
        if (id == GROUP_ALL || id == e->group.group_id) {
            give(call, &list, group_stats_json(bridge, e));
        }
    }
    control_reply(call, list);
}

/* ---- meters ---- */

void commands_meter_mod(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    static const char *const words[] = {[OF_METER_ADD] = "add", [OF_METER_MODIFY] = "modify", [OF_METER_DELETE] = "delete"};
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    struct error_detail detail = {{0}};
    struct meter meter;
    size_t n_changes = 0;

    if (bridge == NULL) {
        return;
    }
    int command = n_arguments == 3 ? place_of(arguments[1], words, sizeof words / sizeof words[0]) : -1;
    if (command < 0) {
        control_fail(call, -ERROR_SYNTAX, "BRIDGE add|modify|delete METER is expected");
        return;
    }
    int err = meter_parse(arguments[2], command == OF_METER_DELETE, &meter, &detail);
    if (err != 0) {
        fail_syntax(call, err, arguments[2], &detail);
        return;
    }
    if (commands_may_change(bridge, call)) {
        enum of_error_number error = meter_mod_apply(bridge, (enum of_meter_command)command, &meter, &n_changes);
        if (error != OF_ERROR_NONE) {
            control_fail(call, -ERROR_REFUSED, "%s: %s", arguments[2], of_error_name(error));
        } else {
            commands_await(bridge, call, n_changes);
        }
    }
    meter_fini(&meter);
}

void commands_dump_meters(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    uint32_t id;

    if (bridge == NULL || !read_filter(call, arguments, n_arguments, METER_ALL, &id)) {
        return;
    }
    json_t *list = json_array();
    for (const struct meter_entry *e = meter_table_first(bridge->meters); e != NULL; e = meter_table_next(e)) {
        if (id == METER_ALL || id == e->meter.meter_id) {
            char *text = meter_format(&e->meter);
            give(call, &list, json_pack("{s:I, s:s}", "meter", (json_int_t)e->meter.meter_id, "text", text));
            free(text);
        }
    }
    control_reply(call, list);
}

static json_t *meter_stats_json(const struct bridge *bridge, const struct meter_entry *entry)
{
    struct of_meter_stats counted = meter_mod_stats(bridge, entry);
    struct use_stats uses[METER_BANDS_MAX] = {{0}};
    json_t *bands = json_array();

    for (size_t i = 0; i < counted.n_bands && i < METER_BANDS_MAX; i++) {
        uses[i] = (struct use_stats){.n_packets = counted.bands[i].n_packets, .n_bytes = counted.bands[i].n_bytes};
        json_array_append_new(bands, use_json(uses[i].n_packets, uses[i].n_bytes));
    }
    struct meter_stats stats = {.n_flows = counted.n_flows,
                                .duration_ns = counted.duration_ns,
                                .total = {.n_packets = counted.n_packets, .n_bytes = counted.n_bytes},
                                .bands = uses};
    char *text = meter_stats_format(&entry->meter, &stats);
    json_t *meter = json_pack("{s:I, s:I, s:I, s:I, s:f, s:o, s:s}", "meter", (json_int_t)entry->meter.meter_id, "n_packets",
                              (json_int_t)counted.n_packets, "n_bytes", (json_int_t)counted.n_bytes, "flows",
                              (json_int_t)counted.n_flows, "duration_s", (double)counted.duration_ns / 1e9, "bands", bands, "text",
                              text);
    free(text);
    of_meter_stats_fini(&counted);
    return meter;
}

void commands_meter_stats(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    uint32_t id;

    if (bridge == NULL || !read_filter(call, arguments, n_arguments, METER_ALL, &id)) {
        return;
    }
    meter_mod_count_references(bridge);
    json_t *list = json_array();
    for (const struct meter_entry *e = meter_table_first(bridge->meters); e != NULL; e = meter_table_next(e)) {
        if (id == METER_ALL || id == e->meter.meter_id) {
            give(call, &list, meter_stats_json(bridge, e));
        }
    }
    control_reply(call, list);
}
