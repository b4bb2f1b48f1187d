/* A shard with memory ports on a memory bus, and a slowpath replica that says what the test tells it to. */
#ifndef BUSBAR_TESTS_FASTPATH_RIG_H
#define BUSBAR_TESTS_FASTPATH_RIG_H

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/msg/dp_action.h"
#include "lib/msg/msg.h"
#include "proto/session.pb-c.h"
#include "services/fastpath/expire.h"
#include "services/fastpath/install.h"
#include "services/fastpath/io_mem.h"
#include "services/fastpath/miss.h"
#include "services/fastpath/port_control.h"
#include "services/fastpath/session.h"
#include "services/fastpath/shard.h"
#include "tests/unit/services/fastpath/frames.h"

enum { RIG_HEARD_MAX = 4096, RIG_PORTS = 3, RIG_REPLICAS = 3 };

struct heard {
    uint32_t type;
    ProtobufCMessage *message;
};

struct replica {
    struct bus *bus;
    struct bus_socket *socket;
    struct heard heard[RIG_HEARD_MAX]; /* not looked at yet, in order */
    size_t n_heard;
};

struct rig {
    struct bus_hub *hub;
    struct bus *bus;
    struct bus_socket *socket;
    struct umem *umem;
    struct io_mem *mem;
    struct shard *shard;
    struct port_control ports;
    struct replica replicas[RIG_REPLICAS];
    uint64_t now_ns;
    size_t n_changes; /* calls of on_change */
};

static inline void rig_on_change(void *context, const struct port *port)
{
    ((struct rig *)context)->n_changes++;
}

static inline void rig_on_fd(void *context, int fd, bool is_open)
{
}

static inline void rig_add_port(struct rig *rig, uint32_t id, const char *name)
{
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    row.name = (char *)name;
    row.bridge = 1;
    row.ofport = id;
    port_control_apply(&rig->ports, id, &row, rig->now_ns);
    port_control_step(&rig->ports, rig->now_ns);
}

static inline struct rig *rig_new(uint32_t n_frames)
{
    static const char *const names[RIG_PORTS] = {"p1", "p2", "p3"};
    struct rig *rig = memory_zeroed(sizeof *rig);
    struct bus_identity self = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 100};
    rig->now_ns = 1000 * NS_PER_S;
    rig->hub = bus_hub_new(1);
    rig->bus = bus_memory_new(rig->hub, &self);
    assert_int_equal(bus_bind(rig->bus, WIRE_SESSION, "session", &rig->socket), 0);
    assert_int_equal(umem_new(n_frames, 8, &rig->umem), 0);
    rig->mem = io_mem_new();
    rig->shard = memory_lines(sizeof *rig->shard);
    shard_init(rig->shard, rig->umem, rig->socket);
    rig->shard->worker.now_ns = rig->now_ns;
    rig->shard->is_registered = true;
    rig->shard->registered = rig->shard->floor = (struct version){.epoch = 1, .n = 10};
    rig->ports = (struct port_control){.shard = rig->shard,
                                       .factory = io_mem_factory(rig->mem),
                                       .on_change = rig_on_change,
                                       .on_fd = rig_on_fd,
                                       .context = rig};
    for (uint32_t i = 0; i < RIG_PORTS; i++) {
        io_mem_add(rig->mem, names[i]);
        rig_add_port(rig, i + 1, names[i]);
    }
    return rig;
}

static inline void rig_forget_heard(struct replica *replica)
{
    for (size_t i = 0; i < replica->n_heard; i++) {
        protobuf_c_message_free_unpacked(replica->heard[i].message, NULL);
    }
    replica->n_heard = 0;
}

/* Ends the rig, after looking at I4 and I5. */
static inline void rig_end(struct rig *rig)
{
    assert_true(worker_is_balanced(&rig->shard->worker));
    port_control_close_all(&rig->ports);
    shard_fini(rig->shard);
    assert_true(umem_is_sound(rig->umem));
    assert_int_equal(umem_count(rig->umem, FRAME_FREE), umem_total(rig->umem));
    for (size_t i = 0; i < RIG_REPLICAS; i++) {
        rig_forget_heard(&rig->replicas[i]);
        bus_destroy(&rig->replicas[i].bus);
    }
    bus_destroy(&rig->bus);
    bus_hub_destroy(&rig->hub);
    io_mem_destroy(&rig->mem);
    umem_destroy(&rig->umem);
    free(rig->shard);
    free(rig);
}

static inline const ProtobufCMessageDescriptor *rig_descriptor(uint32_t type)
{
    return type == MESSAGE_SESSION_WELCOME   ? &busbar__session_welcome__descriptor
           : type == MESSAGE_SESSION_REFUSE  ? &busbar__session_refuse__descriptor
           : type == MESSAGE_SESSION_BEAT    ? &busbar__session_beat__descriptor
           : type == MESSAGE_MISS_BATCH      ? &busbar__miss_batch__descriptor
           : type == MESSAGE_FLOW_GONE       ? &busbar__flow_gone__descriptor
           : type == MESSAGE_FLOW_OFFER_BATCH ? &busbar__flow_offer_batch__descriptor
           : type == MESSAGE_PACKET_UP_BATCH ? &busbar__packet_up_batch__descriptor
                                             : &busbar__link_states__descriptor;
}

static inline void rig_listen(struct replica *replica)
{
    struct bus_message message;
    while (replica->socket != NULL && bus_recv(replica->socket, &message) == 0) {
        assert_true(replica->n_heard < RIG_HEARD_MAX);
        struct heard *heard = &replica->heard[replica->n_heard++];
        heard->type = message.type;
        heard->message = msg_unpack(&message, rig_descriptor(message.type));
        assert_non_null(heard->message);
        bus_message_fini(&message);
    }
}

/* Moves everything on by `ms` milliseconds. */
static inline void rig_run(struct rig *rig, unsigned ms)
{
    for (unsigned i = 0; i <= ms; i++) {
        bus_hub_step(rig->hub, rig->now_ns);
        (void)worker_poll(&rig->shard->worker, rig->now_ns);
        (void)session_step(rig->shard, rig->now_ns);
        miss_check_deadlines(rig->shard, rig->now_ns);
        expire_step(rig->shard, rig->now_ns);
        (void)session_update_floor(rig->shard);
        session_flush(rig->shard);
        bus_hub_step(rig->hub, rig->now_ns);
        for (size_t r = 0; r < RIG_REPLICAS; r++) {
            rig_listen(&rig->replicas[r]);
        }
        rig->now_ns += i < ms ? NS_PER_MS : 0;
    }
}

static inline void rig_say(struct rig *rig, size_t r, enum message_type type, const ProtobufCMessage *message)
{
    assert_int_equal(msg_send(rig->replicas[r].socket, NULL, type, message), 0);
}

static inline void rig_beat(struct rig *rig, size_t r)
{
    Busbar__SessionBeat beat = BUSBAR__SESSION_BEAT__INIT;
    rig_say(rig, r, MESSAGE_SESSION_BEAT, &beat.base);
}

static inline void rig_hello(struct rig *rig, size_t r, uint64_t reached, uint32_t layout)
{
    struct replica *replica = &rig->replicas[r];
    struct bus_identity who = {.kind = PROCESS_SLOWPATH, .instance = (uint32_t)r + 1, .start = 200 + r};
    Busbar__SessionHello hello = BUSBAR__SESSION_HELLO__INIT;
    Busbar__Version version;
    if (replica->bus == NULL) {
        replica->bus = bus_memory_new(rig->hub, &who);
        assert_int_equal(bus_connect(replica->bus, WIRE_SESSION, "session", &replica->socket), 0);
        bus_hub_step(rig->hub, rig->now_ns);
    }
    version_encode((struct version){.epoch = 1, .n = reached}, &version);
    hello.reached = &version;
    hello.key_layout = layout;
    hello.session = 1;
    rig_say(rig, r, MESSAGE_SESSION_HELLO, &hello.base);
    rig_run(rig, 1);
}

/* Takes the first message of this type out of what was heard; the caller frees it. NULL when there is none. */
static inline void *rig_take(struct rig *rig, size_t r, uint32_t type)
{
    struct replica *replica = &rig->replicas[r];
    for (size_t i = 0; i < replica->n_heard; i++) {
        if (replica->heard[i].type == type) {
            void *message = replica->heard[i].message;
            memmove(&replica->heard[i], &replica->heard[i + 1], (replica->n_heard - i - 1) * sizeof replica->heard[0]);
            replica->n_heard--;
            return message;
        }
    }
    return NULL;
}

static inline bool rig_heard(struct rig *rig, size_t r, uint32_t type)
{
    void *message = rig_take(rig, r, type);
    if (message != NULL) {
        protobuf_c_message_free_unpacked(message, NULL);
    }
    return message != NULL;
}

/* The next ask of the replica and its key, taken from its miss batches of one; 0 when there is none. */
static inline uint64_t rig_ask(struct rig *rig, size_t r, struct flow_key *out_key)
{
    Busbar__MissBatch *batch = rig_take(rig, r, MESSAGE_MISS_BATCH);
    uint64_t ask = 0;
    if (batch != NULL) {
        assert_int_equal(batch->n_asks, 1);
        ask = batch->asks[0];
        if (out_key != NULL) {
            assert_int_equal(keys_decode(&batch->keys, batch->n_asks, 0, out_key), 0);
        }
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    return ask;
}

struct rig_answer {
    uint64_t ask;
    const struct flow_key *mask; /* NULL: no flow */
    uint32_t port;               /* output; 0: drop */
    const struct dp_action *actions; /* instead of an output */
    size_t n_actions;
    uint32_t counter;            /* number, 0: none */
    const uint32_t *counters;    /* instead of it */
    size_t n_counters;
    uint64_t version;
};

static inline void rig_answer(struct rig *rig, size_t r, const struct rig_answer *what)
{
    struct dp_action output = {.type = DP_ACTION_OUTPUT, .port = what->port};
    Busbar__AnswerBatch batch = BUSBAR__ANSWER_BATCH__INIT;
    Busbar__Answer answer = BUSBAR__ANSWER__INIT, *pointer = &answer;
    Busbar__Version version;
    uint32_t counter = what->counter;
    size_t n = what->actions != NULL ? what->n_actions : what->port != 0;
    version_encode((struct version){.epoch = 1, .n = what->version}, &version);
    answer.ask = what->ask;
    answer.actions = dp_actions_encode(what->actions != NULL ? what->actions : &output, n);
    answer.n_actions = n;
    answer.counters = what->counters != NULL ? (uint32_t *)(uintptr_t)what->counters : &counter;
    answer.n_counters = what->counters != NULL ? what->n_counters : counter != 0;
    answer.version = &version;
    if (what->mask != NULL) {
        answer.mask = key_encode(what->mask);
    }
    batch.n_answers = 1;
    batch.answers = &pointer;
    rig_say(rig, r, MESSAGE_ANSWER_BATCH, &batch.base);
    dp_actions_message_free(answer.actions, n);
    rig_run(rig, 0);
}

static inline void rig_name_counter(struct rig *rig, size_t r, uint32_t number, uint64_t id)
{
    Busbar__CounterNames names = BUSBAR__COUNTER_NAMES__INIT;
    Busbar__CounterName name = BUSBAR__COUNTER_NAME__INIT, *pointer = &name;
    name.number = number;
    name.id = id;
    names.n_names = 1;
    names.names = &pointer;
    rig_say(rig, r, MESSAGE_COUNTER_NAMES, &names.base);
}

/* port 0 removes. */
static inline void rig_change(struct rig *rig, size_t r, struct flow_id id, uint32_t port, uint64_t version)
{
    struct dp_action output = {.type = DP_ACTION_OUTPUT, .port = port};
    Busbar__FlowChangeBatch batch = BUSBAR__FLOW_CHANGE_BATCH__INIT;
    Busbar__FlowChange change = BUSBAR__FLOW_CHANGE__INIT, *pointer = &change;
    Busbar__FlowId wire_id = BUSBAR__FLOW_ID__INIT;
    Busbar__Version wire_version;
    version_encode((struct version){.epoch = 1, .n = version}, &wire_version);
    wire_id.high = id.high;
    wire_id.low = id.low;
    change.id = &wire_id;
    change.remove = port == 0;
    change.actions = dp_actions_encode(&output, 1);
    change.n_actions = port != 0;
    change.version = &wire_version;
    batch.n_changes = 1;
    batch.changes = &pointer;
    rig_say(rig, r, MESSAGE_FLOW_CHANGE_BATCH, &batch.base);
    dp_actions_message_free(change.actions, 1);
    rig_run(rig, 0);
}

static inline void rig_reached(struct rig *rig, size_t r, uint64_t n)
{
    Busbar__Reached reached = BUSBAR__REACHED__INIT;
    Busbar__Version version;
    version_encode((struct version){.epoch = 1, .n = n}, &version);
    reached.version = &version;
    rig_say(rig, r, MESSAGE_REACHED, &reached.base);
    rig_run(rig, 0);
}

static inline void rig_put(struct rig *rig, const char *port, uint16_t source, uint16_t l4_port, uint8_t mark)
{
    uint8_t frame[FRAME_BYTES];
    frame_udp(frame, source, l4_port, mark);
    assert_true(io_mem_put(rig->mem, port, frame, sizeof frame));
}

/* The mark of the next frame sent by this port, -1 when there is none. */
static inline int rig_got(struct rig *rig, const char *port)
{
    uint8_t frame[2048];
    return io_mem_get(rig->mem, port, frame, sizeof frame) > 0 ? frame[42] : -1;
}

/* A packet of `source` that came in by p1 gets a flow under `bits` of its source, out by p2; its frame is taken away. */
static inline struct flow_id rig_make_flow(struct rig *rig, size_t r, uint16_t source, unsigned bits, uint64_t version)
{
    struct flow_key key, mask = mask_source(bits);
    rig_put(rig, "p1", source, 1, 0);
    rig_run(rig, 0);
    struct rig_answer answer = {.ask = rig_ask(rig, r, &key), .mask = &mask, .port = 2, .version = version};
    assert_int_not_equal(answer.ask, 0);
    rig_answer(rig, r, &answer);
    assert_int_equal(rig_got(rig, "p2"), 0);
    return key_flow_id(&key, &mask);
}

#endif
