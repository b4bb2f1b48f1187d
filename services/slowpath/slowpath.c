/* One step of the slowpath, its parts in order.
 *
 *     configuration -> world -> flows marked -> messages of the shards -> corrections, `reached`, answers -> packets -> applied report
 *
 * The order is what makes versions true: the world moves only between translations, a version counts as applied for us when its flows are
 * marked, as reached for a shard when its corrections were sent, and for configdb when all open sessions have been told.
 * While a session still has flows marked by an earlier version, no newer commits are taken in, for up to STALL_NS at a time: so a flood of
 * changes cannot keep `reached` back for ever, and slows its senders instead.
 *
 * Cost: bounded a step by the limits in session.h. Thread: one, the caller's. Invariant: nothing here waits.
 */
#include "services/slowpath/slowpath.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"
#include "services/slowpath/control.h"
#include "services/slowpath/correct.h"
#include "services/slowpath/feed.h"
#include "services/slowpath/mac_share.h"
#include "services/slowpath/packet.h"
#include "services/slowpath/scrape.h"
#include "services/slowpath/session.h"
#include "services/slowpath/usage.h"

enum {
    PEERS_MAX = 64,      /* shards of one switch */
    AGED_PER_STEP = 256, /* addresses; more wait for the next step */
};
static const uint64_t STALL_NS = 500 * NS_PER_MS; /* a quarter of the lease */

/* A shard, by its service row. */
struct peer {
    uint64_t row;
    struct session *session;
    struct usage *usage;
};

struct slowpath {
    struct core core;
    struct cfg *cfg;
    struct control_server *control;
    struct mac_share *share;
    uint32_t instance;
    struct peer peers[PEERS_MAX];
    size_t n_peers;
    struct session *sessions[PEERS_MAX]; /* of the peers, for core */
    struct version applied;              /* reported to configdb */
    uint64_t cfg_ns;                     /* when commits were last taken in */
};

/* ---- peers ---- */

static void peers_list(struct slowpath *slowpath)
{
    for (size_t i = 0; i < slowpath->n_peers; i++) {
        slowpath->sessions[i] = slowpath->peers[i].session;
    }
    slowpath->core.sessions = slowpath->sessions;
    slowpath->core.n_sessions = slowpath->n_peers;
}

static void peer_remove(struct slowpath *slowpath, uint64_t row)
{
    for (size_t i = 0; i < slowpath->n_peers; i++) {
        if (slowpath->peers[i].row == row) {
            session_destroy(&slowpath->peers[i].session);
            usage_destroy(&slowpath->peers[i].usage);
            slowpath->n_peers--;
            memmove(&slowpath->peers[i], &slowpath->peers[i + 1], (slowpath->n_peers - i) * sizeof slowpath->peers[0]);
            break;
        }
    }
    peers_list(slowpath);
}

static void peer_add(struct slowpath *slowpath, uint64_t row, const Busbar__ServiceRow *service)
{
    if (slowpath->n_peers == PEERS_MAX) {
        log_error("shard_refused instance=%u reason=\"more than %d\"", service->instance, PEERS_MAX);
        return;
    }
    struct bus_identity shard = {.kind = PROCESS_FASTPATH, .instance = service->instance, .start = service->start};
    struct peer *peer = &slowpath->peers[slowpath->n_peers++];
    peer->row = row;
    peer->session = session_new(&slowpath->core, &shard, service->session);
    peer->usage = usage_new(&slowpath->core, service->usage);
    peers_list(slowpath);
}

static void on_service(struct slowpath *slowpath, uint64_t id, const Busbar__ServiceRow *before,
                       const Busbar__ServiceRow *after)
{
    bool same =
        before != NULL && after != NULL && before->start == after->start && strcmp(before->session, after->session) == 0;
    if (same) {
        return;
    }
    if (before != NULL && before->kind == PROCESS_FASTPATH) {
        peer_remove(slowpath, id);
    } else if (before != NULL && before->kind == PROCESS_SLOWPATH) {
        mac_share_remove_peer(slowpath->share, id);
    }
    if (after == NULL) {
        return;
    }
    if (after->kind == PROCESS_FASTPATH && after->session[0] != '\0') {
        peer_add(slowpath, id, after);
    } else if (after->kind == PROCESS_SLOWPATH && after->instance != slowpath->instance && after->mac[0] != '\0') {
        mac_share_add_peer(slowpath->share, id, after->mac);
    }
}

/* ---- the mirror's events ---- */

static void on_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before,
                   const ProtobufCMessage *after)
{
    struct slowpath *slowpath = context;
    if (table == CFG_SERVICE) {
        on_service(slowpath, id, (const Busbar__ServiceRow *)before, (const Busbar__ServiceRow *)after);
    } else {
        feed_row(&slowpath->core, table, id, after);
    }
}

static void on_packed(void *context, enum cfg_table table, uint64_t id, const uint8_t *bytes, size_t size)
{
    struct slowpath *slowpath = context;
    feed_rule_bytes(&slowpath->core, id, bytes, size); /* no other table is kept packed */
}

static void on_version(void *context, struct version version, bool is_snapshot)
{
    struct slowpath *slowpath = context;
    slowpath->core.version = version;
    slowpath->core.has_version = true;
    if (is_snapshot) {
        log_info("snapshot version=%llu rules=%u ports=%u", (unsigned long long)version.n,
                 (unsigned)slowpath->core.world.rules.used, HASH_COUNT(slowpath->core.world.ports));
    }
}

static bool any_flow_of_a_version_is_marked(const struct core *core)
{
    for (size_t i = 0; i < core->n_sessions; i++) {
        const struct flow *flow = flow_index_marked(session_flows(core->sessions[i]));
        if (flow != NULL && flow->marked_n != 0) {
            return true;
        }
    }
    return false;
}

static void take_commits(struct slowpath *slowpath)
{
    struct core *core = &slowpath->core;
    if (any_flow_of_a_version_is_marked(core) && core->now_ns - slowpath->cfg_ns < STALL_NS) {
        return;
    }
    uint64_t first_unapplied = core->version.n + 1;
    slowpath->cfg_ns = core->now_ns;
    cfg_step(slowpath->cfg, core->now_ns);
    uint64_t authors = cfg_take_authors(slowpath->cfg);
    core->settings_n = cfg_changed(slowpath->cfg, CFG_TABLES_OF_SHARD);
    for (size_t i = 0; i < core->n_sessions; i++) {
        session_note_authors(core->sessions[i], authors);
    }
    core->has_configdb = cfg_is_connected(slowpath->cfg);
    correct_mark(core, first_unapplied);
}

static void report_applied(struct slowpath *slowpath)
{
    const struct core *core = &slowpath->core;
    bool is_new =
        core->has_version && (core->version.n != slowpath->applied.n || core->version.epoch != slowpath->applied.epoch);
    for (size_t i = 0; i < core->n_sessions && is_new; i++) {
        is_new = session_has_reached(core->sessions[i], core->version);
    }
    if (is_new) {
        slowpath->applied = core->version;
        cfg_applied(slowpath->cfg, core->version, NULL, 0);
    }
}

static bool age_addresses(struct core *core)
{
    bool more = false;
    for (const struct world_bridge *bridge = core->world.bridges; bridge != NULL; bridge = bridge->hh.next) {
        more = mac_table_age(core->macs, bridge->id, bridge->mac_aging_ns, core->now_ns, AGED_PER_STEP) || more;
    }
    correct_mark_macs(core);
    return more;
}

static void retire_addresses(struct slowpath *slowpath)
{
    size_t n;
    const uint64_t *numbers = mac_table_ended(slowpath->core.macs, &n);
    for (size_t i = 0; i < slowpath->n_peers; i++) {
        usage_retire(slowpath->peers[i].usage, numbers, n);
    }
    mac_table_clear_ended(slowpath->core.macs);
}

/* ---- the whole ---- */

static int open_wires(struct slowpath *slowpath, const struct slowpath_settings *settings)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_PORT,    CFG_CONTROLLER,  CFG_RULE,  CFG_GROUP,
                                            CFG_METER,  CFG_OWNER,  CFG_SERVICE, CFG_PORT_STATUS, CFG_CONTROLLER_STATUS};
    struct cfg_events events = {.on_row = on_row, .on_packed = on_packed, .on_version = on_version, .context = slowpath};
    int err = packet_open(&slowpath->core, settings->packet_endpoint, &slowpath->core.packets);
    if (err == 0) {
        err = mac_share_open(&slowpath->core, settings->mac_endpoint, &slowpath->share);
    }
    if (err == 0) {
        err = control_open(&slowpath->core, settings->control_endpoint, &slowpath->control);
    }
    if (err == 0) {
        err = cfg_new(settings->bus, settings->config_endpoint, tables, sizeof tables / sizeof tables[0], &events,
                      &slowpath->cfg);
    }
    return err;
}

static void register_service(struct slowpath *slowpath, const struct slowpath_settings *settings)
{
    Busbar__ServiceRow row = BUSBAR__SERVICE_ROW__INIT;
    row.kind = PROCESS_SLOWPATH;
    row.instance = settings->instance;
    row.start = bus_self(settings->bus)->start;
    row.session = (char *)"";
    row.usage = (char *)"";
    row.packet = (char *)packet_endpoint(slowpath->core.packets);
    row.mac = (char *)mac_share_endpoint(slowpath->share);
    row.control = (char *)control_server_endpoint(slowpath->control);
    row.pid = settings->pid;
    cfg_register(slowpath->cfg, &row);
}

int slowpath_new(const struct slowpath_settings *settings, struct slowpath **out_slowpath)
{
    struct slowpath *slowpath = memory_zeroed(sizeof *slowpath);
    world_init(&slowpath->core.world);
    slowpath->core.bus = settings->bus;
    slowpath->core.macs = mac_table_new();
    slowpath->core.sessions_named = settings->seed;
    slowpath->instance = settings->instance;
    peers_list(slowpath);
    int err = open_wires(slowpath, settings);
    if (err != 0) {
        slowpath_destroy(&slowpath);
        return err;
    }
    register_service(slowpath, settings);
    *out_slowpath = slowpath;
    return 0;
}

void slowpath_destroy(struct slowpath **slowpath)
{
    if (*slowpath == NULL) {
        return;
    }
    while ((*slowpath)->n_peers > 0) {
        peer_remove(*slowpath, (*slowpath)->peers[0].row);
    }
    if ((*slowpath)->cfg != NULL) {
        cfg_destroy(&(*slowpath)->cfg);
    }
    if ((*slowpath)->control != NULL) {
        control_server_destroy(&(*slowpath)->control);
    }
    mac_share_close(&(*slowpath)->share);
    packet_close(&(*slowpath)->core.packets);
    mac_table_destroy(&(*slowpath)->core.macs);
    world_fini(&(*slowpath)->core.world);
    free(*slowpath);
    *slowpath = NULL;
}

bool slowpath_step(struct slowpath *slowpath, uint64_t now_ns)
{
    struct core *core = &slowpath->core;
    bool more = false;
    core->now_ns = now_ns;
    take_commits(slowpath);
    for (size_t i = 0; i < slowpath->n_peers; i++) {
        usage_step(slowpath->peers[i].usage);
        session_receive(slowpath->peers[i].session);
    }
    mac_share_step(slowpath->share);
    correct_mark(core, core->version.n); /* links that changed */
    more = age_addresses(core) || more;
    for (size_t i = 0; i < slowpath->n_peers; i++) {
        core->work_left = CORE_WORK_PER_STEP / (int64_t)slowpath->n_peers;
        more = session_work(slowpath->peers[i].session) || more;
    }
    core->work_left = CORE_WORK_PER_STEP / 2;
    packet_step(core->packets);
    control_server_step(slowpath->control, now_ns);
    correct_mark_macs(core);
    retire_addresses(slowpath);
    report_applied(slowpath);
    return more;
}

unsigned slowpath_wait_ms(const struct slowpath *slowpath)
{
    const struct core *core = &slowpath->core;
    size_t n_news;
    (void)mac_table_news(core->macs, &n_news);
    bool at_rest = core->has_version && n_news == 0 && packet_count_waiting(core->packets) == 0;
    for (size_t i = 0; i < core->n_sessions; i++) {
        at_rest = at_rest && session_is_open(core->sessions[i]);
    }
    return at_rest ? 50 : 10;
}

size_t slowpath_fds(const struct slowpath *slowpath, int *out_fds, size_t room)
{
    size_t n = 0;
    int fixed[] = {cfg_fd(slowpath->cfg), packet_fd(slowpath->core.packets), control_server_fd(slowpath->control)};
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0] && n < room; i++) {
        out_fds[n++] = fixed[i];
    }
    for (size_t i = 0; i < slowpath->n_peers && n + 2 <= room; i++) {
        out_fds[n++] = session_fd(slowpath->peers[i].session);
        out_fds[n++] = usage_fd(slowpath->peers[i].usage);
    }
    return n + mac_share_fds(slowpath->share, out_fds + n, room - n);
}

bool slowpath_is_ready(const struct slowpath *slowpath)
{
    return slowpath->core.has_version;
}

const char *slowpath_state(const void *context)
{
    const struct slowpath *slowpath = context;
    return control_state(&slowpath->core);
}

void slowpath_fill_metrics(const void *context, struct page *page)
{
    const struct slowpath *slowpath = context;
    scrape_fill(&slowpath->core, slowpath->applied, page);
}
