/* The maps of the kernel's tier.
 *
 *     RUN/bpf/tier_flows  tier_slots      shared by all programs and shards; shard n has the slots from (n - 1) % 16 * 16,384 on
 *
 * Entries of a shard that was killed stay in the map: nothing forwards by them when their owner's lease has run out, and the next shard with
 * the same slots takes them out when it starts. What counts refused frames (bpf/tier_watch.bpf.c) is each shard's own, so that nothing of
 * it outlives us; the lowest shard's count is the one that is told. Without it (no BTF, no right to trace) there is no tier: a packet that
 * disappears uncounted is worse than a slow one (I5). Control code but for put and remove, a system call each.
 */
#include "services/fastpath/tier_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/memory.h"
#include "services/fastpath/rx_embedded.h"

enum { SLOTS_ALL = TIER_SHARDS * TIER_SLOTS, SLOTS_BYTES = SLOTS_ALL * (int)sizeof(struct tier_slot) };

struct tier_maps {
    int flows_fd, slots_fd, sources_fd, failed_fd;
    struct tier_slot *slots; /* all of them, mapped */
    uint32_t first;
    struct bpf_object *watch;
    struct bpf_link *links[2];
    struct tier_failed *by_cpu;
    int n_cpus;
};

/* The pinned map, or a new one of this shape, pinned when there is a place for pins. */
static int open_map(const struct rx_pins *pins, const char *name, enum bpf_map_type type, uint32_t key_size, uint32_t value_size, uint32_t flags)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = flags);
    char path[RX_PINS_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", pins->dir, name);
    for (int attempt = 0; attempt < 2; attempt++) {
        int fd = pins->dir[0] != '\0' ? bpf_obj_get(path) : -1;
        if (fd >= 0) {
            return fd;
        }
        fd = bpf_map_create(type, name, key_size, value_size, SLOTS_ALL, &options);
        if (fd < 0) {
            return -errno;
        }
        if (pins->dir[0] == '\0' || bpf_obj_pin(fd, path) == 0) {
            return fd;
        }
        int err = -errno;
        close(fd);
        if (err != -EEXIST) { /* EEXIST: another shard has just made it */
            return err;
        }
    }
    return -EAGAIN;
}

/* Takes entries out whose slots are ours: of the one who had them before. */
static void sweep(const struct tier_maps *maps)
{
    struct tier_key key, next;
    struct tier_entry entry;
    bool has_next = bpf_map_get_next_key(maps->flows_fd, NULL, &next) == 0;
    while (has_next) {
        key = next;
        has_next = bpf_map_get_next_key(maps->flows_fd, &key, &next) == 0;
        if (bpf_map_lookup_elem(maps->flows_fd, &key, &entry) == 0 && entry.slot - maps->first < TIER_SLOTS) {
            (void)bpf_map_delete_elem(maps->flows_fd, &key);
        }
    }
    for (uint32_t i = 0; i < TIER_SLOTS; i++) { /* and no slot fits an entry that somebody may just be reading */
        __atomic_fetch_add(&maps->slots[maps->first + i].generation, 1, __ATOMIC_RELEASE);
    }
}

static int start_watch(struct tier_maps *maps, struct error_detail *detail)
{
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "busbar_tier");
    static const char *const names[2] = {"busbar_sent", "busbar_refused"};
    struct stat namespace;
    const struct rx_embedded *code = &rx_embedded_tier_watch;
    maps->watch = bpf_object__open_mem(code->start, (size_t)(code->end - code->start), &options);
    if (maps->watch == NULL || stat("/proc/self/ns/net", &namespace) != 0) {
        int err = -errno;
        return error_set(detail, err, "counting of refused frames: %s", error_text(err));
    }
    size_t size;
    struct bpf_map *constants = bpf_object__find_map_by_name(maps->watch, ".rodata");
    uint32_t *number = constants != NULL ? (uint32_t *)(uintptr_t)bpf_map__initial_value(constants, &size) : NULL;
    if (number == NULL || size < sizeof *number) {
        return error_set(detail, -EINVAL, "counting of refused frames: the program has no place for the namespace");
    }
    *number = (uint32_t)namespace.st_ino;
    int err = bpf_object__load(maps->watch);
    for (int i = 0; err == 0 && i < 2; i++) {
        maps->links[i] = bpf_program__attach(bpf_object__find_program_by_name(maps->watch, names[i]));
        err = maps->links[i] == NULL ? -errno : 0;
    }
    if (err != 0) {
        return error_set(detail, err, "counting of refused frames: %s", error_text(err));
    }
    maps->sources_fd = bpf_object__find_map_fd_by_name(maps->watch, "tier_sources");
    maps->failed_fd = bpf_object__find_map_fd_by_name(maps->watch, "tier_failed");
    return 0;
}

int tier_maps_open(const struct rx_pins *pins, uint32_t instance, struct tier_maps **out_maps, struct error_detail *detail)
{
    struct tier_maps *maps = memory_zeroed(sizeof *maps);
    maps->slots_fd = -1;
    maps->first = (instance - 1) % TIER_SHARDS * TIER_SLOTS;
    maps->n_cpus = libbpf_num_possible_cpus();
    maps->by_cpu = memory_array(maps->n_cpus > 0 ? (size_t)maps->n_cpus : 1, sizeof *maps->by_cpu);
    maps->flows_fd =
        open_map(pins, "tier_flows", BPF_MAP_TYPE_HASH, sizeof(struct tier_key), sizeof(struct tier_entry), BPF_F_NO_PREALLOC);
    int err = maps->flows_fd < 0 ? maps->flows_fd : 0;
    if (err == 0) {
        maps->slots_fd = open_map(pins, "tier_slots", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct tier_slot), BPF_F_MMAPABLE);
        err = maps->slots_fd < 0 ? maps->slots_fd : 0;
    }
    if (err == 0) {
        void *mapped = mmap(NULL, SLOTS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, maps->slots_fd, 0);
        err = mapped == MAP_FAILED ? -errno : 0;
        maps->slots = mapped != MAP_FAILED ? mapped : NULL;
    }
    if (err != 0) {
        (void)error_set(detail, err, "maps: %s", error_text(err));
    } else {
        err = start_watch(maps, detail);
    }
    if (err != 0) {
        tier_maps_close(&maps);
        return err;
    }
    sweep(maps);
    *out_maps = maps;
    return 0;
}

void tier_maps_close(struct tier_maps **maps)
{
    struct tier_maps *it = *maps;
    if (it == NULL) {
        return;
    }
    for (int i = 0; i < 2; i++) {
        (void)bpf_link__destroy(it->links[i]);
    }
    bpf_object__close(it->watch);
    if (it->slots != NULL) {
        munmap(it->slots, SLOTS_BYTES);
    }
    if (it->flows_fd >= 0) {
        close(it->flows_fd);
    }
    if (it->slots_fd >= 0) {
        close(it->slots_fd);
    }
    free(it->by_cpu);
    free(it);
    *maps = NULL;
}

int tier_maps_flows_fd(const struct tier_maps *maps)
{
    return maps->flows_fd;
}

int tier_maps_slots_fd(const struct tier_maps *maps)
{
    return maps->slots_fd;
}

void tier_maps_watch(struct tier_maps *maps, uint32_t ifindex, bool is_ours)
{
    const uint32_t one = 1;
    if (is_ours) {
        (void)bpf_map_delete_elem(maps->failed_fd, &ifindex); /* of a device that had its number before */
        (void)bpf_map_update_elem(maps->sources_fd, &ifindex, &one, BPF_ANY);
    } else {
        (void)bpf_map_delete_elem(maps->sources_fd, &ifindex);
    }
}

/* ---- the table ---- */

static int put(void *context, const struct tier_key *key, const struct tier_entry *entry)
{
    const struct tier_maps *maps = context;
    return bpf_map_update_elem(maps->flows_fd, key, entry, BPF_ANY) != 0 ? -errno : 0;
}

static void remove_key(void *context, const struct tier_key *key)
{
    const struct tier_maps *maps = context;
    (void)bpf_map_delete_elem(maps->flows_fd, key);
}

static struct tier_failed count_failed(void *context, uint32_t ifindex)
{
    struct tier_maps *maps = context;
    struct tier_failed sum = {0};
    if (bpf_map_lookup_elem(maps->failed_fd, &ifindex, maps->by_cpu) != 0) {
        return sum;
    }
    for (int i = 0; i < maps->n_cpus; i++) {
        sum.frames += maps->by_cpu[i].frames;
        sum.refused += maps->by_cpu[i].refused;
    }
    return sum;
}

struct tier_table tier_maps_table(struct tier_maps *maps)
{
    return (struct tier_table){.slots = maps->slots + maps->first,
                               .first = maps->first,
                               .put = put,
                               .remove = remove_key,
                               .count_failed = count_failed,
                               .context = maps};
}
