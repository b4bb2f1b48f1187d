/* Time as an argument: the services take now_ns; only main.c and the tests' fake clock call these.
 *
 * All times inside the switch are nanoseconds of CLOCK_BOOTTIME (it goes on while a machine sleeps, so a suspended process
 * notices), as uint64_t. Wall-clock time appears only in logs and in what people read.
 */
#ifndef BUSBAR_BASE_CLOCK_H
#define BUSBAR_BASE_CLOCK_H

#include <stdint.h>

#define NS_PER_S 1000000000ull
#define NS_PER_MS 1000000ull
#define NS_PER_US 1000ull

uint64_t clock_now_ns(void);  /* CLOCK_BOOTTIME */
uint64_t clock_wall_ns(void); /* CLOCK_REALTIME, since the epoch */

#endif
