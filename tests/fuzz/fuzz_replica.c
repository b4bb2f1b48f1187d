/* A whole conversation of replicas with a shard while packets pass and ports flap: sessions open and close, answers, changes, offers and
 * nonsense arrive in any order; frames and packets of the shard stay accounted for after each step (I4, I5), tables within their bounds (I9).
 *
 * The input is a script: an operation a byte, its upper bits saying who, then its operands. Each input has a shard of its own, so that what was
 * found is found again from the file alone. RAW is bytes of any session message as they are; ANSWER and CHANGE are well-formed ones about what there is.
 */
#include "lib/base/log.h"
#include "tests/unit/services/fastpath/rig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum operation { HELLO, RAW, PACKET, WAIT, FLAP, ANSWER, CHANGE, SETTING, OPERATIONS };

enum { FRAMES = 128, STEPS_MAX = 200, FLOW_LIMIT_MAX = 64, OPERATION_BITS = 3 };

struct script {
    const uint8_t *bytes;
    size_t left;
};

static const char *const names[RIG_PORTS] = {"p1", "p2", "p3"};

static uint8_t take8(struct script *script)
{
    if (script->left == 0) {
        return 0;
    }
    script->left--;
    return *script->bytes++;
}

static void check(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

static void raw(struct rig *rig, struct script *script, size_t r)
{
    static const enum message_type types[] = {MESSAGE_SESSION_HELLO,     MESSAGE_SESSION_BEAT, MESSAGE_COUNTER_NAMES, MESSAGE_ANSWER_BATCH,
                                              MESSAGE_FLOW_CHANGE_BATCH, MESSAGE_REACHED,      MESSAGE_FRAME_DOWN};
    enum message_type type = types[take8(script) % (sizeof types / sizeof types[0])];
    size_t size = (size_t)take8(script) << 8;
    size |= take8(script);
    size = size < script->left ? size : script->left;
    if (rig->replicas[r].socket != NULL) {
        check(bus_send(rig->replicas[r].socket, NULL, type, script->bytes, size) == 0);
        rig_run(rig, 0);
    }
    script->bytes += size;
    script->left -= size;
}

/* Of the first ask this replica has heard and not answered; of any number when there is none. */
static void answer(struct rig *rig, struct script *script, size_t r)
{
    struct flow_key mask;
    uint8_t bits = take8(script), port = take8(script), version = take8(script);
    struct rig_answer what = {.ask = bits, .port = port % 5, .version = rig->shard->floor.n + version % 8 - 1};
    Busbar__MissBatch *batch = rig_take(rig, r, MESSAGE_MISS_BATCH);
    if (batch != NULL && batch->n_asks > 0) {
        what.ask = batch->asks[version / 8 % batch->n_asks];
    }
    if (batch != NULL) {
        protobuf_c_message_free_unpacked(&batch->base, NULL);
    }
    mask = bits == 0xff ? mask_all() : mask_source(bits % 129);
    what.mask = (port & 0x80) != 0 ? NULL : &mask;
    if (rig->replicas[r].socket != NULL) {
        rig_answer(rig, r, &what);
    }
}

static void change(struct rig *rig, struct script *script, size_t r)
{
    size_t cursor = take8(script);
    uint8_t port = take8(script), version = take8(script);
    const struct flow *flow = flow_table_next(rig->shard->flows, &cursor);
    if (flow != NULL && rig->replicas[r].socket != NULL) {
        rig_change(rig, r, flow->id, port % 4, rig->shard->floor.n + version % 8 - 1);
    }
}

/* A device vanishes or is there again; a port leaves the configuration or is in it again. */
static void flap(struct rig *rig, uint8_t how, size_t port)
{
    switch (how % 4) {
    case 0:
        io_mem_remove(rig->mem, names[port]);
        break;
    case 1:
        io_mem_add(rig->mem, names[port]);
        break;
    case 2:
        port_control_apply(&rig->ports, port + 1, NULL, rig->now_ns);
        break;
    default:
        rig_add_port(rig, (uint32_t)port + 1, names[port]);
        break;
    }
    port_control_step(&rig->ports, rig->now_ns);
}

static void packet(struct rig *rig, struct script *script, size_t port)
{
    uint8_t frame[FRAME_BYTES], source = take8(script), l4_port = take8(script);
    frame_udp(frame, source, l4_port % 4, 1);
    for (unsigned n = 0; n <= l4_port / 64u; n++) {
        (void)io_mem_put(rig->mem, names[port], frame, sizeof frame);
    }
    rig_run(rig, 0);
}

static void step(struct rig *rig, struct script *script)
{
    uint8_t first = take8(script), who = first >> OPERATION_BITS;
    size_t r = who % RIG_REPLICAS, port = who % RIG_PORTS;
    switch ((enum operation)(first % OPERATIONS)) {
    case HELLO:
        rig_hello(rig, r, rig->shard->floor.n + who / 4 % 4 - 1, MSG_KEY_LAYOUT);
        break;
    case RAW:
        raw(rig, script, r);
        break;
    case PACKET:
        packet(rig, script, port);
        break;
    case WAIT:
        rig_run(rig, who < 28 ? who : 600); /* the last ones: until sessions close and asks expire */
        break;
    case FLAP:
        flap(rig, who / RIG_PORTS, port);
        break;
    case ANSWER:
        answer(rig, script, r);
        break;
    case CHANGE:
        change(rig, script, r);
        break;
    case SETTING:
    case OPERATIONS:
        rig->shard->flow_limit = 1 + take8(script) % FLOW_LIMIT_MAX;
        io_mem_set_tx_room(rig->mem, names[port], (who & 1) != 0 ? 3 : UINT32_MAX);
        break;
    }
}

static void look_at(struct rig *rig)
{
    uint8_t frame[FRAME_BYTES];
    const struct shard *shard = rig->shard;
    size_t n_owned = 0;
    check(umem_is_sound(rig->umem) && worker_is_balanced(&shard->worker));
    check(umem_count(rig->umem, FRAME_PENDING) == shard->worker.pending.n_packets);
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        n_owned += shard->sessions[i].n_owned;
    }
    check(n_owned == flow_table_count(shard->flows) && n_owned <= FLOWS_MAX);
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        check(shard->ports.ports[i]->megaflows.n_subtables <= shard->ports.ports[i]->megaflows.max_masks);
    }
    for (size_t i = 0; i < RIG_PORTS; i++) {
        while (io_mem_get(rig->mem, names[i], frame, sizeof frame) > 0) {
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct script script = {.bytes = data, .left = size};
    log_set_level(LOG_LEVEL_ERROR);
    struct rig *rig = rig_new(FRAMES);
    for (unsigned i = 0; i < STEPS_MAX && script.left > 0; i++) {
        step(rig, &script);
        look_at(rig);
    }
    rig_end(rig);
    return 0;
}
