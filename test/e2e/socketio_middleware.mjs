// SPDX-License-Identifier: MIT
//
// socketio_middleware.mjs - middleware of namespaces and of packets.
import { equal, match, ok, run, sleep } from './lib.mjs';
import { testBoth, join, peerIn, lives, A, hole } from './socketio_peer.mjs';

const middle = (name) => `middleware ${name} connected=0 count=0`;

testBoth('197 middleware runs in order, before the peer is in', async (host, open) => {
  const peer = await open();
  const id = await join(peer);
  equal(await host.told(/^connect /), 1);
  equal(host.lines.filter((line) => /^(middleware|connect) /.test(line)),
    [middle('middleware1'), middle('middleware2'), `connect / ${id}`]);
  equal((await host.stats()).sockets, 1);
  await lives(peer);
}, { middleware1: 'ok', middleware2: 'ok' });

testBoth('197 middleware may take its time', async (host, open) => {
  const peer = await open();
  await peer.send('40');
  await host.line(/^middleware middleware1/);
  equal(await host.told(/^connect /), 0);
  match(await peer.next(), /^40/);
  await host.line(/^middleware middleware2/);
  await host.line(/^connect \/ /);
  await lives(peer);
}, { middleware1: 'later:ok', middleware2: 'later:ok' });

testBoth('197 a refusal is a CONNECT_ERROR with its message, and ends the row', async (host, open) => {
  const peer = await open();
  await peer.send('40');
  equal(await peer.next(), '44{"message":"no \\"entry\\""}');
  equal([await host.told(/middleware2/), await host.told(/^connect /)], [0, 0]);
  await join(peer, '40/custom,');
  await lives(peer, '/custom,');
}, { middleware1: 'fail:no "entry"', middleware2: 'ok' });

for (const later of ['', 'later:'])
  testBoth(`197 a refusal ${later ? 'given late ' : ''}may carry data`, async (host, open) => {
    const peer = await open();
    await peer.send('40');
    equal(await peer.next(), '44{"message":"no","data":{"code":4,"why":["x"]}}');
    await peer.send('40');
    equal(await peer.next(), '44{"message":"no","data":{"code":4,"why":["x"]}}');
  }, { middleware1: 'ok', middleware2: `${later}fail:no:{"code":4,"why":["x"]}` });

testBoth('197 the middleware of one namespace is not asked about another', async (host, open) => {
  const peer = await open();
  await join(peer, '40/custom,');
  equal(await host.told(/^middleware/), 0);
}, { middleware1: 'fail:no' });

testBoth('196 a refused socket is in no room', async (host, open) => {
  const member = await open();
  await join(member, '40{"verdict":"ok"}');
  const refused = await open();
  await refused.send('40{"verdict":"fail:no"}');
  equal(await refused.next(), '44{"message":"no"}');
  await member.send('421["broadcast",{"to":["a"],"self":true},"news",1]');
  equal([await member.next(), await member.next()], ['42["news",1]', '431[0]']);
  await join(refused, '40{"verdict":"ok"}');
  await lives(refused);
}, { middleware1: 'auth', 'middleware-join': 'a' });

testBoth('198 a peer that goes while middleware thinks never connects', async (host, open) => {
  const peer = await open();
  await peer.send('40', '1');
  await host.line(/^middleware/);
  await host.line(/^closed transport close/);
  await sleep(1800);
  equal([await host.told(/^connect /), await host.told(/^disconnect /)], [0, 0]);
}, { middleware1: 'later:ok', think: 1500 });

testBoth('198 packets before the verdict close the session', async (host, open) => {
  const eager = await open();
  await eager.send('40', '42["echo"]');
  equal(await eager.rest(), []);
  equal(await host.told(/^connect /), 0);
}, { middleware1: 'later:ok', think: 1500 });

testBoth('198 CONNECT, DISCONNECT and CONNECT before the verdict are one wish', async (host, open) => {
  const peer = await open();
  await peer.send('40', '40', '41', '40');
  match(await peer.next(), /^40\{"sid":/);
  await lives(peer);
  equal(await host.told(/^connect /), 1);
  equal(await host.told(/^middleware /), 1);
}, { middleware1: 'later:ok', think: 500 });

testBoth('199 packet middleware may rewrite an event', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["rename",1]', '427["rename",1]', '42["echo",2]');
  equal(await peer.next(), '42["message-back","renamed"]');
  equal(await peer.next(), '437["renamed"]');
  equal(await peer.next(), '42["message-back",2]');
}, { 'packet-verdict': 'ok' });

testBoth('199 what packet middleware refuses is an error with its data, and nothing more', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["drop"]', '421["drop"]');
  match(await host.line(/^error/), /^error -\d+ dropped \{"code":7\}$/);
  match(await host.line(/^error/), /^error -\d+ dropped \{"code":7\}$/);
  await lives(peer);
}, { 'packet-verdict': 'ok' });

testBoth('199 events that wait for slow packet middleware keep their order', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["echo",1]', `451-["echo",${hole(0)}]`, A, '42["drop"]', '425["echo",3]');
  equal(await peer.next(), '42["message-back",1]');
  equal(await peer.next(), `451-["message-back",${hole(0)}]`);
  equal(await peer.next(), A);
  equal(await peer.next(), '435[3]');
}, { 'packet-verdict': 'later:ok' });

testBoth('199 a peer may go while packet middleware thinks', async (host, open) => {
  const peer = await peerIn(open);
  await peer.send('42["echo",1]', '42["echo",2]', '1');
  await host.line(/^disconnect transport close/);
  await sleep(150);
}, { 'packet-verdict': 'later:ok' });

await run();
