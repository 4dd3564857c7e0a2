// Methods of str.
#include <algorithm>

#include "model/jinja/methods.hpp"
#include "model/jinja/print.hpp"
#include "model/utf8.hpp"

namespace charter::model::jinja {
namespace {

Value texts(Run& run, std::vector<Text> parts, List::Form form = List::Form::kList) {
  std::vector<Value> items;
  for (Text& part : parts) items.push_back(run.text(std::move(part)));
  run.step(static_cast<int64_t>(items.size()));
  return run.list(std::move(items), form);
}

Value call_split(Run& run, const Text& self, const std::string& name, const Args& args) {
  const Bound bound(run, "str." + name, args, {"sep", "maxsplit"});
  const Text* separator = bound.optional_text(0);
  if (separator != nullptr && separator->bytes.empty()) bound.fail("an empty separator");
  const std::string* by = separator != nullptr ? &separator->bytes : nullptr;
  const int64_t limit = bound.integer(1, -1);
  return texts(run, name == "split" ? split(self, by, limit) : split_last(self, by, limit));
}

Value call_partition(Run& run, const Text& self, bool last, const Args& args) {
  const Bound bound(run, last ? "str.rpartition" : "str.partition", args, {"sep"});
  const Text& by = bound.text(0);
  if (by.bytes.empty()) bound.fail("an empty separator");
  const size_t at = last ? find_last_text(self.bytes, by.bytes) : find_text(self.bytes, by.bytes);
  if (at == std::string::npos)
    return texts(run, last ? std::vector<Text>{{}, {}, self} : std::vector<Text>{self, {}, {}},
                 List::Form::kTuple);
  return texts(
      run,
      {cut(self, 0, at), cut(self, at, at + by.size()), cut(self, at + by.size(), self.size())},
      List::Form::kTuple);
}

// Whether self begins, or ends, with the text, or with one of a tuple.
Value call_affix(Run& run, const Text& self, bool at_end, const Args& args) {
  const Bound bound(run, at_end ? "str.endswith" : "str.startswith", args, {"affix"});
  const List* several = as_list(bound.need(0));
  if (several != nullptr && several->form != List::Form::kTuple) bound.fail("expected a tuple");
  const auto holds = [&](const Value& value) {
    const Text* affix = as_text(value);
    if (affix == nullptr) run.refuse(value, "as an affix: expected a str");
    return at_end ? self.bytes.ends_with(affix->bytes) : self.bytes.starts_with(affix->bytes);
  };
  if (several == nullptr) return holds(bound.need(0));
  return std::any_of(several->items.begin(), several->items.end(), holds);
}

// find, rfind, index, rindex and count, whose bounds are code points.
Value call_search(Run& run, const Text& self, const std::string& name, const Args& args) {
  const Bound bound(run, "str." + name, args, {"sub", "start", "end"});
  const Text& part = bound.text(0);
  const auto offsets = offsets_of(self.bytes);
  const auto size = static_cast<int64_t>(offsets.size()) - 1;
  const auto place = [&](size_t i, int64_t fallback) {
    const int64_t at =
        bound.get(i) != nullptr && is_none(*bound.get(i)) ? fallback : bound.integer(i, fallback);
    return static_cast<size_t>(std::clamp(at < 0 ? at + size : at, int64_t{0}, size));
  };
  const size_t from = place(1, 0), to = std::max(from, place(2, size));
  const std::string_view within =
      std::string_view(self.bytes).substr(offsets[from], offsets[to] - offsets[from]);
  run.step(static_cast<int64_t>(self.size() / 64));
  if (name == "count") {
    if (part.bytes.empty()) return static_cast<int64_t>(to - from) + 1;
    int64_t count = 0;
    for (size_t at = 0; (at = find_text(within, part.bytes, at)) != std::string_view::npos;
         at += part.size())
      ++count;
    return count;
  }
  const size_t at =
      name[0] == 'r' ? find_last_text(within, part.bytes) : find_text(within, part.bytes);
  if (at == std::string_view::npos) {
    if (name.ends_with("index")) bound.fail("the substring is not there");
    return int64_t{-1};
  }
  return static_cast<int64_t>(from + length_of(within.substr(0, at)));
}

// {}, {0} and {name}, without a conversion or a format of their own.
Value call_format(Run& run, const Text& self, const Args& args) {
  Builder out(run);
  size_t next = 0;
  for (size_t i = 0; i < self.size();) {
    const std::string_view left = std::string_view(self.bytes).substr(i);
    if (left.starts_with("{{") || left.starts_with("}}")) {
      out.add(cut(self, i, i + 1));
      i += 2;
      continue;
    }
    if (left[0] == '}') run.fail("str.format: a single }");
    if (left[0] != '{') {
      const size_t end = std::min(left.find_first_of("{}"), left.size());
      out.add(cut(self, i, i + end));
      i += end;
      continue;
    }
    const size_t end = left.find('}');
    if (end == std::string_view::npos) run.fail("str.format: { without }");
    const std::string field(left.substr(1, end - 1));
    const bool digits =
        std::all_of(field.begin(), field.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (digits && field.size() < 6) {
      const size_t at = field.empty() ? next++ : std::stoul(field);
      if (at >= args.positional.size())
        run.fail("str.format: argument " + std::to_string(at) + " is missing");
      out.add(to_text(run, args.positional[at]));
    } else {
      const auto named = std::find_if(args.named.begin(), args.named.end(),
                                      [&](const auto& arg) { return arg.first == field; });
      if (named == args.named.end()) run.fail("str.format: field {" + field + "} is not supported");
      out.add(to_text(run, named->second));
    }
    i += end + 1;
  }
  return out.value();
}

bool all_of_class(const Text& self, const std::string& name) {
  bool cased = false;
  for (size_t i = 0; i < self.size();) {
    const Utf8Step step = utf8_step(std::string_view(self.bytes).substr(i));
    const char32_t c = step.code;
    i += step.bytes;
    if (name == "isupper" || name == "islower") {
      const bool upper = is_class(c, Class::kUpper), lower = is_class(c, Class::kLower);
      if (name == "isupper" ? lower : upper) return false;
      cased = cased || upper || lower;
      continue;
    }
    const bool holds = name == "isspace"   ? is_space(c)
                       : name == "isdigit" ? is_class(c, Class::kDigit)
                       : name == "isalpha" ? is_class(c, Class::kAlpha)
                                           : is_class(c, Class::kAlnum);
    if (!holds) return false;
  }
  return name == "isupper" || name == "islower" ? cased : !self.bytes.empty();
}

// zfill, center, ljust and rjust.
Value call_pad(Run& run, const Text& self, const std::string& name, const Args& args) {
  const Bound bound(run, "str." + name, args, {"width", "fillchar"});
  (void)bound.need(0);
  const Text fill = bound.get(1) != nullptr
                        ? bound.text(1)
                        : Text{.bytes = name == "zfill" ? "0" : " ", .marks = {}};
  if (length_of(fill.bytes) != 1) bound.fail("expected one character to fill with");
  const auto size = static_cast<int64_t>(length_of(self.bytes));
  const int64_t width = bound.integer(0, 0), missing = std::max<int64_t>(0, width - size);
  int64_t left = missing;
  if (name == "ljust") left = 0;
  if (name == "center") left = missing / 2 + (missing & width & 1);
  const bool sign = name == "zfill" && (self.bytes.starts_with('+') || self.bytes.starts_with('-'));
  Builder out(run);
  if (sign) out.add(cut(self, 0, 1));
  run.step(missing);
  for (int64_t i = 0; i < left; ++i) out.add(fill);
  out.add(cut(self, sign ? 1 : 0, self.size()));
  for (int64_t i = left; i < missing; ++i) out.add(fill);
  return out.value();
}

Value call_strip(Run& run, const Text& self, const std::string& name, const Args& args) {
  const Bound bound(run, "str." + name, args, {"chars"});
  const Text* chars = bound.optional_text(0);
  const std::string* set = chars != nullptr ? &chars->bytes : nullptr;
  run.step(static_cast<int64_t>(self.size() / 64));
  if (set != nullptr) run.step(static_cast<int64_t>(self.size() / 64 * set->size()));
  return run.text(strip(self, set, name != "rstrip", name != "lstrip"));
}

Value call_affix_removal(Run& run, const Text& self, bool suffix, const Args& args) {
  const Bound bound(run, suffix ? "str.removesuffix" : "str.removeprefix", args, {"affix"});
  const std::string& affix = bound.text(0).bytes;
  const bool there = suffix ? self.bytes.ends_with(affix) : self.bytes.starts_with(affix);
  if (!there) return run.text(self);
  return run.text(suffix ? cut(self, 0, self.size() - affix.size())
                         : cut(self, affix.size(), self.size()));
}

Value call_replace(Run& run, const Text& self, const Args& args) {
  const Bound bound(run, "str.replace", args, {"old", "new", "count"});
  return replaced(run, self, bound.text(0), bound.text(1), bound.integer(2, -1));
}

Value call_join(Run& run, const Text& self, const Args& args) {
  const Bound bound(run, "str.join", args, {"iterable"});
  const auto items = run.elements(bound.need(0));
  for (const Value& element : items) {
    if (as_text(element) == nullptr) run.refuse(element, "in str.join: expected a str");
  }
  return joined(run, self, items);
}

}  // namespace

Value call_text_method(Run& run, const Text& self, const std::string& name, const Args& args) {
  run.step(static_cast<int64_t>(self.size() / 64));
  const bool rewrites = name == "replace" || name == "join" || name == "format";
  if (self.markup && rewrites) run.fail("str." + name + " of a safe text is not supported");
  if (name.ends_with("strip")) return call_strip(run, self, name, args);
  if (name == "split" || name == "rsplit") return call_split(run, self, name, args);
  if (name == "startswith" || name == "endswith")
    return call_affix(run, self, name == "endswith", args);
  if (name == "replace") return call_replace(run, self, args);
  if (name == "join") return call_join(run, self, args);
  if (name == "format") return call_format(run, self, args);
  if (name.ends_with("partition")) return call_partition(run, self, name[0] == 'r', args);
  if (name == "removeprefix" || name == "removesuffix")
    return call_affix_removal(run, self, name == "removesuffix", args);
  if (name == "splitlines") {
    const Bound bound(run, "str.splitlines", args, {"keepends"});
    return texts(run, split_lines(self, bound.flag(0, false)));
  }
  if (name == "zfill" || name == "center" || name == "ljust" || name == "rjust")
    return call_pad(run, self, name, args);
  if (name == "find" || name == "rfind" || name == "index" || name == "rindex" || name == "count")
    return call_search(run, self, name, args);
  const Bound none(run, "str." + name, args, {});
  if (name.starts_with("is")) return all_of_class(self, name);
  return run.text(with_case(self, name == "upper"        ? Case::kUpper
                                  : name == "lower"      ? Case::kLower
                                  : name == "capitalize" ? Case::kCapitalize
                                  : name == "title"      ? Case::kTitle
                                                         : Case::kSwap));
}

}  // namespace charter::model::jinja
