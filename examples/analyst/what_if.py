"""How far can guest `db` grow on this host, and what does that cost? One line for each answer."""

from pathlib import Path

from slotsolver import Plan, format_size, solve
from slotsolver.ingest.problem import read_problem
from slotsolver.size import GiB

PROBLEM = Path(__file__).with_name("problem.yaml")


def main() -> None:
    """Plan the same guests on the same host, with ever larger maxima of the first guest."""
    problem = read_problem(str(PROBLEM))
    db, *others = problem.guests
    print("maximum  answer      slots  imbalance  distance")
    for gib in (64, 80, 96, 112, 128):
        larger = db.model_copy(update={"maximum": gib * GiB})
        guests = (larger, *others)
        answer = solve(problem.model_copy(update={"guests": guests}), reasons="none")
        line = f"{gib:3} GiB  {answer.status:12}"
        if isinstance(answer, Plan):
            value = {objective.kind: objective.value for objective in answer.objectives}
            imbalance = format_size(value["least-imbalance"])
            line += f"{value['fewest-slots']:5}  {imbalance:>9}  {value['shortest-distance']:>8}"
        print(line.rstrip())


main()
