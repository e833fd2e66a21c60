/* SPDX-License-Identifier: MIT
 *
 * file_options.c - copies the options of a route that serves files, and applies them to a request.
 */
#include "http/file_options.h"
#include "base/sized.h"
#include "http/head.h"

struct file_options {
  int (*on_request)(sio_request *r, void *user);
  void *user;
  size_t count;
  sio_header headers[]; /* after the array come the texts to which the headers point */
};

static bool is_valid_and_unreserved_answer_header(const sio_header *h) {
  return h->value && sio__http_is_token(slice_str(h->name)) &&
         sio__http_is_field_value(slice_str(h->value)) &&
         !sio__is_header_reserved_for_library(h->name);
}

static const sio_header *find_invalid_header_or_end(const sio_header *list) {
  while (list && list->name && is_valid_and_unreserved_answer_header(list)) list++;
  return list;
}

/* Counts the headers of a list, and the bytes of their names and values with the NULs. Returns
 * UV_EINVAL if a header is invalid or is not one that the host may set. */
static int validate_and_measure_headers(const sio_header *list, size_t *count, size_t *bytes) {
  *count = *bytes = 0;
  for (const sio_header *h = list; h && h->name; h++) {
    if (!is_valid_and_unreserved_answer_header(h)) return UV_EINVAL;
    *bytes += strlen(h->name) + strlen(h->value) + 2;
    ++*count;
  }
  return 0;
}

static const char *copy_string_and_advance(char **to, const char *text) {
  size_t n = strlen(text) + 1;
  char *copy = memcpy(*to, text, n);
  *to += n;
  return copy;
}

static struct file_options *file_options_new(const sio_files_options *from, size_t count,
                                             size_t bytes) {
  struct file_options *o = sio__malloc(sizeof *o + count * sizeof *o->headers + bytes);
  if (!o) return NULL;
  char *texts = (char *)(o->headers + count);
  *o = (struct file_options){ from->on_request, from->user, count };
  for (size_t i = 0; i < count; i++) {
    o->headers[i].name = copy_string_and_advance(&texts, from->headers[i].name);
    o->headers[i].value = copy_string_and_advance(&texts, from->headers[i].value);
  }
  return o;
}

int sio__file_options_validate_and_copy(struct file_options **out, const sio_files_options *from) {
  sio_files_options ours;
  size_t count, bytes;
  *out = NULL;
  if (!from) return 0;
  int err = sio__read_sized_struct(&ours, sizeof ours, from, sizeof ours);
  if (!err) err = validate_and_measure_headers(ours.headers, &count, &bytes);
  if (err) return err;
  *out = file_options_new(&ours, count, bytes);
  return *out ? 0 : UV_ENOMEM;
}

void sio__file_options_describe_fault(char *text, size_t size, const sio_files_options *from) {
  sio_files_options ours;
  *text = '\0';
  if (!from) return;
  if (sio__read_sized_struct(&ours, sizeof ours, from, sizeof ours)) {
    snprintf(text, size, "the size of the options is invalid, or an unknown field is set");
    return;
  }
  const sio_header *bad = find_invalid_header_or_end(ours.headers);
  if (bad && bad->name)
    snprintf(text, size, "the header \"%.64s\" is invalid, or only the library may set it",
             bad->name);
}

void sio__file_options_free(struct file_options *o) { sio__free(o); }

/* Adds the headers of the list to the answer, except those that the callback has set already. */
static int add_option_headers_unless_set(const struct file_options *o, sio_request *r) {
  size_t by_callback = r->extra_headers.n;
  int err = 0;
  for (size_t i = 0; i < o->count && !err; i++)
    if (!sio__request_has_answer_header(r, o->headers[i].name, by_callback))
      err = sio__request_add_answer_header(r, o->headers[i].name, slice_str(o->headers[i].value));
  return err;
}

bool sio__file_options_ask_host_and_add_headers(const struct file_options *o, sio_request *r) {
  if (!o) return true;
  int status = o->on_request ? o->on_request(r, o->user) : 0;
  if (r->answered) return false;
  if (status) {
    sio__request_answer(r, status >= 300 && status <= 599 ? status : 403, NULL, slice(NULL, 0));
    return false;
  }
  int err = add_option_headers_unless_set(o, r);
  if (err) sio__request_answer_500_or_close(r, err);
  return !err;
}
