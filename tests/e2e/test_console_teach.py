"""The page Teach in a browser: keys, undo, answers kept without a connection and stored once each, swipes, words."""

import re

import pytest

from tests.e2e.console_api import serving
from tests.e2e.teach_api import ALL_ANSWERED, TeachApi
from tests.e2e.test_console import says

CARD = "#card[data-card] .shot img"
PAUSE_MS = 150  # no person presses faster
PRESSES = """async ({keys, most, pause}) => {
    const card = document.getElementById("card"), times = [];
    const frame = () => new Promise(requestAnimationFrame);
    for (const key of keys) {
        const before = card.dataset.card, began = performance.now();
        document.body.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true}));
        const shown = () => card.dataset.card !== before && (card.hidden || card.querySelector(".shot img")?.complete);
        while (!shown()) {
            await frame();
            if (performance.now() - began > most) return {stuck: before, times};
        }
        await frame();
        times.push(performance.now() - began);
        if (pause) await new Promise((resolve) => setTimeout(resolve, pause));
    }
    return {times};
}"""


@pytest.fixture
def api():
    return TeachApi()


@pytest.fixture
def address(api):
    with serving(api) as address:
        yield address


@pytest.fixture
def tabs(browser):
    """Makes contexts; fails the test when a script failed, or anything but a failed request was complained of."""
    contexts, wrong = [], []

    def said(message):
        if message.type in ("error", "warning") and "Failed to load resource" not in message.text:
            wrong.append(message.text)

    def watch(tab):
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("console", said)
        tab.set_default_timeout(8000)

    def opened(**options):
        context = browser.new_context(**({"viewport": {"width": 1280, "height": 860}} | options))
        context.on("page", watch)
        contexts.append(context)
        return context

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def page(tabs, address):
    return teach(tabs().new_page(), address)


def teach(tab, address, token="first"):
    tab.goto(f"{address}/console/teach.html#token={token}")
    tab.wait_for_selector(CARD)
    return tab


def shown(page) -> str:
    return page.locator("#card").get_attribute("data-card")


def press(page, *keys: str, pause: float = 0) -> list[float]:
    """Press one after the other, each once the next card is drawn; milliseconds from the press to its drawing."""
    ended = page.evaluate(PRESSES, {"keys": keys, "most": 8000, "pause": pause})
    assert "stuck" not in ended, ended
    return ended["times"]


def until(page, holds, *, seconds: float = 15) -> None:
    for _ in range(int(seconds * 20)):
        if holds():
            return
        page.wait_for_timeout(50)
    assert holds()


# --- answers ------------------------------------------------------------------------------------------------


def test_keys_like_pass_and_skip_and_are_printed_on_the_buttons(page, api):
    order = [shown(page)]
    for key in ("ArrowRight", "ArrowLeft", "ArrowDown"):
        press(page, key)
        order.append(shown(page))

    until(page, lambda: len(api.stored) == 2)
    assert [api.stored[card]["choice"] for card in order[:2]] == ["like", "pass"]
    assert (api.stored[order[0]]["source"], api.stored[order[0]]["chosen_by"]) == ("asked", "uncertain")
    assert len(set(order)) == 4
    says(page.locator("#last"), "Skipped Person 2")
    buttons = page.locator("#answers button").all_inner_texts()
    assert [text.split() for text in buttons] == [["Pass", "←"], ["Skip", "↓"], ["Like", "→"], ["Undo", "Z"]]


def test_the_mouse_and_the_keyboard_alone_reach_every_answer(page, api):
    page.get_by_role("button", name="Like").click()
    until(page, lambda: len(api.stored) == 1)

    page.locator("#answers [data-choice=pass]").focus()
    page.keyboard.press("Enter")

    until(page, lambda: len(api.stored) == 2)


def test_undo_takes_back_what_was_sent_and_shows_that_card_again(page, api):
    first = shown(page)
    press(page, "ArrowRight")
    until(page, lambda: first in api.stored)

    press(page, "z")

    assert shown(page) == first
    until(page, lambda: first not in api.stored)
    press(page, "ArrowLeft")
    until(page, lambda: api.stored.get(first, {}).get("choice") == "pass")


def test_undo_goes_back_through_many_from_the_last_also_after_a_reload(page, api):
    cards = []
    for key in ["ArrowRight", "ArrowLeft", "ArrowDown"] * 3:
        cards.append(shown(page))
        press(page, key)
    until(page, lambda: len(api.stored) == 6)
    page.reload()
    page.wait_for_selector(CARD)

    back = []
    for _ in cards:
        page.keyboard.press("z")
        until(page, lambda: shown(page) == cards[-1 - len(back)])
        back.append(shown(page))

    assert back == cards[::-1]
    until(page, lambda: not api.stored)
    assert page.get_by_role("button", name="Undo").get_attribute("aria-disabled") == "true"


def test_undo_of_a_card_asked_again_brings_back_what_was_said_before(tabs, api, address):
    api.cards[0] |= {"chosen_by": "recheck", "score": None, "threshold": None}
    api.stored["simulator:q0"] = {"choice": "like", "source": "asked", "chosen_by": "random", "earlier": []}
    page = teach(tabs().new_page(), address)
    press(page, "ArrowLeft")
    until(page, lambda: api.stored["simulator:q0"]["choice"] == "pass")

    press(page, "z")

    until(page, lambda: api.stored["simulator:q0"]["choice"] == "like")


def test_one_of_the_last_ten_can_be_changed(page, api):
    press(page, "ArrowRight", "ArrowRight", "ArrowRight")
    until(page, lambda: len(api.stored) == 3)

    page.get_by_role("button", name="Person 0: liked. Change").click()

    until(page, lambda: shown(page) == "simulator:q0")
    press(page, "ArrowLeft")
    until(page, lambda: api.stored.get("simulator:q0", {}).get("choice") == "pass")
    assert len(api.stored) == 3


def test_other_photos_of_the_card_are_shown(tabs, api, address):
    api.cards[0]["photos"] = 3
    page = teach(tabs().new_page(), address)
    photos = page.get_by_role("button", name="Photo 1 of 3")
    photos.wait_for()
    before = page.locator(CARD).get_attribute("src")

    page.keyboard.press("ArrowUp")

    page.get_by_role("button", name="Photo 2 of 3").wait_for()
    assert page.locator(CARD).get_attribute("src") != before
    assert shown(page) == "simulator:q0"


def test_a_hundred_presses_are_all_kept_and_how_long_each_took_is_printed(tabs, address, api, capsys):
    api.cards = [api.card(n) for n in range(120)]
    page = teach(tabs().new_page(), address)
    page.wait_for_timeout(1500)

    times = sorted(press(page, *["ArrowRight", "ArrowLeft"] * 50, pause=PAUSE_MS))

    with capsys.disabled():
        print(
            f"\nkey press to next photo drawn, 100 times: median {times[50]:.0f} ms, 95th percentile {times[95]:.0f} ms"
        )
    until(page, lambda: len(api.stored) == 100)
    assert set(api.written.values()) == {1}


# --- nothing is lost, nothing is doubled --------------------------------------------------------------------------


def test_300_answers_without_a_connection_are_stored_once_each(tabs, api, address):
    api.cards = [api.card(n, photos=1) for n in range(330)]
    context = tabs()
    page = teach(context.new_page(), address)
    page.get_by_role("button", name="Take 300 cards along").click()
    says(page.locator("#along-say"), "300 cards with a photo are here", timeout=60_000)
    context.set_offline(True)

    press(page, *["ArrowRight", "ArrowLeft", "ArrowLeft"] * 100)

    says(page.locator("#offline"), "300 answers are kept on this device and sent when you are online.")
    assert api.stored == {}
    api.lost = 4  # answers that are lost on their way back
    context.set_offline(False)
    until(page, lambda: len(api.stored) == 300, seconds=40)
    page.wait_for_selector("#unsent", state="hidden", timeout=30_000)
    until(page, lambda: not page.evaluate(KEPT), seconds=30)
    assert set(api.written.values()) == {1}
    assert sum(label["choice"] == "like" for label in api.stored.values()) == 100


KEPT = """() => new Promise((resolve) => { const asked = indexedDB.open("swipr"); asked.onsuccess = () => {
    const all = asked.result.transaction("answers").objectStore("answers").count();
    all.onsuccess = () => { asked.result.close(); resolve(all.result); }; }; })"""


def test_photos_that_do_not_come_are_not_asked_for_on_and_on(page, api):
    api.failing["GET", "/v1/decisions/"] = (503, "Not now.")
    press(page, "ArrowRight")
    before = len(api.requests)

    page.wait_for_timeout(2000)

    assert sum(path.startswith("/v1/decisions/") for _, path in api.requests[before:]) < 20


def test_a_reload_in_the_middle_loses_and_doubles_nothing(page, api):
    api.failing["POST", "/v1/labels"] = (503, "The store does not answer.")
    press(page, *["ArrowRight"] * 7)
    says(page.locator("#unsent"), "7 answers are not sent yet. Kept on this device. The store does not answer.")

    page.reload()
    page.wait_for_selector(CARD)
    assert shown(page) == "simulator:q7", "none of the seven is asked about again"
    api.failing.clear()
    api.lost = 2
    page.reload()

    until(page, lambda: len(api.stored) == 7)
    until(page, lambda: not page.evaluate(KEPT))
    assert set(api.written.values()) == {1}


def test_two_tabs_send_each_answer_once_and_ask_about_none_twice(tabs, api, address):
    context = tabs()
    one = teach(context.new_page(), address)
    other = teach(context.new_page(), address, token="second")
    api.lost = 3

    answered = []
    for _ in range(6):
        for tab, elsewhere in ((one, other), (other, one)):
            answered.append(shown(tab))
            press(tab, "ArrowRight")
            until(elsewhere, lambda: shown(elsewhere) != answered[-1])  # noqa: B023 - asked at once

    until(one, lambda: len(api.stored) == len(set(answered)))
    until(one, lambda: not one.evaluate(KEPT))
    assert set(api.written.values()) == {1}
    assert len(set(answered)) == 12


def test_sending_can_be_tried_at_once(page, api):
    api.failing["POST", "/v1/labels"] = (503, "Not now.")
    press(page, "ArrowRight")
    page.locator("#unsent").filter(has_text=re.compile(r"Next try in ([5-9]|\d\d) s")).wait_for(timeout=30_000)
    api.failing.clear()

    page.get_by_role("button", name="Try now").click()

    page.wait_for_selector("#unsent", state="hidden", timeout=3000)
    assert set(api.stored) == {"simulator:q0"}


def test_an_answer_that_is_refused_is_said_and_the_others_are_stored(page, api):
    api.failing["POST", "/v1/labels"] = (503, "Not now.")
    press(page, *["ArrowRight"] * 4)
    del api.cards[1]  # forgotten meanwhile
    api.failing.clear()

    says(page.locator("#refused"), "1 answer was not taken. No card.")

    until(page, lambda: set(api.stored) == {"simulator:q0", "simulator:q2", "simulator:q3"})
    page.get_by_role("button", name="Seen").click()
    page.wait_for_selector("#refused", state="hidden")


def test_an_answer_undone_while_it_is_being_sent_is_taken_back(page, api):
    api.failing["POST", "/v1/labels"] = (504, "Too slow.")
    first = shown(page)
    press(page, "ArrowRight")
    page.wait_for_selector("#unsent:not([hidden])")
    press(page, "z")
    assert shown(page) == first

    api.failing.clear()

    until(page, lambda: ("DELETE", f"/v1/labels/{first.replace(':', '%3A')}") in api.requests)
    until(page, lambda: not page.evaluate(KEPT))
    assert api.stored == {}


# --- swipes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("to", "choice"), [(300, "like"), (20, "pass")])
def test_a_swipe_by_touch_answers(tabs, api, address, to, choice):
    page = teach(tabs(viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True).new_page(), address)

    touch(page, [160, (160 + to) / 2, to])

    until(page, lambda: api.stored.get("simulator:q0", {}).get("choice") == choice)
    assert shown(page) == "simulator:q1"


def test_a_short_drag_leans_and_comes_back(page, api):
    box = page.locator("#card").bounding_box()
    x, y = box["x"] + 200, box["y"] + 200
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y, steps=4)
    assert page.locator("#card").get_attribute("data-lean") == "like"
    page.wait_for_timeout(300)
    page.mouse.up()

    page.wait_for_timeout(300)
    assert shown(page) == "simulator:q0"
    assert page.locator("#card").get_attribute("data-lean") is None
    assert api.stored == {}


def test_nothing_moves_where_motion_is_not_wanted(tabs, address):
    page = teach(tabs(reduced_motion="reduce").new_page(), address)

    page.keyboard.press("ArrowRight")

    page.wait_for_selector("#card[data-card='simulator:q1']")
    assert page.locator(".ghost").count() == 0


def touch(page, xs: list[float], y: float = 300) -> None:
    session = page.context.new_cdp_session(page)
    for kind, x in [("touchStart", xs[0]), *[("touchMove", x) for x in xs[1:]]]:
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        page.wait_for_timeout(30)
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


# --- never falsely empty, and words -----------------------------------------------------------------------


def test_empty_is_said_in_the_apis_words_and_ends_when_cards_come(tabs, api, address):
    api.cards = api.cards[:2]
    page = teach(tabs().new_page(), address)
    press(page, "ArrowRight", "ArrowRight")

    says(page.locator("#nothing"), "Nothing to ask about")
    says(page.locator("#nothing"), f"{ALL_ANSWERED[0].upper()}{ALL_ANSWERED[1:]}.")

    api.cards.append(api.card(7))
    page.wait_for_selector("#card[data-card='simulator:q7']", timeout=12_000)


def test_skipped_cards_are_not_hidden(tabs, api, address):
    api.cards = api.cards[:2]
    page = teach(tabs().new_page(), address)
    press(page, "ArrowDown", "ArrowDown")

    says(page.locator("#nothing"), "Only cards you skipped are left")
    page.get_by_role("button", name="Go through the 2 skipped").click()

    page.wait_for_selector("#card[data-card='simulator:q0']")


def test_answers_on_their_way_are_no_empty_queue(tabs, api, address):
    api.cards = api.cards[:2]
    api.failing["POST", "/v1/labels"] = (503, "Not now.")
    page = teach(tabs().new_page(), address)
    press(page, "ArrowRight", "ArrowLeft")

    says(page.locator("#nothing"), "Your answers are on their way")
    assert "Nothing to ask" not in page.locator("#nothing").inner_text()


def test_a_queue_that_cannot_be_read_is_not_called_empty(tabs, api, address):
    api.failing["GET", "/v1/labels/next"] = (503, "The judge does not answer.")
    page = tabs().new_page()
    page.goto(f"{address}/console/teach.html#token=first")

    says(page.locator("#nothing"), "The next cards could not be fetched")
    says(page.locator("#nothing"), "The judge does not answer.")
    api.failing.clear()
    page.wait_for_selector(CARD, timeout=12_000)


@pytest.mark.parametrize(
    ("labels", "model", "by_choice", "title", "say"),
    [
        (0, None, {}, "0 of 4 to your first model", "You have none yet."),
        (4, None, {"like": 4}, "2 of 4 to your first model", "You have 4 likes and 0 passes."),
        (12, {"metrics": {}}, {}, "12 of 20 to the first figures", "learns from each answer at once"),
        (63, {"metrics": {"grid_labels": 60.0}}, {}, "3 of 12 to the next full fit", "measures the curve anew"),
        (80, {"metrics": {"grid_labels": 60.0}}, {}, "A full fit is due", "next answers"),
    ],
)  # fmt: skip
def test_the_goal_says_what_comes_next(tabs, api, address, labels, model, by_choice, title, say):
    api.facts["labels"] = labels
    api.facts["model"] = model and api.facts["model"] | model
    api.report_facts["labels"]["by_choice"] = by_choice
    page = teach(tabs().new_page(), address)

    says(page.locator("#goal"), title)
    says(page.locator("#goal"), say)


def test_the_curve_is_drawn_with_its_band_and_without_points_says_so(tabs, api, address):
    page = teach(tabs().new_page(), address)
    page.get_by_role("img", name="Learning curve: ranking quality .66 at 10 labels").wait_for()
    assert page.locator("#curve .bandfill").count() == 1
    says(page.locator("#curve-say"), "Ranks your cards right 86 of 100 times, from 60 labels; could be 77 to 95.")

    api.report_facts |= {"model": None, "curve": {"points": [], "text": "not enough data yet"}}
    api.facts["labels"] = 1
    page.reload()

    says(page.locator("#curve-say"), "Not enough data yet.")
    assert page.locator("#curve").is_hidden()


def test_why_a_card_is_asked_and_its_name_are_text(tabs, api, address):
    api.cards[0] |= {"name": "<img src=x onerror=alert(1)>", "why": "it is held until you answer", "held": True}
    page = teach(tabs().new_page(), address)

    says(page.locator("#card .who"), "<img src=x onerror=alert(1)>")
    says(page.locator("#card .cap"), "Asked: it is held until you answer, score .58.")


def test_signing_in_carries_from_page_to_page_and_out_shows_nothing(page, api):
    page.get_by_role("link", name="Home", exact=True).click()
    page.wait_for_selector(".decision")
    page.get_by_role("link", name="Teach").click()
    page.wait_for_selector(CARD)
    assert [path for _, path in api.requests].count("/local/token") == 1

    api.access.clear()

    says(page.locator("#signin"), "Your access has ended.")
    assert page.locator(CARD).count() == 0
    assert page.evaluate("sessionStorage.length") == 0


@pytest.mark.parametrize("width", [360, 1000, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_runs_off_the_side_and_targets_are_large(tabs, address, api, width, scheme):
    api.cards[2]["name"] = "Maximiliana-Konstantina-van-der-Hoogenband-Saalfeld"
    api.failing["POST", "/v1/labels"] = (503, "Not now.")
    page = teach(tabs(viewport={"width": width, "height": 740}, color_scheme=scheme).new_page(), address)
    press(page, "ArrowRight", "ArrowLeft")
    page.wait_for_selector("#unsent:not([hidden])")

    small = page.evaluate("""() => [...document.querySelectorAll('button, .pages a')]
        .filter((one) => one.offsetParent && (one.offsetHeight < 44 || one.offsetWidth < 44))
        .map((one) => one.outerHTML)""")
    buttons, tab_bar = page.locator("#answers").bounding_box(), page.locator(".pages").bounding_box()

    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert small == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor === 'rgb(13, 19, 17)'") == (scheme == "dark")
    if width < 960:
        page.wait_for_selector("#unsent:not([hidden])")
        api.failing.clear()
        page.wait_for_selector("#unsent", state="hidden", timeout=12_000)
        buttons = page.locator("#answers").bounding_box()
        assert buttons["y"] + buttons["height"] <= tab_bar["y"], "the answers are seen without scrolling"
