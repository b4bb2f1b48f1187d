/* busbar-fastpath: the poll loop around one shard.
 *
 * While packets come the loop does not sleep; after SPIN_US without any it waits in poll() for devices, bus and signals, so that an
 * idle switch costs next to nothing. The library knows when it must be called at the latest.
 * The only process of the switch with network capabilities. One thread, and the bus's own.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/service.h"
#include "services/fastpath/fastpath.h"
#include "services/fastpath/io_xdp.h"

enum { SPIN_US = 30 };

static void wait_for_work(const struct fastpath *fastpath, const struct service *service)
{
    int fds[FASTPATH_FDS_MAX];
    struct pollfd polled[FASTPATH_FDS_MAX + 1];
    size_t n = fastpath_fds(fastpath, fds);
    for (size_t i = 0; i < n; i++) {
        polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
    }
    polled[n] = (struct pollfd){.fd = service->signal_fd, .events = POLLIN};
    if (poll(polled, n + 1, fastpath_wait_ms(fastpath)) < 0 && errno != EINTR) {
        log_error("poll_failed error=\"%s\"", error_text(-errno));
    }
}

static void run(struct fastpath *fastpath, struct service *service)
{
    uint64_t busy_ns = clock_now_ns();
    while (true) {
        uint64_t now_ns = clock_now_ns();
        if (fastpath_step(fastpath, now_ns)) {
            busy_ns = now_ns;
            continue;
        }
        if (now_ns - busy_ns < SPIN_US * NS_PER_US) {
            continue;
        }
        if (service_stopping(service)) {
            return;
        }
        if (fastpath_may_wait(fastpath, now_ns)) {
            wait_for_work(fastpath, service);
        }
    }
}

int main(int argc, char **argv)
{
    struct service service = {0};
    struct error_detail detail = {""};
    const char *config = NULL;
    char endpoint[160], meters_file[PATH_MAX];
    struct fastpath *fastpath = NULL;
    const struct service_option extra[] = {
        {.name = "config", .argument = "ENDPOINT", .help = "configdb's endpoint (else the one in the run directory)", .value = &config}};
    if (service_open(&service, "fastpath", argc, argv, extra, 1, &detail) != 0) {
        return service_failed("fastpath", &detail);
    }
    struct bus_identity self = {.kind = PROCESS_FASTPATH, .instance = service.instance, .start = service.start_number};
    struct bus *bus = bus_zmq_new(&self);
    struct io_linux *linux_io = io_linux_new();
    int err = config != NULL ? 0 : bus_endpoint(service.run_dir, WIRE_CONFIG, PROCESS_CONFIGDB, 1, endpoint, sizeof endpoint);
    if (err == 0 && snprintf(meters_file, sizeof meters_file, "%s/meters", service.run_dir) >= (int)sizeof meters_file) {
        err = error_set(&detail, -ENAMETOOLONG, "%s: %s", service.run_dir, error_text(-ENAMETOOLONG));
    }
    if (err == 0) {
        struct fastpath_settings settings = {.bus = bus,
                                             .run_dir = service.run_dir,
                                             .instance = service.instance,
                                             .config_endpoint = config != NULL ? config : endpoint,
                                             .factory = io_linux_factory(linux_io),
                                             .watch_links = true,
                                             .meters_file = meters_file,
                                             .pid = (uint32_t)getpid(),
                                             .now_ns = clock_now_ns(),
                                             .wall_ns = clock_wall_ns()};
        err = fastpath_new(&settings, &fastpath, &detail);
    }
    if (err == 0) {
        err = service_ready(&service);
    }
    if (err == 0) {
        run(fastpath, &service);
    } else {
        (void)service_failed("fastpath", &detail);
    }
    fastpath_destroy(&fastpath);
    io_linux_destroy(&linux_io);
    bus_destroy(&bus);
    service_close(&service);
    return err == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
