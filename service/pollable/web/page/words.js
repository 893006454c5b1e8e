// Elements, and how times and durations are said. All text goes in as text.

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

export const isFinal = ({ status }) => ["succeeded", "failed", "cancelled"].includes(status);

// What was asked for before it changed may be answered after the change was told.
export function isOlder(job, known) {
  if (!known || job.updatedAt > known.updatedAt) return false;
  return job.updatedAt < known.updatedAt || (isFinal(known) && !isFinal(job));
}

export function span(seconds) {
  if (seconds < 0.95) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 36 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

export const between = (from, to) => (Date.parse(to) - Date.parse(from)) / 1000;

export function moment(text) {
  const at = new Date(text);
  return element("time", { datetime: text, title: text }, at.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" }));
}
