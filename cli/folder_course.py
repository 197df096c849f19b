"""Judging a folder on the screen: the user set up, the labels taught, sessions as they end, the results."""

import json
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from cli.client import Client, ClientError
from cli.folder import DECK, MARK, FolderError, Job, outcome_of
from cli.folder_lesson import Lesson, wait_for_model
from local import durable

LOOK_S = 0.5
#: Links on one's own disk hurt nobody, so nothing is paced and the day's budget is as high as it goes.
LIMITS = {
    "likes_per_day": 10_000,
    "swipes_per_day": 100_000,
    "swipes_per_session": 100,
    "session_every_s": 5,
    "pacing_s": 0.0,
}
#: A photo a class is no taste.
LEAST_LABELS = 4
#: After these nothing comes by itself.
FINAL = ("refused", "budget_spent", "off", "untaught", "held_cards")
COLUMNS = "ended     photos  liked passed unsure unreadable  ms/photo  outcome"
Json = dict[str, Any]


class Course:
    def __init__(self, client: Client, job: Job, data: Path, screen: Console, stopping: threading.Event) -> None:
        self.client, self.job, self.screen, self.stopping = client, job, screen, stopping
        self._data = data
        self._mark = data / MARK
        self._known: Json = json.loads(self._mark.read_text()) if self._mark.exists() else {}
        self._seen = ""
        self._began = time.monotonic()
        self._judged = 0

    def run(self, *, until_empty: bool) -> None:
        """Raises FolderError or ClientError; the message says what to do."""
        self._connect()
        self._teach()
        if self._wait_for_labels(until_empty):
            self._switch_on()
            self._follow(until_empty)

    # --- before -----------------------------------------------------------------------------------------

    def _connect(self) -> None:
        status = self.client.get("/v1/status")
        if status["deck_connected"] and status["deck"] != DECK:
            raise FolderError(
                f"the user of {self._data} is connected to {status['deck']!r}; name another folder with --data, "
                "so that its token and limits stay as they are"
            )
        self.job.own_results()
        self._remember()
        self.client.put("/v1/deck", {"deck": DECK})
        self.client.put("/v1/settings", self.client.get("/v1/settings") | LIMITS)
        self._say(f"Deck      the photos in {self.job.photos}")
        self._say(f"Results   {self.job.results}: results.csv and the folders like, pass, unsure")

    def _teach(self) -> None:
        if self.job.labels_from is None:
            return
        lesson = Lesson(self.job.labels_from)
        print_ = lesson.fingerprint()
        split = " (PHOTOS has train and test: train teaches, test is judged)" if self.job.has_answers else ""
        if print_ in self._known.get("taught", []):
            self._say(f"Labels    from {self.job.labels_from}, taught before{split}")
            return
        self._say(f"Labels    {lesson.total} from {self.job.labels_from}{split}")
        with Progress(console=self.screen, transient=True) as progress:
            task = progress.add_task("Teaching", total=lesson.total)
            for done in lesson.give(self.client):
                progress.update(task, completed=done)
                if self.stopping.is_set():
                    return
        if lesson.refused:
            self._say(f"          {len(lesson.refused)} could not be read, the first: {lesson.refused[0]}")
        self._known["taught"] = [*self._known.get("taught", []), print_]
        self._remember()

    def _wait_for_labels(self, until_empty: bool) -> bool:
        """True once there is a model; False when it was stopped meanwhile."""
        if self.client.get("/v1/status")["labels"] < LEAST_LABELS:
            self._say_how_to_label()
            if until_empty:
                raise FolderError("there are no labels to judge by; nothing was judged")
        while not self.stopping.is_set():
            status = self.client.get("/v1/status")
            if status["labels"] >= LEAST_LABELS:
                self._say(f"Taught    {model_line(wait_for_model(self.client)['model'])}")
                return True
            self.stopping.wait(LOOK_S)
        return False

    def _say_how_to_label(self) -> None:
        self._say(
            "\nSwipr does not know your taste yet. Give it some photos that you like and some that you do not, 20 or "
            "more of both together:\n"
            "  --labels-from DIR   a folder with like/ and pass/ in it\n"
            f"  swipr label import --data {self._data} FILE   in another terminal: a zip, CSV or JSON\n"
            "  the page            see its address above\n"
        )

    def _switch_on(self) -> None:
        self._seen = max((report["session_id"] for report in self.client.get("/v1/status")["sessions"]), default="")
        doing = "moves the photos into" if self.job.moves else "makes links in"
        self._say(
            f"Acting    on this folder only: it {doing} the results' folders. No pacing, and a budget of "
            f"{LIMITS['likes_per_day']} likes a day, since nobody else is asked"
        )
        self.client.put("/v1/acting", {"acting": True, "deck": DECK})
        self.client.put("/v1/switch", {"enabled": True})
        self.screen.print("Ctrl-C stops it.\n")
        self.screen.print(COLUMNS, style="bold")

    # --- following --------------------------------------------------------------------------------------

    def _follow(self, until_empty: bool) -> None:
        self._began, told, last = time.monotonic(), False, ""
        while not self.stopping.wait(LOOK_S):
            status = self.client.get("/v1/status")
            for report in self._new(status["sessions"]):
                self._judged += report["photos"]
                if report["cards"] or report["outcome"] != last:
                    self._say(session_line(report))
                last, told = report["outcome"], told and not report["cards"]
                if last == "deck_empty" and not told:
                    told = True
                    self._say_results()
                    if until_empty:
                        self.client.put("/v1/switch", {"enabled": False})
                        return
                    self._say("New photos are picked up while it runs.\n\n" + COLUMNS)
                elif last in FINAL and status["status"]["code"] == last:
                    self._say(status["status"]["text"])
                    if until_empty:
                        raise ClientError("it ended before all photos were judged")

    def _new(self, reports: list[Json]) -> list[Json]:
        new = [report for report in reversed(reports) if report["session_id"] > self._seen]
        self._seen = new[-1]["session_id"] if new else self._seen
        return new

    def _say_results(self) -> None:
        outcome, took_s = outcome_of(self.job), time.monotonic() - self._began
        counts = outcome.counts
        self.screen.print("\nAll photos are judged.", style="bold")
        self._say(
            f"like {counts['like']}, pass {counts['pass']}, unsure {counts['unsure']}, unreadable "
            f"{counts['unreadable']}, duplicates {counts['duplicate']}; links in the folder left out: {outcome.links}"
        )
        if outcome.compared:
            share = 100 * outcome.agreed / outcome.compared
            self._say(f"Agreement with the folder's own names: {outcome.agreed} of {outcome.compared} ({share:.1f} %)")
        self._say(f"{self._judged} photos judged in {took_s:.0f} s: {self._judged / max(took_s, 0.1):.1f} a second")
        if counts["unsure"]:
            self._say("The unsure ones wait for your answer on the page and then leave the folder unsure.")
        self._say(f"Results   {self.job.results}")

    # --- small ones -------------------------------------------------------------------------------------

    def _say(self, text: str) -> None:
        self.screen.print(text, markup=False)

    def _remember(self) -> None:
        durable.write_file(self._mark, json.dumps(self._known).encode(), temp=self._data)


def session_line(report: Json) -> str:
    ended = datetime.fromisoformat(report["ended_at"]).astimezone()
    per_photo = f"{report['judge_ms'] / report['photos']:.1f}" if report["photos"] else "-"
    return (
        f"{ended:%H:%M:%S}  {report['cards']:6} {report['liked']:6} {report['passed']:6} {report['unsure']:6} "
        f"{report['filtered']:10}  {per_photo:>8}  {report['outcome'].replace('_', ' ')}"
    )


def model_line(model: Json) -> str:
    metrics = model["metrics"]
    return (
        f"{model['labels']} labels ({model['likes']} likes): model v{model['version']}, leave-one-out "
        f"AUC {metrics['auc']:.2f}, right {100 * metrics['accuracy']:.0f} of 100 "
        f"(always saying the same: {100 * metrics['majority']:.0f})"
    )
