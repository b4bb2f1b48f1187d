/* Finding, loading and attaching the embedded program.
 *
 *     pin there, and it is what the device has? --yes--> open its maps
 *         | no                                                               (under the lock, so that two shards do not both attach)
 *         +--> take away what is stale, load, attach, pin maps and link
 *
 * Three attempts to attach, the best first; what one failed with becomes the `why` that swctl shows, and is kept in a map for the shards
 * that find the program attached. It is held by a pinned link: a killed fastpath leaves it on the device, where the next one finds it
 * with its maps, and frames that come meanwhile are counted. A program of somebody else's is never replaced: the kernel answers EBUSY.
 * The program bound to a device (for the hint) cannot be attached in generic mode, and needs kernel 6.8.
 * Control code; some 20 ms to attach, far less to find. libbpf's own messages go to the debug log.
 */
#include "services/fastpath/rx_program.h"

#include <assert.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"
#include "services/fastpath/bpf/rx_meta.h"
#include "services/fastpath/rx_embedded.h"
#include "services/fastpath/tier_maps.h"

enum { TAGS_BYTES = 4096 /* a map of one element is mapped as a page */, TIER_BYTES = RX_QUEUES_MAX * (int)sizeof(struct tier_queue) };

#ifndef BPF_F_XDP_DEV_BOUND_ONLY
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6)
#endif

#define OUR_NAME "busbar_rx" /* as bpf/rx.bpf.c calls it */

static_assert(sizeof(struct rx_about) == 200, "known to other versions");

static int to_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_debug("libbpf text=\"%s\"", line);
    return 0;
}

/* ---- attaching ---- */

/* The maps that all programs share, or, without a tier, maps of their own that hold nothing. */
static int use_tier(struct bpf_object *object, const struct tier_maps *tier)
{
    int err = 0;
    for (int which = 0; err == 0 && which < TIER_MAPS; which++) {
        struct bpf_map *map = bpf_object__find_map_by_name(object, tier_map_name((enum tier_map)which));
        err = tier != NULL ? bpf_map__reuse_fd(map, tier_maps_fd(tier, (enum tier_map)which)) : bpf_map__set_max_entries(map, 1);
    }
    return err;
}

static int load(const struct rx_embedded *code, const struct tier_maps *tier, unsigned bound_to, struct bpf_object **out_object)
{
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = OUR_NAME);
    struct bpf_object *object = bpf_object__open_mem(code->start, (size_t)(code->end - code->start), &options);
    if (object == NULL) {
        return -errno;
    }
    struct bpf_program *program = bpf_object__find_program_by_name(object, OUR_NAME);
    if (bound_to != 0) {
        bpf_program__set_ifindex(program, bound_to);
        bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_XDP_DEV_BOUND_ONLY);
    }
    int err = use_tier(object, tier);
    if (err == 0) {
        err = bpf_object__load(object);
    }
    if (err != 0) {
        bpf_object__close(object);
        return err;
    }
    *out_object = object;
    return 0;
}

static int attach(struct bpf_object *object, unsigned ifindex, bool is_native)
{
    LIBBPF_OPTS(bpf_link_create_opts, options, .flags = is_native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE);
    int program_fd = bpf_program__fd(bpf_object__find_program_by_name(object, OUR_NAME));
    int fd = bpf_link_create(program_fd, (int)ifindex, BPF_XDP, &options);
    return fd >= 0 ? fd : -errno;
}

static int attempt(unsigned ifindex, const struct tier_maps *tier, bool with_hint, bool is_native, struct rx_program *program, struct bpf_object **out_object)
{
    struct bpf_object *object = NULL;
    int err = load(with_hint ? &rx_embedded_hint : &rx_embedded_plain, tier, with_hint ? ifindex : 0, &object);
    if (err != 0) {
        return err;
    }
    int fd = attach(object, ifindex, is_native);
    if (fd < 0) {
        bpf_object__close(object);
        return fd;
    }
    program->link_fd = fd;
    program->is_native = is_native;
    program->has_vlan_hint = with_hint;
    *out_object = object;
    return 0;
}

/* Names the program that is on the device, for the error. */
static int taken(unsigned ifindex, const char *name, struct error_detail *detail)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, options);
    struct bpf_prog_info info = {0};
    uint32_t id = 0, size = sizeof info;
    if (bpf_xdp_query((int)ifindex, 0, &options) == 0) {
        id = options.prog_id != 0 ? options.prog_id : options.drv_prog_id != 0 ? options.drv_prog_id : options.skb_prog_id;
    }
    int fd = id != 0 ? bpf_prog_get_fd_by_id(id) : -1;
    if (fd >= 0) {
        (void)bpf_obj_get_info_by_fd(fd, &info, &size);
        close(fd);
    }
    /* Of our name, but without a pin: the one of a port that has just been removed is on its way off the device. When it has gone between
     * the attempt and the question there is nobody to name: fd < 0. */
    int err = fd < 0 || strcmp(info.name, OUR_NAME) == 0 ? -EAGAIN : -EBUSY;
    return error_set(detail, err, "%s: somebody else's XDP program is attached: %.15s (id %u)", name,
                     info.name[0] != '\0' ? info.name : "?", id);
}

static int attach_best(unsigned ifindex, const struct tier_maps *tier, const char *name, struct rx_program *program, struct bpf_object **out_object,
                       struct error_detail *detail)
{
    int hint_err = attempt(ifindex, tier, true, true, program, out_object);
    if (hint_err == 0) {
        return 0;
    }
    int native_err = attempt(ifindex, tier, false, true, program, out_object);
    if (native_err == 0) {
        snprintf(program->why, sizeof program->why, "VLAN tags taken out by offload are not seen: %s", error_text(hint_err));
        return 0;
    }
    if (native_err == -EBUSY || native_err == -EEXIST) {
        return taken(ifindex, name, detail);
    }
    int err = attempt(ifindex, tier, false, false, program, out_object);
    if (err == -EBUSY || err == -EEXIST) {
        return taken(ifindex, name, detail);
    }
    snprintf(program->why, sizeof program->why, "native XDP refused: %s", error_text(native_err));
    return err == 0 ? 0 : error_set(detail, err, "%s: %s", name, error_text(err));
}

static int pin(const struct rx_pins *pins, unsigned ifindex, int fd, const char *what)
{
    char path[RX_PINS_PATH_BYTES];
    rx_pins_path(pins, ifindex, what, path);
    return bpf_obj_pin(fd, path) != 0 ? -errno : 0;
}

static int map_tags(struct rx_program *program)
{
    void *page = program->has_vlan_hint ? mmap(NULL, TAGS_BYTES, PROT_READ, MAP_SHARED, program->tags_fd, 0) : NULL;
    if (page == MAP_FAILED) {
        return -errno;
    }
    program->has_tags = page;
    return 0;
}

/* Without a tier nothing is mapped, and the program finds no owner there. */
static int map_tier(struct rx_program *program, const struct tier_maps *tier)
{
    void *pages = tier != NULL && program->is_native ? mmap(NULL, TIER_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, program->tier_fd, 0) : NULL;
    if (pages == MAP_FAILED) {
        return -errno;
    }
    program->tier_queues = pages;
    return 0;
}

/* The link last: with it, the rest is there. */
static int pin_all(const struct rx_pins *pins, struct rx_program *program, const struct bpf_object *object)
{
    int err = pin(pins, program->ifindex, program->sockets_fd, "sockets");
    if (err == 0) {
        err = pin(pins, program->ifindex, program->no_shard_fd, "no_shard");
    }
    if (err == 0) {
        err = pin(pins, program->ifindex, program->counted_fd, "counted");
    }
    if (err == 0) {
        err = pin(pins, program->ifindex, program->tags_fd, "tags");
    }
    if (err == 0) {
        err = pin(pins, program->ifindex, program->tier_fd, "tier_queues");
    }
    if (err == 0) {
        err = pin(pins, program->ifindex, bpf_object__find_map_fd_by_name(object, "about"), "about");
    }
    if (err == 0) {
        err = pin(pins, program->ifindex, program->link_fd, "link");
    }
    if (err != 0) {
        int link_fd = rx_pins_remove(pins, program->ifindex, 0);
        if (link_fd >= 0) {
            close(link_fd);
        }
        return err;
    }
    close(program->link_fd);
    program->link_fd = -1;
    program->pin = rx_pins_number(pins, program->ifindex);
    return 0;
}

static int attach_and_pin(const struct rx_pins *pins, const struct tier_maps *tier, unsigned ifindex, const char *name, struct rx_program *out_program,
                          struct error_detail *detail)
{
    struct rx_program program = RX_PROGRAM_NONE;
    struct bpf_object *object = NULL;
    const uint32_t key = 0;
    int err = attach_best(ifindex, tier, name, &program, &object, detail);
    if (err != 0) {
        return err;
    }
    struct rx_about about = {.version = RX_VERSION, .is_native = program.is_native, .has_vlan_hint = program.has_vlan_hint,
                             .tier_id = tier != NULL ? tier_maps_id(tier) : 0};
    snprintf(about.why, sizeof about.why, "%.*s", (int)sizeof about.why - 1, program.why);
    program.ifindex = ifindex;
    program.sockets_fd = dup(bpf_object__find_map_fd_by_name(object, "sockets"));
    program.no_shard_fd = dup(bpf_object__find_map_fd_by_name(object, "no_shard"));
    program.counted_fd = dup(bpf_object__find_map_fd_by_name(object, "counted"));
    program.tags_fd = dup(bpf_object__find_map_fd_by_name(object, "tags"));
    program.tier_fd = dup(bpf_object__find_map_fd_by_name(object, "tier_queues"));
    if (program.sockets_fd < 0 || program.no_shard_fd < 0 || program.counted_fd < 0 || program.tags_fd < 0 || program.tier_fd < 0) {
        err = -errno;
    } else {
        err = map_tags(&program);
    }
    if (err == 0) {
        err = map_tier(&program, tier);
    }
    if (err == 0 && bpf_map_update_elem(bpf_object__find_map_fd_by_name(object, "about"), &key, &about, BPF_ANY) != 0) {
        err = -errno;
    }
    if (err == 0 && pins->dir[0] != '\0') {
        err = pin_all(pins, &program, object);
    }
    bpf_object__close(object);
    if (err != 0) {
        rx_program_close(&program);
        return error_set(detail, err, "%s: XDP program: %s", name, error_text(err));
    }
    *out_program = program;
    return 0;
}

/* ---- finding ---- */

/* The pinned link is on this device, and its program is what the device runs. */
static bool is_on_device(const struct rx_pins *pins, unsigned ifindex)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, options);
    struct bpf_link_info info = {0};
    uint32_t size = sizeof info;
    char path[RX_PINS_PATH_BYTES];
    rx_pins_path(pins, ifindex, "link", path);
    int fd = bpf_obj_get(path);
    if (fd < 0) {
        return false;
    }
    int err = bpf_obj_get_info_by_fd(fd, &info, &size);
    close(fd);
    if (err != 0 || info.type != BPF_LINK_TYPE_XDP || info.xdp.ifindex != ifindex || bpf_xdp_query((int)ifindex, 0, &options) != 0) {
        return false;
    }
    return info.prog_id == options.prog_id || info.prog_id == options.drv_prog_id || info.prog_id == options.skb_prog_id;
}

static int open_map(const struct rx_pins *pins, unsigned ifindex, const char *what)
{
    char path[RX_PINS_PATH_BYTES];
    rx_pins_path(pins, ifindex, what, path);
    int fd = bpf_obj_get(path);
    return fd >= 0 ? fd : -errno;
}

/* 0, -ENOENT when there is no pin that fits, -ERROR_VERSION. */
static int find(const struct rx_pins *pins, const struct tier_maps *tier, unsigned ifindex, struct rx_program *out_program)
{
    struct rx_program program = RX_PROGRAM_NONE;
    struct rx_about about = {0};
    const uint32_t key = 0;
    program.ifindex = ifindex;
    program.pin = rx_pins_number(pins, ifindex);
    if (program.pin == 0 || !is_on_device(pins, ifindex)) {
        return -ENOENT;
    }
    program.sockets_fd = open_map(pins, ifindex, "sockets");
    program.no_shard_fd = open_map(pins, ifindex, "no_shard");
    program.counted_fd = open_map(pins, ifindex, "counted");
    program.tags_fd = open_map(pins, ifindex, "tags");
    program.tier_fd = open_map(pins, ifindex, "tier_queues");
    int about_fd = open_map(pins, ifindex, "about");
    bool is_whole = program.sockets_fd >= 0 && program.no_shard_fd >= 0 && program.counted_fd >= 0 && program.tags_fd >= 0 &&
                    program.tier_fd >= 0 && about_fd >= 0 && bpf_map_lookup_elem(about_fd, &key, &about) == 0;
    if (about_fd >= 0) {
        close(about_fd);
    }
    if (!is_whole || about.version != RX_VERSION) {
        rx_program_close(&program);
        return is_whole ? -ERROR_VERSION : -ENOENT;
    }
    program.is_native = about.is_native != 0;
    program.has_vlan_hint = about.has_vlan_hint != 0;
    snprintf(program.why, sizeof program.why, "%.*s", (int)sizeof about.why, about.why);
    int err = map_tags(&program);
    if (err == 0) {
        err = map_tier(&program, tier != NULL && about.tier_id == tier_maps_id(tier) ? tier : NULL);
    }
    if (err != 0) {
        rx_program_close(&program);
        return err;
    }
    *out_program = program;
    return 0;
}

bool rx_program_is_there_another_version(const struct rx_pins *pins)
{
    const uint32_t key = 0;
    uint32_t ifindex;
    struct rx_about about = {0};
    int fd = rx_pins_list(pins, &ifindex, 1) == 1 ? open_map(pins, ifindex, "about") : -1;
    bool is_other = fd >= 0 && bpf_map_lookup_elem(fd, &key, &about) == 0 && about.version != RX_VERSION;
    if (fd >= 0) {
        close(fd);
    }
    return is_other;
}

int rx_program_open(const struct rx_pins *pins, const struct tier_maps *tier, unsigned ifindex, const char *name, struct rx_program *out_program,
                    struct error_detail *detail)
{
    int lock_fd = -1;
    libbpf_set_print(to_log);
    if (pins->dir[0] == '\0') {
        return attach_and_pin(pins, tier, ifindex, name, out_program, detail);
    }
    int err = find(pins, tier, ifindex, out_program);
    if (err == 0) {
        return 0;
    }
    err = rx_pins_lock(pins, &lock_fd);
    if (err != 0) {
        return error_set(detail, err, "%s: %s", name, err == -EAGAIN ? "another fastpath is attaching programs" : error_text(err));
    }
    err = find(pins, tier, ifindex, out_program);
    if (err == -ENOENT) {
        int stale_fd = rx_pins_remove(pins, ifindex, 0); /* of a device that was */
        if (stale_fd >= 0) {
            close(stale_fd);
        }
        err = attach_and_pin(pins, tier, ifindex, name, out_program, detail);
    } else if (err == -ERROR_VERSION) {
        (void)error_set(detail, err, "%s: the XDP program of another version of the fastpath is attached (stop all of them first)", name);
    }
    rx_pins_unlock(lock_fd);
    return err;
}

void rx_program_close(struct rx_program *program)
{
    const int fds[] = {program->link_fd, program->sockets_fd, program->no_shard_fd, program->counted_fd, program->tags_fd, program->tier_fd};
    if (program->has_tags != NULL) {
        munmap((void *)(uintptr_t)program->has_tags, TAGS_BYTES);
    }
    if (program->tier_queues != NULL) {
        munmap(program->tier_queues, TIER_BYTES);
    }
    for (size_t i = 0; i < sizeof fds / sizeof fds[0]; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    *program = RX_PROGRAM_NONE;
}

bool rx_program_is_current(const struct rx_program *program, const struct rx_pins *pins)
{
    return program->pin == 0 || rx_pins_number(pins, program->ifindex) == program->pin;
}

/* ---- its maps ---- */

int rx_program_set_socket(const struct rx_program *program, uint32_t queue, int fd)
{
    return bpf_map_update_elem(program->sockets_fd, &queue, &fd, BPF_ANY) != 0 ? -errno : 0;
}

void rx_program_unset_socket(const struct rx_program *program, uint32_t queue)
{
    (void)bpf_map_delete_elem(program->sockets_fd, &queue); /* not there: just as well */
}

uint64_t rx_program_count_unserved(const struct rx_program *program, uint32_t queue)
{
    int n_cpus = libbpf_num_possible_cpus();
    uint64_t sum = 0, counted = 0;
    if (n_cpus <= 0) {
        return 0;
    }
    uint64_t *by_cpu = memory_array((size_t)n_cpus, sizeof *by_cpu);
    if (bpf_map_lookup_elem(program->no_shard_fd, &queue, by_cpu) == 0) {
        for (int i = 0; i < n_cpus; i++) {
            sum += by_cpu[i];
        }
    }
    free(by_cpu);
    if (sum == 0 || bpf_map_lookup_elem(program->counted_fd, &queue, &counted) != 0 || sum <= counted ||
        bpf_map_update_elem(program->counted_fd, &queue, &sum, BPF_ANY) != 0) {
        return 0;
    }
    return sum - counted;
}
