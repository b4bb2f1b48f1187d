/* Dumps of flows. See flow_dump.h.
 *
 *     unsorted:  LIST ------------------------------------------------------> end
 *     by rate:   NOTE --> WAIT (1 s) --> RANK --> ORDER --> TELL -----------> end
 *     others:                            RANK --> ORDER --> TELL -----------> end
 *
 * Why a heap: of a million flows people want the twenty greatest. RANK walks the table in slices and keeps the greatest N so far, the
 * least of them on top, where nearly every flow is refused by one comparison. ORDER takes the least out again and again, which leaves
 * the places in the order to be told.
 * A rate is the packets a flow counted since an earlier look, by the time between. NOTE looks, and RANK looks again a second later;
 * the note is in the flow. A note younger than NOTE_OLD_S is another dump's, which must not find its time cut short: it stays.
 * A flow that came after NOTE is taken to have come when NOTE began, which makes its rate too low rather than too high.
 * Cost: 40 ns a flow to rank, 130 to filter, 18 us a row (text of match and actions, JSON, sending). Worker thread, between
 * bursts. Invariant: a step looks at FLOW_DUMP_LOOK_AT places and makes FLOW_DUMP_TEXTS texts at most, whatever is asked for.
 */
#include "services/fastpath/flow_dump.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"
#include "lib/flow/match.h"

enum {
    RATE_MS = 1000,
    NOTE_OLD_S = 10,
    ORDER_STEP = 1024, /* taken out of the heap a step: 0.1 ms */
    VERDICTS = 256,    /* programs whose text a slice remembers */
    OWNER_BYTES = 32,
};

enum sort { SORT_NONE, SORT_PACKETS, SORT_BYTES, SORT_RATE, SORT_USED };
static const char *const sort_names[] = {[SORT_PACKETS] = "packets", [SORT_BYTES] = "bytes", [SORT_RATE] = "rate", [SORT_USED] = "used"};

enum phase { PHASE_LIST, PHASE_NOTE, PHASE_WAIT, PHASE_RANK, PHASE_ORDER, PHASE_TELL };

struct ranked {
    uint64_t rank; /* packets, bytes, thousandths of a packet a second, or time of last use */
    struct flow_id id;
    uint32_t number;
};

struct verdict {
    const struct program *program;
    bool holds;
};

struct flow_dump {
    struct shard *shard;
    enum sort sort;
    enum phase phase;
    size_t top; /* rows at most */
    struct match match;
    char owner[OWNER_BYTES]; /* "" any */
    char *actions;           /* NULL: any */
    uint64_t began_ns, noted_ns;
    size_t cursor;
    size_t n_told;
    struct ranked *heap; /* n_ranked of them: in PHASE_RANK the least first, later in the order they are told */
    size_t n_ranked, n_heap;
    /* Of the step under way: */
    uint64_t now_ns;
    size_t texts_left;
    struct verdict verdicts[VERDICTS];
};

/* ---- what is asked for ---- */

static bool port_by_name(const void *context, const char *name, uint32_t *out_id)
{
    const struct port_set *set = context;
    for (size_t i = 0; i < set->n_ports; i++) {
        if (strcmp(set->ports[i]->name, name) == 0) {
            *out_id = set->ports[i]->id;
            return true;
        }
    }
    return false;
}

static const char *port_name(const void *context, uint32_t id)
{
    const struct port *port = port_set_find(context, id);
    return port != NULL ? port->name : NULL;
}

static int take_owner(struct flow_dump *dump, const char *text, size_t length, struct error_detail *detail)
{
    if (length == 0 || length >= sizeof dump->owner || memchr(text, '.', length) == NULL) {
        return error_set(detail, -ERROR_SYNTAX, "owner=%.*s: give a process, as in owner=slowpath.1", (int)length, text);
    }
    memcpy(dump->owner, text, length);
    dump->owner[length] = '\0';
    return 0;
}

/* Takes the words out of the filter that are not of a match, and reads the rest as one. actions~ is the last word: its text may hold commas. */
static int take_filter(struct flow_dump *dump, const char *filter, struct error_detail *detail)
{
    static const char owner_word[] = "owner=", actions_word[] = "actions~";
    struct match_ports ports = {.by_name = port_by_name, .context = &dump->shard->ports};
    char *rest = memory_zeroed(strlen(filter) + 1);
    size_t used = 0;
    int err = 0;
    for (const char *word = filter; err == 0 && *word != '\0';) {
        size_t length = strcspn(word, ", ");
        if (strncmp(word, actions_word, sizeof actions_word - 1) == 0) {
            dump->actions = memory_string(word + sizeof actions_word - 1);
            break;
        }
        if (strncmp(word, owner_word, sizeof owner_word - 1) == 0) {
            err = take_owner(dump, word + sizeof owner_word - 1, length - (sizeof owner_word - 1), detail);
        } else if (length > 0) {
            used += used > 0 ? (rest[used] = ',', 1) : 0;
            memcpy(rest + used, word, length);
            used += length;
        }
        word += length + (word[length] != '\0');
    }
    err = err != 0 ? err : match_parse(rest, &ports, &dump->match, detail);
    free(rest);
    return err;
}

static int take_sort(struct flow_dump *dump, const char *text, struct error_detail *detail)
{
    if (text[0] == '\0') {
        return 0;
    }
    for (enum sort sort = SORT_PACKETS; sort <= SORT_USED; sort++) {
        if (strcmp(text, sort_names[sort]) == 0) {
            dump->sort = sort;
            return 0;
        }
    }
    return error_set(detail, -ERROR_UNKNOWN_NAME, "cannot sort by %s: give packets, bytes, rate or used", text);
}

static int take_top(struct flow_dump *dump, const char *text, struct error_detail *detail)
{
    char *end;
    unsigned long top = strtoul(text, &end, 10);
    if (text[0] == '\0') {
        dump->top = dump->sort != SORT_NONE ? FLOW_DUMP_TOP_MAX : SIZE_MAX;
        return 0;
    }
    if (*end != '\0' || text[0] == '-' || top == 0 || top > FLOW_DUMP_TOP_MAX) {
        return error_set(detail, -ERROR_RANGE, "top %s: must be 1 to %d", text, FLOW_DUMP_TOP_MAX);
    }
    dump->top = top;
    return 0;
}

int flow_dump_new(struct shard *shard, const char *const *words, size_t n_words, struct flow_dump **out_dump, struct error_detail *detail)
{
    struct flow_dump *dump = memory_zeroed(sizeof *dump);
    dump->shard = shard;
    int err = n_words > 3 ? error_set(detail, -ERROR_SYNTAX, "too many words: give [FILTER [SORT [TOP]]]") : 0;
    err = err != 0 ? err : take_filter(dump, n_words > 0 ? words[0] : "", detail);
    err = err != 0 ? err : take_sort(dump, n_words > 1 ? words[1] : "", detail);
    err = err != 0 ? err : take_top(dump, n_words > 2 ? words[2] : "", detail);
    if (err != 0) {
        flow_dump_destroy(&dump);
        return err;
    }
    dump->phase = dump->sort == SORT_NONE ? PHASE_LIST : dump->sort == SORT_RATE ? PHASE_NOTE : PHASE_RANK;
    if (dump->sort != SORT_NONE) {
        dump->heap = memory_array(dump->top, sizeof *dump->heap);
    }
    *out_dump = dump;
    return 0;
}

void flow_dump_destroy(struct flow_dump **dump)
{
    if (*dump != NULL) {
        free((*dump)->actions);
        free((*dump)->heap);
        free(*dump);
        *dump = NULL;
    }
}

/* ---- which flows ---- */

static struct match match_of(const struct flow *flow)
{
    struct match match = {0};
    match.value.key = flow->key;
    match.mask.key = flow->mask->bits;
    return match;
}

static bool is_owned_by(const struct shard *shard, const struct flow *flow, const char *owner)
{
    char name[OWNER_BYTES];
    if (flow->owner == OWNER_NONE) {
        return false;
    }
    const struct session *session = &shard->sessions[flow->owner];
    snprintf(name, sizeof name, "%s.%" PRIu32, process_kind_name(session->who.kind), session->who.instance);
    return strcmp(name, owner) == 0;
}

/* Does the text of the program's actions hold what is wanted? Programs are shared, so a slice makes few texts; within it none can end. */
static bool has_actions(struct flow_dump *dump, const struct program *program)
{
    struct verdict *verdict = &dump->verdicts[((uintptr_t)program >> 6) % VERDICTS];
    if (verdict->program != program) {
        struct match_ports ports = {.by_number = port_name, .context = &dump->shard->ports};
        char *text = dp_actions_format(program->actions, program->n_actions, &ports);
        *verdict = (struct verdict){.program = program, .holds = strstr(text, dump->actions) != NULL};
        dump->texts_left--;
        free(text);
    }
    return verdict->holds;
}

static bool is_wanted(struct flow_dump *dump, const struct flow *flow)
{
    struct match match = match_of(flow);
    return (dump->owner[0] == '\0' || is_owned_by(dump->shard, flow, dump->owner)) && match_overlaps(&dump->match, &match) &&
           (dump->actions == NULL || has_actions(dump, flow->program));
}

/* ---- a row ---- */

static json_t *owner_json(const struct shard *shard, const struct flow *flow)
{
    if (flow->owner == OWNER_NONE) {
        return json_null();
    }
    const struct session *session = &shard->sessions[flow->owner];
    return json_sprintf("%s.%u%s", process_kind_name(session->who.kind), session->who.instance,
                        session->state == SESSION_OPEN ? "" : " (closed)");
}

static json_t *row_json(const struct flow_dump *dump, const struct flow *flow)
{
    const struct shard *shard = dump->shard;
    struct match match = match_of(flow);
    struct match_ports ports = {.by_number = port_name, .context = &shard->ports};
    char *text = match_format(&match, &ports);
    char *actions = dp_actions_format(flow->program->actions, flow->program->n_actions, &ports);
    json_t *used = flow->packets > 0 ? json_real((double)(dump->now_ns - flow->used_ns) / 1e9) : json_null();
    json_t *json = json_pack("{s:o, s:s, s:I, s:I, s:o, s:s, s:o, s:I, s:b}", "id",
                             json_sprintf("%016" PRIx64 "%016" PRIx64, flow->id.high, flow->id.low), "match", text, "packets",
                             (json_int_t)flow->packets, "bytes", (json_int_t)flow->bytes, "used_s", used, "actions", actions, "owner",
                             owner_json(shard, flow), "version", (json_int_t)flow->version_n, "exact", flow->entered == FLOW_KEY_BY_KEY);
    free(text);
    free(actions);
    return json;
}

/* ---- the greatest ones ---- */

static bool is_less(const struct ranked *a, const struct ranked *b)
{
    return a->rank < b->rank || (a->rank == b->rank && a->number > b->number);
}

static void sink(struct ranked *heap, size_t n, size_t at)
{
    struct ranked moving = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && is_less(&heap[child + 1], &heap[child]);
        if (!is_less(&heap[child], &moving)) {
            break;
        }
        heap[at] = heap[child];
    }
    heap[at] = moving;
}

static void rise(struct ranked *heap, size_t at)
{
    struct ranked moving = heap[at];
    for (; at > 0 && is_less(&moving, &heap[(at - 1) / 2]); at = (at - 1) / 2) {
        heap[at] = heap[(at - 1) / 2];
    }
    heap[at] = moving;
}

static uint64_t rate_of(const struct flow_dump *dump, const struct flow *flow)
{
    bool is_noted = flow->rated_ns != 0;
    uint64_t since_ns = is_noted ? flow->rated_ns : dump->began_ns;
    uint64_t packets = flow->packets - (is_noted ? flow->rated_packets : 0);
    return dump->now_ns > since_ns ? (uint64_t)((double)packets * 1e12 / (double)(dump->now_ns - since_ns)) : 0;
}

static void rank(struct flow_dump *dump, const struct flow *flow)
{
    struct ranked it = {.id = flow->id, .number = flow->number};
    it.rank = dump->sort == SORT_PACKETS ? flow->packets
              : dump->sort == SORT_BYTES ? flow->bytes
              : dump->sort == SORT_RATE  ? rate_of(dump, flow)
              : flow->packets > 0        ? flow->used_ns
                                         : 0;
    bool is_full = dump->n_ranked == dump->top;
    if ((is_full && !is_less(&dump->heap[0], &it)) || !is_wanted(dump, flow)) {
        return;
    }
    if (is_full) {
        dump->heap[0] = it;
        sink(dump->heap, dump->n_ranked, 0);
    } else {
        dump->heap[dump->n_ranked] = it;
        rise(dump->heap, dump->n_ranked++);
    }
}

static void note(struct flow_dump *dump, struct flow *flow)
{
    if (flow->rated_ns == 0 || dump->now_ns - flow->rated_ns >= NOTE_OLD_S * NS_PER_S) {
        flow->rated_ns = dump->now_ns;
        flow->rated_packets = flow->packets;
    }
}

/* ---- the phases ---- */

static void begin(struct flow_dump *dump, enum phase phase)
{
    dump->phase = phase;
    dump->cursor = 0;
}

/* A slice of a walk; true when it has come to the end of the table. */
static bool walk(struct flow_dump *dump, json_t *rows)
{
    size_t left = FLOW_DUMP_LOOK_AT;
    while (dump->texts_left > 0 && dump->n_told < dump->top) {
        struct flow *flow = flow_table_next_within(dump->shard->flows, &dump->cursor, &left);
        if (flow == NULL) {
            return left > 0;
        }
        if (dump->phase == PHASE_NOTE) {
            note(dump, flow);
        } else if (dump->phase == PHASE_RANK) {
            rank(dump, flow);
        } else if (is_wanted(dump, flow)) {
            json_array_append_new(rows, row_json(dump, flow));
            dump->texts_left -= dump->texts_left > 0;
            dump->n_told++;
        }
    }
    return dump->n_told == dump->top;
}

static void order(struct flow_dump *dump)
{
    for (size_t i = 0; i < ORDER_STEP && dump->n_heap > 1; i++) {
        struct ranked least = dump->heap[0];
        dump->heap[0] = dump->heap[--dump->n_heap];
        sink(dump->heap, dump->n_heap, 0);
        dump->heap[dump->n_heap] = least;
    }
}

/* Rows of those that are still there. */
static void tell(struct flow_dump *dump, json_t *rows)
{
    for (; dump->texts_left > 0 && dump->n_told < dump->n_ranked; dump->n_told++) {
        const struct ranked *it = &dump->heap[dump->n_told];
        const struct flow *flow = flow_table_find(dump->shard->flows, it->id);
        if (flow == NULL) {
            continue;
        }
        json_t *row = row_json(dump, flow);
        if (dump->sort == SORT_RATE) {
            json_object_set_new(row, "rate", json_real((double)it->rank / 1e3));
        }
        json_array_append_new(rows, row);
        dump->texts_left--;
    }
}

bool flow_dump_step(struct flow_dump *dump, uint64_t now_ns, json_t *rows)
{
    dump->now_ns = now_ns;
    dump->began_ns = dump->began_ns != 0 ? dump->began_ns : now_ns;
    dump->texts_left = FLOW_DUMP_TEXTS;
    memset(dump->verdicts, 0, sizeof dump->verdicts);
    switch (dump->phase) {
    case PHASE_LIST:
        return !walk(dump, rows);
    case PHASE_NOTE:
        if (walk(dump, rows)) {
            dump->noted_ns = now_ns;
            begin(dump, PHASE_WAIT);
        }
        return true;
    case PHASE_WAIT:
        if (now_ns - dump->noted_ns >= RATE_MS * NS_PER_MS) {
            begin(dump, PHASE_RANK);
        }
        return true;
    case PHASE_RANK:
        if (walk(dump, rows)) {
            dump->n_heap = dump->n_ranked;
            begin(dump, PHASE_ORDER);
        }
        return true;
    case PHASE_ORDER:
        order(dump);
        if (dump->n_heap <= 1) {
            begin(dump, PHASE_TELL);
        }
        return true;
    case PHASE_TELL:
        tell(dump, rows);
        return dump->n_told < dump->n_ranked;
    }
    return false;
}

bool flow_dump_is_waiting(const struct flow_dump *dump)
{
    return dump->phase == PHASE_WAIT;
}
