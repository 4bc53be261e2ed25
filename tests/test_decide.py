"""Whether a model has any solution: several settings in turn, two of which must agree on none."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ortools.sat.python import cp_model

from slotsolver import decide as decide_module
from slotsolver.clock import Clock
from slotsolver.decide import FIRST_SLICE, LONELY_SLICE, LONGER, SETTINGS, Setting, decide
from slotsolver.errors import DefectError

NONE, FOUND, OPEN = cp_model.INFEASIBLE, cp_model.FEASIBLE, cp_model.UNKNOWN


def host(model: cp_model.CpModel | None = None) -> Any:
    """What is looked at of a host's model."""
    return SimpleNamespace(model=model or cp_model.CpModel())


Answers = dict[Setting, tuple[float, Any]]
WITH = [setting for setting in SETTINGS if setting.presolve]
WITHOUT = [setting for setting in SETTINGS if not setting.presolve]


class Script:
    """Stands in for the solver: an answer for each setting from some slice on, OPEN before."""

    def __init__(self, answers: Answers) -> None:
        self.answers = answers
        self.asked: list[tuple[Setting, float]] = []

    def __call__(self, _host: Any, solver: cp_model.CpSolver, clock: Clock) -> Any:
        """The answer to the setting of ``solver``, and the time it takes on ``clock``."""
        parameters = solver.parameters
        limit = round(parameters.max_deterministic_time, 6)
        setting = Setting(
            parameters.cp_model_presolve,
            parameters.linearization_level,
            parameters.add_lp_constraints_lazily,
        )
        self.asked.append((setting, limit))
        needed, answer = self.answers.get(setting, (1e9, OPEN))
        clock.deterministic += min(needed, limit)
        return answer if needed <= limit else OPEN


def scripted(
    monkeypatch: pytest.MonkeyPatch, answers: Answers, clock: Clock | None = None
) -> tuple[Any, Script]:
    """What :func:`decide` says where the solver answers so, and what it asked."""
    script = Script(answers)
    monkeypatch.setattr(decide_module, "_solve", script)
    return decide(host(), clock or Clock(None))[0], script


def test_the_first_solution_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other setting is asked, whatever was proven before."""
    answers = {SETTINGS[0]: (0.0, NONE), SETTINGS[2]: (0.0, FOUND)}
    status, script = scripted(monkeypatch, answers)
    assert status == FOUND
    assert [setting for setting, _ in script.asked] == [SETTINGS[0], SETTINGS[2]]


@pytest.mark.parametrize("first", SETTINGS)
def test_a_proof_is_confirmed_next(monkeypatch: pytest.MonkeyPatch, first: Setting) -> None:
    """Presolve's other setting follows at once, in the same round or the next."""
    _, script = scripted(monkeypatch, {first: (0.0, NONE)}, Clock(None, allowed=2.0))
    asked = [setting for setting, _ in script.asked]
    after = asked[asked.index(first) + 1]
    assert after.presolve != first.presolve


@pytest.mark.parametrize("quick", SETTINGS)
def test_whichever_setting_is_quick_finds_it(
    monkeypatch: pytest.MonkeyPatch, quick: Setting
) -> None:
    """The others get a slice each, and no more."""
    status, script = scripted(monkeypatch, {quick: (FIRST_SLICE / 2, FOUND)})
    assert status == FOUND
    assert [limit for _, limit in script.asked] == [FIRST_SLICE] * len(script.asked)


@pytest.mark.parametrize("first", WITH)
@pytest.mark.parametrize("second", WITHOUT)
def test_presolve_on_and_off_must_agree(
    monkeypatch: pytest.MonkeyPatch, first: Setting, second: Setting
) -> None:
    """One proof with and one without, whatever else differs, say that there is no solution."""
    status, script = scripted(monkeypatch, {first: (0.0, NONE), second: (0.0, NONE)})
    assert status == NONE
    assert len(script.asked) <= len(SETTINGS)


@pytest.mark.parametrize(("sure", "other"), [(WITH, WITHOUT), (WITHOUT, WITH)])
def test_one_presolve_setting_has_the_time_to_contradict(
    monkeypatch: pytest.MonkeyPatch, sure: list[Setting], other: list[Setting]
) -> None:
    """Two proofs with the same presolve do not yet end it: the other finds a solution a little
    later."""
    answers = dict.fromkeys(sure, (0.0, NONE)) | {other[-1]: (LONELY_SLICE, FOUND)}
    assert scripted(monkeypatch, answers)[0] == FOUND


@pytest.mark.parametrize("sure", [WITH, WITHOUT])
def test_two_proofs_are_enough_where_the_other_presolve_stays_open(
    monkeypatch: pytest.MonkeyPatch, sure: list[Setting]
) -> None:
    """It is not waited for until all time is spent, and what is proven is not asked again."""
    clock = Clock(None)
    status, script = scripted(monkeypatch, dict.fromkeys(sure, (0.0, NONE)), clock)
    assert status == NONE
    assert not clock.spent
    assert max(limit for _, limit in script.asked) == LONELY_SLICE
    for setting in sure:
        assert sum(asked == setting for asked, _ in script.asked) == 1


@pytest.mark.parametrize("setting", SETTINGS)
def test_one_proof_alone_is_none(monkeypatch: pytest.MonkeyPatch, setting: Setting) -> None:
    """Nothing confirms it until the time is spent, so it stays open."""
    clock = Clock(None)
    status, _ = scripted(monkeypatch, {setting: (0.0, NONE)}, clock)
    assert status == OPEN
    assert clock.spent


def test_slices_grow_until_the_time_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is allowed is used, and the last slice is what is left."""
    slices = [FIRST_SLICE * LONGER**number for number in range(3) for _ in SETTINGS]
    clock = Clock(None, allowed=sum(slices) - FIRST_SLICE)
    status, script = scripted(monkeypatch, {}, clock)
    limits = [limit for _, limit in script.asked]
    assert status == OPEN
    assert limits == [pytest.approx(s) for s in [*slices[:-1], slices[-1] - FIRST_SLICE]]
    assert clock.spent


def test_no_time_is_no_answer() -> None:
    """A limit that has passed leaves everything open."""
    model = cp_model.CpModel()
    model.add_bool_or([])
    assert decide(host(model), Clock(0.0))[0] == OPEN


def pigeons(birds: int, holes: int) -> cp_model.CpModel:
    """Each bird in a hole of its own."""
    model = cp_model.CpModel()
    place = [[model.new_bool_var("") for _ in range(holes)] for _ in range(birds)]
    for row in place:
        model.add_exactly_one(row)
    for column in zip(*place, strict=True):
        model.add_at_most_one(column)
    return model


@pytest.mark.parametrize(("birds", "status"), [(5, NONE), (4, cp_model.OPTIMAL)])
def test_the_real_solver_decides_the_same_every_time(birds: int, status: Any) -> None:
    """Answer, solution and time are those of the first run."""
    found = []
    for _ in range(3):
        clock = Clock(None)
        answer, solver = decide(host(pigeons(birds, 4)), clock)
        assert answer == status
        found.append((clock.deterministic, list(solver.response_proto.solution)))
    assert found[0] == found[1] == found[2]


def test_an_invalid_model_is_a_defect() -> None:
    """It is not taken for one without solution."""
    model = cp_model.CpModel()
    most = 2**62
    model.add(model.new_int_var(-most, most, "") * 4 == 0)
    with pytest.raises(DefectError, match="invalid"):
        decide(host(model), Clock(None))
