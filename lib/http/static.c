/* SPDX-License-Identifier: MIT
 *
 * static.c - serves files of a directory: opens the file that a URL path names, and answers with
 * its content.
 */
#include "http/static.h"
#include "base/os.h"
#include "base/percent.h"
#include "http/condition.h"
#include "http/date.h"
#include "http/range.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_ROOM = 1024, TAG_ROOM = 48 };

/* O_NONBLOCK, because opening a pipe must not block. O_NOCTTY, because a terminal must not become
 * the controlling terminal of the process. */
#define FILE_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

/* ---- types ------------------------------------------------------------------------ */

static sio_slice file_extension(sio_slice path) {
  for (size_t i = path.n; i > 0 && path.p[i - 1] != '/'; i--)
    if (path.p[i - 1] == '.') return slice(path.p + i, path.n - i);
  return slice(NULL, 0);
}

const char *sio__static_media_type_of_file_name(sio_slice path) {
  static const char types[] = "html\0text/html; charset=utf-8\0"
                              "htm\0text/html; charset=utf-8\0"
                              "js\0text/javascript; charset=utf-8\0"
                              "mjs\0text/javascript; charset=utf-8\0"
                              "css\0text/css; charset=utf-8\0"
                              "json\0application/json; charset=utf-8\0"
                              "map\0application/json; charset=utf-8\0"
                              "txt\0text/plain; charset=utf-8\0"
                              "md\0text/markdown; charset=utf-8\0"
                              "csv\0text/csv; charset=utf-8\0"
                              "xml\0text/xml; charset=utf-8\0"
                              "svg\0image/svg+xml\0"
                              "png\0image/png\0"
                              "jpg\0image/jpeg\0"
                              "jpeg\0image/jpeg\0"
                              "gif\0image/gif\0"
                              "webp\0image/webp\0"
                              "avif\0image/avif\0"
                              "ico\0image/x-icon\0"
                              "woff\0font/woff\0"
                              "woff2\0font/woff2\0"
                              "ttf\0font/ttf\0"
                              "otf\0font/otf\0"
                              "wasm\0application/wasm\0"
                              "webmanifest\0application/manifest+json\0"
                              "pdf\0application/pdf\0"
                              "zip\0application/zip\0"
                              "gz\0application/gzip\0"
                              "mp3\0audio/mpeg\0"
                              "ogg\0audio/ogg\0"
                              "wav\0audio/wav\0"
                              "mp4\0video/mp4\0"
                              "webm\0video/webm\0";
  const char *type = sio__find_value_in_pairs(types, file_extension(path));
  return type ? type : "application/octet-stream";
}

/* ---- opening ------------------------------------------------------------------------- */

static int open_file_beneath(int dir, const char *path) {
  return sio__os_open_beneath(dir, path, FILE_FLAGS);
}

static int open_without_following_links(int dir, const char *name, int flags) {
  int fd = openat(dir, name, flags | O_NOFOLLOW | O_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

/* Opens the file `path` below the directory `top`, one segment after the other, without following
 * links. Overwrites the slashes in path. */
static int open_file_by_segments_without_links(int top, char *path) {
  int dir = top;
  for (char *slash; (slash = strchr(path, '/')); path = slash + 1) {
    *slash = '\0';
    int next = open_without_following_links(dir, path, O_PATH | O_DIRECTORY);
    if (dir != top) close(dir);
    if (next < 0) return next;
    dir = next;
  }
  int fd = open_without_following_links(dir, path, FILE_FLAGS);
  if (dir != top) close(dir);
  return fd;
}

static bool has_open_beneath_support(int dir) {
  int fd = open_file_beneath(dir, ".");
  if (fd >= 0) close(fd);
  return fd >= 0;
}

int sio__static_dir_open(struct static_dir **out, const char *dir) {
  struct static_dir *d = sio__malloc(sizeof *d);
  if (!d) return UV_ENOMEM;
  d->fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (d->fd < 0) {
    int err = -errno;
    sio__free(d);
    return err;
  }
  d->walk = !has_open_beneath_support(d->fd);
  *out = d;
  return 0;
}

void sio__static_dir_close(struct static_dir *d) {
  if (!d) return;
  close(d->fd);
  sio__free(d);
}

/* ---- answering ---------------------------------------------------------------------------- */

/* If a file was modified in the current second or in this many seconds before it, its ETag is weak,
 * because the file may change again within the same tick of the clock. */
enum { STRONG_AFTER_S = 2 };

struct file {
  struct http_source source; /* must be the first member: a pointer to it is cast to struct file */
  int fd;
  uint64_t size, at; /* the size of the file, and the offset of the next piece */
  struct timespec modified;
  const char *type;
  char tag[TAG_ROOM];
};

static void file_source_free(struct http_source *s) {
  struct file *f = (struct file *)s;
  close(f->fd);
  sio__free(f);
}

/* Returns 0 if the file was not modified since it was opened; UV_EOF if it was; or a libuv error if
 * its state cannot be read. */
static int check_file_unchanged(const struct file *f) {
  struct stat st;
  if (fstat(f->fd, &st)) return -errno;
  bool same = (uint64_t)st.st_size == f->size && st.st_mtim.tv_sec == f->modified.tv_sec &&
              st.st_mtim.tv_nsec == f->modified.tv_nsec;
  return same ? 0 : UV_EOF;
}

static long file_source_read_and_check_unchanged(struct http_source *s, char *p, size_t n) {
  struct file *f = (struct file *)s;
  ssize_t got;
  do {
    got = pread(f->fd, p, n, (off_t)f->at);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return -errno;
  int err = check_file_unchanged(f);
  if (err) return err;
  f->at += (uint64_t)got;
  return got;
}

static void make_served_file_etag(struct file *f) {
  uint64_t ns = (uint64_t)f->modified.tv_sec * 1000000000u + (uint64_t)f->modified.tv_nsec;
  bool strong = f->modified.tv_sec + STRONG_AFTER_S < time(NULL);
  snprintf(f->tag, sizeof f->tag, "%s\"%" PRIx64 "-%" PRIx64 "\"", strong ? "" : "W/", ns, f->size);
}

/* Makes a struct file that owns fd. Returns NULL, and closes fd, if memory runs out. */
static struct file *served_file_new(int fd, const struct stat *st, sio_slice name) {
  struct file *f = sio__malloc(sizeof *f);
  if (!f) {
    close(fd);
    return NULL;
  }
  *f = (struct file){ .source = { file_source_read_and_check_unchanged, file_source_free,
                                  (uint64_t)st->st_size },
                      .fd = fd,
                      .size = (uint64_t)st->st_size,
                      .modified = st->st_mtim,
                      .type = sio__static_media_type_of_file_name(name) };
  make_served_file_etag(f);
  return f;
}

static int set_served_file_headers(sio_request *r, const struct file *f) {
  char date[DATE_LEN + 1];
  sio__http_date_write(date, f->modified.tv_sec);
  int err =
      sio__request_add_answer_header_if_missing(r, "Cache-Control", SLICE("public, max-age=0"));
  if (!err)
    err = sio__request_add_answer_header_if_missing(r, "X-Content-Type-Options", SLICE("nosniff"));
  if (!err) err = sio__request_add_answer_header_if_missing(r, "Accept-Ranges", SLICE("bytes"));
  if (!err) err = sio__request_add_answer_header_if_missing(r, "Last-Modified", slice_str(date));
  return err ? err : sio__request_add_answer_header_if_missing(r, "ETag", slice_str(f->tag));
}

/* Sets the Content-Range header, for example to "bytes 0-99/1000". If the range is outside of the
 * file, the header names only the size of the file. */
static int set_content_range_header(sio_request *r, const struct range *part, uint64_t size) {
  char text[96];
  int n = part->kind == RANGE_PART
              ? snprintf(text, sizeof text, "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, part->from,
                         part->from + part->n - 1, size)
              : snprintf(text, sizeof text, "bytes */%" PRIu64, size);
  return sio__request_add_answer_header(r, "Content-Range", slice(text, (size_t)n));
}

static struct range parse_range_header_if_allowed(const sio_request *r, const struct validators *v,
                                                  uint64_t size) {
  static const struct range all = { .kind = RANGE_ALL };
  sio_slice value = sio__request_header(r, "range");
  if (!value.p || r->method != HTTP_GET || !sio__does_if_range_header_allow_partial_answer(r, v))
    return all;
  return sio__range_header_parse(value, size);
}

static int free_file_and_answer_status(sio_request *r, struct file *f, int status) {
  file_source_free(&f->source);
  return sio__request_answer(r, status, NULL, slice(NULL, 0));
}

/* Answers with the file, or with the range that r asks for. f is freed, at once or after it was
 * sent. */
static int answer_with_file_or_range(sio_request *r, struct file *f, const struct validators *v) {
  struct range part = parse_range_header_if_allowed(r, v, f->size);
  int err = part.kind == RANGE_ALL ? 0 : set_content_range_header(r, &part, f->size);
  if (err) {
    file_source_free(&f->source);
    return err;
  }
  if (part.kind == RANGE_OUTSIDE) return free_file_and_answer_status(r, f, 416);
  if (part.kind == RANGE_PART) {
    f->at = part.from;
    f->source.left = part.n;
  }
  int status = part.kind == RANGE_PART ? 206 : 200;
  return sio__request_answer_from_source(r, status, f->type, &f->source);
}

static int answer_with_opened_file_or_status(sio_request *r, struct file *f) {
  struct validators v = { slice_str(f->tag), true, f->modified.tv_sec };
  int err = set_served_file_headers(r, f);
  if (err) {
    file_source_free(&f->source);
    return err;
  }
  if (sio__request_has_answer_header(r, "Content-Type", r->extra_headers.n)) f->type = NULL;
  bool reads = r->method == HTTP_GET || r->method == HTTP_HEAD;
  int status = reads ? sio__evaluate_conditional_request(r, &v) : 0;
  return status ? free_file_and_answer_status(r, f, status) : answer_with_file_or_range(r, f, &v);
}

/* Redirects to the relative URL "name/". All characters except the unreserved ones (RFC 3986
 * section 2.3) are percent-encoded. */
static int redirect_directory_to_trailing_slash(sio_request *r) {
  static const char hex[] = "0123456789ABCDEF";
  char to[3 * PATH_ROOM + 2];
  size_t n = 0;
  sio_slice last = r->path, part;
  for (sio_slice rest = r->path; sio__slice_split(&rest, '/', &part);) last = part;
  while (last.n && n < sizeof to - 4) {
    unsigned char c = sio__percent_decode_byte(&last, false);
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 c == '-' || c == '_' || c == '.' || c == '~';
    if (!plain) to[n++] = '%', to[n++] = hex[c >> 4];
    to[n++] = plain ? (char)c : hex[c & 15];
  }
  to[n++] = '/';
  int err = sio__request_add_answer_header(r, "Location", slice(to, n));
  return err ? err : sio__request_answer(r, 301, NULL, slice(NULL, 0));
}

/* Returns 1 if r was answered; 0 if fd is neither a file nor a directory; otherwise an error. fd is
 * closed, at once or after the file was sent. */
static int answer_with_file_or_redirect_directory(sio_request *r, int fd, sio_slice name) {
  struct stat st;
  int err = fstat(fd, &st) ? -errno : 0;
  if (!err && S_ISREG(st.st_mode)) {
    struct file *f = served_file_new(fd, &st, name);
    err = f ? answer_with_opened_file_or_status(r, f) : UV_ENOMEM;
    return err ? err : 1;
  }
  close(fd);
  if (err || !S_ISDIR(st.st_mode)) return err;
  err = redirect_directory_to_trailing_slash(r);
  return err ? err : 1;
}

/* Converts the URL path to the name of a file below the directory, with "index.html" after a '/' at
 * the end, or to "." for an empty path. Returns false if a file with this name is not served, or if
 * the name is too long. */
static bool url_path_to_file_name(char out[PATH_ROOM], sio_slice path) {
  static const char index[] = "index.html";
  long n = path.n ? sio__percent_decode_path(out, PATH_ROOM - sizeof index, path) : 0;
  if (n < 0) return false;
  if (path.n == 0)
    memcpy(out, ".", 2);
  else if (n == 0 || out[n - 1] == '/')
    memcpy(out + n, index, sizeof index);
  return true;
}

/* SIO_ETOOBIG means that the host has added so many headers that there is no room for ours. */
static int status_for_file_error(int err) {
  switch (err) {
    case SIO_ETOOBIG: return 500;
    case UV_EMFILE:
    case UV_ENFILE:
    case UV_ENOMEM:
    case UV_EIO:
    case UV_EOF: return 503;
    default: return 404;
  }
}

static int open_served_file(const struct static_dir *d, const char *name) {
  char cut[PATH_ROOM];
  if (!d->walk) return open_file_beneath(d->fd, name);
  memcpy(cut, name, strlen(name) + 1);
  return open_file_by_segments_without_links(d->fd, cut);
}

int sio__static_answer_with_file_or_redirect(const struct static_dir *d, sio_request *r,
                                             sio_slice path) {
  char name[PATH_ROOM];
  if (!url_path_to_file_name(name, path)) return 404;
  int fd = open_served_file(d, name);
  int done = fd < 0 ? fd : answer_with_file_or_redirect_directory(r, fd, slice_str(name));
  if (done == 1 || r->answered) return 0;
  return status_for_file_error(done);
}

/* ---- one file by its name ---------------------------------------------------------------- */

/* Returns true if the file name is not too long, and no segment of it is empty or begins with a
 * dot. */
static bool is_servable_file_name(const char *name) {
  if (!name || strlen(name) >= PATH_ROOM) return false;
  for (const char *segment = name;; segment++) {
    if (*segment == '\0' || *segment == '/' || *segment == '.') return false;
    segment = strchr(segment, '/');
    if (!segment) return true;
  }
}

static int open_regular_file(const struct static_dir *d, const char *name, struct stat *st) {
  int fd = open_served_file(d, name);
  if (fd < 0) return fd;
  int err = fstat(fd, st) ? -errno : 0;
  if (!err && !S_ISREG(st->st_mode)) err = S_ISDIR(st->st_mode) ? UV_EISDIR : UV_ENOENT;
  if (!err) return fd;
  close(fd);
  return err;
}

static int open_file_in_directory(const char *dir, const char *name, struct stat *st) {
  struct static_dir *d = NULL;
  if (!dir || !is_servable_file_name(name)) return dir ? UV_ENOENT : UV_EINVAL;
  int fd = sio__static_dir_open(&d, dir);
  if (fd) return fd;
  fd = open_regular_file(d, name, st);
  sio__static_dir_close(d);
  return fd;
}

int sio_respond_file(sio_request *r, const char *dir, const char *name) {
  struct stat st;
  if (r->answered) return SIO_ESTATE;
  if (!r->conn) return sio__request_answer(r, 404, NULL, slice(NULL, 0)); /* this only frees r */
  size_t lines = r->extra_headers.n;
  int err, fd = open_file_in_directory(dir, name, &st);
  if (fd >= 0) {
    struct file *f = served_file_new(fd, &st, slice_str(name));
    err = f ? answer_with_opened_file_or_status(r, f) : UV_ENOMEM;
  } else {
    err = fd;
  }
  if (!err || r->answered) return err;
  r->extra_headers.n = lines;
  if (err == UV_ENOMEM) sio__request_close_without_answer(r);
  return err;
}
