// What every page of the console shares: signing in, asking how things stand, the theme, and what buttons do.

import { readStatus } from "/console/api.js";
import { byId, fill, show } from "/console/dom.js";
import { authorization, signIn, SignedOutError } from "/console/session.js";
import { renderStanding } from "/console/standing.js";
import { change, keepStatus, state, subscribe } from "/console/store.js";

const POLL_MS = 2000;
const SLOWEST_POLL_MS = 15_000;
const RENEW_MS = 60_000; // how often a hidden page looks whether its token wants renewing

/** What the page adds: `actions` by the name of their buttons, `render(state)`, `polled()` after each answer, `left()`
 * when nobody is signed in any more, `unheard(state)` for what to say while Swipr does not answer. */
let page = { actions: {}, render() {}, async polled() {}, left() {} };
let failures = 0;
let timer = 0;

export function openPage(parts) {
  page = { ...page, ...parts };
  document.documentElement.dataset.theme = localStorage.getItem("swipr-theme") ?? "";
  subscribe(render);
  start();
}

/** Ask how things stand, now and then on and on; slower while nobody answers. */
export async function poll() {
  clearTimeout(timer);
  if (document.hidden || state.signedOut) return;
  try {
    keepStatus(await readStatus());
    failures = 0;
    if (state.status) await page.polled();
  } catch (error) {
    if (leftBy(error)) return;
    failures += 1;
    change({ offlineSince: state.offlineSince ?? Date.now() });
  }
  clearTimeout(timer); // another poll may have begun meanwhile
  timer = setTimeout(poll, Math.min(POLL_MS * 2 ** failures, SLOWEST_POLL_MS));
}

/** True, and the page shows the sign-in, if the error says that the person is signed out. */
export function leftBy(error) {
  if (!(error instanceof SignedOutError)) return false;
  change({ signedOut: { why: error.message, retry: false }, status: null });
  page.left();
  return true;
}

async function start() {
  change({ signedOut: null });
  try {
    await signIn();
  } catch (error) {
    if (!leftBy(error)) change({ signedOut: { why: "Swipr could not be reached. Your address is still good.", retry: true } });
    return;
  }
  await poll();
}

function changeTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("swipr-theme", root.dataset.theme);
}

const ACTIONS = {
  "sign-in": start,
  theme: changeTheme,
};

function render() {
  const { signedOut } = state;
  byId("signin").hidden = !signedOut;
  byId("content").hidden = Boolean(signedOut);
  if (signedOut) {
    fill(byId("signin"), { title: signedOut.retry ? "Not signed in yet" : "Not signed in", why: signedOut.why });
    show(byId("signin"), { retry: signedOut.retry });
  }
  renderStanding(state, page.unheard);
  page.render(state);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-action]");
  if (!button || button.getAttribute("aria-disabled") === "true") return;
  (page.actions[button.dataset.action] ?? ACTIONS[button.dataset.action])(button);
});
document.addEventListener("visibilitychange", poll);
window.addEventListener("online", poll);
window.addEventListener("hashchange", () => { if (location.hash.includes("token=")) start(); });
setInterval(() => { if (!state.signedOut) authorization().catch(leftBy); }, RENEW_MS);
