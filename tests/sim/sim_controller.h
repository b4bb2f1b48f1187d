/* An OpenFlow controller (1.3, or another version) of the simulated switch, on the real unix socket that ofagent makes for each bridge.
 *
 * The socket is the kernel's and takes no simulated time: what is said is there at ofagent's next turn.
 */
#ifndef BUSBAR_TESTS_SIM_SIM_CONTROLLER_H
#define BUSBAR_TESTS_SIM_SIM_CONTROLLER_H

#include "lib/openflow/of_message.h"
#include "lib/openflow/of_stream.h"
#include "tests/sim/sim_host.h"

struct sim_controller {
    struct sim *sim;
    const char *bridge; /* the caller's */
    int fd;
    uint8_t version;
    uint32_t xid;
    struct of_stream stream;
    struct writer out; /* not taken by the kernel yet; goes out as messages are heard */
    struct of_message message; /* the last one received */
};

/* Connected, and the HELLOs exchanged. */
struct sim_controller *sim_controller_new(struct sim *sim, const char *bridge);
struct sim_controller *sim_controller_new_in(struct sim *sim, const char *bridge, uint8_t version);
void sim_controller_destroy(struct sim_controller **controller);
/* Each returns its xid. Takes what the message owns. */
uint32_t sim_controller_say(struct sim_controller *controller, struct of_message *message);
uint32_t sim_controller_flow_mod(struct sim_controller *controller, enum flow_mod_command command, const char *flow);
uint32_t sim_controller_barrier(struct sim_controller *controller);
/* The packet goes out of `port`, or through the tables (PORT_TABLE) as if it had come in at host packet.from's port. */
uint32_t sim_controller_packet_out(struct sim_controller *controller, struct sim_packet packet, uint32_t port);
/* The next message, echo requests answered; NULL: none now. Lent until the next call. */
const struct of_message *sim_controller_hear(struct sim_controller *controller);
/* Runs until a message of this type has come, and returns it; others are forgotten, but an error fails the test. */
const struct of_message *sim_controller_await(struct sim_controller *controller, enum of_type type);

#endif
