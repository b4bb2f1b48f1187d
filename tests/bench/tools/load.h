/* What both load generators (config_load.c, ovsdb_load.c) share: arguments, times of answers, the line of JSON they print.
 *
 * Shared so that both sides are measured by the same rule: answers count from the end of the warm-up on, the rate is answers over the
 * time from there to the last of them, a latency is the time from a transaction's sending to its answer's end. One thread.
 */
#ifndef BUSBAR_TESTS_BENCH_LOAD_H
#define BUSBAR_TESTS_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/memory.h"

struct load {
    int argc;
    char **argv;
    uint64_t begin_ns, end_ns; /* what is counted; from load_begin() */
    uint64_t last_ns;          /* of the last answer counted */
    size_t n_answers, n_errors;
    uint32_t *latencies_ns;
    size_t n_latencies, room;
};

static inline void load_fail(const char *why)
{
    fprintf(stderr, "load: %s\n", why);
    exit(2);
}

/* The value of KEY=VALUE among the arguments. */
static inline const char *load_text(const struct load *load, const char *key, const char *otherwise)
{
    size_t size = strlen(key);
    for (int i = 3; i < load->argc; i++) {
        if (strncmp(load->argv[i], key, size) == 0 && load->argv[i][size] == '=') {
            return load->argv[i] + size + 1;
        }
    }
    return otherwise;
}

static inline size_t load_number(const struct load *load, const char *key, size_t otherwise)
{
    const char *text = load_text(load, key, NULL);
    return text != NULL ? strtoul(text, NULL, 10) : otherwise;
}

static inline double load_seconds(const struct load *load, const char *key, double otherwise)
{
    const char *text = load_text(load, key, NULL);
    return text != NULL ? strtod(text, NULL) : otherwise;
}

/* Sets the window of time: `warm` seconds from now, then `seconds`. */
static inline void load_begin(struct load *load)
{
    load->begin_ns = clock_now_ns() + (uint64_t)(load_seconds(load, "warm", 0.3) * (double)NS_PER_S);
    load->end_ns = load->begin_ns + (uint64_t)(load_seconds(load, "seconds", 2) * (double)NS_PER_S);
    load->last_ns = load->begin_ns;
}

static inline void load_answer(struct load *load, uint64_t sent_ns, uint64_t now_ns, bool is_error)
{
    load->n_errors += is_error ? 1 : 0;
    if (now_ns < load->begin_ns) {
        return;
    }
    load->n_answers++;
    load->last_ns = now_ns;
    if (load->n_latencies == load->room) {
        load->room = load->room * 2 + 4096;
        load->latencies_ns = memory_resize(load->latencies_ns, load->room * sizeof *load->latencies_ns);
    }
    uint64_t ns = now_ns - sent_ns;
    load->latencies_ns[load->n_latencies++] = ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX;
}

/* Readers are a process of their own, so that a writer does not wait for them: load_fork() gives 0 in the child. The child says load_ready(), the
 * writer ends with load_last(), which gives the child a number and prints what the child says in return. */
struct load_pipes {
    int to_child, from_child, from_parent, to_parent;
    pid_t child;
};

static inline pid_t load_fork(struct load_pipes *pipes)
{
    int down[2], up[2];
    if (pipe(down) < 0 || pipe(up) < 0) {
        load_fail("pipe");
    }
    *pipes = (struct load_pipes){.to_child = down[1], .from_parent = down[0], .from_child = up[0], .to_parent = up[1]};
    pipes->child = fork();
    if (pipes->child < 0) {
        load_fail("fork");
    }
    close(pipes->child == 0 ? pipes->to_child : pipes->from_parent);
    close(pipes->child == 0 ? pipes->from_child : pipes->to_parent);
    return pipes->child;
}

static inline void load_say(int fd, const void *bytes, size_t size)
{
    if (write(fd, bytes, size) != (ssize_t)size) {
        load_fail("the other half of the load is gone");
    }
}

/* Writer: waits for the readers. */
static inline void load_await_ready(const struct load_pipes *pipes)
{
    char byte;
    if (read(pipes->from_child, &byte, 1) != 1) {
        load_fail("the readers are gone");
    }
}

static inline void load_last(const struct load_pipes *pipes, uint64_t last)
{
    char text[256];
    load_say(pipes->to_child, &last, sizeof last);
    ssize_t n = read(pipes->from_child, text, sizeof text);
    if (n <= 0) {
        load_fail("the readers are gone");
    }
    printf("%.*s", (int)n, text);
    (void)waitpid(pipes->child, NULL, 0);
}

static inline int load_order(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

/* Ends the line; what the caller printed before stands in front. */
static inline void load_report(struct load *load)
{
    double seconds = (double)(load->last_ns - load->begin_ns) / (double)NS_PER_S;
    qsort(load->latencies_ns, load->n_latencies, sizeof *load->latencies_ns, load_order);
    printf("\"per_second\": %.1f, \"answers\": %zu, \"errors\": %zu", seconds > 0 ? (double)load->n_answers / seconds : 0.0,
           load->n_answers, load->n_errors);
    if (load->n_latencies > 0) {
        printf(", \"p50_us\": %.1f, \"p99_us\": %.1f", load->latencies_ns[load->n_latencies / 2] / 1e3,
               load->latencies_ns[load->n_latencies * 99 / 100] / 1e3);
    }
    printf("}\n");
    free(load->latencies_ns);
}

#endif
