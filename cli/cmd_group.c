/* The commands about groups and meters: each is one request to the ofagent, which reads the text and writes the lists, in the syntax of
 * ovs-ofctl.
 *
 * One change a command, as there. The ofagent that has the bridge is asked.
 */
#include "cli/command.h"

#include <stdio.h>

static enum exit_status ask(struct client *client, const char *command, const char *const *arguments, size_t n, json_t **out_json,
                            struct error_detail *detail)
{
    int err = client_ask_owner(client, command, arguments, n, out_json, detail);
    return err == 0 ? EXIT_DONE : err == -ERROR_TIMEOUT || err == -ERROR_NOT_CONNECTED ? EXIT_SILENT : EXIT_FAILED;
}

/* Without a text: all of them, as deletions may. */
static enum exit_status change(struct client *client, const struct segment *segment, const char *command, const char *verb, json_t **out_json,
                               struct error_detail *detail)
{
    const char *arguments[] = {segment->arguments[0], verb, segment->n_arguments > 1 ? segment->arguments[1] : ""};
    return ask(client, command, arguments, 3, out_json, detail);
}

static void print_texts(const json_t *json)
{
    size_t i;
    json_t *item;
    json_array_foreach(json, i, item) {
        const char *text = json_string_value(json_object_get(item, "text"));
        if (text != NULL) {
            puts(text);
        }
    }
}

enum exit_status read_group_add(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "group-mod", "add", out_json, detail);
}

void read_group_add_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_group_mod(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "group-mod", "modify", out_json, detail);
}

void read_group_mod_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_group_del(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "group-mod", "delete", out_json, detail);
}

void read_group_del_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_buckets_insert(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "group-mod", "insert-buckets", out_json, detail);
}

void read_buckets_insert_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_buckets_remove(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "group-mod", "remove-buckets", out_json, detail);
}

void read_buckets_remove_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_group_dump(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, "dump-groups", segment->arguments, segment->n_arguments, out_json, detail);
}

void read_group_dump_print(const json_t *json, const struct segment *segment)
{
    print_texts(json);
}

enum exit_status read_group_stats(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, "dump-group-stats", segment->arguments, segment->n_arguments, out_json, detail);
}

void read_group_stats_print(const json_t *json, const struct segment *segment)
{
    print_texts(json);
}

enum exit_status read_meter_add(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "meter-mod", "add", out_json, detail);
}

void read_meter_add_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_meter_mod(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "meter-mod", "modify", out_json, detail);
}

void read_meter_mod_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_meter_del(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return change(client, segment, "meter-mod", "delete", out_json, detail);
}

void read_meter_del_print(const json_t *json, const struct segment *segment)
{
}

enum exit_status read_meter_dump(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, "dump-meters", segment->arguments, segment->n_arguments, out_json, detail);
}

void read_meter_dump_print(const json_t *json, const struct segment *segment)
{
    print_texts(json);
}

enum exit_status read_meter_stats(struct client *client, const struct segment *segment, json_t **out_json, struct error_detail *detail)
{
    return ask(client, "meter-stats", segment->arguments, segment->n_arguments, out_json, detail);
}

void read_meter_stats_print(const json_t *json, const struct segment *segment)
{
    print_texts(json);
}
