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
 * names. What each value means is described at its field in sio_stats (stats.h). A broadcast is
 * counted when it is complete: inside the callbacks of sio_on_any_outgoing() that it calls,
 * sio_events_sent_total and sio_packet_bytes do not contain it yet.
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

/* Answers GET and HEAD requests for this path with the text; if the server is a member of a
 * sio_threads, with that of all members (sio_threads_metrics()). The text is not protected: every
 * client that can reach the port can read it. To check requests first, call sio_metrics_text() in a
 * route of your own. UV_EINVAL: path is NULL, ends with '*', or is below the path of an engine;
 * SIO_EEXISTS: the route exists; UV_ENOMEM. */
SIO_EXTERN int sio_metrics_route(sio_server *srv, const char *path);

typedef void (*sio_metrics_cb)(sio_slice text, void *user);
/* Calls cb once with the whole text before it returns. The text is borrowed. UV_ENOMEM: cb was not
 * called; UV_EINVAL: cb is NULL. */
SIO_EXTERN int sio_metrics_text(const sio_server *srv, sio_metrics_cb cb, void *user);

#ifdef __cplusplus
}
#endif
#endif
