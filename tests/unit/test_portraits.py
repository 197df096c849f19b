"""Drawn people: the same from the same seed, all different, quick to draw, and a taste that looks at no skin."""

import dataclasses
import hashlib
import io
import time

import pytest
from PIL import Image, ImageChops

from simulator.palettes import SKIN
from simulator.people import BEARDS, CUTS, EXTRAS, GLASSES, HAIR_STYLES, HEADWEAR, PATTERNS, SCENERY, person
from simulator.portraits import SIZES, draw, encode
from simulator.tastes import Taste, traits

SMALL = (80, 100)


def test_400_people_look_different():
    drawn = set()
    for index in range(400):
        who = person(1, index, 1)
        drawn.add(hashlib.sha256(draw(who.look, who.scenes[0], SMALL).tobytes()).digest())

    assert len(drawn) == 400


def test_the_same_seed_draws_the_same_person():
    one, other, third = person(3, 5), person(3, 5), person(4, 5)

    assert one == other != third
    assert draw(one.look, one.scenes[0], SMALL).tobytes() == draw(other.look, other.scenes[0], SMALL).tobytes()


def test_photos_of_one_person_differ_and_keep_the_face():
    who = next(person(1, i) for i in range(50) if len(person(1, i).scenes) == 4)

    assert len({draw(who.look, scene, SMALL).tobytes() for scene in who.scenes}) == 4


def test_people_have_one_to_four_photos():
    assert {len(person(1, i).scenes) for i in range(60)} == {1, 2, 3, 4}
    assert {len(person(1, i, 1).scenes) for i in range(60)} == {1}


def test_every_trait_occurs_and_shows():
    people = [person(1, i, 1) for i in range(400)]

    for name, known in (
        ("hair_style", HAIR_STYLES),
        ("glasses", GLASSES),
        ("headwear", HEADWEAR),
        ("beard", BEARDS),
        ("extra", EXTRAS),
    ):
        assert {getattr(who.look, name) for who in people} == set(known)
    for name, known in (("scenery", SCENERY), ("pattern", PATTERNS), ("cut", CUTS)):
        assert {getattr(who.scenes[0], name) for who in people} == set(known)


@pytest.mark.parametrize(
    ("trait", "value"), [("glasses", "round"), ("headwear", "beanie"), ("beard", "full"), ("hair_style", "afro")]
)
def test_a_trait_changes_the_picture(trait, value):
    who = next(w for w in (person(1, i, 1) for i in range(99)) if getattr(w.look, trait) != value)
    changed = dataclasses.replace(who.look, **{trait: value})

    before, after = draw(who.look, who.scenes[0], SMALL), draw(changed, who.scenes[0], SMALL)

    assert ImageChops.difference(before, after).getbbox() is not None


@pytest.mark.parametrize(("form", "name"), [("jpeg", "JPEG"), ("webp", "WEBP")])
@pytest.mark.parametrize("size", SIZES)
def test_portraits_are_real_photos_of_their_size(form, name, size):
    who = person(1, 0)

    with Image.open(io.BytesIO(encode(draw(who.look, who.scenes[0], size), form))) as image:
        image.load()
        assert (image.format, image.size, image.mode) == (name, size, "RGB")
        assert not image.getexif()


def test_a_portrait_takes_little_time():
    people = [person(1, i, 1) for i in range(12)]

    begun = time.process_time()
    for who in people:
        encode(draw(who.look, who.scenes[0], (640, 800)), "jpeg")

    assert (time.process_time() - begun) / len(people) < 0.12  # 0.04 s when nothing else runs


@pytest.mark.parametrize("seed", range(1, 9))
def test_a_taste_likes_a_third_to_a_half(seed):
    taste = Taste(seed)

    liked = sum(taste.likes(person(1, i)) for i in range(600))

    assert 0.33 <= liked / 600 <= 0.52


def test_tastes_differ():
    people = [person(1, i) for i in range(100)]

    assert len({tuple(Taste(seed).likes(who) for who in people) for seed in range(6)}) == 6


def test_no_taste_looks_at_skin_age_or_name():
    taste = Taste(1)
    for index in range(60):
        who = person(1, index)
        for skin in SKIN:
            other = dataclasses.replace(who, look=dataclasses.replace(who.look, skin=skin), age=40, name="Noor")
            assert taste.score(other) == taste.score(who)
            assert traits(other) == traits(who)


def test_a_taste_can_be_told_what_to_weigh():
    people = [person(1, i, 1) for i in range(200)]
    taste = Taste(1, {"backdrop:warm": 50.0, "backdrop:cool": -50.0, "backdrop:neutral": -50.0})

    liked = {who.scenes[0].backdrop_family for who in people if taste.likes(who)}

    assert "warm" in liked
