/* ofagent as a simulated process. Its sockets for ovs-ofctl are real ones below the simulated run directory; nobody connects to them.
 *
 * One thread; the agent takes all time by argument.
 */
#include "tests/sim/sim_service.h"

#include "services/ofagent/ofagent.h"

static void ofagent_death(void *service)
{
    struct ofagent *agent = service;
    ofagent_destroy(&agent);
}

static void *ofagent_birth(const struct sim_birth *birth, struct error_detail *detail)
{
    struct ofagent *agent = NULL;
    struct ofagent_settings settings = {.bus = birth->bus,
                                        .run_dir = birth->run_dir,
                                        .config = birth->config_endpoint,
                                        .control = birth->control_endpoint,
                                        .instance = birth->instance,
                                        .start = birth->start,
                                        .pid = birth->instance};
    return ofagent_new(&settings, &agent, detail) == 0 ? agent : NULL;
}

static void ofagent_turn(void *service, uint64_t now_ns, uint64_t wall_ns)
{
    ofagent_step(service, now_ns, wall_ns);
}

const struct sim_service sim_ofagent = {.birth = ofagent_birth, .step = ofagent_turn, .death = ofagent_death};
