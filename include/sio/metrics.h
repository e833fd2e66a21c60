/* SPDX-License-Identifier: MIT
 *
 * metrics.h - sio_stats as text in the format of Prometheus, version 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 *     sio_metrics_route(srv, "/metrics");
 *
 * Names begin with "sio_"; names of counters end in "_total". Units are seconds and bytes. Sockets,
 * rooms and events have one line for each namespace. Child namespaces (nsp.h) are added up under
 * their parent's pattern ("*" for sio_of_match()), so that clients cannot add lines by choosing
 * names. What each value means is described at its field in sio_stats (stats.h). A call of
 * sio_broadcast() is counted when it is complete: inside the callbacks of sio_on_any_outgoing()
 * that it calls, sio_events_sent_total and sio_packet_bytes do not contain it yet.
 *
 * All calls are made on the loop's thread.
 */
#ifndef SIO_METRICS_H
#define SIO_METRICS_H

#include <sio/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The Content-Type that the text is sent with. */
#define SIO_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Answers GET and HEAD requests for this path with the text of sio_metrics_text(). If the server is
 * a member of a sio_threads, the text is that of all members (sio_threads_fetch_metrics()). The
 * route is not protected: every client that can reach the port can read it. To check requests
 * first, call sio_metrics_text() in a route of your own. UV_EINVAL: path is NULL or not a valid
 * path, contains '*', or is below sio_options.path or the path of a sio_engine_route();
 * SIO_EEXISTS: the route exists; UV_ENOMEM. */
SIO_EXTERN int sio_metrics_route(sio_server *srv, const char *path);

typedef void (*sio_metrics_cb)(sio_slice text, void *user);
/* Makes the text and calls cb(text, user) once, before sio_metrics_text() returns. The text is
 * valid until cb returns. UV_EINVAL: cb is NULL; UV_ENOMEM; SIO_ETOOBIG: the text would be longer
 * than 64 MiB. After an error cb was not called. */
SIO_EXTERN int sio_metrics_text(const sio_server *srv, sio_metrics_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
