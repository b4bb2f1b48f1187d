/* Rows of configuration to put in, for the tests of lib/cfg, configdb and swctl. */
#ifndef BUSBAR_TESTS_CFG_SAMPLE_H
#define BUSBAR_TESTS_CFG_SAMPLE_H

#include "lib/cfg/cfg.h"

static inline Busbar__BridgeRow fixture_bridge(const char *name)
{
    Busbar__BridgeRow row = BUSBAR__BRIDGE_ROW__INIT;
    row.name = (char *)(uintptr_t)name;
    return row;
}

static inline Busbar__PortRow fixture_port(const char *name, uint64_t bridge)
{
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    row.name = (char *)(uintptr_t)name;
    row.bridge = bridge;
    return row;
}

static inline Busbar__RuleRow fixture_rule(uint64_t bridge, uint64_t cookie)
{
    Busbar__RuleRow row = BUSBAR__RULE_ROW__INIT;
    row.bridge = bridge;
    row.priority = 100;
    row.cookie = cookie;
    return row;
}

#endif
