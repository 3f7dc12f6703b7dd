"""What Python workers of `cargo xtask bench` share: the lines of README.md."""

import sys
import time

import numpy as np


def say(*words):
    print(*words, sep="\t", flush=True)


# Milliseconds before anything counts, as for the others.
WARM = 60


def times(run, milliseconds):
    warm = time.perf_counter_ns() + WARM * 1_000_000
    run()
    while time.perf_counter_ns() < warm:
        run()
    taken, end = [], time.perf_counter_ns() + milliseconds * 1_000_000
    while len(taken) < 3 or time.perf_counter_ns() < end:
        start = time.perf_counter_ns()
        run()
        taken.append(time.perf_counter_ns() - start)
    return taken


def serve(entries):
    """Contestants as (task, name, what runs): names them, and does what standard input says."""
    contestants = {}
    for task, name, run in entries:
        contestants[task, name] = run
        say("contestant", task, name)
    say("ready")
    for line in sys.stdin:
        match line.rstrip("\n").split("\t"):
            case ["run", task, name, milliseconds]:
                say(*times(contestants[task, name], int(milliseconds)))
            case ["result", task, name, file]:
                run = contestants[task, name]
                np.asarray(run.result() if hasattr(run, "result") else run()).astype("<f4").tofile(file)
                say("ok")
            case words:
                raise SystemExit(f"not understood: {words}")
