// SPDX-License-Identifier: MIT
//
// The page of chat.c, which lists the events. A conversation is a room ("#lobby") or another's
// nickname. Whatever is written while the server is away waits here, and is sent on coming back.
"use strict";

const $ = (id) => document.getElementById(id);
const LOBBY = "#lobby";
const KEPT = 300; // messages of one conversation on this page

// ---- what we know -----------------------------------------------------------------------------

const me = {
  nick: sessionStorage.nick ?? "",
  // Proves to the server that it is still us who ask for the same nickname.
  key: (sessionStorage.secret ??= randomId()),
};
const talks = new Map(); // name -> conversation
let current = LOBBY;
let openRooms = []; // of the server: [{ name, members }]
let inside = false; // past the login
let lost = false; // the connection, for now

const socket = io({ autoConnect: false, reconnectionDelayMax: 2000, auth: (use) => use(me) });

function randomId() {
  return Array.from(crypto.getRandomValues(new Uint32Array(3)), (n) => n.toString(36)).join("");
}

function talkWith(name) {
  let talk = talks.get(name);
  if (!talk) {
    talk = {
      name,
      isRoom: name.startsWith("#"),
      messages: [],
      seen: new Map(), // "nick id" -> message: what a rejoin repeats is shown once
      members: null, // not told yet
      typing: new Map(), // nick -> timer
      unread: 0,
      last: 0, // the latest `at`: where a rejoin goes on from
    };
    talks.set(name, talk);
    remember();
  }
  return talk;
}

const isRoomMember = (name) => talks.has(name);
const rooms = () => [...talks.values()].filter((t) => t.isRoom);

function remember() {
  sessionStorage.nick = me.nick;
  sessionStorage.rooms = JSON.stringify(rooms().map((t) => t.name));
  sessionStorage.current = current;
}

// ---- the connection ---------------------------------------------------------------------------

socket.on("connect", () => {
  if (!inside) enter();
  if (lost) banner("Back online.", { good: true, ms: 2500 });
  lost = false;
  for (const talk of talks.values()) talk.isRoom ? join(talk) : sendWaiting(talk);
  paintState();
});

socket.on("disconnect", (reason) => {
  if (!inside) return;
  if (reason === "io server disconnect") {
    const run = () => socket.connect();
    banner("You came in from another window.", { action: "Use this one", run });
  } else if (reason !== "io client disconnect") {
    lost = true;
    banner("Connection lost. Trying to get back…");
  }
  paintState();
});

socket.on("connect_error", (err) => {
  if (socket.active) {
    // The client goes on trying by itself.
    if (!inside) $("login-error").textContent = "The server does not answer. Still trying…";
    return;
  }
  leaveApp(err.message); // refused, by the server's middleware
});

socket.io.on("reconnect_attempt", (n) => {
  if (inside && lost) banner(`Connection lost. Trying to get back… (${n})`);
});

function join(talk) {
  // From before the oldest message whose fate we do not know: if it arrived, we are sent it back.
  const since = Math.min(talk.last, ...waiting(talk).map((m) => m.since));
  talk.members = null;
  socket.emit("join", talk.name, since, (error) => {
    if (error) {
      note(talk, error);
      return;
    }
    sendWaiting(talk);
  });
}

// ---- messages ---------------------------------------------------------------------------------

const waiting = (talk) => talk.messages.filter((m) => m.state === "waiting");

function sendWaiting(talk) {
  for (const m of waiting(talk)) if (m.sentBy !== socket.id) deliver(talk, m);
}

function deliver(talk, m) {
  m.state = "waiting";
  if (socket.connected) {
    m.sentBy = socket.id; // another one after each reconnect
    const event = talk.isRoom ? "say" : "whisper";
    socket.timeout(10000).emit(event, talk.name, m.text, m.id, (failed, error, at) => {
      if (failed && !socket.connected) return; // it is sent again when we are back
      if (failed || error) fail(m, error ?? "No answer from the server.");
      else settle(talk, m, at);
    });
  }
  paintTick(m);
}

function settle(talk, m, at) {
  m.state = talk.isRoom ? "sent" : "read";
  if (at) {
    m.at = at;
    talk.last = Math.max(talk.last, at);
  }
  paintTick(m);
}

function fail(m, why) {
  m.state = "failed";
  m.why = why;
  paintTick(m);
}

function send(text) {
  const talk = talkWith(current);
  const m = {
    nick: me.nick,
    text,
    id: randomId(),
    at: Date.now(),
    mine: true,
    state: "waiting",
    since: talk.last,
  };
  hinted = 0; // the next message is worth a hint of its own
  show(talk, m);
  deliver(talk, m);
}

function show(talk, m) {
  if (m.id) talk.seen.set(`${m.nick} ${m.id}`, m);
  talk.messages.push(m);
  if (talk.messages.length > KEPT) forgetOldest(talk);
  if (talk.name === current) paintMessage(talk, m);
}

function forgetOldest(talk) {
  const m = talk.messages.shift();
  talk.seen.delete(`${m.nick} ${m.id}`);
  m.row?.remove();
}

function received(talk, nick, text, id, at) {
  talk.last = Math.max(talk.last, at);
  const known = talk.seen.get(`${nick} ${id}`);
  if (known) {
    if (known.state === "waiting") settle(talk, known, at);
    return;
  }
  stopTyping(talk, nick);
  const mine = nick === me.nick;
  show(talk, { nick, text, id, at, mine, state: mine ? "sent" : undefined });
  if (talk.name !== current || document.hidden) {
    if (!mine) talk.unread++;
    paintLists();
  }
}

function note(talk, text) {
  show(talk, { note: true, text, at: Date.now() });
}

socket.on("message", (room, nick, text, id, at) => {
  if (talks.has(room)) received(talks.get(room), nick, text, id, at);
});

socket.on("whisper", (nick, text, id, at, ack) => {
  received(talkWith(nick), nick, text, id, at);
  ack(); // the sender's second tick
  paintLists();
});

// ---- who is here, and who is typing -----------------------------------------------------------

socket.on("rooms", (list) => {
  openRooms = list;
  paintLists();
});

socket.on("members", (room, nicks) => {
  const talk = talks.get(room);
  if (!talk) return;
  nicks.sort((a, b) => a.localeCompare(b));
  if (talk.members) {
    for (const n of nicks) if (!talk.members.includes(n)) note(talk, `${n} came in`);
    for (const n of talk.members) if (!nicks.includes(n)) note(talk, `${n} left`);
  }
  talk.members = nicks;
  paintLists();
  paintTitle();
});

socket.on("typing", (where, nick) => {
  const talk = talks.get(where);
  if (!talk) return;
  clearTimeout(talk.typing.get(nick));
  talk.typing.set(nick, setTimeout(() => stopTyping(talk, nick), 3000));
  paintTyping();
});

function stopTyping(talk, nick) {
  clearTimeout(talk.typing.get(nick));
  talk.typing.delete(nick);
  paintTyping();
}

let hinted = 0;
function hintTyping() {
  if (!socket.connected || Date.now() - hinted < 1500) return;
  hinted = Date.now();
  socket.volatile.emit("typing", current);
}

const isHere = (nick) => rooms().some((t) => t.members?.includes(nick));

// ---- painting ---------------------------------------------------------------------------------

function el(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

const span = (className, textContent = "") => el("span", { className, textContent });

function icon(path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const p = document.createElementNS("http://www.w3.org/2000/svg", "path");
  p.setAttribute("d", path);
  svg.append(p);
  return svg;
}

function hue(nick) {
  let h = 0;
  for (const c of nick) h = (h * 31 + c.codePointAt(0)) % 360;
  return h;
}

function avatar(nick) {
  const node = span("avatar", [...nick][0].toUpperCase());
  node.ariaHidden = "true";
  node.style.setProperty("--hue", hue(nick));
  return node;
}

const clock = new Intl.DateTimeFormat([], { hour: "numeric", minute: "2-digit" });

const TICKS = {
  waiting: ["M12 7v5l3 2M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "waiting to be sent"],
  sent: ["m5 13 4 4L19 7", "the server has it"],
  read: ["m2 13 4 4L16 7M11 16l1 1L22 7", "delivered"],
  failed: ["M12 7v6M12 16.5v.5M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z", "not sent"],
};

function paintTick(m) {
  if (!m.tick) return;
  const [path, meaning] = TICKS[m.state];
  m.tick.className = `tick ${m.state}`;
  m.tick.title = m.why && m.state === "failed" ? m.why : meaning;
  m.tick.replaceChildren(icon(path), span("hidden", meaning));
  m.row.classList.toggle("failed", m.state === "failed");
  m.row.querySelector(".retry")?.remove();
  if (m.state !== "failed") return;
  const again = el("button", { className: "retry", textContent: `${m.why} Send again` });
  again.onclick = () => deliver(talkWith(current), m);
  m.row.querySelector(".body").append(again);
}

function paintMessage(talk, m) {
  const log = $("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60;
  log.querySelector(".empty")?.remove();
  if (m.note) m.row = el("li", { className: "note", textContent: m.text });
  else m.row = messageRow(m, before(talk, m));
  log.append(m.row);
  if (m.mine) paintTick(m);
  if (atEnd || m.mine) log.scrollTop = log.scrollHeight;
}

// The message above it, if it is of the same person and recent: then they share name and face.
function before(talk, m) {
  const above = talk.messages[talk.messages.indexOf(m) - 1];
  return above && above.nick === m.nick && m.at - above.at < 300000 ? above : null;
}

function messageRow(m, above) {
  const foot = el("span", { className: "foot" }, el("time", { textContent: clock.format(m.at) }));
  if (m.mine) foot.append((m.tick = el("span")));
  const body = el("div", { className: "body" });
  if (!above && !m.mine) {
    const name = el("strong", { textContent: m.nick });
    name.style.setProperty("--hue", hue(m.nick));
    body.append(name);
  }
  body.append(el("p", { className: "bubble" }, span("text", m.text), foot));
  const row = el("li", { className: `message ${m.mine ? "mine" : "theirs"}` });
  row.classList.toggle("more", Boolean(above));
  if (!m.mine) row.append(above ? span("avatar none") : avatar(m.nick));
  row.append(body);
  return row;
}

function paintLog() {
  const talk = talkWith(current);
  $("log").replaceChildren();
  for (const m of talk.messages) paintMessage(talk, m);
  if (talk.messages.length === 0) {
    const only = `Only you and ${talk.name} can read this.`;
    const textContent = talk.isRoom ? "Nothing has been said here yet." : only;
    $("log").append(el("li", { className: "empty", textContent }));
  }
  $("log").scrollTop = $("log").scrollHeight;
}

function row(talk, label, face, count) {
  const button = el("button", {}, face, span("label", label));
  if (talk?.unread) button.append(span("badge", talk.unread), span("hidden", " unread"));
  else if (count !== undefined) button.append(span("count", count));
  return button;
}

function roomRow({ name, members }) {
  const talk = talks.get(name);
  const button = row(talk, name.slice(1), span("hash", "#"), members);
  button.classList.toggle("outside", !talk);
  if (!talk) button.title = "Join this room";
  if (name === current) button.setAttribute("aria-current", "true");
  button.onclick = () => open(name);
  return el("li", {}, button);
}

function privateRow(talk) {
  const button = row(talk, talk.name, avatar(talk.name));
  button.classList.toggle("away", !isHere(talk.name));
  if (talk.name === current) button.setAttribute("aria-current", "true");
  button.onclick = () => open(talk.name);
  return el("li", {}, button);
}

function memberRow(nick) {
  const button = row(null, nick, avatar(nick));
  if (nick === me.nick) button.append(span("count", "you"));
  else button.title = `Write to ${nick} in private`;
  button.disabled = nick === me.nick;
  button.onclick = () => open(nick);
  return el("li", {}, button);
}

// Ours first, then by name; a room we are in is listed even if the server has not told of it yet.
function roomList() {
  const list = [...openRooms];
  for (const { name, members } of rooms())
    if (!list.some((r) => r.name === name)) list.push({ name, members: members?.length });
  const rank = (r) => (r.name === LOBBY ? 0 : isRoomMember(r.name) ? 1 : 2);
  return list.sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
}

function paintLists() {
  const privates = [...talks.values()].filter((t) => !t.isRoom);
  const unread = [...talks.values()].reduce((sum, t) => sum + t.unread, 0);
  $("rooms").replaceChildren(...roomList().map(roomRow));
  $("private").replaceChildren(...privates.map(privateRow));
  $("private-title").hidden = privates.length === 0;
  $("members").replaceChildren(...(talkWith(current).members ?? []).map(memberRow));
  document.title = unread ? `(${unread}) Chat` : "Chat";
  $("show-side").classList.toggle("unread", unread > 0);
}

function headcount(members) {
  if (!members) return "";
  return members.length === 1 ? "Only you are here" : `${members.length} people here`;
}

const presence = (nick) => `Private · ${isHere(nick) ? "here now" : "not in your rooms"}`;

function paintTitle() {
  const talk = talkWith(current);
  $("title").textContent = talk.isRoom ? `# ${talk.name.slice(1)}` : talk.name;
  $("subtitle").textContent = talk.isRoom ? headcount(talk.members) : presence(talk.name);
  $("leave").textContent = talk.isRoom ? "Leave" : "Close";
  $("leave").hidden = current === LOBBY;
  $("show-members").hidden = !talk.isRoom;
  $("app").classList.toggle("private", !talk.isRoom);
  $("text").placeholder = `Message ${talk.name}`;
}

function paintTyping() {
  const who = [...(talks.get(current)?.typing.keys() ?? [])];
  const some = who.length > 2 ? "Several people" : who.join(" and ");
  const dots = span("dots");
  dots.append(el("i"), el("i"), el("i"));
  $("typing").replaceChildren();
  if (who.length) $("typing").append(dots, `${some} ${who.length > 1 ? "are" : "is"} typing`);
}

function paintState() {
  $("state").textContent = socket.connected ? "online" : "offline";
  $("state").className = socket.connected ? "online" : "offline";
}

let bannerTimer;
function banner(text, { good = false, ms = 0, action, run } = {}) {
  clearTimeout(bannerTimer);
  $("banner").hidden = false;
  $("banner").className = good ? "good" : "";
  $("banner").replaceChildren(text);
  if (action) $("banner").append(el("button", { textContent: action, onclick: run }));
  if (ms) bannerTimer = setTimeout(() => ($("banner").hidden = true), ms);
}

// ---- moving about -----------------------------------------------------------------------------

function open(name) {
  const known = talks.has(name);
  current = name;
  const talk = talkWith(name);
  talk.unread = 0;
  if (!known && talk.isRoom && socket.connected) join(talk);
  remember();
  drawer("");
  paintTitle();
  paintLog();
  paintLists();
  paintTyping();
  if (matchMedia("(min-width: 800px)").matches) $("text").focus();
}

function leave() {
  const name = current;
  const { isRoom } = talkWith(name);
  if (isRoom && socket.connected) socket.emit("leave", name, () => {});
  talks.delete(name);
  open(LOBBY);
}

function enter() {
  inside = true;
  $("login").hidden = true;
  $("app").hidden = false;
  $("my-nick").textContent = me.nick;
  $("my-avatar").replaceWith(Object.assign(avatar(me.nick), { id: "my-avatar" }));
  const { rooms: kept = "[]", current: last } = sessionStorage;
  for (const name of [LOBBY, ...JSON.parse(kept)]) talkWith(name);
  $("banner").hidden = true;
  open(talks.has(last) ? last : LOBBY);
}

function leaveApp(why = "") {
  inside = lost = false;
  socket.disconnect();
  talks.clear();
  current = LOBBY;
  delete sessionStorage.nick;
  delete sessionStorage.rooms;
  $("app").hidden = true;
  $("login").hidden = false;
  $("login-error").textContent = why;
  $("nick").focus();
}

function drawer(which) {
  $("app").dataset.drawer = which;
}

$("login").querySelector("form").onsubmit = (event) => {
  event.preventDefault();
  me.nick = $("nick").value.trim();
  $("login-error").textContent = "";
  socket.disconnect().connect();
};

$("open-room").onsubmit = (event) => {
  event.preventDefault();
  const name = $("room-name").value.trim().replace(/^#+/, "").replace(/\s+/g, "-").toLowerCase();
  $("room-name").value = "";
  if (name) open(`#${name}`);
};

$("composer").onsubmit = (event) => {
  event.preventDefault();
  const text = $("text").value.trim();
  $("text").value = "";
  fit();
  if (text) send(text);
};

$("text").onkeydown = (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $("composer").requestSubmit();
};

function fit() {
  $("text").style.height = "auto";
  $("text").style.height = `${Math.min($("text").scrollHeight, 160)}px`;
}

$("text").oninput = () => {
  fit();
  if ($("text").value) hintTyping();
};

$("leave").onclick = leave;
$("logout").onclick = () => leaveApp();
$("show-side").onclick = () => drawer("side");
$("show-members").onclick = () => drawer("people");
$("scrim").onclick = () => drawer("");
addEventListener("keydown", (event) => event.key === "Escape" && drawer(""));
document.onvisibilitychange = () => {
  if (document.hidden || !inside) return;
  talkWith(current).unread = 0;
  paintLists();
};

if (me.nick) {
  $("nick").value = me.nick;
  socket.connect(); // a reload: straight back in
} else {
  $("nick").focus();
}
