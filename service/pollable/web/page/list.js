// The caller's jobs, or everyone's, newest first: those that the filters of the address let through.

import { element, isFinal, isOlder, moment, span } from "./words.js";

const PAGE = 30;
const MOST_TOLD = 500;
export const STATES = ["queued", "scheduled", "running", "succeeded", "failed", "cancelled"];

export class List {
  #root;
  #more;
  #none;
  #onOpen;
  #rows = new Map();
  #told = new Map();
  #pages;
  #asked = 0;
  #selected;

  constructor({ root, more, none, onOpen }) {
    this.#root = root;
    this.#more = more;
    this.#none = none;
    this.#onOpen = onOpen;
    more.addEventListener("click", () => this.#read(this.#asked));
  }

  // Begins anew with these filters; what was shown stays until the first page is there.
  async show(service, filters) {
    this.filters = filters;
    this.#pages = service.jobs(filters);
    const asked = ++this.#asked;
    const jobs = await this.#next();
    if (asked !== this.#asked) return;
    const held = this.#root.contains(document.activeElement) && document.activeElement.closest("li").dataset.id;
    this.#rows.clear();
    this.#root.replaceChildren();
    this.#add(jobs);
    this.#rows.get(held)?.link.focus();
  }

  // The newest as they are now, where no event tells of them; what is shown behind them stays.
  async renew(service) {
    const asked = this.#asked;
    const jobs = await this.#next(service.jobs(this.filters));
    if (asked !== this.#asked) return;
    const ids = new Set(jobs.map(({ id }) => id));
    const end = jobs.length > PAGE ? jobs.at(-1).createdAt : "";
    for (const [id, { job }] of this.#rows) if (job.createdAt > end && !ids.has(id)) this.forget(id);
    for (const job of jobs.reverse()) this.update(job);
  }

  // A job that changed: its row, or a new one at the top, or none any more.
  update(told) {
    const job = this.#newest(told);
    this.#told.delete(job.id);
    this.#told.set(job.id, job);
    if (this.#told.size > MOST_TOLD) this.#told.delete(this.#told.keys().next().value);
    const fits = this.#fits(job);
    const row = this.#rows.get(job.id);
    if (row) {
      if (fits) fill(row, job);
      else this.#drop(job.id);
    } else if (fits && this.#isNewest(job)) {
      this.#root.prepend(this.#row(job));
    }
    this.#none.hidden = this.#rows.size > 0;
  }

  forget(id) {
    this.#drop(id);
    this.#none.hidden = this.#rows.size > 0;
  }

  // The row of the job that one looks at, also where it is yet to come.
  select(id) {
    this.#selected = id;
    for (const [each, row] of this.#rows) row.link.toggleAttribute("aria-current", each === id);
  }

  #drop(id) {
    this.#rows.get(id)?.node.remove();
    this.#rows.delete(id);
  }

  #fits({ id, status, type, labels, owner }) {
    const { status: states, type: types, labels: wanted, owner: whose } = this.filters;
    // Events are of the caller's own jobs, which may not be of whom the list is.
    if (whose && whose !== "*" && !owner && !this.#rows.has(id)) return false;
    const hasLabels = Object.entries(wanted).every(([name, value]) => labels?.[name] === value);
    return (!states.length || states.includes(status)) && (!types.length || types.includes(type)) && hasLabels;
  }

  #isNewest({ createdAt }) {
    const first = this.#rows.get(this.#root.firstElementChild?.dataset.id);
    return !first || createdAt >= first.job.createdAt;
  }

  async #read(asked) {
    const jobs = await this.#next();
    if (asked === this.#asked) this.#add(jobs);
  }

  async #next(pages = this.#pages) {
    const jobs = [];
    while (jobs.length <= PAGE) {
      const { value, done } = await pages.next();
      if (done) break;
      jobs.push(value);
    }
    return jobs;
  }

  // A page of the list may have been read before what was told meanwhile.
  #newest(job) {
    const told = this.#told.get(job.id);
    return isOlder(job, told) ? told : job;
  }

  #add(jobs) {
    for (const job of jobs.map((each) => this.#newest(each)).filter((each) => this.#fits(each))) if (!this.#rows.has(job.id)) this.#root.append(this.#row(job));
    this.#more.hidden = jobs.length <= PAGE;
    this.#none.hidden = this.#rows.size > 0;
  }

  #row(job) {
    const link = element("a", { href: `?job=${encodeURIComponent(job.id)}` });
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.#onOpen(job.id);
    });
    link.toggleAttribute("aria-current", job.id === this.#selected);
    const node = element("li", { "data-id": job.id }, link);
    const row = { node, link, job };
    this.#rows.set(job.id, row);
    fill(row, job);
    return node;
  }
}

function fill(row, job) {
  const owner = job.owner ?? row.job.owner;
  row.job = { ...job, owner };
  row.link.replaceChildren(
    element("span", { class: `state ${job.status}` }, job.stalled ? `${job.status}, stalled` : job.status),
    element("span", { class: "type" }, job.type),
    element("span", { class: "when" }, moment(job.createdAt)),
    element("span", { class: "how" }, said(job)),
    ...(owner ? [element("span", { class: "owner" }, owner)] : []),
  );
}

function said(job) {
  if (job.error) return job.error.code;
  if (job.status === "running" && job.progress.percent !== null) return `${job.progress.percent} %`;
  if (isFinal(job) && job.startedAt) return span((Date.parse(job.completedAt) - Date.parse(job.startedAt)) / 1000);
  return "";
}
