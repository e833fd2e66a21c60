/* SPDX-License-Identifier: MIT
 *
 * event.h - reading what a client sent.
 *
 * A packet is checked completely when it arrives (JSON as in RFC 8259, UTF-8, depth), but no
 * argument is parsed before the program asks for it. Arguments are numbered from 0; the name of the
 * event is not one of them. The event that a callback gets, and what these functions return of it,
 * is valid until the callback returns (in packet middleware see sio_use_packet(), too):
 * sio_event_keep() makes a copy that lasts, and sio_event_take_ack() takes the ack.
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

/* Returns the name of the event; "" for a reply to an event. In the text the two bytes "\xC0\x80"
 * stand for U+0000, as in sio_on(). */
SIO_EXTERN const char *sio_event_name(const sio_event *e);
/* Returns the number of arguments. */
SIO_EXTERN size_t sio_event_count(const sio_event *e);
/* Returns how many bytes all arguments have together: their JSON text, with the commas between
 * them, and their attachments. */
SIO_EXTERN size_t sio_event_size(const sio_event *e);
/* Returns the type of argument i: SIO_NULL, SIO_BOOL, SIO_NUM, SIO_STR, SIO_BIN, SIO_ARRAY or
 * SIO_OBJECT. Returns SIO_NULL also if there is no argument i. */
SIO_EXTERN enum sio_kind sio_event_kind(const sio_event *e, size_t i);
/* Returns argument i if it is a string, with a NUL at its end. Returns NULL if it is not a string,
 * if it contains U+0000 (see sio_event_strn()), or if memory ran out. */
SIO_EXTERN const char *sio_event_str(sio_event *e, size_t i);
/* Returns argument i if it is a string, with its length. The string may contain U+0000; U+FFFD
 * stands for a lone surrogate. Returns {NULL,0} if the argument is not a string, or if memory ran
 * out. */
SIO_EXTERN sio_slice sio_event_strn(sio_event *e, size_t i);
/* Write the value of argument i to *out and return true, if it has the type that the name of the
 * function says. Otherwise they return false and leave *out unchanged. sio_event_int() never
 * rounds: it returns false for a number that is not an integer or does not fit into an int64_t. */
SIO_EXTERN bool sio_event_bool(const sio_event *e, size_t i, bool *out);
SIO_EXTERN bool sio_event_int(const sio_event *e, size_t i, int64_t *out);
SIO_EXTERN bool sio_event_double(const sio_event *e, size_t i, double *out);
/* Returns the bytes of argument i if it is an attachment, otherwise {NULL,0}. For an attachment of
 * length 0 the pointer is not NULL. */
SIO_EXTERN sio_slice sio_event_bin(const sio_event *e, size_t i);
/* Returns the JSON text of argument i. Returns {NULL,0} if there is no argument i, or if the
 * argument contains attachments, which are not part of its text. For these use sio_arg(e, i), which
 * has the text (u.p and n) and the attachments (bins and nbins). */
SIO_EXTERN sio_slice sio_event_json(const sio_event *e, size_t i);
/* Returns argument i as a cJSON tree, which is made by the first call. The tree belongs to the
 * library: do not use functions of cJSON that change, detach or delete its nodes. Each node takes
 * about 64 bytes of memory; a client can cause one with two bytes of JSON, or one byte of
 * MessagePack. In the tree an object stands for each attachment; sio_event_bin_of() returns its
 * bytes. A tree with such an object, or a copy of the tree, cannot be sent with sio_tree()
 * (SIO_EPLACEHOLDER): use sio_arg(). Returns NULL if there is no argument i, or if memory ran
 * out. */
SIO_EXTERN const struct cJSON *sio_event_tree(sio_event *e, size_t i);
/* Returns the bytes of the attachment for which a node of sio_event_tree() stands, or {NULL,0} for
 * any other node. */
SIO_EXTERN sio_slice sio_event_bin_of(const sio_event *e, const struct cJSON *node);

/* ---- sending arguments on, and keeping them ------------------------------------------------ */

/* Returns argument i as a value for SIO_ARGS(), with its attachments, so that it is sent unchanged.
 * Returns the value null if there is no argument i. */
SIO_EXTERN sio_val sio_arg(const sio_event *e, size_t i);
/* Returns all arguments as one value: SIO_ARGS(sio_event_args(e)) sends them all as separate
 * arguments. */
SIO_EXTERN sio_val sio_event_args(const sio_event *e);

/* Returns a copy of the event with its attachments. The copy belongs to the program, which frees it
 * with sio_event_free(); the functions of this header read it like the event itself. Nothing is
 * shared with the event: the call copies the text and all bytes of the attachments, and scans the
 * text once more. The copy takes sio_event_size() bytes of memory and usually 1 to 3 KiB more. It
 * has no ack: only the event itself can be replied to. Another thread may read bytes and texts that
 * these functions have returned of a copy, until the copy is freed. Returns NULL if memory ran
 * out. */
SIO_EXTERN sio_event *sio_event_keep(const sio_event *e);
/* Frees an event that sio_event_keep() or sio_event_new() returned; it may be freed after the
 * server has closed. kept may be NULL. */
SIO_EXTERN void sio_event_free(sio_event *kept);

/* Makes an event from a name and arguments, for a program that keeps or shows what it sends. Name
 * and arguments are copied. The event belongs to the program, which frees it with sio_event_free().
 * Returns NULL if memory ran out, or if a value cannot be sent (see the errors in emit.h). */
SIO_EXTERN sio_event *sio_event_new(const char *name, sio_args args);

/* Changes the event that the next middleware and the callbacks of sio_on() get; to be called in
 * packet middleware (sio_use_packet()). If name is NULL, the event keeps its name. name and args
 * are copied. SIO_ENAME: name is reserved; SIO_EJSON and others: a value cannot be sent; UV_ENOMEM.
 * After an error the event is unchanged. */
SIO_EXTERN int sio_event_set_name_and_args(sio_event *e, const char *name, sio_args args);

/* ---- acks ---------------------------------------------------------------------------------- */

/* Returns true if the sender asked for an ack, and the ack has not been sent or taken yet. */
SIO_EXTERN bool sio_event_wants_ack(const sio_event *e);
/* Sends the ack of the event, with args as its arguments (for an event of another server, only the
 * first of them). Returns 0 also if the sender asked for no ack. SIO_ESTATE: the ack was sent or
 * taken already (an event has at most one ack); or an error of sio_emit(). */
SIO_EXTERN int sio_reply(sio_event *e, sio_args args);
/* Takes the ack of an event, so that it can be sent after the callback has returned. The program
 * then has to call sio_ack_send() or sio_ack_drop(). Returns NULL if the sender asked for no ack,
 * if the ack was sent or taken already, or if memory ran out. */
SIO_EXTERN sio_ack *sio_event_take_ack(sio_event *e);
/* Sends a taken ack with args as its arguments, and frees it, also if sending fails. If ack is
 * NULL, does nothing and returns 0. SIO_ECLOSED: the client has disconnected, or the namespace that
 * received the event of another server is closed; or another error of sio_emit(). */
SIO_EXTERN int sio_ack_send(sio_ack *ack, sio_args args);
/* Frees a taken ack without sending it. ack may be NULL. */
SIO_EXTERN void sio_ack_drop(sio_ack *ack);

#ifdef __cplusplus
}
#endif
#endif
