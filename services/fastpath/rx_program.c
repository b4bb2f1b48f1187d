/* Loading and attaching the embedded program.
 *
 * Three attempts, the best first; what an attempt failed with becomes the `why` that swctl shows. The program is held by a link that
 * ends with its descriptor, so a killed fastpath leaves nothing on the device, and a program of somebody else's is never replaced: the
 * kernel answers EBUSY. The program bound to a device (for the hint) cannot be attached in generic mode, and needs kernel 6.8.
 * Control code; some milliseconds a device. libbpf's own messages go to the debug log.
 */
#include "services/fastpath/rx_program.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "services/fastpath/rx_embedded.h"

#ifndef BPF_F_XDP_DEV_BOUND_ONLY
#define BPF_F_XDP_DEV_BOUND_ONLY (1U << 6)
#endif

static int to_log(enum libbpf_print_level level, const char *format, va_list arguments)
{
    char line[512];
    vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_debug("libbpf text=\"%s\"", line);
    return 0;
}

static int load(const struct rx_embedded *code, unsigned bound_to, struct bpf_object **out_object)
{
    LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "busbar_rx");
    libbpf_set_print(to_log);
    struct bpf_object *object = bpf_object__open_mem(code->start, (size_t)(code->end - code->start), &options);
    if (object == NULL) {
        return -errno;
    }
    struct bpf_program *program = bpf_object__find_program_by_name(object, "busbar_rx");
    if (bound_to != 0) {
        bpf_program__set_ifindex(program, bound_to);
        bpf_program__set_flags(program, bpf_program__flags(program) | BPF_F_XDP_DEV_BOUND_ONLY);
    }
    int err = bpf_object__load(object);
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
    int program_fd = bpf_program__fd(bpf_object__find_program_by_name(object, "busbar_rx"));
    int fd = bpf_link_create(program_fd, (int)ifindex, BPF_XDP, &options);
    return fd >= 0 ? fd : -errno;
}

static int attempt(unsigned ifindex, bool with_hint, bool is_native, struct rx_program *out_program)
{
    struct bpf_object *object = NULL;
    int err = load(with_hint ? &rx_embedded_hint : &rx_embedded_plain, with_hint ? ifindex : 0, &object);
    if (err != 0) {
        return err;
    }
    int fd = attach(object, ifindex, is_native);
    if (fd < 0) {
        bpf_object__close(object);
        return fd;
    }
    out_program->object = object;
    out_program->link_fd = fd;
    out_program->map_fd = bpf_object__find_map_fd_by_name(object, "sockets");
    out_program->is_native = is_native;
    out_program->has_vlan_hint = with_hint;
    return 0;
}

int rx_program_open(unsigned ifindex, const char *name, struct rx_program *out_program, struct error_detail *detail)
{
    struct rx_program program = {.link_fd = -1};
    int hint_err = attempt(ifindex, true, true, &program);
    if (hint_err == 0) {
        *out_program = program;
        return 0;
    }
    int native_err = attempt(ifindex, false, true, &program);
    if (native_err == 0) {
        snprintf(program.why, sizeof program.why, "VLAN tags taken out by offload are not seen: %s", error_text(hint_err));
        *out_program = program;
        return 0;
    }
    if (native_err == -EBUSY || native_err == -EEXIST) {
        return error_set(detail, -EBUSY, "%s: somebody else's XDP program is attached", name);
    }
    int err = attempt(ifindex, false, false, &program);
    if (err != 0) {
        bool is_taken = err == -EBUSY || err == -EEXIST;
        return error_set(detail, is_taken ? -EBUSY : err, "%s: %s", name,
                         is_taken ? "somebody else's XDP program is attached" : error_text(err));
    }
    snprintf(program.why, sizeof program.why, "native XDP refused: %s", error_text(native_err));
    *out_program = program;
    return 0;
}

void rx_program_close(struct rx_program *program)
{
    if (program->link_fd >= 0) {
        close(program->link_fd);
        program->link_fd = -1;
    }
    if (program->object != NULL) {
        bpf_object__close(program->object);
        program->object = NULL;
    }
}

int rx_program_set_socket(struct rx_program *program, uint32_t queue, int fd)
{
    return bpf_map_update_elem(program->map_fd, &queue, &fd, BPF_ANY) != 0 ? -errno : 0;
}
