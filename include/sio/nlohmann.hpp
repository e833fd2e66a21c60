/* SPDX-License-Identifier: MIT
 *
 * nlohmann.hpp - nlohmann::json as an argument: s.emit("state", sio::args(json)), and
 * e.as<nlohmann::json>(0). Text that is not UTF-8 is sent as U+FFFD; a binary value of
 * nlohmann::json is sent as its dump() shows it.
 */
#ifndef SIO_NLOHMANN_HPP
#define SIO_NLOHMANN_HPP

#include <nlohmann/json.hpp>
#include <sio/sio.hpp>

template <> struct sio::codec<nlohmann::json> {
  static std::string encode(const nlohmann::json &j) {
    return j.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
  static std::optional<nlohmann::json> decode(std::string_view text) {
    auto j = nlohmann::json::parse(text, nullptr, false);
    return j.is_discarded() ? std::nullopt : std::optional(std::move(j));
  }
};

#endif
