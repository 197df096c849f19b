// How things stand: the switch, likes left, the deck, the model, the last sessions.

import { announce, busy, byId, fill, fromTemplate, part, press, show } from "/console/dom.js";
import { deckWaits, kindOf, PILL } from "/console/standing.js";
import { serverNow } from "/console/store.js";
import { clock, count, deckHealth, deckName, DeckName, duration, exactClock, outcome, score, sentence } from "/console/words.js";

const SESSIONS_SHOWN = 4;
const MOST_PIPS = 24; // more would be too thin to count; then a bar says the same

const WORDS = { loading: "…", acting: "On", dry: "Dry run", off: "Off", ending: "Turning off", starting: "Turning on", stopped: "Stopped", wait: "Waiting" };
const EYEBROWS = { wait: "On, but" };
const KNOBS = { acting: "on", dry: "on", wait: "on", off: "off", stopped: "off" };

export function renderHome(state) {
  const kind = kindOf(state);
  renderHero(state, kind);
  byId("facts").hidden = !state.status;
  if (!state.status) return;
  renderAsk(state.status.held);
  renderBudget(state.status);
  renderDeck(state.status);
  renderModel(state.status);
  renderSessions(state.status.sessions);
  renderCountdown(state);
}

/** On, but no look is planned, and no answer of the person's would plan one. */
const isStuck = (status) => status.switch === "on" && status.next_due_at === null && status.status?.code !== "held_cards";

function renderHero(state, kind) {
  const hero = byId("hero");
  if (hero.dataset.kind !== kind && hero.dataset.kind !== "loading") announce(PILL[kind][1]);
  hero.dataset.kind = kind;
  fill(hero, { eyebrow: EYEBROWS[kind] ?? "Swiping is", word: WORDS[kind], knob: KNOBS[kind] ?? "", say: saying(state, kind), "failed-say": state.failed ?? "" });
  show(hero, { failed: state.failed, known: state.status, switch: state.status, eyebrow: state.status });
  if (!state.status) return;
  renderSwitch(hero, kind);
  renderMode(hero, state);
}

function renderSwitch(hero, kind) {
  const control = part(hero, "switch");
  const moving = kind === "ending" || kind === "starting";
  control.setAttribute("aria-checked", String(!["off", "stopped", "starting"].includes(kind)));
  control.setAttribute("aria-label", moving ? `Swiping, ${WORDS[kind].toLowerCase()}` : "Swiping");
  busy(control, moving);
}

function renderMode(hero, { status, pending, confirming }) {
  const waits = pending !== null;
  press(part(hero, "dry"), !status.acting);
  press(part(hero, "acting"), status.acting);
  busy(part(hero, "dry"), pending === "dry", waits);
  busy(part(hero, "acting"), pending === "acting", waits);
  busy(part(hero, "confirm-yes"), pending === "acting", waits);
  busy(part(hero, "again"), pending === "again", waits);
  show(hero, { confirm: confirming && !status.acting, again: isStuck(status) });
  fill(hero, { "confirm-say": `Swipr then likes and passes on ${deckName(status.deck)} for you, up to ${count(status.budget.likes_per_day, "like")} a day. What is sent cannot be taken back.` });
}

function saying({ status, pending }, kind) {
  if (!status) return "Asking Swipr how things stand.";
  const { deck, budget } = status;
  const text = status.status ? sentence(status.status.text) : "";
  switch (kind) {
    case "acting": return status.status?.code === "budget_spent" ? text : `Likes and passes on ${deckName(deck)} for you, up to ${count(budget.likes_per_day, "like")} a day.`;
    case "dry": return `Judges every card and shows you what it would do. Nothing is sent to ${deckName(deck)}.`;
    case "stopped": return `${text} Nothing is liked or passed. When that is settled, turn it on again.`;
    case "wait": return waitingFor(status, text);
    case "starting": return "Not on yet: waiting for Swipr to say so.";
    case "ending": return pending === "off" && status.switch !== "stopping"
      ? "Not off yet: waiting for Swipr to say so."
      : "Not off yet. No new like or pass will begin; one that had begun is being finished. Mostly under 10 seconds.";
    default: return `${status.status?.code === "off" ? `Off since ${exactClock(status.status.at)}. ` : ""}No like or pass begins until you turn it on.`;
  }
}

function waitingFor(status, text) {
  if (status.model === null) return "There is no model of your taste yet. It needs at least two likes and two passes of yours.";
  if (!deckWaits(status)) return text;
  const why = status.status?.code === "deck_waits" ? `${DeckName(status.deck)} asked to wait.` : text;
  return `${why} Swipr does not ask again before ${clock(status.deck_wait_until)}.`;
}

/** The line that counts down; drawn each second without asking Swipr. */
export function renderCountdown({ status }) {
  if (!status) return;
  const [next, say] = nextLook(status);
  fill(byId("hero"), { next, "next-say": say });
}

function nextLook(status) {
  if (status.switch === "stopping") return ["No new look", "begins while it turns off"];
  if (status.switch === "off") return ["No next look", "but answers you give are still learned from"];
  if (status.status?.code === "running") return ["Looking now", "a session is under way"];
  if (status.next_due_at === null) return ["No next look", status.held ? "until you answered a card" : "planned"];
  const ms = Math.max(Date.parse(status.next_due_at), deckWaits(status) ? Date.parse(status.deck_wait_until) : 0) - serverNow();
  return ms > 0 ? [duration(ms), `until it looks at ${status.deck === "tinder" ? "Tinder" : "the deck"} again`] : ["Any moment", "it looks at the deck"];
}

function renderAsk(held) {
  byId("ask").hidden = held === 0;
  fill(byId("ask"), { count: `${count(held, "card waits", "cards wait")} for you` });
}

function renderBudget({ budget, acting }) {
  const facts = byId("facts");
  const zone = budget.time_zone === "UTC" ? "UTC" : budget.time_zone.replace("_", " ");
  fill(facts, { left: budget.left, of: `of ${budget.likes_per_day}`, day: `${acting ? "Never goes over" : "A dry run uses none"}. Starts again at midnight, ${zone}.` });
  const pips = part(facts, "pips");
  if (pips.dataset.drawn === `${budget.left}/${budget.likes_per_day}`) return;
  pips.dataset.drawn = `${budget.left}/${budget.likes_per_day}`;
  pips.replaceChildren(...(budget.likes_per_day <= MOST_PIPS ? countable(budget) : [bar(budget)]));
}

function countable({ left, likes_per_day }) {
  return Array.from({ length: likes_per_day }, (_, n) => {
    const pip = document.createElement("i");
    pip.classList.toggle("used", n >= left);
    return pip;
  });
}

function bar({ left, likes_per_day }) {
  const meter = document.createElement("progress");
  meter.max = likes_per_day;
  meter.value = left;
  return meter;
}

function renderDeck({ deck, deck_connected, status }) {
  const facts = byId("facts");
  const [health, chip, word] = deckHealth(status, deck_connected);
  fill(facts, { deck: DeckName(deck), health, "health-say": healthSaying(status, deck_connected), "deck-chip": word ?? "" });
  show(facts, { "deck-chip": chip });
  part(facts, "deck-chip").className = `chip ${chip ?? ""}`;
}

function healthSaying(status, isConnected) {
  if (isConnected === false) return "It needs the token of your own account.";
  return status ? `${clock(status.at)}: ${sentence(status.text)}` : "It is asked at the first look.";
}

function renderModel({ model, labels }) {
  const facts = byId("facts");
  if (!model) {
    fill(facts, { model: "Model", right: "None yet", "right-of": "", "model-say": `${count(labels, "label")} so far. It needs likes and passes of yours to learn from.` });
    return;
  }
  const { accuracy } = model.metrics;
  const isKnown = Number.isFinite(accuracy);
  const seen = `From ${count(model.labels, "label")}, ${count(model.likes, "like")} among them.`;
  const since = labels > model.labels ? `${labels - model.labels} more to learn from.` : "";
  fill(facts, {
    model: `Model v${model.version}`,
    right: isKnown ? `Right ${Math.round(accuracy * 100)}` : "Not enough data yet",
    "right-of": isKnown ? "of 100 times" : "",
    "model-say": [seen, ...quality(model.metrics), since].filter(Boolean).join(" "),
  });
}

/** How good, with its range, and what saying always the same would reach. Each label is judged without having been seen. */
function quality({ majority, auc, auc_low, auc_high }) {
  const range = Number.isFinite(auc_low) ? `, could be ${score(auc_low)} to ${score(auc_high)}` : "";
  return [
    Number.isFinite(majority) && `Always the commoner answer: ${Math.round(majority * 100)}.`,
    Number.isFinite(auc) && `AUC ${score(auc)}${range}.`,
    "On cards it had not seen.",
  ];
}

function renderSessions(sessions) {
  const list = byId("sessions");
  const drawn = JSON.stringify(sessions.slice(0, SESSIONS_SHOWN));
  if (list.dataset.drawn === drawn) return;
  list.dataset.drawn = drawn;
  list.replaceChildren(...(sessions.length ? sessions.slice(0, SESSIONS_SHOWN).map(sessionRow) : [noSession()]));
}

function noSession() {
  const row = document.createElement("li");
  row.textContent = "None yet. The first one comes at the next look.";
  return row;
}

function sessionRow(report) {
  const row = fromTemplate("session");
  const { liked, passed, unsure } = report;
  const judged = liked + passed + unsure;
  part(row, "time").dateTime = report.started_at;
  fill(row, { time: clock(report.started_at), tally: tally(report), say: summary(report) });
  part(row, "split").toggleAttribute("hidden", judged === 0);
  if (judged) drawSplit(part(row, "split"), [liked, passed, unsure].map((n) => (100 * n) / judged));
  return row;
}

const tally = ({ cards, liked, passed, unsure, outcome: code }) => (cards || code === "done"
  ? `${liked} liked, ${passed} passed, ${unsure} unsure`
  : sentence(outcome({ outcome: code })));

function drawSplit(svg, shares) {
  svg.setAttribute("aria-label", "Likes, passes and unsure ones side by side");
  let x = 0;
  [...svg.children].forEach((rect, n) => {
    rect.setAttribute("x", `${x}%`);
    rect.setAttribute("width", `${shares[n]}%`);
    x += shares[n];
  });
}

function summary(report) {
  const { cards, filtered, unknown, failed, matches, photos, judge_ms, cost_microusd } = report;
  const facts = [
    cards && count(cards, "card"),
    cards && !report.acting && "nothing sent",
    filtered && `${filtered} filtered`,
    matches && count(matches, "match", "matches"),
    unknown && count(unknown, "answer unknown and not repeated", "answers unknown and not repeated"),
    failed && `${failed} did not count`,
    photos && `${(judge_ms / photos).toFixed(1)} ms a photo`,
    cost_microusd && `$${(cost_microusd / 1e6).toFixed(6)} on AWS`,
    cards && report.outcome !== "done" && outcome(report),
  ];
  return facts.filter(Boolean).join(", ");
}
