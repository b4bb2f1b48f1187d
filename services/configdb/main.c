/* busbar-configdb: the process around the library.
 *
 * Opens the database (which may fork a child, so before any thread), binds the config and control wires and then steps whenever a
 * socket or the clock says so. Exit status: 0 after SIGTERM, 1 with one line on standard error when it cannot start.
 * Thread: this one; the disk has one of its own. No state but here.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/service.h"
#include "lib/bus/bus_options.h"
#include "lib/metrics/metrics.h"
#include "services/configdb/query.h"

enum { MAIN_ENDPOINT_MAX = 256, MAIN_WAIT_MAX_NS = 100 * NS_PER_MS };

struct main_loop {
    struct service service;
    struct bus *bus;
    struct configdb *db;
    struct control_server *control;
    struct metrics *metrics;
};

static int main_boot_id(char *out_text, size_t room, struct error_detail *detail)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, out_text, room - 1) : -1;
    int err = -errno;
    if (fd >= 0) {
        close(fd);
    }
    if (n <= 0) {
        return error_set(detail, err, "/proc/sys/kernel/random/boot_id cannot be read: %s", strerror(-err));
    }
    out_text[n] = '\0';
    out_text[strcspn(out_text, "\n")] = '\0';
    return 0;
}

static int main_open(struct main_loop *loop, const char *db_dir, const struct bus_options *options, struct error_detail *detail)
{
    struct bus_identity self = {
        .kind = PROCESS_CONFIGDB, .instance = loop->service.instance, .start = loop->service.start_number};
    char config[ENDPOINT_TEXT_MAX + 1];
    char control[MAIN_ENDPOINT_MAX];
    char boot_id[64];
    const char *run_dir = loop->service.run_dir;
    int err = main_boot_id(boot_id, sizeof boot_id, detail);
    if (err != 0) {
        return err;
    }
    err = bus_endpoint(run_dir, WIRE_CONTROL, PROCESS_CONFIGDB, self.instance, control, sizeof control);
    if (err != 0) {
        return error_set(detail, err, "run directory %.150s: %s", run_dir, error_text(err));
    }
    err = bus_options_open(options, run_dir, &self, &loop->bus, config, detail);
    if (err != 0) {
        return err;
    }
    struct configdb_settings settings = {
        .bus = loop->bus,
        .endpoint = config,
        .clock_ns = clock_now_ns,
        .start = {.run_dir = run_dir, .db_dir = db_dir, .boot_id = boot_id, .wall_s = clock_wall_ns() / NS_PER_S},
    };
    err = configdb_new(&settings, clock_now_ns(), &loop->db, detail);
    if (err != 0) {
        return err;
    }
    err = control_server_new(loop->bus, control, query_commands, query_count, query_status, loop->db, &loop->control);
    if (err != 0) {
        return error_set(detail, err, "socket %.200s: %s", control, error_text(err));
    }
    struct metrics_source source = {.fill = configdb_fill_metrics, .state = configdb_state, .context = loop->db};
    return metrics_open(&loop->service, &source, &loop->metrics, detail);
}

static void main_run(struct main_loop *loop)
{
    struct pollfd fds[] = {
        {.fd = configdb_fd(loop->db), .events = POLLIN},
        {.fd = control_server_fd(loop->control), .events = POLLIN},
        {.fd = loop->service.signal_fd, .events = POLLIN},
        {.fd = metrics_fd(loop->metrics), .events = POLLIN},
        {.fd = configdb_disk_fd(loop->db), .events = POLLIN},
    };
    uint64_t others_ns = 0;
    while (fds[2].revents == 0 || !service_stopping(&loop->service)) {
        uint64_t now_ns = clock_now_ns();
        configdb_set_wall(loop->db, now_ns, clock_wall_ns());
        uint64_t next_ns = configdb_step(loop->db, now_ns);
        /* Looking in vain costs as many system calls as a small transaction: when there is something, or for their clocks. */
        if (fds[1].revents != 0 || fds[3].revents != 0 || now_ns - others_ns >= MAIN_WAIT_MAX_NS) {
            control_server_step(loop->control, now_ns);
            metrics_step(loop->metrics, now_ns);
            service_beat(&loop->service, true, now_ns);
            fds[3].fd = metrics_fd(loop->metrics);
            others_ns = now_ns;
        }
        uint64_t wait_ns = next_ns > now_ns ? next_ns - now_ns : 0;
        struct timespec wait = {.tv_nsec = (long)(wait_ns < MAIN_WAIT_MAX_NS ? wait_ns : MAIN_WAIT_MAX_NS)};
        (void)ppoll(fds, sizeof fds / sizeof fds[0], &wait, NULL); /* the feed's pauses are shorter than a millisecond */
    }
}

/* Each connection is a file, and libzmq's thread spins while it cannot accept one: as many as the system lets us have. */
static void main_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &limit) != 0) {
            log_warn("file_limit_kept error=\"%s\"", strerror(errno));
        }
    }
}

static void main_close(struct main_loop *loop)
{
    metrics_close(&loop->metrics);
    control_server_destroy(&loop->control);
    configdb_destroy(&loop->db);
    bus_destroy(&loop->bus);
    service_close(&loop->service);
}

int main(int argc, char **argv)
{
    struct main_loop loop;
    struct error_detail detail = {.text = ""};
    const char *db_option = NULL;
    struct bus_options wanted = {0};
    const struct service_option extra[] = {
        BUS_OPTIONS_LISTEN(&wanted), /* its own place is not asked for: the config wire is at the port given, control at the next */
        {.name = "db", .argument = "DIR", .help = "directory of the database (default: RUN/db)", .value = &db_option},
    };
    memset(&loop, 0, sizeof loop);
    int err = service_open(&loop.service, "configdb", argc, argv, extra, sizeof extra / sizeof extra[0], &detail);
    if (err != 0) {
        return service_failed("configdb", &detail);
    }
    main_raise_files();
    char *db_dir = db_option != NULL ? memory_string(db_option) : memory_format("%s/db", loop.service.run_dir);
    err = main_open(&loop, db_dir, &wanted, &detail);
    if (err == 0) {
        err = service_ready(&loop.service);
        (void)(err != 0 ? error_set(&detail, err, "the ready file cannot be written: %s", error_text(err)) : 0);
    }
    if (err == 0) {
        main_run(&loop);
    } else {
        (void)service_failed("configdb", &detail);
    }
    main_close(&loop);
    free(db_dir);
    return err == 0 ? 0 : 1;
}
