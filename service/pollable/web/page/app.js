// The page: who looks, what they look at (in the address), and what they do.

import { Detail } from "./detail.js";
import { Form, Misfit } from "./form.js";
import { List, STATES } from "./list.js";
import { Live } from "./live.js";
import { Queues } from "./queues.js";
import { Service } from "./service.js";
import { element, isFinal } from "./words.js";

const part = (id) => document.getElementById(id);
const WELL_MS = 15_000;

let service;
let live;
let types = new Map();
let form;
let isOperator = false;
let opened = 0;
let isUnseen = false;

const list = new List({ root: part("list"), more: part("more"), none: part("none"), onOpen: (id) => goTo({ ...place(), job: id }) });
const detail = new Detail(part("detail"), act);
const queues = new Queues(part("queue-list"));

const say = (text) => (part("notice").textContent = text);
const warn = (text) => (part("alert").textContent = text);

function place() {
  const query = new URLSearchParams(location.search);
  const labels = {};
  for (const [name, value] of query) if (name.startsWith("label.")) labels[name.slice(6)] = value;
  return { status: query.getAll("status"), type: query.getAll("type"), labels, job: query.get("job"), owner: query.get("owner") };
}

function goTo({ status, type, labels, job, owner }) {
  const query = new URLSearchParams();
  if (owner) query.set("owner", owner);
  for (const each of status) query.append("status", each);
  for (const each of type) query.append("type", each);
  for (const [name, value] of Object.entries(labels)) query.append(`label.${name}`, value);
  if (job) query.set("job", job);
  history.pushState(null, "", `${location.pathname}${query.size ? `?${query}` : ""}`);
  return look({ isNew: true });
}

async function look({ isNew = false } = {}) {
  const filters = place();
  part("by-status").value = filters.status[0] ?? "";
  part("by-type").value = filters.type[0] ?? "";
  part("by-label").value = Object.entries(filters.labels).map((pair) => pair.join("=")).join(" ");
  part("everyone").checked = Boolean(filters.owner);
  part("whose").hidden = !isOperator && !filters.owner;
  part("jobs").textContent = !filters.owner ? "Your jobs" : filters.owner === "*" ? "Everyone's jobs" : `Jobs of ${filters.owner}`;
  list.select(filters.job);
  await trying(() => list.show(service, filters));
  isUnseen = isNew;
  if (place().job) await open();
  else close();
}

// The job of the address as it is now. What was asked for before, be it another job or this one as it was, counts no more.
async function open() {
  const asked = ++opened;
  await trying(async () => {
    try {
      const job = await service.client.job(place().job).status();
      if (asked === opened) show(job);
    } catch (error) {
      if (asked === opened) throw error;
    }
  });
}

function show(job) {
  detail.show(job, { isNew: isUnseen });
  isUnseen = false;
}

function close() {
  opened++;
  detail.hide();
}

async function trying(work) {
  try {
    warn("");
    return await work();
  } catch (error) {
    if (error.status === 401) signOut("The token is not taken: it may have ended, or have been revoked.");
    else if (error.kind === "expired" || error.status === 404) close(), warn(error.message);
    else warn(error.message);
  }
}

async function act(what, job) {
  const client = service.client.job(job.id);
  if (what === "result") return service.text(job.links.result.replace(/^.*(?=\/jobs\/)/, ""));
  if (what === "close") {
    const opener = document.querySelector("[aria-current]");
    await goTo({ ...place(), job: null });
    return (document.querySelector(`[data-id="${CSS.escape(job.id)}"] a`) ?? opener ?? part("jobs")).focus();
  }
  if (what === "cancel") {
    const seen = await trying(() => client.cancel());
    if (seen) onJob(seen), say(seen.status === "cancelled" ? "Cancelled." : "It is being stopped.");
  }
  if (what === "rerun") {
    const again = await trying(() => client.rerun());
    if (again) say("Submitted again."), await goTo({ ...place(), job: again.id });
  }
  if (what === "forget") {
    await trying(async () => {
      const answer = await service.open(`/jobs/${encodeURIComponent(job.id)}`, { method: "DELETE" });
      if (!answer.ok) throw new Error(`The service answers ${answer.status}.`);
      list.forget(job.id);
      say("Forgotten.");
      if (place().job === job.id) await goTo({ ...place(), job: null });
    });
  }
}

async function submit(event) {
  event.preventDefault();
  const type = types.get(part("type").value);
  try {
    warn("");
    const payload = form.value();
    const { id } = type.parameters.length ? await service.submitAt(routed(type), payload) : await service.client.submit(type.name, payload);
    say("Submitted.");
    await goTo({ ...place(), job: id });
  } catch (error) {
    if (error instanceof Misfit || (error.path && form.refuse(error.path, error.message))) return;
    await trying(() => {
      throw error;
    });
  }
}

function routed({ submit: route, parameters }) {
  return parameters.reduce((path, name) => path.replace(`{${name}}`, encodeURIComponent(part(`in-path-${name}`).value)), route);
}

function choose() {
  const type = types.get(part("type").value);
  part("about").textContent = type?.description ?? "";
  const fields = element("div");
  form = new Form(type?.payloadSchema ?? {}, fields);
  const parameters = (type?.parameters ?? []).map((name) =>
    element("div", { class: "field" }, element("label", { for: `in-path-${name}` }, name), element("input", { id: `in-path-${name}`, required: true })),
  );
  part("fields").replaceChildren(...parameters, fields);
}

function onJob(job) {
  list.update(job);
  // A list has no results, so the job itself is read once it has ended.
  if (job.id === place().job) isFinal(job) ? open() : show(job);
}

function onGone(id) {
  list.forget(id);
  if (id === place().job) close(), warn("This job was forgotten.");
}

async function onGap() {
  await trying(() => list.show(service, list.filters ?? place()));
  if (place().job) await open();
}

// Whether whoever signed in is an operator: then the queues are shown as they are.
async function shownQueues() {
  const answer = await service.open("/queues").catch(() => undefined);
  if (!answer?.ok) return false;
  queues.show((await answer.json()).queues, Date.parse(answer.headers.get("date")) || Date.now());
  return true;
}

// What no event tells of: queues, and jobs of others.
async function renew() {
  if (!isOperator || document.hidden) return;
  await shownQueues();
  if (!list.filters?.owner) return;
  await trying(() => list.renew(service));
  if (detail.id) await open();
}

async function well() {
  if (document.hidden || part("desk").hidden) return;
  const answer = await service.open("/readyz").catch(() => undefined);
  const told = (await answer?.json().catch(() => undefined)) ?? {};
  if (!answer) warn("The service does not answer.");
  else if (told.code === "no_worker") warn("No worker is there: jobs wait until one is.");
  else if (part("alert").textContent.startsWith("No worker") || part("alert").textContent.endsWith("does not answer.")) warn("");
}

async function start(token) {
  service = new Service(token);
  const { jobTypes } = await service.json("/job-types");
  const prefix = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  types = new Map(
    jobTypes.map((type) => {
      const route = type.submit?.startsWith(prefix) ? type.submit.slice(prefix.length) : type.submit;
      return [type.name, { ...type, submit: route, parameters: [...(route ?? "").matchAll(/\{(\w+)\}/g)].map(([, name]) => name) }];
    }),
  );
  part("type").replaceChildren(...[...types.keys()].map((name) => element("option", {}, name)));
  part("by-type").replaceChildren(element("option", { value: "" }, "any"), ...[...types.keys()].map((name) => element("option", {}, name)));
  choose();
  part("sign-in").hidden = true;
  part("sign-out").hidden = !token;
  part("desk").hidden = false;
  isOperator = await shownQueues();
  part("queues").hidden = !isOperator;
  await look();
  live = new Live(service, { onJob, onGone, onGap });
  await well();
}

function signOut(why = "") {
  live?.close();
  service = undefined;
  isOperator = false;
  part("desk").hidden = part("sign-out").hidden = true;
  part("list").replaceChildren();
  close();
  part("sign-in").hidden = false;
  part("token").value = "";
  part("token").focus();
  say("");
  warn(why);
}

async function begin(token) {
  try {
    await start(token);
  } catch (error) {
    signOut(error.status === 401 && !token ? "" : error.status === 401 ? "This token is not taken." : error.message);
  }
}

part("by-status").replaceChildren(element("option", { value: "" }, "any"), ...STATES.map((state) => element("option", {}, state)));
part("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  begin(part("token").value.trim());
});
part("sign-out").addEventListener("click", () => signOut());
part("type").addEventListener("change", choose);
part("submit").addEventListener("submit", submit);
part("filters").addEventListener("submit", (event) => {
  event.preventDefault();
  const given = (id) => (part(id).value ? [part(id).value] : []);
  const labels = Object.fromEntries(part("by-label").value.trim().split(/\s+/).filter((each) => each.includes("=")).map((each) => [each.slice(0, each.indexOf("=")), each.slice(each.indexOf("=") + 1)]));
  goTo({ ...place(), status: given("by-status"), type: given("by-type"), labels });
});
part("everyone").addEventListener("change", () => goTo({ ...place(), owner: part("everyone").checked ? "*" : null }));
addEventListener("popstate", () => service && look({ isNew: true }));
document.addEventListener("visibilitychange", renew);
setInterval(() => renew().then(well), WELL_MS);
begin("");
