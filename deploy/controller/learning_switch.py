"""A learning switch for OpenFlow 1.3, to try Busbar with: osken-manager learning_switch.py.

Learns where addresses are from packets that no rule matches, and installs a rule for each pair that talks.
"""
from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import ethernet, packet
from os_ken.ofproto import ofproto_v1_3

IDLE_SECONDS = 60


class LearningSwitch(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.port_of = {}  # by switch and address

    def add_rule(self, switch, priority, match, port, idle_seconds):
        parser, ofproto = switch.ofproto_parser, switch.ofproto
        actions = [parser.OFPActionOutput(port, ofproto.OFPCML_NO_BUFFER)]
        apply = parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions)
        switch.send_msg(parser.OFPFlowMod(switch, priority=priority, match=match, instructions=[apply], idle_timeout=idle_seconds))

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def on_switch(self, event):
        switch = event.msg.datapath
        self.add_rule(switch, 0, switch.ofproto_parser.OFPMatch(), switch.ofproto.OFPP_CONTROLLER, 0)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_packet(self, event):
        message, switch = event.msg, event.msg.datapath
        parser, ofproto, in_port = switch.ofproto_parser, switch.ofproto, message.match["in_port"]
        frame = packet.Packet(message.data).get_protocol(ethernet.ethernet)
        self.port_of[switch.id, frame.src] = in_port
        port = self.port_of.get((switch.id, frame.dst), ofproto.OFPP_FLOOD)
        if port != ofproto.OFPP_FLOOD:
            self.add_rule(switch, 1, parser.OFPMatch(in_port=in_port, eth_src=frame.src, eth_dst=frame.dst), port, IDLE_SECONDS)
        switch.send_msg(parser.OFPPacketOut(switch, ofproto.OFP_NO_BUFFER, in_port, [parser.OFPActionOutput(port)], message.data))
