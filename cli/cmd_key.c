/* Keys for tcp://: made here, on the host of whoever will use them, and let in by configdb.
 *
 * A secret never travels: key make writes it to a file of its owner alone, and key add takes the public half. The first key is added on
 * configdb's own host, where the run directory's mode and the uid say who is admin.
 */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"

/* "slowpath-1" of "/etc/busbar/slowpath-1.key". */
static char *name_of_file(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    size_t size = dot != NULL && dot != base ? (size_t)(dot - base) : strlen(base);
    return memory_format("%.*s", (int)size, base);
}

enum exit_status read_key_make(struct client *client, const struct segment *segment, json_t **out_json,
                               struct error_detail *detail)
{
    struct key_pair pair;
    const char *path = segment->arguments[0];
    char *name = segment->n_arguments > 1 ? memory_string(segment->arguments[1]) : name_of_file(path);
    int err = key_pair_make(name, &pair);
    if (err != 0) {
        error_set(detail, err,
                  err == -ERROR_SYNTAX ? "%s: a key's name has 1 to 63 letters, digits, '.', '_' and '-'"
                                       : "%s: libzmq was built without CURVE",
                  name);
    } else {
        err = key_file_write(path, &pair, detail);
    }
    if (err == 0) {
        *out_json = json_pack("{s:s, s:s, s:s}", "file", path, "name", pair.name, "public", pair.public_key);
    }
    explicit_bzero(&pair, sizeof pair);
    free(name);
    return err == 0 ? EXIT_DONE : EXIT_FAILED;
}

void read_key_make_print(const json_t *json, const struct segment *segment)
{
    puts(json_string_value(json_object_get(json, "public")));
}

int config_key_add(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    char public_key[KEY_TEXT_SIZE + 1];
    int err = key_public_of(segment->arguments[2], public_key, detail);
    if (err == -ENOENT) {
        return error_set(detail, err, "%s is neither a public key (40 characters) nor a file", segment->arguments[2]);
    }
    if (err != 0) {
        return err;
    }
    Busbar__KeyRow row = BUSBAR__KEY_ROW__INIT;
    row.name = (char *)segment->arguments[0];
    row.role = (char *)segment->arguments[1];
    row.public_key = public_key;
    cfg_txn_insert(txn, CFG_KEY, &row.base);
    return 0;
}

int config_key_del(struct client *client, const struct segment *segment, struct cfg_txn *txn, struct error_detail *detail)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    while (cfg_next(client->cfg, CFG_KEY, &cursor, &id, &row)) {
        if (strcmp(((const Busbar__KeyRow *)row)->name, segment->arguments[0]) == 0) {
            cfg_txn_delete(txn, CFG_KEY, id);
            return 0;
        }
    }
    return segment->if_exists
               ? 0
               : error_set(detail, -ERROR_NOT_FOUND, "there is no key %s (swctl key list shows them)", segment->arguments[0]);
}

enum exit_status read_key_list(struct client *client, const struct segment *segment, json_t **out_json,
                               struct error_detail *detail)
{
    uint64_t cursor = 0, id;
    const ProtobufCMessage *row;
    if (client->cfg == NULL && client_open(client, detail) != 0) {
        return EXIT_SILENT;
    }
    json_t *keys = json_array();
    while (cfg_next(client->cfg, CFG_KEY, &cursor, &id, &row)) {
        const Busbar__KeyRow *key = (const Busbar__KeyRow *)row;
        json_array_append_new(keys,
                              json_pack("{s:s, s:s, s:s}", "name", key->name, "role", key->role, "public", key->public_key));
    }
    *out_json = keys;
    return EXIT_DONE;
}

void read_key_list_print(const json_t *json, const struct segment *segment)
{
    size_t i;
    json_t *key;
    json_array_foreach(json, i, key)
    {
        printf("%-20s %-9s %s\n", json_string_value(json_object_get(key, "name")),
               json_string_value(json_object_get(key, "role")), json_string_value(json_object_get(key, "public")));
    }
}
