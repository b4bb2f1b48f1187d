"""Random rule sets, groups and packets in Open vSwitch's syntax, over few values, so that rules are met.

Several shapes, because masks depend on the shape: pipelines of every action over a few tables, access lists of prefixes and ports, routing by
longest prefix, a learning-switch table of exact addresses; ovs_more_sets.py has more. Rules that overlap have different priorities: which of two
equal ones wins is nobody's promise. Select groups have one living bucket and hash fields, but for those of which only the set of possible
effects is compared (`choices`).
"""
import ipaddress

PORTS = (1, 2, 3, 4)
MACS = ["00:00:00:00:00:0%d" % i for i in range(1, 5)]
SOURCES, KNOWN = MACS[:2], MACS[2:]  # who sends, and whose place is known: a static entry of Open vSwitch's would not move
GROUP_MACS = ["01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff"]
V6 = ["fd00::%d" % i for i in range(1, 5)] + ["fd00:1::1", "fe80::1"]
L4_PORTS = [22, 53, 80, 81, 443, 8080]
PROTOCOLS = {"tcp": (0x0800, 6), "udp": (0x0800, 17), "icmp": (0x0800, 1), "ip": (0x0800, None), "tcp6": (0x86dd, 6), "udp6": (0x86dd, 17),
             "icmp6": (0x86dd, 58), "ipv6": (0x86dd, None), "sctp": (0x0800, 132), "arp": (0x0806, None)}


def v4(r):
    return "10.%d.%d.%d" % (r.choice((0, 0, 1)), r.choice((0, 0, 1, 2)), r.choice((1, 2, 3, 77)))


def masked_v4(r):
    address = [int(x) for x in v4(r).split(".")]
    bits = r.choice((8, 16, 20, 24, 24, 28, 30, 32, 32))
    mask = 0xffffffff << (32 - bits) & 0xffffffff
    if r.random() < 0.05:
        mask = r.choice((0xff0000ff, 0x00ffffff, 0x0000ff00))
    value = int.from_bytes(bytes(address), "big") & mask
    text = ".".join(str(b) for b in value.to_bytes(4, "big"))
    return text if mask == 0xffffffff else "%s/%s" % (text, ".".join(str(b) for b in mask.to_bytes(4, "big")))


def masked_number(r, values, bits):
    value = r.choice(values)
    if r.random() < 0.75:
        return str(value)
    mask = r.choice(((1 << bits) - 1 & ~0xf, (1 << bits) - 1 & ~0xff, 0xf, (1 << bits) - 1 & ~1))
    return "0x%x/0x%x" % (value & mask, mask)


def masked_v6(r):
    return r.choice(("fd00::/16", "fd00::/64", "fe80::/10", "fd00:1::/32", r.choice(V6), r.choice(V6)))


def match(r, table):
    """A list of words; the protocol word, if any, is among them."""
    words = []

    def maybe(chance, word):
        if r.random() < chance:
            words.append(word() if callable(word) else word)
    maybe(0.25, lambda: "in_port=%d" % r.choice(PORTS[:3]))
    maybe(0.12, lambda: "dl_src=" + r.choice(MACS))
    maybe(0.15, lambda: "dl_dst=" + r.choice(MACS + GROUP_MACS + ["01:00:00:00:00:00/01:00:00:00:00:00"]))
    maybe(0.16, lambda: r.choice(("dl_vlan=5", "dl_vlan=6", "vlan_tci=0x0000/0x1000", "vlan_tci=0x1000/0x1000", "dl_vlan=5,dl_vlan_pcp=3",
                                  "vlan_tci=0x0000/0x1fff", "vlan_tci=0x1004/0x1ffc")))
    if table > 0:
        maybe(0.25, lambda: "reg%d=%s" % (r.randrange(3), masked_number(r, (0, 1, 5, 80), 32)))
        maybe(0.15, lambda: "metadata=0x%x/0x%x" % (r.choice(((1, 1), (0, 1), (2, 0xff), (0x10, 0xf0)))))
    protocol = None
    if r.random() < 0.7:
        protocol = r.choice(("tcp", "tcp", "udp", "udp", "ip", "ip", "ip", "icmp", "arp", "tcp6", "udp6", "ipv6", "icmp6", "sctp"))
        words.append(protocol)
        eth_type, ip_proto = PROTOCOLS[protocol]
        if eth_type == 0x0800:
            maybe(0.3, lambda: "nw_src=" + masked_v4(r))
            maybe(0.45, lambda: "nw_dst=" + masked_v4(r))
        if eth_type == 0x86dd:
            maybe(0.3, lambda: "ipv6_src=" + masked_v6(r))
            maybe(0.4, lambda: "ipv6_dst=" + masked_v6(r))
            maybe(0.05, "ipv6_label=0x5")
        if eth_type in (0x0800, 0x86dd):
            maybe(0.06, lambda: "nw_ttl=%d" % r.choice((1, 63, 64)))
            maybe(0.06, lambda: "nw_tos=%d" % r.choice((0, 16, 184)))
            maybe(0.04, lambda: "nw_ecn=%d" % r.randrange(4))
            maybe(0.08, lambda: "nw_frag=" + r.choice(("no", "yes", "first", "later", "not_later")))
        if any(w in ("nw_frag=later", "nw_frag=yes") for w in words):
            return words, {0x0800: "ip", 0x86dd: "ipv6"}[eth_type]
        if ip_proto in (6, 17, 132):
            maybe(0.25, lambda: "tp_src=" + masked_number(r, L4_PORTS, 16))
            maybe(0.5, lambda: "tp_dst=" + masked_number(r, L4_PORTS, 16))
        if ip_proto == 6:
            maybe(0.1, lambda: "tcp_flags=" + r.choice(("+syn-ack", "+ack", "-rst", "+fin")))
        if ip_proto == 1:
            maybe(0.5, lambda: "icmp_type=%d" % r.choice((0, 8, 3)))
            maybe(0.2, "icmp_code=0")
        if ip_proto == 58:
            maybe(0.5, lambda: "icmp_type=%d" % r.choice((128, 135, 136)))
        if eth_type == 0x0806:
            maybe(0.4, lambda: "arp_op=%d" % r.choice((1, 2)))
            maybe(0.3, lambda: "arp_spa=" + masked_v4(r))
            maybe(0.4, lambda: "arp_tpa=" + masked_v4(r))
            maybe(0.1, lambda: "arp_sha=" + r.choice(MACS))
    return words, protocol


def push_tag(tpid, vid, pcp):
    """With its id and priority, which are the outer tag's for us and zero for Open vSwitch otherwise."""
    return "push_vlan:0x%x,set_field:%d->vlan_vid,set_field:%d->vlan_pcp" % (tpid, 4096 + vid, pcp)


def rewrite(r, protocol, is_tagged=False):
    """`is_tagged`: the match says so; Open vSwitch refuses to strip a tag otherwise."""
    eth_type, ip_proto = PROTOCOLS.get(protocol, (None, None))
    choices = ["set_field:%s->dl_dst" % r.choice(MACS), "mod_dl_src:" + r.choice(SOURCES), push_tag(0x8100, 6, 1), push_tag(0x88a8, 7, 0),
               "load:0x%x->NXM_NX_REG%d[]" % (r.choice((1, 5, 80)), r.randrange(3)),
               "load:0x5->NXM_NX_REG%d[4..8]" % r.randrange(3), "move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]", "move:NXM_NX_REG0[]->NXM_NX_REG1[]",
               "move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]", "set_field:0x1/0x1->metadata", push_tag(0x8100, r.choice((5, 6)), 3),
               "move:NXM_OF_ETH_DST[0..15]->NXM_NX_REG2[16..31]"]
    if eth_type == 0x0800:
        choices += ["mod_nw_src:" + v4(r), "mod_nw_dst:" + v4(r), "set_field:%s->nw_dst" % v4(r), "move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[]",
                    "move:NXM_OF_IP_DST[0..7]->NXM_NX_REG0[0..7]", "set_field:10.9.0.0/255.255.0.0->nw_src"]
    if eth_type == 0x86dd:
        choices += ["set_field:%s->ipv6_dst" % r.choice(V6), "set_field:%s->ipv6_src" % r.choice(V6), "set_field:7->ipv6_label"]
    if eth_type in (0x0800, 0x86dd):
        choices += ["dec_ttl", "dec_ttl", "mod_nw_ttl:9", "mod_nw_tos:16", "mod_nw_ecn:2", "move:NXM_NX_IP_TTL[]->NXM_NX_REG1[0..7]"]
    if ip_proto in (6, 17):
        name = {6: "TCP", 17: "UDP"}[ip_proto]
        choices += ["mod_tp_dst:%d" % r.choice(L4_PORTS), "mod_tp_src:%d" % r.choice(L4_PORTS), "move:NXM_OF_%s_DST[]->NXM_NX_REG1[0..15]" % name,
                    "set_field:80->%s_dst" % name.lower()]
    if eth_type == 0x0806:
        choices += ["set_field:2->arp_op", "move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]", "move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]",
                    "set_field:%s->arp_spa" % v4(r)]
    if is_tagged:
        choices += ["strip_vlan", "strip_vlan", "set_field:4102->vlan_vid", "mod_vlan_vid:7", "mod_vlan_pcp:3"]
    return r.choice(choices)


def output(r):
    return r.choice(("output:1", "output:2", "output:2", "output:3", "output:3", "output:4", "in_port", "all", "flood", "controller", "controller:100", "LOCAL",
                     "NORMAL"))


def set_actions(r, protocol):
    """Of an action set: one of each kind."""
    chosen = {}
    for _ in range(r.randrange(1, 4)):
        action = r.choice((output(r), "group:%d" % r.choice((1, 2, 3, 4)), rewrite(r, protocol)))
        if action.startswith(("strip_vlan", "mod_vlan", "push_vlan", "load", "move", "controller", "LOCAL", "NORMAL", "all", "flood", "in_port")):
            continue
        if "dec_ttl" in action and any("ttl" in a for a in chosen.values()):
            continue
        chosen[action.split(":")[0] + action.partition("->")[2]] = action
    return ",".join(chosen.values()) or "output:3"


def actions(r, table, match_words, protocol, n_tables):
    is_tagged = any(w.startswith(("dl_vlan", "vlan_tci=0x1")) for w in match_words)
    words = []
    for _ in range(r.choice((0, 1, 1, 2, 2, 3))):
        kind = r.random()
        if kind < 0.42:
            words.append(output(r))
        elif kind < 0.82:
            action = rewrite(r, protocol, is_tagged)
            if action.startswith("push_vlan") and any(w.startswith("push_vlan") for w in words):
                continue  # Open vSwitch refuses a rule of more than two tags
            words.append(action)
            is_tagged = is_tagged and words[-1] != "strip_vlan"
        elif kind < 0.92 and table + 1 < n_tables:
            words.append("resubmit(,%d)" % r.randrange(table + 1, n_tables))
        else:
            words.append("group:%d" % r.choice((1, 2, 3, 4)))
    for chance, more in ((0.04, "push:NXM_OF_ETH_SRC[],pop:NXM_OF_ETH_DST[]"), (0.03, "push:NXM_NX_REG0[0..7],pop:NXM_NX_REG1[8..15]"),
                         (0.03, "load:%d->NXM_NX_REG2[],output:NXM_NX_REG2[]" % r.choice(PORTS)),
                         (0.03, "output(port=%d,max_len=%d)" % (r.choice(PORTS), r.choice((20, 64))))):
        if r.random() < chance:
            words.insert(r.randrange(len(words) + 1), more)
    if table + 1 < n_tables and r.random() < 0.04:
        words.append("resubmit(%d,%d)" % (r.choice(PORTS), r.randrange(table + 1, n_tables)))
    if r.random() < 0.08:
        words.insert(r.randrange(len(words) + 1), "clone(set_field:%s->dl_dst,output:%d)" % (r.choice(MACS), r.choice(PORTS)))
    if r.random() < 0.05:
        words.insert(r.randrange(len(words) + 1), "exit")
    if r.random() < 0.06:
        words.insert(0, "meter:1")
    if r.random() < 0.06:
        words.append("clear_actions")
    if r.random() < 0.15:
        words.append("write_actions(%s)" % set_actions(r, protocol))
    if r.random() < 0.1:
        words.append("write_metadata:0x%x/0x%x" % (r.choice(((1, 1), (0x12, 0xff)))))
    if table + 1 < n_tables and r.random() < 0.45:
        words.append("goto_table:%d" % r.randrange(table + 1, n_tables))
    return ",".join(words) or "drop"


class RuleSet:
    """rules: texts; groups: texts; macs: (port, vlan, mac) that are known; down: ports without a link."""

    def __init__(self, shape):
        self.shape, self.rules, self.groups, self.macs, self.down = shape, [], [], [], []
        self.vlans, self.second, self.choices = {}, None, []
        self.seen = set()
        self.priority = 60000

    def add(self, table, words, actions_text, priority=None):
        """`priority`: one shared by rules that do not overlap; else each has its own, downwards from a random one."""
        key = (table, priority, ",".join(words))
        if key in self.seen:
            return
        self.seen.add(key)
        self.rules.append("table=%d,priority=%d%s,actions=%s" % (
            table, self.priority if priority is None else priority, "".join("," + w for w in words), actions_text))


def pipeline(r):
    rules = RuleSet("pipeline")
    n_tables = r.choice((1, 2, 3, 4))
    priorities = r.sample(range(1, 60000), 60)
    for _ in range(r.choice((3, 8, 20, 40))):
        table = r.randrange(n_tables)
        words, protocol = match(r, table)
        rules.add(table, words, actions(r, table, words, protocol, n_tables), priorities.pop())
    for table in range(n_tables):
        if r.random() < 0.5:
            rules.add(table, [], actions(r, table, [], None, n_tables), 0)
    return rules


def access_list(r):
    """Prefixes of both sides, protocol, ports; allowed or not."""
    rules = RuleSet("acl")
    priorities = r.sample(range(1, 60000), 80)
    for _ in range(r.choice((5, 20, 60))):
        protocol = r.choice(("tcp", "tcp", "udp", "ip", "tcp6", "icmp"))
        words = [protocol]
        side = ("nw_src", "nw_dst", masked_v4) if PROTOCOLS[protocol][0] == 0x0800 else ("ipv6_src", "ipv6_dst", masked_v6)
        for name in side[:2]:
            if r.random() < 0.6:
                words.append("%s=%s" % (name, side[2](r)))
        if PROTOCOLS[protocol][1] in (6, 17):
            if r.random() < 0.6:
                words.append("tp_dst=" + masked_number(r, L4_PORTS, 16))
            if r.random() < 0.15:
                words.append("tp_src=" + masked_number(r, L4_PORTS, 16))
        rules.add(0, words, r.choice(("output:2", "output:3", "drop", "goto_table:1")), priorities.pop())
    rules.add(0, [], r.choice(("drop", "NORMAL", "output:4")), 0)
    rules.add(1, [], "output:1", 0)
    return rules


def routing(r):
    """in_port and VLAN, then exact addresses, then longest prefix, then rewriting."""
    rules = RuleSet("routing")
    for port in PORTS[:3]:
        rules.add(0, ["in_port=%d" % port], "load:%d->NXM_NX_REG0[],goto_table:1" % port, 10)
    if r.random() < 0.5:
        rules.add(0, ["dl_vlan=5"], "strip_vlan,load:5->NXM_NX_REG0[],goto_table:1", 20)
    for mac in MACS[:3]:
        rules.add(1, ["dl_dst=" + mac], "goto_table:2", 10)
    rules.add(1, ["dl_dst=01:00:00:00:00:00/01:00:00:00:00:00"], r.choice(("flood", "NORMAL", "controller")), 5)
    for _ in range(r.choice((4, 16, 50))):
        bits = r.choice((8, 16, 24, 24, 28, 32))
        value = int.from_bytes(bytes(int(x) for x in v4(r).split(".")), "big") & (0xffffffff << (32 - bits))
        text = "%s/%d" % (".".join(str(b) for b in value.to_bytes(4, "big")), bits)
        rules.add(2, ["ip", "nw_dst=" + text], "mod_dl_src:%s,mod_dl_dst:%s,dec_ttl,%s" % (
            r.choice(SOURCES), r.choice(MACS), r.choice(("output:%d" % r.choice(PORTS), "goto_table:3", "group:%d" % r.choice((2, 3))))), 100 + bits)
    rules.add(2, ["arp"], r.choice(("NORMAL", "controller", "flood")), 1)
    for port in L4_PORTS[:3]:
        rules.add(3, ["tcp", "tp_dst=%d" % port], r.choice(("drop", "output:2", "mod_tp_dst:8080,output:3")), 10)
    rules.add(3, [], "output:%d" % r.choice(PORTS), 0)
    return rules


def exact(r):
    """Exact pairs of addresses, as a reactive controller writes them."""
    rules = RuleSet("exact")
    for _ in range(r.choice((4, 20))):
        rules.add(0, ["in_port=%d" % r.choice(PORTS), "dl_src=" + r.choice(MACS), "dl_dst=" + r.choice(MACS)], "output:%d" % r.choice(PORTS), 10)
    if r.random() < 0.5:
        rules.add(0, ["dl_type=0x88cc"], "controller", 20)
    rules.add(0, [], r.choice(("controller", "NORMAL", "flood")), 0)
    return rules


def groups(r, rules, choose):
    simple = lambda: r.choice(("set_field:%s->dl_dst,output:%d" % (r.choice(MACS), r.choice(PORTS)), "output:%d" % r.choice(PORTS),
                               push_tag(0x8100, 5, 2) + ",output:%d" % r.choice(PORTS)))
    rules.down = [p for p in (2, 3) if r.random() < 0.3]
    first, second = r.sample((2, 3, 4), 2)
    rules.groups = [
        "group_id=1,type=all" + "".join(",bucket=" + simple() for _ in range(r.randrange(1, 4))),
        "group_id=2,type=indirect,bucket=" + simple(),
        "group_id=3,type=ff,bucket=watch_port:%d,actions=%s,bucket=watch_port:%d,actions=%s" % (first, simple(), second, simple()),
        r.choice(("group_id=4,type=select,selection_method=hash,fields(ip_src),bucket=" + simple(),
                  "group_id=4,type=select,selection_method=hash,fields(eth_dst,vlan_vid),bucket=" + simple(),
                  "group_id=4,type=select,selection_method=hash,fields(ip_src,tcp_dst),bucket=weight:0,actions=output:1,bucket=" + simple(),
                  "group_id=4,type=indirect,bucket=group:1", "group_id=4,type=all,bucket=group:2,bucket=group:3"))]
    if r.random() < 0.15:
        rules.groups[3] = choose(r, rules, simple)


# ---- packets ----

def packet(r):
    """Fields of a packet by their names in Open vSwitch's syntax, in a form that frame() and flow() take."""
    p = {"in_port": r.choice(PORTS[:3]), "dl_src": r.choice(SOURCES), "dl_dst": r.choice(MACS + GROUP_MACS), "tags": [], "dl_type": 0x0800}
    if p["dl_dst"] == p["dl_src"]:
        p["dl_dst"] = GROUP_MACS[0]
    for _ in range(r.choice((0, 0, 0, 0, 1, 1, 1, 2))):
        p["tags"].append((r.choice((0x8100, 0x8100, 0x88a8)), r.choice((0, 3)) << 13 | r.choice((5, 5, 6, 7))))
    p["dl_type"] = r.choice((0x0800, 0x0800, 0x0800, 0x86dd, 0x0806, 0x88cc))
    if p["dl_type"] == 0x0800:
        p.update(src=v4(r), dst=v4(r), proto=r.choice((6, 6, 6, 17, 17, 1, 132, 47)), frag=r.choice(("no",) * 8 + ("first", "later")))
    elif p["dl_type"] == 0x86dd:
        p.update(src=r.choice(V6), dst=r.choice(V6), proto=r.choice((6, 6, 17, 58)), frag="no", label=r.choice((0, 5)))
    elif p["dl_type"] == 0x0806:
        p.update(src=v4(r), dst=v4(r), op=r.choice((1, 2)), sha=r.choice(MACS), tha=r.choice(MACS))
    if "proto" in p:
        p.update(ttl=r.choice((1, 2, 63, 64, 64, 128, 255)), tos=r.choice((0, 0, 16, 184)) | r.choice((0, 0, 2)))
        p["sport"], p["dport"] = r.choice(L4_PORTS + [40000, 50001]), r.choice(L4_PORTS + [9])
        if p["proto"] in (1, 58):
            p["sport"], p["dport"] = r.choice((0, 8, 3) if p["proto"] == 1 else (128, 129)), 0
        p["flags"] = r.choice((0x02, 0x10, 0x12, 0x11)) if p["proto"] == 6 else 0
    return p


def flow(p):
    """As flow text; None when text cannot say it."""
    if len(p["tags"]) > 1 or (p["tags"] and p["tags"][0][0] != 0x8100) or "labels" in p:
        return None
    words = ["in_port=%d" % p["in_port"], "dl_src=" + p["dl_src"], "dl_dst=" + p["dl_dst"]]
    if p["tags"]:
        words.append("dl_vlan=%d,dl_vlan_pcp=%d" % (p["tags"][0][1] & 0xfff, p["tags"][0][1] >> 13))
    kind = {0x0800: "ip", 0x86dd: "ipv6", 0x0806: "arp"}.get(p["dl_type"])
    words.append({v: k for k, v in PROTOCOLS.items()}.get((p["dl_type"], p.get("proto"))) or (
        "%s,nw_proto=%d" % (kind, p["proto"]) if kind else "dl_type=0x%04x" % p["dl_type"]))
    if kind == "arp":
        words.append("arp_spa=%s,arp_tpa=%s,arp_op=%d,arp_sha=%s,arp_tha=%s" % (p["src"], p["dst"], p["op"], p["sha"], p["tha"]))
    if "proto" in p:
        words += ["%s=%s" % ("nw_src" if kind == "ip" else "ipv6_src", p["src"]),
                  "%s=%s" % ("nw_dst" if kind == "ip" else "ipv6_dst", p["dst"]), "nw_ttl=%d" % p["ttl"], "nw_tos=%d" % (p["tos"] & 0xfc),
                  "nw_ecn=%d" % (p["tos"] & 3), "nw_frag=" + p["frag"]]
        if kind == "ipv6":
            words.append("ipv6_label=%d" % p["label"])
        if p["proto"] in (6, 17, 132) and p["frag"] != "later":
            name = {6: "tcp", 17: "udp", 132: "sctp"}[p["proto"]]
            words.append("%s_src=%d,%s_dst=%d" % (name, p["sport"], name, p["dport"]))
            if p["proto"] == 6:
                words.append("tcp_flags=0x%x" % p["flags"])
        if p["proto"] in (1, 58) and p["frag"] != "later":
            words.append("icmp%s_type=%d" % ("" if kind == "ip" else "v6", p["sport"]))
    return ",".join(words)


def raw_v4(text):
    return bytes(int(x) for x in text.split("."))


def raw_v6(text):
    return ipaddress.IPv6Address(text).packed


def raw_mac(text):
    return bytes.fromhex(text.replace(":", ""))


def two(number):
    return number.to_bytes(2, "big")


def checksum(data):
    total = sum(int.from_bytes(data[i:i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return two(total ^ 0xffff)


def l4_bytes(p):
    ports = two(p["sport"]) + two(p["dport"])
    if p["proto"] == 6:
        return ports + bytes(8) + two(5 << 12 | p["flags"]) + bytes(6)
    if p["proto"] == 17:
        return ports + two(8) + bytes(2)
    if p["proto"] == 132:
        return ports + bytes(8)
    if p["proto"] in (1, 58):
        return bytes((p["sport"], p["dport"])) + bytes(6)
    return bytes(8)


def l3_bytes(p, dl_type):
    if dl_type == 0x0806:
        return bytes((0, 1, 8, 0, 6, 4)) + two(p["op"]) + raw_mac(p["sha"]) + raw_v4(p["src"]) + raw_mac(p["tha"]) + raw_v4(p["dst"])
    if "proto" not in p:
        return bytes(46)
    l4 = l4_bytes(p)
    if dl_type == 0x0800:
        fragment = {"no": 0, "first": 0x2000, "later": 0x00b9}[p["frag"]]
        head = bytes((0x45, p["tos"])) + two(20 + len(l4)) + two(7) + two(fragment) + bytes((p["ttl"], p["proto"])) + bytes(2)
        head += raw_v4(p["src"]) + raw_v4(p["dst"])
        return head[:10] + checksum(head) + head[12:] + l4
    word = 6 << 28 | p["tos"] << 20 | p["label"]
    return word.to_bytes(4, "big") + two(len(l4)) + bytes((p["proto"], p["ttl"])) + raw_v6(p["src"]) + raw_v6(p["dst"]) + l4


def frame(p):
    """`labels`, if there are any, stand before the L3 header, whose type is `inner`."""
    data = raw_mac(p["dl_dst"]) + raw_mac(p["dl_src"])
    for tpid, tci in p["tags"]:
        data += two(tpid) + two(tci)
    data += two(p["dl_type"]) + b"".join(label.to_bytes(4, "big") for label in p.get("labels", ()))
    return data + l3_bytes(p, p.get("inner", p["dl_type"]))
