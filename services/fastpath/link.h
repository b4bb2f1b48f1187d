/* What Linux says about interfaces: those that are there, and each change, by netlink. */
#ifndef BUSBAR_FASTPATH_LINK_H
#define BUSBAR_FASTPATH_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/error.h"

enum { LINK_NAME_BYTES = 16 };

struct link_info {
    char name[LINK_NAME_BYTES];
    uint32_t ifindex;
    uint32_t mtu;
    uint8_t mac[6];
    bool is_up;   /* administratively up and with carrier */
    bool is_gone; /* it has been deleted (or moved to another network namespace) */
};

struct link_monitor;
int link_monitor_new(struct link_monitor **out_monitor) MUST_CHECK;
void link_monitor_destroy(struct link_monitor **monitor);
int link_monitor_fd(const struct link_monitor *monitor);
/* Calls `on_link` for every interface after birth and after a loss, then for each change. Does not wait. */
void link_monitor_step(struct link_monitor *monitor, void (*on_link)(void *context, const struct link_info *link), void *context);

/* One interface as it is now; -ENODEV. */
int link_query(const char *name, struct link_info *out_link) MUST_CHECK;
/* Mbit/s, 0 when the driver does not know. */
uint32_t link_speed_mbps(const char *name);
uint32_t link_receive_queues(const char *name);
/* Its driver can give AF_XDP sockets the memory it receives into (kernel 6.3 says). */
bool link_has_zero_copy(uint32_t ifindex);
/* Frames can be redirected to it by XDP; of a veth: the host behind it takes them. */
bool link_takes_redirects(uint32_t ifindex);
/* "veth", "tun", "ixgbe"; "" when there is none. */
void link_driver(const char *name, char out_driver[32]);
int link_set_up(const char *name) MUST_CHECK;
/* Makes the device receive frames for every address, as a switch port must, until the descriptor is closed (also by death). */
int link_receive_all(uint32_t ifindex, int *out_fd) MUST_CHECK;

#endif
