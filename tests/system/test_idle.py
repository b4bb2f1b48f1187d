"""An idle switch costs next to nothing: the budget of the design is 2 % of a core for all processes together."""
import os
import time
from pathlib import Path

from suite import SERVICES

BUDGET, SECONDS = 0.02, 8


def cpu_seconds(suite):
    used = {}
    for service in SERVICES:
        fields = Path(f"/proc/{suite.pid(service)}/stat").read_text().rpartition(")")[2].split()
        used[service] = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used


def test_idle_switch_uses_under_two_percent_of_a_core(suite):
    first, second = suite.bridge_with_hosts(2)
    first.ping(second)
    time.sleep(3)  # busy polling after traffic ends
    before = cpu_seconds(suite)
    time.sleep(SECONDS)
    used = {service: cpu - before[service] for service, cpu in cpu_seconds(suite).items()}
    print(f"CPU seconds in {SECONDS} s: {used}")
    assert sum(used.values()) < BUDGET * SECONDS + 0.02  # the kernel counts in ticks of 10 ms
