// Every call the page makes, and what can go wrong with one.

import { authorization, forget, SignedOutError } from "/console/session.js";

const TIMEOUT_MS = 15_000; // longer than an action in flight, which the switch may wait for

/** `known`: Swipr answered and refused. Otherwise nobody can tell whether the call arrived. `message` is for people. */
export class ApiError extends Error {
  constructor(message, { known, status = 0, field = null }) {
    super(message);
    this.known = known;
    this.status = status;
    this.field = field;
  }
}

export const readStatus = () => json("GET", "/v1/status");
export const putSwitch = (enabled) => json("PUT", "/v1/switch", { enabled });
export const putActing = (acting, deck) => json("PUT", "/v1/acting", { acting, deck });

/** One page, newest first; `cursor` comes from the page before. */
export function readDecisions(cursor = null) {
  const query = new URLSearchParams({ limit: "20", ...(cursor && { cursor }) });
  return json("GET", `/v1/decisions?${query}`);
}

/** Keep the user's own answer; `source` is "asked" for a held card, else "correction". Returns the stored label. */
export async function postLabel(cardId, choice, source) {
  const { stored } = await json("POST", "/v1/labels", { labels: [{ card_id: cardId, choice, source }] });
  const label = stored.find((one) => one.card_id === cardId);
  if (!label) throw new ApiError("Swipr did not keep it.", { known: true });
  return label;
}

/** Up to 100 labels, all or none; whatever is sent again under the same key is done once. Returns the stored labels. */
export async function postLabels(labels, key) {
  const { stored } = await json("POST", "/v1/labels", { labels }, { "Idempotency-Key": key });
  return stored;
}

/** {cards, text}: the next cards to ask about, in their order; `text` says what to do when there are none. */
export const readQuestions = (limit) => json("GET", `/v1/labels/next?${new URLSearchParams({ limit: String(limit) })}`);
export const readReport = () => json("GET", "/v1/report");

/** Null if there is none. */
export async function readLabel(cardId) {
  try {
    return await json("GET", `/v1/labels/${encodeURIComponent(cardId)}`);
  } catch (error) {
    if (error.status === 404) return null;
    throw error;
  }
}

/** Take the answer back; one that is gone already is as good. */
export async function deleteLabel(cardId) {
  try {
    await json("DELETE", `/v1/labels/${encodeURIComponent(cardId)}`);
  } catch (error) {
    if (error.status !== 404) throw error;
  }
}

export async function readPhoto(cardId, n) {
  const answer = await call("GET", `/v1/decisions/${encodeURIComponent(cardId)}/photos/${n}`);
  return answer.blob();
}

async function json(method, path, body, extra) {
  return (await call(method, path, body, extra)).json();
}

async function call(method, path, body, extra = {}) {
  const headers = { Authorization: await authorization(), ...extra };
  if (body) headers["Content-Type"] = "application/json";
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" })
    .catch(() => { throw new ApiError("Swipr could not be reached.", { known: false }); });
  if (answer.ok) return answer;
  if (answer.status === 401) {
    forget(headers.Authorization);
    throw new SignedOutError("Your access has ended.");
  }
  throw await refusal(answer);
}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  const message = problem.detail || problem.title || `Swipr answered ${answer.status}.`;
  return new ApiError(message, { known: answer.status < 500, status: answer.status, field: problem.field ?? null });
}
