// The queues, for operators: how many jobs wait in each and for how long the oldest does, now and over the last hour.

import { element, moment, span } from "./words.js";

const HOUR_MS = 3_600_000;
// Half a minute lies between two points; after a longer silence the line begins anew.
const SILENCE_MS = 100_000;
const WIDTH = 300;
const HEIGHT = 60;

const KINDS = [
  { name: "Waiting jobs", of: (point) => point.depth, said: String },
  { name: "Age of the oldest", of: (point) => point.oldestWaitingS ?? 0, said: (age) => (age ? span(age) : "0 s") },
];

export class Queues {
  #root;
  #places = new Map();

  constructor(root) {
    this.#root = root;
  }

  // What is shown stays where it is, with what is open and has the focus; its figures change.
  show(queues, nowMs) {
    const names = queues.map(({ name }) => name);
    if (names.join() !== [...this.#places.keys()].join()) {
      this.#places = new Map(names.map((name) => [name, place(name)]));
      this.#root.replaceChildren(...[...this.#places.values()].map(({ node }) => node));
    }
    for (const queue of queues) fill(this.#places.get(queue.name), queue, nowMs);
  }
}

function place(name) {
  const now = element("p", { class: "now" });
  const figures = KINDS.map(() => element("figure"));
  const rows = element("tbody");
  const head = element("thead", {}, element("tr", {}, ...["At", ...KINDS.map((kind) => kind.name)].map((each) => element("th", { scope: "col" }, each))));
  const table = element("table", {}, element("caption", {}, `${name}, newest first`), head, rows);
  const told = element("details", {}, element("summary", {}, "Figures of the last hour"), element("div", { class: "tall", tabindex: 0, role: "region", "aria-label": `Figures of ${name}` }, table));
  return { node: element("article", { class: "queue" }, element("h3", {}, name), now, element("div", { class: "figures" }, ...figures), told), now, figures, rows };
}

function fill({ now, figures, rows }, queue, nowMs) {
  now.textContent = summary(queue);
  const points = [...queue.history, { at: new Date(nowMs).toISOString(), ...queue }].filter(({ at }) => nowMs - Date.parse(at) <= HOUR_MS);
  KINDS.forEach((kind, number) => figures[number].replaceChildren(...drawn(queue.name, kind, points, nowMs)));
  rows.replaceChildren(...points.toReversed().map((point) => element("tr", {}, element("td", {}, moment(point.at)), ...KINDS.map(({ of, said }) => element("td", {}, said(of(point)))))));
}

function summary({ depth, oldestWaitingS, scheduled, running, workers, busyWorkers }) {
  const waiting = depth ? `${depth} waiting, the oldest for ${span(oldestWaitingS)}` : "Nobody waits";
  return `${waiting}; ${scheduled} due later, ${running} running; ${busyWorkers} of ${workers} ${workers === 1 ? "worker" : "workers"} busy.`;
}

function drawn(queue, { name, of, said }, points, nowMs) {
  const most = Math.max(...points.map(of));
  const text = `${said(of(points.at(-1)))} now, at most ${said(most)}`;
  const line = svg("path", { d: path(points.map((point) => [Date.parse(point.at), of(point)]), most, nowMs) });
  const label = `${name} in ${queue} over the last hour: ${text}`;
  return [element("figcaption", {}, `${name}: ${text}`), svg("svg", { role: "img", "aria-label": label, viewBox: `-1 -2 ${WIDTH + 2} ${HEIGHT + 4}`, preserveAspectRatio: "none" }, line)];
}

function path(values, most, nowMs) {
  let before = -Infinity;
  const steps = values.map(([at, value]) => {
    const x = Math.max(0, Math.min(WIDTH, WIDTH * (1 - (nowMs - at) / HOUR_MS)));
    const y = HEIGHT * (1 - value / (most || 1));
    const step = at - before > SILENCE_MS ? "M" : "L";
    before = at;
    // A line of no length is a dot.
    return `${step}${x.toFixed(1)} ${y.toFixed(1)}${step === "M" ? "h0" : ""}`;
  });
  return steps.join("");
}

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
