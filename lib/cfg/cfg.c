/* One process's conversation with configdb (proto/README.md, "config"): hears, decides what was lost, and says what is due.
 *
 *   bus ──► on_message() ──► feed (mirror) ──► owner's on_row, on_version
 *                        ├─► outbox (transactions), questions, membership
 *   bus ◄── say_what_is_due(): SUBSCRIBE, APPLIED, then outbox, questions, publisher, membership
 *
 * Three things make us SUBSCRIBE again with the version shown: a jump of Envelope.sequence, a version that does not follow, a second without a
 * word. Another start number of configdb is another life: what was under way to the earlier one is said again. The mirror is never emptied.
 * Each SUBSCRIBE starts the time in which status rows must be said again; it runs from the first answer, so that a
 * configdb that is away for long takes no status with it.
 *
 * One thread; time is an argument; nothing waits. A step handles at most STEP_MESSAGES and STEP_BYTES, so that the beats of the
 * thread go on during a large snapshot (showing it is one piece of work, because half a transaction is never shown: I6).
 * Callbacks of the owner may call everything here but cfg_step() and cfg_destroy().
 */
#include "lib/cfg/cfg.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/cfg/feed.h"
#include "lib/cfg/keys.h"
#include "lib/cfg/membership.h"
#include "lib/cfg/outbox.h"
#include "lib/cfg/publisher.h"
#include "lib/cfg/questions.h"
#include "lib/cfg/rows_read.h"
#include "lib/msg/msg.h"

enum { DROP_ROWS = 10000 /* looked at in a step: some ms */, UNHEEDED_MAX = 2 /* then a growth is asked for otherwise */ };
enum { STEP_MESSAGES = 256, STEP_BYTES = 2 * 1024 * 1024, ROW_ERRORS_MAX = 64 /* reported with one APPLIED */ };
enum { APPLIED_LAG_MAX = 2048 /* a quarter of configdb's window, which sends no more beyond it */ };
static const uint64_t SILENCE_NS = 1 * NS_PER_S; /* then SUBSCRIBE again */
static const uint64_t AWAY_NS = 2 * NS_PER_S;    /* then configdb is away */
static const uint64_t BEHIND_NS = 1 * NS_PER_S;  /* all acknowledged, a newer version known, and nothing comes */
static const uint64_t PIECE_NS = NS_PER_S / 4;   /* without a piece of a partial snapshot: say again how many have come */
static const uint64_t APPLIED_LATER_NS = 10 * NS_PER_MS; /* when nothing but rules has changed */
static const uint64_t STATUS_NS = 3 * NS_PER_S;  /* in which a status row must be said again after SUBSCRIBE */

struct cfg {
    struct bus_socket *socket;
    struct cfg_events events;
    uint32_t tables[CFG_TABLE_MAX];
    size_t n_tables;
    struct key_table *keys; /* the bus's, kept as the table KEY says; NULL: no keys are used */
    bool shows_keys;        /* the owner asked for them too */

    struct feed *feed;
    struct outbox *outbox;
    struct publisher *publisher;
    struct questions *questions;
    struct membership *membership;

    struct msg_arena arena; /* of the message that is looked at */

    uint64_t now_ns;
    uint64_t server_start; /* 0: never heard */
    uint64_t last_sequence;
    uint64_t heard_ns;
    bool is_connected;

    bool wants_subscribe; /* to be said as soon as there is room */
    bool wants_snapshot;  /* by cfg_refresh(), until one has come */
    bool is_unanswered;   /* SUBSCRIBE was said, its answer has not begun */
    uint64_t subscribed_ns;
    unsigned n_unheeded; /* SUBSCRIBEs for more bridges without an answer from a configdb that was heard */
    uint64_t status_end_ns; /* 0: no status rows to be forgotten */
    uint64_t behind_since_ns;
    uint64_t piece_ns; /* when the last piece of a partial snapshot came, or was acknowledged again */

    size_t unapplied_bytes; /* of commits that have come since the owner applied something */
    struct version applied; /* by the owner, */
    struct version said;    /* as configdb was told last, */
    uint64_t said_ns;       /* and when */
    uint64_t awaited_n;     /* the newest commit with something else than rules: people may wait for that */
    bool wants_applied, must_say_applied;
    Busbar__RowError *errors; /* to go with the next APPLIED; texts owned */
    size_t n_errors;
};

static void clear_errors(struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->n_errors; i++) {
        free(cfg->errors[i].text);
    }
    free(cfg->errors);
    cfg->errors = NULL;
    cfg->n_errors = 0;
}

static void want_subscribe(struct cfg *cfg, const char *why)
{
    if (cfg->n_tables == 0 || cfg->wants_subscribe || cfg->is_unanswered) {
        return;
    }
    LOG_LIMITED(LOG_LEVEL_INFO, "resubscribe why=%s version=%llu", why, (unsigned long long)feed_version(cfg->feed).n);
    cfg->wants_subscribe = true;
}

static void say_applied_again(struct cfg *cfg)
{
    if (cfg->applied.n != 0) {
        cfg->wants_applied = cfg->must_say_applied = true;
    }
}

static void say_subscribe(struct cfg *cfg)
{
    Busbar__Version have;
    version_encode(feed_version(cfg->feed), &have);
    Busbar__Subscribe message = BUSBAR__SUBSCRIBE__INIT;
    message.tables = cfg->tables;
    message.n_tables = cfg->n_tables;
    message.have = feed_has_snapshot(cfg->feed) && !cfg->wants_snapshot && cfg->n_unheeded < UNHEEDED_MAX ? &have : NULL;
    message.takes_batches = true;
    message.takes_merged = true;
    message.takes_beside = true;
    const struct bridge_set *bridges;
    struct bridge_set added = {0};
    message.serial = feed_ask(cfg->feed, &bridges, &added);
    message.by_bridge = !bridges->is_all;
    message.bridges = bridges->ids;
    message.n_bridges = bridges->n;
    message.added = added.ids;
    message.n_added = message.have != NULL ? added.n : 0;
    int err = msg_send(cfg->socket, NULL, MESSAGE_SUBSCRIBE, &message.base);
    bridge_set_fini(&added);
    if (err < 0) {
        cfg->wants_subscribe = true;
        return;
    }
    feed_forget_pieces(cfg->feed);
    cfg->wants_subscribe = false;
    cfg->is_unanswered = true;
    cfg->subscribed_ns = cfg->now_ns;
    cfg->behind_since_ns = 0;
    say_applied_again(cfg);
}

static void say_applied(struct cfg *cfg)
{
    Busbar__Version version;
    version_encode(cfg->applied, &version);
    Busbar__RowError **pointers = memory_array(cfg->n_errors, sizeof *pointers);
    for (size_t i = 0; i < cfg->n_errors; i++) {
        pointers[i] = &cfg->errors[i];
    }
    Busbar__Applied message = BUSBAR__APPLIED__INIT;
    message.version = &version;
    message.errors = pointers;
    message.n_errors = cfg->n_errors;
    message.pieces = feed_gathered(cfg->feed, &message.serial);
    if (msg_send(cfg->socket, NULL, MESSAGE_APPLIED, &message.base) == 0) {
        cfg->wants_applied = cfg->must_say_applied = false;
        cfg->said = cfg->applied;
        cfg->said_ns = cfg->now_ns;
        clear_errors(cfg);
    }
    free(pointers);
}

/* Of rules only the feed's window wants to know: that is told after a while, and does not wake configdb for each. */
static bool may_say_applied(const struct cfg *cfg)
{
    return cfg->must_say_applied || cfg->n_errors > 0 || cfg->applied.epoch != cfg->said.epoch ||
           (cfg->awaited_n > cfg->said.n && cfg->awaited_n <= cfg->applied.n) || cfg->applied.n - cfg->said.n >= APPLIED_LAG_MAX ||
           cfg->now_ns - cfg->said_ns >= APPLIED_LATER_NS;
}

static void on_answered(struct cfg *cfg)
{
    if (cfg->is_unanswered) {
        cfg->is_unanswered = false;
        cfg->n_unheeded = 0;
        feed_status_begin(cfg->feed);
        cfg->status_end_ns = cfg->now_ns + STATUS_NS;
    }
}

static void on_verdict(struct cfg *cfg, enum feed_verdict verdict)
{
    switch (verdict) {
    case FEED_FINE:
        break;
    case FEED_ANSWERED:
        on_answered(cfg);
        break;
    case FEED_LOST:
        want_subscribe(cfg, "gap");
        break;
    }
    cfg->behind_since_ns = 0;
}

/* RENEWED says how far configdb is. */
static void on_newest(struct cfg *cfg, struct version newest)
{
    struct version have = feed_version(cfg->feed);
    if (!feed_has_snapshot(cfg->feed) || cfg->is_unanswered || feed_is_loading(cfg->feed)) {
        return;
    }
    if (newest.epoch != have.epoch) {
        want_subscribe(cfg, "epoch");
    } else if (newest.n <= have.n || cfg->applied.n < have.n) {
        cfg->behind_since_ns = 0;
    } else if (cfg->behind_since_ns == 0) {
        cfg->behind_since_ns = cfg->now_ns;
    } else if (cfg->now_ns - cfg->behind_since_ns >= BEHIND_NS) {
        want_subscribe(cfg, "behind");
    }
}

/* Another configdb, or a jump: what was under way is gone, both ways. */
static void on_loss(struct cfg *cfg, bool is_answer)
{
    feed_forget_pieces(cfg->feed);
    outbox_rewind(cfg->outbox);
    questions_repeat_all(cfg->questions);
    publisher_repeat_all(cfg->publisher);
    if (!is_answer) {
        cfg->is_unanswered = false;
        want_subscribe(cfg, "loss");
    }
}

static bool is_feed(uint32_t type)
{
    return type == MESSAGE_SNAPSHOT || type == MESSAGE_DELTA || type == MESSAGE_DELTA_BATCH || type == MESSAGE_DELTA_MERGED;
}

/* Keeps account of who speaks and what is missing. */
static void on_envelope(struct cfg *cfg, const struct bus_message *message)
{
    bool is_new = message->from.start != cfg->server_start;
    bool is_jump = !is_new && message->sequence != cfg->last_sequence + 1;
    bool is_first_ever = cfg->server_start == 0;
    cfg->server_start = message->from.start;
    cfg->last_sequence = message->sequence;
    cfg->heard_ns = cfg->now_ns;
    if (is_new) {
        feed_peer_is_new(cfg->feed);
    }
    if (is_new && !is_first_ever) {
        /* To a configdb that never heard our SUBSCRIBE we are no reader, so feed messages of a new one are its answer. */
        on_loss(cfg, is_feed(message->type));
    } else if (is_jump) {
        on_loss(cfg, false);
    }
}

static void dispatch(struct cfg *cfg, const struct bus_message *message, ProtobufCMessage *body)
{
    switch (message->type) {
    case MESSAGE_SNAPSHOT:
        on_verdict(cfg, feed_on_snapshot(cfg->feed, (Busbar__Snapshot *)body));
        if (((Busbar__Snapshot *)body)->partial) {
            cfg->wants_applied = cfg->must_say_applied = true; /* the next pieces wait for it */
            cfg->piece_ns = cfg->now_ns;
        }
        break;
    case MESSAGE_DELTA:
        on_verdict(cfg, feed_on_delta(cfg->feed, (Busbar__Delta *)body));
        break;
    case MESSAGE_DELTA_BATCH:
        for (size_t i = 0; i < ((Busbar__DeltaBatch *)body)->n_deltas; i++) {
            on_verdict(cfg, feed_on_delta(cfg->feed, ((Busbar__DeltaBatch *)body)->deltas[i]));
        }
        break;
    case MESSAGE_DELTA_MERGED:
        on_verdict(cfg, feed_on_merged(cfg->feed, (Busbar__DeltaMerged *)body));
        break;
    case MESSAGE_STATUS:
        feed_on_status(cfg->feed, (Busbar__Status *)body);
        break;
    case MESSAGE_TRANSACT_REPLY:
        outbox_on_reply(cfg->outbox, (Busbar__TransactReply *)body, cfg->now_ns);
        break;
    case MESSAGE_RENEWED:
        membership_on_renewed(cfg->membership, (Busbar__Renewed *)body);
        on_newest(cfg, version_decode(((Busbar__Renewed *)body)->version));
        say_applied_again(cfg); /* the one before may have been lost with its connection */
        break;
    case MESSAGE_AWAIT_APPLIED_REPLY:
        questions_on_reply(cfg->questions, (Busbar__AwaitAppliedReply *)body);
        break;
    default: /* a number, not an enum: wires.def lets no other through */
        break;
    }
}

static const ProtobufCMessageDescriptor *descriptor_of(uint32_t type)
{
    const struct {
        uint32_t type;
        const ProtobufCMessageDescriptor *descriptor;
    } rows[] = {{MESSAGE_SNAPSHOT, &busbar__snapshot__descriptor},
                {MESSAGE_DELTA, &busbar__delta__descriptor},
                {MESSAGE_DELTA_BATCH, &busbar__delta_batch__descriptor},
                {MESSAGE_DELTA_MERGED, &busbar__delta_merged__descriptor},
                {MESSAGE_STATUS, &busbar__status__descriptor},
                {MESSAGE_TRANSACT_REPLY, &busbar__transact_reply__descriptor},
                {MESSAGE_RENEWED, &busbar__renewed__descriptor},
                {MESSAGE_AWAIT_APPLIED_REPLY, &busbar__await_applied_reply__descriptor}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == type) {
            return rows[i].descriptor;
        }
    }
    return NULL;
}

static void on_message(struct cfg *cfg, const struct bus_message *message)
{
    const ProtobufCMessageDescriptor *descriptor = descriptor_of(message->type);
    ProtobufCMessage *body = rows_read(&cfg->arena, message->type, message->body, message->size);
    if (body == NULL && descriptor != NULL) {
        body = msg_unpack_into(&cfg->arena, message, descriptor);
    }
    on_envelope(cfg, message);
    if (body == NULL) {
        LOG_LIMITED(LOG_LEVEL_WARN, "config_unreadable message=%s size=%zu", bus_message_name(WIRE_CONFIG, message->type),
                    message->size);
        want_subscribe(cfg, "unreadable");
        return;
    }
    dispatch(cfg, message, body);
}

static void watch_silence(struct cfg *cfg)
{
    bool is_connected = cfg->server_start != 0 && cfg->now_ns - cfg->heard_ns < AWAY_NS;
    if (is_connected != cfg->is_connected) {
        cfg->is_connected = is_connected;
        log_info("configdb %s", is_connected ? "answers" : "is_silent");
        if (cfg->events.on_connection != NULL) {
            cfg->events.on_connection(cfg->events.context, is_connected);
        }
    }
    uint64_t spoken_ns = cfg->heard_ns > cfg->subscribed_ns ? cfg->heard_ns : cfg->subscribed_ns;
    bool is_late = cfg->is_unanswered && cfg->now_ns - cfg->subscribed_ns >= SILENCE_NS;
    if (is_late && cfg->heard_ns > cfg->subscribed_ns && feed_has_snapshot(cfg->feed) && feed_is_growing(cfg->feed)) {
        cfg->n_unheeded++; /* one that knows no filter takes a SUBSCRIBE for more bridges for one to go on */
    }
    if (cfg->n_tables > 0 && (is_late || cfg->now_ns - spoken_ns >= SILENCE_NS)) {
        cfg->wants_subscribe = true;
    }
    if (cfg->status_end_ns != 0 && feed_is_loading(cfg->feed)) {
        cfg->status_end_ns = cfg->now_ns + STATUS_NS; /* status rows come behind the snapshot */
    }
    if (cfg->status_end_ns != 0 && cfg->now_ns >= cfg->status_end_ns && !cfg->is_unanswered) {
        cfg->status_end_ns = 0;
        feed_status_end(cfg->feed);
    }
}

/* The next pieces wait for the acknowledgement of these, and no jump tells that it was lost. */
static void watch_pieces(struct cfg *cfg)
{
    uint64_t serial;
    if (feed_gathered(cfg->feed, &serial) > 0 && cfg->now_ns - cfg->piece_ns >= PIECE_NS) {
        cfg->wants_applied = cfg->must_say_applied = true;
        cfg->piece_ns = cfg->now_ns;
    }
}

static void say_what_is_due(struct cfg *cfg)
{
    if (!feed_is_asked(cfg->feed) && !cfg->is_unanswered && !feed_is_loading(cfg->feed) && !feed_is_amid(cfg->feed)) {
        cfg->wants_subscribe = cfg->n_tables > 0; /* one after another: what is coming need not come twice */
    }
    if (cfg->wants_subscribe) {
        say_subscribe(cfg);
    }
    if (cfg->wants_applied && may_say_applied(cfg)) {
        say_applied(cfg);
    }
    membership_step(cfg->membership, cfg->outbox, cfg->socket, cfg->now_ns);
    outbox_step(cfg->outbox, cfg->socket, cfg->now_ns);
    questions_step(cfg->questions, cfg->socket, cfg->now_ns);
    publisher_step(cfg->publisher, cfg->socket, cfg->now_ns);
}

/* Row events of the feed: keys go to the bus, the rest to the owner. */
static void on_feed_row(void *context, enum cfg_table table, uint64_t id, const ProtobufCMessage *before, const ProtobufCMessage *after)
{
    struct cfg *cfg = context;
    if (table != CFG_RULE && cfg_table_info((uint32_t)table)->storage != CFG_STORAGE_MEMORY) {
        cfg->awaited_n = feed_version(cfg->feed).n;
    }
    if (table == CFG_KEY && cfg->keys != NULL) {
        keys_on_row(cfg->keys, (const Busbar__KeyRow *)before, (const Busbar__KeyRow *)after);
    }
    if (cfg->events.on_row != NULL && (table != CFG_KEY || cfg->shows_keys)) {
        cfg->events.on_row(cfg->events.context, table, id, before, after);
    }
}

static void on_feed_unheld_gone(void *context, enum cfg_table table, uint64_t id)
{
    struct cfg *cfg = context;
    if (cfg->events.on_unheld_gone != NULL) {
        cfg->events.on_unheld_gone(cfg->events.context, table, id);
    }
}

static void on_feed_packed(void *context, enum cfg_table table, uint64_t id, const uint8_t *bytes, size_t size)
{
    struct cfg *cfg = context;
    cfg->events.on_packed(cfg->events.context, table, id, bytes, size);
}

static void on_feed_version(void *context, struct version version, bool is_snapshot)
{
    struct cfg *cfg = context;
    cfg->wants_snapshot = cfg->wants_snapshot && !is_snapshot;
    cfg->awaited_n = is_snapshot ? version.n : cfg->awaited_n;
    if (cfg->events.on_version != NULL) {
        cfg->events.on_version(cfg->events.context, version, is_snapshot);
    }
}

static void take_tables(struct cfg *cfg, const enum cfg_table *tables, size_t n_tables)
{
    for (size_t i = 0; i < n_tables; i++) {
        cfg->tables[cfg->n_tables++] = (uint32_t)tables[i];
        cfg->shows_keys = cfg->shows_keys || tables[i] == CFG_KEY;
    }
    if (cfg->keys != NULL && n_tables > 0 && !cfg->shows_keys && cfg->n_tables < CFG_TABLE_MAX) {
        cfg->tables[cfg->n_tables++] = CFG_KEY;
    }
}

int cfg_new(struct bus *bus, const char *endpoint, const enum cfg_table *tables, size_t n_tables,
            const struct cfg_events *events, struct cfg **out_cfg)
{
    struct bus_socket *socket;
    for (size_t i = 0; i < n_tables; i++) {
        if (cfg_table_info((uint32_t)tables[i]) == NULL || n_tables > CFG_TABLE_MAX) {
            return -ERROR_UNKNOWN_NAME;
        }
    }
    int err = bus_connect(bus, WIRE_CONFIG, endpoint, &socket);
    if (err < 0) {
        return err;
    }
    struct cfg *cfg = memory_zeroed(sizeof *cfg);
    cfg->socket = socket;
    cfg->events = *events;
    cfg->keys = bus_keys(bus);
    take_tables(cfg, tables, n_tables);
    cfg->wants_subscribe = n_tables > 0;
    const struct cfg_events feed_events = {.on_row = on_feed_row,
                                           .on_packed = events->on_packed != NULL ? on_feed_packed : NULL,
                                           .on_version = on_feed_version,
                                           .on_unheld_gone = on_feed_unheld_gone,
                                           .unshown = events->unshown,
                                           .context = cfg};
    enum cfg_table wanted[CFG_TABLE_MAX];
    for (size_t i = 0; i < cfg->n_tables; i++) {
        wanted[i] = (enum cfg_table)cfg->tables[i];
    }
    cfg->feed = feed_new(wanted, cfg->n_tables, &feed_events);
    msg_arena_init(&cfg->arena);
    cfg->outbox = outbox_new();
    cfg->publisher = publisher_new();
    cfg->questions = questions_new();
    cfg->membership = membership_new(bus_self(bus));
    *out_cfg = cfg;
    return 0;
}

void cfg_destroy(struct cfg **cfg)
{
    struct cfg *c = *cfg;
    if (c == NULL) {
        return;
    }
    *cfg = NULL;
    feed_destroy(&c->feed);
    msg_arena_fini(&c->arena);
    outbox_destroy(&c->outbox);
    publisher_destroy(&c->publisher);
    questions_destroy(&c->questions);
    membership_destroy(&c->membership);
    clear_errors(c);
    bus_close(&c->socket);
    free(c);
}

int cfg_fd(const struct cfg *cfg)
{
    return bus_fd(cfg->socket);
}

void cfg_step(struct cfg *cfg, uint64_t now_ns)
{
    cfg->now_ns = now_ns;
    struct bus_message message;
    size_t bytes = 0;
    bus_hold(cfg->socket);
    for (int i = 0; i < STEP_MESSAGES && bytes < STEP_BYTES && bus_recv(cfg->socket, &message) == 0; i++) {
        bytes += message.size;
        cfg->unapplied_bytes += message.type != MESSAGE_SNAPSHOT ? message.size : 0; /* those have no window */
        on_message(cfg, &message);
        bus_message_fini(&message);
    }
    if (bus_take_version_change(cfg->socket)) {
        on_loss(cfg, false); /* an older configdb did not understand us, and will now */
    }
    cfg_say(cfg, now_ns);
}

void cfg_say(struct cfg *cfg, uint64_t now_ns)
{
    cfg->now_ns = now_ns;
    watch_silence(cfg);
    watch_pieces(cfg);
    feed_drop(cfg->feed, DROP_ROWS);
    bus_hold(cfg->socket);
    say_what_is_due(cfg);
    bus_flush(cfg->socket);
}

bool cfg_is_refused(const struct cfg *cfg, char *out_text, size_t room)
{
    return bus_is_refused(cfg->socket, out_text, room);
}

bool cfg_is_connected(const struct cfg *cfg)
{
    return cfg->is_connected;
}

bool cfg_has_snapshot(const struct cfg *cfg)
{
    return feed_has_snapshot(cfg->feed);
}

struct version cfg_version(const struct cfg *cfg)
{
    return feed_version(cfg->feed);
}

size_t cfg_unapplied_bytes(const struct cfg *cfg)
{
    return cfg->unapplied_bytes;
}

uint64_t cfg_take_authors(struct cfg *cfg)
{
    return feed_take_authors(cfg->feed);
}

uint64_t cfg_changed(const struct cfg *cfg, uint32_t tables)
{
    return feed_changed(cfg->feed, tables);
}

void cfg_follow_bridges(struct cfg *cfg, const uint64_t *bridges, size_t n)
{
    feed_follow(cfg->feed, bridges, n);
}

bool cfg_holds_bridge(const struct cfg *cfg, uint64_t bridge)
{
    return feed_holds(cfg->feed, bridge);
}

const ProtobufCMessage *cfg_row(const struct cfg *cfg, enum cfg_table table, uint64_t id)
{
    return feed_read(cfg->feed, table, mirror_row(feed_mirror(cfg->feed), table, id));
}

uint64_t cfg_row_max(const struct cfg *cfg, enum cfg_table table)
{
    return feed_row_max(cfg->feed, table);
}

bool cfg_next(const struct cfg *cfg, enum cfg_table table, uint64_t *cursor, uint64_t *out_id, const ProtobufCMessage **out_row)
{
    const struct mirror_slot *slot;
    do {
        slot = mirror_at_or_after(feed_mirror(cfg->feed), table, *cursor);
        if (slot == NULL) {
            return false;
        }
        *cursor = slot->id + 1;
        *out_id = slot->id;
        *out_row = feed_read(cfg->feed, table, slot->row);
    } while (*out_row == NULL); /* one that cannot be read */
    return true;
}

void cfg_applied(struct cfg *cfg, struct version version, const Busbar__RowError *errors, size_t n_errors)
{
    cfg->applied = version;
    cfg->unapplied_bytes = 0;
    cfg->wants_applied = true;
    for (size_t i = 0; i < n_errors && cfg->n_errors < ROW_ERRORS_MAX; i++) {
        cfg->errors = memory_resize(cfg->errors, (cfg->n_errors + 1) * sizeof *cfg->errors);
        cfg->errors[cfg->n_errors] = errors[i];
        cfg->errors[cfg->n_errors++].text = memory_string(errors[i].text);
    }
}

void cfg_transact(struct cfg *cfg, struct cfg_txn **txn, uint64_t deadline_ns,
                  void (*done)(void *context, const struct cfg_result *result), void *context)
{
    outbox_add(cfg->outbox, txn, deadline_ns, done, context);
}

size_t cfg_transactions_in_flight(const struct cfg *cfg)
{
    return outbox_size(cfg->outbox);
}

void cfg_publish(struct cfg *cfg, enum cfg_table table, uint64_t id, const ProtobufCMessage *row)
{
    assert(cfg_table_info((uint32_t)table)->storage == CFG_STORAGE_MEMORY);
    publisher_put(cfg->publisher, table, id, row);
}

void cfg_register(struct cfg *cfg, const Busbar__ServiceRow *service)
{
    membership_join(cfg->membership, service);
}

uint64_t cfg_registered(const struct cfg *cfg, struct version *out_version)
{
    return membership_id(cfg->membership, out_version);
}

void cfg_unregister(struct cfg *cfg)
{
    membership_leave(cfg->membership, cfg->outbox, cfg->now_ns);
}

void cfg_refresh(struct cfg *cfg)
{
    cfg->wants_snapshot = cfg->wants_subscribe = true;
}

void cfg_await_applied(struct cfg *cfg, struct version version, uint32_t timeout_ms,
                       void (*done)(void *context, const Busbar__AwaitAppliedReply *reply), void *context)
{
    questions_ask(cfg->questions, version, timeout_ms, done, context);
}
