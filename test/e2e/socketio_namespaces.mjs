// SPDX-License-Identifier: MIT
//
// socketio_namespaces.mjs - namespaces, rooms, and broadcasts to them.
import { equal, joined, ok, run, test } from './lib.mjs';
import { testBoth, join, peerIn, lives, ask, A, hole, newAckId } from './socketio_peer.mjs';

test('216 217 a name gets its slash, and a new namespace is reported', async (t) => {
  const host = await t.host();
  await host.caughtUp();
  equal(host.lines.filter((line) => line.startsWith('new_namespace')),
    ['new_namespace /custom']);
});

testBoth('222 a broadcast stays in its namespace, attachments and all', async (host, open) => {
  const [main, custom, both] = [await peerIn(open), await open(), await peerIn(open)];
  await join(custom, '40/custom,');
  await join(both, '40/custom,');
  equal(await ask(main, 'broadcast', {}, 'news', 1), [0]);
  equal(await both.next(), '42["news",1]');
  await custom.send(`451-/custom,1["broadcast",{},"news",${hole(0)}]`, A);
  equal(await custom.next(), '43/custom,1[0]');
  equal([await both.next(), await both.next()], [`451-/custom,["news",${hole(0)}]`, A]);
  for (const peer of [main, both]) await lives(peer);
});

const names = ['a', 'b', 'c', 'd'];

// Four peers, each in the room of its letter, a and b in "ab" too.
async function four(open) {
  const peers = {};
  for (const name of names) {
    peers[name] = await peerIn(open);
    await ask(peers[name], 'join', `room-${name}`);
  }
  for (const name of ['a', 'b']) await ask(peers[name], 'join', 'ab');
  return peers;
}

// Who hears what a sends to this target; each once.
async function audience(peers, target) {
  const by = await ask(peers.d, 'rooms'); // nothing is under way
  ok(by);
  const heard = [];
  const id = newAckId();
  await peers.a.send(`42${id}${JSON.stringify(['broadcast', target, 'news', 1])}`);
  for (const name of names) {
    if (name !== 'a') await peers[name].send('420["echo"]');
    const end = name === 'a' ? `43${id}[0]` : '430[]';
    for (let text; (text = await peers[name].next()) !== end; ) {
      equal(text, '42["news",1]');
      heard.push(name);
    }
  }
  return heard.join('');
}

testBoth('223 a broadcast reaches the sockets of its target, each once', async (host, open) => {
  const peers = await four(open);
  const id = (name) => peers[name].id;
  const cases = [
    [{}, 'bcd'],
    [{ self: true }, 'abcd'],
    [{ to: ['room-b'] }, 'b'],
    [{ to: ['room-b', 'room-c'] }, 'bc'],
    [{ to: ['room-b', 'ab'] }, 'b'],
    [{ to: ['ab', 'room-a', 'room-b'], self: true }, 'ab'],
    [{ to: [id('c')] }, 'c'],
    [{ to: [id('c'), 'room-c', 'room-c'] }, 'c'],
    [{ to: ['nobody'] }, ''],
    [{ to: [] }, ''],
    [{ except: ['ab'] }, 'cd'],
    [{ except: ['ab'], self: true }, 'cd'],
    [{ except: [id('d')] }, 'bc'],
    [{ to: ['room-b', 'room-c'], except: ['ab'] }, 'c'],
    [{ to: [id('a')], self: true }, 'a'],
    [{ to: [id('a')] }, ''],
    [{ except: ['room-b', 'room-c', 'room-d'] }, ''],
  ];
  for (const [target, expected] of cases)
    equal(await audience(peers, target), expected, JSON.stringify(target));
});

testBoth('224 rooms are joined and left in any way', async (host, open) => {
  const peer = await peerIn(open);
  const rooms = async () => (await ask(peer, 'rooms'))[0];
  equal(await rooms(), [peer.id]);
  equal(await ask(peer, 'join', 'a', 'b', 'c', 'b', 'é', ' '), [peer.id]);
  const [first, ...others] = await rooms();
  equal([first, others.sort()], [peer.id, [' ', 'a', 'b', 'c', 'é']]);
  equal(await ask(peer, 'leave', 'b'), [0]);
  equal(await ask(peer, 'leave', 'b'), [0]);
  equal(await ask(peer, 'leave', 'never'), [0]);
  equal((await rooms()).sort(), [peer.id, 'a', 'c', 'é', ' '].sort());
  equal(await ask(peer, 'join', peer.id), [peer.id]);
  equal((await rooms()).length, 5);
  for (const wrong of ['', 'x'.repeat(256)]) await ask(peer, 'join', wrong);
  equal((await rooms()).length, 5);
  equal(await ask(peer, 'join', 'x'.repeat(255)), [peer.id]);
  equal((await rooms()).length, 6);
});

testBoth('224 a room lasts as long as somebody is in it', async (host, open) => {
  const [peer, other] = [await peerIn(open), await peerIn(open)];
  for (let i = 0; i < 3; i++) {
    await ask(peer, 'join', 'a');
    await ask(other, 'join', 'a');
    await ask(peer, 'leave', 'a');
    equal(await ask(peer, 'broadcast', { to: ['a'] }, 'news', i), [0]);
    equal(await other.next(), `42["news",${i}]`);
    await other.send('41');
    await host.line(/^disconnect /);
    equal(await ask(peer, 'broadcast', { to: ['a'] }, 'news', i), [0]);
    await join(other);
    await lives(other);
  }
});

testBoth('228 the sockets of a room are found', async (host, open) => {
  const peers = await four(open);
  const fetch = async (target) => (await ask(peers.d, 'bulk', 'fetch', target))[1].sort();
  const ids = (...letters) => letters.map((name) => peers[name].id).sort();
  equal(await fetch({}), ids('a', 'b', 'c', 'd'));
  equal(await fetch({ to: ['ab', 'room-a'] }), ids('a', 'b'));
  equal(await fetch({ except: ['ab'] }), ids('c', 'd'));
  equal(await fetch({ to: ['nobody'] }), []);
});

testBoth('228 the sockets of a room join and leave another', async (host, open) => {
  const peers = await four(open);
  equal(await ask(peers.d, 'bulk', 'join', { to: ['ab'] }, 'new'), [0, []]);
  equal(await audience(peers, { to: ['new'], self: true }), 'ab');
  equal(await ask(peers.d, 'bulk', 'leave', { to: ['room-a'] }, 'new'), [0, []]);
  equal(await audience(peers, { to: ['new'], self: true }), 'b');
  equal(await ask(peers.d, 'bulk', 'join', {}, 'all'), [0, []]);
  equal(await audience(peers, { to: ['all'], self: true }), 'abcd');
});

testBoth('228 the sockets of a room are disconnected', async (host, open) => {
  const peers = await four(open);
  equal(await ask(peers.d, 'bulk', 'disconnect', { to: ['room-a'] }), [0, []]);
  equal(await peers.a.next(), '41');
  await join(peers.a);
  equal(await ask(peers.d, 'bulk', 'close', { to: ['ab'] }), [0, []]);
  equal(await peers.b.rest(), ['41']);
  await lives(peers.a);
  await peers.d.send('42["bulk","close",{}]');
  for (const name of ['a', 'c', 'd']) equal(await peers[name].rest(), ['41']);
  await host.settled('sockets', 0);
});

await run();
