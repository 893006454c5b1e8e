// The OpenAPI document of this deployment as a page to read. What it says is text.

import { Service } from "./service.js";
import { element } from "./words.js";

const part = (id) => document.getElementById(id);
const HIDDEN = ["pages"];
const slug = (text) => text.replace(/[^A-Za-z0-9]+/g, "-");

async function show(token) {
  let document_;
  try {
    document_ = await new Service(token).json("/openapi.json");
  } catch (error) {
    part("sign-in").hidden = error.status !== 401;
    part("alert").textContent = error.status === 401 && !token ? "" : error.status === 401 ? "This token is not taken." : error.message;
    return;
  }
  part("sign-in").hidden = true;
  part("alert").textContent = "";
  const groups = grouped(resolved(document_, document_));
  const schemas = Object.entries(document_.components?.schemas ?? {});
  const links = [...groups.keys(), "schemas"].map((name) => element("a", { href: `#${slug(name)}` }, name));
  part("contents").replaceChildren(...links);
  part("reference").replaceChildren(
    document_.info.description && element("p", { class: "hint" }, document_.info.description),
    ...[...groups].map(([name, operations]) => section(name, operations.map(operation))),
    section("schemas", schemas.map(([name, schema]) => described(name, schema))),
  );
  // The fragment was there before what it names.
  if (location.hash) part(location.hash.slice(1))?.scrollIntoView();
}

// What stands elsewhere is put in its place, but for schemas, which have a place of their own.
function resolved(part_, whole) {
  if (part_ === null || typeof part_ !== "object") return part_;
  if (Array.isArray(part_)) return part_.map((each) => resolved(each, whole));
  if (part_.$ref && !part_.$ref.startsWith("#/components/schemas/")) return part_.$ref.slice(2).split("/").reduce((found, name) => found[name], whole);
  return Object.fromEntries(Object.entries(part_).map(([name, each]) => [name, resolved(each, whole)]));
}

function grouped({ paths }) {
  const groups = new Map();
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, told] of Object.entries(methods)) {
      const name = told.tags?.[0] ?? "other";
      if (HIDDEN.includes(name)) continue;
      groups.set(name, [...(groups.get(name) ?? []), { path, method: method.toUpperCase(), ...told }]);
    }
  }
  return groups;
}

function section(name, parts) {
  return element("section", { "aria-labelledby": slug(name) }, element("h2", { id: slug(name) }, name), ...parts);
}

function operation({ method, path, summary, description, parameters = [], requestBody, responses, security = [] }) {
  const scopes = security.flatMap((each) => Object.values(each).flat());
  const rows = Object.entries(responses).map(([status, told]) => [status, told.description, ...contents(told), ...headers(told)]);
  return element(
    "article",
    {},
    element("h3", {}, element("code", {}, `${method} ${path}`)),
    summary && element("p", {}, summary),
    description && element("p", { class: "hint" }, description),
    scopes.length > 0 && element("p", { class: "hint" }, `For tokens with the scope ${scopes.join(", ")}.`),
    parameters.length > 0 && table("Parameters", ["name", "in", "type", ""], parameters.map(parameter)),
    requestBody && element("p", {}, "Body: ", ...contents(requestBody)),
    table("Answers", ["status", "", "body"], rows.map(([status, told, ...rest]) => [status, told, element("span", {}, ...rest)])),
  );
}

function parameter({ name, in: place, schema, required, description }) {
  const said = [required ? "required" : "", description ?? ""].filter(Boolean).join("; ");
  return [element("code", {}, name), place, typed(schema), said];
}

function contents({ content = {} }) {
  return Object.entries(content).flatMap(([kind, { schema }]) => [element("code", {}, kind), " ", typed(schema ?? {}), " "]);
}

function headers({ headers: sent = {} }) {
  // Every answer has the one.
  const names = Object.keys(sent).filter((name) => name !== "X-Request-ID");
  return names.length ? [element("span", { class: "hint" }, `with ${names.join(", ")}`)] : [];
}

function table(caption, names, rows) {
  const head = element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name || "what it is")));
  const lines = rows.map((cells) => element("tr", {}, ...cells.map((cell) => element("td", {}, cell ?? ""))));
  const made = element("table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...lines));
  return element("div", { class: "wide", tabindex: 0, role: "group", "aria-label": caption }, made);
}

function described(name, schema) {
  const properties = Object.entries(schema.properties ?? {});
  const required = new Set(schema.required);
  const rows = properties.map(([key, each]) => [element("code", {}, key), typed(each), required.has(key) ? "required" : "", each.description ?? ""]);
  return element(
    "article",
    {},
    element("h3", { id: `schema-${slug(name)}` }, name),
    schema.description && element("p", {}, schema.description),
    rows.length > 0 ? table(`Members of ${name}`, ["name", "type", "", ""], rows) : element("p", {}, typed(schema)),
  );
}

// A type in a few words; what has a name leads to where it is described.
function typed(schema) {
  if (schema === true || schema === undefined) return "anything";
  if (schema.$ref) {
    const name = schema.$ref.split("/").at(-1);
    return element("a", { href: `#schema-${slug(name)}` }, name);
  }
  const several = schema.anyOf ?? schema.oneOf;
  if (several) return element("span", {}, ...several.flatMap((each, at) => (at ? [" or ", typed(each)] : [typed(each)])));
  if (schema.enum) return schema.enum.map((each) => JSON.stringify(each)).join(" or ");
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.type === "array") return element("span", {}, "list of ", typed(schema.items));
  if (schema.additionalProperties?.type) return element("span", {}, "object with values of ", typed(schema.additionalProperties));
  const kind = [schema.type ?? "anything"].flat().join(" or ");
  const bounds = ["format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "pattern"];
  const said = bounds.filter((each) => each in schema).map((each) => `${each} ${schema[each]}`);
  if ("default" in schema) said.push(`else ${JSON.stringify(schema.default)}`);
  return said.length ? `${kind} (${said.join(", ")})` : kind;
}

part("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  show(part("token").value.trim());
});
show("");
