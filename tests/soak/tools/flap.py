#!/usr/bin/python3
"""Ports that flap, as fast as the kernel and the switch allow: devices go down and up, are deleted and made again, leave the configuration and
come back, while frames go into them. Runs in the namespace of the switch; both ends of its devices are there.

Prints {"what": how often}, and "refused": what swctl said when it said no, when standard input ends or after --times; every port is in order then.
"""
import argparse
import collections
import json
import os
import random
import select
import socket
import subprocess
import sys
import time

FRAME = bytes.fromhex("ffffffffffff0a0a0a0a0a0a08004500002e0000000040112ab80a0900010a090002138813890012") + bytes(20)


def run(*command):
    return subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=30)


class Flapper:
    def __init__(self, args):
        self.args, self.counts, self.refused = args, collections.Counter(), collections.Counter()
        self.random = random.Random(args.seed)
        self.names = [f"{args.prefix}{i}" for i in range(args.ports)]
        self.sockets = {}
        for name in self.names:
            self.make(name)
            self.add(name)

    def peer(self, name):
        return name + "x"

    def make(self, name):
        run("ip", "link", "add", name, "up", "type", "veth", "peer", "name", self.peer(name))
        run("ip", "link", "set", self.peer(name), "up")

    def add(self, name):
        self.swctl("--timeout", 5, "--may-exist", "add-port", self.args.bridge, name, f"ofport_request={self.args.first + self.names.index(name)}")

    def swctl(self, *words):
        said = run(self.args.swctl, *words)
        if said.returncode != 0:
            self.refused[said.stdout.strip()[:160]] += 1

    def send(self):
        for name in self.names:
            try:
                if name not in self.sockets:
                    self.sockets[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                    self.sockets[name].bind((self.peer(name), 0))
                for _ in range(8):
                    source = self.random.randrange(1 << 16).to_bytes(2, "big")
                    self.sockets[name].send(FRAME[:10] + source + FRAME[12:34] + source + FRAME[36:])
                self.counts["frames"] += 8
            except OSError:
                if name in self.sockets:
                    self.sockets.pop(name).close()

    def disturb(self):
        name = self.random.choice(self.names)
        what = self.random.choice(["down and up", "peer down and up", "deleted and made again", "out and in", "removed while deleted", "renamed"])
        if what == "down and up":
            run("ip", "link", "set", name, "down")
            self.send()
            run("ip", "link", "set", name, "up")
        elif what == "peer down and up":
            run("ip", "link", "set", self.peer(name), "down")
            self.send()
            run("ip", "link", "set", self.peer(name), "up")
        elif what == "deleted and made again":
            run("ip", "link", "del", name)
            self.send()
            self.make(name)
        elif what == "out and in":
            self.swctl("--timeout", 5, "--if-exists", "del-port", name)
            self.send()
            self.add(name)
        elif what == "removed while deleted":
            run("ip", "link", "del", name)
            self.swctl("--timeout", 5, "--if-exists", "del-port", name)
            self.make(name)
            self.add(name)
        else:
            run("ip", "link", "set", name, "down", "name", name + "r")
            self.send()
            run("ip", "link", "set", name + "r", "name", name, "up")
        self.counts[what] += 1

    def run_to_end(self):
        n = 0
        while n < self.args.times if self.args.times else not select.select([sys.stdin], [], [], 0)[0]:
            n += 1
            self.send()
            self.disturb()
            time.sleep(self.args.pause)
        for name in self.names:
            if not os.path.exists(f"/sys/class/net/{name}"):
                self.make(name)
            self.add(name)
        print(json.dumps(dict(self.counts, refused=dict(self.refused))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--prefix", required=True)
    parser.add_argument("--swctl", required=True)
    parser.add_argument("--bridge", default="br0")
    parser.add_argument("--ports", type=int, default=4)
    parser.add_argument("--first", type=int, default=20, help="OpenFlow number of the first")
    parser.add_argument("--times", type=int, default=0, help="so often, rather than until standard input ends")
    parser.add_argument("--pause", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=1)
    Flapper(parser.parse_args()).run_to_end()


if __name__ == "__main__":
    sys.exit(main())
