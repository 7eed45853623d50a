"""Who holds a place, whose turn it is, who leaves first; no ElasticDL, no Kubernetes."""

from __future__ import annotations

import itertools
import threading

from trainer.elasticdl.crew import Crew, Turn


def never() -> bool:
    return False


def crew_of(minimum: int, standbys: int = 0) -> Crew:
    crew = Crew(minimum, standbys)
    crew.fill(itertools.count().__next__)
    return crew


def turns(crew: Crew, *workers: int) -> list[Turn]:
    return [crew.turn(worker, never, 0) for worker in workers]


def test_places_are_filled_once_however_often_one_looks() -> None:
    crew, numbers = Crew(2, 1), itertools.count()
    assert crew.fill(numbers.__next__) == [0, 1, 2]
    assert crew.fill(numbers.__next__) == []
    crew.want(4)
    assert crew.fill(numbers.__next__) == [3, 4]
    crew.remove(0)
    crew.remove(0)
    assert crew.fill(numbers.__next__) == [5]


def test_one_that_ended_holds_its_place_until_it_is_gone() -> None:
    crew, numbers = Crew(2, 0), itertools.count()
    crew.fill(numbers.__next__)
    crew.end(0)
    assert crew.fill(numbers.__next__) == []
    crew.remove(0)
    assert crew.fill(numbers.__next__) == [2]
    assert crew.lost == {0}


def test_growth_puts_nobody_to_work_in_the_standbys_place_before_the_new_one_is_there() -> None:
    crew = crew_of(2, standbys=1)
    assert turns(crew, 0, 1, 2) == [Turn.WORK, Turn.WORK, Turn.WAIT]
    crew.want(3)
    crew.fill(lambda: 3)
    assert turns(crew, 2) == [Turn.WAIT]
    assert turns(crew, 3, 2) == [Turn.WORK, Turn.WAIT]
    assert crew.is_standby(2)


def test_a_lost_worker_beyond_the_least_does_not_cost_the_standby() -> None:
    crew = crew_of(2, standbys=1)
    crew.want(3)
    crew.fill(lambda: 3)
    turns(crew, 0, 1, 2, 3, 2)
    at_work = [worker for worker in range(4) if not crew.is_standby(worker)]
    crew.remove(at_work[0])
    (standby,) = set(range(4)) - set(at_work)
    assert turns(crew, standby) == [Turn.WAIT]
    crew.remove(at_work[1])
    assert turns(crew, standby) == [Turn.WORK]


def test_who_leaves_first() -> None:
    crew = crew_of(5, standbys=1)
    for worker in (0, 1, 2, 3, 5):
        crew.place(worker)
    assert turns(crew, 0, 1, 2) == [Turn.WORK] * 3
    crew.want(0)
    assert crew.surplus(busy={2}) == [4, 5, 3, 1, 0]
    crew.want(-1)
    assert crew.surplus(busy={2}) == [4, 5, 3, 1, 0, 2]


def test_of_those_with_a_task_the_newest_leaves_and_a_standby_last_of_all() -> None:
    crew = crew_of(2, standbys=1)
    turns(crew, 0, 1, 2)
    crew.want(1)
    assert crew.surplus(busy={0, 1}) == [1]


def test_one_that_is_to_leave_is_told_so_at_its_next_question_even_while_it_waits_for_its_turn() -> None:
    crew = crew_of(1, standbys=1)
    turns(crew, 0)
    told: list[Turn] = []
    waiting = threading.Thread(target=lambda: told.append(crew.turn(1, never, 10)))
    waiting.start()
    crew.leave(1)
    waiting.join(5)
    assert told == [Turn.LEAVE]
    crew.leave(0)
    assert turns(crew, 0) == [Turn.LEAVE]
    assert set(crew.leaving()) == {0, 1}


def test_once_the_job_is_finished_everybody_hears_how_it_ends() -> None:
    crew = crew_of(1, standbys=1)
    turns(crew, 0)
    assert crew.turn(1, lambda: True, 0) is Turn.WORK


def test_a_stranger_and_a_lost_one_get_nothing() -> None:
    crew = crew_of(1)
    crew.end(0)
    assert turns(crew, 0, 7) == [Turn.WAIT, Turn.WAIT]
