"""A Docker engine of the tests' own: its data, socket and addresses are nobody else's, and all of it goes away.

No image is pulled: debian:bookworm-slim is made from the machine's package sources. Addresses are of 198.18.0.0/15, which no real network has.
"""
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATH = "/usr/bin:/usr/sbin:/bin:/sbin"  # Debian's client, whatever else is installed
NEEDED = ("/usr/sbin/dockerd", "/usr/sbin/runc", "/usr/bin/docker-compose", "/usr/bin/mmdebstrap")
BASE = "debian:bookworm-slim"


def missing():
    """Why no engine can be started here, or None."""
    absent = [path for path in NEEDED if not os.path.exists(path)]
    if absent:
        return f"{', '.join(absent)} not installed (deploy/deps --test)"
    return "needs root" if os.geteuid() != 0 else None


def debian(archive, *options):
    """A minimal Debian 12 as an archive of files, from the machine's own package sources, as apt is set up here."""
    settings = subprocess.run(["apt-config", "dump"], stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    sources = Path("/etc/apt/sources.list.d/debian.sources")
    made = subprocess.run(
        ["mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", "--format=tar", '--aptopt=Acquire::Languages "none"',
         *[f'--aptopt={line.rstrip(";")}' for line in settings if line.startswith("Acquire::Check-")], *options,
         "bookworm", str(archive), str(sources if sources.exists() else "/etc/apt/sources.list")],
        env={"PATH": PATH, "LC_ALL": "C.UTF-8"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600, check=False)
    if made.returncode != 0:
        raise RuntimeError(f"mmdebstrap: exit status {made.returncode}\n{made.stdout[-4000:]}")


class Engine:
    def __init__(self, name):
        self.dir = Path(tempfile.mkdtemp(prefix="busbar-engine-"))
        self.context = ROOT
        self.files = ["docker-compose.yml"]
        self.environment = {"PATH": PATH, "HOME": str(self.dir), "DOCKER_HOST": f"unix://{self.dir}/docker.sock", "COMPOSE_PROJECT_NAME": name,
                            "LC_ALL": "C.UTF-8"}
        self.log = open(self.dir / "dockerd.log", "wb")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["/usr/sbin/dockerd", "--data-root", self.dir / "data", "--exec-root", self.dir / "exec", "-H", self.environment["DOCKER_HOST"],
             "-p", self.dir / "pid", "--storage-driver", "overlay2", "--iptables=false", "--ip6tables=false", "--ip-forward=false", "--ip-masq=false",
             "--bip", "198.18.0.1/24", "--default-address-pool", "base=198.18.128.0/17,size=24",
             "--add-runtime", f"clamp={ROOT}/tests/system/tools/runc-clamp", "--default-runtime", "clamp"],
            env=self.environment, stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 30
        while self.run("docker", "version", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.close()
                raise RuntimeError("dockerd does not start: " + (self.dir / "dockerd.log").read_text(errors="replace")[-2000:])
            time.sleep(0.2)

    def restart(self):
        """In good order, as when Docker is upgraded: containers end with it, and those are started again that are to be."""
        self.process.terminate()
        self.process.wait(timeout=60)
        self.start()

    def run(self, *command, check=True, timeout=600, **kwargs):
        done = subprocess.run([str(word) for word in command], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=timeout, **kwargs)
        if check and done.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout[-4000:]}")
        return done

    def make_base_image(self):
        archive = self.dir / "base.tar"
        debian(archive, "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*")
        self.run("docker", "import", archive, BASE)
        archive.unlink()

    def build(self, compiles):
        """The images. Without `compiles` the first stage of the Dockerfile, which takes minutes, has the programs of build/release instead."""
        if not compiles:
            self.context = self.dir / "context"
            shutil.copytree(ROOT, self.context, ignore=shutil.ignore_patterns("build", ".git", "wt"))
            shutil.copytree(ROOT / "build/release/bin", self.context / "bin")
            path = self.context / "deploy/Dockerfile"
            stage = "FROM debian:bookworm-slim AS build\nCOPY bin /busbar/build/release/bin\n\n"
            text, n = re.subn(r"FROM debian:bookworm-slim AS build\n.*?\n\n", lambda _: stage, path.read_text(encoding="ascii"), count=1, flags=re.S)
            assert n == 1, "deploy/Dockerfile has no stage called build"
            path.write_text(text, encoding="ascii")
        self.compose("--profile", "controller", "build", timeout=900)

    def build_monitoring(self):
        """The image of Prometheus, which the slow tests alone need."""
        self.compose("--profile", "monitoring", "build", "prometheus", timeout=900)

    def compose(self, *words, **kwargs):
        files = [word for file in self.files for word in ("-f", file)]
        return self.run("docker-compose", *files, *words, cwd=self.context / "deploy", **kwargs)

    def type(self, *lines):
        """Lines of the manual, in a folder that has deploy/, of which nothing is built (it is) and which no terminal is behind."""
        text = "\n".join(lines).replace("--build", "--no-build").replace("docker-compose exec ", "docker-compose exec -T ")
        return self.run("bash", "-ec", text, cwd=self.context)

    def containers(self, service):
        """By name. Asked of the engine itself: docker-compose takes ten times as long."""
        labels = {"project": self.environment["COMPOSE_PROJECT_NAME"], "service": service, "oneoff": "False"}
        filters = [word for name, value in labels.items() for word in ("--filter", f"label=com.docker.compose.{name}={value}")]
        found = self.run("docker", "ps", "-a", "--no-trunc", *filters, "--format", "{{.Names}} {{.ID}}").stdout
        return [line.split()[1] for line in sorted(found.splitlines())]

    def inspect(self, container):
        return json.loads(self.run("docker", "inspect", container).stdout)[0]

    def pid(self, container):
        return self.inspect(container)["State"]["Pid"]

    def swctl(self, *words, **kwargs):
        return self.run("docker", "exec", self.containers("configdb")[0], "swctl", *words, **kwargs)

    def close(self):
        if self.process.poll() is None:
            self.compose("--profile", "controller", "--profile", "monitoring", "down", "-v", "-t", "2", check=False)
            left = self.run("docker", "ps", "-aq", check=False).stdout.split()
            if left:
                self.run("docker", "rm", "-f", *left, check=False)
            self.process.terminate()
        self.process.wait(timeout=30)
        self.log.close()
        subprocess.run(["ip", "link", "del", "docker0"], stderr=subprocess.DEVNULL, check=False)
        for path in [*self.dir.glob("exec/netns/*"), self.dir / "data/overlay2"]:
            subprocess.run(["umount", path], stderr=subprocess.DEVNULL, check=False)
        subprocess.run(["rm", "-rf", self.dir], check=False)
