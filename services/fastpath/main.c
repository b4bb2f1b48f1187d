/* busbar-fastpath: the poll loop around one shard.
 *
 * While packets come the loop does not sleep; after some time without any it waits in poll() for devices, bus and signals, so that an
 * idle switch costs next to nothing. The library knows when it must be called at the latest.
 * The bus's own thread may have no other core than ours, and the scheduler lets who polls go on for a millisecond and more: so behind a
 * lonely ask, and while only its answer is waited for, each round offers the core to others. That costs 0.3 us when there are none.
 * A child process watches the loop (watchdog.h): stopped or hung, this process is killed, so that other shards can take its queues.
 * The only process of the switch with network capabilities. One thread for packets and control, the bus's own, and two for
 * slow system calls (helper.h).
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "lib/bus/bus_options.h"
#include "lib/metrics/metrics.h"
#include "services/fastpath/fastpath.h"
#include "services/fastpath/io_xdp.h"
#include "services/fastpath/watchdog.h"

enum {
    SPIN_US = 30,          /* after a message */
    SPIN_PACKETS_US = 100, /* after packets: more may come, and being woken takes 10 to 50 us */
    SPIN_ASKED_US = 400,   /* after packets, while one of them waits for its answer: a slowpath that was asleep needs half of it */
    STOP_LOOK_MS = 10
};

static void wait_for_work(const struct fastpath *fastpath, const struct service *service, const struct metrics *metrics)
{
    int fds[FASTPATH_FDS_MAX];
    struct pollfd polled[FASTPATH_FDS_MAX + 2];
    size_t n = fastpath_fds(fastpath, fds);
    for (size_t i = 0; i < n; i++) {
        polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    }
    polled[n] = (struct pollfd){.fd = service->signal_fd, .events = POLLIN};
    polled[n + 1] = (struct pollfd){.fd = metrics_fd(metrics), .events = POLLIN};
    if (poll(polled, n + 2, fastpath_wait_ms(fastpath)) < 0 && errno != EINTR) {
        log_error("poll_failed error=\"%s\"", error_text(-errno));
    }
}

/* Whoever watches is answered before we wait, and while packets never end every STOP_LOOK_MS. */
static void run(struct fastpath *fastpath, struct service *service, const struct watchdog *watchdog, struct metrics *metrics)
{
    uint64_t busy_ns = clock_now_ns(), looked_ns = busy_ns;
    while (true) {
        uint64_t now_ns = clock_now_ns();
        watchdog_progress(watchdog);
        bool is_busy = fastpath_step(fastpath, now_ns);
        busy_ns = is_busy ? now_ns : busy_ns;
        bool is_asking = fastpath_is_asking(fastpath);
        uint64_t packets_us = is_asking ? SPIN_ASKED_US : SPIN_PACKETS_US;
        bool spins = now_ns - busy_ns < SPIN_US * NS_PER_US || now_ns - fastpath_packets_ns(fastpath) < packets_us * NS_PER_US;
        if (fastpath_take_asked(fastpath) || (is_asking && spins && !is_busy)) {
            (void)sched_yield();
        }
        if (now_ns - looked_ns >= STOP_LOOK_MS * NS_PER_MS) { /* packets that never end must not keep us from ending */
            looked_ns = now_ns;
            metrics_step(metrics, now_ns);
            service_beat(service, fastpath_is_ready(fastpath), now_ns);
            if (service_stopping(service)) {
                return;
            }
        }
        if (is_busy || spins) {
            continue;
        }
        if (service_stopping(service)) {
            return;
        }
        metrics_step(metrics, now_ns);
        if (fastpath_may_wait(fastpath, now_ns)) {
            wait_for_work(fastpath, service, metrics);
        }
    }
}

static int open_watchdog(const char *wanted, struct watchdog *out_watchdog, struct error_detail *detail)
{
    if (wanted != NULL && strcmp(wanted, "off") == 0) {
        return 0;
    }
    if (wanted != NULL && strcmp(wanted, "on") != 0) {
        return error_set(detail, -ERROR_SYNTAX, "--watchdog %s: on or off is expected", wanted);
    }
    int err = watchdog_open(out_watchdog);
    return err == 0 ? 0 : error_set(detail, err, "watchdog: %s", error_text(err));
}

/* Until the service stops. */
static int serve(struct service *service, const struct bus_options *options, struct watchdog *watchdog, struct error_detail *detail)
{
    struct bus_identity self = {.kind = PROCESS_FASTPATH, .instance = service->instance, .start = service->start_number};
    struct bus *bus = NULL;
    struct fastpath *fastpath = NULL;
    struct io_linux *linux_io = NULL;
    struct metrics *metrics = NULL;
    struct shard_set shards;
    char config[ENDPOINT_TEXT_MAX + 1], meters_file[PATH_MAX];
    shard_set_init(&shards, service->run_dir, service->instance);
    int err = bus_options_open(options, service->run_dir, &self, &bus, config, detail);
    if (err == 0 && snprintf(meters_file, sizeof meters_file, "%s/meters", service->run_dir) >= (int)sizeof meters_file) {
        err = error_set(detail, -ENAMETOOLONG, "%s: %s", service->run_dir, error_text(-ENAMETOOLONG));
    }
    if (err == 0) {
        err = io_linux_new(service->run_dir, &shards, &linux_io, detail);
    }
    if (err == 0) {
        struct tier_table tier;
        const char *no_tier;
        bool has_tier = io_linux_tier(linux_io, &tier, &no_tier);
        struct fastpath_settings settings = {.bus = bus,
                                             .run_dir = service->run_dir,
                                             .instance = service->instance,
                                             .config_endpoint = config,
                                             .factory = io_linux_factory(linux_io),
                                             .shards = &shards,
                                             .tier = has_tier ? &tier : NULL,
                                             .no_tier = no_tier,
                                             .watch_links = true,
                                             .meters_file = meters_file,
                                             .pid = (uint32_t)getpid(),
                                             .now_ns = clock_now_ns(),
                                             .wall_ns = clock_wall_ns()};
        err = fastpath_new(&settings, &fastpath, detail);
    }
    if (err == 0) {
        struct metrics_source source = {.fill = fastpath_fill_metrics, .state = fastpath_state, .context = fastpath};
        err = metrics_open(service, &source, &metrics, detail);
    }
    if (err == 0) {
        err = service_ready(service);
    }
    if (err == 0) {
        run(fastpath, service, watchdog, metrics);
    }
    metrics_close(&metrics);
    watchdog_close(watchdog); /* closing many devices takes its time */
    fastpath_destroy(&fastpath);
    shard_set_fini(&shards);
    io_linux_destroy(&linux_io);
    bus_destroy(&bus);
    return err;
}

int main(int argc, char **argv)
{
    struct service service = {0};
    struct error_detail detail = {""};
    const char *wanted = NULL;
    struct bus_options options = {0};
    struct watchdog watchdog = {0};
    const struct service_option extra[] = {
        BUS_OPTIONS(&options),
        {.name = "watchdog",
         .argument = "on|off",
         .help = "off: a stopped or hung process is not killed after a second (for debuggers)",
         .value = &wanted}};
    if (service_open(&service, "fastpath", argc, argv, extra, sizeof extra / sizeof extra[0], &detail) != 0) {
        return service_failed("fastpath", &detail);
    }
    int err = open_watchdog(wanted, &watchdog, &detail);
    if (err == 0) {
        err = serve(&service, &options, &watchdog, &detail);
    }
    if (err != 0) {
        (void)service_failed("fastpath", &detail);
    }
    watchdog_close(&watchdog);
    service_close(&service);
    return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
