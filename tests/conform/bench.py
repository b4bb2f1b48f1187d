"""A switch with four hosts on AF_XDP ports, a controller that a case drives, and the question of every case: which frames came out where?

One bench serves all cases: each starts with empty tables and ports as they were. Hosts have no addresses and say nothing of
themselves, so whatever arrives at one was put out by the switch.
"""
import errno
import select
import socket
import struct
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import suite as suite_module  # noqa: E402
from frames import summary  # noqa: E402
from openflow import Listener, Refused, within  # noqa: E402

N_HOSTS = 4
CONTROLLER_PORT = 16633
ETH_P_ALL, SOL_PACKET, PACKET_AUXDATA, PACKET_OUTGOING, SO_RCVBUFFORCE = 3, 263, 8, 4, 33
AUXDATA = struct.Struct("=IIIHHHH")
VLAN_VALID, VLAN_TPID_VALID = 1 << 4, 1 << 6
ARRIVES_SECONDS = 3.0  # how long a frame may take that is expected; normally under a millisecond
SETTLE_SECONDS = 0.012  # after the last expected one: whatever else was put out has come by then
QUIET_SECONDS = 0.12  # where nothing is expected


class HostPort:
    """What a host sends and hears on its eth0, without its kernel's stack."""

    def __init__(self, host):
        def make():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            made.bind(("eth0", 0))
            made.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
            made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
            made.setblocking(False)
            return made
        self.host, self.socket = host, within(host.name, make)

    def send(self, frame):
        self.socket.send(frame)

    def receive(self):
        """The frames that have come, with the outer tag where it was on the wire (the kernel keeps it beside the frame)."""
        came = []
        while True:
            try:
                frame, beside, _, address = self.socket.recvmsg(65536, 256)
            except BlockingIOError:
                return came
            except OSError as problem:
                if problem.errno != errno.ENETDOWN:
                    raise
                continue  # says once that a case has taken the link down
            if address[2] == PACKET_OUTGOING:
                continue
            for level, kind, data in beside:
                if level == SOL_PACKET and kind == PACKET_AUXDATA:
                    status, _, _, _, _, tci, tpid = AUXDATA.unpack(data[:AUXDATA.size])
                    if status & VLAN_VALID:
                        frame = frame[:12] + struct.pack(">HH", tpid if status & VLAN_TPID_VALID else 0x8100, tci) + frame[12:]
            came.append(frame)

    def close(self):
        self.socket.close()


class Stage:
    """A switch that does nothing without a controller, and silent hosts at its ports."""

    def __init__(self):
        self.suite = suite_module.Suite()
        self.ports, self.hosts = {}, []
        try:
            for setting in ("all", "default"):
                self.suite.namespace.run("sysctl", "-qw", f"net.ipv6.conf.{setting}.disable_ipv6=1")
            self.suite.up()
            self.start()
        except BaseException:
            self.close()
            raise

    def start(self):
        self.hosts = self.suite.bridge_with_hosts(N_HOSTS)
        self.suite.swctl("set-fail-mode", "br0", "secure")
        self.silence()

    def silence(self):
        for host in self.hosts:
            host.run("sh", "-c", "sysctl -qw net.ipv6.conf.eth0.disable_ipv6=1; ip addr flush dev eth0; ip link set eth0 arp off")
        self.ports = {number: HostPort(host) for number, host in enumerate(self.hosts, 1)}

    def close(self):
        """Returns what has been left behind."""
        for port in self.ports.values():
            port.close()
        return self.suite.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        unaccounted = self.suite.unaccounted() if kind is None else None
        left = self.close()
        assert kind is not None or not left, f"left behind: {left}"
        assert unaccounted is None, f"not every packet is accounted for: {unaccounted}"

    # -- frames

    def send(self, frame, port=1):
        self.ports[port].send(frame)

    def hear(self, n, seconds=None):
        """What arrives at each port: until n frames have, and a moment longer for what nobody expects."""
        sockets = {port.socket: number for number, port in self.ports.items()}
        came = {}
        deadline = time.monotonic() + (seconds if seconds is not None else ARRIVES_SECONDS if n else QUIET_SECONDS)
        settled = False
        while True:
            ready, _, _ = select.select(list(sockets), [], [], max(0, deadline - time.monotonic()))
            for which in ready:
                number = sockets[which]
                frames = self.ports[number].receive()
                if frames:
                    came.setdefault(number, []).extend(frames)
            if not settled and n and sum(map(len, came.values())) >= n:
                deadline, settled = min(deadline, time.monotonic() + SETTLE_SECONDS), True
            if time.monotonic() >= deadline:
                return came

    def expect(self, frame, to, out=None, port=1):
        """Sends a frame into `port`; what comes out is `out` (the frame itself if not given) at each of `to`, and nothing anywhere else.

        `to` is a port, several, or () for none; or {port: frame}. VLAN tags, checksums, padding: all bytes count.
        """
        if not isinstance(to, dict):
            to = {number: out if out is not None else frame for number in ((to,) if isinstance(to, int) else to)}
        wanted = {number: frames if isinstance(frames, list) else [frames] for number, frames in to.items()}
        self.send(frame, port)
        self.compare(wanted, self.hear(sum(map(len, wanted.values()))), f"sent into {port}: {summary(frame)}")

    @staticmethod
    def compare(wanted, came, what):
        if came != wanted:
            def show(ports):
                return "".join(f"\n    {number}: {summary(frame)}" for number, frames in sorted(ports.items()) for frame in frames) or " nothing"
            raise AssertionError(f"{what}\n  expected{show(wanted)}\n  came{show(came)}")


class Bench(Stage):
    """With a controller that a case drives."""

    def __init__(self):
        self.listener, self.of = None, None
        super().__init__()

    def start(self):
        super().start()
        self.listener = Listener(self.suite.namespace.name, CONTROLLER_PORT)
        self.suite.swctl("set-controller", "br0", self.listener.target)
        self.of = self.listener.accept()
        self.clear()

    def close(self):
        for thing in (self.of, self.listener):
            if thing is not None:
                thing.close()
        return super().close()

    # -- what a case begins with

    def clear(self):
        """Empty tables, nothing waiting; the connection anew if a case has lost it."""
        of = self.of
        p, o = of.parser, of.ofproto
        of.do(self.flow(command=o.OFPFC_DELETE, table_id=o.OFPTT_ALL),
              p.OFPGroupMod(of.desc, o.OFPGC_DELETE, o.OFPGT_ALL, o.OFPG_ALL),
              p.OFPMeterMod(of.desc, o.OFPMC_DELETE, 0, o.OFPM_ALL),
              p.OFPSetConfig(of.desc, o.OFPC_FRAG_NORMAL, 128))
        of.unasked.clear()
        for port in self.ports.values():
            port.receive()

    def reconnect(self):
        self.of.close()
        self.of = self.listener.accept(seconds=20)

    # -- OpenFlow in few words

    def flow(self, match=None, instructions=(), to=None, actions=None, command=None, priority=100, table_id=0, **kwargs):
        """A flow_mod; to= a port, actions= what is applied, instructions= all of them."""
        p, o, desc = self.of.parser, self.of.ofproto, self.of.desc
        instructions = list(instructions)
        if to is not None:
            actions = [p.OFPActionOutput(number, 0xFFFF) for number in ((to,) if isinstance(to, int) else to)]
        if actions is not None:
            instructions.insert(0, p.OFPInstructionActions(o.OFPIT_APPLY_ACTIONS, actions))
        match = p.OFPMatch(**(match or {})) if not isinstance(match, p.OFPMatch) else match
        kwargs.setdefault("out_port", o.OFPP_ANY)
        kwargs.setdefault("out_group", o.OFPG_ANY)
        return p.OFPFlowMod(desc, command=o.OFPFC_ADD if command is None else command, table_id=table_id, priority=priority,
                            match=match, instructions=instructions, **kwargs)

    def packet_out(self, actions, data, in_port=None, buffer_id=None):
        o = self.of.ofproto
        return self.of.parser.OFPPacketOut(self.of.desc, buffer_id=o.OFP_NO_BUFFER if buffer_id is None else buffer_id,
                                           in_port=o.OFPP_CONTROLLER if in_port is None else in_port, actions=actions, data=data)

    def flow_stats(self, **match):
        p, o = self.of.parser, self.of.ofproto
        return self.of.ask(p.OFPFlowStatsRequest(self.of.desc, 0, o.OFPTT_ALL, o.OFPP_ANY, o.OFPG_ANY, 0, 0, p.OFPMatch(**match)))

    def packet_in(self, seconds=3, **fields):
        message = self.of.wait_for("PACKET_IN", seconds)
        assert message is not None, "no packet-in came"
        for name, value in fields.items():
            assert getattr(message, name) == value, f"packet-in: {name} is {getattr(message, name)}, expected {value}"
        return message

    def no_packet_in(self):
        assert self.of.wait_for("PACKET_IN", QUIET_SECONDS) is None, "a packet-in came"

    def refused(self, expected, *messages):
        """Each message is refused with this error: its xid, and at least the first 64 bytes of it [OF1.3.5 §7.4.4]."""
        for message in messages:
            data = self.of.encode(message)
            xid = struct.unpack_from(">I", data, 4)[0]
            self.of.send_bytes(data)
            try:
                self.of.barrier()
            except Refused as refusal:
                assert refusal.name == expected, f"refused with {refusal.name}, expected {expected}"
                assert refusal.xid == xid, f"{refusal.name} has xid {refusal.xid:#x}, the request {xid:#x}"
                least = min(64, len(data))
                assert bytes(refusal.data[:least]) == data[:least], f"{refusal.name}: its data do not begin as the message did"
            else:
                raise AssertionError(f"not refused, expected {expected}")
