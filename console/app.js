// Home: what it reads, and what each of its buttons does.

import { deleteLabel, postLabel, putActing, putSwitch, readDecisions } from "/console/api.js";
import { admitNewer, cardOf, openWhy, pressKey, renderDecisions } from "/console/decisions.js";
import { announce, byId } from "/console/dom.js";
import { renderCountdown, renderHome } from "/console/home.js";
import { leftBy, openPage, poll } from "/console/shell.js";
import { asks, change, isHeld, keepLabel, keepNewest, keepOlder, keepStatus, serverNow, state } from "/console/store.js";
import { sentence } from "/console/words.js";

const READ_AGAIN_MS = 2000; // while a session is under way
const PAGES_TO_LOOK_THROUGH = 5;

// --- asking Swipr ---

let seen = null; // what the decisions were last read for

/** Read the newest page when something has happened, and now and then while Swipr is on. */
async function refreshDecisions() {
  const { sessions, held, labels, budget, status, switch: isOn } = state.status;
  const now = JSON.stringify([sessions[0]?.session_id, held, labels, budget.likes_today, status?.at,
    isOn === "on" && Math.floor(serverNow() / (status?.code === "running" ? READ_AGAIN_MS : 5 * READ_AGAIN_MS))]);
  if (now === seen && !state.loadFailed) return;
  await load(() => readDecisions(), keepNewest);
  seen = now;
}

async function load(read, keep) {
  change({ loading: true });
  try {
    keep(await read());
    change({ loadFailed: null });
  } catch (error) {
    if (!leftBy(error)) change({ loadFailed: `The decisions could not be loaded. ${sentence(error.message)}` });
  } finally {
    change({ loading: false });
  }
}

/** Nobody else may see what was on the page. */
function left() {
  seen = null;
  change({ decisions: [], cursor: null, loaded: false, answers: new Map() });
}

// --- what the buttons do ---

/** Press a control of the switch: pending, then what Swipr says, or why not. */
async function press(name, call, failure) {
  if (state.pending) return;
  change({ pending: name, failed: null });
  try {
    keepStatus(await call());
    change({ confirming: false });
  } catch (error) {
    if (!leftBy(error)) change({ failed: `${failure} ${sentence(error.message)}${error.known ? "" : " Whether it arrived is not known; this page shows what is so."}` });
  } finally {
    change({ pending: null });
    poll();
  }
}

function flip() {
  const { switch: now } = state.status;
  if (now === "on") return press("off", () => putSwitch(false), "Not turned off.");
  if (now === "off") return press("on", () => putSwitch(true), "Not turned on.");
}

const act = (acting) => press(acting ? "acting" : "dry", () => putActing(acting, state.status.deck), acting ? "Not acting." : "Not in dry run.");

/** Keep or take back the person's own answer on one card. */
async function answer(cardId, pending, call, words) {
  if (state.answers.get(cardId)?.pending) return;
  setAnswer(cardId, { pending });
  try {
    keepLabel(cardId, await call());
    setAnswer(cardId, undefined);
    announce(words);
  } catch (error) {
    if (!leftBy(error)) setAnswer(cardId, { failed: `Not done. ${sentence(error.message)}${error.known ? "" : " Try again: doing it twice does no harm."}` });
  }
}

function setAnswer(cardId, value) {
  const answers = new Map(state.answers);
  if (value) answers.set(cardId, value);
  else answers.delete(cardId);
  change({ answers });
}

const takeBack = (cardId) => answer(cardId, "undo", () => deleteLabel(cardId).then(() => null), "Your answer is taken back.");

function choose(button) {
  const cardId = cardOf(button);
  if (button.getAttribute("aria-pressed") === "true") return takeBack(cardId);
  const { choice } = button.dataset;
  const source = isHeld(state.decisions.find((one) => one.card_id === cardId)) ? "asked" : "correction";
  return answer(cardId, choice, () => postLabel(cardId, choice, source), `Kept: ${choice}.`);
}

const more = () => load(() => readDecisions(state.cursor), keepOlder);

/** Show only the cards that wait, reading older pages until all of them are there. */
async function showWaiting() {
  change({ onlyAsks: true });
  byId("decisions-title").focus();
  for (let n = 0; n < PAGES_TO_LOOK_THROUGH; n += 1) {
    if (!state.cursor || state.loadFailed || state.decisions.filter(asks).length >= (state.status?.held ?? 0)) return;
    await more();
  }
}

const ACTIONS = {
  switch: flip,
  "try-again": () => press("again", () => putSwitch(true), "Not asked again."),
  dry: () => { if (state.status.acting) act(false); },
  acting: () => { if (!state.status.acting) change({ confirming: true }); },
  "confirm-acting": () => act(true),
  "stay-dry": () => change({ confirming: false }),
  answer: choose,
  undo: (button) => takeBack(cardOf(button)),
  more,
  reload: poll,
  newer: () => { admitNewer(); change({}); },
  "show-all": () => change({ onlyAsks: false }),
  waiting: showWaiting,
};

// --- drawing and listening ---

function render() {
  renderHome(state);
  renderDecisions(state);
}

byId("decisions").addEventListener("keydown", pressKey);
byId("decisions").addEventListener("mouseleave", () => change({}));
byId("decisions").addEventListener("toggle", (event) => { if (event.target.open) openWhy(event.target.closest(".decision"), state); }, true);
setInterval(() => renderCountdown(state), 1000);
openPage({ actions: ACTIONS, render, polled: refreshDecisions, left });
