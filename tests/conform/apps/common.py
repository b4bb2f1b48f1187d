"""What the applications of this folder share: rules, packet-outs and a journal that the tests read (lines of JSON in the file named by EVENTS)."""
import json
import os

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import CONFIG_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_3


class App(app_manager.OSKenApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.journal = open(os.environ["EVENTS"], "a", buffering=1)

    def tell(self, event, **values):
        self.journal.write(json.dumps({"event": event, **values}) + "\n")

    def rule(self, switch, priority, actions, instructions=(), **match):
        parser, ofproto = switch.ofproto_parser, switch.ofproto
        apply = [parser.OFPInstructionActions(ofproto.OFPIT_APPLY_ACTIONS, actions)] if actions else []
        switch.send_msg(parser.OFPFlowMod(switch, priority=priority, match=parser.OFPMatch(**match), instructions=[*instructions, *apply]))

    def output(self, switch, *ports):
        return [switch.ofproto_parser.OFPActionOutput(port, switch.ofproto.OFPCML_NO_BUFFER) for port in ports]

    def to_controller(self, switch, priority=0, **match):
        self.rule(switch, priority, self.output(switch, switch.ofproto.OFPP_CONTROLLER), **match)

    def packet_out(self, switch, data, in_port, *ports):
        switch.send_msg(switch.ofproto_parser.OFPPacketOut(switch, switch.ofproto.OFP_NO_BUFFER, in_port, self.output(switch, *ports), data))

    def begin(self, switch):
        """The first rules of a switch; a subclass says which."""

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def on_features(self, event):
        switch = event.msg.datapath
        self.begin(switch)
        switch.send_msg(switch.ofproto_parser.OFPBarrierRequest(switch))

    @set_ev_cls(ofp_event.EventOFPBarrierReply, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def on_barrier(self, event):
        self.tell("ready", switch=event.msg.datapath.id)

    @set_ev_cls(ofp_event.EventOFPErrorMsg, [CONFIG_DISPATCHER, MAIN_DISPATCHER])
    def on_error(self, event):
        self.tell("error", type=event.msg.type, code=event.msg.code)
