/* A network namespace of the test's own with a veth pair a, b of four queues, for tests that need the kernel's devices. */
#ifndef BUSBAR_TESTS_FASTPATH_NETNS_H
#define BUSBAR_TESTS_FASTPATH_NETNS_H

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <net/if.h>

/* Group setup: this process moves into it, and it goes with the process. Without the right to (no root, a container), *state stays NULL. */
static inline int netns_enter(void **state)
{
    static bool is_there = true;
    if (unshare(CLONE_NEWNET) != 0) {
        print_message("skipped, because a network namespace cannot be made: %s\n", strerror(errno));
        return 0;
    }
    *state = &is_there;
    return system("ip link add dev a numrxqueues 4 numtxqueues 4 type veth peer name b numrxqueues 4 numtxqueues 4 && "
                  "ip link set dev a up && ip link set dev b up");
}

/* First in each test. */
#define NETNS_NEEDED(state)                                                                                                     \
    do {                                                                                                                        \
        if (*(state) == NULL) {                                                                                                 \
            skip();                                                                                                             \
        }                                                                                                                       \
    } while (0)

#endif
