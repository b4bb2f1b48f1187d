"""Prometheus takes what deploy/prometheus tells it; every alert comes when it should, not before, and goes again: made-up series, judged by promtool."""
import json
import os
import re

import pytest

from suite import ROOT, sh

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
SERVICES = ("configdb", "slowpath", "ofagent", "fastpath")
STEP = 5  # seconds between samples, and between looks at the rules
yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed (deploy/deps --test)")
pytestmark = pytest.mark.skipif(not os.path.exists("/usr/bin/promtool"), reason="promtool is not installed (deploy/deps --test)")


def steps(*parts):
    """Samples of a series: (value, seconds it stays) one after the other, the last one for good."""
    *parts, (last, _) = [(value, seconds) for value, seconds in parts]
    return " ".join([f"{value}+0x{seconds // STEP - 1}" for value, seconds in parts] + [f"{last}+0x1000"])


def wrong(good, bad, seconds, until=60):
    """Well for a minute, then not for so many seconds, then well again."""
    return steps((good, until), (bad, seconds), (good, 0))


# Of each alert: the process that it is about, its series, the seconds at which it is still pending, fires, and has gone; labels and what its
# text calls the value, where it has them (None: a label that the alert does not have). Series named with `quiet` are those that must raise nothing, those
# with `always` the series `up` of another service. A second switch, west, has all its services all the time.
CASES = {
    "BusbarProcessAway": ("slowpath.1", {"up": wrong(1, 0, 60)}, (70, 80, 120), {}, None),
    "BusbarNobodyThere": ("ofagent.1", {"up": f"1+0x{60 // STEP} stale _x{60 // STEP - 1} 1+0x1000", **{f"always {kind}": "1+0x1000" for kind in
                                                                                       ("configdb", "slowpath", "fastpath")}},
                          (85, 100, 130), {"process": None, "instance": None, "job": None}, None),
    "BusbarUnhealthy": ("fastpath.1", {"busbar_healthy": wrong(1, 0, 60)}, (70, 80, 120), {}, None),
    "BusbarConfigurationNotApplied": ("configdb.1", {"busbar_configdb_version": steps((5, 60), (6, 0)),
                                                     "busbar_configdb_least_applied_version": steps((5, 150), (6, 0))}, (100, 105, 150), {}, None),
    "BusbarDropsRising": ("fastpath.1", {"busbar_fastpath_drops_total": f"0+0x{60 // STEP} 500+500x{120 // STEP} 12500+0x1000",
                                         "quiet busbar_fastpath_drops_total": "0+500x1000"}, (85, 150, 250),
                          {"reason": "no_slowpath", "quiet reason": "rule"}, "100"),
    "BusbarNoSlowpath": ("fastpath.2", {"busbar_fastpath_sessions_open": wrong(2, 0, 60)}, (65, 75, 120), {}, None),
    "BusbarPortDown": ("fastpath.1", {"busbar_fastpath_ports_up": wrong(3, 2, 90), "busbar_fastpath_ports": "3+0x1000"}, (110, 125, 155), {}, None),
    "BusbarWaitingRoomFull": ("fastpath.1", {"busbar_fastpath_waiting_packets": wrong(800, 801, 60), "busbar_fastpath_waiting_packets_max": "1000+0x1000"},
                              (65, 75, 120), {}, None),
    "BusbarFlowTableFull": ("fastpath.1", {"busbar_fastpath_flows": wrong(950, 951, 120), "busbar_fastpath_flows_max": "1000+0x1000"},
                            (110, 125, 180), {}, None),
    "BusbarControllerAway": ("ofagent.1", {"busbar_ofagent_controllers_connected": wrong(2, 1, 60), "busbar_ofagent_controllers": "2+0x1000"},
                             (70, 80, 120), {}, None),
    "BusbarMemoryGrowing": ("ofagent.1", {"process_resident_memory_bytes": f"1e8+0x{3600 // STEP} 1.005e8+5e5x{7200 // STEP} 8.2e8+0x2000"},
                            (5000, 8000, 13000), {}, "343.3Mi"),
    "BusbarFilesRunningOut": ("configdb.1", {"process_open_fds": wrong(921, 922, 120), "process_max_fds": "1024+0x1000"}, (110, 125, 180), {}, None),
    "BusbarDatabaseRefusing": ("configdb.1", {"busbar_configdb_refusing": wrong(0, 1, 60)}, (60, 70, 120), {}, None),
}


def rules():
    return {rule["alert"]: rule for group in yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"] for rule in group["rules"]}


def as_alert(rule, labels, value):
    """The alert that comes of a rule."""
    def filled(text):
        text = re.sub(r"{{ \$labels\.(\w+) }}", lambda match: labels[match[1]], text)
        return re.sub(r"{{ \$value \| \w+ }}", value or "", text)

    return {"exp_labels": {**labels, **rule["labels"]}, "exp_annotations": {name: filled(text) for name, text in rule["annotations"].items()}}


def case_of(name, rule):
    process, series, (pending, fires, gone), more, value = CASES[name]
    common = {"job": "busbar", "switch": "east", "process": process, "instance": process, "service": process.split(".")[0]}
    loud = {**common, **{label: text for label, text in more.items() if text is not None and not label.startswith("quiet ")}}
    told = {label: text for label, text in loud.items() if more.get(label, text) is not None}
    quiet = {**common, **{label.removeprefix("quiet "): text for label, text in more.items() if label.startswith("quiet ")}}
    inputs = [{"series": f'up{{job="busbar",switch="west",service="{kind}",process="{kind}.1"}}', "values": "1+0x4000"} for kind in SERVICES]
    for metric, values in series.items():
        if metric.startswith("always "):
            inputs.append({"series": f'up{{job="busbar",switch="east",service="{metric.removeprefix("always ")}"}}', "values": values})
            continue
        labels = ",".join(f"{label}={json.dumps(text)}" for label, text in (quiet if metric.startswith("quiet ") else loud).items())
        inputs.append({"series": f"{metric.removeprefix('quiet ')}{{{labels}}}", "values": values})
    expected = [(pending, []), (fires, [as_alert(rule, told, value)]), (gone, [])]
    return {"interval": f"{STEP}s", "input_series": inputs,
            "alert_rule_test": [{"eval_time": f"{at}s", "alertname": name, "exp_alerts": alerts} for at, alerts in expected]}


def judge(directory, name, case):
    """By the rule alone: the others, looked at for hours of steps, would cost more than all the rest."""
    path, alone = directory / f"{name}.json", directory / f"{name}.rule.json"
    alone.write_text(json.dumps({"groups": [{"name": "busbar", "rules": [rules()[case["alert_rule_test"][0]["alertname"]]]}]}), encoding="utf-8")
    path.write_text(json.dumps({"rule_files": [str(alone)], "evaluation_interval": f"{STEP}s", "tests": [case]}), encoding="utf-8")
    return sh("promtool", "test", "rules", path, check=False)


def test_prometheus_takes_the_configuration():
    sh("promtool", "check", "rules", ALERTS)
    for name in ("prometheus.yml", "two-switches.yml"):
        sh("promtool", "check", "config", "--syntax-only", ALERTS.with_name(name))


def test_every_alert_says_of_which_switch():
    for name, rule in rules().items():
        assert "{{ $labels.switch }}" in rule["annotations"]["summary"], name


def test_nobody_at_all_is_told_of(tmp_path):
    rule = rules()["BusbarNobodyThere"]
    case = {"interval": f"{STEP}s", "input_series": [{"series": "up{job=\"other\"}", "values": "1+0x1000"}],
            "alert_rule_test": [{"eval_time": "60s", "alertname": "BusbarNobodyThere",
                                 "exp_alerts": [as_alert(rule, {"service": "process", "switch": "any switch"}, None)]}]}
    said = judge(tmp_path, "nobody", case)
    assert said.returncode == 0, said.stdout


def test_every_alert_has_a_case():
    assert set(rules()) == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_it_comes_stays_and_goes(tmp_path, name):
    case = case_of(name, rules()[name])
    said = judge(tmp_path, name, case)
    assert said.returncode == 0, said.stdout
    case["alert_rule_test"][2]["exp_alerts"] = case["alert_rule_test"][1]["exp_alerts"]  # a judge who lets that pass is none
    assert judge(tmp_path, name, case).returncode != 0
