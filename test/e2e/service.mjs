// SPDX-License-Identifier: MIT
//
// service.mjs - examples/service, started as systemd starts it: supervise.py listens for it, passes it
// the socket, and hears what it notifies. systemd's own programs check the units, and start the program
// once more, where they are installed.
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import { Watched, connected, equal, event, freePort, match, ok, run, sleep, test } from './lib.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');
const program = path.join(build, 'examples/service');
const units = path.join(here, '../../examples/service');
const python = process.env.PYTHON ?? '/usr/bin/python3';

class Supervisor extends Watched {
  static async start() {
    const s = new Supervisor();
    s.port = await freePort();
    s.lines = [];
    s.child = spawn(python, [path.join(here, 'supervise.py'), `${s.port}`, program],
      { stdio: ['pipe', 'pipe', 'pipe'] });
    s.ended = new Promise((done) => s.child.once('exit', done));
    s.said = '';
    s.child.stderr.on('data', (d) => (s.said += d));
    s.child.stdout.on('data', (d) => {
      s.lines.push(...d.toString().trim().split('\n'));
      s.changed();
    });
    await s.line(/^listening/);
    return s;
  }

  // Takes the first line that fits, and all before it.
  async line(pattern) {
    const at = await this.when(() => {
      const n = this.lines.findIndex((l) => pattern.test(l));
      return n < 0 ? undefined : n;
    });
    return this.lines.splice(0, at + 1)[at];
  }

  restart() {
    this.child.stdin.write('restart\n');
  }

  async stop() {
    this.child.stdin.end();
    await this.ended;
    for (const line of this.lines.filter((l) => l.startsWith('ended'))) equal(line, 'ended 0', this.said);
  }
}

const supervised = (name, body) => test(name, async () => {
  const s = await Supervisor.start();
  try {
    await body(s);
  } finally {
    await s.stop();
  }
});

// Connected, however many attempts were refused before, by a server that drains.
const back = (c) => new Promise((done) => { c.once('connect', done); });

const client = (s, options) => io(`http://127.0.0.1:${s.port}/`, { forceNew: true, ...options });

supervised('the first client starts the service, which says when it is ready', async (s) => {
  const c = client(s, { transports: ['websocket'] });
  const [{ pid, pages }] = await event(c, 'status');
  equal(pages, 1);
  equal(await s.line(/^started/), `started ${pid}`);
  await s.line(/^READY=1$/);
  await s.line(/^WATCHDOG=1$/);
  c.disconnect();
});

for (const transports of [['websocket'], ['polling']])
  supervised(`a restart loses no client: ${transports}`, async (s) => {
    const clients = [1, 2, 3].map(() => client(s, { transports }));
    await Promise.all(clients.map(connected));
    const first = await s.line(/^started/);
    for (const c of clients) c.on('disconnect', (why) => why === 'io server disconnect' && c.connect());
    const gone = clients.map((c) => event(c, 'disconnect'));
    s.restart();
    await s.line(/^STOPPING=1$/);
    await Promise.all(gone);
    const all = clients.map(back);
    await s.line(/^ended 0$/);
    match(await s.line(/^started/), /^started \d+$/);
    await Promise.all(all);
    const late = client(s, { transports });
    const [{ pid }] = await event(late, 'status');
    ok(first !== `started ${pid}`);
    for (const c of [...clients, late]) c.disconnect();
  });

supervised('what is queued for clients is sent before the service ends', async (s) => {
  const c = client(s, { transports: ['polling'] });
  await connected(c);
  const heard = [];
  c.onAny((name) => heard.push(name));
  const gone = event(c, 'disconnect');
  const late = client(s, { transports: ['polling'], reconnection: false });
  await connected(late); // its "status" is on its way to the first
  s.restart();
  await gone;
  ok(heard.includes('status'));
  for (const one of [c, late]) one.disconnect();
});

test('without systemd it listens itself', async () => {
  const port = await freePort();
  const child = spawn(program, { env: { ...process.env, PORT: `${port}`, HOST: '127.0.0.1' }, stdio: 'ignore' });
  const ended = new Promise((done) => child.once('exit', done));
  const c = client({ port });
  await back(c);
  c.disconnect();
  child.kill('SIGTERM');
  equal(await ended, 0);
});

for (const name of ['chat', 'service'])
  test(`the log of ${name} is JSON if LOG says so`, async () => {
    const port = await freePort();
    const child = spawn(path.join(build, 'examples', name),
      { env: { ...process.env, PORT: `${port}`, HOST: '127.0.0.1', LOG: 'json' }, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = new Promise((done) => child.once('exit', done));
    let log = '';
    child.stderr.on('data', (d) => (log += d));
    const refused = () => fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=pigeon`).catch(() => null);
    while (!log.includes('\n')) await refused().then(() => sleep(20));
    child.kill('SIGTERM');
    equal(await ended, 0);
    const lines = log.trim().split('\n').map((line) => JSON.parse(line));
    ok(lines.some((l) => l.level === 'warn' && /pigeon|ransport/.test(l.message) && l.part && l.time), log);
  });

// ---- where systemd is ----------------------------------------------------------------------------------

function installed(name) {
  try {
    execFileSync(name, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    console.log(`SKIPPED: ${name} is not installed (Debian: systemd)`);
    return false;
  }
}

test('systemd finds nothing wrong with the units, and little that they do not confine', async () => {
  if (!installed('systemd-analyze')) return;
  const dir = mkdtempSync(path.join(tmpdir(), 'units-'));
  try {
    copyFileSync(path.join(units, 'sio-service.socket'), path.join(dir, 'sio-service.socket'));
    const unit = readFileSync(path.join(units, 'sio-service.service'), 'utf8');
    writeFileSync(path.join(dir, 'sio-service.service'), unit.replace(/^ExecStart=.*$/m, 'ExecStart=/bin/true'));
    const files = ['service', 'socket'].map((kind) => path.join(dir, `sio-service.${kind}`));
    execFileSync('systemd-analyze', ['verify', ...files], { stdio: 'pipe' });
    const [, exposure] = execFileSync('systemd-analyze', ['security', '--offline=true', files[0]],
      { encoding: 'utf8', stdio: 'pipe' }).match(/exposure level for \S+: ([\d.]+)/);
    ok(Number(exposure) < 1, exposure);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('systemd-socket-activate starts it, too', async () => {
  if (!installed('systemd-socket-activate')) return;
  const port = await freePort();
  const child = spawn('systemd-socket-activate', ['-l', `127.0.0.1:${port}`, program], { stdio: 'pipe' });
  const ended = new Promise((done) => child.once('exit', done));
  let said = '';
  child.stderr.on('data', (d) => (said += d));
  while (!said.includes('Listening on')) await sleep(20);
  const c = client({ port });
  const [{ pid }] = await event(c, 'status');
  equal(pid, child.pid); // it has become the program
  c.disconnect();
  child.kill('SIGTERM');
  equal(await ended, 0, said);
});

await run();
