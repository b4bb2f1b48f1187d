/* Roles: what a key lets its holder do (roles.def). On ipc:// everybody who gets in has the role of the kind he says he is. */
#ifndef BUSBAR_BUS_ROLE_H
#define BUSBAR_BUS_ROLE_H

#include "lib/bus/bus.h"

const char *role_name(enum bus_role role); /* "operate"; "none" */
/* -ERROR_UNKNOWN_NAME */
int role_parse(const char *text, enum bus_role *out_role) MUST_CHECK;
/* May the holder of such a key be a process of this kind? */
bool role_fits(enum bus_role role, enum process_kind kind);
/* What a process of this kind is without a key: admin for swctl, its own for a service, none for configdb (it is not asked). */
enum bus_role role_of_kind(enum process_kind kind);
/* May a person with `have` do what asks for `wanted`? Roles of services include nothing. */
bool role_includes(enum bus_role have, enum bus_role wanted);

#endif
