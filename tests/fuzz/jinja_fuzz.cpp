// Chat templates: any bytes as the template, rendered for a conversation within small bounds.
#include "model/jinja/template.hpp"
#include "model/utf8.hpp"
#include "tests/fuzz/bounded.hpp"

namespace {

using namespace charter::model::jinja;

constexpr Limits kLimits{.steps = 20'000, .bytes = 64 << 10, .depth = 100};

std::vector<std::pair<std::string, Value>> variables(Run& run) {
  const auto message = [&](const char* role, const char* content) {
    return run.dict({{run.text("role"), run.text(role)},
                     {run.text("content"), run.text(marked(content, kGiven))}});
  };
  return {
      {"messages", run.list({message("system", " Be brief. "), message("user", "H\xc3\xa9llo\n"),
                             message("assistant", "<think>a</think>b")})},
      {"bos_token", run.text("<s>")},
      {"eos_token", run.text("</s>")},
      {"tools", None{}},
      {"n", int64_t{3}},
      {"x", 2.5},
      {"add_generation_prompt", true}};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace charter;
  const std::string source(reinterpret_cast<const char*>(data), size);
  // The tree of a template takes a small constant times its size; values the bound that they have.
  fuzz::bounded(8 * size + kLimits.bytes / 16, [&] {
    const Template parsed(source);
    const std::tm now{.tm_mday = 4, .tm_mon = 6, .tm_year = 126};
    const Text text = parsed.render(variables, &now, kLimits);
    if (!text.marks.empty() && text.marks.size() != text.bytes.size()) __builtin_trap();
    if (model::utf8_replace_invalid(text.bytes) != text.bytes) __builtin_trap();
  });
  return 0;
}
