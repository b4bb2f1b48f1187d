"""The switch of deploy/docker-compose.yml in a real engine: built, started, hosts attached, a controller, each container killed, scaled under traffic."""
import json
import os
import re
import subprocess
import time
import urllib.parse

import pytest

from engine import ROOT, Engine, missing
from manual import block_with
from suite import PYTHON, TOOLS, sh, wait_until

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"no container engine: {missing()}")
HOSTS = {"bbc1": "10.98.0.1", "bbc2": "10.98.0.2"}
UNDER_WAY = 1  # of a ping that is ended: its last request may have no answer yet
SERVICES = ("configdb", "slowpath", "ofagent", "fastpath")


def healthy(engine, **counts):
    """All containers of all services say that they are well."""
    project, form = engine.environment["COMPOSE_PROJECT_NAME"], '{{.Label "com.docker.compose.service"}} {{.Status}}'
    listed = engine.run("docker", "ps", "-a", "--filter", f"label=com.docker.compose.project={project}", "--format", form).stdout.splitlines()
    well = {service: [line.endswith("(healthy)") for line in listed if line.startswith(f"{service} ")] for service in SERVICES}
    return all(well[service] == [True] * counts.get(service, 1) for service in SERVICES)


def attach(engine, *words, check=True):
    return engine.run(ROOT / "deploy/attach", *words, check=check)


def attach_hosts(engine):
    for number, (host, address) in enumerate(HOSTS.items(), 1):
        attach(engine, f"netns:{host}", f"port{number}", f"{address}/24")


def attachments(engine):
    """{port: its line of deploy/attach --list}, without the heading"""
    return {line.split()[0]: line for line in attach(engine, "--list").stdout.splitlines()[1:]}


@pytest.fixture(scope="module")
def engine():
    made = Engine(f"busbar{os.getpid()}")
    try:
        made.make_base_image()
        made.build(compiles=os.environ.get("BUSBAR_ALL") == "1")
        enter, up, status = block_with("docker-compose exec configdb swctl status")
        made.type(enter, up)
        wait_until("all containers are healthy", lambda: healthy(made), seconds=60, every=0.5)
        assert "fastpath.1" in made.type(enter, status).stdout
        for host in HOSTS:
            sh("ip", "netns", "add", host)
            sh("ip", "-n", host, "link", "set", "lo", "up")
        attach_hosts(made)
        yield made
    finally:
        for host in HOSTS:
            sh("ip", "netns", "del", host, check=False)
        made.close()


def lost(result):
    """Of a ping's summary."""
    words = result.split(" packets transmitted, ")
    return int(words[0].split()[-1]) - int(words[1].split()[0])


def ping(count=3, interval=0.2):
    return sh("ip", "netns", "exec", "bbc1", "ping", "-c", count, "-i", interval, "-W", 1, HOSTS["bbc2"], check=False, timeout=120).stdout


def pings():
    return lost(ping(1)) == 0


class Traffic:
    """A ping of a hundred a second while something else is done."""

    def __enter__(self):
        self.process = subprocess.Popen(["ip", "netns", "exec", "bbc1", "ping", "-i", "0.01", HOSTS["bbc2"]], stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_):
        self.process.send_signal(2)
        self.lost = lost(self.process.communicate(timeout=20)[0])


def test_attached_hosts_reach_each_other(engine):
    wait_until("a ping is answered", pings, seconds=20)
    assert lost(ping(20, 0.05)) == 0
    assert engine.run(ROOT / "deploy/attach", "netns:bbc1", "port1", "10.98.0.1/24").stdout.strip().endswith("port port1 of br0")
    for _ in range(2):
        said = engine.run(ROOT / "deploy/attach", "netns:bbc1", "port3", "10.98.0.9/24", check=False)
        assert said.returncode == 1 and "--device" in said.stdout, said.stdout
    said = engine.run(ROOT / "deploy/attach", "netns:bbc2", "port1", "10.98.0.9/24", check=False)
    assert said.returncode == 1 and "its other end is not eth1 of netns:bbc2" in said.stdout, said.stdout


@pytest.mark.parametrize("words, said", [
    ([], "deploy/attach [--bridge"), (["--all", "port1"], "--all stands alone"), (["--list", "--all"], "--list stands alone"),
    (["--detach"], "--detach PORT"), (["--detach", "port1", "port2"], "--detach PORT"), (["--device"], "--device needs"), (["--none", "1"], "no such option"),
    (["netns:bbc1"], "are expected"), (["netns:bbc1", "port1", "10.98.0.1/24", "br0"], "are expected"), (["netns:bbc1", "p" * 16], "15 characters"),
    (["netns:bbc 1", "port1"], "white space")])
def test_wrong_use_of_attach_is_refused(words, said):
    done = sh(ROOT / "deploy/attach", *words, check=False)
    assert done.returncode == 2 and said in done.stdout, done.stdout


def test_attach_goes_without_the_old_docker_compose(engine, tmp_path):
    """Where there is only the plugin: docker compose."""
    for path in (path for folder in ("/usr/sbin", "/usr/bin") for path in os.scandir(folder) if path.name not in ("docker", "docker-compose")):
        if not (tmp_path / path.name).is_symlink():
            (tmp_path / path.name).symlink_to(path)
    plugin = tmp_path / "docker"
    plugin.write_text('#!/bin/sh\n[ "$1" = compose ] || exec /usr/bin/docker "$@"\nshift\nexec /usr/bin/docker-compose "$@"\n', encoding="ascii")
    plugin.chmod(0o755)
    listed = engine.run("env", f"PATH={tmp_path}", ROOT / "deploy/attach", "--list").stdout
    assert "port1" in listed and "docker-compose" not in os.listdir(tmp_path), listed


def mac(host):
    return json.loads(sh("ip", "-j", "-n", host, "link", "show", "eth1").stdout)[0]["address"]


def test_hosts_are_whole_again_after_ports_was_started_anew(engine):
    wait_until("a ping is answered", pings, seconds=20)
    before = [mac(host) for host in HOSTS]
    engine.run("docker", "restart", "-t", "2", engine.containers("ports")[0])
    listed = attachments(engine)
    assert "broken" in listed["port1"] and "broken" in listed["port2"] and "does not run where the ports are" in "".join(listed.values()), listed
    done = attach(engine, "netns:bbc1", "port3", check=False)
    assert done.returncode == 1 and "runs where the ports were before: deploy/attach --all" in done.stdout, done.stdout
    said = attach(engine, "--all").stdout.splitlines()
    assert len(said) == 3 and "fastpath" in said[0] and "started again" in said[0], said
    assert said[1:] == [f"netns:{host}: eth1 {address}/24 <-> port port{number} of br0: attached" for number, (host, address) in enumerate(HOSTS.items(), 1)]
    assert [mac(host) for host in HOSTS] == before
    wait_until("a ping is answered", pings, seconds=5)
    assert lost(ping(5, 0.05)) == 0
    said = attach(engine, "--all").stdout.splitlines()
    assert len(said) == 2 and all(line.endswith(": already attached") for line in said), said
    wait_until("all containers are healthy", lambda: healthy(engine), seconds=20, every=0.5)


@pytest.mark.slow
def test_attachments_that_cannot_be_made_again_are_named_until_they_are_detached(engine):
    third = f"{engine.environment['COMPOSE_PROJECT_NAME']}-third"
    engine.run("docker", "run", "-d", "--init", "--name", third, "--network", "none", "busbar/ports")
    attach(engine, "--device", "data0", third, "port3", "10.98.0.3/24")
    engine.run("docker", "restart", "-t", "2", third)
    assert "broken" in attachments(engine)["port3"]
    said = attach(engine, "--all").stdout
    assert f"{third}: data0 10.98.0.3/24 <-> port port3 of br0: attached\n" in said and said.count("already attached") == 2, said
    asked = ["nsenter", "-t", engine.pid(third), "-n", "ping", "-c", 1, "-W", 1, HOSTS["bbc1"]]
    wait_until("the container is answered", lambda: lost(sh(*asked, check=False).stdout) == 0)
    engine.run("docker", "rm", "-f", third)
    assert "no such host" in attachments(engine)["port3"]
    done = attach(engine, "--all", check=False)
    assert done.returncode == 1 and f"{third}: no such container runs" in done.stdout and done.stdout.endswith("attach: not whole: port3\n"), done.stdout
    assert done.stdout.count("already attached") == 2, done.stdout
    engine.swctl("del-port", "br0", "port3")
    assert "removed by swctl" in attachments(engine)["port3"]
    assert "port3: left alone" in attach(engine, "--all").stdout
    attach(engine, "--detach", "port3")
    assert set(attachments(engine)) == {"port1", "port2"}
    for port in ("port3", "eth0"):  # eth0: of the container ports, no business of attach
        done = attach(engine, "--detach", port, check=False)
        assert done.returncode == 1 and "no such attachment" in done.stdout, done.stdout


def test_detaching_removes_the_port_and_the_pair(engine):
    attach(engine, "--device", "eth2", "netns:bbc1", "port4")
    assert "port4" in engine.swctl("list-ports", "br0").stdout.split() and sh("ip", "-n", "bbc1", "link", "show", "eth2", check=False).returncode == 0
    attach(engine, "--detach", "port4")
    assert "port4" not in engine.swctl("list-ports", "br0").stdout.split() and sh("ip", "-n", "bbc1", "link", "show", "eth2", check=False).returncode != 0
    assert set(attachments(engine)) == {"port1", "port2"}


@pytest.mark.slow
def test_hosts_are_whole_again_after_a_restart_of_docker(engine):
    engine.compose("up", "-d", "--no-build", "--scale", "fastpath=2")
    wait_until("two fastpaths are well", lambda: healthy(engine, fastpath=2), seconds=60, every=0.5)
    stopped = engine.inspect(engine.containers("fastpath")[0])["Name"].lstrip("/")
    engine.run("docker", "stop", stopped)
    engine.restart()
    wait_until("configdb runs again", lambda: engine.pid(engine.containers("configdb")[0]) != 0, seconds=20)
    assert engine.pid(stopped) == 0 and f"{stopped} does not run where the ports are" in attach(engine, "--list").stdout
    said = attach(engine, "--all").stdout
    assert f"{stopped}: started again" in said and said.count(": attached\n") == 2, said
    wait_until("all containers are healthy", lambda: healthy(engine, fastpath=2), seconds=60, every=0.5)
    wait_until("a ping is answered", pings, seconds=5)
    engine.compose("up", "-d", "--no-build", "--scale", "fastpath=1")
    wait_until("one of each is well", lambda: healthy(engine), seconds=60, every=0.5)
    assert lost(ping(5)) == 0


def test_services_have_no_more_rights_than_they_need(engine):
    for service in SERVICES:
        config = engine.inspect(engine.containers(service)[0])
        assert config["HostConfig"]["ReadonlyRootfs"] and config["HostConfig"]["CapDrop"] == ["ALL"]
        assert (config["Config"]["User"] in ("root", "0")) == (service == "fastpath")
        expected = ["NET_ADMIN", "NET_RAW", "SYS_ADMIN", "IPC_LOCK"] if service == "fastpath" else None
        assert config["HostConfig"]["CapAdd"] == expected


def are_hardened(engine, *services):
    """Those that come with the switch may do no more than it."""
    for service in services:
        host = engine.inspect(engine.containers(service)[0])["HostConfig"]
        options = host["SecurityOpt"]
        assert host["ReadonlyRootfs"] and host["CapDrop"] == ["ALL"] and not host["CapAdd"], service
        assert "no-new-privileges:true" in options and any(option.startswith("seccomp") for option in options), (service, options)
    return True


def test_an_operator_may_look_around_in_a_container(engine):
    for service in ("configdb", "fastpath"):  # there are two lists of calls
        said = engine.run("docker", "exec", engine.containers(service)[0], "ls", "-l", "/run/busbar", "/etc/hostname").stdout
        assert "configdb.1.pid" in said and "not permitted" not in said, said


def test_calls_that_no_service_needs_are_refused(engine, tmp_path):
    """By the profiles of deploy/seccomp: without one the same program is let through, though with no more rights."""
    probe, refused = tmp_path / "forbidden", "EPERM"
    sh("gcc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-static", TOOLS / "forbidden.c", "-o", probe)
    with open(probe, "rb") as file:
        engine.run("docker", "exec", "-i", engine.containers("configdb")[0], "sh", "-c", "cat > /run/busbar/forbidden; chmod 755 /run/busbar/forbidden",
                   stdin=file)
    for service in SERVICES:
        said = json.loads(engine.run("docker", "exec", engine.containers(service)[0], "/run/busbar/forbidden").stdout)
        wanted = {"bpf", "socket_packet"} if service == "fastpath" else set()
        assert len(said) == 10 and {name for name, answer in said.items() if answer != refused} == wanted, (service, said)
    free = engine.run("docker", "run", "--rm", "--network", "none", "--cap-drop", "ALL", "--cap-add", "SYS_ADMIN", "--cap-add", "DAC_OVERRIDE",
                      "--security-opt", "seccomp=unconfined", "-v", f"{engine.environment['COMPOSE_PROJECT_NAME']}_run:/run/busbar",
                      "busbar/fastpath", "/run/busbar/forbidden").stdout
    free = json.loads(free)
    assert free["ptrace"] == free["personality"] == "done" and free["mount"] == "ENOENT", free


def test_each_container_may_be_killed(engine):
    wait_until("a ping is answered", pings, seconds=20)
    for service in SERVICES:
        before = engine.inspect(engine.containers(service)[0])["RestartCount"]
        with Traffic() as traffic:
            time.sleep(0.5)
            os.kill(engine.pid(engine.containers(service)[0]), 9)  # as a crash: the restart policy starts it again
            wait_until(f"{service} is started again", lambda s=service, b=before: engine.inspect(engine.containers(s)[0])["RestartCount"] > b, seconds=30)
            wait_until("all containers are healthy", lambda: healthy(engine), seconds=60, every=0.5)
        assert service == "fastpath" or traffic.lost <= UNDER_WAY, f"{service}: {traffic.lost} lost"
        assert traffic.lost < 500, f"{service}: {traffic.lost} lost"
        assert lost(ping(5)) == 0


def test_a_new_build_of_the_fastpath_leaves_the_ports(engine):
    ports, fastpath = engine.containers("ports"), engine.containers("fastpath")
    engine.run("docker", "build", "-t", "busbar/fastpath", "-", input="FROM busbar/fastpath\nLABEL again=yes\n")
    engine.compose("up", "-d", "--no-build")
    assert engine.containers("ports") == ports and engine.containers("fastpath") != fastpath
    wait_until("all containers are healthy", lambda: healthy(engine), seconds=60, every=0.5)
    wait_until("a ping is answered", pings, seconds=20)


def owners(engine):
    """{bridge: its ofagent}"""
    return {row["name"]: row["ofagent"] for row in json.loads(engine.swctl("--json", "show").stdout)["bridges"]}


@pytest.mark.slow
def test_who_hangs_is_killed_and_started_again(engine):
    wait_until("all containers are healthy", lambda: healthy(engine), seconds=60, every=0.5)
    for service in ("slowpath", "fastpath"):
        container = engine.containers(service)[0]
        before = engine.inspect(container)["RestartCount"]
        (child,) = sh("cat", f"/proc/{engine.pid(container)}/task/{engine.pid(container)}/children").stdout.split()
        os.kill(int(child), 19)  # SIGSTOP
        wait_until(f"{service} is started again", lambda c=container, b=before: engine.inspect(c)["RestartCount"] == b + 1, seconds=45, every=0.5)
        wait_until("all containers are healthy", lambda: healthy(engine), seconds=60, every=0.5)
    wait_until("a ping is answered", pings, seconds=20)


def test_services_scale_up_and_down_under_traffic(engine):
    wait_until("a ping is answered", pings, seconds=20)
    with Traffic() as traffic:
        engine.type(next(line for line in block_with("--scale ofagent") if "--scale" in line))
        wait_until("all that are wanted are well", lambda: healthy(engine, slowpath=3, fastpath=2, ofagent=2), seconds=60, every=0.5)
        said = json.loads(engine.swctl("--json", "status").stdout)
        there = {p["process"] for p in said if p["state"] == "running"}
        assert there >= {"slowpath.1", "slowpath.2", "slowpath.3", "fastpath.1", "fastpath.2", "ofagent.1", "ofagent.2"}
        engine.swctl("add-br", "br1")
        engine.compose("up", "-d", "--no-build", "--scale", "slowpath=3", "--scale", "fastpath=2", "--scale", "ofagent=3")
        wait_until("three ofagents are well", lambda: healthy(engine, slowpath=3, fastpath=2, ofagent=3), seconds=60, every=0.5)
        wait_until("the bridges are of two ofagents", lambda: len(set(owners(engine).values())) == 2, seconds=20, every=0.5)
    assert traffic.lost <= 50, traffic.lost
    with Traffic() as traffic:
        engine.compose("up", "-d", "--no-build", "--scale", "slowpath=1", "--scale", "fastpath=1", "--scale", "ofagent=1")
        wait_until("one of each is well", lambda: healthy(engine), seconds=60, every=0.5)
    assert traffic.lost <= 100, traffic.lost
    wait_until("both bridges are the last ofagent's", lambda: len(set(owners(engine).values())) == 1, seconds=20, every=0.5)
    engine.swctl("add-flow", "br1", "priority=1,actions=drop")
    engine.swctl("del-br", "br1")
    assert lost(ping(5)) == 0


def prometheus(engine, expression):
    """What the Prometheus of the profile "monitoring" answers, asked in its own network."""
    url = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression})
    code = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=5).read().decode())"
    asked = sh("nsenter", "-t", engine.pid(engine.containers("prometheus")[0]), "-n", "--", PYTHON, "-c", code, check=False)
    return json.loads(asked.stdout)["data"]["result"] if asked.returncode == 0 else []


def forwarded(engine):
    """Packets a second, be it by the fastpath or by the kernel, that /consoles/busbar.html shows."""
    code = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9090/consoles/busbar.html', timeout=5).read().decode())"
    page = sh("nsenter", "-t", engine.pid(engine.containers("prometheus")[0]), "-n", "--", PYTHON, "-c", code).stdout
    rows = re.search(r"<h2>Packets a second</h2>(.*?)</section>", page, re.S).group(1)
    return sum(float(now) for now in re.findall(r"<tr><td>fastpath\.1 busbar (?:received|by the kernel)</td>\s*<td>([\d.]+)</td>", rows))


@pytest.mark.slow
def test_prometheus_finds_every_process_also_when_there_are_more(engine):
    def seen():
        return {sample["metric"]["instance"] for sample in prometheus(engine, 'up{job="busbar"} == 1')}

    engine.build_monitoring()
    engine.type("cd deploy", *block_with("--profile monitoring"))
    one_each = {f"{service}.1" for service in SERVICES}
    wait_until("Prometheus reads all four", lambda: seen() == one_each, seconds=60, every=1)
    assert are_hardened(engine, "prometheus")
    with Traffic():
        wait_until("the page of figures has what is forwarded", lambda: forwarded(engine) > 50, seconds=60, every=1)
    engine.compose("up", "-d", "--no-build", "--scale", "slowpath=2", "--scale", "fastpath=2")
    wait_until("Prometheus reads all six", lambda: seen() == one_each | {"slowpath.2", "fastpath.2"}, seconds=60, every=1)
    engine.compose("up", "-d", "--no-build", "--scale", "slowpath=1", "--scale", "fastpath=1")
    wait_until("it forgets who ended in good order", lambda: len(prometheus(engine, 'up{job="busbar"}')) == 4, seconds=60, every=1)
    assert not prometheus(engine, 'ALERTS{alertname="BusbarProcessAway",alertstate="firing"}')
    engine.compose("--profile", "monitoring", "rm", "-sf", "prometheus")


def is_connected(engine):
    return "is_connected: true" in engine.swctl("show").stdout


def rules_of_the_pair(engine):
    return pings() and engine.swctl("--no-stats", "dump-flows", "br0").stdout.count("priority=1,") >= 2


def test_a_controller_installs_flows(engine):
    up, *words = block_with("--profile controller")
    connect, show, leave = words
    engine.type("cd deploy", up, connect)
    wait_until("the controller is connected", lambda: "is_connected: true" in engine.type("cd deploy", show).stdout, seconds=30)
    assert are_hardened(engine, "controller")
    wait_until("a ping is answered", pings, seconds=30)
    wait_until("rules for the pair are there", lambda: rules_of_the_pair(engine), seconds=10)
    with Traffic() as traffic:
        engine.run("docker", "kill", engine.containers("controller")[0])
        time.sleep(2)
    assert traffic.lost <= UNDER_WAY
    engine.type("cd deploy", up)
    wait_until("it is back at its address", lambda: is_connected(engine), seconds=30)
    engine.compose("--profile", "controller", "rm", "-sf", "controller")
    engine.type("cd deploy", leave)


def test_a_controller_outside_installs_flows(engine):
    """It runs on the host of the containers, which they reach at the gateway of their network."""
    network = json.loads(engine.run("docker", "network", "inspect", f"{engine.environment['COMPOSE_PROJECT_NAME']}_control").stdout)[0]
    address = network["IPAM"]["Config"][0]["Gateway"]
    engine.swctl("del-flows", "br0")
    words = ["/usr/bin/osken-manager", "--ofp-listen-host", address, "--ofp-tcp-listen-port", "6653", ROOT / "deploy/controller/learning_switch.py"]
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as controller:
        try:
            engine.swctl("set-controller", "br0", f"tcp:{address}:6653")
            wait_until("the controller is connected", lambda: is_connected(engine), seconds=30)
            wait_until("rules for the pair are there", lambda: rules_of_the_pair(engine), seconds=20)
        finally:
            controller.terminate()
    assert lost(ping(3)) == 0
    engine.swctl("del-controller", "br0")


def mounts(engine, service):
    """{place in the container: what is there}"""
    return {mount["Destination"]: mount.get("Name", mount["Source"]) for mount in engine.inspect(engine.containers(service)[0])["Mounts"]}


@pytest.mark.slow
def test_services_that_share_no_run_directory_talk_over_tcp(engine):
    """deploy/docker-compose.tcp.yml: the same switch, each service with a key of its own; the last test here, as it stops the switch of the others."""
    engine.compose("down", "-v", "-t", "2")
    engine.files.append("docker-compose.tcp.yml")
    engine.compose("up", "-d", "--no-build")
    wait_until("all containers are healthy", lambda: healthy(engine), seconds=90, every=0.5)
    assert len({mounts(engine, service)["/run/busbar"] for service in SERVICES}) == len(SERVICES)
    wait_until("the administrator has his key", lambda: engine.swctl("show", check=False).returncode == 0, seconds=30)
    assert {entry["role"] for entry in json.loads(engine.swctl("--json", "key", "list").stdout)} == {"admin", "slowpath", "fastpath", "ofagent"}
    attach_hosts(engine)
    wait_until("a ping is answered", pings, seconds=20)
    engine.swctl("add-flow", "br0", "priority=9,icmp,actions=drop")
    assert lost(ping(2)) == 2
    engine.swctl("del-flows", "br0", "icmp")
    assert lost(ping(20, 0.05)) == 0
    engine.build_monitoring()
    engine.compose("--profile", "monitoring", "up", "-d", "--no-build")
    wait_until("Prometheus reads all four", lambda: {s["metric"]["instance"] for s in prometheus(engine, 'up{job="busbar"} == 1')} ==
               {f"{service}.1" for service in SERVICES}, seconds=60, every=1)
    engine.compose("--profile", "monitoring", "rm", "-sf", "prometheus")
    with Traffic() as traffic:
        engine.compose("up", "-d", "--no-build", "--scale", "slowpath=2")
        wait_until("two slowpaths are well", lambda: healthy(engine, slowpath=2), seconds=60, every=0.5)
    assert traffic.lost <= UNDER_WAY, traffic.lost
    said = json.loads(engine.swctl("--json", "status").stdout)
    assert {p["process"] for p in said if p["state"] == "running"} == {"configdb.1", "slowpath.1", "slowpath.2", "ofagent.1", "fastpath.1"}
    for service in ("configdb", "slowpath"):
        with Traffic() as traffic:
            before = engine.inspect(engine.containers(service)[0])["RestartCount"]
            os.kill(engine.pid(engine.containers(service)[0]), 9)
            wait_until(f"{service} is started again", lambda s=service, b=before: engine.inspect(engine.containers(s)[0])["RestartCount"] > b, seconds=30)
            wait_until("all are well", lambda: healthy(engine, slowpath=2), seconds=60, every=0.5)
        assert traffic.lost <= UNDER_WAY, f"{service}: {traffic.lost} lost"
    stranger = engine.run("docker", "exec", engine.containers("slowpath")[0], "sh", "-c", "swctl key make /run/busbar/stranger.key > /dev/null; "
                          "swctl --timeout 2 --config tcp://configdb:7400 --config-key /run/busbar-public/configdb.pub --key /run/busbar/stranger.key show",
                          check=False)
    assert stranger.returncode != 0 and "does not answer" in stranger.stdout, stranger.stdout
