"""Instructions of OpenFlow 1.3.5 [§5.9], the action set [§5.10], pipeline [§5.1]: what several tables make of a frame."""
import frames as f
from actions import made, output, set_field
from cases import Case
from match_fields import IP4, MPLS, ONES64, PRESENT


class Words:
    """Instructions in few words, for a bench."""

    def __init__(self, bench):
        self.bench, self.p, self.o = bench, bench.of.parser, bench.of.ofproto

    def apply(self, *actions):
        return self.p.OFPInstructionActions(self.o.OFPIT_APPLY_ACTIONS, self.actions(actions))

    def write(self, *actions):
        return self.p.OFPInstructionActions(self.o.OFPIT_WRITE_ACTIONS, self.actions(actions))

    def clear(self):
        return self.p.OFPInstructionActions(self.o.OFPIT_CLEAR_ACTIONS, [])

    def goto(self, table):
        return self.p.OFPInstructionGotoTable(table)

    def metadata(self, value, mask=ONES64):
        return self.p.OFPInstructionWriteMetadata(value, mask)

    def meter(self, number):
        return self.p.OFPInstructionMeter(number)

    def actions(self, words):
        """A number is an output, a tuple an action."""
        return [output(self.bench, word) if isinstance(word, int) else made(self.bench, [word])[0] for word in words]


def pipeline(tables, into, out, match=None):
    """tables: {number: function of Words → instructions}; the frame goes into 1; `out` as expect() takes it."""
    def run(bench):
        words = Words(bench)
        bench.of.do(*(bench.flow((match or {}).get(number, {}), make(words), table_id=number) for number, make in tables.items()))
        for _ in range(2):
            bench.expect(into, out)
    return run


def group_of(bench, number, *ports):
    p, o = bench.of.parser, bench.of.ofproto
    bench.of.do(p.OFPGroupMod(bench.of.desc, o.OFPGC_ADD, o.OFPGT_ALL, number, [p.OFPBucket(actions=[output(bench, port)]) for port in ports]))


def group_in_set(tables, out):
    """A group in the action set has the last word: an output beside it is ignored [§5.10]."""
    def run(bench):
        group_of(bench, 1, 3, 4)
        pipeline(tables, f.tcp(), out)(bench)
    return run


GROUP1 = ("Group", {"group_id": 1})
VLAN9, VLAN8 = set_field(vlan_vid=PRESENT | 9), set_field(vlan_vid=PRESENT | 8)

ROWS = (
    ("goto_table", "5.9", True, pipeline({0: lambda w: [w.goto(5)], 5: lambda w: [w.goto(200)], 200: lambda w: [w.apply(2)]}, f.tcp(), 2)),
    ("goto_table: applied on the way", "5.9", True,
     pipeline({0: lambda w: [w.apply(3), w.goto(1)], 1: lambda w: [w.apply(2)]}, f.tcp(), (2, 3))),
    ("a table without a fitting rule drops", "5.4", True, pipeline({0: lambda w: [w.goto(1)]}, f.tcp(), ())),
    ("write_metadata", "5.9", False,
     pipeline({0: lambda w: [w.metadata(0x1122334455667788), w.goto(1)], 1: lambda w: [w.apply(2)]}, f.tcp(), 2,
              {1: {"metadata": 0x1122334455667788}})),
    ("write_metadata, masked: other bits stay", "5.9", False,
     pipeline({0: lambda w: [w.metadata(0x1122334455667788), w.goto(1)], 1: lambda w: [w.metadata(0xFF00, 0xFF00), w.goto(2)],
               2: lambda w: [w.apply(2)]}, f.tcp(), 2, {2: {"metadata": 0x112233445566FF88}})),
    ("write_actions: done where the pipeline ends", "5.9", True,
     pipeline({0: lambda w: [w.write(2), w.goto(1)], 1: lambda w: [w.apply(3)]}, f.tcp(), (2, 3))),
    ("write_actions: tables see the packet unchanged", "5.10", True,
     pipeline({0: lambda w: [w.write(set_field(eth_dst=f.C), 2), w.goto(1)], 1: lambda w: [w.apply(3)]}, f.tcp(),
              {2: f.tcp(eth_dst=f.C), 3: f.tcp()}, {1: {"eth_dst": f.B}})),
    ("apply_actions: later tables see the change", "5.9", False,
     pipeline({0: lambda w: [w.apply(set_field(eth_dst=f.C)), w.goto(1)], 1: lambda w: [w.apply(3)]}, f.tcp(), {3: f.tcp(eth_dst=f.C)},
              {1: {"eth_dst": f.C}})),
    ("the later output replaces the earlier", "5.10", True,
     pipeline({0: lambda w: [w.write(2), w.goto(1)], 1: lambda w: [w.write(3)]}, f.tcp(), 3)),
    ("the later set_field of one field replaces the earlier", "5.10", True,
     pipeline({0: lambda w: [w.write(set_field(eth_dst=f.A), set_field(eth_src=f.C), 2), w.goto(1)],
               1: lambda w: [w.write(set_field(eth_dst=f.C))]}, f.tcp(), {2: f.tcp(eth_dst=f.C, eth_src=f.C)})),
    ("clear_actions", "5.9", False,
     pipeline({0: lambda w: [w.write(2), w.goto(1)], 1: lambda w: [w.clear()]}, f.tcp(), ())),
    ("clear_actions, then write_actions of the same rule", "5.9", False,
     pipeline({0: lambda w: [w.write(set_field(eth_dst=f.C), 2), w.goto(1)], 1: lambda w: [w.clear(), w.write(4)]}, f.tcp(), 4)),
    ("an action set without output drops", "5.10", True, pipeline({0: lambda w: [w.write(set_field(eth_dst=f.C))]}, f.tcp(), ())),
    ("action set: push_vlan before set_field, whatever order was written", "5.10", True,
     pipeline({0: lambda w: [w.write(2, VLAN9, ("PushVlan", {}))]}, f.tcp(), {2: f.tag(f.tcp(), 9)}, {0: {"vlan_vid": 0}})),
    ("action set: pop_vlan before push_vlan", "5.10", True,
     pipeline({0: lambda w: [w.write(("PushVlan", {"ethertype": 0x88A8}), 2), w.goto(1)],
               1: lambda w: [w.write(("PopVlan", {}))]}, f.tag(f.tcp(), 9, 2), {2: f.tag(f.tcp(), 0, 0, 0x88A8)},
              {0: {"vlan_vid": (PRESENT, PRESENT)}, 1: {"vlan_vid": (PRESENT, PRESENT)}})),
    ("action set: push_mpls below push_vlan", "5.10", False,
     pipeline({0: lambda w: [w.write(("PushVlan", {}), ("PushMpls", {}), 2)]}, f.tcp(),
              {2: f.tag(f.mpls({"label": 0, "ttl": 64}), 0)}, {0: IP4})),
    ("action set: dec_nw_ttl before set_field", "5.10", False,
     pipeline({0: lambda w: [w.write(set_field(ipv4_dst=f.IP_C), ("DecNwTtl", {}), 2)]}, f.tcp(), {2: f.tcp(ttl=63, dst=f.IP_C)}, {0: IP4})),
    ("action set: a group, not the output", "5.10", True, group_in_set({0: lambda w: [w.write(2, GROUP1)]}, (3, 4))),
    ("action set: changes before the group", "5.10", True,
     group_in_set({0: lambda w: [w.write(GROUP1, set_field(eth_dst=f.C))]}, {3: f.tcp(eth_dst=f.C), 4: f.tcp(eth_dst=f.C)})),
    ("pop_mpls, then the next table sees what was behind", "5.12", False,
     pipeline({0: lambda w: [w.apply(("PopMpls", {"ethertype": 0x0800})), w.goto(1)], 1: lambda w: [w.apply(2)]}, f.mpls({"label": 16}),
              {2: f.tcp()}, {0: MPLS, 1: {**IP4, "ip_proto": 6, "tcp_dst": 80}})),
)


def order_of_instructions(bench):
    """Instructions are carried out in the standard's order, whatever order the message has [§5.9]."""
    w = Words(bench)
    bench.of.do(bench.flow({}, [w.goto(1), w.write(2), w.clear(), w.apply(set_field(eth_dst=f.C))]),
                bench.flow({"eth_dst": f.C}, [w.write(set_field(eth_src=f.C))], table_id=1))
    bench.expect(f.tcp(), {2: f.tcp(eth_dst=f.C, eth_src=f.C)})


def higher_priority_wins(bench):
    bench.of.do(bench.flow(IP4, priority=5, to=2), bench.flow({"in_port": 1}, priority=6, to=3), bench.flow({"in_port": 4}, priority=7, to=1))
    bench.expect(f.tcp(), 3)
    bench.expect(f.tcp(), 2, port=3)


def counters(bench):
    """A rule and a table count the packets and bytes they meet [§5.8]."""
    w, p = Words(bench), bench.of.parser
    bench.of.do(bench.flow(IP4, [w.goto(1)], cookie=1), bench.flow({}, [w.apply(2)], table_id=1, cookie=2))
    for _ in range(5):
        bench.expect(f.tcp(), 2)
    from suite import wait_until
    want = {1: (5, 5 * len(f.tcp())), 2: (5, 5 * len(f.tcp()))}
    wait_until("both rules count five packets", lambda: {s.cookie: (s.packet_count, s.byte_count) for s in bench.flow_stats()} == want, seconds=4)
    tables = {t.table_id: t for t in bench.of.ask(p.OFPTableStatsRequest(bench.of.desc, 0))}
    assert tables[0].active_count == 1 and tables[1].active_count == 1 and tables[2].active_count == 0


OTHERS = (
    ("instructions are carried out in the standard's order", "5.9", True, order_of_instructions),
    ("the higher priority wins", "5.3", True, higher_priority_wins),
    ("rules and tables count", "5.8", True, counters),
)


def cases():
    for name, section, required, run in ROWS + OTHERS:
        yield Case("instruction", name, section, run, required)
