"""How far can guest `db` grow on this host, and what does it cost? One line for each answer."""

from pathlib import Path

from slotsolver import Plan, format_size, solve
from slotsolver.ingest.problem import read_problem
from slotsolver.size import GiB

FILE = Path(__file__).with_name("problem.yaml")


def main() -> None:
    """Plan the same host with ever larger maxima of its first guest."""
    problem = read_problem(str(FILE))
    db, *others = problem.guests
    print("maximum   answer      slots  step      2 MiB pages left")
    for gib in (96, 128, 160, 192, 256):
        larger = db.model_copy(update={"maximum": gib * GiB})
        answer = solve(problem.model_copy(update={"guests": (larger, *others)}))
        line = f"{gib} GiB".ljust(10) + answer.status.ljust(12)
        if isinstance(answer, Plan):
            planned = answer.guests[0]
            left = [pool.free_after for node in answer.host.nodes for pool in node.pools
                    if pool.page_size == 2 << 20]
            line += f"{planned.slots:<7}{format_size(planned.step):<10}{left}"
        print(line.rstrip())


main()
