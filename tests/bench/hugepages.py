"""Pages of 2 MB for a benchmark: reserved while it needs them, then given back."""
import sys
import time
from pathlib import Path

from suite import sh

COUNT = Path("/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages")
HUGETLBFS = Path("/dev/hugepages")
PAGE_MB = 2
PATIENCE_SECONDS = 5


class Hugepages:
    """So many more of them while this lives, and the file system that DPDK takes them from. Close in the opposite order of opening."""

    def __init__(self, pages):
        self.before = int(COUNT.read_text(encoding="ascii"))
        self.is_mounted_here = not HUGETLBFS.is_mount()
        if self.is_mounted_here:
            HUGETLBFS.mkdir(exist_ok=True)
            sh("mount", "-t", "hugetlbfs", "none", HUGETLBFS)
        COUNT.write_text(str(self.before + pages), encoding="ascii")
        have = int(COUNT.read_text(encoding="ascii")) - self.before
        if have < pages:
            self.close()
            raise AssertionError(f"{pages} hugepages of 2 MB are needed, the machine has room for {have}")

    def close(self):
        for path in HUGETLBFS.glob("benchmap_*"):  # the files of Open vSwitch, by its --file-prefix
            path.unlink()
        if self.is_mounted_here:
            sh("umount", HUGETLBFS, check=False)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:  # a page that some program still holds stays until it lets go
            COUNT.write_text(str(self.before), encoding="ascii")
            left = int(COUNT.read_text(encoding="ascii")) - self.before
            if left <= 0:
                return
            if time.monotonic() > deadline:
                print(f"hugepages: {left} of them are held by another program and could not be given back", file=sys.stderr)
                return
            time.sleep(0.1)
