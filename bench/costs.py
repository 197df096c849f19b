"""What Swipr costs on AWS: the table in README.md.

    python -m bench.costs            # prints it
    python -m bench.costs --write    # writes it between its markers in README.md (`make costs`)

What a session costs is computed by the code that meters sessions (swipr/sessions/costs.py); what a stack costs that
nobody uses, by counting in template.yaml what costs money by the month. List prices, nothing was billed.
"""

import argparse
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from bundle.translation import source
from swipr.judging import PHOTOS_PER_CALL
from swipr.models import SessionReport
from swipr.sessions import costs
from swipr.sessions.measures import of_session

ROOT: Final = Path(__file__).resolve().parents[1]
TEMPLATE: Final = ROOT / "template.yaml"
README: Final = ROOT / "README.md"
BEGIN: Final = "<!-- costs: begin -->"
END: Final = "<!-- costs: end -->"

#: A session as the default settings make it, on cards of six photos.
CARDS: Final = 12
PHOTOS_PER_CARD: Final = 6
PACING_S: Final = 2.0
#: The deck's answers, the photos' way through the session, and everything else that is waited for.
WAITING_S: Final = 12.0
#: 9 were measured on this machine with the recommended backbone; there a core is slower, and photos are waited for.
JUDGE_MS_PER_PHOTO: Final = 25.0
SESSIONS_A_DAY: Final = 24
DAYS: Final = 30
USERS: Final = (1, 10, 100)

# Prices by the month, us-east-1, as published in 2026.
KEY_USD: Final = 1.0
ALARM_USD: Final = 0.10
DASHBOARD_USD: Final = 3.0
METRIC_USD: Final = 0.30
SCHEDULE_USD: Final = 1.0e-6
TRACE_USD: Final = 5.0e-6
#: What AWS gives each account for good, every month; shared with whatever else the account does.
FREE_ALARMS: Final = 10
FREE_DASHBOARDS: Final = 3
FREE_METRICS: Final = 10
FREE_SQS_REQUESTS: Final = 1_000_000
FREE_TRACES: Final = 100_000
#: Lambda asks a queue without messages by five requests of 20 s each, all the time, as AWS says.
POLLERS: Final = 5
POLL_S: Final = 20.0
#: A tick asks each shard of the index once; what it then waits for is a guess.
SHARDS: Final = 64
TICK_S: Final = 1.0
_NOTES: Final = """\
List prices of us-east-1 in 2026, x86, on demand; nothing was billed. Assumed: {pacing:g} s between swipes,
{judge:g} ms of the judge a photo (9 were measured here), {tick:g} s a tick. What is free is shared by all that an
account does; sessions stand at their list price in both columns. The key costs a dollar more after each of its
first two yearly rotations. Not counted: pages looked at, refits, logs beyond 5 GB, requests to keys (ours, and AWS's
own of the tables) beyond 20,000 (0.03 for 10,000), stored data (a GB: tables 0.25 and their back-ups 0.20, objects
0.023), traffic to the browser (0.09 a GB after 100), training jobs."""


class Item(NamedTuple):
    """One thing that costs by the month: `usd` by list price, `after_free` where the account uses nothing else."""

    name: str
    usd: float
    after_free: float


def session_usd() -> float:
    """A session over `CARDS` cards, each of them swiped."""
    photos = CARDS * PHOTOS_PER_CARD
    return 1e-6 * costs.session_microusd(
        session_s=CARDS * PACING_S + WAITING_S,
        judge_ms=photos * JUDGE_MS_PER_PHOTO,
        judge_calls=math.ceil(photos / PHOTOS_PER_CALL),
        photos=photos,
        cards=CARDS,
        actions=CARDS,
    )


def user_usd() -> float:
    """A user's sessions of a month."""
    return session_usd() * SESSIONS_A_DAY * DAYS


# --- a stack that nobody uses --------------------------------------------------------------------------


def idle(template: Mapping[str, Any]) -> list[Item]:
    """With the parameters' defaults."""
    keys, dashboards = len(_of_type(template, "AWS::KMS::Key")), len(_of_type(template, "AWS::CloudWatch::Dashboard"))
    return [
        Item("the KMS key", keys * KEY_USD, keys * KEY_USD),
        _polling(template),
        _ticks(template),
        Item("dashboard", dashboards * DASHBOARD_USD, max(0, dashboards - FREE_DASHBOARDS) * DASHBOARD_USD),
        _alarms("alarms", watched(template, told=False)),
    ]


def _alarms(name: str, metrics: int) -> Item:
    return Item(name, metrics * ALARM_USD, max(0, metrics - FREE_ALARMS) * ALARM_USD)


def watched(template: Mapping[str, Any], *, told: bool) -> int:
    """Metrics that alarms look at, which is what is paid for; with `told`, where there is an e-mail for alarms."""
    alarms = _of_type(template, "AWS::CloudWatch::Alarm")
    return sum(_metrics(body["Properties"]) for body in alarms if told or "Condition" not in body)


def _metrics(alarm: Mapping[str, Any]) -> int:
    return sum("MetricStat" in each for each in alarm["Metrics"]) if "Metrics" in alarm else 1


def _polling(template: Mapping[str, Any]) -> Item:
    queues = sum(event["Type"] == "SQS" for event in _events(template))
    requests = queues * POLLERS * DAYS * 86_400 / POLL_S
    price = costs.SQS_USD_PER_REQUEST
    return Item("Lambda asking its queues", requests * price, max(0.0, requests - FREE_SQS_REQUESTS) * price)


def _ticks(template: Mapping[str, Any]) -> Item:
    found = re.search(r"\d+", template["Parameters"]["TickRate"]["Default"])
    assert found, "as the parameter's own pattern has it"
    ticks = DAYS * 24 * 60 / int(found[0])
    index = SHARDS * costs.DYNAMO_USD_PER_READ / 2  # an index is read at half price
    function = costs.LAMBDA_USD_PER_REQUEST + costs.LAMBDA_USD_PER_GB_S * costs.SESSION_GB * TICK_S
    return Item("looking for due users", ticks * (SCHEDULE_USD + TRACE_USD + function + index), ticks * index)


def _of_type(template: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [body for body in template["Resources"].values() if body["Type"] == kind]


def _events(template: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    functions = _of_type(template, "AWS::Serverless::Function")
    return [event for body in functions for event in body["Properties"].get("Events", {}).values()]


# --- the table ---------------------------------------------------------------------------------------------


def table(template: Mapping[str, Any]) -> str:
    items = idle(template)
    listed, free = sum(item.usd for item in items), sum(item.after_free for item in items)
    parts = "; ".join(f"{item.name} {_usd(item.usd)}" for item in items if item.usd)
    told, figures = _alarms("", watched(template, told=True)), _figures()
    rows = [
        (f"a session: {CARDS} cards of {PHOTOS_PER_CARD} photos, all swiped", _usd(session_usd()), ""),
        ("1,000 cards", _usd(session_usd() * 1000 / CARDS), ""),
        ("a user, a session an hour, a month", _usd(user_usd()), ""),
        (f"a stack that nobody uses, a month ({parts})", _usd(listed), _usd(free)),
        ("alarms, if there is an e-mail for them, a month", _usd(told.usd), _usd(told.after_free)),
        ("ten figures in CloudWatch, if there is any user, a month", _usd(figures.usd), _usd(figures.after_free)),
        *(
            (f"a stack of {n} such user{'s' * (n > 1)}, without alarms, a month", *_whole(n, listed, free))
            for n in USERS
        ),
    ]
    head = "| USD | list price | less what is always free |\n|---|--:|--:|"
    return "\n".join([head, *(f"| {' | '.join(row)} |" for row in rows)])


def _whole(users: int, listed: float, free: float) -> tuple[str, str]:
    """Of a session only requests and compute are in part free; they are left as they are."""
    used, figures = users * user_usd(), _figures()
    return _usd(listed + used + figures.usd), _usd(free + used + figures.after_free)


def _figures() -> Item:
    """What each session counts for CloudWatch."""
    at = datetime(2026, 1, 1, tzinfo=UTC)
    report = SessionReport(
        session_id="s", started_at=at, ended_at=at, outcome="done", deck="tinder", acting=True, photos=1
    )
    names = len(of_session(report))
    return Item("figures", names * METRIC_USD, max(0, names - FREE_METRICS) * METRIC_USD)


def _usd(amount: float) -> str:
    return f"{amount:.2f}" if amount >= 0.1 or amount == 0 else f"{amount:.2g}"


def text() -> str:
    notes = _NOTES.format(pacing=PACING_S, judge=JUDGE_MS_PER_PHOTO, tick=TICK_S)
    return f"{table(source(TEMPLATE))}\n\n{notes}"


def between_markers(page: str, inner: str) -> str:
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{inner}\n{END}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into README.md, between its markers")
    if parser.parse_args().write:
        README.write_text(between_markers(README.read_text("utf-8"), text()), "utf-8")
    else:
        print(text())


if __name__ == "__main__":
    main()
