/* The ZAP handler: one small thread with one REP socket.
 *
 *   libzmq's I/O thread ── version, number, domain, address, routing id, mechanism, key ──► here
 *                       ◄── version, number, status, text, user id, metadata ───────────────
 *
 * Two domains: "busbar" of ipc:// (NULL, the uid has been looked at) and "busbar-tcp" (CURVE, and the key must be known at this
 * moment). Any other pair is refused, so that nothing without a key is ever let in over tcp. A refusal is status 300, on which libzmq
 * closes in silence and the peer tries again every 50 ms: a key that is added later works without a restart, and a process whose mirror is not
 * there yet refuses nobody for ever. User-Id of an accepted connection is its public key, or "ipc": roles are looked up for each message, and one
 * without a User-Id (libzmq did not ask, which nobody should see) is refused.
 *
 * A thread of its own, because libzmq asks at any time and a service's loop may be in the middle of something. It sleeps but for new connections.
 * Input is libzmq's, but the key in it is a stranger's: 32 bytes or refused.
 */
#include "lib/bus/zap.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/bus/role.h"

enum { REQUEST_FRAMES = 7 /* with credentials; NULL has none */, FRAME_MAX = 256, KEY_BYTES = 32 };

struct zap {
    void *socket;
    struct key_table *keys;
    pthread_t thread;
    _Atomic uint64_t n_refused;
};

struct request {
    struct {
        char bytes[FRAME_MAX];
        size_t size;
    } frames[REQUEST_FRAMES]; /* version, number, domain, address, routing id, mechanism, credentials */
    int n;
};

static bool frame_is(const struct request *request, int i, const char *text)
{
    return request->n > i && request->frames[i].size == strlen(text) &&
           memcmp(request->frames[i].bytes, text, strlen(text)) == 0;
}

/* False: the context ends. */
static bool read_request(struct zap *zap, struct request *out_request)
{
    int more = 1;
    size_t more_size = sizeof more;
    out_request->n = 0;
    while (more != 0) {
        char surplus[FRAME_MAX];
        bool fits = out_request->n < REQUEST_FRAMES;
        int n = zmq_recv(zap->socket, fits ? out_request->frames[out_request->n].bytes : surplus, FRAME_MAX, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 || zmq_getsockopt(zap->socket, ZMQ_RCVMORE, &more, &more_size) < 0) {
            return false;
        }
        if (fits) {
            out_request->frames[out_request->n].size = n < FRAME_MAX ? (size_t)n : FRAME_MAX;
        }
        out_request->n++;
    }
    return true;
}

/* The User-Id, or NULL: refused. */
static const char *judge(struct zap *zap, const struct request *request, char key[KEY_TEXT_SIZE + 1])
{
    if (!frame_is(request, 0, "1.0") || request->n > REQUEST_FRAMES) {
        return NULL;
    }
    if (frame_is(request, 2, ZAP_DOMAIN_IPC) && frame_is(request, 5, "NULL")) {
        return ZAP_USER_IPC;
    }
    if (!frame_is(request, 2, ZAP_DOMAIN_TCP) || !frame_is(request, 5, "CURVE") || request->n != REQUEST_FRAMES ||
        request->frames[6].size != KEY_BYTES ||
        zmq_z85_encode(key, (const uint8_t *)request->frames[6].bytes, KEY_BYTES) == NULL) {
        return NULL;
    }
    if (key_table_role(zap->keys, key) != ROLE_NONE) {
        return key;
    }
    LOG_LIMITED(LOG_LEVEL_WARN, "key_unknown public=\"%s\" address=%.*s", key, (int)request->frames[3].size,
                request->frames[3].bytes);
    return NULL;
}

static bool send_answer(struct zap *zap, const struct request *request, const char *user)
{
    const struct {
        const char *bytes;
        size_t size;
    } frames[] = {{"1.0", 3},
                  {request->frames[1].bytes, request->n > 1 ? request->frames[1].size : 0},
                  {user != NULL ? "200" : "300", 3},
                  {user != NULL ? "" : "refused", user != NULL ? 0 : strlen("refused")},
                  {user != NULL ? user : "", user != NULL ? strlen(user) : 0},
                  {"", 0}};
    enum { N = sizeof frames / sizeof frames[0] };
    for (int i = 0; i < N; i++) {
        int flags = i + 1 < N ? ZMQ_SNDMORE : 0;
        while (zmq_send(zap->socket, frames[i].bytes, frames[i].size, flags) < 0) {
            if (errno != EINTR) {
                return false;
            }
        }
    }
    return true;
}

static void *run(void *context)
{
    struct zap *zap = context;
    struct request request;
    bool goes_on = true;
    while (goes_on && read_request(zap, &request)) {
        char key[KEY_TEXT_SIZE + 1];
        const char *user = judge(zap, &request, key);
        zap->n_refused += user == NULL ? 1 : 0;
        goes_on = send_answer(zap, &request, user);
    }
    zmq_close(zap->socket);
    return NULL;
}

int zap_start(void *zmq_context, struct key_table *keys, struct zap **out_zap)
{
    struct zap *zap = memory_zeroed(sizeof *zap);
    int linger = 0;
    zap->keys = keys;
    zap->socket = zmq_socket(zmq_context, ZMQ_REP);
    if (zap->socket == NULL || zmq_setsockopt(zap->socket, ZMQ_LINGER, &linger, sizeof linger) < 0 ||
        zmq_bind(zap->socket, "inproc://zeromq.zap.01") < 0) {
        int err = -errno;
        if (zap->socket != NULL) {
            zmq_close(zap->socket);
        }
        free(zap);
        return err;
    }
    int err = -pthread_create(&zap->thread, NULL, run, zap);
    if (err != 0) {
        zmq_close(zap->socket);
        free(zap);
        return err;
    }
    *out_zap = zap;
    return 0;
}

void zap_stop(struct zap **zap)
{
    if (*zap != NULL) {
        pthread_join((*zap)->thread, NULL);
        free(*zap);
        *zap = NULL;
    }
}

uint64_t zap_refused(const struct zap *zap)
{
    return zap->n_refused;
}
