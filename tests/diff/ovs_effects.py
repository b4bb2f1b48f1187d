"""What datapath actions do to a packet: Open vSwitch's text and ours, each carried out on the same headers.

A packet is a dict of the members of our flow key (integers; an IPv4 address is the first four of 16 bytes) with `vlans` and `labels`, tuples
from the outermost on, a tag being (TPID, TCI without the present bit), a label its 32 bits. The effect is, for each port, the packets that leave
in their order; for the controller reason, length and headers.

The masks: of each key member the bits looked at. Where a member is no integer of its own in Open vSwitch's text it is mapped here.
"""
import ipaddress
import re

CONTROLLER = "controller"
HEADERS = ("eth_dst", "eth_src", "eth_type", "ip_proto", "ip_tos", "ip_ttl", "ip_frag", "ipv6_label", "ip_src", "ip_dst", "l4_src", "l4_dst",
           "tcp_flags", "arp_op", "nd_or_arp_sha", "nd_or_arp_tha", "nd_target")
SIZES = {"in_port": 4, "recirc_id": 4, "eth_dst": 6, "eth_src": 6, "eth_type": 2, "vlan_tci": 2, "vlan_tpid": 2, "vlan2_tci": 2, "vlan2_tpid": 2,
         "tcp_flags": 2, "ip_proto": 1, "ip_tos": 1, "ip_ttl": 1, "ip_frag": 1, "ipv6_label": 4, "ip_src": 16, "ip_dst": 16, "l4_src": 2, "l4_dst": 2,
         "dp_hash": 4, "mpls": 12, "arp_op": 2, "nd_or_arp_sha": 6, "nd_or_arp_tha": 6, "nd_target": 16}
PRESENT = 0x1000


def full(member):
    return (1 << SIZES[member] * 8) - 1


def mac(text):
    return int(text.replace(":", ""), 16)


def ipv4(text):
    return int(ipaddress.IPv4Address(text)) << 96


def ipv6(text):
    return int(ipaddress.IPv6Address(text))


def number(text):
    return int(text, 0)


class Unknown(Exception):
    """Text that these functions do not know: a mistake of the test."""


def split(text, by=","):
    """The parts at the outermost level of parentheses."""
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c == "(") - (c == ")")
        if c == by and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += c
    return [p.strip() for p in parts + [part] if p.strip()]


def call(text):
    """name(arguments) -> name, arguments or None."""
    found = re.fullmatch(r"([A-Za-z_0-9-]+)(?:\((.*)\))?", text, re.S)
    if not found:
        raise Unknown(text)
    return found.group(1), found.group(2)


def packet_of_key(key, p=None):
    """From our key, members by name; what is behind labels from `p`, the packet as the test made it."""
    packet = {name: key[name] for name in HEADERS}
    packet["vlans"] = tuple((key[t + "_tpid"], key[t + "_tci"] & 0xefff) for t in ("vlan", "vlan2") if key[t + "_tci"] & PRESENT)
    labels = []
    if key["eth_type"] in (0x8847, 0x8848):
        for i in (2, 1, 0):
            labels.append(key["mpls"] >> 32 * i & 0xffffffff)
            if labels[-1] & 0x100:
                break
    packet["labels"] = tuple(labels)
    packet["behind"] = p["inner"] if p and "inner" in p else packet["eth_type"]
    if p and "inner" in p:
        packet.update(l3_of(p))
    return packet


def l3_of(p):
    """The members that tell of the L3 header and what follows it."""
    read = ipv4 if p["inner"] == 0x0800 else ipv6
    frag = {"no": 0, "first": 1, "later": 3}[p["frag"]]
    l3 = {"ip_src": read(p["src"]), "ip_dst": read(p["dst"]), "ip_proto": p["proto"], "ip_tos": p["tos"], "ip_ttl": p["ttl"], "ip_frag": frag,
          "ipv6_label": p.get("label", 0)}
    if frag != 3 and p["proto"] in (1, 6, 17, 58, 132):
        l3.update(l4_src=p["sport"], l4_dst=p["dport"], tcp_flags=p["flags"])
    return l3


def description_of(packet):
    """As the test makes packets (ovs_rule_sets.frame()): for what comes back from the datapath."""
    is_v4 = packet["behind"] == 0x0800
    address = lambda n: str(ipaddress.IPv4Address(n >> 96) if is_v4 else ipaddress.IPv6Address(n))
    dotted = lambda n: ":".join("%02x" % b for b in n.to_bytes(6, "big"))
    return {"dl_src": dotted(packet["eth_src"]), "dl_dst": dotted(packet["eth_dst"]), "tags": list(packet["vlans"]), "dl_type": packet["eth_type"],
            "labels": list(packet["labels"]), "inner": packet["behind"], "src": address(packet["ip_src"]), "dst": address(packet["ip_dst"]),
            "proto": packet["ip_proto"], "tos": packet["ip_tos"], "ttl": packet["ip_ttl"], "frag": {0: "no", 1: "first", 3: "later"}[packet["ip_frag"]],
            "label": packet["ipv6_label"], "sport": packet["l4_src"], "dport": packet["l4_dst"], "flags": packet["tcp_flags"]}


class Effect:
    """Carries actions out; `events` are (port, headers), meters passed on the way among the headers."""

    def __init__(self, packet):
        self.events = []
        self.start = dict(packet, meters=(), cut=0)

    def leave(self, port, packet, *more):
        self.events.append((str(port), more + tuple(sorted((k, v) for k, v in packet.items() if v not in (0, ())))))

    def by_port(self):
        ports = {}
        for port, event in self.events:
            ports.setdefault(port, []).append(event)
        return ports


def write(packet, member, value, mask):
    packet[member] = packet[member] & ~mask | value & mask


def push_tag(packet, tpid, tci):
    packet["vlans"] = ((tpid, tci),) + packet["vlans"]


# ---- Open vSwitch's ----

READ = {"eth": {"src": ("eth_src", mac), "dst": ("eth_dst", mac)},
        "ipv4": {"src": ("ip_src", ipv4), "dst": ("ip_dst", ipv4), "tos": ("ip_tos", number), "ttl": ("ip_ttl", number)},
        "ipv6": {"src": ("ip_src", ipv6), "dst": ("ip_dst", ipv6), "label": ("ipv6_label", number), "tclass": ("ip_tos", number),
                 "hlimit": ("ip_ttl", number)},
        "icmp": {"type": ("l4_src", number), "code": ("l4_dst", number)},
        "arp": {"sip": ("ip_src", ipv4), "tip": ("ip_dst", ipv4), "op": ("arp_op", number), "sha": ("nd_or_arp_sha", mac),
                "tha": ("nd_or_arp_tha", mac)},
        "nd": {"target": ("nd_target", ipv6), "sll": ("nd_or_arp_sha", mac), "tll": ("nd_or_arp_tha", mac)}}
for _l4 in ("tcp", "udp", "sctp"):
    READ[_l4] = {"src": ("l4_src", number), "dst": ("l4_dst", number)}
READ["icmpv6"] = READ["icmp"]


def label_word(fields):
    values = {k: number(v) for k, v in fields.items() if k != "eth_type"}
    return values["label"] << 12 | values.get("tc", 0) << 9 | values.get("bos", 0) << 8 | values.get("ttl", 0)


def fields_of(text):
    return dict(part.split("=", 1) for part in split(text))


def ovs_set(packet, text):
    name, arguments = call(text)
    if name == "mpls":
        fields = fields_of(arguments)
        packet["labels"] = (label_word(fields),) + packet["labels"][1:]
        return
    if name == "skb_priority":
        return
    for key, value in fields_of(arguments).items():
        member, read = READ[name][key]
        value, _, mask = value.partition("/")
        # the bits of `mask` as the same reader gives them, so an IPv4 mask stands where the address does
        bits = read(mask) if mask else (full("ip_src") ^ full("ip_src") >> 32 if read is ipv4 else full(member))
        write(packet, member, read(value), bits)


def ovs_pop_label(packet, eth_type):
    bottom = packet["labels"][0] & 0x100
    packet["labels"] = packet["labels"][1:]
    packet["eth_type"] = eth_type
    return bottom


def ovs_run(effect, packet, text, follow):
    """`follow`: says which actions a recirculation leads to, from its id and the packet."""
    for action in split(text):
        name, arguments = call(action)
        if name == "drop":
            return
        if name.isdigit():
            effect.leave(name, packet)
            packet["cut"] = 0
        elif name == "set":
            ovs_set(packet, arguments)
        elif name == "push_vlan":
            fields = {k: number(v) for k, v in fields_of(arguments).items()}
            push_tag(packet, fields.get("tpid", 0x8100), fields["pcp"] << 13 | fields["vid"])
        elif name == "pop_vlan":
            packet["vlans"] = packet["vlans"][1:]
        elif name == "push_mpls":
            fields = fields_of(arguments)
            packet["labels"] = (label_word(fields),) + packet["labels"]
            packet["eth_type"] = number(fields["eth_type"])
        elif name == "pop_mpls":
            ovs_pop_label(packet, number(fields_of(arguments)["eth_type"]))
        elif name == "userspace":
            said = re.search(r"controller\(reason=(\d+),.*?rule_cookie=([0-9a-fx]+),.*?max_len=(\d+)", arguments)
            if said is None:
                raise Unknown(action)
            effect.leave(CONTROLLER, packet, ("reason", 0 if said.group(1) == "6" else int(said.group(1))), ("max_len", int(said.group(3))))
        elif name == "clone":
            ovs_run(effect, dict(packet), arguments, follow)
        elif name == "sample" and "actions(" in arguments:
            ovs_run(effect, dict(packet), re.search(r"actions\((.*)\)$", arguments).group(1), follow)
        elif name == "meter":
            packet["meters"] += (1,)
        elif name == "trunc":
            packet["cut"] = number(arguments)
        elif name == "hash":
            pass
        elif name == "recirc":
            ovs_run(effect, packet, follow(number(arguments), packet), follow)
        else:
            raise Unknown(action)


def ovs_effect(packet, actions, follow):
    effect = Effect(packet)
    ovs_run(effect, dict(effect.start), actions, follow)
    return effect.by_port()


# ---- ours ----

OUR_FIELDS = {"dl_dst": ("eth_dst", mac, 0), "dl_src": ("eth_src", mac, 0), "ip_dscp": ("ip_tos", number, 2), "nw_ecn": ("ip_tos", number, 0),
              "nw_ttl": ("ip_ttl", number, 0), "nw_src": ("ip_src", ipv4, 0), "nw_dst": ("ip_dst", ipv4, 0), "arp_spa": ("ip_src", ipv4, 0),
              "arp_tpa": ("ip_dst", ipv4, 0), "ipv6_src": ("ip_src", ipv6, 0), "ipv6_dst": ("ip_dst", ipv6, 0), "ipv6_label": ("ipv6_label", number, 0),
              "arp_op": ("arp_op", number, 0), "arp_sha": ("nd_or_arp_sha", mac, 0), "arp_tha": ("nd_or_arp_tha", mac, 0),
              "nd_sll": ("nd_or_arp_sha", mac, 0), "nd_tll": ("nd_or_arp_tha", mac, 0), "nd_target": ("nd_target", ipv6, 0)}
for _l4 in ("tcp", "udp", "sctp"):
    OUR_FIELDS[_l4 + "_src"] = ("l4_src", number, 0)
    OUR_FIELDS[_l4 + "_dst"] = ("l4_dst", number, 0)
for _v in ("icmp", "icmpv6"):
    OUR_FIELDS[_v + "_type"] = ("l4_src", number, 0)
    OUR_FIELDS[_v + "_code"] = ("l4_dst", number, 0)
WIDTHS = {"ip_dscp": 6, "nw_ecn": 2}
LABEL_FIELDS = {"mpls_label": (12, 20), "mpls_tc": (9, 3), "mpls_ttl": (0, 8)}


def prefix(text, read):
    value, _, mask = text.partition("/")
    if not mask:
        return read(value), None
    if mask.isdigit() and read in (ipv4, ipv6):
        size = 32 if read is ipv4 else 128
        return read(value), (((1 << int(mask)) - 1) << (size - int(mask))) << (96 if read is ipv4 else 0)
    return read(value), read(mask)


def our_set(packet, text):
    value, field = text.rsplit("->", 1)
    if field in ("vlan_vid", "vlan_pcp"):
        tpid, tci = packet["vlans"][0]
        value, _, mask = value.partition("/")
        shift, width = (13, 7) if field == "vlan_pcp" else (0, 0xfff)
        bits = (number(mask) if mask else width) & width
        tci = tci & ~(bits << shift) | (number(value) & bits) << shift
        packet["vlans"] = ((tpid, tci),) + packet["vlans"][1:]
    elif field in LABEL_FIELDS:
        shift, width = LABEL_FIELDS[field]
        word = packet["labels"][0] & ~(((1 << width) - 1) << shift) | number(value) << shift
        packet["labels"] = (word,) + packet["labels"][1:]
    else:
        member, read, shift = OUR_FIELDS[field]
        value, mask = prefix(value, read)
        if mask is None:
            mask = (1 << WIDTHS[field]) - 1 if field in WIDTHS else full("ip_src") ^ full("ip_src") >> 32 if read is ipv4 else full(member)
        write(packet, member, value << shift, mask << shift)


def our_push_label(packet, eth_type):
    if packet["labels"]:
        word = packet["labels"][0] & ~0x100
    else:
        is_ip = packet["eth_type"] in (0x0800, 0x86dd)
        word = 0x100 | (packet["ip_ttl"] if is_ip else 64)
    packet["labels"] = (word,) + packet["labels"]
    packet["eth_type"] = eth_type


def our_run(effect, packet, text):
    for action in split(text):
        if action == "drop" or action.startswith("drop("):
            return
        name, _, rest = action.partition(":") if re.match(r"[a-z_]+:", action) else (action, "", "")
        if name == "output":
            effect.leave(rest, packet)
            packet["cut"] = 0
        elif name == "set_field":
            our_set(packet, rest)
        elif name == "push_vlan":
            tpid, vid, pcp = re.fullmatch(r"(0x[0-9a-f]+)\(vid=(\d+),pcp=(\d+)\)", rest).groups()
            push_tag(packet, int(tpid, 0), int(pcp) << 13 | int(vid))
        elif name == "pop_vlan":
            packet["vlans"] = packet["vlans"][1:]
        elif name == "dec_ttl":
            packet["ip_ttl"] -= 1
        elif name == "push_mpls":
            our_push_label(packet, number(rest))
        elif name == "pop_mpls":
            ovs_pop_label(packet, number(rest))
        elif name == "dec_mpls_ttl":
            packet["labels"] = (packet["labels"][0] - 1,) + packet["labels"][1:]
        else:
            name, arguments = call(action)
            if name == "controller":
                fields = fields_of(arguments)
                effect.leave(CONTROLLER, packet, ("reason", int(fields["reason"])), ("max_len", int(fields["max_len"])))
            elif name == "clone":
                our_run(effect, dict(packet), arguments)
            elif name == "userdata":
                pass  # of the packet-in behind it: what a controller is told is no effect on packets
            elif name == "meter":
                packet["meters"] += (1,)
            elif name == "truncate":
                packet["cut"] = number(arguments)
            else:
                raise Unknown(action)


def our_effect(packet, actions):
    effect = Effect(packet)
    our_run(effect, dict(effect.start), actions)
    return effect.by_port()


# ---- masks ----

# Bits that every flow of Open vSwitch's looks at (the TPID of a tag is no part of its text) or that are whole in both.
ALWAYS = ("in_port", "recirc_id", "dp_hash", "eth_type", "vlan_tpid", "vlan2_tpid", "ip_frag")
COMPARED = tuple(name for name in SIZES if name not in ALWAYS)

OVS_FIELDS = {"dl_src": ("eth_src", mac), "dl_dst": ("eth_dst", mac), "nw_src": ("ip_src", ipv4), "nw_dst": ("ip_dst", ipv4),
              "arp_spa": ("ip_src", ipv4), "arp_tpa": ("ip_dst", ipv4), "ipv6_src": ("ip_src", ipv6), "ipv6_dst": ("ip_dst", ipv6),
              "ipv6_label": ("ipv6_label", number), "nw_proto": ("ip_proto", number), "nw_ttl": ("ip_ttl", number), "arp_op": ("arp_op", number),
              "arp_sha": ("nd_or_arp_sha", mac), "arp_tha": ("nd_or_arp_tha", mac), "nd_sll": ("nd_or_arp_sha", mac),
              "nd_tll": ("nd_or_arp_tha", mac), "nd_target": ("nd_target", ipv6), "tp_src": ("l4_src", number), "tp_dst": ("l4_dst", number),
              "icmp_type": ("l4_src", number), "icmp_code": ("l4_dst", number)}
TAG_FIELDS = {"dl_vlan": 0x1fff, "dl_vlan_pcp": 0xf000, "vlan_tci": 0xffff}
WITH_PROTOCOL = {"tcp", "udp", "sctp", "icmp", "tcp6", "udp6", "sctp6", "icmp6"}
WITHOUT = {"eth", "ip", "ipv6", "arp", "rarp", "mpls", "mplsm"}
MPLS_BITS = {"mpls_label": 0xfffff000, "mpls_tc": 0xe00, "mpls_bos": 0x100, "mpls_ttl": 0xff}


def ovs_mask(text):
    """Bits looked at, from the Megaflow line."""
    mask = dict.fromkeys(COMPARED, 0)
    for part in split(text):
        name, _, value = part.partition("=")
        if name in WITH_PROTOCOL:
            mask["ip_proto"] = 0xff
        elif re.fullmatch(r"reg\d+|metadata", name):
            pass  # no part of a packet; what comes back has them from before
        elif name in WITHOUT or name in ("recirc_id", "in_port", "dl_type", "nw_frag", "packet_type", "dp_hash"):
            pass
        elif name.rstrip("12") in TAG_FIELDS:
            base = name.rstrip("12")
            member = "vlan2_tci" if name.endswith("1") else "vlan_tci"
            bits = number(value.partition("/")[2]) if "/" in value else TAG_FIELDS[base]
            mask[member] |= bits
        elif name == "nw_tos":
            mask["ip_tos"] |= 0xfc
        elif name == "nw_ecn":
            mask["ip_tos"] |= 0x03
        elif name == "tcp_flags":
            flags = re.fullmatch(r"(?:[+-][a-z]+)+", value)
            mask["tcp_flags"] |= sum(1 << FLAGS.index(f) for f in re.findall(r"[a-z]+", value)) if flags else 0xfff
        elif name.rstrip("12") in MPLS_BITS:
            at = int(name[-1]) if name[-1].isdigit() else 0
            mask["mpls"] |= MPLS_BITS[name.rstrip("12")] << 32 * (2 - at)
        elif name.startswith("mpls_lse"):
            bits = number(value.partition("/")[2]) if "/" in value else 0xffffffff
            mask["mpls"] |= bits << 32 * (2 - int(name[8:]))
        elif name in OVS_FIELDS:
            member, read = OVS_FIELDS[name]
            _, bits = prefix(value, read)
            if bits is None:
                bits = full("ip_src") ^ full("ip_src") >> 32 if read is ipv4 else 0xfffff if name == "ipv6_label" else full(member)
                bits = 0xff if name.startswith("icmp") else bits
            mask[member] |= bits
        else:
            raise Unknown(part)
    return mask


def comparable(mask, key, is_ovs=False):
    """The mask without bits that follow from others: of a tag that is not there all follow from its absence, of a second tag from the absence of the
    first. Open vSwitch always looks at how many tags there are: in a datapath's flow the Ethernet type of a tagged packet is 0x8100, and the packet's
    own is inside (`tests/diff/README.md`)."""
    mask = dict(mask)
    if is_ovs:
        mask["vlan_tci"] |= PRESENT
        mask["vlan2_tci"] |= PRESENT
    if not key["vlan_tci"] & PRESENT:
        mask["vlan_tci"] = PRESENT if mask["vlan_tci"] or mask["vlan2_tci"] else 0
        mask["vlan2_tci"] = 0
    elif not key["vlan2_tci"] & PRESENT:
        mask["vlan2_tci"] = PRESENT if mask["vlan2_tci"] else 0
    return mask


FLAGS = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"]


def key_of_text(text):
    return {name: int(value, 16) for name, value in (part.split("=") for part in text.split())}


def bit_count(mask):
    return sum(bin(mask[name]).count("1") for name in COMPARED)


def extra_members(ours, theirs):
    """Members with bits that ours has and theirs has not."""
    return [name for name in COMPARED if ours[name] & ~theirs[name]]
