/* power_cut LOG BOARD SEED IMAGES DIR: what a database is after a power cut, IMAGES times.
 *
 * LOG is what configdb wrote and synced (disk_log.h) from an empty file on. A cut comes at a random moment: what was synced by then is there, and of the later
 * writes any pages of 4 KiB, of one image few, of another most. The image is opened as configdb does at its start, in DIR: it must be whole, hold
 * every change of configuration answered before the cut, and of no transaction a part, nor of a rule transaction (these may be
 * older: they are copied to the disk once a second). Prints JSON. Exit status 0 when all images were right.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/base/random.h"
#include "services/configdb/start.h"
#include "tests/soak/tools/disk_log.h"
#include "tests/soak/tools/transactions.h"

enum { PAGE = 4096 };

struct event {
    struct disk_record record;
    const uint8_t *bytes;
    uint64_t durable_ns; /* of a write: from when on it is on the disk; UINT64_MAX: never */
};

struct disk {
    struct event *events;
    size_t n;
    uint8_t *base; /* the file after the first n_base events, which are durable at the cut */
    uint8_t *image;
    size_t size, n_base;
};

static void fail(const char *what)
{
    fprintf(stderr, "power_cut: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void read_log(const char *path, struct disk *disk)
{
    struct stat stat_of;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &stat_of) != 0) {
        fail(path);
    }
    size_t left = (size_t)stat_of.st_size, room = 0;
    const uint8_t *at = mmap(NULL, left, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED) {
        fail(path);
    }
    while (left >= sizeof(struct disk_record)) {
        if (disk->n == room) {
            room = room == 0 ? 1024 : room * 2;
            disk->events = memory_resize(disk->events, room * sizeof *disk->events);
        }
        struct event *event = &disk->events[disk->n];
        *event = (struct event){.bytes = at + sizeof event->record};
        memcpy(&event->record, at, sizeof event->record);
        size_t whole = sizeof event->record + event->record.size;
        if (whole > left) {
            break;
        }
        size_t end = event->record.offset + event->record.size;
        disk->size = end > disk->size ? end : disk->size;
        at += whole;
        left -= whole;
        disk->n++;
    }
    disk->base = memory_zeroed(disk->size);
    disk->image = memory_zeroed(disk->size);
}

static void find_durable(struct disk *disk)
{
    for (size_t i = 0; i < disk->n; i++) {
        struct event *event = &disk->events[i];
        event->durable_ns = event->record.kind == DISK_WRITE_THROUGH ? event->record.ended_ns : UINT64_MAX;
        for (size_t k = i + 1; event->record.kind == DISK_WRITE && k < disk->n; k++) {
            if (disk->events[k].record.kind == DISK_SYNC && disk->events[k].record.begun_ns >= event->record.ended_ns) {
                event->durable_ns = disk->events[k].record.ended_ns;
                break;
            }
        }
    }
}

static void apply(uint8_t *file, const struct event *event)
{
    memcpy(file + event->record.offset, event->bytes, event->record.size);
}

/* Returns how many pages are there that were not synced. Cuts come in the order of time. */
static size_t cut(struct disk *disk, uint64_t cut_ns, struct random *random)
{
    uint64_t share = random_below(random, 5); /* of 4 */
    size_t n_loose = 0;
    for (; disk->n_base < disk->n && (disk->events[disk->n_base].record.kind == DISK_SYNC || disk->events[disk->n_base].durable_ns <= cut_ns); disk->n_base++) {
        if (disk->events[disk->n_base].record.ended_ns > cut_ns) {
            break;
        }
        apply(disk->base, &disk->events[disk->n_base]);
    }
    memcpy(disk->image, disk->base, disk->size);
    for (size_t i = disk->n_base; i < disk->n; i++) {
        const struct event *event = &disk->events[i];
        if (event->record.begun_ns > cut_ns || event->record.kind == DISK_SYNC) {
            continue;
        }
        if (event->durable_ns <= cut_ns) {
            apply(disk->image, event);
            continue;
        }
        for (size_t at = 0; at < event->record.size; at += PAGE) {
            size_t size = event->record.size - at < PAGE ? event->record.size - at : PAGE;
            if (random_below(random, 4) < share) {
                memcpy(disk->image + event->record.offset + at, event->bytes + at, size);
                n_loose++;
            }
        }
    }
    return n_loose;
}

static void write_image(const struct disk *disk, const char *path)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, disk->image, disk->size) != (ssize_t)disk->size) {
        fail(path);
    }
    close(fd);
}

/* How many transactions of the client had been answered. */
static uint64_t answered_at(const struct board *board, unsigned client, uint64_t at_ns)
{
    uint64_t low = 0, high = board->answered[client];
    while (low < high) {
        uint64_t middle = (low + high + 1) / 2;
        if (board->answered_ns[client][middle] <= at_ns) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return low;
}

static int see(struct rows *rows, struct view *view)
{
    static const enum cfg_table tables[] = {CFG_BRIDGE, CFG_PORT, CFG_RULE};
    int err = rows_begin_read(rows);
    for (size_t i = 0; err == 0 && i < sizeof tables / sizeof tables[0]; i++) {
        struct store_cursor *cursor = rows_walk(rows, tables[i], 0);
        struct store_bytes value;
        uint64_t id;
        while ((err = rows_walk_next(cursor, tables[i], &id, &value)) == 0) {
            ProtobufCMessage *row = protobuf_c_message_unpack(cfg_table_info(tables[i])->descriptor, NULL, value.size, value.bytes);
            if (row == NULL) {
                return -ERROR_DAMAGED;
            }
            view_add(view, tables[i], id, row);
            protobuf_c_message_free_unpacked(row, NULL);
        }
        store_cursor_close(&cursor);
        err = err == -ERROR_NOT_FOUND ? 0 : err;
    }
    rows_end(rows);
    return err;
}

/* `rules_behind_ns` grows to the age of the oldest answered rule transaction that is not there. */
static bool opens_right(const char *dir, const struct board *board, uint64_t seed, uint64_t cut_ns, uint64_t *rules_behind_ns)
{
    struct start_result result = {.rows = NULL};
    struct error_detail detail = {.text = ""};
    struct view view = {.n_strangers = 0};
    struct expected expected[CLIENTS] = {{.n = 0}};
    uint64_t least[CLIENTS] = {0}, most[CLIENTS];
    char run[256], db[256], boot[32];
    snprintf(run, sizeof run, "%s/run", dir);
    snprintf(db, sizeof db, "%s/db", dir);
    snprintf(boot, sizeof boot, "%" PRIu64, cut_ns);
    struct start_settings settings = {.run_dir = run, .db_dir = db, .boot_id = boot, .wall_s = 1};
    int err = start_database(&settings, &result, &detail);
    if (err == 0) {
        err = see(result.rows, &view);
        rows_destroy(&result.rows);
    }
    if (err != 0) {
        fprintf(stderr, "power_cut: does not open: %s (%s)\n", error_text(err), detail.text);
        return false;
    }
    for (unsigned c = 0; c < CLIENTS; c++) {
        uint64_t answered = answered_at(board, c, cut_ns);
        most[c] = board->asked[c];
        if (!client_writes_rules(c)) {
            least[c] = answered;
        } else if (view.n[c] < answered && cut_ns - board->answered_ns[c][view.n[c] + 1] > *rules_behind_ns) {
            *rules_behind_ns = cut_ns - board->answered_ns[c][view.n[c] + 1];
        }
    }
    return view_check(&view, seed, expected, least, most);
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char **argv)
{
    struct disk disk = {.n = 0};
    struct random random;
    uint64_t n_loose = 0, n_wrong = 0, rules_behind_ns = 0;
    char path[256];
    if (argc != 6) {
        fprintf(stderr, "power_cut LOG BOARD SEED IMAGES DIR\n");
        return 2;
    }
    const struct board *board = board_open(argv[2]);
    uint64_t seed = strtoull(argv[3], NULL, 0), n_images = strtoull(argv[4], NULL, 0);
    log_set_level(LOG_LEVEL_ERROR);
    random_seed(&random, seed);
    read_log(argv[1], &disk);
    find_durable(&disk);
    size_t first = 0; /* the file is a database from the first sync on */
    while (first < disk.n && disk.events[first].record.kind == DISK_WRITE) {
        first++;
    }
    if (n_images == 0 || first + 1 >= disk.n) {
        fail("nothing was synced");
    }
    uint64_t *cuts_ns = memory_array(n_images, sizeof *cuts_ns);
    for (uint64_t i = 0; i < n_images; i++) { /* within some write or sync, or just behind it */
        const struct disk_record *at = &disk.events[first + 1 + random_below(&random, disk.n - first - 1)].record;
        cuts_ns[i] = at->begun_ns + random_below(&random, (at->ended_ns - at->begun_ns) * 3 / 2 + 2);
    }
    qsort(cuts_ns, n_images, sizeof *cuts_ns, compare);
    snprintf(path, sizeof path, "%s/db/data.mdb", argv[5]);
    for (uint64_t i = 0; i < n_images; i++) {
        n_loose += cut(&disk, cuts_ns[i], &random);
        write_image(&disk, path);
        if (!opens_right(argv[5], board, seed, cuts_ns[i], &rules_behind_ns)) {
            fprintf(stderr, "power_cut: image %" PRIu64 " of %" PRIu64 " is wrong\n", i, n_images);
            n_wrong++;
        }
        if (i % 200 == 199) {
            fprintf(stderr, "power cuts: %" PRIu64 " of %" PRIu64 ", %" PRIu64 " wrong\n", i + 1, n_images, n_wrong);
        }
    }
    printf("{\"images\": %" PRIu64 ", \"wrong\": %" PRIu64 ", \"bytes\": %zu, \"events\": %zu, \"pages_not_synced\": %" PRIu64 ", \"rules_behind_ms\": %" PRIu64
           "}\n",
           n_images, n_wrong, disk.size, disk.n, n_loose, (uint64_t)(rules_behind_ns / NS_PER_MS));
    free(disk.events);
    free(disk.base);
    free(disk.image);
    free(cuts_ns);
    return n_wrong == 0 ? 0 : 1;
}
