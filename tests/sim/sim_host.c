/* Frames of the simulated hosts: Ethernet, IPv4, UDP, and 12 bytes that say who, to whom, which flow, and the how manieth.
 *
 *     0        14        34     42        54        64
 *     | Ethernet | IPv4   | UDP  | identity | zeroes |
 *
 * Checksums are right, so that an action that rewrites a field has something to keep right. One thread.
 */
#include "tests/sim/sim_host.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/dp/checksum.h"
#include "services/fastpath/io_mem.h"

enum { IDENTITY_MAGIC = 0x42555342, UDP_BYTES = SIM_FRAME_BYTES - 34, IDENTITY_AT = 42 };

const char *sim_port_name(unsigned host, char out_name[16])
{
    (void)snprintf(out_name, 16, "p%u", host);
    return out_name;
}

uint64_t sim_network(struct sim *sim, const char *bridge, const char *fail_mode, unsigned n_hosts)
{
    uint64_t id = sim_add_bridge(sim, bridge, fail_mode);
    for (unsigned host = 1; host <= n_hosts; host++) {
        char name[16];
        (void)sim_add_port(sim, id, sim_port_name(host, name));
    }
    return id;
}

static void write_mac(struct writer *w, uint8_t host)
{
    if (host == SIM_EVERYBODY) {
        writer_bytes(w, "\xff\xff\xff\xff\xff\xff", 6);
    } else {
        writer_u8(w, 2);
        writer_pad(w, 4);
        writer_u8(w, host);
    }
}

static void write_ip(struct writer *w, uint8_t host)
{
    writer_u8(w, 10);
    writer_pad(w, 2);
    writer_u8(w, host);
}

static void set_checksum(struct writer *w, size_t at, uint16_t sum)
{
    uint16_t value = (uint16_t)~sum;
    memcpy(w->bytes + at, &value, 2);
}

void sim_frame(const struct sim_packet *packet, struct writer *w)
{
    write_mac(w, packet->to);
    write_mac(w, packet->from);
    writer_u16(w, 0x0800);
    writer_u8(w, 0x45);
    writer_u8(w, 0);
    writer_u16(w, SIM_FRAME_BYTES - 14);
    writer_pad(w, 4);
    writer_u8(w, 64);
    writer_u8(w, 17);
    writer_u16(w, 0);
    write_ip(w, packet->from);
    write_ip(w, packet->to);
    writer_u16(w, packet->flow);
    writer_u16(w, 4000);
    writer_u16(w, UDP_BYTES);
    writer_u16(w, 0);
    writer_u32(w, IDENTITY_MAGIC);
    writer_u8(w, packet->from);
    writer_u8(w, packet->to);
    writer_u16(w, packet->flow);
    writer_u32(w, packet->sequence);
    writer_pad(w, SIM_FRAME_BYTES - w->size);
    set_checksum(w, 24, checksum_sum(w->bytes + 14, 20, 0));
    uint8_t rest[4] = {0, 17, 0, UDP_BYTES};
    uint16_t pseudo = checksum_sum(rest, sizeof rest, checksum_sum(w->bytes + 26, 8, 0));
    set_checksum(w, 40, checksum_sum(w->bytes + 34, UDP_BYTES, pseudo));
}

bool sim_offer(struct sim *sim, struct sim_packet packet)
{
    struct writer w;
    char name[16];
    writer_init(&w);
    sim_frame(&packet, &w);
    bool is_taken = io_mem_put(sim->devices, sim_port_name(packet.from, name), w.bytes, w.size);
    writer_fini(&w);
    return is_taken;
}

void sim_send(struct sim *sim, struct sim_packet packet)
{
    if (!sim_offer(sim, packet)) {
        fail_msg("seed %" PRIu64 ": nobody takes packets at port p%u", sim->seed, packet.from);
    }
}

void sim_frame_read(const uint8_t *bytes, size_t size, struct sim_packet *out_packet)
{
    assert_true(size >= SIM_FRAME_BYTES);
    struct reader r = reader_of(bytes + IDENTITY_AT + (size - SIM_FRAME_BYTES), 12); /* a tag that was pushed moves it */
    assert_int_equal(reader_u32(&r), IDENTITY_MAGIC);
    out_packet->from = reader_u8(&r);
    out_packet->to = reader_u8(&r);
    out_packet->flow = reader_u16(&r);
    out_packet->sequence = reader_u32(&r);
}

bool sim_receive(struct sim *sim, unsigned host, struct sim_packet *out_packet)
{
    uint8_t bytes[2048];
    char name[16];
    size_t size = io_mem_get(sim->devices, sim_port_name(host, name), bytes, sizeof bytes);
    if (size == 0) {
        return false;
    }
    assert_true(size <= sizeof bytes);
    sim_frame_read(bytes, size, out_packet);
    return true;
}

unsigned sim_receive_all(struct sim *sim, unsigned host)
{
    struct sim_packet packet;
    unsigned n = 0;
    while (sim_receive(sim, host, &packet)) {
        n++;
    }
    return n;
}

void sim_receive_in_order(struct sim *sim, unsigned host, uint8_t from, uint16_t flow, uint32_t *sequence, uint32_t end)
{
    struct sim_packet packet;
    while (sim_receive(sim, host, &packet)) {
        if (packet.from != from || packet.flow != flow || packet.sequence != *sequence) {
            fail_msg("seed %" PRIu64 ": host %u received packet %u of host %u, flow %u, and awaited packet %u of host %u, flow %u", sim->seed, host,
                     packet.sequence, packet.from, packet.flow, *sequence, from, flow);
        }
        (*sequence)++;
    }
    if (*sequence != end) {
        fail_msg("seed %" PRIu64 ": host %u received packets up to %u of host %u, flow %u, and not up to %u", sim->seed, host, *sequence, from, flow, end);
    }
}

struct awaited {
    struct sim_packet packet;
    unsigned host;
};

static bool awaited_came(struct sim *sim, void *context)
{
    struct awaited *awaited = context;
    struct sim_packet packet;
    while (sim_receive(sim, awaited->host, &packet)) {
        if (memcmp(&packet, &awaited->packet, sizeof packet) == 0) {
            return true;
        }
    }
    return false;
}

unsigned sim_ping(struct sim *sim, uint8_t from, uint8_t to, uint16_t flow)
{
    struct awaited awaited = {.packet = {.from = from, .to = to, .flow = flow, .sequence = (uint32_t)random_u64(&sim->random)}, .host = to};
    char what[96];
    (void)snprintf(what, sizeof what, "a packet of flow %u from host %u to host %u", flow, from, to);
    sim_send(sim, awaited.packet);
    return sim_until(sim, awaited_came, &awaited, what);
}
