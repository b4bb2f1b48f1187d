/* The device with the default route, and that of the operator's connection.
 *
 * Attaching a program takes all of a device's traffic from the host's stack. On the wrong device that ends the session in which the
 * command was typed, so it takes the word `force` (DESIGN, "Bad input" of the issue).
 * Routes come from a netlink dump in both families; multipath hops count. Control code; a few system calls when a port is opened.
 */
#include "services/fastpath/guard.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libmnl/libmnl.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct search {
    unsigned ifindex;
    bool found;
};

static int on_attribute(const struct nlattr *attribute, void *data)
{
    struct search *search = data;
    if (mnl_attr_get_type(attribute) == RTA_OIF && mnl_attr_get_u32(attribute) == search->ifindex) {
        search->found = true;
    }
    if (mnl_attr_get_type(attribute) == RTA_MULTIPATH) {
        const struct rtnexthop *hop = mnl_attr_get_payload(attribute);
        int left = mnl_attr_get_payload_len(attribute);
        for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop)) {
            search->found |= (unsigned)hop->rtnh_ifindex == search->ifindex;
        }
    }
    return MNL_CB_OK;
}

static int on_route(const struct nlmsghdr *header, void *data)
{
    const struct rtmsg *route = mnl_nlmsg_get_payload(header);
    if (header->nlmsg_type == RTM_NEWROUTE && route->rtm_dst_len == 0 && route->rtm_type == RTN_UNICAST) {
        (void)mnl_attr_parse(header, sizeof *route, on_attribute, data);
    }
    return MNL_CB_OK;
}

static bool has_default_route(unsigned ifindex, unsigned char family)
{
    char buffer[32768] __attribute__((aligned(8)));
    struct search search = {.ifindex = ifindex};
    struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == NULL) {
        return false;
    }
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = RTM_GETROUTE;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    header->nlmsg_seq = 1;
    struct rtmsg *route = mnl_nlmsg_put_extra_header(header, sizeof *route);
    route->rtm_family = family;
    bool more = mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) >= 0 && mnl_socket_sendto(socket, header, header->nlmsg_len) >= 0;
    while (more) {
        ssize_t size = mnl_socket_recvfrom(socket, buffer, sizeof buffer);
        more = size > 0 && mnl_cb_run(buffer, (size_t)size, 1, mnl_socket_get_portid(socket), on_route, &search) > MNL_CB_STOP;
    }
    mnl_socket_close(socket);
    return search.found;
}

static bool is_address(const struct sockaddr *address, const char *text)
{
    char have[INET6_ADDRSTRLEN] = "";
    if (address == NULL) {
        return false;
    }
    if (address->sa_family == AF_INET) {
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr, have, sizeof have);
    } else if (address->sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr, have, sizeof have);
    }
    return strcmp(have, text) == 0;
}

/* SSH_CONNECTION is "client port server port". */
static bool has_operators_connection(const char *name)
{
    const char *connection = getenv("SSH_CONNECTION");
    char server[INET6_ADDRSTRLEN];
    struct ifaddrs *addresses;
    bool found = false;
    if (connection == NULL || sscanf(connection, "%*s %*s %45s", server) != 1 || getifaddrs(&addresses) != 0) {
        return false;
    }
    server[strcspn(server, "%")] = '\0';
    for (struct ifaddrs *a = addresses; a != NULL; a = a->ifa_next) {
        found |= strcmp(a->ifa_name, name) == 0 && is_address(a->ifa_addr, server);
    }
    freeifaddrs(addresses);
    return found;
}

int guard_check(const char *name, unsigned ifindex, struct error_detail *detail)
{
    if (has_default_route(ifindex, AF_INET) || has_default_route(ifindex, AF_INET6)) {
        return error_set(detail, -ERROR_REFUSED, "%s carries the default route of this machine (--force takes it all the same)", name);
    }
    if (has_operators_connection(name)) {
        return error_set(detail, -ERROR_REFUSED, "%s carries the connection you are working over (--force takes it all the same)", name);
    }
    return 0;
}
