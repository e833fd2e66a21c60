// SPDX-License-Identifier: MIT
//
// refusals.mjs - what the engine answers to a request that it refuses, and how to tell.
import { equal } from './lib.mjs';

export const refused = (code, message) => JSON.stringify({ code, message });
export const unknownTransport = refused(0, 'Transport unknown');
export const unknownSid = refused(1, 'Session ID unknown');
export const badMethod = refused(2, 'Bad handshake method');
export const badRequest = refused(3, 'Bad request');

export const isError = (r, body, status = 400) =>
  equal([r.status, r.headers['content-type'], r.body], [status, 'application/json', body]);
export const isText = (r, status, body) =>
  equal([r.status, r.headers['content-type'], r.body], [status, 'text/html', body]);
