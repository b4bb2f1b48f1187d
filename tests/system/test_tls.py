"""OpenFlow under TLS: ssl: to a controller of os-ken, pssl: for ovs-ofctl, with certificates that openssl has made."""
import os
from pathlib import Path

import pytest

from suite import PYTHON, sh, wait_until

APP = Path(__file__).resolve().parent / "apps" / "learning_switch.py"
PORT, LISTEN = 16653, 16654


class Certificates:
    """DIR/ONE.{key,crt} of an authority, and NAME.{key,crt} of what it signs."""

    def __init__(self, path):
        self.path = path
        for authority in ("one", "two"):
            self.make(authority, "-x509", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE")

    def make(self, name, *words):
        sh("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}", *words,
           "-keyout", self.path / f"{name}.key", "-out", self.path / (f"{name}.crt" if words else f"{name}.csr"))

    def sign(self, authority, name, chain=False):
        self.make(name)
        sh("openssl", "x509", "-req", "-in", self.path / f"{name}.csr", "-days", "2", "-CA", self.path / f"{authority}.crt",
           "-CAkey", self.path / f"{authority}.key", "-CAcreateserial", "-out", self.path / f"{name}.crt")
        if chain:
            with open(self.path / f"{name}.crt", "a") as out:
                out.write((self.path / f"{authority}.crt").read_text())

    def __call__(self, name):
        return str(self.path / name)


@pytest.fixture
def tls(suite):
    path = suite.run_dir / "tls"
    path.mkdir()
    certificates = Certificates(path)
    certificates.sign("one", "switch")
    certificates.sign("one", "controller", chain=True)
    certificates.sign("two", "stranger", chain=True)
    suite.bridge_with_hosts(2)
    return suite, certificates


def start_controller(suite, certificates, name="controller", ca="one"):
    log = open(suite.run_dir / "controller.log", "a")
    events = suite.run_dir / "events"
    events.write_text("")
    return suite.namespace.popen(PYTHON, "/usr/bin/osken-manager", "--ofp-listen-host", "127.0.0.1", "--ofp-ssl-listen-port", PORT,
                                 "--ctl-privkey", certificates(f"{name}.key"), "--ctl-cert", certificates(f"{name}.crt"),
                                 "--ca-certs", certificates(f"{ca}.crt"), APP,
                                 env=dict(os.environ, EVENTS=str(events), PYTHONDONTWRITEBYTECODE="1"), stdout=log)


def status(suite):
    return suite.swctl("list", "controller", as_json=True)[0]


def last_error(suite):
    return status(suite)["status"].get("last_error", "")


def ofctl(suite, certificates, name="switch", ca="one", check=True):
    return suite.namespace.run("ovs-ofctl", "-O", "OpenFlow13", "--timeout=10", "-p", certificates(f"{name}.key"), "-c",
                               certificates(f"{name}.crt"), "-C", certificates(f"{ca}.crt"), "dump-ports-desc",
                               f"ssl:127.0.0.1:{LISTEN}", check=check)


def test_a_controller_under_tls_controls(tls):
    suite, certificates = tls
    controller = start_controller(suite, certificates)
    suite.swctl("set-controller", "br0", f"ssl:127.0.0.1:{PORT}")
    wait_until("what is missing is said", lambda: "no private key is set" in last_error(suite))
    suite.swctl("set-ssl", certificates("switch.key"), certificates("switch.crt"), certificates("one.crt"))
    assert suite.swctl("get-ssl").splitlines()[0] == f"Private key: {certificates('switch.key')}"
    wait_until("connected", lambda: status(suite)["is_connected"], seconds=15)
    wait_until("its table-miss rule is there", lambda: "CONTROLLER" in suite.ofctl("dump-flows"))
    suite.hosts[0].ping(suite.hosts[1], count=2, interval=0.3)
    suite.swctl("del-ssl")
    assert suite.swctl("get-ssl") == ""
    suite.hosts[0].ping(suite.hosts[1])  # a connection that is there stays
    controller.kill()
    controller.wait()
    start_controller(suite, certificates)
    wait_until("without a key it does not come again", lambda: "no private key is set" in last_error(suite), seconds=15)


def test_a_controller_of_another_authority_is_refused_and_the_status_says_why(tls):
    suite, certificates = tls
    start_controller(suite, certificates, "stranger")
    suite.swctl("set-ssl", certificates("switch.key"), certificates("switch.crt"), certificates("one.crt"), "--",
                "set-controller", "br0", f"ssl:127.0.0.1:{PORT}")
    wait_until("the reason", lambda: "the peer's certificate is refused" in last_error(suite), seconds=15)
    assert not status(suite)["is_connected"]


@pytest.mark.slow
def test_the_authority_is_taken_from_the_first_controller(tls):
    suite, certificates = tls
    start_controller(suite, certificates)
    suite.swctl("--bootstrap", "set-ssl", certificates("switch.key"), certificates("switch.crt"), certificates("new.crt"), "--",
                "set-controller", "br0", f"ssl:127.0.0.1:{PORT}")
    wait_until("connected", lambda: status(suite)["is_connected"], seconds=20)
    body = lambda name: Path(certificates(name)).read_text().partition("-----BEGIN")[2]
    assert body("new.crt") == body("one.crt")


def test_tools_come_in_by_pssl_and_only_with_the_right_certificate(tls):
    suite, certificates = tls
    suite.swctl("set-ssl", certificates("controller.key"), certificates("controller.crt"), certificates("one.crt"), "--",
                "set-controller", "br0", f"pssl:{LISTEN}:127.0.0.1")
    wait_until("it listens", lambda: status(suite)["status"].get("state") == "listening")
    assert suite.hosts[0].port in ofctl(suite, certificates).stdout
    assert ofctl(suite, certificates, "stranger", check=False).returncode != 0
    wait_until("the reason", lambda: "the peer's certificate is refused" in last_error(suite))

    # A new certificate counts from the next connection on, without a restart.
    for suffix in ("key", "crt"):
        os.replace(certificates(f"stranger.{suffix}"), certificates(f"controller.{suffix}"))
    assert "certificate verify failed" in ofctl(suite, certificates, check=False).stdout
    assert suite.hosts[0].port in ofctl(suite, certificates, ca="two").stdout

    # Standalone without a controller to wait for: still a learning switch.
    suite.hosts[0].ping(suite.hosts[1])


@pytest.mark.slow
def test_who_does_not_shake_hands_is_let_go_and_holds_up_nobody(tls):
    suite, certificates = tls
    suite.swctl("set-ssl", certificates("controller.key"), certificates("controller.crt"), certificates("one.crt"), "--",
                "set-controller", "br0", f"pssl:{LISTEN}:127.0.0.1")
    wait_until("it listens", lambda: status(suite)["status"].get("state") == "listening")
    slow = suite.namespace.popen(PYTHON, "-c", f"""
import socket, time
peers = [socket.create_connection(("127.0.0.1", {LISTEN})) for _ in range(64)]
for peer in peers:
    peer.send(b"\\x16\\x03\\x01")
print("open", flush=True)
began = time.monotonic()
for peer in peers:
    assert peer.recv(100) == b""
print(time.monotonic() - began, flush=True)
""")
    assert slow.stdout.readline().strip() == "open"
    suite.ofctl("dump-flows")  # the bridge's own socket has room
    assert 5 < float(slow.stdout.readline()) < 15
    assert suite.hosts[0].port in ofctl(suite, certificates).stdout
