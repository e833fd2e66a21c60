// SPDX-License-Identifier: MIT
//
// admin.mjs - the Admin UI of Socket.IO, its files unmodified: what our server tells it beside what
// the Node.js package tells it, on the wire, and its pages in headless Chromium. SCREENSHOTS=DIR keeps
// pictures of them.
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { hostname } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import admin from '@socket.io/admin-ui';
import { Server as NodeServer } from 'socket.io';
import { HASH, ISO, RIGHT, Ui, client, launch, openPage, picture, signedIn } from './admin_lib.mjs';
import { connected, equal, event, freePort, match, ok, run, sleep, test } from './lib.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const build = process.env.LIBSIO_BUILD ?? path.join(here, '../../build/asan');

// ---- the two servers: examples/admin, and the same in Node.js ------------------------------------

async function startOurs({ mode, readonly }) {
  const port = await freePort();
  const env = { ...process.env, PORT: `${port}`, ADMIN_MODE: mode };
  if (readonly) env.ADMIN_READONLY = '1';
  const child = spawn(path.join(build, 'examples/admin'), { env });
  const server = { port, said: '' };
  const ended = new Promise((done) => child.once('exit', (code, signal) => done(code ?? signal)));
  for (const out of [child.stdout, child.stderr]) out.on('data', (d) => (server.said += d));
  server.stop = async () => {
    child.kill('SIGTERM');
    equal(await ended, 0, server.said);
  };
  while (child.exitCode === null && !server.said.includes('http://')) await sleep(20);
  return server;
}

async function startNodes({ mode, readonly }) {
  const port = await freePort();
  const http = createServer();
  const server = new NodeServer(http);
  server.on('connection', (socket) => {
    let room;
    socket.on('enter', (name, ...rest) => {
      const done = rest.at(-1);
      if (room) socket.leave(room);
      room = name;
      socket.join(name);
      if (typeof done === 'function') done('entered');
    });
    socket.on('wave', () => socket.to(room).emit('wave', socket.id));
  });
  admin.instrument(server, { auth: { type: 'basic', username: 'admin', password: HASH }, mode, readonly });
  await new Promise((done) => http.listen(port, '127.0.0.1', done));
  return { port, said: '', stop: () => new Promise((done) => server.close(done)) };
}

const servers = { 'our server': startOurs, 'the Node.js server': startNodes };

const refusal = async (server, auth) => {
  const ui = new Ui(server, auth);
  const [e] = await event(ui.socket, 'connect_error');
  ui.socket.disconnect();
  return e.message;
};

// ---- on the wire: one verdict for both ---------------------------------------------------------------

const ACTIONS = ['EMIT', 'JOIN', 'LEAVE', 'DISCONNECT', 'MJOIN', 'MLEAVE', 'MDISCONNECT'];

for (const [whose, start] of Object.entries(servers)) {
  const served = (name, options, body) => test(`${whose}: ${name}`, async (t) => {
    const server = await start({ mode: 'production', ...options });
    t.open = [];
    const opened = (c) => (t.open.push(c.socket ?? c), c);
    try {
      await body(server, opened);
    } finally {
      for (const c of t.open) c.disconnect();
      await server.stop();
    }
  });

  served('only those who know the password connect', {}, async (server, opened) => {
    for (const auth of [{}, { username: 'admin', password: 'x' },
      { username: 'x', password: 'changeit' }, { sessionId: '0123456789abcdef' }])
      equal(await refusal(server, auth), 'invalid credentials');
    const ui = opened(await signedIn(server));
    const [config] = await ui.take('config');
    equal(config, { supportedFeatures: [...ACTIONS, 'AGGREGATED_EVENTS'] });
  });

  served('the features follow from the options', { mode: 'development', readonly: true },
    async (server, opened) => {
      const ui = opened(await signedIn(server));
      equal(await ui.take('config'), [{ supportedFeatures: ['AGGREGATED_EVENTS', 'ALL_EVENTS'] }]);
      const app = opened(client(server, { transports: ['websocket'] }));
      await connected(app);
      ui.socket.emit('join', '/', 'r9', app.id);
      ui.socket.emit('_disconnect', '/', true, app.id);
      ui.socket.emit('emit', '/', app.id, 'late');
      equal(await app.emitWithAck('enter', 'kitchen'), 'entered');
      await ui.take('room_joined', (nsp, room) => room === 'kitchen');
      equal(ui.heard.filter(([, , room]) => room === 'r9'), []);
    });

  served('the sums of each second are sent to the UI', {}, async (server, opened) => {
    const ui = opened(await signedIn(server));
    const app = opened(client(server, { transports: ['polling'] }));
    await connected(app);
    await app.emitWithAck('enter', 'kitchen');
    await ui.sums((sums, stats) => sums.rawConnection >= 1 && sums.packetsIn >= 2 && sums.packetsOut >= 2 &&
      sums.bytesIn > sums.packetsIn && sums.bytesOut > sums.packetsOut &&
      stats.clientsCount === 2 && stats.pollingClientsCount === 1);
    equal(Object.keys(ui.stats).sort(), ['aggregatedEvents', 'clientsCount', 'hostname', 'namespaces', 'pid',
      'pollingClientsCount', 'serverId', 'uptime']);
    equal(ui.stats.namespaces.sort((a, b) => a.name.length - b.name.length),
      [{ name: '/', socketsCount: 1 }, { name: '/admin', socketsCount: 1 }]);
    app.disconnect();
    await ui.sums((sums, stats) => sums.rawDisconnection >= 1 && sums['transport close'] >= 1 &&
      stats.pollingClientsCount === 0);
  });

  served('each socket, room and event is shown in development mode', { mode: 'development' },
    async (server, opened) => {
      const first = opened(client(server, { transports: ['polling'], query: { a: '1' } }));
      await connected(first);
      const ui = opened(await signedIn(server));
      const [all] = await ui.take('all_sockets');
      const listed = all.find((s) => s.id === first.id);
      equal(Object.keys(listed).sort(),
        ['clientId', 'data', 'handshake', 'id', 'nsp', 'rooms', 'transport']);
      equal([listed.nsp, listed.transport, listed.data, listed.rooms], ['/', 'polling', {}, [first.id]]);
      equal(listed.clientId.length, 12);
      equal(Object.keys(listed.handshake).sort(),
        ['address', 'headers', 'issued', 'query', 'secure', 'time', 'url', 'xdomain']);
      equal(listed.handshake.query.a, '1');

      const app = opened(client(server, { transports: ['websocket'] }));
      await connected(app);
      const [shown, at] = await ui.take('socket_connected', (s) => s.id === app.id);
      equal([shown.nsp, shown.transport, shown.rooms], ['/', 'websocket', [app.id]]);
      match(at, ISO);

      const payload = ['kitchen', { deep: [1, 2.5, 'é', null, true] }];
      app.emit('enter', ...payload);
      equal((await ui.take('event_received', (nsp, id) => id === app.id)).slice(0, 3),
        ['/', app.id, ['enter', ...payload]]);
      equal((await ui.take('room_joined', (nsp, room) => room === 'kitchen')).slice(0, 3),
        ['/', 'kitchen', app.id]);
      app.emit('blob', Buffer.from([1, 2, 3]));
      const [, , blob] = await ui.take('event_received', (nsp, id, args) => args[0] === 'blob');
      equal([...blob[1]], [1, 2, 3]);

      ui.socket.emit('emit', '/', 'kitchen', 'evx', 1, 'two');
      equal(await event(app, 'evx'), [1, 'two']);
      equal((await ui.take('event_sent', (nsp, id, args) => args[0] === 'evx')).slice(0, 3),
        ['/', app.id, ['evx', 1, 'two']]);

      const gone = event(app, 'disconnect');
      const { id } = app; // it is undefined once the socket is disconnected
      ui.socket.emit('_disconnect', '/', false, id);
      equal((await gone)[0], 'io server disconnect');
      const [nsp, , reason, when] = await ui.take('socket_disconnected', (n, i) => i === id);
      equal([nsp, reason], ['/', 'server namespace disconnect']);
      match(when, ISO);
      await ui.take('room_left', (n, room, i) => room === 'kitchen' && i === id);
    });

  served('a socket that moves to WebSocket is shown there', { mode: 'development' },
    async (server, opened) => {
      const ui = opened(await signedIn(server));
      const app = opened(client(server, {}));
      await connected(app);
      const [update] = await ui.take('socket_updated', (u) => u.transport);
      equal(update, { id: app.id, nsp: '/', transport: 'websocket' });
      const again = opened(await signedIn(server));
      const [all] = await again.take('all_sockets');
      equal(all.find((s) => s.id === app.id).transport, 'websocket');
    });

  served('the buttons work for a socket, a room and everybody', {}, async (server, opened) => {
    const ui = opened(await signedIn(server));
    const apps = [];
    for (let i = 0; i < 3; i++) {
      apps.push(opened(client(server, { transports: ['websocket'] })));
      await connected(apps[i]);
    }
    const say = async (...args) => {
      ui.socket.emit('emit', ...args);
      ui.socket.emit('emit', '/', null, 'end');
      return Promise.all(apps.filter((a) => a.connected).map((app) => new Promise((done) => {
        const heard = [];
        const hear = (name, ...rest) => {
          if (name !== 'end') return heard.push([name, ...rest]);
          app.offAny(hear);
          return done(heard.length);
        };
        app.onAny(hear);
      })));
    };
    equal(await say('/', apps[1].id, 'x', 1), [0, 1, 0]);
    ui.socket.emit('join', '/', 'r9', apps[0].id);
    ui.socket.emit('join', '/', 'all');
    equal(await say('/', 'r9', 'x'), [1, 0, 0]);
    equal(await say('/', 'all', 'x'), [1, 1, 1]);
    ui.socket.emit('leave', '/', 'all', 'r9');
    equal(await say('/', 'all', 'x'), [0, 1, 1]);
    ui.socket.emit('leave', '/', 'all', null);
    equal(await say('/', 'all', 'x'), [0, 0, 0]);
    const gone = event(apps[0], 'disconnect');
    ui.socket.emit('_disconnect', '/', true, 'r9');
    await gone;
    equal(await say('/', '', 'x'), [1, 1]);
  });
}

// ---- what is different on purpose, and what only we promise ------------------------------------------

const ours = (name, options, body) => test(name, async () => {
  const server = await startOurs({ mode: 'production', ...options });
  try {
    await body(server);
  } finally {
    await server.stop();
  }
});

ours('a session is told when the UI listens, and is enough to connect again', {}, async (server) => {
  const first = await signedIn(server); // its handlers hear what comes after "connect"
  const [id] = await first.take('session');
  match(id, /^[0-9a-f]{16}$/);
  first.socket.disconnect();
  const second = await signedIn(server, { sessionId: id });
  await second.take('config');
  equal(second.heard.filter(([name]) => name === 'session'), []);
  second.socket.disconnect();
  equal(await refusal(server, { sessionId: id.replace(/.$/, 'x') }), 'invalid credentials');
});

ours('credentials of another type are refused', {}, async (server) => {
  // The Node.js package leaves those without an answer that have a name and no password.
  for (const auth of [{ username: 'admin' }, { username: 'admin', password: 7 }, { sessionId: {} },
    { username: 'admin', password: 'x'.repeat(2000) }])
    equal(await refusal(server, auth), 'invalid credentials');
});

ours('guesses are checked one at a time, and few of them wait', {}, async (server) => {
  const guesses = Array.from({ length: 40 }, (_, n) =>
    refusal(server, { username: 'admin', password: `guess ${n}` }));
  const said = await Promise.all(guesses);
  const busy = said.filter((m) => m === 'too many attempts, try again later').length;
  equal(said.filter((m) => m === 'invalid credentials').length, 40 - busy);
  ok(busy > 0 && busy < 40);
  (await signedIn(server)).socket.disconnect();
});

ours('the server closes while a password is checked', {}, async (server) => {
  const ui = new Ui(server, RIGHT);
  await new Promise((done) => ui.socket.io.engine.once('open', done));
  await sleep(20);
});

ours('commands that make no sense are refused with a reason', {}, async (server) => {
  const ui = await signedIn(server);
  for (const [name, ...args] of [
    ['emit'], ['emit', '/', null], ['emit', '/nowhere', null, 'x'], ['emit', '/', 7, 'x'],
    ['emit', '/', null, 'disconnect'], ['join', '/', 7], ['join', '/', ''], ['leave', 5, 'x'],
    ['_disconnect', '/', 'yes'], ['_disconnect']])
    ui.socket.emit(name, ...args);
  ui.socket.emit('join', '/', 'fine');
  while (!/join in \/, everybody: done/.test(server.said)) await sleep(20);
  const refused = server.said.split('\n').filter((line) => /: (?!done)[^:]+$/.test(line) && / in /.test(line));
  equal(refused.length, 10, server.said);
  ui.socket.disconnect();
});

// ---- the pages ------------------------------------------------------------------------------------------

test('the UI signs in, shows everything, and acts', async () => {
  const server = await startOurs({ mode: 'development' });
  const browser = await launch();
  const apps = [];
  try {
    for (let i = 0; i < 3; i++) {
      apps.push(client(server, { transports: ['websocket'] }));
      await connected(apps[i]);
      await apps[i].emitWithAck('enter', i ? 'garden' : 'kitchen');
    }
    const page = await openPage(browser);
    await page.goto(`http://127.0.0.1:${server.port}/admin/`);
    await page.getByLabel('Server URL').fill(`http://127.0.0.1:${server.port}`);
    await page.getByLabel('Username').fill('admin');
    await page.getByLabel('Password').fill('wrong');
    await page.getByRole('button', { name: 'Connect' }).click();
    await picture(page, 'login');
    await page.getByText('invalid credentials').waitFor();
    await page.getByLabel('Password').fill('changeit');
    await page.getByRole('button', { name: 'Connect' }).click();
    await page.getByText('connected', { exact: true }).first().waitFor();
    const go = async (name) => {
      await page.goto(`http://127.0.0.1:${server.port}/admin/#/${name}/`);
      await picture(page, name);
    };
    await page.getByText('healthy').first().waitFor();
    await picture(page, 'dashboard');
    await go('servers');
    await page.getByText(hostname()).first().waitFor();
    await go('sockets');
    for (const app of apps) await page.getByText(app.id).first().waitFor();
    await go('rooms');
    for (const room of ['kitchen', 'garden']) await page.getByText(room).first().waitFor();
    await go('clients');
    await go('events');
    apps[0].emit('wave');
    await page.getByText('wave').first().waitFor();
    await picture(page, 'events-after');
    await go('sockets');
    const gone = Promise.race(apps.map((app) => event(app, 'disconnect')));
    await page.locator('tbody tr button').first().click();
    equal((await gone)[0], 'io server disconnect');
    await page.reload(); // the session's id is enough
    await page.getByText('connected', { exact: true }).first().waitFor();
    await go('sockets');
    await page.getByText(apps.find((app) => app.connected).id).first().waitFor();
  } finally {
    for (const app of apps) app.disconnect();
    await browser.close();
    await server.stop();
  }
}, { ms: 180_000 });

await run();
