/* The file of `swctl backup`: the rows of the configuration at one version, with a checksum.
 *
 *   "BUSBARCF"  format (4)  number of rows (4)  epoch (8)  n (8)  wall_ns (8)
 *   rows: table (1)  id (8)  size (4)  packed row
 *   checksum (8): XXH3_64bits of everything before it                             all numbers big-endian
 */
#ifndef BUSBAR_CLI_BACKUP_H
#define BUSBAR_CLI_BACKUP_H

#include "lib/msg/version.h"

enum {
    BACKUP_FORMAT = 1,
    BACKUP_BYTES_MAX = 16 * 1024 * 1024, /* what one transaction can bring back (bus.h) */
};

struct backup_row {
    uint8_t table;
    uint64_t id;
    const uint8_t *bytes; /* within the backup */
    uint32_t size;
};
struct backup {
    struct version version;
    uint64_t wall_ns;
    struct backup_row *rows;
    size_t n_rows;
    uint8_t *file; /* private */
};

/* See output_file.h; "-": to the standard output. The detail names the file. */
int backup_write(const char *path, const struct backup *backup, struct error_detail *detail) MUST_CHECK;
/* "-": the standard input.
 * -ERROR_SYNTAX (something else than a backup), -ERROR_VERSION, -ERROR_DAMAGED (cut short, or a checksum that does not fit), -ERROR_TOO_LARGE,
 * -errno; the detail says what is wrong with it. */
int backup_read(const char *path, struct backup *out_backup, struct error_detail *detail) MUST_CHECK;
/* For one that was read. */
void backup_fini(struct backup *backup);

#endif
