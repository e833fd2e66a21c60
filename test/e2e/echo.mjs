// SPDX-License-Identifier: MIT
//
// echo.mjs - sessions in "/" of a host that sends each message back, over either transport.
import { Polling, equal, joined } from './lib.mjs';

export const POLLING = 'EIO=4&transport=polling';
export const WEBSOCKET = 'EIO=4&transport=websocket';

export const said = (text) => `42${JSON.stringify(['message', text])}`;
export const heard = (text) => `42${JSON.stringify(['message-back', text])}`;

export async function echoes(s, text = 'hello') {
  await s.send(said(text));
  equal(await s.poll(), heard(text));
}

export async function wsEchoes(w, text = 'hello') {
  w.send(said(text));
  equal(await w.next(), heard(text));
}

// Over polling.
export async function session(t, flags) {
  const host = await t.host(flags);
  const s = await Polling.open(host);
  await s.join();
  return s;
}

// Over WebSocket.
export async function socket(t, flags) {
  const host = await t.host(flags);
  const w = await joined(host);
  w.host = host;
  return w;
}

// The next message that is no ping; pings are answered.
export async function nextAnswering(w) {
  for (;;) {
    const m = await w.next();
    if (m !== '2') return m;
    w.send('3');
  }
}
