/* SPDX-License-Identifier: MIT
 *
 * threads_recovery.h - connection state recovery over several threads. If a client returns to
 * another member than before, the record of its socket moves to that member.
 */
#ifndef SIO_ADAPTERS_THREADS_RECOVERY_H
#define SIO_ADAPTERS_THREADS_RECOVERY_H

#include "adapters/threads_adapter.h"

/* Sets *out to NULL if recovery is off. Returns 0 or UV_ENOMEM. */
int sio__threads_recovery_new(struct threads_recovery **out, const struct core *core);
void sio__threads_recovery_free(struct threads_recovery *v); /* NULL is allowed */

/* The functions `restore` and `restore_over` of the adapter. */
void sio__threads_adapter_restore_socket(sio_adapter *a, sio_restore *r);
void sio__threads_adapter_on_restore_end(sio_adapter *a, sio_restore *r);

/* Numbers a broadcast that clients may miss. Members recognise it by this number. */
void sio__threads_recovery_number_broadcast(struct threads_adapter *a, struct request *r);
/* Called when a broadcast of this member was sent to the others, or one of another member has
 * arrived. */
void sio__threads_recovery_record_broadcast(struct threads_adapter *a, struct request *r);

/* Runs a REQUEST_RESTORE. */
void sio__threads_recovery_run_request(struct threads_adapter *a, struct request *r);
/* Answers a REQUEST_RESTORE: this member does not have the record. */
void sio__threads_recovery_answer_unknown(struct core *core, const struct request *r);

#endif
