// SPDX-License-Identifier: MIT
//
// Asks the search of the built site as a browser would: node search_check.mjs SITE. tools/docs runs it.
import fs from "node:fs";
import path from "node:path";
import vm from "node:vm";

// A query, and the pages of which one must be among the first two. With an anchor the page's first entry must be that one.
const QUERIES = [
  ["sio_emit", "reference/emit.html#sio_emit"],
  ["sio_emit()", "reference/emit.html#sio_emit"],
  ["sio::server", "reference/server.html", "guide/c.html"],
  ["emit", "reference/emit.html"],
  ["sio_options.max_payload", "reference/options.html#sio_options.max_payload"],
  ["max_payload", "reference/options.html#sio_options.max_payload"],
  ["payload", "reference/options.html", "limits.html"],
  ["largest message", "limits.html", "reference/options.html"],
  ["maximum message size", "limits.html", "reference/options.html"],
  ["when_full", "reference/options.html"],
  ["amalgamate", "building.html"],
  ["amalgamation", "building.html"],
  ["redis restart", "guide/many-machines.html"],
  ["cors", "guide/authentication-and-middleware.html#cors-and-allowed-origins"],
  ["recovery", "guide/connection-state-recovery.html"],
  ["sticky sessions", "guide/many-machines.html", "deployment.html"],
  ["nginx", "deployment.html#nginx"],
];

// The page must be the first one.
const FIRST = new Set(["sio_emit", "cors", "recovery"]);

const site = process.argv[2];
const index = JSON.parse(fs.readFileSync(path.join(site, "search/search_index.json"), "utf8"));
const workers = path.join(site, "assets/javascripts/workers");
const worker = fs.readdirSync(workers).find((name) => /^search\..*\.js$/.test(name));

let receive;
let answer;
const self = {
  URL, console, setTimeout, Promise, Map, Set, RegExp,
  addEventListener: (_, listener) => { receive = listener; },
  postMessage: (message) => answer(message),
};
self.self = self;
vm.runInNewContext(fs.readFileSync(path.join(workers, worker), "utf8"), self);
const ask = (message) => new Promise((resolve) => { answer = resolve; receive({ data: message }); });

await ask({ type: 0, data: { ...index, options: { pipeline: ["trimmer", "stopWordFilter"], suggestions: false } } });
let wrong = 0;
for (const [query, ...wanted] of process.argv[3] ? process.argv.slice(3).map((q) => [q]) : QUERIES) {
  const { data } = await ask({ type: 2, data: query });
  const first = data.items.map((page) => page[0].location);
  const good = first.slice(0, FIRST.has(query) ? 1 : 2).some((at) => wanted.includes(at) || wanted.includes(at.split("#")[0]));
  if (!wanted.length) console.log(`${query}: ${first.slice(0, 6).join("  ")}`);
  else if (!good) console.error(`docs: a search for "${query}" finds ${first.slice(0, 4).join(", ") || "nothing"} first`);
  wrong += wanted.length && !good ? 1 : 0;
}
if (!process.argv[3]) console.log(`docs: ${QUERIES.length} searches, ${wrong} of them wrong`);
process.exitCode = wrong ? 1 : 0;
