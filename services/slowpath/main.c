/* busbar-slowpath: what becomes of a packet.
 *
 * The process around slowpath_step(): options, sockets below the run directory, one thread that sleeps in poll() while there is nothing to
 * do. A socket's fd means "look again"; a step looks at all of them, so the loop never asks which one it was. It wakes by itself for beats
 * and ageing. Its state is a copy of others': nothing is saved on exit.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/random.h"
#include "lib/base/service.h"
#include "lib/bus/bus_options.h"
#include "lib/metrics/metrics.h"
#include "services/slowpath/slowpath.h"

enum { FDS_MAX = 160, ENDPOINT_MAX = 128 };

static void run(struct service *service, struct slowpath *slowpath, struct metrics *metrics)
{
    bool is_ready = false;
    while (!service_stopping(service)) {
        uint64_t now_ns = clock_now_ns();
        bool more = slowpath_step(slowpath, now_ns);
        metrics_step(metrics, now_ns);
        service_beat(service, slowpath_is_ready(slowpath), now_ns);
        if (!is_ready && slowpath_is_ready(slowpath)) {
            is_ready = service_ready(service) == 0;
        }
        int fds[FDS_MAX];
        struct pollfd polls[FDS_MAX + 2];
        size_t n = slowpath_fds(slowpath, fds, FDS_MAX);
        for (size_t i = 0; i < n; i++) {
            polls[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
        }
        polls[n] = (struct pollfd){.fd = service->signal_fd, .events = POLLIN};
        polls[n + 1] = (struct pollfd){.fd = metrics_fd(metrics), .events = POLLIN};
        if (poll(polls, n + 2, more ? 0 : (int)slowpath_wait_ms(slowpath)) < 0 && errno != EINTR) {
            log_error("poll_failed errno=%d", errno);
            return;
        }
    }
}

int main(int argc, char **argv)
{
    struct service service = {0};
    struct error_detail detail = {""};
    struct bus_options wanted = {0};
    const struct service_option options[] = {BUS_OPTIONS(&wanted)};
    if (service_open(&service, "slowpath", argc, argv, options, sizeof options / sizeof options[0], &detail) != 0) {
        return service_failed("slowpath", &detail);
    }
    static const enum wire wires[] = {WIRE_PACKET, WIRE_MAC, WIRE_CONTROL};
    char endpoints[3][ENDPOINT_MAX], config[ENDPOINT_TEXT_MAX + 1];
    int err = 0;
    for (size_t i = 0; i < 3 && err == 0; i++) {
        err = bus_endpoint(service.run_dir, wires[i], PROCESS_SLOWPATH, service.instance, endpoints[i], ENDPOINT_MAX);
    }
    struct bus_identity self = {.kind = PROCESS_SLOWPATH, .instance = service.instance, .start = service.start_number};
    struct bus *bus = NULL;
    err = err == 0 ? bus_options_open(&wanted, service.run_dir, &self, &bus, config, &detail) : err;
    struct slowpath_settings settings = {
        .bus = bus,
        .instance = service.instance,
        .pid = (uint32_t)getpid(),
        .seed = random_start_number(),
        .config_endpoint = config,
        .packet_endpoint = endpoints[0],
        .mac_endpoint = endpoints[1],
        .control_endpoint = endpoints[2],
    };
    struct slowpath *slowpath = NULL;
    err = err == 0 ? slowpath_new(&settings, &slowpath) : err;
    struct metrics *metrics = NULL;
    struct metrics_source source = {.fill = slowpath_fill_metrics, .state = slowpath_state, .context = slowpath};
    err = err == 0 ? metrics_open(&service, &source, &metrics, &detail) : err;
    if (err == 0) {
        run(&service, slowpath, metrics);
    } else {
        log_error("start_failed error=\"%s\"", detail.text[0] != '\0' ? detail.text : error_text(err));
    }
    metrics_close(&metrics);
    slowpath_destroy(&slowpath);
    bus_destroy(&bus);
    service_close(&service);
    return err == 0 ? 0 : 1;
}
