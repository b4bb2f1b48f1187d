/* The tables of configdb by number and name, made from tables.def (declared in cfg.h).
 *
 * Everybody who handles rows without knowing their kind (the mirror, configdb's store, swctl) goes through this.
 * A lookup walks some dozen entries. No state; any thread.
 */
#include "lib/cfg/cfg.h"

#include <string.h>

static const struct cfg_table_info infos[] = {
#define TABLE(id, number, where, message, text, filter)                                                                              \
    {.table = CFG_##id, .name = (text), .storage = CFG_STORAGE_##where, .descriptor = &busbar__##message##__descriptor},
#include "lib/cfg/tables.def"
#undef TABLE
};

const struct cfg_table_info *cfg_table_info(uint32_t table)
{
    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
        if ((uint32_t)infos[i].table == table) {
            return &infos[i];
        }
    }
    return NULL;
}

const struct cfg_table_info *cfg_table_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof infos / sizeof infos[0]; i++) {
        if (strcmp(infos[i].name, name) == 0) {
            return &infos[i];
        }
    }
    return NULL;
}
