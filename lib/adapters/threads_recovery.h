/* SPDX-License-Identifier: MIT
 *
 * threads_recovery.h - connection state recovery over several threads. If a client returns to
 * another member than before, the record of its socket moves to that member.
 */
#ifndef SIO_ADAPTERS_THREADS_RECOVERY_H
#define SIO_ADAPTERS_THREADS_RECOVERY_H

#include "adapters/threads_adapter.h"

/* Sets *out to a new struct, or to NULL if recovery is off. Returns 0 or UV_ENOMEM. */
int sio__threads_recovery_new(struct threads_recovery **out, const struct core *core);
void sio__threads_recovery_free(struct threads_recovery *v); /* NULL is allowed */

/* The functions `restore` and `restore_over` of sio__adapter_threads. */
void sio__threads_adapter_restore_socket(sio_adapter *a, sio_restore *r);
void sio__threads_adapter_on_restore_end(sio_adapter *a, sio_restore *r);

/* Gives a broadcast that recovery may have to send again its serial number, by which the servers of
 * all threads recognise it. */
void sio__threads_recovery_number_broadcast(struct threads_adapter *a, struct request *r);
/* Called when a broadcast of this server was sent to the other threads, and when one of another
 * thread has arrived. */
void sio__threads_recovery_record_broadcast(struct threads_adapter *a, struct request *r);

/* Handles a REQUEST_RESTORE of the server of another thread. */
void sio__threads_recovery_run_request(struct threads_adapter *a, struct request *r);
/* Answers a REQUEST_RESTORE: this server does not have the record. */
void sio__threads_recovery_answer_unknown(struct core *core, const struct request *r);

#endif
