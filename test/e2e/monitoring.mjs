// SPDX-License-Identifier: MIT
//
// monitoring.mjs - the alerts and the dashboard of examples/monitoring: each metric and label that they
// name is one that a server prints, and Prometheus can evaluate each query. The tests that need
// Prometheus are skipped if it is not installed (Debian's package prometheus), and say so.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { ask, connected, equal, event, freePort, ok, run, sleep, test } from './lib.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = path.join(root, 'examples/monitoring');
const alerts = readFileSync(path.join(folder, 'alerts.yml'), 'utf8');
const dashboard = JSON.parse(readFileSync(path.join(folder, 'dashboard.json'), 'utf8'));
const panels = dashboard.panels.filter((p) => p.type !== 'row');

// ---- what they ask for -----------------------------------------------------------------------------

// The text of each "expr:" of the alerts: on its line, or indented below it.
const alertQueries = [...alerts.matchAll(/^ +expr: (?:\|\n((?: {10,}.*\n)+)|(.*)\n)/gm)]
  .map(([, block, line]) => (block ?? line).trim());
const panelQueries = panels.flatMap((p) => p.targets.map((t) => ({ ...t, panel: p.title })));

const LABELS_OF_PROMETHEUS = ['job', 'instance'];

// { name, labels }: what a query selects.
function selections(query) {
  return [...query.matchAll(/\b(sio_\w+|up)(?:\{([^}]*)\})?/g)].map(([, name, matchers = '']) => ({
    name,
    labels: [...matchers.matchAll(/(\w+) *(=~|=|!=|!~) *"([^"]*)"/g)].map(([, label, how, value]) =>
      ({ label, how, value })),
  }));
}

const groupings = (query) =>
  [...query.matchAll(/\b(?:by|ignoring|on|without) \(([^)]*)\)/g)].flatMap(([, list]) =>
    list.split(',').map((label) => label.trim()));

// ---- what a server prints ---------------------------------------------------------------------------

// { name: [{ label: value }, ...] }
function parse(text) {
  const series = {};
  for (const [, name, labels = ''] of text.matchAll(/^(sio_\w+)(?:\{(.*)\})? \S+$/gm)) {
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, k, v]) => [k, v]);
    (series[name] ??= []).push(Object.fromEntries(pairs));
  }
  return series;
}

const client = (host, options) =>
  io(`http://127.0.0.1:${host.port}/`, { reconnection: false, forceNew: true, ...options });

async function drive(host) {
  const clients = [client(host, { transports: ['polling'] }), client(host, { transports: ['websocket'] }),
    client(host, {})];
  await Promise.all(clients.map(connected));
  for (const c of clients) {
    await ask(c, 'echo', 1);
    const back = event(c, 'message-back');
    c.emit('message', 'x');
    await back;
  }
  await host.get('EIO=4&transport=polling&sid=nobody');
  return clients;
}

function fault(series, query) {
  for (const { name, labels } of selections(query)) {
    const known = name === 'up' ? [{}] : series[name];
    if (!known) return `${name} is not printed`;
    for (const { label, how, value } of labels) {
      if (LABELS_OF_PROMETHEUS.includes(label)) continue;
      const values = known.map((one) => one[label]);
      const wanted = how === '=~' ? value.split('|') : [value];
      const missing = wanted.filter((v) => !values.includes(v));
      if (missing.length > 0) return `${name} has no ${label}="${missing}"`;
    }
  }
  const all = new Set(selections(query).flatMap(({ name }) => (series[name] ?? []).flatMap(Object.keys)));
  const unknown = groupings(query).filter((l) => !all.has(l) && !LABELS_OF_PROMETHEUS.includes(l));
  return unknown.length > 0 ? `no series has the label ${unknown}` : null;
}

// ---- without Prometheus ------------------------------------------------------------------------------

test('a server prints every metric and label that alerts and dashboard name', async (t) => {
  const host = await t.host();
  const clients = await drive(host);
  const series = parse((await host.get('/metrics')).body);
  const faults = [];
  for (const query of [...alertQueries, ...panelQueries.map(({ expr }) => expr)]) {
    const wrong = fault(series, query);
    if (wrong) faults.push(`${wrong}: ${query}`);
  }
  equal(faults, []);
  for (const { expr, legendFormat } of panelQueries)
    for (const [, label] of legendFormat.matchAll(/\{\{(\w+)\}\}/g))
      ok(groupings(expr).includes(label), `${legendFormat}: ${expr}`);
  clients.forEach((c) => c.disconnect());
});

test('each alert says what to do, and names a section that exists', async () => {
  const anchors = readFileSync(path.join(root, 'docs/troubleshooting.md'), 'utf8')
    .match(/^## .*$/gm).map((h) => h.slice(3).toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-'));
  const rules = alerts.split(/^ +- alert: /m).slice(1);
  equal(rules.length, alertQueries.length);
  for (const rule of rules) {
    const [, page, anchor] = rule.match(/runbook: (docs\/troubleshooting\.md)#(\S+)/) ?? [];
    ok(page && anchors.includes(anchor), `${rule.split('\n')[0]}: ${anchor}`);
    ok(/action: \S.{20,}/.test(rule) && /summary: \S/.test(rule), rule);
  }
});

test('the dashboard has what Grafana asks of one', async () => {
  ok(dashboard.title && dashboard.uid && dashboard.schemaVersion >= 36 && !('id' in dashboard));
  const ids = dashboard.panels.map((p) => p.id);
  equal(new Set(ids).size, ids.length);
  const variables = dashboard.templating.list.map((v) => v.name);
  equal(variables, ['datasource', 'job', 'instance']);
  const taken = new Set();
  for (const { gridPos: { x, y, w, h }, title } of dashboard.panels) {
    ok(x >= 0 && x + w <= 24, title);
    for (let i = x; i < x + w; i++)
      for (let j = y; j < y + h; j++) {
        ok(!taken.has(`${i},${j}`), `${title} is over another panel`);
        taken.add(`${i},${j}`);
      }
  }
  for (const p of panels) {
    ok(['stat', 'timeseries'].includes(p.type) && p.title && p.fieldConfig.defaults.unit, p.title);
    equal(new Set(p.targets.map((q) => q.refId)).size, p.targets.length);
    for (const q of [p, ...p.targets]) equal(q.datasource, { type: 'prometheus', uid: '${datasource}' });
    for (const { expr } of p.targets)
      for (const [, name] of expr.matchAll(/\$(\w+)/g)) ok([...variables, '__rate_interval'].includes(name), expr);
  }
});

// ---- with Prometheus ----------------------------------------------------------------------------------

function installed(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(`SKIPPED: ${program} is not installed (Debian: prometheus)`);
    return false;
  }
}

test('promtool accepts the alerts, and its tests of them pass', async () => {
  if (!installed('promtool')) return;
  for (const command of [['check', 'config', 'prometheus.yml'], ['test', 'rules', 'alerts_test.yml']])
    execFileSync('promtool', command, { cwd: folder, stdio: 'pipe' });
  const tested = readFileSync(path.join(folder, 'alerts_test.yml'), 'utf8');
  for (const [, name] of alerts.matchAll(/- alert: (\w+)/g)) ok(tested.includes(`- name: ${name}\n`), name);
});

async function startPrometheus(host, port, dir) {
  writeFileSync(path.join(dir, 'prometheus.yml'), JSON.stringify({
    rule_files: [path.join(folder, 'alerts.yml')],
    scrape_configs: [{ job_name: 'libsio', scrape_interval: '1s',
      static_configs: [{ targets: [`127.0.0.1:${host.port}`] }] }],
  }));
  const child = spawn('prometheus', [`--config.file=${dir}/prometheus.yml`, `--storage.tsdb.path=${dir}/data`,
    `--web.listen-address=127.0.0.1:${port}`, '--log.level=error'], { stdio: 'ignore' });
  const ended = new Promise((done) => child.once('exit', done));
  return { stop: () => { child.kill('SIGTERM'); return ended; } };
}

// The result of a query; undefined as long as Prometheus does not answer.
async function evaluate(port, query) {
  const url = `http://127.0.0.1:${port}/api/v1/query?query=${encodeURIComponent(query)}`;
  const answer = await fetch(url).then((r) => r.json()).catch(() => undefined);
  if (answer) equal(answer.status, 'success', `${query}: ${answer.error}`);
  return answer?.data.result;
}

test('Prometheus finds data for each query of the dashboard, and can evaluate the alerts', async (t) => {
  if (!installed('prometheus')) return;
  const host = await t.host();
  const clients = await drive(host);
  const dir = mkdtempSync(path.join(tmpdir(), 'monitoring-'));
  const port = await freePort();
  const prometheus = await startPrometheus(host, port, dir);
  try {
    for (const { expr, panel } of panelQueries) {
      const query = expr.replaceAll('$__rate_interval', '10s').replaceAll(/\$(job|instance)/g, '.*');
      const mayBeEmpty = expr.endsWith('> 0'); // nothing of it has happened
      for (;;) {
        const found = await evaluate(port, query);
        if (found && (found.length > 0 || mayBeEmpty)) break;
        await ask(clients[1], 'echo', panel);
        await sleep(200);
      }
    }
    for (const query of alertQueries) await evaluate(port, query);
    equal(await evaluate(port, 'ALERTS'), []);
  } finally {
    await prometheus.stop();
    rmSync(dir, { recursive: true });
    clients.forEach((c) => c.disconnect());
  }
});

await run();
