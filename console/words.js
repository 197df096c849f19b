// What Swipr's facts are called on the page: times, scores, decks, states.

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const SECONDS = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { weekday: "short", day: "numeric", month: "short" });

const isToday = (time) => new Date(time).toDateString() === new Date().toDateString();
const withDay = (format) => (time) => (isToday(time) ? "" : `${DAY.format(new Date(time))} `) + format.format(new Date(time));
export const clock = withDay(CLOCK);
export const exactClock = withDay(SECONDS);

/** "3 min 20 s", "4 h 16 min". */
export function duration(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

/** ".87"; a full stop and two digits, "1.0" at the very end. */
export function score(value) {
  if (value === null) return "–";
  return value >= 0.995 ? "1.0" : value.toFixed(2).slice(1);
}

export const count = (n, one, many = `${one}s`) => `${n} ${n === 1 ? one : many}`;
export const sentence = (text) => text && text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

/** Inside a sentence: "Tinder", "the simulator". */
export const deckName = (deck) => (deck === "tinder" ? "Tinder" : `the ${deck}`);
export const DeckName = (deck) => sentence(deckName(deck)).slice(0, -1);

export const VERDICTS = {
  like: { word: "Like", icon: "#i-like" },
  pass: { word: "Pass", icon: "#i-pass" },
  unsure: { word: "Unsure", icon: "#i-unsure" },
  none: { word: "Filtered", icon: "#i-filter" },
};

/** Status code -> [how the deck is, in short; the kind of its chip, if it deserves one; the chip's word]. */
const HEALTH = {
  deck_empty: ["Nothing left to swipe"],
  deck_waits: ["Out of swipes", "unsure", "Asked us to wait"],
  deck_unavailable: ["Does not answer", "unsure", "Trying again"],
  refused: ["Refused", "bad", "Needs you"],
  held_cards: ["Only cards that wait for you", "unsure", "Needs you"],
  dry_run_unchanged: ["Nothing new since last time"],
  nothing_new: ["Nothing new since last time"],
  off: ["Not asked while off"],
  ready: ["About to be asked"],
  untaught: ["Waits for your first labels", "unsure", "Needs you"],
  quiet: ["Not asked in your quiet hours"],
  judge_failed: ["Answers well"],
};
export function deckHealth(status, isConnected) {
  if (isConnected === false) return ["Not connected", "unsure", "Needs you"];
  return status ? (HEALTH[status.code] ?? ["Answers well"]) : ["Not asked yet"];
}

const OUTCOMES = {
  done: "done", running: "cut short", off: "ended: turned off", deck_empty: "the deck was empty", deck_waits: "the deck asked to wait",
  deck_unavailable: "the deck did not answer", refused: "the deck refused", held_cards: "only cards that wait for you",
  judge_failed: "the photos could not be judged", budget_spent: "the day's likes were spent", untaught: "nothing taught yet", quiet: "your quiet hours", nothing_new: "nothing new",
  dry_run_unchanged: "nothing new since the last dry run",
};
export const outcome = (report) => OUTCOMES[report.outcome] ?? report.outcome;

/** What became of a decision at its deck. */
export function deckAnswer(decision) {
  const at = decision.acted_at ? ` ${exactClock(decision.acted_at)}` : "";
  if (decision.match_id) return `Sent${at}. It is a match.`;
  switch (decision.state) {
    case "sent": return decision.verdict === "pass" ? `Passed${at}.` : `Sent${at}.${decision.verdict === "like" ? " No match yet." : ""}`;
    case "pending": return "Being sent.";
    case "failed": return "Did not count. It may be sent when the deck offers this card again.";
    case "unknown": return "Answer unknown. Not repeated, so nobody is liked twice.";
    case "unsure": return decision.label ? "Done when the deck next offers this card." : "Waiting for you. Nothing was sent.";
    default: return "Dry run: nothing was sent.";
  }
}
