"""The row commands against real processes: list, find, get, set, add, remove, clear, create, destroy, wait-until, export, import, apply."""
import json
import signal

from suite import BIN, wait_until


def test_one_line_makes_sets_and_answers(suite):
    said = suite.swctl("add-br", "br0", "--", "add-port", "br0", "n1", "type=null", "--", "set", "interface", "n1", "ofport_request=7", "--",
                       "set", "port", "n1", "tag=10", "trunks=20,10", "--", "get", "interface", "n1", "ofport", "tag", "trunks", "type")
    assert said.split("\n") == ["7", "10", "[10, 20]", "null", ""]
    suite.swctl("wait-until", "interface", "n1", "link_state=up", "error=[]")
    assert suite.swctl("--columns=name,ofport", "find", "Interface", "type=null", as_json=True) == [{"name": "n1", "ofport": 7}]
    row = suite.swctl("list", "Port", "n1", as_json=True)[0]
    assert row["mode"] == "null" and row["vlan_mode"] is None and row["bridge"] == "br0"
    assert suite.swctl("get", "bridge", "br0", "ports", "datapath_id").split("\n")[0] == "[n1]"
    assert suite.swctl("--columns=kind,instance", "find", "service", "kind=2", as_json=True)[0]["instance"] == 1


def test_what_is_set_is_acted_on_at_once(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    suite.swctl("set", "port", first.port, "tag=10")
    assert first.ping(second, count=2, wait=1, check=False) == 0
    suite.swctl("set", "port", second.port, "tag=10")
    first.ping(second)
    suite.swctl("clear", "port", first.port, "tag", "--", "clear", "port", second.port, "tag")
    first.ping(second)
    suite.swctl("set", "bridge", "br0", "fail_mode=secure", "--", "set-controller", "br0", "tcp:127.0.0.1:16699", "--", "del-controller", "br0")
    suite.swctl("set", "open_vswitch", ".", "other_config:flow-limit=1000", "kernel_tier=false")
    assert suite.swctl("get", "switch", ".", "other_config:flow-limit", "kernel_tier").split() == ["1000", "false"]


def test_wrong_words_are_refused_and_nothing_is_stored(suite):
    suite.swctl("add-br", "br0", "--", "add-port", "br0", "n1", "type=null")
    before = suite.swctl("export")
    wrong = {
        "set bridge br0 stp_enable=true": "not supported yet",
        "set bridge br0 other_config:forward-bpdu=true": "not supported yet",
        "set bridge br0 external_ids:a=b": "not supported yet",
        "list mirror": "not supported yet",
        "set bridge br0 fail_mod=secure": "did you mean fail_mode?",
        "set brigde br0 fail_mode=secure": "did you mean bridge?",
        "set bridge br1 fail_mode=secure": "there is no bridge br1",
        "set bridge br0 fail_mode=secur": "bridge br0, column fail_mode: 'secur' is not one of standalone|secure",
        "set port n1 tag=5000": "port n1, column tag: 5000 is not in 1 to 4094",
        "set port n1 tag=ten": "'ten' is not a number",
        "set port n1 name=n2": "never changes",
        "set interface n1 ofport=3": "is only read",
        "set interface n1 options:rx=/a": "type null has no option rx",
        "set bridge br0 other_config:mac-aging-time=60 -- set port n1 tag=5000": "5000",
        "set rule 1 priority=2": "only read",
        "get bridge br0 other_config:mac-aging-time": "is not set",
        "create port name=n2": "needs bridge=VALUE",
        "destroy port br0": "LOCAL port",
    }
    for words, text in wrong.items():
        result = suite.swctl(*words.split(), check=False)
        assert result.returncode == 1 and text in result.stdout, (words, result.stdout)
    assert suite.swctl("add-prot", "br0", "x", check=False).stdout == "swctl: there is no command add-prot; did you mean add-port?\n"
    assert suite.swctl("export") == before


def test_rows_that_are_not_there_may_be_passed_over(suite):
    suite.swctl("--if-exists", "set", "port", "n9", "tag=3", "--", "--if-exists", "destroy", "bridge", "br9")
    assert suite.swctl("--if-exists", "get", "port", "n9", "tag") == ""
    suite.swctl("create", "bridge", "name=br0", "other_config:mac-aging-time=60", "--", "create", "port", "name=n1", "bridge=br0", "type=null")
    assert suite.swctl("--if-exists", "get", "bridge", "br0", "other_config:mac-table-size").strip() == ""
    assert suite.swctl("get", "bridge", "br0", "other_config").strip() == "{mac-aging-time=60}"
    suite.swctl("destroy", "bridge", "br0")
    assert suite.swctl("list", "port") == ""


def test_many_change_one_set_and_lose_nothing(suite):
    suite.swctl("add-br", "br0", "--", "add-port", "br0", "n1", "type=null")
    children = [suite.namespace.popen(BIN / "swctl", "add", "port", "n1", "trunks", n, "--", "set", "bridge", "br0", "other_config:mac-table-size+=1",
                                      env=suite.environment) for n in range(1, 13)]
    for child in children:
        out, _ = child.communicate(timeout=60)
        assert child.returncode == 0, out
    assert json.loads(suite.swctl("get", "port", "n1", "trunks")) == list(range(1, 13))
    assert suite.swctl("get", "bridge", "br0", "other_config:mac-table-size").strip() == str(8192 + 12)
    suite.swctl("remove", "port", "n1", "trunks", "1", "2,3")
    assert json.loads(suite.swctl("get", "port", "n1", "trunks")) == list(range(4, 13))


def test_waiting_returns_when_it_is_true_or_time_is_over(suite):
    suite.swctl("add-br", "br0")
    child = suite.namespace.popen(BIN / "swctl", "--timeout", "20", "wait-until", "bridge", "br0", "fail_mode=secure", env=suite.environment)
    suite.swctl("set", "bridge", "br0", "fail_mode=secure")
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 0, out
    result = suite.swctl("--timeout", "0.5", "wait-until", "bridge", "br1", check=False)
    assert result.returncode == 4 and "bridge br1: not true within 500 ms" in result.stdout


def parked(suite):
    detail = next(process["detail"] for process in suite.swctl("status", as_json=True) if process["process"] == "configdb.1")
    return detail["transactions"]["parked"]


def test_changes_are_made_when_a_row_is_as_it_should_be(suite):
    suite.swctl("add-br", "br0", "--", "set", "bridge", "br0", "fail_mode=standalone")
    line = ("when", "bridge", "br0", "fail_mode=secure", "other_config:mac-aging-time!=60", "--", "set", "bridge", "br0", "fail_mode=standalone")
    child = suite.namespace.popen(BIN / "swctl", "--timeout", "20", *line, "other_config:mac-table-size=99", env=suite.environment)
    wait_until("it waits", lambda: parked(suite) == 1)
    suite.swctl("set", "bridge", "br0", "other_config:mac-aging-time=60", "--", "set", "bridge", "br0", "fail_mode=secure")
    assert child.poll() is None and suite.swctl("get", "bridge", "br0", "fail_mode") == "secure\n"
    suite.swctl("clear", "bridge", "br0", "other_config:mac-aging-time")
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 0 and parked(suite) == 0, out
    assert suite.swctl("get", "bridge", "br0", "fail_mode", "other_config:mac-table-size").split() == ["standalone", "99"]
    result = suite.swctl("--timeout", "0.3", *line, check=False)
    said = 'bridge br0, column fail_mode: timed out after 300 ms: it is "standalone", wanted was "secure"'
    assert result.returncode == 4 and said in result.stdout, result.stdout
    result = suite.swctl("when", "port", "br0", "link_state=up", check=False)
    assert result.returncode == 1 and "wait-until waits for it" in result.stdout


def test_a_change_names_who_has_not_applied_it(suite):
    suite.swctl("add-br", "br0")
    suite.kill("slowpath.1", signal.SIGSTOP)
    result = suite.swctl("--timeout", "1", "set", "bridge", "br0", "fail_mode=secure", check=False)
    without = suite.swctl("--no-wait", "set", "bridge", "br0", "other_config:mac-aging-time=60", check=False)
    suite.kill("slowpath.1", signal.SIGCONT)
    assert result.returncode == 4 and "not applied everywhere" in result.stdout and "slowpath.1" in result.stdout, result.stdout
    assert without.returncode == 0, without.stdout
    wait_until("changes are applied again", lambda: suite.swctl("--wait", "set", "bridge", "br0", "fail_mode=standalone", check=False).returncode == 0)
    assert suite.swctl("get", "bridge", "br0", "fail_mode", "other_config:mac-aging-time").split() == ["standalone", "60"]


def test_a_file_brings_everything_back(suite):
    first, second = suite.bridge_with_hosts(2)
    suite.swctl("add-port", "br0", "n1", "type=null", "--", "del-port", first.port, "--", "set", "bridge", "br0", "other_config:mac-aging-time=60")
    suite.swctl("add-port", "br0", first.port, "--", "set", "port", "br0", "vlan_mode=trunk", "--", "set-controller", "br0", "tcp:127.0.0.1:16699")
    path = suite.run_dir / "config.json"
    suite.swctl("export", path)
    assert path.read_text() == suite.swctl("export")
    document = suite.swctl("export", as_json=True)
    assert [port["name"] for port in document["port"]] == sorted(["br0", "n1", first.port, second.port])
    assert suite.swctl("apply", path) == "nothing to change\n"
    suite.swctl("del-br", "br0")
    said = suite.swctl("--dry-run", "apply", path)
    assert "bridge br0 added\n" in said and suite.swctl("list-br") == ""
    assert suite.swctl("apply", path) == said
    assert suite.swctl("export") == path.read_text()
    suite.swctl("del-controller", "br0")
    first.ping(second)


def test_import_keeps_and_apply_removes_what_a_file_does_not_name(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    port_id = suite.swctl("get", "port", first.port, "id")
    path = suite.run_dir / "part.json"
    path.write_text(json.dumps({"format": 1, "bridge": [{"name": "br1"}], "port": [{"name": "n1", "bridge": "br1", "type": "null", "tag": 5}]}))
    assert suite.swctl("import", path) == "bridge br1 added\nport n1 added\n"
    assert suite.swctl("import", path) == "nothing to change\n"
    first.ping(second)
    document = suite.swctl("export", as_json=True)
    document["bridge"].pop(1), document["port"].pop([port["name"] for port in document["port"]].index("n1"))
    document["bridge"][0]["fail_mode"] = "standalone"
    path.write_text(json.dumps(document, indent=2))
    said = suite.swctl("--json", "apply", path)
    assert json.loads(said) == [
        {"table": "port", "row": "n1", "change": "removed"}, {"table": "bridge", "row": "br1", "change": "removed"},
        {"table": "bridge", "row": "br0", "change": "changed", "columns": {"fail_mode": {"from": None, "to": "standalone"}}}], said
    assert suite.swctl("list-br").split() == ["br0"] and suite.swctl("get", "port", first.port, "id") == port_id
    first.ping(second)


def test_a_port_of_a_file_that_cannot_be_opened_stays_and_is_told(suite):
    path = suite.run_dir / "port.json"
    path.write_text(json.dumps({"format": 1, "bridge": [{"name": "br0"}], "port": [{"name": "none0", "bridge": "br0"}]}))
    result = suite.swctl("apply", path, check=False)
    assert result.returncode == 4 and "port none0 added" in result.stdout and "could not be done: port none0: " in result.stdout, result.stdout
    assert suite.swctl("list-ports", "br0").split() == ["none0"]


def test_bad_files_are_named_with_their_line(suite):
    suite.swctl("add-br", "br0")
    before, path = suite.swctl("export"), suite.run_dir / "bad.json"
    bad = {
        '{"format": 1,\n"bridge": [}': "bad.json line 2, column",
        '{"format": 1,\n"bridge": [\n{"name": "br0",\n"fail_mod": "secure"}]}': "bad.json line 4, bridge br0: table bridge has no column fail_mod",
        '{"format": 1,\n"port": [{"name": "n1", "bridge": "br7"}]}': "bad.json line 2, port n1",
        '{"format": 1, "bridge": [{"name": "br0"}], "port": [{"name": "n1", "bridge": "br0", "tag": 5000}]}': "column tag: 5000 is not in 1 to 4094",
        "\x00\x01": "bad.json line 1",
    }
    for text, said in bad.items():
        path.write_text(text)
        result = suite.swctl("apply", path, check=False)
        assert result.returncode == 1 and said in result.stdout, result.stdout
    assert suite.swctl("apply", suite.run_dir / "none.json", check=False).returncode == 1
    assert suite.swctl("apply", "/dev/zero", check=False).returncode == 1
    assert suite.swctl("export") == before


def test_an_export_to_a_full_disk_leaves_the_file_as_it_was(suite):
    result = suite.swctl("export", "/dev/full/x", check=False)
    assert result.returncode == 1 and "/dev/full/x" in result.stdout


def test_help_and_schema_need_no_switch(stopped_suite):
    assert "swctl [--if-exists] set TABLE ROW" in stopped_suite.swctl("help", "set")
    assert "| `fail_mode` |" in stopped_suite.swctl("schema", "bridge")
    assert "complete -o default -F _swctl swctl" in stopped_suite.swctl("completion")
    assert stopped_suite.swctl("help", "ste", check=False).returncode == 1
