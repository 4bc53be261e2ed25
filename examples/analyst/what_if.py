"""How far can guest `db` grow on this host, and what does that cost? One line for each answer."""

from pathlib import Path

from slotsolver import Plan, format_size, solve
from slotsolver.ingest.problem import read_problem
from slotsolver.size import GiB, MiB

PROBLEM = Path(__file__).with_name("problem.yaml")


def main() -> None:
    """Plan the same guests on the same host, with ever larger maxima of the first guest."""
    problem = read_problem(str(PROBLEM))
    db, *others = problem.guests
    print("maximum  answer      slots  largest DIMM  2 MiB pages left on nodes 0 to 3")
    for gib in (64, 80, 96, 112, 128):
        larger = db.model_copy(update={"maximum": gib * GiB})
        answer = solve(problem.model_copy(update={"guests": (larger, *others)}))
        line = f"{gib:3} GiB  {answer.status:12}"
        if isinstance(answer, Plan) and answer.host is not None:
            pools = [pool for node in answer.host.nodes for pool in node.pools]
            left = [pool.free_after for pool in pools if pool.page_size == 2 * MiB]
            planned = answer.guests[0]
            line += f"{planned.slots:5}  {format_size(planned.step):>12}  {left}"
        print(line.rstrip())


main()
