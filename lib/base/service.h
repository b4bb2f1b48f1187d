/* What every service's main() does first and last: options, run directory, pid file, signals, ready file.
 *
 *     struct service service;
 *     struct error_detail detail;
 *     const char *db = NULL;
 *     const struct service_option extra[] = {{.name = "db", .argument = "DIR", .help = "where the database lives", .value = &db}};
 *     if (service_open(&service, "configdb", argc, argv, extra, 1, &detail) != 0) {
 *         return service_failed("configdb", &detail);
 *     }
 *     ... open sockets below service.run_dir ...
 *     (void)service_ready(&service);
 *     while (!service_stopping(&service)) { service_beat(&service, true, now_ns); poll service.signal_fd and the rest }
 *     service_close(&service);
 *
 * Options of all services: --run DIR (else $BUSBAR_RUN, else /run/busbar), --instance N or auto, --log-level L, --metrics ADDRESS:PORT (only
 * read here: lib/metrics/metrics.h acts on it), --help, --version. A wrong option ends the process with status 2 and a message that names
 * it. Call service_open() before any thread starts: SIGTERM and SIGINT are blocked there, for every later thread too, and arrive through
 * signal_fd; SIGPIPE is ignored.
 */
#ifndef BUSBAR_BASE_SERVICE_H
#define BUSBAR_BASE_SERVICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"
#include "lib/base/notify.h"

enum {
    /* A unix socket's path has room for 107 bytes; what follows the directory ("/fastpath.99.session") takes at most 27. */
    SERVICE_RUN_DIR_MAX = 80,
    SERVICE_EXTRA_MAX = 16,
    SERVICE_INSTANCE_MAX = 255,
};

/* A long option of one service. With `argument` NULL it is a flag, and *value becomes "". Absent: *value stays as it was. */
struct service_option {
    const char *name;
    const char *argument; /* its name in --help */
    const char *help;
    const char **value; /* points into argv */
};

struct service {
    const char *kind;                      /* "fastpath", lent */
    unsigned instance;                     /* from 1 */
    char name[32];                         /* "fastpath.1", as in logs and file names */
    char run_dir[SERVICE_RUN_DIR_MAX + 1]; /* absolute */
    const char *metrics;                   /* where to answer who watches, as given (points into argv); NULL: nowhere */
    uint64_t start_number;                 /* names this life of the process, never 0 */
    int signal_fd; /* readable when the process is asked to stop; read it only through service_stopping() */
    /* private */
    int pid_fd;
    struct notify notify;
    _Atomic bool stopping;
};

/* Reads the options, makes the run directory (mode 0750; umask 027 from here on, 007 in a directory that gives files its group), locks
 * and writes `<kind>.<n>.pid` in it, and names the log. Not 0: -ERROR_IN_USE when that instance runs already, -ERROR_TOO_LARGE for a long path, -EPERM when
 * other users may write to the directory, or -errno; nothing is left open then. */
int service_open(struct service *service, const char *kind, int argc, char **argv, const struct service_option *extra,
                 size_t n_extra, struct error_detail *detail) MUST_CHECK;
/* Prints why service_open() failed and returns main()'s exit status, 1. */
int service_failed(const char *kind, const struct error_detail *detail);
/* Says that work can come: writes `<kind>.<n>.ready`, which deploy/up and health checks wait for. */
int service_ready(struct service *service) MUST_CHECK;
/* Of each round of the loop, at least once a second: feeds the watchdog of systemd, if there is one (notify.h). `is_applied`: the configuration
 * has come and been acted on, so that who waits for this process may go on. */
void service_beat(struct service *service, bool is_applied, uint64_t now_ns);
/* True from the first SIGTERM or SIGINT on, or after service_stop(). Any thread. Costs a read() that returns at once. */
bool service_stopping(struct service *service);
/* Asks this process to stop, as a signal would. Any thread. */
void service_stop(struct service *service);
/* Removes ready and pid file and closes; tolerates a service that was never opened but zeroed. */
void service_close(struct service *service);

#endif
