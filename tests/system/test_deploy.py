"""deploy/up and deploy/down: what they start, what they leave alone, what they say."""
import os
import stat

from suite import BIN, SERVICES, wait_until


def test_up_starts_four_processes_and_down_stops_them(stopped_suite):
    suite = stopped_suite
    said = suite.up().stdout
    assert suite.alive() == set(SERVICES)
    for service in SERVICES:
        assert f"{service} " in said and (suite.run_dir / f"{service}.ready").exists()
        assert (suite.run_dir / f"{service}.log").exists()
    said = suite.down().stdout
    assert said.count("stopped") == len(SERVICES), said
    assert suite.alive() == set()
    assert not [path for path in suite.run_dir.iterdir() if path.suffix in (".pid", ".ready", ".live", ".path") or path.name == "bpf"]


def test_up_again_leaves_what_runs_alone(suite):
    pids = {service: suite.pid(service) for service in SERVICES}
    said = suite.up().stdout
    assert said.count("running already") == len(SERVICES)
    assert pids == {service: suite.pid(service) for service in SERVICES}


def test_up_starts_only_what_is_missing(suite):
    pids = {service: suite.pid(service) for service in SERVICES}
    suite.kill("slowpath.1")
    said = suite.up().stdout
    assert said.count("running already") == 3 and said.count("started") == 1, said
    assert suite.alive() == set(SERVICES)
    assert suite.pid("slowpath.1") != pids["slowpath.1"]
    assert suite.pid("fastpath.1") == pids["fastpath.1"]


def test_up_cuts_a_log_that_has_grown_while_its_process_writes(suite):
    log, older = suite.run_dir / "fastpath.1.log", suite.run_dir / "fastpath.1.log.1"
    suite.up()
    assert not older.exists()
    size = log.stat().st_size + 17 * 1024 * 1024
    os.truncate(log, size)
    suite.up()
    assert older.stat().st_size == 16 * 1024 * 1024 and log.stat().st_size < 1024 * 1024  # its end is kept
    suite.swctl("add-br", "br-log")
    wait_until("the process writes on", lambda: log.stat().st_size > 0)
    assert b"\0" not in log.read_bytes()


def test_up_names_the_process_that_dies_at_start(stopped_suite, tmp_path):
    broken = tmp_path / "bin"
    broken.mkdir()
    for program in BIN.iterdir():
        (broken / program.name).symlink_to(program)
    (broken / "busbar-slowpath").unlink()
    (broken / "busbar-slowpath").write_text("#!/bin/sh\necho no luck today >&2\nexit 7\n")
    (broken / "busbar-slowpath").chmod(0o755)
    result = stopped_suite.up(check=False, BUSBAR_BIN=str(broken))
    assert result.returncode == 1
    line = [line for line in result.stdout.splitlines() if line.startswith("slowpath.1")]
    assert line and "died at start: no luck today" in line[0], result.stdout


def test_wrong_use_of_up_is_refused_and_starts_nothing(stopped_suite):
    for arguments, said in ((["--slowpath", "17"], "at most 16"),
                            (["--fastpath", "17"], "at most 16"), (["--fastpath", "x"], "--fastpath x"), (["--what"], "--what"),
                            (["--db"], "--db"), (["--listen", "here"], "tcp://ADDRESS:PORT"), (["--metrics", "here"], "ADDRESS:PORT+")):
        result = stopped_suite.up(*arguments, check=False)
        assert result.returncode == 2 and said in result.stdout, result.stdout
    assert not (stopped_suite.run_dir / "listen").exists(), "a mistyped address is remembered"
    assert stopped_suite.alive() == set()


def test_files_and_sockets_are_closed_to_other_users(suite):
    for path in suite.run_dir.rglob("*"):
        mode = path.lstat().st_mode
        assert mode & stat.S_IRWXO == 0, f"{path}: {stat.filemode(mode)}"


def test_a_second_process_of_the_same_name_is_refused(suite):
    pid = suite.pid("slowpath.1")
    result = suite.namespace.run(BIN / "busbar-slowpath", "--run", suite.run_dir, "--instance", 1, check=False)
    assert result.returncode == 1 and f"runs already in {os.path.realpath(suite.run_dir)} (pid {pid})" in result.stdout
    assert suite.pid("slowpath.1") == pid


def test_status_names_every_process_and_says_that_it_runs(suite):
    status = {entry["process"]: entry["state"] for entry in suite.swctl("status", as_json=True)}
    assert status == {service: "running" for service in SERVICES}
    suite.kill("slowpath.1")
    result = suite.swctl("status", check=False)
    assert result.returncode != 0 and "slowpath.1" in result.stdout
