/* From options to a bus.
 *
 * The rule is simple: no word over tcp without keys at both ends. Every way to get it wrong has a sentence that says what to do. Reads the key
 * file and configdb's public key; opens no socket. Called once, at start, by the main thread.
 */
#include "lib/bus/bus_options.h"

#include <stdio.h>
#include <string.h>

static int find_config(const struct bus_options *options, const char *run_dir, char out_config[ENDPOINT_TEXT_MAX + 1],
                       struct error_detail *detail)
{
    char address[ENDPOINT_ADDRESS_MAX + 1], key[KEY_TEXT_SIZE + 1];
    if (options->config == NULL || !endpoint_is_tcp(options->config)) {
        int err = options->config == NULL
                      ? bus_endpoint(run_dir, WIRE_CONFIG, PROCESS_CONFIGDB, 1, out_config, ENDPOINT_TEXT_MAX + 1)
                      : 0;
        if (options->config != NULL && snprintf(out_config, ENDPOINT_TEXT_MAX + 1, "%s", options->config) > ENDPOINT_TEXT_MAX) {
            err = -ERROR_TOO_LARGE;
        }
        return err == 0
                   ? 0
                   : error_set(detail, err, "%.100s: %s", options->config != NULL ? options->config : run_dir, error_text(err));
    }
    int err = endpoint_split(options->config, address, key);
    if (err != 0) {
        return error_set(detail, err, "--config %.100s: tcp://HOST:PORT is expected", options->config);
    }
    if (options->key == NULL) {
        return error_set(detail, -ERROR_REFUSED,
                         "--config %.100s: tcp needs a key of our own: give --key FILE (swctl key make FILE makes one, "
                         "swctl key add lets it in)",
                         options->config);
    }
    if (options->config_key == NULL && key[0] == '\0') {
        return error_set(detail, -ERROR_REFUSED,
                         "--config %.100s: tcp needs configdb's public key: give --config-key FILE or the key itself",
                         options->config);
    }
    if (options->config_key != NULL) {
        err = key_public_of(options->config_key, key, detail);
    }
    if (err == 0 && (err = endpoint_with_key(options->config, key, out_config)) != 0) {
        err = error_set(detail, err, "--config and --config-key name different keys");
    }
    return err;
}

static int use_key(const struct bus_options *options, struct bus *bus, struct error_detail *detail)
{
    struct key_pair pair;
    if (options->key == NULL) {
        return 0;
    }
    int err = key_file_read(options->key, &pair, detail);
    if (err != 0) {
        return err;
    }
    err = bus_zmq_use_keys(bus, &pair);
    explicit_bzero(&pair, sizeof pair);
    return err == 0 ? 0 : error_set(detail, err, "libzmq was built without CURVE: tcp cannot be used");
}

static int listen_too(const struct bus_options *options, struct bus *bus, struct error_detail *detail)
{
    char address[ENDPOINT_ADDRESS_MAX + 1];
    unsigned port;
    if (options->listen == NULL) {
        return 0;
    }
    if (options->key == NULL) {
        return error_set(detail, -ERROR_REFUSED,
                         "--listen %.100s: tcp needs a key: give --key FILE (swctl key make FILE makes one)", options->listen);
    }
    int err = endpoint_listen(options->listen, address, &port, detail);
    if (err != 0) {
        return err;
    }
    err = bus_zmq_listen(bus, address, port);
    return err == 0 ? 0 : error_set(detail, err, "--listen %.100s: %s", options->listen, error_text(err));
}

int bus_options_open(const struct bus_options *options, const char *run_dir, const struct bus_identity *self,
                     struct bus **out_bus, char out_config[ENDPOINT_TEXT_MAX + 1], struct error_detail *detail)
{
    *out_bus = NULL;
    int err = find_config(options, run_dir, out_config, detail);
    if (err != 0) {
        return err;
    }
    struct bus *bus = bus_zmq_new(self);
    err = use_key(options, bus, detail);
    err = err == 0 ? listen_too(options, bus, detail) : err;
    if (err != 0) {
        bus_destroy(&bus);
        return err;
    }
    *out_bus = bus;
    return 0;
}
