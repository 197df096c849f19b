// What the page knows, in one place; whoever wants to draw it subscribes.

export const state = {
  signedOut: null, // null, or {why, retry}
  status: null, // the last answer of /v1/status
  clockOffset: 0, // server time minus this machine's, milliseconds
  offlineSince: null, // Date.now() of the first failed poll in a row
  pending: null, // which control waits for an answer: "on", "off", "dry", "acting"
  failed: null, // why the last of them did not work, in words
  confirming: false, // asked whether to start acting
  decisions: [], // newest first
  cursor: null,
  loaded: false,
  loading: false,
  loadFailed: null,
  onlyAsks: false,
  answers: new Map(), // card_id -> {choice | undo, pending, failed}: answers on their way or refused
};

const LATEST_ANSWER_MS = 30_000; // older than any call may take: then the server's clock was set back

const listeners = [];
let queued = false;

export const subscribe = (listener) => listeners.push(listener);

/** Change the state; listeners draw once for all changes of one turn. */
export function change(patch) {
  Object.assign(state, patch);
  if (queued) return;
  queued = true;
  queueMicrotask(() => { queued = false; listeners.forEach((listener) => listener(state)); });
}

/** Keep the newest answer by the server's own clock: a slow poll must not undo what a press has changed. */
export function keepStatus(status) {
  if (state.signedOut) return;
  const now = Date.parse(status.now);
  const late = state.status ? Date.parse(state.status.now) - now : 0;
  if (late > 0 && late < LATEST_ANSWER_MS) return change({ offlineSince: null });
  change({ status, clockOffset: now - Date.now(), offlineSince: null });
}

export const serverNow = () => Date.now() + state.clockOffset;

/** The newest page, in front of the older decisions already loaded; afresh where the two no longer meet. */
export function keepNewest(page) {
  if (state.signedOut) return;
  const fresh = page.decisions;
  const ids = new Set(fresh.map((one) => one.card_id));
  const meets = state.decisions.some((one) => ids.has(one.card_id));
  const last = fresh.at(-1);
  const older = page.next && meets ? state.decisions.filter((one) => !ids.has(one.card_id) && comesAfter(last, one)) : [];
  change({ decisions: [...fresh, ...older], cursor: older.length ? state.cursor : page.next, loaded: true });
}

export function keepOlder(page) {
  if (state.signedOut) return;
  const known = new Set(state.decisions.map((one) => one.card_id));
  const more = page.decisions.filter((one) => !known.has(one.card_id));
  change({ decisions: [...state.decisions, ...more], cursor: page.next });
}

export function keepLabel(cardId, label) {
  change({ decisions: state.decisions.map((one) => (one.card_id === cardId ? { ...one, label } : one)) });
}

/** Held for the person's own answer, given or not. */
export const isHeld = (decision) => decision.verdict === "unsure" && decision.state === "unsure";
export const asks = (decision) => isHeld(decision) && !decision.label;

function comesAfter(last, one) {
  const [a, b] = [Date.parse(last.decided_at), Date.parse(one.decided_at)];
  return b < a || (b === a && one.card_id < last.card_id);
}
