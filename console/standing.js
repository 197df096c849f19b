// How Swipr stands, on every page: which of the switch's states, the pill, and whether Swipr answers.

import { byId, fill } from "/console/dom.js";
import { serverNow } from "/console/store.js";
import { clock, exactClock } from "/console/words.js";

export const PILL = {
  loading: ["", "Looking"], acting: ["is-acting", "On, acting"], dry: ["is-dry", "Dry run"], off: ["", "Off"],
  ending: ["", "Turning off"], starting: ["", "Turning on"], stopped: ["is-error", "Stopped"], wait: ["", "Waiting"],
};

/** Which of the switch's states to show. "Off" is said only when Swipr said so. */
export function kindOf({ status, pending }) {
  if (!status) return "loading";
  if (pending === "off" || status.switch === "stopping") return "ending";
  if (pending === "on") return "starting";
  if (status.switch === "off") return status.status?.code === "refused" ? "stopped" : "off";
  if (isWaiting(status)) return "wait";
  return status.acting ? "acting" : "dry";
}

export const deckWaits = ({ deck_wait_until }) => deck_wait_until !== null && Date.parse(deck_wait_until) > serverNow();
const isWaiting = (status) => deckWaits(status) || status.model === null || status.status?.code === "held_cards";

/** `unheard(state)`: what the page says while nobody answers, if it has better to say than the time. */
export function renderStanding(state, unheard) {
  renderPill(state, kindOf(state));
  renderOffline(state, unheard ?? howItStood);
}

function renderPill({ status, signedOut, offlineSince, clockOffset }, kind) {
  let [style, word] = PILL[kind];
  if (offlineSince && status) [style, word] = ["", `${PILL[kind][1]} at ${clock(Date.parse(status.now) - clockOffset)}`];
  if (signedOut) [style, word] = ["", "Not signed in"];
  byId("pill").className = `state ${style}`;
  fill(byId("pill"), { word });
}

function renderOffline(state, words) {
  const banner = byId("offline");
  banner.hidden = !state.offlineSince || Boolean(state.signedOut);
  if (!banner.hidden) fill(banner, { say: words(state) });
}

function howItStood({ status, clockOffset }) {
  return status
    ? `This is how things stood at ${exactClock(Date.parse(status.now) - clockOffset)}; whether it still runs is not known. Trying again by itself.`
    : "Is `swipr up` running? Trying again by itself.";
}
