"""trace and explain: what they say is what happens, and they change nothing."""
import struct
import time

from suite import wait_until

CAPTURE_HEAD = struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)


def write_capture(path, *frames):
    path.write_bytes(CAPTURE_HEAD + b"".join(struct.pack("<IIII", 0, 0, len(f), len(f)) + f for f in frames))


def udp_frame(source, target, port):
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 28, 1, 0, 64, 17, 0, bytes(map(int, source.ip.split("."))), bytes(map(int, target.ip.split("."))))
    return bytes.fromhex((target.mac + source.mac).replace(":", "")) + b"\x08\x00" + ip + struct.pack("!HHHH", 4000, port, 8, 0)


def pipeline(suite):
    suite.swctl("set-fail-mode", "br0", "secure")
    suite.swctl("add-group", "br0", "group_id=3,type=all,bucket=output:2")
    suite.swctl("add-flow", "br0", "cookie=0x11,priority=50,udp,tp_dst=53,actions=drop", "cookie=0x12,priority=10,in_port=1,actions=goto_table:4",
                "cookie=0x13,table=4,priority=7,ip,actions=dec_ttl,group:3", "priority=1,actions=normal")


def test_a_trace_tells_tables_rules_groups_and_why_a_packet_is_dropped(suite):
    first, second = suite.bridge_with_hosts(2)
    pipeline(suite)
    said = suite.swctl("trace", "br0", f"in_port={first.port},udp,nw_ttl=64,udp_dst=80")
    for line in (" 0. in_port=", ", priority 10, cookie 0x12", "    goto_table:4", " 4. ip, priority 7, cookie 0x13", "    dec_ttl", "    group:3",
                 f">> output to {second.port}", "Final flow: ", "Megaflow: ", f"Datapath actions: dec_ttl,output:{second.port}"):
        assert line in said, (line, said)
    dropped = suite.swctl("trace", "br0", f"in_port={first.port},udp,udp_dst=53")
    assert "cookie 0x11" in dropped and "Datapath actions: drop" in dropped and "Dropped: " in dropped
    steps = suite.swctl("trace", "br0", f"in_port={first.port},udp,nw_ttl=64", as_json=True)["steps"]
    assert [step["cookie"] for step in steps if step["kind"] == "table"] == ["0x12", "0x13"]


def test_packets_come_as_bytes_and_out_of_captures(suite, tmp_path):
    first, second = suite.bridge_with_hosts(2)
    pipeline(suite)
    capture = tmp_path / "two.pcap"
    write_capture(capture, udp_frame(first, second, 80), udp_frame(first, second, 53))
    from_text = suite.swctl("trace", "br0", f"in_port={first.port}", udp_frame(first, second, 80).hex())
    assert suite.swctl("trace", "br0", f"in_port={first.port}", "--from-capture", str(capture)) == from_text
    assert "Dropped: " in suite.swctl("trace", "br0", "in_port=1", "--from-capture", str(capture), "--packet", "2")
    for words in ((str(capture), "--packet", "3"), (str(capture), "--packet", "x"), (str(tmp_path / "none"),)):
        assert suite.swctl("trace", "br0", "in_port=1", "--from-capture", *words, check=False).returncode == 2
    assert suite.swctl("trace", "br0", "in_port=1", "0x12", check=False).returncode == 1


def test_a_trace_changes_nothing(suite):
    """Of a kind of packets that nobody sends: no counter moves, no address is learned or moved, no flow comes."""
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("add-flow", "br0", "priority=9,dl_type=0x88b5,actions=normal")
    first.ping(second)
    for _ in range(20):
        suite.swctl("trace", "br0", f"in_port={first.port},dl_type=0x88b5,dl_src=02:aa:00:00:00:01,dl_dst={second.mac}")
        suite.swctl("trace", "br0", f"in_port={first.port},dl_type=0x88b5,dl_src={second.mac},dl_dst={first.mac}")
    time.sleep(1.2)  # what has been forwarded would be reported by then
    places = {entry["mac"]: entry["name"] for entry in suite.swctl("fdb", "show", "br0", as_json=True)}
    assert "02:aa:00:00:00:01" not in places
    assert places[first.mac] == first.port and places[second.mac] == second.port
    assert "0x88b5" not in suite.swctl("dp", "dump-flows")
    assert "n_packets=0, n_bytes=0, priority=9,dl_type=0x88b5" in suite.swctl("dump-flows", "br0")
    # and such a packet really sent does all of that, so the above can fail
    frame = second.mac.replace(":", "") + "02aa0000000188b5" + "00" * 46
    first.run("python3", "-c", f"import socket; s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0)); s.send(bytes.fromhex('{frame}'))")
    wait_until("it is learned", lambda: "02:aa:00:00:00:01" in suite.swctl("fdb", "show", "br0"))


def test_a_flow_is_explained_by_its_rules_and_groups(suite):
    first, second = suite.bridge_with_hosts(2)
    pipeline(suite)
    first.knows(second), second.knows(first)
    first.ping(second)

    def flow_through_group():
        return [f for f in suite.swctl("dp", "dump-flows", as_json=True) if "dec_ttl" in f["actions"]]
    flow = wait_until("a flow goes through the group", flow_through_group)[0]
    assert f"id:{flow['id']}," in suite.swctl("dp", "dump-flows")
    said = suite.swctl("explain", flow["id"])
    for words in ("Owner: slowpath.", "cookie=0x12", "cookie=0x13", "group_id=3", "bucket 0 of group 3", "The tables still say so.", "Megaflow: "):
        assert words in said, (words, said)
    explained = suite.swctl("explain", flow["id"], as_json=True)[0]
    assert [rule["cookie"] for rule in explained["rules"]] == ["0x12", "0x13"]
    assert explained["groups"][0]["group_id"] == 3 and explained["is_current"]
    assert explained["actions"] == flow["actions"]
    assert suite.swctl("explain", "0" * 32, check=False).returncode == 1
    assert suite.swctl("explain", "12", check=False).returncode == 1
