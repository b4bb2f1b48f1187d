"""Every match field of OpenFlow 1.3.5 [§7.2.3.7, table 12], and the wider masks of Open vSwitch.

A row: the field, what it needs, a value, a frame that fits, one that does not; where masks are allowed value and mask, a frame that fits the
mask but not the value, one that fits neither. Rules live in table 1; what a field of the pipeline holds there is set by table 0.
"""
import struct
from dataclasses import dataclass, field

import frames as f
from cases import Case

IP4, IP6, ARP, MPLS = {"eth_type": 0x0800}, {"eth_type": 0x86DD}, {"eth_type": 0x0806}, {"eth_type": 0x8847}
TCP, UDP, SCTP, ICMP = ({**IP4, "ip_proto": number} for number in (6, 17, 132, 1))
ICMP6 = {**IP6, "ip_proto": 58}
SOLICIT, ADVERT = {**ICMP6, "icmpv6_type": 135}, {**ICMP6, "icmpv6_type": 136}
VLAN = {"vlan_vid": (0x1000, 0x1000)}
PRESENT = 0x1000
METADATA = 0x0123456789ABCDEF
ONES64 = 0xFFFFFFFFFFFFFFFF
WIDTHS = {"vlan_vid": 0x1FFF, "ipv6_flabel": 0xFFFFF, "tcp_flags": 0xFFF}  # those that leave bits of their bytes unused


@dataclass
class Row:
    name: str  # as os-ken calls it
    needs: dict
    value: object
    fits: bytes
    differs: bytes
    masked: tuple = None  # (value, mask)
    fits_mask: bytes = None
    required: bool = False
    wider: bool = False  # the mask is Open vSwitch's, not the standard's
    unmasked_error: str = "BAD_MATCH/BAD_MASK"  # of a mask where none is allowed; none: every bit is in it
    bad: object = None  # a value that does not exist: BAD_VALUE
    absent: str = ""
    before: tuple = ()  # (frame's eth_dst, (function of (parser, ofproto) → instructions)) of table 0
    note: str = ""
    ports: tuple = field(default=(1, 1))  # into which the fitting and the other frame are sent


ROWS = (
    Row("in_port", {}, 1, f.tcp(), f.tcp(), required=True, ports=(1, 4)),
    Row("in_phy_port", {"in_port": 1}, 1, f.tcp(), f.tcp(), ports=(1, 4)),
    Row("metadata", {}, METADATA, f.tcp(eth_dst=f.B), f.tcp(eth_dst=f.C), (METADATA, 0xFFFF << 48), f.tcp(eth_dst=f.A),
        before=((f.B, "metadata", METADATA), (f.A, "metadata", METADATA ^ 0xFF), (f.C, "metadata", 1 << 48))),
    Row("tunnel_id", {}, METADATA, f.tcp(eth_dst=f.B), f.tcp(eth_dst=f.C), (METADATA, 0xFFFF << 48), f.tcp(eth_dst=f.A),
        before=((f.B, "tunnel_id", METADATA), (f.A, "tunnel_id", METADATA ^ 0xFF), (f.C, "tunnel_id", 1 << 48))),
    Row("eth_dst", {}, f.B, f.tcp(), f.tcp(eth_dst=f.C), ("02:aa:00:00:00:02", "ff:ff:00:00:00:03"), f.tcp(eth_dst="02:aa:12:34:56:7a"),
        required=True),
    Row("eth_src", {}, f.A, f.tcp(), f.tcp(eth_src="02:aa:00:00:00:04"), ("02:aa:00:00:00:01", "ff:ff:00:00:00:01"),
        f.tcp(eth_src="02:aa:12:34:56:79"), required=True),
    Row("eth_type", {}, 0x0800, f.tcp(), f.tcp6(), required=True),
    Row("vlan_vid", {}, PRESENT | 5, f.tag(f.tcp(), 5), f.tag(f.tcp(), 6), (PRESENT | 5, PRESENT | 0x0F), f.tag(f.tcp(), 0xF5), bad=0x2005),
    Row("vlan_vid", {}, 0, f.tcp(), f.tag(f.tcp(), 0, 3), note="none"),
    Row("vlan_vid", {}, (PRESENT, PRESENT), f.tag(f.tcp(), 77), f.tcp(), note="any tag"),
    Row("vlan_pcp", VLAN, 5, f.tag(f.tcp(), 9, 5), f.tag(f.tcp(), 9, 4), bad=8),
    Row("ip_dscp", IP4, 46, f.tcp(tos=46 << 2 | 1), f.tcp(tos=45 << 2), bad=64),
    Row("ip_dscp", IP6, 46, f.tcp6(tc=46 << 2 | 1), f.tcp6(tc=45 << 2), note="IPv6"),
    Row("ip_ecn", IP4, 2, f.tcp(tos=46 << 2 | 2), f.tcp(tos=46 << 2 | 1), bad=4),
    Row("ip_ecn", IP6, 2, f.tcp6(tc=46 << 2 | 2), f.tcp6(tc=46 << 2 | 1), note="IPv6"),
    Row("ip_proto", IP4, 47, f.plain_ip4(47), f.plain_ip4(50), required=True),
    Row("ip_proto", IP6, 17, f.udp6(), f.tcp6(), required=True, note="IPv6"),
    Row("ip_proto", IP6, 17, f.hop_by_hop(), f.tcp6(), note="behind a hop-by-hop header"),
    Row("ipv4_src", IP4, f.IP_A, f.tcp(), f.tcp(src="192.0.2.8"), ("192.0.2.0", "255.255.255.252"), f.tcp(src=f.IP_C), required=True),
    Row("ipv4_dst", IP4, f.IP_B, f.tcp(), f.tcp(dst="192.0.3.3"), ("0.0.2.2", "0.0.255.2"), f.tcp(dst="10.9.2.3"), required=True),
    Row("tcp_src", TCP, 1024, f.tcp(), f.tcp(sport=2048), (1024, 0xFC00), f.tcp(sport=1033), required=True, wider=True),
    Row("tcp_dst", TCP, 80, f.tcp(), f.tcp(dport=443), (80, 0xFFF0), f.tcp(dport=81), required=True, wider=True),
    Row("tcp_src", {**IP6, "ip_proto": 6}, 1024, f.tcp6(), f.tcp6(sport=1025), note="IPv6", required=True),
    Row("udp_src", UDP, 1024, f.udp(), f.udp(sport=2048), (1024, 0xFC00), f.udp(sport=1033), required=True, wider=True),
    Row("udp_dst", UDP, 53, f.udp(), f.udp(dport=99), (48, 0xFFF0), f.udp(dport=54), required=True, wider=True),
    Row("udp_dst", {**IP6, "ip_proto": 17}, 53, f.udp6(), f.udp6(dport=54), note="IPv6", required=True),
    Row("sctp_src", SCTP, 1024, f.sctp(), f.sctp(sport=2048), (1024, 0xFC00), f.sctp(sport=1033), wider=True),
    Row("sctp_dst", SCTP, 36412, f.sctp(), f.sctp(dport=3), (36412, 0xFFF0), f.sctp(dport=36413), wider=True),
    Row("icmpv4_type", ICMP, 8, f.icmp(), f.icmp(kind=0)),
    Row("icmpv4_code", ICMP, 0, f.icmp(), f.icmp(code=1)),
    Row("arp_op", ARP, 2, f.arp(op=2), f.arp(op=1)),
    Row("arp_spa", ARP, f.IP_A, f.arp(), f.arp(spa="192.0.2.9"), ("192.0.2.0", "255.255.255.248"), f.arp(spa=f.IP_C)),
    Row("arp_tpa", ARP, f.IP_B, f.arp(), f.arp(tpa="192.0.2.9"), ("192.0.2.0", "255.255.255.248"), f.arp(tpa=f.IP_C)),
    Row("arp_sha", ARP, f.A, f.arp(), f.arp(sha="02:bb:00:00:00:01"), (f.A, "ff:ff:00:00:00:00"), f.arp(sha=f.C)),
    Row("arp_tha", ARP, f.C, f.arp(), f.arp(tha="02:bb:00:00:00:03"), (f.C, "ff:ff:00:00:00:00"), f.arp(tha=f.A)),
    Row("ipv6_src", IP6, f.IP6_A, f.tcp6(), f.tcp6(src="2001:db8:1::1"), (f.IP6_A, "ffff:ffff:ffff::"), f.tcp6(src=f.IP6_C), required=True),
    Row("ipv6_dst", IP6, f.IP6_B, f.tcp6(), f.tcp6(dst="2001:db8::5"), ("::2", "::3"), f.tcp6(dst="fe80::a"), required=True),
    Row("ipv6_flabel", IP6, 0xABCDE, f.tcp6(label=0xABCDE), f.tcp6(label=0x1BCDE), (0xA0000, 0xF0000), f.tcp6(label=0xA1234), bad=0x100000),
    Row("icmpv6_type", ICMP6, 128, f.icmp6(), f.icmp6(kind=129)),
    Row("icmpv6_code", ICMP6, 0, f.icmp6(), f.icmp6(code=1)),
    Row("ipv6_nd_target", SOLICIT, f.IP6_C, f.nd_solicit(), f.nd_solicit(target="2001:db9::7"), (f.IP6_C, "ffff:ffff::"),
        f.nd_solicit(target="2001:db8::7"), wider=True),
    Row("ipv6_nd_target", ADVERT, f.IP6_C, f.nd_advert(), f.nd_advert(target="2001:db9::7"), note="advertisement"),
    Row("ipv6_nd_sll", SOLICIT, f.A, f.nd_solicit(), f.nd_solicit(sll="02:bb:00:00:00:01"), (f.A, "ff:ff:00:00:00:00"), f.nd_solicit(sll=f.C),
        wider=True),
    Row("ipv6_nd_tll", ADVERT, f.A, f.nd_advert(), f.nd_advert(tll="02:bb:00:00:00:01"), (f.A, "ff:ff:00:00:00:00"), f.nd_advert(tll=f.C),
        wider=True),
    Row("mpls_label", MPLS, 0xABCDE, f.mpls({"label": 0xABCDE}), f.mpls({"label": 0x1BCDE}), bad=0x100000),
    Row("mpls_label", {"eth_type": 0x8848}, 17, f.mpls({"label": 17}, ethertype=0x8848), f.mpls({"label": 18}, ethertype=0x8848), note="multicast"),
    Row("mpls_tc", MPLS, 5, f.mpls({"tc": 5}), f.mpls({"tc": 1}), bad=8),
    Row("mpls_bos", MPLS, 0, f.mpls({"label": 16}, {"label": 17}), f.mpls({"label": 16}), bad=2, unmasked_error=""),
    Row("pbb_isid", {"eth_type": 0x88E7}, 7, f.pbb(7), f.pbb(8), absent="BAD_MATCH/BAD_FIELD"),
    Row("ipv6_exthdr", IP6, 0x40, f.hop_by_hop(), f.udp6(), absent="BAD_MATCH/BAD_FIELD"),
    # Of later versions and Open vSwitch's own, which it takes in 1.3 too.
    Row("tcp_flags", TCP, 0x002, f.tcp(flags="S"), f.tcp(flags="A"), (0x002, 0x006), f.tcp(flags="SA"), wider=True),
)


def install(bench, row, match):
    """The rule of a case in table 1, → 2; everything else → 3; before it table 0."""
    p, o = bench.of.parser, bench.of.ofproto
    goto = p.OFPInstructionGotoTable(1)
    messages = [bench.flow(priority=0, instructions=[goto]), bench.flow(table_id=1, priority=0, to=3),
                bench.flow(match, table_id=1, to=2)]
    for eth_dst, name, value in row.before:
        if name == "metadata":
            instructions = [p.OFPInstructionWriteMetadata(value, ONES64), goto]
        else:
            instructions = [p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, [p.OFPActionSetField(**{name: value})]), goto]
        messages.append(bench.flow({"eth_dst": eth_dst}, priority=1, instructions=instructions))
    bench.of.do(*messages)


def shown_as_sent(bench, match):
    """The rule in flow statistics has the match it was sent with."""
    p = bench.of.parser
    sent = dict(p.OFPMatch(**match).items())
    shown = [dict(stats.match.items()) for stats in bench.flow_stats() if stats.table_id == 1 and stats.priority == 100]
    assert shown == [sent], f"statistics show {shown}, sent was {sent}"


def alternates(bench, row, fits, differs):
    """The fitting frame, the other, the fitting one again, which then meets the flows that the first two have left."""
    into, other_into = row.ports
    for frame, port, to in ((fits, into, 2), (differs, other_into, 3), (fits, into, 2), (differs, other_into, 3)):
        bench.expect(frame, to, port=port)


def exact(row):
    def run(bench):
        match = {**row.needs, row.name: row.value}
        install(bench, row, match)
        alternates(bench, row, row.fits, row.differs)
        shown_as_sent(bench, match)
    return run


def masked(row):
    def run(bench):
        match = {**row.needs, row.name: row.masked}
        install(bench, row, match)
        alternates(bench, row, row.fits_mask, row.differs)
        bench.expect(row.fits, 2, port=row.ports[0])
        shown_as_sent(bench, match)
    return run


def refused_match(error, match):
    def run(bench):
        bench.refused(error, bench.flow(match, to=2))
        assert bench.flow_stats() == [], "a refused rule is in the table"
    return run


def beyond_the_mask(row):
    """The masked match with every bit of the value set; in bytes, because os-ken clears those beyond the mask."""
    def run(bench):
        of = bench.of
        data = bytearray(of.encode(bench.flow({**row.needs, row.name: row.masked}, to=2)))
        at, end, found = 52, 48 + struct.unpack_from(">H", data, 50)[0], False
        while at + 4 <= end and not found:
            header = struct.unpack_from(">I", data, at)[0]
            experimenter = 4 if header >> 16 == 0xFFFF else 0  # its number comes before the value
            size = (header & 0xFF) - experimenter
            if experimenter or header >> 9 == of.ofproto.oxm_from_user_header(row.name):
                ones = int.from_bytes(b"\xff" * (size // 2), "big") & WIDTHS.get(row.name, -1)
                data[at + 4 + experimenter:at + 4 + experimenter + size // 2] = ones.to_bytes(size // 2, "big")
                found = True
            at += 4 + (header & 0xFF)
        assert found
        bench.refused("BAD_MATCH/BAD_WILDCARDS", bytes(data))
    return run


def part_of(value):
    """A value and mask of its last bit only."""
    return (value & 1, 1)


def other_needs(row):
    """The same field without what it needs, and with another protocol than it needs."""
    wrong = [{}]
    if "eth_type" in row.needs:
        wrong.append({"eth_type": 0x9999})
    if "ip_proto" in row.needs:
        wrong += [{"eth_type": row.needs["eth_type"]}, {"eth_type": row.needs["eth_type"], "ip_proto": 99}]
    if "icmpv6_type" in row.needs:
        wrong.append({**ICMP6, "icmpv6_type": 1})
    return wrong


def prerequisites(row):
    def run(bench):
        for needs in other_needs(row):
            bench.refused("BAD_MATCH/BAD_PREREQ", bench.flow({**needs, row.name: row.value}, to=2))
    return run


def cases():
    seen = set()
    for row in ROWS:
        name = f"{row.name} ({row.note})" if row.note else row.name
        yield Case("match", name, "7.2.3.7", exact(row), row.required, row.absent)
        if row.absent:
            continue
        if row.masked:
            yield Case("match", f"{name}, masked", "7.2.3.7" if not row.wider else "Open vSwitch", masked(row), row.required and not row.wider)
        if row.name in seen:
            continue
        seen.add(row.name)
        if row.masked:
            yield Case("match", f"{name}, bits beyond the mask refused", "7.2.3.5", beyond_the_mask(row))
        elif row.unmasked_error:
            yield Case("match", f"{name}, mask refused", "7.2.3.5", refused_match(row.unmasked_error, {**row.needs, row.name: part_of(row.value)}))
        if row.needs:
            yield Case("match", f"{name}, prerequisite", "7.2.3.6", prerequisites(row), row.required)
        if row.bad is not None:
            yield Case("match", f"{name}, value refused", "7.2.3.7", refused_match("BAD_MATCH/BAD_VALUE", {**row.needs, row.name: row.bad}))
