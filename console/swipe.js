// A card that follows the finger: to the right a like, to the left a pass, back to its place when let go before.

const DECIDES_PX = 96; // dragged so far, or flung
const LEANS_PX = 44;
const FLUNG_PX_PER_MS = 0.6;
const TRAVEL_PX = 600; // of the whole movement that is drawn
const GONE_MS = 180;

const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const moved = (px) => ({ transform: isCalm() ? `translateX(${px}px)` : `translateX(${px}px) rotate(${px / 26}deg)` });

/** Watch the card; `answer("like" | "pass")` is called once for each swipe that decides. */
export function watchSwipes(card, answer) {
  let drag = null;
  card.addEventListener("pointerdown", (event) => {
    if (drag || !event.isPrimary || event.button !== 0 || event.target.closest("button, a")) return;
    drag = { id: event.pointerId, x: event.clientX, at: event.timeStamp, by: 0, movement: follow(card) };
    card.setPointerCapture(event.pointerId);
  });
  card.addEventListener("pointermove", (event) => {
    if (event.pointerId !== drag?.id) return;
    drag.by = event.clientX - drag.x;
    drag.movement.currentTime = TRAVEL_PX + Math.max(-TRAVEL_PX, Math.min(TRAVEL_PX, drag.by));
    lean(card, Math.abs(drag.by) > LEANS_PX ? side(drag.by) : null);
  });
  const end = (event) => {
    if (event.pointerId !== drag?.id) return;
    const { by, at, movement } = drag;
    drag = null;
    lean(card, null);
    const flung = Math.abs(by) > LEANS_PX && Math.abs(by) / (event.timeStamp - at) > FLUNG_PX_PER_MS;
    const decides = event.type === "pointerup" && (Math.abs(by) > DECIDES_PX || flung);
    if (decides) answer(side(by), by);
    movement.cancel();
    if (!decides && !isCalm()) card.animate([moved(by), moved(0)], { duration: GONE_MS, easing: "ease-out" });
  };
  card.addEventListener("pointerup", end);
  card.addEventListener("pointercancel", end);
}

/** A picture of the card leaves to its side, while the next one is there already. */
export function leave(card, choice, from = 0) {
  if (isCalm()) return;
  const ghost = card.cloneNode(true);
  ghost.removeAttribute("id");
  ghost.removeAttribute("aria-live");
  ghost.setAttribute("aria-hidden", "true");
  ghost.inert = true;
  ghost.classList.add("ghost");
  lean(ghost, choice === "skip" ? null : choice);
  card.after(ghost);
  const to = { like: moved(TRAVEL_PX), pass: moved(-TRAVEL_PX), skip: { transform: "translateY(110%)" } }[choice];
  const movement = ghost.animate([moved(from), { ...to, opacity: 0 }], { duration: GONE_MS, easing: "ease-in", fill: "forwards" });
  movement.finished.catch(() => {}).finally(() => ghost.remove());
}

/** A movement that stands still and is set to where the finger is, a millisecond for each pixel. */
function follow(card) {
  const movement = card.animate([moved(-TRAVEL_PX), moved(0), moved(TRAVEL_PX)], { duration: 2 * TRAVEL_PX, fill: "both" });
  movement.pause();
  movement.currentTime = TRAVEL_PX;
  return movement;
}

const side = (by) => (by > 0 ? "like" : "pass");

function lean(card, to) {
  if (to) card.dataset.lean = to;
  else delete card.dataset.lean;
}
