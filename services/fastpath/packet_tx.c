/* A burst of frames with one sendmmsg().
 *
 * Why AF_PACKET: an AF_XDP socket needs a queue, a queue has one socket, and it belongs to another shard; a packet socket needs none. With
 * PACKET_QDISC_BYPASS a frame goes to the driver as those of AF_XDP do. The kernel copies, so a frame is free when the call returns.
 * sendmmsg() stops at the first frame that fails. ENOBUFS is the driver's or the socket's full queue: what is left has found no room.
 * Any other error is about the one frame (EMSGSIZE) or the device (ENETDOWN): it is counted and the next is tried, some ten times at most.
 * Cost: a system call a burst, some 600 ns a frame, the kernel's. Worker thread.
 */
#include "services/fastpath/packet_tx.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "services/fastpath/link.h"

enum { FAILURES_MAX = 8 /* calls that one burst may cost because of bad frames */ };

int packet_tx_open(uint32_t ifindex, int *out_fd)
{
    struct sockaddr_ll address = {.sll_family = AF_PACKET, .sll_ifindex = (int)ifindex}; /* protocol 0: receives nothing */
    int fd, on = 1, err = link_receive_all(ifindex, &fd);
    if (err != 0) {
        return err;
    }
    if (setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        err = -errno;
        close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}

unsigned packet_tx_send(int fd, struct umem *umem, struct io *io, const struct io_frame *frames, unsigned n)
{
    struct mmsghdr messages[IO_BURST];
    struct iovec parts[IO_BURST];
    unsigned done = 0, n_failures = 0;
    n = n < IO_BURST ? n : IO_BURST;
    memset(messages, 0, n * sizeof messages[0]);
    for (unsigned i = 0; i < n; i++) {
        parts[i] = (struct iovec){.iov_base = umem->base + frames[i].frame + frames[i].offset, .iov_len = frames[i].size};
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    while (done < n) {
        int n_sent = sendmmsg(fd, messages + done, n - done, MSG_DONTWAIT);
        if (n_sent > 0) {
            done += (unsigned)n_sent;
            continue;
        }
        if (errno == EAGAIN || errno == ENOBUFS || ++n_failures > FAILURES_MAX) {
            break;
        }
        io->n_failed++;
        io->failed_bytes += frames[done++].size;
    }
    for (unsigned i = 0; i < done; i++) {
        umem_move(umem, frames[i].frame, FRAME_WORKER, FRAME_TX);
        umem_give(umem, frames[i].frame, FRAME_TX);
    }
    return done;
}
