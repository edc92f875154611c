// Plots in SVG: packets over time, in which long times of nothing are cut out, and bars.

function svg(name, properties = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(properties)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** The stretches of a timeline with something in them: [first, last] interval numbers, at most so many. */
function stretches(places, most) {
  if (!places.length) return [];
  const occupied = places[places.length - 1] - places[0] + 1;
  let gap = Math.max(8, Math.ceil(0.12 * Math.min(occupied, places.length)));
  for (;;) {
    const found = [[places[0], places[0]]];
    for (const place of places) {
      const open = found[found.length - 1];
      if (place - open[1] > gap) found.push([place, place]);
      else open[1] = place;
    }
    if (found.length <= most) return found;
    gap *= 2;
  }
}

/** Where an interval is drawn: a function from numbers (fractions, too) to x, and its opposite. */
function axis(timeline, width) {
  const [start, each, places] = timeline;
  const parts = stretches(places, Math.max(1, Math.floor(width / 90)));
  const cut = 18;
  const total = parts.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  const scale = (width - cut * (parts.length - 1)) / Math.max(1, total);
  let x = 0;
  const drawn = parts.map(([first, last]) => {
    const part = { first, last, left: x, right: x + (last - first + 1) * scale };
    x = part.right + cut;
    return part;
  });
  const at = (place) => {
    const part = drawn.find(({ last }) => place <= last + 1) || drawn[drawn.length - 1];
    return Math.max(part.left, part.left + (place - part.first) * scale);
  };
  const from = (position) => {
    const part = drawn.find(({ right }) => position <= right + cut / 2) || drawn[drawn.length - 1];
    return Math.min(part.last, Math.max(part.first, part.first + Math.floor((position - part.left) / scale)));
  };
  return { drawn, scale, at, from, time: (place) => start + place * each, placeOf: (micro) => (micro - start) / each };
}

/** The timeline in intervals as wide as ``each``; those are a power of two of its own, and begin where one of them does. */
function widened(timeline, each) {
  const factor = Math.round(each / timeline[1]);
  if (factor <= 1) return timeline;
  const before = Math.round(timeline[0] / timeline[1]) % factor;
  const sums = new Map();
  timeline[2].forEach((place, index) => {
    const wide = Math.floor((before + place) / factor);
    const [packets, bytes] = sums.get(wide) || [0, 0];
    sums.set(wide, [packets + timeline[3][index], bytes + timeline[4][index]]);
  });
  const counts = [...sums.values()];
  return [timeline[0] - before * timeline[1], timeline[1] * factor, [...sums.keys()], counts.map(([packets]) => packets), counts.map(([, bytes]) => bytes)];
}

/** One path of bars, for intervals of ``some``, which are as wide as those of ``timeline``. */
function bars(some, measure, timeline, across, height, y) {
  const [start, each] = timeline;
  const columns = new Map();
  some[2].forEach((place, index) => {
    const slot = Math.round((some[0] - start) / each) + place;
    const [x, end] = [slot, slot + 1].map((edge) => Math.round(across.at(edge)));
    const [sum] = columns.get(x) || [0];
    columns.set(x, [sum + some[measure][index], Math.max(1, end - x - (across.scale > 4 ? 1 : 0))]);
  });
  let path = "";
  for (const [x, [value, wide]] of columns) path += `M${x} ${height}V${y(value).toFixed(1)}h${wide}V${height}z`;
  return { path, most: Math.max(0, ...[...columns.values()].map(([value]) => value)) };
}

/** A timeline; ``other`` is a second one to draw over it. ``read`` is told what the pointer is at; no time before ``begin`` is named. */
function timelinePlot(narrow, { other = null, measure = 3, log = false, height = 180, width = 800, read = null, label = "", begin = -Infinity }) {
  const each = Math.max(narrow[1], other ? other[1] : 0);
  const [timeline, over] = [widened(narrow, each), other && widened(other, each)];
  const tall = height - 24;
  const across = axis(timeline, width);
  const flat = () => 0;
  const most = Math.max(1, bars(timeline, measure, timeline, across, tall, flat).most, over ? bars(over, measure, timeline, across, tall, flat).most : 0);
  const part = (value) => (log ? Math.log1p(value) / Math.log1p(most) : value / most);
  const y = (value) => Math.min(tall - 1, tall - part(value) * (tall - 16));
  const plot = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": label });
  plot.append(svg("line", { class: "grid-line", x1: 0, x2: width, y1: 16.5, y2: 16.5 }));
  const top = svg("text", { x: width, y: 11, "text-anchor": "end" });
  top.textContent = `${measure === 4 ? size(most) : number(most)} in ${duration(timeline[1])}`;
  plot.append(top);
  plot.append(svg("path", { class: "all", d: bars(timeline, measure, timeline, across, tall, y).path }));
  if (over) plot.append(svg("path", { class: "some", d: bars(over, measure, timeline, across, tall, y).path }));
  plot.append(...ticks(across, width, tall, begin));
  if (read) follow(plot, timeline, across, width, tall, read);
  return plot;
}

/** The axis: a line under each stretch, and times as far as there is room. */
function ticks(across, width, tall, begin) {
  const made = [];
  let free = -1;
  let day = "";
  for (const part of across.drawn) {
    made.push(svg("line", { class: "grid-line", x1: part.left, x2: part.right, y1: tall + 0.5, y2: tall + 0.5 }));
    const wanted = Math.max(1, Math.floor((part.right - part.left) / 150));
    const apart = (across.time(part.last + 1) - across.time(part.first)) / wanted;
    for (let tick = 0; tick < wanted; tick += 1) {
      const x = part.left + ((part.right - part.left) * tick) / wanted;
      if (x < free || x > width - 70) continue;
      const stamp = moment(Math.max(begin, across.time(across.from(x))), apart < 1e6 ? 3 : 0);
      const shown = apart >= 864e8 ? stamp.slice(0, 10) : stamp.slice(0, 10) === day ? stamp.slice(11) : apart < 6e7 ? stamp : stamp.slice(0, 16);
      day = stamp.slice(0, 10);
      const text = svg("text", { x, y: tall + 17 });
      text.textContent = shown;
      made.push(text);
      free = x + shown.length * 6.3 + 14;
    }
  }
  return made;
}

/** Say what is under the pointer. */
function follow(plot, timeline, across, width, tall, read) {
  const cursor = svg("line", { class: "cursor", y1: 16, y2: tall, visibility: "hidden" });
  const index = new Map(timeline[2].map((place, position) => [place, position]));
  plot.append(cursor);
  plot.addEventListener("pointermove", (event) => {
    const box = plot.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width;
    const place = across.from(x);
    const position = index.get(place);
    cursor.setAttribute("visibility", "visible");
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    const [packets, bytes] = position === undefined ? [0, 0] : [timeline[3][position], timeline[4][position]];
    read(`${moment(across.time(place), timeline[1] < 1e6 ? 3 : 0)} UTC, ${duration(timeline[1])}: ${plural(packets, "packet")}, ${size(bytes)}`);
  });
  plot.addEventListener("pointerleave", () => {
    cursor.setAttribute("visibility", "hidden");
    read("");
  });
}

/** Bars for parts of a whole, one beside the other. */
const bar = (...parts) => el("span", { class: "bars" }, ...parts.map(([part, kind]) => (part ? el("span", { class: `bar ${kind}`, style: { width: `${100 * part}%` } }) : null)));
