"use strict";
// Numbers, sizes, shares and times as people read them, and elements made of text that is never markup.

const byId = (id) => document.getElementById(id);

/** An element with properties ("class", "on..." functions, attributes) and children, strings among them. */
function el(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "style") Object.assign(made.style, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

const number = (count) => count.toLocaleString("en-US");
const plural = (count, noun, nouns = `${noun}s`) => `${number(count)} ${count === 1 ? noun : nouns}`;

function size(count) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
  let unit = 0;
  let value = count;
  while (value >= 1023.5 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${count} B`;
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${units[unit]}`;
}

const rate = (value) => (value < 10 ? String(Number(value.toPrecision(2))) : number(Math.round(value)));

/** A count in the four characters that a cell has room for. */
function short(count) {
  if (count < 1000) return String(count);
  const unit = Math.min(4, Math.floor(Math.log10(count) / 3));
  const value = count / 1000 ** unit;
  if (value >= 999.5 && unit < 4) return `1${"kMGT"[unit]}`;
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)}${"kMGT"[unit - 1]}`;
}

function percent(part) {
  if (part > 0 && part < 0.0005) return "<0.1%";
  if (part > 0.9995 && part < 1) return ">99.9%";
  return `${(100 * part).toFixed(1)}%`;
}

const share = (part, whole) => (whole ? part / whole : 0);

/** Microseconds since 1970 as 2026-11-26 10:15:00.123456, with so many digits. */
function moment(micro, digits = 0) {
  if (micro === null) return "–";
  const seconds = Math.floor(micro / 1e6);
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime()) || seconds < 0 || date.getUTCFullYear() > 9999) return `${seconds} s`;
  const rest = String(Math.floor(micro - seconds * 1e6)).padStart(6, "0").slice(0, digits);
  return date.toISOString().slice(0, 19).replace("T", " ") + (digits ? `.${rest}` : "");
}

function duration(micro) {
  if (micro < 999.5) return `${Number(micro.toPrecision(3))} µs`;
  if (micro < 999500) return `${Number((micro / 1e3).toPrecision(3))} ms`;
  if (micro < 6e7) return `${Number((micro / 1e6).toPrecision(3))} s`;
  const seconds = Math.floor(micro / 1e6);
  const two = (value) => String(value).padStart(2, "0");
  const [minutes, hours, days] = [Math.floor(seconds / 60) % 60, Math.floor(seconds / 3600) % 24, Math.floor(seconds / 86400)];
  if (days) return `${number(days)} d ${hours}:${two(minutes)} h`;
  if (hours) return `${hours}:${two(minutes)}:${two(seconds % 60)} h`;
  return `${minutes}:${two(seconds % 60)} min`;
}

/** "2026-11-26 10:15:00 to 11:00:00 UTC", with the date again only if it is another one. */
function span(first, last) {
  const [from, to] = [first, last].map((micro) => moment(micro, last - first < 6e7 ? 3 : 0));
  return `${from} to ${from.slice(0, 11) === to.slice(0, 11) ? to.slice(11) : to} UTC`;
}

/** The class of colour for a share: five steps that a legend can explain. */
const STEPS = [0.001, 0.01, 0.1, 0.5];
const STEP_NAMES = ["under 0.1%", "0.1 to 1%", "1 to 10%", "10 to 50%", "50% and more"];
const step = (part) => STEPS.filter((limit) => part >= limit).length;
