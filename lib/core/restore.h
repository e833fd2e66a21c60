/* SPDX-License-Identifier: MIT
 *
 * restore.h - struct sio_restore: a PENDING socket whose client names a pid that is not known here.
 * The adapter looks for it and may answer later (<sio/adapter.h>, "recovery").
 *
 *   ASKED --- sio__socket_restore_report_answer() ---> ANSWERED
 *   ANSWERED --- end of the loop's turn: on_answer() ---> JOINING
 *   ASKED --- the time is up: on_answer() ---> JOINING
 *   any --- sio__socket_restore_end() ---> freed
 *
 * What the adapter has found is a recovery record without a socket, until
 * sio__socket_restore_use_answer() gives it to the socket.
 */
#ifndef SIO_CORE_RESTORE_H
#define SIO_CORE_RESTORE_H

#include "core/recovery_claim.h"
#include "net/loop.h"

enum restore_state {
  RESTORE_ASKED,    /* the adapter has not answered yet */
  RESTORE_ANSWERED, /* it has answered in this turn */
  RESTORE_JOINING   /* the answer was used, and the socket waits for middleware */
};

struct sio_restore {
  sio_socket *socket; /* PENDING */
  /* The record that was found; NULL once the socket has taken it over. */
  struct recovery_record *record;
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

/* Asks the adapter for the socket of *claim. *out is set before the adapter is called. on_answer is
 * called from the loop, not within this call, and at most once; it may end the restore. Returns 0
 * or UV_ENOMEM. */
int sio__socket_restore_ask_adapter(sio_socket *s, const struct recovery_claim *claim,
                                    void (*on_answer)(sio_restore *r), void *owner,
                                    sio_restore **out);
/* Uses the answer: the socket takes over the record that was found, or the failure is reported. */
void sio__socket_restore_use_answer(sio_restore *r);
/* Ends the restore, because the socket has joined or never will. If a record was found and the
 * socket has not taken it over, it is kept: see sio__recovery_keep_record_again(). */
void sio__socket_restore_end(sio_restore *r);

/* ---- for adapters: members of sio_adapter_api ---- */

void sio__socket_restore_get_info(const sio_restore *r, sio_restore_info *out);
int sio__socket_restore_add_found_socket(sio_restore *r, const sio_saved_socket *s);
int sio__socket_restore_add_event(sio_restore *r, sio_slice json, const sio_slice *bins,
                                  size_t nbins, sio_slice offset);
void sio__socket_restore_report_answer(sio_restore *r, int cause);

/* For the adapter of several threads: adds an event to the recovery record of a client that was
 * not connected when the event was sent. After an error the client cannot be recovered. */
int sio__recovery_add_event_of_thread(struct recovery *recovery, struct recovery_record *rec,
                                      sio_slice json, const sio_slice *bins, size_t nbins);
/* Like sio__socket_restore_add_found_socket(), with a record that sio__recovery_attach_record() has
 * added. Returns false if the answer comes too late. */
bool sio__socket_restore_set_record(sio_restore *r, struct recovery_record *rec);

#endif
