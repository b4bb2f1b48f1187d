/* A configdb in the test's own memory behind those calls of lib/cfg/cfg.h that the slowpath uses. Including this file defines them, so the
 * real mirror is not linked. What the test gives between two steps is shown in the next cfg_step(). */
#ifndef BUSBAR_TESTS_SLOWPATH_FAKE_CFG_H
#define BUSBAR_TESTS_SLOWPATH_FAKE_CFG_H

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"
#include "lib/msg/authors.h"

struct cfg {
    struct cfg_events events;
    void (*show)(struct cfg *cfg); /* called once by the next step */
    struct version applied;
    Busbar__ServiceRow registered;
};

static struct cfg *fake_cfg; /* the one of the test */

int cfg_new(struct bus *bus, const char *endpoint, const enum cfg_table *tables, size_t n_tables,
            const struct cfg_events *events, struct cfg **out_cfg)
{
    fake_cfg = memory_zeroed(sizeof *fake_cfg);
    fake_cfg->events = *events;
    *out_cfg = fake_cfg;
    return 0;
}

void cfg_destroy(struct cfg **cfg)
{
    free(*cfg);
    *cfg = NULL;
}

int cfg_fd(const struct cfg *cfg)
{
    return -1;
}

void cfg_step(struct cfg *cfg, uint64_t now_ns)
{
    void (*show)(struct cfg *) = cfg->show;
    cfg->show = NULL;
    if (show != NULL) {
        show(cfg);
    }
}

uint64_t cfg_take_authors(struct cfg *cfg)
{
    return AUTHORS_ALL;
}

uint64_t cfg_changed(const struct cfg *cfg, uint32_t tables)
{
    return 0;
}

bool cfg_is_connected(const struct cfg *cfg)
{
    return true;
}

void cfg_applied(struct cfg *cfg, struct version version, const Busbar__RowError *errors, size_t n_errors)
{
    cfg->applied = version;
}

void cfg_register(struct cfg *cfg, const Busbar__ServiceRow *service)
{
    cfg->registered = *service;
}

static inline void fake_row(struct cfg *cfg, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                            const ProtobufCMessage *after)
{
    cfg->events.on_row(cfg->events.context, table, id, before, after);
}

static inline void fake_version(struct cfg *cfg, uint64_t n)
{
    cfg->events.on_version(cfg->events.context, (struct version){.epoch = 1, .n = n}, false);
}

#endif
