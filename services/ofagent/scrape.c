/* The metrics of an ofagent. See scrape.h; the list is metrics.def.
 *
 * Read from the same counters as `status`, when it is asked for. Rules are not walked: their tables know how many.
 * Cost: some 20 us, and a look at each bridge and controller. The ofagent's one thread. Invariant: nothing here changes the agent.
 */
#include "services/ofagent/scrape.h"

#include "services/ofagent/controller.h"
#include "services/ofagent/packet.h"

struct sums {
    size_t owned, ready, fail_open, controllers, connected, sessions, rules, groups, meters, in_flight;
};

static struct sums sums_of(const struct ofagent *agent)
{
    struct sums sums = {0};
    for (const struct bridge *bridge = agent->bridges; bridge != NULL; bridge = bridge->next) {
        sums.owned += bridge->state == BRIDGE_LOADING || bridge->state == BRIDGE_READY;
        sums.ready += bridge->state == BRIDGE_READY;
        sums.fail_open += bridge->is_fail_open;
        sums.sessions += bridge->n_sessions;
        sums.rules += flow_table_size(bridge->flows);
        sums.groups += group_table_size(bridge->groups);
        sums.meters += meter_table_size(bridge->meters);
        sums.in_flight += inflight_size(bridge->inflight);
        for (const struct controller *controller = bridge->is_served ? bridge->controllers : NULL; controller != NULL; controller = controller->next) {
            sums.controllers += !controller->is_passive; /* nobody need come to a listener */
            sums.connected += controller->is_active && !controller->is_passive;
        }
    }
    return sums;
}

static void fill_barriers(const struct ofagent *agent, struct page *page)
{
    page_histogram(page, NULL, 0, &agent->barriers);
}

static void fill_classes(struct page *page, const uint64_t counts[2])
{
    page_sample(page, &(struct page_label){"class", "rule"}, 1, (double)counts[0]);
    page_sample(page, &(struct page_label){"class", "miss"}, 1, (double)counts[1]);
}

static void fill_held(const struct ofagent *agent, struct page *page)
{
    fill_classes(page, agent->counts.packet_ins_held);
}

static void fill_limited(const struct ofagent *agent, struct page *page)
{
    fill_classes(page, agent->counts.packet_ins_limited);
}

void scrape_fill(const struct ofagent *agent, struct page *page)
{
    const struct sums sums = sums_of(agent);
    size_t n_replicas;
    const struct packet_counts *packets = packet_counts(agent->packet, &n_replicas);
#define METRIC(type, name, unit, help, value)                                                                                   \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    page_sample(page, NULL, 0, (double)(value));
#define SERIES(type, name, unit, help, function)                                                                                \
    page_family(page, METRIC_##type, name, unit, help);                                                                         \
    function(agent, page);
#include "services/ofagent/metrics.def"
#undef METRIC
#undef SERIES
}
