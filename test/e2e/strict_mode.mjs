// SPDX-License-Identifier: MIT
//
// strict_mode.mjs - socket.io-client as React's StrictMode drives it: an effect runs, is cleaned up
// and runs again at once, so that the client connects, disconnects and connects within a tick.
import { Manager } from 'socket.io-client';
import { equal, event, ok, run, sleep, test, within } from './lib.mjs';

const ROUNDS = 10;

const managerOf = (host, transport) =>
  new Manager(`http://127.0.0.1:${host.port}`, { transports: [transport], autoConnect: false });

const connected = (s) => (s.connected ? s : event(s, 'connect'));
const ask = (s, ...args) => within(60_000, s.emitWithAck(...args), args[0]);

// What useEffect(() => { s.connect(); return () => s.disconnect(); }) does at the first mount.
function mountTwice(s) {
  s.connect();
  s.disconnect();
  s.connect();
}

for (const transport of ['polling', 'websocket']) {
  test(`183 two CONNECTs in a row beside another namespace are one socket (${transport})`, async (t) => {
    const host = await t.host();
    const manager = managerOf(host, transport);
    const other = manager.socket('/custom').connect();
    await connected(other);
    let closed = 0;
    manager.on('close', () => closed++);
    for (let i = 1; i <= ROUNDS; i++) {
      const s = manager.socket('/');
      mountTwice(s);
      await connected(s);
      equal(await ask(s, 'echo', i), i);
      equal((await host.stats()).sockets, 2);
      s.disconnect();
      await host.settled('sockets', 1);
    }
    equal(closed, 0);
    ok(other.connected);
    other.disconnect();
  });

  test(`183 the only namespace connects, too (${transport})`, async (t) => {
    const host = await t.host();
    for (let i = 1; i <= ROUNDS; i++) {
      const s = managerOf(host, transport).socket('/');
      mountTwice(s);
      await connected(s);
      equal(await ask(s, 'echo', i), i);
      s.disconnect();
    }
    await host.settled('sockets', 0);
  });

  test(`183 the last auth counts (${transport})`, async (t) => {
    const host = await t.host({ middleware1: 'auth', think: 300 });
    const manager = managerOf(host, transport);
    const other = manager.socket('/custom').connect();
    await connected(other);
    const s = manager.socket('/', { auth: { verdict: 'later:no' } });
    s.connect();
    s.disconnect();
    s.auth = { verdict: 'ok' };
    s.connect();
    await connected(s);
    equal(await ask(s, 'echo', 1), 1);
    manager._close();
  });

  test(`183 while middleware thinks (${transport})`, async (t) => {
    const host = await t.host({ middleware1: 'later:ok', think: 300 });
    const manager = managerOf(host, transport);
    const other = manager.socket('/custom').connect();
    await connected(other);
    const s = manager.socket('/');
    mountTwice(s);
    await sleep(100);
    s.disconnect();
    s.connect();
    await connected(s);
    equal(await ask(s, 'echo', 1), 1);
    equal(await host.told(/^connect \/ /), 1);
    manager._close();
  });
}

await run();
