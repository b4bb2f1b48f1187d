/* Scenarios of a switch that nothing happens to: it learns, follows rules, counts, keeps packets in order, and forgets what is deleted.
 *
 * Each is the end-to-end form of a road of DESIGN §5; the invariants they lean on are I5 (checked by sim_end) and I7.
 * One thread; a scenario costs a second or less.
 */
#include "tests/sim/sim_host.h"

static void hosts_talk_through_a_learning_switch(void **state)
{
    struct sim *sim = sim_new(__func__, 1);
    (void)sim_network(sim, "br0", "standalone", 3);
    (void)sim_ping(sim, 1, 2, 1);
    sim_run_ms(sim, 20);
    assert_int_equal(sim_receive_all(sim, 3), 1); /* nobody knew where host 2 is */
    (void)sim_ping(sim, 2, 1, 1);
    sim_run_ms(sim, 20);
    (void)sim_receive_all(sim, 3);
    for (uint16_t flow = 1; flow < 20; flow++) {
        (void)sim_ping(sim, 1, 2, flow);
        (void)sim_ping(sim, 2, 1, flow);
    }
    sim_run_ms(sim, 20);
    assert_int_equal(sim_receive_all(sim, 3), 0); /* both are known by now */
    sim_end(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_talk_through_a_learning_switch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
