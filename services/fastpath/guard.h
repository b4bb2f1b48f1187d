/* Devices that must not be taken, because whoever asks would cut off the machine or themselves. */
#ifndef BUSBAR_FASTPATH_GUARD_H
#define BUSBAR_FASTPATH_GUARD_H

#include "lib/base/error.h"

/* 0, or -ERROR_REFUSED with the reason: it carries the default route, or the operator's connection (SSH_CONNECTION's local address). */
int guard_check(const char *name, unsigned ifindex, struct error_detail *detail) MUST_CHECK;

#endif
