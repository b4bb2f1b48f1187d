/* Leases.
 *
 * Renewals make no version and touch no disk: the deadline is memory, rebuilt from the service rows at start with a grace time. A
 * process that stands still loses its row although its connection lives: beats come from the thread that does the work.
 *
 * Cost: a list walk over at most a few dozen services each step. Thread: configdb's main thread. Input: ids and senders from the bus; an id
 * is renewed only by the life that joined with it.
 */
#include "services/configdb/lease.h"

#include <stdlib.h>
#include <utlist.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

struct lease {
    uint64_t id;
    struct bus_identity who;
    uint32_t pid;
    uint64_t deadline_ns;
    struct lease *next;
};
struct leases {
    struct lease *list;
    size_t n;
};

struct leases *leases_new(void)
{
    return memory_zeroed(sizeof(struct leases));
}

void leases_destroy(struct leases **leases)
{
    if (*leases == NULL) {
        return;
    }
    struct lease *lease, *next;
    LL_FOREACH_SAFE((*leases)->list, lease, next)
    {
        free(lease);
    }
    free(*leases);
    *leases = NULL;
}

static struct lease *leases_find(const struct leases *leases, uint64_t id)
{
    struct lease *lease;
    LL_FOREACH(leases->list, lease)
    {
        if (lease->id == id) {
            return lease;
        }
    }
    return NULL;
}

void leases_add(struct leases *leases, uint64_t id, const Busbar__ServiceRow *row, uint64_t deadline_ns)
{
    struct lease *lease = leases_find(leases, id);
    if (lease == NULL) {
        lease = memory_zeroed(sizeof *lease);
        lease->id = id;
        LL_PREPEND(leases->list, lease);
        leases->n++;
    }
    lease->who = (struct bus_identity){.kind = (enum process_kind)row->kind, .instance = row->instance, .start = row->start};
    lease->pid = row->pid;
    lease->deadline_ns = deadline_ns;
}

void leases_remove(struct leases *leases, uint64_t id)
{
    struct lease *lease = leases_find(leases, id);
    if (lease != NULL) {
        LL_DELETE(leases->list, lease);
        leases->n--;
        free(lease);
    }
}

bool leases_renew(struct leases *leases, uint64_t id, const struct bus_identity *from, uint64_t now_ns)
{
    struct lease *lease = id != 0 ? leases_find(leases, id) : NULL;
    if (lease == NULL || !bus_identity_equal(&lease->who, from)) {
        return false;
    }
    lease->deadline_ns = lease->deadline_ns > now_ns + LEASE_NS ? lease->deadline_ns : now_ns + LEASE_NS;
    return true;
}

void leases_extend(struct leases *leases, uint64_t deadline_ns)
{
    struct lease *lease;
    LL_FOREACH(leases->list, lease)
    {
        lease->deadline_ns = lease->deadline_ns > deadline_ns ? lease->deadline_ns : deadline_ns;
    }
}

uint64_t leases_lapsed(const struct leases *leases, uint64_t now_ns)
{
    const struct lease *lease;
    LL_FOREACH(leases->list, lease)
    {
        if (now_ns >= lease->deadline_ns) {
            return lease->id;
        }
    }
    return 0;
}

const struct bus_identity *leases_who(const struct leases *leases, uint64_t id)
{
    const struct lease *lease = leases_find(leases, id);
    return lease != NULL ? &lease->who : NULL;
}

size_t leases_count(const struct leases *leases)
{
    return leases->n;
}

json_t *leases_json(const struct leases *leases, uint64_t now_ns)
{
    json_t *array = json_array();
    const struct lease *lease;
    LL_FOREACH(leases->list, lease)
    {
        char *name = memory_format("%s.%u", process_kind_name(lease->who.kind), lease->who.instance);
        int64_t left_ms = ((int64_t)lease->deadline_ns - (int64_t)now_ns) / (int64_t)NS_PER_MS;
        json_array_append_new(array, json_pack("{s:s, s:I, s:i, s:I}", "service", name, "id", (json_int_t)lease->id, "pid",
                                               (int)lease->pid, "lease_left_ms", (json_int_t)left_ms));
        free(name);
    }
    return array;
}
