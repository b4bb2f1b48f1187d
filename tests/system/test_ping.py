"""Two hosts talk: the learning switch without a controller, the LOCAL port, ports that come and go."""
from suite import wait_until


def hits(suite):
    return sum(flow["packets"] for flow in suite.swctl("dp", "dump-flows", as_json=True))


def test_hosts_ping_each_other_over_ipv4_and_ipv6(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second, count=5)
    second.ping(first.ip6, count=5)


def test_later_packets_are_handled_by_the_fastpath_alone(suite):
    first, second = suite.bridge_with_hosts(2)
    first.knows(second), second.knows(first)
    first.ping(second, count=5)
    suite.kill("slowpath.1")  # nobody is left who could translate
    before = wait_until("the fastpath has flows", lambda: hits(suite))
    first.ping(second, count=50, interval=0.01)
    wait_until("100 more hits are shown", lambda: hits(suite) >= before + 100, seconds=5)


def test_show_lists_bridge_ports_and_their_mode(suite):
    first, second = suite.bridge_with_hosts(2)
    bridge, = suite.swctl("show", as_json=True)["bridges"]
    ports = {port["name"]: port for port in bridge["ports"]}
    assert bridge["name"] == "br0" and set(ports) == {"br0", first.port, second.port}
    assert ports[first.port]["ofport"] == 1 and ports[second.port]["ofport"] == 2
    assert ports["br0"]["ofport"] == 0xfffffffe
    wait_until("the mode of the port is shown",
               lambda: "xdp" in suite.swctl("show", as_json=True)["bridges"][0]["ports"][-1].get("mode", ""))
    assert "Bridge br0" in suite.swctl("show")


def test_hosts_of_two_bridges_are_apart(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("add-br", "br1")
    suite.swctl("del-port", "br0", second.port)
    suite.swctl("add-port", "br1", second.port)
    assert first.ping(second, count=2, wait=1, check=False) == 0
    assert suite.swctl("list-br").split() == ["br0", "br1"]
    suite.swctl("del-port", "br1", second.port)
    suite.swctl("add-port", "br0", second.port)
    first.ping(second)


def test_a_removed_port_forwards_nothing_and_its_device_works_again_without_the_switch(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    suite.swctl("del-port", "br0", second.port)
    assert first.ping(second, count=2, wait=1, check=False) == 0
    suite.namespace.run("ip", "addr", "add", "10.0.0.200/24", "dev", second.port)
    second.ping("10.0.0.200")
    assert "xdp" not in suite.namespace.run("ip", "-d", "link", "show", second.port).stdout


def test_a_port_takes_frames_for_every_address_while_it_is_one(suite):
    host = suite.add_host()
    suite.swctl("add-br", "br0", "--", "add-port", "br0", host.port)
    assert "promiscuity 1" in suite.namespace.run("ip", "-d", "link", "show", host.port).stdout
    suite.swctl("del-port", "br0", host.port)
    wait_until("it is as it was", lambda: "promiscuity 0" in suite.namespace.run("ip", "-d", "link", "show", host.port).stdout)


def test_the_machine_itself_is_reached_through_the_local_port(suite):
    first, _ = suite.bridge_with_hosts(2)
    suite.namespace.run("ip", "addr", "add", "10.0.0.100/24", "dev", "br0")
    suite.namespace.run("ip", "link", "set", "br0", "up")
    first.ping("10.0.0.100", count=5)
    suite.namespace.run("ping", "-n", "-c", "3", "-i", "0.05", "-W", "2", first.ip)


def test_learned_addresses_are_shown_with_their_port(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    table = {entry["mac"]: entry["port"] for entry in suite.swctl("fdb", "show", "br0", as_json=True)}
    assert table[first.mac] == 1 and table[second.mac] == 2


def test_a_host_that_moves_is_found_at_its_new_port(suite):
    first, second, third = suite.bridge_with_hosts(3)
    first.ping(second)
    second.run("ip", "link", "set", "eth0", "down")
    third.run("ip", "link", "set", "eth0", "address", second.mac)
    third.run("ip", "addr", "add", f"{second.ip}/24", "dev", "eth0")
    third.run("ping", "-n", "-c", "1", "-W", "2", "-I", second.ip, first.ip)
    first.ping(second)


def test_del_br_takes_its_ports_and_devices_away(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    suite.swctl("del-br", "br0")
    assert suite.swctl("list-br") == ""
    wait_until("LOCAL is gone", lambda: "br0:" not in suite.namespace.run("ip", "-o", "link").stdout)
    assert first.ping(second, count=2, wait=1, check=False) == 0
    suite.swctl("add-br", "br0")
    suite.swctl("add-port", "br0", first.port)
    suite.swctl("add-port", "br0", second.port)
    first.ping(second)


def test_configuration_survives_all_processes(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    before = suite.swctl("show", as_json=True)["bridges"][0]
    suite.down()
    suite.up()
    after = suite.swctl("show", as_json=True)["bridges"][0]
    assert [(p["name"], p["ofport"], p["id"]) for p in before["ports"]] == [(p["name"], p["ofport"], p["id"]) for p in after["ports"]]
    wait_until("traffic passes again", lambda: first.ping(second, count=1, check=False))
    first.ping(second, count=5)
