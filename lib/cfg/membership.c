/* Joining and staying joined.
 *
 *   wanted ── transaction: insert ──► joining ── reply ──► joined ── RENEW(id) each 500 ms ──┐
 *     ▲                                  │ refused           │  ▲                            │
 *     └────────── 500 ms later ──────────┘                   │  └──── RENEWED(id) ───────────┘
 *     ▲                                                      │
 *     └───────────────── RENEWED(0): the row is gone ────────┘
 *
 * While joining no RENEW is sent, so a late RENEWED(0) cannot be about a row we have just got. A process without a row sends RENEW(0): the answer
 * tells it that configdb lives. Joining again under the same (kind, instance) replaces the row, with a new version.
 * One thread; time is an argument. An answer to a join that was overtaken by another join or a leave is recognised by its attempt number.
 */
#include "lib/cfg/membership.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/msg.h"

static const uint64_t RENEW_NS = 500 * NS_PER_MS;
static const uint64_t JOIN_PATIENCE_NS = 2 * NS_PER_S;

struct membership {
    struct bus_identity self;
    Busbar__ServiceRow *service; /* NULL: not wanted */
    uint64_t id;
    struct version version;
    bool is_joining;
    bool is_joining_stale; /* what is under way is not wanted any more */
    uint64_t next_join_ns, next_renew_ns;
    struct outbox *outbox; /* of the last step, to leave a row that came too late */
    uint64_t now_ns;
};

static void on_left(void *context, const struct cfg_result *result)
{
    if (result->error < 0) {
        log_info("leave_failed error=\"%s\"", result->text != NULL ? result->text : error_text(result->error));
    }
}

static void leave_row(struct outbox *outbox, uint64_t id, uint64_t now_ns)
{
    struct cfg_txn *txn = cfg_txn_new("leave");
    cfg_txn_delete(txn, CFG_SERVICE, id);
    outbox_add(outbox, &txn, now_ns + JOIN_PATIENCE_NS, on_left, NULL);
}

static void on_joined(void *context, const struct cfg_result *result)
{
    struct membership *m = context;
    bool is_stale = m->is_joining_stale;
    m->is_joining = false;
    m->is_joining_stale = false;
    if (result->error == 0 && result->n_ids == 1 && !is_stale) {
        m->id = result->ids[0];
        m->version = result->version;
        m->next_renew_ns = 0;
        log_info("joined service=%llu version=%llu", (unsigned long long)m->id, (unsigned long long)m->version.n);
    } else if (result->error == 0 && result->n_ids == 1 && m->service == NULL) {
        leave_row(m->outbox, result->ids[0], m->now_ns);
    } else if (!is_stale) {
        m->next_join_ns = m->now_ns + RENEW_NS;
        LOG_LIMITED(LOG_LEVEL_WARN, "join_failed error=\"%s\"",
                    result->text != NULL && result->text[0] != '\0' ? result->text : error_text(result->error));
    }
}

static void join(struct membership *m, struct outbox *outbox, uint64_t now_ns)
{
    struct cfg_txn *txn = cfg_txn_new("join");
    cfg_txn_insert(txn, CFG_SERVICE, &m->service->base);
    m->is_joining = true;
    outbox_add(outbox, &txn, now_ns + JOIN_PATIENCE_NS, on_joined, m);
}

struct membership *membership_new(const struct bus_identity *self)
{
    struct membership *m = memory_zeroed(sizeof *m);
    m->self = *self;
    return m;
}

void membership_destroy(struct membership **membership)
{
    if (*membership != NULL) {
        busbar__service_row__free_unpacked((*membership)->service, NULL);
        free(*membership);
        *membership = NULL;
    }
}

void membership_join(struct membership *membership, const Busbar__ServiceRow *service)
{
    Busbar__ServiceRow row = *service;
    row.kind = (uint32_t)membership->self.kind;
    row.instance = membership->self.instance;
    row.start = membership->self.start;
    size_t size = busbar__service_row__get_packed_size(&row);
    uint8_t *bytes = memory_zeroed(size);
    busbar__service_row__pack(&row, bytes);
    busbar__service_row__free_unpacked(membership->service, NULL);
    membership->service = busbar__service_row__unpack(NULL, size, bytes);
    free(bytes);
    membership->id = 0;
    membership->version = (struct version){0};
    membership->is_joining_stale = membership->is_joining;
    membership->next_join_ns = 0;
}

void membership_leave(struct membership *membership, struct outbox *outbox, uint64_t now_ns)
{
    if (membership->id != 0) {
        leave_row(outbox, membership->id, now_ns);
    }
    busbar__service_row__free_unpacked(membership->service, NULL);
    membership->service = NULL;
    membership->id = 0;
    membership->is_joining_stale = membership->is_joining;
}

uint64_t membership_id(const struct membership *membership, struct version *out_version)
{
    if (membership->id != 0 && out_version != NULL) {
        *out_version = membership->version;
    }
    return membership->id;
}

void membership_step(struct membership *membership, struct outbox *outbox, struct bus_socket *socket, uint64_t now_ns)
{
    membership->outbox = outbox;
    membership->now_ns = now_ns;
    if (membership->is_joining) {
        return;
    }
    if (membership->service != NULL && membership->id == 0 && now_ns >= membership->next_join_ns) {
        join(membership, outbox, now_ns);
        return;
    }
    if (now_ns >= membership->next_renew_ns) {
        Busbar__Renew renew = BUSBAR__RENEW__INIT;
        renew.id = membership->id;
        if (msg_send(socket, NULL, MESSAGE_RENEW, &renew.base) == 0) {
            membership->next_renew_ns = now_ns + RENEW_NS;
        }
    }
}

void membership_on_renewed(struct membership *membership, const Busbar__Renewed *renewed)
{
    if (membership->id != 0 && renewed->id == 0) {
        log_warn("lease_lapsed service=%llu", (unsigned long long)membership->id);
        membership->id = 0;
        membership->next_join_ns = 0;
    }
}
