/* SPDX-License-Identifier: MIT
 *
 * route_log.c - finds out what is wrong with the arguments of a call that could not add a route.
 */
#include "server/route_log.h"
#include "eio/session.h"
#include "http/assets.h"
#include "http/file_options.h"
#include "http/routes.h"

/* A text that describes the first wrong argument; empty if none is known to be wrong. */
struct route_fault {
  char text[200];
};

static const char *replace_null_by_word_null(const char *text) { return text ? text : "NULL"; }

/* Returns the text for the log. fault describes a wrong argument, and is used only if err is
 * UV_EINVAL. The text of any other error says enough. */
static const char *choose_route_failure_text(int err, const char *fault) {
  return err == UV_EINVAL && *fault ? fault : sio_strerror(err);
}

static int route_log_flush_and_return_error(sio_server *srv, int err) {
  sio_log_flush(srv);
  return err;
}

static int log_refused_path(sio_server *srv, int err, const char *what, const char *path,
                            const char *fault) {
  LOG(&srv->core.log, SIO_LOG_ERROR, SIO_PART_HTTP, "cannot add %s for %.100s: %s", what,
      replace_null_by_word_null(path), choose_route_failure_text(err, fault));
  return route_log_flush_and_return_error(srv, err);
}

int sio__log_refused_route(sio_server *srv, int err, const char *method, const char *path,
                           sio_request_cb cb) {
  char what[64];
  const char *fault = sio__describe_route_path_fault_or_null(path, true);
  if (!fault) fault = cb ? "the method is invalid" : "the callback is NULL";
  snprintf(what, sizeof what, "a route of method %.32s", method ? method : "NULL (all)");
  return log_refused_path(srv, err, what, path, fault);
}

int sio__log_refused_websocket_route(sio_server *srv, int err, const char *path,
                                     const sio_ws_callbacks *cbs) {
  const char *fault = sio__describe_route_path_fault_or_null(path, true);
  if (!fault) fault = cbs ? "a field of sio_ws_callbacks is invalid" : "cbs is NULL";
  return log_refused_path(srv, err, "a WebSocket route", path, fault);
}

int sio__log_refused_metrics_route(sio_server *srv, int err, const char *path) {
  const char *fault = sio__describe_route_path_fault_or_null(path, false);
  if (!fault) fault = "the path begins with that of an engine";
  return log_refused_path(srv, err, "a route of the metrics", path, fault);
}

int sio__log_refused_engine_route(sio_server *srv, int err, const char *path,
                                  const sio_engine_callbacks *cbs) {
  const char *fault =
      !cbs ? "cbs is NULL" : "the path or a field of sio_engine_callbacks is invalid";
  return log_refused_path(srv, err, "an engine", path ? path : srv->opts.o.path, fault);
}

/* ---- files ----------------------------------------------------------------------------------- */

static void describe_prefix_or_options_fault(struct route_fault *fault, const char *prefix,
                                             const sio_files_options *options) {
  const char *path_fault = sio__describe_route_path_fault_or_null(prefix, false);
  if (path_fault)
    snprintf(fault->text, sizeof fault->text, "%s", path_fault);
  else
    sio__file_options_describe_fault(fault->text, sizeof fault->text, options);
}

int sio__log_refused_static(sio_server *srv, int err, const char *prefix, const char *dir,
                            const sio_files_options *options) {
  struct route_fault fault;
  describe_prefix_or_options_fault(&fault, prefix, options);
  LOG(&srv->core.log, SIO_LOG_ERROR, SIO_PART_HTTP,
      "cannot serve the files of directory %.100s under %.100s: %s", replace_null_by_word_null(dir),
      replace_null_by_word_null(prefix),
      choose_route_failure_text(err, *fault.text || dir ? fault.text : "dir is NULL"));
  return route_log_flush_and_return_error(srv, err);
}

int sio__log_refused_assets(sio_server *srv, int err, const char *prefix, const sio_asset *table,
                            size_t count, const sio_files_options *options) {
  struct route_fault fault;
  describe_prefix_or_options_fault(&fault, prefix, options);
  if (!*fault.text) sio__asset_table_write_fault_text(fault.text, sizeof fault.text, table, count);
  LOG(&srv->core.log, SIO_LOG_ERROR, SIO_PART_HTTP, "cannot serve files in memory under %.100s: %s",
      replace_null_by_word_null(prefix), choose_route_failure_text(err, fault.text));
  return route_log_flush_and_return_error(srv, err);
}
