// The cards to ask about next, several ahead, each with its photo ready to be drawn.

import { readQuestions } from "/console/api.js";
import { keptIds } from "/console/outbox.js";
import { dropPhotos, pictureOf } from "/console/photos.js";

const ASKED_FOR = 50; // cards kept ready
export const TAKEN_ALONG = 300; // for a while without Swipr
const FRESH_AFTER = 5; // answers, after which the questions are chosen anew
const HELD_IN_PLACE = 3; // of the next cards, so that none changes before one's eyes
const AT_ONCE = 4; // photos
const PATIENCE_MS = 1500; // with a photo, before a later card goes first
const AGAIN_MS = 4000; // an empty queue is asked for again

/** `next`: cards in their order, the one shown (`current`) not among them. `words`: what Swipr says where it has none.
 * `skipped`, `waits`: of the cards it asks about, those skipped here, and those whose answer is on its way. */
export const queue = {
  next: [], current: null, known: false, isAll: false, asking: false, failed: null, words: null, skipped: 0, waits: 0, wanted: ASKED_FOR,
};

const pictures = new Map(); // card_id -> {images: [img], state: "loading" | "ready" | "gone"}
const answered = new Set(); // card_ids, in this tab
let skippedIds = new Set();
let user = null;
let answers = 0;
let askedAt = 0;
let asksAgain = false;
let loading = 0;
let changed = () => {};

export function openQueue(userId, onChange) {
  [user, changed] = [userId, onChange];
  skippedIds = new Set(JSON.parse(localStorage.getItem(`swipr-skipped ${user}`) ?? "[]"));
  return askMore();
}

/** Nobody else may see what was here. */
export function closeQueue() {
  for (const cardId of pictures.keys()) dropPhotos(cardId);
  pictures.clear();
  answered.clear();
  user = null;
  Object.assign(queue, { next: [], known: false, words: null, failed: null });
}

/** Take the next card whose photo is ready; null if none is, or if one before it soon will be. */
export function takeNext() {
  const card = peek();
  if (card) queue.next = queue.next.filter((one) => one !== card);
  return card;
}

export function peek() {
  const card = queue.next.find((one) => isReady(one) || isSoonReady(one));
  return card && isReady(card) ? card : null;
}

export const imagesOf = (card) => (card && pictures.get(card.card_id)?.images) ?? [];
export const isReady = (card) => pictures.get(card.card_id)?.state === "ready";

function isSoonReady(card) {
  const entry = pictures.get(card.card_id);
  return entry?.state === "loading" && Date.now() - entry.since < PATIENCE_MS;
}

export const readyAhead = () => queue.next.filter(isReady).length;

export function noteAnswered(card) {
  answered.add(card.card_id);
  answers += 1;
  unskip(card);
}

export function noteSkipped(card) {
  skippedIds.add(card.card_id);
  keepSkipped();
}

/** The card is the current one again; the one that was goes before all others. */
export function putBack(card, current) {
  answered.delete(card.card_id);
  unskip(card);
  drop(card.card_id);
  if (current) queue.next.unshift(current);
  load(card, true);
}

/** Answered in another tab. */
export function drop(cardId) {
  queue.next = queue.next.filter((one) => one.card_id !== cardId);
}

export function offerSkipped() {
  skippedIds.clear();
  keepSkipped();
  return askMore();
}

export function giveBack(card) {
  pictures.delete(card.card_id);
  dropPhotos(card.card_id);
}

export function takeAlong() {
  queue.wanted = TAKEN_ALONG;
  return askMore();
}

/** Ask when cards run low, when answers have changed what teaches most, or when none was left the last time. */
export function askIfDue() {
  const low = queue.isAll ? 1 : queue.wanted / 2;
  const isLow = queue.next.length < low && Date.now() - askedAt > AGAIN_MS;
  const isLast = queue.next.length === 0 && answers > 0;
  if (!queue.known || isLow || isLast || answers >= FRESH_AFTER) askMore();
}

export async function askMore() {
  if (!user) return;
  asksAgain = queue.asking;
  if (queue.asking) return;
  queue.asking = true;
  changed();
  try {
    answers = 0;
    const { cards, text } = await readQuestions(queue.wanted);
    arrange(cards, await keptIds(), text);
    queue.failed = null;
  } catch (error) {
    queue.failed = error;
  } finally {
    askedAt = Date.now();
    queue.asking = false;
    loadAhead();
    changed();
    if (asksAgain) askMore();
  }
}

/** The first few stay where they are; behind them the new order. */
function arrange(cards, waiting, text) {
  const first = queue.next.slice(0, HELD_IN_PLACE);
  const placed = new Set(first.map((card) => card.card_id));
  const isNew = ({ card_id }) => !placed.has(card_id) && !answered.has(card_id) && !waiting.has(card_id) && card_id !== queue.current;
  const open = cards.filter(isNew);
  const fresh = open.filter(({ card_id }) => !skippedIds.has(card_id) && pictures.get(card_id)?.state !== "gone");
  for (const card of queue.next) if (!placed.has(card.card_id) && !fresh.some((one) => one.card_id === card.card_id)) giveBack(card);
  queue.next = [...first, ...fresh];
  queue.skipped = open.filter(({ card_id }) => skippedIds.has(card_id)).length;
  queue.waits = cards.filter(({ card_id }) => waiting.has(card_id)).length;
  queue.words = cards.length ? null : text;
  queue.isAll = cards.length < queue.wanted;
  queue.known = true;
}

// --- photos, in the order of the cards ---

function loadAhead() {
  for (const card of queue.next.slice(0, queue.wanted)) {
    if (loading >= AT_ONCE) return;
    if (!pictures.has(card.card_id)) load(card);
  }
}

async function load(card, again = false) {
  if (isReady(card)) return changed();
  if (!again && pictures.has(card.card_id)) return;
  const entry = { images: [], state: "loading", since: Date.now(), othersAfter: 0 };
  pictures.set(card.card_id, entry);
  loading += 1;
  try {
    entry.images.push(await pictureOf(card.card_id, 0));
    entry.state = "ready";
  } catch (error) {
    if (error.status === 404 || error.name === "EncodingError") entry.state = "gone";
    else pictures.delete(card.card_id); // asked for again
  } finally {
    loading -= 1;
    changed();
    if (entry.state !== "loading") loadAhead();
  }
}

/** The other photos of the current card and the next one; what failed is asked for again a while later. */
export async function loadOthers(card) {
  const entry = card && pictures.get(card.card_id);
  if (!entry || entry.state !== "ready" || entry.othersAfter > Date.now()) return;
  const missing = Array.from({ length: card.photos }, (_, n) => n).filter((n) => !entry.images[n]);
  entry.othersAfter = missing.length ? Date.now() + AGAIN_MS : Infinity;
  for (const n of missing) entry.images[n] = await pictureOf(card.card_id, n).catch(() => undefined);
  if (missing.some((n) => entry.images[n])) changed();
}

export const retryPhotos = loadAhead;

function unskip(card) {
  if (skippedIds.delete(card.card_id)) keepSkipped();
}

const keepSkipped = () => localStorage.setItem(`swipr-skipped ${user}`, JSON.stringify([...skippedIds]));
