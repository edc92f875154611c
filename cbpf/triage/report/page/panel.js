// What is shown of one cell, one file or one filter, beside the page.

/** Chunks of files' details, unpacked when somebody looks at one of them. */
const details = (() => {
  let lines = null;
  const chunks = new Map();
  const unpack = async (line) => {
    const bytes = Uint8Array.from(atob(line), (character) => character.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    return JSON.parse(await new Response(stream).text());
  };
  return async (file) => {
    lines ??= byId("details").textContent.split("\n");
    const chunk = Math.floor(file / CHUNK);
    if (!chunks.has(chunk)) chunks.set(chunk, unpack(lines[chunk]));
    return (await chunks.get(chunk))[file % CHUNK];
  };
})();

const CHUNK = 32;
const STATES = ["whole", "damaged", "unreadable"];

function commandOf(detail, filter) {
  return `cbpf filter ${DATA.options}-r ${detail.read} -w ${detail.stem}-${filter.safe}${detail.suffix} ${filter.asked}`;
}

/** A command with a button that copies it. */
function commandBox(command) {
  const code = el("code", { dir: "ltr" }, command);
  const button = el("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(command);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1600);
  });
  const where = DATA.where ? el("p", { class: "after" }, "Paths are relative to ", el("span", { class: "mono" }, DATA.where), ".") : null;
  return el("div", {}, el("h3", {}, "Extract these packets"), el("div", { class: "command" }, code, button), where);
}

function facts(pairs) {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function show(kind, title, ...body) {
  const panel = byId("panel");
  byId("panel-kind").replaceChildren(kind);
  byId("panel-title").replaceChildren(isolated(title));
  byId("panel-body").replaceChildren(...body.filter(Boolean));
  if (!panel.open) panel.showModal();
  panel.scrollTop = 0;
}

const link = (text, onclick) => el("button", { type: "button", class: "link", onclick }, isolated(text));

function failed(error) {
  const old = typeof DecompressionStream === "undefined";
  show("", "This cannot be shown", el("p", {}, old ? "This browser is too old to unpack details of files: it has no DecompressionStream." : String(error)));
}

async function showCell(file, filter) {
  const what = DATA.filters[filter];
  const detail = await details(file);
  const [, bytes, first, last] = detail.cells.find(([each]) => each === filter) || [filter, 0, null, null];
  const packets = packetsOf(file, filter);
  show(
    link(DATA.files.path[file], () => showFile(file).catch(failed)), what.name,
    what.title ? el("p", { class: "muted" }, what.title) : null,
    facts([
      ["Packets", `${number(packets)} of ${number(DATA.files.packets[file])}`],
      ["Share", percent(share(packets, DATA.files.packets[file]))],
      ["Bytes", size(bytes)],
      ["First (UTC)", moment(first, 6)],
      ["Last (UTC)", moment(last, 6)],
      ["Duration", duration(last - first)],
    ]),
    spans(file, detail, [filter]),
    commandBox(commandOf(detail, what)),
    el("h3", {}, "The filter"), el("p", { class: "mono" }, what.expression),
    el("p", { class: "after" }, link(`More about ${what.name}`, () => showFilter(filter))),
  );
}

/** Where in a file's time its packets are: all of them, and under that a bar for each filter, from first to last. */
function spans(file, detail, filters) {
  const timeline = detail.timeline;
  if (!timeline[2].length) return null;
  const panel = byId("panel");
  const width = Math.min(544, (panel.clientWidth || innerWidth) - 40);
  return el("div", {}, el("h3", {}, "When"),
    timelinePlot(timeline, { width, height: 96, label: `Packets of ${DATA.files.path[file]} over time`, begin: DATA.files.first[file] }),
    ...filters.map((filter) => {
      const [, , first, last] = detail.cells.find(([each]) => each === filter) || [0, 0, null, null];
      if (first === null) return null;
      const across = axis(timeline, width);
      const [left, right] = [first, last].map((micro) => Math.min(width, Math.max(0, across.at(across.placeOf(micro)))));
      const strip = svg("svg", { viewBox: `0 0 ${width} 10`, height: 10, role: "img", "aria-label": `${DATA.filters[filter].name} from ${moment(first)} to ${moment(last)}` });
      strip.append(svg("rect", { class: "some", x: Math.min(left, width - 3), y: 2, width: Math.max(3, right - left), height: 6, rx: 3 }));
      return strip;
    }));
}

async function showFile(file) {
  const files = DATA.files;
  const detail = await details(file);
  const found = detail.cells.map(([filter]) => [filter, packetsOf(file, filter)]).sort(([, one], [, other]) => other - one);
  const rows = found.map(([filter, packets]) => [
    link(DATA.filters[filter].name, () => showCell(file, filter).catch(failed)), number(packets), percent(share(packets, files.packets[file])),
    bar([share(packets, files.packets[file]), ""]),
  ]);
  const [state, trouble] = files.state[file] || [0, ""];
  show(
    "File", files.path[file],
    trouble ? el("p", { class: "notice" }, el("strong", {}, `${STATES[state]}: `), trouble) : null,
    fileFacts(file, detail),
    spans(file, detail, []),
    el("h3", {}, "Filters that matched"),
    rows.length ? list([["Filter", ""], ["Packets", "n"], ["Share", "n"], ["", "barred"]], rows) : nothing("None."),
    detail.meaningless.length ? el("p", { class: "after" }, `Without meaning on its link types: ${detail.meaningless.map((each) => DATA.filters[each].name).join(", ")}.`) : null,
    el("h3", {}, "Protocols"), ...protocolTree(detail),
    el("h3", {}, "Conversations"), ...conversationList(detail),
    el("h3", {}, "Talkers"), ...talkerList(detail),
    el("h3", {}, "Ports"), ...portList(detail),
    el("h3", {}, "Packet sizes"), ...sizeList(detail),
  );
}

function fileFacts(file, detail) {
  const files = DATA.files;
  const [packets, bytes, first, last] = [files.packets[file], files.bytes[file], files.first[file], files.last[file]];
  const seconds = (last - first) / 1e6;
  const known = detail.facts;
  const [format, compression, linktypes, snaplen, captured, ordered, digest] = known || [];
  return facts([
    ["Size", size(detail.size)],
    ["Modified (UTC)", moment(detail.modified)],
    ...(known ? [
      ["Format", compression ? `${format}, ${compression}` : format],
      [linktypes.length === 1 ? "Link type" : "Link types", linktypes.join(", ")],
      ["Snapshot length", plural(snaplen, "byte")],
      ["Packets", number(packets)],
      ["Bytes", captured === bytes ? size(bytes) : `${size(bytes)}, ${size(captured)} of them captured`],
    ] : []),
    ...(first === null ? [] : [
      ["First (UTC)", moment(first, 6)],
      ["Last (UTC)", moment(last, 6)],
      ["Duration", duration(last - first)],
      ["Rates", seconds > 0 ? `${rate(packets / seconds)} packets/s, ${size(Math.round(bytes / seconds))}/s` : null],
      ["Order of time", ordered ? "kept" : "some packets are earlier than the one before"],
    ]),
    ["SHA-256", digest ? el("span", { class: "mono" }, digest) : null],
  ]);
}

function showFilter(filter) {
  const what = DATA.filters[filter];
  const found = FILES.filter((file) => packetsOf(file, filter)).sort((one, other) => packetsOf(other, filter) - packetsOf(one, filter));
  const rows = found.slice(0, 50).map((file) => [
    link(DATA.files.path[file], () => showCell(file, filter).catch(failed)), number(packetsOf(file, filter)),
    percent(share(packetsOf(file, filter), DATA.files.packets[file])),
  ]);
  show(
    "Filter", what.name,
    what.title ? el("p", { class: "muted" }, what.title) : null,
    what.tags.length ? el("p", { class: "tags" }, ...what.tags.map((tag) => el("span", {}, tag))) : null,
    what.finds ? el("p", { class: "after" }, what.finds) : null,
    el("h3", {}, "Expression"), el("p", { class: "mono" }, what.expression),
    facts([
      ["Packets", `${number(what.packets)} (${percent(share(what.packets, DATA.packets))} of all)`],
      ["Bytes", size(what.bytes)],
      ["Files", number(what.files)],
      ["First (UTC)", what.packets ? moment(what.first, 6) : null],
      ["Last (UTC)", what.packets ? moment(what.last, 6) : null],
    ]),
    what.command ? commandBox(what.command) : null,
    el("h3", {}, "Files"),
    rows.length ? list([["File", ""], ["Packets", "n"], ["Share", "n"]], rows) : nothing("None."),
    found.length > rows.length ? el("p", { class: "after" }, `and ${plural(found.length - rows.length, "file")} with fewer packets`) : null,
  );
}
