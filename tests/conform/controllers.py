"""Controllers that connect in the way of those in use, and what they expect: their first messages, in their order, without waiting.

ONOS: OFChannelHandler; Faucet: valve_of. What each tolerates and what it does not is in the comments beside the steps.
"""
import frames as f
from actions import output
from cases import Case
from groups import group
from instructions import Words
from match_fields import PRESENT, TCP, VLAN
from meters import drop, meter
from openflow import connect


def onos(bench):
    """HELLO, FEATURES, PORT_DESC, SET_CONFIG + BARRIER + GET_CONFIG, METER_FEATURES, DESC, then the role."""
    other = connect(bench.suite.run_dir / "br0.mgmt")
    p, o, desc = other.parser, other.ofproto, other.desc
    try:
        features = other.ask(p.OFPFeaturesRequest(desc))
        assert features.datapath_id != 0
        assert len(other.ask(p.OFPPortDescStatsRequest(desc, 0))) == 5
        other.send(p.OFPSetConfig(desc, 0, 0xFFFF))
        other.barrier()
        assert other.ask(p.OFPGetConfigRequest(desc)).miss_send_len == 0xFFFF
        other.ask(p.OFPMeterFeaturesStatsRequest(desc, 0))
        said = other.ask(p.OFPDescStatsRequest(desc, 0))
        assert said.mfr_desc and said.hw_desc and said.sw_desc  # they choose the driver
        generation = other.ask(p.OFPRoleRequest(desc, o.OFPCR_ROLE_NOCHANGE, 0)).generation_id
        generation = 0 if generation == 0xFFFFFFFFFFFFFFFF else generation + 1
        assert other.ask(p.OFPRoleRequest(desc, o.OFPCR_ROLE_MASTER, generation)).role == o.OFPCR_ROLE_MASTER
        # Its first rules: ARP, LLDP and BDDP to the controller, and a barrier.
        rules = [bench.flow({"eth_type": kind}, priority=40000, actions=[output(bench, o.OFPP_CONTROLLER)]) for kind in (0x0806, 0x88CC, 0x8942)]
        other.do(*rules)
        bench.send(f.arp())
        message = other.wait_for("PACKET_IN")
        assert message is not None and message.data == f.arp() and message.match["in_port"] == 1, message
        assert len(bench.flow_stats()) == 3
    finally:
        other.send(p.OFPRoleRequest(desc, o.OFPCR_ROLE_EQUAL, 0))
        other.barrier()
        other.close()
        bench.of.ask(bench.of.parser.OFPRoleRequest(bench.of.desc, o.OFPCR_ROLE_EQUAL, 0))


def faucet(bench):
    """All at once: SET_CONFIG, SET_ASYNC, DESC, delete everything, several tables, groups, a meter, a PACKET_OUT, TABLE_FEATURES."""
    of, w = bench.of, Words(bench)
    p, o, desc = of.parser, of.ofproto, of.desc
    before = of.ask(p.OFPGetAsyncRequest(desc))
    every = 1 << o.OFPR_NO_MATCH | 1 << o.OFPR_ACTION
    removed = 1 << o.OFPRR_IDLE_TIMEOUT | 1 << o.OFPRR_HARD_TIMEOUT | 1 << o.OFPRR_DELETE
    untagged = [("PushVlan", {}), ("SetField", {"vlan_vid": PRESENT | 100})]
    try:
        of.send(p.OFPSetConfig(desc, o.OFPC_FRAG_NORMAL, 0), p.OFPSetAsync(desc, [every] * 2, [7, 7], [removed] * 2), p.OFPDescStatsRequest(desc, 0),
                bench.flow(command=o.OFPFC_DELETE, table_id=o.OFPTT_ALL), p.OFPGroupMod(desc, o.OFPGC_DELETE, o.OFPGT_ALL, o.OFPG_ALL),
                p.OFPMeterMod(desc, o.OFPMC_DELETE, 0, o.OFPM_ALL), p.OFPBarrierRequest(desc))
        of.do(meter(bench, 1, ("KBPS",), drop(bench, 1000000)),
              group(bench, "ALL", 1, {"actions": [("PopVlan", {})], "out": 2}, {"actions": [("PopVlan", {})], "out": 3}),
              group(bench, "FF", 2, {"out": 4, "watch_port": 4}),
              # Table 0: VLANs; 1: an access list that meters and remembers; 2: where addresses are; 3: flooding.
              bench.flow({"in_port": 1, "vlan_vid": 0}, [w.apply(*untagged), w.metadata(100), w.goto(1)], flags=o.OFPFF_SEND_FLOW_REM),
              bench.flow({**VLAN, **TCP}, [w.meter(1), w.goto(2)], table_id=1, flags=o.OFPFF_SEND_FLOW_REM),
              bench.flow({**VLAN, "eth_dst": f.C}, [w.apply(("PopVlan", {}), 4)], table_id=2, flags=o.OFPFF_SEND_FLOW_REM),
              bench.flow({}, [w.goto(3)], table_id=2, priority=0),
              bench.flow({"vlan_vid": PRESENT | 100, "metadata": 100}, [w.apply(("Group", {"group_id": 1}))], table_id=3),
              bench.packet_out([output(bench, 2)], f.arp()))
        assert len(of.ask(p.OFPTableFeaturesStatsRequest(desc, 0, []))) == 254
        bench.compare({2: [f.arp()]}, bench.hear(1), "packet-out")
        bench.expect(f.tcp(eth_dst=f.C), 4)
        bench.expect(f.tcp(), (2, 3))
        bench.expect(f.udp(), ())  # the access list
        assert of.wait_for("ERROR", 0.05) is None
        bench.of.unasked.clear()
        of.do(bench.flow({**VLAN, "eth_dst": f.C}, table_id=2, command=o.OFPFC_DELETE))
        assert of.wait_for("FLOW_REMOVED") is not None
        bench.expect(f.tcp(eth_dst=f.C), (2, 3))
    finally:
        of.do(p.OFPSetAsync(desc, list(before.packet_in_mask), list(before.port_status_mask), list(before.flow_removed_mask)))


def cases():
    yield Case("controller", "the first messages of ONOS", "6.3", onos)
    yield Case("controller", "the first messages of Faucet", "6.3", faucet)
