// SPDX-License-Identifier: MIT
//
// metrics.mjs - /metrics: what real clients did is what a scraper reads, number by number. Every text
// goes through Prometheus' own parser.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';
import {
  Polling, ask, connected, equal, event, joined, match, ok, openWebSocket, run, sleep, test
} from './lib.mjs';

const python = process.env.PYTHON ?? '/usr/bin/python3';
const script = fileURLToPath(new URL('metrics.py', import.meta.url));

// ---- reading ------------------------------------------------------------------------------------

function parse(text) {
  return new Promise((done, fail) => {
    const child = spawn(python, [script], { stdio: ['pipe', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (d) => (out += d));
    child.stderr.on('data', (d) => (err += d));
    child.on('close', (code) => (code === 0 ? done(JSON.parse(out)) : fail(new Error(err))));
    child.stdin.end(text);
  });
}

async function scrape(host) {
  const r = await fetch(`http://127.0.0.1:${host.port}/metrics`, { headers: { connection: 'close' } });
  equal(r.status, 200);
  equal(r.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
  return parse(await r.text());
}

// Only what is named is compared: { name: value }, where "sio_" and "_total" may be left out.
function says(metrics, want) {
  const find = (name) => {
    const [, base, labels] = name.match(/^([^{]*)(.*)$/);
    return metrics[`sio_${base}${labels}`] ?? metrics[`sio_${base}_total${labels}`];
  };
  equal(Object.fromEntries(Object.keys(want).map((name) => [name, find(name)])), want);
}

// Scrapes until it says so.
async function settled(host, want) {
  for (;;) {
    const metrics = await scrape(host);
    if (Object.entries(want).every(([name, value]) => metrics[`sio_${name}`] === value)) return metrics;
    await sleep(20);
  }
}

const sum = (metrics, name) =>
  Object.entries(metrics).reduce((n, [key, v]) => (key.startsWith(`sio_${name}_total{`) ? n + v : n), 0);

// What must be so at any time.
function addsUp(m) {
  equal(m.sio_connections_accepted_total, m.sio_connections + m.sio_connections_closed_total);
  equal(sum(m, 'sessions_opened'), sum(m, 'sessions_closed') +
    m['sio_sessions{transport=polling}'] + m['sio_sessions{transport=websocket}']);
  equal(m.sio_websockets_opened_total, m.sio_websockets + sum(m, 'websockets_closed'));
  equal(m.sio_acks_asked_total, m.sio_acks_pending + sum(m, 'acks_ended'));
  const sockets = Object.entries(m).filter(([key]) => key.startsWith('sio_sockets{'));
  equal(m.sio_sockets_opened_total,
    sum(m, 'sockets_closed') + sockets.reduce((n, [, v]) => n + v, 0));
  for (const [key, count] of Object.entries(m)) {
    const [, name, labels] = key.match(/^(.*)_count(.*)$/) ?? [];
    if (name === undefined) continue;
    const inf = labels ? labels.replace(/}$/, ',le=+Inf}') : '{le=+Inf}';
    equal(m[`${name}_bucket${inf}`], count, key);
  }
}

const open = (host, name = '/', options = {}) =>
  io(`http://127.0.0.1:${host.port}${name}`, { reconnection: false, forceNew: true, ...options });

const enter = (host, name, options) => connected(open(host, name, options));
const echo = async (s, value) => (await ask(s, 'echo', value))[0];

// ---- what is there --------------------------------------------------------------------------------

test('a server that nobody talks to has all its series, at rest', async (t) => {
  const host = await t.host();
  const m = await scrape(host);
  addsUp(m);
  match(Object.keys(m).find((key) => key.startsWith('sio_info')), /^sio_info\{version=\d+\.\d+\.\d+\}$/);
  says(m, {
    connections: 1, connections_accepted: 1, http_requests: 1, 'http_responses{class=2xx}': 0,
    'sessions{transport=polling}': 0, 'sessions{transport=websocket}': 0, queued_bytes: 0,
    'sockets{namespace=/}': 0, 'sockets{namespace=/custom}': 0, namespaces: 2, acks_pending: 0,
    'packet_bytes_count{direction=in}': 0, 'turn_seconds_bucket{le=0.000064}': m['sio_turn_seconds_bucket{le=0.000064}'],
  });
});

test('the text is sent compressed to who takes it', async (t) => {
  const host = await t.host();
  const plain = await host.get('/metrics');
  const packed = await host.get('/metrics', { 'Accept-Encoding': 'gzip' });
  equal(packed.headers['content-encoding'], 'gzip');
  ok(packed.bytes.length < plain.bytes.length / 4);
  equal((await host.request('HEAD', '/metrics')).body, '');
});

// ---- sessions ---------------------------------------------------------------------------------------

test('sessions by transport, upgrades, and how they ended', async (t) => {
  const host = await t.host();
  const polling = await Promise.all([1, 2].map(() => enter(host, '/', { transports: ['polling'] })));
  const direct = await Promise.all([1, 2, 3].map(() => enter(host, '/', { transports: ['websocket'] })));
  const upgraded = await Promise.all([1, 2, 3, 4].map(async () => {
    const s = open(host);
    await Promise.all([connected(s), new Promise((done) => s.io.engine.once('upgrade', done))]);
    return s;
  }));
  let m = await settled(host, { 'sessions{transport=websocket}': 7 });
  addsUp(m);
  says(m, {
    'sessions{transport=polling}': 2,
    'sessions_opened{transport=polling}': 6, 'sessions_opened{transport=websocket}': 3,
    upgrades_started: 4, 'upgrades{result=ok}': 4, 'upgrades{result=failed}': 0,
    'sockets{namespace=/}': 9, sockets_opened: 9, websockets: 7, websockets_opened: 7,
    'http_responses{class=1xx}': 7,
  });
  polling.forEach((s) => s.disconnect());
  direct.slice(0, 2).forEach((s) => s.emit('close-me'));
  direct[2].emit('leave-nsp');
  upgraded.slice(1).forEach((s) => s.io.engine.close());
  await Promise.all([event(direct[0], 'disconnect'), event(direct[1], 'disconnect'),
    event(direct[2], 'disconnect')]);
  m = await settled(host, { 'sockets{namespace=/}': 1, 'sessions{transport=polling}': 0 });
  addsUp(m);
  says(m, {
    'sockets_closed{reason=client namespace disconnect}': 2,
    'sockets_closed{reason=server namespace disconnect}': 3,
    'sockets_closed{reason=transport close}': 3,
    'sessions_closed{reason=forced close}': 2,
  });
  upgraded[0].disconnect();
  direct[2].io.engine.close();
});

test('an upgrade that comes to nothing', async (t) => {
  const host = await t.host({ 'upgrade-timeout': 2000 });
  const s = await Polling.open(host);
  const w = await s.probe();
  equal(await w.closed(), 1005);
  const m = await scrape(host);
  addsUp(m);
  says(m, { upgrades_started: 1, 'upgrades{result=failed}': 1, 'sessions{transport=polling}': 1 });
});

test('heartbeats that come and one that does not', async (t) => {
  const host = await t.host({ 'ping-interval': 200, 'ping-timeout': 2500 });
  const client = await enter(host, '/', { transports: ['websocket'] });
  const mute = await joined(host);
  for (let i = 0; i < 3; i++) await host.line(/^engine heartbeat/);
  await mute.closed();
  const m = await scrape(host);
  addsUp(m);
  says(m, {
    heartbeats_missed: 1, 'sessions_closed{reason=ping timeout}': 1,
    'sockets_closed{reason=ping timeout}': 1,
  });
  ok(m.sio_heartbeat_seconds_count >= 3 && m.sio_heartbeat_seconds_sum > 0);
  ok(m.sio_pings_sent_total > m.sio_heartbeat_seconds_count);
  client.disconnect();
});

// ---- events, acks, rooms ------------------------------------------------------------------------------

for (const transport of ['polling', 'websocket']) {
  test(`events, acks and rooms, each of them (${transport})`, async (t) => {
    const host = await t.host();
    const options = { transports: [transport] };
    const clients = await Promise.all([1, 2, 3].map(() => enter(host, '/', options)));
    const other = await enter(host, '/custom', options);
    const [a, b] = clients;
    // 5 acked by us, 4 events back, 2 asked of the client, one of which is late.
    for (let i = 0; i < 5; i++) equal(await echo(a, i), i);
    for (let i = 0; i < 4; i++) {
      const back = event(a, 'message-back');
      a.emit('message', i);
      equal(await back, [i]);
    }
    b.on('question', (x, reply) => reply(x + 1));
    let result = event(b, 'ack-result');
    b.emit('call-me', 60000, 'question', 1);
    equal(await result, [null, 2]);
    result = event(b, 'ack-result');
    b.emit('call-me', 30, 'unheard', 1);
    match((await result)[0], /timed? ?out/i);
    // To all three, who answer.
    clients.forEach((s) => s.on('all', (x, reply) => reply(x)));
    equal((await ask(a, 'ask-all', { self: true, ms: 5000 }, 'all', 7)).length, 4 + 3);
    a.emit('join', 'red');
    b.emit('join', 'red');
    b.emit('join', 'blue');
    equal([await echo(a, 1), await echo(b, 2)], [1, 2]);
    equal(await echo(other, 'x'), 'x');
    const m = await scrape(host);
    addsUp(m);
    says(m, {
      'sockets{namespace=/}': 3, 'sockets{namespace=/custom}': 1,
      'rooms{namespace=/}': 2, 'rooms{namespace=/custom}': 0,
      'events_received{namespace=/}': 5 + 4 + 2 + 1 + 3 + 2,
      'events_received{namespace=/custom}': 1,
      'events_sent{namespace=/}': 4 + 2 + 2 + 3, 'events_sent{namespace=/custom}': 0,
      acks_sent: 5 + 1 + 2 + 1, acks_asked: 2 + 3,
      'acks_ended{how=received}': 4, 'acks_ended{how=timed_out}': 1, 'acks_ended{how=lost}': 0,
      ack_seconds_count: 4, broadcasts: 1, parse_errors: 0, events_refused: 0,
    });
    [...clients, other].forEach((s) => s.disconnect());
    // Rooms are left at the end of the turn.
    const after = await settled(host, {
      'sockets{namespace=/}': 0, 'sockets{namespace=/custom}': 0, 'rooms{namespace=/}': 0,
    });
    says(after, { 'events_sent{namespace=/}': 4 + 2 + 2 + 3 });
  });
}

test('packets and bytes of a session, as its client counts them', async (t) => {
  const host = await t.host();
  const w = await openWebSocket(host);
  w.send('40');
  const connect = await w.next();
  const big = 'x'.repeat(3000);
  w.send(`421["echo","${big}"]`);
  const reply = await w.next();
  const m = await scrape(host);
  const sent = ['40', `421["echo","${big}"]`];
  const handshake = `0${JSON.stringify(w.handshake)}`;
  const type = 1; // that of the engine is no part of what a packet carries
  says(m, {
    'packet_bytes_count{direction=in}': 2,
    'packet_bytes_sum{direction=in}': sent.join('').length - 2 * type,
    'packet_bytes_count{direction=out}': 3,
    'packet_bytes_sum{direction=out}': (handshake + connect + reply).length,
    'packet_bytes_bucket{direction=in,le=64}': 1, 'packet_bytes_bucket{direction=in,le=2048}': 1,
    'packet_bytes_bucket{direction=in,le=4096}': 2,
    'websocket_messages{direction=in}': 2, 'websocket_messages{direction=out}': 3,
  });
  ok(m.sio_write_bytes_sum > 3000 && m['sio_net_bytes_total{direction=in}'] > 3000);
});

test('a deflated message, before and after', async (t) => {
  const host = await t.host({ deflate: 1 });
  const client = await enter(host, '/', { transports: ['websocket'] });
  const text = 'abcd'.repeat(2500);
  ok((await echo(client, text)) === text);
  const m = await scrape(host);
  const sizes = (name) => m[`sio_compressed_${name}_bytes_total{layer=websocket}`];
  ok(sizes('plain') > 10_000 && sizes('packed') < 500 && sizes('packed') > 0);
  client.disconnect();
});

// ---- drops and refusals ----------------------------------------------------------------------------------

test('what is dropped for a slow reader, and what waits for it', async (t) => {
  const host = await t.host({ 'queue-high': 256 * 1024, 'when-full': 'drop-oldest', 'close-timeout': 500 });
  const slow = await joined(host, { rude: true });
  slow.wire.socket.pause();
  // The kernels take the first of it.
  let m;
  do {
    slow.send('42["flood",5000,1000]');
    await host.line(/^flood sent/);
    m = await scrape(host);
  } while (!m.sio_queued_bytes);
  const stats = await host.stats();
  addsUp(m);
  says(m, {
    events_dropped: stats.events_dropped, dropped_bytes: stats.bytes_dropped, overflows: 0,
  });
  ok(stats.events_dropped > 0);
  ok(m.sio_queued_bytes > 64 * 1024 && m.sio_queued_bytes <= 256 * 1024, m.sio_queued_bytes);
  ok(m.sio_net_blocked_total > 0);
  slow.close();
  await settled(host, { queued_bytes: 0 });
});

test('volatile events that were not sent', async (t) => {
  const host = await t.host();
  const s = await Polling.open(host);
  await s.join();
  // Nobody polls: the volatile ones go.
  await s.send('42["sequence","rvvr"]');
  const m = await scrape(host);
  says(m, { volatile_dropped: 2, 'events_sent{namespace=/}': 2, 'events_received{namespace=/}': 1 });
  ok(m.sio_queued_bytes > 0);
});

test('requests that were refused, by cause', async (t) => {
  const host = await t.host();
  await host.get('EIO=4&transport=tobi');
  await host.get('EIO=4&transport=polling&sid=nobody');
  await host.post('EIO=4&transport=polling', '');
  await host.get('EIO=3&transport=polling');
  await host.get('/nowhere');
  await host.wire().write('nonsense\r\n\r\n').rest();
  await host.request('GET', '/nowhere', { headers: { Large: 'x'.repeat(20_000) } });
  const m = await scrape(host);
  addsUp(m);
  says(m, {
    'engine_refused{cause=transport_unknown}': 1, 'engine_refused{cause=session_unknown}': 1,
    'engine_refused{cause=bad_method}': 1, 'engine_refused{cause=bad_version}': 1,
    'engine_refused{cause=forbidden}': 0, 'http_refused{cause=malformed}': 1,
    'http_refused{cause=head_size}': 1, 'http_responses{class=4xx}': 7, 'http_requests': 8,
    http_aborted: 0,
  });
});

test('who was not let into a namespace', async (t) => {
  const host = await t.host({ middleware1: 'fail:no', 'max-nsps': 1 });
  const fails = async (name) => {
    const s = open(host, name, { transports: ['websocket'] });
    await event(s, 'connect_error');
    s.disconnect();
  };
  await fails('/');
  await fails('/nowhere');
  const w = await openWebSocket(host);
  w.send('40/custom,');
  await w.next();
  w.send('40/,');
  match(await w.next(), /Too many/);
  const m = await scrape(host);
  addsUp(m);
  says(m, {
    'connects_refused{cause=middleware}': 1, 'connects_refused{cause=no_namespace}': 1,
    'connects_refused{cause=too_many}': 1, 'connects_refused{cause=timeout}': 0, sockets_opened: 1,
  });
});

test('connections past the limit', async (t) => {
  const host = await t.host({ 'max-connections': 2 });
  const w = await openWebSocket(host);
  const keep = host.wire();
  const third = host.wire();
  await third.rest();
  keep.close();
  for (;;) {
    try {
      const m = await scrape(host);
      ok(m['sio_rejected_total{cause=connections}'] >= 1);
      says(m, { connections: 2, connections_refused: 0 });
      break;
    } catch (e) {
      if (e.name === 'AssertionError') throw e;
    }
  }
  w.close();
});

test('a hundred namespaces that clients named are one series', async (t) => {
  const host = await t.host({ dynamic: 1 });
  const before = Object.keys(await scrape(host)).length;
  const all = await Promise.all(Array.from({ length: 40 }, (_, i) =>
    enter(host, `/dynamic-"${i}\\`, { transports: ['websocket'] })));
  for (const s of all) equal(await echo(s, 1), 1);
  let m = await scrape(host);
  equal(Object.keys(m).length, before);
  says(m, {
    'sockets{namespace=/dynamic-*}': 40, 'events_received{namespace=/dynamic-*}': 40,
    child_namespaces: 40, namespaces: 42,
  });
  all.forEach((s) => s.disconnect());
  m = await settled(host, { child_namespaces: 0 });
  says(m, { 'sockets{namespace=/dynamic-*}': 0, 'events_received{namespace=/dynamic-*}': 40 });
});

await run();
