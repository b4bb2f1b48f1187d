/* The table of errors: numbers of the wire, names for people, and back.
 *
 * Looking up by wire numbers is a walk of 130 rows; it happens when a peer sends an error, which is rare. Any thread, no state.
 * Invariant: every row but OF_ERROR_NONE has numbers of its own (tested).
 */
#include "lib/openflow/of_error.h"

enum {
#define OF_ERROR_TYPE(type, number, experimenter_id) TYPE_##type = (number), EXPERIMENTER_##type = (experimenter_id),
#include "lib/openflow/of_errors.def"
};

static const struct of_error_row {
    const char *name;
    struct of_error_wire wire;
} rows[OF_ERROR_COUNT] = {
    [OF_ERROR_NONE] = {.name = "none"},
#define OF_ERROR(type_name, error_name, code_number)                                                                           \
    [OF_ERROR_##type_name##_##                                                                                                 \
        error_name] = {.name = #type_name "/" #error_name,                                                                     \
                       .wire = {.type = TYPE_##type_name, .code = (code_number), .experimenter = EXPERIMENTER_##type_name}},
#include "lib/openflow/of_errors.def"
};

struct of_error_wire of_error_wire(enum of_error_number number)
{
    return rows[number].wire;
}

enum of_error_number of_error_by_wire(struct of_error_wire wire)
{
    for (size_t i = OF_ERROR_NONE + 1; i < OF_ERROR_COUNT; i++) {
        if (rows[i].wire.type == wire.type && rows[i].wire.code == wire.code &&
            rows[i].wire.experimenter == wire.experimenter) {
            return (enum of_error_number)i;
        }
    }
    return OF_ERROR_NONE;
}

const char *of_error_name(enum of_error_number number)
{
    return rows[number].name;
}
