"""Time every case and an empty CP-SAT call in one process; print a table, write JSON.

``python -m benchmarks [--runs N] [--json FILE]``. A time is the median of the runs, from the
problem to the checked plan, or to the proof that there is none and the rules that contradict each
other; the ratio is to building and solving a model of two variables.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from ortools.sat.python import cp_model

from benchmarks.cases import CASES
from slotsolver import Infeasible, Plan, Problem, solve


def seconds(work: Callable[[], object], runs: int) -> list[float]:
    """Wall time of each run."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def empty_call() -> None:
    """Build and solve a model of two variables."""
    model = cp_model.CpModel()
    x, y = model.new_int_var(0, 9, ""), model.new_int_var(0, 9, "")
    model.add(x + y == 9)
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.solve(model)


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    empty = seconds(empty_call, 200)
    unit = statistics.median(empty)
    report = {"empty_call": empty, "cases": {}}
    print(f"empty CP-SAT call: {unit * 1000:.3f} ms")
    print(f"{'case':50} {'status':9} {'median':>10} {'worst':>10} {'x empty':>9}")
    for name, mapping in CASES.items():
        problem = Problem.model_validate(mapping)
        answer = solve(problem, reasons="conflict")
        times = seconds(lambda problem=problem: solve(problem, reasons="conflict"), options.runs)
        median = statistics.median(times)
        print(
            f"{name:50} {answer.status:9} {median * 1000:7.1f} ms {max(times) * 1000:7.1f} ms "
            f"{median / unit:9.0f}"
        )
        values = [o.value for o in answer.objectives] if isinstance(answer, Plan) else []
        report["cases"][name] = {"status": answer.status, "values": values, "seconds": times}
        if isinstance(answer, Infeasible):
            longer = seconds(lambda problem=problem: solve(problem), 1)
            print(f"{'    with all that would help':50} {'':9} {longer[0] * 1000:7.1f} ms")
            report["cases"][name]["remedies_seconds"] = longer
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
