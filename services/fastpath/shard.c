/* Birth and end of a shard's state.
 *
 * Why one struct: the control side's files are views of one set of facts (flows, owners, counters), and passing ten pointers around
 * would not make them more separate. Ports are opened and closed by port_control.c; here they must be gone before the end.
 * Cost: one large allocation. Worker thread. Invariant: after shard_fini() every frame is free or with a device that is closing.
 */
#include "services/fastpath/shard.h"

#include "services/fastpath/install.h"
#include "services/fastpath/miss.h"
#include "services/fastpath/port_flows.h"
#include "services/fastpath/session.h"
#include "services/fastpath/tier.h"
#include "services/fastpath/up.h"

void shard_init(struct shard *shard, struct umem *umem, struct bus_socket *socket)
{
    struct worker_events events = {.ask = miss_ask, .up = up_packet, .context = shard};
    *shard = (struct shard){.umem = umem, .socket = socket, .flow_limit = FLOW_LIMIT_DEFAULT, .max_idle_ms = MAX_IDLE_DEFAULT_MS};
    memset(shard->buckets, OWNER_NONE, sizeof shard->buckets);
    shard->flows = flow_table_new();
    msg_arena_init(&shard->arena);
    shard->programs = program_table_new();
    counter_set_init(&shard->counters);
    worker_init(&shard->worker, umem, &shard->ports, flow_table_base(shard->flows), &events);
}

void shard_fini(struct shard *shard)
{
    if (shard->flows == NULL) {
        return;
    }
    session_close_all(shard, "the fastpath stops", shard->worker.now_ns);
    install_remove_all_flows(shard);
    miss_drop_all(shard, DROP_STOPPED);
    worker_fini(&shard->worker);
    tier_destroy(&shard->tier);
    counter_set_fini(&shard->counters);
    flow_table_destroy(&shard->flows);
    port_flows_fini(shard);
    msg_arena_fini(&shard->arena);
    program_table_destroy(&shard->programs);
}

uint8_t shard_session_number(const struct shard *shard, const struct session *session)
{
    return (uint8_t)(session - shard->sessions);
}
