/* Roles by name, kind and rank, from roles.def.
 *
 * Why ranks: read, operate and admin are each all of the one before and something more, so one comparison answers; the roles of services
 * are no ranks, they only say which kind of process may speak. Half a dozen rows are walked. No state; any thread.
 */
#include "lib/bus/role.h"

#include <string.h>

static const struct {
    enum bus_role role;
    const char *name;
    enum process_kind kind;
} roles[] = {
#define ROLE(name_, number, text, kind_) {.role = ROLE_##name_, .name = (text), .kind = PROCESS_##kind_},
#include "lib/bus/roles.def"
#undef ROLE
};
enum { ROLES_COUNT = sizeof roles / sizeof roles[0] };

const char *role_name(enum bus_role role)
{
    for (size_t i = 0; i < ROLES_COUNT; i++) {
        if (roles[i].role == role) {
            return roles[i].name;
        }
    }
    return "none";
}

int role_parse(const char *text, enum bus_role *out_role)
{
    for (size_t i = 0; i < ROLES_COUNT; i++) {
        if (strcmp(roles[i].name, text) == 0) {
            *out_role = roles[i].role;
            return 0;
        }
    }
    return -ERROR_UNKNOWN_NAME;
}

bool role_fits(enum bus_role role, enum process_kind kind)
{
    for (size_t i = 0; i < ROLES_COUNT; i++) {
        if (roles[i].role == role) {
            return roles[i].kind == kind;
        }
    }
    return false;
}

enum bus_role role_of_kind(enum process_kind kind)
{
    enum bus_role found = ROLE_NONE;
    for (size_t i = 0; i < ROLES_COUNT; i++) {
        found = roles[i].kind == kind ? roles[i].role : found; /* the last of a kind is its greatest */
    }
    return found;
}

bool role_includes(enum bus_role have, enum bus_role wanted)
{
    return role_fits(have, PROCESS_SWCTL) && have >= wanted && wanted != ROLE_NONE;
}
