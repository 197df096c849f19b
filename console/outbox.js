// Answers on their way: kept on this device first, then sent by one tab at a time, until each is stored exactly once.

import { deleteLabel, postLabels, readLabel } from "/console/api.js";
import * as kept from "/console/kept.js";
import { SignedOutError } from "/console/session.js";

const SETTLE_MS = 60; // the next card is drawn first
const MOST_AT_ONCE = 50;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 30_000;
const LOCK = "swipr-outbox"; // whoever holds it sends; it is given back with its tab

/** How it stands; `changed` is called after each change. `failed`: why the last try did not work, in words. */
export const outbox = { user: null, waiting: 0, takingBack: 0, sending: false, failed: null, retryAt: null, refused: [], onSignedOut() {} };
let changed = () => {};
let timer = 0;
let failures = 0;
let sendsAgain = false;
let alone = false; // a refusal that names no label: sent one by one, it names it

const channel = new BroadcastChannel("swipr-outbox");

/** `told(cardId)`: another tab has kept an answer to this card. */
export function openOutbox(user, { onChange, told, onSignedOut }) {
  outbox.user = user;
  changed = onChange;
  outbox.onSignedOut = onSignedOut;
  channel.onmessage = ({ data }) => { if (data.user === outbox.user && data.card_id) told(data.card_id); recount(); };
  return recount().then(send);
}

/** Keep an answer, and begin to send it; resolves when it is kept. */
export async function answer(card, choice) {
  await kept.keep({ user: outbox.user, card_id: card.card_id, at: Date.now(), choice, source: "asked", chosen_by: card.chosen_by });
  outbox.waiting += 1; // counted again below
  channel.postMessage({ user: outbox.user, card_id: card.card_id });
  send();
}

export async function undo(card) {
  await kept.takeBack({ user: outbox.user, card_id: card.card_id, at: Date.now(), chosen_by: card.chosen_by });
  outbox.refused = outbox.refused.filter((one) => one.card_id !== card.card_id);
  await recount();
  send();
}

export const keptIds = async () => new Set((await kept.keptAnswers(outbox.user)).map((one) => one.card_id));

async function recount() {
  const all = await kept.keptAnswers(outbox.user);
  outbox.waiting = all.filter((one) => one.choice).length;
  outbox.takingBack = all.length - outbox.waiting;
  changed();
}

/** Send all that is kept; a try that fails is made again, later and later. Never two at a time, in whatever tab. */
export async function send() {
  clearTimeout(timer);
  outbox.retryAt = null;
  sendsAgain = true;
  if (outbox.sending || !outbox.user) return;
  outbox.sending = true;
  try {
    await new Promise((resolve) => { setTimeout(resolve, SETTLE_MS); });
    while (sendsAgain) {
      sendsAgain = false;
      await navigator.locks.request(LOCK, sendAll);
    }
    failures = 0;
    outbox.failed = null;
  } catch (error) {
    wait(error);
  } finally {
    outbox.sending = false;
    await recount();
  }
}

/** Swipr answers again, or somebody pressed for it: the next try is now, and waits grow from the start. */
export function sendNow() {
  failures = 0;
  return send();
}

function wait(error) {
  if (error instanceof SignedOutError) return outbox.onSignedOut(error);
  const ms = Math.min(FIRST_WAIT_MS * 2 ** failures, LONGEST_WAIT_MS) * (0.8 + 0.4 * Math.random());
  failures += 1;
  outbox.failed = error.message;
  outbox.retryAt = Date.now() + ms;
  timer = setTimeout(send, ms);
}

async function sendAll() {
  const newKey = () => crypto.randomUUID();
  for (let batch; (batch = await kept.nextBatch(outbox.user, alone ? 1 : MOST_AT_ONCE, newKey));) {
    await sendBatch(batch);
    await recount();
    channel.postMessage({ user: outbox.user });
  }
  for (const one of await kept.keptAnswers(outbox.user)) {
    if (one.choice === null) await sendTakingBack(one);
  }
}

async function sendBatch({ user, key, labels }) {
  try {
    await postLabels(labels, key);
    await kept.endBatch(user, key);
    alone = false;
  } catch (error) {
    if (!isFinal(error)) throw error;
    await refuse(user, key, labels, error);
  }
}

/** Swipr will not take it however often it is asked. Else the same labels are tried again under the same key. */
const isFinal = ({ status, field }) => [400, 413, 422].includes(status) || (status === 404 && field);

/** Nothing of a refused batch is stored. The label that it names is given up, in words; the others are sent again. */
async function refuse(user, key, labels, error) {
  const named = labels.length === 1 ? 0 : Number(/^labels\[(\d+)\]/.exec(error.field ?? "")?.[1] ?? -1);
  const over = labels[named]?.card_id;
  alone = over === undefined;
  if (over !== undefined) outbox.refused = [...outbox.refused, { card_id: over, why: error.message }];
  await kept.endBatch(user, key, (cardId) => cardId === over);
}

/** What was said of a card that was asked about again holds once more; elsewhere there is no label any more. */
async function sendTakingBack(one) {
  if (one.chosen_by !== "recheck") {
    await deleteLabel(one.card_id);
    return kept.endTakingBack(one);
  }
  const before = (await readLabel(one.card_id))?.earlier[0]?.choice ?? null;
  await kept.endTakingBack(one, before);
  sendsAgain = Boolean(before) || sendsAgain;
}
