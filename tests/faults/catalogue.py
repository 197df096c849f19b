"""Every case, in the order of the table in the promises."""

from tests.faults import (
    crash,
    deck,
    delivery,
    handoffs,
    kill,
    objects,
    poison,
    races,
    schedule,
    stateful,
    storm,
    switch,
)
from tests.faults.outcome import Case

MODULES = (crash, storm, delivery, objects, handoffs, schedule, poison, races, switch, deck, kill, stateful)
CASES: list[Case] = [case for module in MODULES for case in module.CASES]
