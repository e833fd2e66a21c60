/* SPDX-License-Identifier: MIT
 *
 * event.h - reading what a peer sent: nothing is parsed until asked for.
 *
 * The packet was checked whole when it arrived (JSON of RFC 8259, UTF-8, depth), so a slice can be
 * relayed without parsing: sio_arg(), sio_event_args(). An event is borrowed until its callback
 * returns; sio_event_take_ack() is what may outlive it.
 *
 * cJSON trees lose three things that raw text keeps: a number is a double (integers beyond 2^53 are
 * rounded), and "\u0000" and a lone surrogate, in a string or a key, are U+FFFD. Use
 * sio_event_json(), sio_event_strn() or sio_event_int() where that matters.
 */
#ifndef SIO_EVENT_H
#define SIO_EVENT_H

#include <sio/error.h>
#include <sio/types.h>
#include <sio/value.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "" for an ack reply. A peer may write "\u0000" in a name, which a C string cannot hold: it is
 * U+FFFD here, so that no name looks like a shorter one. */
SIO_EXTERN const char *sio_event_name(const sio_event *e);
/* The name as it is, as long as the event. */
SIO_EXTERN sio_slice sio_event_name_slice(const sio_event *e);
SIO_EXTERN size_t sio_event_count(const sio_event *e); /* the name is not counted */
/* NULL BOOL NUM STR BIN, else JSON; NULL past the end. */
SIO_EXTERN enum sio_kind sio_event_kind(const sio_event *e, size_t i);
/* The text of a string argument, unescaped, NUL-terminated; NULL when it is no string, holds a NUL,
 * or no memory. */
SIO_EXTERN const char *sio_event_str(sio_event *e, size_t i);
/* The same with its length: "\u0000" is a byte of it. {NULL,0} when it is no string. A lone
 * surrogate is U+FFFD. */
SIO_EXTERN sio_slice sio_event_strn(sio_event *e, size_t i);
SIO_EXTERN bool sio_event_bool(const sio_event *e, size_t i, bool *out);
/* A number, integral, in range: exact. */
SIO_EXTERN bool sio_event_int(const sio_event *e, size_t i, int64_t *out);
SIO_EXTERN bool sio_event_num(const sio_event *e, size_t i, double *out);
/* Raw text, {NULL,0} past the end. */
SIO_EXTERN sio_slice sio_event_json(const sio_event *e, size_t i);
/* Parsed once, kept; NULL: past the end, or no memory. It is read only: its nodes are the
 * library's, and no call of cJSON may change, detach or delete them. A node takes 64 bytes, and a
 * peer may have written it in two bytes of JSON or one of MessagePack. */
SIO_EXTERN const struct cJSON *sio_event_tree(sio_event *e, size_t i);
/* An argument that is an attachment; {NULL,0} if it is not. */
SIO_EXTERN sio_slice sio_event_bin(const sio_event *e, size_t i);
/* Attachments in any depth: count, the k-th, and the one a {"_placeholder":true,"num":k} node of
 * the tree stands for. */
SIO_EXTERN size_t sio_event_bins(const sio_event *e);
SIO_EXTERN sio_slice sio_event_bin_at(const sio_event *e, size_t k);
SIO_EXTERN sio_slice sio_event_bin_of(const sio_event *e, const struct cJSON *node);

/* Argument i as a value to send on, with the attachments it refers to, untouched. */
SIO_EXTERN sio_val sio_arg(const sio_event *e, size_t i);
/* All arguments in one value: valid as the only element, it stands for all of them. */
SIO_EXTERN sio_val sio_event_args(const sio_event *e);

/* For sio_use_packet(): what later handlers will see. name NULL keeps the name. Copied. SIO_ENAME,
 * UV_ENOMEM, SIO_EJSON. */
SIO_EXTERN int sio_event_replace(sio_event *e, const char *name, sio_args args);

/* ---- acknowledgements ------------------------------------------------------------- */

SIO_EXTERN bool sio_event_wants_ack(const sio_event *e);
/* Answers the peer's ack. 0 also when none was asked for; SIO_ESTATE the second time: only the
 * first is sent. */
SIO_EXTERN int sio_reply(sio_event *e, sio_args args);
/* To answer later; the caller owns it and ends it with sio_ack_send() or sio_ack_drop(). NULL: not
 * asked for, taken, or no memory. */
SIO_EXTERN sio_ack *sio_event_take_ack(sio_event *e);
/* Consumes ack, even on error; SIO_ECLOSED: the peer left. NULL, for an ack nobody asked for: 0. */
SIO_EXTERN int sio_ack_send(sio_ack *ack, sio_args args);
SIO_EXTERN void sio_ack_drop(sio_ack *ack);
/* Whose it is; valid as long as the ack; NULL: a server's. */
SIO_EXTERN sio_socket *sio_ack_socket(const sio_ack *ack);

#ifdef __cplusplus
}
#endif
#endif
