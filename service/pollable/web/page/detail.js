// One job: its time line, how far it is, what came of it, and what can be done with it.

import { parsed, tree } from "./tree.js";
import { between, element, isFinal, isOlder, moment, span } from "./words.js";

const MOST_RAW = 200_000;

export class Detail {
  #root;
  #onAct;
  #shown;
  #result;

  constructor(root, onAct) {
    this.#root = root;
    this.#onAct = onAct;
    setInterval(() => this.#root.hidden || document.hidden || this.#tick(), 1000);
  }

  get id() {
    return this.#shown?.id;
  }

  show(job, { isNew = false } = {}) {
    if (this.#shown?.id !== job.id) this.#result = undefined;
    else if (isOlder(job, this.#shown)) return;
    this.#shown = job;
    // What is there stays, as it may have the focus.
    const heading = this.#root.querySelector("h2") ?? element("h2", { id: "job", tabindex: -1 });
    heading.replaceChildren(job.type, " ", element("span", { class: `state ${job.status}` }, job.status));
    if (!heading.parentNode) this.#root.append(heading);
    const held = this.#root.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
    while (heading.nextSibling) heading.nextSibling.remove();
    heading.after(
      element("p", { class: "id" }, element("code", {}, job.id)),
      this.#actions(job),
      job.stalled ? element("p", { class: "stalled" }, job.stalledReason) : "",
      progress(job),
      this.#line(job),
      failure(job),
      this.#outcome(job),
      extra("Context", job.context),
      extra("Labels", job.labels),
    );
    this.#root.hidden = false;
    if (isNew) heading.focus();
    else if (held) (this.#root.querySelector(`[data-act="${held}"]`) ?? heading).focus();
  }

  hide() {
    this.#shown = undefined;
    this.#root.hidden = true;
  }

  #actions(job) {
    const button = (act, text) => {
      const made = element("button", { type: "button", "data-act": act }, text);
      made.addEventListener("click", () => this.#onAct(act, job));
      return made;
    };
    return element(
      "p",
      { class: "actions" },
      job.links.cancel && button("cancel", "Cancel"),
      job.links.rerun && button("rerun", "Run again"),
      isFinal(job) && button("forget", "Forget"),
      button("close", "Close"),
    );
  }

  // Times that pass while one looks.
  #tick() {
    for (const node of this.#root.querySelectorAll("[data-since]")) {
      node.textContent = span((Date.now() - Date.parse(node.dataset.since)) / 1000);
    }
    for (const node of this.#root.querySelectorAll("[data-until]")) {
      node.textContent = span((Date.parse(node.dataset.until) - Date.now()) / 1000);
    }
  }

  #line(job) {
    const step = (name, ...told) => element("li", {}, element("strong", {}, name), " ", ...told);
    const since = (from) => element("span", { "data-since": from }, span(between(from, new Date().toISOString())));
    const until = (to) => element("span", { "data-until": to }, span(between(new Date().toISOString(), to)));
    const steps = [step("Submitted", moment(job.createdAt), job.originalJobId ? ", a rerun" : "")];
    if (job.runAt) steps.push(step("Due", moment(job.runAt), ", in ", until(job.runAt)));
    if (job.startedAt) steps.push(step("Started", moment(job.startedAt), `, after ${span(between(job.createdAt, job.startedAt))}`));
    else if (!isFinal(job)) steps.push(step("Waiting", since(job.createdAt), ` in ${job.queue}`));
    if (job.attempts > 1 || job.lastError) steps.push(step("Attempt", `${job.attempts} of ${job.maxAttempts}`, job.lastError ? `; the last one: ${job.lastError.message}` : ""));
    if (job.status === "running") steps.push(step("Running", "for ", since(job.startedAt)));
    if (job.completedAt) {
      const ran = job.startedAt ? `, after running for ${span(between(job.startedAt, job.completedAt))}` : ", before it began";
      steps.push(step("Ended", moment(job.completedAt), ran));
    }
    if (job.expiresAt) steps.push(step("Expires", "in ", until(job.expiresAt)));
    return element("ol", { class: "line", "aria-label": "Time line" }, ...steps);
  }

  #outcome(job) {
    if (job.status !== "succeeded" || !job.links.result) return "";
    const place = element("div", { class: "result" }, element("h3", {}, "Result"));
    if (this.#result === undefined) this.#result = this.#onAct("result", job);
    this.#result.then((text) => place.append(...result(text))).catch((error) => place.append(element("p", {}, error.message)));
    return place;
  }
}

function progress({ status, progress: { percent, message } }) {
  if (status !== "running" || percent === null) return "";
  const bar = element("progress", { max: 100, value: percent, "aria-label": "Progress" });
  return element("p", { class: "progress" }, bar, ` ${percent} %`, message ? ` – ${message}` : "");
}

function failure({ error }) {
  if (!error) return "";
  return element("div", { class: "failure" }, element("h3", {}, "Error"), element("p", {}, element("code", {}, error.code)), element("p", { class: "message" }, error.message));
}

function result(text) {
  const raw = element("details", {}, element("summary", {}, "As it was written"));
  raw.addEventListener("toggle", () => {
    if (raw.childElementCount > 1) return;
    raw.append(element("pre", { tabindex: 0 }, text.slice(0, MOST_RAW)));
    if (text.length > MOST_RAW) raw.append(element("p", { class: "hint" }, `The first ${MOST_RAW} characters of ${text.length}.`));
  });
  return [tree(parsed(text)), raw];
}

function extra(name, members) {
  if (!members || !Object.keys(members).length) return "";
  const rows = Object.entries(members).flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, typeof value === "string" ? value : JSON.stringify(value))]);
  return element("div", {}, element("h3", {}, name), element("dl", {}, ...rows));
}
