/* The maps of the kernel's tier.
 *
 *     RUN/bpf/tier4_flows  tier4_slots  tier4_cpu    shared by all programs and shards; shard n has the slots from (n - 1) * 16,384 on
 *
 * Entries of a shard that was killed stay in the map: nothing forwards by them when their owner's lease has run out, and the next shard with
 * the same slots takes them out when it starts. What counts refused frames (bpf/tier_watch.bpf.c) is each shard's own, so that nothing of
 * it outlives us, and counts what that shard redirected. Without it (no BTF, no right to trace) there is no tier: a packet that
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
#include "services/fastpath/bpf/rx_meta.h"
#include "services/fastpath/rx_embedded.h"

enum { SLOTS_ALL = TIER_SHARDS * TIER_SLOTS, SLOTS_BYTES = SLOTS_ALL * (int)sizeof(struct tier_slot) };

static const struct {
    const char *name, *pin;
    enum bpf_map_type type;
    uint32_t key_size, value_size, n_entries, flags;
} shapes[TIER_MAPS] = {
    [TIER_MAP_FLOWS] = {"tier_flows", "flows", BPF_MAP_TYPE_HASH, sizeof(struct tier_key), sizeof(struct tier_entry), SLOTS_ALL,
                        BPF_F_NO_PREALLOC},
    [TIER_MAP_SLOTS] = {"tier_slots", "slots", BPF_MAP_TYPE_ARRAY, sizeof(uint32_t), sizeof(struct tier_slot), SLOTS_ALL, BPF_F_MMAPABLE},
    [TIER_MAP_CPU] = {"tier_cpu", "cpu", BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(uint32_t), sizeof(uint32_t), 1, 0},
};

/* As in bpf/tier_watch.bpf.c. */
struct watched {
    uint32_t network_namespace, shard;
};

struct tier_maps {
    int fds[TIER_MAPS], sources_fd, failed_fd;
    struct tier_slot *slots; /* all of them, mapped */
    uint32_t first;
    struct bpf_object *watch;
    struct bpf_link *links[2];
    struct tier_failed *by_cpu;
    int n_cpus;
};

/* The pinned map, or a new one, pinned when there is a place for pins. Its name carries the version of its layout. */
static int open_map(const struct rx_pins *pins, enum tier_map which)
{
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = shapes[which].flags);
    char path[RX_PINS_PATH_BYTES];
    snprintf(path, sizeof path, "%s/tier%d_%s", pins->dir, RX_VERSION, shapes[which].pin);
    for (int attempt = 0; attempt < 2; attempt++) {
        int fd = pins->dir[0] != '\0' ? bpf_obj_get(path) : -1;
        if (fd >= 0) {
            return fd;
        }
        fd = bpf_map_create(shapes[which].type, shapes[which].name, shapes[which].key_size, shapes[which].value_size, shapes[which].n_entries,
                            &options);
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
    bool has_next = bpf_map_get_next_key(maps->fds[TIER_MAP_FLOWS], NULL, &next) == 0;
    while (has_next) {
        key = next;
        has_next = bpf_map_get_next_key(maps->fds[TIER_MAP_FLOWS], &key, &next) == 0;
        if (bpf_map_lookup_elem(maps->fds[TIER_MAP_FLOWS], &key, &entry) == 0 && entry.slot - maps->first < TIER_SLOTS) {
            (void)bpf_map_delete_elem(maps->fds[TIER_MAP_FLOWS], &key);
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
    struct watched *watched = constants != NULL ? (struct watched *)(uintptr_t)bpf_map__initial_value(constants, &size) : NULL;
    if (watched == NULL || size < sizeof *watched) {
        return error_set(detail, -EINVAL, "counting of refused frames: the program has no place for what it is to watch");
    }
    *watched = (struct watched){.network_namespace = (uint32_t)namespace.st_ino, .shard = maps->first / TIER_SLOTS + 1};
    int err = bpf_map__reuse_fd(bpf_object__find_map_by_name(maps->watch, "tier_cpu"), maps->fds[TIER_MAP_CPU]);
    err = err == 0 ? bpf_object__load(maps->watch) : err;
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
    struct tier_maps *maps;
    int err = 0;
    if (instance > TIER_SHARDS) {
        return error_set(detail, -ERROR_RANGE, "fastpath.%u: only those up to fastpath.%d have a share of the kernel's tier", instance, TIER_SHARDS);
    }
    maps = memory_zeroed(sizeof *maps);
    maps->first = (instance - 1) * TIER_SLOTS;
    maps->n_cpus = libbpf_num_possible_cpus();
    maps->by_cpu = memory_array(maps->n_cpus > 0 ? (size_t)maps->n_cpus : 1, sizeof *maps->by_cpu);
    for (int which = 0; which < TIER_MAPS; which++) {
        maps->fds[which] = open_map(pins, (enum tier_map)which);
        err = err == 0 && maps->fds[which] < 0 ? maps->fds[which] : err;
    }
    if (err == 0) {
        void *mapped = mmap(NULL, SLOTS_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, maps->fds[TIER_MAP_SLOTS], 0);
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
    for (int which = 0; which < TIER_MAPS; which++) {
        if (it->fds[which] >= 0) {
            close(it->fds[which]);
        }
    }
    free(it->by_cpu);
    free(it);
    *maps = NULL;
}

int tier_maps_fd(const struct tier_maps *maps, enum tier_map which)
{
    return maps->fds[which];
}

const char *tier_map_name(enum tier_map which)
{
    return shapes[which].name;
}

uint32_t tier_maps_id(const struct tier_maps *maps)
{
    struct bpf_map_info info = {0};
    uint32_t size = sizeof info;
    return bpf_obj_get_info_by_fd(maps->fds[TIER_MAP_FLOWS], &info, &size) == 0 ? info.id : 0;
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
    return bpf_map_update_elem(maps->fds[TIER_MAP_FLOWS], key, entry, BPF_ANY) != 0 ? -errno : 0;
}

/* Another shard may have put its own over it. */
static void remove_key(void *context, const struct tier_key *key, uint32_t slot)
{
    const struct tier_maps *maps = context;
    struct tier_entry entry;
    if (bpf_map_lookup_elem(maps->fds[TIER_MAP_FLOWS], key, &entry) == 0 && entry.slot == slot) {
        (void)bpf_map_delete_elem(maps->fds[TIER_MAP_FLOWS], key);
    }
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
