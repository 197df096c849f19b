"""The simulator as a process: Tinder's shapes, its own control surface, and what survives a kill."""

import io
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
import requests
from PIL import Image

from simulator.photo_folder import PhotoFolder, PhotoFolderError
from tests.deck_server import ROOT, DeckServer


@pytest.fixture(scope="module")
def server():
    with DeckServer("--likes-limit", "1000") as running:
        yield running


@pytest.fixture
def token(server):
    return server.user()


def call(server, token, path, method="GET", **options):
    headers = {"X-Auth-Token": token, "platform": "web", **options.pop("headers", {})}
    return requests.request(method, server.address + path, headers=headers, timeout=10, **options)


def recs(server, token, **options):
    return call(server, token, "/v2/recs/core", **options).json()["data"]["results"]


# --- Tinder's shapes -----------------------------------------------------------------------------------


def test_a_wrong_token_is_answered_in_the_paths_own_version(server):
    new, old = call(server, "nobody", "/v2/recs/core"), call(server, "nobody", "/like/abc")

    assert (new.status_code, new.json()["error"]["code"]) == (401, 40101)
    assert (old.status_code, old.json()) == (401, {"status": 401, "error": ""})


def test_recommendations_stay_offered_until_swiped(server, token):
    first = recs(server, token)
    call(server, token, f"/pass/{first[0]['user']['_id']}")
    then = recs(server, token)

    assert len(first) == len(then) == 10
    assert [element["user"]["_id"] for element in then[:9]] == [element["user"]["_id"] for element in first[1:]]
    assert all(element["type"] == "user" and element["s_number"] > 2**53 for element in first)


def test_without_platform_the_recommendations_may_break(server):
    token = server.user(need_platform=True)

    assert (
        requests.get(f"{server.address}/v2/recs/core", headers={"X-Auth-Token": token}, timeout=10).status_code == 500
    )
    assert recs(server, token)


def test_an_empty_deck_says_how_long_to_wait(server):
    answer = call(server, server.user(cards=0), "/v2/recs/core").json()

    assert answer == {"meta": {"status": 200}, "data": {"timeout": 20_000}}


def test_likes_run_out_and_come_back(server):
    token = server.user(likes_limit=1, likes_wait_s=60)
    ids = [element["user"]["_id"] for element in recs(server, token)]

    first, second = (call(server, token, f"/like/{card_id}", "POST").json() for card_id in ids[:2])
    profile = call(server, token, "/v2/profile?include=likes").json()["data"]["likes"]
    early = call(server, token, f"/like/{ids[1]}", "POST").json()
    after_stop = server.counters(token)["calls_after_stop"]
    server.control("POST", "clock", json={"advance_s": 61})
    late = call(server, token, f"/like/{ids[1]}", "POST").json()

    assert (first["likes_remaining"], second["likes_remaining"], late["likes_remaining"]) == (100, 0, 100)
    assert early["rate_limited_until"] == second["rate_limited_until"] == profile["rate_limited_until"]
    assert after_stop == 1
    assert server.counters(token)["likes_by_card"] == {ids[0]: 1, ids[1]: 1}


def super_like(server, token, card_id):
    return call(server, token, f"/like/{card_id}/super", "POST").json()


def test_super_likes_run_out_under_status_200_and_come_back_after_a_day(server):
    token = server.user(superlikes=1)
    ids = [element["user"]["_id"] for element in recs(server, token)]

    first, second = super_like(server, token, ids[0]), super_like(server, token, ids[1])
    profile = call(server, token, "/v2/profile?include=super_likes").json()["data"]
    server.control("POST", "clock", json={"advance_s": 86_401})
    third = super_like(server, token, ids[1])
    server.control("POST", "clock", json={"advance_s": -86_401})

    assert "limit_exceeded" not in first | third
    assert second["limit_exceeded"] is True
    assert (second["super_likes"]["remaining"], second["super_likes"]["allotment"]) == (0, 1)
    assert profile == {"super_likes": second["super_likes"]}
    counters = server.counters(token)
    assert counters["superlikes_by_card"] == counters["likes_by_card"] == {ids[0]: 1, ids[1]: 1}
    assert counters["superlikes"] == 2


def test_a_free_account_may_have_no_super_likes(server):
    token = server.user(superlikes=0)
    card_id = recs(server, token)[0]["user"]["_id"]

    assert super_like(server, token, card_id)["limit_exceeded"] is True
    assert call(server, token, f"/like/{card_id}/super").status_code == 405
    assert server.counters(token)["likes"] == 0


def test_recommendations_come_in_the_old_shape_too(server):
    token = server.user(recs=["v1", "doubled", "advert"])

    answer = call(server, token, "/v2/recs/core").json()

    assert answer["status"] == 200
    assert len(answer["results"]) == 21
    assert [element["type"] for element in answer["results"]].count("ad") == 1


def test_people_have_badges_schools_and_jobs_now_and_then(server):
    elements = []
    token = server.user(cards=100)
    while len(elements) < 100:
        batch = recs(server, token)
        elements += batch
        for element in batch:
            call(server, token, f"/pass/{element['user']['_id']}")

    people = [element["user"] for element in elements]
    assert 20 < sum(bool(person["badges"]) for person in people) < 80
    assert 10 < sum(bool(person["schools"]) for person in people) < 60
    assert {frozenset(job) for person in people for job in person["jobs"]} == {
        frozenset({"title"}), frozenset({"company"}), frozenset({"title", "company"})
    }  # fmt: skip


def test_the_profile_says_what_was_asked_for(server, token):
    parts = call(server, token, "/v2/profile?include=account,user,likes,super_likes").json()["data"]
    one = call(server, token, "/v2/profile?include=user").json()["data"]

    assert list(parts) == ["account", "user", "likes", "super_likes"]
    assert list(one) == ["user"]


def test_matches_need_a_count_and_come_in_pages(server):
    token = server.user(cards=60)
    while elements := call(server, token, "/v2/recs/core").json()["data"].get("results"):
        for element in elements:
            call(server, token, f"/like/{element['user']['_id']}", "POST")

    missing = call(server, token, "/v2/matches")
    ids, page = [], ""
    while page is not None:
        data = call(server, token, "/v2/matches", params={"count": 3, "message": 0, "page_token": page or "0"}).json()[
            "data"
        ]
        assert len(data["matches"]) <= 3
        ids += [match["_id"] for match in data["matches"]]
        page = data.get("next_page_token")
    written = call(server, token, "/v2/matches?count=100&message=1").json()["data"]["matches"]

    assert missing.status_code == 400
    assert len(ids) == len(set(ids)) > 3
    assert written
    assert not {match["_id"] for match in written} & set(ids)
    assert len(ids) + len(written) == server.counters(token)["matches"]


def test_meta_and_unknown_profiles(server, token):
    assert call(server, token, "/meta").json()["rating"] == {"likes_remaining": 100}
    assert call(server, token, "/like/unknown", "POST").json() == {"status": 404, "error": "Not Found"}
    assert server.counters(token)["unknown_ids"] == 1


@pytest.mark.parametrize(("formats", "expected"), [("jpeg", {"JPEG"}), ("webp,jpeg", {"JPEG", "WEBP"})])
def test_photos_come_in_the_forms_asked_for(server, token, formats, expected):
    elements = recs(server, token, headers={"x-supported-image-formats": formats})

    found = set()
    for photo in (photo for element in elements for photo in element["user"]["photos"]):
        answer = requests.get(photo["url"], timeout=10)
        with Image.open(io.BytesIO(answer.content)) as image:
            found.add(image.format)
            assert answer.headers["Content-Type"] == f"image/{image.format.lower()}"
            assert image.size == (640, 800)
    assert found == expected


def test_only_signed_photo_addresses_are_served(server, token):
    url = next(e["user"]["photos"][0]["url"] for e in recs(server, token) if e["user"]["photos"])

    assert requests.get(url, timeout=10).status_code == 200
    assert requests.get(url.partition("?")[0], timeout=10).status_code == 403
    assert requests.get(re.sub("Signature=.", "Signature=x", url), timeout=10).status_code == 403
    assert requests.get(url.replace("original_", "320x400_"), timeout=10).status_code == 403


# --- the control surface ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "users"), ("GET", "truth"), ("GET", "counters"), ("POST", "fault")]
)
def test_the_control_surface_needs_its_key(server, method, path):
    for headers in ({}, {"X-Sim-Key": "guess"}):
        answer = requests.request(method, f"{server.address}/sim/{path}", headers=headers, json={}, timeout=10)
        assert answer.status_code == 403


@pytest.mark.parametrize("asked", [{"kind": "never"}, {"colour": 1}, {"body": "odd"}])
def test_a_fault_that_does_not_exist_is_refused(server, asked):
    headers = {"X-Sim-Key": server.key}

    assert requests.post(f"{server.address}/sim/fault", headers=headers, json=asked, timeout=10).status_code == 400


@pytest.mark.parametrize("asked", [{"colour": 1}, {"recs": ["odd"]}])
def test_an_option_that_does_not_exist_is_refused(server, asked):
    headers = {"X-Sim-Key": server.key}

    assert requests.post(f"{server.address}/sim/users", headers=headers, json=asked, timeout=10).status_code == 400


def test_what_is_taught_is_in_no_deck_and_of_both_kinds(server, token):
    truth = server.control("GET", "truth", params={"token": token})["cards"]
    train, again = (server.control("GET", "train", params={"token": token, "n": 60})["cards"] for _ in range(2))

    kinds = Counter(example["label"] for example in train)
    assert len({example["id"] for example in train} - set(truth)) == 60
    assert min(kinds["like"], kinds["pass"]) >= 20
    assert [(e["id"], e["label"]) for e in train] == [(e["id"], e["label"]) for e in again]
    assert requests.get(train[0]["photos"][0], timeout=10).content[:3] == b"\xff\xd8\xff"


def test_users_have_their_own_tastes_and_decks(server):
    one, other = server.user(cards=100), server.user(cards=100)
    tastes = [server.control("GET", "truth", params={"token": token})["cards"] for token in (one, other)]
    call(server, one, f"/like/{next(iter(tastes[0]))}", "POST")

    assert tastes[0].keys() == tastes[1].keys()
    assert tastes[0] != tastes[1]
    assert server.counters(other)["cards_left"] == 100


def test_a_user_made_again_keeps_everything(server, token):
    before = server.control("GET", "truth", params={"token": token})
    card_id = recs(server, token)[0]["user"]["_id"]
    call(server, token, f"/like/{card_id}", "POST")

    assert server.user(token=token) == token
    assert server.control("GET", "truth", params={"token": token}) == before
    assert server.counters(token)["likes_by_card"] == {card_id: 1}


def test_new_cards_arrive(server):
    token = server.user(cards=3)

    server.control("POST", "deck", json={"token": token, "cards": 5})

    assert len(recs(server, token)) == 8


def test_doubles_and_mixtures_are_counted(server, token):
    card_id = recs(server, token)[0]["user"]["_id"]
    for path, method in (("like", "POST"), ("like", "GET"), ("pass", "GET")):
        call(server, token, f"/{path}/{card_id}", method)
    call(server, token, f"/like/{card_id}", "POST", json={"s_number": 98_765_432_101_234_568})

    counters = server.counters(token)
    assert (counters["likes"], counters["double_likes"], counters["liked_and_passed"]) == (3, 2, 1)
    assert counters["wrong_echoes"] == 1


def test_calls_after_a_refusal_are_counted(server, token):
    server.fault(kind="recs", token=token, status=403)
    for _ in range(3):
        call(server, token, "/v2/recs/core")

    assert server.counters(token)["calls_after_stop"] == 2
    assert server.counters(token)["calls_after_stop_by_kind"] == {"recs": 2}


def test_out_of_likes_concerns_likes_passes_and_recommendations_only(server):
    token = server.user(likes_limit=0)
    card_id = recs(server, token)[0]["user"]["_id"]
    call(server, token, f"/like/{card_id}", "POST")
    for path in ("/v2/matches?count=1", "/v2/profile", "/v2/recs/core", f"/pass/{card_id}"):
        call(server, token, path)
    super_like(server, token, card_id)

    assert server.counters(token)["calls_after_stop_by_kind"] == {"recs": 1, "pass": 1}


def test_a_refusal_concerns_every_call(server, token):
    server.fault(kind="matches", token=token, status=401)
    for path in ("/v2/matches?count=1", "/v2/matches?count=1", "/v2/profile", "/meta", "/like/x", "/pass/x"):
        call(server, token, path)

    assert server.counters(token)["calls_after_stop"] == 5


def test_many_at_once_lose_nothing(server):
    token = server.user(cards=120)
    ids = list(server.control("GET", "truth", params={"token": token})["cards"])
    statuses = []

    def like(share):
        statuses.extend(call(server, token, f"/like/{card_id}", "POST").status_code for card_id in share)

    threads = [threading.Thread(target=like, args=(ids[i::8],)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert statuses == [200] * 120
    assert server.counters(token)["likes_by_card"] == dict.fromkeys(ids, 1)


# --- the process -------------------------------------------------------------------------------------------


def test_an_answered_like_survives_a_kill(tmp_path):
    state = ("--state", str(tmp_path / "simulator.db"))
    with DeckServer(*state) as first:
        token = first.user(cards=20)
        ids = list(first.control("GET", "truth", params={"token": token})["cards"])
        url = next(e["user"]["photos"][0]["url"] for e in recs(first, token) if e["user"]["photos"])
        for card_id in ids[:7]:
            assert call(first, token, f"/like/{card_id}", "POST").ok
        before = first.counters(token)
        first.kill()

    with DeckServer(*state) as second:
        assert second.counters(token) == before
        assert list(second.control("GET", "truth", params={"token": token})["cards"]) == ids
        assert requests.get(second.address + url.removeprefix(first.address), timeout=10).ok


def test_state_of_other_people_is_refused(tmp_path):
    state = str(tmp_path / "simulator.db")
    with DeckServer("--state", state):
        pass

    ended = subprocess.run(
        [sys.executable, "-m", "simulator", "--state", state, "--seed", "2"], cwd=ROOT, capture_output=True, text=True
    )

    assert ended.returncode == 1
    assert "use another --state" in ended.stderr


def test_it_ends_cleanly_when_told_to():
    server = DeckServer()

    assert server.stop() == 0


def test_it_ends_with_its_parent():
    server = DeckServer("--exit-with-parent")
    server.process.stdin.close()

    assert server.process.wait(timeout=10) == 0
    server.stop()


# --- photographs ---------------------------------------------------------------------------------------------


@pytest.fixture
def photographs(tmp_path):
    for split, kind, count in (("train", "like", 12), ("train", "pass", 60), ("test", "like", 5), ("test", "pass", 14)):
        place = tmp_path / "potatoes" / split / kind
        place.mkdir(parents=True)
        for i in range(count):
            colour = (200, i, 10) if kind == "like" else (10, i, 200)
            Image.new("RGB", (40, 50), colour).save(place / f"{i}.{'png' if i == 3 else 'jpg'}")
    return tmp_path / "potatoes"


def test_a_folder_of_photographs_is_a_deck(photographs):
    with DeckServer("--photos", str(photographs)) as server:
        token = server.user()
        truth = server.control("GET", "truth", params={"token": token})["cards"]
        train = server.control("GET", "train", params={"token": token, "n": 40})["cards"]
        seen = {}
        while len(seen) < 19:
            for element in recs(server, token):
                person = element["user"]
                photo = Image.open(io.BytesIO(requests.get(person["photos"][0]["url"], timeout=10).content))
                seen[person["_id"]] = "like" if photo.getpixel((20, 25))[0] > 100 else "pass"
                assert person["birth_date"] < "2010"
                assert (photo.format, photo.size) == ("JPEG", (40, 50))
                call(server, token, f"/pass/{person['_id']}")

    assert seen == truth
    assert Counter(truth.values()) == {"like": 5, "pass": 14}
    assert Counter(example["label"] for example in train) == {"like": 10, "pass": 30}
    assert not {example["id"] for example in train} & set(truth)


def test_photographs_of_one_kind_share_a_card(photographs):
    folder = PhotoFolder(photographs, seed=1, photos_per_card=4)

    cards = [folder.card(i) for i in range(folder.size)]
    assert sorted(card.photos for card in cards) == [1, 2, 4, 4, 4, 4]
    assert all(folder.photo(card.card_id, card.photos, None, "jpeg") is None for card in cards)
    assert all(folder.photo(card.card_id, card.photos - 1, None, "webp")[:4] == b"RIFF" for card in cards)


def test_the_seed_orders_the_photographs(photographs):
    orders = [[PhotoFolder(photographs, seed).truth(i, 1, {}) for i in range(19)] for seed in (1, 1, 2)]

    assert orders[0] == orders[1] != orders[2]


def test_a_wrong_folder_says_what_is_expected(tmp_path, photographs):
    with pytest.raises(PhotoFolderError, match=r"train,test\}/\{like,pass"):
        PhotoFolder(tmp_path, 1)

    for photo in Path(photographs, "test", "like").iterdir():
        photo.unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "simulator", "--photos", str(photographs)], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "no photographs in test/like" in ended.stderr
