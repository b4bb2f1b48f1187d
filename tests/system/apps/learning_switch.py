"""The learning switch that every OpenFlow tutorial has, for OpenFlow 1.3: learns MACs from packet-ins, installs a flow for a pair.

Run by osken-manager. Writes what happens as lines of JSON to the file named by EVENTS, which the tests read.
"""
import json
import os

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_3

IDLE_TIMEOUT = int(os.environ.get("IDLE_TIMEOUT", "0"))


class LearningSwitch(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.port_of = {}
        self.journal = open(os.environ["EVENTS"], "a", buffering=1)

    def tell(self, event, **values):
        self.journal.write(json.dumps({"event": event, **values}) + "\n")

    def add_flow(self, datapath, priority, match, actions, idle_timeout=0, flags=0):
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        instructions = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions)]
        datapath.send_msg(parser.OFPFlowMod(datapath=datapath, priority=priority, match=match, instructions=instructions,
                                            idle_timeout=idle_timeout, flags=flags))

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def on_features(self, event):
        datapath = event.msg.datapath
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        self.tell("features", datapath_id=datapath.id, n_tables=event.msg.n_tables)
        self.add_flow(datapath, 0, parser.OFPMatch(),
                      [parser.OFPActionOutput(ofproto.OFPP_CONTROLLER, ofproto.OFPCML_NO_BUFFER)])

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def on_state(self, event):
        self.tell("state", state=event.state)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_packet_in(self, event):
        message = event.msg
        datapath, in_port = message.datapath, message.match["in_port"]
        parser, ofproto = datapath.ofproto_parser, datapath.ofproto
        frame = packet.Packet(message.data).get_protocol(ethernet.ethernet)
        self.tell("packet_in", in_port=in_port, eth_src=frame.src, eth_dst=frame.dst, eth_type=frame.ethertype, reason=message.reason)
        self.port_of[datapath.id, frame.src] = in_port
        out_port = self.port_of.get((datapath.id, frame.dst), ofproto.OFPP_FLOOD)
        actions = [parser.OFPActionOutput(out_port)]
        if out_port != ofproto.OFPP_FLOOD:
            match = parser.OFPMatch(in_port=in_port, eth_dst=frame.dst, eth_src=frame.src)
            self.add_flow(datapath, 1, match, actions, idle_timeout=IDLE_TIMEOUT, flags=ofproto.OFPFF_SEND_FLOW_REM)
            self.tell("flow_mod", in_port=in_port, eth_src=frame.src, eth_dst=frame.dst, out_port=out_port)
        data = message.data if message.buffer_id == ofproto.OFP_NO_BUFFER else None
        datapath.send_msg(parser.OFPPacketOut(datapath=datapath, buffer_id=message.buffer_id, in_port=in_port, actions=actions,
                                              data=data))

    @set_ev_cls(ofp_event.EventOFPFlowRemoved, MAIN_DISPATCHER)
    def on_flow_removed(self, event):
        self.tell("flow_removed", reason=event.msg.reason, packets=event.msg.packet_count)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def on_error(self, event):
        self.tell("error", type=event.msg.type, code=event.msg.code)
