// SPDX-License-Identifier: MIT
//
// socketio.mjs - Socket.IO packets, one by one, over both transports: what docs/conformance.md
// lists under "Packets".
import { equal, match, run } from './lib.mjs';
import { testBoth, join, peerIn, lives, A, B, hole } from './socketio_peer.mjs';

const echoes = {
  'a name and three arguments': ['42["echo","a",1,{}]', '42["message-back","a",1,{}]'],
  'no argument': ['42["echo"]', '42["message-back"]'],
  'a number as name': ['42[7,"x"]', '42["message-back","x"]'],
  'an id': ['4212["echo","a"]', '4312["a"]'],
  'id 0': ['420["echo"]', '430[]'],
  'spaces before its JSON': ['42 ["echo",1]', '42["message-back",1]'],
  'spaces before and behind its JSON': ['4212 ["echo",1] ', '4312[1]'],
  'an escaped name': ['421["\\u0065cho",1]', '431[1]'],
};
for (const [what, [sent, expected]] of Object.entries(echoes))
  testBoth(`163 an event with ${what} is read and answered`, async (host, open) => {
    const peer = await peerIn(open);
    await peer.send(sent);
    equal(await peer.next(), expected);
  });

testBoth('163 events and acks name their namespace, unless it is the main one', async (host, open) => {
  const peer = await open();
  await join(peer, '40/custom,{"token":"123"}');
  await peer.send('42/custom,1["echo","a"]');
  equal(await peer.next(), '43/custom,1["a"]');
  await peer.send('42/custom,["echo","a"]');
  equal(await peer.next(), '42/custom,["message-back","a"]');
});

testBoth('164 attachments in any depth come back in place', async (host, open) => {
  const peer = await open();
  await join(peer, '40/custom,');
  const args = `{"a":[null,${hole(0)},{"b":{"c":${hole(1)}}}],"n":null},[[${hole(2)}]],null`;
  await peer.send(`453-/custom,23["echo",${args}]`, A, B, A);
  equal(await peer.next(), `463-/custom,23[${args}]`);
  equal([await peer.next(), await peer.next(), await peer.next()], [A, B, A]);
});

testBoth('164 an attachment of no bytes is one', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`451-1["echo",${hole(0)}]`, Buffer.alloc(0));
  equal(await peer.next(), `461-1[${hole(0)}]`);
  equal(await peer.next(), Buffer.alloc(0));
});

testBoth('164 attachments in another order than their places keep their meaning', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-1["echo",${hole(1)},${hole(0)}]`, A, B);
  const text = await peer.next();
  const bins = [await peer.next(), await peer.next()];
  equal(JSON.parse(text.slice('462-1'.length)).map(({ num }) => bins[num]), [B, A]);
});

const undecodable = {
  '167 191': {
    'Illegal attachments': ['45', '451', '45a-', '4551.23-', '450-["a"]', '45woooot', '46', '46-[]',
      '45-1["a"]', '451 -["a"]', '45+1-["a"]', '451e0-["a"]'],
    'too many attachments': ['4511-["a"]', '4599999999999999999999-["a"]'],
  },
  '169 188': {
    'invalid payload': ['442["some","data"', '40/admin,"invalid"', '40[]', '40null', '41/admin,{}',
      '41{}', '42/admin,"invalid', '42/admin,{}', '42{}', '42[{"toString":"foo"}]',
      '42[true,"foo"]', '42[null,"bar"]', '42[]', '42["connect"]', '42["disconnect","123"]',
      '42["connect_error"]', '42["disconnecting"]', '42["newListener"]', '42["removeListener"]',
      '42["\\u0063onnect"]', '42abc["a"]', '42["a"] x', '42["a",]', "42['a']", '42["a",01]',
      '42["a",NaN]', '42["\ta"]', '42-1["a"]', '421.5["a"]', '43{}', '431{}', '431null'],
  },
  '170': {
    'unknown packet type 9': ['4999'],
    'unknown packet type 7': ['47["a"]'],
  },
};
for (const [lines, messages] of Object.entries(undecodable))
  for (const [message, packets] of Object.entries(messages))
    testBoth(`${lines} "${message}" is told, and the session closed`, async (host, open) => {
      for (const packet of packets) {
        const peer = await peerIn(open);
        await peer.send(packet);
        equal(await peer.rest(), [], packet);
        equal(await host.line(/^error|^disconnect /), `error -10003 ${message}`, packet);
        match(await host.line(/^disconnect /), /^disconnect forced close \[\] /);
      }
    });

testBoth('169 nesting up to max_depth is read, deeper closes the session', async (host, open) => {
  const deep = (n) => `421["echo",${'['.repeat(n)}${']'.repeat(n)}]`;
  const peer = await peerIn(open);
  await peer.send(deep(511));
  equal(await peer.next(), deep(511).replace('421["echo",', '431['));
  await peer.send(deep(512));
  equal(await peer.rest(), []);
  match(await host.line(/^error/), /^error -10011 /);
});

testBoth('168 ten attachments are read, eleven refused', async (host, open) => {
  const event = (n) => `45${n}-1["echo",${Array.from({ length: n }, (_, k) => hole(k))}]`;
  const peer = await peerIn(open);
  await peer.send(event(10), ...Array(10).fill(A));
  equal(await peer.next(), event(10).replace('45', '46').replace('"echo",', ''));
  for (let i = 0; i < 10; i++) equal(await peer.next(), A);
  await peer.send(event(11));
  equal(await peer.rest(), []);
  equal(await host.line(/^error/), 'error -10003 too many attachments');
});

testBoth('168 three attachments are refused where two are the limit', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-1["echo",${hole(0)},${hole(1)}]`, A, B);
  equal(await peer.next(), `462-1[${hole(0)},${hole(1)}]`);
  equal([await peer.next(), await peer.next()], [A, B]);
  await peer.send('453-["echo"]');
  equal(await peer.rest(), []);
  equal(await host.line(/^error/), 'error -10003 too many attachments');
}, { 'max-attachments': 2 });

testBoth('171 a placeholder that names no attachment closes the session', async (host, open) => {
  for (const num of ['"splice"', '1', '-1', '0.5', '1e99', 'null']) {
    const peer = await peerIn(open);
    await peer.send(`451-["echo",{"_placeholder":true,"num":${num}}]`, A);
    equal(await peer.rest(), [], num);
    equal(await host.line(/^error/), 'error -10003 illegal attachments', num);
  }
});

testBoth('171 a placeholder in an event without attachments is plain data', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`421["echo",${hole(7)}]`);
  equal(await peer.next(), `431[${hole(7)}]`);
});

testBoth('172 bytes that nobody waits for close the session', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(A);
  equal(await peer.rest(), []);
  equal(await host.line(/^error/),
    'error -10003 got binary data when not reconstructing a packet');
});

testBoth('172 a packet among the attachments of another closes the session', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-["echo",${hole(0)},${hole(1)}]`, A, '42["echo"]');
  equal(await peer.rest(), []);
  equal(await host.line(/^error/),
    'error -10003 got plaintext data when reconstructing a packet');
});

testBoth('173 a peer may go in the middle of a packet, and come back', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-["echo",${hole(0)},${hole(1)}]`, A);
  if (peer.socket) peer.socket.close();
  else await peer.send('1');
  await host.line(/^disconnect transport close/);
  await lives(await peerIn(open));
});

await run();
