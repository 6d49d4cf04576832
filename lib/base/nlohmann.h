// nlohmann-json as all of us include it. Its header alone makes every file that includes it instantiate the
// parser and std::filesystem, half a second each: its literal is an ordinary function. Here the literal is a
// template that nobody uses, and the class comes from lib/base/json.cc.
#pragma once

#define JSON_USE_GLOBAL_UDLS 0
#define JSON_USE_IMPLICIT_CONVERSIONS 0
#define JSON_HAS_FILESYSTEM 0
#define JSON_HAS_EXPERIMENTAL_FILESYSTEM 0
#define _json(...)                  \
  _json_declared_only(__VA_ARGS__); \
  template <class Unused>           \
  nlohmann::json literal_of_nobody(__VA_ARGS__)
#include <nlohmann/json.hpp>
#undef _json

extern template class nlohmann::basic_json<>;
