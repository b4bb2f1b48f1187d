/* The table of errors: numbers of the wire in each version, names for people, and back.
 *
 * Looking up by wire numbers is a walk of the rows for each error; it happens when a peer sends one, which is rare. Any thread, no state.
 * Invariant: within a version every error that it can say has numbers of its own (tested), but for IS_SLAVE in 1.0, which is EPERM there.
 */
#include "lib/openflow/of_error.h"

#include "lib/openflow/of_header.h"

enum {
#define OF_ERROR_TYPE(type, number) TYPE_##type = (number),
#include "lib/openflow/of_errors.def"
};

static const struct of_error_row {
    const char *name;
    uint16_t type, code;
} rows[OF_ERROR_COUNT] = {
    [OF_ERROR_NONE] = {.name = "none"},
#define OF_ERROR(type_name, error_name, code_number)                                                                           \
    [OF_ERROR_##type_name##_##error_name] = {.name = #type_name "/" #error_name, .type = TYPE_##type_name, .code = (code_number)},
#include "lib/openflow/of_errors.def"
};

static const struct other_numbers {
    enum of_error_number number;
    uint8_t first, last;
    struct of_error_wire wire;
} others[] = {
#define OF_ERROR_IN(type_name, error_name, first_, last_, in_type, in_code, experimenter_)                                     \
    {.number = OF_ERROR_##type_name##_##error_name,                                                                            \
     .first = OF_VERSION_##first_,                                                                                             \
     .last = OF_VERSION_##last_,                                                                                               \
     .wire = {.type = (in_type), .code = (in_code), .experimenter = (experimenter_)}},
#include "lib/openflow/of_errors.def"
};

static const struct other_numbers *find_other(enum of_error_number number, uint8_t version)
{
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (others[i].number == number && version >= others[i].first && version <= others[i].last) {
            return &others[i];
        }
    }
    return NULL;
}

/* Of the types that 1.0 has as later versions do, the codes up to 8 are the same. */
static bool is_same_in_10(const struct of_error_row *row)
{
    return row->type == TYPE_HELLO_FAILED || ((row->type == TYPE_BAD_REQUEST || row->type == TYPE_BAD_ACTION) && row->code <= 8);
}

struct of_error_wire of_error_wire(enum of_error_number number, uint8_t version)
{
    const struct other_numbers *other = find_other(number, version);

    if (other == NULL && version == OF_VERSION_10 && !is_same_in_10(&rows[number])) {
        other = find_other(OF_ERROR_BAD_REQUEST_UNENCODABLE, version);
    }
    return other != NULL ? other->wire : (struct of_error_wire){.type = rows[number].type, .code = rows[number].code};
}

enum of_error_number of_error_by_wire(struct of_error_wire wire, uint8_t version)
{
    for (size_t i = OF_ERROR_NONE + 1; i < OF_ERROR_COUNT; i++) {
        struct of_error_wire row = of_error_wire((enum of_error_number)i, version);
        bool is_said = version != OF_VERSION_10 || i == OF_ERROR_BAD_REQUEST_UNENCODABLE || is_same_in_10(&rows[i]) ||
                       find_other((enum of_error_number)i, version) != NULL;
        if (is_said && row.type == wire.type && row.code == wire.code && row.experimenter == wire.experimenter) {
            return (enum of_error_number)i;
        }
    }
    return OF_ERROR_NONE;
}

const char *of_error_name(enum of_error_number number)
{
    return rows[number].name;
}
