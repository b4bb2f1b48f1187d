/* What a peer of the direct bus may send: the bytes of a unix socket, in pieces of any size, into lib/bus/link.c, zmtp.c and envelope.c.
 *
 * The first byte says which side we are (1), whether the handshake comes before the input (2), and whether a message larger than a block comes between
 * them (4), which needs blocks of its own; the second, how the bytes are cut. A naive reader of
 * the whole must find the same messages, byte for byte, and the same end: the rest is awaited, or is nonsense and closes the link. What is
 * taken is no more than what really came: a claimed size costs nothing. Messages that are held stay as they were.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/bus/link.h"
#include "lib/bus/zmtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 4096, HELD_MAX = 8, BLOCK_BYTES = 128 * 1024, LARGE_UNIT = 50000, IS_BINDER = 1, IS_GREETED = 2, HAS_LARGE = 4 };
enum { MESSAGES_MAX = INPUT_MAX / 2 + 1 /* a message has two bytes */, LARGE_MAX = 16 * LARGE_UNIT };

struct seen {
    size_t n_frames, head_size, body_size;
    const uint8_t *head, *body; /* in the input */
};

static const struct transport none;
static struct seen expected[MESSAGES_MAX];

static void expect_that(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

/* ---- the naive reader ---- */

struct naive {
    const uint8_t *bytes;
    size_t size, at;
    bool is_bad;
};

/* A frame that is whole; false: it is not, or it is none. */
static bool naive_frame(struct naive *n, bool is_open, uint8_t *out_flags, const uint8_t **out_body, size_t *out_size)
{
    size_t left = n->size - n->at, head = 2;
    const uint8_t *at = n->bytes + n->at;
    uint64_t size = 0;

    if (left == 0) {
        return false;
    }
    if (at[0] > 6 || at[0] == 5) { /* unknown bits, or a command of which more follows; 7 is both */
        n->is_bad = true;
        return false;
    }
    if ((at[0] & ZMTP_LONG) != 0) {
        head = 9;
    }
    if (left < head) {
        return false;
    }
    for (size_t i = 1; i < head; i++) {
        size = size << 8 | at[i];
    }
    if (size > (is_open && (at[0] & ZMTP_COMMAND) == 0 ? (size_t)BUS_MESSAGE_MAX_BYTES : (size_t)ZMTP_COMMAND_MAX)) {
        n->is_bad = true;
        return false;
    }
    if (left - head < size) {
        return false;
    }
    *out_flags = at[0];
    *out_body = at + head;
    *out_size = (size_t)size;
    n->at += head + (size_t)size;
    return true;
}

static bool naive_handshake(struct naive *n, bool is_binder)
{
    const uint8_t *body, *identity;
    size_t size, identity_size;
    uint8_t flags;
    int err = zmtp_check_greeting(n->bytes, n->size);

    n->is_bad = err == -ERROR_SYNTAX;
    if (err != 0) {
        return false;
    }
    n->at = ZMTP_GREETING_BYTES;
    if (!naive_frame(n, false, &flags, &body, &size)) {
        return false;
    }
    n->is_bad = (flags & ZMTP_COMMAND) == 0 || zmtp_read_ready(body, size, is_binder ? "DEALER" : "ROUTER", &identity, &identity_size) != 0;
    return !n->is_bad;
}

/* Fills `expected`. */
static size_t naive_read(struct naive *n, bool is_binder)
{
    struct seen message = {0};
    size_t n_messages = 0;
    const uint8_t *body;
    size_t size;
    uint8_t flags;

    if (!naive_handshake(n, is_binder)) {
        return 0;
    }
    while (naive_frame(n, true, &flags, &body, &size)) {
        if ((flags & ZMTP_COMMAND) != 0) {
            n->is_bad = message.n_frames > 0;
            if (n->is_bad) {
                break;
            }
            continue;
        }
        if (message.n_frames++ == 0) {
            message.head = body;
            message.head_size = size;
        }
        message.body = body;
        message.body_size = size;
        if ((flags & ZMTP_MORE) == 0) {
            expect_that(n_messages < MESSAGES_MAX);
            expected[n_messages++] = message;
            message = (struct seen){0};
        }
    }
    return n_messages;
}

/* ---- ours ---- */

struct held {
    struct link_block *block;
    const uint8_t *body;
    const struct seen *as;
};

static struct held held[HELD_MAX];

static void let_go(struct held *h)
{
    if (h->block != NULL) {
        expect_that(memcmp(h->body, h->as->body, h->as->body_size) == 0);
        link_block_release(&h->block);
    }
}

static void on_message(struct link *link, const struct link_message *message, size_t number, size_t n_expected)
{
    const struct seen *as = &expected[number];
    struct envelope envelope;

    expect_that(number < n_expected && message->n_frames == as->n_frames && message->body_size == as->body_size);
    expect_that(memcmp(message->body, as->body, as->body_size) == 0);
    if (message->n_frames != 2) {
        return;
    }
    expect_that(message->head_size == as->head_size && memcmp(message->head, as->head, as->head_size) == 0);
    if (envelope_unpack(message->head, message->head_size, &envelope) == 0) {
        uint8_t again[ENVELOPE_MAX_BYTES];
        struct envelope same;
        expect_that(envelope_unpack(again, envelope_pack(&envelope, again), &same) == 0 && same.type == envelope.type &&
                    same.sequence == envelope.sequence && bus_identity_equal(&same.from, &envelope.from));
    }
    if (number % 3 == 0) {
        let_go(&held[number % HELD_MAX]);
        held[number % HELD_MAX] = (struct held){.block = link_hold(link), .body = message->body, .as = as};
    }
}

/* All that can be read now; false: the link is to be closed. */
static bool drain(struct link *link, struct link_block **spare, size_t n_sent, size_t *n_messages, size_t n_expected)
{
    struct link_message message;

    while (link_fill(link, spare) == 1) {
        int got;
        expect_that(link->in->room <= BLOCK_BYTES || link->in->room <= 2 * n_sent);
        while ((got = link_next(link, &message)) > 0) {
            if (got == LINK_MESSAGE) {
                on_message(link, &message, (*n_messages)++, n_expected);
            }
        }
        if (got < 0) {
            return false;
        }
        link_rest(link, spare);
    }
    return true;
}

static void play(const uint8_t *bytes, size_t size, bool is_binder, uint8_t cut)
{
    static const struct bus_identity self = {.kind = PROCESS_CONFIGDB, .instance = 1, .start = 1};
    struct naive naive = {.bytes = bytes, .size = size};
    size_t n_expected = naive_read(&naive, is_binder), n_messages = 0;
    struct link_block *spare = NULL;
    bool is_fine = true;
    int fds[2];

    expect_that(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
    struct link *link = link_new(fds[0], is_binder, &none, &self);
    struct link *peer = link_new(fds[1], !is_binder, &none, &self); /* for its descriptor */
    for (size_t at = 0, part; at < size && is_fine; at += part) {
        part = cut == 0 ? 60000 : 1 + (cut * (at + 7) + at / 5) % (cut < 128 ? 9u : 5000u);
        part = part < size - at ? part : size - at;
        expect_that(send(fds[1], bytes + at, part, MSG_DONTWAIT) == (ssize_t)part);
        is_fine = drain(link, &spare, at + part, &n_messages, n_expected);
    }
    expect_that(n_messages == n_expected && is_fine == !naive.is_bad);
    for (size_t i = 0; i < HELD_MAX; i++) {
        let_go(&held[i]);
    }
    link_destroy(&link);
    link_destroy(&peer);
    link_block_release(&spare);
}

/* Two frames, the second of so many bytes. Returns their size. */
static size_t put_large(uint8_t *out, size_t body_size)
{
    size_t at = zmtp_head(ZMTP_MORE, 1, out);
    out[at++] = 'h';
    at += zmtp_head(0, body_size, out + at);
    for (size_t i = 0; i < body_size; i++) {
        out[at++] = (uint8_t)(i * 7 + i / 300);
    }
    return at;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct bus_identity who = {.kind = PROCESS_OFAGENT, .instance = 7, .start = 99};
    if (size < 2 || size > INPUT_MAX) {
        return 0;
    }
    bool is_binder = (data[0] & IS_BINDER) != 0;
    uint8_t *bytes = malloc(size + ZMTP_GREETING_BYTES + ZMTP_READY_MAX + LARGE_MAX + 32), id[ROUTING_ID_BYTES];
    size_t at = 0;
    if ((data[0] & IS_GREETED) != 0) {
        routing_id_encode(&who, id);
        zmtp_greeting(bytes);
        at = ZMTP_GREETING_BYTES + zmtp_ready(is_binder ? "DEALER" : "ROUTER", id, sizeof id, bytes + ZMTP_GREETING_BYTES);
    }
    if ((data[0] & HAS_LARGE) != 0) {
        at += put_large(bytes + at, LARGE_UNIT * (1 + size % 16));
    }
    memcpy(bytes + at, data + 2, size - 2);
    uint8_t *exact = malloc(at + size - 2 + 1); /* of the size it has, for the sanitizer */
    memcpy(exact, bytes, at + size - 2);
    play(exact, at + size - 2, is_binder, (data[0] & HAS_LARGE) != 0 && data[1] < 128 ? 0 : data[1]); /* not byte by byte */
    free(exact);
    free(bytes);
    return 0;
}
