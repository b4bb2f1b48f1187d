/* Meters and their slots.
 *
 *     file:  | head 4096 | slot | slot | slot | ...       slot: owner, claimed when, counters, buckets (policer.h)
 *                           └ id % METER_SLOTS and the 63 behind it are where meter `id` may be
 *
 * Each process comes to know of a meter by its own feed, earlier or later than the others, so nobody hands out slots: the first that
 * needs one takes it. A slot is taken by swapping the time at which it was claimed last, which only one process can do; for the next
 * ten seconds it is then its taker's alone to clear, before it says whose it is. Two that look for the same meter at the same moment
 * may take two; each looks again every second and both settle on the first. Rows of configdb are never used twice, so the owner in
 * the slot tells whether it still is what somebody thinks it is. A meter that was deleted is claimed by nobody and so ends by itself, and so
 * do those of processes that were killed.
 *
 * The file is as long as it can get but has blocks only where somebody looked (asked for beforehand, because writing to a mapping
 * of a full file system kills). It outlives the processes, so buckets and counters go on when they return. One of another layout is unlinked,
 * not changed: who has it mapped goes on with it. File locks are held while the head is looked at, and never otherwise.
 * Cost: a few microseconds a changed meter; 50 ns a meter a second. Worker thread, between bursts; nothing here waits for another
 * process but opening.
 */
#include "services/fastpath/meter_set.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "lib/dp/execute.h"

enum {
    HEAD_BYTES = 4096,
    CHUNK_BYTES = METER_PROBES * sizeof(struct policer_slot),
    TABLE_MIN = 64,
    CLAIM_EVERY_MS = 1000,
    TRY_EVERY_MS = 10,
    OPEN_TRIES = 8, /* the file was unlinked by another that found another layout: once, or somebody plays with us */
    FLAG_PKTPS = 1 << 1 /* [OF1.3.5 §7.3.4.4] */,
    FLAG_BURST = 1 << 2,
    BAND_DROP = 1,
    BAND_DSCP_REMARK = 2,
};
#define FILE_BYTES (HEAD_BYTES + (size_t)METER_SLOTS * sizeof(struct policer_slot))

/* The start of the file. */
struct head {
    char magic[8];
    uint32_t layout; /* counts changes of struct policer_slot and of what is where */
    uint32_t n_slots;
};
static const struct head wanted_head = {.magic = "busmeter", .layout = 1, .n_slots = METER_SLOTS};

/* ---- the file ---- */

/* Under the file's lock: 0 when the file is good, or new and made so; -EAGAIN when it is another than the name stands for, now. */
static int settle(int fd, const char *file)
{
    struct head head = {.layout = 0};
    struct stat stat;
    if (fstat(fd, &stat) != 0) {
        return -errno;
    }
    if (stat.st_nlink == 0) {
        return -EAGAIN;
    }
    if (stat.st_size == 0) {
        if (ftruncate(fd, (off_t)FILE_BYTES) != 0) {
            return -errno;
        }
        ssize_t n = pwrite(fd, &wanted_head, sizeof wanted_head, 0);
        return n == sizeof wanted_head ? 0 : -EIO;
    }
    ssize_t n = pread(fd, &head, sizeof head, 0);
    if (n == sizeof head && memcmp(&head, &wanted_head, sizeof head) == 0 && (size_t)stat.st_size == FILE_BYTES) {
        return 0;
    }
    return unlink(file) == 0 ? -EAGAIN : -errno;
}

static int open_file(const char *file, int *out_fd)
{
    int err = -EAGAIN;
    for (int i = 0; i < OPEN_TRIES && err == -EAGAIN; i++) {
        int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0) {
            return -errno;
        }
        err = flock(fd, LOCK_EX) == 0 ? settle(fd, file) : -errno;
        (void)flock(fd, LOCK_UN);
        if (err == 0) {
            *out_fd = fd;
        } else {
            close(fd);
        }
    }
    return err;
}

int meter_set_open(const char *file, struct meter_set **out_set, struct error_detail *detail)
{
    struct meter_set *set = memory_zeroed(sizeof *set);
    set->fd = -1;
    set->mask = TABLE_MIN - 1;
    set->table = memory_array(TABLE_MIN, sizeof(struct policer *));
    set->is_backed = memory_array(METER_SLOTS / METER_PROBES, 1);
    int err = file != NULL ? open_file(file, &set->fd) : 0;
    if (err != 0) {
        (void)error_set(detail, err, "%s: %s", file, error_text(err));
        goto fail;
    }
    int flags = file != NULL ? MAP_SHARED : MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE;
    uint8_t *memory = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, flags, set->fd, 0);
    if (memory == MAP_FAILED) {
        err = error_set(detail, -errno, "the memory of meters: %s", error_text(-errno));
        goto fail;
    }
    set->slots = (struct policer_slot *)(memory + HEAD_BYTES);
    *out_set = set;
    return 0;
fail:
    meter_set_close(&set);
    return err;
}

void meter_set_close(struct meter_set **pointer)
{
    struct meter_set *set = *pointer;
    if (set == NULL) {
        return;
    }
    for (size_t i = 0; i <= set->mask; i++) {
        free(set->table[i]);
    }
    if (set->slots != NULL) {
        munmap((uint8_t *)set->slots - HEAD_BYTES, FILE_BYTES);
    }
    if (set->fd >= 0) {
        close(set->fd);
    }
    free(set->table);
    free(set->is_backed);
    free(set);
    *pointer = NULL;
}

/* The file has blocks for the slots that meters beginning in this chunk may have: this one and the next. */
static bool back(struct meter_set *set, size_t chunk)
{
    for (size_t i = 0; i < 2; i++) {
        size_t at = (chunk + i) % (METER_SLOTS / METER_PROBES);
        if (set->is_backed[at]) {
            continue;
        }
        int err = set->fd >= 0 ? posix_fallocate(set->fd, (off_t)(HEAD_BYTES + at * CHUNK_BYTES), CHUNK_BYTES) : 0;
        if (err != 0) {
            LOG_LIMITED(LOG_LEVEL_ERROR, "meters_without_room error=\"%s\"", error_text(-err));
            return false;
        }
        set->is_backed[at] = 1;
    }
    return true;
}

/* ---- slots ---- */

/* Times of another life of the machine may lie in the future. */
static bool is_free(uint64_t seen_ns, uint64_t now_ns)
{
    uint64_t age = now_ns > seen_ns ? now_ns - seen_ns : seen_ns - now_ns;
    return seen_ns == 0 || age > METER_LEASE_S * NS_PER_S;
}

/* Ours for the next ten seconds: cleared first, then said to be whose it is. */
static void clear(struct policer_slot *slot, uint64_t id)
{
    atomic_store(&slot->owner, 0);
    atomic_store(&slot->packets, 0);
    atomic_store(&slot->bytes, 0);
    for (size_t i = 0; i < POLICER_BANDS_MAX; i++) {
        atomic_store(&slot->bands[i].empty, 0); /* so long ago that it is full */
        atomic_store(&slot->bands[i].packets, 0);
        atomic_store(&slot->bands[i].bytes, 0);
    }
    atomic_store(&slot->owner, id);
}

/* The slot that says it is the meter's, claimed anew; else the first free one, taken; else NULL: taken by another just now, or all are. */
static struct policer_slot *claim(struct meter_set *set, uint64_t id, uint64_t now_ns)
{
    size_t start = id % METER_SLOTS;
    struct policer_slot *free_slot = NULL;
    uint64_t free_seen = 0;
    if (!back(set, start / METER_PROBES)) {
        return NULL;
    }
    for (size_t i = 0; i < METER_PROBES; i++) {
        struct policer_slot *slot = &set->slots[(start + i) % METER_SLOTS];
        uint64_t seen = atomic_load(&slot->seen_ns);
        if (atomic_load(&slot->owner) == id) {
            /* When it does not swap, either another process that uses it has just said so, or one has taken it: seen the next time. */
            bool is_claimed = atomic_compare_exchange_strong(&slot->seen_ns, &seen, now_ns);
            return is_claimed || atomic_load(&slot->owner) == id ? slot : NULL;
        }
        if (free_slot == NULL && is_free(seen, now_ns)) {
            free_slot = slot;
            free_seen = seen;
        }
    }
    if (free_slot == NULL || !atomic_compare_exchange_strong(&free_slot->seen_ns, &free_seen, now_ns)) {
        return NULL;
    }
    clear(free_slot, id);
    return free_slot;
}

static void bind_slot(struct meter_set *set, struct policer *policer, uint64_t now_ns)
{
    bool was_bound = policer->slot != NULL;
    policer->slot = claim(set, policer->id, now_ns);
    set->n_unbound += (size_t)(policer->slot == NULL) - (size_t)!was_bound;
}

void meter_set_step(struct meter_set *set, uint64_t now_ns)
{
    bool is_time = now_ns - set->bound_ns >= CLAIM_EVERY_MS * NS_PER_MS;
    if (!is_time && (set->n_unbound == 0 || now_ns - set->tried_ns < TRY_EVERY_MS * NS_PER_MS)) {
        return;
    }
    set->tried_ns = now_ns;
    set->bound_ns = is_time ? now_ns : set->bound_ns;
    for (size_t i = 0; set->n_meters > 0 && i <= set->mask; i++) {
        struct policer *policer = set->table[i];
        if (policer != NULL && (is_time || policer->slot == NULL)) {
            bind_slot(set, policer, now_ns);
        }
    }
}

/* ---- meters ---- */

static void put(struct meter_set *set, struct policer *policer)
{
    uint32_t at = meter_set_place(set, policer->id);
    while (set->table[at] != NULL) {
        at = (at + 1) & set->mask;
    }
    set->table[at] = policer;
}

static void grow(struct meter_set *set)
{
    struct policer **old = set->table;
    size_t n_old = set->mask + 1;
    set->mask = (uint32_t)(n_old * 2 - 1);
    set->table = memory_array(n_old * 2, sizeof(struct policer *));
    for (size_t i = 0; i < n_old; i++) {
        if (old[i] != NULL) {
            put(set, old[i]);
        }
    }
    free(old);
}

/* Those that stand behind it may have been put there because it stood here. */
static void take_out(struct meter_set *set, uint64_t id)
{
    uint32_t at = meter_set_place(set, id);
    while (set->table[at] != NULL && set->table[at]->id != id) {
        at = (at + 1) & set->mask;
    }
    if (set->table[at] == NULL) {
        return;
    }
    set->n_unbound -= set->table[at]->slot == NULL;
    set->n_meters--;
    free(set->table[at]);
    set->table[at] = NULL;
    for (at = (at + 1) & set->mask; set->table[at] != NULL; at = (at + 1) & set->mask) {
        struct policer *policer = set->table[at];
        set->table[at] = NULL;
        put(set, policer);
    }
}

/* Bands of a type that is none of ours never act. */
static void set_bands(struct policer *policer, const Busbar__MeterRow *row)
{
    policer->counts_packets = (row->flags & FLAG_PKTPS) != 0;
    policer->n_bands = row->n_bands < POLICER_BANDS_MAX ? (uint32_t)row->n_bands : POLICER_BANDS_MAX;
    if (row->n_bands > POLICER_BANDS_MAX) {
        LOG_LIMITED(LOG_LEVEL_WARN, "meter_bands_ignored meter=%u bands=%zu", row->meter_id, row->n_bands);
    }
    for (uint32_t i = 0; i < policer->n_bands; i++) {
        const Busbar__BandMessage *band = row->bands[i];
        uint32_t burst = (row->flags & FLAG_BURST) != 0 ? band->burst_size : 0;
        uint32_t level = band->prec_level < 3 ? band->prec_level : 3;
        int verdict = band->type == BAND_DROP ? DP_METER_DROP : band->type == BAND_DSCP_REMARK ? (int)level : DP_METER_PASS;
        policer->bands[i] = policer_band(policer->counts_packets, band->rate, burst, verdict);
    }
}

void meter_set_apply(struct meter_set *set, uint64_t id, const Busbar__MeterRow *row, uint64_t now_ns)
{
    struct policer *policer = meter_set_find(set, id);
    if (row == NULL) {
        take_out(set, id);
        return;
    }
    if (policer == NULL) {
        if (set->n_meters * 2 > set->mask) {
            grow(set);
        }
        policer = memory_zeroed(sizeof *policer);
        policer->id = id;
        put(set, policer);
        set->n_meters++;
        set->n_unbound++;
        bind_slot(set, policer, now_ns);
    }
    set_bands(policer, row);
}

bool meter_set_read(const struct meter_set *set, uint64_t id, struct meter_counts *out_counts)
{
    const struct policer *policer = meter_set_find(set, id);
    if (policer == NULL || policer->slot == NULL || atomic_load(&policer->slot->owner) != id) {
        return false;
    }
    *out_counts = (struct meter_counts){.packets = atomic_load(&policer->slot->packets),
                                        .bytes = atomic_load(&policer->slot->bytes),
                                        .n_bands = policer->n_bands};
    for (size_t i = 0; i < policer->n_bands; i++) {
        out_counts->bands[i].packets = atomic_load(&policer->slot->bands[i].packets);
        out_counts->bands[i].bytes = atomic_load(&policer->slot->bands[i].bytes);
    }
    return true;
}

uint64_t meter_set_next(const struct meter_set *set, size_t *cursor)
{
    while (*cursor <= set->mask) {
        const struct policer *policer = set->table[(*cursor)++];
        if (policer != NULL) {
            return policer->id;
        }
    }
    return 0;
}

_Static_assert(METER_SLOTS % METER_PROBES == 0 && HEAD_BYTES % 64 == 0 && sizeof(struct head) == 16, "chunks are whole, slots aligned");
