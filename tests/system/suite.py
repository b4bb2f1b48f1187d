"""A switch and its hosts for one test: four processes in a network namespace of their own, and a namespace for each host.

The switch has its own namespace so that tests neither disturb the machine nor each other (a bridge's LOCAL device is called like
the bridge). `nsenter --net` enters it rather than `ip netns exec`, which would hide /sys/fs/bpf. Hosts keep every offload at its
default. Nothing outlives a test: close() checks for processes, namespaces, devices and files.
"""
import fcntl
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("BUSBAR_BIN", ROOT / "build/release/bin"))
TOOLS = Path(__file__).resolve().parent / "tools"
SERVICES = ("configdb.1", "slowpath.1", "fastpath.1", "ofagent.1")
PYTHON = "/usr/bin/python3"  # Debian's, which has scapy and os-ken


def sh(*command, check=True, timeout=60, **kwargs):
    """Runs a command; its output is in .stdout, errors included."""
    result = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                            timeout=timeout, **kwargs)
    if check and result.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))}: exit status {result.returncode}\n{result.stdout}")
    return result


def built(name):
    """The program of the tests called so that was built last: tests/run makes them in the dev build alone. None: there is none."""
    found = [path for path in (ROOT / f"build/{preset}/tests/{name}" for preset in ("release", "dev")) if path.exists()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)


def wait_until(claim, true, seconds=10.0, every=0.05):
    """Waits until true() is; fails naming the claim. Returns the true value."""
    deadline = time.monotonic() + seconds
    while True:
        value = true()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {claim}"
        time.sleep(every)


class Namespace:
    def __init__(self, name):
        self.name = name
        self.children = []
        sh("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")

    def command(self, *command):
        return ["nsenter", f"--net=/run/netns/{self.name}", "--", *map(str, command)]

    def run(self, *command, **kwargs):
        return sh(*self.command(*command), **kwargs)

    def popen(self, *command, **kwargs):
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.STDOUT)
        child = subprocess.Popen(self.command(*command), text=True, **kwargs)
        self.children.append(child)
        return child

    def close(self):
        for child in self.children:
            if child.poll() is None:
                child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout, child.stderr):
                if stream is not None:
                    stream.close()
        sh("ip", "netns", "del", self.name, check=False)


class Host(Namespace):
    """A namespace with eth0, whose other end is `port` in the switch's namespace."""

    def __init__(self, suite, number, mtu=1500, queues=1):
        super().__init__(f"{suite.id}-h{number}")
        self.number, self.mtu = number, mtu
        self.port = f"{suite.id}p{number}"
        self.mac = f"02:00:00:00:00:{number:02x}"
        self.ip, self.ip6 = f"10.0.0.{number}", f"fd00::{number:x}"
        self.queues = queues
        self.plug(suite)

    def plug(self, suite):
        """Makes the device; again, when it has been deleted."""
        queues = ("numrxqueues", self.queues, "numtxqueues", self.queues)
        sh("ip", "link", "add", self.port, "mtu", self.mtu, *queues, "netns", suite.namespace.name, "type", "veth",
           "peer", "name", "eth0", "mtu", self.mtu, "address", self.mac, *queues, "netns", self.name)
        suite.namespace.run("ip", "link", "set", self.port, "up")
        self.run("ip", "addr", "add", f"{self.ip}/24", "dev", "eth0")
        self.run("ip", "addr", "add", f"{self.ip6}/64", "dev", "eth0", "nodad")
        self.run("ip", "link", "set", "eth0", "up")

    def knows(self, *others):
        """Permanent neighbour entries, so that no ARP or ND comes between."""
        for other in others:
            for address in (other.ip, other.ip6):
                self.run("ip", "neigh", "replace", address, "lladdr", other.mac, "dev", "eth0", "nud", "permanent")

    def ping(self, other, count=3, interval=0.05, wait=2, check=True, size=56):
        """The number of answers; `other` is a host or an address."""
        address = other if isinstance(other, str) else other.ip
        result = self.run("ping", "-n", "-c", count, "-i", interval, "-W", wait, "-s", size, address, check=False)
        received = [word for word in result.stdout.split(", ") if word.endswith(" received")]
        n = int(received[0].split()[0]) if received else 0
        assert not check or n == count, f"{self.name} ping {address}: {n} of {count} answered\n{result.stdout}"
        return n

    def listen(self, port, seconds):
        """A receiver of send(); its result() is what arrived."""
        child = self.popen(PYTHON, TOOLS / "stream.py", "receive", "--port", port, "--seconds", seconds)
        assert child.stdout.readline().strip() == "listening", "receiver did not start"
        return Receiver(child)

    def send(self, other, port, rate, seconds, **kwargs):
        """Starts a stream of numbered datagrams, `rate` a second."""
        return self.popen(PYTHON, TOOLS / "stream.py", "send", "--to", other.ip, "--port", port, "--rate", rate,
                          "--seconds", seconds, **kwargs)

    def capture(self, pattern, count=1, seconds=10):
        """tcpdump of `count` frames that come in; text(): what it printed (link level included)."""
        child = self.popen("timeout", seconds, "tcpdump", "-U", "-l", "-nn", "-e", "-vv", "-Q", "in", "-i", "eth0", "-c", count,
                           *pattern.split())
        line = ""
        while "listening on" not in line:
            line = child.stdout.readline()
            assert line, "tcpdump did not start"
        return Capture(child)


class Receiver:
    def __init__(self, child):
        self.child = child

    def result(self):
        """{received, duplicates, reordered, lost_numbers (the first), longest_gap_ms}, when the stream has ended."""
        out, _ = self.child.communicate(timeout=120)
        assert self.child.returncode == 0, out
        return json.loads(out.splitlines()[-1])


class Capture:
    def __init__(self, child):
        self.child = child

    def text(self):
        out, _ = self.child.communicate(timeout=60)
        return out


class Suite:
    def __init__(self):
        self.id = "b" + secrets.token_hex(2)
        self.run_dir = Path(tempfile.mkdtemp(prefix=f"{self.id}-"))
        os.chmod(self.run_dir, 0o750)
        self.namespace = Namespace(f"{self.id}-sw")
        self.hosts = []
        self.environment = dict(os.environ, BUSBAR_RUN=str(self.run_dir), BUSBAR_BIN=str(BIN))

    # -- the processes

    def deploy(self, script, *arguments, check=True, **environment):
        return self.namespace.run(ROOT / "deploy" / script, "--run", self.run_dir, *arguments, check=check,
                                  env=dict(self.environment, **environment), timeout=90)

    def up(self, *arguments, **kwargs):
        """BUSBAR_TEST_LISTEN=tcp://127.0.0.1:7400 has every test that does not say otherwise run over tcp with keys."""
        listen = os.environ.get("BUSBAR_TEST_LISTEN")
        if listen and "--listen" not in arguments:
            arguments = ("--listen", listen, *arguments)
        return self.deploy("up", *arguments, **kwargs)

    def down(self, **kwargs):
        return self.deploy("down", **kwargs)

    def pid(self, service):
        """The pid of a service that lives, else None."""
        try:
            pid = int((self.run_dir / f"{service}.pid").read_text().split()[0])
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError, IndexError):
            return None
        return pid if state != "Z" else None

    def alive(self):
        return {service for service in SERVICES if self.pid(service) is not None}

    def fastpaths(self):
        """Those that live: ["fastpath.1", "fastpath.2"]."""
        services = sorted(path.stem for path in self.run_dir.glob("fastpath.*.pid"))
        return [service for service in services if self.pid(service) is not None]

    def shards(self):
        """What dp show says of each shard, by its instance."""
        return {shard["shard"]: shard for shard in self.swctl("dp", "show", as_json=True)}

    def kill(self, service, signal_number=signal.SIGKILL):
        pid = self.pid(service)
        assert pid is not None, f"{service} does not run"
        os.kill(pid, signal_number)
        if signal_number in (signal.SIGKILL, signal.SIGTERM):
            wait_until(f"{service} ends", lambda: self.pid(service) is None)
            wait_until(f"{service} has let go of its lock", lambda: not self._is_locked(self.run_dir / f"{service}.pid"))
        return pid

    @staticmethod
    def _is_locked(path):
        """A thread of a killed process may hold its files for a moment longer than the process is seen."""
        try:
            with open(path, encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except FileNotFoundError:
            pass
        return False

    def log(self, service):
        path = self.run_dir / f"{service}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def swctl(self, *arguments, check=True, as_json=False, **kwargs):
        """Standard output and errors of swctl as text, or the JSON it printed; the whole result when check is False."""
        options = ["--json"] if as_json else []
        result = self.namespace.run(BIN / "swctl", *options, *arguments, check=check, env=self.environment, **kwargs)
        if not check:
            return result
        return json.loads(result.stdout) if as_json else result.stdout

    def ofctl(self, command, bridge="br0", *arguments, check=True, version="OpenFlow13", options=()):
        result = self.namespace.run("ovs-ofctl", "-O", version, "--timeout=10", *options, command,
                                    f"unix:{self.run_dir}/{bridge}.mgmt", *arguments, check=check)
        return result.stdout if check else result

    def unaccounted(self):
        """I4 and I5 by the counters that operators see, at a quiet moment: what is wrong, or None. Nothing to say without a fastpath."""
        if not self.fastpaths() or self.pid("configdb.1") is None:
            return None
        wrong = None
        deadline = time.monotonic() + 5  # so long may it take until the moment is quiet
        while time.monotonic() < deadline:
            result = self.swctl("--json", "dp", "show", check=False)
            if result.returncode != 0:
                return f"dp show: {result.stdout}"
            wrong = [text for text in map(self._wrong_in, json.loads(result.stdout)) if text is not None]
            if not wrong:
                return None
            time.sleep(0.2)
        return wrong

    @staticmethod
    def _wrong_in(shard):
        totals, frames = shard["totals"], shard["frames"]
        came = totals["received"] + totals["packets_out"] + totals["copies"]
        went = totals["sent"] + totals["sent_up"] + totals["consumed"] + totals["pending"] + sum(totals["drops"].values())
        held = sum(count for owner, count in frames.items() if owner not in ("total", "sound"))
        if came == went and held == frames["total"] and frames["sound"] and totals["balanced"]:
            return None
        return f"fastpath.{shard['shard']}: {came} packets came, {went} went; {held} frames held of {frames['total']}: {totals} {frames}"

    # -- hosts and bridges

    def add_host(self, **kwargs):
        host = Host(self, len(self.hosts) + 1, **kwargs)
        self.hosts.append(host)
        return host

    def bridge_with_hosts(self, n=2, bridge="br0", **kwargs):
        """A bridge with n hosts, which OpenFlow knows as ports 1 to n."""
        self.swctl("add-br", bridge)
        hosts = [self.add_host(**kwargs) for _ in range(n)]
        for number, host in enumerate(hosts, 1):
            self.swctl("add-port", bridge, host.port, f"ofport_request={number}")
        return hosts

    # -- the end

    def close(self):
        """Stops and removes everything; returns what should not have been left."""
        left = []
        self.deploy("down", check=False)
        for host in self.hosts:
            host.close()
        left += [f"process {line}" for line in self._processes()]
        left += [f"mount {line}" for line in Path("/proc/mounts").read_text().splitlines() if str(self.run_dir) in line]
        self.namespace.close()
        left += [f"namespace {line}" for line in sh("ip", "netns", "list").stdout.split() if line.startswith(self.id)]
        left += [f"pin {path}" for path in Path("/sys/fs/bpf").rglob(f"*{self.id}*") if not path.name.startswith("busbar-")]  # a hash may hold the id
        left += [f"device {line}" for line in sh("ip", "-o", "link").stdout.splitlines() if f" {self.id}" in line]
        shutil.rmtree(self.run_dir, ignore_errors=True)
        return left

    def _processes(self):
        found = []
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                words = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(self.run_dir) in words and "busbar-" in words:
                found.append(f"{path.parent.name}: {words}")
                os.kill(int(path.parent.name), signal.SIGKILL)
        return found
