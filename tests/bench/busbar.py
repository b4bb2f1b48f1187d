"""Our switch as the benchmarks in memory use it: captures in, nowhere out, the forwarding thread alone on its core."""
import sys
import time

import contract
import workloads
from hugepages import Hugepages
from suite import Suite, sh, wait_until

FORWARDING_CORE, OTHER_CORE = "1", "0"
PAGES = 64  # of 2 MB, which the fastpath takes its frames from when there are any, as the peer does


class Busbar:
    NAME = "Busbar"

    def __init__(self, captures, rule_file, groups=(), slowpaths=1):
        self.suite = Suite()
        self.captures = captures
        self.sent_before = 0
        self.pages = None
        try:
            self.pages = Hugepages(PAGES)
            self.slowpaths = [f"slowpath.{index + 1}" for index in range(slowpaths)]
            self.suite.up("--slowpath", str(slowpaths))
            for service in ("configdb.1", "ofagent.1", *self.slowpaths):
                sh("taskset", "-acp", OTHER_CORE, self.suite.pid(service))
            sh("taskset", "-acp", f"{OTHER_CORE},{FORWARDING_CORE}", self.pid())
            sh("taskset", "-cp", FORWARDING_CORE, self.pid())  # the thread that forwards; its helpers go where there is time
            self.suite.swctl("add-br", "br0")
            self.suite.swctl("set-fail-mode", "br0", "secure")
            self.suite.swctl("add-port", "br0", "pout", "type=null", f"ofport_request={workloads.OUT}")
            for group in groups:
                self.suite.swctl("add-group", "br0", group)
            self.suite.swctl("add-flows", "br0", rule_file)
        except BaseException:
            self.close()
            raise

    def pid(self, service="fastpath.1"):
        return self.suite.pid(service)

    def go_on(self):
        """Opens the captures; returns when packets of them have been sent."""
        words = []
        for index, capture in enumerate(self.captures):
            words += ["--"] * bool(words) + ["add-port", "br0", f"pin{index}", "type=pcap", f"options:rx={capture}", "options:repeat=true",
                                             f"ofport_request={workloads.FIRST_IN + index}"]
        self.suite.swctl(*words, timeout=120)
        wait_until("packets are forwarded", lambda: self.counters()["sent"] > self.sent_before)

    def pause(self):
        words = []
        for index in range(len(self.captures)):
            words += ["--"] * bool(words) + ["del-port", "br0", f"pin{index}"]
        self.suite.swctl(*words)
        self.sent_before = self.counters()["sent"]

    def show(self):
        shard, = self.suite.swctl("dp", "show", as_json=True)
        return shard

    def flows(self):
        """Megaflows in the shard."""
        return self.show()["flows"]

    def counters(self):
        shard = self.show()
        ports = {port["name"]: port for port in shard["ports"]}
        return {"received": sum(port["rx_packets"] for name, port in ports.items() if name.startswith("pin")),
                "sent": ports["pout"]["tx_packets"], "at": time.monotonic(), **{k: shard["totals"][k] for k in (
                    "exact_hits", "megaflow_hits", "misses")}}

    def measure(self, seconds):
        """{mpps, sent_mpps, ns (processor time a packet), busy (share of the core), cpu_seconds, exact, megaflow (shares)}."""
        cpu, before = contract.thread_times(self.pid()), self.counters()
        time.sleep(seconds)
        after, cpu_after = self.counters(), contract.thread_times(self.pid())
        busy, used = contract.busiest_thread(cpu, cpu_after)
        grown = {name: after[name] - before[name] for name in before}
        packets, elapsed = max(grown["received"], 1), grown["at"]
        return {"mpps": packets / elapsed / 1e6, "sent_mpps": grown["sent"] / elapsed / 1e6, "ns": busy / packets * 1e9,
                "busy": busy / elapsed, "cpu_seconds": used, "exact": grown["exact_hits"] / packets,
                "megaflow": grown["megaflow_hits"] / packets}

    def shares(self, found):
        return f"exact {found['exact']:.1%}, megaflow {found['megaflow']:.1%}"

    def close(self):
        left = self.suite.close()
        if left:
            print(f"left behind: {left}", file=sys.stderr)
        if self.pages is not None:
            self.pages.close()
