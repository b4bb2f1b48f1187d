"""Link aggregation with os-ken's lacplib: ports 1 and 2 are a bond. What comes from port 3 is spread over the members that live."""
from os_ken.controller.handler import set_ev_cls
from os_ken.lib import lacplib

from common import App

BOND, OTHER, GROUP = (1, 2), 3, 1


class Lacp(App):
    _CONTEXTS = {"lacplib": lacplib.LacpLib}

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.lacp = kwargs["lacplib"]
        self.live = set()

    def begin(self, switch):
        self.lacp.add(switch.id, list(BOND))
        self.spread(switch, switch.ofproto.OFPGC_ADD)
        self.to_controller(switch, eth_type=0x8809)
        self.rule(switch, 10, [switch.ofproto_parser.OFPActionGroup(GROUP)], in_port=OTHER)
        for port in BOND:
            self.rule(switch, 5, self.output(switch, OTHER), in_port=port, eth_type=0x0800)

    def spread(self, switch, command):
        parser, ofproto = switch.ofproto_parser, switch.ofproto
        buckets = [parser.OFPBucket(1, ofproto.OFPP_ANY, ofproto.OFPG_ANY, self.output(switch, port)) for port in sorted(self.live)]
        switch.send_msg(parser.OFPGroupMod(switch, command, ofproto.OFPGT_SELECT, GROUP, buckets))

    @set_ev_cls(lacplib.EventSlaveStateChanged)
    def on_member(self, event):
        (self.live.add if event.enabled else self.live.discard)(event.port)
        self.spread(event.datapath, event.datapath.ofproto.OFPGC_MODIFY)
        self.tell("member", port=event.port, live=event.enabled)
