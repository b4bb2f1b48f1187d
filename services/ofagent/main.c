/* busbar-ofagent: speaks OpenFlow with controllers and keeps what they mean in configdb.
 *
 * All of it is in the library, stepped by this loop: poll what the agent names, step, again. Options are those of every service, and
 * those for a configdb that does not run in the same run directory.
 * One thread. No capability is needed.
 */
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "lib/bus/bus_options.h"
#include "lib/metrics/metrics.h"
#include "services/ofagent/ofagent.h"

enum { ENDPOINT_SIZE = 256, FDS_MAX = 4096 };
#define READY_NS (2 * NS_PER_S)
#define OTHERS_NS (50 * NS_PER_MS)

/* Milliseconds until `next_ns`, rounded up. */
static int timeout_ms(uint64_t next_ns)
{
    uint64_t now_ns = clock_now_ns();
    return next_ns <= now_ns ? 0 : (int)((next_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS);
}

/* Ready when its bridges are served, so that who waits for that finds their sockets; or at last, when configdb is away or the tables are large. */
static int run(struct service *service, struct ofagent *agent, struct metrics *metrics)
{
    static struct pollfd fds[FDS_MAX];
    size_t n;
    uint64_t next_ns, ready_by_ns = clock_now_ns() + READY_NS, others_ns = 0;
    int err = 0;

    while (err == 0 && (fds[0].revents == 0 || !service_stopping(service))) {
        uint64_t now_ns = clock_now_ns();
        ofagent_step(agent, now_ns, clock_wall_ns());
        if (ready_by_ns != UINT64_MAX && (ofagent_is_settled(agent) || now_ns >= ready_by_ns)) {
            ready_by_ns = UINT64_MAX;
            err = service_ready(service);
        }
        if (fds[1].revents != 0 || now_ns - others_ns >= OTHERS_NS) { /* looking in vain costs as much as a rule */
            metrics_step(metrics, now_ns);
            service_beat(service, ofagent_is_ready(agent), now_ns);
            others_ns = now_ns;
        }
        const struct pollfd *wanted = ofagent_fds(agent, &n, &next_ns);
        fds[0] = (struct pollfd){.fd = service->signal_fd, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = metrics_fd(metrics), .events = POLLIN};
        for (size_t i = 0; i < n && i + 2 < FDS_MAX; i++) {
            fds[i + 2] = wanted[i];
        }
        nfds_t n_all = n + 2 < FDS_MAX ? n + 2 : FDS_MAX;
        if (poll(fds, n_all, timeout_ms(next_ns)) >= 0) {
            ofagent_polled(agent, fds + 2, n_all - 2);
        }
    }
    return err;
}

int main(int argc, char **argv)
{
    struct service service;
    struct error_detail detail = {{0}};
    struct bus_options options = {0};
    const struct service_option extra[] = {BUS_OPTIONS(&options)};
    char config[ENDPOINT_TEXT_MAX + 1], control[ENDPOINT_SIZE];
    struct ofagent *agent = NULL;
    struct metrics *metrics = NULL;

    if (service_open(&service, "ofagent", argc, argv, extra, sizeof extra / sizeof extra[0], &detail) != 0) {
        return service_failed("ofagent", &detail);
    }
    struct bus_identity self = {.kind = PROCESS_OFAGENT, .instance = service.instance, .start = service.start_number};
    struct bus *bus = NULL;
    int err = bus_endpoint(service.run_dir, WIRE_CONTROL, PROCESS_OFAGENT, service.instance, control, sizeof control);
    if (err != 0) {
        error_set(&detail, err, "%s: %s", service.run_dir, error_text(err));
    } else {
        err = bus_options_open(&options, service.run_dir, &self, &bus, config, &detail);
    }
    if (err == 0) {
        err = ofagent_new(&(struct ofagent_settings){.bus = bus,
                                                     .run_dir = service.run_dir,
                                                     .config = config,
                                                     .control = control,
                                                     .instance = service.instance,
                                                     .start = service.start_number,
                                                     .pid = (uint32_t)getpid()},
                          &agent, &detail);
    }
    if (err == 0) {
        struct metrics_source source = {.fill = ofagent_fill_metrics, .state = ofagent_state, .context = agent};
        err = metrics_open(&service, &source, &metrics, &detail);
    }
    if (err == 0) {
        log_info("begins config=%s control=%s", config, control);
        err = run(&service, agent, metrics);
    }
    metrics_close(&metrics);
    ofagent_destroy(&agent);
    bus_destroy(&bus);
    service_close(&service);
    return err == 0 ? 0 : service_failed("ofagent", &detail);
}
