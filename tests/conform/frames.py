"""Frames as bytes, each protocol with defaults of its own, so that a row of a table names only what it is about.

    tcp(dport=80)                       a whole Ethernet frame
    tag(tcp(), vid=5, pcp=3)            the same behind an 802.1Q tag; tags nest
    mpls(ip4_bytes, (16, 0, 1, 64))     label, traffic class, bottom of stack, TTL; several for a stack

Checksums are right unless a row says otherwise. Frames have at least 60 bytes where the payload allows, as on a wire.
"""
import struct
import sys

sys.dont_write_bytecode = True

from scapy.config import conf  # noqa: E402
from scapy.layers.inet import ICMP, IP, TCP, UDP  # noqa: E402
from scapy.layers.inet6 import (ICMPv6EchoRequest, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr,  # noqa: E402
                                ICMPv6Unknown, IPv6, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop)
from scapy.layers.l2 import ARP, Ether  # noqa: E402
from scapy.layers.sctp import SCTP, SCTPChunkData  # noqa: E402

conf.verb = 0
A, B, C = "02:aa:00:00:00:01", "02:aa:00:00:00:02", "02:aa:00:00:00:03"
IP_A, IP_B, IP_C = "192.0.2.1", "192.0.2.2", "192.0.2.3"
IP6_A, IP6_B, IP6_C = "2001:db8::1", "2001:db8::2", "2001:db8::3"
PAYLOAD = bytes(range(64, 96))


def eth(upper=None, src=A, dst=B, ethertype=None, payload=PAYLOAD):
    """An Ethernet frame around a scapy layer, or around bytes of some Ethernet type."""
    if upper is None:
        return bytes(Ether(src=src, dst=dst, type=0x88B6 if ethertype is None else ethertype)) + payload + bytes(14)
    head = Ether(src=src, dst=dst) if ethertype is None else Ether(src=src, dst=dst, type=ethertype)
    return bytes(head / upper)


def ip4(upper, src=IP_A, dst=IP_B, ttl=64, tos=0, proto=None, frag=0, flags=0, eth_src=A, eth_dst=B):
    head = IP(src=src, dst=dst, ttl=ttl, tos=tos, id=7, frag=frag, flags=flags)
    if proto is not None:
        head.proto = proto
    return eth(head / upper, src=eth_src, dst=eth_dst)


def tcp(sport=1024, dport=80, flags="S", **ip):
    return ip4(TCP(sport=sport, dport=dport, flags=flags) / PAYLOAD, **ip)


def udp(sport=1024, dport=53, **ip):
    return ip4(UDP(sport=sport, dport=dport) / PAYLOAD, **ip)


def sctp(sport=1024, dport=36412, **ip):
    return ip4(SCTP(sport=sport, dport=dport, tag=1) / SCTPChunkData(data=PAYLOAD), **ip)


def icmp(kind=8, code=0, **ip):
    return ip4(ICMP(type=kind, code=code, id=1, seq=1) / PAYLOAD, **ip)


def plain_ip4(proto, **ip):
    return ip4(PAYLOAD, proto=proto, **ip)


def arp(op=1, spa=IP_A, tpa=IP_B, sha=A, tha=C, src=A, dst=B):
    return eth(ARP(op=op, psrc=spa, pdst=tpa, hwsrc=sha, hwdst=tha), src=src, dst=dst) + bytes(18)


def ip6(upper, src=IP6_A, dst=IP6_B, label=0, tc=0, hlim=64, eth_src=A, eth_dst=B, nh=None):
    head = IPv6(src=src, dst=dst, fl=label, tc=tc, hlim=hlim)
    if nh is not None:
        head.nh = nh
    return eth(head / upper, src=eth_src, dst=eth_dst)


def tcp6(sport=1024, dport=80, **ip):
    return ip6(TCP(sport=sport, dport=dport) / PAYLOAD, **ip)


def udp6(sport=1024, dport=53, **ip):
    return ip6(UDP(sport=sport, dport=dport) / PAYLOAD, **ip)


def icmp6(kind=128, code=0, **ip):
    if kind == 128:
        return ip6(ICMPv6EchoRequest(code=code, id=1, seq=1, data=PAYLOAD), **ip)
    return ip6(ICMPv6Unknown(type=kind, code=code, msgbody=PAYLOAD), nh=58, **ip)


def nd_solicit(target=IP6_C, sll=A, **ip):
    return ip6(ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=sll), hlim=255, **ip)


def nd_advert(target=IP6_C, tll=A, **ip):
    return ip6(ICMPv6ND_NA(tgt=target) / ICMPv6NDOptDstLLAddr(lladdr=tll), hlim=255, **ip)


def hop_by_hop(**ip):
    return ip6(IPv6ExtHdrHopByHop() / UDP(sport=1, dport=2) / PAYLOAD, **ip)


def fragment6(**ip):
    return ip6(IPv6ExtHdrFragment(offset=0, m=1, id=9, nh=17) / UDP(sport=1, dport=2, len=200) / PAYLOAD, **ip)


def tag(frame, vid=0, pcp=0, tpid=0x8100):
    return frame[:12] + struct.pack(">HH", tpid, pcp << 13 | vid) + frame[12:]


def lse(label=16, tc=0, bos=1, ttl=64):
    return struct.pack(">I", label << 12 | tc << 9 | bos << 8 | ttl)


def mpls(*stack, inner=None, ethertype=0x8847):
    """What `inner` carries behind label stack entries, which are dicts for lse()."""
    inner = tcp() if inner is None else inner
    entries = b"".join(lse(**{"bos": int(n == len(stack) - 1), **entry}) for n, entry in enumerate(stack))
    return inner[:12] + struct.pack(">H", ethertype) + entries + inner[14:]


def pbb(isid=7):
    """A backbone service tag [IEEE 802.1ah] before a whole frame."""
    return bytes(Ether(src=A, dst=B, type=0x88E7)) + struct.pack(">I", isid) + tcp()


def summary(frame):
    """For messages of failures: what scapy makes of it, and its bytes."""
    return f"{Ether(frame).summary()} {frame.hex()}"
