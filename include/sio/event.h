/* SPDX-License-Identifier: MIT
 *
 * event.h - reading what a client sent.
 *
 * A packet is checked completely when it arrives (JSON as in RFC 8259, UTF-8, depth), but no
 * argument is parsed before the host asks for it. Arguments are numbered from 0; the name of the
 * event is not one of them. An event, and all that these functions return, is valid until the
 * callback returns: sio_event_keep() makes a copy that lasts, and sio_event_take_ack() takes the
 * ack.
 *
 * A cJSON tree loses three things that the text has: a number is a double, so integers beyond 2^53
 * are rounded; and "\u0000" and a lone surrogate, in a string or in a key, become U+FFFD. Use
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

/* ---- reading arguments --------------------------------------------------------------------- */

/* The name of the event; "" for a reply. The two bytes "\xC0\x80" stand for U+0000, as in
 * sio_on(). */
SIO_EXTERN const char *sio_event_name(const sio_event *e);
/* The number of arguments. */
SIO_EXTERN size_t sio_event_count(const sio_event *e);
/* The number of bytes of all arguments together: their JSON text and their attachments. */
SIO_EXTERN size_t sio_event_size(const sio_event *e);
/* SIO_NULL, SIO_BOOL, SIO_NUM, SIO_STR, SIO_BIN, SIO_ARRAY or SIO_OBJECT; SIO_NULL if there is no
 * argument i. */
SIO_EXTERN enum sio_kind sio_event_kind(const sio_event *e, size_t i);
/* A string, NUL-terminated. NULL: the argument is not a string, contains U+0000, or memory ran
 * out. */
SIO_EXTERN const char *sio_event_str(sio_event *e, size_t i);
/* A string with its length, which may contain U+0000. A lone surrogate is U+FFFD. {NULL,0}: the
 * argument is not a string, or memory ran out. */
SIO_EXTERN sio_slice sio_event_strn(sio_event *e, size_t i);
/* These return false, and leave *out as it is, if the argument has another type. sio_event_int() is
 * exact: it returns false, too, for a number that is not an integer or does not fit. */
SIO_EXTERN bool sio_event_bool(const sio_event *e, size_t i, bool *out);
SIO_EXTERN bool sio_event_int(const sio_event *e, size_t i, int64_t *out);
SIO_EXTERN bool sio_event_double(const sio_event *e, size_t i, double *out);
/* The bytes of an argument that is an attachment; {NULL,0} if it is not. The pointer to an empty
 * attachment is not NULL. */
SIO_EXTERN sio_slice sio_event_bin(const sio_event *e, size_t i);
/* The JSON text of an argument. {NULL,0}: there is no argument i, or it contains attachments, which
 * a text would lose. sio_arg() has the text of every argument (u.p and n) together with its
 * attachments (bins and nbins). */
SIO_EXTERN sio_slice sio_event_json(const sio_event *e, size_t i);
/* The argument as a cJSON tree, which is made at the first call. Its nodes belong to the library:
 * no call of cJSON may change, detach or delete them. A node takes 64 bytes of memory; a client can
 * cause one with two bytes of JSON, or one byte of MessagePack. An object
 * stands for each attachment; sio_event_bin_of() returns its bytes. A tree with such an object, or
 * a copy of it, cannot be sent with sio_tree() (SIO_EPLACEHOLDER): use sio_arg(). NULL: there is no
 * argument i, or memory ran out. */
SIO_EXTERN const struct cJSON *sio_event_tree(sio_event *e, size_t i);
/* The attachment that a node of sio_event_tree() stands for; {NULL,0} for any other node. */
SIO_EXTERN sio_slice sio_event_bin_of(const sio_event *e, const struct cJSON *node);

/* ---- sending arguments on, and keeping them ------------------------------------------------ */

/* Argument i as a value to send, with its attachments: it is sent as it came. null if there is no
 * argument i. */
SIO_EXTERN sio_val sio_arg(const sio_event *e, size_t i);
/* All arguments as one value: SIO_ARGS(sio_event_args(e)) sends them all. */
SIO_EXTERN sio_val sio_event_args(const sio_event *e);

/* Makes a copy of the event with its attachments that belongs to the host, to be freed with
 * sio_event_free(). All functions of this header read it as they read the event. The ack remains
 * with the event. NULL: memory ran out. */
SIO_EXTERN sio_event *sio_event_keep(const sio_event *e);
/* Frees a copy that sio_event_keep() made. NULL is allowed. */
SIO_EXTERN void sio_event_free(sio_event *kept);

/* Makes an event out of a name and arguments, which are copied, for a host that keeps, shows or
 * passes on what it sends. It belongs to the host, to be freed with sio_event_free(). NULL: memory
 * ran out, or a value is invalid (SIO_EJSON, SIO_EPLACEHOLDER, SIO_EDEPTH). */
SIO_EXTERN sio_event *sio_event_new(const char *name, sio_args args);

/* For sio_use_packet(): changes what the next middleware and the handlers get. A name of NULL
 * leaves the name as it is. Name and arguments are copied. SIO_ENAME, SIO_EJSON, UV_ENOMEM. */
SIO_EXTERN int sio_event_replace(sio_event *e, const char *name, sio_args args);

/* ---- acks ---------------------------------------------------------------------------------- */

/* Does the client ask for an ack that was not sent or taken yet? */
SIO_EXTERN bool sio_event_wants_ack(const sio_event *e);
/* Sends the ack. Returns 0, too, if none was asked for. SIO_ESTATE: it was sent or taken already;
 * only the first one is sent. */
SIO_EXTERN int sio_reply(sio_event *e, sio_args args);
/* Takes the ack, to send it later. The host then ends it with sio_ack_send() or sio_ack_drop().
 * NULL: none was asked for, it was sent or taken already, or memory ran out. */
SIO_EXTERN sio_ack *sio_event_take_ack(sio_event *e);
/* Sends the ack and frees it, also when it returns an error. SIO_ECLOSED: the client has left. If
 * ack is NULL the function returns 0. */
SIO_EXTERN int sio_ack_send(sio_ack *ack, sio_args args);
/* Frees the ack without sending it. */
SIO_EXTERN void sio_ack_drop(sio_ack *ack);

#ifdef __cplusplus
}
#endif
#endif
