// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const socket = io();
const PIECE = 64 * 1024;
let busy = false;

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});
function crc32(crc, bytes) {
  crc = ~crc;
  for (const b of bytes) crc = (crc >>> 8) ^ TABLE[(crc ^ b) & 255];
  return ~crc >>> 0;
}

const mib = (n) => (n < 1e5 ? `${(n / 1024).toFixed(1)} KiB` : `${(n / 1048576).toFixed(1)} MiB`);
const hex = (crc) => crc.toString(16).padStart(8, '0');

// The arguments after the error, which is thrown.
async function ask(...event) {
  const [error, ...answer] = await new Promise((done, fail) => {
    socket.timeout(10_000).emit(...event, (late, ...a) => (late ? fail(new Error('no answer')) : done(a)));
  });
  if (error) throw new Error(error);
  return answer;
}

function progress(way, done, size) {
  $(way).value = done / size;
  $(`${way}-text`).textContent = `${mib(done)} of ${mib(size)}`;
}

async function up(bytes) {
  await ask('begin', bytes.length);
  for (let at = 0; at < bytes.length; ) {
    [at] = await ask('piece', at, bytes.subarray(at, at + PIECE));
    progress('up', at, bytes.length);
  }
  const crc = crc32(0, bytes);
  await ask('end', crc);
  return crc;
}

async function down(size) {
  let crc = 0, theirs;
  for (let at = 0; at < size; ) {
    const [piece, whole] = await ask('read', at);
    crc = crc32(crc, new Uint8Array(piece));
    theirs = whole;
    progress('down', (at += piece.byteLength), size);
  }
  if (crc !== theirs) throw new Error('what came back is damaged');
  return crc;
}

async function send(file) {
  if (!file || busy) return;
  busy = true;
  $('choose').disabled = true;
  $('work').hidden = false;
  $('name').textContent = file.name;
  $('result').className = 'dim';
  $('result').textContent = 'Under way…';
  for (const way of ['up', 'down']) progress(way, 0, file.size);
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const sums = [await up(bytes), await down(bytes.length)];
    if (sums[0] !== sums[1]) throw new Error('the two directions differ');
    $('result').className = 'good';
    $('result').textContent = `Whole in both directions: CRC-32 ${hex(sums[0])}.`;
  } catch (e) {
    $('result').className = 'bad';
    $('result').textContent = `Failed: ${e.message}.`;
  }
  busy = false;
  $('choose').disabled = !socket.connected;
}

socket.on('connect', () => {
  $('state').textContent = 'Pieces of 64 KiB, each acknowledged before the next.';
  $('choose').disabled = busy;
});
socket.on('disconnect', () => {
  $('state').textContent = 'The connection is lost. Trying again…';
  $('choose').disabled = true;
});
$('choose').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', (e) => send(e.target.files[0]));
$('drop').addEventListener('dragover', (e) => (e.preventDefault(), $('drop').classList.add('over')));
$('drop').addEventListener('dragleave', () => $('drop').classList.remove('over'));
$('drop').addEventListener('drop', (e) => {
  e.preventDefault();
  $('drop').classList.remove('over');
  send(e.dataTransfer.files[0]);
});
