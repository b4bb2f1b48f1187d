"""Debian's Open vSwitch with DPDK, private to the benchmark: captures in memory, one PMD core, nowhere to send to.

Its own run directory, database and hugepages (given back on close), no PCI device; the machine's Open vSwitch is not touched. A `variant` is a
setting of its caches and of its vector code; which is best depends on the workload, so they are tried.
"""
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from hugepages import PAGE_MB, Hugepages
from suite import sh, wait_until

DAEMON = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
POOL_FRAMES = 262144
DRIVER_PAGES = 450  # a pool of that size with buffers of 2 kB, and what DPDK needs itself
WARM_SECONDS = 3.0

# emc = emc-insert-inv-prob: 100 is the default (one insertion in a hundred), 1 always, 0 switches the exact cache off.
VARIANTS = {
    "default": {"emc": 100, "smc": False, "avx512": False},
    "emc always": {"emc": 1, "smc": False, "avx512": False},
    "emc off": {"emc": 0, "smc": False, "avx512": False},
    "smc": {"emc": 0, "smc": True, "avx512": False},
    "emc always, smc": {"emc": 1, "smc": True, "avx512": False},
    "avx512, emc always": {"emc": 1, "smc": False, "avx512": True},
    "avx512, emc off": {"emc": 0, "smc": False, "avx512": True},
    "avx512, smc": {"emc": 0, "smc": True, "avx512": True},
}
QUICK_VARIANTS = ("default", "emc always", "emc off", "smc")


def driver_cost(capture, seconds):
    """Nanoseconds a packet of the peer's capture port and null port alone: testpmd forwards between them without looking at a frame."""
    pages = Hugepages(DRIVER_PAGES)
    child = None
    try:
        child = subprocess.Popen(["stdbuf", "-oL", "dpdk-testpmd", "-l", "0,1", "--no-pci", "--in-memory", "--vdev",
                                  f"net_pcap0,rx_pcap={capture},infinite_rx=1", "--vdev", "net_null0,no-rx=1", "--",
                                  "--forward-mode=io", "--nb-cores=1", f"--total-num-mbufs={POOL_FRAMES}", "--auto-start", "--stats-period", "1"],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        rates, text = [], []
        while len(rates) < seconds + 1:
            line = child.stdout.readline()
            assert line, "testpmd ended:\n" + "".join(text[-20:])
            text.append(line)
            match = re.search(r"Rx-pps:\s+(\d+)", line)
            if match and int(match.group(1)) > 0:
                rates.append(int(match.group(1)))
        return 1e9 / max(rates[1:])  # the first second has the start in it
    finally:
        if child is not None:
            child.kill()
            child.wait()
            child.stdin.close()
            child.stdout.close()
        pages.close()


class OvsDpdk:
    NAME = "Open vSwitch DPDK"

    def __init__(self, captures, rule_file, out_port, first_in, settings=(), groups=(), repeat=True):
        self.directory = Path(tempfile.mkdtemp(prefix="bench-ovs-"))
        text = str(self.directory)
        self.environment = dict(os.environ, OVS_RUNDIR=text, OVS_LOGDIR=text, OVS_DBDIR=text, OVS_SYSCONFDIR=text)
        self.refused = {}
        self.groups, self.repeat = groups, repeat
        self.pages = None
        try:
            # One pool a port: a port's pool is told apart by the size of its buffers, which grow by a kilobyte a port.
            self.socket_mb = 160 + sum((2048 + 1024 * i + 128 + 320) * POOL_FRAMES >> 20 for i in range(len(captures)))
            self.pages = Hugepages(self.socket_mb // PAGE_MB + 16)
            self._start(settings)
            self._add_ports(captures, rule_file, out_port, first_in)
        except BaseException:
            self.close()
            raise

    # -- setting up

    def _start(self, settings):
        at = self.directory
        self.run("ovsdb-tool", "create", at / "conf.db", "/usr/share/openvswitch/vswitch.ovsschema")
        self.run("ovsdb-server", at / "conf.db", f"--remote=punix:{at}/db.sock", "--pidfile", "--detach", "--no-chdir", "--log-file",
                 "-vconsole:off")
        self.run("ovs-vsctl", "--no-wait", "init")
        self.run("ovs-vsctl", "--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true", "other_config:dpdk-lcore-mask=0x1",
                 f"other_config:dpdk-socket-mem={self.socket_mb}", "other_config:dpdk-extra=--no-pci --file-prefix=bench",
                 "other_config:pmd-cpu-mask=0x2", "other_config:vlan-limit=2", *settings)
        self.run(DAEMON, f"unix:{at}/db.sock", "--pidfile", "--detach", "--no-chdir", "--log-file", "-vconsole:off")

    def _add_ports(self, captures, rule_file, out_port, first_in):
        vsctl = ["ovs-vsctl", "--timeout=60"]
        self.run(*vsctl, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev", "fail_mode=secure")
        self.run(*vsctl, "add-port", "br0", "pout", "--", "set", "interface", "pout", "type=dpdk", "options:dpdk-devargs=net_null0,no-rx=1",
                 f"ofport_request={out_port}")
        self.run("ovs-ofctl", "-O", "OpenFlow13", "del-flows", "br0")
        for group in self.groups:
            self.run("ovs-ofctl", "-O", "OpenFlow15", "add-group", "br0", group)
        self.run("ovs-ofctl", "-O", "OpenFlow13", "--bundle", "add-flows", "br0", rule_file)
        for index, capture in enumerate(captures):
            # An MTU of its own gives the port a pool of its own: buffers are rounded up to a kilobyte.
            mtu = 1500 + 1024 * index
            # One that plays once is not waited for: it plays as soon as it is there.
            self.run(*vsctl, *([] if self.repeat else ["--no-wait"]), "add-port", "br0", f"pin{index}", "--", "set", "interface", f"pin{index}", "type=dpdk",
                     f"options:dpdk-devargs=net_pcap{index},rx_pcap={capture}{',infinite_rx=1' if self.repeat else ''}", f"mtu_request={mtu}",
                     f"ofport_request={first_in + index}", timeout=120)
        errors = self.run(*vsctl, "--columns=name,error", "--format=csv", "--no-headings", "list", "interface").stdout
        for line in errors.splitlines():
            assert line.endswith(",[]") or line.endswith('""'), f"{line}\n{self.log()}"

    def run(self, *command, **kwargs):
        return sh(*command, env=self.environment, **kwargs)

    def appctl(self, *command, **kwargs):
        return self.run("ovs-appctl", "-t", "ovs-vswitchd-dpdk", *command, **kwargs).stdout

    def log(self):
        path = self.directory / "ovs-vswitchd-dpdk.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def version(self):
        return self.run(DAEMON, "--version").stdout.splitlines()[0]

    # -- measuring

    def use(self, name):
        """Sets a variant. False when it is refused here, with the reason in .refused."""
        variant = VARIANTS[name]
        self.run("ovs-vsctl", "set", "Open_vSwitch", ".", f"other_config:emc-insert-inv-prob={variant['emc']}",
                 f"other_config:smc-enable={'true' if variant['smc'] else 'false'}")
        on = variant["avx512"]
        for command in (("dpif-netdev/subtable-lookup-prio-set", "avx512_gather", "5" if on else "0"),
                        ("dpif-netdev/dpif-impl-set", "dpif_avx512" if on else "dpif_scalar"),
                        ("dpif-netdev/miniflow-parser-set", "study" if on else "scalar")):
            result = self.run("ovs-appctl", "-t", "ovs-vswitchd-dpdk", *command, check=False)
            if result.returncode != 0 or re.search(r"unknown|not available|fail|error", result.stdout, re.IGNORECASE):
                if on:
                    self.refused[" ".join(command)] = result.stdout.strip().splitlines()[0]
                    return False
        return True

    def flows(self):
        """Megaflows in the datapath."""
        return int(re.search(r"flows\s*:\s*\(current (\d+)\)", self.appctl("upcall/show")).group(1))

    def upcalls(self):
        """(packets that no cache knew, those of them whose flow was installed) since the start."""
        text = self.appctl("dpif-netdev/pmd-stats-show")
        done, failed = (sum(int(count) for count in re.findall(rf"miss with {kind} upcall: (\d+)", text)) for kind in ("success", "failed"))
        return done + failed, done

    def warm(self, seconds=WARM_SECONDS):
        time.sleep(seconds)

    def measure(self, seconds):
        """{mpps, ns, cycles, emc, smc, megaflow (shares), simple, masks_a_lookup, sent_mpps}: the PMD thread over some seconds."""
        self.appctl("dpif-netdev/pmd-stats-clear")
        time.sleep(seconds)
        text = self.appctl("dpif-netdev/pmd-perf-show", "-nh")

        def number(pattern):
            match = re.search(pattern, text)
            assert match, f"no {pattern} in:\n{text}"
            return float(match.group(1))
        packets = number(r"Rx packets:\s+(\d+)")
        duration = number(r"Measurement duration:\s+([\d.]+)")
        busy = number(r"- busy iterations:\s+\d+\s+\(\s*([\d.]+) % of used cycles") / 100
        used = number(r"- Used TSC cycles:\s+(\d+)")
        hits = [number(rf"- {name} hits:\s+(\d+)") for name in ("EMC", "SMC", "Megaflow", "Simple Match")]
        masks = re.search(r"Megaflow hits:.*?\(\s*[\d.]+ %,\s*([\d.]+) subtbl lookups/hit\)", text)
        return {"mpps": packets / duration / 1e6, "ns": duration * 1e9 * busy / packets, "cycles": used / packets,
                "emc": hits[0] / packets, "smc": hits[1] / packets, "megaflow": hits[2] / packets, "simple": hits[3] / packets,
                "masks_a_lookup": float(masks.group(1)) if masks else None, "sent_mpps": number(r"Tx packets:\s+(\d+)") / duration / 1e6}

    # -- taking turns, and the end

    def pid(self, name="ovs-vswitchd-dpdk"):
        try:
            return int((self.directory / f"{name}.pid").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def pause(self):
        os.kill(self.pid(), signal.SIGSTOP)

    def go_on(self):
        os.kill(self.pid(), signal.SIGCONT)

    def close(self):
        for name in ("ovs-vswitchd-dpdk", "ovsdb-server"):
            pid = self.pid(name)
            if pid is None:
                continue
            try:
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGTERM)
                wait_until(f"{name} ends", lambda pid=pid: not Path(f"/proc/{pid}").exists(), seconds=5)
            except ProcessLookupError:
                pass
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
                wait_until(f"{name} ends", lambda pid=pid: not Path(f"/proc/{pid}").exists(), seconds=5)
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.pages is not None:
            self.pages.close()
