/* SPDX-License-Identifier: MIT
 *
 * recovery_claim.h - a client that returns claims a recovery record: its CONNECT packet names a
 * pid, and the offset of the last event that it has received.
 */
#ifndef SIO_CORE_RECOVERY_CLAIM_H
#define SIO_CORE_RECOVERY_CLAIM_H

#include "core/recovery.h"

/* What the auth object of a CONNECT packet says, which the client may have made up. */
struct recovery_claim {
  sio_slice pid, offset;
  bool has_offset, is_valid;
  struct cJSON *auth; /* owned; pid and offset point into it */
};

/* If the auth of a PENDING socket has a valid pid and offset, the socket gets the id, the rooms and
 * the data of the lost one. Does nothing if recovery is off. Must be called from the loop, because
 * it may disconnect the old socket and run its callbacks. Returns true if the socket is still open
 * and the adapter has to be asked for *claim. The caller clears *claim in any case. */
bool sio__recovery_restore_socket(sio_socket *s, struct recovery_claim *claim);
void sio__recovery_claim_clear(struct recovery_claim *claim);

/* Gives a record that the adapter has found to the PENDING socket; if cause is not 0, frees the
 * record instead, which may be NULL, and reports the cause. */
void sio__recovery_give_found_record(sio_socket *s, struct recovery_record *rec, int cause);

/* Finds the record of a client that has returned to the server of another thread. Closes its old
 * socket, which may run callbacks of the host. number is the number of the client's CONNECT there;
 * if the client has come back here with a later CONNECT, the record is not given away. Returns 0
 * and sets *out to a record that is AWAY and whose replay has a start; or the reason why the socket
 * cannot be recovered (SIO_RECOVERY_...). */
int sio__recovery_find_for_other_thread(struct recovery *r, const struct recovery_claim *c,
                                        uint64_t number, struct recovery_record **out);

/* Logs and counts why a socket is not recovered: cause is SIO_RECOVERY_... */
void sio__recovery_report_failure(const sio_socket *s, int cause);

#endif
