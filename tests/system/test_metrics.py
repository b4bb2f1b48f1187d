"""Metrics as operators get them: a switch with traffic, every process scraped and read by a strict parser, and a real Prometheus that runs the
alerts and the queries of the dashboard."""
import html
import json
import os
import re
import socket
import subprocess
import time
import urllib.parse

import pytest

from suite import BIN, PYTHON, ROOT, sh, wait_until

parser = pytest.importorskip("prometheus_client.openmetrics.parser", reason="python3-prometheus-client is not installed (deploy/deps --test)")
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/busbar.json"
CONSOLE = ROOT / "deploy/prometheus/consoles/busbar.html"
SECTION = r"<section><h2>(.*?)</h2>(.*?)</section>"  # of that
CONFIG = ROOT / "deploy/prometheus/prometheus.yml"
TWO = CONFIG.with_name("two-switches.yml")
PROCESSES = {"configdb.1", "slowpath.1", "ofagent.1", "fastpath.1"}
PROMETHEUS = "127.0.0.1:9090"
GET = """
import sys, urllib.request, urllib.error
try:
    answer = urllib.request.urlopen(urllib.request.Request(sys.argv[1], method=sys.argv[2]), timeout=10)
except urllib.error.HTTPError as error:
    answer = error
print(answer.status, answer.headers.get("Content-Type", ""))
sys.stdout.flush()
sys.stdout.buffer.write(answer.read())
"""


def get(suite, url, method="GET"):
    """Status, content type, text."""
    head, _, body = suite.namespace.run(PYTHON, "-c", GET, url, method).stdout.partition("\n")
    status, _, kind = head.partition(" ")
    return int(status), kind, body


def addresses(suite):
    """Where each process answers, as it tells Prometheus."""
    found = {}
    for path in suite.run_dir.glob("*.metrics.json"):
        (group,) = json.loads(path.read_text())
        assert path.name == group["labels"]["process"] + ".metrics.json"
        assert group["labels"]["process"].startswith(group["labels"]["service"] + ".")
        (found[group["labels"]["process"]],) = group["targets"]
    return found


def scrape(suite, process):
    """All samples, {(name, labels as a sorted tuple): value}, read strictly."""
    status, kind, text = get(suite, f"http://{addresses(suite)[process]}/metrics")
    assert status == 200 and kind.startswith("application/openmetrics-text; version=1.0.0")
    samples = {}
    for family in parser.text_string_to_metric_families(text):
        assert family.documentation, family.name
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in samples, key
            samples[key] = sample.value
    return samples


def value(samples, name, **labels):
    return samples[(name, tuple(sorted(labels.items())))]


def alerts():
    """[(name, expression, annotations)] of alerts.yml."""
    yaml = pytest.importorskip("yaml", reason="python3-yaml is not installed")
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    return [(rule["alert"], rule["expr"], rule["annotations"]) for rule in rules]


def queries():
    """[(title, expression)] of the dashboard."""
    return [(panel["title"], target["expr"]) for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]


def shown(expression, switch):
    """A query as Grafana asks it when that switch is chosen."""
    return expression.replace("$switch", switch)


def names_in(expression):
    """Metrics that an expression names: labels and texts are taken out first."""
    bare = re.sub(r"\{[^}]*\}|\b(?:by|without|on)\s*\([^)]*\)", "", expression)
    return set(re.findall(r"\b(?:busbar|process)_\w+", bare))


@pytest.fixture
def watched(stopped_suite):
    stopped_suite.up("--metrics", "127.0.0.1:9464+")
    return stopped_suite


def make_traffic(suite):
    one, two = suite.bridge_with_hosts(2)
    suite.ofctl("add-flow", "br0", "priority=10,ip,nw_dst=10.9.9.9,actions=drop")
    suite.ofctl("add-flow", "br0", "priority=1,actions=NORMAL")
    wait_until("hosts reach each other", lambda: one.ping(two, count=1, check=False) == 1)
    one.ping(two, count=20)
    one.run("ping", "-c", 5, "-i", 0.05, "-W", 1, "10.9.9.9", check=False)
    return one, two


def differences(suite):
    """What a scrape of the fastpath says otherwise than dp show, asked right behind it."""
    samples = scrape(suite, "fastpath.1")
    shown = suite.shards()[1]
    totals = shown["totals"]
    ours = {"received": value(samples, "busbar_fastpath_received_packets_total"), "sent": value(samples, "busbar_fastpath_sent_packets_total"),
            "copies": value(samples, "busbar_fastpath_copies_total"), "misses": value(samples, "busbar_fastpath_lookups_total", stage="miss"),
            "exact_hits": value(samples, "busbar_fastpath_lookups_total", stage="exact"),
            "megaflow_hits": value(samples, "busbar_fastpath_lookups_total", stage="megaflow"),
            "packets_out": value(samples, "busbar_fastpath_packet_outs_total")}
    wrong = [f"{name}: {ours[name]} and {totals[name]}" for name in ours if ours[name] != totals[name]]
    drops = {labels[0][1]: n for (name, labels), n in samples.items() if name == "busbar_fastpath_drops_total"}
    wrong += [f"drops {reason}: {n} and {totals['drops'].get(reason, 0)}" for reason, n in drops.items() if n != totals["drops"].get(reason, 0)]
    wrong += [f"event {name}: {n}" for name, n in shown["counts"].items() if n != value(samples, "busbar_fastpath_events_total", event=name)]
    wrong += [f"flows {shown['flows']}"] if value(samples, "busbar_fastpath_flows") != shown["flows"] else []
    for port in shown["ports"]:
        n = value(samples, "busbar_fastpath_port_received_packets_total", port=port["name"])
        wrong += [f"port {port['name']}: {n} and {port['rx_packets']}"] if n != port["rx_packets"] else []
    return wrong


def test_every_process_tells_what_swctl_tells(watched):
    make_traffic(watched)
    assert set(addresses(watched)) == PROCESSES
    assert len(set(addresses(watched).values())) == 4

    last = []
    wait_until("a scrape equals dp show at a quiet moment", lambda: not last.__setitem__(slice(None), differences(watched)) and not last, every=0.3)
    fastpath = scrape(watched, "fastpath.1")
    assert value(fastpath, "busbar_fastpath_received_packets_total") >= 40
    assert value(fastpath, "busbar_fastpath_flow_setup_seconds_count") >= 2
    reasons = re.findall(r'^DROP\(\w+, "(\w+)"', (ROOT / "lib/dp/drops.def").read_text(), re.M)
    assert len(reasons) > 30 and all(("busbar_fastpath_drops_total", (("reason", reason),)) in fastpath for reason in reasons)
    assert value(fastpath, "busbar_fastpath_ports_up") >= 2 and value(fastpath, "busbar_fastpath_sessions_open") == 1

    said = {process["process"]: process for process in watched.swctl("status", as_json=True)}
    assert set(said) >= PROCESSES
    configdb = scrape(watched, "configdb.1")
    for process in PROCESSES:
        samples = scrape(watched, process)
        assert value(samples, "busbar_healthy") == 1
        assert [labels for name, labels in samples if name == "busbar_build_info"][0][0] == ("process", process)
        started = value(samples, "process_start_time_seconds")
        assert abs(started - os.stat(f"/proc/{watched.pid(process)}").st_ctime) < 5 and time.time() - 300 < started < time.time() + 1
        resident = int(open(f"/proc/{watched.pid(process)}/statm", encoding="ascii").read().split()[1]) * os.sysconf("SC_PAGESIZE")
        assert abs(value(samples, "process_resident_memory_bytes") - resident) < 0.2 * resident
        assert abs(value(samples, "process_open_fds") - len(os.listdir(f"/proc/{watched.pid(process)}/fd"))) <= 3
    wait_until("all processes follow the newest version", lambda: value(scrape(watched, "configdb.1"), "busbar_configdb_readers_behind") == 0)
    configdb = scrape(watched, "configdb.1")
    newest = value(configdb, "busbar_configdb_version")
    assert newest == value(configdb, "busbar_configdb_least_applied_version")
    assert newest == value(scrape(watched, "slowpath.1"), "busbar_slowpath_version") == value(scrape(watched, "ofagent.1"), "busbar_ofagent_version")
    assert newest == value(scrape(watched, "fastpath.1"), "busbar_fastpath_version")
    assert value(configdb, "busbar_configdb_rows", table="rule") == 2 == value(scrape(watched, "ofagent.1"), "busbar_ofagent_rules")
    assert value(configdb, "busbar_configdb_transaction_seconds_count", **{"class": "configuration"}) >= 3
    assert value(configdb, "busbar_configdb_transaction_seconds_count", **{"class": "rules"}) >= 2
    ofagent = scrape(watched, "ofagent.1")
    assert value(ofagent, "busbar_ofagent_flow_mods_total") == 2
    assert value(ofagent, "busbar_ofagent_barriers_total") == value(ofagent, "busbar_ofagent_barrier_seconds_count") >= 1


def test_health_says_what_is_wrong_and_files_go_with_their_process(watched):
    url = f"http://{addresses(watched)['fastpath.1']}"
    wait_until("the fastpath is well", lambda: get(watched, url + "/healthz")[0] == 200)
    assert get(watched, url + "/healthz")[2] == "ok\n"
    assert get(watched, url + "/metrics", "HEAD")[::2] == (200, "")
    assert get(watched, url + "/metrics", "POST")[0] == 405 and get(watched, url + "/")[0] == 404
    watched.kill("slowpath.1")
    wait_until("the fastpath is not well", lambda: get(watched, url + "/healthz")[0] == 503)
    health = watched.swctl("health", "fastpath.1", check=False)
    assert get(watched, url + "/healthz")[2].strip() in health.stdout and health.returncode != 0
    assert value(scrape(watched, "fastpath.1"), "busbar_healthy") == 0
    assert "slowpath.1" in addresses(watched)  # it has not ended in good order: somebody should hear of it
    watched.kill("ofagent.1", 15)
    assert "ofagent.1" not in addresses(watched)
    watched.up()  # --metrics is remembered
    assert set(addresses(watched)) == PROCESSES
    wait_until("the fastpath is well again", lambda: get(watched, url + "/healthz")[0] == 200)
    watched.down()
    assert not addresses(watched)


@pytest.mark.parametrize("gone, unwell", [
    ("configdb.1", ("slowpath.1", "ofagent.1", "fastpath.1")),
    ("slowpath.1", ("ofagent.1", "fastpath.1")),
    ("fastpath.1", ("slowpath.1", "ofagent.1")),
    ("ofagent.1", ()),
])
def test_who_misses_a_peer_is_not_well_and_says_which(watched, gone, unwell):
    rest = sorted(PROCESSES - {gone})
    state = lambda name: watched.swctl("health", name, check=False)
    wait_until("all are well", lambda: all(state(name).returncode == 0 for name in PROCESSES))
    watched.kill(gone)
    wait_until("those without it say so", lambda: all((state(name).returncode != 0) == (name in unwell) for name in rest))
    for name in unwell:
        assert gone.split(".")[0] in state(name).stdout, state(name).stdout
    watched.up()
    wait_until("all are well again", lambda: all(state(name).returncode == 0 for name in PROCESSES))


def test_nobody_misses_a_process_that_was_stopped_in_order(watched):
    """Scaled down: no socket of it is left that somebody could ask."""
    watched.up("--slowpath", "2", "--ofagent", "2")
    wait_until("two of each answer", lambda: all(name in watched.swctl("status") for name in ("slowpath.2", "ofagent.2")))
    for name in ("slowpath.2", "ofagent.2"):
        watched.kill(name, 15)
    wait_until("status is whole without them", lambda: watched.swctl("status", check=False).returncode == 0)
    assert not [p.name for p in watched.run_dir.iterdir() if ".slowpath.2" in p.name or ".ofagent.2" in p.name]


def test_a_taken_address_is_told_and_a_wrong_one_refused(tmp_path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        taken = f"127.0.0.1:{holder.getsockname()[1]}"
        command = [str(BIN / "busbar-configdb"), "--run", str(tmp_path), "--db", str(tmp_path / "db"), "--metrics"]
        refused = subprocess.run([*command, "127.0.0.1"], capture_output=True, text=True, timeout=20)
        assert refused.returncode == 1 and "ADDRESS:PORT is expected" in refused.stderr
        with subprocess.Popen([*command, taken], stderr=subprocess.PIPE, text=True) as process:
            try:
                wait_until("configdb is there", (tmp_path / "control.configdb.1").exists)
                status = subprocess.run([str(BIN / "swctl"), "--run", str(tmp_path), "status"], capture_output=True, text=True, timeout=20)
                assert status.returncode == 0 and f"metrics: {taken}: Address already in use" in status.stdout
            finally:
                process.terminate()
                said = process.communicate(timeout=20)[1]
        assert process.returncode == 0 and "metrics_unanswered" in said and not list(tmp_path.glob("*.metrics.*"))


def test_alerts_and_dashboard_name_metrics_that_are_delivered(watched):
    make_traffic(watched)
    delivered = {name for process in PROCESSES for name, _ in scrape(watched, process)}
    for title, expression in queries() + [(name, expression) for name, expression, _ in alerts()]:
        names = names_in(expression)
        assert names <= delivered, f"{title}: {names - delivered} are not delivered"
        assert names or re.search(r"\bup{", expression), title
    manual = (ROOT / "docs/operations.md").read_text()
    for name, _, annotations in alerts():
        assert annotations["summary"], name
        assert annotations["runbook"] == f"docs/operations.md#{name.lower()}"
        assert f"\n### {name}\n" in manual, f"docs/operations.md says nothing of {name}"


def test_every_query_of_the_dashboard_is_of_the_switches_that_are_chosen():
    (variable,) = [variable for variable in json.loads(DASHBOARD.read_text())["templating"]["list"] if variable["name"] == "switch"]
    assert variable["query"]["query"] == 'label_values(up{job="busbar"}, switch)' and variable["multi"] and variable["includeAll"]
    for title, expression in queries():
        selectors = re.findall(r"\b(?:busbar|process)_\w+(\{[^}]*\})?", re.sub(r"\b(?:by|on)\s*\([^)]*\)", "", expression))
        assert selectors and all('switch=~"$switch"' in selector for selector in selectors), f"{title}: {expression}"
        assert "sum by (switch" in expression or "sum by (" not in expression, f"{title}: {expression} adds up switches"
    targets = [target for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    assert all(target["legendFormat"].startswith("{{switch}} ") for target in targets)


def test_the_console_has_the_panels_and_queries_of_the_dashboard():
    """Of all switches: it has no choice."""
    found = []
    for title, rows in re.findall(SECTION, CONSOLE.read_text(encoding="ascii"), re.S):
        found += [(title, expression) for expression in re.findall(r'{{template "series" args "\w+" "[^"]*" `(.*?)`}}', rows)]
    assert found == [(title, re.sub(r',switch=~"\$switch"|{switch=~"\$switch"}', "", expression)) for title, expression in queries()]


class Prometheus:
    def __init__(self, suite, config=CONFIG):
        self.suite = suite
        self.dir = suite.run_dir / "prometheus"
        self.dir.mkdir()
        config = config.read_text().replace("/run/busbar", str(suite.run_dir)).replace("[alerts.yml]", f"[{ALERTS}]")
        config = config.replace("scrape_interval: 5s", "scrape_interval: 1s").replace("scrape_timeout: 2s", "scrape_timeout: 1s")
        (self.dir / "prometheus.yml").write_text(config)
        sh("promtool", "check", "config", self.dir / "prometheus.yml")
        self.log = open(self.dir / "log", "wb")
        self.process = suite.namespace.popen("prometheus", f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                                             f"--web.console.templates={CONSOLE.parent}", f"--web.listen-address={PROMETHEUS}",
                                             stdout=self.log, stderr=subprocess.STDOUT)

    def query(self, expression):
        url = f"http://{PROMETHEUS}/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        result = json.loads(get(self.suite, url)[2])
        assert result["status"] == "success", f"{expression}: {result}"
        return result["data"]["result"]

    def rows(self):
        """What the console shows: {title: [[series, now, most], ...]}."""
        status, kind, page = get(self.suite, f"http://{PROMETHEUS}/consoles/{CONSOLE.name}")
        assert status == 200 and kind.startswith("text/html"), page
        row = re.compile(r"<tr><td>(.*?)</td>\s*<td>(.*?)</td>\s*<td>(.*?)</td>", re.S)
        return {html.unescape(title): [[cell.strip() for cell in cells] for cells in row.findall(rows)]
                for title, rows in re.findall(SECTION, page, re.S)}

    def up(self):
        try:
            return {r["metric"]["instance"] for r in self.query('up{job="busbar"} == 1')}
        except (AssertionError, ValueError):
            return set()

    def pairs(self, expression):
        """The switch and process of each series."""
        try:
            return {(r["metric"].get("switch"), r["metric"].get("process")) for r in self.query(expression)}
        except (AssertionError, ValueError):
            return set()

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=20)
        self.log.close()


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/usr/bin/prometheus"), reason="prometheus is not installed (deploy/deps --test)")
def test_prometheus_reads_it_and_alerts_come(watched):
    sh("promtool", "check", "rules", ALERTS)
    one, two = make_traffic(watched)
    prometheus = Prometheus(watched)
    try:
        wait_until("all four are scraped", lambda: prometheus.up() == PROCESSES, seconds=30, every=0.5)
        one.ping(two, count=60, interval=0.1)  # so that there are rates
        wait_until("rates are known", lambda: prometheus.query("rate(busbar_fastpath_received_packets_total[1m]) > 0"), seconds=20, every=0.5)
        for title, expression in queries():
            assert prometheus.query(shown(expression, "busbar")), f"{title}: {expression} gives nothing"
        rows = prometheus.rows()
        assert set(rows) == {title for title, _ in queries()} and all(rows.values()), rows
        assert sorted(rows["Processes that are well"]) == [[f"{process} busbar", "1", "1"] for process in sorted(PROCESSES)], rows
        received = {series: float(now) for series, now, _ in rows["Packets a second"]}["fastpath.1 busbar received"]
        assert received > 0.5, rows
        for name, expression, _ in alerts():
            assert not prometheus.query(expression), f"{name} comes although all is well"
        watched.kill("slowpath.1")
        expressions = {name: expression for name, expression, _ in alerts()}
        for name in ("BusbarProcessAway", "BusbarNoSlowpath", "BusbarUnhealthy"):
            wait_until(f"{name} would come", lambda n=name: prometheus.query(expressions[n]), seconds=15, every=0.5)
        away = prometheus.query(expressions["BusbarProcessAway"])
        assert [r["metric"]["process"] for r in away] == ["slowpath.1"]
        watched.swctl("set-controller", "br0", "tcp:127.0.0.1:6699")
        wait_until("BusbarControllerAway would come", lambda: prometheus.query(expressions["BusbarControllerAway"]), seconds=15, every=0.5)
        fires = 'ALERTS{alertname="BusbarProcessAway",alertstate="firing"}'
        wait_until("BusbarProcessAway comes", lambda: prometheus.query(fires), seconds=40, every=1)
    finally:
        prometheus.close()


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/usr/bin/prometheus"), reason="prometheus is not installed (deploy/deps --test)")
def test_one_prometheus_tells_two_switches_apart(watched):
    """As deploy/prometheus/two-switches.yml has it: one found in its run directory, the other by the addresses it was started with."""
    one, two = make_traffic(watched)
    west = watched.run_dir / "west"
    watched.namespace.run("ip", "addr", "add", "192.0.2.2/32", "dev", "lo")
    watched.namespace.run(ROOT / "deploy/up", "--run", west, "--metrics", "192.0.2.2:9464+", env=watched.environment)
    prometheus = Prometheus(watched, TWO)
    try:
        everybody = {(switch, process) for switch in ("east", "west") for process in PROCESSES}
        wait_until("all eight are scraped", lambda: prometheus.pairs('up{job="busbar"} == 1') == everybody, seconds=30, every=0.5)
        one.ping(two, count=60, interval=0.1)
        wait_until("rates are known", lambda: prometheus.query("rate(busbar_fastpath_received_packets_total[1m]) > 0"), seconds=20, every=0.5)
        for title, expression in queries():
            assert {switch for switch, _ in prometheus.pairs(shown(expression, "east"))} == {"east"}, f"{title}: {expression}"
            assert {switch for switch, _ in prometheus.pairs(shown(expression, "west"))} <= {"west"}, f"{title}: {expression}"
        assert prometheus.pairs(shown("busbar_healthy{switch=~\"$switch\"}", "east|west")) == everybody
        expressions = {name: expression for name, expression, _ in alerts()}
        for name, expression in expressions.items():
            assert not prometheus.query(expression), f"{name} comes although all is well"
        os.kill(int((west / "slowpath.1.pid").read_text().split()[0]), 9)
        wait_until("west lacks its slowpath", lambda: prometheus.pairs(expressions["BusbarProcessAway"]) == {("west", "slowpath.1")}, seconds=15, every=0.5)
        watched.down()
        wait_until("nobody of east is there", lambda: len(prometheus.query(expressions["BusbarNobodyThere"])) == 4, seconds=30, every=0.5)
        assert prometheus.pairs(expressions["BusbarNobodyThere"]) == {("east", None)}
    finally:
        prometheus.close()
        watched.namespace.run(ROOT / "deploy/down", "--run", west)
