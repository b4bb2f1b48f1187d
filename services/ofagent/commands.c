/* What swctl can ask an ofagent. See commands.h.
 *
 * A flow-mod of several texts is all or nothing: all are parsed first, then all applied in memory, and one refusal takes back those before
 * it; what is left goes with one transaction. The call is answered when the transaction is committed and every shard's floor is there, so
 * that the next packet already meets the change (I3), exactly like a barrier.
 * The ofagent's one thread. At most CONTROL_CALLS_MAX calls wait.
 */
#include "services/ofagent/commands.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/memory.h"
#include "services/ofagent/bridge.h"
#include "services/ofagent/commands_group.h"
#include "services/ofagent/controller.h"
#include "services/ofagent/on_multipart.h"
#include "services/ofagent/packet.h"
#include "services/ofagent/packet_queue.h"
#include "services/ofagent/ports.h"
#include "services/ofagent/owner.h"
#include "services/ofagent/session.h"
#include "services/ofagent/share.h"
#include "services/ofagent/usage.h"

struct wait {
    struct control_call *call;
    uint64_t bridge;
    uint64_t batch;
    bool is_committed;
    struct version version;
    size_t n_changes;
    uint64_t deadline_ns;
};

/* A list of rules that is being given, a piece a step. */
struct dump {
    struct dump *next;
    struct control_call *call;
    uint64_t bridge;
    struct rule_filter filter;
    struct flow_cursor cursor;
};

struct control_waits {
    struct wait waits[CONTROL_CALLS_MAX];
    size_t count;
    struct dump *dumps; /* at most CONTROL_CALLS_MAX, as there are no more calls */
};

struct control_waits *commands_waits_new(void)
{
    return memory_zeroed(sizeof(struct control_waits));
}

static void drop_wait(struct control_waits *waits, size_t i)
{
    waits->waits[i] = waits->waits[--waits->count];
}

static void end_dump(struct dump **at)
{
    struct dump *dump = *at;

    *at = dump->next;
    flow_cursor_close(&dump->cursor);
    free(dump);
}

void commands_waits_destroy(struct control_waits **waits)
{
    if (*waits == NULL) {
        return;
    }
    while ((*waits)->count > 0) {
        control_fail((*waits)->waits[(*waits)->count - 1].call, -ERROR_NOT_CONNECTED, "the ofagent is stopping");
        drop_wait(*waits, (*waits)->count - 1);
    }
    while ((*waits)->dumps != NULL) {
        control_fail((*waits)->dumps->call, -ERROR_NOT_CONNECTED, "the ofagent is stopping");
        end_dump(&(*waits)->dumps);
    }
    free(*waits);
    *waits = NULL;
}

void commands_committed(struct ofagent *agent, uint64_t bridge, uint64_t batch, struct version version)
{
    for (size_t i = 0; i < agent->waits->count; i++) {
        struct wait *wait = &agent->waits->waits[i];
        if (wait->bridge == bridge && !wait->is_committed && wait->batch <= batch) {
            wait->is_committed = true;
            wait->version = version;
        }
    }
}

void commands_lost(struct ofagent *agent, uint64_t bridge, int error, const char *text)
{
    for (size_t i = agent->waits->count; i-- > 0;) {
        struct wait *wait = &agent->waits->waits[i];
        if (wait->bridge == bridge && !wait->is_committed) {
            control_fail(wait->call, error, "the change was not committed: %s", text);
            drop_wait(agent->waits, i);
        }
    }
}

struct bridge *commands_bridge(struct ofagent *agent, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge;

    if (n_arguments == 0) {
        control_fail(call, -ERROR_SYNTAX, "the name of a bridge is missing");
        return NULL;
    }
    bridge = bridge_by_name(agent, arguments[0]);
    if (bridge == NULL) {
        control_fail(call, -ERROR_NOT_FOUND, "bridge %s: %s", arguments[0], error_text(-ERROR_NOT_FOUND));
        return NULL;
    }
    if (!bridge->is_served) { /* what we knew of it would not be true; swctl asks the other, or waits */
        uint32_t owner = owner_is_other(bridge) ? share_instance(agent, bridge->owner_start) : 0;
        if (owner != 0) {
            control_fail(call, -ERROR_OWNER, "bridge %s belongs to ofagent %u now", bridge->name, owner);
        } else {
            control_fail(call, -ERROR_OWNER, "bridge %s has no ofagent at the moment: it is %s", bridge->name, bridge_state_name(bridge->state));
        }
        return NULL;
    }
    return bridge;
}

bool commands_may_change(const struct bridge *bridge, struct control_call *call)
{
    if (bridge_is_writable(bridge) && bridge->agent->waits->count < CONTROL_CALLS_MAX) {
        return true;
    }
    control_fail(call, -ERROR_NOT_CONNECTED, "bridge %s takes no changes now: it is %s, configdb is %s", bridge->name,
                 bridge_state_name(bridge->state), cfg_is_connected(bridge->agent->cfg) ? "there" : "away");
    return false;
}

void commands_await(struct bridge *bridge, struct control_call *call, size_t n_changes)
{
    struct ofagent *agent = bridge->agent;
    struct wait *wait = &agent->waits->waits[agent->waits->count++];
    struct version committed;

    *wait = (struct wait){.call = call,
                          .bridge = bridge->id,
                          .batch = inflight_batch(bridge->inflight),
                          .n_changes = n_changes,
                          .deadline_ns = agent->now_ns + COMMANDS_WAIT_NS};
    if (n_changes == 0 && inflight_committed(bridge->inflight, &committed) + 1 == inflight_batch(bridge->inflight)) {
        wait->is_committed = true; /* nothing to change, nothing under way */
    } else if (n_changes == 0) {
        wait->batch--;
    }
}

/* ---- flow-mod ---- */

static bool command_of(const char *word, enum flow_mod_command *out_command)
{
    static const char *const words[] = {[FLOW_MOD_ADD] = "add",
                                        [FLOW_MOD_MODIFY] = "modify",
                                        [FLOW_MOD_MODIFY_STRICT] = "modify-strict",
                                        [FLOW_MOD_DELETE] = "delete",
                                        [FLOW_MOD_DELETE_STRICT] = "delete-strict"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i], word) == 0) {
            *out_command = (enum flow_mod_command)i;
            return true;
        }
    }
    return false;
}

/* Reads all texts, or fails the call and returns NULL. */
static struct flow_mod *parse_all(const struct bridge *bridge, struct control_call *call, enum flow_mod_command command,
                                  const char *const *texts, size_t n)
{
    struct match_ports ports = ports_names(bridge);
    struct flow_mod *mods = memory_array(n + 1, sizeof *mods);
    struct error_detail detail = {{0}};

    for (size_t i = 0; i < n; i++) {
        int err = flow_mod_parse(texts[i], command, &ports, &mods[i], &detail);
        if (err == 0) {
            continue;
        }
        control_fail(call, err, "%s: %s", texts[i], detail.text[0] != '\0' ? detail.text : error_text(err));
        while (i-- > 0) {
            flow_mod_fini(&mods[i]);
        }
        free(mods);
        return NULL;
    }
    return mods;
}

static bool apply_all(struct bridge *bridge, struct control_call *call, const struct flow_mod *mods, const char *const *texts,
                      size_t n, struct flow_changes *changes)
{
    struct flow_mod_context context = bridge_flow_mod_context(bridge);

    for (size_t i = 0; i < n; i++) {
        enum of_error_number error = flow_mod_apply(bridge->flows, &mods[i], &context, changes);
        if (error != OF_ERROR_NONE) {
            const char *apply = flow_mod_unsupported(&mods[i].instructions.apply), *write = flow_mod_unsupported(&mods[i].instructions.write);
            const char *why = apply != NULL ? apply : write != NULL ? write : of_error_name(error);
            control_fail(call, -ERROR_REFUSED, "%s: %s", texts[i], why);
            flow_changes_undo(changes, bridge->flows);
            return false;
        }
    }
    return true;
}

static void run_flow_mod(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct ofagent *agent = context;
    struct bridge *bridge = commands_bridge(agent, call, arguments, n_arguments);
    enum flow_mod_command command;
    struct flow_changes changes;

    if (bridge == NULL) {
        return;
    }
    if (n_arguments < 3 || !command_of(arguments[1], &command)) {
        control_fail(call, -ERROR_SYNTAX, "BRIDGE add|modify|modify-strict|delete|delete-strict FLOW... is expected");
        return;
    }
    if (!commands_may_change(bridge, call)) {
        return;
    }
    size_t n = n_arguments - 2;
    struct flow_mod *mods = parse_all(bridge, call, command, arguments + 2, n);
    if (mods == NULL) {
        return;
    }
    flow_changes_init(&changes);
    if (apply_all(bridge, call, mods, arguments + 2, n, &changes)) {
        size_t n_changes = changes.count;
        (void)bridge_note(bridge, &changes, NULL);
        inflight_note_end(bridge->inflight);
        commands_await(bridge, call, n_changes);
    }
    flow_changes_fini(&changes);
    for (size_t i = 0; i < n; i++) {
        flow_mod_fini(&mods[i]);
    }
    free(mods);
}

/* ---- dump-flows ---- */

static json_t *flow_json(const struct bridge *bridge, const struct flow_entry *entry, const struct rule *rule)
{
    struct match_ports ports = {0};
    struct rule_stats stats = bridge_rule_stats(bridge, entry);
    char *match = match_format(&rule->match, &ports);
    char *actions = instructions_format(&rule->instructions, &ports);
    char *text = rule_format(rule, &stats, &ports);
    json_t *flow =
        json_pack("{s:o, s:f, s:i, s:I, s:I, s:i, s:i, s:i, s:i, s:s, s:s, s:s}", "cookie",
                  json_integer((json_int_t)entry->rule.cookie), "duration_s", (double)stats.duration_ns / 1e9, "table",
                  entry->rule.table, "n_packets", (json_int_t)stats.n_packets, "n_bytes", (json_int_t)stats.n_bytes,
                  "idle_timeout", entry->rule.idle_timeout_s, "hard_timeout", entry->rule.hard_timeout_s, "flags",
                  entry->rule.flags, "priority", entry->rule.priority, "match", match, "actions", actions, "text", text);

    free(match);
    free(actions);
    free(text);
    return flow;
}

static void run_dump_flows(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    struct error_detail detail = {{0}};
    struct rule_filter filter;

    if (bridge != NULL && n_arguments > 2) {
        control_fail(call, -ERROR_SYNTAX, "%s: nothing is expected after the filter", arguments[2]);
        bridge = NULL;
    }
    if (bridge != NULL) {
        struct match_ports ports = ports_names(bridge);
        int err = rule_filter_parse(n_arguments > 1 ? arguments[1] : "", &ports, &filter, &detail);
        if (err != 0) {
            control_fail(call, err, "%s: %s", arguments[1], detail.text[0] != '\0' ? detail.text : error_text(err));
            bridge = NULL;
        }
    }
    if (bridge == NULL) {
        return;
    }
    struct dump *dump = memory_zeroed(sizeof *dump);
    dump->call = call;
    dump->bridge = bridge->id;
    dump->filter = filter;
    flow_cursor_open(&dump->cursor, bridge->flows, filter.table);
    dump->next = bridge->agent->waits->dumps;
    bridge->agent->waits->dumps = dump;
}

/* Gives the next piece. True when that was the last. */
static bool continue_dump(struct ofagent *agent, struct dump *dump)
{
    const struct bridge *bridge = bridge_find(agent, dump->bridge);
    const struct flow_entry *entry = NULL;

    if (bridge == NULL || dump->cursor.table == NULL) {
        control_fail(dump->call, -ERROR_CONFLICT, "the tables were loaded anew while they were listed");
        return true;
    }
    json_t *piece = json_array();
    for (int n = 0; n < COMMANDS_PIECE && (entry = flow_cursor_next(&dump->cursor)) != NULL; n++) {
        struct rule rule = flow_entry_rule(entry);
        if (rule_filter_covers(&dump->filter, &rule)) {
            json_array_append_new(piece, flow_json(bridge, entry, &rule));
        }
    }
    if (entry != NULL) {
        control_piece(dump->call, piece);
        return false;
    }
    control_reply(dump->call, piece);
    return true;
}

bool commands_wait(const struct ofagent *agent)
{
    return agent->waits->count > 0;
}

bool commands_are_busy(const struct ofagent *agent)
{
    return agent->waits->dumps != NULL;
}

void commands_step(struct ofagent *agent)
{
    for (size_t i = agent->waits->count; i-- > 0;) {
        struct wait *wait = &agent->waits->waits[i];
        if (agent->now_ns >= wait->deadline_ns) {
            control_fail(wait->call, -ERROR_TIMEOUT, "%s: version %llu, the shards have come to %llu; is a slowpath running?",
                         wait->is_committed ? "committed, but not every fastpath follows yet" : "not committed yet",
                         (unsigned long long)wait->version.n, (unsigned long long)floor_least(&agent->floor).n);
            drop_wait(agent->waits, i);
            continue;
        }
        if (wait->is_committed && version_reached(cfg_version(agent->cfg), wait->version) &&
            floor_reached(&agent->floor, wait->version)) {
            control_reply(wait->call, json_pack("{s:I, s:I}", "changed", (json_int_t)wait->n_changes, "version",
                                                (json_int_t)wait->version.n));
            drop_wait(agent->waits, i);
        } else if (wait->is_committed) {
            agent->awaits_floor = true;
        }
    }
    for (struct dump **at = &agent->waits->dumps; *at != NULL;) {
        if (continue_dump(agent, *at)) {
            end_dump(at);
        } else {
            at = &(*at)->next;
        }
    }
}

/* ---- dump-ports, dump-tables, status ---- */

static void run_dump_ports(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);
    const Busbar__PortRow *row;
    uint64_t cursor = 0, id;

    if (bridge == NULL) {
        return;
    }
    json_t *list = json_array();
    while (ports_next(bridge, &cursor, &id, &row)) {
        struct of_port_stats s = ports_stats(bridge->agent, id, row);
        json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "name", row->name, "port",
                                              (json_int_t)row->ofport, "rx_packets", (json_int_t)s.rx_packets, "rx_bytes",
                                              (json_int_t)s.rx_bytes, "rx_dropped", (json_int_t)s.rx_dropped, "rx_errors",
                                              (json_int_t)s.rx_errors, "tx_packets", (json_int_t)s.tx_packets, "tx_bytes",
                                              (json_int_t)s.tx_bytes, "tx_dropped", (json_int_t)s.tx_dropped, "tx_errors",
                                              (json_int_t)s.tx_errors));
    }
    control_reply(call, list);
}

static void run_dump_tables(void *context, struct control_call *call, const char *const *arguments, size_t n_arguments)
{
    struct bridge *bridge = commands_bridge(context, call, arguments, n_arguments);

    if (bridge == NULL) {
        return;
    }
    json_t *list = json_array();
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        struct of_table_stats stats = on_multipart_table(bridge, (uint8_t)i);
        if (stats.n_active > 0 || stats.n_lookup > 0) {
            json_array_append_new(list,
                                  json_pack("{s:i, s:I, s:I, s:I}", "table", (int)i, "active", (json_int_t)stats.n_active,
                                            "lookup", (json_int_t)stats.n_lookup, "matched", (json_int_t)stats.n_matched));
        }
    }
    control_reply(call, list);
}

/* What the limit of its controller has done to packet-ins of one kind. */
static json_t *limited_json(const struct packet_queue *queue)
{
    return queue == NULL ? json_null()
                         : json_pack("{s:I, s:I, s:I}", "waiting", (json_int_t)packet_queue_size(queue), "held", (json_int_t)packet_queue_held(queue),
                                     "dropped", (json_int_t)packet_queue_dropped(queue));
}

static json_t *bridge_json(const struct bridge *bridge)
{
    json_t *sessions = json_array();
    json_t *controllers = json_array();
    char trouble[80];

    for (const struct session *s = bridge->sessions; s != NULL; s = s->next) {
        json_array_append_new(sessions, json_pack("{s:I, s:I, s:b, s:i, s:I, s:I, s:o, s:o, s:I}", "session", (json_int_t)s->number,
                                                  "controller", (json_int_t)s->controller, "active", s->state == SESSION_ACTIVE, "version", s->version,
                                                  "packet_ins", (json_int_t)s->n_packet_ins, "packet_ins_dropped",
                                                  (json_int_t)s->n_packet_ins_dropped, "limited", limited_json(s->queues[0]),
                                                  "misses_limited", limited_json(s->queues[1]), "errors", (json_int_t)s->n_errors));
    }
    for (const struct controller *c = bridge->controllers; c != NULL; c = c->next) {
        json_array_append_new(controllers, json_pack("{s:s, s:b, s:s}", "target", c->target, "is_connected", c->is_active,
                                                     "last_error", c->last_error));
    }
    return json_pack("{s:s, s:s, s:I, s:s?, s:I, s:I, s:I, s:I, s:I, s:b, s:b, s:o, s:o}", "name", bridge->name, "state",
                     bridge_state_name(bridge->state), "owner", (json_int_t)share_instance(bridge->agent, bridge->owner_start), "listener",
                     bridge_listener_trouble(bridge, trouble, sizeof trouble), "rules", (json_int_t)flow_table_size(bridge->flows), "groups",
                     (json_int_t)group_table_size(bridge->groups), "meters", (json_int_t)meter_table_size(bridge->meters),
                     "in_flight", (json_int_t)inflight_size(bridge->inflight),
                     "closed_unread", (json_int_t)bridge->n_unread, "fail_open", bridge->is_fail_open, "tells_misses", bridge->tells_misses,
                     "sessions", sessions, "controllers", controllers);
}

const char *commands_state(const struct ofagent *agent)
{
    size_t n_slowpaths;
    (void)packet_counts(agent->packet, &n_slowpaths);
    return !cfg_has_snapshot(agent->cfg)    ? "no configuration yet"
           : !cfg_is_connected(agent->cfg) ? "configdb does not answer"
           : agent->floor.count == 0       ? "no fastpath: nothing is counted"
           : n_slowpaths == 0              ? "no slowpath: no packets for controllers, none from them"
                                           : "ok";
}

json_t *commands_status(void *context)
{
    struct ofagent *agent = context;
    json_t *bridges = json_array();
    struct version version = cfg_version(agent->cfg);

    for (const struct bridge *b = agent->bridges; b != NULL; b = b->next) {
        json_array_append_new(bridges, bridge_json(b));
    }
    return json_pack("{s:s, s:b, s:I, s:I, s:o, s:o, s:o}", "state", commands_state(agent), "configdb", cfg_is_connected(agent->cfg), "epoch",
                     (json_int_t)version.epoch, "version", (json_int_t)version.n, "bridges", bridges, "usage",
                     usage_status(agent->usage), "packet", packet_status(agent->packet));
}

const struct control_command commands_table[] = {
    {.name = "flow-mod",
     .usage = "BRIDGE add|modify|modify-strict|delete|delete-strict FLOW...",
     .help = "Changes rules, all or none, and answers when every shard forwards that way.",
     .needs = ROLE_OPERATE,
     .run = run_flow_mod},
    {.name = "group-mod",
     .usage = "BRIDGE add|modify|delete|insert-buckets|remove-buckets GROUP",
     .help = "Changes a group, and answers when every shard forwards that way.",
     .needs = ROLE_OPERATE,
     .run = commands_group_mod},
    {.name = "dump-groups", .usage = "BRIDGE [GROUP]", .help = "The groups.", .needs = ROLE_READ, .run = commands_dump_groups},
    {.name = "dump-group-stats",
     .usage = "BRIDGE [GROUP]",
     .help = "What groups and buckets have counted.",
     .needs = ROLE_READ,
     .run = commands_dump_group_stats},
    {.name = "meter-mod",
     .usage = "BRIDGE add|modify|delete METER",
     .help = "Changes a meter, and answers when every shard measures that way.",
     .needs = ROLE_OPERATE,
     .run = commands_meter_mod},
    {.name = "dump-meters", .usage = "BRIDGE [METER]", .help = "The meters.", .needs = ROLE_READ, .run = commands_dump_meters},
    {.name = "meter-stats", .usage = "BRIDGE [METER]", .help = "What meters and bands have counted.", .needs = ROLE_READ, .run = commands_meter_stats},
    {.name = "dump-flows", .usage = "BRIDGE [FILTER]", .help = "The rules and what they have counted.", .needs = ROLE_READ, .run = run_dump_flows},
    {.name = "dump-ports", .usage = "BRIDGE", .help = "What the ports have counted.", .needs = ROLE_READ, .run = run_dump_ports},
    {.name = "dump-tables", .usage = "BRIDGE", .help = "The tables in use: rules, look-ups, matches.", .needs = ROLE_READ, .run = run_dump_tables},
};
const size_t commands_count = sizeof commands_table / sizeof commands_table[0];
