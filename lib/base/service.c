/* The frame of every service process. See service.h.
 *
 * The pid file is also the lock: an exclusive flock() held for life, so that a pid which another program got meanwhile is never
 * taken for ours, and a second process of the same name is refused however it was started. Between open() and flock() the old
 * owner may remove the file; then we hold a file that has no name, which is why the inode is compared afterwards.
 * Signals are taken through a signalfd and not through a handler: no code runs at odd moments, and a loop that polls sees them.
 *
 * Main thread, but service_stopping() and service_stop(). Costs some system calls at start and stop.
 */
#include "lib/base/service.h"

#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/random.h"

enum { KEY_RUN = 1, KEY_INSTANCE, KEY_LOG_LEVEL, KEY_METRICS, KEY_VERSION, KEY_EXTRA, EXIT_USAGE = 2 };

struct options {
    const struct service_option *extra;
    size_t n_extra;
    const char *run_dir, *metrics;
    unsigned instance;
    enum log_level log_level;
};

/* 0: "auto". */
static unsigned instance_of(struct argp_state *state, const char *text)
{
    char *end;
    errno = 0;
    if (strcmp(text, "auto") == 0) {
        return 0;
    }
    unsigned long n = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || n < 1 || n > SERVICE_INSTANCE_MAX) {
        argp_error(state, "--instance %s: a number from 1 to %d, or auto, is expected", text, SERVICE_INSTANCE_MAX);
    }
    return (unsigned)n;
}

static error_t on_option(int key, char *argument, struct argp_state *state)
{
    struct options *options = state->input;

    if (key >= KEY_EXTRA && key < KEY_EXTRA + (int)options->n_extra) {
        *options->extra[key - KEY_EXTRA].value = argument != NULL ? argument : "";
        return 0;
    }
    switch (key) {
    case KEY_RUN:
        options->run_dir = argument;
        return 0;
    case KEY_INSTANCE:
        options->instance = instance_of(state, argument);
        return 0;
    case KEY_LOG_LEVEL:
        if (log_level_parse(argument, &options->log_level) != 0) {
            argp_error(state, "--log-level %s: error, warn, info or debug is expected", argument);
        }
        return 0;
    case KEY_METRICS:
        options->metrics = argument;
        return 0;
    case KEY_VERSION:
        puts(BUSBAR_VERSION);
        exit(EXIT_SUCCESS);
    case ARGP_KEY_ARG:
        argp_error(state, "%s: no such argument", argument);
        return 0;
    default: /* argp's own keys, which are no enum of ours */
        return ARGP_ERR_UNKNOWN;
    }
}

static int parse_options(struct options *options, int argc, char **argv)
{
    struct argp_option table[6 + SERVICE_EXTRA_MAX] = {
        {.name = "run",
         .key = KEY_RUN,
         .arg = "DIR",
         .doc = "run directory: sockets, pid files (else $BUSBAR_RUN, else /run/busbar)"},
        {.name = "instance", .key = KEY_INSTANCE, .arg = "N", .doc = "which process of its kind this is, from 1; auto: the first that does not run"},
        {.name = "log-level", .key = KEY_LOG_LEVEL, .arg = "LEVEL", .doc = "error, warn, info (default) or debug"},
        {.name = "metrics",
         .key = KEY_METRICS,
         .arg = "ADDRESS:PORT",
         .doc = "answer /metrics and /healthz there (default: nowhere; port 0: any; PORT+: the first free one)"},
        {.name = "version", .key = KEY_VERSION, .doc = "print the version"},
    };
    for (size_t i = 0; i < options->n_extra; i++) {
        table[5 + i] = (struct argp_option){.name = options->extra[i].name,
                                            .key = KEY_EXTRA + (int)i,
                                            .arg = options->extra[i].argument,
                                            .doc = options->extra[i].help};
    }
    const struct argp argp = {.options = table, .parser = on_option};
    argp_err_exit_status = EXIT_USAGE;
    return -argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, options);
}

static int open_run_dir(struct service *service, const char *path, struct error_detail *detail)
{
    char resolved[PATH_MAX];
    struct stat status;

    umask(027);
    if (mkdir(path, 0750) != 0 && errno != EEXIST) {
        int err = -errno;
        return error_set(detail, err, "run directory %s: %s", path, error_text(err));
    }
    if (realpath(path, resolved) == NULL || stat(resolved, &status) != 0) {
        int err = -errno;
        return error_set(detail, err, "run directory %s: %s", path, error_text(err));
    }
    if (!S_ISDIR(status.st_mode)) {
        return error_set(detail, -ENOTDIR, "run directory %s: %s", path, error_text(ENOTDIR));
    }
    if ((status.st_mode & S_IWOTH) != 0) {
        return error_set(detail, -EPERM, "run directory %s: other users may write to it (chmod o-w)", path);
    }
    if ((status.st_mode & S_ISGID) != 0) {
        umask(007); /* its group is that of the services: they may run as different users */
    }
    if (strlen(resolved) > SERVICE_RUN_DIR_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "run directory %s: longer than %d bytes, which sockets in it cannot have",
                         resolved, SERVICE_RUN_DIR_MAX);
    }
    memcpy(service->run_dir, resolved, strlen(resolved) + 1);
    return 0;
}

static void path_of(const struct service *service, const char *suffix, char out_path[PATH_MAX])
{
    snprintf(out_path, PATH_MAX, "%s/%s.%s", service->run_dir, service->name, suffix);
}

static bool is_same_file(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

/* A killed process holds its lock until the kernel has taken it apart, for a fastpath some 35 ms after the kill, so a
 * refusal comes only after half a second of trying; with `is_patient` false at once. */
static bool lock_soon(int fd, bool is_patient)
{
    enum { TRIES = 50, PAUSE_US = 10000 };
    for (int i = 0; i < (is_patient ? TRIES : 1); i++) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
            return true;
        }
        usleep(PAUSE_US);
    }
    return false;
}

static int refuse_taken(const struct service *service, int fd, struct error_detail *detail)
{
    char text[32] = "";
    ssize_t n = read(fd, text, sizeof text - 1);
    return error_set(detail, -ERROR_IN_USE, "%s runs already in %s (pid %.*s)", service->name, service->run_dir,
                     n > 0 ? (int)strcspn(text, "\n") : 1, n > 0 ? text : "?");
}

static int take_pid_file(struct service *service, bool is_patient, struct error_detail *detail)
{
    char path[PATH_MAX];
    path_of(service, "pid", path);

    for (;;) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
        if (fd < 0) {
            int err = -errno;
            return error_set(detail, err, "%s: %s", path, error_text(err));
        }
        if (!lock_soon(fd, is_patient)) {
            int err = refuse_taken(service, fd, detail);
            close(fd);
            return err;
        }
        if (is_same_file(fd, path)) {
            service->pid_fd = fd;
            break;
        }
        close(fd);
    }
    if (ftruncate(service->pid_fd, 0) != 0 || dprintf(service->pid_fd, "%d\n", getpid()) < 0) {
        int err = -errno;
        return error_set(detail, err, "%s: %s", path, error_text(err));
    }
    return 0;
}

static void name_service(struct service *service, unsigned instance)
{
    service->instance = instance;
    snprintf(service->name, sizeof service->name, "%s.%u", service->kind, instance);
    log_open(service->name);
}

/* Instance 0: the first one that is free. */
static int take_instance(struct service *service, unsigned instance, struct error_detail *detail)
{
    if (instance > 0) {
        return take_pid_file(service, true, detail);
    }
    int err = -ERROR_IN_USE;
    for (instance = 1; err == -ERROR_IN_USE && instance <= SERVICE_INSTANCE_MAX; instance++) {
        name_service(service, instance);
        err = take_pid_file(service, false, detail);
    }
    return err;
}

static int open_signals(struct service *service, struct error_detail *detail)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    service->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return service->signal_fd >= 0 ? 0 : error_set(detail, -errno, "signalfd: %s", error_text(errno));
}

int service_open(struct service *service, const char *kind, int argc, char **argv, const struct service_option *extra,
                 size_t n_extra, struct error_detail *detail)
{
    const char *from_environment = getenv("BUSBAR_RUN");
    struct options options = {
        .extra = extra,
        .n_extra = n_extra,
        .run_dir = from_environment != NULL && from_environment[0] != '\0' ? from_environment : "/run/busbar",
        .instance = 1,
        .log_level = LOG_LEVEL_INFO,
    };
    *service = (struct service){.kind = kind, .signal_fd = -1, .pid_fd = -1, .notify.fd = -1, .start_number = random_start_number()};

    if (n_extra > SERVICE_EXTRA_MAX) {
        return error_set(detail, -ERROR_TOO_LARGE, "more than %d options of its own", SERVICE_EXTRA_MAX);
    }
    int err = parse_options(&options, argc, argv);
    if (err != 0) {
        return error_set(detail, err, "options: %s", error_text(err));
    }
    service->metrics = options.metrics;
    name_service(service, options.instance);
    log_set_level(options.log_level);

    notify_open(&service->notify, getenv("NOTIFY_SOCKET"), getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), getpid());
    err = open_run_dir(service, options.run_dir, detail);
    if (err == 0) {
        err = take_instance(service, options.instance, detail);
    }
    if (err == 0) {
        char path[PATH_MAX];
        path_of(service, "ready", path);
        (void)unlink(path); /* of a life that ended without a goodbye */
        err = open_signals(service, detail);
    }
    if (err != 0) {
        service_close(service);
    }
    return err;
}

int service_failed(const char *kind, const struct error_detail *detail)
{
    log_error("start_failed service=%s reason=\"%s\"", kind, detail->text);
    return EXIT_FAILURE;
}

/* Who this is, for a health check beside it that knows no more than the environment: see swctl health. */
static void tell_name(const struct service *service)
{
    const char *path = getenv("BUSBAR_SELF");
    FILE *file = path != NULL && path[0] != '\0' ? fopen(path, "we") : NULL;
    if (file != NULL) {
        fprintf(file, "%s\n", service->name);
        fclose(file);
    } else if (path != NULL && path[0] != '\0') {
        log_warn("name_not_told file=%.100s error=\"%s\"", path, error_text(errno));
    }
}

int service_ready(struct service *service)
{
    char path[PATH_MAX];
    path_of(service, "ready", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        return -errno;
    }
    int err = dprintf(fd, "%d %016llx\n", getpid(), (unsigned long long)service->start_number) < 0 ? -errno : 0;
    close(fd);
    if (err == 0) {
        tell_name(service);
        log_info("ready pid=%d version=%s run=%s", getpid(), BUSBAR_VERSION, service->run_dir);
    }
    return err;
}

void service_beat(struct service *service, bool is_applied, uint64_t now_ns)
{
    notify_beat(&service->notify, is_applied, now_ns);
}

bool service_stopping(struct service *service)
{
    struct signalfd_siginfo info;
    if (service->signal_fd >= 0 && read(service->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
        service->stopping = true;
        notify_stopping(&service->notify);
    }
    return service->stopping;
}

void service_stop(struct service *service)
{
    service->stopping = true;
}

void service_close(struct service *service)
{
    char path[PATH_MAX];
    if (service->kind == NULL) {
        return;
    }
    if (service->pid_fd >= 0) {
        path_of(service, "ready", path);
        (void)unlink(path);
        path_of(service, "pid", path);
        (void)unlink(path);
        close(service->pid_fd);
    }
    if (service->signal_fd >= 0) {
        close(service->signal_fd);
    }
    notify_close(&service->notify);
    *service = (struct service){.signal_fd = -1, .pid_fd = -1, .notify.fd = -1};
}
