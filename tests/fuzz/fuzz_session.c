/* What a slowpath may say to a shard: the first byte chooses the message, the rest is its body. Refused or carried out; the frames and
 * packets of the shard stay accounted for (I4, I5), whatever was said before. One shard lives through all inputs. */
#include <stdlib.h>

#include "services/fastpath/install.h"
#include "services/fastpath/io_mem.h"
#include "services/fastpath/port_control.h"
#include "services/fastpath/session.h"
#include "services/fastpath/up.h"
#include "tests/unit/services/fastpath/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct shard shard;
static struct io_mem *mem;

static void on_change(void *context, const struct port *port)
{
}

static void on_fd(void *context, int fd, bool is_open)
{
}

static void begin(void)
{
    struct bus_identity self = {.kind = PROCESS_FASTPATH, .instance = 1, .start = 1};
    struct bus_socket *socket;
    struct umem *umem;
    struct bus *bus = bus_memory_new(bus_hub_new(1), &self);
    if (bus_bind(bus, WIRE_SESSION, "session", &socket) != 0 || umem_new(256, 8, &umem) != 0) {
        abort();
    }
    mem = io_mem_new();
    shard_init(&shard, umem, socket);
    struct port_control control = {.shard = &shard, .factory = io_mem_factory(mem), .on_change = on_change, .on_fd = on_fd};
    Busbar__PortRow row = BUSBAR__PORT_ROW__INIT;
    for (uint32_t id = 1; id <= 2; id++) {
        row.name = id == 1 ? (char *)"p1" : (char *)"p2";
        io_mem_add(mem, row.name);
        port_control_apply(&control, id, &row, 1);
    }
    shard.sessions[0] = (struct session){.state = SESSION_OPEN, .who = {.kind = PROCESS_SLOWPATH, .instance = 1, .start = 2}};
    shard.sessions[0].up_bytes = calloc(1, UP_BYTES);
    memset(shard.buckets, 0, sizeof shard.buckets);
}

/* A packet that no flow covers waits, so that there is something to answer: its ask is in the low bytes of what follows. */
static void ask_something(void)
{
    uint8_t frame[FRAME_BYTES], out[FRAME_BYTES];
    static uint16_t source;
    while (shard.worker.pending.oldest != NULL) {
        worker_drop_list(&shard.worker, shard.worker.pending.oldest, DROP_MISS_TIMEOUT);
    }
    shard.worker.pending.next_ask = 0; /* the corpus names the first ask of list 0 */
    frame_udp(frame, ++source, 1, 1);
    shard.sessions[0].n_asks = 0;
    (void)io_mem_put(mem, "p1", frame, sizeof frame);
    (void)worker_poll(&shard.worker, 1000000000u + source);
    while (io_mem_get(mem, "p2", out, sizeof out) > 0 || io_mem_get(mem, "p1", out, sizeof out) > 0) {
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (mem == NULL) {
        begin();
    }
    if (size == 0) {
        return 0;
    }
    struct bus_message message = {.body = data + 1, .size = size - 1};
    struct session *session = &shard.sessions[0];
    ask_something();
    switch (data[0] % 4) {
    case 0:
        (void)install_answers(&shard, session, &message);
        break;
    case 1:
        (void)install_changes(&shard, session, &message);
        break;
    case 2:
        (void)install_counter_names(&shard, session, &message);
        break;
    default:
        (void)up_frame_down(&shard, session, &message);
        break;
    }
    worker_flush(&shard.worker);
    session->n_gone = 0;
    session->n_ups = session->up_size = 0;
    if (!umem_is_sound(shard.umem) || !worker_is_balanced(&shard.worker)) {
        abort();
    }
    if (flow_table_count(shard.flows) > 1000 || shard.counters.n_ids > 1000) {
        install_remove_all_flows(&shard);
    }
    return 0;
}
