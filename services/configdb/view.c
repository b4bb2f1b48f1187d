/* A reader's share of the commits.
 *
 *   commit   tables changed        bridge of its rules      a reader of RULE with bridges {7}
 *   101      RULE                  7                        whole, as it lies in the ring
 *   102      RULE                  9                        nothing
 *   103      RULE                  all are deletions        whole
 *   104      RULE                  7 and 9, or 7 and gone   row by row
 *
 * Most commits are of one ofagent for one bridge, so what the ring remembers of a commit (tables, one bridge) nearly always tells without a look
 * at its rows. Cost: some comparisons a commit and reader. Thread: configdb's main thread. Never is a row kept from a reader whose bridge it may be.
 */
#include "services/configdb/view.h"

void view_fini(struct view *view)
{
    bridge_set_fini(&view->bridges);
    view->tables = 0;
}

void view_copy(struct view *view, const struct view *from)
{
    view->tables = from->tables;
    bridge_set_copy(&view->bridges, &from->bridges);
}

bool view_equal(const struct view *a, const struct view *b)
{
    return a->tables == b->tables && bridge_set_equal(&a->bridges, &b->bridges);
}

enum view_share view_share(const struct view *view, const struct ring_entry *entry)
{
    uint32_t seen = entry->tables & view->tables;
    uint32_t filtered = view->bridges.is_all ? 0 : seen & (uint32_t)CFG_TABLES_BY_BRIDGE;
    bool is_one_bridge = entry->bridge != 0 && entry->bridge != RING_BRIDGE_ANY;
    if (filtered != 0 && is_one_bridge && !bridge_set_has(&view->bridges, entry->bridge)) {
        return filtered == seen ? VIEW_NOTHING : VIEW_BY_ROW;
    }
    if (seen == 0) {
        return VIEW_NOTHING;
    }
    return seen == entry->tables && (filtered == 0 || entry->bridge != 0) ? VIEW_WHOLE : VIEW_BY_ROW;
}

bool view_takes_row(const struct view *view, const Busbar__Row *row)
{
    return row->table < CFG_TABLE_MAX && (view->tables & 1u << row->table) != 0 &&
           (row->deleted || bridge_set_takes(&view->bridges, row->table, row->value.data, row->value.len));
}
