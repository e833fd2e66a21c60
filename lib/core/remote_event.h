/* SPDX-License-Identifier: MIT
 *
 * remote_event.h - checks for what an adapter received from another server. Nothing of it is
 * trusted more than what a peer sends.
 */
#ifndef SIO_CORE_REMOTE_EVENT_H
#define SIO_CORE_REMOTE_EVENT_H

#include "core/event.h"

/* Scans ["event",arguments...] and checks that it is UTF-8 and JSON, and that each placeholder
 * names one of nbins attachments. 0; SIO_EJSON, SIO_EDEPTH, SIO_EPLACEHOLDER, SIO_ETOOBIG,
 * UV_ENOMEM. */
int sio__remote_event_scan_and_check(struct json_scan *scan, sio_slice json, size_t nbins);
/* Initialises an event without a socket from a scanned packet. 0; UV_ENOMEM; SIO_ENAME if its name
 * contains a NUL, because handlers are registered with C strings. */
int sio__remote_event_init(struct sio_event *e, const struct packet *p);
/* True if json is one valid JSON value, and each placeholder in it names one of nbins
 * attachments. */
bool sio__is_remote_json_valid(sio_slice json, size_t nbins);

#endif
