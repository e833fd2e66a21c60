/* SPDX-License-Identifier: MIT
 *
 * url.c - parses the url of Redis. A copy of the url is split in place.
 */
#include "redis/url.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/slice.h"

enum { PORT_MAX = 65535, DATABASE_MAX = 1000000, HOST_MAX = 255 };

#define BAD_PERCENT "url: a '%' is followed by 00, or not by two hexadecimal digits"

static int set_url_error(const char **why, int err, const char *text) {
  *why = text;
  return err;
}

static int url_hex_digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes each %XX in s. Returns false if a sequence is invalid or stands for a NUL. */
static bool url_decode_percent(char *s) {
  char *to = s;
  for (; *s; s++) {
    char c = *s;
    if (c == '%') {
      int high = url_hex_digit_value(s[1]), low = high < 0 ? -1 : url_hex_digit_value(s[2]);
      if (low < 0 || (high == 0 && low == 0)) return false;
      c = (char)(high << 4 | low);
      s += 2;
    }
    *to++ = c;
  }
  *to = '\0';
  return true;
}

/* Cuts s off at its first c (at its last one if `last` is true). Returns the text after that c, or
 * NULL if s has no c. */
static char *cut_text_at_char(char *s, char c, bool last) {
  char *at = last ? strrchr(s, c) : strchr(s, c);
  if (at) *at++ = '\0';
  return at;
}

static bool is_url_number_valid(const char *s, uint64_t most) {
  uint64_t v;
  return sio__slice_parse_u64(slice_str(s), &v) && v <= most;
}

/* Returns s after the zeros that it begins with; one that is the last character stays. */
static char *skip_leading_zeros(char *s) {
  while (*s == '0' && s[1]) s++;
  return s;
}

static int url_parse_login(struct redis_url *u, char *login, const char **why) {
  char *password = cut_text_at_char(login, ':', false);
  if (!url_decode_percent(login) || (password && !url_decode_percent(password)))
    return set_url_error(why, UV_EINVAL, BAD_PERCENT);
  u->user = *login ? login : NULL;
  u->password = password;
  return 0;
}

/* Parses one host: name, name:port, [address] or [address]:port. */
static int url_parse_host(struct redis_url *u, char *host, const char **why) {
  char *port = NULL;
  if (*host == '[') {
    char *rest = cut_text_at_char(host, ']', false);
    if (!rest || (*rest && *rest != ':'))
      return set_url_error(why, UV_EINVAL,
                           "url: ']' is missing, or something other than a port follows it");
    port = *rest ? rest + 1 : NULL;
    host++;
  } else {
    port = cut_text_at_char(host, ':', false);
  }
  if (port) port = skip_leading_zeros(port);
  if (port && (!is_url_number_valid(port, PORT_MAX) || strcmp(port, "0") == 0))
    return set_url_error(why, UV_EINVAL, "url: the port is not a number from 1 to 65535");
  if (strlen(host) > HOST_MAX)
    return set_url_error(why, UV_EINVAL, "url: the name of a host is longer than 255 bytes");
  const char *normal = u->kind == URL_SENTINEL ? "26379" : "6379";
  u->hosts[u->nhosts++] = (struct redis_host){ *host ? host : "localhost", port ? port : normal };
  return 0;
}

/* Parses the host of one server, or the hosts of sentinels or nodes, which commas separate. */
static int url_parse_hosts(struct redis_url *u, char *hosts, const char **why) {
  int err = 0;
  for (char *next; !err && hosts; hosts = next) {
    next = u->kind == URL_SERVER ? NULL : cut_text_at_char(hosts, ',', false);
    if (u->nhosts == URL_HOSTS)
      return set_url_error(why, UV_EINVAL, "url: it has more than 16 hosts");
    err = url_parse_host(u, hosts, why);
  }
  return err;
}

static int url_parse_database(struct redis_url *u, char *database, const char **why) {
  if (!database || !*database) return 0;
  database = skip_leading_zeros(database);
  if (!is_url_number_valid(database, DATABASE_MAX))
    return set_url_error(why, UV_EINVAL, "url: the database is not a number from 0 to 1000000");
  if (u->kind == URL_CLUSTER && strcmp(database, "0") != 0)
    return set_url_error(why, UV_EINVAL, "url: a Redis Cluster has only the database 0");
  u->database = u->kind == URL_CLUSTER ? NULL : database;
  return 0;
}

/* Parses what follows the first '/': database, or with sentinels master/database. `path` is NULL if
 * there is no '/'. */
static int url_parse_path(struct redis_url *u, char *path, const char **why) {
  char *database = path;
  if (u->kind == URL_SENTINEL) {
    database = path ? cut_text_at_char(path, '/', false) : NULL;
    if (!path || !*path)
      return set_url_error(why, UV_EINVAL,
                           "url: the name of the master is missing after the hosts");
    if (!url_decode_percent(path)) return set_url_error(why, UV_EINVAL, BAD_PERCENT);
    u->master = path;
  }
  return url_parse_database(u, database, why);
}

static int url_parse_redis_scheme(struct redis_url *u, char *rest, const char **why) {
  char *path = cut_text_at_char(rest, '/', false);
  char *hosts = cut_text_at_char(rest, '@', true);
  int err = hosts ? url_parse_login(u, rest, why) : 0;
  if (!err) err = url_parse_path(u, path, why);
  return err ? err : url_parse_hosts(u, hosts ? hosts : rest, why);
}

static int url_parse_unix_scheme(struct redis_url *u, char *path, const char **why) {
  if (*path != '/')
    return set_url_error(why, UV_EINVAL, "url: unix:// must be followed by an absolute path");
  if (!url_decode_percent(path)) return set_url_error(why, UV_EINVAL, BAD_PERCENT);
  u->path = path;
  return 0;
}

static const struct url_scheme {
  const char *name;
  enum redis_url_kind kind;
  bool secure;
} schemes[] = {
  { "redis://", URL_SERVER, false },
  { "rediss://", URL_SERVER, true },
  { "redis+sentinel://", URL_SENTINEL, false },
  { "rediss+sentinel://", URL_SENTINEL, true },
  { "redis+cluster://", URL_CLUSTER, false },
  { "rediss+cluster://", URL_CLUSTER, true },
};

int sio__redis_url_parse(struct redis_url *u, const char *url, const char **why) {
  *u = (struct redis_url){ 0 };
  *why = "";
  if (!url) url = "redis://localhost";
  if (!(u->text = sio__strndup(url, strlen(url)))) return UV_ENOMEM;
  if (strncmp(url, "unix://", 7) == 0) return url_parse_unix_scheme(u, u->text + 7, why);
  for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
    const struct url_scheme *s = &schemes[i];
    size_t n = strlen(s->name);
    if (strncmp(url, s->name, n) != 0) continue;
    u->kind = s->kind;
    u->secure = s->secure;
    return url_parse_redis_scheme(u, u->text + n, why);
  }
  return set_url_error(
      why, UV_EINVAL,
      "url: it must begin with unix://, redis[s]://, redis[s]+sentinel:// or redis[s]+cluster://");
}

void sio__redis_url_clear(struct redis_url *u) { sio__free(u->text); }

bool sio__redis_is_valid_host(sio_slice host) {
  for (size_t i = 0; i < host.n; i++)
    if (host.p[i] <= ' ' || host.p[i] > '~') return false;
  return host.n && host.n <= HOST_MAX;
}

bool sio__redis_is_valid_port(sio_slice port) {
  uint64_t v;
  return sio__slice_parse_u64(port, &v) && *port.p != '0' && v <= PORT_MAX;
}
