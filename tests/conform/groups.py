"""Groups of OpenFlow 1.3.5 [§5.6, §6.5, §7.3.4.2]: their types, how they change, what they count."""
import frames as f
from actions import made, output, set_field
from cases import Case
from match_fields import PRESENT
from suite import wait_until

N_CONNECTIONS = 64


def group(bench, kind, number, *buckets, command="ADD"):
    """A bucket: a port, or a dict of actions (as rows have them), out, weight, watch_port, watch_group."""
    p, o = bench.of.parser, bench.of.ofproto
    made_buckets = []
    for bucket in buckets:
        bucket = {"out": bucket} if isinstance(bucket, int) else bucket
        actions = made(bench, bucket.get("actions", []))
        if "out" in bucket:
            actions.append(output(bench, bucket["out"]))
        made_buckets.append(p.OFPBucket(weight=bucket.get("weight", 1 if kind == "SELECT" else 0), actions=actions,
                                        watch_port=bucket.get("watch_port", o.OFPP_ANY), watch_group=bucket.get("watch_group", o.OFPG_ANY)))
    return p.OFPGroupMod(bench.of.desc, getattr(o, f"OFPGC_{command}"), getattr(o, f"OFPGT_{kind}"), number, made_buckets)


def to_group(bench, number=1, **match):
    return bench.flow(match, actions=[bench.of.parser.OFPActionGroup(number)])


def forwards(kind, buckets, out, more=()):
    def run(bench):
        bench.of.do(*(group(bench, *other[:2], *other[2]) for other in more), group(bench, kind, 1, *buckets), to_group(bench))
        for _ in range(2):
            bench.expect(f.tcp(), out)
    return run


def connections(bench, n=N_CONNECTIONS):
    """Which port each of n connections leaves through; the second packet of a connection must take the way of the first."""
    ways = {}
    for sport in range(3000, 3000 + n):
        frame = f.tcp(sport=sport)
        for _ in range(2):
            bench.send(frame)
            came = bench.hear(1)
            assert [frame] in came.values() and len(came) == 1, f"connection {sport}: came {sorted(came)}"
            port = next(iter(came))
            assert ways.setdefault(sport, port) == port, f"connection {sport} changes its way"
    return list(ways.values())


def select_spreads(bench):
    bench.of.do(group(bench, "SELECT", 1, 2, 3, 4), to_group(bench))
    ways = connections(bench)
    assert all(ways.count(port) >= N_CONNECTIONS // 12 for port in (2, 3, 4)), f"connections are spread unevenly: {ways}"


def select_weights(bench):
    bench.of.do(group(bench, "SELECT", 1, {"out": 2, "weight": 1}, {"out": 3, "weight": 7}), to_group(bench))
    ways = connections(bench)
    assert ways.count(3) > 2 * ways.count(2), f"weights 1 and 7: {ways.count(2)} and {ways.count(3)}"


def select_weight_zero(bench):
    bench.of.do(group(bench, "SELECT", 1, {"out": 2, "weight": 0}, {"out": 3, "weight": 1}), to_group(bench))
    assert set(connections(bench, 16)) == {3}


class PortDown:
    """A port of the switch without carrier, for as long as it is held."""

    def __init__(self, bench, number):
        self.bench, self.number = bench, number

    def seen(self, down):
        o, p = self.bench.of.ofproto, self.bench.of.parser
        ports = {port.port_no: port.state for port in self.bench.of.ask(p.OFPPortDescStatsRequest(self.bench.of.desc, 0))}
        return bool(ports[self.number] & o.OFPPS_LINK_DOWN) == down

    def set(self, state):
        self.bench.hosts[self.number - 1].run("ip", "link", "set", "eth0", state)
        wait_until(f"port {self.number} is seen {state}", lambda: self.seen(state == "down"), seconds=5)

    def __enter__(self):
        self.set("down")

    def __exit__(self, *_):
        self.set("up")


def eventually(bench, frame, to):
    """Liveness is followed a moment after the link has changed: the frame comes out at `to` within two seconds."""
    def comes():
        bench.send(frame)
        return bench.hear(1, 0.3) == ({to: [frame]} if to else {})
    wait_until(f"the frame comes out at {to}", comes, seconds=3)
    bench.expect(frame, to or ())


def failover(watch):
    def run(bench):
        watched = [{"out": 2, **watch(2)}, {"out": 3, **watch(3)}]
        inner = [group(bench, "FF", 10 + port, {"out": port, "watch_port": port}) for port in (2, 3)]
        bench.of.do(*inner, group(bench, "FF", 1, *watched), to_group(bench))
        bench.expect(f.tcp(), 2)
        with PortDown(bench, 2):
            eventually(bench, f.tcp(), 3)
        eventually(bench, f.tcp(), 2)
    return run


def none_live(bench):
    bench.of.do(group(bench, "FF", 1, {"out": 3, "watch_port": 2}), to_group(bench))
    bench.expect(f.tcp(), 3)
    with PortDown(bench, 2):
        eventually(bench, f.tcp(), None)


def modified(bench):
    bench.of.do(group(bench, "INDIRECT", 1, 2), to_group(bench))
    bench.expect(f.tcp(), 2)
    bench.of.do(group(bench, "INDIRECT", 1, 3, command="MODIFY"))
    bench.expect(f.tcp(), 3)
    bench.of.do(group(bench, "ALL", 1, 3, 4, command="MODIFY"))
    bench.expect(f.tcp(), (3, 4))


def deleted_takes_rules(bench):
    o = bench.of.ofproto
    bench.of.do(group(bench, "INDIRECT", 1, 2), group(bench, "INDIRECT", 2, 3),
                bench.flow({"in_port": 1}, actions=[bench.of.parser.OFPActionGroup(1)], flags=o.OFPFF_SEND_FLOW_REM),
                bench.flow({"in_port": 4}, actions=[bench.of.parser.OFPActionGroup(2)]))
    bench.expect(f.tcp(), 2)
    bench.of.do(group(bench, "INDIRECT", 1, command="DELETE"))
    removed = bench.of.wait_for("FLOW_REMOVED")
    assert removed is not None and removed.reason == o.OFPRR_GROUP_DELETE, removed
    bench.expect(f.tcp(), ())
    bench.expect(f.tcp(), 3, port=4)
    bench.of.do(bench.of.parser.OFPGroupMod(bench.of.desc, o.OFPGC_DELETE, o.OFPGT_ALL, o.OFPG_ALL))
    assert bench.flow_stats() == []
    assert bench.of.ask(bench.of.parser.OFPGroupDescStatsRequest(bench.of.desc, 0)) == []


def deleted_of_none_is_no_error(bench):
    bench.of.do(group(bench, "INDIRECT", 77, command="DELETE"))


def described(bench):
    o, p = bench.of.ofproto, bench.of.parser
    bench.of.do(group(bench, "SELECT", 7, {"out": 2, "weight": 3}, {"out": 3, "weight": 4, "actions": [set_field(eth_dst=f.C)]}))
    (desc,) = bench.of.ask(p.OFPGroupDescStatsRequest(bench.of.desc, 0))
    assert (desc.type, desc.group_id, [b.weight for b in desc.buckets]) == (o.OFPGT_SELECT, 7, [3, 4])
    assert [[a.type for a in b.actions] for b in desc.buckets] == [[o.OFPAT_OUTPUT], [o.OFPAT_SET_FIELD, o.OFPAT_OUTPUT]]


def counted(bench):
    p = bench.of.parser
    bench.of.do(group(bench, "ALL", 1, 2, 3), to_group(bench))
    for _ in range(4):
        bench.expect(f.tcp(), (2, 3))
    n, size = 4, 4 * len(f.tcp())

    def right():
        (stats,) = bench.of.ask(p.OFPGroupStatsRequest(bench.of.desc, 0, 1))
        return (stats.packet_count, stats.byte_count, stats.ref_count, [(b.packet_count, b.byte_count) for b in stats.bucket_stats]) == (
            n, size, 1, [(n, size)] * 2)
    wait_until("the group and its buckets count four packets", right, seconds=4)


def features(bench):
    o, p = bench.of.ofproto, bench.of.parser
    found = bench.of.ask(p.OFPGroupFeaturesStatsRequest(bench.of.desc, 0))
    assert found.types & 0xF == 0xF, f"types {found.types:#x}"
    assert found.capabilities & o.OFPGFC_SELECT_WEIGHT and found.capabilities & o.OFPGFC_CHAINING
    assert all(n > 0 for n in found.max_groups)
    every = sum(1 << getattr(o, f"OFPAT_{name}") for name in ("OUTPUT", "PUSH_VLAN", "POP_VLAN", "SET_FIELD", "GROUP", "DEC_NW_TTL"))
    assert all(actions & every == every for actions in found.actions)


CHANGES = [{"out": 2, "actions": [set_field(eth_dst=f.C)]}, {"out": 3, "actions": [("PushVlan", {}), set_field(vlan_vid=PRESENT | 4)]}, 4]
ROWS = (
    ("all: a copy to each bucket", "5.6.1", True, forwards("ALL", (2, 3, 4), (2, 3, 4))),
    ("all: buckets do not see each other's changes", "5.6.1", True,
     forwards("ALL", CHANGES, {2: f.tcp(eth_dst=f.C), 3: f.tag(f.tcp(), 4), 4: f.tcp()})),
    ("all: not back to where it came from", "5.6.1", True, forwards("ALL", (1, 2), 2)),
    ("all: no bucket drops", "5.6.1", True, forwards("ALL", (), ())),
    ("all: an empty bucket drops its copy", "5.6.1", True, forwards("ALL", ({}, 2), 2)),
    ("indirect", "5.6.1", True, forwards("INDIRECT", (2,), 2)),
    ("indirect with changes", "5.6.1", True, forwards("INDIRECT", CHANGES[:1], {2: f.tcp(eth_dst=f.C)})),
    ("select: spreads connections", "5.6.1", False, select_spreads),
    ("select: by weight", "5.6.1", False, select_weights),
    ("select: weight 0 gets nothing", "5.6.1", False, select_weight_zero),
    ("fast failover: watch_port", "5.6.1", False, failover(lambda port: {"watch_port": port})),
    ("fast failover: watch_group", "5.6.1", False, failover(lambda port: {"watch_group": 10 + port})),
    ("fast failover: none live drops", "5.6.1", False, none_live),
    ("chained", "5.6.1", False, forwards("ALL", [{"actions": [("Group", {"group_id": 2})]}, 4], (2, 3, 4), [("ALL", 2, (2, 3))])),
    ("modified", "6.5", True, modified),
    ("deleted: its rules go, and say so", "6.5", True, deleted_takes_rules),
    ("deleted although not there: no error", "6.5", True, deleted_of_none_is_no_error),
    ("description", "7.3.5.8", False, described),
    ("counters", "7.3.5.7", False, counted),
    ("features", "7.3.5.9", False, features),
)


def cases():
    for name, section, required, run in ROWS:
        yield Case("group", name, section, run, required)
