"""Devices that refuse native XDP: the generic mode, said aloud, forwards too. A macvlan over a veth is such a device."""
import pytest

from suite import wait_until


@pytest.fixture
def generic(suite):
    """Two hosts; the first one's port is a macvlan, which has no native XDP."""
    suite.swctl("add-br", "br0")
    first, second = suite.add_host(), suite.add_host()
    made = suite.namespace.run("ip", "link", "add", "link", first.port, "name", "m0", "type", "macvlan", "mode", "passthru", check=False)
    if made.returncode != 0:
        pytest.skip(f"this kernel has no macvlan: {made.stdout.strip()}")
    suite.namespace.run("ip", "link", "set", "m0", "up")
    suite.swctl("add-port", "br0", "m0", "ofport_request=1")
    suite.swctl("add-port", "br0", second.port, "ofport_request=2")
    return suite, first, second


def ports(suite):
    return {port["name"]: port for port in suite.swctl("show", as_json=True)["bridges"][0]["ports"]}


def test_the_mode_is_generic_and_show_says_why(generic):
    suite, _, second = generic
    wait_until("both modes are known", lambda: all(port.get("mode") for port in ports(suite).values()))
    assert ports(suite)["m0"]["mode"] == "xdp-generic" and ports(suite)["m0"]["why"]
    assert ports(suite)[second.port]["mode"] == "xdp-native"
    assert "xdp-generic" in suite.swctl("show")


def test_traffic_passes_in_generic_mode(generic):
    suite, first, second = generic
    first.ping(second, count=10, interval=0.02)
    first.ping(second.ip6, count=5)
    first.knows(second)
    receiver = second.listen(7000, seconds=10)
    first.send(second, 7000, rate=500, seconds=2).wait()
    result = receiver.result()
    assert result["lost"] == 0 and result["reordered"] == 0, result


def test_removing_the_port_takes_the_program_away(generic):
    suite, _, _ = generic
    suite.swctl("del-port", "br0", "m0")
    wait_until("the program is off", lambda: "xdp" not in suite.namespace.run("ip", "-d", "link", "show", "m0").stdout)
