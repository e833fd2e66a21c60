/* SPDX-License-Identifier: MIT
 *
 * threads_recovery.h - connection state recovery over several threads. If a client returns to the
 * server of another thread than before, the record of its socket moves to that server.
 */
#ifndef SIO_ADAPTERS_THREADS_RECOVERY_H
#define SIO_ADAPTERS_THREADS_RECOVERY_H

#include "adapters/threads_adapter.h"

/* Sets *out to a new struct, or to NULL if recovery is off. Returns 0 or UV_ENOMEM. */
int sio__threads_recovery_new(struct threads_recovery **out, const struct core *core);
void sio__threads_recovery_free(struct threads_recovery *v); /* NULL is allowed */

/* The function `restore` of sio__adapter_threads, if does_cluster_keep_lost_sockets() returns
 * false. */
void sio__threads_ask_others_for_recovery_record(sio_adapter *a, sio_restore *r);
/* Called by the function `restore_over` of sio__adapter_threads. */
void sio__threads_end_restore_from_other_threads(sio_adapter *a, sio_restore *r);

/* If recovery may have to send the broadcast r again: sets r->serial to a new number, by which the
 * servers of all threads recognise the broadcast. */
void sio__threads_recovery_set_serial_of_kept_broadcast(struct threads_adapter *a,
                                                        struct request *r);
/* Called when this server has sent the broadcast r to the other threads, and when the broadcast r
 * of another thread has arrived. If r has a serial number, remembers that number and, if a client
 * may be waiting for its recovery record, adds r to the list of recent broadcasts. */
void sio__threads_recovery_remember_broadcast(struct threads_adapter *a, struct request *r);

/* Handles a REQUEST_RESTORE, in which a server of sio_options.threads, which may be this one, asks
 * for a client's recovery record. */
void sio__threads_recovery_answer_or_defer_request(struct threads_adapter *a, struct request *r);
/* Answers a REQUEST_RESTORE: this server does not have the client's recovery record. */
void sio__threads_recovery_answer_without_record(struct core *core, const struct request *r);

#endif
