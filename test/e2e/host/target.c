/* SPDX-License-Identifier: MIT
 *
 * target.c - a JSON object becomes a sio_target.
 */
#include "target.h"

static const cJSON *get(const cJSON *how, const char *key) {
  return cJSON_GetObjectItemCaseSensitive(how, key);
}

static const char *const *names_of(const cJSON *array, const char *out[32]) {
  size_t n = 0;
  if (!cJSON_IsArray(array)) return NULL;
  for (const cJSON *item = array->child; item && n < 31; item = item->next)
    out[n++] = item->valuestring;
  out[n] = NULL;
  return out;
}

sio_target target_of(sio_socket *s, const cJSON *how, struct names *memory) {
  sio_target t = { .nsp = sio_socket_nsp(s),
                   .rooms = names_of(get(how, "to"), memory->to),
                   .except = names_of(get(how, "except"), memory->except) };
  if (!cJSON_IsTrue(get(how, "self"))) t.skip = s;
  if (cJSON_IsTrue(get(how, "volatile"))) t.flags = SIO_VOLATILE;
  if (cJSON_IsTrue(get(how, "local"))) t.flags |= SIO_LOCAL;
  if (cJSON_IsFalse(get(how, "compress"))) t.flags |= SIO_NO_COMPRESS;
  return t;
}
