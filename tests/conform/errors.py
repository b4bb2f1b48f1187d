"""Every error of OpenFlow 1.3.5 [§7.4.4] that a controller can provoke: the message, the error's type and code.

bench.refused() holds each against its xid and its first 64 bytes. Rows build bytes, because a codec would not write most of these. What
nothing provokes here is in NEVER, with the reason, so that the list of codes is whole.
"""
import struct

import frames as f
from actions import output
from cases import Case
from groups import group
from match_fields import IP4
from meters import drop, meter
from openflow import HEADER, Refused, connect

# Message types [§7.1].
PACKET_OUT, FLOW_MOD, GROUP_MOD, PORT_MOD, TABLE_MOD, MULTIPART, QUEUE_CONFIG, ROLE, SET_CONFIG, METER_MOD = 13, 14, 15, 16, 17, 18, 22, 24, 9, 29
NO_BUFFER = ANY = 0xFFFFFFFF
GOTO, WRITE_METADATA, WRITE, APPLY, CLEAR, METER, EXPERIMENTER = 1, 2, 3, 4, 5, 6, 0xFFFF
OUTPUT, GROUP, SET_FIELD = 0, 22, 25


def padded(data):
    return data + bytes(-len(data) % 8)


def oxm(number, value, mask=None, oxm_class=0x8000, length=None):
    payload = value + (mask or b"")
    return struct.pack(">HBB", oxm_class, number << 1 | (mask is not None), len(payload) if length is None else length) + payload


def match(*fields, kind=1, length=None):
    body = b"".join(fields)
    return padded(struct.pack(">HH", kind, 4 + len(body) if length is None else length) + body)


def flow_mod(matched=match(), instructions=b"", command=0, table=0, priority=5, flags=0, buffer_id=NO_BUFFER):
    head = struct.pack(">QQBBHHHIIIHxx", 0, 0, table, command, 0, 0, priority, buffer_id, ANY, ANY, flags)
    return FLOW_MOD, head + matched + instructions


def instruction(kind, body=b"", length=None):
    return struct.pack(">HH", kind, 4 + len(body) if length is None else length) + body


def applied(*actions, kind=APPLY):
    return instruction(kind, bytes(4) + b"".join(actions))


def action(kind, body=bytes(4), length=None):
    return struct.pack(">HH", kind, 4 + len(body) if length is None else length) + body


def out(port, max_len=0):
    return action(OUTPUT, struct.pack(">IH6x", port, max_len))


def set_field(field):
    return padded_action(SET_FIELD, field)


def padded_action(kind, body):
    body = body + bytes(-(len(body) + 4) % 8)
    return action(kind, body)


def acting(*actions, matched=match()):
    return flow_mod(matched, applied(*actions))


def group_mod(command=0, kind=0, number=1, buckets=b""):
    return GROUP_MOD, struct.pack(">HBxI", command, kind, number) + buckets


def bucket(*actions, weight=0, watch_port=ANY, watch_group=ANY, length=None):
    body = b"".join(actions)
    return struct.pack(">HHII4x", 16 + len(body) if length is None else length, weight, watch_port, watch_group) + body


def meter_mod(command=0, flags=1, number=1, bands=b""):
    return METER_MOD, struct.pack(">HHI", command, flags, number) + bands


def band(kind=1, rate=1000, burst=0, tail=bytes(4), length=16):
    return struct.pack(">HHII", kind, length, rate, burst) + tail


def multipart(kind, body=b"", flags=0):
    return MULTIPART, struct.pack(">HH4x", kind, flags) + body


def packet_out(actions=b"", data=b"", buffer_id=NO_BUFFER, in_port=0xFFFFFFFD, actions_len=None):
    return PACKET_OUT, struct.pack(">IIH6x", buffer_id, in_port, len(actions) if actions_len is None else actions_len) + actions + data


def port_mod(port, address, config=0, mask=0, advertise=0):
    return PORT_MOD, struct.pack(">I4x6s2xIII4x", port, address, config, mask, advertise)


def role(number, generation):
    return ROLE, struct.pack(">I4xQ", number, generation)


ETH_IP, ETH_9999 = oxm(5, b"\x08\x00"), oxm(5, b"\x99\x99")
PROTO_TCP = oxm(10, b"\x06")

ROWS = (
    # error, what, message
    ("BAD_REQUEST/BAD_TYPE", "unknown type", (77, b"")),
    ("BAD_REQUEST/BAD_TYPE", "a reply as a request", (21, b"")),
    ("BAD_REQUEST/BAD_MULTIPART", "unknown multipart", multipart(999)),
    ("BAD_REQUEST/BAD_EXPERIMENTER", "unknown experimenter", (4, struct.pack(">II", 0x123456, 1))),
    ("BAD_REQUEST/BAD_EXPERIMENTER", "unknown experimenter's multipart", multipart(0xFFFF, struct.pack(">II", 0x123456, 1))),
    ("BAD_REQUEST/BAD_EXP_TYPE", "unknown message of a known experimenter", (4, struct.pack(">II", 0x2320, 9999))),
    ("BAD_REQUEST/BAD_LEN", "features request with a body", (5, bytes(8))),
    ("BAD_REQUEST/BAD_LEN", "flow_mod cut short", (FLOW_MOD, bytes(16))),
    ("BAD_REQUEST/BAD_LEN", "barrier with a body", (20, bytes(4))),
    ("BAD_REQUEST/BUFFER_UNKNOWN", "packet-out of a buffer that is not", packet_out(out(2), b"", 7)),
    ("BAD_REQUEST/BUFFER_UNKNOWN", "flow_mod with a buffer that is not", flow_mod(buffer_id=7)),
    ("BAD_REQUEST/BAD_LEN", "packet-out with actions beyond its end", packet_out(out(2), b"", actions_len=64)),
    ("BAD_REQUEST/BAD_PORT", "packet-out from a number beyond the ports", packet_out(out(2), f.tcp(), in_port=0xFFFFFF01)),
    ("BAD_REQUEST/EPERM", "Nicira's format of packet-ins that is none", (4, struct.pack(">III", 0x2320, 16, 9))),
    ("BAD_REQUEST/MULTIPART_BUFFER_OVERFLOW", "a request in parts that needs none", multipart(0, flags=1)),
    ("BAD_ACTION/BAD_EXP_TYPE", "unknown action of a known experimenter", acting(action(EXPERIMENTER, struct.pack(">IH6x", 0x2320, 9999)))),
    ("BAD_ACTION/BAD_TYPE", "unknown type", acting(action(1234))),
    ("BAD_ACTION/BAD_TYPE", "unknown type, packet-out", packet_out(action(1234), f.tcp())),
    ("BAD_ACTION/BAD_LEN", "no multiple of eight", acting(action(OUTPUT, bytes(6)), bytes(6))),
    ("BAD_ACTION/BAD_LEN", "longer than the message", acting(action(OUTPUT, bytes(12), length=64))),
    ("BAD_ACTION/BAD_EXPERIMENTER", "unknown experimenter", acting(action(EXPERIMENTER, struct.pack(">I8x", 0x123456)))),
    ("BAD_ACTION/BAD_OUT_PORT", "port 0", acting(out(0))),
    ("BAD_ACTION/BAD_OUT_PORT", "port ANY", acting(out(ANY))),
    ("BAD_ACTION/BAD_OUT_PORT", "a number beyond the ports", acting(out(0xFFFFFF01))),
    ("BAD_ACTION/BAD_ARGUMENT", "push_vlan of no tag's type", acting(action(17, b"\x12\x34\0\0"))),
    ("BAD_ACTION/BAD_ARGUMENT", "push_mpls of no label's type", acting(action(19, b"\x12\x34\0\0"), matched=match(ETH_IP))),
    ("BAD_ACTION/BAD_OUT_GROUP", "unknown group", acting(action(GROUP, struct.pack(">I", 999)))),
    ("BAD_ACTION/BAD_OUT_GROUP", "group ANY", acting(action(GROUP, struct.pack(">I", ANY)))),
    ("BAD_ACTION/MATCH_INCONSISTENT", "tcp_dst of packets that need not have it", acting(set_field(oxm(14, b"\0\x50")))),
    ("BAD_ACTION/MATCH_INCONSISTENT", "pop_vlan without a tag", acting(action(18))),
    ("BAD_ACTION/MATCH_INCONSISTENT", "dec_nw_ttl of no IP", acting(action(24))),
    ("BAD_ACTION/BAD_TAG", "three tags", acting(*[action(17, b"\x81\0\0\0")] * 3)),
    ("BAD_ACTION/BAD_SET_TYPE", "unknown field", acting(set_field(oxm(99, bytes(4))))),
    ("BAD_ACTION/BAD_SET_LEN", "wrong length", acting(set_field(oxm(14, bytes(4))), matched=match(ETH_IP, PROTO_TCP))),
    ("BAD_ACTION/BAD_SET_ARGUMENT", "in_port", acting(set_field(oxm(0, bytes(4))))),
    ("BAD_ACTION/BAD_SET_ARGUMENT", "vlan_pcp 8", acting(action(17, b"\x81\0\0\0"), set_field(oxm(7, b"\x08")))),
    ("BAD_INSTRUCTION/UNKNOWN_INST", "unknown type", flow_mod(instructions=instruction(99, bytes(4)))),
    ("BAD_INSTRUCTION/BAD_TABLE_ID", "goto its own table", flow_mod(instructions=instruction(GOTO, b"\x03\0\0\0"), table=3)),
    ("BAD_INSTRUCTION/BAD_TABLE_ID", "goto back", flow_mod(instructions=instruction(GOTO, b"\x02\0\0\0"), table=3)),
    ("BAD_INSTRUCTION/BAD_TABLE_ID", "goto beyond the last", flow_mod(instructions=instruction(GOTO, b"\xff\0\0\0"), table=3)),
    ("BAD_INSTRUCTION/BAD_EXPERIMENTER", "unknown experimenter", flow_mod(instructions=instruction(EXPERIMENTER, struct.pack(">I", 0x123456)))),
    ("BAD_INSTRUCTION/BAD_LEN", "goto too long", flow_mod(instructions=instruction(GOTO, bytes(12)))),
    ("BAD_INSTRUCTION/BAD_LEN", "longer than the message", flow_mod(instructions=instruction(APPLY, bytes(4), length=64))),
    ("BAD_MATCH/BAD_TYPE", "the old match", flow_mod(match(bytes(84), kind=0))),
    ("BAD_MATCH/BAD_TYPE", "unknown type", flow_mod(match(kind=7))),
    ("BAD_MATCH/BAD_LEN", "a field beyond its end", flow_mod(match(oxm(5, b"\x08\0", length=40)))),
    ("BAD_MATCH/BAD_LEN", "wrong length of a field", flow_mod(match(oxm(5, bytes(4))))),
    ("BAD_MATCH/BAD_WILDCARDS", "bits beyond the mask", flow_mod(match(oxm(3, b"\xff" * 6, b"\xff" * 5 + b"\0")))),
    ("BAD_MATCH/BAD_FIELD", "unknown field", flow_mod(match(oxm(99, bytes(4))))),
    ("BAD_MATCH/BAD_FIELD", "unknown class", flow_mod(match(oxm(0, bytes(4), oxm_class=0x1234)))),
    ("BAD_MATCH/BAD_VALUE", "vlan_vid 0x2000", flow_mod(match(oxm(6, b"\x20\0")))),
    ("BAD_MATCH/BAD_VALUE", "ip_dscp 64", flow_mod(match(ETH_IP, oxm(8, b"\x40")))),
    ("BAD_MATCH/BAD_MASK", "of ip_proto", flow_mod(match(ETH_IP, oxm(10, b"\x04", b"\x0c")))),
    ("BAD_MATCH/BAD_PREREQ", "tcp_dst of no TCP", flow_mod(match(ETH_IP, oxm(14, b"\0\x50")))),
    ("BAD_MATCH/BAD_PREREQ", "what is needed comes later", flow_mod(match(PROTO_TCP, ETH_IP))),
    ("BAD_MATCH/DUP_FIELD", "twice", flow_mod(match(ETH_IP, ETH_IP))),
    ("FLOW_MOD_FAILED/BAD_TABLE_ID", "add to all tables", flow_mod(table=255)),
    ("FLOW_MOD_FAILED/BAD_TABLE_ID", "table 254", flow_mod(table=254)),
    ("FLOW_MOD_FAILED/BAD_COMMAND", "unknown", flow_mod(command=9)),
    ("FLOW_MOD_FAILED/BAD_FLAGS", "unknown", flow_mod(flags=0x8000)),
    ("GROUP_MOD_FAILED/UNKNOWN_GROUP", "modified", group_mod(command=1, number=77)),
    ("GROUP_MOD_FAILED/BAD_TYPE", "unknown", group_mod(kind=9)),
    ("GROUP_MOD_FAILED/BAD_COMMAND", "unknown", group_mod(command=9)),
    ("GROUP_MOD_FAILED/INVALID_GROUP", "indirect with two buckets", group_mod(kind=2, buckets=bucket(out(2)) + bucket(out(3)))),
    ("GROUP_MOD_FAILED/INVALID_GROUP", "a number beyond the last", group_mod(number=0xFFFFFF01)),
    ("GROUP_MOD_FAILED/WATCH_UNSUPPORTED", "in type all", group_mod(buckets=bucket(out(2), watch_port=2))),
    ("GROUP_MOD_FAILED/OUT_OF_BUCKETS", "more than 1,024", group_mod(buckets=bucket() * 1025)),
    ("GROUP_MOD_FAILED/BAD_WATCH", "a number beyond the ports", group_mod(kind=3, buckets=bucket(out(2), watch_port=0x10000))),
    ("GROUP_MOD_FAILED/BAD_BUCKET", "shorter than its head", group_mod(buckets=bucket(length=8))),
    ("BAD_ACTION/BAD_OUT_PORT", "port ANY in a bucket", group_mod(buckets=bucket(out(ANY)))),
    ("BAD_ACTION/BAD_OUT_GROUP", "unknown group in a bucket", group_mod(buckets=bucket(action(GROUP, struct.pack(">I", 999))))),
    ("PORT_MOD_FAILED/BAD_PORT", "unknown", port_mod(999, bytes(6))),
    ("PORT_MOD_FAILED/BAD_HW_ADDR", "of another", port_mod(1, b"\x02\x99\x99\x99\x99\x99")),
    ("TABLE_MOD_FAILED/BAD_TABLE", "table 254", (TABLE_MOD, struct.pack(">B3xI", 254, 0))),
    ("TABLE_MOD_FAILED/BAD_CONFIG", "a bit that is none", (TABLE_MOD, struct.pack(">B3xI", 0, 0x10))),
    ("TABLE_FEATURES_FAILED/EPERM", "tables cannot be made over", multipart(12, struct.pack(">HB61x", 64, 0))),
    ("QUEUE_OP_FAILED/BAD_PORT", "configuration of an unknown port", (QUEUE_CONFIG, struct.pack(">I4x", 999))),
    ("QUEUE_OP_FAILED/BAD_PORT", "statistics of an unknown port", multipart(5, struct.pack(">II", 999, ANY))),
    ("QUEUE_OP_FAILED/BAD_QUEUE", "statistics of an unknown queue", multipart(5, struct.pack(">II", 1, 999))),
    ("SWITCH_CONFIG_FAILED/BAD_FLAGS", "undefined treatment of fragments", (SET_CONFIG, struct.pack(">HH", 4, 128))),
    ("ROLE_REQUEST_FAILED/BAD_ROLE", "unknown", role(9, 0)),
    ("METER_MOD_FAILED/INVALID_METER", "number 0", meter_mod(number=0, bands=band())),
    ("METER_MOD_FAILED/UNKNOWN_METER", "modified", meter_mod(command=1, number=77, bands=band())),
    ("METER_MOD_FAILED/UNKNOWN_METER", "statistics", multipart(9, struct.pack(">I4x", 77))),
    ("METER_MOD_FAILED/BAD_COMMAND", "unknown", meter_mod(command=9, bands=band())),
    ("METER_MOD_FAILED/BAD_FLAGS", "kbps and pktps", meter_mod(flags=3, bands=band())),
    ("METER_MOD_FAILED/BAD_BAND", "unknown", meter_mod(bands=band(kind=9))),
    ("METER_MOD_FAILED/BAD_BAND_VALUE", "dscp_remark by no step", meter_mod(bands=band(kind=2, tail=bytes(4)))),
    ("METER_MOD_FAILED/OUT_OF_BANDS", "none", meter_mod()),
    ("METER_MOD_FAILED/OUT_OF_BANDS", "too many", meter_mod(bands=band() * 200)),
    ("METER_MOD_FAILED/INVALID_METER", "unknown in a rule", flow_mod(instructions=instruction(METER, struct.pack(">I", 77)))),
)


def of_bytes(error, message):
    def run(bench):
        bench.refused(error, bench.of.raw(*message))
        assert bench.flow_stats() == [], "a refused rule is in the table"
    return run


def after(error, *steps):
    """The last of some messages is refused."""
    def run(bench):
        made = [step(bench) for step in steps]
        bench.of.do(*made[:-1])
        bench.refused(error, made[-1])
    return run


def as_slave(bench):
    """A slave may read, not change [§6.3.4]."""
    of, p, o = bench.of, bench.of.parser, bench.of.ofproto
    generation = of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_NOCHANGE, 0)).generation_id
    generation = 0 if generation == 0xFFFFFFFFFFFFFFFF else generation
    of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_SLAVE, generation))
    try:
        bench.refused("BAD_REQUEST/IS_SLAVE", bench.flow(to=2), bench.packet_out([output(bench)], f.tcp()), group(bench, "ALL", 1, 2),
                      meter(bench, 1, ("KBPS",), drop(bench, 1)), of.raw(*port_mod(1, bytes(6))), of.raw(TABLE_MOD, bytes(8)))
        assert bench.flow_stats() == []
    finally:
        of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_EQUAL, 0))


def stale_role(bench):
    of, p, o = bench.of, bench.of.parser, bench.of.ofproto
    generation = of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_NOCHANGE, 0)).generation_id
    generation = 0 if generation == 0xFFFFFFFFFFFFFFFF else generation
    of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_MASTER, generation + 5))
    try:
        bench.refused("ROLE_REQUEST_FAILED/STALE", of.raw(*role(o.OFPCR_ROLE_MASTER, generation + 4)))
    finally:
        of.ask(p.OFPRoleRequest(of.desc, o.OFPCR_ROLE_EQUAL, 0))


def hello_refused(bench):
    """A version we have not in common: HELLO_FAILED/INCOMPATIBLE, then the end of the connection [§6.3.1]."""
    path = bench.suite.run_dir / "br0.mgmt"
    other = connect(path, greet=False)
    try:
        other.send_bytes(HEADER.pack(2, 0, 16, 1) + struct.pack(">HHI", 1, 8, 1 << 2))
        assert other.read_raw(5)[1] == 0
        data = other.read_raw(5)
        assert data is not None and data[1] == 1 and struct.unpack_from(">HH", data, 8) == (0, 0), data
        try:
            assert other.read_raw(5) is None, "something more came"
            raise AssertionError("the connection was not closed")
        except ConnectionError:
            pass
    finally:
        other.close()


def wrong_version(bench):
    """A message of another version than agreed: BAD_REQUEST/BAD_VERSION [§7.4.4.2]."""
    other = connect(bench.suite.run_dir / "br0.mgmt")
    try:
        other.send_bytes(other.raw(5, version=1))
        data = other.read_raw(5)
        assert data is not None and data[1] == 1 and struct.unpack_from(">HH", data, 8) == (1, 0), data
    finally:
        other.close()


def port_bits(bench):
    """A bit of configuration that 1.3 does not have."""
    of = bench.of
    address = next(port.hw_addr for port in of.ask(of.parser.OFPPortDescStatsRequest(of.desc, 0)) if port.port_no == 1)
    bench.refused("PORT_MOD_FAILED/BAD_CONFIG", of.raw(*port_mod(1, bytes.fromhex(address.replace(":", "")), 1 << 1, 1 << 1)))


def overlap(bench):
    o = bench.of.ofproto
    bench.of.do(bench.flow(IP4, to=2))
    bench.refused("FLOW_MOD_FAILED/OVERLAP", bench.flow({"in_port": 1}, to=3, flags=o.OFPFF_CHECK_OVERLAP))
    bench.of.do(bench.flow({"eth_type": 0x0806}, to=3, flags=o.OFPFF_CHECK_OVERLAP),
                bench.flow({"in_port": 1}, to=3, priority=101, flags=o.OFPFF_CHECK_OVERLAP))


def refused_leaves_no_trace(bench):
    """A message that is refused in its last action has done nothing; what stands beside it is done [§6.2]."""
    of = bench.of
    of.send(bench.flow({"in_port": 4}, to=2), of.raw(*acting(out(2), action(1234))), bench.flow({"in_port": 3}, to=2))
    try:
        of.barrier()
    except Refused as refusal:
        assert refusal.name == "BAD_ACTION/BAD_TYPE"
    assert len(bench.flow_stats()) == 2


OTHERS = (
    ("HELLO_FAILED/INCOMPATIBLE, no version in common", hello_refused),
    ("BAD_REQUEST/BAD_VERSION, another than agreed", wrong_version),
    ("BAD_REQUEST/IS_SLAVE, whatever changes something", as_slave),
    ("ROLE_REQUEST_FAILED/STALE, an older generation", stale_role),
    ("PORT_MOD_FAILED/BAD_CONFIG, a bit that is none", port_bits),
    ("FLOW_MOD_FAILED/OVERLAP, only when asked", overlap),
    ("GROUP_MOD_FAILED/GROUP_EXISTS, added twice",
     after("GROUP_MOD_FAILED/GROUP_EXISTS", lambda b: group(b, "ALL", 1, 2), lambda b: group(b, "ALL", 1, 2))),
    ("GROUP_MOD_FAILED/LOOP, two that name each other",
     after("GROUP_MOD_FAILED/LOOP", lambda b: group(b, "ALL", 1, 2), lambda b: group(b, "ALL", 2, {"actions": [("Group", {"group_id": 1})]}),
           lambda b: group(b, "ALL", 1, {"actions": [("Group", {"group_id": 2})]}, command="MODIFY"))),
    ("METER_MOD_FAILED/METER_EXISTS, added twice",
     after("METER_MOD_FAILED/METER_EXISTS", lambda b: meter(b, 1, ("KBPS",), drop(b, 1)), lambda b: meter(b, 1, ("KBPS",), drop(b, 1)))),
    ("a refused message leaves no trace", refused_leaves_no_trace),
)

NEVER = {
    "HELLO_FAILED/EPERM": "who may connect is decided before HELLO",
    "BAD_REQUEST/BUFFER_EMPTY": "nothing is buffered",
    "BAD_REQUEST/BAD_TABLE_ID": "tables that are not there have more exact codes",
    "BAD_REQUEST/BAD_PACKET": "a packet-out's frame of any length is taken or padded",
    "BAD_ACTION/EPERM": "every action is allowed", "BAD_ACTION/TOO_MANY": "a message holds less than would be too many",
    "BAD_ACTION/BAD_QUEUE": "a queue that a port has not is taken and has no effect, as in Open vSwitch",
    "BAD_ACTION/UNSUPPORTED_ORDER": "every order is supported",
    "BAD_INSTRUCTION/UNSUP_INST": "every instruction is in every table",
    "BAD_INSTRUCTION/UNSUP_METADATA": "all 64 bits are there", "BAD_INSTRUCTION/UNSUP_METADATA_MASK": "all 64 bits are there",
    "BAD_INSTRUCTION/BAD_EXP_TYPE": "no experimenter's instruction is known", "BAD_INSTRUCTION/EPERM": "every instruction is allowed",
    "BAD_MATCH/BAD_TAG": "older than extensible matches", "BAD_MATCH/BAD_DL_ADDR_MASK": "any mask is supported",
    "BAD_MATCH/BAD_NW_ADDR_MASK": "any mask is supported", "BAD_MATCH/EPERM": "every match is allowed",
    "FLOW_MOD_FAILED/UNKNOWN": "while configdb is away", "FLOW_MOD_FAILED/TABLE_FULL": "above four million rules",
    "FLOW_MOD_FAILED/EPERM": "of OpenFlow 1.0, while configdb is away", "FLOW_MOD_FAILED/BAD_TIMEOUT": "every timeout is supported",
    "GROUP_MOD_FAILED/WEIGHT_UNSUPPORTED": "weights are supported", "GROUP_MOD_FAILED/OUT_OF_GROUPS": "above the most groups of a bridge",
    "GROUP_MOD_FAILED/CHAINING_UNSUPPORTED": "chaining is supported",
    "GROUP_MOD_FAILED/CHAINED_GROUP": "a group that others name is deleted, and their buckets then drop",
    "GROUP_MOD_FAILED/EPERM": "while configdb is away",
    "PORT_MOD_FAILED/BAD_ADVERTISE": "advertised features are ignored",
    "PORT_MOD_FAILED/EPERM": "while configdb is away",
    "TABLE_MOD_FAILED/EPERM": "every change is allowed", "QUEUE_OP_FAILED/EPERM": "every question is allowed",
    "SWITCH_CONFIG_FAILED/BAD_LEN": "any miss_send_len is taken", "SWITCH_CONFIG_FAILED/EPERM": "every change is allowed",
    "ROLE_REQUEST_FAILED/UNSUP": "roles can be changed", "METER_MOD_FAILED/UNKNOWN": "while configdb is away",
    "METER_MOD_FAILED/BAD_RATE": "every rate is supported", "METER_MOD_FAILED/BAD_BURST": "every burst is supported",
    "METER_MOD_FAILED/OUT_OF_METERS": "above the most meters of a bridge",
    "TABLE_FEATURES_FAILED/BAD_TABLE": "table features are read only", "TABLE_FEATURES_FAILED/BAD_METADATA": "table features are read only",
    "TABLE_FEATURES_FAILED/BAD_TYPE": "table features are read only", "TABLE_FEATURES_FAILED/BAD_LEN": "table features are read only",
    "TABLE_FEATURES_FAILED/BAD_ARGUMENT": "table features are read only",
}


def cases():
    for error, what, message in ROWS:
        yield Case("error", f"{error}, {what}", "7.4.4", of_bytes(error, message))
    for name, run in OTHERS:
        yield Case("error", name, "7.4.4", run)
