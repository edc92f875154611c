// The page: what all files together are, and where it begins.

const DATA = JSON.parse(byId("data").textContent);
const FILES = DATA.files.path.map((_, place) => place);
const LOWER = DATA.files.path.map((path) => path.toLowerCase());
const PLACES = (() => {
  // Where each file is by name; digits count as numbers.
  const places = new Uint32Array(FILES.length);
  const compare = new Intl.Collator("en", { numeric: true }).compare;
  [...FILES].sort((one, other) => compare(DATA.files.path[one], DATA.files.path[other])).forEach((file, place) => { places[file] = place; });
  return places;
})();
const CELLS = DATA.files.cells.map((cells) => {
  const found = new Map();
  for (let place = 0; place < cells.length; place += 2) found.set(cells[place], cells[place + 1]);
  return found;
});
const packetsOf = (file, filter) => CELLS[file].get(filter) || 0;
const RANKED = DATA.filters.map((_, place) => place).filter((place) => DATA.filters[place].packets)
  .sort((one, other) => DATA.filters[other].packets - DATA.filters[one].packets);
const LISTED = 12;

function drawTop() {
  const trouble = Object.keys(DATA.files.state).length;
  byId("title").textContent = `What is in ${plural(FILES.length, "capture")}`;
  document.title = `Triage of ${plural(FILES.length, "capture")}`;
  byId("subtitle").textContent = DATA.first === null ? "There are no packets." : span(DATA.first, DATA.last);
  const key = [
    ["Files", number(FILES.length), size(DATA.size)],
    ["Packets", number(DATA.packets), `${size(DATA.bytes)} on the network`],
    ["Time", DATA.first === null ? "–" : duration(DATA.last - DATA.first), "first to last packet"],
    ["Filters that matched", number(RANKED.length), `of ${number(DATA.filters.length)}`],
  ];
  byId("key").replaceChildren(...key.map(([name, value, small]) => el("div", {}, el("dt", {}, name), el("dd", {}, value, el("small", {}, small)))));
  const notices = [];
  if (!DATA.complete) notices.push(el("p", { class: "notice" }, el("strong", {}, "Interrupted: "), "not all files that were asked for are in this report."));
  if (trouble) {
    const look = () => {
      byId("which").value = "trouble";
      refresh();
      byId("matrix").scrollIntoView();
    };
    notices.push(el("p", { class: "notice" }, el("strong", {}, plural(trouble, "file")), " could not be read to the end; what comes before the damage is counted. ",
      el("button", { type: "button", class: "link", onclick: look }, trouble === 1 ? "Show it" : "Show them")));
  }
  byId("notices").replaceChildren(...notices);
  byId("colophon").textContent = `Made by cbpf ${DATA.version} on ${moment(DATA.made)} UTC. Bytes are those on the network, times are UTC. This page loads nothing.`;
}

function drawTimeline() {
  const place = byId("timeline");
  const [overlay, measure, log] = [byId("overlay").value, byId("measure").value === "bytes" ? 4 : 3, byId("scale").value === "log"];
  if (!DATA.timeline[2].length) {
    place.replaceChildren(nothing("There are no packets."));
    return;
  }
  const other = overlay ? DATA.timelines[overlay] : null;
  const label = `Packets over time, from ${moment(DATA.first)} to ${moment(DATA.last)} UTC${other ? `; highlighted: ${DATA.filters[overlay].name}` : ""}`;
  const read = (text) => { byId("readout").textContent = text; };
  const width = Math.floor(place.clientWidth) || 800;
  place.replaceChildren(timelinePlot(DATA.timeline, { other, measure, log, width, height: width < 500 ? 150 : 190, read, label, begin: DATA.first }));
}

function drawFilters(all) {
  const place = byId("filter-list");
  if (!RANKED.length) {
    place.replaceChildren(nothing("None of them matched anything."));
    return;
  }
  const most = share(DATA.filters[RANKED[0]].packets, DATA.packets) || 1;
  const rows = (all ? RANKED : RANKED.slice(0, LISTED)).map((filter) => {
    const what = DATA.filters[filter];
    return [
      el("div", {}, link(what.name, () => showFilter(filter)), what.title ? el("small", {}, what.title) : null),
      number(what.packets), percent(share(what.packets, DATA.packets)), bar([share(what.packets, DATA.packets) / most, ""]),
      size(what.bytes), number(what.files), moment(what.first), moment(what.last),
    ];
  });
  const columns = [["Filter", ""], ["Packets", "n"], ["Share", "n"], ["", "barred wide"], ["Bytes", "n wide"], ["Files", "n"], ["First (UTC)", "t wide"], ["Last (UTC)", "t wide"]];
  const more = RANKED.length > LISTED && !all
    ? el("p", { class: "after" }, el("button", { type: "button", onclick: () => drawFilters(true) }, `Show all ${number(RANKED.length)}`)) : "";
  place.replaceChildren(list(columns, rows), more);
}

function fillChoices() {
  const option = (value, text) => el("option", { value }, text);
  const overlays = RANKED.filter((filter) => DATA.timelines[filter]);
  byId("overlay").replaceChildren(option("", "nothing"), ...overlays.map((filter) => option(filter, DATA.filters[filter].name)));
  const tags = [...new Set(DATA.filters.flatMap((filter) => filter.tags))].sort();
  byId("tag").replaceChildren(option("", "all tags"), ...tags.map((tag) => option(tag, tag)));
  byId("tag").hidden = !tags.length;
  byId("legend").replaceChildren("Share of the file's packets:", ...STEP_NAMES.map((name, place) => el("span", {}, el("i", { class: `h${place}` }), name)));
}

function start() {
  drawTop();
  fillChoices();
  drawTimeline();
  drawFilters(false);
  startMatrix();
  const lists = { protocols: protocolTree, sizes: sizeList, conversations: conversationList, talkers: talkerList, ports: portList };
  for (const [id, make] of Object.entries(lists)) byId(id).replaceChildren(...make(DATA));
  for (const id of ["overlay", "measure", "scale"]) byId(id).addEventListener("change", drawTimeline);
  const panel = byId("panel");
  byId("panel-close").addEventListener("click", () => panel.close());
  panel.addEventListener("click", (event) => { if (event.target === panel) panel.close(); });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (innerWidth === width) return;
    width = innerWidth;
    drawTimeline();
    drawHead();
    drawRows(true);
  });
  document.documentElement.dataset.ready = "yes";
}

start();
