"""What was is remembered and comes back: history, diff, rollback, changes that await their confirmation, backup and restore."""
import time

from suite import BIN, wait_until

SWCTL = BIN / "swctl"


def bridge_of_operator(suite):
    """A bridge whose LOCAL device is what the operator reaches the switch by; his port is the host's."""
    operator, other = suite.bridge_with_hosts(2)
    suite.namespace.run("ip", "addr", "add", "10.0.0.100/24", "dev", "br0")
    suite.namespace.run("ip", "link", "set", "br0", "up")
    operator.ping("10.0.0.100")
    return operator, other


def is_cut_off(host):
    return host.ping("10.0.0.100", count=1, wait=1, check=False) == 0


def wait_for_connection(host, seconds):
    wait_until("the operator reaches the switch again", lambda: not is_cut_off(host), seconds=seconds)


def newest(suite):
    return suite.swctl("history", "--limit", "1", as_json=True)[0]


def test_a_change_that_cuts_the_operator_off_comes_back_by_itself(suite):
    operator, other = bridge_of_operator(suite)
    text = suite.swctl("--confirm", "6", "del-port", "br0", operator.port)
    began = time.monotonic()
    assert "undone in 6 s" in text
    assert is_cut_off(operator), "the port is still there"

    refused = suite.swctl("add-br", "br1", check=False)
    assert refused.returncode == 1
    for word in ("awaits confirmation", f"del-port br0 {operator.port}", "by root", "swctl confirm", "swctl cancel"):
        assert word in refused.stdout, refused.stdout
    suite.swctl("add-flow", "br0", "priority=5,tcp,tp_dst=23,actions=drop")  # what controllers mean goes on

    wait_for_connection(operator, seconds=12)
    assert time.monotonic() - began > 5, "undone before its time"
    operator.ping("10.0.0.100", count=5)
    operator.ping(other, count=3)
    assert "tp_dst=23" in suite.swctl("dump-flows", "br0")
    commit = newest(suite)
    assert commit["process"] == "configdb.1" and "not confirmed" in commit["client"] and commit["note"].startswith("undoes")
    suite.swctl("add-br", "br1")  # and the configuration is open again


def test_a_confirmed_change_stays_and_a_cancelled_one_goes_at_once(suite):
    operator, _ = bridge_of_operator(suite)
    suite.swctl("commit", "--confirm", "3", "--", "set-fail-mode", "br0", "secure", "--", "set-max-idle", "5000")
    suite.swctl("confirm")
    time.sleep(4)
    assert suite.swctl("get-fail-mode", "br0").strip() == "secure"
    assert "confirmed by root" in newest(suite)["note"]
    suite.swctl("del-fail-mode", "br0")

    suite.swctl("--confirm", "600", "del-port", "br0", operator.port)
    assert is_cut_off(operator)
    suite.swctl("cancel")
    wait_for_connection(operator, seconds=5)
    again = suite.swctl("cancel", check=False)
    assert again.returncode == 1 and "nothing awaits" in again.stdout


def test_the_time_runs_on_over_kill_9_of_configdb(suite):
    operator, _ = bridge_of_operator(suite)
    suite.swctl("--confirm", "8", "del-port", "br0", operator.port)
    began = time.monotonic()
    assert is_cut_off(operator)
    suite.kill("configdb.1")
    time.sleep(2)
    suite.up()
    refused = suite.swctl("add-br", "br1", check=False)
    assert refused.returncode == 1 and "awaits confirmation" in refused.stdout, refused.stdout
    assert is_cut_off(operator), "undone before its time"
    wait_for_connection(operator, seconds=15)
    waited = time.monotonic() - began
    assert 7 < waited < 8 + 5, waited


def test_a_deadline_that_passed_while_configdb_was_dead_is_kept_at_its_start(suite):
    operator, _ = bridge_of_operator(suite)
    suite.swctl("--confirm", "2", "del-port", "br0", operator.port)
    suite.kill("configdb.1")
    time.sleep(3)
    assert is_cut_off(operator)
    suite.up()
    wait_for_connection(operator, seconds=10)


def test_rollback_brings_the_configuration_back_and_says_what_is_gone(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("add-flow", "br0", "priority=9,arp,actions=NORMAL")
    before = newest(suite)["version"]
    ports = suite.swctl("list-ports", "br0")
    suite.swctl("set-fail-mode", "br0", "secure", "--", "add-br", "br1")
    difference = suite.swctl("diff", before)
    assert "~ bridge br0" in difference and "+ fail_mode: secure" in difference and "+ bridge br1" in difference
    suite.swctl("del-br", "br0")

    text = suite.swctl("rollback", before)
    assert "without rules" in text and "br0" in text, text
    assert suite.swctl("diff", before).strip() == ""
    assert suite.swctl("list-ports", "br0") == ports and suite.swctl("list-br").split() == ["br0"]
    assert "priority=9" not in suite.swctl("dump-flows", "br0")
    wait_until("the bridge forwards again", lambda: first.ping(second, count=1, wait=1, check=False), seconds=10)

    history = suite.swctl("history", as_json=True)
    assert history[0]["note"].startswith("back to") and history[0]["user"] == "root" and history[0]["client"].startswith("swctl rollback")
    detail = suite.swctl("history", history[1]["version"])
    assert "- bridge br0" in detail and "del-br br0" in detail
    for wrong, why in (("99999", "not known"), ("1.2", "not known"), ("x", "no version")):
        result = suite.swctl("rollback", wrong, check=False)
        assert result.returncode == 1 and why in result.stdout, result.stdout


def test_a_port_that_cannot_be_opened_undoes_the_whole_unconfirmed_change(suite):
    suite.swctl("add-br", "br0")
    result = suite.swctl("--confirm", "60", "add-br", "br1", "--", "add-port", "br0", "nodevice", check=False)
    assert result.returncode == 1 and "the whole change was undone" in result.stdout, result.stdout
    assert suite.swctl("list-br").split() == ["br0"]
    suite.swctl("add-br", "br2")


def test_a_backup_made_while_writing_goes_on_is_of_one_version(suite):
    first, second = suite.bridge_with_hosts(2)
    file = suite.run_dir / "backup"
    for number in range(8):
        writer = suite.namespace.popen("sh", "-c", f"for i in 1 2 3 4 5; do {SWCTL} add-br x{number}$i -- add-br y{number}$i; done",
                                       env=suite.environment)
        suite.swctl("backup", file)
        writer.wait()
        assert not [path for path in suite.run_dir.glob("backup.*")], "something was left beside it"
        suite.swctl("restore", file)
        names = suite.swctl("list-br").split()
        assert {name[1:] for name in names if name[0] == "x"} == {name[1:] for name in names if name[0] == "y"}, "half a transaction"
    suite.swctl("del-br", "br0")
    text = suite.swctl("restore", file)
    assert "without rules" in text
    wait_until("the bridge forwards again", lambda: first.ping(second, count=1, wait=1, check=False), seconds=10)
    assert newest(suite)["note"].startswith("restored")

    whole = file.read_bytes()
    for name, content, why in (("bent", whole[:60] + bytes([whole[60] ^ 1]) + whole[61:], "checksum"), ("cut", whole[:-9], "checksum"),
                               ("foreign", b"#!/bin/sh\n", "is no backup"), ("empty", b"", "is no backup")):
        (suite.run_dir / name).write_bytes(content)
        result = suite.swctl("restore", suite.run_dir / name, check=False)
        assert result.returncode == 1 and why in result.stdout and name in result.stdout, result.stdout
    gone = suite.swctl("restore", suite.run_dir / "nothing", check=False)
    assert gone.returncode == 1 and "No such file" in gone.stdout
    piped = suite.namespace.popen("sh", "-c", f"{SWCTL} backup - >{file}.piped && {SWCTL} restore - <{file}.piped", env=suite.environment)
    assert piped.wait() == 0 and (suite.run_dir / "backup.piped").read_bytes()[:8] == b"BUSBARCF"
    unwritable = suite.swctl("backup", "/proc/backup", check=False)
    assert unwritable.returncode == 1 and "not written" in unwritable.stdout
