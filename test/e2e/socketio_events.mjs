// SPDX-License-Identifier: MIT
//
// socketio_events.mjs - events, acks, and volatile events.
import { SEP, Polling, equal, joined, run, sleep, test } from './lib.mjs';
import { testBoth, join, peerIn, lives, ask, A, B, hole } from './socketio_peer.mjs';

// ---- events and acks --------------------------------------------------------------------------

const messages = {
  '206': ['1,"2",[3]', '1337', 'null', '"\u2014\u2014\u2014"', '"é\u0800\u{1F600}\u2028"'],
  '207': ['1,"2",{"3":[true]}'],
};
for (const [line, texts] of Object.entries(messages))
  testBoth(`${line} arguments come back as they were`, async (host, open) => {
    const peer = await peerIn(open);
    for (const text of texts) {
      await peer.send(`42["message",${text}]`);
      equal(await peer.next(), `42["message-back",${text}]`);
    }
  });

testBoth('207 binary arguments come back as they were', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-["message",${hole(0)},${hole(1)}]`, A, B);
  equal(await peer.next(), `452-["message-back",${hole(0)},${hole(1)}]`);
  equal([await peer.next(), await peer.next()], [A, B]);
});

testBoth('207 an ack is answered under its id', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42456["message-with-ack",1,"2",{"3":[false]}]');
  equal(await peer.next(), '43456[1,"2",{"3":[false]}]');
});

testBoth('207 an ack may carry attachments', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`452-789["message-with-ack",${hole(0)},${hole(1)}]`, A, B);
  equal(await peer.next(), `462-789[${hole(0)},${hole(1)}]`);
  equal([await peer.next(), await peer.next()], [A, B]);
});

testBoth('208 only the first reply to an event is sent', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('421["reply-twice"]');
  equal(await peer.next(), '431[1]');
  equal(await host.line(/^reply/), 'reply 0 ESTATE');
  await lives(peer);
});

testBoth('209 the server may ask for an ack', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",0,"question",{"a":1}]');
  equal(await peer.next(), '420["question",{"a":1}]');
  await peer.send('430["answer",2]');
  equal(await peer.next(), '42["ack-result",null,"answer",2]');
  await peer.send('430["again"]');
  await lives(peer);
});

testBoth('209 questions and answers may carry attachments', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send(`451-["call-me",0,"question",{"a":${hole(0)}}]`, A);
  equal(await peer.next(), `451-0["question",{"a":${hole(0)}}]`);
  equal(await peer.next(), A);
  await peer.send(`461-0[1,[${hole(0)}]]`, B);
  equal(await peer.next(), `451-["ack-result",null,1,[${hole(0)}]]`);
  equal(await peer.next(), B);
});

testBoth('209 answers may come in any order', async (host, open) => {
  const peer = await peerIn(open);
  for (let i = 0; i < 3; i++) {
    await peer.send(`42["call-me",0,"question",${i}]`);
    equal(await peer.next(), `42${i}["question",${i}]`);
  }
  for (const i of [1, 2, 0]) {
    await peer.send(`43${i}["answer ${i}"]`);
    equal(await peer.next(), `42["ack-result",null,"answer ${i}"]`);
  }
});

testBoth('209 each namespace of a peer counts its own questions', async (host, open) => {
  const peer = await peerIn(open);
  await join(peer, '40/custom,');
  await peer.send('42["call-me",0,"q",1]', '42/custom,["call-me",0,"q",2]');
  equal([await peer.next(), await peer.next()], ['420["q",1]', '42/custom,0["q",2]']);
  await peer.send('43/custom,0["two"]', '430["one"]');
  equal(await peer.next(), '42/custom,["ack-result",null,"two"]');
  equal(await peer.next(), '42["ack-result",null,"one"]');
});

testBoth('210 an answer that does not come in time is an error, once', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",50,"question",1]');
  equal(await peer.next(), '420["question",1]');
  equal(await peer.next(), '42["ack-result","operation has timed out"]');
  await peer.send('430["late"]');
  await lives(peer);
  equal(await host.told(/^ack /), 1);
});

testBoth('210 an answer that comes in time is the only one', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",1500,"question",1]');
  equal(await peer.next(), '420["question",1]');
  await peer.send('430[42]');
  equal(await peer.next(), '42["ack-result",null,42]');
  await sleep(2000);
  equal(await host.told(/^ack /), 1);
});

testBoth('210 a peer that leaves ends what waits for its answer', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["call-me",0,"a",1]', '42["call-me",60000,"b",1]', '41');
  equal([await host.line(/^ack/), await host.line(/^ack/)], ['ack closed', 'ack closed']);
});

testBoth('211 reserved names are not sent', async (host, open) => {
  const peer = await peerIn(open);
  for (const name of ['connect', 'connect_error', 'disconnect', 'disconnecting', 'newListener',
    'removeListener'])
    equal(await ask(peer, 'broadcast', { self: true }, name, 1), [-10005]);
});

testBoth('213 catch-all handlers see each event first, the front one before', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["nobody",1,2]', '42["echo"]');
  equal(await peer.next(), '42["message-back"]');
  await host.line(/^any echo/);
  equal(host.lines.filter((line) => line.startsWith('any')),
    ['any-front nobody 2', 'any nobody 2', 'any-front echo 0', 'any echo 0']);
}, { any: 1 });

testBoth('213 what leaves is shown once for each receiver, but for acks', async (host, open) => {
  const peer = await peerIn(open);
  const other = await peerIn(open);
  await peer.send('42["echo",1]');
  equal(await peer.next(), '42["message-back",1]');
  await peer.send(`451-5["broadcast",{"self":true},"news",${hole(0)}]`, A);
  equal(await peer.next(), `451-["news",${hole(0)}]`);
  equal([await peer.next(), await peer.next()], [A, '435[0]']);
  equal([await other.next(), await other.next()], [`451-["news",${hole(0)}]`, A]);
  await host.line(/^outgoing news/);
  await host.line(/^outgoing news/);
  equal(host.lines.filter((line) => line.startsWith('outgoing')),
    ['outgoing message-back 1', 'outgoing news 1', 'outgoing news 1']);
}, { outgoing: 1 });

testBoth('215 an ack id up to 2^53-1 is answered, a greater one refused', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('429007199254740991["echo",1]', '4200000000000000000000000012["echo",2]');
  equal(await peer.next(), '439007199254740991[1]');
  equal(await peer.next(), '4312[2]');
  for (const id of ['9007199254740992', '18446744073709551616', '9'.repeat(400)])
    for (const packet of [`42${id}["echo",1]`, `43${id}["a"]`]) {
      const bold = await peerIn(open);
      await bold.send(packet);
      equal(await bold.rest(), [], packet);
    }
});

testBoth('an ack id is digits alone', async (host, open) => {
  for (const packet of ['42 1["echo"]', '421 2["echo"]', '42+1["echo"]', '420x1["echo"]',
    '42\u0661["echo"]']) {
    const peer = await peerIn(open);
    await peer.send(packet);
    equal(await peer.rest(), [], packet);
  }
});

// ---- volatile ---------------------------------------------------------------------------------

const sequences = { rv: [0], v: [0], vv: [0], bb: [0], rvr: [0, 2], vr: [0, 1], vrv: [0, 1] };
for (const [sequence, expected] of Object.entries(sequences))
  test(`212 of "${sequence}", regular and volatile, arrive ${expected} (websocket)`, async (t) => {
    const w = await joined(await t.host());
    w.send(`42["sequence","${sequence}"]`).send('421["echo"]');
    const got = [];
    for (let text; (text = await w.next()) !== '431[]'; ) if (typeof text === 'string') got.push(text);
    equal(got.map((text) => JSON.parse(text.slice(text.indexOf('[')))[1]), expected);
  });

for (const [sequence, expected] of Object.entries(sequences))
  test(`212 of "${sequence}", regular and volatile, arrive ${expected} (polling)`, async (t) => {
    const host = await t.host();
    const p = await Polling.open(host);
    await p.join();
    const poll = p.poll();
    await host.caughtUp();
    await p.send(`42["sequence","${sequence}"]${SEP}421["echo"]`);
    const got = (await poll).split(SEP);
    equal(got.pop(), '431[]');
    equal(got.filter((text) => text[0] === '4')
      .map((text) => JSON.parse(text.slice(text.indexOf('[')))[1]), expected);
  });

test('212 a volatile event for a peer that is not polling is dropped', async (t) => {
  const host = await t.host();
  const p = await Polling.open(host);
  await p.join();
  await p.send('42["sequence","vbvr"]');
  equal(await p.poll(), '42["n",3,null]');
  equal((await host.stats()).volatile_dropped, 3);
});

test('212 a volatile broadcast is for those who are ready, attachments and all', async (t) => {
  const host = await t.host();
  const [ready, sender] = [await joined(host), await joined(host)];
  const idle = await Polling.open(host);
  await idle.join();
  for (let i = 0; i < 2; i++)
    sender.send(`451-${i}["broadcast",{"volatile":true},"news",${hole(0)}]`).send(A);
  equal([await ready.next(), await ready.next()], [`451-["news",${hole(0)}]`, A]);
  equal([await sender.next(), await sender.next()], ['430[0]', '431[0]']);
  ready.send('421["echo"]');
  let text = await ready.next();
  if (text.startsWith('45')) [text] = [await ready.next(), await ready.next()].slice(1);
  equal(text, '431[]');
  await idle.send('421["echo"]');
  equal(await idle.poll(), '431[]');
});

await run();
