/* SPDX-License-Identifier: MIT
 *
 * redis.c - a program of somebody else's that links libsio-redis.
 */
#include <sio/redis.h>
#include <sio/sio.h>
#include <stdio.h>
#include <uv.h>

int main(void) {
  sio_redis *redis = NULL;
  char why[128];
  int err = sio_redis_new(uv_default_loop(), &(sio_redis_options){ .url = "http://localhost" }, why,
                          sizeof why, &redis);
  printf("libsio %s, Redis by http: %s\n", sio_version(), why);
  return err == UV_EINVAL && sio_redis_adapter->size ? 0 : 1;
}
