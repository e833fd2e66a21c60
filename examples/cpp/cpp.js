// SPDX-License-Identifier: MIT
const $ = (id) => document.getElementById(id);
const socket = io();
let place; // { nick, room } once the server has let us in

function show(text, nick) {
  const line = document.createElement('li');
  if (nick) line.append(Object.assign(document.createElement('strong'), { textContent: nick }));
  else line.className = 'note';
  line.append(text);
  $('said').append(line);
  $('said').scrollTop = $('said').scrollHeight;
}

async function enter(nick, room) {
  $('said').replaceChildren();
  const error = await socket.emitWithAck('enter', nick, room);
  $('refused').textContent = error ?? '';
  $('refused').hidden = !error;
  $('enter').hidden = !error;
  $('talk').hidden = !!error;
  if (error) return;
  place = { nick, room };
  $('where').textContent = `# ${room}`;
  $('text').focus();
}

socket.on('connect', () => {
  $('state').textContent = 'Connected.';
  if (place) enter(place.nick, place.room);
});
socket.on('disconnect', () => ($('state').textContent = 'The connection is lost. Trying again…'));
socket.on('said', (nick, text) => show(text, nick));
socket.on('people', (count, nick, what) => {
  show(`${nick} ${what}`);
  $('state').textContent = count === 1 ? 'You are alone here.' : `${count} people are here.`;
});

$('enter').addEventListener('submit', (e) => {
  e.preventDefault();
  enter($('nick').value, $('room').value);
});
$('other').addEventListener('click', () => {
  $('talk').hidden = true;
  $('enter').hidden = false;
});
$('talk').addEventListener('submit', async (e) => {
  e.preventDefault();
  const text = $('text').value;
  $('text').value = '';
  const [error, people] = await new Promise((done) => socket.emit('say', text, (...a) => done(a)));
  $('ack').className = error ? 'bad' : 'dim';
  $('ack').textContent = error ?? `Delivered to ${people === 1 ? 'you alone' : `${people} people`}.`;
});
