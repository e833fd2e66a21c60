// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const socket = io();
const board = $('board'), pen = board.getContext('2d');
let lines = []; // [x0, y0, x1, y1, color], coordinates from 0 to 1
let color = '#1c2030', last, missed = 0, away = false, people = 1;

function draw([x0, y0, x1, y1, c]) {
  const { width, height } = board;
  pen.strokeStyle = c;
  pen.lineWidth = Math.max(2, width / 240);
  pen.lineCap = 'round';
  pen.beginPath();
  pen.moveTo(x0 * width, y0 * height);
  pen.lineTo(x1 * width, y1 * height);
  pen.stroke();
}

function add(...line) {
  lines.push(line);
  draw(line);
}

new ResizeObserver(() => {
  board.width = board.clientWidth * devicePixelRatio;
  board.height = board.clientHeight * devicePixelRatio;
  lines.forEach(draw);
}).observe(board);

// ---- the server -----------------------------------------------------------------------------------

function show(text) {
  const who = people === 1 ? 'You are alone at the board.' : `${people} people are at the board.`;
  $('state').textContent = text ?? who;
}

socket.on('line', (...line) => {
  if (away) missed++; // what was missed comes before "connect"
  add(...line);
});
socket.on('clear', () => {
  lines = [];
  pen.clearRect(0, 0, board.width, board.height);
});
socket.on('people', (n) => {
  people = n;
  if (!away) show();
});
socket.on('connect', () => {
  if (away && socket.recovered) show(`Back, with ${missed} ${missed === 1 ? 'line' : 'lines'} that came meanwhile.`);
  else if (away) show('Back, with the whole board: the connection was away for too long.');
  setTimeout(() => ((away = false), (missed = 0)), 1500);
});
socket.on('disconnect', () => {
  away = true;
  missed = 0;
  show('The connection is lost. What you draw now is sent when it is back.');
});

// ---- pointer and buttons ----------------------------------------------------------------------------

const place = (e) => {
  const box = board.getBoundingClientRect();
  const within = (v) => Math.min(1, Math.max(0, Math.round(v * 1e4) / 1e4));
  return [within((e.clientX - box.left) / box.width), within((e.clientY - box.top) / box.height)];
};
board.addEventListener('pointerdown', (e) => {
  last = place(e);
  board.setPointerCapture(e.pointerId);
});
board.addEventListener('pointermove', (e) => {
  if (!last) return;
  const line = [...last, ...(last = place(e)), color];
  add(...line);
  socket.emit('line', ...line);
});
for (const end of ['pointerup', 'pointercancel']) board.addEventListener(end, () => (last = undefined));

for (const button of document.querySelectorAll('.pen'))
  button.addEventListener('click', () => {
    document.querySelector('.pen[aria-pressed="true"]').setAttribute('aria-pressed', 'false');
    button.setAttribute('aria-pressed', 'true');
    color = button.style.getPropertyValue('--pen').trim();
  });
$('clear').addEventListener('click', () => socket.emit('clear'));
$('cut').addEventListener('click', () => socket.io.engine.close()); // as a broken network does
