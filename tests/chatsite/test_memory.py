"""What is loaded stays out of garbage collection, and what was freed goes back."""

from __future__ import annotations

import json
import subprocess
import sys

from tests import processes

MEASURED = """
import gc, json
from pathlib import Path
from chatsite import memory

def resident():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])

memory.share_one_heap()
kept = [bytes(1000) for _ in range(100_000)]
kept.clear()
before = resident()
memory.keep_what_is_loaded()
print(json.dumps({"frozen": gc.get_freeze_count(), "before": before, "after": resident()}))
"""


def test_what_is_loaded_is_frozen_and_what_was_freed_is_returned():
    done = subprocess.run(
        [sys.executable, "-c", MEASURED],
        cwd=processes.PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    measured = json.loads(done.stdout)
    assert measured["frozen"] > 1000
    assert measured["after"] < measured["before"]


def test_what_nobody_speaks_is_not_loaded_and_daphne_works_without():
    check = (
        "import sys; from chatsite.server import Server; import autobahn.twisted.websocket; "
        "sys.exit(not sys.modules.keys().isdisjoint({'autobahn.wamp.message_fbs', 'OpenSSL.SSL'}))"
    )
    done = subprocess.run([sys.executable, "-c", check], cwd=processes.PROJECT, check=False)
    assert done.returncode == 0
