/* A file that a command writes: whole or not at all. */
#ifndef BUSBAR_CLI_OUTPUT_FILE_H
#define BUSBAR_CLI_OUTPUT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/base/error.h"

/* "-": the standard output, for writing, or the standard input, for reading. */
bool file_is_standard(const char *path);
/* All of `size` bytes. A regular file, or one that is not there yet, is written beside `path`, synced and renamed: there is the old file or the new one,
 * never half a one; a symbolic link goes on leading to it. What is something else (a pipe, a device) is written to and stays what it is.
 * `mode`: of a new file. -errno; the detail names the file. */
int output_file_write(const char *path, const void *bytes, size_t size, mode_t mode, struct error_detail *detail) MUST_CHECK;

#endif
