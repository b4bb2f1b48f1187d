/* The table KEY as the bus wants it.
 *
 * Here and not in lib/bus, which knows no rows. Each change is one call, so a key is refused from the moment its row's deletion is shown, which is
 * within one delta of the commit. No state of its own; the thread of the mirror calls it.
 */
#include "lib/cfg/keys.h"

#include <string.h>

#include "lib/bus/role.h"

void keys_on_row(struct key_table *keys, const Busbar__KeyRow *before, const Busbar__KeyRow *after)
{
    enum bus_role role;
    bool is_known = after != NULL && role_parse(after->role, &role) == 0;
    if (before != NULL && (!is_known || strcmp(before->public_key, after->public_key) != 0)) {
        key_table_remove(keys, before->public_key);
    }
    if (is_known) {
        key_table_set(keys, after->public_key, after->name, role);
    }
}
