// Teach: one card at a time, one key for each answer, every answer kept before the next card comes.

import { readReport } from "/console/api.js";
import { announce, byId } from "/console/dom.js";
import * as outbox from "/console/outbox.js";
import * as queue from "/console/questions.js";
import { leftBy, openPage, poll } from "/console/shell.js";
import { change, state } from "/console/store.js";
import { leave, watchSwipes } from "/console/swipe.js";
import { drawTeach, unheard } from "/console/teach-view.js";

const KEYS = { ArrowLeft: "pass", ArrowRight: "like", ArrowDown: "skip" };
const DONE = { like: "Liked", pass: "Passed", skip: "Skipped" };
const REMEMBERED = 30; // answers that can be undone
const HISTORY = "swipr-teach"; // in this tab, so that a reload can be undone beyond
const FEW_LABELS = 30;
const REPORT_MS = { few: 1500, many: 10_000 }; // at least, between two readings of the report

Object.assign(state, { card: null, photo: 0, history: [], last: null, keeping: false, report: null, keepFailed: null });

let user = null;
let reported = { of: "", at: 0 };
let seenSession = null;
let wasUnheard = false;

// --- the card and its answer ---

/** Show the next card, if there is one and none is shown. */
function deal() {
  if (state.card || !user) return;
  const card = queue.takeNext();
  queue.queue.current = card?.card_id ?? null;
  if (card) change({ card, photo: 0 });
}

/** `from`: how far to the side the card was dragged already, pixels. */
async function answer(choice, from = 0) {
  const { card } = state;
  if (!card || state.keeping) return;
  change({ keeping: true, keepFailed: null });
  try {
    if (choice === "skip") queue.noteSkipped(card);
    else await outbox.answer(card, choice);
  } catch (error) {
    return change({ keeping: false, keepFailed: `Not kept: this device did not store your answer (${error.name}). Free some space, or leave private browsing, and answer again.` });
  }
  if (choice !== "skip") queue.noteAnswered(card);
  leave(byId("card"), choice, from);
  remember({ card, choice });
  next(`${DONE[choice]} ${card.name}`);
}

function next(words) {
  change({ card: null, keeping: false, last: words });
  queue.queue.current = null;
  deal();
  queue.askIfDue();
}

async function takeBack(at) {
  const { card: current, history } = state;
  const one = history[at];
  if (!one || state.keeping) return;
  change({ keeping: true, keepFailed: null });
  try {
    if (one.choice !== "skip") await outbox.undo(one.card);
  } catch (error) {
    return change({ keeping: false, keepFailed: `Not undone: this device could not store it (${error.name}). Your answer still holds.` });
  }
  keepHistory(history.filter((_, n) => n !== at));
  queue.putBack(one.card, current);
  queue.queue.current = one.card.card_id;
  change({ card: one.card, photo: 0, keeping: false, last: `${one.card.name} is back; you had ${DONE[one.choice].toLowerCase()}` });
  announce(state.last);
}

function remember(one) {
  const gone = state.history.slice(0, -(REMEMBERED - 1));
  gone.forEach((each) => queue.giveBack(each.card));
  keepHistory([...state.history.slice(-(REMEMBERED - 1)), one]);
}

function keepHistory(history) {
  change({ history });
  sessionStorage.setItem(HISTORY, JSON.stringify({ user, history }));
}

function turnPhoto() {
  const images = queue.imagesOf(state.card).filter(Boolean);
  if (images.length > 1) change({ photo: (state.photo + 1) % images.length });
}

// --- what Swipr says ---

async function polled() {
  if (user !== state.status.user_id) await begin(state.status.user_id);
  const session = state.status.sessions[0]?.session_id ?? null;
  if (session !== seenSession && seenSession !== null) queue.askMore(); // more cards to ask about
  seenSession = session;
  if (outbox.outbox.failed && wasUnheard) outbox.sendNow();
  wasUnheard = false;
  queue.askIfDue();
  queue.retryPhotos();
  await refreshReport();
}

async function begin(userId) {
  user = userId;
  const known = JSON.parse(sessionStorage.getItem(HISTORY) ?? "null");
  change({ history: known?.user === user ? known.history : [] });
  await outbox.openOutbox(user, { onChange: sent, told: dropElsewhere, onSignedOut: leftBy });
  await queue.openQueue(user, () => { deal(); change({}); });
}

/** Once Swipr has all answers, an empty queue is asked for what is left. */
function sent() {
  change({});
  if (!outbox.outbox.waiting && queue.queue.waits && !queue.queue.next.length) queue.askMore();
}

/** Answered in another tab: it need not be asked here. */
function dropElsewhere(cardId) {
  queue.drop(cardId);
  if (state.card?.card_id !== cardId || state.keeping) return;
  next("Answered in another tab");
}

/** Read the report anew when there is something new in it, the curve and its band among it. */
async function refreshReport() {
  const { model, labels } = state.status;
  const of = JSON.stringify([model?.version, labels]);
  const every = labels < FEW_LABELS ? REPORT_MS.few : REPORT_MS.many;
  if (of === reported.of || Date.now() - reported.at < every) return;
  reported = { of: reported.of, at: Date.now() };
  try {
    change({ report: await readReport(), reportFailed: false });
    reported.of = of;
  } catch (error) {
    if (!leftBy(error)) change({ reportFailed: true });
  }
}

function left() {
  user = null;
  sessionStorage.removeItem(HISTORY);
  queue.closeQueue();
  outbox.outbox.user = null;
  change({ card: null, history: [], report: null, last: null });
}

// --- buttons and keys ---

const ACTIONS = {
  answer: (button) => answer(button.dataset.choice),
  undo: () => takeBack(state.history.length - 1),
  change: (button) => takeBack(state.history.findIndex((one) => one.card.card_id === button.dataset.card)),
  photo: turnPhoto,
  send: () => outbox.sendNow(),
  seen: () => { outbox.outbox.refused = []; change({}); },
  skipped: () => queue.offerSkipped(),
  ask: () => { poll(); queue.askMore(); },
  along: () => queue.takeAlong(),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || state.signedOut) return;
  if (event.target.closest("input, select, textarea")) return;
  if (event.key.toLowerCase() === "z") return ACTIONS.undo();
  if (event.key === "ArrowUp") { event.preventDefault(); return turnPhoto(); }
  const choice = KEYS[event.key];
  if (!choice) return;
  event.preventDefault();
  answer(choice);
});
function render() {
  wasUnheard ||= Boolean(state.offlineSince);
  drawTeach(state);
}

watchSwipes(byId("card"), answer);
new ResizeObserver(() => change({ curveWidth: byId("curve").clientWidth })).observe(byId("curve"));
setInterval(() => { if (outbox.outbox.retryAt) change({}); }, 1000);
openPage({ actions: ACTIONS, render, polled, left, unheard });
