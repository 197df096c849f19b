// Teach, as it is drawn: the goal, the card, what waits to be sent, the curve, the last ten.

import { drawCurve, pointsOf } from "/console/curve.js";
import { busy, byId, fill, fromTemplate, part, show } from "/console/dom.js";
import { goalOf } from "/console/goal.js";
import { outbox } from "/console/outbox.js";
import { imagesOf, loadOthers, peek, queue, readyAhead, TAKEN_ALONG } from "/console/questions.js";
import { count, score, sentence } from "/console/words.js";

const LAST = 10;
const RECENT_MS = 120;
let recentTimer = 0;
const TAGS = { like: "#i-like", pass: "#i-pass", skip: "#i-down" };
const SAID = { like: "liked", pass: "passed", skip: "skipped" };
const answers = (n) => count(n, "answer is", "answers are");

export function drawTeach(state) {
  drawGoal(state);
  drawNotes(state);
  drawCard(state);
  drawNothing(state);
  drawButtons(state);
  drawRecent(state);
  drawReport(state);
  drawAlong(state);
}

/** While nobody answers: what holds of the answers given meanwhile. */
export function unheard() {
  if (!outbox.waiting) return "Go on with the cards that are here: your answers are kept on this device and sent when you are online.";
  return `Go on: ${answers(outbox.waiting)} kept on this device and sent when you are online.`;
}

function drawGoal({ status, report }) {
  const goal = byId("goal");
  if (!status) return;
  const { title, say, share } = goalOf(status, report, outbox.waiting);
  fill(goal, { title, say });
  part(goal, "bar").toggleAttribute("hidden", share === null);
  part(goal, "done").setAttribute("width", `${100 * Math.min(1, share ?? 0)}%`);
}

function drawNotes({ offlineSince, keepFailed }) {
  const { waiting, takingBack, failed, retryAt, refused } = outbox;
  const open = waiting + takingBack;
  byId("unsent").hidden = !failed || !open || Boolean(offlineSince);
  if (!byId("unsent").hidden) {
    const inS = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000));
    fill(byId("unsent"), { count: `${answers(open)} not sent yet.`, say: `Kept on this device. ${sentence(failed)} ${outbox.sending ? "Sending now." : `Next try in ${inS} s.`}` });
    busy(part(byId("unsent"), "send"), outbox.sending);
  }
  byId("refused").hidden = !refused.length;
  if (refused.length) fill(byId("refused"), { say: `${count(refused.length, "answer was", "answers were")} not taken. ${sentence(refused.at(-1).why)}` });
  byId("failed").hidden = !keepFailed;
  fill(byId("failed"), { say: keepFailed ?? "" });
}

function drawCard({ card, photo }) {
  const top = byId("card");
  top.hidden = !card;
  const following = peek();
  place(byId("under-shot"), imagesOf(following)[0]);
  if (!card) return delete top.dataset.card;
  top.dataset.card = card.card_id;
  const images = imagesOf(card).filter(Boolean);
  place(part(top, "shot"), images[photo] ?? images[0]);
  if (images[0]) images[0].alt = `Photo of ${card.name}`;
  fill(top, { who: card.name, why: whyAsked(card), place: `Photo ${photo + 1} of ${images.length}` });
  show(top, { photo: images.length > 1 });
  loadOthers(card);
  loadOthers(following);
}

/** An image that is decoded already is only moved: nothing is to be loaded when its turn comes. */
function place(frame, img) {
  if (frame.firstElementChild === (img ?? null)) return;
  frame.replaceChildren(...(img ? [img] : []));
}

function whyAsked({ why, chosen_by, score: scored }) {
  return sentence(`Asked: ${why}${chosen_by === "uncertain" && scored !== null ? `, score ${score(scored)}` : ""}`);
}

function drawNothing(state) {
  const said = state.card ? null : nothing(state);
  byId("fetching").hidden = Boolean(state.card) || said !== null;
  byId("nothing").hidden = said === null;
  if (!said) return fill(byId("fetching"), { say: queue.known ? "Fetching more cards" : "Fetching the first card" });
  fill(byId("nothing"), { title: said.title, say: said.say, skipped: `Go through the ${queue.skipped} skipped` });
  show(byId("nothing"), { skipped: said.skipped ?? false, home: said.home ?? false });
  busy(part(byId("nothing"), "ask"), queue.asking);
}

/** Why no card can be shown, and what to do; null while one is on its way. Empty is said only when Swipr said so. */
function nothing({ offlineSince }) {
  if (queue.next.length) return offlineSince || queue.failed ? NO_PHOTOS : null;
  if (queue.failed) return { title: "The next cards could not be fetched", say: `${sentence(queue.failed.message)} Asked for again by itself.` };
  if (offlineSince) return NO_PHOTOS;
  if (!queue.known) return null;
  if (queue.skipped) return { title: "Only cards you skipped are left", say: "Go through them again, or wait for the next session to bring more.", skipped: true };
  if (queue.waits) return { title: "Your answers are on their way", say: `${answers(outbox.waiting)} kept on this device. More cards come once Swipr has them.` };
  if (queue.words) return { title: "Nothing to ask about", say: sentence(queue.words), home: true };
  return null;
}

const NO_PHOTOS = { title: "No more cards on this device", say: "More come when Swipr answers again. Your answers are kept." };

function drawButtons({ card, keeping, history, last }) {
  const group = byId("answers");
  for (const name of ["pass", "skip", "like"]) busy(part(group, name), false, !card);
  busy(part(group, "undo"), false, !history.length);
  group.setAttribute("aria-busy", String(keeping));
  if (last && byId("last").textContent !== last) byId("last").textContent = last;
}

/** After the card itself: small pictures must not keep it waiting. Those that stay are not made anew. */
function drawRecent(state) {
  clearTimeout(recentTimer);
  recentTimer = setTimeout(placeRecent, RECENT_MS, state);
}

function placeRecent({ history }) {
  const shown = history.slice(-LAST).reverse();
  byId("recent-say").hidden = shown.length > 0;
  const keyOf = ({ card, choice }) => `${choice} ${Boolean(imagesOf(card)[0])} ${card.card_id}`;
  const place = byId("recent");
  const drawn = new Map([...place.children].map((one) => [one.dataset.key, one]));
  if ([...drawn.keys()].join("\n") === shown.map(keyOf).join("\n")) return;
  place.replaceChildren(...shown.map((each) => drawn.get(keyOf(each)) ?? recentOne(each, keyOf(each))));
}

function recentOne({ card, choice }, key) {
  const one = fromTemplate("recent-one");
  one.dataset.key = key;
  one.dataset.card = card.card_id;
  one.setAttribute("aria-label", `${card.name}: ${SAID[choice]}. Change`);
  const photo = imagesOf(card)[0];
  if (photo) one.querySelector("img").src = photo.src;
  else one.querySelector("img").remove();
  one.querySelector(".tag").classList.add(choice);
  one.querySelector("use").setAttribute("href", TAGS[choice]);
  return one;
}

function drawReport({ report, curveWidth, reportFailed }) {
  const points = report ? pointsOf(report) : [];
  byId("curve").hidden = !points.length;
  byId("curve-say").textContent = reportFailed ? "The report could not be read; it is asked for again." : curveWords(report, points);
  const drawn = `${curveWidth} ${JSON.stringify(points)}`;
  if (!points.length || byId("curve").dataset.drawn === drawn) return;
  byId("curve").dataset.drawn = drawn;
  drawCurve(byId("curve"), points);
}

function curveWords(report, points) {
  if (!report) return "Asking for it.";
  if (!points.length) return sentence(report.model ? report.model.text : report.curve.text);
  const last = points.at(-1);
  const now = `Ranks your cards right ${Math.round(100 * last.auc)} of 100 times, from ${last.labels} labels; could be ${Math.round(100 * last.auc_low)} to ${Math.round(100 * last.auc_high)}.`;
  return points.length === 1 ? now : `${now} The band: the lowest and highest of five draws of so many labels; at the end, where the truth lies 95 times in 100.`;
}

function drawAlong({ card }) {
  const here = readyAhead() + Number(card !== null);
  byId("along").hidden = queue.wanted === TAKEN_ALONG;
  byId("along-say").textContent = `${count(here, "card")} with a photo ${here === 1 ? "is" : "are"} here; you can answer them without a connection while this page stays open.`;
}
