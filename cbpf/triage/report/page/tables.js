// Lists of what was found: conversations, talkers, ports, protocols and sizes, of all files or of one.

/** A table; columns are [heading, class], rows lists of strings or elements. */
function list(columns, rows) {
  const head = el("tr", {}, ...columns.map(([text, kind]) => el("th", { class: kind, scope: "col" }, text)));
  const body = rows.map((row) => el("tr", {}, ...row.map((cell, place) => el("td", { class: columns[place][1] }, cell))));
  return el("div", { class: "scroll" }, el("table", { class: "list" }, el("thead", {}, head), el("tbody", {}, ...body)));
}

const nothing = (text) => el("p", { class: "muted" }, text);
const isolated = (text, kind) => el("bdi", { class: kind }, text);
const withPort = (address, port) => (port === null ? address : address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`);

function after(made, more, noun, nouns = `${noun}s`) {
  return more ? [made, el("p", { class: "after" }, `and ${plural(more, noun, nouns)} with fewer bytes`)] : [made];
}

function conversationList(found) {
  if (!found.conversations.length) return [nothing("None.")];
  const most = Math.max(...found.conversations.map((each) => each[6] + each[8]), 1);
  const rows = found.conversations.map(([protocol, a, portA, b, portB, packets, bytes, packetsBack, bytesBack, first]) => [
    el("div", { class: "ends" }, isolated(withPort(a, portA), "mono"), el("span", { class: "muted" }, "→ ", isolated(withPort(b, portB), "mono"))),
    protocol,
    number(packets + packetsBack),
    size(bytes + bytesBack),
    bar([bytes / most, ""], [bytesBack / most, "back"]),
    moment(first),
  ]);
  const columns = [["From and to", ""], ["Protocol", "wide"], ["Packets", "n wide"], ["Bytes", "n"], ["There and back", "barred wide"], ["First (UTC)", "t wide"]];
  return after(list(columns, rows), found.more.conversations, "conversation");
}

function talkerList(found) {
  if (!found.talkers.length) return [nothing("None.")];
  const most = Math.max(...found.talkers.map((each) => each[2] + each[4]), 1);
  const rows = found.talkers.map(([name, , bytes, , bytesBack]) => [
    isolated(name, "mono"), size(bytes), size(bytesBack), bar([bytes / most, ""], [bytesBack / most, "back"]),
  ]);
  return after(list([["Address", ""], ["Sent", "n"], ["Received", "n"], ["", "barred wide"]], rows), found.more.talkers, "address", "addresses");
}

function portList(found) {
  if (!found.ports.length) return [nothing("None.")];
  const most = Math.max(...found.ports.map((each) => each[2]), 1);
  const rows = found.ports.map(([port, packets, bytes]) => [isolated(port, "mono"), number(packets), size(bytes), bar([bytes / most, ""])]);
  return after(list([["Port", ""], ["Packets", "n"], ["Bytes", "n"], ["", "barred wide"]], rows), found.more.ports, "port");
}

function sizeList(found) {
  const whole = found.sizes.reduce((sum, [, count]) => sum + count, 0);
  if (!whole) return [nothing("None.")];
  const most = Math.max(...found.sizes.map(([, count]) => count));
  const rows = found.sizes.map(([begin, count], place) => {
    const next = found.sizes[place + 1];
    return [next ? `${number(begin)} to ${number(next[0] - 1)}` : `${number(begin)} and more`, number(count), percent(count / whole), bar([count / most, ""])];
  });
  return [list([["Bytes", ""], ["Packets", "n"], ["Share", "n"], ["", "barred"]], rows)];
}

const FEW = 8; // protocols inside another one that are shown at first, if they are not rare
const RARE = 0.01;

/** Protocols as a tree, each with all that is inside it. */
function protocolTree(found) {
  const root = { packets: 0, bytes: 0, inside: new Map() };
  for (const [path, packets, bytes] of found.protocols) {
    let node = root;
    for (const name of [null, ...path.split("/")]) {
      if (name !== null) {
        if (!node.inside.has(name)) node.inside.set(name, { packets: 0, bytes: 0, inside: new Map() });
        node = node.inside.get(name);
      }
      node.packets += packets;
      node.bytes += bytes;
    }
  }
  if (!root.packets) return [nothing("None.")];
  const branch = (node, depth) => {
    const inside = [...node.inside].sort(([, one], [, other]) => other.packets - one.packets);
    const leaf = ([name, child]) => {
      const part = share(child.packets, root.packets);
      const line = el("div", { class: "leaf", title: `${plural(child.packets, "packet")}, ${size(child.bytes)}` },
        el("span", { style: { paddingLeft: `${14 * depth}px` } }, isolated(name)), el("span", {}, number(child.packets)), el("span", {}, percent(part)), bar([part, ""]));
      return el("li", {}, line, child.inside.size ? branch(child, depth + 1) : null);
    };
    const made = el("ul", { class: "tree" });
    const often = inside.slice(0, FEW).filter(([, child]) => share(child.packets, root.packets) >= RARE).length;
    const few = often + 1 === inside.length ? inside.length : often;
    const rest = el("button", { type: "button", class: "link", style: { marginLeft: `${14 * depth}px` }, onclick: () => made.replaceChildren(...inside.map(leaf)) }, `${inside.length - few} more`);
    made.append(...inside.slice(0, few).map(leaf), ...(few < inside.length ? [el("li", { class: "rest" }, rest)] : []));
    return made;
  };
  return [branch(root, 0)];
}
