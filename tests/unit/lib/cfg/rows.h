/* Small rows for the tests of lib/cfg: a counter row whose packets are its value. */
#ifndef BUSBAR_TESTS_CFG_ROWS_H
#define BUSBAR_TESTS_CFG_ROWS_H

#include <stdlib.h>

#include "lib/base/memory.h"
#include "lib/cfg/cfg.h"

/* A row of its own memory: an owner row, whose epoch is `value`. */
static inline ProtobufCMessage *row_new(uint64_t value)
{
    Busbar__OwnerRow *row = memory_zeroed(sizeof *row);
    busbar__owner_row__init(row);
    row->start = 1;
    row->epoch = value;
    return &row->base;
}

static inline uint64_t row_value(const ProtobufCMessage *row)
{
    return row != NULL ? ((const Busbar__OwnerRow *)row)->epoch : 0;
}

/* The packed row, in memory of the caller's. */
static inline ProtobufCBinaryData row_bytes(uint64_t value)
{
    Busbar__OwnerRow row = BUSBAR__OWNER_ROW__INIT;
    row.start = 1;
    row.epoch = value;
    ProtobufCBinaryData bytes = {.len = busbar__owner_row__get_packed_size(&row)};
    bytes.data = memory_zeroed(bytes.len);
    busbar__owner_row__pack(&row, bytes.data);
    return bytes;
}

/* For status tables. */
static inline ProtobufCBinaryData status_bytes(uint32_t mtu)
{
    Busbar__PortStatusRow row = BUSBAR__PORT_STATUS_ROW__INIT;
    row.error = row.mode = row.why = (char *)"";
    row.mtu = mtu;
    ProtobufCBinaryData bytes = {.len = busbar__port_status_row__get_packed_size(&row)};
    bytes.data = memory_zeroed(bytes.len);
    busbar__port_status_row__pack(&row, bytes.data);
    return bytes;
}

#endif
