/* Use of flows as use of the addresses they were made from.
 *
 * The shard reports, for each counter id of kind MAC that changed, how long ago it was used last; the id's number is the hash by which the
 * MAC table finds the address. Values are absolute, so a lost report only makes an address look older until the next one: ageing is 15 s at
 * least, reports come twice a second. A gap in their numbers is answered with a question for all values.
 * The id of an address that has ended is retired; the shard keeps its value while a flow still credits it. One that comes back has the same id.
 * Cost: a lookup a reported address. Thread: the one that translates.
 */
#include "services/slowpath/usage.h"

#include <stdlib.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/msg/counter_id.h"
#include "lib/msg/msg.h"
#include "proto/usage.pb-c.h"

struct usage {
    struct core *core;
    struct bus_socket *socket;
    uint64_t hello_ns; /* when HELLO is due, should nothing be heard */
    uint64_t sequence; /* of the last report; 0: none yet */
};

struct usage *usage_new(struct core *core, const char *endpoint)
{
    struct usage *usage = memory_zeroed(sizeof *usage);
    usage->core = core;
    int err = bus_connect(core->bus, WIRE_USAGE, endpoint, &usage->socket);
    if (err != 0) {
        log_error("usage_unconnected endpoint=%s error=\"%s\"", endpoint, error_text(err));
    }
    return usage;
}

void usage_destroy(struct usage **usage)
{
    if (*usage != NULL) {
        bus_close(&(*usage)->socket);
        free(*usage);
        *usage = NULL;
    }
}

int usage_fd(const struct usage *usage)
{
    return usage->socket != NULL ? bus_fd(usage->socket) : -1;
}

static void ask_all(struct usage *usage)
{
    Busbar__UsageAskAll message = BUSBAR__USAGE_ASK_ALL__INIT;
    int err = msg_send(usage->socket, NULL, MESSAGE_USAGE_ASK_ALL, &message.base);
    if (err == 0) {
        usage->sequence = 0;
    }
}

static void on_report(struct usage *usage, const Busbar__UsageReport *report)
{
    struct core *core = usage->core;
    for (size_t i = 0; i < report->n_values; i++) {
        const Busbar__UsageValue *value = report->values[i];
        bool is_mac = counter_id_kind(value->id) == COUNTER_MAC && value->packets > 0 && value->idle_ns < core->now_ns;
        if (is_mac) {
            mac_table_used(core->macs, counter_id_number(value->id), core->now_ns - value->idle_ns);
        }
    }
    if (usage->sequence != 0 && report->sequence > usage->sequence + 1) {
        ask_all(usage);
    } else {
        usage->sequence = report->sequence;
    }
}

static void say_hello(struct usage *usage)
{
    uint32_t kind = COUNTER_MAC;
    Busbar__UsageHello hello = BUSBAR__USAGE_HELLO__INIT;
    hello.kinds = &kind;
    hello.n_kinds = 1;
    int err = msg_send(usage->socket, NULL, MESSAGE_USAGE_HELLO, &hello.base);
    uint64_t wait_ms = err == 0 ? USAGE_SILENCE_MS : USAGE_SILENCE_MS / 10;
    usage->hello_ns = usage->core->now_ns + wait_ms * NS_PER_MS;
    usage->sequence = 0;
}

void usage_step(struct usage *usage)
{
    struct bus_message message;
    for (int i = 0; i < USAGE_MESSAGES_PER_STEP && usage->socket != NULL && bus_recv(usage->socket, &message) == 0; i++) {
        usage->hello_ns = usage->core->now_ns + USAGE_SILENCE_MS * NS_PER_MS;
        if (message.type == MESSAGE_USAGE_REPORT) {
            Busbar__UsageReport *report = (Busbar__UsageReport *)msg_unpack(&message, &busbar__usage_report__descriptor);
            if (report != NULL) {
                on_report(usage, report);
                protobuf_c_message_free_unpacked(&report->base, NULL);
            } else {
                usage->core->counts.malformed++;
            }
        }
        bus_message_fini(&message);
    }
    if (usage->socket != NULL && usage->core->now_ns >= usage->hello_ns) {
        say_hello(usage);
    }
}

void usage_retire(struct usage *usage, const uint64_t *numbers, size_t n)
{
    if (n == 0 || usage->socket == NULL) {
        return;
    }
    Busbar__UsageRetired message = BUSBAR__USAGE_RETIRED__INIT;
    uint64_t *ids = memory_array(n, sizeof *ids);
    for (size_t i = 0; i < n; i++) {
        ids[i] = counter_id(COUNTER_MAC, numbers[i]);
    }
    message.ids = ids;
    message.n_ids = n;
    int err = msg_send(usage->socket, NULL, MESSAGE_USAGE_RETIRED, &message.base);
    if (err != 0) {
        LOG_LIMITED(LOG_LEVEL_DEBUG, "retired_untold n=%zu error=\"%s\"", n, error_text(err));
    }
    free(ids);
}
