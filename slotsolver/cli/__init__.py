"""The command line: parse, call the API, print. It decides nothing.

A command is a module with ``add`` (its arguments) and ``run`` (what it does), and returns the exit
code: 0 done, 1 a defect of slotsolver, 2 bad usage or bad input, 3 proved infeasible or a rule
violated, 4 undecided within the time limit.
"""

from slotsolver.cli.app import main

__all__ = ["main"]
