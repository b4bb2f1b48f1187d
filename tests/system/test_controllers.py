"""Controllers at paths of the file system, and many of them at one listener."""
import json
import subprocess
from pathlib import Path

from suite import PYTHON, wait_until

MANY = Path(__file__).resolve().parent / "apps" / "many_controllers.py"
PORT = 16654


def shown(suite):
    return suite.swctl("show", as_json=True)["bridges"][0]["controllers"][0]


def test_a_controller_at_a_path_has_a_learning_switch_of_us(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("set-fail-mode", "br0", "secure")
    suite.ofctl("del-flows")
    path = suite.run_dir / "controller.sock"
    child = suite.namespace.popen("ovs-testcontroller", f"punix:{path}", f"--unixctl={suite.run_dir}/testcontroller.ctl")
    wait_until("it listens", path.exists)
    suite.swctl("set-controller", "br0", "unix:controller.sock")  # of the run directory
    wait_until("it is connected", lambda: shown(suite)["is_connected"])
    first.ping(second, count=3, wait=3)
    assert "dl_dst=" in suite.ofctl("dump-flows")
    child.kill()
    wait_until("it is gone", lambda: not shown(suite)["is_connected"])
    path.unlink()
    wait_until("the reason is shown", lambda: shown(suite)["last_error"] == "No such file or directory", seconds=15)


def test_controllers_come_to_a_path(suite):
    suite.bridge_with_hosts(2)
    suite.ofctl("add-flow", "br0", "arp,actions=drop")
    path = suite.run_dir / "br0.controller"
    suite.swctl("set-controller", "br0", f"punix:{path}")
    wait_until("it listens", lambda: shown(suite)["state"] == "listening" and path.is_socket())
    assert path.stat().st_mode & 0o777 == (suite.run_dir / "br0.mgmt").stat().st_mode & 0o777
    ask = lambda: suite.namespace.run("ovs-ofctl", "-O", "OpenFlow13", "--timeout=10", "dump-flows", f"unix:{path}").stdout
    assert "actions=" in ask()
    suite.kill("ofagent.1")
    suite.up()
    wait_until("the next one listens in its place", lambda: shown(suite).get("state") == "listening", seconds=15)
    assert "actions=" in ask()
    other = suite.run_dir / "precious"
    other.write_text("a file that is no socket")
    suite.swctl("set-controller", "br0", "punix:precious")
    wait_until("that is told", lambda: shown(suite).get("last_error") == "File exists")
    assert other.read_text() == "a file that is no socket" and not path.exists()


def test_a_hundred_controllers_at_one_listener(suite):
    suite.bridge_with_hosts(2)
    suite.swctl("set-controller", "br0", f"ptcp:{PORT}:127.0.0.1")
    wait_until("it listens", lambda: shown(suite)["state"] == "listening")
    peers = suite.namespace.popen(PYTHON, str(MANY), str(PORT), "100", "120", stdin=subprocess.PIPE)
    said = json.loads(peers.stdout.readline())
    assert said["answered"] == 100 and said["errors"] == 0 and said["closed"] == 0, said
    assert said["noise_closed"] and said["seconds"] < 3, said
    assert suite.ofctl("dump-flows", "br0", "table=7").count("actions=drop") == 100
    assert said["turned_away"] == 100 + 1 + 120 - 208, said  # the slow one is still there
    assert shown(suite)["state"] == "full" and "turned away" in shown(suite)["last_error"], shown(suite)
    assert "controller-full bridge=br0" in suite.log("ofagent.1")
    peers.stdin.close()
    wait_until("there is room again", lambda: shown(suite)["state"] == "listening")
