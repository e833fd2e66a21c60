// SPDX-License-Identifier: MIT
//
// socketio_joining.mjs - joining a namespace: CONNECT, its answer, and what is sent before it.
import { Polling, equal, joined, match, ok, run, sleep, test } from './lib.mjs';
import { testBoth, join, peerIn, lives, A, hole } from './socketio_peer.mjs';

testBoth('177 CONNECT is answered with a sid, then the handler runs', async (host, open) => {
  const peer = await open();
  const id = await join(peer);
  equal(await host.line(/^connect/), `connect / ${id}`);
  equal(await peer.next(), '42["auth",{}]');
  ok(id !== (peer.session ?? peer.socket).sid, 'the engine keeps its secret');
}, { greet: 'auth' });

const payloads = ['{"token":"123"}', '{"a":{"b":["\\u0000",1e308,"é"]}}', '{"pid":"x","offset":"y"}'];
testBoth('178 the payload of CONNECT is the auth that the handler sees', async (host, open) => {
  for (const auth of payloads) {
    const peer = await open();
    await join(peer, `40${auth}`);
    equal(await peer.next(), `42["auth",${auth}]`);
  }
}, { greet: 'auth' });

testBoth('179 another namespace is joined with or without a comma after its name', async (host, open) => {
  for (const packet of ['40/custom,', '40/custom', '40/custom,{"token":"abc"}']) {
    const peer = await open();
    await join(peer, packet);
    equal(await peer.next(), `42/custom,["auth",${packet.match(/{.*/) ?? '{}'}]`);
  }
}, { greet: 'auth' });

testBoth('180 an unknown namespace is refused, and the session stays', async (host, open) => {
  const peer = await open();
  for (const name of ['/random', '/random?a=b', '/', '/é "quoted"', `/${'x'.repeat(3000)}`]
    .filter((name) => name !== '/')) {
    await peer.send(`40${name},`);
    equal(await peer.next(), `44${name},{"message":"Invalid namespace"}`);
  }
  await join(peer);
  await lives(peer);
});

testBoth('181 what is no packet closes a session that has joined nothing', async (host, open) => {
  const peer = await open();
  await peer.send('4abc');
  equal(await peer.rest(), []);
  match(await host.line(/^closed/), /^closed forced close /);
});

testBoth('182 a session that joins nothing in time is closed', async (host, open) => {
  const silent = await open();
  equal(await silent.rest(), []);
  const refused = await open();
  await refused.send('40/random,');
  equal(await refused.rest(), ['44/random,{"message":"Invalid namespace"}']);
}, { 'connect-timeout': 1500 });

testBoth('182 a session that has joined may leave everything, and stays', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('41');
  await sleep(3000);
  await join(peer);
  await lives(peer);
}, { 'connect-timeout': 2500 });

testBoth('183 a second CONNECT with the same auth is answered with the same sid', async (host, open) => {
  const peer = await open();
  await peer.send('40{"a":1}');
  const first = await peer.next();
  await peer.send('40{"a":1}');
  equal(await peer.next(), first);
  await lives(peer);
  equal(await host.told(/^connect /), 1);
});

testBoth('183 a second CONNECT with another auth is another socket', async (host, open) => {
  const peer = await open();
  await peer.send('40{"a":1}');
  const first = await peer.next();
  await peer.send('40{"a":2}');
  ok(await peer.next() !== first);
  match(await host.line(/^disconnect/), /^disconnecting client namespace disconnect/);
  await lives(peer);
  equal((await host.stats()).sockets, 1);
});

test('184 a closed session that is not polling hears of it with its next poll', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  await p.send('42/custom,["echo"]');
  equal(await p.poll(), '6\x1e1');
  await p.dead();
});

testBoth('184 a packet for a namespace not joined closes the session', async (host, open) => {
  for (const packet of ['42["some event"]', '431["a"]', '41', '42/custom,["echo"]', '41/custom,',
    '42/nope,["echo"]', `451-["echo",${hole(0)}]`]) {
    const peer = await open();
    await peer.send(packet);
    if (packet.startsWith('451-')) await peer.send(A);
    equal(await peer.rest(), [], packet);
    match(await host.line(/^closed/), /^closed forced close err=-10003/, packet);
  }
});

testBoth('185 what was sent before a bad packet still arrives', async (host, open) => {
  const peer = await open();
  await peer.send('40', '42["echo",1]', '4abc', '42["echo",2]');
  const [reply, echo, ...more] = await peer.rest();
  match(reply, /^40\{"sid"/);
  equal([echo, more], ['42["message-back",1]', []]);
});

testBoth('186 a session stays when its last namespace is left', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('41');
  equal(await peer.next(), '2');
  await peer.send('3');
  await join(peer);
}, { 'ping-interval': 1500 });

testBoth('187 163 leaving one namespace leaves the other', async (host, open) => {
  const peer = await peerIn(open);
  await join(peer, '40/custom,');
  await peer.send('41/custom,');
  equal(await host.line(/^disconnect /),
    'disconnect client namespace disconnect [] the client left the namespace');
  await lives(peer);
  await peer.send('42/custom,["echo"]');
  equal(await peer.rest(), []);
});

testBoth('187 what is left may be joined again', async (host, open) => {
  const peer = await open();
  const ids = [];
  for (let i = 0; i < 3; i++) {
    ids.push(await join(peer, '40/custom,'));
    await lives(peer, '/custom,');
    await peer.send('41/custom,');
  }
  equal(new Set(ids).size, 3);
  // Leaving and coming back within one turn: the old socket's end comes first.
  await peer.send('40/custom,', '41/custom', '40/custom');
  match(await peer.next(), /^40\/custom,/);
  match(await peer.next(), /^40\/custom,/);
  await lives(peer, '/custom,');
  equal(await host.told(/^disconnect /), 4);
});

testBoth('189 a message without data closes the session', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('4');
  equal(await peer.rest(), []);
});

testBoth('190 CONNECT_ERROR from a client closes the session', async (host, open) => {
  for (const packet of ['44', '44"no"', '44{"message":"no"}']) {
    const peer = await peerIn(open);
    await peer.send(packet);
    equal(await peer.rest(), [], packet);
  }
});

testBoth('192 a reply that nobody waits for is ignored', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('430["a"]', '439007199254740991[]', '43["no id"]', `461-5[${hole(0)}]`, A);
  await lives(peer);
});

testBoth('193 an event without a payload is ignored', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42', '421');
  await lives(peer);
});

testBoth('an event that nobody handles is ignored', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["nobody",1]', '421["nobody"]');
  await lives(peer);
});

testBoth('a peer joins at most max_nsps namespaces', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('40/custom,');
  equal(await peer.next(), '44/custom,{"message":"Too many namespaces"}');
  await peer.send('41', '40/custom,');
  match(await peer.next(), /^40\/custom,/);
  await lives(peer, '/custom,');
}, { 'max-nsps': 1 });

await run();
