"""Every action of OpenFlow 1.3.5 [§5.12, §7.2.5]: a frame goes in, the frame that must come out.

A row: actions as (name, arguments) for os-ken's OFPActionX, the match they need, frames in and out. They are played twice: applied at once, and
written to the action set, which must do the same where only one of each kind is there.
"""
from dataclasses import dataclass

import frames as f
from cases import Case
from match_fields import ADVERT, ARP, ICMP, ICMP6, IP4, IP6, MPLS, PRESENT, SCTP, SOLICIT, TCP, UDP, VLAN

MPLS_MULTICAST = {"eth_type": 0x8848}


@dataclass
class Row:
    name: str
    actions: list
    match: dict
    into: bytes
    out: object  # bytes, or None: dropped
    section: str = "5.12"
    required: bool = False
    absent: str = ""
    only_applied: bool = False


def set_field(**field):
    return ("SetField", field)


def fields():
    """set_field of every field that may be set [§7.2.5.7]."""
    def row(name, value, needs, into, out, note=""):
        return Row(f"set_field {name}{note}", [set_field(**{name: value})], needs, into, out, "7.2.5.7")
    return [
        row("eth_dst", f.C, {}, f.tcp(), f.tcp(eth_dst=f.C)),
        row("eth_src", f.C, {}, f.tcp(), f.tcp(eth_src=f.C)),
        row("vlan_vid", PRESENT | 9, VLAN, f.tag(f.tcp(), 5, 3), f.tag(f.tcp(), 9, 3)),
        row("vlan_pcp", 6, VLAN, f.tag(f.tcp(), 5, 3), f.tag(f.tcp(), 5, 6)),
        row("ip_dscp", 46, IP4, f.tcp(tos=0x21), f.tcp(tos=46 << 2 | 1)),
        row("ip_dscp", 46, IP6, f.tcp6(tc=0x21), f.tcp6(tc=46 << 2 | 1), ", IPv6"),
        row("ip_ecn", 3, IP4, f.tcp(tos=0x20), f.tcp(tos=0x23)),
        row("ip_ecn", 3, IP6, f.tcp6(tc=0x20), f.tcp6(tc=0x23), ", IPv6"),
        row("ipv4_src", f.IP_C, IP4, f.tcp(), f.tcp(src=f.IP_C), ", TCP"),
        row("ipv4_src", f.IP_C, IP4, f.udp(), f.udp(src=f.IP_C), ", UDP"),
        row("ipv4_dst", f.IP_C, IP4, f.tcp(), f.tcp(dst=f.IP_C), ", TCP"),
        row("ipv4_dst", f.IP_C, IP4, f.icmp(), f.icmp(dst=f.IP_C), ", ICMP"),
        row("ipv6_src", f.IP6_C, IP6, f.tcp6(), f.tcp6(src=f.IP6_C), ", TCP"),
        row("ipv6_src", f.IP6_C, IP6, f.icmp6(), f.icmp6(src=f.IP6_C), ", ICMPv6"),
        row("ipv6_dst", f.IP6_C, IP6, f.udp6(), f.udp6(dst=f.IP6_C), ", UDP"),
        row("ipv6_flabel", 0x12345, IP6, f.tcp6(label=5, tc=3), f.tcp6(label=0x12345, tc=3)),
        row("tcp_src", 4444, TCP, f.tcp(), f.tcp(sport=4444)),
        row("tcp_dst", 4444, TCP, f.tcp(), f.tcp(dport=4444)),
        row("tcp_dst", 4444, {**IP6, "ip_proto": 6}, f.tcp6(), f.tcp6(dport=4444), ", IPv6"),
        row("udp_src", 4444, UDP, f.udp(), f.udp(sport=4444)),
        row("udp_dst", 4444, UDP, f.udp(), f.udp(dport=4444)),
        row("udp_dst", 4444, {**IP6, "ip_proto": 17}, f.udp6(), f.udp6(dport=4444), ", IPv6"),
        row("sctp_src", 4444, SCTP, f.sctp(), f.sctp(sport=4444)),
        row("sctp_dst", 4444, SCTP, f.sctp(), f.sctp(dport=4444)),
        row("icmpv4_type", 0, ICMP, f.icmp(), f.icmp(kind=0)),
        row("icmpv4_code", 1, ICMP, f.icmp(), f.icmp(code=1)),
        row("arp_op", 2, ARP, f.arp(), f.arp(op=2)),
        row("arp_spa", f.IP_C, ARP, f.arp(), f.arp(spa=f.IP_C)),
        row("arp_tpa", f.IP_C, ARP, f.arp(), f.arp(tpa=f.IP_C)),
        row("arp_sha", f.B, ARP, f.arp(), f.arp(sha=f.B)),
        row("arp_tha", f.B, ARP, f.arp(), f.arp(tha=f.B)),
        row("icmpv6_type", 129, ICMP6, f.icmp6(kind=130), f.icmp6(kind=129)),
        row("icmpv6_code", 3, ICMP6, f.icmp6(kind=129), f.icmp6(kind=129, code=3)),
        row("ipv6_nd_target", f.IP6_A, SOLICIT, f.nd_solicit(), f.nd_solicit(target=f.IP6_A)),
        row("ipv6_nd_sll", f.C, SOLICIT, f.nd_solicit(), f.nd_solicit(sll=f.C)),
        row("ipv6_nd_tll", f.C, ADVERT, f.nd_advert(), f.nd_advert(tll=f.C)),
        row("mpls_label", 99, MPLS, f.mpls({"label": 16}, {"label": 17}), f.mpls({"label": 99}, {"label": 17})),
        row("mpls_tc", 5, MPLS, f.mpls({"label": 16, "tc": 1}), f.mpls({"label": 16, "tc": 5})),
    ]


ROWS = fields() + [
    Row("set_field tunnel_id", [set_field(tunnel_id=7)], {}, f.tcp(), f.tcp(), "7.2.5.7"),
    Row("set_field pbb_isid", [set_field(pbb_isid=7)], {"eth_type": 0x88E7}, f.pbb(), f.pbb(), "7.2.5.7", absent="BAD_ACTION/BAD_SET_TYPE"),
    Row("push_vlan 0x8100", [("PushVlan", {})], {"vlan_vid": 0}, f.tcp(), f.tag(f.tcp(), 0, 0)),
    Row("push_vlan 0x88a8", [("PushVlan", {"ethertype": 0x88A8})], {"vlan_vid": 0}, f.tcp(), f.tag(f.tcp(), 0, 0, 0x88A8)),
    Row("push_vlan, the new tag is as the old one", [("PushVlan", {"ethertype": 0x88A8})], VLAN, f.tag(f.tcp(), 5, 3),
        f.tag(f.tag(f.tcp(), 5, 3), 5, 3, 0x88A8)),
    Row("push_vlan, set_field", [("PushVlan", {}), set_field(vlan_vid=PRESENT | 100), set_field(vlan_pcp=2)], {"vlan_vid": 0}, f.tcp(),
        f.tag(f.tcp(), 100, 2)),
    Row("pop_vlan", [("PopVlan", {})], VLAN, f.tag(f.tcp(), 5, 3), f.tcp()),
    Row("pop_vlan 0x88a8", [("PopVlan", {})], VLAN, f.tag(f.tcp(), 5, 3, 0x88A8), f.tcp()),
    Row("pop_vlan of two", [("PopVlan", {})], VLAN, f.tag(f.tag(f.tcp(), 5, 3), 6, 1, 0x88A8), f.tag(f.tcp(), 5, 3)),
    Row("push_mpls 0x8847 onto IPv4: TTL copied", [("PushMpls", {})], IP4, f.tcp(ttl=33),
        f.mpls({"label": 0, "ttl": 33}, inner=f.tcp(ttl=33))),
    Row("push_mpls 0x8848 onto IPv4", [("PushMpls", {"ethertype": 0x8848})], IP4, f.tcp(ttl=33),
        f.mpls({"label": 0, "ttl": 33}, inner=f.tcp(ttl=33), ethertype=0x8848)),
    Row("push_mpls onto MPLS: fields copied", [("PushMpls", {})], MPLS, f.mpls({"label": 77, "tc": 3, "ttl": 9}),
        f.mpls({"label": 77, "tc": 3, "ttl": 9}, {"label": 77, "tc": 3, "ttl": 9})),
    Row("push_mpls, set_field", [("PushMpls", {}), set_field(mpls_label=500), set_field(mpls_tc=4)], IP4, f.tcp(),
        f.mpls({"label": 500, "tc": 4, "ttl": 64})),
    Row("pop_mpls to IPv4", [("PopMpls", {"ethertype": 0x0800})], {**MPLS, "mpls_bos": 1}, f.mpls({"label": 16}), f.tcp()),
    Row("pop_mpls to IPv6", [("PopMpls", {"ethertype": 0x86DD})], {**MPLS, "mpls_bos": 1}, f.mpls({"label": 16}, inner=f.tcp6()), f.tcp6()),
    Row("pop_mpls of two", [("PopMpls", {"ethertype": 0x8847})], {**MPLS, "mpls_bos": 0}, f.mpls({"label": 16}, {"label": 17}),
        f.mpls({"label": 17})),
    Row("pop_mpls 0x8848", [("PopMpls", {"ethertype": 0x0800})], {**MPLS_MULTICAST, "mpls_bos": 1},
        f.mpls({"label": 16}, ethertype=0x8848), f.tcp()),
    Row("pop_mpls behind a VLAN tag", [("PopMpls", {"ethertype": 0x0800})], MPLS, f.tag(f.mpls({"label": 16}), 5), f.tag(f.tcp(), 5)),
    Row("set_mpls_ttl", [("SetMplsTtl", {"mpls_ttl": 11})], MPLS, f.mpls({"ttl": 64}), f.mpls({"ttl": 11})),
    Row("dec_mpls_ttl", [("DecMplsTtl", {})], MPLS, f.mpls({"ttl": 64}), f.mpls({"ttl": 63})),
    Row("dec_mpls_ttl of 1: dropped", [("DecMplsTtl", {})], MPLS, f.mpls({"ttl": 1}), None),
    Row("set_nw_ttl", [("SetNwTtl", {"nw_ttl": 9})], IP4, f.tcp(), f.tcp(ttl=9)),
    Row("set_nw_ttl, IPv6", [("SetNwTtl", {"nw_ttl": 9})], IP6, f.tcp6(), f.tcp6(hlim=9)),
    Row("dec_nw_ttl", [("DecNwTtl", {})], IP4, f.tcp(), f.tcp(ttl=63)),
    Row("dec_nw_ttl, IPv6", [("DecNwTtl", {})], IP6, f.tcp6(), f.tcp6(hlim=63)),
    Row("dec_nw_ttl of 1: dropped", [("DecNwTtl", {})], IP4, f.tcp(ttl=1), None),
    Row("copy_ttl_out: IP to MPLS", [("PushMpls", {}), ("SetMplsTtl", {"mpls_ttl": 5}), ("CopyTtlOut", {})], IP4, f.tcp(ttl=33),
        f.mpls({"label": 0, "ttl": 33}, inner=f.tcp(ttl=33)), only_applied=True),
    Row("copy_ttl_out: MPLS to MPLS", [("CopyTtlOut", {})], {**MPLS, "mpls_bos": 0}, f.mpls({"ttl": 9}, {"ttl": 30}),
        f.mpls({"ttl": 30}, {"ttl": 30})),
    Row("copy_ttl_in: MPLS to MPLS", [("CopyTtlIn", {})], {**MPLS, "mpls_bos": 0}, f.mpls({"ttl": 9}, {"ttl": 30}),
        f.mpls({"ttl": 9}, {"ttl": 9})),
    Row("copy_ttl_in: MPLS to IP", [("CopyTtlIn", {}), ("PopMpls", {"ethertype": 0x0800})], {**MPLS, "mpls_bos": 1}, f.mpls({"ttl": 9}),
        f.tcp(ttl=9)),
    Row("set_queue", [("SetQueue", {"queue_id": 0})], {}, f.tcp(), f.tcp()),
    Row("set_queue of a queue that no port has", [("SetQueue", {"queue_id": 77})], {}, f.tcp(), f.tcp()),
    Row("push_pbb", [("PushPbb", {"ethertype": 0x88E7})], {}, f.tcp(), f.pbb(0), absent="BAD_ACTION/BAD_TYPE"),
    Row("pop_pbb", [("PopPbb", {})], {"eth_type": 0x88E7}, f.pbb(), f.tcp(), absent="BAD_ACTION/BAD_TYPE"),
]


def made(bench, actions):
    p = bench.of.parser
    return [getattr(p, f"OFPAction{name}")(**arguments) for name, arguments in actions]


def output(bench, port=2):
    return bench.of.parser.OFPActionOutput(port, 0xFFFF)


def played(row, written):
    def run(bench):
        p, o = bench.of.parser, bench.of.ofproto
        kind = o.OFPIT_WRITE_ACTIONS if written else o.OFPIT_APPLY_ACTIONS
        bench.of.do(bench.flow(row.match, [p.OFPInstructionActions(kind, made(bench, row.actions) + [output(bench)])]))
        for _ in range(2):
            bench.expect(row.into, () if row.out is None else 2, row.out)
    return run


# -- outputs [§4.5, §7.2.5.1]

def reserved(name, into, to):
    """Where a reserved port leads to; sent into port 1."""
    def run(bench):
        bench.of.do(bench.flow(actions=[output(bench, getattr(bench.of.ofproto, f"OFPP_{name}"))]))
        bench.expect(into, to)
        bench.expect(into, to)
    return run


def to_all_ports(bench):
    bench.of.do(bench.flow(to=(2, 3, 4)))
    bench.expect(f.tcp(), (2, 3, 4))


def back_is_not_out(bench):
    """A port number that is the ingress port does not send: that takes IN_PORT [§7.2.5.1]."""
    bench.of.do(bench.flow(to=(1, 2)))
    bench.expect(f.tcp(), 2)


def changed_between_outputs(bench):
    """Applied actions happen in their order: each output sees what has been done so far [§5.11]."""
    bench.of.do(bench.flow(IP4, actions=[output(bench, 2), *made(bench, [set_field(ipv4_dst=f.IP_C)]), output(bench, 3),
                                         *made(bench, [("PushVlan", {}), set_field(vlan_vid=PRESENT | 7)]), output(bench, 4)]))
    bench.expect(f.tcp(), {2: f.tcp(), 3: f.tcp(dst=f.IP_C), 4: f.tag(f.tcp(dst=f.IP_C), 7)})


def no_actions_drop(bench):
    bench.of.do(bench.flow(instructions=[]), bench.flow(priority=1, to=2))
    bench.expect(f.tcp(), ())


def to_controller(max_len):
    """Without a buffer the whole packet goes up [§7.4.1]."""
    def run(bench):
        o = bench.of.ofproto
        frame = f.tcp() + bytes(200)
        bench.of.do(bench.flow(actions=[bench.of.parser.OFPActionOutput(o.OFPP_CONTROLLER, max_len)], cookie=0x77, priority=9))
        bench.send(frame)
        message = bench.packet_in(reason=o.OFPR_ACTION, table_id=0, cookie=0x77, total_len=len(frame), buffer_id=o.OFP_NO_BUFFER)
        assert message.data == frame, f"{len(message.data)} of {len(frame)} bytes"
        assert message.match["in_port"] == 1
    return run


def table_miss_to_controller(bench):
    o = bench.of.ofproto
    bench.of.do(bench.flow(priority=0, actions=[bench.of.parser.OFPActionOutput(o.OFPP_CONTROLLER, o.OFPCML_NO_BUFFER)]))
    bench.send(f.tcp())
    bench.packet_in(reason=o.OFPR_NO_MATCH, data=f.tcp())


def invalid_ttl_to_controller(bench):
    p, o = bench.of.parser, bench.of.ofproto
    every = (1 << o.OFPR_NO_MATCH) | (1 << o.OFPR_ACTION) | (1 << o.OFPR_INVALID_TTL)
    before = bench.of.ask(p.OFPGetAsyncRequest(bench.of.desc))
    masks = ([every, 0], list(before.port_status_mask), list(before.flow_removed_mask))
    bench.of.do(p.OFPSetAsync(bench.of.desc, *masks), bench.flow(IP4, actions=[*made(bench, [("DecNwTtl", {})]), output(bench)]))
    try:
        bench.send(f.tcp(ttl=1))
        bench.packet_in(reason=o.OFPR_INVALID_TTL)
    finally:
        bench.of.do(p.OFPSetAsync(bench.of.desc, list(before.packet_in_mask), *masks[1:]))


def out_table(bench):
    """TABLE is for packet-outs: the packet takes the pipeline, from in_port [§4.5]."""
    o = bench.of.ofproto
    bench.of.do(bench.flow({"in_port": 3}, to=2), bench.flow(priority=1, to=4))
    bench.of.do(bench.packet_out([output(bench, o.OFPP_TABLE)], f.tcp(), in_port=3))
    bench.compare({2: [f.tcp()]}, bench.hear(1), "packet-out to TABLE")
    bench.of.do(bench.packet_out([output(bench, o.OFPP_TABLE)], f.tcp()))
    bench.compare({4: [f.tcp()]}, bench.hear(1), "packet-out to TABLE, of the controller")


def packet_out(actions, in_port, wanted):
    def run(bench):
        o = bench.of.ofproto
        ports = [output(bench, getattr(o, f"OFPP_{port}") if isinstance(port, str) else port) for port in actions[1]]
        bench.of.do(bench.packet_out(made(bench, actions[0]) + ports, f.tcp(), in_port=in_port))
        bench.compare({port: [frame] for port, frame in wanted.items()}, bench.hear(len(wanted)), "packet-out")
    return run


def normal_learns(bench):
    bench.of.do(bench.flow(actions=[output(bench, bench.of.ofproto.OFPP_NORMAL)]))
    stranger = f.udp(eth_src="02:cc:00:00:00:01", eth_dst="02:cc:00:00:00:02")
    answer = f.udp(eth_src="02:cc:00:00:00:02", eth_dst="02:cc:00:00:00:01")
    bench.expect(stranger, (2, 3, 4))
    bench.expect(answer, 1, port=3)
    bench.expect(stranger, 3)


OTHERS = (
    ("output to a port", "5.12", True, to_all_ports),
    ("output to the ingress port sends nothing", "7.2.5.1", True, back_is_not_out),
    ("output IN_PORT", "4.5", True, reserved("IN_PORT", f.tcp(), 1)),
    ("output ALL", "4.5", True, reserved("ALL", f.tcp(), (2, 3, 4))),
    ("output FLOOD", "4.5", False, reserved("FLOOD", f.tcp(), (2, 3, 4))),
    ("output NORMAL", "4.5", False, normal_learns),
    ("output TABLE of a packet-out", "4.5", True, out_table),
    ("output CONTROLLER, whole packet", "4.5", True, to_controller(0xFFFF)),
    ("output CONTROLLER, max_len", "7.2.5.1", True, to_controller(64)),
    ("table miss to CONTROLLER: reason no match", "5.4", True, table_miss_to_controller),
    ("dec_nw_ttl of 1: reason invalid TTL", "7.4.1", False, invalid_ttl_to_controller),
    ("applied actions keep their order", "5.11", True, changed_between_outputs),
    ("no action: dropped", "5.12", True, no_actions_drop),
    ("packet-out to a port", "7.3.7", True, packet_out(([], [2]), None, {2: f.tcp()})),
    ("packet-out to IN_PORT", "7.3.7", True, packet_out(([], ["IN_PORT"]), 3, {3: f.tcp()})),
    ("packet-out to ALL but in_port", "7.3.7", True, packet_out(([], ["ALL"]), 3, {1: f.tcp(), 2: f.tcp(), 4: f.tcp()})),
    ("packet-out with actions", "7.3.7", True, packet_out(([("PushVlan", {}), set_field(vlan_vid=PRESENT | 3)], [4]), None,
                                                          {4: f.tag(f.tcp(), 3)})),
)


def cases():
    for row in ROWS:
        yield Case("action", row.name, row.section, played(row, False), row.required, row.absent)
        if not row.absent and not row.only_applied:
            yield Case("action", f"{row.name}, in the action set", "5.10", played(row, True))
    for name, section, required, run in OTHERS:
        yield Case("action", name, section, run, required)
