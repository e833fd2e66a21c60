/* SPDX-License-Identifier: MIT
 *
 * sio.hpp - the calls of sio.h for C++17: lambdas as handlers, views and owners, std::error_code.
 *
 *     int main() {
 *       sio::server server;
 *       sio::nsp root;
 *       auto err = server.open(uv_default_loop());
 *       if (!err) err = server.of("/", root);
 *       if (!err) err = root.on("say", [](sio::socket s, sio::event e) {
 *         s.nsp().to("lobby").skip(s).emit("said", sio::args(s.public_id(), e[0]));
 *         e.reply(sio::args("ok", 42));
 *       });
 *       if (!err) err = server.listen(3000);
 *       if (err) return std::cerr << err.message() << '\n', 1;
 *       return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
 *     }
 *
 * Everything is inline, and each function calls the C function of the same purpose: the C headers
 * are the reference. What has no method here is called in C, with the pointer that get() returns.
 *
 *  - Handles (socket, nsp, event, replies) are pointers. They are copied freely, own nothing, and
 *    are valid as long as the C pointer. Owners (server, next, ack, request, socket_ref, nsp_ref,
 *    kept_event) are movable and not copyable. What an owner owns is answered, closed or released
 *    by the owner, and not by C functions, unless release() has given it up. All of them are used
 *    on the loop's thread only; server::post() may be called on any thread.
 *  - A handler is any callable, also one that can only be moved. It is destroyed when its namespace
 *    has been removed, or when its server has closed. A callable that is given to one call, such as
 *    that of emit_ack(), is destroyed after it has run, or when the call fails.
 *  - Errors are returned as std::error_code or as an empty result. Calls throw only std::bad_alloc,
 *    and what a codec or the move of a callable throws.
 *  - An exception never enters the library. If a callable throws, the function that was given to
 *    server::on_exception() gets the exception, and the program goes on: an event, a request or a
 *    connection that the callable was about to decide is refused, because the owner that it was
 *    given is destroyed (unless the callable has moved it elsewhere). Without such a function the
 *    program ends by std::terminate(), with the stack of the throw. Plain C callbacks in
 *    sio_options are not covered: let them be noexcept.
 *  - Text that the library needs with a NUL at its end is a zstring: a literal or a std::string.
 *  - A server of this header uses sio_server_set_data() itself.
 *  - Programs that use Qt define QT_NO_KEYWORDS, because Qt's macro emit hides emit() here.
 */
#ifndef SIO_SIO_HPP
#define SIO_SIO_HPP

#ifdef emit
#error "emit is a macro (of Qt?): compile with QT_NO_KEYWORDS, and write Q_EMIT for Qt's emit"
#endif

#include <sio/http.h>
#include <sio/sio.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <climits>
#include <cstddef>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace sio {

// ---- errors -------------------------------------------------------------------------------------

/* The errors of error.h as std::error_code, for comparisons such as err == sio::errc::timeout.
 * Errors of libuv can be compared with std::errc: err == std::errc::address_in_use. */
enum class errc {
  closed = SIO_ECLOSED,
  timeout = SIO_ETIMEOUT,
  protocol = SIO_EPROTO,
  too_big = SIO_ETOOBIG,
  name = SIO_ENAME,
  json = SIO_EJSON,
  placeholder = SIO_EPLACEHOLDER,
  dropped = SIO_EDROPPED,
  state = SIO_ESTATE,
  exists = SIO_EEXISTS,
  depth = SIO_EDEPTH,
  limit = SIO_ELIMIT
};

inline const std::error_category &category() noexcept {
  static const struct : std::error_category {
    const char *name() const noexcept override { return "sio"; }
    std::string message(int code) const override { return sio_strerror(code); }
    /* The codes of libuv are the negated codes of the system, except for a few from -3000 on. */
    std::error_condition default_error_condition(int code) const noexcept override {
      if (code < 0 && code > -3000) return { -code, std::generic_category() };
      return { code, *this };
    }
  } instance;
  return instance;
}

inline std::error_code error(int code) noexcept { return { code, category() }; }
inline std::error_code make_error_code(errc code) noexcept { return error(static_cast<int>(code)); }

} // namespace sio

template <> struct std::is_error_code_enum<sio::errc> : std::true_type {};

namespace sio {

// ---- text and bytes -----------------------------------------------------------------------------

/* A std::string_view whose text ends with a NUL. */
class zstring : public std::string_view {
public:
  constexpr zstring(const char *s) : std::string_view(s) {}
  zstring(const std::string &s) noexcept : std::string_view(s) {}
  constexpr const char *c_str() const noexcept { return data(); }
};

/* A view of bytes, which does not own them. It can be made from any contiguous container of
 * std::byte or unsigned char, and converts to std::span<const std::byte> in C++20. */
class bytes {
  const std::byte *data_ = nullptr;
  std::size_t size_ = 0;

  template <class T>
  static constexpr bool is_byte = std::is_same_v<std::remove_cv_t<T>, std::byte> ||
                                  std::is_same_v<std::remove_cv_t<T>, unsigned char>;

public:
  using value_type = std::byte;

  constexpr bytes() noexcept = default;
  bytes(const void *data, std::size_t size) noexcept
      : data_(static_cast<const std::byte *>(data)), size_(size) {}
  template <class C, class = std::enable_if_t<is_byte<
                         std::remove_pointer_t<decltype(std::declval<const C &>().data())>>>>
  bytes(const C &c) noexcept : bytes(c.data(), c.size()) {}

  constexpr const std::byte *data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr const std::byte *begin() const noexcept { return data_; }
  constexpr const std::byte *end() const noexcept { return data_ + size_; }
  constexpr std::byte operator[](std::size_t i) const { return data_[i]; }
};

/* Convert a sio_slice to a std::string_view, and the other way round. */
inline std::string_view view(sio_slice s) noexcept {
  return s.p ? std::string_view(s.p, s.n) : std::string_view();
}
inline sio_slice slice(std::string_view s) noexcept { return { s.data(), s.size() }; }

// ---- values -------------------------------------------------------------------------------------

/* How values of the type T are sent and read as JSON. A program specializes codec for its own
 * types; <sio/nlohmann.hpp> does so for nlohmann::json. decode() returns std::nullopt if the JSON
 * is no T:
 *
 *     template <> struct sio::codec<point> {
 *       static std::string encode(const point &p);                 // one JSON text
 *       static std::optional<point> decode(std::string_view json); // nullopt: it is no point
 *     };
 */
template <class T, class = void> struct codec;

template <class... T> class array_of;
template <class... T> class object_of;

namespace detail {

template <class T, class = void> inline constexpr bool has_codec = false;
template <class T>
inline constexpr bool has_codec<T, std::void_t<decltype(codec<T>::encode(std::declval<T>()))>> =
    true;

template <class T> inline constexpr bool is_nested = false;
template <class... T> inline constexpr bool is_nested<array_of<T...>> = true;
template <class... T> inline constexpr bool is_nested<object_of<T...>> = true;

template <class T> inline constexpr bool is_character = false;
template <> inline constexpr bool is_character<char> = true;
template <> inline constexpr bool is_character<wchar_t> = true;
template <> inline constexpr bool is_character<char16_t> = true;
template <> inline constexpr bool is_character<char32_t> = true;
#ifdef __cpp_char8_t
template <> inline constexpr bool is_character<char8_t> = true;
#endif

/* True for the types that are sent as a number or a bool. It is false for char, char8_t, char16_t,
 * char32_t and wchar_t, because some programs use them as numbers and others as text: values of
 * these types are not accepted. */
template <class T> inline constexpr bool is_number = std::is_arithmetic_v<T> && !is_character<T>;

template <class T> inline constexpr bool never = false;

/* For an argument of a type with a codec, sio_val points to a JSON text, which must live as long:
 * kept<T> is the string that owns it. For other types kept<T> is empty. */
struct nothing {};
template <class T> using kept = std::conditional_t<has_codec<T>, std::string, nothing>;

template <class T> kept<T> keep(const T &v) {
  if constexpr (has_codec<T>)
    return codec<T>::encode(v);
  else
    return (void)v, nothing{};
}

template <class T> sio_val number(T v) noexcept {
  if constexpr (std::is_same_v<T, bool>)
    return sio_bool(v);
  else if constexpr (std::is_floating_point_v<T>)
    return sio_double(static_cast<double>(v));
  else if constexpr (std::is_signed_v<T>)
    return sio_int(v);
  else
    return sio_uint(v);
}

template <class T> sio_val value(const T &v, const kept<T> &text) {
  if constexpr (has_codec<T>)
    return sio_json(slice(text));
  else if constexpr (std::is_same_v<T, sio_val>)
    return v;
  else if constexpr (is_nested<T>)
    return v.value();
  else if constexpr (std::is_same_v<T, std::nullptr_t>)
    return sio_null();
  else if constexpr (is_number<T>)
    return number(v);
  else if constexpr (std::is_same_v<T, sio_slice>)
    return sio_string(v);
  else if constexpr (std::is_convertible_v<const T &, const char *>)
    return sio_str(v);
  else if constexpr (std::is_convertible_v<const T &, std::string_view>)
    return sio_string(slice(v));
  else if constexpr (std::is_convertible_v<const T &, bytes>)
    return sio_bin(bytes(v).data(), bytes(v).size());
  else if constexpr (std::is_convertible_v<const T &, const cJSON *>)
    return sio_tree(v);
  else
    static_assert(never<T>, "this type is no Socket.IO value: specialize sio::codec for it");
}

/* The sio_vals of several arguments, in the same order as the arguments. */
template <class... T> class values {
  std::tuple<kept<T>...> kept_;
  std::array<sio_val, sizeof...(T)> vals_;

  template <std::size_t... I>
  values(std::index_sequence<I...>, const T &...v)
      : kept_(keep(v)...), vals_{ { value(v, std::get<I>(kept_))... } } {}

public:
  explicit values(const T &...v) : values(std::index_sequence_for<T...>{}, v...) {}
  values(const values &) = delete;
  values &operator=(const values &) = delete;
  const sio_val &operator[](std::size_t i) const noexcept { return vals_[i]; }
  operator sio_args() const noexcept { return sio_argv(vals_.data(), vals_.size()); }
};

} // namespace detail

/* Makes the arguments of an event: sio::args("text", 42, true, nullptr, bytes, json). The result
 * points to the values that it was made from, so write args() inside the call that sends the
 * event. */
template <class... T> detail::values<T...> args(const T &...v) {
  return detail::values<T...>(v...);
}

/* An array as one argument: sio::args(sio::array(1, "two", bytes)). */
template <class... T> class array_of {
  detail::values<T...> items_;

public:
  explicit array_of(const T &...v) : items_(v...) {}
  sio_val value() const noexcept { return sio_array(items_); }
};
template <class... T> array_of<T...> array(const T &...v) { return array_of<T...>(v...); }

/* An object as one argument, with keys and values in turn: sio::object("name", "me.png", "data",
 * bytes). A key is a string literal or a std::string. */
template <class... T> class object_of {
  static_assert(sizeof...(T) % 2 == 0, "a key has no value");
  detail::values<T...> all_;
  std::array<sio_member, sizeof...(T) / 2> members_;

  template <std::size_t... I>
  object_of(std::index_sequence<I...>, std::tuple<const T &...> kv, const T &...v)
      : all_(v...), members_{ { { zstring(std::get<2 * I>(kv)).c_str(), all_[2 * I + 1] }... } } {}

public:
  explicit object_of(const T &...v)
      : object_of(std::make_index_sequence<sizeof...(T) / 2>{}, std::tie(v...), v...) {}
  sio_val value() const noexcept { return sio_object(members_.data(), members_.size()); }
};
template <class... T> object_of<T...> object(const T &...v) { return object_of<T...>(v...); }

// ---- handles and owners -------------------------------------------------------------------------

template <class C> class handle {
  C *c_ = nullptr;

public:
  constexpr handle() noexcept = default;
  constexpr explicit handle(C *c) noexcept : c_(c) {}
  constexpr C *get() const noexcept { return c_; }
  constexpr explicit operator bool() const noexcept { return c_; }
  friend constexpr bool operator==(handle a, handle b) noexcept { return a.c_ == b.c_; }
  friend constexpr bool operator!=(handle a, handle b) noexcept { return a.c_ != b.c_; }
};

/* Owns one reference to the object of a handle, and calls release() for it in its destructor.
 * *owner is the handle. */
template <class H, auto release> class owner {
  H h_;

public:
  owner() noexcept = default;
  explicit owner(H h) noexcept : h_(h) {}
  owner(owner &&o) noexcept : h_(std::exchange(o.h_, H{})) {}
  owner &operator=(owner &&o) noexcept { return std::swap(h_, o.h_), *this; }
  ~owner() {
    if (h_) release(h_.get());
  }
  const H &operator*() const noexcept { return h_; }
  const H *operator->() const noexcept { return &h_; }
  explicit operator bool() const noexcept { return bool(h_); }
};

class socket;
class nsp;
class target;
class server;

// ---- events -------------------------------------------------------------------------------------

/* The ack of an event, to be sent later (event::take_ack()). If it is destroyed before send(), the
 * ack is not sent. */
class ack {
  struct drop {
    void operator()(sio_ack *a) const noexcept { sio_ack_drop(a); }
  };
  std::unique_ptr<sio_ack, drop> ack_;

public:
  explicit ack(sio_ack *a = nullptr) noexcept : ack_(a) {}
  explicit operator bool() const noexcept { return bool(ack_); }
  std::error_code send(sio_args args = SIO_NONE) {
    return error(sio_ack_send(ack_.release(), args));
  }
};

class event;
using kept_event = owner<event, sio_event_free>;

/* A received event, or the reply to an event. A callable of emit_ack() gets a null event if no
 * reply came, and keep() returns one if memory ran out. A null event has the name "" and no
 * arguments, and waits for no ack: reply() does nothing, and all() stands for no values. */
class event : public handle<sio_event> {
public:
  using handle::handle;

  zstring name() const { return get() ? sio_event_name(get()) : ""; }
  std::size_t count() const noexcept { return get() ? sio_event_count(get()) : 0; }
  sio_kind kind(std::size_t i) const noexcept {
    return get() ? sio_event_kind(get(), i) : SIO_NULL;
  }

  /* Returns argument i as a T, which is bool, a number, std::string_view, std::string, zstring,
   * bytes, const cJSON *, or a type that has a codec. Returns std::nullopt if there is no such
   * argument, or it is of another type; if T is an integer type and the argument does not fit into
   * T and into std::int64_t; if T is zstring and the argument contains U+0000; if T has a codec and
   * the argument contains attachments; or if memory ran out. Views and pointers are valid as long
   * as the event. */
  template <class T> std::optional<T> as(std::size_t i) const;
  /* Returns the JSON text of argument i; empty if there is no such argument, or if it contains
   * attachments. */
  std::string_view json(std::size_t i) const noexcept {
    return get() ? view(sio_event_json(get(), i)) : std::string_view();
  }

  /* Return argument i, or all arguments, as a value that can be sent on. */
  sio_val operator[](std::size_t i) const noexcept {
    return get() ? sio_arg(get(), i) : sio_null();
  }
  sio_val all() const noexcept {
    return get() ? sio_event_args(get()) : sio_spread(sio_slice{ "[]", 2 });
  }

  bool wants_ack() const noexcept { return get() && sio_event_wants_ack(get()); }
  std::error_code reply(sio_args args = SIO_NONE) const {
    return error(get() ? sio_reply(get(), args) : 0);
  }
  ack take_ack() const noexcept { return ack(get() ? sio_event_take_ack(get()) : nullptr); }
  /* Returns a copy of the event that the program owns; it is null if this event is null, or if
   * memory ran out. */
  kept_event keep() const;
};

inline kept_event event::keep() const {
  return kept_event(event(get() ? sio_event_keep(get()) : nullptr));
}

namespace detail {

template <class T> std::optional<T> integer(const sio_event *e, std::size_t i) noexcept {
  std::int64_t n;
  if (!sio_event_int(e, i, &n) || (std::is_unsigned_v<T> && n < 0)) return std::nullopt;
  T narrow = static_cast<T>(n);
  if (static_cast<std::int64_t>(narrow) != n) return std::nullopt;
  return narrow;
}

template <class T> std::optional<T> text(sio_slice s) {
  if (!s.p) return std::nullopt;
  return T(s.p, s.n);
}

} // namespace detail

template <class T> std::optional<T> event::as(std::size_t i) const {
  sio_event *e = get();
  if (!e) return std::nullopt;
  if constexpr (detail::has_codec<T>) {
    std::string_view text = json(i);
    return text.empty() ? std::nullopt : codec<T>::decode(text);
  } else if constexpr (std::is_same_v<T, bool>) {
    bool b;
    return sio_event_bool(e, i, &b) ? std::optional<T>(b) : std::nullopt;
  } else if constexpr (std::is_floating_point_v<T>) {
    double d;
    return sio_event_double(e, i, &d) ? std::optional<T>(static_cast<T>(d)) : std::nullopt;
  } else if constexpr (detail::is_number<T>) {
    return detail::integer<T>(e, i);
  } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>) {
    return detail::text<T>(sio_event_strn(e, i));
  } else if constexpr (std::is_same_v<T, zstring>) {
    const char *s = sio_event_str(e, i);
    return s ? std::optional<T>(s) : std::nullopt;
  } else if constexpr (std::is_same_v<T, bytes>) {
    return detail::text<T>(sio_event_bin(e, i));
  } else if constexpr (std::is_same_v<T, const cJSON *>) {
    const cJSON *tree = sio_event_tree(e, i);
    return tree ? std::optional<T>(tree) : std::nullopt;
  } else {
    static_assert(detail::never<T>, "no argument has this type: specialize sio::codec for it");
  }
}

/* The replies to target::emit_ack(). */
class replies : public handle<sio_replies> {
public:
  using handle::handle;
  std::size_t size() const noexcept { return get()->count; }
  std::size_t expected() const noexcept { return get()->expected; }
  std::string_view id(std::size_t i) const { return get()->list[i].id; }
  event operator[](std::size_t i) const noexcept { return event(sio_replies_event(get(), i)); }
};

// ---- decisions ----------------------------------------------------------------------------------

/* The decision of middleware or of server::of_match(): ok() or fail(). The callable may move its
 * `next` elsewhere, to decide later. If it is destroyed without a decision, it decides fail(). */
class next {
  struct refuse {
    void operator()(sio_next *n) const noexcept { sio_next_fail(n, "not decided", sio_null()); }
  };
  std::unique_ptr<sio_next, refuse> next_;

public:
  explicit next(sio_next *n = nullptr) noexcept : next_(n) {}
  explicit operator bool() const noexcept { return bool(next_); }
  void ok() {
    if (next_) sio_next_ok(next_.release());
  }
  template <class T = std::nullptr_t> void fail(zstring message, const T &data = {}) {
    detail::values<T> value(data);
    if (next_) sio_next_fail(next_.release(), message.c_str(), value[0]);
  }
};

/* An HTTP request of server::route(). After an answer it is empty. If respond() returns
 * std::errc::invalid_argument, or respond_file() an error that says why there is no such file, the
 * request can still be answered. One that is destroyed before it is answered gets status 500. */
class request {
  struct refuse {
    void operator()(sio_request *r) const noexcept { sio_respond(r, 500, nullptr, sio_text("")); }
  };
  std::unique_ptr<sio_request, refuse> request_;

public:
  explicit request(sio_request *r = nullptr) noexcept : request_(r) {}
  explicit operator bool() const noexcept { return bool(request_); }
  /* Returns the request, for functions that do not answer it. A function that may answer it gets
   * the result of release() instead: otherwise the destructor would answer it a second time. */
  sio_request *get() const noexcept { return request_.get(); }
  /* Returns the request, and makes this object empty: the program has to answer it with a function
   * of http.h. */
  [[nodiscard]] sio_request *release() noexcept { return request_.release(); }
  sio_request_info info() const noexcept { return sio_request_info_of(get()); }
  std::string_view header(zstring name) const noexcept {
    return view(sio_request_header(get(), name.c_str()));
  }
  std::error_code set(zstring name, zstring value) const noexcept {
    return error(sio_respond_header(get(), name.c_str(), value.c_str()));
  }
  std::error_code respond(int status, zstring type, std::string_view body) {
    std::error_code err = error(sio_respond(get(), status, type.c_str(), slice(body)));
    if (err != std::errc::invalid_argument) static_cast<void>(request_.release());
    return err;
  }
  /* Answers with a file below a directory. After an error other than errc::closed, errc::state and
   * std::errc::not_enough_memory the request can still be answered, for example with status 404. */
  std::error_code respond_file(zstring directory, zstring name) {
    std::error_code err = error(sio_respond_file(get(), directory.c_str(), name.c_str()));
    if (!err || err == errc::closed || err == errc::state || err == std::errc::not_enough_memory)
      static_cast<void>(request_.release());
    return err;
  }
};

// ---- how callables become callbacks of the library ----------------------------------------------

namespace detail {

/* Convert each argument of a C callback to the argument that the callable gets. */
socket wrap(sio_socket *s) noexcept;
nsp wrap(sio_nsp *n) noexcept;
inline event wrap(sio_event *e) noexcept { return event(e); }
inline next wrap(sio_next *n) noexcept { return next(n); }
inline request wrap(sio_request *r) noexcept { return request(r); }
inline replies wrap(sio_replies *r) noexcept { return replies(r); }
inline std::error_code wrap(int status) noexcept { return error(status); }
inline const sio_close_info &wrap(const sio_close_info *why) noexcept { return *why; }
inline const sio_error_info &wrap(const sio_error_info *what) noexcept { return *what; }
inline const sio_drop &wrap(const sio_drop *d) noexcept { return *d; }
inline zstring wrap(const char *text) { return text; }
inline std::string_view wrap(sio_slice text) noexcept { return view(text); }
template <class T> T wrap(T other) noexcept { return other; }

struct callable {
  virtual ~callable() = default;
};

/* The handlers and other data of one server. A host is freed when the sio_server has been closed by
 * close() or drain() of the sio::server, even if the sio::server was destroyed before. */
struct host {
  sio_server *srv = nullptr;
  server *handle = nullptr; /* the sio::server; nullptr after it was destroyed */
  unsigned endings = 0;     /* calls of close() and drain() whose callback has not run yet */
  std::function<void(std::exception_ptr)> on_exception;
  /* The handlers of each namespace; the key nullptr stands for those of the server itself. */
  std::unordered_map<const sio_nsp *, std::vector<std::unique_ptr<callable>>> handlers;

  static host &of(const sio_server *srv) noexcept {
    return *static_cast<host *>(sio_server_data(srv));
  }
  static host &of(const sio_nsp *n) noexcept { return of(sio_nsp_server(n)); }

  static void forget(sio_nsp *n, void *self) noexcept {
    static_cast<host *>(self)->handlers.erase(n);
  }

  /* Calls `call`, and passes an exception that it throws to on_exception. Without on_exception the
   * exception leaves this noexcept function, which ends the program. */
  template <class Call> void run(Call &&call) noexcept {
#ifdef __cpp_exceptions
    if (on_exception) {
      try {
        return call();
      } catch (...) {
        return on_exception(std::current_exception());
      }
    }
#endif
    call();
  }
};

/* Makes a callback of the type C out of a callable of the type F. The pointer `user`, which is the
 * last argument of each C callback, is the handler object. */
template <class F, class C> struct handler;
template <class F, class... A> struct handler<F, void (*)(A...)> final : callable {
  host &owner;
  F f;

  handler(host &h, F &&g) : owner(h), f(std::move(g)) {}

  static void run(A... a) noexcept {
    self(a...)->call(std::make_index_sequence<sizeof...(A) - 1>{}, std::tie(a...));
  }
  static void run_once(A... a) noexcept {
    std::unique_ptr<handler> once(self(a...));
    run(a...);
  }

private:
  static handler *self(A... a) noexcept {
    return static_cast<handler *>(std::get<sizeof...(A) - 1>(std::tie(a...)));
  }
  template <std::size_t... I> void call(std::index_sequence<I...>, std::tuple<A &...> a) noexcept {
    owner.run([&] { f(wrap(std::get<I>(a))...); });
  }
};

/* Stores f as a handler of the namespace n, or of the server if n is nullptr. reg(callback, user)
 * is the C call that registers it; if it fails, f is destroyed. */
template <class C, class F, class Register>
std::error_code keep_handler(host &h, const sio_nsp *n, F f, Register reg) {
  auto &all = h.handlers[n];
  auto *user = new handler<F, C>(h, std::move(f));
  all.emplace_back(user);
  int err = reg(&user->run, user);
  if (err) all.pop_back();
  return error(err);
}

/* Stores f for a callback that runs once, later. call(callback, user) is the C call; f is destroyed
 * if the call fails, and otherwise after it has run. */
template <class C, class F, class Call> std::error_code run_later(host &h, F f, Call call) {
  auto user = std::make_unique<handler<F, C>>(h, std::move(f));
  int err = call(&user->run_once, user.get());
  if (!err) user.release();
  return error(err);
}

template <class... Rooms> auto list_of(const Rooms &...rooms) {
  return std::array<const char *, sizeof...(rooms) + 1>{ { zstring(rooms).c_str()..., nullptr } };
}

inline unsigned count(std::chrono::milliseconds time) noexcept {
  return static_cast<unsigned>(std::clamp<long long>(time.count(), 0, UINT_MAX));
}

} // namespace detail

// ---- sockets ------------------------------------------------------------------------------------

using socket_ref = owner<socket, sio_socket_unref>;

/* A socket: one client in one namespace. */
class socket : public handle<sio_socket> {
public:
  using handle::handle;

  zstring id() const { return sio_socket_id(get()); }
  zstring public_id() const { return sio_socket_public_id(get()); }
  sio::nsp nsp() const noexcept;
  bool connected() const noexcept { return sio_socket_connected(get()); }
  bool recovered() const noexcept { return sio_socket_recovered(get()); }
  std::string_view auth() const noexcept { return view(sio_socket_auth(get())); }
  std::string_view handshake() const noexcept { return view(sio_socket_handshake(get())); }
  socket_ref ref() const noexcept;

  /* Returns the sio_options.socket_data_size bytes of this socket as a T, which must not be larger.
   * They are zero at first, unless the socket is recovered, and are freed without calling a
   * destructor: for a type that needs a destructor, capture the object in the handlers, or keep it
   * in a map. */
  template <class T> T &data() const noexcept {
    static_assert(std::is_trivial_v<T>, "the bytes are zeroed and freed, not constructed");
    return *static_cast<T *>(sio_socket_data(get()));
  }

  std::error_code emit(zstring event, sio_args args = SIO_NONE) const {
    return error(sio_emit(get(), event.c_str(), args));
  }
  std::error_code emit(const sio_emit_options &options, zstring event,
                       sio_args args = SIO_NONE) const {
    return error(sio_emit_with(get(), &options, event.c_str(), args));
  }
  /* Sends an event and asks for an ack. If the call succeeds, f(std::error_code, sio::event reply)
   * runs once, later. A timeout of 0 ms stands for sio_options.ack_timeout_ms. */
  template <class F>
  std::error_code emit_ack(zstring event, sio_args args, std::chrono::milliseconds timeout,
                           F f) const {
    auto reply = [f = std::move(f)](socket, std::error_code err, sio::event e) mutable {
      f(err, e);
    };
    return detail::run_later<sio_reply_cb>(
        detail::host::of(sio_socket_nsp(get())), std::move(reply), [&](auto cb, void *user) {
          return sio_emit_ack(get(), event.c_str(), args, detail::count(timeout), cb, user);
        });
  }

  std::error_code join(zstring room) const { return error(sio_join(get(), room.c_str())); }
  std::error_code leave(zstring room) const { return error(sio_leave(get(), room.c_str())); }
  bool in(zstring room) const noexcept { return sio_in_room(get(), room.c_str()); }
  std::vector<zstring> rooms() const;

  /* Targets without this socket: others() contains all other sockets of the namespace, to() those
   * of them that are in one of these rooms. */
  target others() const;
  template <class... Rooms> target to(const Rooms &...rooms) const;

  void disconnect(bool session = false) const noexcept { sio_disconnect(get(), session); }
  std::error_code deadline(std::chrono::milliseconds time) const noexcept {
    return error(sio_socket_set_deadline(get(), detail::count(time)));
  }
};

inline socket_ref socket::ref() const noexcept { return socket_ref(socket(sio_socket_ref(get()))); }

inline std::vector<zstring> socket::rooms() const {
  std::vector<const char *> names(sio_rooms(get(), nullptr, 0));
  sio_rooms(get(), names.data(), names.size());
  return { names.begin(), names.end() };
}

// ---- many sockets -------------------------------------------------------------------------------

/* The sockets that a call is for:
 *     nsp.to("a", "b").except("c").skip(s).emit("news", sio::args(1));
 * A target keeps pointers to the names of rooms, to the key and to the skipped socket. So use it
 * within the statement that makes it, or keep them valid as long as the target. */
class target {
  sio_target to_{};
  std::vector<const char *> rooms_, except_; /* empty, or with a nullptr at the end */

  static void add(std::vector<const char *> &list, std::initializer_list<zstring> names) {
    if (!list.empty()) list.pop_back();
    for (zstring name : names) list.push_back(name.c_str());
    list.push_back(nullptr);
  }
  target &flag(unsigned f) noexcept { return to_.flags |= f, *this; }

public:
  explicit target(sio_nsp *n) noexcept { to_.nsp = n; }

  template <class... Rooms> target &to(const Rooms &...rooms) {
    return add(rooms_, { zstring(rooms)... }), *this;
  }
  template <class... Rooms> target &except(const Rooms &...rooms) {
    return add(except_, { zstring(rooms)... }), *this;
  }
  target &skip(socket s) noexcept { return to_.skip = s.get(), *this; }
  target &unreliable() noexcept { return flag(SIO_VOLATILE); } /* "volatile" */
  target &local() noexcept { return flag(SIO_LOCAL); }
  target &uncompressed() noexcept { return flag(SIO_NO_COMPRESS); }
  target &key(zstring k) noexcept { return to_.key = k.c_str(), *this; }

  /* Returns the target for the functions of emit.h. The result is valid until the target is changed
   * or destroyed. */
  sio_target get() const noexcept {
    sio_target t = to_;
    if (!rooms_.empty()) t.rooms = rooms_.data();
    if (!except_.empty()) t.except = except_.data();
    return t;
  }

  std::error_code emit(zstring event, sio_args args = SIO_NONE) const {
    return error(sio_broadcast(get(), event.c_str(), args));
  }
  /* If the call succeeds, f(std::error_code, sio::replies) runs once, later. */
  template <class F>
  std::error_code emit_ack(zstring event, sio_args args, std::chrono::milliseconds timeout,
                           F f) const {
    return detail::run_later<sio_broadcast_ack_cb>(
        detail::host::of(to_.nsp), std::move(f), [&](auto cb, void *user) {
          return sio_broadcast_ack(get(), event.c_str(), args, detail::count(timeout), cb, user);
        });
  }
  /* If the call succeeds, f(std::error_code, sio_remote *list, std::size_t n) runs once, later. */
  template <class F> std::error_code fetch(std::chrono::milliseconds timeout, F f) const {
    return detail::run_later<sio_fetch_cb>(
        detail::host::of(to_.nsp), std::move(f), [&](auto cb, void *user) {
          return sio_all_fetch(get(), detail::count(timeout), cb, user);
        });
  }
  template <class... Rooms> std::error_code join(const Rooms &...rooms) const {
    return error(sio_all_join(get(), detail::list_of(rooms...).data()));
  }
  template <class... Rooms> std::error_code leave(const Rooms &...rooms) const {
    return error(sio_all_leave(get(), detail::list_of(rooms...).data()));
  }
  std::error_code disconnect(bool session = false) const {
    return error(sio_all_disconnect(get(), session));
  }
  /* Returns the sockets of the target that are on this server; none if sio_all_each() fails. To
   * keep one of them after the current callback, use ref(). */
  std::vector<socket> sockets() const {
    std::vector<socket> all;
    all.reserve(sio_nsp_count_sockets(to_.nsp, nullptr));
    auto push = [](sio_socket *s, void *user) noexcept {
      static_cast<std::vector<socket> *>(user)->push_back(socket(s));
    };
    sio_all_each(get(), push, &all);
    return all;
  }
};

inline target socket::others() const { return target(sio_socket_nsp(get())).skip(*this); }
template <class... Rooms> target socket::to(const Rooms &...rooms) const {
  return others().to(rooms...);
}

// ---- namespaces ---------------------------------------------------------------------------------

using nsp_ref = owner<nsp, sio_nsp_unref>;

/* A namespace, on which the program registers handlers. The functions that register one take a
 * callable f; the comment above them shows how f is called. */
class nsp : public handle<sio_nsp> {
  template <class C, class F> std::error_code add(int (*reg)(sio_nsp *, C, void *), F f) const {
    return detail::keep_handler<C>(detail::host::of(get()), get(), std::move(f),
                                   [&](C cb, void *user) { return reg(get(), cb, user); });
  }
  template <class C, class F>
  std::error_code add(int (*reg)(sio_nsp *, const char *, C, void *), zstring event, F f) const {
    return detail::keep_handler<C>(detail::host::of(get()), get(), std::move(f),
                                   [&](C cb, void *user) {
                                     return reg(get(), event.c_str(), cb, user);
                                   });
  }

public:
  using handle::handle;

  zstring name() const { return sio_nsp_name(get()); }
  std::size_t count() const noexcept { return sio_nsp_count_sockets(get(), nullptr); }
  std::size_t count(zstring room) const noexcept {
    return sio_nsp_count_sockets(get(), room.c_str());
  }
  socket find(zstring id) const noexcept { return socket(sio_socket_find(get(), id.c_str())); }
  nsp_ref ref() const noexcept;

  target all() const { return target(get()); }
  template <class... Rooms> target to(const Rooms &...rooms) const { return all().to(rooms...); }
  std::error_code emit(zstring event, sio_args args = SIO_NONE) const {
    return all().emit(event, args);
  }

  /* f(socket, event) */
  template <class F> [[nodiscard]] std::error_code on(zstring event, F f) const {
    return add(sio_on, event, std::move(f));
  }
  template <class F> [[nodiscard]] std::error_code on_any(F f) const {
    return add(sio_on_any, std::move(f));
  }
  /* f(socket) */
  template <class F> [[nodiscard]] std::error_code on_connect(F f) const {
    return add(sio_on_connect, std::move(f));
  }
  template <class F> [[nodiscard]] std::error_code on_writable(F f) const {
    return add(sio_on_writable, std::move(f));
  }
  /* f(socket, const sio_close_info &) */
  template <class F> [[nodiscard]] std::error_code on_disconnecting(F f) const {
    return add(sio_on_disconnecting, std::move(f));
  }
  template <class F> [[nodiscard]] std::error_code on_disconnect(F f) const {
    return add(sio_on_disconnect, std::move(f));
  }
  /* f(socket, const sio_error_info &) */
  template <class F> [[nodiscard]] std::error_code on_error(F f) const {
    return add(sio_on_error, std::move(f));
  }
  /* f(socket, const sio_drop &) */
  template <class F> [[nodiscard]] std::error_code on_drop(F f) const {
    return add(sio_on_drop, std::move(f));
  }
  /* f(nsp, event) */
  template <class F> [[nodiscard]] std::error_code on_server_side(zstring event, F f) const {
    return add(sio_on_server_side, event, std::move(f));
  }
  /* f(socket, next) */
  template <class F> [[nodiscard]] std::error_code use(F f) const {
    return add(sio_use, std::move(f));
  }
  /* f(socket, event, next) */
  template <class F> [[nodiscard]] std::error_code use_packet(F f) const {
    return add(sio_use_packet, std::move(f));
  }
};

inline nsp_ref nsp::ref() const noexcept { return nsp_ref(nsp(sio_nsp_ref(get()))); }
inline nsp socket::nsp() const noexcept { return sio::nsp(sio_socket_nsp(get())); }

namespace detail {
inline socket wrap(sio_socket *s) noexcept { return socket(s); }
inline nsp wrap(sio_nsp *n) noexcept { return nsp(n); }
} // namespace detail

// ---- servers ------------------------------------------------------------------------------------

/* Owns a server on the program's uv loop. The destructor of sio::server closes the server. Closing
 * takes some turns of the loop: the program must run the loop until the callable that it passed to
 * close(f) has run. The registered handlers exist until then (those of a child namespace until it
 * is removed). Functions other than open(), close(), drain(), get(), operator bool and moves may be
 * called only while this object has a server. */
class server {
  detail::host *host_ = nullptr;

  template <class F> struct ending {
    detail::host *host;
    F f;

    static void run(void *user) noexcept {
      std::unique_ptr<ending> self(static_cast<ending *>(user));
      detail::host *host = self->host;
      detach(host);
      host->run(self->f);
      self.reset();
      on_end(host);
    }
  };

  static void detach(detail::host *host) noexcept {
    if (host->handle) host->handle->host_ = nullptr;
    host->handle = nullptr;
  }
  /* Called when the server has closed: once for close() and once for drain(), if the program called
   * both. The last call frees *user. */
  static void on_end(void *user) noexcept {
    auto *host = static_cast<detail::host *>(user);
    detach(host);
    if (--host->endings == 0) delete host;
  }

  template <class F, class Call> std::error_code end(F f, Call call) {
    if (!host_) return errc::state;
    std::unique_ptr<ending<F>> user(new ending<F>{ host_, std::move(f) });
    int err = call(&user->run, user.get());
    if (err) return error(err);
    host_->endings++;
    user.release();
    return {};
  }

  template <class C, class F, class Register> std::error_code add(F f, Register reg) {
    return detail::keep_handler<C>(*host_, nullptr, std::move(f), reg);
  }
  using nsp_cb = void (*)(sio_nsp *, void *);
  int on_nsp(nsp_cb sio_nsp_hooks::*field, nsp_cb cb, void *user) {
    sio_nsp_hooks hooks{};
    hooks.size = sizeof hooks;
    hooks.*field = cb;
    return sio_on_nsp(get(), &hooks, user);
  }
  template <class F> std::error_code add_nsp_hook(nsp_cb sio_nsp_hooks::*field, F f) {
    return add<nsp_cb>(std::move(f),
                       [&](nsp_cb cb, void *user) { return on_nsp(field, cb, user); });
  }
  template <class Call> static std::error_code get_nsp(nsp &out, Call call) {
    sio_nsp *n = nullptr;
    int err = call(&n);
    if (!err) out = nsp(n);
    return error(err);
  }

public:
  server() noexcept = default;
  server(server &&o) noexcept { *this = std::move(o); }
  server &operator=(server &&o) noexcept {
    std::swap(host_, o.host_);
    if (host_) host_->handle = this;
    if (o.host_) o.host_->handle = &o;
    return *this;
  }
  ~server() {
    close();
    if (host_) detach(host_);
  }

  /* Creates the server. errc::state: this object has a server already; otherwise the errors of
   * sio_server_new(). */
  [[nodiscard]] std::error_code open(uv_loop_s *loop, const sio_options &options = {}) {
    if (host_) return errc::state;
    auto host = std::make_unique<detail::host>();
    int err = sio_server_new(loop, &options, &host->srv);
    if (err) return error(err);
    host_ = host.release();
    host_->handle = this;
    sio_server_set_data(get(), host_);
    err = on_nsp(&sio_nsp_hooks::remove, &detail::host::forget, host_);
    if (err) close();
    return error(err);
  }
  explicit operator bool() const noexcept { return host_; }
  sio_server *get() const noexcept { return host_ ? host_->srv : nullptr; }

  [[nodiscard]] std::error_code listen(int port) { return error(sio_listen(get(), nullptr, port)); }
  [[nodiscard]] std::error_code listen(zstring address, int port) {
    return error(sio_listen(get(), address.c_str(), port));
  }
  [[nodiscard]] std::error_code listen(const sio_listen_options &options) {
    return error(sio_listen_with(get(), &options));
  }
  std::error_code accept(const sio_accept_options &options) {
    return error(sio_accept(get(), &options));
  }
  int port() const noexcept { return sio_port(get()); }

  /* Begins to close the server. When it has closed, this object has no server any more, f() runs,
   * and the handlers are destroyed. errc::state: the server is closing already, this object has no
   * server, or as for sio_server_close(). */
  std::error_code close() noexcept {
    if (!host_) return errc::state;
    int err = sio_server_close(get(), &on_end, host_);
    if (!err) host_->endings++;
    return error(err);
  }
  template <class F> std::error_code close(F f) {
    return end(std::move(f),
               [&](auto cb, void *user) { return sio_server_close(get(), cb, user); });
  }
  template <class F> std::error_code drain(const sio_drain_options &how, F f) {
    return end(std::move(f),
               [&](auto cb, void *user) { return sio_server_drain(get(), &how, cb, user); });
  }

  /* Makes f(std::exception_ptr) get the exceptions that callables throw. f has to be copyable, and
   * must not throw. */
  template <class F> void on_exception(F f) { host_->on_exception = std::move(f); }

  /* Runs f() once, later, on the loop's thread. May be called on any thread. */
  template <class F> std::error_code post(F f) {
    auto run = [f = std::move(f)](sio_server *) mutable { f(); };
    return detail::run_later<void (*)(sio_server *, void *)>(
        *host_, std::move(run), [&](auto cb, void *user) { return sio_post(get(), cb, user); });
  }

  [[nodiscard]] std::error_code of(zstring name, nsp &out) {
    return get_nsp(out, [&](sio_nsp **n) { return sio_of(get(), name.c_str(), n); });
  }
  [[nodiscard]] std::error_code of_pattern(zstring pattern, nsp &parent) {
    return get_nsp(parent, [&](sio_nsp **n) { return sio_of_pattern(get(), pattern.c_str(), n); });
  }
  /* f(sio_server *, zstring name, std::string_view auth, next) decides whether the parent accepts
   * the name. */
  template <class F> [[nodiscard]] std::error_code of_match(F f, nsp &parent) {
    return add<sio_match_cb>(std::move(f), [&](auto cb, void *user) {
      return get_nsp(parent, [&](sio_nsp **n) { return sio_of_match(get(), cb, user, n); }).value();
    });
  }
  nsp find(zstring name) const noexcept { return nsp(sio_nsp_find(get(), name.c_str())); }

  /* f(nsp), called after a namespace was created or removed (sio_on_nsp()). The handlers that f
   * registers on a child of a dynamic namespace are destroyed together with the child. */
  template <class F> [[nodiscard]] std::error_code on_new_nsp(F f) {
    return add_nsp_hook(&sio_nsp_hooks::create, std::move(f));
  }
  template <class F> [[nodiscard]] std::error_code on_removed_nsp(F f) {
    return add_nsp_hook(&sio_nsp_hooks::remove, std::move(f));
  }

  /* f(request) */
  template <class F> [[nodiscard]] std::error_code route(zstring method, zstring path, F f) {
    return add<sio_request_cb>(std::move(f), [&](auto cb, void *user) {
      return sio_route(get(), method.c_str(), path.c_str(), 0, cb, user);
    });
  }
  [[nodiscard]] std::error_code files(zstring prefix, zstring directory,
                                      const sio_files_options *options = nullptr) {
    return error(sio_static_with(get(), prefix.c_str(), directory.c_str(), options));
  }
  template <std::size_t N>
  [[nodiscard]] std::error_code assets(zstring prefix, const sio_asset (&table)[N],
                                       const sio_files_options *options = nullptr) {
    return error(sio_assets_with(get(), prefix.c_str(), table, N, options));
  }
};

} // namespace sio

/* Makes sio::socket usable as the key of a std::unordered_map, in which a program keeps data for
 * each socket. */
template <> struct std::hash<sio::socket> {
  std::size_t operator()(sio::socket s) const noexcept {
    return std::hash<const void *>()(s.get());
  }
};

#endif
