/* The metrics of a slowpath. See scrape.h; the list is metrics.def.
 *
 * Read from the same counters as `status`, when it is asked for. Neither flows, rules nor addresses are walked: their tables know how many.
 * Cost: some 20 us, and a look at each session and bridge. The thread that translates. Invariant: nothing here changes the core.
 */
#include "services/slowpath/scrape.h"

#include "services/slowpath/packet.h"
#include "services/slowpath/session_state.h"

static void fill_events(const struct core *core, struct page *page)
{
#define COUNT(name) page_sample(page, &(struct page_label){"event", #name}, 1, (double)core->counts.name);
    SLOWPATH_COUNTS(COUNT)
#undef COUNT
}

static size_t waiting_asks(const struct session *session)
{
    return session->n_misses;
}

static size_t flows(const struct session *session)
{
    return flow_index_count(session_flows(session));
}

static size_t marked(const struct session *session)
{
    return flow_index_count_marked(session_flows(session));
}

static size_t is_open(const struct session *session)
{
    return session_is_open(session);
}

static size_t sum(const struct core *core, size_t (*of)(const struct session *session))
{
    size_t n = 0;
    for (size_t i = 0; i < core->n_sessions; i++) {
        n += of(core->sessions[i]);
    }
    return n;
}

static size_t learned(const struct core *core)
{
    size_t n = 0;
    for (const struct world_bridge *bridge = core->world.bridges; bridge != NULL; bridge = bridge->hh.next) {
        n += mac_table_count(core->macs, bridge->id);
    }
    return n;
}

void scrape_fill(const struct core *core, struct version applied, struct page *page)
{
#define METRIC(type, name, unit, help, value)                                                                                   \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    page_sample(page, NULL, 0, (double)(value));
#define SERIES(type, name, unit, help, function)                                                                                \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    function(core, page);
#include "services/slowpath/metrics.def"
#undef METRIC
#undef SERIES
}
