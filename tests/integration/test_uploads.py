"""Files of corrected labels: good rows count, bad rows harm nothing, twice is once."""

import base64
import itertools
import json
import random
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

import pytest

from swipr.embedding import BATCH_BYTES
from swipr.errors import ModelError, NotFoundError, UnfinishedError
from swipr.judging import JudgeAnswer, JudgeRequest
from swipr.models import Answer, RefitRequest, User
from swipr.sessions.planning import acted_key
from swipr.uploads.labels import RESERVE_S
from swipr.uploads.report import Uploaded, UploadReport, read_report
from swipr.uploads.rows import MAX_TEXT_BYTES
from swipr.uploads.uploads import GONE_AFTER, Uploads
from tests.doubles import BACKBONE, Crash, Crashes, FakeJudge, card
from tests.install import USER, Install
from tests.zips import photo, zip_of

Make = Callable[..., Install]
KEY = f"labels/{USER}/mine"
LONG_S = 300.0


class Refits:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def ask_refit(self, request: RefitRequest) -> None:
        self.asked.append(request.user_id)


class Desk:
    """Uploads over an install, with what it is told and asked."""

    def __init__(self, home: Install) -> None:
        self.home, self.queue = home, Refits()
        self.tokens = itertools.count()
        self.judged: list[int] = []
        self.judge = FakeJudge(lambda url, first, last: home.blobs.get_range(home.range_of(url, first, last)))

    def counted(self, request: JudgeRequest) -> JudgeAnswer:
        self.judged.append(len(request["photos"]))
        return self.judge(request)

    def put(self, content: object, key: str = f"{KEY}.json") -> Uploaded:
        """Upload; what the event says."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.home.blobs.put(key, body)
        return Uploaded(key=key, size=len(body), uploaded_at=self.home.clock.now(), version=f"{next(self.tokens):x}")

    def take(
        self, uploaded: Uploaded, crashes: Crashes | None = None, time_left_s: Callable[[], float] = lambda: LONG_S
    ) -> UploadReport | None:
        watch = (crashes or Crashes()).wrap
        home = self.home
        uploads = Uploads(
            watch(home.store),
            watch(home.blobs),
            watch(self.queue),
            watch(self.counted),
            lambda user_id, card_id: acted_key(home.secrets, user_id, card_id),
            home.clock.now,
            lambda size: f"{next(self.tokens):0{2 * size}x}",
        )
        return uploads.take(uploaded, time_left_s=time_left_s)

    def report(self, uploaded: Uploaded) -> UploadReport:
        report = read_report(self.home.blobs, str(uploaded.user_id), uploaded.upload_id)
        assert report is not None
        return report

    def taken(self, content: object, key: str = f"{KEY}.json") -> UploadReport:
        uploaded = self.put(content, key)
        self.take(uploaded)
        return self.report(uploaded)

    def labels(self, user_id: str = USER) -> dict[str, str]:
        return {label.card_id: label.choice for label in self.home.store.labels(user_id)}

    def whys(self, report: UploadReport) -> dict[str, str]:
        return {row.name or str(row.row): row.why for row in report.rows if row.why is not None}


@pytest.fixture
def desk(install: Make) -> Desk:
    return Desk(install(1))


@pytest.fixture
def swiped(install: Make) -> Desk:
    home = install(1, cards=[card(0, "like"), card(1, "pass"), card(2, "like", age=17)], budget=9)
    home.deck.answers = lambda choice, card: Answer(state="sent")
    home.tick()
    home.run(home.queued.pop())
    return Desk(home)


def photos(count: int, *, start: int = 0) -> dict[str, bytes]:
    """Likes and passes in turns."""
    tastes = ("like", "pass")
    return {f"{tastes[n % 2]}/{n}.jpg": photo(tastes[n % 2], n) for n in range(start, start + count)}


# --- rows -------------------------------------------------------------------------------------------------


def test_good_rows_count_and_bad_rows_are_named(swiped: Desk) -> None:
    rows = [
        {"card_id": "fake:0", "choice": "pass"},
        {"card_id": "fake:9", "choice": "like"},
        {"card_id": "fake:1", "choice": "love"},
        "nonsense",
        {"card_id": "fake:2", "choice": "like"},
        {"photo": base64.b64encode(photo("like")).decode(), "choice": "like"},
        {"photo": base64.b64encode(photo("broken")).decode(), "choice": "like"},
        {"photo": base64.b64encode(photo("pass", 3)).decode(), "choice": "pass", "card_id": "fake:3"},
    ]

    report = swiped.taken(rows)

    assert (report.state, report.taken, report.refused, report.seen, report.total) == ("done", 3, 5, 8, 8)
    assert [row.row for row in report.rows if row.taken] == [1, 6, 8]
    labels = swiped.home.store.labels(USER)
    assert [label.choice for label in labels] == ["pass", "pass", "like"]
    assert labels[2].card_id.startswith("upload:")
    assert {(label.source, label.backbone) for label in labels} == {("upload", BACKBONE)}
    assert all(swiped.home.store.label_features(USER, [label.card_id for label in labels]).values())
    assert swiped.queue.asked == [USER]


def test_a_csv_file_is_read_too(swiped: Desk) -> None:
    assert swiped.taken(b"card_id,choice\nfake:0,pass\nfake:1,like\n", f"{KEY}.CSV").taken == 2


def test_a_zip_is_read_too(desk: Desk) -> None:
    entries = photos(5) | {"like/x.txt": b"hello", "like/broken.jpg": photo("broken"), "readme": b"x"}

    report = desk.taken(zip_of(entries), f"{KEY}.zip")

    assert (report.state, report.taken, report.refused, report.total) == ("done", 5, 3, 8)
    assert desk.whys(report) == {
        "like/x.txt": "not a JPEG, PNG or WebP photo",
        "like/broken.jpg": "not a photo",
        "readme": "lies neither in like/ nor in pass/",
    }
    assert Counter(desk.labels().values()) == {"like": 3, "pass": 2}
    assert desk.home.blobs.keys("uploads/") == []


def test_one_photo_twice_is_one_label(desk: Desk) -> None:
    entries = [
        ("like/a.jpg", photo("like", 1)),
        ("like/b.jpg", photo("like", 1)),
        ("pass/c.jpg", photo("like", 1)),
        ("like/d.jpg", photo("broken")),
        ("like/e.jpg", photo("broken")),
    ]

    report = desk.taken(zip_of(entries), f"{KEY}.zip")

    assert [(row.taken, row.same_as) for row in report.rows] == [
        (True, None),
        (True, 1),
        (False, 1),
        (False, None),
        (False, 4),
    ]
    assert desk.whys(report)["pass/c.jpg"] == "row 1 says like of the same, and came first"
    assert list(desk.labels().values()) == ["like"]


def test_one_card_twice_in_a_list_counts_as_first_said(swiped: Desk) -> None:
    report = swiped.taken([{"card_id": "fake:0", "choice": choice} for choice in ("love", "pass", "pass", "like")])

    assert [row.taken for row in report.rows] == [False, True, True, False]
    assert swiped.labels() == {"fake:0": "pass"}


def test_a_judge_that_fails_for_a_moment_costs_no_photo(desk: Desk) -> None:
    honest, asked = desk.judge, itertools.count()

    def judge(request: JudgeRequest) -> JudgeAnswer:
        if next(asked):
            return honest(request)
        broken = [{"id": source["id"], "error": "the photo did not arrive in time"} for source in request["photos"]]
        return {"backbone": BACKBONE, "dimensions": 1, "photos": broken, "ms": 1.0}  # type: ignore[typeddict-item]

    desk.judge = judge  # type: ignore[assignment]

    assert desk.taken(zip_of(photos(4)), f"{KEY}.zip").taken == 4


@pytest.mark.parametrize(
    ("content", "name", "why"),
    [
        (b"{", "mine.json", "not JSON"),
        (b"no,such\n", "mine.csv", "first line must name the columns"),
        (b"no zip", "mine.zip", "not a zip that can be read"),
        (b"x", "mine.txt", "name the file .zip, .json, .csv"),
        (b"x", "mine", "name the file"),
        (b"", "mine.json", "empty"),
    ],
)
def test_an_unusable_file_is_reported(desk: Desk, content: bytes, name: str, why: str) -> None:
    report = desk.taken(content, f"labels/{USER}/{name}")

    assert (report.state, report.taken, report.rows) == ("failed", 0, ())
    assert why in str(report.why)
    assert desk.queue.asked == []


def test_a_file_too_large_is_not_read(desk: Desk) -> None:
    uploaded = desk.put([]).model_copy(update={"size": MAX_TEXT_BYTES + 1})

    desk.take(uploaded)

    assert "larger than 20 MB" in str(desk.report(uploaded).why)


@pytest.mark.parametrize(
    "key", ["labels/nobody/x.json", "labels/x.json", f"labels/{USER}/a/x.json", "other/ann/x.json", f"labels/{USER}/",
            "labels/../x.json"]
)  # fmt: skip
def test_a_key_that_is_nobodys_is_ignored(desk: Desk, key: str) -> None:
    assert desk.take(Uploaded(key=key, size=1, uploaded_at=desk.home.clock.now())) is None
    assert desk.home.blobs.keys("reports/") == []


def test_two_users_do_not_meet(desk: Desk) -> None:
    desk.home.store.create_user(User(user_id="bob"))
    same = zip_of({"like/a.jpg": photo("like")})

    mine, theirs = desk.put(same, f"{KEY}.zip"), desk.put(same.replace(b"like", b"pass"), "labels/bob/mine.zip")
    desk.take(mine)
    desk.take(theirs)

    assert (list(desk.labels().values()), list(desk.labels("bob").values())) == (["like"], ["pass"])
    assert desk.report(mine).rows[0].choice == "like"
    assert desk.report(theirs).rows[0].choice == "pass"


def test_a_user_who_waits_for_answers_is_woken(desk: Desk) -> None:
    woken: list[str] = []
    store = desk.home.store
    user = store.user(USER)
    assert user is not None
    assert user.status is not None
    status = user.status.model_copy(update={"code": "held_cards"})
    store.switch(USER, enabled=True, at=desk.home.clock.now(), status=status)
    store.wake = lambda user_id, at: not woken.append(user_id)  # type: ignore[method-assign]

    desk.taken(zip_of(photos(2)), f"{KEY}.zip")

    assert woken == [USER]


def test_an_import_stops_when_its_owner_is_deleted(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(130)), f"{KEY}.zip")
    user = desk.home.store.user
    desk.home.store.user = lambda user_id: None if desk.judged else user(user_id)  # type: ignore[method-assign]

    assert desk.take(uploaded) is None

    assert desk.judged == [60]
    assert desk.home.blobs.keys("reports/") == []
    assert desk.queue.asked == []


# --- doubled, late, out of order, cut short -----------------------------------------------------------------


def test_an_upload_taken_twice_does_not_undo_a_later_correction(swiped: Desk) -> None:
    uploaded = swiped.put([{"card_id": "fake:0", "choice": "pass"}])
    swiped.take(uploaded)
    corrected = swiped.home.store.label(USER, "fake:0")
    assert corrected is not None
    later = corrected.model_copy(
        update={"choice": "like", "labelled_at": uploaded.uploaded_at + timedelta(minutes=1), "source": "correction"}
    )
    swiped.home.store.put_label(later)
    stored = swiped.home.store.label(USER, "fake:0")

    swiped.take(uploaded)
    swiped.home.blobs.delete(swiped.home.blobs.keys("reports/"))  # not even when nothing is known of the first time
    swiped.take(uploaded)

    assert stored is not None
    assert (stored.choice, stored.labelled_at) == (later.choice, later.labelled_at)
    assert swiped.home.store.label(USER, "fake:0") == stored
    assert swiped.whys(swiped.report(uploaded)) == {"1": "you have labelled it later; that counts"}


def test_a_doubled_event_asks_for_one_refit_and_judges_once(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(70)), f"{KEY}.zip")

    assert desk.take(uploaded) is not None
    assert desk.take(uploaded) is None

    assert desk.queue.asked == [USER]
    assert sum(desk.judged) == 70


def test_a_label_taken_back_does_not_return_with_a_doubled_event(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(2)), f"{KEY}.zip")
    desk.take(uploaded)
    gone = next(iter(desk.labels()))
    desk.home.store.delete_label(USER, gone)

    desk.take(uploaded)

    assert gone not in desk.labels()


def test_a_later_upload_to_the_key_wins_whatever_comes_first(desk: Desk) -> None:
    name = f"{KEY}.zip"
    first = desk.put(zip_of({"like/a.jpg": photo("like")}), name)
    second = desk.put(zip_of({"pass/a.jpg": photo("like"), "pass/b.jpg": photo("pass")}), name)

    desk.take(second)
    desk.take(first)

    assert sorted(desk.labels().values()) == ["pass", "pass"]
    assert desk.report(first).version == second.version


def test_uploads_of_one_name_and_other_kinds_are_apart(swiped: Desk) -> None:
    listed = swiped.put([{"card_id": "fake:0", "choice": "pass"}])
    table = swiped.put(b"card_id,choice\nfake:1,like\n", f"{KEY}.csv")

    swiped.take(table)
    swiped.take(listed)

    assert swiped.labels() == {"fake:0": "pass", "fake:1": "like"}
    assert swiped.report(listed).upload_id != swiped.report(table).upload_id


def test_events_doubled_shuffled_and_at_once_store_each_label_once(desk: Desk) -> None:
    rng = random.Random(5)
    events = [desk.put(zip_of(photos(12, start=12 * n)), f"labels/{USER}/{n}.zip") for n in range(6)]
    deliveries = [event for event in events for _ in range(rng.randint(1, 5))]
    rng.shuffle(deliveries)
    problems: list[BaseException] = []

    def deliver(mine: list[Uploaded]) -> None:
        try:
            for event in mine:
                desk.take(event)
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=deliver, args=(deliveries[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert problems == []
    assert len(desk.labels()) == 72
    assert {desk.report(event).state for event in events} == {"done"}
    assert {desk.report(event).taken for event in events} == {12}
    assert desk.home.blobs.keys("uploads/") == []


def test_a_crash_anywhere_is_gone_with_the_next_delivery(install: Make) -> None:
    def entries() -> bytes:
        return zip_of(photos(4) | {"like/broken.jpg": photo("broken")})

    calm = Crashes()
    whole = Desk(install(1))
    whole.take(whole.put(entries(), f"{KEY}.zip"), calm)
    expected = whole.labels()
    assert len(calm.calls) > 15

    for at, after in itertools.product(range(1, len(calm.calls) + 1), (False, True)):
        desk = Desk(install(1))
        uploaded = desk.put(entries(), f"{KEY}.zip")
        with pytest.raises(Crash):
            desk.take(uploaded, Crashes(at, after=after))
        desk.take(uploaded)

        where = f"{'after' if after else 'before'} {calm.calls[at - 1]}"
        assert desk.labels() == expected, where
        assert all(desk.home.store.label_features(USER, list(expected)).values()), where
        assert set(desk.queue.asked) == {USER}, where
        report = desk.report(uploaded)
        assert (report.state, report.taken, report.refused) == ("done", 4, 1), where


def test_when_the_time_is_over_the_next_run_goes_on(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(150)), f"{KEY}.zip")
    left = iter([LONG_S, LONG_S, RESERVE_S - 1])

    with pytest.raises(UnfinishedError, match="120 of 150"):
        desk.take(uploaded, time_left_s=lambda: next(left))
    desk.take(uploaded)

    assert len(desk.labels()) == 150
    assert desk.judged == [60, 60, 30]
    assert desk.report(uploaded).taken == 150


def test_a_judge_that_fails_brings_the_event_again(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(3)), f"{KEY}.zip")

    def failing(request: JudgeRequest) -> JudgeAnswer:
        raise ModelError("no judge")

    honest, desk.judge = desk.judge, failing  # type: ignore[assignment]
    with pytest.raises(ModelError):
        desk.take(uploaded)
    assert desk.home.blobs.keys("uploads/") == []
    desk.judge = honest
    desk.take(uploaded)

    assert desk.report(uploaded).taken == 3


def test_an_object_not_there_may_come_and_later_is_gone(desk: Desk) -> None:
    uploaded = desk.put([{}])
    desk.home.blobs.delete([uploaded.key])

    with pytest.raises(NotFoundError):
        desk.take(uploaded)
    desk.home.clock.sleep(GONE_AFTER.total_seconds())
    desk.take(uploaded)

    assert (desk.report(uploaded).state, desk.queue.asked) == ("failed", [])
    assert "deleted before it was read" in str(desk.report(uploaded).why)


# --- many -----------------------------------------------------------------------------------------------------


def test_thousands_of_rows_are_told_as_they_go(desk: Desk) -> None:
    told: list[UploadReport] = []
    put = desk.home.blobs.put

    def watched(key: str, body: bytes, **options: str) -> None:
        if key.startswith("reports/"):
            told.append(UploadReport.model_validate_json(body))
        put(key, body, **options)

    desk.home.blobs.put = watched  # type: ignore[method-assign]
    rows = [{"photo": base64.b64encode(photo("like", n)).decode(), "choice": "like"} for n in range(2500)]
    rows[7:2500:100] = [{"card_id": f"fake:{n}", "choice": "like"} for n in range(25)]

    report = desk.taken(rows)

    assert (report.taken, report.refused) == (2475, 25)
    assert [row.row for row in report.rows] == list(range(1, 2501))
    seen = [one.seen for one in told]
    assert seen == sorted(seen)
    assert max(after - before for before, after in itertools.pairwise(seen)) <= 360
    assert {one.total for one in told} == {2500}
    assert max(desk.judged) <= 60


def test_five_thousand_photos_cost_little_beside_judging_them(desk: Desk) -> None:
    body = zip_of(photos(5000), zipfile.ZIP_STORED)
    began = time.process_time()

    report = desk.taken(body, f"{KEY}.zip")

    assert (report.taken, report.refused, len(desk.labels())) == (5000, 0, 5000)
    assert time.process_time() - began < 15  # measured 3 s


def test_progress_is_told_every_two_seconds(desk: Desk) -> None:
    told: list[tuple[str, int]] = []
    put, honest = desk.home.blobs.put, desk.judge

    def watched(key: str, body: bytes, **options: str) -> None:
        if key.startswith("reports/"):
            told.append((json.loads(body)["state"], json.loads(body)["seen"]))
        put(key, body, **options)

    def slow(request: JudgeRequest) -> JudgeAnswer:
        desk.home.clock.sleep(2.1)
        return honest(request)

    desk.home.blobs.put, desk.judge = watched, slow  # type: ignore[method-assign,assignment]
    desk.taken(zip_of(photos(150)), f"{KEY}.zip")

    assert told == [("reading", 0), ("reading", 60), ("reading", 120), ("reading", 150), ("done", 150)]


def test_large_photos_go_in_small_batches(desk: Desk) -> None:
    entries = {f"like/{n}.jpg": photo("like/", n, 3_000_000) for n in range(7)}

    report = desk.taken(zip_of(entries, zipfile.ZIP_STORED), f"{KEY}.zip")

    assert report.taken == 7
    assert max(desk.judged) <= BATCH_BYTES // 3_000_000 + 1


def test_labels_carry_the_time_of_the_upload(desk: Desk) -> None:
    uploaded = desk.put(zip_of(photos(3)), f"{KEY}.zip")
    desk.home.clock.sleep(600)
    desk.take(uploaded)

    assert {label.labelled_at for label in desk.home.store.labels(USER)} == {uploaded.uploaded_at}
