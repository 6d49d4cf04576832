#include <doctest/doctest.h>

#include "plan/filter.h"

namespace testctr::plan {
namespace {

Job job(std::string name, std::string image = "builtin", std::vector<std::string> tags = {},
        Format format = Format::script) {
  Job made;
  made.name = std::move(name);
  made.file = "suite/" + made.name;
  made.image = std::move(image);
  made.tags = std::move(tags);
  made.format = format;
  return made;
}

bool holds(std::string_view expression, const Job& one) {
  const Result<Filter> filter = Filter::parse(expression);
  REQUIRE_MESSAGE(filter.ok(), filter.error().message());
  return filter.value().matches(one);
}

std::string refusal(std::string_view expression) {
  const Result<Filter> filter = Filter::parse(expression);
  REQUIRE_FALSE(filter.ok());
  CHECK(filter.error().fault() == Fault::usage);
  return filter.error().message();
}

}  // namespace

TEST_CASE("filter: terms") {
  const Job one = job("cli/args.txt", "golang:1.22", {"fast", "net"});
  CHECK(holds("args", one));
  CHECK_FALSE(holds("suite", one));  // a word alone is about names
  CHECK(holds("path:suite", one));
  CHECK(holds("name:cli/*.txt", one));
  CHECK_FALSE(holds("name:args*", one));  // with a wildcard the whole is meant
  CHECK(holds("tag:fast", one));
  CHECK_FALSE(holds("tag:fas", one));
  CHECK(holds("tag:f?st", one));
  CHECK(holds("image:golang:1.22", one));  // only the first colon ends the key
  CHECK(holds("image:golang*", one));
  CHECK_FALSE(holds("image:golang", one));
  CHECK(holds("format:script", one));
  CHECK(holds("format:cram", job("a.t", "builtin", {}, Format::cram)));
  CHECK(holds("'and'", job("and more")));
  CHECK(holds("name:\"a (b)\"", job("a (b)")));
}

TEST_CASE("filter: what binds closest") {
  const Job fast = job("a", "builtin", {"fast"}), net = job("b", "builtin", {"net"}),
            both = job("c", "builtin", {"fast", "net"});
  CHECK(holds("tag:fast and tag:net", both));
  CHECK_FALSE(holds("tag:fast and tag:net", fast));
  CHECK(holds("tag:fast or tag:net and name:zzz", fast));
  CHECK_FALSE(holds("(tag:fast or tag:net) and name:zzz", fast));
  CHECK_FALSE(holds("not tag:fast and tag:net", both));
  CHECK(holds("not (tag:fast and tag:net)", net));
  CHECK(holds("!!tag:fast", fast));
  CHECK(holds("a&&!b", job("a")));
  CHECK(holds("((x))|(a)", job("a")));
  CHECK(holds("(a) or (x)", job("a")));
  CHECK_FALSE(holds("x and (a)", job("a")));
}

TEST_CASE("filter: mistakes have a column") {
  CHECK(refusal("") == "--filter: the expression is empty");
  CHECK(refusal("a and") == "--filter: column 6: a term such as tag:fast is missing");
  CHECK(refusal("a b") == "--filter: column 3: `and` or `or` is missing between two terms");
  CHECK(refusal("(a") == "--filter: the parenthesis of column 1 is not closed");
  CHECK(refusal("a)") == "--filter: column 2: nothing is open to be closed");
  CHECK(refusal("tg:x") == "--filter: column 1: \"tg\" is none of name, path, tag, image, format");
  CHECK(refusal("a or format:bats") == "--filter: column 6: \"bats\" is none of script, scrut, cram");
  CHECK(refusal("'abc") == "--filter: column 1: the quote is not closed");
  CHECK(refusal("tag:") == "--filter: column 1: tag: has no pattern");
  CHECK(refusal(std::string(500, '(') + "a").find("nested more than 100 deep") != std::string::npos);
}

}  // namespace testctr::plan
