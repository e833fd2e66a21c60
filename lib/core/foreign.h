/* SPDX-License-Identifier: MIT
 *
 * foreign.h - what another server sent is checked like what a peer sent.
 */
#ifndef SIO_CORE_FOREIGN_H
#define SIO_CORE_FOREIGN_H

#include "core/event.h"

/* ["event",arguments...]: UTF-8, JSON, and placeholders that all name one of nbins attachments. 0;
 * SIO_EJSON, SIO_EDEPTH, SIO_EPLACEHOLDER, SIO_ETOOBIG, UV_ENOMEM. */
int sio__foreign_event(struct json_scan *scan, sio_slice json, size_t nbins);
/* A packet that passed, as an event without socket. SIO_ENAME: the name holds a NUL, and hosts'
 * names are C strings. UV_ENOMEM. */
int sio__foreign_open(struct sio_event *e, const struct packet *p);
/* One JSON text, as in an argument. */
bool sio__foreign_value(sio_slice json, size_t nbins);

#endif
