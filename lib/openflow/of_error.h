/* OpenFlow errors by number and name: the enum that of_errors.def makes.
 *
 * Code passes enum of_error_number about; only the codec turns it into the (type, code) pair of the wire, which differs between versions. A
 * decoder that refuses a message fills a struct of_error, whose text says which field of it was wrong.
 */
#ifndef BUSBAR_OPENFLOW_OF_ERROR_H
#define BUSBAR_OPENFLOW_OF_ERROR_H

#include <stdint.h>

#include "lib/base/error.h"

/* OF_ERROR_NONE, OF_ERROR_BAD_REQUEST_BAD_LEN, ... */
enum of_error_number {
    OF_ERROR_NONE,
#define OF_ERROR(type, name, code) OF_ERROR_##type##_##name,
#include "lib/openflow/of_errors.def"
    OF_ERROR_COUNT
};

struct of_error {
    enum of_error_number number;
    struct error_detail detail;
};

/* The numbers on the wire; experimenter is 0 but for an experimenter's error. */
struct of_error_wire {
    uint16_t type; /* 0xffff: an experimenter's, from 1.3 on */
    uint16_t code; /* exp_type when type is 0xffff */
    uint32_t experimenter;
};

/* What 1.0 cannot say is that it cannot be said. */
struct of_error_wire of_error_wire(enum of_error_number number, uint8_t version);
/* OF_ERROR_NONE when there is no such row. Where a version says two errors with the same numbers, the first. */
enum of_error_number of_error_by_wire(struct of_error_wire wire, uint8_t version);
/* "BAD_REQUEST/BAD_LEN"; lives for ever. */
const char *of_error_name(enum of_error_number number);

#endif
