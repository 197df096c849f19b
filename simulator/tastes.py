"""Hidden tastes: a seeded rule over what can be seen of a person, with a little noise near its edge.

Colours of backdrop, clothes and hair weigh most, patterns next, then glasses and headwear. Skin, age and name never
count. The edge lies where the wished share of people is liked.
"""

import math
import random
from collections.abc import Mapping
from functools import cache

from simulator.palettes import BACKDROPS, CLOTHES, HAIR
from simulator.people import CALM_SCENERY, Person, person

CALIBRATION_PEOPLE = 400
NOISE = 0.35
#: Likes per hundred people.
LIKES_PERCENT = (36, 48)

Weights = Mapping[str, float]


class Taste:
    """One user's hidden taste. `weights` None: a rule made from `seed`; others change that rule."""

    def __init__(self, seed: int, weights: Weights | None = None) -> None:
        self.seed = seed
        self.weights = dict(_rule(seed)) | dict(weights or {})
        ranked = sorted(map(self.score, _calibration_people()), reverse=True)
        percent = random.Random(f"share/{seed}").randint(*LIKES_PERCENT)
        self._edge = ranked[len(ranked) * percent // 100]

    def score(self, who: Person) -> float:
        """How much there is to like, without noise; a person's photos count alike."""
        scenes = sum(
            sum(self.weights.get(trait, 0.0) for trait in _scene_traits(who, i)) for i in range(len(who.scenes))
        )
        return scenes / max(1, len(who.scenes)) + sum(self.weights.get(trait, 0.0) for trait in _look_traits(who))

    def likes(self, who: Person) -> bool:
        noise = random.Random(f"noise/{self.seed}/{who.card_id}").gauss(0, NOISE)
        return self.score(who) + noise > self._edge


@cache
def _calibration_people() -> tuple[Person, ...]:
    return tuple(person(0, i) for i in range(CALIBRATION_PEOPLE))


@cache
def _rule(seed: int) -> Weights:
    rng = random.Random(f"taste/{seed}")
    weights: dict[str, float] = {}
    for kind, families, strength in (("backdrop", BACKDROPS, 1.6), ("clothes", CLOTHES, 1.2), ("hair", HAIR, 0.8)):
        spread = [strength * math.cos(math.pi * i / (len(families) - 1)) for i in range(len(families))]
        rng.shuffle(spread)
        weights |= {f"{kind}:{family}": weight for family, weight in zip(families, spread, strict=True)}
    sign = rng.choice((-1, 1))
    weights |= {"patterned": 0.8 * sign, "busy": 0.7 * sign, "glasses": rng.choice((-0.3, 0.3)), "headwear": 0.25}
    return weights


def _scene_traits(who: Person, i: int) -> list[str]:
    scene = who.scenes[i]
    traits = [f"backdrop:{scene.backdrop_family}", f"clothes:{scene.clothes_family}"]
    traits += ["patterned"] if scene.pattern != "plain" else []
    return traits + (["busy"] if scene.scenery not in CALM_SCENERY else [])


def _look_traits(who: Person) -> list[str]:
    look = who.look
    traits = [f"hair:{look.hair_family}"] if look.hair_style != "bald" else []
    traits += ["glasses"] if look.glasses != "none" else []
    return traits + (["headwear"] if look.headwear != "none" else [])


def traits(who: Person) -> dict[str, object]:
    """What a taste may look at, for whoever wants to explain the truth."""
    return {"look": _look_traits(who), "scenes": [_scene_traits(who, i) for i in range(len(who.scenes))]}
