/* The shard put together.
 *
 *     each step:          stalled? -> packets of all ports, sent on
 *     each 20 us (100 while nothing waits for an answer), and whenever no packet came:   session messages, TAPs that have something
 *     each millisecond:   configuration, control, usage, deadlines, expiry, retries; a step later when packets have come, so that the first
 *                         ones after a pause do not wait for it
 *
 * Single-threaded: packets and control take turns, a burst each. A step between two bursts is bounded by the limits of what it calls
 * (64 messages, 512 flows), so packets never wait long for control and control never starves under packets.
 * A step that comes more than a second after the one before means that barriers may have been answered without us: flows, waiting and
 * received frames are dropped and we join again (DESIGN, "The floor").
 * Invariants: no session before we are registered; a configuration version is acknowledged after it has been applied.
 */
#include "services/fastpath/fastpath.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/authors.h"
#include "services/fastpath/command.h"
#include "services/fastpath/cycles.h"
#include "services/fastpath/expire.h"
#include "services/fastpath/fastpath_private.h"
#include "services/fastpath/install.h"
#include "services/fastpath/miss.h"
#include "services/fastpath/scrape.h"
#include "services/fastpath/session.h"
#include "services/fastpath/tier.h"

enum {
    STALL_MS = 1000,
    TICK_US = 1000,
    BUS_US = 20, /* a look at a quiet bus costs as much as twenty packets */
    BUS_QUIET_US = 100, /* while no packet waits for an answer */
    BUSY_STEPS = 32, /* in a row, and */
    BUSY_PACKETS = 32, /* in a millisecond, make a busy port */
    IDLE_WAIT_MS = 50,
    PENDING_WAIT_MS = 5,
    DUMP_WAIT_MS = 1,
    JOIN_WAIT_MS = 2000,
};

/* ---- ports ---- */

static void publish_port(void *context, const struct port *port)
{
    struct fastpath *fp = context;
    Busbar__PortStatusRow row = BUSBAR__PORT_STATUS_ROW__INIT;
    if (fp->is_ending) {
        return;
    }
    if (!port_control_is_speaker(&fp->ports)) { /* one shard speaks for all, else they would contradict each other */
        cfg_publish(fp->cfg, CFG_PORT_STATUS, port->row_id, NULL);
        return;
    }
    row.up = port->can_send;
    row.mac = (ProtobufCBinaryData){.len = sizeof port->mac, .data = (uint8_t *)port->mac};
    row.mtu = port->mtu;
    row.speed_mbps = port->speed_mbps;
    row.error = (char *)port->error;
    row.mode = port->io != NULL ? port->io->mode : (char *)"";
    row.ifindex = port->ifindex;
    row.why = port->io != NULL ? port->io->why : (char *)"";
    cfg_publish(fp->cfg, CFG_PORT_STATUS, port->row_id, &row.base);
}

static void watch_fd(void *context, int fd, bool is_open)
{
    struct fastpath *fp = context;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(fp->epoll_fd, is_open ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, fd, &event) != 0 && errno != EEXIST && errno != ENOENT) {
        log_warn("epoll_failed fd=%d error=\"%s\"", fd, error_text(-errno));
    }
}

static void set_watched(struct fastpath *fp, struct port *port, bool is_watched)
{
    int fd;
    for (unsigned i = 0; (fd = port->io->ops->fd(port->io, i)) >= 0; i++) {
        watch_fd(fp, fd, is_watched);
    }
    port->is_unwatched = !is_watched;
}

/* A device that we wait for is told by the kernel of every frame received and sent, under a lock: 70 ns a frame, for nothing while we
 * do not wait. So devices that carry packets all the time are not waited for, until nothing comes. */
static void stop_watching_busy(struct fastpath *fp)
{
    const struct port_set *set = &fp->shard.ports;
    for (size_t i = 0; i < set->n_ports; i++) {
        struct port *port = set->ports[i];
        uint64_t n_packets = port->rx_packets + port->tx_packets, n_new = n_packets - port->seen_packets;
        port->seen_packets = n_packets;
        if (port->io != NULL && !port->io->rx_is_call && !port->is_unwatched && fp->n_busy >= BUSY_STEPS && n_new >= BUSY_PACKETS) {
            set_watched(fp, port, false);
        }
    }
}

static void watch_all(struct fastpath *fp)
{
    const struct port_set *set = &fp->shard.ports;
    for (size_t i = 0; i < set->n_ports; i++) {
        if (set->ports[i]->io != NULL && set->ports[i]->is_unwatched) {
            set_watched(fp, set->ports[i], true);
        }
    }
}

static void on_link(void *context, const struct link_info *link)
{
    struct fastpath *fp = context;
    port_control_link(&fp->ports, link, fp->now_ns);
}

/* ---- configuration ---- */

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    struct fastpath *fp = context;
    if (table == CFG_PORT) {
        port_control_apply(&fp->ports, id, (const Busbar__PortRow *)after, fp->now_ns);
        if (after == NULL) {
            cfg_publish(fp->cfg, CFG_PORT_STATUS, id, NULL);
        }
    } else if (table == CFG_METER) {
        meter_set_apply(fp->meters, id, (const Busbar__MeterRow *)after, fp->now_ns);
    } else if (table == CFG_SWITCH) {
        const Busbar__SwitchRow *row = (const Busbar__SwitchRow *)after;
        fp->shard.flow_limit = row != NULL && row->has_flow_limit && row->flow_limit > 0 ? row->flow_limit : FLOW_LIMIT_DEFAULT;
        tier_switch(&fp->shard, row == NULL || !row->has_kernel_tier || row->kernel_tier);
        fp->shard.max_idle_ms = row != NULL && row->has_max_idle_ms && row->max_idle_ms > 0 ? row->max_idle_ms : MAX_IDLE_DEFAULT_MS;
    }
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct fastpath *fp = context;
    port_control_version(&fp->ports, version);
    if (fp->complete_ns == 0) {
        fp->complete_ns = fp->now_ns;
        port_control_is_complete(&fp->ports);
    }
    fp->shard.known = version;
    cfg_applied(fp->cfg, version, NULL, 0);
}

/* ---- the other shards ---- */

/* We take our share when we know the ports; beside others only when we can ask a slowpath too, for what we take is what they forwarded. */
static void look_at_shards(struct fastpath *fp)
{
    struct shard_set *set = fp->shards;
    if (set == NULL) {
        return;
    }
    (void)shard_set_look(set, fp->now_ns);
    bool has_waited = fp->now_ns - fp->complete_ns >= JOIN_WAIT_MS * NS_PER_MS;
    const struct io_factory *factory = &fp->ports.factory;
    bool is_prepared = set->n_live == 0 || factory->prepare == NULL || factory->prepare(factory->context, fp->umem);
    bool is_ready = fp->complete_ns != 0 && is_prepared && (session_count_open(&fp->shard) > 0 || set->n_live == 0 || has_waited);
    if (is_ready && !shard_set_has_joined(set)) {
        int err = shard_set_join(set);
        if (err == 0) {
            (void)shard_set_look_now(set);
        } else if (err != -EAGAIN) {
            LOG_LIMITED(LOG_LEVEL_ERROR, "shard_join_failed error=\"%s\"", error_text(err));
        }
    }
    if (fp->ports.seen_changes != set->changes) {
        log_info("shards_live n=%zu lowest=%u", set->n_live, shard_set_lowest(set));
    }
}

static void join(struct fastpath *fp)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.session = (char *)bus_socket_endpoint(fp->shard.socket);
    row.usage = (char *)bus_socket_endpoint(fp->usage.socket);
    row.packet = (char *)"";
    row.mac = (char *)"";
    row.control = (char *)control_server_endpoint(fp->control);
    row.pid = fp->pid;
    cfg_register(fp->cfg, &row);
}

/* Sees that the join has been committed, and with which version: r of the design. When only the lease had lapsed (configdb was away), the
 * sessions that are open stay: their `reached` holds the floor below r, so no barrier is answered too early. */
static void check_registration(struct fastpath *fp)
{
    struct version version = {0};
    struct shard *shard = &fp->shard;
    uint64_t row = cfg_registered(fp->cfg, &version);
    if (row == fp->row || row == 0) {
        return;
    }
    log_info("registered row=%llu version=%llu", (unsigned long long)row, (unsigned long long)version.n);
    fp->row = fp->usage.registered_row = row;
    shard->registered = version;
    shard->is_registered = true;
    if (flow_table_count(shard->flows) == 0 && session_count_open(shard) == 0 && shard->floor.n < version.n) {
        shard->floor = version;
        usage_tell_floor(&fp->usage, shard, AUTHORS_ALL, fp->now_ns);
    }
}

/* ---- standing still ---- */

static void on_stall(struct fastpath *fp, uint64_t stood_ms)
{
    struct shard *shard = &fp->shard;
    log_warn("stalled ms=%llu flows=%zu", (unsigned long long)stood_ms, flow_table_count(shard->flows));
    shard->counts.stalls++;
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        if (shard->ports.ports[i]->io != NULL) {
            worker_drain(&shard->worker, shard->ports.ports[i], DROP_STALLED);
        }
    }
    miss_drop_all(shard, DROP_STALLED);
    session_close_all(shard, "this fastpath stood still", fp->now_ns);
    install_remove_all_flows(shard);
    shard->is_registered = false;
    fp->row = 0;
    cfg_unregister(fp->cfg);
    join(fp);
}

static void sample_for_tier(void *context, const struct port *port, const struct dp_packet *packets, struct flow *const *flows, unsigned n)
{
    const struct shard *shard = context;
    tier_sample(shard->tier, shard->umem, port, packets, flows, n);
}

/* ---- the step ---- */

/* True when a port has begun that was held. */
static bool tick(struct fastpath *fp)
{
    struct shard *shard = &fp->shard;
    fp->tick_ns = fp->now_ns;
    cfg_step(fp->cfg, fp->now_ns);
    check_registration(fp);
    if (fp->links != NULL) {
        link_monitor_step(fp->links, on_link, fp);
    }
    look_at_shards(fp);
    port_control_step(&fp->ports, fp->now_ns);
    meter_set_step(fp->meters, fp->now_ns);
    control_server_step(fp->control, fp->now_ns);
    command_step(fp);
    stop_watching_busy(fp);
    miss_check_deadlines(shard, fp->now_ns);
    tier_step(shard, fp->now_ns);
    expire_step(shard, fp->now_ns);
    (void)usage_step(&fp->usage, shard, fp->now_ns);
    if (session_update_floor(shard)) {
        usage_tell_floor(&fp->usage, shard, session_take_floor_for(shard), fp->now_ns);
    }
    for (size_t i = 0; i < shard->ports.n_ports; i++) {
        if (shard->ports.ports[i]->io != NULL) {
            shard->ports.ports[i]->io->ops->flush(shard->ports.ports[i]->io);
        }
    }
    return port_control_release(&fp->ports, shard->floor);
}

/* Ports whose rx() is a system call are asked only when one call for all of them says that they have something. */
static void look_at_call_ports(struct fastpath *fp)
{
    struct port_set *set = &fp->shard.ports;
    nfds_t n = 0;
    for (size_t i = 0; i < set->n_ports; i++) {
        struct port *port = set->ports[i];
        if (port->io != NULL && port->io->rx_is_call && !port->is_ready) {
            fp->polled_ports[n] = port;
            fp->polled[n++] = (struct pollfd){.fd = port->io->ops->fd(port->io, 0), .events = POLLIN};
        }
    }
    fp->calls_ns = fp->now_ns + n * NS_PER_US; /* many of them are looked at less often */
    if (n == 0 || poll(fp->polled, n, 0) <= 0) {
        return;
    }
    for (nfds_t i = 0; i < n; i++) {
        fp->polled_ports[i]->is_ready = fp->polled[i].revents != 0;
    }
}

bool fastpath_step(struct fastpath *fp, uint64_t now_ns)
{
    struct shard *shard = &fp->shard;
    uint64_t stood_ns = now_ns - fp->now_ns;
    unsigned n_messages = 0;
    fp->now_ns = now_ns;
    if (stood_ns > STALL_MS * NS_PER_MS) {
        on_stall(fp, stood_ns / NS_PER_MS);
    }
    if (now_ns >= fp->calls_ns + BUS_US * NS_PER_US) {
        look_at_call_ports(fp);
    }
    unsigned n_packets = worker_poll(&shard->worker, now_ns);
    tier_settle(shard, n_packets >= IO_BURST, now_ns);
    uint64_t bus_us = shard->worker.pending.n_lists > 0 ? BUS_US : BUS_QUIET_US;
    fp->n_busy = n_packets > 0 ? fp->n_busy + 1 : 0;
    fp->packets_ns = n_packets > 0 ? now_ns : fp->packets_ns;
    if (n_packets > 0 && miss_flush_alone(shard)) {
        return true; /* all else waits for the next step, which comes at once */
    }
    if (n_packets == 0 || now_ns - fp->bus_ns >= bus_us * NS_PER_US) {
        fp->bus_ns = now_ns;
        n_messages = session_step(shard, now_ns);
        if (session_update_floor(shard)) {
            usage_tell_floor(&fp->usage, shard, session_take_floor_for(shard), fp->now_ns);
        }
    }
    bool is_due = now_ns - fp->tick_ns >= TICK_US * NS_PER_US;
    if (is_due && (n_packets == 0 || fp->tick_waits)) {
        (void)tick(fp);
        session_flush(shard);
        is_due = false;
    }
    fp->tick_waits = is_due;
    return n_packets > 0 || n_messages > 0;
}

bool fastpath_take_asked(struct fastpath *fp)
{
    bool has_asked = fp->shard.asked_alone;
    fp->shard.asked_alone = false;
    return has_asked;
}

bool fastpath_is_asking(const struct fastpath *fp)
{
    return fp->shard.worker.pending.n_lists > 0;
}

uint64_t fastpath_packets_ns(const struct fastpath *fp)
{
    return fp->packets_ns;
}

bool fastpath_may_wait(struct fastpath *fp, uint64_t now_ns)
{
    struct shard *shard = &fp->shard;
    bool has_begun = tick(fp);
    watch_all(fp);
    session_flush_all(shard);
    /* Sending may take in, unseen, what a descriptor would have told: every socket is looked at once more behind the last send. */
    cfg_step(fp->cfg, now_ns);
    control_server_step(fp->control, now_ns);
    return !has_begun && usage_step(&fp->usage, shard, now_ns) == 0 && session_receive(shard, now_ns) == 0;
}

size_t fastpath_fds(const struct fastpath *fp, int out_fds[FASTPATH_FDS_MAX])
{
    int candidates[] = {fp->epoll_fd,      bus_fd(fp->shard.socket),       bus_fd(fp->usage.socket),
                        cfg_fd(fp->cfg),   control_server_fd(fp->control), fp->links != NULL ? link_monitor_fd(fp->links) : -1};
    size_t n = 0;
    for (size_t i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
        if (candidates[i] >= 0) {
            out_fds[n++] = candidates[i];
        }
    }
    return n;
}

int fastpath_wait_ms(const struct fastpath *fp)
{
    if (fp->dumps != NULL) {
        return command_is_busy(fp) ? 0 : DUMP_WAIT_MS;
    }
    if (fp->shard.worker.pending.n_lists > 0) {
        return PENDING_WAIT_MS;
    }
    uint64_t next_ns = port_control_next_step(&fp->ports), most_ms = usage_owes_floor(&fp->usage) ? USAGE_FLOOR_LATER_MS : IDLE_WAIT_MS;
    uint64_t wait_ms = next_ns > fp->now_ns ? (next_ns - fp->now_ns) / NS_PER_MS : 0;
    return wait_ms < 1 ? 1 : wait_ms < most_ms ? (int)wait_ms : (int)most_ms;
}

/* ---- for who watches ---- */

bool fastpath_is_ready(const struct fastpath *fp)
{
    return fp->complete_ns != 0 && (fp->shards == NULL || shard_set_has_joined(fp->shards));
}

const char *fastpath_state(const void *context)
{
    return command_state(context);
}

void fastpath_fill_metrics(const void *context, struct page *page)
{
    const struct fastpath *fp = context;
    scrape_fill(&fp->shard, cfg_is_connected(fp->cfg), page);
}

/* ---- birth and end ---- */

static int open_wires(struct fastpath *fp, const struct fastpath_settings *settings, struct error_detail *detail)
{
    enum cfg_table tables[CFG_TABLE_MAX];
    size_t n_tables = 0;
    struct cfg_events events = {.on_row = on_row, .on_version = on_version, .context = fp};
    struct {
        enum wire wire;
        char *endpoint;
        struct bus_socket **socket;
    } wires[] = {{WIRE_SESSION, fp->session_endpoint, &fp->shard.socket}, {WIRE_USAGE, fp->usage_endpoint, &fp->usage.socket}};
    int err;
    for (size_t i = 0; i < 2; i++) {
        err = bus_endpoint(settings->run_dir, wires[i].wire, PROCESS_FASTPATH, settings->instance, wires[i].endpoint, 128);
        if (err != 0 || (err = bus_bind(fp->bus, wires[i].wire, wires[i].endpoint, wires[i].socket)) != 0) {
            return error_set(detail, err, "%s: %s", wires[i].endpoint, error_text(err));
        }
    }
    err = bus_endpoint(settings->run_dir, WIRE_CONTROL, PROCESS_FASTPATH, settings->instance, fp->control_endpoint, 128);
    if (err == 0) {
        err = control_server_new(fp->bus, fp->control_endpoint, command_table, command_count, command_status, fp, &fp->control);
    }
    if (err != 0) {
        return error_set(detail, err, "%s: %s", fp->control_endpoint, error_text(err));
    }
    for (uint32_t t = 0; t < CFG_TABLE_MAX; t++) {
        if (((uint32_t)CFG_TABLES_OF_SHARD >> t & 1) != 0) {
            tables[n_tables++] = (enum cfg_table)t;
        }
    }
    err = cfg_new(fp->bus, settings->config_endpoint, tables, n_tables, &events, &fp->cfg);
    if (err == 0) {
        cfg_follow_bridges(fp->cfg, NULL, 0); /* of commits that have nothing for us we hear later and together */
    }
    return err == 0 ? 0 : error_set(detail, err, "%s: %s", settings->config_endpoint, error_text(err));
}

int fastpath_new(const struct fastpath_settings *settings, struct fastpath **out_fastpath, struct error_detail *detail)
{
    struct fastpath *fp = memory_lines(sizeof *fp);
    fp->bus = settings->bus;
    fp->pid = settings->pid;
    fp->instance = settings->instance;
    fp->now_ns = fp->began_ns = settings->now_ns;
    fp->began_cycles = cycles();
    fp->shards = settings->shards;
    fp->no_tier = settings->no_tier;
    fp->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int err = umem_new(settings->n_frames != 0 ? settings->n_frames : FASTPATH_FRAMES,
                       settings->n_large_frames != 0 ? settings->n_large_frames : FASTPATH_LARGE_FRAMES, &fp->umem);
    if (err != 0) {
        (void)error_set(detail, err, "no memory for frames: %s", error_text(err));
        goto fail;
    }
    shard_init(&fp->shard, fp->umem, NULL);
    fp->shard.tier = settings->tier != NULL ? tier_new(settings->tier) : NULL;
    fp->shard.worker.events.sample = fp->shard.tier != NULL ? sample_for_tier : NULL;
    fp->shard.worker.events.sample_every = TIER_SAMPLE;
    fp->ports = (struct port_control){.shard = &fp->shard,
                                      .factory = settings->factory,
                                      .wall_base_ns = settings->wall_ns != 0 ? settings->wall_ns - settings->now_ns : 0,
                                      .holds = true,
                                      .shards = settings->shards,
                                      .has_links = settings->watch_links,
                                      .on_change = publish_port,
                                      .on_fd = watch_fd,
                                      .context = fp};
    err = meter_set_open(settings->meters_file, &fp->meters, detail);
    if (err != 0) {
        goto fail;
    }
    fp->shard.worker.meters = fp->meters;
    err = open_wires(fp, settings, detail);
    if (err == 0 && settings->watch_links) {
        err = link_monitor_new(&fp->links);
        if (err != 0) {
            (void)error_set(detail, err, "netlink: %s", error_text(err));
        }
    }
    if (err != 0) {
        goto fail;
    }
    join(fp);
    *out_fastpath = fp;
    return 0;
fail:
    fastpath_destroy(&fp);
    return err;
}

void fastpath_destroy(struct fastpath **fastpath)
{
    struct fastpath *fp = *fastpath;
    if (fp == NULL) {
        return;
    }
    fp->is_ending = true;
    if (fp->shards != NULL) {
        shard_set_leave(fp->shards);
    }
    if (fp->shard.umem != NULL) {
        port_control_close_all(&fp->ports);
        shard_fini(&fp->shard);
    }
    if (fp->cfg != NULL) {
        cfg_unregister(fp->cfg);
    }
    cfg_destroy(&fp->cfg);
    command_forget(fp);
    control_server_destroy(&fp->control);
    link_monitor_destroy(&fp->links);
    bus_close(&fp->shard.socket);
    bus_close(&fp->usage.socket);
    usage_fini(&fp->usage);
    meter_set_close(&fp->meters);
    umem_destroy(&fp->umem);
    if (fp->epoll_fd >= 0) {
        close(fp->epoll_fd);
    }
    free(fp);
    *fastpath = NULL;
}
