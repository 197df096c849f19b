"""Which card to ask about next: representative ones at first, then the mix, and never nothing while there is one."""

import random
from collections import Counter

import pytest

from swipr import asking
from swipr.asking import ANY, FIRST, LOOKED_AT, MOST_UNCERTAIN, ROUND, Candidate, Question, Ways, answered, ask, turn
from swipr.models import Earlier
from tests.contract.values import a_label, later


def first(count):
    return 0


def ways(rows=None, distance=None, rechecks=(), pick=first):
    known = rows or {}
    return Ways(
        rows=lambda asked: {card_id: known[card_id] for card_id in asked if card_id in known},
        distance=distance,
        rechecks=iter(rechecks),
        pick=pick,
    )


def cards(count, distance=None):
    return [Candidate(f"c{number}", distance) for number in range(count)]


def ids(questions):
    return [question.card_id for question in questions]


#: Three groups of cards on a line, and one card that is like no other.
GROUPS = {f"{group}{n}": (at + n / 100, 1.0) for group, at in (("a", 0.0), ("b", 10.0), ("c", 20.0)) for n in range(6)}
ODD = {"odd": (11.0, 12.0)}


def test_at_first_one_of_each_group_is_asked_before_a_second_of_any():
    rows = GROUPS | ODD

    asked = ask([Candidate(name, None) for name in rows], [], ways(rows), labels=0, place=0, wanted=3)

    assert {card_id[0] for card_id in ids(asked)} == {"a", "b", "c"}
    assert {question.chosen_by for question in asked} == {"diverse"}


def test_what_is_labelled_already_is_not_asked_about_by_another_name():
    seen = [(10.02, 1.0), (0.02, 1.0)]

    asked = ask([Candidate(name, None) for name in GROUPS], seen, ways(GROUPS), labels=2, place=0, wanted=1)

    assert ids(asked)[0].startswith("c")


def test_one_at_a_time_is_as_diverse_as_many_at_once():
    rows, seen, left, found = GROUPS | ODD, [], list(GROUPS | ODD), []
    for _ in range(4):
        (question,) = ask([Candidate(n, None) for n in left], seen, ways(rows), labels=len(seen), place=0, wanted=1)
        left.remove(question.card_id)
        seen.append(rows[question.card_id])
        found.append(question.card_id)

    at_once = ask([Candidate(name, None) for name in rows], [], ways(rows), labels=0, place=0, wanted=4)

    assert found == ids(at_once)


def test_the_mix_has_two_of_any_and_a_recheck_in_every_ten():
    assert Counter(turn(place) for place in range(ROUND)) == {"uncertain": 7, "random": 2, "recheck": 1}
    assert [turn(place) for place in range(ROUND)] == [turn(place + 3 * ROUND) for place in range(ROUND)]


def test_the_mix_begins_with_a_model_and_enough_labels():
    near = {"distance": lambda card_id, row: 0.1}
    rows = {f"c{n}": (float(n),) for n in range(9)}

    def chosen_by(labels, **more):
        return ask(cards(9), [], ways(rows, **more), labels=labels, place=0, wanted=1)[0].chosen_by

    assert chosen_by(FIRST, **near) == "uncertain"
    assert chosen_by(FIRST - 1, **near) == "diverse"
    assert chosen_by(5 * FIRST) == "diverse"


def test_uncertain_cards_are_those_the_model_in_charge_is_unsure_of_now():
    rows = {f"c{n}": (float(n),) for n in range(2 * MOST_UNCERTAIN)}
    uncertain = {f"c{n}" for n in range(MOST_UNCERTAIN)}

    def distance(card_id, row):
        return 0.01 if card_id in uncertain else 0.4

    recorded = [Candidate(card_id, 0.4 if card_id in uncertain else 0.01) for card_id in rows]
    asked = ask(recorded, [], ways(rows, distance), labels=50, place=0, wanted=2)

    assert set(ids(asked)) <= uncertain
    assert [question.chosen_by for question in asked] == ["uncertain", "uncertain"]


def test_a_random_question_may_be_about_any_card():
    rows = {"c0": (0.0,)}
    drawn = []

    def last(count):
        drawn.append(count)
        return count - 1

    asked = ask(cards(5), [], ways(rows, lambda card_id, row: 0.0, pick=last), labels=50, place=2, wanted=1)

    assert (asked, drawn) == ([Question("c4", "random")], [5])


def test_a_recheck_is_the_tenth_question_and_another_takes_its_place_where_there_is_none():
    near, place = (lambda card_id, row: 0.1), ROUND - 1

    with_one = ask(cards(3), [], ways(distance=near, rechecks=["old"]), labels=50, place=place, wanted=2)
    without = ask(cards(3), [], ways(distance=near), labels=50, place=place, wanted=2)

    assert with_one == [Question("old", "recheck"), Question("c0", "uncertain")]
    assert without == [Question("c0", "uncertain"), Question("c1", "uncertain")]


def test_a_recheck_is_asked_also_when_no_other_card_is_left():
    asked = ask([], [], ways(distance=lambda card_id, row: 0.1, rechecks=["old"]), labels=50, place=9, wanted=5)

    assert asked == [Question("old", "recheck")]


@pytest.mark.parametrize("known", [0, 1, 3])
@pytest.mark.parametrize("labels", [0, 50])
def test_never_nothing_while_a_card_is_left(known, labels):
    """However few features can be read."""
    rows = {f"c{n}": (float(n), 1.0) for n in range(known)}

    asked = ask(cards(100), [], ways(rows, lambda card_id, row: 0.2), labels=labels, place=0, wanted=200)

    assert sorted(ids(asked)) == sorted(card.card_id for card in cards(100))


def test_without_features_the_recorded_scores_say_which_is_uncertain():
    recorded = [Candidate("far", 0.4), Candidate("near", 0.01), Candidate("unscored", None), Candidate("between", 0.1)]

    asked = ask(recorded, [], ways(distance=lambda card_id, row: 0.0), labels=50, place=3, wanted=4)

    assert ids(asked) == ["near", "between", "unscored", "far"]


@pytest.mark.parametrize("labels", [0, 50])
def test_few_are_looked_at_however_many_there_are(labels):
    looked = []

    def rows(asked):
        looked.extend(asked)
        return {}

    everything = [Candidate(f"c{n}", n / 2000) for n in range(1000)]
    ask(everything, [], ways(distance=lambda card_id, row: 0.0)._replace(rows=rows), labels=labels, place=0, wanted=9)

    assert len(looked) == len(set(looked)) == LOOKED_AT
    if labels:
        assert {f"c{n}" for n in range(LOOKED_AT - ANY)} <= set(looked), "the most uncertain by their recorded scores"
    else:
        assert max(int(card_id[1:]) for card_id in looked) > 900, "of every time"


def test_the_same_draws_ask_the_same():
    rows = {f"c{n}": (random.Random(n).random(), 1.0) for n in range(200)}

    def once():
        pick = random.Random(7).randrange
        return ask(cards(200), [], ways(rows, lambda card_id, row: row[0], pick=pick), labels=50, place=0, wanted=20)

    assert once() == once()
    assert len(set(ids(once()))) == 20


def test_answers_are_counted_with_those_that_were_given_anew():
    asked = a_label("a:1", chosen_by="uncertain")
    again = a_label("a:2", chosen_by="recheck", labelled_at=later(1))
    again = again.model_copy(update={"earlier": (_earlier("random"), _earlier("person"))})

    assert answered([asked, again, a_label("a:3")]) == 3


def _earlier(chosen_by):
    return Earlier(choice="like", chosen_by=chosen_by, labelled_at=later(0))


# a taste in clusters: is it learned with no more labels than random ones would take?


def draw(seed, size=300):
    """Cards of ten unlike groups of unlike sizes, two of which are liked; each row of 8 numbers."""
    source = random.Random(seed)
    middles = [[source.gauss(0, 1) for _ in range(8)] for _ in range(10)]
    groups = source.choices(range(10), weights=[8, 8, 8, 8, 8, 4, 2, 2, 1, 1], k=size)
    rows = {f"c{n}": tuple(source.gauss(at, 0.35) for at in middles[group]) for n, group in enumerate(groups)}
    return rows, {f"c{n}": group in (0, 7) for n, group in enumerate(groups)}


def groups_missed(rows, liked, labelled):
    """Share of cards whose nearest labelled card says the opposite: what a head from these labels could not know."""
    wrong = 0
    for card_id, row in rows.items():
        nearest = min(labelled, key=lambda other: sum((a - b) ** 2 for a, b in zip(row, rows[other], strict=True)))
        wrong += liked[nearest] != liked[card_id]
    return wrong / len(rows)


def test_what_is_asked_at_first_tells_more_than_any_cards():
    gains = []
    for seed in range(10):
        rows, liked = draw(seed)
        asked = ids(ask([Candidate(c, None) for c in rows], [], ways(rows), labels=0, place=0, wanted=12))
        at_random = random.Random(seed).sample(sorted(rows), 12)
        gains.append(groups_missed(rows, liked, at_random) - groups_missed(rows, liked, asked))

    assert sum(gains) / len(gains) > 0.02
    assert asking.FIRST >= 12


def test_rechecks_are_looked_for_only_when_one_is_due():
    def none_yet():
        raise AssertionError("nobody asked for one")
        yield "never"

    asked = ask(cards(9), [], ways(distance=lambda c, r: 0.0, rechecks=none_yet()), labels=50, place=0, wanted=9)

    assert [question.chosen_by for question in asked].count("recheck") == 0
    assert len(asked) == 9
