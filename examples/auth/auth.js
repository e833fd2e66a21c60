// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const socket = io({ autoConnect: false, auth: (send) => send({ token }) });
let token, until = 0, whole = 1; // until and whole in milliseconds

function outside(text) {
  token = undefined;
  socket.disconnect();
  $('login').hidden = false;
  $('inside').hidden = true;
  $('state').textContent = text;
}

function valid(ms) {
  whole = Math.max(ms, whole);
  until = performance.now() + ms;
  $('token').textContent = `${token.slice(0, 8)}…`;
}

socket.on('you', (name, ms) => {
  whole = 1;
  valid(ms);
  $('login').hidden = true;
  $('inside').hidden = false;
  $('who').textContent = name;
  $('state').textContent = 'Connected, as long as the token is valid.';
});
socket.on('connect_error', (e) => {
  if (e.message === 'expired') outside('The token has expired. Sign in again.');
  else $('state').textContent = 'The connection is lost. Trying again…';
});
socket.on('disconnect', (reason) => {
  if (!token) return;
  if (reason === 'io server disconnect') outside('The token has expired. Sign in again.');
  else $('state').textContent = 'The connection is lost. Trying again…';
});

$('login').addEventListener('submit', async (e) => {
  e.preventDefault();
  const answer = await fetch('/login', { method: 'POST', body: `${$('name').value} ${$('password').value}` });
  const text = await answer.text();
  $('refused').hidden = answer.ok;
  $('refused').textContent = answer.ok ? '' : text;
  if (!answer.ok) return;
  token = text;
  $('password').value = '';
  socket.connect();
});
$('renew').addEventListener('click', async () => {
  const [fresh, ms] = await new Promise((done) => socket.emit('renew', (...a) => done(a)));
  token = fresh;
  valid(ms);
});
$('leave').addEventListener('click', () => outside('Signed out.'));

setInterval(() => {
  const left = Math.max(0, until - performance.now());
  $('time').value = left / whole;
  $('left').textContent = `${Math.ceil(left / 1000)} s left`;
}, 100);
