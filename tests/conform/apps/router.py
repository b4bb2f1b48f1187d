"""A router with a network on each of ports 1 and 2: answers ARP for itself, asks for its neighbours, and lets rules forward what is known.

Packets for a neighbour that is not known yet wait for his answer. A rule changes both MACs and takes one from the TTL.
"""
import ipaddress

from os_ken.controller import ofp_event
from os_ken.controller.handler import MAIN_DISPATCHER, set_ev_cls
from os_ken.lib.packet import arp, ethernet, ipv4, packet

from common import App

INTERFACES = {1: (ipaddress.ip_interface("10.1.0.1/24"), "02:00:00:00:fe:01"), 2: (ipaddress.ip_interface("10.2.0.1/24"), "02:00:00:00:fe:02")}
WAITING_MAX = 16  # packets for one neighbour


class Router(App):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.waiting = {}

    def begin(self, switch):
        self.to_controller(switch)

    def say_arp(self, switch, port, opcode, target_mac, target_ip):
        interface, mac = INTERFACES[port]
        said = packet.Packet()
        said.add_protocol(ethernet.ethernet(target_mac, mac, 0x0806))
        said.add_protocol(arp.arp(opcode=opcode, src_mac=mac, src_ip=str(interface.ip),
                                  dst_mac="00:00:00:00:00:00" if opcode == arp.ARP_REQUEST else target_mac, dst_ip=target_ip))
        said.serialize()
        self.packet_out(switch, said.data, switch.ofproto.OFPP_CONTROLLER, port)

    def forward(self, switch, address, port, neighbour):
        """The rule for a neighbour, then what has waited for him, through the tables."""
        parser = switch.ofproto_parser
        mac = INTERFACES[port][1]
        self.rule(switch, 10, [parser.OFPActionDecNwTtl(), parser.OFPActionSetField(eth_src=mac), parser.OFPActionSetField(eth_dst=neighbour),
                               *self.output(switch, port)], eth_type=0x0800, ipv4_dst=address)
        switch.send_msg(parser.OFPBarrierRequest(switch))
        for data, in_port in self.waiting.pop(address, []):
            self.packet_out(switch, data, in_port, switch.ofproto.OFPP_TABLE)

    @set_ev_cls(ofp_event.EventOFPPacketIn, MAIN_DISPATCHER)
    def on_packet(self, event):
        message, switch = event.msg, event.msg.datapath
        in_port = message.match["in_port"]
        came = packet.Packet(message.data)
        asked, ip = came.get_protocol(arp.arp), came.get_protocol(ipv4.ipv4)
        self.tell("packet_in", port=in_port)
        if asked is not None and in_port in INTERFACES:
            if asked.opcode == arp.ARP_REQUEST and asked.dst_ip == str(INTERFACES[in_port][0].ip):
                self.say_arp(switch, in_port, arp.ARP_REPLY, asked.src_mac, asked.src_ip)
            elif asked.opcode == arp.ARP_REPLY:
                self.forward(switch, asked.src_ip, in_port, asked.src_mac)
        elif ip is not None:
            for port, (interface, _) in INTERFACES.items():
                if ipaddress.ip_address(ip.dst) in interface.network:
                    waiting = self.waiting.setdefault(ip.dst, [])
                    if len(waiting) < WAITING_MAX:
                        waiting.append((message.data, in_port))
                    self.say_arp(switch, port, arp.ARP_REQUEST, "ff:ff:ff:ff:ff:ff", ip.dst)
