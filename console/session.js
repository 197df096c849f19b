// Who is signed in: the one-use token of the printed address becomes an access token that lives as long as this tab.

const KEY = "swipr-session";
const TIMEOUT_MS = 10_000;

/** No valid token, or the server refused it: only a new address helps. */
export class SignedOutError extends Error {}

/** @type {{access_token: string, renew_at: number, expires_at: number} | null} milliseconds since 1970 */
let session = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
let renewing = null;
let ended = ""; // why there is no session any more
let unused = null; // the address's token until it was exchanged, so that a try that never arrived can be repeated

/** Drop the access that was just refused; a newer one stays. */
export function forget(refused = bearer()) {
  if (refused !== bearer()) return;
  session = null;
  ended = "Your access has ended.";
  sessionStorage.removeItem(KEY);
}

const bearer = () => session && `Bearer ${session.access_token}`;

/** Take the token out of the address, so that it stays in no history, and sign in with it. Raises SignedOutError, TypeError. */
export async function signIn() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) {
    unused = found;
    history.replaceState(null, "", location.pathname + location.search);
  }
  if (unused) await exchange();
  if (!session) throw new SignedOutError(ended);
}

async function exchange() {
  const answer = await post("/local/token", { body: JSON.stringify({ token: unused }) });
  if (answer.status >= 500) throw new TypeError("no answer"); // as if it had not arrived: to be tried again
  unused = null;
  if (answer.ok) return keep(await answer.json());
  if (!session) throw new SignedOutError("The token in this address was used before, or is too old.");
}

/** The Authorization header's value, renewed in good time. Raises SignedOutError when there is none. */
export async function authorization() {
  if (session && Date.now() >= session.renew_at) await (renewing ??= renew().finally(() => { renewing = null; }));
  if (!session) throw new SignedOutError(ended);
  return bearer();
}

async function renew() {
  const headers = { Authorization: bearer() };
  const answer = await post("/local/renew", { headers }).catch(() => null);
  if (answer?.ok) keep(await answer.json());
  else if (answer?.status === 401 || Date.now() >= session.expires_at) forget();
}

function keep({ access_token, expires_in }) {
  const now = Date.now();
  session = { access_token, renew_at: now + expires_in * 500, expires_at: now + expires_in * 1000 };
  sessionStorage.setItem(KEY, JSON.stringify(session));
}

function post(path, { headers, body }) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  return fetch(path, { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body, signal });
}
