/* The options by which a process finds configdb and is found over tcp://, the same for every service and swctl.
 *
 *     struct bus_options wanted = {0};
 *     const struct service_option extra[] = {BUS_OPTIONS(&wanted), ...};
 *     ... service_open() ...
 *     err = bus_options_open(&wanted, service.run_dir, &self, &bus, config, &detail);
 */
#ifndef BUSBAR_BUS_BUS_OPTIONS_H
#define BUSBAR_BUS_BUS_OPTIONS_H

#include "lib/base/service.h"
#include "lib/bus/bus.h"
#include "lib/bus/endpoint.h"

struct bus_options {
    const char *config, *config_key, *listen, *key; /* NULL: not given */
};

#define BUS_OPTIONS(options)                                                                                                   \
    {.name = "config",                                                                                                         \
     .argument = "ENDPOINT",                                                                                                   \
     .help = "configdb's endpoint, tcp://HOST:PORT (else in the run directory)",                                               \
     .value = &(options)->config},                                                                                             \
        {.name = "config-key",                                                                                                 \
         .argument = "FILE|KEY",                                                                                               \
         .help = "configdb's public key, needed with tcp",                                                                     \
         .value = &(options)->config_key},                                                                                     \
        BUS_OPTIONS_LISTEN(options)
/* Of configdb, which needs not be told where it is. */
#define BUS_OPTIONS_LISTEN(options)                                                                                            \
    {.name = "listen",                                                                                                         \
     .argument = "tcp://ADDRESS[:PORT]",                                                                                       \
     .help = "where other hosts reach this process; needs --key",                                                              \
     .value = &(options)->listen},                                                                                             \
    {                                                                                                                          \
        .name = "key", .argument = "FILE", .help = "this process's own key (swctl key make), needed with tcp",                 \
        .value = &(options)->key                                                                                               \
    }

/* A bus over ZeroMQ that uses the key and listens as wanted, and configdb's endpoint. Refuses tcp without keys, saying what to do; *out_bus
 * is then NULL. */
int bus_options_open(const struct bus_options *options, const char *run_dir, const struct bus_identity *self,
                     struct bus **out_bus, char out_config[ENDPOINT_TEXT_MAX + 1], struct error_detail *detail) MUST_CHECK;

#endif
