/* A small configdb for the tests of lib/cfg: owner rows 0 .. MINI_ROWS-1, transactions that put one of them, the rules of proto/README.md.
 *
 * It keeps the state of every version ever, so that a test can ask whether what a reader shows was ever true.
 */
#ifndef BUSBAR_TESTS_CFG_MINI_CONFIGDB_H
#define BUSBAR_TESTS_CFG_MINI_CONFIGDB_H

#include "tests/unit/lib/cfg/peer.h"
#include "tests/unit/lib/cfg/rows.h"

enum { MINI_ROWS = 12, MINI_VERSIONS = 20000, MINI_RING = 30, MINI_REPLIES = 64 };

struct mini {
    struct peer *peer;
    uint64_t epoch, n, began, ring_from; /* began: the n at which this epoch began; ring_from: deltas after it are known */
    uint64_t history[MINI_VERSIONS][MINI_ROWS];

    bool has_reader;
    uint64_t next; /* of the reader */

    uint64_t last_done, last_sequence_executed_twice;
    struct {
        uint64_t sequence, n;
    } replies[MINI_REPLIES];
    uint64_t service_id; /* 0: no row */
    uint64_t n_subscribes, n_snapshots, n_applied, acked;
    uint32_t status_mtu; /* of port status row 1; 0: none */
};

static inline void mini_commit(struct mini *m, uint64_t id, uint64_t value)
{
    m->n++;
    assert_true(m->n < MINI_VERSIONS);
    memcpy(m->history[m->n], m->history[m->n - 1], sizeof m->history[0]);
    m->history[m->n][id] = value;
    m->ring_from = m->n > m->ring_from + MINI_RING ? m->n - MINI_RING : m->ring_from;
}

/* Sends may fail: then the message is lost, as on a broken connection. */
static inline bool mini_send(struct mini *m, enum message_type type, const ProtobufCMessage *message)
{
    return msg_send(m->peer->server, &peer_client, type, message) == 0;
}

static inline void mini_row(Busbar__Row *row, uint64_t id, uint64_t value)
{
    busbar__row__init(row);
    row->table = CFG_OWNER;
    row->id = id;
    row->deleted = value == 0;
    row->value = value != 0 ? row_bytes(value) : (ProtobufCBinaryData){0};
}

static inline void mini_send_snapshot(struct mini *m)
{
    m->n_snapshots++;
    for (int piece = 0; piece < 3; piece++) {
        Busbar__Version version = BUSBAR__VERSION__INIT;
        Busbar__Snapshot message = BUSBAR__SNAPSHOT__INIT;
        Busbar__Row rows[MINI_ROWS], *pointers[MINI_ROWS];
        version.epoch = m->epoch;
        version.n = m->n;
        message.version = &version;
        message.rows = pointers;
        message.first = piece == 0;
        message.last = piece == 2;
        for (uint64_t id = 0; id < MINI_ROWS; id++) {
            if (id % 3 == (uint64_t)piece && m->history[m->n][id] != 0) {
                mini_row(&rows[message.n_rows], id, m->history[m->n][id]);
                pointers[message.n_rows] = &rows[message.n_rows];
                message.n_rows++;
            }
        }
        mini_send(m, MESSAGE_SNAPSHOT, &message.base);
        for (size_t i = 0; i < message.n_rows; i++) {
            free(rows[i].value.data);
        }
    }
}

/* The delta to version n, in two pieces when it has more than one row, or the empty one that says "nothing new". */
static inline void mini_send_delta(struct mini *m, uint64_t n, bool is_resume)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    Busbar__Delta message = BUSBAR__DELTA__INIT;
    version.epoch = m->epoch;
    version.n = n;
    message.version = &version;
    for (uint64_t id = 0; id < MINI_ROWS && !is_resume; id++) {
        if (m->history[n][id] != m->history[n - 1][id]) {
            Busbar__Row row, *pointer = &row;
            mini_row(&row, id, m->history[n][id]);
            message.changes = &pointer;
            message.n_changes = 1;
            mini_send(m, MESSAGE_DELTA, &message.base);
            free(row.value.data);
        }
    }
    message.n_changes = 0;
    message.last = true;
    mini_send(m, MESSAGE_DELTA, &message.base);
}

static inline void mini_on_subscribe(struct mini *m, const Busbar__Subscribe *s)
{
    struct version have = version_decode(s->have);
    bool is_known = have.epoch == m->epoch && have.n >= m->ring_from && have.n <= m->n && have.n != 0;
    bool is_start = have.epoch + 1 == m->epoch && have.n == m->began && m->ring_from == m->began && have.n != 0;
    m->n_subscribes++;
    m->has_reader = true;
    if (is_known || is_start) {
        m->next = have.n + 1;
        if (have.n == m->n) {
            mini_send_delta(m, m->n, true);
        }
    } else {
        mini_send_snapshot(m);
        m->next = m->n + 1;
    }
    if (m->status_mtu != 0) {
        Busbar__StatusRow row = BUSBAR__STATUS_ROW__INIT, *pointer = &row;
        Busbar__Status status = BUSBAR__STATUS__INIT;
        row.table = CFG_PORT_STATUS;
        row.id = 1;
        row.value = status_bytes(m->status_mtu);
        status.rows = &pointer;
        status.n_rows = 1;
        mini_send(m, MESSAGE_STATUS, &status.base);
        free(row.value.data);
    }
}

static inline void mini_on_transact(struct mini *m, const Busbar__Transact *t)
{
    uint64_t expected = m->last_done + 1 > t->oldest ? m->last_done + 1 : t->oldest;
    if (t->sequence > expected) {
        return;
    }
    uint64_t slot = t->sequence % MINI_REPLIES;
    static const Busbar__Op nothing = BUSBAR__OP__INIT;
    const Busbar__Op *op = t->n_ops > 0 ? t->ops[0] : &nothing;
    uint64_t id = op->id;
    if (t->sequence > m->last_done) {
        if (t->n_ops == 0) {
            id = 0; /* a blank */
        } else if (op->table == CFG_SERVICE) {
            m->service_id = op->kind == BUSBAR__OP_KIND__OP_DELETE ? 0 : m->n + 1;
            mini_commit(m, 0, m->history[m->n][0]);
        } else {
            Busbar__OwnerRow *row = busbar__owner_row__unpack(NULL, op->value.len, op->value.data);
            mini_commit(m, id, row->epoch);
            busbar__owner_row__free_unpacked(row, NULL);
        }
        m->last_done = t->sequence;
        m->replies[slot].sequence = t->sequence;
        m->replies[slot].n = m->n;
    }
    assert_true(m->replies[slot].sequence == t->sequence); /* a repeat is of one we remember */
    Busbar__Version version = BUSBAR__VERSION__INIT;
    Busbar__TransactReply reply = BUSBAR__TRANSACT_REPLY__INIT;
    version.epoch = m->epoch;
    version.n = m->replies[slot].n;
    id = op->table == CFG_SERVICE ? version.n : id;
    reply.sequence = t->sequence;
    reply.version = &version;
    reply.ids = &id;
    reply.n_ids = 1;
    mini_send(m, MESSAGE_TRANSACT_REPLY, &reply.base);
}

static inline void mini_on_renew(struct mini *m, const Busbar__Renew *r)
{
    Busbar__Version version = BUSBAR__VERSION__INIT;
    Busbar__Renewed renewed = BUSBAR__RENEWED__INIT;
    version.epoch = m->epoch;
    version.n = m->n;
    renewed.version = &version;
    renewed.id = r->id == m->service_id ? r->id : 0;
    mini_send(m, MESSAGE_RENEWED, &renewed.base);
}

static inline void mini_on_await(struct mini *m, const Busbar__AwaitApplied *a)
{
    Busbar__AwaitAppliedReply reply = BUSBAR__AWAIT_APPLIED_REPLY__INIT;
    reply.version = a->version;
    reply.reached = m->acked >= a->version->n;
    mini_send(m, MESSAGE_AWAIT_APPLIED_REPLY, &reply.base);
}

static inline void mini_step(struct mini *m)
{
    ProtobufCMessage *body;
    uint32_t type;
    while ((body = peer_next(m->peer, &type)) != NULL) {
        if (type == MESSAGE_SUBSCRIBE) {
            mini_on_subscribe(m, (Busbar__Subscribe *)body);
        } else if (type == MESSAGE_TRANSACT) {
            mini_on_transact(m, (Busbar__Transact *)body);
        } else if (type == MESSAGE_RENEW) {
            mini_on_renew(m, (Busbar__Renew *)body);
        } else if (type == MESSAGE_AWAIT_APPLIED) {
            mini_on_await(m, (Busbar__AwaitApplied *)body);
        } else if (type == MESSAGE_APPLIED) {
            uint64_t n = ((Busbar__Applied *)body)->version->n;
            m->n_applied++;
            m->acked = n > m->acked ? n : m->acked;
        }
        protobuf_c_message_free_unpacked(body, NULL);
    }
    if (!m->has_reader || m->peer->server == NULL) {
        return;
    }
    if (m->next <= m->ring_from) { /* it fell out */
        mini_send_snapshot(m);
        m->next = m->n + 1;
    }
    for (; m->next <= m->n; m->next++) {
        mini_send_delta(m, m->next, false);
    }
}

/* Killed and started again: the rows, the numbers and the replies stay, the readers and the ring do not. */
static inline void mini_restart(struct mini *m)
{
    peer_stop_server(m->peer);
    peer_start_server(m->peer, m->peer->server_start + 1);
    m->epoch++;
    m->began = m->ring_from = m->n;
    m->has_reader = false;
}

#endif
