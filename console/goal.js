// How far it is to what comes next, in words that hold: Swipr learns from each label at once.

import { count } from "/console/words.js";

const OF_A_KIND = 2; // likes, and passes, without which there is no model
const FIGURES_FROM = 20; // labels; from fewer any figure would be luck
const FULL_FIT_GROWTH = 1.2; // labels since the last full fit, as a factor

/** {title, say, share: 0 to 1, or null without a goal}. `waiting`: answers that Swipr does not have yet. */
export function goalOf(status, report, waiting) {
  const labels = status.labels + waiting;
  if (!status.model) return toFirstModel(report?.labels.by_choice ?? {}, status.labels);
  if (labels < FIGURES_FROM) return toFigures(labels);
  return toFullFit(status.model, labels);
}

function toFirstModel({ like = 0, pass = 0 }, labels) {
  const done = Math.min(like, OF_A_KIND) + Math.min(pass, OF_A_KIND);
  if (done === 2 * OF_A_KIND) return { title: "Your first model is being made", say: "It takes a moment.", share: 1 };
  const have = labels ? `You have ${count(like, "like")} and ${count(pass, "pass", "passes")}.` : "You have none yet.";
  return { title: `${done} of ${2 * OF_A_KIND} to your first model`, say: `It needs two likes and two passes. ${have}`, share: done / (2 * OF_A_KIND) };
}

function toFigures(labels) {
  return {
    title: `${labels} of ${FIGURES_FROM} to the first figures`,
    say: "It learns from each answer at once. From fewer labels any figure would be luck.",
    share: labels / FIGURES_FROM,
  };
}

/** A full fit searches anew how much to trust the labels, and measures the curve; between two, the model only follows. */
function toFullFit({ metrics, labels: learned }, labels) {
  const since = metrics.grid_labels;
  if (!since) return { title: count(labels, "label"), say: `It learns from each answer at once; from ${learned} so far.`, share: null };
  const due = Math.ceil(since * FULL_FIT_GROWTH);
  const say = "It learns from each answer at once. A full fit also measures the curve anew.";
  if (labels >= due || metrics.search_due) return { title: "A full fit is due", say: "It comes with your next answers.", share: 1 };
  if (labels < since) return { title: count(labels, "label"), say, share: null };
  return { title: `${labels - since} of ${due - since} to the next full fit`, say, share: (labels - since) / (due - since) };
}
