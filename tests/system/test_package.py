"""The Debian package on a clean Debian 12 with systemd as its first process: it installs, starts, forwards, comes back from kills and hangs,
grows, is upgraded under traffic, removed and purged. In this order, each test on what the one before left."""
import os
import re
import signal
from pathlib import Path

import pytest

import machine as machine_module
from manual import commands, section
from suite import ROOT, Namespace, sh, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.skipif(machine_module.missing() is not None, reason=f"no Debian to install in: {machine_module.missing()}")]
SWITCH = "busbar-pk"  # the network namespace of the machine
HOSTS = {"busbar-pk1": "10.97.0.1", "busbar-pk2": "10.97.0.2"}
TYPED = commands(section("Debian package"))  # the manual's
UNITS = ["busbar-configdb.service", "busbar-ofagent@1.service", "busbar-slowpath@1.service", "busbar-fastpath@1.service"]
NEWER = "99.1"
EXPOSURE_MAX = {"configdb": 1.5, "ofagent@1": 1.5, "slowpath@1": 1.5, "fastpath@1": 2.5}  # of systemd-analyze security, where 10 is a service without limits


def lost(summary):
    """Of what ping prints at its end."""
    sent, received = re.search(r"(\d+) packets transmitted, (\d+) received", summary).groups()
    return int(sent) - int(received)


class Pings:
    """A hundred a second, while something else is done."""

    def __init__(self, host):
        self.host = host

    def __enter__(self):
        self.process = self.host.popen("ping", "-n", "-i", "0.01", HOSTS["busbar-pk2"])
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        text = self.process.communicate(timeout=20)[0]
        self.lost = max(0, lost(text) - 1)  # the last request may have no answer yet


class World:
    """The machine with the switch, and two hosts."""

    def __init__(self, folder):
        def package(*options):
            return Path(sh(ROOT / "deploy/package", "--out", folder, *options, timeout=600).stdout.strip())

        self.package, self.newer = package(), package("--version", NEWER)
        try:
            archive = machine_module.archive_for(self.package)
        except RuntimeError as error:
            pytest.skip(f"no Debian to be had: {error}")
        self.switch = Namespace(SWITCH)
        self.hosts = [Namespace(name) for name in HOSTS]
        self.machine = machine_module.Machine(archive, SWITCH)
        self.machine.put(self.package)
        self.machine.put(self.newer)

    def plug(self):
        for number, host in enumerate(self.hosts, 1):
            sh("ip", "link", "add", f"port{number}", "netns", SWITCH, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            self.switch.run("ip", "link", "set", f"port{number}", "up")
            host.run("ip", "addr", "add", f"{HOSTS[host.name]}/24", "dev", "eth0")
            host.run("ip", "link", "set", "eth0", "up")

    def install(self, package):
        return self.machine.run("apt-get", "install", "-y", "--no-install-recommends", f"/srv/{package.name}", timeout=180).stdout

    def swctl(self, *words, **kwargs):
        return self.machine.run("swctl", *words, **kwargs).stdout

    def configuration(self):
        self.swctl("export", "/srv/configuration.txt")
        return (self.machine.root / "srv/configuration.txt").read_text()

    def show(self, unit, what):
        return self.machine.run("systemctl", "show", "--value", "-p", what, unit).stdout.strip()

    def pid(self, unit):
        """Of its process, as this machine counts."""
        inside = self.show(unit, "MainPID")
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                numbers = re.search(r"^NSpid:\t(.*)$", status.read_text(), re.M).group(1).split()
                same = os.readlink(status.parent / "ns/pid") == os.readlink(f"/proc/{self.machine.first}/ns/pid")
            except OSError:
                continue
            if same and numbers[-1] == inside:
                return int(status.parent.name)
        raise AssertionError(f"{unit} has no process")

    def active(self, units=tuple(UNITS)):
        return self.machine.run("systemctl", "is-active", *units, check=False).stdout.split() == ["active"] * len(units)

    def pings(self, count=3):
        text = self.hosts[0].run("ping", "-n", "-c", count, "-i", "0.05", "-W", 1, HOSTS["busbar-pk2"], check=False).stdout
        return lost(text) == 0

    def processes(self):
        found = self.machine.run("sh", "-c", "cat /proc/[0-9]*/comm", check=False).stdout.split()
        return sorted(name for name in found if name.startswith("busbar"))

    def close(self):
        self.machine.close()
        for namespace in [*self.hosts, self.switch]:
            namespace.close()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = None
    try:
        made = World(tmp_path_factory.mktemp("packages"))
        made.before = made.machine.files()
        yield made
    finally:
        if made is not None:
            made.close()


@pytest.fixture(autouse=True)
def journal(request, world):
    """Printed when a test fails."""
    yield
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        print(world.machine.run("journalctl", "--no-pager", "-n", "60", check=False).stdout)


def test_installed_as_the_manual_says_it_runs_and_is_enabled(world):
    install, *look = TYPED[:3]
    assert install == f"apt-get install ./{world.package.name}" and len(look) == 2, TYPED
    print(world.machine.run("sh", "-c", f"cd /srv && {install} -y --no-install-recommends", timeout=180).stdout)
    for line in look:
        print(world.machine.run("sh", "-c", f"SYSTEMD_PAGER= {line}").stdout)
    assert world.active(), world.machine.run("systemctl", "status", "--no-pager", "busbar*", check=False).stdout
    assert world.machine.run("systemctl", "is-enabled", "busbar.target").stdout.strip() == "enabled"
    assert world.machine.run("systemctl", "--failed", "--no-legend").stdout.strip() == ""
    status = world.swctl("status")
    assert all(name in status for name in ("configdb.1", "ofagent.1", "slowpath.1", "fastpath.1")), status


def test_no_service_is_root_and_only_the_fastpath_has_capabilities(world):
    for unit in UNITS:
        uid = int(world.machine.run("id", "-u", re.match(r"busbar-\w+", unit).group()).stdout)
        status = Path(f"/proc/{world.pid(unit)}/status").read_text()
        assert re.search(r"^Uid:\t(\d+)", status, re.M).group(1) == str(uid), unit
        capabilities = int(re.search(r"^CapEff:\t(\w+)", status, re.M).group(1), 16)
        assert capabilities == (1 << 12 | 1 << 13 | 1 << 14 | 1 << 38 | 1 << 39 if "fastpath" in unit else 0), (unit, hex(capabilities))
        assert re.search(r"^NoNewPrivs:\t1$", status, re.M) and re.search(r"^Seccomp:\t2$", status, re.M), unit


def test_systemd_finds_nothing_wrong_with_the_units(world):
    verified = world.machine.run("systemd-analyze", "verify", "busbar.target", *UNITS)
    assert verified.stdout.strip() == "", verified.stdout
    for name, most in EXPOSURE_MAX.items():
        said = world.machine.run("systemd-analyze", "security", "--no-pager", f"busbar-{name}.service").stdout
        exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", said).group(1))
        assert exposure <= most, said


def test_two_hosts_reach_each_other(world):
    world.plug()
    world.swctl("add-br", "br0")
    for port in ("port1", "port2"):
        world.swctl("add-port", "br0", port)
    wait_until("a ping is answered", world.pings)
    shown = world.swctl("dp", "show")
    assert "xdp-" in shown and re.search(r"^kernel_tier:\n    on: yes\n    why: *$", shown, re.M), shown


def test_what_people_type_is_there(world):
    page = world.machine.run("man", "swctl").stdout
    assert "add-port BRIDGE DEVICE" in page and "/etc/busbar/busbar.conf" in page
    assert "--watchdog" in world.machine.run("man", "busbar-fastpath").stdout
    typed = 'source /usr/share/bash-completion/completions/swctl; COMP_WORDS=(swctl add-p); COMP_CWORD=1; _swctl; echo "${COMPREPLY[@]}"'
    assert world.machine.run("bash", "-c", typed).stdout.split() == ["add-port"]


def as_user(world, user, command, group="busbar"):
    return world.machine.run("setpriv", f"--reuid={user}", f"--regid={group}", "--init-groups", "sh", "-c", command, check=False)


def test_members_of_the_group_may_use_it_and_others_not(world):
    world.machine.run("useradd", "-M", "-G", "busbar", "someone")
    try:
        assert as_user(world, "someone", "swctl list-br; swctl health fastpath.1", "someone").stdout.split() == ["br0", "fastpath.1:", "ok"]
        assert as_user(world, "nobody", "swctl --timeout 1 list-br", "nogroup").returncode != 0
    finally:
        world.machine.run("userdel", "someone")


@pytest.mark.parametrize("kind", ["ofagent", "slowpath", "fastpath"])
def test_no_other_service_can_change_the_database(world, kind):
    run = "/run/busbar"
    theirs = f"{run}/rundb {run}/configdb.1.pid {run}/config.configdb.1"
    for command in ("echo >> data.mdb", "rm -f data.mdb", "mv data.mdb other", "echo >> /etc/busbar/busbar.conf", "cat data.mdb", f"cat {run}/rundb/data.mdb",
                    *(f"mv {file} {run}/other" for file in theirs.split())):
        assert as_user(world, f"busbar-{kind}", f"ls -d {theirs} || exit 0; cd /var/lib/busbar && {command}").returncode != 0, command
    for file in ("data.mdb", f"{run}/rundb/data.mdb"):
        assert as_user(world, "busbar-configdb", f"cd /var/lib/busbar && test -r {file} && test -w {file}").returncode == 0, file
    memory = f"/proc/{world.show('busbar-configdb.service', 'MainPID')}/mem"
    assert as_user(world, f"busbar-{kind}", f"exec 3< {memory}").returncode != 0


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_killed_comes_back(world, unit):
    pid, inside = world.pid(unit), world.show(unit, "MainPID")
    with Pings(world.hosts[0]) as pings:
        os.kill(pid, signal.SIGKILL)
        wait_until(f"{unit} runs again", lambda: world.show(unit, "MainPID") not in ("0", inside) and world.active([unit]), seconds=20)
        wait_until("a ping is answered", world.pings, seconds=10)
    assert pings.lost <= (200 if "fastpath" in unit else 0), pings.lost


def test_a_process_that_hangs_is_started_anew(world):
    unit = "busbar-slowpath@1.service"
    pid = world.pid(unit)
    os.kill(pid, signal.SIGSTOP)
    wait_until("the watchdog ends it", lambda: not Path(f"/proc/{pid}").exists(), seconds=20)
    wait_until(f"{unit} runs again", lambda: world.active([unit]), seconds=20)
    assert "Watchdog timeout" in world.machine.run("journalctl", "--no-pager", "-u", unit).stdout


def test_more_processes_are_a_line_in_the_configuration(world):
    conf = world.machine.root / "etc/busbar/busbar.conf"
    conf.write_text(conf.read_text().replace("FASTPATH=1", "FASTPATH=2"))
    more = [*UNITS, "busbar-slowpath@2.service", "busbar-slowpath@3.service", "busbar-fastpath@2.service"]
    typed = TYPED[3:]
    assert [line.split()[0] for line in typed] == ["sed", "systemctl", "systemctl"] and "SLOWPATH=3" in typed[0], typed
    with Pings(world.hosts[0]) as pings:
        for line in typed:
            world.machine.run("sh", "-c", line)
        assert world.active(more)
    print(f"{pings.lost} lost")
    said = world.machine.run("journalctl", "--no-pager", "-u", "busbar-fastpath@*").stdout
    assert "no_pins" not in said and "port_error" not in said
    assert pings.lost <= 50, pings.lost


def test_it_talks_over_tcp_with_keys_when_the_configuration_says_so(world):
    conf = world.machine.root / "etc/busbar/busbar.conf"
    text = conf.read_text()
    conf.write_text(text.replace("LISTEN=", "LISTEN=tcp://127.0.0.1:7400").replace("METRICS=", "METRICS=127.0.0.1:9464+"))
    world.machine.run("systemctl", "restart", "busbar.target")
    assert world.active()
    wait_until("a ping is answered", world.pings)
    keys = world.swctl("key", "list")
    assert all(name in keys for name in ("admin", "ofagent-1", "slowpath-3", "fastpath-2")), keys
    owns = {"configdb": {"admin", "configdb"}, "ofagent": {"ofagent-1"}, "slowpath": {f"slowpath-{n}" for n in (1, 2, 3)},
            "fastpath": {"fastpath-1", "fastpath-2"}}
    for kind, own in owns.items():
        said = as_user(world, f"busbar-{kind}", "cd /var/lib/busbar/keys; for k in *.key; do [ ! -r $k ] || echo ${k%.key}; done").stdout
        assert set(said.split()) == own, (kind, said)
        assert kind == "configdb" or as_user(world, f"busbar-{kind}", "rm -f /var/lib/busbar/keys/configdb.key").returncode != 0
    tcp = world.switch.run("ss", "-tlnH").stdout
    assert all(f"127.0.0.1:{port} " in tcp for port in (7400, 9464, 9470)), tcp
    conf.write_text(text)
    world.machine.run("systemctl", "restart", "busbar.target")
    wait_until("a ping is answered", world.pings)


def test_an_upgrade_keeps_the_configuration_and_traffic_goes_on(world):
    """With the one fastpath and slowpath of the file as it is shipped."""
    conf = world.machine.root / "etc/busbar/busbar.conf"
    conf.write_text(re.sub(r"^(SLOW|FAST)PATH=\d+", r"\1PATH=1", conf.read_text(), flags=re.M) + "# ours\n")
    world.machine.run("systemctl", "daemon-reload")
    world.machine.run("systemctl", "stop", "busbar-slowpath@2", "busbar-slowpath@3", "busbar-fastpath@2")
    wait_until("a ping is answered", world.pings)
    before = world.configuration()
    assert "port2" in before
    pids = {unit: world.pid(unit) for unit in UNITS}
    with Pings(world.hosts[0]) as pings:
        print(world.install(world.newer))
        wait_until("all run", world.active)
        wait_until("a ping is answered", world.pings)
    print(f"{pings.lost} lost")
    said = world.machine.run("journalctl", "--no-pager", "-u", "busbar-fastpath@*").stdout
    assert "no_pins" not in said and "port_error" not in said
    assert "registered" in world.machine.run("journalctl", "--no-pager", "-u", "busbar-fastpath@16").stdout  # had the queues meanwhile
    assert all(world.pid(unit) != pids[unit] for unit in UNITS)
    assert world.machine.run("dpkg-query", "-W", "-f", "${Version} ${Status}", "busbar").stdout == f"{NEWER} install ok installed"
    assert world.configuration() == before
    assert "# ours" in conf.read_text()
    running = world.machine.run("systemctl", "list-units", "--plain", "--no-legend", "--state=active", "busbar-fastpath@*").stdout
    assert len(running.split("\n")) == 2 and "busbar-fastpath@1" in running, running
    assert pings.lost <= 50, pings.lost


def test_removed_nothing_runs_and_the_database_stays(world):
    world.machine.run("apt-get", "remove", "-y", "busbar", timeout=120)
    assert world.processes() == []
    assert not (world.machine.root / "usr/sbin/busbar-fastpath").exists()
    assert world.machine.run("sh", "-c", "ls /var/lib/busbar/*").stdout.strip()
    assert "# ours" in (world.machine.root / "etc/busbar/busbar.conf").read_text()
    links = world.switch.run("ip", "-d", "link").stdout
    assert "xdp" not in links and "br0" not in links, links
    assert world.machine.run("sh", "-c", "ls -A /run/busbar 2>&1", check=False).returncode != 0


def test_installed_again_it_has_its_configuration(world):
    world.install(world.newer)
    wait_until("a ping is answered", world.pings, seconds=20)


def one_user(world):
    """The switch runs as in versions before: with one user, whose were all files and processes."""
    run = world.machine.run
    run("adduser", "--system", "--ingroup", "busbar", "--quiet", "--home", "/nonexistent", "--no-create-home", "busbar")
    run("systemctl", "stop", "busbar.target", "busbar-*")
    for unit in UNITS:
        folder = world.machine.root / f"etc/systemd/system/{re.sub(r'@[0-9]', '@', unit)}.d"
        folder.mkdir()
        before = "ExecStartPre=+/bin/chown busbar:busbar /run/busbar/bpf\n" if "fastpath" in unit else ""
        (folder / "old.conf").write_text(f"[Service]\nUser=busbar\n{before}")
    run("sh", "-c", "mountpoint -q /run/busbar/bpf && umount /run/busbar/bpf; rm -rf /run/busbar; install -d -o busbar -g busbar -m 2770 /run/busbar")
    run("sh", "-c", "cd /var/lib/busbar && touch capture.pcap && chown -R busbar:busbar . && chmod 0640 data.mdb && chmod 0750 . && chmod 0700 keys")
    run("systemctl", "daemon-reload")
    run("systemctl", "start", "busbar.target")
    run("install", "-o", "busbar", "-g", "busbar", "-m", "0770", "/dev/null", "/run/busbar/session.fastpath.16")  # left by one that was killed
    for folder in (world.machine.root / "etc/systemd/system").glob("busbar-*.d"):
        (folder / "old.conf").unlink()
        folder.rmdir()


def test_an_upgrade_from_the_one_user_there_was_gives_each_what_is_his(world):
    one_user(world)
    wait_until("a ping is answered", world.pings, seconds=20)
    since = "@" + world.machine.run("date", "+%s.%N").stdout.strip()
    before = world.configuration()
    with Pings(world.hosts[0]) as pings:
        world.machine.run("apt-get", "install", "-y", "--reinstall", "--no-install-recommends", f"/srv/{world.newer.name}", timeout=180)
        wait_until("all run", world.active)
        wait_until("a ping is answered", world.pings, seconds=20)
    print(f"{pings.lost} lost")
    assert world.configuration() == before
    files = (".", "data.mdb", "keys", "keys/configdb.key", "keys/ofagent-1.key", "capture.pcap")
    owners = world.machine.run("sh", "-c", f"cd /var/lib/busbar; stat -c %U {' '.join(files)}").stdout.split()
    assert owners == ["root", "busbar-configdb", "root", "busbar-configdb", "busbar-ofagent", "busbar-fastpath"], owners
    files = ". data.mdb keys keys/ofagent-1.key /run/busbar /run/busbar/rundb/data.mdb"
    modes = world.machine.run("sh", "-c", f"cd /var/lib/busbar; stat -c %a {files}").stdout.split()
    assert world.machine.run("find", "/run/busbar", "/var/lib/busbar", "-nouser").stdout == ""
    assert modes == ["1770", "600", "1770", "600", "3770", "600"], modes
    assert world.machine.run("getent", "passwd", "busbar", check=False).returncode != 0
    for unit in UNITS:
        user = world.machine.run("stat", "-c", "%U", f"/proc/{world.show(unit, 'MainPID')}").stdout.strip()
        assert user == re.match(r"busbar-\w+", unit).group(), unit
    said = world.machine.run("journalctl", "--no-pager", "-u", "busbar-fastpath@*", "--since", since).stdout
    assert "no_pins" not in said and "no_kernel_tier" not in said, said
    assert pings.lost <= 50, pings.lost


def test_purged_nothing_is_left(world):
    world.machine.run("apt-get", "purge", "-y", "--autoremove", "busbar", timeout=120)
    assert world.processes() == []
    left = world.machine.files() - world.before
    assert not left, sorted(left)[:50]
    assert "busbar" not in world.machine.run("cat", "/etc/passwd", "/etc/group").stdout
    assert "/run/busbar" not in world.machine.run("cat", "/proc/mounts").stdout
    assert world.machine.run("sh", "-c", "ls -d /run/busbar* /sys/fs/bpf/busbar* 2>/dev/null", check=False).stdout.strip() == ""
    assert world.machine.run("systemctl", "list-units", "--all", "--no-legend", "busbar*").stdout.strip() == ""
