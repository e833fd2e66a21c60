// SPDX-License-Identifier: MIT
//
// Loads each page in a frame, waits for its three messages, and reads the frame's own counters.
"use strict";

const $ = (id) => document.getElementById(id);
const MESSAGES = 3;
const PATIENCE_MS = 15000;

// Each group is one way to get the messages: what was published, and the visits measured here.
const GROUPS = [
  {
    name: "Plain WebSocket",
    file: "plain.html",
    published: { requests: 2, bytes: 1500, seconds: 0.05 },
    visits: ["first visit"],
  },
  {
    name: "Socket.IO",
    file: "socketio.html",
    published: { requests: 6, bytes: 181560, seconds: 0.25 },
    visits: ["first visit", "second visit"],
  },
  {
    name: "Socket.IO, lean",
    hint: "socket.io.min.js, WebSocket only",
    file: "lean.html",
    visits: ["first visit"],
  },
];
const COLUMNS = [
  { key: "requests", text: (n) => `${n}` },
  { key: "bytes", text: (n) => `${(n / 1000).toFixed(2)} KB` },
  { key: "seconds", text: (n) => `${n.toFixed(n < 0.0995 ? 3 : 2)} s` },
];

// ---- measuring --------------------------------------------------------------------------------

// A server's frame: 2 bytes, or 4, or 10 before the payload (RFC 6455, 5.2).
const frameSize = (n) => n + (n < 126 ? 2 : n < 65536 ? 4 : 10);
const payloadSize = (data) => new Blob([data]).size; // of text: its UTF-8

// The frames' pages call this: watch() before they connect, message() for each one they show.
window.meter = {
  watch(frame) {
    const sockets = [];
    frame.WebSocket = class extends frame.WebSocket {
      constructor(...args) {
        super(...args);
        const seen = { url: this.url, messages: 0, body: 0, bytes: 0 };
        sockets.push(seen);
        this.addEventListener("message", ({ data }) => {
          const n = payloadSize(data);
          seen.messages++;
          seen.body += n;
          seen.bytes += frameSize(n);
        });
      }
    };
    this.current = { frame, sockets, messages: 0 };
  },
  message(frame) {
    const run = this.current;
    run.seconds ??= frame.performance.now() / 1000; // since the frame's navigation began
    // A moment more: a request is in the timeline once its answer has ended.
    if (++run.messages === MESSAGES) setTimeout(() => this.done(run), 200);
  },
};

function label(url) {
  const { pathname, searchParams } = new URL(url);
  const transport = searchParams.get("transport");
  return transport === "polling" ? `${pathname} (polling)` : pathname;
}

// What the browser says of one frame, now that its three messages are there.
function collect({ frame, sockets, seconds, messages }) {
  const entries = (type) => frame.performance.getEntriesByType(type);
  const http = [...entries("navigation"), ...entries("resource")]
    .filter((e) => e.name.startsWith("http"))
    .map((e) => ({ name: label(e.name), bytes: e.transferSize, body: e.encodedBodySize }));
  const ws = sockets.map((s) => ({ name: label(s.url), ...s }));
  const requests = [...http, ...ws];
  const bytes = requests.reduce((sum, r) => sum + r.bytes, 0);
  return { requests: requests.length, bytes, seconds, messages, list: requests };
}

function visit(url) {
  return new Promise((resolve, reject) => {
    const frame = document.createElement("iframe");
    const end = (finish, value) => {
      clearTimeout(timer);
      frame.remove(); // closes its connections
      finish(value);
    };
    const late = () => end(reject, new Error(`${url}: the messages did not come`));
    const timer = setTimeout(late, PATIENCE_MS);
    window.meter.done = (run) => end(resolve, collect(run));
    frame.title = "the page that is measured";
    frame.src = url;
    $("stage").append(frame);
  });
}

async function run() {
  $("run").disabled = true;
  const fresh = Date.now();
  for (const group of GROUPS) {
    group.measured = [];
    paint();
  }
  try {
    for (const group of GROUPS) {
      for (const [i, when] of group.visits.entries()) {
        $("status").textContent = `${group.name}, ${when}: three messages, one a second…`;
        group.measured[i] = await visit(`${group.file}?${fresh}`);
        paint();
      }
    }
    $("status").textContent = "Measured just now, in this browser.";
  } catch (err) {
    $("status").textContent = err.message;
  }
  $("run").disabled = false; // done, one way or the other
}

// ---- showing ----------------------------------------------------------------------------------

function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

function cell(column, values, how) {
  const td = el("td", { className: "number" });
  if (!values) {
    td.append(el("span", { className: "pending", textContent: "…" }));
    return td;
  }
  const bar = el("span", { className: `bar ${how}`, ariaHidden: "true" }, el("i"));
  const percent = (values[column.key] / largest(column.key)) * 100;
  bar.firstChild.style.width = `${Math.max(1.5, percent)}%`;
  td.append(column.text(values[column.key]), bar);
  return td;
}

function largest(key) {
  const all = GROUPS.flatMap((g) => [g.published, ...(g.measured ?? [])]).filter(Boolean);
  return Math.max(...all.map((v) => v[key]));
}

function line(title, values, how) {
  const head = el("th", { scope: "row", textContent: title });
  return el("tr", { className: how }, head, ...COLUMNS.map((c) => cell(c, values, how)));
}

function paint() {
  const bodies = GROUPS.map((g) => {
    const head = el("th", { scope: "rowgroup", colSpan: 4, textContent: g.name });
    if (g.hint) head.append(el("small", { textContent: g.hint }));
    const body = el("tbody", {}, el("tr", { className: "group" }, head));
    if (g.published) body.append(line("published", g.published, "published"));
    g.visits.forEach((when, i) => body.append(line(`here, ${when}`, g.measured?.[i], "here")));
    return body;
  });
  $("results").querySelectorAll("tbody").forEach((b) => b.remove());
  $("results").append(...bodies);
  paintDetails();
}

function paintDetails() {
  const cards = GROUPS.flatMap((group) =>
    (group.measured ?? []).map((m, i) => {
      const title = el("h3", { textContent: `${group.name}, ${group.visits[i]}` });
      return el("section", { className: "card" }, title, el("ol", {}, ...m.list.map(requestRow)));
    }),
  );
  $("details").replaceChildren(...cards);
}

function remark(r) {
  if (r.messages !== undefined) return `WebSocket, ${r.messages} messages`;
  if (r.bytes === 0) return "from the cache";
  return r.bytes < r.body || r.body === 0 ? "not modified" : "";
}

function requestRow(r) {
  return el("li", {}, el("span", { className: "name", textContent: r.name }),
    el("span", { className: "what", textContent: remark(r) }),
    el("span", { className: "size", textContent: `${r.bytes.toLocaleString("en")} B` }));
}

window.results = GROUPS; // for those who want the numbers themselves
$("run").onclick = run;
run();
