// SPDX-License-Identifier: MIT
//
// json.mjs - what a peer sends comes back unharmed. Relayed as it came, the text is the same to the
// byte, whatever JSON.stringify() can write. Through a cJSON tree it loses what include/sio/event.h
// says, and nothing else.
import { equal, joined, ok, run, test } from './lib.mjs';

// ---- asking -------------------------------------------------------------------------------------

// Sends [event, ...text] for each text, all at once, and gives the texts that came back.
async function echoes(w, event, texts) {
  texts.forEach((text, id) => w.send(`42${id}["${event}"${text === '' ? '' : `,${text}`}]`));
  const back = [];
  for (let id = 0; id < texts.length; id++) {
    const packet = await w.next();
    const head = `43${id}[`;
    ok(packet.startsWith(head) && packet.endsWith(']'), packet.slice(0, 80));
    back.push(packet.slice(head.length, -1));
  }
  return back;
}

async function comeBack(w, texts) {
  const back = await echoes(w, 'echo', texts);
  texts.forEach((text, i) => ok(back[i] === text, `${text.slice(0, 200)}\n${back[i].slice(0, 200)}`));
}

// ---- what is special ------------------------------------------------------------------------------

const strings = [
  '', ' ', '\0', 'a\0b', '\0\0\0', '\x01\x1e\x1f\x7f\x80\x9f', '"\\/\b\f\n\r\t', '\ud800', '\udfff',
  'x\udc00y', '\ud800\ud800', '\udc00\ud800', '\u{1F600}', '\ud83d', '\uffff\ufffe\ufdd0', '\ufeff',
  '\u2028\u2029', '\u{10ffff}', 'é', 'e\u0301', '<!--</script>', '{"a":1}', '_placeholder', 'a'.repeat(100000),
  '\u20ac'.repeat(30000),
];
const numbers = [
  0, -0, 1, -1, 0.1, 1 / 3, 1e308, -1e308, Number.MAX_VALUE, Number.MIN_VALUE, 2.2250738585072014e-308,
  1e21, 1e-7, 123456789012345680000, 2 ** 53 - 1, 2 ** 53, -(2 ** 53), 2 ** 53 + 2, 2 ** 63, 2 ** 64,
  2 ** 31, -(2 ** 31), 2 ** 32, 1e100, 5e-324, 0.30000000000000004, 100, 1e3,
];
const keys = ['', '__proto__', 'constructor', 'toString', 'length', '\0', 'a\0b', '\ud800', '"', 'num',
  '_placeholder', 'a,b', '0', '-1'];
const others = [true, false, null, [], {}, [[]], [{}], { a: {} }, [null], [undefined], { _placeholder: false },
  { num: 0 }, { _placeholder: 'true', num: 9 }, new Date(0), [[], [[]], [[], [[]]]]];

function withKey(key, value) {
  return Object.defineProperty({}, key, { value, enumerable: true });
}

const special = [...strings, ...numbers, ...keys.map((key) => withKey(key, key)), ...others];

// Valid too, though JSON.stringify() would not write it. (Space around all arguments is not theirs.)
const unusual = [
  '-0', '-0.0', '1.0', '1.50', '1E5', '1e+05', '1e-0', '0e0', '1e400', '-1e400', '1e-400', '9007199254740993',
  '18446744073709551617', '123456789012345678901234567890', `0.${'3'.repeat(2000)}`, '"\\/"', '"\\u0041"',
  '"\\uD83D\\uDE00"', '"\\ud83d"', '[ 1 ]', '[\t\n1 ,\r2 ]', '{ "a" : 1 , "a" : 2 }', '"\u007f"',
  '{"_placeholder":true,"num":0}', '1,2 , 3', '"a","b"',
];

// Text in `levels` brackets or braces.
const nested = (levels, text = '') => '['.repeat(levels) + text + ']'.repeat(levels);
const nestedObjects = (levels) => '{"a":'.repeat(levels) + '1' + '}'.repeat(levels);

// ---- anything ----------------------------------------------------------------------------------------

// mulberry32: the same cases each time.
function random(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Generator {
  constructor(seed) {
    this.next = random(seed);
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  list(max, make) {
    return Array.from({ length: this.below(max + 1) }, make);
  }

  unit() {
    return this.pick([0x20 + this.below(0x5f), this.below(0x20), this.below(0x100), this.below(0x10000),
      0xd800 + this.below(0x800), 0x2028]);
  }

  string() {
    if (this.below(8) === 0) return this.pick(strings).slice(0, 50);
    return String.fromCharCode(...this.list(12, () => this.unit()));
  }

  number() {
    const bits = new DataView(new ArrayBuffer(8));
    bits.setUint32(0, this.below(2 ** 32));
    bits.setUint32(4, this.below(2 ** 32));
    return this.pick([this.below(100), this.next(), this.pick(numbers), bits.getFloat64(0),
      bits.getInt32(0), this.below(2 ** 53), -this.below(2 ** 53)]);
  }

  object(depth) {
    const o = {};
    for (const key of this.list(5, () => (this.below(4) ? this.string() : this.pick(keys))))
      Object.defineProperty(o, key, { value: this.value(depth - 1), enumerable: true, configurable: true });
    return o;
  }

  value(depth) {
    const kind = this.below(depth > 0 ? 8 : 5);
    if (kind < 2) return this.string();
    if (kind < 4) return this.number();
    if (kind === 4) return this.pick([true, false, null]);
    return kind === 5 ? this.object(depth) : this.list(5, () => this.value(depth - 1));
  }
}

const CASES = 5000;
const cases = (seed) => {
  const g = new Generator(seed);
  return Array.from({ length: CASES }, () => g.value(6));
};

// ---- as it came ------------------------------------------------------------------------------------------

test('what is special comes back to the byte', async (t) => {
  const w = await joined(await t.host());
  await comeBack(w, special.map((value) => JSON.stringify(value)));
});

test('what no JavaScript would write comes back to the byte', async (t) => {
  const w = await joined(await t.host());
  await comeBack(w, unusual);
});

test('10 000 arguments come back to the byte', async (t) => {
  const w = await joined(await t.host());
  const args = Array.from({ length: 10000 }, (_, i) => special[i % 20]);
  await comeBack(w, [JSON.stringify(args).slice(1, -1), Array(10000).fill('[]').join()]);
});

test('500 levels come back to the byte', async (t) => {
  const w = await joined(await t.host());
  await comeBack(w, [nested(500), nested(500, '"x"'), nestedObjects(500),
    nested(250, nestedObjects(250)), Array(50).fill(nested(500)).join()]);
});

test(`${CASES} random values come back to the byte`, async (t) => {
  const w = await joined(await t.host());
  const texts = cases(20260101).map((value) => JSON.stringify(value));
  for (let i = 0; i < CASES; i += 250) await comeBack(w, texts.slice(i, i + 250));
});

// ---- through a string --------------------------------------------------------------------------------------

test('a string read as one comes back with its NULs, lone surrogates replaced', async (t) => {
  const w = await joined(await t.host());
  const g = new Generator(7);
  const all = [...strings, ...Array.from({ length: 1000 }, () => g.string())];
  const back = await echoes(w, 'echo_str', all.map((s) => JSON.stringify(s)));
  equal(back.map((text) => JSON.parse(text)), all.map((s) => wellFormed(s)));
});

// ---- through a tree ----------------------------------------------------------------------------------------

const lossyString = (s) => wellFormed(s).replaceAll('\0', '\ufffd');

// The text of a value with the losses of a cJSON tree. Numbers are doubles already.
function lossy(value) {
  if (typeof value === 'string') return JSON.stringify(lossyString(value));
  if (Array.isArray(value)) return `[${value.map(lossy)}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value).map(([key, v]) => `${lossy(key)}:${lossy(v)}`)}}`;
}

async function comeThroughTree(w, texts) {
  const back = await echoes(w, 'echo_tree', texts);
  texts.forEach((text, i) => {
    const expected = JSON.parse(lossy(JSON.parse(text)));
    equal(JSON.parse(back[i]), expected, text.slice(0, 200));
  });
}

test('through a tree what is special loses what is documented, and no more', async (t) => {
  const w = await joined(await t.host());
  await comeThroughTree(w, special.map((value) => JSON.stringify(value)));
});

test('through a tree numbers are doubles', async (t) => {
  const w = await joined(await t.host());
  await comeThroughTree(w, ['9007199254740993', '18446744073709551617', '0.1', '1e-400', '1.0', '1E5',
    '123456789012345678901234567890', `0.${'3'.repeat(2000)}`, '-9007199254740993']);
});

test('through a tree 500 levels come back', async (t) => {
  const w = await joined(await t.host());
  await comeThroughTree(w, [nested(500), nestedObjects(500), nested(250, nestedObjects(250))]);
});

test(`through a tree ${CASES} random values lose what is documented, and no more`, async (t) => {
  const w = await joined(await t.host());
  const texts = cases(4).map((value) => JSON.stringify(value));
  for (let i = 0; i < CASES; i += 250) await comeThroughTree(w, texts.slice(i, i + 250));
});

// U+FFFD for each lone surrogate: what UTF-8 can say.
function wellFormed(s) {
  return Buffer.from(s).toString();
}

await run();
