// SPDX-License-Identifier: MIT
//
// socketio_leaving.mjs - leaving a namespace or the session, from either side.
import { Host, Polling, equal, joined, match, run, test } from './lib.mjs';
import { testBoth, join, peerIn, lives, ask, A, hole } from './socketio_peer.mjs';

testBoth('194 what follows a DISCONNECT is not handled', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('41', '42["echo",1]');
  equal(await peer.rest(), []);
  equal(await host.told(/^any/), 0);
}, { any: 1 });

testBoth('194 a DISCONNECT among attachments ends the packet unheard', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`451-["echo",${hole(0)}]`, '41');
  equal(await peer.rest(), []);
  equal(await host.told(/^any/), 0);
}, { any: 1 });

testBoth('194 what was on its way when the server disconnected is dropped', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["leave-nsp"]', '42["echo",1]', `451-["echo",${hole(0)}]`, A, '430[]', '41');
  equal(await peer.next(), '41');
  equal(await host.told(/^any /), 1);
  await join(peer);
  await lives(peer);
}, { any: 1 });

testBoth('195 a socket disconnected in its connect handler joins no room', async (host, open) => {
  const peer = await open();
  await peer.send('40');
  match(await peer.next(), /^40/);
  equal(await peer.next(), '41');
  equal(await host.line(/^join/), 'join ECLOSED');
  match(await host.line(/^disconnect /), /^disconnect server namespace disconnect \[\]/);
}, { 'on-connect-join': 1 });

testBoth('200 203 disconnecting a session leaves all namespaces, then closes', async (host, open) => {
  const peer = await peerIn(open);
  await join(peer, '40/custom,');
  await peer.send('42["close-me"]');
  const [bye, ...left] = await peer.rest();
  equal([bye, left.sort()], ['42["bye"]', ['41', '41/custom,']]);
  for (let i = 0; i < 2; i++)
    match(await host.line(/^disconnect /), /^disconnect server namespace disconnect/);
  match(await host.line(/^closed/), /^closed forced close/);
});

test('203 the DISCONNECT leaves before the close, in a response of its own', async (t) => {
  const host = await t.host({ 'on-connect': 'disconnect' });
  const waiting = await Polling.open(host);
  const poll = waiting.poll();
  await host.caughtUp();
  await waiting.send('40');
  match(await poll, /^40\{"sid":"[^"]*"\}\x1e41$/);
  equal(await waiting.poll(), '6\x1e1');
  await waiting.dead();
  const idle = await Polling.open(host);
  await idle.send('40');
  match(await idle.poll(), /^40\{"sid":"[^"]*"\}\x1e41$/);
  equal(await idle.poll(), '6\x1e1');
  await idle.dead();
});

testBoth('200 closing the session below ends its sockets', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["engine-close"]');
  equal(await peer.rest(), []);
  match(await host.line(/^disconnect /), /^disconnect forced close/);
});

testBoth('201 rooms can be read while disconnecting, and are left after it', async (host, open) => {
  const peer = await peerIn(open);
  await ask(peer, 'join', 'a');
  await peer.send('41');
  equal(await host.line(/^disconnecting/),
    `disconnecting client namespace disconnect [${peer.id},a,] the client left the namespace`);
  equal(await host.line(/^disconnect /),
    'disconnect client namespace disconnect [] the client left the namespace');
});

testBoth('202 nothing is sent to a socket that was disconnected', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["leave-nsp"]');
  equal(await peer.next(), '41');
  equal(await host.line(/^emit-after/), 'emit-after ECLOSED');
  equal(await host.line(/^join-after/), 'join-after ECLOSED');
  equal(await peer.next(), '2');
}, { 'ping-interval': 1500 });

testBoth('204 a server that closes tells sockets why, and peers at once', async (host, open) => {
  const peer = await peerIn(open);
  const other = await peerIn(open);
  const rest = other.rest();
  await peer.send('42["shut"]').catch(() => {}); // the connection may end before its answer
  if (other.socket) equal(await rest, []);
  else await rest.catch(() => {}); // "1", then nobody is there to ask whether it is dead
  equal(await host.line(/^closing/), 'closing 0');
  for (let i = 0; i < 2; i++)
    match(await host.line(/^disconnect /), /^disconnect server shutting down \[\]/);
  await host.line(/^done/);
  equal(await host.exit, 0);
});

test('204 a server may close while a closed session waits for its last poll', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["engine-close"]');
  match(await host.line(/^closed/), /^closed forced close/);
  const other = await joined(host);
  other.send('42["shut"]');
  equal(await host.exit, 0);
});

test('204 205 the port of a server that closed can be taken at once', async (t) => {
  const first = await Host.startOnPort();
  const w = await joined(first);
  w.send('42["shut"]');
  equal(await w.closed(), 1005);
  equal(await first.exit, 0);
  const second = await t.host({ port: first.port });
  equal(second.port, first.port);
  await joined(second);
});

await run();
