// A JSON document as a tree that can be opened, with its numbers as they were written.

import { element } from "./words.js";

const MANY = 100;
const OPEN_DEPTH = 3;
const OPEN_ENTRIES = 20;

class Exact {
  constructor(source) {
    this.source = source;
  }
}

export function parsed(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === "number" ? new Exact(context?.source ?? String(value)) : value,
  );
}

export function tree(value, name, depth = 0) {
  if (value instanceof Exact || value === null || typeof value !== "object") return leaf(value, name);
  const entries = Array.isArray(value) ? value.map((each, at) => [at, each]) : Object.entries(value);
  const one = Array.isArray(value) ? "item" : "member";
  const size = `${entries.length} ${one}${entries.length === 1 ? "" : "s"}`;
  const branch = element("details", {}, element("summary", {}, ...named(name), element("span", { class: "size" }, size)));
  // Only what is opened is made: a result may have a million leaves.
  branch.addEventListener("toggle", () => branch.open && branch.childElementCount === 1 && branch.append(leaves(entries, depth + 1)));
  branch.open = depth < OPEN_DEPTH && entries.length <= OPEN_ENTRIES;
  return branch;
}

function leaves(entries, depth) {
  const list = element("ul", { class: "tree" });
  const add = (from) => {
    for (const [name, each] of entries.slice(from, from + MANY)) list.append(element("li", {}, tree(each, name, depth)));
    const left = entries.length - from - MANY;
    if (left <= 0) return;
    const more = element("button", { type: "button" }, `${left} more`);
    const item = element("li", {}, more);
    more.addEventListener("click", () => {
      item.remove();
      add(from + MANY);
    });
    list.append(item);
  };
  add(0);
  return list;
}

function leaf(value, name) {
  const kind = value === null ? "null" : value instanceof Exact ? "number" : typeof value;
  const text = value instanceof Exact ? value.source : typeof value === "string" ? value : String(value);
  return element("span", { class: "leaf" }, ...named(name), element("span", { class: kind }, text));
}

function named(name) {
  return name === undefined ? [] : [element("span", { class: "name" }, String(name)), " "];
}
