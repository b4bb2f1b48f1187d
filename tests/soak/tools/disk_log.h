/* What tools/disk_log.c writes down of configdb's doings with its database: this, and behind a write its bytes. */
#ifndef BUSBAR_SOAK_DISK_LOG_H
#define BUSBAR_SOAK_DISK_LOG_H

#include <stdint.h>

enum disk_kind {
    DISK_WRITE = 1,
    DISK_WRITE_THROUGH = 2, /* of a file opened with O_DSYNC: on the disk when it returns */
    DISK_SYNC = 3,          /* writes that had ended when it began are on the disk when it ends */
};

struct disk_record {
    uint64_t begun_ns, ended_ns; /* CLOCK_MONOTONIC */
    uint64_t offset;
    uint32_t size;
    uint32_t kind;
};

#endif
