/* Backups of the configuration.
 *
 * Why swctl writes them and not configdb: the feed already gives a reader all rows of one version, in slices, while writing goes on; so
 * configdb does nothing it does not do for every process, and the file belongs to the one who asked for it. Rules are not in it: they are
 * what controllers mean, and controllers give them again.
 *
 * Cost: the configuration once in memory. One thread. Input: a file from anywhere; it is read through the bounded reader after
 * its checksum has been compared, and configdb checks every row again.
 */
#include "cli/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "cli/output_file.h"
#include "lib/base/bytes.h"
#include "lib/base/memory.h"

static const char magic[8] = {'B', 'U', 'S', 'B', 'A', 'R', 'C', 'F'};

enum { HEAD_BYTES = 8 + 4 + 4 + 8 + 8 + 8, SUM_BYTES = 8, ROW_BYTES_MIN = 1 + 8 + 4 };

static void encode(const struct backup *backup, struct writer *w)
{
    writer_bytes(w, magic, sizeof magic);
    writer_u32(w, BACKUP_FORMAT);
    writer_u32(w, (uint32_t)backup->n_rows);
    writer_u64(w, backup->version.epoch);
    writer_u64(w, backup->version.n);
    writer_u64(w, backup->wall_ns);
    for (size_t i = 0; i < backup->n_rows; i++) {
        writer_u8(w, backup->rows[i].table);
        writer_u64(w, backup->rows[i].id);
        writer_u32(w, backup->rows[i].size);
        writer_bytes(w, backup->rows[i].bytes, backup->rows[i].size);
    }
    writer_u64(w, XXH3_64bits(w->bytes, w->size));
}

int backup_write(const char *path, const struct backup *backup, struct error_detail *detail)
{
    struct writer w;
    writer_init(&w);
    encode(backup, &w);
    int err = output_file_write(path, w.bytes, w.size, 0640, detail);
    writer_fini(&w);
    return err;
}

/* The whole of an input that is not longer than a backup may be. */
static int read_all(int fd, uint8_t **out_bytes, size_t *out_size)
{
    uint8_t *bytes = NULL;
    size_t size = 0, room = 0;
    ssize_t n = 1;
    int err = 0;
    while (err == 0 && n != 0) {
        if (size == room) {
            room = room > 0 ? 2 * room : 65536;
            bytes = memory_resize(bytes, room);
        }
        n = read(fd, bytes + size, room - size);
        err = n < 0 && errno != EINTR ? -errno : 0;
        size += n > 0 ? (size_t)n : 0;
        err = err == 0 && size > BACKUP_BYTES_MAX ? -ERROR_TOO_LARGE : err;
    }
    if (err != 0) {
        free(bytes);
        return err;
    }
    *out_bytes = bytes;
    *out_size = size;
    return 0;
}

static int load(const char *path, uint8_t **out_bytes, size_t *out_size, struct error_detail *detail)
{
    struct stat status;
    bool is_standard = file_is_standard(path);
    int fd = is_standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    int err = fd < 0 || fstat(fd, &status) != 0 ? -errno : !is_standard && !S_ISREG(status.st_mode) ? -EINVAL : 0;
    err = err == 0 ? read_all(fd, out_bytes, out_size) : err;
    if (!is_standard && fd >= 0) {
        close(fd);
    }
    return err == 0 ? 0 : error_set(detail, err, "%.150s: cannot be read: %s", path, error_text(err));
}

/* Everything before the rows, and the checksum over all. */
static int check(const char *path, const uint8_t *bytes, size_t size, struct error_detail *detail)
{
    if (size < sizeof magic || memcmp(bytes, magic, sizeof magic) != 0) {
        return error_set(detail, -ERROR_SYNTAX, "%.150s: is no backup: it does not begin like one", path);
    }
    struct reader r = reader_of(bytes + sizeof magic, size - sizeof magic);
    uint32_t format = reader_u32(&r);
    if (!r.failed && format != BACKUP_FORMAT) {
        return error_set(detail, -ERROR_VERSION, "%.150s: is of format %u, written by another version of Busbar; this one knows %d", path,
                         format, BACKUP_FORMAT);
    }
    if (size < HEAD_BYTES + SUM_BYTES) {
        return error_set(detail, -ERROR_DAMAGED, "%.150s: is cut short: %zu bytes", path, size);
    }
    struct reader end = reader_of(bytes + size - SUM_BYTES, SUM_BYTES);
    if (reader_u64(&end) != XXH3_64bits(bytes, size - SUM_BYTES)) {
        return error_set(detail, -ERROR_DAMAGED, "%.150s: is damaged or cut short: its checksum does not fit", path);
    }
    return 0;
}

static int decode(struct reader *r, struct backup *backup)
{
    reader_skip(r, sizeof magic + 4);
    uint32_t n = reader_u32(r);
    backup->version.epoch = reader_u64(r);
    backup->version.n = reader_u64(r);
    backup->wall_ns = reader_u64(r);
    if (n > reader_left(r) / ROW_BYTES_MIN) {
        return -ERROR_TRUNCATED;
    }
    backup->rows = memory_array((size_t)n + 1, sizeof *backup->rows);
    for (backup->n_rows = 0; backup->n_rows < n; backup->n_rows++) {
        struct backup_row *row = &backup->rows[backup->n_rows];
        row->table = reader_u8(r);
        row->id = reader_u64(r);
        row->size = reader_u32(r);
        row->bytes = reader_bytes(r, row->size);
    }
    return reader_finish(r);
}

int backup_read(const char *path, struct backup *out_backup, struct error_detail *detail)
{
    struct backup backup = {.rows = NULL};
    size_t size = 0;
    int err = load(path, &backup.file, &size, detail);
    if (err == 0) {
        err = check(path, backup.file, size, detail);
    }
    if (err == 0) {
        struct reader r = reader_of(backup.file, size - SUM_BYTES);
        err = decode(&r, &backup);
        if (err != 0) {
            err = error_set(detail, -ERROR_DAMAGED, "%.150s: its rows cannot be read: %s", path, error_text(err));
        }
    }
    if (err != 0) {
        backup_fini(&backup);
        return err;
    }
    *out_backup = backup;
    return 0;
}

void backup_fini(struct backup *backup)
{
    free(backup->rows);
    free(backup->file);
    *backup = (struct backup){.rows = NULL};
}
