// The learning curve: how well models from so many labels rank the user's other labels, with its band.

import { drawn } from "/console/dom.js";
import { score } from "/console/words.js";

const HEIGHT = 190;
const LEFT = 34;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 36;

/** Of a report: the measured points, and the model in charge at its end. Each is {labels, auc, auc_low, auc_high}. */
export function pointsOf(report) {
  const { curve, model } = report;
  const now = model?.auc ? [{ labels: model.n, auc: model.auc, auc_low: model.auc_low ?? model.auc, auc_high: model.auc_high ?? model.auc }] : [];
  return [...curve.points.filter((point) => !now.length || point.labels < now[0].labels), ...now];
}

/** Draw the points into a place of any width. */
export function drawCurve(place, points) {
  const wide = Math.max(220, Math.round(place.clientWidth));
  const { x, y, ticksX, ticksY } = scales(points, wide);
  const line = (list, key) => list.map((p) => `${x(p.labels).toFixed(1)} ${y(p[key]).toFixed(1)}`).join("L");
  const last = points.at(-1);
  place.replaceChildren(drawn("svg", { class: "p", viewBox: `0 0 ${wide} ${HEIGHT}`, role: "img", "aria-label": inWords(points) },
    ...ticksY.flatMap((v) => [
      drawn("line", { class: "grid", x1: LEFT, x2: wide - RIGHT, y1: y(v), y2: y(v) }),
      drawn("text", { x: LEFT - 7, y: y(v) + 4, "text-anchor": "end" }, score(v)),
    ]),
    ...ticksX.map((n) => drawn("text", { x: x(n), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle" }, String(n))),
    drawn("path", { class: "bandfill", d: `M${line(points, "auc_high")}L${line([...points].reverse(), "auc_low")}Z` }),
    ...points.length === 1 ? [drawn("line", { class: "whisker", x1: x(last.labels), x2: x(last.labels), y1: y(last.auc_low), y2: y(last.auc_high) })] : [],
    drawn("path", { class: "curve", d: `M${line(points, "auc")}` }),
    drawn("circle", { class: "pt", r: 5.5, cx: x(last.labels), cy: y(last.auc) }),
    drawn("text", { x: (LEFT + wide - RIGHT) / 2, y: HEIGHT - 2, "text-anchor": "middle" }, "labels"),
  ));
}

function scales(points, wide) {
  const most = points.at(-1).labels * 1.08;
  const lowest = Math.min(0.5, ...points.map((p) => Math.floor(p.auc_low * 10) / 10));
  const step = [10, 20, 50, 100, 200, 500, 1000, 2000].find((one) => most / one <= 5) ?? 5000;
  return {
    x: (n) => LEFT + (n / most) * (wide - LEFT - RIGHT),
    y: (v) => TOP + ((1 - v) / (1 - lowest)) * (HEIGHT - TOP - BOTTOM),
    ticksX: Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step),
    ticksY: [lowest, (1 + lowest) / 2, 1],
  };
}

const inWords = (points) => `Learning curve: ranking quality ${points.map((p) => `${score(p.auc)} at ${p.labels} labels`).join(", ")}`;
