"""Quality of service from port 1 to 2: calls (UDP to 5060) are marked EF, bulk (UDP to 9000) is held to ten packets a second by a meter."""
from common import App

BULK_METER, BULK_RATE, BULK_BURST = 1, 10, 20
EXPEDITED = 46


class Qos(App):
    def begin(self, switch):
        parser, ofproto = switch.ofproto_parser, switch.ofproto
        udp = {"in_port": 1, "eth_type": 0x0800, "ip_proto": 17}
        band = parser.OFPMeterBandDrop(rate=BULK_RATE, burst_size=BULK_BURST)
        switch.send_msg(parser.OFPMeterMod(switch, ofproto.OFPMC_ADD, ofproto.OFPMF_PKTPS | ofproto.OFPMF_BURST, BULK_METER, [band]))
        self.rule(switch, 10, [parser.OFPActionSetField(ip_dscp=EXPEDITED), *self.output(switch, 2)], udp_dst=5060, **udp)
        self.rule(switch, 10, self.output(switch, 2), [parser.OFPInstructionMeter(BULK_METER)], udp_dst=9000, **udp)
        self.rule(switch, 1, self.output(switch, 2), in_port=1)
