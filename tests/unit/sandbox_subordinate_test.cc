// Maps made of subordinate ids.
#include <doctest/doctest.h>

#include "sandbox/subordinate.h"

using namespace testctr::sandbox;

TEST_CASE(
    "sandbox subordinate ids: the caller is 0, the ranges follow without holes and at most 65536 in all") {
  CHECK(subordinate_map(1000, {{0, 100000, 65536}}) == IdMap{{0, 1000, 1}, {1, 100000, 65535}});
  CHECK(subordinate_map(1000, {{0, 100000, 10}, {0, 300000, 5}}) ==
        IdMap{{0, 1000, 1}, {1, 100000, 10}, {11, 300000, 5}});
  CHECK(subordinate_map(1000, {}) == IdMap{{0, 1000, 1}});
}

TEST_CASE("sandbox subordinate ids: the caller's own id is mapped once, whatever the file says") {
  CHECK(subordinate_map(1000, {{0, 998, 5}}) == IdMap{{0, 1000, 1}, {1, 998, 2}, {3, 1001, 2}});
  CHECK(subordinate_map(1000, {{0, 1000, 1}, {0, 2000, 1}}) == IdMap{{0, 1000, 1}, {1, 2000, 1}});
  CHECK(subordinate_map(1000, {{0, 0xfffffff0, 0xffff}}) == IdMap{{0, 1000, 1}, {1, 0xfffffff0, 15}});
}
