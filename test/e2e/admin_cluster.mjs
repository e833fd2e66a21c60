// SPDX-License-Identifier: MIT
//
// admin_cluster.mjs - the Admin UI of Socket.IO, its files unmodified, on a cluster of three servers over
// one Redis: two of ours with libsio-admin, and one of Node.js with the npm package. Whichever server
// the UI signs in to, it sees the same, and its buttons reach the sockets of all.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { HASH, ISO, client, launch, openPage, picture, signedIn } from './admin_lib.mjs';
import { ask, connected, equal, event, freePort, match, ok, run, sleep, test } from './lib.mjs';
import { assembled, startNodeProcess, startRedis } from './redis_lib.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const ui = path.join(here, 'node_modules/@socket.io/admin-ui/ui/dist');
const redis = await startRedis(await freePort());

// ---- the cluster --------------------------------------------------------------------------------------

let clusters = 0;

async function startOurs(t, key, name) {
  const host = await t.host({ redis: redis.url, 'redis-key': key, name, 'request-timeout': 2000,
    admin: HASH, 'admin-id': name, 'admin-ui': ui });
  await host.line(/^redis ready/);
  return host;
}

// In a process of its own, because the package's timer goes on when the server is closed.
const startNodes = (key, name) => startNodeProcess({ url: redis.url, key, name, instrument: {
  auth: { type: 'basic', username: 'admin', password: HASH }, mode: 'development', serverId: name } });

// apps: a client of each server, in a room of its own and in one of all.
function clustered(name, body, options) {
  test(name, async (t) => {
    const key = `admin${++clusters}`;
    const servers = { one: await startOurs(t, key, 'one'), two: await startOurs(t, key, 'two'),
      node: await startNodes(key, 'node') };
    const apps = {};
    const opened = [];
    const open = (c) => (opened.push(c.socket ?? c), c);
    try {
      for (const [id, server] of Object.entries(servers)) {
        apps[id] = open(client(server, { transports: ['websocket'], query: { from: id } }));
        await connected(apps[id]);
      }
      await assembled(Object.values(apps));
      for (const [id, app] of Object.entries(apps)) await ask(app, 'join', `room-${id}`, 'all');
      await body({ servers, apps, open });
    } finally {
      for (const c of opened) c.disconnect();
      servers.node.stop();
    }
  }, options);
}

const NAMES = ['node', 'one', 'two'];
const uisOf = async (servers, open) =>
  Object.fromEntries(await Promise.all(Object.entries(servers).map(async ([id, server]) =>
    [id, open(await signedIn(server))])));

// ---- on the wire ------------------------------------------------------------------------------------------

clustered('each server is listed by the UI of each', async ({ servers, open }) => {
  for (const u of Object.values(await uisOf(servers, open)))
    for (const id of NAMES) {
      const [stats] = await u.take('server_stats', (s) => s.serverId === id &&
        s.namespaces.some((n) => n.name === '/' && n.socketsCount === 1));
      equal(Object.keys(stats).sort(), ['aggregatedEvents', 'clientsCount', 'hostname', 'namespaces', 'pid',
        'pollingClientsCount', 'serverId', 'uptime']);
    }
});

clustered('the sockets of all servers are listed by each, with their rooms', async ({ servers, apps, open }) => {
  for (const u of Object.values(await uisOf(servers, open))) {
    const [all] = await u.take('all_sockets');
    for (const id of NAMES) {
      const listed = all.find((s) => s.id === apps[id].id);
      ok(listed, `${id}: ${JSON.stringify(all)}`);
      equal(Object.keys(listed).sort(), ['clientId', 'data', 'handshake', 'id', 'nsp', 'rooms', 'transport']);
      equal([listed.nsp, listed.transport, listed.data], ['/', 'websocket', {}]);
      equal([listed.clientId.length, listed.handshake.query.from], [12, id]);
      equal(listed.rooms.sort(), [apps[id].id, 'all', `room-${id}`].sort());
      equal('auth' in listed.handshake, false);
    }
    equal(all.filter((s) => s.nsp === '/').length, 3);
  }
});

clustered('what happens on one server is shown by the UI of each', async ({ servers, apps, open }) => {
  const uis = Object.values(await uisOf(servers, open));
  for (const u of uis) await u.take('all_sockets');
  for (const [id, server] of Object.entries(servers)) {
    const late = open(client(server, { query: { from: id } }));
    await connected(late);
    const { id: socket } = late; // it is undefined once the socket is disconnected
    await ask(late, 'join', 'late');
    await ask(apps[id], 'broadcast', { to: ['late'] }, 'news', id);
    for (const u of uis) {
      const [shown, at] = await u.take('socket_connected', (s) => s.id === socket);
      equal([shown.nsp, shown.handshake.query.from, shown.rooms], ['/', id, [socket]]);
      match(at, ISO);
      await u.take('room_joined', (nsp, room, s) => nsp === '/' && room === 'late' && s === socket);
      const [, , args] = await u.take('event_received', (nsp, s) => s === socket);
      equal(args.slice(0, 2), ['join', 'late']);
      equal((await u.take('event_sent', (nsp, s) => s === socket))[2], ['news', id]);
      await u.take('socket_updated', (s) => s.id === socket && s.transport === 'websocket');
    }
    late.disconnect();
    for (const u of uis) {
      await u.take('room_left', (nsp, room, s) => room === 'late' && s === socket);
      const [, , reason] = await u.take('socket_disconnected', (nsp, s) => s === socket);
      equal(reason, 'client namespace disconnect');
    }
  }
});

clustered('the buttons of each UI reach the sockets of each server', async ({ servers, apps, open }) => {
  for (const [from, u] of Object.entries(await uisOf(servers, open)))
    for (const id of NAMES) {
      const heard = event(apps[id], 'evx');
      u.socket.emit('emit', '/', apps[id].id, 'evx', from, 1);
      equal(await heard, [from, 1]);
      const joined = event(apps[id], 'to room');
      u.socket.emit('join', '/', `by-${from}`, apps[id].id);
      await u.take('room_joined', (nsp, room, s) => room === `by-${from}` && s === apps[id].id);
      u.socket.emit('emit', '/', `by-${from}`, 'to room');
      await joined;
      u.socket.emit('leave', '/', `by-${from}`, apps[id].id);
      await u.take('room_left', (nsp, room, s) => room === `by-${from}` && s === apps[id].id);
      equal((await ask(apps[id], 'rooms'))[0].includes(`by-${from}`), false);
    }
});

for (const [from, session] of [['one', false], ['one', true], ['node', false], ['node', true]])
  clustered(`the UI of ${from} disconnects sockets that other servers hold${session ? ', with their connection' : ''}`,
    async ({ servers, apps, open }) => {
      const u = open(await signedIn(servers[from]));
      for (const id of NAMES) {
        const gone = event(apps[id], 'disconnect');
        const socket = apps[id].id;
        u.socket.emit('_disconnect', '/', session, socket);
        equal((await gone)[0], 'io server disconnect');
        await u.take('socket_disconnected', (nsp, s) => s === socket);
      }
    });

clustered('a whole room and a whole namespace are told, joined and disconnected', async ({ servers, apps, open }) => {
  const u = open(await signedIn(servers.two));
  const all = Object.values(apps);
  let heard = all.map((app) => event(app, 'evx'));
  u.socket.emit('emit', '/', 'all', 'evx');
  await Promise.all(heard);
  u.socket.emit('join', '/', 'everybody');
  for (const app of all) await u.take('room_joined', (nsp, room, s) => room === 'everybody' && s === app.id);
  heard = all.map((app) => event(app, 'disconnect'));
  u.socket.emit('_disconnect', '/', false, 'everybody');
  await Promise.all(heard);
});

// ---- the pages --------------------------------------------------------------------------------------------------

clustered('the pages of the UI show the servers, sockets, rooms and events of all, and act on them',
  async ({ servers, apps }) => {
    const browser = await launch();
    try {
      const page = await openPage(browser);
      const base = `http://127.0.0.1:${servers.one.port}/admin/`;
      await page.goto(base);
      await page.getByLabel('Server URL').fill(`http://127.0.0.1:${servers.one.port}`);
      await page.getByLabel('Username').fill('admin');
      await page.getByLabel('Password').fill('changeit');
      await page.getByRole('button', { name: 'Connect' }).click();
      await page.getByText('connected', { exact: true }).first().waitFor();
      const go = async (name) => {
        await page.goto(`${base}#/${name}/`);
        await picture(page, `cluster-${name}`);
      };
      await go('servers');
      for (const id of NAMES) await page.getByRole('cell', { name: id, exact: true }).waitFor();
      if (process.env.SCREENSHOTS) await sleep(2500); // the next statistics of each
      await picture(page, 'cluster-servers');
      await go('sockets');
      for (const id of NAMES) await page.getByText(apps[id].id).first().waitFor();
      await go('rooms');
      for (const id of NAMES) await page.getByText(`room-${id}`).first().waitFor();
      await go('clients');
      await go('events');
      for (const id of NAMES) {
        apps[id].emit(`event of ${id}`);
        await page.getByText(`event of ${id}`).first().waitFor();
      }
      await picture(page, 'cluster-events-after');
      for (const id of NAMES) { // each row has a button to disconnect its socket
        await go('sockets');
        const gone = event(apps[id], 'disconnect');
        await page.locator('tbody tr').filter({ hasText: apps[id].id }).locator('button').first().click();
        equal((await gone)[0], 'io server disconnect');
      }
      await picture(page, 'cluster-sockets-after');
    } finally {
      await browser.close();
    }
  }, { ms: 180_000 });

await run({ atOnce: 2 });
