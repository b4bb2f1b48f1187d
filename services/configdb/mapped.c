/* Room and a mark, for an environment that is written through its map.
 *
 * Why: with MDB_WRITEMAP a commit without sync is a dozen pages changed in memory that belongs to the kernel; without it each of them is a system
 * call, a quarter of what a single rule costs. Two things that write() takes care of are ours then:
 *
 *   room   a page for which the directory has no room is a SIGBUS, not an error. So before each change there is room, behind the last page that the
 *          transaction has taken, for what this change and the commit may take at most; when there is none the transaction is refused. A change
 *          takes a few pages a level of its tree, and those of a large value; the commit those that note what became free: eight bytes a page,
 *          written anew when they grow, and the pages of the tree that they stand in. Where LMDB is in the file it does not tell while a
 *          transaction is open: it is the third word of its transaction, in all of 0.9, and each start of a transaction compares it.
 *   halves kill -9 leaves what was stored up to some instruction. LMDB ends a commit by storing the new roots and then its number, but the compiler
 *          has put a part of the roots behind the number. So a mark in a file of its own says which commit is under way, and a start that finds
 *          one takes it back: LMDB keeps the roots of two commits, in turn, and takes those with the greater number.
 *
 *   mark   ticket of the last commit that was begun, of the last that was done, number that LMDB gives the one begun last
 *
 * A commit that was done without the mark being set yet is taken back as well. So nobody may act on it before mapped_end(): its answer is given after that,
 * and the fold, in its own thread, waits for it (store_read_done()) before it copies to the disk what it sees.
 *
 * A stray pointer of ours could reach these pages. Values carry checksums, the environment can be rebuilt, and what is copied to the disk is
 * read with its checksum; the disk's environment is not written this way.
 *
 * Cost: a comparison a change, an allocation of 1 MiB now and then; some 2 MiB and a hundredth more than what is used.
 * Threads: mapped_end() any, the others who holds LMDB's write lock. Invariant I8.
 */
#include "services/configdb/mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"

enum {
    MAPPED_PAGE_BYTES = 4096, /* LMDB takes the system's */
    MAPPED_STEP_BYTES = 1 << 20,
    MAPPED_CHANGE_PAGES = 96, /* of 16 levels, six each: page and neighbour copied, split when full or when a key in them gets longer */
    MAPPED_COMMIT_PAGES = 64, /* of a commit, beside the two below */
    MAPPED_FREE_SHARE = 127,  /* a fourth of the page numbers that a page holds: the notes of what is free are written four times at most */
    MAPPED_KEPT_BYTES = 8 << 20,
    MAPPED_TAKEN_AT = 2, /* words into LMDB's transaction */
};

/* Of LMDB 0.9, data version 1: a header of 16 bytes, then this; pages 0 and 1. */
enum {
    META_MAGIC_AT = 16,
    META_VERSION_AT = 20,
    META_TXNID_AT = 144,
    META_BYTES = 152,
};
#define META_MAGIC 0xBEEFC0DEu

struct mapped_mark {
    _Atomic uint64_t begun, done, txnid;
};
struct mapped {
    struct mapped_mark *mark;
    uint64_t allocated; /* bytes of the data file that are known to have room */
};

static int mapped_file(const char *dir, const char *name, int flags)
{
    char *path = memory_format("%s/%s", dir, name);
    int fd = open(path, flags | O_CLOEXEC, 0600);
    int err = errno;
    free(path);
    return fd >= 0 ? fd : -err;
}

int mapped_open(const char *dir, struct mapped **out_mapped)
{
    const struct mapped_mark none = {0};
    if (sysconf(_SC_PAGESIZE) != MAPPED_PAGE_BYTES) {
        return -ERROR_UNSUPPORTED;
    }
    int fd = mapped_file(dir, "mark", O_RDWR | O_CREAT);
    if (fd < 0) {
        return fd;
    }
    errno = ENOSPC;
    if (pwrite(fd, &none, sizeof none, 0) != (ssize_t)sizeof none) {
        int err = -errno;
        close(fd);
        return err;
    }
    void *map = mmap(NULL, sizeof none, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    int err = map == MAP_FAILED ? -errno : 0;
    close(fd);
    if (err != 0) {
        return err;
    }
    struct mapped *mapped = memory_zeroed(sizeof *mapped);
    mapped->mark = map;
    *out_mapped = mapped;
    return 0;
}

void mapped_close(struct mapped **mapped)
{
    if (*mapped == NULL) {
        return;
    }
    (void)munmap((*mapped)->mark, sizeof *(*mapped)->mark);
    free(*mapped);
    *mapped = NULL;
}

/* The number of the commit whose roots stand in a page; false: they are not LMDB's. */
static bool mapped_number(int fd, size_t page, uint64_t *out_txnid)
{
    uint8_t bytes[META_BYTES];
    uint32_t magic, version;
    if (pread(fd, bytes, sizeof bytes, (off_t)page * MAPPED_PAGE_BYTES) != (ssize_t)sizeof bytes) {
        return false;
    }
    memcpy(&magic, bytes + META_MAGIC_AT, sizeof magic);
    memcpy(&version, bytes + META_VERSION_AT, sizeof version);
    memcpy(out_txnid, bytes + META_TXNID_AT, sizeof *out_txnid);
    return magic == META_MAGIC && version == 1;
}

static int mapped_take_back(int fd, uint64_t txnid)
{
    uint64_t numbers[2] = {0, 0};
    const uint64_t never = 0;
    if (!mapped_number(fd, 0, &numbers[0]) || !mapped_number(fd, 1, &numbers[1])) {
        return -ERROR_DAMAGED;
    }
    size_t page = txnid & 1;
    if (numbers[page] != txnid || numbers[1 - page] + 1 != txnid) {
        return 0; /* it did not get so far */
    }
    log_info("commit_taken_back number=%llu", (unsigned long long)txnid);
    errno = EIO;
    return pwrite(fd, &never, sizeof never, (off_t)page * MAPPED_PAGE_BYTES + META_TXNID_AT) == (ssize_t)sizeof never ? 0 : -errno;
}

static int mapped_recover_data(const char *dir, uint64_t txnid, struct error_detail *detail)
{
    int fd = mapped_file(dir, "data.mdb", O_RDWR);
    int err = fd >= 0 ? mapped_take_back(fd, txnid) : fd == -ENOENT ? 0 : fd;
    if (fd >= 0) {
        close(fd);
    }
    return err == 0 ? 0 : error_set(detail, err, "%.200s/data.mdb: %s", dir, error_text(err));
}

/* What was dealt with is not found again, whoever writes in the meantime. */
int mapped_recover(const char *dir, struct error_detail *detail)
{
    struct mapped_mark mark = {0};
    const struct mapped_mark none = {0};
    int fd = mapped_file(dir, "mark", O_RDWR);
    if (fd < 0) {
        return fd == -ENOENT ? 0 : error_set(detail, fd, "%.200s/mark: %s", dir, error_text(fd));
    }
    ssize_t n = pread(fd, &mark, sizeof mark, 0);
    int err = n < 0 ? error_set(detail, -errno, "%.200s/mark: %s", dir, strerror(errno)) : 0;
    if (n == (ssize_t)sizeof mark && mark.begun > mark.done && (err = mapped_recover_data(dir, mark.txnid, detail)) == 0 &&
        pwrite(fd, &none, sizeof none, 0) != (ssize_t)sizeof none) {
        err = error_set(detail, -EIO, "%.200s/mark: %s", dir, error_text(-EIO));
    }
    close(fd);
    return err;
}

int mapped_forget(const char *dir, struct error_detail *detail)
{
    char *path = memory_format("%s/mark", dir);
    int err = unlink(path) == 0 || errno == ENOENT ? 0 : -errno;
    free(path);
    return err == 0 ? 0 : error_set(detail, err, "%.200s/mark: %s", dir, error_text(err));
}

uint64_t mapped_taken(const void *lmdb_txn)
{
    uint64_t taken;
    memcpy(&taken, (const uint64_t *)lmdb_txn + MAPPED_TAKEN_AT, sizeof taken);
    return taken;
}

uint64_t mapped_wanted(uint64_t taken, uint64_t free_pages, size_t size)
{
    return taken + taken / MAPPED_FREE_SHARE + 2 * free_pages + MAPPED_COMMIT_PAGES + MAPPED_CHANGE_PAGES + size / MAPPED_PAGE_BYTES + 2;
}

bool mapped_has_room(const struct mapped *mapped, uint64_t wanted)
{
    return wanted * MAPPED_PAGE_BYTES <= mapped->allocated;
}

int mapped_room(struct mapped *mapped, int fd, uint64_t wanted_pages, uint64_t map_bytes)
{
    uint64_t wanted = wanted_pages * MAPPED_PAGE_BYTES;
    wanted = (wanted + MAPPED_STEP_BYTES - 1) / MAPPED_STEP_BYTES * MAPPED_STEP_BYTES;
    wanted = wanted < map_bytes ? wanted : map_bytes;
    if (wanted <= mapped->allocated) {
        return 0; /* all of the map: LMDB says when that is not enough */
    }
    /* From the beginning: what LMDB has never written, though it counts it as used, may be a hole. */
    int err = posix_fallocate(fd, (off_t)mapped->allocated, (off_t)(wanted - mapped->allocated));
    if (err != 0) {
        return -err;
    }
    mapped->allocated = wanted;
    return 0;
}

void mapped_give_back(struct mapped *mapped, int fd, uint64_t used, uint64_t end)
{
    uint64_t from = used * MAPPED_PAGE_BYTES;
    if (end <= from) {
        return;
    }
    int err = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from, (off_t)(end - from));
    mapped->allocated = err == 0 && mapped->allocated > from ? from : mapped->allocated; /* a file system that cannot: it stays */
}

void mapped_aborted(struct mapped *mapped, int fd, uint64_t used)
{
    if (mapped->allocated > used * MAPPED_PAGE_BYTES + MAPPED_KEPT_BYTES) {
        mapped_give_back(mapped, fd, used, mapped->allocated);
    }
}

uint64_t mapped_allocated(const struct mapped *mapped)
{
    return mapped->allocated;
}

uint64_t mapped_begin(struct mapped *mapped, uint64_t txnid)
{
    uint64_t ticket = atomic_load_explicit(&mapped->mark->begun, memory_order_relaxed) + 1;
    atomic_store(&mapped->mark->txnid, txnid);
    atomic_store(&mapped->mark->begun, ticket);
    return ticket;
}

void mapped_end(struct mapped *mapped, uint64_t ticket)
{
    uint64_t done = atomic_load(&mapped->mark->done);
    while (done < ticket && !atomic_compare_exchange_weak(&mapped->mark->done, &done, ticket)) {
    }
}

uint64_t mapped_newest(const struct mapped *mapped)
{
    return atomic_load(&mapped->mark->begun);
}

bool mapped_is_done(const struct mapped *mapped, uint64_t ticket)
{
    return atomic_load(&mapped->mark->done) >= ticket;
}
