/* The naive twin of services/ofagent/flow_table.c and flow_mod.c: an array of rules, looked through from end to end. */
#ifndef BUSBAR_TESTS_ORACLE_FLOW_TABLE_H
#define BUSBAR_TESTS_ORACLE_FLOW_TABLE_H

#include "lib/model/rule.h"

enum { ORACLE_RULES_MAX = 1000 };

/* `serial` stands for the row: it is kept when a rule is replaced and new when its counters begin anew. */
struct oracle_rule {
    struct rule rule;
    uint64_t serial;
};

struct oracle_table {
    struct oracle_rule rules[ORACLE_RULES_MAX];
    size_t count;
    uint64_t next_serial;
};

enum oracle_answer { ORACLE_DONE, ORACLE_OVERLAP, ORACLE_BAD_TABLE };

/* Meters, groups and buffers are not modelled. */
enum oracle_answer oracle_flow_mod(struct oracle_table *table, const struct flow_mod *mod);
void oracle_table_fini(struct oracle_table *table);

#endif
