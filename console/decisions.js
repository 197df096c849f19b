// The last decisions: one row a card, kept in place while the person points at it or types in it.

import { busy, byId, fill, fromTemplate, part, press, show } from "/console/dom.js";
import { dropPhotos, showPhoto } from "/console/photos.js";
import { asks, isHeld } from "/console/store.js";
import { clock, count, deckAnswer, score, sentence, VERDICTS } from "/console/words.js";

/** card_id -> its row, in the order shown */
const rows = new Map();
let letNewerIn = false;

export const cardOf = (node) => node.closest(".decision").dataset.card;

/** Show the newer decisions that were held back, at the person's word. */
export function admitNewer() { letNewerIn = true; }

export function renderDecisions(state) {
  const panel = byId("decide");
  const newer = arrange(state.decisions, isBeingUsed());
  letNewerIn = false;
  const shown = state.decisions.filter((one) => drawRow(one, state));
  fill(panel, { newer: `Show ${count(newer, "newer decision")}`, "failed-say": state.loadFailed ?? "", ...emptyWords(state) });
  show(panel, { newer, failed: state.loadFailed, empty: state.loaded && !shown.length, more: state.cursor });
  press(part(panel, "all"), !state.onlyAsks);
  press(part(panel, "asks"), state.onlyAsks);
  busy(part(panel, "more"), state.loading);
}

/** A row must not move away under a finger or a pointer. */
const isBeingUsed = () => !letNewerIn && byId("decisions").matches(":hover, :focus-within");

/** Bring the list into the wanted order. While it is used, newer rows wait; returns how many do. */
function arrange(wanted, isUsed) {
  const list = byId("decisions");
  const ids = new Set(wanted.map((one) => one.card_id));
  for (const id of [...rows.keys()]) if (!ids.has(id)) removeRow(id);
  const firstKnown = wanted.findIndex((one) => rows.has(one.card_id));
  const newer = isUsed && firstKnown > 0 ? firstKnown : 0;
  wanted.slice(newer).forEach(({ card_id: id }, place) => {
    if (!rows.has(id)) rows.set(id, newRow(id));
    if (!isUsed && list.children[place] !== rows.get(id)) list.insertBefore(rows.get(id), list.children[place] ?? null);
    else if (!rows.get(id).isConnected) list.append(rows.get(id));
  });
  return newer;
}

function newRow(cardId) {
  const row = fromTemplate("decision");
  row.dataset.card = cardId;
  return row;
}

function removeRow(cardId) {
  rows.get(cardId).remove();
  rows.delete(cardId);
  dropPhotos(cardId);
}

/** Draw a decision's row, if it has one yet; returns whether it shows. */
function drawRow(decision, { onlyAsks, answers }) {
  const row = rows.get(decision.card_id);
  if (!row) return false;
  row.hidden = onlyAsks && !isHeld(decision);
  fillRow(row, decision, answers.get(decision.card_id));
  return !row.hidden;
}

function fillRow(row, decision, answer) {
  const drawn = JSON.stringify([decision, answer]);
  if (row.dataset.drawn === drawn) return;
  row.dataset.drawn = drawn;
  const verdict = decision.filtered ? "none" : decision.verdict;
  fill(row, { who: decision.name || "No name", verdict: VERDICTS[verdict].word, reason: sentence(decision.reason), outcome: ` ${outcomeLine(decision)}` });
  part(row, "chip").className = `chip ${verdict}`;
  part(row, "chip").querySelector("use").setAttribute("href", VERDICTS[verdict].icon);
  drawMeter(part(row, "meter"), decision.score, decision);
  if (decision.photos) showPhoto(part(row, "photo"), decision.card_id, 0, `Photo of ${decision.name || "this card"}`);
  show(row, { acts: !decision.filtered, question: asks(decision) });
  fillAnswers(row, decision, answer);
  if (part(row, "why").open) fillWhy(row, decision);
}

const outcomeLine = (decision) => `${decision.acted_at ? "" : `${clock(decision.decided_at)}. `}${decision.filtered ? "Not judged. " : ""}${deckAnswer(decision)}`;

/** The dot left or right of the line. */
function drawMeter(meter, value, { verdict, threshold }) {
  meter.hidden = value === null || value === undefined;
  if (meter.hidden) return;
  const ruler = meter.querySelector("svg");
  const middle = threshold ?? 0.5;
  const [at, line] = [value, middle].map((one) => `${(one * 100).toFixed(1)}%`);
  const side = value >= middle ? "like" : "pass";
  ruler.setAttribute("class", `ruler v-${verdict === "unsure" ? "unsure" : side}`);
  ruler.setAttribute("aria-label", `Score ${value.toFixed(2)}${threshold === null ? "" : `, your line ${threshold.toFixed(2)}`}`);
  const [, run, dot, mark] = ruler.children;
  for (const [node, name, x] of [[run, "x1", line], [run, "x2", at], [dot, "cx", at], [mark, "x1", line], [mark, "x2", line]]) node.setAttribute(name, x);
  fill(meter, { score: score(value) });
}

// --- right, wrong, like, pass ---

const other = (choice) => (choice === "like" ? "pass" : "like");

function fillAnswers(row, decision, answer = {}) {
  const unsure = decision.verdict === "unsure";
  const first = unsure ? "like" : decision.verdict;
  fillAnswer(part(row, "yes"), unsure ? "Like" : "Right", first, decision, answer);
  fillAnswer(part(row, "no"), unsure ? "Pass" : "Wrong", other(first), decision, answer);
  fill(row, { "learned-say": learned(decision), "failed-say": answer.failed ?? "" });
  show(row, { learned: decision.label, failed: answer.failed });
  busy(part(row, "undo"), answer.pending === "undo", Boolean(answer.pending));
}

function fillAnswer(button, word, choice, decision, answer) {
  button.dataset.choice = choice;
  button.querySelector("span").textContent = word;
  button.querySelector("kbd").textContent = word[0];
  press(button, decision.label?.choice === choice);
  busy(button, answer.pending === choice, Boolean(answer.pending));
}

function learned({ verdict, label, state, reason }) {
  if (!label) return "";
  const said = verdict === "unsure" || reason === "your own answer" ? `You said ${label.choice}.`
    : label.choice === verdict ? "You said right." : `You said wrong: a ${label.choice} for you.`;
  const final = label.choice !== verdict && state === "sent" && verdict !== "unsure" ? " What was sent cannot be taken back." : "";
  return `${said} Kept ${clock(label.labelled_at)}; the model learns from it.${final}`;
}

// --- why ---

/** Fill the opened part: photo by photo, and the record. */
export function openWhy(row, state) {
  const decision = state.decisions.find((one) => one.card_id === row.dataset.card);
  if (decision) fillWhy(row, decision);
}

function fillWhy(row, decision) {
  const photos = Array.from({ length: decision.photos }, (_, n) => photoRow(decision, n));
  part(row, "photos").replaceChildren(...photos);
  part(row, "record").replaceChildren(...Object.entries(record(decision)).flatMap(([term, words]) => pair(term, words)));
}

function photoRow(decision, n) {
  const line = fromTemplate("photo-score");
  showPhoto(part(line, "photo"), decision.card_id, n, `Photo ${n + 1}`);
  drawMeter(part(line, "meter"), decision.photo_scores[n] ?? null, decision);
  return line;
}

function record(decision) {
  return {
    ...(decision.score !== null && { Score: `${decision.score.toFixed(2)}, your line ${decision.threshold?.toFixed(2) ?? "unknown"}` }),
    Model: decision.model_version ? `v${decision.model_version}` : "none asked",
    Decided: clock(decision.decided_at),
    ...(decision.detail && { "The deck said": sentence(decision.detail) }),
    Card: decision.card_id,
  };
}

function pair(term, words) {
  const [dt, dd] = [document.createElement("dt"), document.createElement("dd")];
  dt.textContent = term;
  dd.textContent = words;
  return [dt, dd];
}

function emptyWords({ onlyAsks, status, cursor }) {
  if (onlyAsks) return { "empty-title": "Nothing waits for you", "empty-say": cursor ? "None among the decisions loaded so far." : "Cards too close to your line are asked about here." };
  const say = status?.switch === "on" ? "The first session is on its way." : "Turn the switch on: a dry run judges and sends nothing.";
  return { "empty-title": "Nothing decided yet", "empty-say": say };
}

// --- keys, while the focus is in the list: J and K move, R and W (L and P) answer ---

export function pressKey(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const row = event.target.closest(".decision");
  const key = event.key.toUpperCase();
  if (key === "J") focusRow(row, "nextElementSibling");
  else if (key === "K") focusRow(row, "previousElementSibling");
  else if (part(row, "acts").hidden) return;
  else [...row.querySelectorAll(".acts .btn")].find((button) => button.querySelector("kbd").textContent === key)?.click();
}

function focusRow(from, side) {
  let row = from[side];
  while (row?.hidden) row = row[side];
  row?.querySelector(".acts:not([hidden]) .btn, summary").focus();
}
