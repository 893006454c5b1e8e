// A form from a JSON Schema, and the value that was put into it. What it has no field for is written as JSON.

import { element } from "./words.js";

let made = 0;

export class Form {
  #root;
  #read;

  constructor(schema, root) {
    this.#root = root;
    const { node, read } = field(schema, { schema, path: "$.payload", label: "Payload", isRequired: true });
    this.#read = read;
    root.replaceChildren(node);
  }

  // The payload; raises `Misfit` for what is no JSON.
  value() {
    this.clear();
    return this.#read();
  }

  clear() {
    for (const told of this.#root.querySelectorAll(".misfit")) told.remove();
    for (const input of this.#root.querySelectorAll("[aria-invalid]")) {
      input.removeAttribute("aria-invalid");
      describe(input, input.dataset.hint);
    }
  }

  // Says it at the field of that path, or of the nearest around it.
  refuse(path, message) {
    for (let at = path; at; at = at.replace(/(\.[^.[\]]*|\[\d*\])$/, "")) {
      const input = this.#root.querySelector(`[data-path="${CSS.escape(at)}"]`);
      if (input) return told(input, message);
      if (!/[.[]/.test(at)) return false;
    }
    return false;
  }
}

export class Misfit extends Error {
  constructor(input, message) {
    super(message);
    told(input, message);
  }
}

function told(input, message) {
  const id = `misfit-${++made}`;
  const line = element("p", { class: "misfit", id }, message);
  input.setAttribute("aria-invalid", "true");
  describe(input, [id, input.dataset.hint].filter(Boolean).join(" "));
  (input.closest(".field") ?? input).append(line);
  input.focus();
  return true;
}

function describe(input, ids) {
  if (ids) input.setAttribute("aria-describedby", ids);
  else input.removeAttribute("aria-describedby");
}

function field(schema, at) {
  const found = resolved(schema, at.schema);
  const optional = nullable(found);
  if (optional) return maybe(optional, at);
  if (found.enum || "const" in found) return choice(found, at);
  if (found.type === "object" && found.properties) return object(found, at);
  if (found.type === "array" && !Array.isArray(found.items) && found.items !== false) return list(found, at);
  if (found.type === "string") return text(found, at);
  if (found.type === "integer" || found.type === "number") return number(found, at);
  if (found.type === "boolean") return flag(found, at);
  return json(found, at);
}

function resolved(schema, root) {
  const seen = new Set();
  let found = schema ?? {};
  while (found.$ref && !seen.has(found.$ref)) {
    seen.add(found.$ref);
    const target = found.$ref.split("/").slice(1).reduce((part, key) => part?.[key.replace(/~1/g, "/").replace(/~0/g, "~")], root);
    found = { ...target, ...(found.description && { description: found.description }), ...("default" in found && { default: found.default }) };
  }
  return found;
}

// The one thing that a value may be besides null.
function nullable({ anyOf, ...rest }) {
  const others = anyOf?.filter(({ type }) => type !== "null");
  return others?.length === 1 && others.length < anyOf.length ? { ...rest, ...others[0] } : undefined;
}

function labelled(found, at, input) {
  const id = `field-${++made}`;
  const hint = found.description && element("p", { class: "hint", id: `${id}-hint` }, found.description);
  input.id = id;
  input.dataset.path = at.path;
  if (hint) describe(input, (input.dataset.hint = hint.id));
  if (at.isRequired) input.required = true;
  const label = element("label", { for: id }, at.label, at.isRequired ? "" : element("span", { class: "size" }, " (optional)"));
  return element("div", { class: "field" }, label, input, hint);
}

const isLeftOut = (input, at) => input.value === "" && !at.isRequired;

function text(found, at) {
  const isLong = !found.format && (found.maxLength === undefined || found.maxLength > 120);
  const input = element(isLong ? "textarea" : "input", { rows: isLong ? 3 : null });
  input.value = found.default ?? "";
  return { node: labelled(found, at, input), read: () => (isLeftOut(input, at) ? undefined : input.value) };
}

function number(found, at) {
  const input = element("input", { inputmode: found.type === "integer" ? "numeric" : "decimal", placeholder: bounds(found) });
  input.value = found.default ?? "";
  const read = () => {
    if (isLeftOut(input, at)) return undefined;
    const value = Number(input.value);
    if (input.value.trim() === "" || !Number.isFinite(value)) throw new Misfit(input, "This is a number.");
    return value;
  };
  return { node: labelled(found, at, input), read };
}

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }) {
  const least = minimum ?? exclusiveMinimum;
  const most = maximum ?? exclusiveMaximum;
  if (least !== undefined && most !== undefined) return `${least} to ${most}`;
  if (least !== undefined) return `from ${least}`;
  return most === undefined ? null : `up to ${most}`;
}

function flag(found, at) {
  const input = element("select", {});
  if (!at.isRequired) input.append(element("option", { value: "" }, "–"));
  input.append(element("option", { value: "true" }, "yes"), element("option", { value: "false" }, "no"));
  input.value = "default" in found ? String(found.default) : at.isRequired ? "false" : "";
  return { node: labelled(found, at, input), read: () => (input.value === "" ? undefined : input.value === "true") };
}

function choice(found, at) {
  const values = found.enum ?? [found.const];
  const input = element("select", {});
  if (!at.isRequired) input.append(element("option", { value: "" }, "–"));
  values.forEach((value, number) => input.append(element("option", { value: number }, String(value))));
  const given = values.indexOf(found.default);
  input.value = given >= 0 ? given : at.isRequired ? 0 : "";
  return { node: labelled(found, at, input), read: () => (input.value === "" ? undefined : values[input.value]) };
}

function maybe(found, at) {
  return field(found, { ...at, isRequired: false });
}

function object(found, at) {
  const required = new Set(found.required);
  const isOuter = at.path === "$.payload";
  const parts = Object.entries(found.properties).map(([name, schema]) => {
    const path = `${at.path}.${name}`;
    return [name, field(schema, { schema: at.schema, path, label: name, isRequired: required.has(name) })];
  });
  const node = isOuter
    ? element("div", { class: "object" })
    : element("fieldset", { class: "object", "data-path": at.path, tabindex: -1 }, element("legend", {}, at.label));
  if (found.description && !isOuter) node.append(element("p", { class: "hint" }, found.description));
  node.append(...parts.map(([, part]) => part.node));
  const read = () => {
    const value = {};
    for (const [name, part] of parts) {
      const given = part.read();
      if (given !== undefined) value[name] = given;
    }
    return at.isRequired || Object.keys(value).length ? value : undefined;
  };
  return { node, read };
}

function list(found, at) {
  let items = [];
  const rows = element("ol", {});
  const add = (value) => {
    const schema = value === undefined ? found.items : { ...resolved(found.items, at.schema), default: value };
    const row = element("li", {});
    const item = { row, part: null };
    const remove = element("button", { type: "button", class: "small" }, "Remove");
    remove.addEventListener("click", () => {
      items = items.filter((each) => each !== item);
      row.remove();
      number();
      more.focus();
    });
    item.part = field(schema ?? {}, { schema: at.schema, path: `${at.path}[]`, label: at.label, isRequired: true });
    row.append(item.part.node, remove);
    items.push(item);
    rows.append(row);
    number();
    return item;
  };
  // The server counts the items of a list, and so do their fields.
  const number = () =>
    items.forEach(({ row }, place) => {
      const own = `${at.path}[${place}]`;
      for (const input of row.querySelectorAll("[data-path]")) {
        const rest = input.dataset.path.slice(at.path.length).replace(/^\[\d*\]/, "");
        input.dataset.path = own + rest;
      }
    });
  const more = element("button", { type: "button", class: "small" }, "Add one");
  more.addEventListener("click", () => add().row.querySelector("input, textarea, select")?.focus());
  const node = element(
    "fieldset",
    { "data-path": at.path, tabindex: -1, class: "field" },
    element("legend", {}, at.label, at.isRequired ? "" : element("span", { class: "size" }, " (optional)")),
    found.description && element("p", { class: "hint" }, found.description),
    rows,
    more,
  );
  for (const value of Array.isArray(found.default) ? found.default : []) add(value);
  for (let left = (found.minItems ?? 0) - items.length; left > 0; left--) add();
  const read = () => (items.length || at.isRequired ? items.map(({ part }) => part.read()) : undefined);
  return { node, read };
}

function json(found, at) {
  const input = element("textarea", { rows: 6, spellcheck: "false", class: "json" });
  const given = "default" in found ? found.default : found.type === "object" && at.isRequired ? {} : undefined;
  input.value = given === undefined ? "" : JSON.stringify(given, null, 2);
  const read = () => {
    if (isLeftOut(input, at)) return undefined;
    try {
      return JSON.parse(input.value);
    } catch (error) {
      throw new Misfit(input, `This is no JSON: ${error.message}`);
    }
  };
  return { node: labelled({ description: "JSON", ...found }, at, input), read };
}
