"""A Debian 12 of its own, started with systemd as its first process: for the package and its units.

Its files are made once from the machine's package sources and kept as an archive, with the packages that busbar depends on lying in apt's
cache, not installed: installing busbar there needs no network. Its devices are those of a network namespace of the test's.
"""
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from engine import debian
from suite import sh, wait_until

CACHE = Path(os.environ.get("BUSBAR_TEST_CACHE", "/var/cache/busbar-tests"))
NEEDED = ("/usr/bin/mmdebstrap", "/usr/bin/systemd-nspawn", "/usr/bin/dpkg-shlibdeps")
CAPABILITIES = "CAP_NET_ADMIN,CAP_NET_RAW,CAP_BPF,CAP_PERFMON,CAP_IPC_LOCK"  # of those that systemd-nspawn does not give by itself


def missing():
    """Why none can be started here, or None."""
    absent = [path for path in NEEDED if not os.path.exists(path)]
    return f"{', '.join(absent)} not installed (deploy/deps --test)" if absent else None


def archive_for(package):
    """A Debian in which that package can be installed without a network."""
    depends = sh("dpkg-deb", "-f", package, "Depends").stdout
    names = sorted(re.sub(r"\(.*", "", word).strip() for word in depends.split(","))
    path = CACHE / f"bookworm-{hashlib.sha256(' '.join(names).encode()).hexdigest()[:12]}.tar"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            fresh = Path(folder) / "root.tar"
            fetch = f'apt-get -qq install -y --download-only --no-install-recommends {" ".join(names)}'
            debian(fresh, "--skip=cleanup/apt", "--include=systemd,systemd-sysv,adduser,iproute2,man-db,bash-completion",
                   f'--customize-hook=APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" {fetch}')
            fresh.rename(path)
    return path


class Machine:
    def __init__(self, archive, namespace):
        self.dir = Path(tempfile.mkdtemp(prefix="busbar-machine-"))
        self.root = self.dir / "root"
        self.root.mkdir()
        sh("tar", "-C", self.root, "-xf", archive, timeout=120)
        self.groups = [path / name for path in Path("/sys/fs/cgroup").glob("*") for name in ("payload", "supervisor") if not (path / name).exists()]
        self.log = open(self.dir / "console.log", "wb")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--directory", self.root, f"--machine={namespace}", "--register=no", "--keep-unit", "--console=pipe", "--boot",
             f"--network-namespace-path=/run/netns/{namespace}", f"--capability={CAPABILITIES}", "--system-call-filter=bpf perf_event_open"],
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.first = None
        try:
            wait_until("the machine is up", self._is_up, seconds=60, every=0.2)
        except AssertionError:
            self.close()
            raise

    def _is_up(self):
        assert self.process.poll() is None, (self.dir / "console.log").read_text(errors="replace")[-2000:]
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        self.first = children[0] if children else None
        return self.first is not None and self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def command(self, *words):
        return ["nsenter", "-t", self.first, "-a", "-w", "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                *map(str, words)]

    def run(self, *words, **kwargs):
        return sh(*self.command(*words), **kwargs)

    def put(self, path, to="/srv/"):
        shutil.copy(path, self.root / to.lstrip("/"))

    def files(self):
        """All there are but those of running programs, with what a package manager keeps for itself left out."""
        kept = r"^/(proc|sys|dev|run|tmp|srv|var/(cache|log|tmp|lib/(apt|dpkg|systemd))|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|etc/ld\.so\.cache)"
        listed = self.run("find", "/", "-xdev", timeout=120).stdout.splitlines()
        return {path for path in listed if not re.match(kept, path)}

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()  # asks the machine to power off
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        self.process.wait(timeout=20)
        self.log.close()
        for group in self.groups:  # systemd-nspawn leaves its own; a directory with a process in it stays
            subprocess.run(["find", group, "-depth", "-type", "d", "-exec", "rmdir", "{}", ";"], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
