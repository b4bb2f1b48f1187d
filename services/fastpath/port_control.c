/* The life of a port.
 *
 *     row added --> open --ok--> open, link up or down --device vanishes--> closed, error, tried again every second and when the
 *                     \--error--> closed, error, tried again                device shows up
 *     row gone  --> packets waiting for it are dropped (`stopped`), device closed, TAP deleted; its flows end little by little (port_flows.c)
 *     shards come or go --> devices change queues among them; a kind that only one shard can have moves to the lowest
 *
 * Why the others are not affected: a device has its own rings, and its frames come back when it closes (umem_take_back). Opening takes
 * up to 20 ms (program load, kernel's grace periods), so it is a queue of work: one device a step, then as much time for packets.
 * Counters that a device reports late (frames refused by the kernel, frames that no shard was there for) are taken over here, each once (I5).
 * Cost: a look at each port a millisecond. Worker thread, between bursts.
 * Invariant: can_send implies io; no packet reaches a flow whose ingress is not in the set; io implies that no other shard must have it.
 */
#include "services/fastpath/port_control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/fastpath/port_flows.h"
#include "services/fastpath/session.h"
#include "services/fastpath/tier.h"

enum { MTU_WITHOUT_LINKS = 9000, MTU_WITHOUT_INTERFACE = UMEM_LARGE_ROOM - PORT_TAGS_BYTES };

static const char *const kind_names[] = {[IO_SYSTEM] = "system", [IO_INTERNAL] = "internal", [IO_PCAP] = "pcap", [IO_NULL] = "null", [IO_PATCH] = "patch"};

static void set_link(struct port_control *control, struct port *port, bool is_up)
{
    bool can_send = is_up && port->io != NULL;
    if (can_send != port->can_send) {
        port->can_send = can_send;
        if (!can_send) {
            tier_port_ends(control->shard, port->id);
        }
        log_info("port_link port=%s up=%d", port->name, can_send);
        if (port->elsewhere == 0) { /* else another shard tells */
            session_tell_link(control->shard, port);
        }
    }
}

static void watch(struct port_control *control, struct port *port, bool is_open)
{
    int fd;
    for (unsigned i = 0; port->io != NULL && (fd = port->io->ops->fd(port->io, i)) >= 0; i++) {
        control->on_fd(control->context, fd, is_open);
    }
}

/* Takes over what the device could not say when it happened. */
static void settle(struct port_control *control, struct port *port)
{
    struct worker_totals *totals = &control->shard->worker.totals;
    struct io *io = port->io;
    if (io->n_failed != 0) {
        totals->sent -= io->n_failed;
        totals->drops[DROP_OUTPUT_FAILED] += io->n_failed;
        port->tx_packets -= io->n_failed;
        port->tx_bytes -= io->failed_bytes < port->tx_bytes ? io->failed_bytes : port->tx_bytes;
        port->tx_drops[DROP_OUTPUT_FAILED] += io->n_failed;
        io->n_failed = io->failed_bytes = 0;
    }
    if (io->n_unserved != 0) {
        totals->received += io->n_unserved;
        totals->drops[DROP_NO_SHARD] += io->n_unserved;
        port->rx_packets += io->n_unserved;
        port->rx_drops[DROP_NO_SHARD] += io->n_unserved;
        io->n_unserved = 0;
    }
}

static void close_device(struct port_control *control, struct port *port)
{
    worker_forget_port(&control->shard->worker, port);
    if (port->io == NULL) {
        return;
    }
    tier_port_closes(control->shard, port);
    watch(control, port, false);
    port->io->is_ending = true;
    port->io->ops->flush(port->io);
    settle(control, port);
    port->io->ops->close(port->io);
    port->io = NULL;
    set_link(control, port, false);
}

/* Nobody is told of a device whose queues are not open yet. */
static void tell(struct port_control *control, const struct port *port)
{
    if (port->is_known && (port->io == NULL || !port->io->is_opening)) {
        control->on_change(control->context, port);
    }
}

static void take_link(struct port *port, const struct link_info *link)
{
    port->ifindex = link->ifindex;
    port->mtu = link->mtu;
    port->is_up = link->is_up;
    memcpy(port->mac, link->mac, sizeof port->mac);
}

static void open_failed(struct port_control *control, struct port *port, int err, const char *text, uint64_t now_ns)
{
    close_device(control, port);
    if (err == -EAGAIN && (port->tried_ns == 0 || now_ns - port->tried_ns < PORT_PATIENCE_MS * NS_PER_MS)) {
        port->tried_ns = port->tried_ns == 0 ? now_ns : port->tried_ns;
        port->retry_ns = now_ns + PORT_SOON_MS * NS_PER_MS;
        return;
    }
    port->retry_ns = err != -ERROR_DAMAGED ? now_ns + PORT_RETRY_MS * NS_PER_MS : 0;
    if (strcmp(port->error, text) != 0) {
        snprintf(port->error, sizeof port->error, "%s", text);
        log_warn("port_error port=%s error=\"%s\"", port->name, port->error);
        port->is_known = true;
        tell(control, port);
    }
}

static void watch_one(void *context, int fd, bool is_open)
{
    struct port_control *control = context;
    control->on_fd(control->context, fd, is_open);
}

static void open_device(struct port_control *control, struct port *port, uint64_t now_ns)
{
    struct shard *shard = control->shard;
    struct error_detail detail = {""};
    struct link_info link = {.mtu = MTU_WITHOUT_LINKS, .is_up = true};
    struct io_request request = {
        .kind = port->kind, .name = port->name, .port = port->id, .force = port->force, .options = port->options,
        .n_options = port->n_options, .now_ns = &shard->worker.now_ns, .wall_base_ns = control->wall_base_ns,
        .on_fd = watch_one, .context = control};
    int err = control->factory.open(control->factory.context, &request, shard->umem, &port->io, &detail);
    if (!io_kind_has_interface(port->kind)) {
        /* Nobody else gives it an address: a local one, by its number. */
        link = (struct link_info){.mtu = MTU_WITHOUT_INTERFACE, .is_up = true, .mac = {2, 0, (uint8_t)(port->id >> 24), (uint8_t)(port->id >> 16),
                                  (uint8_t)(port->id >> 8), (uint8_t)port->id}};
    } else if (err == 0 && control->has_links) {
        err = link_query(port->name, &link);
        port->speed_mbps = port->io->speed_mbps;
    }
    if (err == -EINPROGRESS) {
        port->retry_ns = now_ns + PORT_LOOK_MS * NS_PER_MS;
        return;
    }
    control->opened_ns = now_ns;
    if (err != 0) {
        open_failed(control, port, err, detail.text[0] != '\0' ? detail.text : error_text(err), now_ns);
        return;
    }
    port->io->is_held = port->is_held;
    port->tried_ns = 0;
    port->error[0] = '\0';
    port->retry_ns = 0;
    port->is_known = true;
    take_link(port, &link);
    log_info("port_open port=%s id=%u mode=%s mtu=%u why=\"%s\"", port->name, port->id, port->io->mode, port->mtu, port->io->why);
    watch(control, port, true);
    set_link(control, port, port->is_up);
    tell(control, port);
}

static enum io_kind kind_of(const Busbar__PortRow *row)
{
    for (size_t kind = 0; row->type != NULL && kind < sizeof kind_names / sizeof kind_names[0]; kind++) {
        if (strcmp(row->type, kind_names[kind]) == 0) {
            return (enum io_kind)kind;
        }
    }
    return IO_SYSTEM;
}

static bool has_options(const struct port *port, const Busbar__PortRow *row)
{
    bool is_same = port->n_options == row->n_options;
    for (size_t i = 0; is_same && i < row->n_options; i++) {
        is_same = strcmp(port->options[i].key, row->options[i]->key) == 0 && strcmp(port->options[i].value, row->options[i]->value) == 0;
    }
    return is_same;
}

static void take_options(struct port *port, const Busbar__PortRow *row)
{
    port->options = memory_array(row->n_options + 1, sizeof *port->options);
    port->n_options = row->n_options;
    for (size_t i = 0; i < row->n_options; i++) {
        port->options[i] = (struct io_option){.key = memory_string(row->options[i]->key), .value = memory_string(row->options[i]->value)};
    }
}

bool port_control_is_speaker(const struct port_control *control)
{
    return control->shards == NULL || shard_set_is_lowest(control->shards);
}

/* Where the port has to be: here, or in another shard alone. */
static void place(struct port_control *control, struct port *port, uint64_t now_ns)
{
    const struct io_factory *factory = &control->factory;
    bool is_shared = factory->is_shared != NULL && factory->is_shared(port->kind);
    uint32_t elsewhere = is_shared || port_control_is_speaker(control) ? 0 : shard_set_lowest(control->shards);
    if (elsewhere != port->elsewhere) {
        log_info("port_place port=%s shard=%u", port->name, elsewhere != 0 ? elsewhere : control->shards->self);
    }
    port->elsewhere = elsewhere;
    if (elsewhere != 0) {
        close_device(control, port);
        port->error[0] = '\0';
    }
    port->retry_ns = elsewhere != 0 ? 0 : port->io == NULL && port->retry_ns == 0 ? now_ns : port->retry_ns;
}

static bool may_open(const struct port_control *control, const struct port *port)
{
    bool is_live = control->shards == NULL || shard_set_has_us(control->shards);
    return is_live && port->io == NULL && port->retry_ns != 0 && port->elsewhere == 0;
}

static void remove_port(struct port_control *control, struct port *port)
{
    struct shard *shard = control->shard;
    log_info("port_removed port=%s id=%u", port->name, port->id);
    port_flows_forget(shard, port);
    if (port->io != NULL) {
        port->io->is_forgotten = true;
    } else if (control->factory.forget != NULL && port->elsewhere == 0) {
        control->factory.forget(control->factory.context, port->kind, port->name);
    }
    close_device(control, port);
    port_set_remove(&shard->ports, port);
}

void port_control_apply(struct port_control *control, uint64_t id, const Busbar__PortRow *row, uint64_t now_ns)
{
    struct shard *shard = control->shard;
    struct port *port = port_set_find(&shard->ports, (uint32_t)id);
    bool is_other = port != NULL && row != NULL && (strcmp(port->name, row->name) != 0 || port->kind != kind_of(row) || !has_options(port, row));
    if (port != NULL && (row == NULL || is_other)) {
        remove_port(control, port);
        port = NULL;
    }
    if (row == NULL) {
        return;
    }
    uint32_t up_rate = row->has_packet_in_rate && row->packet_in_rate > 0 ? row->packet_in_rate : PORT_UP_RATE;
    if (port != NULL) {
        port_set_up_rate(port, up_rate);
        if (port->force != (row->has_force && row->force)) {
            port->force = !port->force;
            port->retry_ns = port->io == NULL ? now_ns : 0;
        }
        return;
    }
    port_flows_make_way(shard, (uint32_t)id);
    port = id <= UINT32_MAX && strlen(row->name) < PORT_NAME_BYTES ? port_set_add(&shard->ports, (uint32_t)id) : NULL;
    if (port == NULL) {
        log_error("port_refused port=%s error=\"name too long or too many ports\"", row->name);
        return;
    }
    snprintf(port->name, sizeof port->name, "%s", row->name);
    port->row_id = id;
    port_set_up_rate(port, up_rate);
    port->kind = kind_of(row);
    take_options(port, row);
    port->is_held = control->holds;
    port->force = row->has_force && row->force;
    port->retry_ns = now_ns;
    place(control, port, now_ns);
}

static void on_link_of(struct port_control *control, struct port *port, const struct link_info *link, uint64_t now_ns)
{
    bool is_other_device = port->io != NULL && port->ifindex != link->ifindex;
    if (port->io != NULL && ((link->is_gone && !is_other_device) || (!link->is_gone && is_other_device))) {
        close_device(control, port);
        snprintf(port->error, sizeof port->error, "%s: the interface has vanished", port->name);
        log_warn("port_error port=%s error=\"%s\"", port->name, port->error);
        port->is_up = false;
        port->retry_ns = now_ns + PORT_RETRY_MS * NS_PER_MS;
        tell(control, port);
    }
    if (link->is_gone) {
        return;
    }
    if (port->io == NULL) {
        port->retry_ns = port->elsewhere == 0 ? now_ns : 0;
        return;
    }
    if (port->mtu != link->mtu || port->is_up != link->is_up || memcmp(port->mac, link->mac, 6) != 0) {
        if (port->mtu != link->mtu) {
            tier_port_ends(control->shard, port->id); /* they know how much it took */
        }
        take_link(port, link);
        set_link(control, port, link->is_up);
        tell(control, port);
    }
}

void port_control_link(struct port_control *control, const struct link_info *link, uint64_t now_ns)
{
    for (size_t i = 0; i < control->shard->ports.n_ports; i++) {
        struct port *port = control->shard->ports.ports[i];
        if (!io_kind_has_interface(port->kind)) {
            continue; /* an interface may be called like it */
        }
        bool is_same_device = port->io != NULL && port->ifindex != 0 && port->ifindex == link->ifindex;
        bool was_renamed = is_same_device && strcmp(port->name, link->name) != 0;
        if (was_renamed) {
            struct link_info gone = *link;
            gone.is_gone = true;
            port->io->is_forgotten = true; /* the device goes its own way, under another name and without our program */
            on_link_of(control, port, &gone, now_ns);
        } else if (strcmp(port->name, link->name) == 0) {
            on_link_of(control, port, link, now_ns);
        }
    }
}

void port_control_version(struct port_control *control, struct version version)
{
    for (size_t i = 0; i < control->shard->ports.n_ports; i++) {
        struct port *port = control->shard->ports.ports[i];
        if (port->is_held && port->known_from.n == 0) {
            port->known_from = version;
        }
    }
}

bool port_control_release(struct port_control *control, struct version floor)
{
    bool any = false;
    for (size_t i = 0; i < control->shard->ports.n_ports; i++) {
        struct port *port = control->shard->ports.ports[i];
        if (port->is_held && port->known_from.n != 0 && version_reached(floor, port->known_from) && session_count_open(control->shard) > 0) {
            port->is_held = false;
            any = true;
            if (port->io != NULL) {
                port->io->is_held = false;
            }
        }
    }
    return any;
}

/* ---- the step ---- */

/* Shards have come or gone. */
static void take_changes(struct port_control *control, uint64_t now_ns)
{
    bool is_speaker = port_control_is_speaker(control);
    control->seen_changes = control->shards->changes;
    for (size_t i = 0; i < control->shard->ports.n_ports; i++) {
        struct port *port = control->shard->ports.ports[i];
        place(control, port, now_ns);
        if (port->io != NULL) {
            port->io->work_ns = now_ns;
        }
        if (is_speaker && !control->was_speaker) {
            tell(control, port);
        }
    }
    if (is_speaker != control->was_speaker) {
        control->withdraw_ns = is_speaker ? 0 : now_ns + PORT_WITHDRAW_MS * NS_PER_MS;
    }
    control->was_speaker = is_speaker;
}

static void sweep(struct port_control *control)
{
    const struct port_set *set = &control->shard->ports;
    const char **names = memory_array(set->n_ports + 1, sizeof *names);
    for (size_t i = 0; i < set->n_ports; i++) {
        names[i] = set->ports[i]->name;
    }
    control->factory.sweep(control->factory.context, names, set->n_ports);
    free(names);
}

static void work(struct port_control *control, struct port *port, uint64_t now_ns)
{
    struct io *io = port->io;
    if (io->ops->work != NULL && now_ns >= io->work_ns) {
        io->ops->work(io, now_ns);
    }
    settle(control, port);
    if (io->is_lost) {
        log_warn("port_lost port=%s", port->name);
        close_device(control, port);
        port->retry_ns = now_ns;
        return;
    }
    if (io->has_news) {
        io->has_news = false;
        if (strcmp(port->error, io->trouble) != 0 && io->trouble[0] != '\0') {
            log_warn("port_error port=%s error=\"%s\"", port->name, io->trouble);
        }
        snprintf(port->error, sizeof port->error, "%s", io->trouble);
        tell(control, port);
    }
}

void port_control_step(struct port_control *control, uint64_t now_ns)
{
    struct port_set *set = &control->shard->ports;
    if (control->factory.step != NULL) {
        control->factory.step(control->factory.context, control->shard->umem);
    }
    if (control->shards != NULL && control->shards->changes != control->seen_changes) {
        take_changes(control, now_ns);
    }
    if (control->opened_ns != 0) {
        uint64_t took_ns = now_ns - control->opened_ns;
        uint64_t pause_ns = took_ns < PORT_PAUSE_MAX_MS * NS_PER_MS ? took_ns : PORT_PAUSE_MAX_MS * NS_PER_MS;
        control->pause_ns = took_ns < PORT_OPEN_MAX_MS * NS_PER_MS ? now_ns + pause_ns : 0;
        control->opened_ns = 0;
    }
    size_t first = control->next < set->n_ports ? control->next : 0;
    for (size_t i = 0; i < set->n_ports; i++) {
        size_t at = first + i < set->n_ports ? first + i : first + i - set->n_ports;
        struct port *port = set->ports[at];
        if (port->io != NULL) {
            work(control, port, now_ns);
        } else if (now_ns >= control->pause_ns && control->opened_ns == 0 && may_open(control, port) && now_ns >= port->retry_ns) {
            open_device(control, port, now_ns);
            control->next = control->opened_ns != 0 ? at + 1 : control->next;
        }
    }
    if (control->withdraw_ns != 0 && now_ns >= control->withdraw_ns) {
        control->withdraw_ns = 0;
        for (size_t i = 0; i < set->n_ports; i++) {
            control->on_change(control->context, set->ports[i]);
        }
    }
}

void port_control_is_complete(struct port_control *control)
{
    if (!control->is_swept && control->factory.sweep != NULL) {
        sweep(control);
    }
    control->is_swept = true;
}

uint64_t port_control_next_step(const struct port_control *control)
{
    uint64_t next_ns = control->withdraw_ns != 0 ? control->withdraw_ns : UINT64_MAX;
    for (size_t i = 0; i < control->shard->ports.n_ports; i++) {
        const struct port *port = control->shard->ports.ports[i];
        uint64_t due_ns = UINT64_MAX;
        if (port->io != NULL && port->io->is_busy) {
            due_ns = port->io->work_ns;
        } else if (may_open(control, port)) {
            due_ns = port->retry_ns > control->pause_ns ? port->retry_ns : control->pause_ns;
        }
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    return next_ns;
}

void port_control_close_all(struct port_control *control)
{
    struct shard *shard = control->shard;
    session_close_all(shard, "the fastpath stops", shard->worker.now_ns);
    while (shard->ports.n_ports > 0) {
        struct port *port = shard->ports.ports[0];
        port_flows_forget(shard, port); /* shard_fini() ends the flows of all ports in one go */
        close_device(control, port);
        port_set_remove(&shard->ports, port);
    }
}
