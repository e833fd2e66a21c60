/* SPDX-License-Identifier: MIT
 *
 * nsp_note.c - the list of notes about namespaces that the server keeps for a client.
 */
#include "core/nsp_note.h"

#include "base/mem.h"
#include "core/nsp.h"
#include <assert.h>

struct nsp_note **sio__nsp_note_find(struct client *cl, sio_slice nsp, bool is_request) {
  struct nsp_note **at = &cl->nsp_notes;
  while (*at && ((*at)->is_request != is_request || !slice_equals_str(nsp, (*at)->nsp)))
    at = &(*at)->next;
  return at;
}

static void nsp_note_unlink_and_free(struct nsp_note **at) {
  struct nsp_note *note = *at;
  assert(!note->is_request);
  *at = note->next;
  sio__free(note);
}

/* Frees the oldest notes about namespaces that the client has left, so that at most max_nsps of
 * these notes stay. A later packet for a namespace whose note was freed may end the session. */
static void drop_left_nsp_notes_beyond_max_nsps(struct client *cl) {
  uint32_t left = core_of_client(cl)->opts->max_nsps;
  for (struct nsp_note **at = &cl->nsp_notes; *at;) {
    if ((*at)->is_request || left > 0) {
      if (!(*at)->is_request) left--;
      at = &(*at)->next;
    } else {
      nsp_note_unlink_and_free(at);
    }
  }
}

/* If memory runs out, nothing is remembered. Then a packet for nsp that the peer has already sent
 * may end the session. */
static void add_note_of_left_namespace(struct client *cl, sio_slice nsp, bool answered_twice) {
  struct nsp_note *note = sio__malloc(sizeof *note + nsp.n + 1);
  if (!note) return;
  char *name = (char *)(note + 1);
  memcpy(name, nsp.p, nsp.n);
  name[nsp.n] = '\0';
  *note = (struct nsp_note){ .next = cl->nsp_notes, .nsp = name, .answered_twice = answered_twice };
  cl->nsp_notes = note;
  drop_left_nsp_notes_beyond_max_nsps(cl);
}

void sio__client_remember_left_nsp(struct client *cl, sio_slice nsp) {
  add_note_of_left_namespace(cl, nsp, false);
}

void sio__client_remember_nsp_left_after_connect_answered_twice(struct client *cl, sio_slice nsp) {
  add_note_of_left_namespace(cl, nsp, true);
}

bool sio__client_has_left_nsp(struct client *cl, sio_slice nsp) {
  return *sio__nsp_note_find(cl, nsp, false) != NULL;
}

bool sio__client_has_left_nsp_after_connect_answered_twice(struct client *cl, sio_slice nsp) {
  const struct nsp_note *note = *sio__nsp_note_find(cl, nsp, false);
  return note && note->answered_twice;
}

void sio__client_forget_left_nsp(struct client *cl, sio_slice nsp) {
  struct nsp_note **at = sio__nsp_note_find(cl, nsp, false);
  if (*at) nsp_note_unlink_and_free(at);
}

void sio__client_free_nsp_notes(struct client *cl) {
  while (cl->nsp_notes) nsp_note_unlink_and_free(&cl->nsp_notes);
}
