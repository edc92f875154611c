// Files down, filters across. Only the rows that can be seen exist, so that their number does not matter.

const ABOVE = 6; // rows that are kept ready on either side
const PRINTED = { rows: 400, columns: 13, name: 220, cell: 32 }; // what a sheet of A4 has room for, in pixels

const matrix = {
  rows: [], // numbers of files, as they are sorted and found
  columns: [], // numbers of filters
  sort: { by: "name", down: false },
  active: { row: 0, column: 0 }, // where the keyboard is; column 0 is the file's name
  drawn: "",
  printing: false,
};

const narrow = () => innerWidth <= 700 || matrix.printing; // no room for times

function chooseColumns() {
  const words = byId("find-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const [tag, idle] = [byId("tag").value, byId("idle").checked];
  matrix.columns = DATA.filters.map((_, place) => place).filter((place) => {
    const filter = DATA.filters[place];
    const text = `${filter.name} ${filter.title}`.toLowerCase();
    return (idle || filter.packets) && (!tag || filter.tags.includes(tag)) && words.every((word) => text.includes(word));
  });
  matrix.columns.sort((one, other) => DATA.filters[other].packets - DATA.filters[one].packets || one - other);
}

function chooseRows() {
  const words = byId("find-file").value.toLowerCase().split(/\s+/).filter(Boolean);
  const which = byId("which").value;
  matrix.rows = FILES.filter((file) => {
    if (which === "matched" && !CELLS[file].size) return false;
    if (which === "trouble" && !DATA.files.state[file]) return false;
    return !words.length || words.every((word) => LOWER[file].includes(word));
  });
  const { by, down } = matrix.sort;
  const key = typeof by === "number" ? (file) => packetsOf(file, by) : {
    name: (file) => PLACES[file],
    matches: (file) => CELLS[file].size,
    first: (file) => DATA.files.first[file] ?? Infinity,
    packets: (file) => DATA.files.packets[file],
    bytes: (file) => DATA.files.bytes[file],
  }[by];
  const sign = down ? -1 : 1;
  matrix.rows.sort((one, other) => {
    const [first, second] = [key(one), key(other)];
    return first === second ? PLACES[one] - PLACES[other] : first < second ? -sign : sign;
  });
}

/** Sort by a column; the same one again turns it round. Numbers begin with the largest. */
function sortBy(by) {
  const down = by !== "name" && by !== "first";
  matrix.sort = { by, down: matrix.sort.by === by ? !matrix.sort.down : down };
  if (typeof by !== "number") byId("sort").value = by;
  else byId("sort").selectedIndex = -1;
  refresh();
}

function refresh() {
  chooseColumns();
  chooseRows();
  matrix.active.row = Math.min(matrix.active.row, Math.max(0, matrix.rows.length - 1));
  matrix.active.column = Math.min(matrix.active.column, matrix.columns.length);
  tellCounts();
  drawHead();
  byId("grid").scrollTop = 0;
  drawRows(true);
  drawRows(); // now that there is something, which gives the frame its height
}

function tellCounts(rows = matrix.rows.length) {
  byId("matrix-count").textContent = `${number(rows)} of ${plural(FILES.length, "file")}, ${number(matrix.columns.length)} of ${plural(DATA.filters.length, "filter")}`;
}

/** On paper there is room for the filters with most packets, and for the first files; on the screen for all. */
function drawOn(paper) {
  matrix.printing = paper;
  chooseColumns();
  if (paper) matrix.columns.splice(PRINTED.columns);
  tellCounts(paper ? Math.min(matrix.rows.length, PRINTED.rows) : matrix.rows.length);
  drawHead();
  drawRows(true, paper ? PRINTED.rows : 0);
}

function heading(by, text, kind, title) {
  const sorted = matrix.sort.by === by ? (matrix.sort.down ? "descending" : "ascending") : null;
  const arrow = sorted ? (matrix.sort.down ? " ↓" : " ↑") : "";
  const label = typeof by === "number" && sorted ? (matrix.sort.down ? "← " : "→ ") : "";
  const content = el("span", {}, typeof by === "number" ? label + text : text + arrow);
  return el("th", { class: kind, scope: "col", "aria-sort": sorted },
    el("button", { type: "button", title, "data-sort": by, onclick: () => sortBy(by) }, content));
}

function drawHead() {
  const table = byId("table");
  const wide = getComputedStyle(document.documentElement);
  const pixels = (name) => parseInt(wide.getPropertyValue(name), 10);
  const { name, cell } = matrix.printing ? PRINTED : { name: pixels("--name"), cell: pixels("--cell") };
  const all = [name, 84, ...(narrow() ? [] : [120]), ...matrix.columns.map(() => cell)];
  table.querySelectorAll("colgroup").forEach((each) => each.remove());
  table.prepend(el("colgroup", {}, ...all.map((width) => el("col", { style: { width: `${width}px` } }))));
  table.style.width = `${all.reduce((sum, width) => sum + width, 0)}px`;
  table.setAttribute("aria-rowcount", matrix.rows.length + 1);
  const filters = matrix.columns.map((place) => {
    const filter = DATA.filters[place];
    return heading(place, filter.name, "f", `${filter.title || filter.name}: ${plural(filter.packets, "packet")}; sort by it`);
  });
  table.tHead.replaceChildren(el("tr", { "aria-rowindex": 1 }, heading("name", "File", "", "Sort by name"),
    heading("packets", "Packets", "n", "Sort by packets"), narrow() ? null : heading("first", "When", "", "Sort by time"), ...filters));
}

const rowHeight = () => parseInt(getComputedStyle(document.documentElement).getPropertyValue("--row"), 10);

/** Draw the rows that can be seen, if they are others than before. */
function drawRows(anyway = false, most = 0) {
  const grid = byId("grid");
  const height = rowHeight();
  const first = most ? 0 : Math.max(0, Math.floor(grid.scrollTop / height) - ABOVE);
  const last = most ? Math.min(most, matrix.rows.length) : Math.min(matrix.rows.length, Math.ceil((grid.scrollTop + grid.clientHeight) / height) + ABOVE);
  const drawn = `${first} ${last}`;
  if (drawn === matrix.drawn && !anyway) return;
  matrix.drawn = drawn;
  const body = byId("table").tBodies[0];
  if (!matrix.rows.length) {
    const wide = matrix.columns.length + 3;
    body.replaceChildren(el("tr", {}, el("td", { class: "nothing", colspan: wide }, "No file is like that.")));
    return;
  }
  const spacer = (count) => (count > 0 ? [el("tr", { class: "spacer", "aria-hidden": "true" }, el("td", { style: { height: `${count * height}px` } }))] : []);
  const rows = [];
  for (let row = first; row < last; row += 1) rows.push(drawRow(row));
  body.replaceChildren(...spacer(first), ...rows, ...(most ? [] : spacer(matrix.rows.length - last)));
}

function drawRow(row) {
  const file = matrix.rows[row];
  const { path, packets, state } = DATA.files;
  const cut = path[file].lastIndexOf("/") + 1;
  const here = (column) => (matrix.active.row === row && matrix.active.column === column ? 0 : -1);
  const [kind, trouble] = state[file] || [0, ""];
  const name = el("button", { type: "button", class: "file", title: path[file], tabindex: here(0), "data-row": row, "data-column": 0 },
    cut ? el("bdi", { class: "folder" }, path[file].slice(0, cut)) : null, el("bdi", { class: "base" }, path[file].slice(cut)),
    kind ? el("span", { class: "mark", title: trouble }, STATES[kind]) : null);
  const cells = [el("th", { scope: "row" }, name), el("td", { class: "n" }, number(packets[file]))];
  if (!narrow()) cells.push(el("td", { class: "when-column" }, when(file)));
  matrix.columns.forEach((filter, place) => cells.push(drawCell(file, filter, row, place + 1, here(place + 1))));
  return el("tr", { "aria-rowindex": row + 2 }, ...cells);
}

function drawCell(file, filter, row, column, tabindex) {
  const found = packetsOf(file, filter);
  const cell = document.createElement("td");
  if (!found && tabindex) return cell;
  cell.tabIndex = tabindex;
  cell.dataset.row = row;
  cell.dataset.column = column;
  if (!found) return cell;
  const part = share(found, DATA.files.packets[file]);
  cell.className = `c h${step(part)}`;
  cell.textContent = short(found);
  cell.title = `${DATA.filters[filter].name}: ${plural(found, "packet")}, ${percent(part)}`;
  cell.setAttribute("aria-label", cell.title);
  return cell;
}

/** Where the file lies in the time of all. */
function when(file) {
  const [first, last] = [DATA.files.first[file], DATA.files.last[file]];
  if (first === null) return null;
  const whole = Math.max(1, DATA.last - DATA.first);
  const left = Math.min(97, (100 * (first - DATA.first)) / whole);
  const bar = el("i", { style: { left: `${left}%`, width: `${(100 * (last - first)) / whole}%`, maxWidth: `${100 - left}%` } });
  return el("div", { class: "when", title: span(first, last) }, bar);
}

function open(row, column) {
  const file = matrix.rows[row];
  if (column === 0) return showFile(file).catch(failed);
  const filter = matrix.columns[column - 1];
  return packetsOf(file, filter) ? showCell(file, filter).catch(failed) : undefined;
}

/** Move the keyboard to a cell, which scrolls into view. */
function go(row, column) {
  const grid = byId("grid");
  matrix.active = { row: Math.max(0, Math.min(matrix.rows.length - 1, row)), column: Math.max(0, Math.min(matrix.columns.length, column)) };
  const [height, head] = [rowHeight(), byId("table").tHead.offsetHeight];
  const top = matrix.active.row * height;
  if (top < grid.scrollTop) grid.scrollTop = top;
  if (top + height + head > grid.scrollTop + grid.clientHeight) grid.scrollTop = top + height + head - grid.clientHeight;
  drawRows();
  const cell = reachable();
  cell.focus({ preventScroll: true });
  if (matrix.active.column) {
    const [box, frame] = [cell.getBoundingClientRect(), grid.getBoundingClientRect()];
    const name = grid.querySelector("tbody th").offsetWidth;
    if (box.left < frame.left + name) grid.scrollLeft -= frame.left + name - box.left;
    if (box.right > frame.right) grid.scrollLeft += box.right - frame.right;
  }
}

/** The cell where the keyboard is, which of all of them can be reached with the tabulator. */
function reachable() {
  const table = byId("table");
  const { row, column } = matrix.active;
  const cells = table.querySelector(`[aria-rowindex="${row + 2}"]`).cells;
  const cell = column ? cells[cells.length - matrix.columns.length + column - 1] : cells[0].firstChild;
  table.querySelectorAll('tbody [tabindex="0"]').forEach((each) => { each.tabIndex = -1; });
  cell.tabIndex = 0;
  cell.dataset.row = row;
  cell.dataset.column = column;
  return cell;
}

function onKey(event) {
  const cell = event.target.closest("[data-row]");
  if (!cell) return;
  const { row, column } = matrix.active;
  const page = Math.max(1, Math.floor(byId("grid").clientHeight / rowHeight()) - 6);
  const moves = {
    ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
    PageUp: [row - page, column], PageDown: [row + page, column], Home: [row, 0], End: [row, matrix.columns.length],
  };
  if (moves[event.key]) go(...moves[event.key]);
  else if (event.key === "Enter" || event.key === " ") open(row, column);
  else return;
  event.preventDefault();
}

function startMatrix() {
  const grid = byId("grid");
  let waiting = false;
  grid.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      drawRows();
    });
  }, { passive: true });
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("[data-row]");
    if (!cell) return;
    matrix.active = { row: Number(cell.dataset.row), column: Number(cell.dataset.column) };
    open(matrix.active.row, matrix.active.column);
  });
  grid.addEventListener("keydown", onKey);
  byId("sort").addEventListener("change", (event) => sortBy(event.target.value));
  for (const id of ["find-file", "find-filter"]) byId(id).addEventListener("input", refresh);
  for (const id of ["which", "tag", "idle"]) byId(id).addEventListener("change", refresh);
  addEventListener("beforeprint", () => drawOn(true));
  addEventListener("afterprint", () => drawOn(false));
  refresh();
}
