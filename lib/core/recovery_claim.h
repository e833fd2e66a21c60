/* SPDX-License-Identifier: MIT
 *
 * recovery_claim.h - what a returning client says in its CONNECT packet: a pid, which identifies
 * its recovery record, and the offset of the last event that it has received; or no offset if it
 * has received none. This claim is checked before the record is given to the client's new socket.
 */
#ifndef SIO_CORE_RECOVERY_CLAIM_H
#define SIO_CORE_RECOVERY_CLAIM_H

#include "core/recovery.h"

/* The members "pid" and "offset" of the auth object in a CONNECT packet. A client may send any
 * values, so they must not be trusted. */
struct recovery_claim {
  sio_slice pid, offset;
  bool has_offset; /* the auth has a member "offset" */
  bool is_valid;   /* the offset is a string, or missing */
  /* Owned; pid and offset point into it. NULL if they came from the server of another thread. */
  struct cJSON *auth;
};

/* Reads the auth of the PENDING socket s into *claim. If this server has the recovery record with
 * the pid in the auth, and the client can be recovered from it, s gets the id, the rooms and the
 * data of the client's lost socket. If the client cannot be recovered although its session is open,
 * counts and logs the failure, and frees the record. If the auth contains no pid or recovery is
 * off, s stays a new socket. If the old socket of the client is still connected, its session is
 * ended and its callbacks run; so this must be called by the loop, not by code that the host has
 * called. Returns true if the adapter has to be asked for the record. The caller clears *claim in
 * any case. */
bool sio__recovery_restore_or_should_ask_adapter(sio_socket *s, struct recovery_claim *claim);
void sio__recovery_claim_clear(struct recovery_claim *claim);

/* If cause is 0, gives rec, which the adapter has found, to the PENDING socket s. If cause is not
 * 0, or if that fails, counts and logs the cause, and frees rec. rec may be NULL if cause is not
 * 0. */
void sio__recovery_restore_from_found_record(sio_socket *s, struct recovery_record *rec, int cause);

/* Finds the record of a client that has returned to the server of another thread, and checks the
 * claim. If the client has an old socket on this server, ends the session of that socket first,
 * which may run callbacks of the host. number was given by sio__threads_next_number() when the
 * client returned to the other thread. If the client has returned to this server later than that,
 * the record is not found. Returns 0 and sets *out to a record without a socket, whose replay.from
 * is set. If the client cannot be recovered from its record, frees the record. Then, or if there is
 * no record, returns the reason (SIO_RECOVERY_...). */
int sio__recovery_claim_record_for_other_thread(struct recovery *r, const struct recovery_claim *c,
                                                uint64_t number, struct recovery_record **out);

/* Ends the session of the old socket of a client that has returned to the server of another thread,
 * so that the adapter is given the state of that socket (SIO_ADAPTER_RECOVERS). This may run
 * callbacks of the host. number is as for sio__recovery_claim_record_for_other_thread(). */
void sio__recovery_close_old_session_by_pid(struct recovery *r, sio_slice pid, uint64_t number);

/* Writes a log line that says why the client of s is not recovered, and counts the failure in
 * sio_stats. cause is an enum sio_recovery_failure other than 0. */
void sio__recovery_count_and_log_failure(const sio_socket *s, int cause);

#endif
