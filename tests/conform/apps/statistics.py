"""A monitor: forwards from port 1 to 2 and writes down the statistics of rules and ports five times a second."""
from os_ken.controller import ofp_event
from os_ken.controller.handler import MAIN_DISPATCHER, set_ev_cls
from os_ken.lib import hub

from common import App


class Statistics(App):
    def begin(self, switch):
        self.rule(switch, 5, self.output(switch, 2), in_port=1)
        hub.spawn(self.poll, switch)

    def poll(self, switch):
        parser = switch.ofproto_parser
        while True:
            switch.send_msg(parser.OFPFlowStatsRequest(switch))
            switch.send_msg(parser.OFPPortStatsRequest(switch, 0, switch.ofproto.OFPP_ANY))
            hub.sleep(0.2)

    @set_ev_cls(ofp_event.EventOFPFlowStatsReply, MAIN_DISPATCHER)
    def on_rules(self, event):
        for stats in event.msg.body:
            self.tell("rule", priority=stats.priority, packets=stats.packet_count, bytes=stats.byte_count)

    @set_ev_cls(ofp_event.EventOFPPortStatsReply, MAIN_DISPATCHER)
    def on_ports(self, event):
        for stats in event.msg.body:
            self.tell("port", port=stats.port_no, received=stats.rx_packets, sent=stats.tx_packets)
