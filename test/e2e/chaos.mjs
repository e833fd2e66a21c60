// SPDX-License-Identifier: MIT
//
// chaos.mjs - real clients through a proxy that delays, cuts, joins and breaks what they say
// (chaos/weather.mjs). What a client does, when, and what the proxy does to it is drawn
// from a seed; what must come of it is exact: nothing lost, nothing twice, all in order, each end
// with its reason on both sides, and nothing left on the server.
//
//     CHAOS_SEED=n   the first seed (1)        CHAOS_RUNS=n        how many of each story
//     CHAOS_AT_ONCE=n  stories at a time (8)   CHAOS_REFERENCE=1   the npm package as the server
import { Agent } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { io } from 'socket.io-client';
import io2 from 'socket.io-client-v2';
import { Draw, Weather } from './chaos/weather.mjs';
import { openWorld } from './chaos/worlds.mjs';
import { Watched, equal, match, ok, run, test, within } from './lib.mjs';

const FIRST = Number(process.env.CHAOS_SEED ?? 1);
const AT_ONCE = Number(process.env.CHAOS_AT_ONCE ?? 8);
const runsOf = (usual) => Number(process.env.CHAOS_RUNS ?? usual);
const STORY_MS = 60_000;
const STORIES_MS = Number(process.env.CHAOS_MS ?? 300_000);

const PATIENT = { interval: 25_000, timeout: 20_000 };

const upTo = (n) => Array.from({ length: n }, (_, k) => k);
const isPrefix = (list) => equal(list, upTo(list.length));

// ---- clients ----------------------------------------------------------------------------------

const TRANSPORTS = [{}, {}, {}, {}, { transports: ['polling'] }, { transports: ['websocket'] },
  { transports: ['websocket', 'polling'] }];

// Some ask again on the connection that has brought an answer.
function agentOf(w) {
  if (w.draw.often(0.6)) return undefined;
  const agent = new Agent({ keepAlive: true });
  w.agents.push(agent);
  return agent;
}

function open(w, tag, more) {
  return io(`http://127.0.0.1:${w.weather.port}`, {
    forceNew: true, reconnection: false, timeout: STORY_MS, query: { tag }, agent: agentOf(w),
    ...w.draw.of(TRANSPORTS), ...more,
  });
}

function open2(w, tag) {
  const { transports } = w.draw.of(TRANSPORTS.slice(0, 6));
  return io2(`http://127.0.0.1:${w.weather.port}`, {
    forceNew: true, reconnection: false, timeout: STORY_MS, query: { tag },
    ...(transports && { transports }),
  });
}

// What a client's socket sees and says.
class Diary extends Watched {
  constructor(client, draw) {
    super();
    Object.assign(this, { client, draw, heard: [], acks: [], asked: [], sent: 0, reasons: [] });
    client.on('m', (k, bytes, ack) => {
      this.heard.push(k);
      if (k % 4 === 0) equal([...bytes], [1, 2, 3]);
      if (typeof ack === 'function') ack(k); // an offset, with recovery
      this.changed();
    });
    client.on('done', () => this.note('done'));
    client.on('connect', () => this.note('connected'));
    client.on('connect_error', (e) => this.note('refused', e.message));
    client.on('error', (e) => this.note('refused', e.message ?? e));
    client.on('disconnect', (why) => {
      this.reasons.push(why);
      this.changed();
    });
  }

  note(what, value = true) {
    this[what] = value;
    this.changed();
  }

  until(look) {
    return this.when(() => look(this) || undefined);
  }

  say() {
    const k = this.sent++;
    const args = [k, this.draw.of(['text', { a: [k] }, Buffer.from([k])])];
    if (!this.draw.often(0.4)) {
      this.client.emit('n', ...args);
      return;
    }
    this.asked.push(k);
    this.client.emit('n', ...args, (answer) => {
      equal(answer, k);
      this.acks.push(k);
      this.changed();
    });
  }

  // Numbered events, now and then one after a while, as long as it is connected.
  async tell(count) {
    for (let i = 0; i < count && this.client.connected; i++) {
      this.say();
      if (this.draw.often(0.3)) await pause(this.draw.below(6));
    }
  }
}

// ---- stories ------------------------------------------------------------------------------------

// The reasons that the reference has for each end: the client's and the server's. A POST that
// finds its session closed is an error to the client, if it hears of that before the close.
const ENDS = {
  leave: ['io server disconnect', 'server namespace disconnect'],
  close: ['io server disconnect', 'server namespace disconnect'],
  engine: ['transport close', 'forced close'],
  disconnect: ['io client disconnect', 'client namespace disconnect'],
  shut: ['forced close', 'transport close'],
};
const BY_SERVER = ['leave', 'close', 'engine'];

function end(client, how) {
  if (how === 'disconnect') client.disconnect();
  else client.io.engine.close();
}

const admitted = (w, tag) => open(w, tag, { auth: { verdict: w.draw.of(['ok', 'later:ok']) } });

// Somebody connects, says and hears numbers while it upgrades, and one of the two ends it.
async function talk(w, tag, client = admitted(w, tag)) {
  const { draw, world } = w;
  const diary = new Diary(client, draw);
  const sends = draw.below(draw.of([2, 25])), talks = draw.below(draw.of([2, 25]));
  const how = draw.of(Object.keys(ENDS));
  const byServer = BY_SERVER.includes(how), politely = !byServer && draw.often(0.5);
  w.plan = { sends, talks, how, politely, diary };
  await diary.until((d) => d.connected || d.refused);
  equal(diary.refused, undefined);
  client.emit('talk', talks, draw.below(4), byServer ? how : 'done', draw.below(draw.of([1, 30])));
  await diary.tell(sends);
  if (politely) await diary.until((d) => d.done && d.acks.length === d.asked.length);
  if (!byServer) end(client, how);
  await diary.until((d) => d.reasons.length > 0);
  const gone = w.gone = await world.end(tag);
  const failed = how === 'engine' && diary.reasons[0] === 'transport error';
  equal([diary.reasons, gone.reason], [[failed ? 'transport error' : ENDS[how][0]], ENDS[how][1]]);
  isPrefix(diary.heard);
  if (byServer || politely) equal([diary.heard.length, gone.said], [talks, talks]);
  equal([gone.gaps, gone.disorders], [0, 0]);
  if (byServer) ok(gone.heard <= diary.sent);
  else equal(gone.heard, diary.sent);
  equal(diary.acks, diary.asked.slice(0, diary.acks.length));
  if (politely) equal(gone.acked, Math.ceil(talks / 3));
}

const talk2 = (w, tag) => talk(w, tag, open2(w, tag));

async function refused(w, tag) {
  const { draw } = w;
  const client = open(w, tag, { auth: { verdict: draw.of(['fail:no', 'later:fail:no']) } });
  const diary = w.plan = new Diary(client, draw);
  await diary.until((d) => d.refused);
  equal([diary.refused, diary.connected, diary.reasons], ['no', undefined, []]);
  if (draw.often(0.5)) await pause(draw.below(20));
  // It may try again on the same connection.
  if (draw.often(0.5)) {
    client.auth = { verdict: 'ok' };
    client.connect();
    await diary.until((d) => d.connected);
    await diary.tell(5);
    client.disconnect();
    equal((await w.world.end(tag)).heard, diary.sent);
  } else {
    client.disconnect();
  }
}

// What the server said before has come once it answers.
async function roundTrip(diary) {
  await new Promise((done) => diary.client.emit('n', diary.sent++, '', done));
}

// A second namespace comes and goes while the first one talks.
async function churn(w, tag) {
  const { draw, world } = w;
  const client = open(w, tag);
  const first = new Diary(client, draw), other = client.io.socket('/custom');
  const rounds = 1 + draw.below(4);
  w.plan = { first, lives: [] };
  client.emit('talk', 30, draw.below(4), 'done', 0);
  for (let i = 1; i <= rounds; i++) {
    const diary = new Diary(other.removeAllListeners(), draw);
    const talks = draw.below(10), how = draw.of(['leave', 'disconnect']);
    w.plan.lives.push(diary);
    if (i > 1 || draw.often(0.5)) other.connect();
    await diary.until((d) => d.connected);
    other.emit('talk', talks, draw.below(3), how, draw.below(draw.of([1, 10])));
    await diary.tell(draw.below(10));
    if (how === 'disconnect') other.disconnect();
    await diary.until((d) => d.reasons.length > 0);
    const gone = await world.end(tag, '/custom', i);
    equal([diary.reasons, gone.reason], [[ENDS[how][0]], ENDS[how][1]]);
    isPrefix(diary.heard);
    if (how === 'leave') equal(diary.heard.length, talks);
    else equal(gone.heard, diary.sent);
    equal([gone.gaps, gone.disorders], [0, 0]);
    await roundTrip(first); // what is on its way to this life must not come in the next one
  }
  await first.until((d) => d.done);
  equal(first.heard, upTo(30));
  client.disconnect();
  const gone = w.gone = await world.end(tag);
  equal([gone.heard, gone.gaps, gone.disorders, gone.said], [first.sent, 0, 0, 30]);
  equal([first.reasons, gone.reason], [[ENDS.disconnect[0]], ENDS.disconnect[1]]);
}

// Members come, hear every number from then on, and go or stay to the last.
async function rooms(w, tag) {
  const { draw, world } = w;
  const conductor = io(`http://127.0.0.1:${world.port}`, {
    forceNew: true, reconnection: false, query: { tag: `${tag}c` }, transports: ['websocket'],
  });
  await new Promise((done) => conductor.once('connect', done));
  const members = upTo(1 + draw.below(5)).map((i) => member(w, tag, `${tag}m${i}`));
  w.plan = members;
  let k = 0;
  const all = Promise.all(members.map((m) => m.joined));
  let settled = false;
  all.finally(() => (settled = true)).catch(() => {});
  while (!settled || draw.often(0.9)) {
    conductor.emit('broadcast', { to: [tag] }, 'b', k++, () => {});
    if (draw.often(0.5)) await pause(draw.below(4));
  }
  const last = k++;
  await all;
  await new Promise((done) => conductor.emit('broadcast', { to: [tag] }, 'b', last, done));
  await Promise.all(members.map((m) => m.ended(last)));
  conductor.disconnect();
}

function member(w, room, tag) {
  const { draw } = w;
  const client = open(w, tag), seen = new Watched(), heard = [];
  const stays = draw.often(0.6), wait = draw.below(30);
  client.on('b', (k) => {
    heard.push(k);
    seen.changed();
  });
  const joined = (async () => {
    await new Promise((done) => client.once('connect', done));
    await pause(wait);
    await new Promise((done) => client.emit('join', room, done));
    if (!stays) client.disconnect();
  })();
  const ended = async (last) => {
    if (stays) await seen.when(() => (heard.at(-1) === last ? true : undefined));
    equal(heard, upTo(heard.length).map((i) => heard[0] + i));
    client.disconnect();
    await w.world.end(tag);
  };
  return { tag, heard, stays, joined, ended };
}

// Connections break, and the client comes back until it has been told enough.
async function broken(w, tag) {
  const { draw, world } = w;
  const client = open(w, tag, RECONNECTS);
  const diary = new Diary(client, draw);
  const lives = [];
  let running = true;
  w.plan = { lives };
  client.on('connect', () => {
    diary.heard = [];
    diary.sent = 0;
    diary.acks = [];
    diary.asked = [];
    lives.push({ heard: diary.heard, acks: diary.acks });
    client.emit('talk', 40, draw.below(4), 'done', 0);
    diary.tell(40);
  });
  const goal = 1 + draw.below(4);
  await within(STORY_MS, (async () => {
    while (running) {
      await pause(5);
      if (lives.length >= goal && lives.at(-1).heard.length > draw.below(30)) running = false;
      if (performance.now() - w.began > 3000) running = false;
    }
  })(), 'end');
  client.disconnect();
  for (const { heard, acks } of lives) {
    isPrefix(heard);
    equal(acks, [...new Set(acks)].sort((a, b) => a - b));
  }
  w.counts.lives += lives.length - 1;
  w.later.push(() => {
    for (const gone of world.endsOf(tag, '/')) equal([gone.gaps, gone.disorders], [0, 0]);
  });
}

const RECONNECTS = { reconnection: true, reconnectionDelay: 5, reconnectionDelayMax: 30 };

// With recovery what was missed comes after all, once.
async function recovered(w, tag) {
  const { draw, world } = w;
  const conductor = io(`http://127.0.0.1:${world.port}`, {
    forceNew: true, query: { tag: `${tag}c` }, transports: ['websocket'],
  });
  await new Promise((done) => conductor.once('connect', done));
  const client = open(w, tag, RECONNECTS), heard = [];
  let k = 0, comes = 0;
  const lives = w.plan = [];
  // What came before a CONNECT that did not arrive would be heard twice: see docs/guide.md.
  client.io.on('open', () => { client.receiveBuffer = []; });
  client.on('b', (n) => lives.at(-1).push(n));
  client.on('connect', () => {
    comes++;
    if (client.recovered) return;
    lives.push([]);
    client.emit('join', tag, () => {});
  });
  client.on('b', (n) => heard.push(n));
  const until = performance.now() + 400 + draw.below(800);
  while (performance.now() < until) {
    conductor.emit('broadcast', { to: [tag] }, 'b', k++, () => {});
    await pause(draw.below(8));
  }
  client.disconnect();
  conductor.disconnect();
  w.counts.recovered += comes - lives.length;
  for (const life of lives) equal(life, life.map((_, i) => life[0] + i));
  equal(heard, [...heard].sort((a, b) => a - b));
}

// A server is told to close, or to drain, while clients come and talk. When it drains, what it said
// before it ended a session has come. A client whose server vanishes when it has stopped polling
// hears of that when the next ping is due.
async function closing(t, seed) {
  const draw = new Draw(seed), how = draw.of(['drain', 'drain', 'shut']);
  const world = await openWorld(t, how === 'drain' ? PATIENT : { interval: 1500, timeout: 1500 });
  const weather = await Weather.open(world.port, seed);
  const w = { world, weather, draw, agents: [] };
  const clients = upTo(2 + draw.below(6)).map((i) => {
    const client = open(w, `c${i}`), diary = new Diary(client, draw);
    client.on('connect', () => {
      client.emit('talk', 60, draw.below(4), '', 0);
      diary.tell(40);
    });
    return diary;
  });
  const conductor = io(`http://127.0.0.1:${world.port}`, {
    forceNew: true, reconnection: false, query: { tag: 'c' }, transports: ['websocket'],
  });
  await new Promise((done) => conductor.once('connect', done));
  await pause(draw.below(100));
  if (how === 'drain') conductor.emit('drain', draw.below(60), 600_000);
  else conductor.emit(how);
  equal(await world.host.exit, 0);
  world.look();
  await Promise.all(clients.map((d) => d.until(() => d.reasons.length > 0 || d.refused)));
  weather.close();
  for (const agent of w.agents) agent.destroy();
  for (const [i, { connected, heard, reasons }] of clients.entries()) {
    const [gone, ...more] = world.endsOf(`c${i}`, '/');
    equal(more, []);
    isPrefix(heard);
    if (!connected) continue;
    const plan = `CHAOS_SEED=${seed} CHAOS_RUNS=1: ${shown([how, i, heard.length, reasons, gone])}`;
    equal(reasons.length, 1, plan);
    if (how === 'drain') match(reasons[0], /^transport (close|error)$/, plan);
    equal([gone.gaps, gone.disorders, gone.reason], [0, 0, 'server shutting down'], plan);
    if (how === 'drain') equal(heard.length, gone.said, plan);
  }
}

// ---- running them -----------------------------------------------------------------------------

const shown = (plan) => JSON.stringify(plan, (key, value) =>
  (['client', 'draw', 'nsp', 'io'].includes(key) ? undefined : value)).slice(0, 1500);

async function tellOne(story, base, seed) {
  const w = { ...base, draw: new Draw(seed), began: performance.now() };
  try {
    await within(STORY_MS, story(w, `s${seed}`), 'end of the story');
  } catch (e) {
    throw new Error(`CHAOS_SEED=${seed} CHAOS_RUNS=1: ${e.message}\n${shown([w.plan, w.gone])}`);
  }
}

async function tellAll(t, story, { runs, harm, ...options }) {
  const world = await openWorld(t, { ...PATIENT, ...options });
  const weather = await Weather.open(world.port, FIRST, { harm });
  const base = { world, weather, agents: [], later: [], counts: { lives: 0, recovered: 0 } };
  const seeds = upTo(runsOf(runs)).map((i) => FIRST + i);
  const worker = async () => {
    for (let seed; (seed = seeds.shift()) !== undefined; ) await tellOne(story, base, seed);
  };
  try {
    await Promise.all(upTo(AT_ONCE).map(worker));
    if (process.env.VERBOSE) console.log(base.counts);
    if (harm) weather.clear();
    await world.empty();
    // An agent that is destroyed opens another connection for a request that was given up.
    base.agents.forEach((agent) => agent.destroy());
    weather.close();
    await world.unconnected();
    base.later.forEach((check) => check());
    const back = base.counts.lives + base.counts.recovered;
    if (harm && runsOf(runs) >= runs) ok(back > 0, 'nobody had to come back');
  } finally {
    weather.close();
    await world.close();
  }
  return base;
}

function stories(name, story, options) {
  test(name, (t) => tellAll(t, story, options), { ms: STORIES_MS });
}

const HARM = { harm: true, interval: 300, timeout: 300, head: 2000 };
const HEARTBEATS = { interval: 15, timeout: 60_000 };

stories('talk: whoever ends it, both know why, and what was said before has come', talk, {
  runs: 200,
});
stories('talk: among heartbeats', talk, { runs: 100, ...HEARTBEATS });
stories('talk: with recovery', talk, { runs: 60, recovery: true });
stories('talk: a client of Socket.IO 2', talk2, { runs: 100, eio3: true });
stories('refused: middleware says no once', refused, { runs: 60 });
stories('churn: a namespace is joined and left', churn, { runs: 60 });
stories('rooms: a member hears every number', rooms, { runs: 30 });
stories('broken: no number twice, none out of order, none skipped', broken, {
  runs: 24, ...HARM,
});
stories('recovered: what was missed comes once and in order', recovered, {
  runs: 60, recovery: true, ...HARM,
});

if (!process.env.CHAOS_REFERENCE)
  test('closing: a server that ends has told what it said', async (t) => {
    for (const i of upTo(runsOf(6))) {
      await closing(t, FIRST + i);
      t.hosts.length = 0;
    }
  }, { ms: STORIES_MS });

await run({ atOnce: 1 });
