/* Interfaces by netlink and ethtool.
 *
 * One netlink socket, subscribed to link changes before the first dump, so nothing falls between. When the kernel says that messages were
 * lost (ENOBUFS), everything is dumped again: the receiver only compares, so twice is harmless. What deletes an interface is told by
 * DELLINK; one that was renamed is shown under its new name and index, and the receiver compares both.
 * Cost: nothing while nothing changes. Worker thread, between bursts.
 */
#include "services/fastpath/link.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/if_packet.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "lib/base/memory.h"

#include <stdlib.h>

enum { RECEIVE_BYTES = 32768, MESSAGES_PER_STEP = 64 };

struct link_monitor {
    struct mnl_socket *socket;
    bool wants_dump;
    void (*on_link)(void *context, const struct link_info *link);
    void *context;
};

static int on_attribute(const struct nlattr *attribute, void *data)
{
    struct link_info *link = data;
    uint16_t type = mnl_attr_get_type(attribute), size = mnl_attr_get_payload_len(attribute);
    const void *value = mnl_attr_get_payload(attribute);
    if (type == IFLA_IFNAME) {
        snprintf(link->name, sizeof link->name, "%.*s", (int)size, (const char *)value);
    } else if (type == IFLA_MTU && size == 4) {
        memcpy(&link->mtu, value, 4);
    } else if (type == IFLA_ADDRESS && size == 6) {
        memcpy(link->mac, value, 6);
    }
    return MNL_CB_OK;
}

static int on_message(const struct nlmsghdr *header, void *data)
{
    struct link_monitor *monitor = data;
    const struct ifinfomsg *info = mnl_nlmsg_get_payload(header);
    struct link_info link = {.ifindex = (uint32_t)info->ifi_index};
    if (header->nlmsg_type != RTM_NEWLINK && header->nlmsg_type != RTM_DELLINK) {
        return MNL_CB_OK;
    }
    link.is_up = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
    link.is_gone = header->nlmsg_type == RTM_DELLINK;
    if (mnl_attr_parse(header, sizeof *info, on_attribute, &link) >= 0 && link.name[0] != '\0') {
        monitor->on_link(monitor->context, &link);
    }
    return MNL_CB_OK;
}

int link_monitor_new(struct link_monitor **out_monitor)
{
    struct link_monitor *monitor = memory_zeroed(sizeof *monitor);
    monitor->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (monitor->socket == NULL || mnl_socket_bind(monitor->socket, RTMGRP_LINK, MNL_SOCKET_AUTOPID) < 0) {
        int err = -errno;
        link_monitor_destroy(&monitor);
        return err;
    }
    monitor->wants_dump = true;
    *out_monitor = monitor;
    return 0;
}

void link_monitor_destroy(struct link_monitor **monitor)
{
    if (*monitor == NULL) {
        return;
    }
    if ((*monitor)->socket != NULL) {
        mnl_socket_close((*monitor)->socket);
    }
    free(*monitor);
    *monitor = NULL;
}

int link_monitor_fd(const struct link_monitor *monitor)
{
    return mnl_socket_get_fd(monitor->socket);
}

static void ask_for_dump(struct link_monitor *monitor)
{
    char buffer[256];
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETLINK;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    struct ifinfomsg *info = mnl_nlmsg_put_extra_header(header, sizeof *info);
    info->ifi_family = AF_UNSPEC;
    if (mnl_socket_sendto(monitor->socket, header, header->nlmsg_len) >= 0) {
        monitor->wants_dump = false;
    }
}

void link_monitor_step(struct link_monitor *monitor, void (*on_link)(void *context, const struct link_info *link), void *context)
{
    char buffer[RECEIVE_BYTES] __attribute__((aligned(8)));
    monitor->on_link = on_link;
    monitor->context = context;
    if (monitor->wants_dump) {
        ask_for_dump(monitor);
    }
    for (unsigned i = 0; i < MESSAGES_PER_STEP; i++) {
        ssize_t size = mnl_socket_recvfrom(monitor->socket, buffer, sizeof buffer);
        if (size < 0) {
            monitor->wants_dump |= errno == ENOBUFS;
            return;
        }
        if (mnl_cb_run(buffer, (size_t)size, 0, 0, on_message, monitor) < 0 && errno != 0) {
            LOG_LIMITED(LOG_LEVEL_WARN, "netlink_error error=\"%s\"", error_text(-errno));
        }
    }
}

/* ---- one interface, by ioctl ---- */

static int ask(const char *name, unsigned long request, struct ifreq *out_request)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -errno;
    }
    snprintf(out_request->ifr_name, sizeof out_request->ifr_name, "%s", name);
    int err = ioctl(fd, request, out_request) != 0 ? -errno : 0;
    close(fd);
    return err;
}

int link_query(const char *name, struct link_info *out_link)
{
    struct ifreq flags = {0}, mtu = {0}, mac = {0};
    struct link_info link = {.ifindex = if_nametoindex(name)};
    if (strlen(name) >= sizeof link.name || link.ifindex == 0 || ask(name, SIOCGIFFLAGS, &flags) != 0 || ask(name, SIOCGIFMTU, &mtu) != 0 ||
        ask(name, SIOCGIFHWADDR, &mac) != 0) {
        return -ENODEV;
    }
    snprintf(link.name, sizeof link.name, "%s", name);
    link.mtu = (uint32_t)mtu.ifr_mtu;
    link.is_up = (flags.ifr_flags & IFF_UP) != 0 && (flags.ifr_flags & IFF_RUNNING) != 0;
    memcpy(link.mac, mac.ifr_hwaddr.sa_data, 6);
    *out_link = link;
    return 0;
}

uint32_t link_speed_mbps(const char *name)
{
    struct ethtool_cmd command = {.cmd = ETHTOOL_GSET};
    struct ifreq request = {.ifr_data = (void *)&command};
    if (ask(name, SIOCETHTOOL, &request) != 0) {
        return 0;
    }
    uint32_t speed = ethtool_cmd_speed(&command);
    return speed == (uint32_t)SPEED_UNKNOWN ? 0 : speed;
}

uint32_t link_receive_queues(const char *name)
{
    struct ethtool_channels channels = {.cmd = ETHTOOL_GCHANNELS};
    struct ifreq request = {.ifr_data = (void *)&channels};
    if (ask(name, SIOCETHTOOL, &request) != 0) {
        return 1;
    }
    uint32_t n = channels.rx_count + channels.combined_count;
    return n > 0 ? n : 1;
}

/* ---- what a driver can do, by the generic netlink family "netdev" ---- */

/* linux/netdev.h, which is younger than the headers we build with. */
enum { NETDEV_DEV_GET = 1, NETDEV_DEV_IFINDEX = 1, NETDEV_DEV_XDP_FEATURES = 3 };
enum { NETDEV_XDP_TRANSMIT = 1 << 2, NETDEV_XDP_ZERO_COPY = 1 << 3, ANSWER_BYTES = 8192 };

static int on_family(const struct nlattr *attribute, void *data)
{
    if (mnl_attr_get_type(attribute) == CTRL_ATTR_FAMILY_ID && mnl_attr_get_payload_len(attribute) == sizeof(uint16_t)) {
        *(uint64_t *)data = mnl_attr_get_u16(attribute);
    }
    return MNL_CB_OK;
}

static int on_feature(const struct nlattr *attribute, void *data)
{
    if (mnl_attr_get_type(attribute) == NETDEV_DEV_XDP_FEATURES && mnl_attr_get_payload_len(attribute) == sizeof(uint64_t)) {
        *(uint64_t *)data = mnl_attr_get_u64(attribute);
    }
    return MNL_CB_OK;
}

/* The one number that the answer to this request holds; 0 when there is no answer or another one. */
static uint64_t ask_number(struct mnl_socket *socket, struct nlmsghdr *header, mnl_attr_cb_t on_one)
{
    char answer[ANSWER_BYTES] __attribute__((aligned(8)));
    uint64_t number = 0;
    if (mnl_socket_sendto(socket, header, header->nlmsg_len) < 0) {
        return 0;
    }
    ssize_t size = mnl_socket_recvfrom(socket, answer, sizeof answer);
    const struct nlmsghdr *reply = (const struct nlmsghdr *)(const void *)answer;
    if (size > 0 && mnl_nlmsg_ok(reply, (int)size) && reply->nlmsg_type != NLMSG_ERROR) {
        (void)mnl_attr_parse(reply, sizeof(struct genlmsghdr), on_one, &number);
    }
    return number;
}

static struct nlmsghdr *generic_request(char *buffer, uint16_t family, uint8_t command)
{
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = family;
    header->nlmsg_flags = NLM_F_REQUEST;
    struct genlmsghdr *generic = mnl_nlmsg_put_extra_header(header, sizeof *generic);
    *generic = (struct genlmsghdr){.cmd = command, .version = 1};
    return header;
}

static uint64_t xdp_features(uint32_t ifindex)
{
    char buffer[256] __attribute__((aligned(8)));
    uint64_t features = 0;
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
    if (socket == NULL) {
        return 0;
    }
    if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) >= 0) {
        struct nlmsghdr *header = generic_request(buffer, GENL_ID_CTRL, CTRL_CMD_GETFAMILY);
        mnl_attr_put_strz(header, CTRL_ATTR_FAMILY_NAME, "netdev");
        uint64_t family = ask_number(socket, header, on_family);
        if (family != 0) {
            header = generic_request(buffer, (uint16_t)family, NETDEV_DEV_GET);
            mnl_attr_put_u32(header, NETDEV_DEV_IFINDEX, ifindex);
            features = ask_number(socket, header, on_feature);
        }
    }
    mnl_socket_close(socket);
    return features;
}

bool link_has_zero_copy(uint32_t ifindex)
{
    return (xdp_features(ifindex) & NETDEV_XDP_ZERO_COPY) != 0;
}

bool link_takes_redirects(uint32_t ifindex)
{
    return (xdp_features(ifindex) & NETDEV_XDP_TRANSMIT) != 0;
}

void link_driver(const char *name, char out_driver[32])
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request = {.ifr_data = (void *)&info};
    out_driver[0] = '\0';
    if (ask(name, SIOCETHTOOL, &request) == 0) {
        snprintf(out_driver, 32, "%.31s", info.driver);
    }
}

int link_set_up(const char *name)
{
    struct ifreq request = {0};
    int err = ask(name, SIOCGIFFLAGS, &request);
    if (err != 0 || (request.ifr_flags & IFF_UP) != 0) {
        return err;
    }
    request.ifr_flags |= IFF_UP;
    return ask(name, SIOCSIFFLAGS, &request);
}

int link_receive_all(uint32_t ifindex, int *out_fd)
{
    struct packet_mreq request = {.mr_ifindex = (int)ifindex, .mr_type = PACKET_MR_PROMISC};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0); /* protocol 0: receives nothing itself */
    if (fd < 0) {
        return -errno;
    }
    if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) != 0) {
        int err = -errno;
        close(fd);
        return err;
    }
    *out_fd = fd;
    return 0;
}
