"""Made-up people: who they are, how they look, and in which scenes they are drawn; all from one seed."""

import hashlib
import random
from dataclasses import dataclass
from typing import Final

from simulator.palettes import BACKDROPS, CLOTHES, FRAMES, HAIR, IRIS, SKIN, TRINKETS, Colour

HAIR_STYLES: Final = (
    "short", "side_part", "quiff", "curly", "afro", "buzz", "bald", "bob", "fringe", "long", "wavy", "bun",
    "ponytail", "braids",
)  # fmt: skip
FACES: Final = ("oval", "round", "square", "heart")
EYES: Final = ("round", "dots", "almond", "smiling")
MOUTHS: Final = ("smile", "grin", "calm", "smirk")
GLASSES: Final = ("none", "none", "none", "round", "square", "sunglasses")
BEARDS: Final = ("none", "none", "none", "stubble", "full", "moustache", "goatee")
HEADWEAR: Final = ("none", "none", "none", "none", "none", "beanie", "cap", "headband", "flower")
EXTRAS: Final = ("none", "none", "earrings", "necklace", "scarf", "headphones")
SCENERY: Final = ("plain", "sun", "dots", "diagonal", "waves", "hills", "leaves", "city", "confetti", "tiles")
PATTERNS: Final = ("plain", "stripes", "pinstripes", "diagonal", "checks", "dots", "zigzag")
CUTS: Final = ("crew", "vneck", "shirt", "turtleneck", "hoodie", "jacket", "dungarees")
CALM_SCENERY: Final = frozenset({"plain", "sun", "hills", "city"})

_NAMES: Final = (
    "Ada Ahmed Aiko Alma Amara Anders Anouk Arjun Astrid Ayla Bela Bruno Camila Carlos Chiara Dana Daria Davi Elena "
    "Elif Emil Esra Farid Fatou Felix Finn Freya Gabriel Greta Hana Hugo Ida Ilse Imani Ines Ivan Jae Jana Jonas Jun "
    "Kaan Karim Kofi Lale Lars Leila Lena Leo Lin Luca Maja Malik Marta Mateo Mei Mila Mina Nadia Nils Nina Noa Noor "
    "Ola Omar Otto Paula Pia Priya Rafa Ravi Rosa Ruben Sami Sara Selma Sofia Sven Tala Tariq Teo Tessa Tomas Uma "
    "Vera Viktor Wanda Yara Yuki Zara Zoe"
)
NAMES: Final = tuple(_NAMES.split())
_DOES: Final = (
    "bakes bread", "climbs rocks", "collects records", "cycles everywhere", "draws maps", "grows chillies",
    "keeps bees", "makes pots", "paints walls", "plays the cello", "reads on trams", "repairs radios", "rows at dawn",
    "runs slowly", "sails on weekends", "sings in a choir", "swims in cold lakes", "walks two dogs",
)  # fmt: skip
_LIKES: Final = (
    "bad puns", "board games", "dumplings", "flea markets", "good coffee", "long tables", "night trains",
    "old films", "rainy Sundays", "ripe tomatoes", "small museums", "street markets", "strong tea", "wild gardens",
)  # fmt: skip


@dataclass(frozen=True)
class Look:
    """What stays the same in all photos of a person."""

    skin: Colour
    face: str
    hair_style: str
    hair_family: str
    hair: Colour
    eyes: str
    iris: Colour
    mouth: str
    glasses: str
    frame: Colour
    beard: str
    headwear: str
    extra: str
    trinket: Colour
    brow: float
    freckles: bool


@dataclass(frozen=True)
class Scene:
    """One photo: where, in what clothes, and how held."""

    backdrop_family: str
    backdrop: tuple[Colour, Colour]
    scenery: str
    clothes_family: str
    clothes: Colour
    second: Colour
    pattern: str
    cut: str
    lean: float
    """Radians, clockwise."""
    zoom: float
    shift: tuple[float, float]
    mirrored: bool
    grain: int
    """Seeds where the backdrop's shapes lie."""


@dataclass(frozen=True)
class Person:
    index: int
    card_id: str
    name: str
    age: int
    bio: str
    distance_mi: int
    look: Look
    scenes: tuple[Scene, ...]
    likes_back: bool


def person(seed: int, index: int, photos: int | None = None) -> Person:
    """The person of that number; the same arguments give the same person. `photos` None: 1 to 4."""
    rng = random.Random(f"person/{seed}/{index}")
    look = _look(rng)
    home = rng.choice(list(BACKDROPS)), rng.choice(list(CLOTHES)), rng.random() < 0.5
    count = photos if photos is not None else rng.choice((1, 2, 2, 3, 3, 4))
    return Person(
        index=index,
        card_id=hex_id(f"{seed}/{index}"),
        name=rng.choice(NAMES),
        age=rng.randint(21, 58),
        bio=f"{rng.choice(_DOES).capitalize()}, likes {rng.choice(_LIKES)}." if rng.random() < 0.67 else "",
        distance_mi=rng.randint(1, 40),
        look=look,
        likes_back=rng.random() < 0.3,
        scenes=tuple(_scene(rng, home) for _ in range(count)),
    )


def hex_id(text: str) -> str:
    """24 hexadecimal digits, as the service's own ids."""
    return hashlib.sha256(f"card/{text}".encode()).hexdigest()[:24]


def _look(rng: random.Random) -> Look:
    hair_style, family = rng.choice(HAIR_STYLES), rng.choice(list(HAIR))
    bearded = rng.random() < 0.4 and hair_style in (
        "short",
        "side_part",
        "quiff",
        "curly",
        "afro",
        "buzz",
        "bald",
        "bun",
    )
    return Look(
        skin=rng.choice(SKIN), face=rng.choice(FACES), hair_style=hair_style, hair_family=family,
        hair=rng.choice(HAIR[family]), eyes=rng.choice(EYES), iris=rng.choice(IRIS), mouth=rng.choice(MOUTHS),
        glasses=rng.choice(GLASSES), frame=rng.choice(FRAMES), beard=rng.choice(BEARDS[3:]) if bearded else "none",
        headwear=rng.choice(HEADWEAR), extra=rng.choice(EXTRAS), trinket=rng.choice(TRINKETS),
        brow=rng.uniform(-1, 1), freckles=rng.random() < 0.15,
    )  # fmt: skip


def _scene(rng: random.Random, home: tuple[str, str, bool]) -> Scene:
    """Scenes differ, but most keep to the person's own colours and wish for patterns."""
    backdrop_home, clothes_home, patterned = home
    backdrop_family = backdrop_home if rng.random() < 0.8 else rng.choice(list(BACKDROPS))
    clothes_family = clothes_home if rng.random() < 0.8 else rng.choice(list(CLOTHES))
    clothes = rng.choice(CLOTHES[clothes_family])
    contrast = CLOTHES["dark"] if clothes_family == "light" else CLOTHES["light"]
    patterned = patterned if rng.random() < 0.85 else not patterned
    return Scene(
        backdrop_family=backdrop_family, backdrop=rng.choice(BACKDROPS[backdrop_family]),
        scenery=rng.choice(SCENERY), clothes_family=clothes_family, clothes=clothes,
        second=rng.choice(contrast), pattern=rng.choice(PATTERNS[1:]) if patterned else "plain",
        cut=rng.choice(CUTS), lean=rng.uniform(-0.09, 0.09), zoom=rng.uniform(0.92, 1.12),
        shift=(rng.uniform(-42, 42), rng.uniform(-12, 26)), mirrored=rng.random() < 0.5, grain=rng.getrandbits(32),
    )  # fmt: skip
