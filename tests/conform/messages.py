"""Messages of OpenFlow 1.3.5 that are neither matches nor actions [§6, §7.3, §7.4]: what a controller asks, sets and is told."""
import struct

import frames as f
from actions import output
from cases import Case
from errors import port_mod
from instructions import Words
from match_fields import ARP, IP4, TCP
from openflow import Refused, connect
from suite import wait_until


def cookies(bench, **match):
    return sorted(stats.cookie for stats in bench.flow_stats(**match))


# -- the switch [§7.3.1, §7.3.2]

def switch_features(bench):
    o = bench.of.ofproto
    reply = bench.of.ask(bench.of.parser.OFPFeaturesRequest(bench.of.desc))
    wanted = o.OFPC_FLOW_STATS | o.OFPC_TABLE_STATS | o.OFPC_PORT_STATS | o.OFPC_GROUP_STATS
    assert reply.datapath_id != 0 and reply.n_tables == 254 and reply.auxiliary_id == 0 and reply.n_buffers == 0
    assert reply.capabilities & wanted == wanted, f"capabilities {reply.capabilities:#x}"


def switch_config(bench):
    of, p = bench.of, bench.of.parser
    of.do(p.OFPSetConfig(of.desc, of.ofproto.OFPC_FRAG_NORMAL, 77))
    reply = of.ask(p.OFPGetConfigRequest(of.desc))
    assert (reply.flags, reply.miss_send_len) == (0, 77)


def fragments_dropped(bench):
    of, p, o = bench.of, bench.of.parser, bench.of.ofproto
    of.do(bench.flow(to=2))
    fragment = f.plain_ip4(17, flags="MF")
    bench.expect(fragment, 2)
    of.do(p.OFPSetConfig(of.desc, o.OFPC_FRAG_DROP, 128))
    assert of.ask(p.OFPGetConfigRequest(of.desc)).flags == o.OFPC_FRAG_DROP
    bench.expect(fragment, ())
    bench.expect(f.udp(), 2)


def later_fragments_have_no_ports(bench):
    """Of a fragment only the first may match ports [§7.2.3.7 leaves it open; as Open vSwitch]."""
    bench.of.do(bench.flow({**IP4, "ip_proto": 17, "udp_dst": 53}, to=2), bench.flow(priority=1, to=3))
    bench.expect(f.udp(), 2)
    bench.expect(f.plain_ip4(17, frag=100), 3)


def echo(bench):
    of = bench.of
    for data in (b"", b"x" * 1000):
        reply = of.ask(of.parser.OFPEchoRequest(of.desc, data))
        assert (reply.data or b"") == data


def description(bench):
    reply = bench.of.ask(bench.of.parser.OFPDescStatsRequest(bench.of.desc, 0))
    assert reply.mfr_desc and reply.hw_desc and reply.sw_desc


def table_features(bench):
    tables = bench.of.ask(bench.of.parser.OFPTableFeaturesStatsRequest(bench.of.desc, 0, []))
    o = bench.of.ofproto
    assert [table.table_id for table in tables] == list(range(254))
    kinds = {prop.type for prop in tables[0].properties}
    assert {o.OFPTFPT_INSTRUCTIONS, o.OFPTFPT_NEXT_TABLES, o.OFPTFPT_WRITE_ACTIONS, o.OFPTFPT_APPLY_ACTIONS, o.OFPTFPT_MATCH,
            o.OFPTFPT_WILDCARDS, o.OFPTFPT_WRITE_SETFIELD, o.OFPTFPT_APPLY_SETFIELD} <= kinds


def ports_described(bench):
    of = bench.of
    ports = {port.port_no: port for port in of.ask(of.parser.OFPPortDescStatsRequest(of.desc, 0))}
    assert set(ports) == {1, 2, 3, 4, of.ofproto.OFPP_LOCAL}
    for number, host in enumerate(bench.hosts, 1):
        assert ports[number].name.decode() == host.port and not ports[number].state & of.ofproto.OFPPS_LINK_DOWN


def ports_counted(bench):
    of = bench.of

    def counts(number):
        (stats,) = of.ask(of.parser.OFPPortStatsRequest(of.desc, 0, number))
        return stats.rx_packets, stats.rx_bytes, stats.tx_packets, stats.tx_bytes
    before_in, before_out = counts(1), counts(2)
    of.do(bench.flow(to=2))
    for _ in range(3):
        bench.expect(f.tcp(), 2)
    size = 3 * len(f.tcp())
    wait_until("port 1 counts three packets in, port 2 three out",
               lambda: counts(1)[:2] == (before_in[0] + 3, before_in[1] + size) and counts(2)[2:] == (before_out[2] + 3, before_out[3] + size),
               seconds=4)


def aggregate(bench):
    of, o, p = bench.of, bench.of.ofproto, bench.of.parser
    of.do(bench.flow(TCP, to=2), bench.flow(ARP, to=2))
    for _ in range(2):
        bench.expect(f.tcp(), 2)
    bench.expect(f.arp(), 2)

    def ask(**match):
        reply = of.ask(p.OFPAggregateStatsRequest(of.desc, 0, o.OFPTT_ALL, o.OFPP_ANY, o.OFPG_ANY, 0, 0, p.OFPMatch(**match)))
        return reply.flow_count, reply.packet_count, reply.byte_count
    wait_until("aggregates", lambda: ask() == (2, 3, 2 * len(f.tcp()) + len(f.arp())) and ask(**ARP) == (1, 1, len(f.arp())), seconds=4)


# -- flow_mods [§6.4]

def add_replaces(bench):
    o = bench.of.ofproto
    bench.of.do(bench.flow(IP4, to=2, cookie=1))
    bench.expect(f.tcp(), 2)
    bench.of.do(bench.flow(IP4, to=3, cookie=2))
    bench.expect(f.tcp(), 3)
    (stats,) = bench.flow_stats()
    assert stats.cookie == 2
    bench.of.do(bench.flow(IP4, to=3, cookie=2, flags=o.OFPFF_RESET_COUNTS))
    wait_until("counts begin again", lambda: bench.flow_stats()[0].packet_count == 0, seconds=4)


def modify(bench):
    o = bench.of.ofproto
    bench.of.do(bench.flow(TCP, to=2, cookie=1), bench.flow(IP4, priority=7, to=2, cookie=2), bench.flow(ARP, to=2, cookie=3))
    bench.of.do(bench.flow(IP4, to=3, command=o.OFPFC_MODIFY))
    bench.expect(f.tcp(), 3)
    bench.expect(f.udp(), 3)
    bench.expect(f.arp(), 2)
    bench.of.do(bench.flow(IP4, priority=7, to=4, command=o.OFPFC_MODIFY_STRICT))
    bench.expect(f.tcp(), 3)
    bench.expect(f.udp(), 4)
    bench.of.do(bench.flow({"in_port": 4}, to=4, command=o.OFPFC_MODIFY))  # of none: no error, nothing added
    assert cookies(bench) == [1, 2, 3]


def delete(bench):
    o = bench.of.ofproto
    bench.of.do(bench.flow(TCP, to=2, cookie=1), bench.flow(IP4, priority=7, to=2, cookie=2), bench.flow(ARP, to=3, cookie=3),
                bench.flow(ARP, table_id=4, to=3, cookie=4))
    bench.of.do(bench.flow(IP4, command=o.OFPFC_DELETE_STRICT))
    assert cookies(bench) == [1, 2, 3, 4]
    bench.of.do(bench.flow(IP4, priority=7, command=o.OFPFC_DELETE_STRICT))
    assert cookies(bench) == [1, 3, 4]
    bench.of.do(bench.flow(out_port=3, command=o.OFPFC_DELETE))
    assert cookies(bench) == [1, 4]
    bench.of.do(bench.flow(command=o.OFPFC_DELETE, table_id=o.OFPTT_ALL))
    assert cookies(bench) == []


def by_cookie(bench):
    o = bench.of.ofproto
    bench.of.do(*(bench.flow({"in_port": n}, to=2, cookie=0x100 + n) for n in (1, 3, 4)))
    bench.of.do(bench.flow(command=o.OFPFC_DELETE, cookie=0x101, cookie_mask=0xFF))
    assert cookies(bench) == [0x103, 0x104]
    bench.of.do(bench.flow(command=o.OFPFC_MODIFY, cookie=0x100, cookie_mask=0xFF00, to=1))
    bench.expect(f.tcp(), 1, port=3)


def no_counts(bench):
    o = bench.of.ofproto
    bench.of.do(bench.flow(to=2, flags=o.OFPFF_NO_PKT_COUNTS | o.OFPFF_NO_BYT_COUNTS))
    bench.expect(f.tcp(), 2)
    (stats,) = bench.flow_stats()
    assert stats.flags == o.OFPFF_NO_PKT_COUNTS | o.OFPFF_NO_BYT_COUNTS


def removed(reason, make, undo):
    """A rule with SEND_FLOW_REM tells why it went, with its counts [§7.4.2]."""
    def run(bench):
        o = bench.of.ofproto
        bench.of.do(bench.flow(TCP, to=2, cookie=0x42, flags=o.OFPFF_SEND_FLOW_REM, **make), bench.flow(ARP, to=2, **make))
        for _ in range(3):
            bench.expect(f.tcp(), 2)
        if undo:
            bench.of.do(bench.flow(command=o.OFPFC_DELETE))
        message = bench.of.wait_for("FLOW_REMOVED", seconds=8)
        assert message is not None, "no flow-removed came"
        assert (message.reason, message.cookie, message.priority) == (getattr(o, f"OFPRR_{reason}"), 0x42, 100)
        assert (message.packet_count, message.byte_count) == (3, 3 * len(f.tcp())), (message.packet_count, message.byte_count)
        assert dict(message.match.items()) == TCP
        assert bench.of.wait_for("FLOW_REMOVED", seconds=0.3) is None, "a rule that should be silent told of its end"
        wait_until("both rules are gone", lambda: bench.flow_stats() == [], seconds=4)
        bench.expect(f.tcp(), ())
    return run


def hard_despite_traffic(bench):
    bench.of.do(bench.flow(to=2, hard_timeout=1))
    bench.expect(f.tcp(), 2)
    wait_until("the rule is gone", lambda: bench.flow_stats() == [] or bench.send(f.tcp()), seconds=4)
    bench.hear(1, 0.2)
    bench.expect(f.tcp(), ())


# -- ports [§7.3.4.3, §7.4.3]

def configured(number, flag, check):
    def run(bench):
        o, p, of = bench.of.ofproto, bench.of.parser, bench.of
        address = bytes.fromhex(next(port.hw_addr for port in of.ask(p.OFPPortDescStatsRequest(of.desc, 0)) if port.port_no == number)
                                .replace(":", ""))
        bit = getattr(o, f"OFPPC_{flag}")
        of.do(bench.flow(to=(2, 3)), bench.flow({"in_port": 3}, priority=200, to=4))
        bench.expect(f.tcp(), (2, 3))
        of.unasked.clear()
        try:
            of.do(of.raw(*port_mod(number, address, bit, bit)))
            status = of.wait_for("PORT_STATUS")
            assert status is not None and status.reason == o.OFPPR_MODIFY and status.desc.config & bit
            check(bench)
        finally:
            of.do(of.raw(*port_mod(number, address, 0, bit)))
        wait_until("as before", lambda: not next(
            port for port in of.ask(p.OFPPortDescStatsRequest(of.desc, 0)) if port.port_no == number).config & bit, seconds=3)
        bench.hear(0, 0.05)
        bench.expect(f.tcp(), (2, 3))
    return run


def no_packet_in(bench):
    """Of packets that no rule of a table matches, as Open vSwitch: what a rule sends to the controller goes there."""
    o = bench.of.ofproto
    bench.of.do(bench.flow(command=o.OFPFC_DELETE), bench.flow(priority=0, actions=[output(bench, o.OFPP_CONTROLLER)]))
    bench.send(f.tcp())
    bench.no_packet_in()
    bench.send(f.tcp(), 4)
    bench.packet_in(reason=o.OFPR_NO_MATCH)
    bench.of.do(bench.flow(to=(2, 3)))


def link_told(bench):
    o = bench.of.ofproto
    host = bench.hosts[3]
    for state, down in (("down", True), ("up", False)):
        bench.of.unasked.clear()
        host.run("ip", "link", "set", "eth0", state)
        message = bench.of.wait_for("PORT_STATUS", true=lambda m: bool(m.desc.state & o.OFPPS_LINK_DOWN) == down)
        assert message is not None and message.desc.port_no == 4 and message.reason == o.OFPPR_MODIFY, message


def port_comes_and_goes(bench):
    o, suite = bench.of.ofproto, bench.suite
    suite.namespace.run("ip", "link", "add", f"{suite.id}x0", "type", "veth", "peer", "name", f"{suite.id}x1")
    try:
        suite.swctl("add-port", "br0", f"{suite.id}x0", "ofport_request=9")
        added = bench.of.wait_for("PORT_STATUS", true=lambda m: m.reason == o.OFPPR_ADD)
        assert added is not None and added.desc.port_no == 9, added
        suite.swctl("del-port", "br0", f"{suite.id}x0")
        gone = bench.of.wait_for("PORT_STATUS", true=lambda m: m.reason == o.OFPPR_DELETE)
        assert gone is not None and gone.desc.port_no == 9, gone
    finally:
        suite.namespace.run("ip", "link", "del", f"{suite.id}x0")


# -- controllers [§6.3]

def roles(bench):
    """One master: the other becomes a slave when another takes the role [§6.3.4]."""
    of, p, o = bench.of, bench.of.parser, bench.of.ofproto
    other = connect(bench.suite.run_dir / "br0.mgmt")
    try:
        mine = of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_NOCHANGE, 0))
        assert mine.role == o.OFPCR_ROLE_EQUAL
        generation = 0 if mine.generation_id == 0xFFFFFFFFFFFFFFFF else mine.generation_id
        assert of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_MASTER, generation)).role == o.OFPCR_ROLE_MASTER
        other.ask(p.OFPRoleRequest(other.desc, o.OFPCR_ROLE_MASTER, generation + 1))
        wait_until("the first is a slave", lambda: of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_NOCHANGE, 0)).role == o.OFPCR_ROLE_SLAVE, seconds=2)
        bench.refused("BAD_REQUEST/IS_SLAVE", bench.flow(to=2))
        other.do(bench.flow(actions=[output(bench, o.OFPP_CONTROLLER)]))
        bench.send(f.tcp())
        bench.no_packet_in()  # a slave is told of ports only
    finally:
        of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_EQUAL, 0))
        other.close()


def async_filter(bench):
    of, p, o = bench.of, bench.of.parser, bench.of.ofproto
    before = of.ask(p.OFPGetAsyncRequest(of.desc))
    kept = (list(before.port_status_mask), list(before.flow_removed_mask))
    of.do(bench.flow(actions=[output(bench, o.OFPP_CONTROLLER)]), p.OFPSetAsync(of.desc, [0, 0], *kept))
    try:
        assert list(of.ask(p.OFPGetAsyncRequest(of.desc)).packet_in_mask) == [0, 0]
        bench.send(f.tcp())
        bench.no_packet_in()
    finally:
        of.do(p.OFPSetAsync(of.desc, list(before.packet_in_mask), *kept))
    bench.send(f.tcp())
    bench.packet_in()


def barrier_orders(bench):
    """A frame sent after the barrier's answer meets what was asked before it, two hundred times [§6.2, I3]."""
    for n in range(200):
        to = 2 + n % 3
        bench.of.do(bench.flow(IP4, to=to))
        bench.send(f.tcp())
        came = bench.hear(1)
        assert list(came) == [to], f"round {n}: expected at {to}, came {sorted(came)}"


def many_at_once(bench):
    """Requests without waiting for answers: each answer has its request's xid, in order."""
    of, p = bench.of, bench.of.parser
    asked = [of.send(make(of.desc)) for make in (p.OFPFeaturesRequest, p.OFPGetConfigRequest, p.OFPBarrierRequest,
                                                 lambda d: p.OFPDescStatsRequest(d, 0), lambda d: p.OFPPortDescStatsRequest(d, 0),
                                                 lambda d: p.OFPEchoRequest(d, b"1"), p.OFPBarrierRequest)]
    answered = []
    while len(answered) < len(asked):
        message = of.read(5)
        assert message is not None, f"answered {answered} of {asked}"
        if message.xid in asked:
            answered.append(message.xid)
    assert answered == asked


def flows_in_parts(bench):
    """Statistics that no message holds come in parts, each rule once [§7.3.5]."""
    bench.of.do(*(bench.flow({**IP4, "ipv4_dst": f"10.1.{n >> 8}.{n & 255}"}, to=2, cookie=n) for n in range(3000)))
    assert cookies(bench) == list(range(3000))


def table_stats(bench):
    w = Words(bench)
    p = bench.of.parser

    def counts():
        return {t.table_id: (t.active_count, t.lookup_count, t.matched_count) for t in bench.of.ask(p.OFPTableStatsRequest(bench.of.desc, 0))}
    before = counts()
    assert before[77] == (0, 0, 0), f"no other case uses table 77: {before[77]}"
    bench.of.do(bench.flow({}, [w.goto(77)]), bench.flow(IP4, to=2, table_id=77))
    bench.expect(f.tcp(), 2)
    bench.expect(f.arp(), ())
    wait_until("table 77: one rule, two lookups, one of them matched", lambda: counts()[77] == (1, 2, 1), seconds=4)


def table_mod(bench):
    bench.of.do(bench.of.parser.OFPTableMod(bench.of.desc, 0, 0))


def queues(bench):
    of, o, p = bench.of, bench.of.ofproto, bench.of.parser
    assert of.ask(p.OFPQueueStatsRequest(of.desc, 0, o.OFPP_ANY, o.OFPQ_ALL)) == []
    assert of.ask(p.OFPQueueGetConfigRequest(of.desc, 1)).queues == []


def padded_and_whole(bench):
    """Multipart replies and errors keep the request's xid, and packet-in's match is whole: in_port is always there [§7.4.1]."""
    o = bench.of.ofproto
    w = Words(bench)
    bench.of.do(bench.flow({}, [w.metadata(7), w.goto(3)]), bench.flow({}, table_id=3, cookie=5, actions=[output(bench, o.OFPP_CONTROLLER)]))
    bench.send(f.tcp(), 4)
    message = bench.packet_in(table_id=3, cookie=5)
    assert dict(message.match.items()) == {"in_port": 4, "metadata": 7}, dict(message.match.items())


def hello_versions(bench):
    for version in (1, 4, 5, 6):
        connect(bench.suite.run_dir / "br0.mgmt", version=version).close()


def hello_bitmap(bench):
    """The highest of both bitmaps, though the header says more [§7.5.1]."""
    other = connect(bench.suite.run_dir / "br0.mgmt", greet=False)
    try:
        other.send_bytes(other.raw(0, struct.pack(">HHI", 1, 8, 1 << 1 | 1 << 4), version=9))
        assert other.read_raw(5)[1] == 0
        other.barrier()
    finally:
        other.close()


def one_refused_of_many(bench):
    of = bench.of
    of.send(bench.flow(IP4, to=2), bench.flow(ARP, actions=[of.parser.OFPActionGroup(77)]), bench.flow({"in_port": 4}, to=3))
    try:
        of.barrier()
        raise AssertionError("nothing was refused")
    except Refused as refusal:
        assert refusal.name == "BAD_ACTION/BAD_OUT_GROUP"
    bench.expect(f.tcp(), 2)
    bench.expect(f.arp(), 3, port=4)


ROWS = (
    ("features", "7.3.1", True, switch_features),
    ("get_config, set_config", "7.3.2", True, switch_config),
    ("fragments: drop", "7.3.2", False, fragments_dropped),
    ("fragments: later ones have no ports", "7.3.2", False, later_fragments_have_no_ports),
    ("echo", "7.5.2", True, echo),
    ("hello: every version we have", "7.5.1", True, hello_versions),
    ("hello: by bitmap", "7.5.1", True, hello_bitmap),
    ("description", "7.3.5.1", True, description),
    ("flow statistics in several parts", "7.3.5.2", True, flows_in_parts),
    ("aggregate statistics", "7.3.5.3", True, aggregate),
    ("table statistics", "7.3.5.4", True, table_stats),
    ("table features", "7.3.5.5", False, table_features),
    ("port statistics", "7.3.5.6", True, ports_counted),
    ("port description", "7.3.5.14", True, ports_described),
    ("queue statistics and configuration", "7.3.5.7", False, queues),
    ("flow_mod: add replaces", "6.4", True, add_replaces),
    ("flow_mod: modify, modify_strict", "6.4", True, modify),
    ("flow_mod: delete, delete_strict, out_port", "6.4", True, delete),
    ("flow_mod: cookie and its mask", "6.4", True, by_cookie),
    ("flow_mod: flags no counts are shown", "7.3.4.1", False, no_counts),
    ("flow_mod: hard timeout despite traffic", "6.5", True, hard_despite_traffic),
    ("flow_removed: idle timeout", "7.4.2", True, removed("IDLE_TIMEOUT", {"idle_timeout": 1}, False)),
    ("flow_removed: hard timeout", "7.4.2", True, removed("HARD_TIMEOUT", {"hard_timeout": 1}, False)),
    ("flow_removed: delete", "7.4.2", True, removed("DELETE", {}, True)),
    ("port_mod: PORT_DOWN", "7.3.4.3", True, configured(3, "PORT_DOWN", lambda b: b.expect(f.tcp(), 2))),
    ("port_mod: NO_FWD", "7.3.4.3", True, configured(3, "NO_FWD", lambda b: b.expect(f.tcp(), 2))),
    ("port_mod: NO_RECV", "7.3.4.3", True, configured(3, "NO_RECV", lambda b: b.expect(f.tcp(), (), port=3))),
    ("port_mod: NO_PACKET_IN", "7.3.4.3", True, configured(1, "NO_PACKET_IN", no_packet_in)),
    ("port_status: the link", "7.4.3", True, link_told),
    ("port_status: added, deleted", "7.4.3", True, port_comes_and_goes),
    ("table_mod", "7.3.3", False, table_mod),
    ("roles: master, slave, equal", "6.3.4", True, roles),
    ("async: what is filtered does not come", "7.3.10", True, async_filter),
    ("barrier: what was asked before is done", "7.3.8", True, barrier_orders),
    ("requests without waiting are answered in order", "6.2", True, many_at_once),
    ("one refused among many", "6.2", True, one_refused_of_many),
    ("packet_in: table, cookie, match", "7.4.1", True, padded_and_whole),
)


def cases():
    for name, section, required, run in ROWS:
        yield Case("message", name, section, run, required)
