/* SPDX-License-Identifier: MIT
 *
 * metrics.h - sio_stats as text in the format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 *     sio_metrics_route(srv, "/metrics");
 *
 * Names begin with "sio_"; counters end in "_total", units are seconds and bytes. Sockets, rooms
 * and events are told for each namespace, those of a parent's children (nsp.h) together under the
 * parent's pattern ("*" for sio_of_match()), so that peers who choose names make no more lines.
 * What a counter counts stands at its field in sio_stats (server.h). A broadcast is counted when it
 * is over: inside it, where sio_on_any_outgoing() is called, what it has sent so far is
 * missing in sio_events_sent_total and sio_packet_bytes.
 *
 * All calls are made on the server's loop thread.
 */
#ifndef SIO_METRICS_H
#define SIO_METRICS_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The Content-Type that the text is sent with. */
#define SIO_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Answers GET and HEAD of exactly this path with the text, to anybody who can reach the port: for
 * more than that use sio_metrics_text() in a route of your own. UV_EINVAL: no path, a prefix ('*'),
 * or one that an engine takes for its own; SIO_EEXISTS, UV_ENOMEM. */
SIO_EXTERN int sio_metrics_route(sio_server *srv, const char *path);

/* Calls cb(text, user) once with the whole text, which is borrowed, before it returns. UV_ENOMEM:
 * cb was not called. UV_EINVAL: cb is NULL. */
typedef void (*sio_metrics_cb)(sio_slice text, void *user);
SIO_EXTERN int sio_metrics_text(const sio_server *srv, sio_metrics_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
