"""More shapes of rule sets, as in ovs_rule_sets.py: labels, conjunctive match, VLAN modes of ports, a second bridge behind a patch, select groups that
have a choice. A set may say more than rules: `vlans` (port -> mode, tag, trunks, cvlans), `second` (rules of the other bridge; None: no patch) and
`choices` (the buckets of group 4 of which one may be taken).
"""
import ovs_rule_sets as sets

PATCH = 10  # the OpenFlow number of both ends of the patch
LABELS = (16, 17, 100)


# ---- labels ----

def label_match(r):
    words = ["mpls"]
    for chance, word in ((0.6, "mpls_label=%d" % r.choice(LABELS)), (0.2, "mpls_tc=%d" % r.randrange(2)), (0.4, "mpls_bos=%d" % r.randrange(2)),
                         (0.1, "mpls_ttl=%d" % r.choice((1, 2, 64)))):
        if r.random() < chance:
            words.append(word)
    return words


def push_label(r):
    """With label, class and TTL: those of a new one are not the same (mpls.c), but for a TTL that is copied from IP."""
    return "push_mpls:0x8847,set_field:%d->mpls_label,set_field:%d->mpls_tc,set_mpls_ttl:%d" % (r.choice(LABELS), r.randrange(8), r.choice((9, 64)))


def label_actions(r, table, inner):
    """Of a packet with labels. A pop says what is there: a wrong word makes damaged packets, which are rewritten by nobody's rules."""
    kind = r.random()
    end = lambda: r.choice(("goto_table:%d" % (table + 1), "resubmit(,%d)" % (table + 1), "output:%d" % r.choice(sets.PORTS)))
    if kind < 0.5:
        more = r.choice(("", "", ",dec_ttl", ",mod_nw_tos:16", ",output:%d" % r.choice(sets.PORTS), ",load:5->NXM_NX_REG0[]"))
        before = r.choice(("", "", "load:1->NXM_NX_REG1[],", "set_field:%s->dl_dst," % r.choice(sets.MACS)))
        if r.random() < 0.15:
            return before + "pop_mpls:0x%04x,%s,%s" % (inner, push_label(r), end())
        return before + "pop_mpls:0x%04x%s,%s" % (inner, more, end())
    if kind < 0.65:
        return "pop_mpls:0x8847," + end()
    if kind < 0.8:
        return "%s,%s" % (push_label(r), end())
    return "%s,%s" % (r.choice(("set_field:%d->mpls_label" % r.choice(LABELS), "set_field:3->mpls_tc", "set_mpls_ttl:9", "dec_mpls_ttl")), end())


def labels(r):
    rules = sets.RuleSet("mpls")
    rules.inner = r.choice((0x0800, 0x0800, 0x86dd))
    priorities = r.sample(range(1, 60000), 80)
    for table in range(3):
        for _ in range(r.choice((3, 6, 12))):
            if r.random() < 0.55:
                text = label_actions(r, table, rules.inner)
                words = label_match(r)
                if "pop_mpls" in text:  # the last label, or one that is not: Open vSwitch takes all labels off for a type that is not MPLS
                    words = [w for w in words if not w.startswith("mpls_bos")] + ["mpls_bos=%d" % ("pop_mpls:0x8847" not in text)]
                rules.add(table, words, text, priorities.pop())
                continue
            words, protocol = sets.match(r, table)
            if protocol in ("ip", "tcp", "udp", "ipv6") and r.random() < 0.4:
                ttl = push_label(r) if r.random() < 0.5 else push_label(r).rpartition(",")[0]
                rules.add(table, words, "%s,%s" % (ttl, r.choice(("goto_table:%d" % (table + 1), "output:2"))), priorities.pop())
            else:
                rules.add(table, words, sets.actions(r, table, words, protocol, 4), priorities.pop())
        if r.random() < 0.5:
            rules.add(table, [], r.choice(("drop", "output:3", "goto_table:%d" % (table + 1))), 0)
    rules.add(3, ["ip"], r.choice(("dec_ttl,output:1", "output:1")), 2)
    rules.add(3, [], "output:2", 1)
    return rules


def label_packet(r, inner):
    """One of the packets of the other sets, with labels before its L3 header."""
    p = sets.packet(r)
    while p["dl_type"] != inner:
        p = sets.packet(r)
    p["tags"] = p["tags"][:1]
    p["inner"], p["dl_type"] = p["dl_type"], 0x8847
    p["labels"] = [r.choice(LABELS) << 12 | r.randrange(2) << 9 | r.choice((1, 2, 64)) for _ in range(r.choice((1, 1, 1, 2, 2, 3)))]
    p["labels"][-1] |= 0x100
    return p


# ---- conjunctive match ----

CLAUSES = (lambda r: ["ip", "nw_src=" + sets.masked_v4(r)], lambda r: ["ip", "nw_dst=" + sets.masked_v4(r)],
           lambda r: ["tcp", "tp_dst=" + sets.masked_number(r, sets.L4_PORTS, 16)], lambda r: ["in_port=%d" % r.choice(sets.PORTS[:3])],
           lambda r: ["dl_dst=" + r.choice(sets.MACS)], lambda r: ["ip", "nw_ttl=%d" % r.choice((63, 64))], lambda r: ["dl_vlan=5"])


def conjunctive(r):
    rules = sets.RuleSet("conjunction")
    priorities = r.sample(range(1, 60000), 80)
    clauses = {}  # a rule may be part of several
    for number in range(1, r.choice((2, 3, 4))):
        priority, n = priorities.pop(), r.choice((2, 2, 3))
        for at, make in enumerate(r.sample(CLAUSES, n), 1):
            for _ in range(r.choice((1, 2, 4))):
                text = "conjunction(%d,%d/%d)" % (number, at, n)
                known = clauses.setdefault((priority, ",".join(make(r))), [])
                if text not in known:
                    known.append(text)
        then = r.choice(("output:2", "output:3", "drop", "goto_table:1", "load:1->NXM_NX_REG0[],goto_table:1"))
        rules.add(0, ["conj_id=%d" % number] + r.choice(([], [], ["ip"])), then, priorities.pop())
    for (priority, words), texts in clauses.items():
        rules.add(0, words.split(","), ",".join(texts), priority)
    for _ in range(r.choice((0, 2, 8))):
        words, protocol = sets.match(r, 0)
        if any(",".join(words) == match for _, match in clauses):
            continue  # behind a clause of the same match Open vSwitch does not find it in the second lookup
        rules.add(0, words, sets.actions(r, 0, words, protocol, 2), priorities.pop())
    rules.add(0, [], r.choice(("drop", "NORMAL", "output:4")), 0)
    rules.add(1, ["reg0=1"], "output:1", 2)
    rules.add(1, [], "output:4", 1)
    return rules


# ---- VLAN modes ----

def vlan_list(r):
    return tuple(sorted(r.sample((0, 5, 6, 7), r.randrange(1, 4)))) if r.random() < 0.6 else ()


def vlans(r):
    rules = sets.RuleSet("vlans")
    for port in sets.PORTS:
        mode = r.choice(("access", "trunk", "native-tagged", "native-untagged", "dot1q-tunnel", None))
        if mode is not None:
            rules.vlans[port] = (mode, None if mode == "trunk" else r.choice((5, 5, 6)), () if mode in ("access", "dot1q-tunnel") else vlan_list(r),
                                 vlan_list(r) if mode == "dot1q-tunnel" else ())
    priorities = r.sample(range(1, 60000), 20)
    for _ in range(r.choice((0, 0, 2, 5))):
        words, protocol = sets.match(r, 0)
        is_tagged = any(w.startswith(("dl_vlan", "vlan_tci=0x1")) for w in words)
        text = sets.rewrite(r, protocol, is_tagged)
        rules.add(0, words, "%s,%s" % (text, r.choice(("NORMAL", "NORMAL", "output:2", "flood"))), priorities.pop())
    rules.add(0, [], "NORMAL", 0)
    return rules


def carries(settings, vlan):
    """Nobody is learned in a VLAN that the port is not in."""
    mode, tag, trunks, _ = settings or ("trunk", None, (), ())
    if mode in ("access", "dot1q-tunnel"):
        return vlan == tag
    return (vlan == tag) if mode != "trunk" and vlan in (0, tag) else not trunks or vlan in trunks


# ---- a second bridge ----

def there(r):
    return r.choice(("output:1", "output:2", "in_port", "NORMAL", "flood", "all", "controller", "LOCAL"))


def patch(r):
    rules = sets.RuleSet("patch")
    rules.second = []
    priorities = r.sample(range(1, 60000), 80)
    for _ in range(r.choice((3, 8, 20))):
        words, protocol = sets.match(r, 0)
        words = ["in_port=%d" % PATCH if w.startswith("in_port=") and r.random() < 0.3 else w for w in words]
        parts = [sets.rewrite(r, protocol) for _ in range(r.choice((0, 1, 1)))]
        parts.insert(r.randrange(len(parts) + 1), r.choice(("output:%d" % PATCH, "output:%d" % PATCH, "NORMAL", "flood", "output:2")))
        parts += [sets.output(r)] if r.random() < 0.3 else []
        rules.add(0, words, ",".join(parts), priorities.pop())
    rules.add(0, [], r.choice(("output:%d" % PATCH, "NORMAL", "flood", "drop")), 0)
    second = sets.RuleSet("patch")
    for _ in range(r.choice((2, 5, 12))):
        words, protocol = sets.match(r, 0)
        words = ["in_port=%d" % PATCH if w.startswith("in_port=") else w for w in words]
        parts = [sets.rewrite(r, protocol) for _ in range(r.choice((0, 1, 1)))] + [there(r) for _ in range(r.choice((1, 1, 2)))]
        second.add(0, words, ",".join(parts + r.choice(([], ["resubmit(,1)"], ["write_actions(output:2)", "goto_table:1"]))), priorities.pop())
    second.add(0, [], r.choice(("NORMAL", "output:1", "drop")), 0)
    second.add(1, ["ip"], "output:1", 3)
    second.add(1, [], "drop", 1)
    rules.second = second.rules
    return rules


# ---- select groups with a choice ----

def choose(r, rules, simple):
    """Group 4 gets several living buckets; which one a packet takes is nobody's promise, but that it is one of them."""
    method = r.choice(("", ",selection_method=hash,fields(ip_src,tcp_dst)", ",selection_method=dp_hash"))
    buckets = [(None, simple())] + [(r.choice((None, None, 2, 3)), simple()) for _ in range(r.choice((1, 2)))]
    rules.choices = [text for watched, text in buckets if watched not in rules.down]
    return "group_id=4,type=select%s" % method + "".join(
        ",bucket=" + ("watch_port:%d,actions=" % watched if watched else "actions=") + text for watched, text in buckets)


# ---- all of them ----

SHAPES = ((sets.pipeline, 10), (sets.access_list, 4), (sets.routing, 4), (sets.exact, 2), (labels, 3), (conjunctive, 3), (vlans, 2), (patch, 2))


def rule_set(r):
    rules = r.choices([s[0] for s in SHAPES], [s[1] for s in SHAPES])[0](r)
    sets.groups(r, rules, choose)
    macs = [(r.choice(sets.PORTS), r.choice((0, 5, 6)), mac) for mac in r.sample(sets.KNOWN, r.randrange(0, 3))]
    rules.macs = [(port, vlan, mac) for port, vlan, mac in macs if carries(rules.vlans.get(port), vlan)]
    return rules


def packet(r, rules):
    return label_packet(r, rules.inner) if rules.shape == "mpls" and r.random() < 0.75 else sets.packet(r)
