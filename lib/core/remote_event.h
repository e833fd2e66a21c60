/* SPDX-License-Identifier: MIT
 *
 * remote_event.h - checks events and JSON that an adapter has received from another server, which
 * are trusted no more than what a peer sends.
 */
#ifndef SIO_CORE_REMOTE_EVENT_H
#define SIO_CORE_REMOTE_EVENT_H

#include "core/event.h"

/* Scans the array ["event",arguments...]; checks that it is UTF-8 and JSON, that it begins with a
 * name, and, if nbins is not 0, that the number in each placeholder of an attachment is less than
 * nbins. Returns 0, SIO_EJSON, SIO_EDEPTH, SIO_EPLACEHOLDER, SIO_ETOOBIG or UV_ENOMEM. */
int sio__remote_event_scan_and_check(struct json_scan *scan, sio_slice json, size_t nbins);
/* Initialises *e, an event without a socket, from a packet whose JSON was scanned. Returns 0;
 * UV_ENOMEM; or SIO_ENAME if the name contains a NUL. */
int sio__remote_event_init(struct sio_event *e, const struct packet *p);
/* True if json is one valid JSON value and, if nbins is not 0, each placeholder of an attachment in
 * it has a number less than nbins. Returns false if memory runs out. */
bool sio__is_single_remote_json_value_valid(sio_slice json, size_t nbins);

#endif
