"""The page: what its files may hold, and, where there is a browser, what it does."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.e2e.console_api import ConsoleApi, serving

CONSOLE = Path(__file__).parents[2] / "console"
MODULES = sorted(CONSOLE.glob("*.js"))
PAGES = sorted(CONSOLE.glob("*.html"))
ROUTES = {
    "/local/token", "/local/renew", "/v1/status", "/v1/switch", "/v1/acting", "/v1/decisions",
    "/v1/decisions/{}/photos/{}", "/v1/labels", "/v1/labels/{}", "/v1/labels/next", "/v1/report",
}  # fmt: skip
each_page = pytest.mark.parametrize("page_file", PAGES, ids=lambda file: file.stem)


# --- the files ---------------------------------------------------------------------------------------


class Markup(HTMLParser):
    """Collects every tag of a page with its attributes, and the text inside script and style."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inline = ""
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] in ("script", "style"):
            self.inline += data.strip()

    def values(self, name: str) -> set[str]:
        return {attrs[name] for _, attrs in self.tags if attrs.get(name)}


def source() -> str:
    return "\n".join(module.read_text("utf-8") for module in MODULES)


def modules_of(page_file: Path) -> list[str]:
    """The texts of the modules that a page loads, its own one first."""
    found: dict[str, str] = {}
    wanted = [attrs["src"] for tag, attrs in Markup(page_file).tags if tag == "script"]
    while wanted:
        name = wanted.pop().removeprefix("/console/")
        if name not in found:
            found[name] = (CONSOLE / name).read_text("utf-8")
            wanted += re.findall(r'from "([^"]+)"', found[name])
    return list(found.values())


@each_page
def test_page_holds_no_inline_script_or_style(page_file):
    markup = Markup(page_file)
    names = {name for _, attrs in markup.tags for name in attrs}

    assert markup.inline == ""
    assert "style" not in {tag for tag, _ in markup.tags}
    assert not {name for name in names if name == "style" or name.startswith("on")}


@each_page
def test_page_is_at_home_here_and_every_file_it_names_exists(page_file):
    markup = Markup(page_file)
    named = {
        value
        for tag, attrs in markup.tags
        for value in (attrs.get("src"), attrs.get("href"))
        if value and tag in ("script", "link", "img")
    }
    named |= set(re.findall(r'from "([^"]+)"', source()))

    assert named
    for address in named:
        assert address.startswith("/console/"), address
        assert (CONSOLE / address.removeprefix("/console/")).is_file(), address
    assert "http" not in source()
    assert "url(" not in (CONSOLE / "console.css").read_text("utf-8")


def test_text_reaches_the_page_as_text_only():
    forbidden = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\.style\b|setAttribute\(\"style"
    )

    assert re.findall(forbidden, source()) == []


def test_every_path_called_is_one_the_api_has():
    literals = re.findall(r"""["'`](/(?:v1|local)/[^"'`]*)["'`]""", source())
    called = {re.sub(r"\$\{[^}]*\}", "{}", path.partition("?")[0]) for path in literals}

    assert called == ROUTES


TURNS = """
import { inTurn } from "./turns.js";
let now = 0, most = 0, order = [];
const work = (n) => async () => {
  most = Math.max(most, ++now);
  await new Promise((go) => setTimeout(go, 0));
  now -= 1;
  order.push(n);
  if (n % 3 === 0) throw new Error("no");
};
const ends = await Promise.allSettled(Array.from({ length: 20 }, (_, n) => inTurn(work(n))));
await Promise.allSettled(Array.from({ length: 9 }, () => inTurn(work(1))));
console.log(most, order.slice(0, 20).every((n, place) => n === place), ends.filter((e) => e.reason).length, now);
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no node")
def test_four_photos_are_asked_for_at_once_and_a_failure_keeps_no_place(tmp_path):
    (tmp_path / "turns.js").write_text((CONSOLE / "turns.js").read_text("utf-8"), "utf-8")
    (tmp_path / "package.json").write_text('{"type": "module"}', "utf-8")
    (tmp_path / "main.js").write_text(TURNS, "utf-8")

    ran = subprocess.run(["node", "main.js"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)

    assert ran.stdout.split() == ["4", "true", "7", "0"]
    assert "inTurn(() => readPhoto(" in (CONSOLE / "photos.js").read_text("utf-8")


def test_every_module_belongs_to_a_page():
    loaded = {text for page_file in PAGES for text in modules_of(page_file)}

    assert loaded == {module.read_text("utf-8") for module in MODULES}


def test_pages_have_the_same_head_and_link_to_each_other():
    heads = {
        re.search(r'<header class="topbar">.*?<section class="blank" id="signin".*?</section>', text, re.S)
        .group(0)
        .replace(' aria-current="page"', "")
        .replace(f'<h1 class="sr">{title}</h1>', "")
        for text in (file.read_text("utf-8") for file in PAGES)
        for title in re.findall(r"<title>(\w+) · Swipr</title>", text)
    }

    assert len(heads) == 1
    linked = set(re.findall(r'<a href="([^"]+)"><svg class="icon"', heads.pop()))
    assert linked == {"/"} | {f"/console/{file.name}" for file in PAGES if file.name != "index.html"}


@each_page
def test_every_action_of_the_page_has_a_handler(page_file):
    tables = [
        table.group(1)
        for text in modules_of(page_file)
        if (table := re.search(r"const ACTIONS = \{(.*?)^\};", text, re.S | re.M))
    ]
    handled = {name for table in tables for name in re.findall(r'^  "?([a-z-]+)"?[:,]', table, re.M)}

    assert len(tables) == 2, "the shell's and the page's own"
    assert handled == Markup(page_file).values("data-action")


@each_page
def test_every_part_id_and_icon_that_the_modules_name_is_in_the_page(page_file):
    markup, text = Markup(page_file), "\n".join(modules_of(page_file))
    if page_file.name == "index.html":
        text_of_icons = text
    else:  # the words' icons are of decisions, which only Home has
        text_of_icons = text.replace((CONSOLE / "words.js").read_text("utf-8"), "")
    icons = set(re.findall(r'"(#i-[a-z]+)"', text_of_icons)) | {
        attrs["href"] for tag, attrs in markup.tags if tag == "use" and attrs.get("href")
    }

    assert set(re.findall(r'byId\("([a-z-]+)"\)', text)) <= markup.values("id")
    assert set(re.findall(r'fromTemplate\("([a-z-]+)"\)', text)) <= markup.values("id")
    assert set(re.findall(r'\bpart\(\w+, "([a-z-]+)"\)', text)) <= markup.values("data-part")
    assert {icon.removeprefix("#") for icon in icons} <= markup.values("id")


# --- in a browser ------------------------------------------------------------------------------------


@pytest.fixture
def api() -> ConsoleApi:
    return ConsoleApi()


@pytest.fixture
def address(api) -> Iterator[str]:
    with serving(api) as address:
        yield address


@pytest.fixture
def page(browser, address) -> Iterator:
    """A fresh tab; fails the test when a script failed or the content policy stopped something."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    tab, wrong = context.new_page(), []
    tab.on("pageerror", lambda error: wrong.append(str(error)))
    tab.on("console", lambda said: wrong.append(said.text) if "Content Security Policy" in said.text else None)
    tab.set_default_timeout(8000)
    yield tab
    context.close()
    assert wrong == []


@pytest.fixture
def signed_in(page, address):
    page.goto(f"{address}/#token=first")
    page.wait_for_selector(".decision")
    return page


def row(page, card_id: str):
    return page.locator(f'.decision[data-card="{card_id}"]')


def says(locator, words: str, timeout: float | None = None) -> None:
    """Wait until the locator's text holds the words."""
    locator.filter(has_text=words).wait_for(timeout=timeout)


def kind_is(page, kind: str) -> None:
    page.wait_for_selector(f'#hero[data-kind="{kind}"]')


def test_the_address_signs_in_once_and_loses_its_token(signed_in, api, address):
    assert signed_in.url == f"{address}/"
    assert "first" not in api.one_use

    signed_in.reload()
    signed_in.wait_for_selector(".decision")

    assert [path for _, path in api.requests].count("/local/token") == 1


def test_without_a_token_the_page_says_which_address_it_needs(page, address):
    page.goto(address)

    says(page.locator("#signin"), "This page needs the address that swipr up or swipr token printed.")
    says(page.locator("#pill"), "Not signed in")
    assert page.locator("#content").is_hidden()


def test_a_used_token_says_so_and_a_new_address_signs_in(page, address, api):
    api.one_use.discard("first")
    page.goto(f"{address}/#token=first")
    says(page.locator("#signin"), "used before")

    page.evaluate("location.hash = 'token=second'")

    page.wait_for_selector(".decision")
    assert page.url == f"{address}/"


def test_refused_access_shows_nobody_what_was_on_the_page(signed_in, api):
    api.access.clear()

    says(signed_in.locator("#signin"), "Your access has ended.")

    assert signed_in.locator(".decision").count() == 0
    assert signed_in.evaluate("sessionStorage.length") == 0


def test_access_is_renewed_in_good_time(page, api, address):
    api.expires_in = 3.0
    page.goto(f"{address}/#token=first")
    page.wait_for_selector(".decision")

    page.wait_for_timeout(5000)

    assert ("POST", "/local/renew") in api.requests
    assert page.locator("#signin").is_hidden()


def test_off_is_said_only_when_it_is_off(signed_in, api):
    api.facts["acting"] = True
    kind_is(signed_in, "acting")
    api.stopping_for = 2

    signed_in.get_by_role("switch").click()

    kind_is(signed_in, "ending")
    says(signed_in.locator("#hero"), "Not off yet")
    kind_is(signed_in, "off")
    says(signed_in.locator("#pill"), "Off")
    assert signed_in.get_by_role("switch").get_attribute("aria-checked") == "false"


def test_a_switch_that_fails_says_what_is_still_so(signed_in, api):
    api.failing["PUT", "/v1/switch"] = (503, "The store does not answer.")

    signed_in.get_by_role("switch").click()

    says(
        signed_in.locator("#hero [role=alert]"),
        "Not turned off. The store does not answer. Whether it arrived is not known",
    )
    kind_is(signed_in, "dry")
    api.failing.clear()
    signed_in.get_by_role("switch").click()
    kind_is(signed_in, "off")
    assert signed_in.locator("#hero [role=alert]").is_hidden()


def test_acting_begins_only_after_a_second_press(signed_in, api):
    signed_in.get_by_role("button", name="Acting", exact=True).click()
    says(signed_in.locator(".confirm"), "up to 12 likes a day")
    assert ("PUT", "/v1/acting") not in api.requests

    signed_in.get_by_role("button", name="Start acting").click()

    kind_is(signed_in, "acting")
    assert api.facts["acting"]
    signed_in.get_by_role("button", name="Dry run", exact=True).click()
    kind_is(signed_in, "dry")
    assert not api.facts["acting"]


@pytest.mark.parametrize(
    ("changes", "kind", "words"),
    [
        ({"switch": "off", "status": {"code": "refused", "text": "Paste a token"}}, "stopped", "Paste a token."),
        ({"deck_wait_until": 9000, "status": {"code": "deck_waits", "text": "No likes left"}}, "wait", "asked to wait"),
        ({"status": {"code": "held_cards", "text": "11 wait"}, "held": 11, "next_due_at": None}, "wait", "11 wait."),
        ({"model": None, "status": None}, "wait", "two likes and two passes"),
        ({"acting": True, "status": {"code": "budget_spent", "text": "Today's likes are used"}}, "acting", "are used."),
    ],
)  # fmt: skip
def test_each_way_of_standing_still_is_said_in_words(page, address, api, changes, kind, words):
    changes = {name: dict(value) if isinstance(value, dict) else value for name, value in changes.items()}
    if changes.get("deck_wait_until"):
        changes["deck_wait_until"] = api.time(changes["deck_wait_until"])
    if changes.get("status"):
        changes["status"]["at"] = api.time(-5)
    api.facts |= changes

    page.goto(f"{address}/#token=first")

    kind_is(page, kind)
    says(page.locator("#hero .say"), words)


def test_the_facts_are_those_of_the_api(signed_in):
    facts = signed_in.locator("#facts").inner_text()

    assert "7 of 12" in facts
    assert "Model v3" in facts
    assert "Right 77 of 100 times" in facts
    assert "From 60 labels, 29 likes among them. Always the commoner answer: 52." in facts
    assert "AUC .86, could be .77 to .95." in facts
    assert signed_in.locator("#sessions li").count() == 3
    assert "until it looks at the deck again" in signed_in.locator("#hero").inner_text()


def test_silence_is_said_and_ends_by_itself(signed_in, api):
    api.failing["GET", "/v1/status"] = (503, "down")
    says(signed_in.locator("#offline"), "This is how things stood at")
    says(signed_in.locator("#pill"), "Dry run at")

    api.failing.clear()

    signed_in.wait_for_selector("#offline", state="hidden", timeout=20_000)


def test_decisions_show_photo_score_and_the_decks_answer(page, address, api):
    api.decisions[0] |= {"match_id": "m1", "verdict": "like", "score": 0.87}
    api.decisions[1] |= {"state": "unknown", "verdict": "like"}
    api.decisions[2] |= {
        "filtered": True,
        "score": None,
        "photos": 0,
        "photo_scores": [],
        "reason": "filtered: no photo",
    }
    page.goto(f"{address}/#token=first")

    says(row(page, "simulator:c0"), "It is a match.")
    says(row(page, "simulator:c1"), "Not repeated, so nobody is liked twice.")
    says(row(page, "simulator:c2"), "Filtered: no photo.")
    row(page, "simulator:c0").locator("img").first.wait_for(state="visible")
    assert row(page, "simulator:c0").locator("img").first.evaluate("img => img.naturalWidth") == 64
    assert row(page, "simulator:c0").get_by_role("img", name="Score 0.87, your line 0.62").count() == 1
    assert row(page, "simulator:c2").get_by_role("button").count() == 0


def test_why_shows_every_photo_and_the_record(signed_in):
    card = row(signed_in, "simulator:c0")

    card.get_by_text("Why").click()

    card.locator(".why li").nth(1).wait_for()
    assert card.locator(".why li").count() == 2
    says(card.locator(".why dl"), "simulator:c0")
    card.locator(".why img").nth(1).wait_for(state="visible")


def test_names_are_text(page, address, api):
    api.decisions[0]["name"] = "<img src=x onerror=alert(1)>"
    page.goto(f"{address}/#token=first")

    says(row(page, "simulator:c0").locator(".who"), "<img src=x onerror=alert(1)>")


def test_wrong_keeps_the_opposite_label_and_undo_takes_it_back(signed_in, api):
    card, verdict = row(signed_in, "simulator:c0"), api.decisions[0]["verdict"]
    opposite = {"like": "pass", "pass": "like"}[verdict]

    card.get_by_role("button", name="Wrong").click()

    says(card, f"You said wrong: a {opposite} for you.")
    assert (api.decisions[0]["label"]["choice"], api.decisions[0]["label"]["source"]) == (opposite, "correction")
    assert card.get_by_role("button", name="Wrong").get_attribute("aria-pressed") == "true"
    card.get_by_role("button", name="Undo").click()
    card.locator(".learned").first.wait_for(state="hidden")
    assert api.decisions[0]["label"] is None


def test_right_keeps_the_verdict_and_says_a_failure(signed_in, api):
    card = row(signed_in, "simulator:c0")
    api.failing["POST", "/v1/labels"] = (409, "This card's photos are gone.")
    card.get_by_role("button", name="Right").click()
    says(card.get_by_role("alert"), "Not done. This card's photos are gone.")
    assert api.decisions[0]["label"] is None

    api.failing.clear()
    card.get_by_role("button", name="Right").click()

    says(card, "You said right.")
    assert api.decisions[0]["label"]["choice"] == api.decisions[0]["verdict"]


def test_held_cards_ask_like_or_pass_and_are_found_on_older_pages(page, address, api):
    api.decisions[30] |= {"verdict": "unsure", "state": "unsure", "acted_at": None}
    api.facts["held"] = 1
    page.goto(f"{address}/#token=first")

    page.get_by_role("button", name="1 card waits for you").click()

    card = row(page, "simulator:c30")
    says(card, "Like or pass?")
    assert page.locator(".decision:visible").count() == 1
    card.get_by_role("button", name="Like").click()
    says(card, "You said like.")
    assert (api.decisions[30]["label"]["choice"], api.decisions[30]["label"]["source"]) == ("like", "asked")


def test_older_decisions_come_by_cursor_until_there_are_no_more(signed_in):
    more = signed_in.get_by_role("button", name="Show older decisions")
    assert signed_in.locator(".decision").count() == 20

    more.click()
    row(signed_in, "simulator:c39").wait_for()
    more.click()
    row(signed_in, "simulator:c44").wait_for()

    more.wait_for(state="hidden")
    assert signed_in.locator(".decision").count() == 45


def test_new_decisions_wait_while_a_row_is_used(signed_in, api):
    row(signed_in, "simulator:c0").get_by_role("button", name="Right").focus()
    api.decisions.insert(0, api.decision(99, decided_at=api.time(10)))
    api.facts["held"] = 1  # something happened

    signed_in.get_by_role("button", name="Show 1 newer decision").click()

    row(signed_in, "simulator:c99").wait_for()
    assert signed_in.locator(".decision").first.get_attribute("data-card") == "simulator:c99"


def test_photos_of_cards_that_left_are_given_back(signed_in, api):
    signed_in.evaluate("""() => { window.revoked = []; const revoke = URL.revokeObjectURL;
        URL.revokeObjectURL = (address) => { window.revoked.push(address); revoke.call(URL, address); }; }""")
    address = row(signed_in, "simulator:c0").locator("img").first.get_attribute("src")
    del api.decisions[0]
    api.facts["held"] = 1

    row(signed_in, "simulator:c0").wait_for(state="detached")

    assert signed_in.evaluate("window.revoked") == [address]


def test_keys_move_and_answer_within_the_list(signed_in, api):
    row(signed_in, "simulator:c0").get_by_role("button", name="Right").focus()

    signed_in.keyboard.press("j")
    signed_in.keyboard.press("w")

    says(row(signed_in, "simulator:c1"), "You said wrong")
    assert api.decisions[0]["label"] is None


def test_everything_is_reached_by_tab_and_the_first_skips_to_the_page(signed_in):
    reached = []
    for _ in range(12):
        signed_in.keyboard.press("Tab")
        reached.append(signed_in.evaluate("document.activeElement.dataset.action ?? document.activeElement.className"))

    assert reached[0] == "skip-link"
    assert [one for one in reached if one in ("switch", "dry", "acting", "show-all", "waiting", "answer")][:6] == [
        "switch", "dry", "acting", "show-all", "waiting", "answer"
    ]  # fmt: skip


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_off_the_side_and_targets_are_large(browser, address, api, width, scheme):
    api.decisions[0] |= {
        "name": "Maximiliana-Konstantina-van-der-Hoogenband-Saalfeld",
        "verdict": "unsure",
        "state": "unsure",
    }
    api.facts |= {"held": 1, "acting": True}
    with browser.new_context(viewport={"width": width, "height": 780}, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{address}/#token=first")
        page.wait_for_selector(".decision")
        sideways = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        small = page.evaluate("""() => [...document.querySelectorAll('button, summary')]
            .filter((one) => one.offsetParent && (one.offsetHeight < 44 || one.offsetWidth < 44))
            .map((one) => one.outerHTML)""")
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(13, 19, 17)"

    assert sideways <= 0
    assert small == []
    assert dark == (scheme == "dark")
