"""Multicast snooping with os-ken's igmplib: what no group has asked for is flooded, the rest goes where members are."""
from os_ken.controller.handler import set_ev_cls
from os_ken.lib import igmplib

from common import App


class Igmp(App):
    _CONTEXTS = {"igmplib": igmplib.IgmpLib}

    def begin(self, switch):
        self.to_controller(switch)

    @set_ev_cls(igmplib.EventPacketIn)
    def on_packet(self, event):
        message = event.msg
        self.packet_out(message.datapath, message.data, message.match["in_port"], message.datapath.ofproto.OFPP_FLOOD)

    @set_ev_cls(igmplib.EventMulticastGroupStateChanged)
    def on_group(self, event):
        self.tell("group", reason=event.reason, address=event.address, source=event.src, members=event.dsts)
