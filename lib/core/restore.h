/* SPDX-License-Identifier: MIT
 *
 * restore.h - struct sio_restore: a PENDING socket whose client names a pid that is not known here.
 * The adapter looks for it and may answer later (<sio/adapter.h>, "recovery").
 *
 *   ASKED --- sio__restore_done() ---> ANSWERED --- end of the turn: on_answer() ---> JOINING
 *   ASKED --- the time is up: on_answer() ---> JOINING
 *   any --- sio__socket_restore_end() ---> freed
 *
 * What the adapter has found is a recovery record without a socket, until
 * sio__socket_restore_use_answer() gives it to the socket.
 */
#ifndef SIO_CORE_RESTORE_H
#define SIO_CORE_RESTORE_H

#include "core/recovery.h"
#include "net/loop.h"

enum restore_state {
  RESTORE_ASKED,    /* the adapter has not answered yet */
  RESTORE_ANSWERED, /* it has answered in this turn */
  RESTORE_JOINING   /* the answer was used; the socket waits for middleware */
};

struct sio_restore {
  sio_socket *socket;             /* PENDING */
  struct recovery_record *record; /* what was found, until the socket takes it over */
  void (*on_answer)(sio_restore *r);
  void *owner; /* for on_answer */
  struct task task;
  struct timer timer;
  uint8_t state; /* enum restore_state */
  int cause;     /* why the socket is not recovered (enum sio_recovery_failure), or 0 */
  bool has_offset;
  size_t pid_len, offset_len;
  char text[]; /* the pid and the offset */
};

/* Asks the adapter. Sets *out before that. on_answer is called from the loop, not within this call,
 * and at most once; it may end the restore. UV_ENOMEM. */
int sio__socket_restore_ask_adapter(sio_socket *s, const struct recovery_claim *claim,
                                    void (*on_answer)(sio_restore *r), void *owner,
                                    sio_restore **out);
/* Uses the answer: the socket takes over what was found, or the failure is reported. */
void sio__socket_restore_use_answer(sio_restore *r);
/* The socket has joined, or never will. A record that it has not taken over is kept: see
 * sio__recovery_keep_found_record(). */
void sio__socket_restore_end(sio_restore *r);

/* ---- for adapters: members of sio_adapter_api ---- */

void sio__restore_get_info(const sio_restore *r, sio_restore_info *out);
int sio__restore_found(sio_restore *r, const sio_saved_socket *s);
int sio__restore_event(sio_restore *r, sio_slice json, const sio_slice *bins, size_t nbins,
                       sio_slice offset);
void sio__restore_done(sio_restore *r, int cause);

/* For the adapter of several threads. Adds an event that the client of a record without a socket
 * missed; after an error the client is not recovered. */
int sio__recovery_add_event_of_thread(struct recovery *recovery, struct recovery_record *rec,
                                      sio_slice json, const sio_slice *bins, size_t nbins);
/* As sio__restore_found(), with a record of sio__recovery_attach_record(). False: the answer is too
 * late. */
bool sio__socket_restore_set_record(sio_restore *r, struct recovery_record *rec);

#endif
