/* SPDX-License-Identifier: MIT
 *
 * restore.h - struct sio_restore: asks the adapter for a lost socket that has no recovery record on
 * this server. The client has sent the pid, a secret id, of the lost socket; its new socket is
 * PENDING meanwhile (<sio/adapter.h>, "recovery").
 *
 *   ASKED --- sio__socket_restore_end_answer_of_adapter() ---> ANSWERED
 *   ANSWERED --- end of the loop's turn: on_answer() ---> JOINING
 *   ASKED --- the time is up: on_answer() ---> JOINING
 *   any --- sio__socket_restore_end_and_free() ---> freed
 *
 * What the adapter has found is a recovery record without a socket, until
 * sio__socket_restore_apply_answer() gives it to the socket.
 */
#ifndef SIO_CORE_RESTORE_H
#define SIO_CORE_RESTORE_H

#include "core/recovery_claim.h"
#include "net/loop.h"

enum restore_state {
  RESTORE_ASKED,    /* the adapter has not answered yet */
  RESTORE_ANSWERED, /* the adapter has answered in this turn of the loop */
  RESTORE_JOINING   /* on_answer() was called; the socket may still wait for middleware */
};

/* The functions of a sio_restore for a client that has returned to the server of another thread.
 * That server has asked this server, which has the adapter, to look for the lost socket. When the
 * adapter answers by calling restore_found(), restore_event() and restore_done() of
 * sio_adapter_api, these functions pass the answer to the server that has asked. */
struct relayed_restore_ops {
  int (*found)(sio_restore *r, const sio_saved_socket *s);
  int (*event)(sio_restore *r, sio_slice json, const sio_slice *bins, size_t nbins,
               sio_slice offset);
  void (*done)(sio_restore *r, int cause);
};

struct sio_restore {
  const struct relayed_restore_ops *relay; /* NULL if the client has returned to this server */
  /* The new socket of the client, which is PENDING until it has joined; NULL if relay is set. */
  sio_socket *socket;
  /* The recovery record that the adapter has found. NULL before it was found, and after
   * sio__socket_restore_apply_answer(). */
  struct recovery_record *record;
  void (*on_answer)(sio_restore *r);
  void *owner; /* used by on_answer(), or by the functions of `relay` */
  struct task task;
  struct timer timer;
  uint8_t state; /* enum restore_state */
  int cause;     /* why the socket is not recovered (enum sio_recovery_failure), or 0 */
  bool has_offset;
  size_t pid_len, offset_len;
  char text[]; /* the pid and the offset */
};

/* Asks the adapter to look for the lost socket whose pid the client has sent (claim->pid), and
 * sets *out before the adapter is asked. When the adapter has answered or the time is up,
 * on_answer() is called: once, from the loop, and never within this call. on_answer() is not
 * called if sio__socket_restore_end_and_free() was called before; it may call that function
 * itself. Returns 0 or UV_ENOMEM. */
int sio__socket_restore_ask_adapter(sio_socket *s, const struct recovery_claim *claim,
                                    void (*on_answer)(sio_restore *r), void *owner,
                                    sio_restore **out);
/* Makes a sio_restore for a client that has returned to the server of another thread; see
 * relayed_restore_ops. It has no socket, and its fields never change. The caller frees it with
 * sio__free(). Returns NULL if memory runs out. */
sio_restore *sio__relayed_restore_new(const struct relayed_restore_ops *relay, void *owner,
                                      sio_slice pid, sio_slice offset, bool has_offset);
/* Called in on_answer(). If the adapter has found a record, and the client can be recovered from
 * it, gives it to the socket. Otherwise logs and counts why the client is not recovered, and frees
 * the record. */
void sio__socket_restore_apply_answer(sio_restore *r);
/* Frees r, because the socket has joined its namespace or never will, and calls the adapter's
 * restore_over(). If the adapter has found a record that was not given to the socket, first calls
 * sio__recovery_return_record_to_lost_sockets() for that record. */
void sio__socket_restore_end_and_free(sio_restore *r);

/* ---- for adapters: members of sio_adapter_api ---- */

void sio__socket_restore_get_info(const sio_restore *r, sio_restore_info *out);
int sio__socket_restore_add_found_socket(sio_restore *r, const sio_saved_socket *s);
int sio__socket_restore_add_missed_event(sio_restore *r, sio_slice json, const sio_slice *bins,
                                         size_t nbins, sio_slice offset);
void sio__socket_restore_end_answer_of_adapter(sio_restore *r, int cause);

/* Adds an event that the client of rec has missed. rec has come from the server of another thread
 * (adapters/threads_recovery.c). Returns 0, SIO_ETOOBIG or another error; after an error the client
 * cannot be recovered. */
int sio__recovery_add_event_from_other_thread(struct recovery *recovery,
                                              struct recovery_record *rec, sio_slice json,
                                              const sio_slice *bins, size_t nbins);
/* Stores rec as the recovery record that was found: rec has come from the server of another thread,
 * and was added with sio__recovery_adopt_record_of_other_thread(). Returns false, and does nothing,
 * if r has a record already, if the adapter has answered, or if its time to answer is over. */
bool sio__socket_restore_set_record(sio_restore *r, struct recovery_record *rec);

#endif
