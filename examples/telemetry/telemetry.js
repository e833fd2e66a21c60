// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const socket = io();
const WINDOW_S = 10;
let samples = []; // { number, seconds, speed, load } of the last ten seconds
let arrived = 0, skipped = 0, running = true, recent = [];

function showRunning(run) {
  running = run;
  $('run').textContent = run ? 'Stop' : 'Start';
  $('run').className = run ? 'danger end' : 'end';
  $('state').textContent = run ? 'The machine runs and is measured 200 times a second.' : 'The machine is stopped.';
}

socket.on('connect', () => ($('run').disabled = false));
socket.on('disconnect', () => {
  $('run').disabled = true;
  $('state').textContent = 'The connection is lost. Trying again…';
});
socket.on('running', showRunning);
socket.on('confirm', (ack) => ack()); // all samples before it have been handled

socket.on('sample', (number, seconds, speed, load) => {
  const last = samples.at(-1);
  if (last && number < last.number) samples = []; // the server has begun anew
  else if (last) skipped += number - last.number - 1;
  arrived++;
  recent.push(performance.now());
  samples.push({ number, seconds, speed, load });
  while (samples[0].seconds < seconds - WINDOW_S) samples.shift();
});

// The button says what the server has confirmed, not what was clicked.
$('run').addEventListener('click', async () => {
  $('run').disabled = true;
  showRunning(await socket.timeout(5000).emitWithAck('run', !running).catch(() => running));
  $('run').disabled = false;
});

function line(pen, width, height, key, color) {
  const end = samples.at(-1).seconds;
  pen.beginPath();
  for (const s of samples)
    pen.lineTo(width * (1 - (end - s.seconds) / WINDOW_S), height * (1 - s[key] / 100));
  pen.strokeStyle = color;
  pen.lineWidth = 1.75;
  pen.lineJoin = 'round';
  pen.stroke();
}

function draw() {
  requestAnimationFrame(draw);
  const canvas = $('plot'), { clientWidth: width, clientHeight: height } = canvas;
  const style = getComputedStyle(document.body), color = (name) => style.getPropertyValue(name);
  canvas.width = width * devicePixelRatio;
  canvas.height = height * devicePixelRatio;
  const pen = canvas.getContext('2d');
  pen.scale(devicePixelRatio, devicePixelRatio);
  pen.font = '12px system-ui';
  const percents = [25, 50, 75].map((percent) => [percent, Math.round(height * (1 - percent / 100)) + 0.5]);
  pen.strokeStyle = color('--line');
  for (const [, y] of percents) pen.strokeRect(0, y, width, 0);
  if (samples.length === 0) return;
  line(pen, width, height, 'load', color('--good'));
  line(pen, width, height, 'speed', color('--accent'));
  pen.fillStyle = color('--dim');
  for (const [percent, y] of percents) pen.fillText(percent, 6, y - 4);
  const now = performance.now();
  recent = recent.filter((at) => at > now - 1000);
  $('speed').textContent = samples.at(-1).speed.toFixed(1);
  $('load').textContent = `${samples.at(-1).load.toFixed(0)} %`;
  $('rate').textContent = recent.length;
  $('arrived').textContent = arrived;
  $('skipped').textContent = skipped;
}
draw();
