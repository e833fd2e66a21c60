/* SPDX-License-Identifier: MIT
 *
 * foreign.h - what another server sent is checked like what a peer sent.
 */
#ifndef SIO_CORE_FOREIGN_H
#define SIO_CORE_FOREIGN_H

#include "core/event.h"
#include "core/foreign_json.h"

/* A packet that passed, as an event without socket. SIO_ENAME: the name holds a NUL, and hosts'
 * names are C strings. UV_ENOMEM. */
int sio__foreign_open(struct sio_event *e, const struct packet *p);

#endif
