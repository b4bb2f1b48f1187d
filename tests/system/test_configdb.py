"""configdb as a process: what it acknowledged survives kill -9, a damaged or full disk is named, and reads go on."""
import threading

import pytest

from suite import BIN, sh, wait_until


def bridges(suite):
    return set(suite.swctl("list-br").split())


@pytest.mark.slow
def test_what_was_acknowledged_survives_kill_9(suite):
    suite.swctl("add-br", "keep")
    for life in range(2):
        done = []

        def work(life=life, done=done):
            for number in range(200):
                name = f"b{life}-{number}"
                if suite.swctl("--timeout", "3", "add-br", name, check=False).returncode != 0:
                    return
                done.append(name)

        worker = threading.Thread(target=work)
        worker.start()
        wait_until("some bridges are acknowledged", lambda: len(done) >= 3, seconds=30)
        suite.kill("configdb.1")
        worker.join()
        suite.up()
        assert set(done) | {"keep"} <= bridges(suite), f"life {life}"
        for name in bridges(suite) - {"keep"}:
            suite.swctl("del-br", name)


def test_without_configdb_changes_are_refused_and_it_says_why(suite):
    suite.swctl("add-br", "br0")
    suite.kill("configdb.1")
    result = suite.swctl("--timeout", "2", "add-br", "br1", check=False)
    assert result.returncode != 0
    assert "configdb" in result.stdout + (result.stderr or "")
    suite.up()
    assert bridges(suite) == {"br0"}


def test_a_damaged_database_is_refused_with_what_to_do(stopped_suite):
    suite = stopped_suite
    suite.up()
    suite.swctl("add-br", "br0")
    suite.down()
    database = suite.run_dir / "db"
    with open(database / "data.mdb", "r+b") as data:
        data.write(b"\x5a" * 16384)
    result = sh(BIN / "busbar-configdb", "--run", suite.run_dir, check=False)
    assert result.returncode == 1
    assert "damaged" in result.stdout and "good copy" in result.stdout and str(database) in result.stdout
    database.rename(suite.run_dir / "db.damaged")
    suite.up()
    assert "br0" not in bridges(suite)


def test_a_full_disk_refuses_changes_and_serves_reads_until_there_is_room(stopped_suite):
    suite = stopped_suite
    disk = suite.run_dir / "disk"
    disk.mkdir()
    sh("mount", "-t", "tmpfs", "-o", "size=112k", "tmpfs", str(disk))
    try:
        suite.up("--db", disk / "db")
        refused = None
        for number in range(150):
            refused = suite.swctl("add-br", f"b{number}", check=False)
            if refused.returncode != 0:
                break
        assert refused.returncode != 0, "the disk did not get full"
        assert "could not be written" in refused.stdout + (refused.stderr or "")
        kept = bridges(suite)
        assert kept == {f"b{i}" for i in range(number)}
        sh("mount", "-o", "remount,size=8m", str(disk))
        wait_until("changes are taken again", lambda: suite.swctl("add-br", "room", check=False).returncode == 0)
        assert bridges(suite) == kept | {"room"}
        suite.down()
    finally:
        sh("umount", "-l", str(disk))
