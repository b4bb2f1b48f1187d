"""Ports that play and record captures: what goes in by one file comes out by another, as the rules say."""
import json

import pytest
from scapy.all import Ether, IP, PcapNgWriter, Raw, UDP, rdpcap, wrpcap

from suite import wait_until


def frames(n, size=60):
    """n numbered datagrams of four flows, even ones to port 2000 and odd ones to 2001."""
    return [Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / IP(src="10.0.0.1", dst="10.0.0.2", id=i) /
            UDP(sport=1000 + i % 4, dport=2000 + i % 2) / Raw(bytes([i % 256]) * (size - 42)) for i in range(n)]


def port(suite, name):
    shard, = suite.swctl("dp", "show", as_json=True)
    return next(p for p in shard["ports"] if p["name"] == name)


def played(suite, name, n):
    return wait_until(f"{name} has received {n}", lambda: port(suite, name)["rx_packets"] == n)


def record(path):
    return [bytes(frame) for frame in rdpcap(str(path))]


def by_flow(frames):
    """Each flow's frames in their order: that of different flows may change while their first packets wait (I7)."""
    flows = {}
    for frame in map(Ether, frames):
        flows.setdefault((frame[UDP].sport, frame[UDP].dport), []).append(bytes(frame))
    return flows


def bridge(suite, *rules):
    suite.swctl("add-br", "br0", "--", "set-fail-mode", "br0", "secure")
    suite.swctl("add-port", "br0", "pout", "type=pcap", f"options:tx={suite.run_dir}/out.pcap", "ofport_request=2")
    suite.swctl("add-port", "br0", "pnull", "type=null", "ofport_request=3")
    suite.swctl("add-flow", "br0", *rules)


def play(suite, name="in.pcap", **options):
    suite.swctl("add-port", "br0", "pin", "type=pcap", f"options:rx={suite.run_dir / name}", "ofport_request=1",
                *(f"options:{key}={value}" for key, value in options.items()))


def test_a_capture_goes_through_the_rules_into_a_record(suite):
    sent = frames(40) + frames(6, size=8900)
    wrpcap(str(suite.run_dir / "in.pcap"), sent)
    bridge(suite, "priority=10,in_port=1,udp,tp_dst=2000,actions=mod_nw_dst:10.0.0.77,output:2", "priority=1,in_port=1,actions=output:3")
    play(suite)
    played(suite, "pin", len(sent))
    expected = []
    for frame in sent:
        if frame[UDP].dport == 2000:
            frame = frame.copy()
            frame[IP].dst = "10.0.0.77"
            del frame[IP].chksum, frame[UDP].chksum
            expected.append(bytes(frame))
    wait_until("the record is in the file", lambda: len(record(suite.run_dir / "out.pcap")) == len(expected), seconds=2)
    assert by_flow(record(suite.run_dir / "out.pcap")) == by_flow(expected)
    assert port(suite, "pnull")["tx_packets"] == len(sent) - len(expected)
    assert port(suite, "pnull")["mode"] == "null" and port(suite, "pin")["mode"] == "pcap"
    said = suite.swctl("show")
    assert f"options:rx={suite.run_dir}/in.pcap" in said and "type: pcap" in said and "type: null" in said, said


def test_pcapng_is_played(suite):
    with PcapNgWriter(str(suite.run_dir / "in.pcapng")) as writer:
        for frame in frames(10):
            writer.write(frame)
    bridge(suite, "in_port=1,actions=output:2")
    play(suite, "in.pcapng")
    played(suite, "pin", 10)
    wait_until("the record is in the file", lambda: len(record(suite.run_dir / "out.pcap")) == 10, seconds=2)
    assert by_flow(record(suite.run_dir / "out.pcap")) == by_flow(map(bytes, frames(10)))


def test_a_repeated_capture_never_ends_and_a_paced_one_keeps_its_pace(suite):
    sent = frames(3)
    for i, frame in enumerate(sent):
        frame.time = 1000 + i * 0.2
    wrpcap(str(suite.run_dir / "in.pcap"), sent)
    bridge(suite, "in_port=1,actions=output:2", "in_port=4,actions=output:3")
    play(suite, pace="recorded")
    suite.swctl("add-port", "br0", "pagain", "type=pcap", f"options:rx={suite.run_dir}/in.pcap", "options:repeat=true", "ofport_request=4")
    wait_until("a hundred thousand rounds", lambda: port(suite, "pagain")["rx_packets"] > 300000, seconds=20)
    played(suite, "pin", 3)
    wait_until("the record is in the file", lambda: len(record(suite.run_dir / "out.pcap")) == 3, seconds=2)
    times = [float(frame.time) for frame in rdpcap(str(suite.run_dir / "out.pcap"))]
    assert 0.15 < times[1] - times[0] < 0.35 and 0.3 < times[2] - times[0] < 0.6, times


def test_an_exhausted_capture_lets_the_fastpath_sleep(suite):
    wrpcap(str(suite.run_dir / "in.pcap"), frames(20))
    bridge(suite, "in_port=1,actions=output:3")
    play(suite)
    played(suite, "pin", 20)

    def ticks():
        fields = open(f"/proc/{suite.pid('fastpath.1')}/stat").read().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    wait_until("two seconds", iter([False] * 40 + [True]).__next__)
    assert ticks() - before < 40, "a fifth of a core for nothing"


@pytest.mark.parametrize("words, why", [
    (["type=pcap", "options:rx=relative.pcap"], "column options:rx: 'relative.pcap' is not an absolute path"),
    (["type=pcap", "options:pace=slow"], "column options:pace: 'slow' is not one of full|recorded"),
    (["type=pcap", "options:colour=red"], "type pcap has no option colour (it has rx, repeat, pace, tx)"),
    (["type=pcap", "options:repeat=true", "options:repeat=false"], "options:repeat: given twice"),
    (["type=null", "options:rx=/tmp/x"], "type null has no option rx (it has none)"),
    (["options:rx=/tmp/x"], "type system has no option rx (it has none)"),
    (["type=tape"], "column type: 'tape' is not one of system|internal|pcap|null"),
    (["type=pcap", "options:rx=/nowhere/x.pcap"], "/nowhere/x.pcap: No such file or directory"),
    (["type=pcap", "options:rx=/etc/passwd"], "/etc/passwd: unknown file format"),
    (["type=pcap", "options:tx=/dev/full"], "/dev/full: No space left on device"),
])
def test_what_cannot_be_is_refused_saying_why(suite, words, why):
    suite.swctl("add-br", "br0")
    result = suite.swctl("add-port", "br0", "p", *words, check=False)
    assert result.returncode != 0 and why in result.stdout, result.stdout
    assert suite.swctl("list-ports", "br0") == ""


def test_a_full_disk_is_a_port_error_and_nothing_else(suite):
    suite.run_dir.joinpath("small").mkdir()
    small = suite.run_dir / "small"
    suite.swctl("add-br", "br0")
    wrpcap(str(suite.run_dir / "in.pcap"), frames(40, size=1400))
    suite.namespace.run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", small)
    try:
        suite.swctl("add-port", "br0", "pout", "type=pcap", f"options:tx={small}/out.pcap", "ofport_request=2")
        suite.swctl("add-flow", "br0", "priority=1000,in_port=1,actions=output:2")
        play(suite, repeat="true")
        shown = wait_until("an error is shown", lambda: next(
            (p for p in suite.swctl("show", as_json=True)["bridges"][0]["ports"] if p["name"] == "pout" and "error" in p), None))
        assert shown["error"] == f"{small}/out.pcap: No space left on device"
        assert port(suite, "pout")["not_written"] > 0
        wait_until("frames are refused", lambda: port(suite, "pout")["tx_drops"].get("output_full", 0) > 1000)
        suite.swctl("del-port", "br0", "pin", "--", "del-port", "br0", "pout")
        assert json.loads(suite.swctl("--json", "list-ports", "br0")) == []
    finally:
        suite.swctl("del-br", "br0", check=False)
        suite.namespace.run("umount", small)
