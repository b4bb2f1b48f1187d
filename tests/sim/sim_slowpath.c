/* slowpath as a simulated process.
 *
 * A turn is one step, which may be some milliseconds of real work: a slow slowpath shows more than a fast one. The session numbers start at a place made from
 * the start number, so that a run repeats under one seed. One thread.
 */
#include "tests/sim/sim_service.h"

#include <stdlib.h>

#include "lib/base/memory.h"
#include "services/slowpath/slowpath.h"

enum { ENDPOINT_BYTES = 256 };

/* The slowpath keeps no copy of its endpoints. */
struct sim_replica {
    struct slowpath *slowpath;
    char config[ENDPOINT_BYTES], packet[ENDPOINT_BYTES], mac[ENDPOINT_BYTES], control[ENDPOINT_BYTES];
};

static void slowpath_death(void *service)
{
    struct sim_replica *me = service;
    slowpath_destroy(&me->slowpath);
    free(me);
}

static int make_endpoints(struct sim_replica *me, const struct sim_birth *birth)
{
    int err = bus_endpoint(birth->run_dir, WIRE_CONFIG, PROCESS_CONFIGDB, 1, me->config, sizeof me->config);
    if (err == 0) {
        err = bus_endpoint(birth->run_dir, WIRE_PACKET, PROCESS_SLOWPATH, birth->instance, me->packet, sizeof me->packet);
    }
    if (err == 0) {
        err = bus_endpoint(birth->run_dir, WIRE_MAC, PROCESS_SLOWPATH, birth->instance, me->mac, sizeof me->mac);
    }
    if (err == 0) {
        err = bus_endpoint(birth->run_dir, WIRE_CONTROL, PROCESS_SLOWPATH, birth->instance, me->control, sizeof me->control);
    }
    return err;
}

static void *slowpath_birth(const struct sim_birth *birth, struct error_detail *detail)
{
    struct sim_replica *me = memory_zeroed(sizeof *me);
    struct slowpath_settings settings = {.bus = birth->bus,
                                         .instance = birth->instance,
                                         .pid = birth->instance,
                                         .seed = birth->start << 32,
                                         .config_endpoint = me->config,
                                         .packet_endpoint = me->packet,
                                         .mac_endpoint = me->mac,
                                         .control_endpoint = me->control};
    int err = make_endpoints(me, birth);
    if (err == 0) {
        err = slowpath_new(&settings, &me->slowpath);
    }
    if (err != 0) {
        (void)error_set(detail, err, "slowpath: %s", error_text(err));
        slowpath_death(me);
        return NULL;
    }
    return me;
}

static void slowpath_turn(void *service, uint64_t now_ns, uint64_t wall_ns)
{
    struct sim_replica *me = service;
    (void)slowpath_step(me->slowpath, now_ns);
}

const struct sim_service sim_slowpath = {.birth = slowpath_birth, .step = slowpath_turn, .death = slowpath_death};
