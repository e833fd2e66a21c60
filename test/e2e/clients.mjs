// SPDX-License-Identifier: MIT
//
// clients.mjs - the clients people have, unmodified: every scenario (clients/scenarios.mjs) with
// every client (clients/families.mjs) over every transport. What the packets look like is
// the business of other scripts; here it counts what a program sees.
//
//     node clients.mjs [filter]    runs them, and prints a table of what was run
//     node clients.mjs --table     prints that table as it is in docs/conformance.md, and runs nothing
import { Proxy, run, test } from './lib.mjs';
import { families, familyNamed, ways } from './clients/families.mjs';
import { scenarios } from './clients/scenarios.mjs';

// ---- one scenario with one client ------------------------------------------------------------------

// What the scenario is given. The other family comes over the transport that is not this one.
async function setting(t, scenario, family, way) {
  const other = familyNamed(family.beside);
  const host = await t.host({ ...scenario.flags, ...family.flags, ...other.flags });
  const at = (port) => `http://127.0.0.1:${port}`;
  const open = (options) => family.open(at(host.port), { transports: ways[way], ...options });
  const proxies = [];
  return {
    t, host, family, way, open, proxies,
    beside: (options) => other.open(at(host.port),
      { transports: way === 'polling' ? ways.websocket : ways.polling, ...options }),
    openThrough: async (options) => {
      const proxy = await Proxy.open(host.port);
      proxies.push(proxy);
      return [await family.open(at(proxy.port), { transports: ways[way], ...options }), proxy];
    },
    kill: () => {
      t.hosts.splice(t.hosts.indexOf(host), 1);
      host.process.kill('SIGKILL');
    },
  };
}

// Why this is not run, or undefined.
function excuse({ key, ways: some, why }, family, way) {
  if (some && !some.includes(way)) return why;
  const reason = key && family.cannot[key];
  return typeof reason === 'object' ? reason[way] : reason;
}

const nameOf = ({ lines, name }, family, way) => `${lines} ${name} (${family.name}, ${way})`;

function add(scenario, family, way) {
  test(nameOf(scenario, family, way), async (t) => {
    const all = await setting(t, scenario, family, way);
    try {
      await scenario.run(all);
    } finally {
      for (const proxy of all.proxies) proxy.close();
    }
  });
}

// ---- the table -------------------------------------------------------------------------------------

const notes = [];
function noteOf(text) {
  if (!notes.includes(text)) notes.push(text);
  return `(${notes.indexOf(text) + 1})`;
}

// What happened over each transport, those that say the same together: "polling, websocket (1)".
function cell(scenario, family, results) {
  const said = Object.keys(ways).map((way) => {
    const reason = excuse(scenario, family, way);
    if (reason) return [way, noteOf(reason)];
    if (!results) return [way, 'yes'];
    const passed = results.get(nameOf(scenario, family, way));
    return [way, passed === undefined ? 'not run' : passed ? 'yes' : 'FAILED'];
  });
  const first = said[0][1];
  if (said.every(([, what]) => what === first)) return first;
  return said.map(([way, what]) => `${way} ${what}`).join(', ');
}

// results: name -> passed; without: as if all had.
function table(results) {
  const row = (...cells) => `| ${cells.join(' | ')} |`;
  const lines = [row('lines', 'what', ...families.map(({ name }) => name)),
    row(...Array(families.length + 2).fill('---'))];
  for (const scenario of scenarios)
    lines.push(row(scenario.lines, scenario.name,
      ...families.map((family) => cell(scenario, family, results))));
  lines.push('', ...notes.map((text, i) => `${i + 1}. ${text}`));
  return lines.join('\n');
}

if (process.argv[2] === '--table') {
  console.log(table());
  process.exit(0);
}

for (const scenario of scenarios)
  for (const family of families)
    for (const way of Object.keys(ways))
      if (!excuse(scenario, family, way)) add(scenario, family, way);

await run({ report: (results) => console.log(table(results)) });
