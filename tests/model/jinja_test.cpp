#include <gtest/gtest.h>

#include <fstream>
#include <map>

#include "model/input_error.hpp"
#include "model/jinja/template.hpp"
#include "tests/model/jinja_fixture.hpp"

namespace charter::model::jinja {
namespace {

using Json = nlohmann::ordered_json;

std::string render(const std::string& source, const Json& variables = Json::object(),
                   const Limits& limits = {}) {
  const std::tm now = golden_time();
  return Template(source).render(variables_of(variables), &now, limits).bytes;
}

// The message of the error that a template ends in; "" when it renders.
std::string error_of(const std::string& source, const Json& variables = Json::object(),
                     const Limits& limits = {}) {
  try {
    (void)render(source, variables, limits);
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

// tests/golden/jinja_constructs.json, made by tests/golden/jinja_constructs.py.
Json golden() {
  std::ifstream in(CHARTER_SOURCE_DIR "/tests/golden/jinja_constructs.json");
  return Json::parse(in);
}

TEST(Jinja, RendersEveryConstructAsJinja2Does) {
  const Json file = golden();
  std::map<std::string, int> kinds;
  for (const Json& c : file["cases"]) {
    const std::string source = c["template"];
    std::string text, error;
    try {
      text = render(source, file["variables"]);
    } catch (const InputError& e) {
      error = e.what();
    }
    if (c.contains("text")) {
      ++kinds["text"];
      EXPECT_EQ(error, "") << source;
      EXPECT_EQ(text, c["text"]) << source;
      continue;
    }
    ++kinds[c.contains("refused") ? "refused" : "error"];
    EXPECT_TRUE(error.starts_with("chat template line ")) << source << "\n" << text << error;
    if (c.contains("refused")) {
      EXPECT_NE(error.find(c["refused"].get<std::string>()), std::string::npos) << source << "\n"
                                                                                << error;
    }
  }
  EXPECT_GE(kinds["text"], 190);
  EXPECT_GE(kinds["error"], 150);
  EXPECT_GE(kinds["refused"], 15);
}

TEST(Jinja, ATemplateMayEndAnywhere) {
  const Json file = golden();
  for (const Json& c : file["cases"]) {
    const std::string whole = c["template"];
    for (size_t n = 0; n < whole.size(); ++n) (void)error_of(whole.substr(0, n), file["variables"]);
  }
}

TEST(Jinja, ErrorsNameTheLine) {
  EXPECT_EQ(error_of("a\n\n{{ 1 / 0 }}"), "chat template line 3: operator /: division by zero");
  EXPECT_EQ(error_of("{% if 1 %}\n{{ x|xyz }}{% endif %}"),
            "chat template line 2: filter 'xyz' is not supported");
  EXPECT_EQ(error_of("\n{{ raise_exception('no ' ~ 'tools') }}"),
            "chat template line 2: raises \"no tools\"");
  EXPECT_EQ(error_of("{{ a.b }}"), "chat template line 1: 'a' is undefined");
  EXPECT_EQ(error_of("{# a\n\n #}{% include 'x' %}"),
            "chat template line 3: tag \"include\" is not supported");
}

TEST(Jinja, WithoutATimeStrftimeNowIsUndefined) {
  const Template source("{{ strftime_now('%Y') if strftime_now is defined else 'none' }}");
  EXPECT_EQ(source.render(variables_of(Json::object()), nullptr).bytes, "none");
}

TEST(Jinja, DictsAreMadeAsPythonMakesThem) {
  EXPECT_EQ(render("{{ dict(a=1, b='x') }}{{ dict([('k', 2)]) }}{{ dict({'a': 1}, b=2, a=3) }}"),
            "{'a': 1, 'b': 'x'}{'k': 2}{'a': 3, 'b': 2}");
  EXPECT_TRUE(error_of("{{ dict([1]) }}").starts_with("chat template line 1: "));
}

TEST(JinjaBounds, StepsEndALoopWithinLoops) {
  const std::string nested =
      "{% for a in range(1000) %}{% for b in range(1000) %}{% for c in range(1000) %}"
      "{% endfor %}{% endfor %}{% endfor %}";
  EXPECT_NE(error_of(nested, {}, {.steps = 100'000}).find("more than 100000 steps"),
            std::string::npos);
  EXPECT_NE(error_of(nested).find("chat template line 1: more than "), std::string::npos);
  EXPECT_NE(error_of("{% for a in range(99) %}x{% endfor %}", {}, {.steps = 50}).find("50 steps"),
            std::string::npos);
}

TEST(JinjaBounds, BytesEndATextThatDoubles) {
  const std::string doubles =
      "{% set ns = namespace(t='0123456789') %}{% for i in range(99) %}"
      "{% set ns.t = ns.t + ns.t %}{% endfor %}{{ ns.t|length }}";
  for (const char* source :
       {doubles.c_str(), "{{ 'ab' * 99999999999 }}", "{{ [1] * 9999999999 }}",
        "{{ ('a' * 100000).replace('a', 'b' * 100000) }}", "{{ 'x'|indent(99999999999, true) }}",
        "{{ ('a' * 100000)|join('b' * 100000) }}", "{{ 'x'.center(99999999999) }}",
        "{% set a = 'x' * 100000 %}{% for i in range(99999) %}{{ a }}{% endfor %}",
        "{{ (['x' * 100000] * 1000)|tojson }}"}) {
    EXPECT_NE(error_of(source).find("chat template line 1: more than"), std::string::npos)
        << source;
  }
}

TEST(JinjaBounds, DepthEndsWhatGoesIntoItself) {
  EXPECT_NE(error_of("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}").find("levels"),
            std::string::npos);
  EXPECT_NE(error_of("{% set ns = namespace(a=[]) %}{% for i in range(999) %}"
                     "{% set ns.a = [ns.a] %}{% endfor %}{{ ns.a }}")
                .find("within each other"),
            std::string::npos);
  for (const char* piece : {"(", "[", "{{ -", "not ", "1 + (", "{'a': ", "{% if 1 %}"}) {
    std::string deep = "{{ ";
    for (int i = 0; i < 100000; ++i) deep += piece;
    EXPECT_TRUE(error_of(deep).starts_with("chat template line 1: ")) << piece;
  }
  std::string sum = "{{ 1";
  for (int i = 0; i < 100000; ++i) sum += "+1";
  EXPECT_NE(error_of(sum + " }}").find("deeper than"), std::string::npos);
}

// Each list holds the one before it twice: sixty of them are a billion billion values in little
// memory.
TEST(JinjaBounds, ValuesThatShareTheirPartsAreCountedWhole) {
  const std::string doubles =
      "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(60) %}"
      "{% set ns.a = [ns.a, ns.a] %}{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}";
  EXPECT_NE(error_of(doubles).find("too many values within each other"), std::string::npos);
  const std::string compares =
      "{% set a = ['x' * 100000] * 1000 %}{% set b = ['x' * 99999 + 'y'] * 1000 %}"
      "{% for i in range(99999) %}{% if a == b %}{% endif %}{% endfor %}";
  EXPECT_NE(error_of(compares).find("chat template line 1: more than"), std::string::npos);
}

TEST(JinjaBounds, ANamespaceMayHoldItself) {
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.self = ns %}{% set ns.list = [ns] %}"
                   "{{ ns.self.self.list[0] == ns }}"),
            "True");
}

TEST(JinjaBounds, AMacroIsGoneWithItsScope) {
  EXPECT_NE(error_of("{% set ns = namespace() %}{% for i in [1] %}{% macro m() %}{{ i }}"
                     "{% endmacro %}{% set ns.m = m %}{% endfor %}{{ ns.m() }}")
                .find("its scope is gone"),
            std::string::npos);
}

// A rendering's bytes that carry the mark, the others as dots.
std::string marked_bytes(const std::string& source, uint8_t mark) {
  const auto variables = [](Run& run) {
    return std::vector<std::pair<std::string, Value>>{{"c", run.text(marked("  aé<Bc>  ", kGiven))},
                                                      {"t", run.text(" x ")}};
  };
  const Text text = Template(source).render(variables, nullptr);
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) out += (text.mark(i) & mark) != 0 ? text.bytes[i] : '.';
  return out;
}

TEST(JinjaMarks, StayWithTheBytesOfAMessage) {
  EXPECT_EQ(marked_bytes("[{{ c }}]", kGiven), ".  aé<Bc>  .");
  EXPECT_EQ(marked_bytes("{{ 'u:' + c|trim + t }}!", kGiven), "..aé<Bc>....");
  EXPECT_EQ(marked_bytes("{{ c.strip()[1:] ~ t }}", kGiven), "é<Bc>...");
  EXPECT_EQ(marked_bytes("{{ c|upper|trim }}{{ c|replace('<', '((')|trim }}", kGiven),
            "AÉ<BC>aé..Bc>");
  EXPECT_EQ(marked_bytes("{{ c.split('<')|join('--')|trim }}", kGiven), "aé..Bc>");
  EXPECT_EQ(marked_bytes("{{ [c.strip(), t]|tojson }}", kGiven), "..aé<Bc>.........");
  EXPECT_EQ(marked_bytes("{{ c|trim|reverse }}{{ (c|trim) * 2 }}", kGiven), ">cB<éaaé<Bc>aé<Bc>");
  EXPECT_EQ(marked_bytes("{% set x %}a{{ c|trim }}{% endset %}{{ x }}{{ x|length }}", kGiven),
            ".aé<Bc>.");
  EXPECT_EQ(marked_bytes("{% macro m(a) %}<{{ a }}>{% endmacro %}{{ m(c|trim) }}", kGiven),
            ".aé<Bc>.");
  EXPECT_EQ(marked_bytes("{{ '{}{}'.format(c|trim, 1) }}{{ (c|trim)|indent }}", kGiven),
            "aé<Bc>.aé<Bc>");
}

TEST(JinjaMarks, TellWhatIsWithinGeneration) {
  EXPECT_EQ(marked_bytes("a{% generation %}b{{ c|trim }}{% endgeneration %}d", kGeneration),
            ".baé<Bc>.");
  EXPECT_EQ(marked_bytes("{% macro m() %}{% generation %}g{% endgeneration %}h{% endmacro %}"
                         "{{ m()|upper }}",
                         kGeneration),
            "G.");
}

}  // namespace
}  // namespace charter::model::jinja
