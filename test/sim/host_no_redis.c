/* SPDX-License-Identifier: MIT
 *
 * host_no_redis.c - in the place of host_redis.c, where hiredis is missing: no life has a Redis.
 */
#include "host.h"
#include "loop.h"

void host_redis_draw(void) { host.nmembers = loop.count = 1; }
bool host_redis_draw_cluster(void) {
  host_redis_draw();
  return false;
}
void host_redis_connect_threads(void) {}
void host_redis_start(sio_options *o) { (void)o; }
void host_redis_idle(void) {}
void host_redis_act(void) {}
void host_redis_gone(void) {}
void host_redis_check_settled(void) {}
void host_redis_check_end(void) {}
bool host_redis_is_sure(int from, int to) {
  (void)from, (void)to;
  return true;
}
uint64_t host_redis_counted(int member) {
  (void)member;
  return 0;
}
